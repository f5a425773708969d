use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::*;

fn entry(when: u64) -> Entry {
    Entry {
        when,
        direction: Direction::Received,
        device: "Ada's laptop\n".to_owned(),
        names: vec!["report \u{202e}fdp.exe".to_owned()],
        files: 3,
        bytes: 12_400_000,
        seconds: 1.5,
        kind: Some(PathKind::ManyPort),
        link: Some(Transport::Quic),
        outcome: Ending::Partial(1),
        places: vec![PathBuf::from("/home/ada/Downloads/report")],
        sources: Vec::new(),
    }
}

fn times(history: &History) -> Vec<u64> {
    history
        .entries()
        .iter()
        .map(|(_, entry)| entry.when)
        .collect()
}

fn text(file: &Path) -> String {
    fs::read_to_string(file).expect("it reads")
}

#[test]
fn entries_come_back_in_order_and_are_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deep/history.jsonl");
    let mut history = History::open(&file).expect("it opens");
    assert!(history.entries().is_empty());
    for when in 1..=3 {
        history.add(entry(when)).expect("it is written");
    }
    let again = History::open(&file).expect("it opens");
    assert_eq!(times(&again), [1, 2, 3]);
    assert_eq!(again.entries()[0].1, entry(1));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn removing_and_clearing_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let mut history = History::open(&file).expect("it opens");
    history.add(entry(1)).expect("it is written");
    let second = history.add(entry(2)).expect("it is written");
    history.add(entry(3)).expect("it is written");
    history.remove(second).expect("it is removed");
    history.remove(second).expect("it is gone already");
    assert_eq!(times(&History::open(&file).expect("it opens")), [1, 3]);
    history.clear().expect("it is cleared");
    assert!(times(&History::open(&file).expect("it opens")).is_empty());
    history.add(entry(4)).expect("it is written");
    assert_eq!(times(&History::open(&file).expect("it opens")), [4]);
}

#[test]
fn what_is_damaged_is_set_aside_and_the_rest_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let mut history = History::open(&file).expect("it opens");
    history.add(entry(1)).expect("it is written");
    let good = text(&file);
    // Bytes that are no text, a line of a later version, and a write that was cut off.
    let mut bytes = good.clone().into_bytes();
    bytes.extend_from_slice(b"\xff\xfe\n{\"when\":1}\n");
    bytes.extend_from_slice(good.as_bytes());
    bytes.extend_from_slice(&good.as_bytes()[..20]);
    fs::write(&file, bytes).expect("it writes");
    let history = History::open(&file).expect("it opens");
    assert_eq!(times(&history), [1, 1]);
    assert_eq!(text(&file), format!("{good}{good}"));
    let aside = fs::read(folder.path().join("history.jsonl.damaged")).expect("it is there");
    let cut_off = &good.as_bytes()[..20];
    let expected = [&b"\xff\xfe\n{\"when\":1}\n"[..], cut_off, b"\n"].concat();
    assert_eq!(aside, expected);
}

#[test]
fn an_entry_after_a_write_that_was_cut_off_has_a_line_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let mut history = History::open(&file).expect("it opens");
    history.add(entry(1)).expect("it is written");
    let whole = text(&file);
    fs::write(&file, &whole[..whole.len() - 10]).expect("it writes");
    history.add(entry(2)).expect("it is written");
    assert_eq!(times(&History::open(&file).expect("it opens")), [2]);
}

#[test]
fn only_the_newest_are_kept_and_the_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let lines = (0..ENTRIES_LIMIT as u64 + SLACK as u64 - 1)
        .map(|when| serde_json::to_string(&entry(when)).expect("it encodes") + "\n");
    fs::write(&file, lines.collect::<String>()).expect("it writes");
    let mut history = History::open(&file).expect("it opens");
    assert_eq!(history.entries().len(), ENTRIES_LIMIT);
    for when in 1000..1010 {
        history.add(entry(when)).expect("it is written");
        assert!(text(&file).lines().count() <= ENTRIES_LIMIT + SLACK);
    }
    let again = History::open(&file).expect("it opens");
    assert_eq!(again.entries().len(), ENTRIES_LIMIT);
    assert_eq!(times(&again).last(), Some(&1009));
}

#[test]
fn entries_are_cut_to_their_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let mut history = History::open(&file).expect("it opens");
    let long = "\u{1}".repeat(100_000);
    let huge = Entry {
        device: long.clone(),
        names: vec![long; 1000],
        places: vec!["/a".into(); 1000],
        sources: vec!["/a".into(); 1000],
        seconds: f64::INFINITY,
        ..entry(1)
    };
    history.add(huge).expect("it is written");
    assert!(text(&file).len() < 30_000);
    let again = History::open(&file).expect("it opens");
    let kept = &again.entries()[0].1;
    assert_eq!(kept.device.chars().count(), NAME_LIMIT);
    assert_eq!((kept.names.len(), kept.places.len()), (10, 10));
    assert_eq!(kept.sources.len(), SOURCES_LIMIT);
}

#[test]
fn a_file_too_large_to_be_a_history_is_set_aside_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let large = File::create(&file).expect("it is made");
    large.set_len(FILE_LIMIT + 1).expect("it grows");
    let history = History::open(&file).expect("it opens");
    assert!(history.entries().is_empty());
    let aside = folder.path().join("history.jsonl.damaged");
    assert_eq!(aside.metadata().expect("it is there").len(), FILE_LIMIT + 1);
}

#[test]
fn the_writer_has_everything_on_disk_when_it_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.jsonl");
    let (woken, wakes) = sync_channel(16);
    let wake = Arc::new(move || woken.send(()).expect("the test waits"));
    let writer = HistoryWriter::start(file.clone(), wake).expect("a thread");
    let wait = || {
        wakes
            .recv_timeout(Duration::from_secs(30))
            .expect("it wakes");
    };
    wait();
    assert!(writer.entries().is_empty());
    assert!(writer.add(entry(1)));
    wait();
    assert_eq!(writer.entries()[0].1, entry(1));
    let number = writer.entries()[0].0;
    assert!(writer.add(entry(2)) && writer.remove(number));
    drop(writer);
    assert_eq!(times(&History::open(&file).expect("it opens")), [2]);
}

#[test]
fn what_cannot_be_read_is_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    // A folder stands in for a file that may not be read: tests may run as root.
    let file = folder.path().to_owned();
    let (woken, wakes) = sync_channel(16);
    let wake = Arc::new(move || woken.send(()).expect("the test waits"));
    let writer = HistoryWriter::start(file, wake).expect("a thread");
    wakes
        .recv_timeout(Duration::from_secs(30))
        .expect("it wakes");
    assert!(writer.problem().is_some());
    drop(writer);
    assert!(folder.path().is_dir());
}

#[test]
fn transports_are_called_as_they_always_were() {
    for (transport, name) in [
        (Transport::Quic, "\"quic\""),
        (Transport::GoBackN, "\"gbn\""),
    ] {
        let written = serde_json::to_string(&transport).expect("it is written");
        assert_eq!(written, name);
        assert_eq!(written.trim_matches('"'), transport.name());
        let read: Transport = serde_json::from_str(name).expect("it reads");
        assert_eq!(read, transport);
    }
}
