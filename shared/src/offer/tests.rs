use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;

fn file(path: &str, size: u64) -> Entry<'_> {
    Entry {
        path: path.as_bytes(),
        kind: EntryKind::File {
            size,
            holes: size / 3,
            executable: size % 2 == 1,
        },
        modified: ModifiedTime {
            seconds: 1_700_000_000 - size.cast_signed() % 4_000_000_000,
            nanos: 999_999_999,
        },
        others: OthersAccess::from_mode(size as u32),
    }
}

fn folder(path: &str) -> Entry<'_> {
    Entry {
        path: path.as_bytes(),
        kind: EntryKind::Folder,
        modified: ModifiedTime::default(),
        others: OthersAccess::default(),
    }
}

/// Sends every page to the other side and compares entry by entry.
#[track_caller]
fn check_crosses(manifest: &Manifest) {
    let mut builder = ManifestBuilder::new();
    for page in manifest.pages() {
        assert!(page.len() <= MAX_PAGE_BYTES);
        builder
            .push_page(page, |_| Ok::<_, OfferError>(()))
            .unwrap();
    }
    let crossed = builder.finish().unwrap();
    assert_eq!(crossed.totals(), manifest.totals());
    let (mut left, mut right) = (manifest.cursor(), crossed.cursor());
    for _ in 0..=manifest.totals().entries() {
        assert_eq!(left.next(manifest), right.next(&crossed));
    }
}

#[test]
fn entries_survive_the_wire() {
    let mut builder = ManifestBuilder::new();
    builder.push(folder("照片")).unwrap();
    builder.push(file("照片/猫.jpg", 12)).unwrap();
    builder
        .push(file("照片/狗.jpg", MAX_FILE_BYTES - 12))
        .unwrap();
    builder.push(file("zero", 0)).unwrap();
    assert_eq!(
        builder.push(file("one too many", 1)),
        Err(OfferError::TooManyBytes)
    );
    let manifest = builder.finish().unwrap();
    assert_eq!(manifest.totals().files, 3);
    assert_eq!(manifest.totals().folders, 1);
    assert_eq!(manifest.totals().bytes, MAX_FILE_BYTES);
    check_crosses(&manifest);
}

#[test]
fn holes_are_no_more_than_the_file() {
    for (holes, outcome) in [(6, Ok(())), (7, Ok(())), (8, Err(OfferError::Malformed))] {
        let mut page = Vec::new();
        let kind = EntryKind::File {
            size: 7,
            holes,
            executable: false,
        };
        page::encode(&mut page, b"", entry("sparse", kind));
        let mut builder = ManifestBuilder::new();
        let read = builder.push_page(&page, |_| Ok::<_, OfferError>(()));
        assert_eq!(read, outcome, "{holes}");
    }
    // Twice the size, and a bit that says that there are some.
    let none = [0, 0, 1, b'a', 15, 0, 0, 0];
    let mut builder = ManifestBuilder::new();
    let read = builder.push_page(&none, |_| Ok::<_, OfferError>(()));
    assert_eq!(read, Err(OfferError::Malformed));
    let mut builder = ManifestBuilder::new();
    let too_large = [&[0, 0, 1, b'a'], &[0xff; 9][..], &[1, 0, 0]].concat();
    let read = builder.push_page(&too_large, |_| Ok::<_, OfferError>(()));
    assert!(read.is_err());
}

