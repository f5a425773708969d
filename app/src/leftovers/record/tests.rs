use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000;

fn receive(id: u64, folder: &str, name: &str) -> Unfinished {
    Unfinished {
        number: 0,
        id,
        folder: PathBuf::from(folder),
        device: "Ada's laptop".to_owned(),
        names: vec![name.to_owned()],
        files: 12,
        bytes: 3_000,
        kept: 0,
        when: NOW,
        options: Options {
            on_conflict: ConflictPolicy::Skip,
            rename_bad_names: false,
            allow_missing: true,
        },
        places: Places {
            folders: vec![PathBuf::from(name)],
            parts: vec![".fardrop-1.part".to_owned()],
            anywhere: false,
        },
    }
}

fn record(count: u64) -> Record {
    let mut record = Record::default();
    for id in 0..count {
        record.begin(receive(id, "/home/ada", &format!("photos {id}")));
    }
    record
}

fn ids(record: &Record) -> Vec<u64> {
    record.receives().iter().map(|receive| receive.id).collect()
}

#[test]
fn what_is_written_is_read_again() {
    for count in [0, 1, 3] {
        let record = record(count);
        let decoded = Record::decode(record.encode().as_bytes());
        assert!(decoded.whole);
        assert_eq!(decoded.record, record);
    }
}

#[test]
fn a_record_that_ends_early_at_whatever_byte_is_known_for_it_and_says_nothing_false() {
    let record = record(3);
    let text = record.encode();
    for end in 0..text.len() {
        let decoded = Record::decode(&text.as_bytes()[..end]);
        assert!(!decoded.whole, "{end}");
        let known = decoded.record.receives();
        assert_eq!(known, &record.receives()[..known.len()], "{end}");
    }
}

#[test]
fn the_oldest_make_way_and_what_is_done_again_keeps_its_number() {
    let mut record = record(RECEIVES_LIMIT as u64);
    assert_eq!(record.begin(receive(500, "/home/ada", "photos 7")), Some(8));
    assert_eq!(record.receives().len(), RECEIVES_LIMIT);
    assert_eq!(record.begin(receive(501, "/home/ada", "more")), Some(101));
    assert_eq!(record.receives().len(), RECEIVES_LIMIT);
    assert_eq!(ids(&record)[0], 1);
    // Another folder, or another sender's, is another receive.
    assert_eq!(record.begin(receive(502, "/home/bob", "more")), Some(102));
    let mut late = receive(503, "/srv", "late");
    late.when = NOW + REMEMBERED;
    record.begin(late);
    assert_eq!(ids(&record), [503]);
}

#[test]
fn kept_bytes_are_written_down_and_what_ends_is_taken_out() {
    let mut record = record(3);
    record.keep(1, 700, NOW + 5);
    record.keep(9, 1, NOW);
    assert_eq!(
        (record.receives()[1].kept, record.receives()[1].when),
        (700, NOW + 5)
    );
    record.end(1);
    record.end(9);
    assert_eq!(ids(&record), [0, 2]);
}

#[test]
fn a_receive_claims_what_is_in_its_folders_and_its_own_parts() {
    let receive = receive(1, "/home/ada", "photos");
    for (path, claimed) in [
        ("photos/.fardrop-9.part", true),
        ("photos/a/b/.fardrop-9.part", true),
        (".fardrop-1.part", true),
        (".fardrop-1-2.part", true),
        (".fardrop-1-x.part", false),
        (".fardrop-12.part", false),
        (".fardrop-2.part", false),
        ("photos2/.fardrop-1.part", false),
        ("other/photos/.fardrop-1.part", false),
        ("photos", false),
    ] {
        assert_eq!(receive.claims(Path::new(path)), claimed, "{path}");
    }
    let mut many = Places::default();
    for number in 0..=PLACES_LIMIT {
        many.add_folder(Path::new(&number.to_string()));
        many.add_folder(Path::new(&number.to_string()));
    }
    assert!(many.anywhere && many.folders.len() == PLACES_LIMIT);
}