#[test]
fn hundred_thousand_files_are_small_and_reachable_in_any_order() {
    let mut builder = ManifestBuilder::new();
    for index in 0..100_000_u64 {
        let path = format!("project/folder {:03}/picture {index:06}.jpg", index / 1000);
        builder.push(file(&path, index)).unwrap();
    }
    let manifest = builder.finish().unwrap();
    let bytes: usize = manifest.pages().map(<[u8]>::len).sum();
    assert!(bytes < 4 * 1024 * 1024, "{bytes} bytes");
    check_crosses(&manifest);
    let mut cursor = manifest.cursor();
    for step in 0..2_000_u64 {
        let index = (step * 7_919 + step % 3) % 100_000;
        let entry = cursor.entry(&manifest, index as u32).unwrap();
        assert!(entry.path.ends_with(format!("{index:06}.jpg").as_bytes()));
    }
    assert_eq!(cursor.entry(&manifest, 100_000), None);
    assert!(cursor.entry(&manifest, 99_999).is_some());
    assert_eq!(cursor.next(&manifest), None);
    // The same one again, wherever the cursor is: before a page, at its end, and behind the last.
    let mut other = manifest.cursor();
    for index in [0, 99_999, 50_000, 0, 1, 99_999] {
        let first = cursor.entry(&manifest, index).unwrap();
        assert_eq!(first, other.entry(&manifest, index).unwrap());
        let again = cursor.entry(&manifest, index).unwrap();
        assert_eq!(again, other.entry(&manifest, index).unwrap());
        other = manifest.cursor();
    }
    assert!(cursor.entry(&manifest, 0).is_some());
}

#[test]
fn bounds_are_kept() {
    let mut builder = ManifestBuilder::new();
    assert_eq!(builder.push(file("", 1)), Err(OfferError::PathLength));
    let long = "x".repeat(MAX_NAME_BYTES);
    builder.push(file(&long, 1)).unwrap();
    let longer = "x".repeat(MAX_NAME_BYTES + 1);
    assert_eq!(builder.push(file(&longer, 1)), Err(OfferError::PathLength));
    assert_eq!(builder.totals().files, 1);

    let mut builder = ManifestBuilder::new();
    let mut outcome = Ok(());
    for index in 0..20_000 {
        outcome = builder.push(file(&format!("{index}{}", &long[..4000]), 1));
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(OfferError::ManifestTooLong));
}

#[test]
fn a_million_entries_are_the_most() {
    let mut page = Vec::new();
    while page.len() < MAX_PAGE_BYTES - 16 {
        page::encode(&mut page, b"", folder("a"));
    }
    let mut builder = ManifestBuilder::new();
    let outcome = loop {
        if let Err(error) = builder.push_page(&page, |_| Ok::<_, OfferError>(())) {
            break error;
        }
    };
    assert_eq!(outcome, OfferError::TooManyEntries);
    assert_eq!(builder.totals().entries(), MAX_OFFER_ENTRIES);
}

fn entry(path: &str, kind: EntryKind) -> Entry<'_> {
    Entry {
        kind,
        ..folder(path)
    }
}

const fn link(target: u32) -> EntryKind {
    EntryKind::Link { target }
}

const fn same_file(first: u32) -> EntryKind {
    EntryKind::SameFile { first }
}

#[test]
fn links_and_second_names_survive_the_wire() {
    let mut builder = ManifestBuilder::new();
    for entry in [
        folder("tree"),
        file("tree/a", 7),
        entry("tree/again", same_file(1)),
        entry("tree/to a", link(1)),
        entry("tree/to all", link(0)),
    ] {
        builder.push(entry).unwrap();
    }
    let totals = builder.totals();
    assert_eq!((totals.files, totals.folders, totals.links), (1, 1, 3));
    assert_eq!((totals.bytes, totals.entries()), (7, 5));
    check_crosses(&builder.finish().unwrap());
}

#[test]
fn what_leads_to_nothing_that_it_may_lead_to_is_refused_at_both_ends() {
    for kind in [
        // Itself, what follows, what is not there.
        link(4),
        same_file(4),
        link(5),
        same_file(u32::MAX),
        // A link, a second name: no chains.
        link(2),
        link(3),
        same_file(2),
        same_file(3),
        // A folder has one name.
        same_file(0),
    ] {
        let mut builder = ManifestBuilder::new();
        for entry in [
            folder("tree"),
            file("tree/a", 7),
            entry("tree/again", same_file(1)),
            entry("tree/to a", link(1)),
        ] {
            builder.push(entry).unwrap();
        }
        let hostile = entry("tree/hostile", kind);
        assert_eq!(
            builder.push(hostile),
            Err(OfferError::LinkTarget),
            "{kind:?}"
        );
        let manifest = builder.finish().unwrap();
        let mut page = manifest.pages().next().unwrap().to_vec();
        page::encode(&mut page, b"", hostile);
        let mut builder = ManifestBuilder::new();
        let outcome = builder.push_page(&page, |_| Ok::<_, OfferError>(()));
        assert_eq!(outcome, Err(OfferError::LinkTarget), "{kind:?}");
    }
}

#[test]
fn nothing_lies_below_a_link() {
    use crate::name::NameError;
    let mut names = NameChecker::new(&mut ChaCha20Rng::seed_from_u64(1));
    names.check(folder("tree")).unwrap();
    names.check(entry("tree/link", link(0))).unwrap();
    assert_eq!(
        names.check(file("tree/link/x", 1)),
        Err(NameError::Collision)
    );
    assert_eq!(names.check(folder("tree/link")), Err(NameError::Collision));
    assert_eq!(
        names.check(entry("tree/link/../../x", link(0))),
        Err(NameError::Dots)
    );
}

proptest! {
    #[test]
    fn any_entries_survive_the_wire(
        entries in prop::collection::vec(
            ("[a-cé猫/]{1,40}", 0..1_u64 << 40, any::<bool>(), any::<i64>(), 0..1_000_000_000_u32, 0..0o100_u32),
            1..200,
        )
    ) {
        let mut builder = ManifestBuilder::new();
        for (path, size, executable, seconds, nanos, others) in &entries {
            let holes = if *executable { size / 2 } else { 0 };
            let kind = EntryKind::File { size: *size, holes, executable: *executable };
            let modified = ModifiedTime { seconds: *seconds, nanos: *nanos };
            let others = OthersAccess::from_mode(*others);
            builder.push(Entry { path: path.as_bytes(), kind, modified, others }).unwrap();
        }
        let manifest = builder.finish().unwrap();
        check_crosses(&manifest);
        manifest.for_each(|index, entry| {
            let (path, _, _, seconds, nanos, others) = &entries[index as usize];
            assert_eq!(entry.path, path.as_bytes());
            assert_eq!(entry.modified, ModifiedTime { seconds: *seconds, nanos: *nanos });
            assert_eq!(entry.others.bits(), *others);
        });
    }

    #[test]
    fn hostile_pages_are_refused_or_harmless(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut builder = ManifestBuilder::new();
        let mut seen = 0_u32;
        let outcome = builder.push_page(&bytes, |entry| {
            assert!(!entry.path.is_empty() && entry.path.len() <= MAX_NAME_BYTES);
            seen += 1;
            Ok::<_, OfferError>(())
        });
        if outcome.is_ok() {
            let manifest = builder.finish().unwrap();
            let mut again = 0;
            let mut kinds: Vec<bool> = Vec::new();
            manifest.for_each(|index, entry| {
                again += 1;
                let leads_to = match entry.kind {
                    EntryKind::Link { target: index } | EntryKind::SameFile { first: index } => Some(index),
                    EntryKind::File { .. } | EntryKind::Folder => None,
                };
                if let Some(other) = leads_to {
                    assert!(other < index && !kinds[other as usize]);
                }
                kinds.push(leads_to.is_some());
            });
            assert_eq!(again, seen);
        }
    }

    #[test]
    fn a_flipped_or_cut_page_never_panics(cut in 0..400_usize, place in 0..400_usize, bit in 0..8_u8) {
        let mut builder = ManifestBuilder::new();
        for index in 0..20 {
            builder.push(file(&format!("folder/é{index}"), index)).unwrap();
            let first = 2 * index as u32;
            let kind = if index % 2 == 0 { link(first) } else { same_file(first) };
            builder.push(entry(&format!("folder/l{index}"), kind)).unwrap();
        }
        let manifest = builder.finish().unwrap();
        let mut page = manifest.pages().next().unwrap().to_vec();
        let place = place % page.len();
        page[place] ^= 1 << bit;
        page.truncate(page.len() - cut % page.len());
        let mut builder = ManifestBuilder::new();
        let _ = builder.push_page(&page, |_| Ok::<_, OfferError>(()));
    }
}