#[test]
fn what_a_stranger_named_is_bounded_and_harmless() {
    let mut hostile = receive(1, "/home/ada", "\u{202e}\u{1b}[2J");
    hostile.device = "\u{7}".repeat(100_000);
    hostile.names = vec!["\u{1b}".repeat(4096); 1_000];
    let mut record = Record::default();
    assert_eq!(record.begin(hostile), Some(1));
    let text = record.encode();
    assert!(text.len() < 4096, "{}", text.len());
    assert!(!text.contains(|character: char| character.is_control() && character != '\n'));
    // A path that is too long for a line is not recorded, and nothing is broken by it.
    assert_eq!(
        record.begin(receive(2, &"/x".repeat(LINE_LIMIT), "a")),
        None
    );
    assert_eq!(ids(&record), [1]);
}

#[cfg(unix)]
#[test]
fn a_path_is_read_as_it_was_whatever_bytes_it_has() {
    use std::os::unix::ffi::OsStrExt;
    for path in [&b"/a/\xff%25%\xc3"[..], b"", "/é\u{202e}\n".as_bytes()] {
        let path = PathBuf::from(OsStr::from_bytes(path));
        assert_eq!(from_text(&to_text(&path)), Some(path));
    }
    for text in ["%", "%1", "%zz", "%é"] {
        assert_eq!(from_text(text), None, "{text}");
    }
}

proptest! {
    /// One changed byte costs one line at most, and is noticed.
    #[test]
    fn a_flipped_byte_is_noticed_and_costs_its_own_line(
        count in 1_u64..4, place in any::<prop::sample::Index>(), flip in 1_u8..=255,
    ) {
        let record = record(count);
        let mut text = record.encode().into_bytes();
        let place = place.index(text.len());
        text[place] ^= flip;
        let decoded = Record::decode(&text);
        prop_assert!(!decoded.whole);
        let known = decoded.record.receives();
        // A line's end that is gone joins two lines.
        prop_assert!(known.len() + 2 >= record.receives().len());
        prop_assert!(known.iter().all(|receive| record.receives().contains(receive)));
    }

    /// A write that was cut off before another's old rest.
    #[test]
    fn a_torn_write_leaves_receives_of_the_one_or_the_other(
        before in 0_u64..4, after in 0_u64..4, at in any::<prop::sample::Index>(),
    ) {
        let (old, mut new) = (record(before), Record::default());
        for id in 0..after {
            new.begin(receive(100 + id, "/srv", &format!("films {id}")));
        }
        let (old_text, new_text) = (old.encode(), new.encode());
        let at = at.index(new_text.len() + 1);
        let mut torn = new_text.as_bytes()[..at].to_vec();
        torn.extend(old_text.as_bytes().iter().skip(at));
        let decoded = Record::decode(&torn);
        for receive in decoded.record.receives() {
            prop_assert!(old.receives().contains(receive) || new.receives().contains(receive));
        }
        if decoded.whole {
            prop_assert!(decoded.record == new || decoded.record == old);
        }
    }

    /// Nothing is believed of what is no record.
    #[test]
    fn noise_is_no_record(noise in vec(any::<u8>(), 0..500)) {
        let decoded = Record::decode(&noise);
        prop_assert!(!decoded.whole);
        prop_assert!(decoded.record.receives().is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    /// Whatever is done, numbers and ids are unique, and the bound holds.
    #[test]
    fn numbers_are_unique_whatever_is_done(
        steps in vec((0_u8..3, 0_u64..150, 0_u64..REMEMBERED * 2), 0..300),
    ) {
        let mut record = Record::default();
        for (step, id, later) in steps {
            match step {
                0 => {
                    let mut receive = receive(id, "/home/ada", &format!("photos {}", id / 2));
                    receive.when = NOW + later;
                    record.end(id);
                    record.begin(receive);
                }
                1 => record.end(id),
                _ => record.keep(id, 1, NOW + later),
            }
            let mut numbers: Vec<u32> =
                record.receives().iter().map(|receive| receive.number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), record.receives().len());
            prop_assert!(numbers.len() <= RECEIVES_LIMIT);
            let decoded = Record::decode(record.encode().as_bytes());
            prop_assert!(decoded.whole && decoded.record == record);
        }
    }
}
