use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use fardrop_shared::name::{NameError, lossy};
use fardrop_shared::offer::{EntryKind, LeftOutReason, OfferError};

use super::*;

fn write(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "x").unwrap();
}

fn found(paths: &[PathBuf]) -> (Vec<String>, Vec<ScanWarning>) {
    let scanned = scan(paths, &false.into()).unwrap();
    let mut names = Vec::new();
    let manifest = scanned.source.manifest();
    manifest.for_each(|index, entry| {
        let mut path = PathBuf::new();
        scanned.source.locate(index, entry.path, &mut path).unwrap();
        assert!(path.exists(), "{}", path.display());
        names.push(lossy(entry.path).into_owned());
    });
    let left_out = scanned.source.left_out();
    assert_eq!(scanned.warnings.len() as u64, left_out.things);
    (names, scanned.warnings)
}

#[test]
fn folders_come_before_what_is_in_them_in_order() {
    let root = tempfile::tempdir().unwrap();
    for name in ["t/b", "t/a/z", "t/a/y", "t/c/d/e"] {
        write(&root.path().join(name));
    }
    fs::create_dir(root.path().join("t/empty")).unwrap();
    let (names, warnings) = found(&[root.path().join("t"), root.path().join("t/b")]);
    let expected = [
        "t", "t/a", "t/a/y", "t/a/z", "t/b", "t/c", "t/c/d", "t/c/d/e", "t/empty", "b",
    ];
    assert_eq!(names, expected);
    assert_eq!(warnings, []);
}

#[test]
fn arguments_of_the_same_name_are_kept_apart() {
    let root = tempfile::tempdir().unwrap();
    for name in ["a/file.txt", "b/file.txt", "c/FILE.TXT"] {
        write(&root.path().join(name));
    }
    let paths = ["a/file.txt", "b/file.txt", "c/FILE.TXT"].map(|name| root.path().join(name));
    let (names, _) = found(&paths);
    assert_eq!(names, ["file.txt", "file (1).txt", "FILE (2).TXT"]);
}

#[test]
fn links_are_kept_inside_and_refused_outside() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    write(&root.path().join("outside"));
    write(&tree.join("folder/file"));
    symlink("../outside", tree.join("1 out")).unwrap();
    symlink("folder/file", tree.join("2 file")).unwrap();
    symlink("folder", tree.join("3 folder")).unwrap();
    symlink(".", tree.join("4 loop")).unwrap();
    symlink("nowhere", tree.join("5 broken")).unwrap();
    symlink("..", tree.join("folder/up")).unwrap();
    let (names, warnings) = found(std::slice::from_ref(&tree));
    let expected = [
        "tree",
        "tree/folder",
        "tree/folder/file",
        "tree/2 file",
        "tree/3 folder",
    ];
    assert_eq!(names, expected);
    let canonical = tree.canonicalize().unwrap();
    assert_eq!(
        warnings,
        [
            ScanWarning::LinkOutside(canonical.join("1 out")),
            ScanWarning::LinkLoop(canonical.join("4 loop")),
            ScanWarning::LinkBroken(canonical.join("5 broken")),
            ScanWarning::LinkLoop(canonical.join("folder/up")),
        ]
    );
    // A link that is itself an argument is followed, under its own name.
    symlink(&tree, root.path().join("link")).unwrap();
    let (names, _) = found(&[root.path().join("link")]);
    assert_eq!(names[3], "link/2 file");
}

/// The links and second names that are found, with what they lead to.
fn leads(paths: &[PathBuf]) -> Vec<(String, String)> {
    let scanned = scan(paths, &false.into()).unwrap();
    let manifest = scanned.source.manifest();
    let mut cursor = manifest.cursor();
    let mut leads = Vec::new();
    manifest.for_each(|_, entry| {
        let (sign, index) = match entry.kind {
            EntryKind::Link { target } => ("->", target),
            EntryKind::SameFile { first } => ("=", first),
            EntryKind::File { .. } | EntryKind::Folder => return,
        };
        let target = lossy(cursor.entry(manifest, index).unwrap().path).into_owned();
        leads.push((lossy(entry.path).into_owned(), format!("{sign} {target}")));
    });
    assert_eq!(leads.len(), manifest.totals().links as usize);
    leads
}

#[test]
fn twenty_four_packages_that_link_to_the_next_three_are_twenty_four_and_their_links() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("packages");
    for package in 0..24 {
        let folder = tree.join(format!("p{package:02}"));
        write(&folder.join("index.js"));
        fs::create_dir(folder.join("node_modules")).unwrap();
        for next in 1..=3 {
            let name = format!("p{:02}", (package + next) % 24);
            let link = folder.join("node_modules").join(&name);
            symlink(Path::new("../..").join(&name), link).unwrap();
        }
    }
    let started = std::time::Instant::now();
    let scanned = scan(std::slice::from_ref(&tree), &false.into()).unwrap();
    let totals = scanned.source.manifest().totals();
    assert_eq!((totals.files, totals.folders, totals.links), (24, 49, 72));
    assert!(scanned.source.left_out().is_none());
    // Followed, they were 333,333 files and took seconds.
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_millis(500), "{took:?}");
}

#[test]
fn links_lead_to_the_thing_itself_wherever_it_is_in_the_offer() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    write(&one.join("lib.so.1.2"));
    symlink("lib.so.1.2", one.join("lib.so.1")).unwrap();
    symlink("lib.so.1", one.join("a.so")).unwrap();
    symlink("../other/deep", one.join("across")).unwrap();
    symlink(one.join("lib.so.1.2"), one.join("absolute")).unwrap();
    write(&other.join("deep/file"));
    symlink("../one", other.join("back")).unwrap();
    let pairs = [
        ("one/a.so", "-> one/lib.so.1.2"),
        ("one/absolute", "-> one/lib.so.1.2"),
        ("one/across", "-> other/deep"),
        ("one/lib.so.1", "-> one/lib.so.1.2"),
        ("other/back", "-> one"),
    ];
    let pairs = pairs.map(|(link, target)| (link.to_owned(), target.to_owned()));
    assert_eq!(leads(&[one, other]), pairs);
}

#[test]
fn second_names_are_found_and_links_lead_to_the_first() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    write(&tree.join("a"));
    write(&tree.join("single"));
    fs::create_dir(tree.join("b")).unwrap();
    fs::hard_link(tree.join("a"), tree.join("b/again")).unwrap();
    fs::hard_link(tree.join("a"), root.path().join("elsewhere")).unwrap();
    symlink("b/again", tree.join("link")).unwrap();
    let pairs = [("tree/b/again", "= tree/a"), ("tree/link", "-> tree/a")];
    let pairs = pairs.map(|(link, target)| (link.to_owned(), target.to_owned()));
    assert_eq!(leads(&[tree]), pairs);
}

#[test]
fn a_link_to_what_is_left_out_is_left_out_and_told() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    write(&tree.join("fine"));
    write(&tree.join(".fardrop-0123.part"));
    symlink(".fardrop-0123.part", tree.join("link")).unwrap();
    symlink("itself", tree.join("itself")).unwrap();
    let scanned = scan(std::slice::from_ref(&tree), &false.into()).unwrap();
    let canonical = tree.canonicalize().unwrap();
    assert_eq!(
        scanned.warnings,
        [
            ScanWarning::NameRefused(canonical.join(".fardrop-0123.part"), NameError::OurOwn),
            ScanWarning::LinkBroken(canonical.join("itself")),
            ScanWarning::LinkLeftOut(canonical.join("link")),
        ]
    );
    assert_eq!(scanned.items[0].left_out, 3);
}

#[test]
fn what_cannot_be_sent_is_left_out_with_a_warning() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree").to_path_buf();
    write(&tree.join("fine"));
    write(&tree.join(".fardrop-0123.part"));
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let (names, warnings) = found(&[tree]);
    assert_eq!(names, ["tree", "tree/fine"]);
    assert!(matches!(
        &warnings[..],
        [
            ScanWarning::NameRefused(_, NameError::OurOwn),
            ScanWarning::Special(_)
        ]
    ));
}

#[test]
fn what_this_system_can_hold_is_offered() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    let names: [&[u8]; 9] = [
        b"1.host,S=3:2,S",
        b"Makefile",
        b"aux.c",
        b"back\\slash",
        b"e\xcc\x81",
        b"makefile",
        b"tab\t",
        b"trailing. ",
        b"\xc3\xa9",
    ];
    for name in names.into_iter().chain([b"\xff".as_slice()]) {
        write(&tree.join(OsStr::from_bytes(name)));
    }
    let (found, warnings) = found(&[tree]);
    let expected = names.map(|name| format!("tree/{}", lossy(name)));
    assert_eq!(found[1..10], expected);
    assert_eq!(found[10..], ["tree/\\xff"]);
    assert_eq!(warnings, []);
}

#[test]
fn a_missing_argument_is_an_error_and_a_stop_is_heard() {
    let root = tempfile::tempdir().unwrap();
    let missing = scan(&[root.path().join("missing")], &false.into());
    assert!(matches!(missing, Err(ScanError::Argument { .. })));
    write(&root.path().join("file"));
    let stopped = scan(&[root.path().to_path_buf()], &true.into());
    assert!(matches!(stopped, Err(ScanError::Stopped)));
}

#[test]
fn what_is_too_deep_is_counted_file_by_file() {
    let root = tempfile::tempdir().unwrap();
    let tree = root.path().join("tree");
    // 128 components may cross: `tree`, and 127 in it.
    let mut deep = tree.clone();
    deep.extend(std::iter::repeat_n("d", 127));
    for name in ["e/1", "e/2", "e/f/3", "fine"] {
        write(&deep.join(name));
    }
    fs::create_dir(deep.join("e/empty")).unwrap();
    symlink("/", deep.join("e/link")).unwrap();
    let scanned = scan(&[tree], &false.into()).unwrap();
    // The folder `e`, two folders in it, three files and a link; and `fine`, which is as deep.
    let left_out = scanned.source.left_out();
    assert_eq!((left_out.things, left_out.closed_folders), (8, 0));
    assert_eq!(scanned.source.manifest().totals().files, 0);
    assert_eq!(scanned.warnings.len(), 8);
    assert_eq!(scanned.items[0].left_out, 8);
}

#[test]
fn a_limit_that_is_hit_refuses_the_whole_offer_and_names_the_folder() {
    // In memory, where there is one, many names cost little.
    let memory = tempfile::tempdir_in("/dev/shm");
    let root = memory.unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let tree = root.path().join("tree");
    write(&tree.join("a/few"));
    let big = tree.join("b/big");
    fs::create_dir_all(&big).unwrap();
    write(&tree.join("b/other"));
    // More than 32 MiB of names, which takes fewer of them than the limit of a million does.
    for index in 0..140_000_u32 {
        let name = blake3::hash(&index.to_le_bytes()).to_hex().repeat(4);
        let file = big.join(format!("file {}", index / 30_000));
        if index % 30_000 == 0 {
            write(&file);
        }
        fs::hard_link(file, big.join(&name[..250])).unwrap();
    }
    let outcome = scan(std::slice::from_ref(&tree), &false.into());
    let Err(ScanError::TooLarge {
        limit,
        found,
        folder,
        there,
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(limit, OfferError::ManifestTooLong);
    assert_eq!(folder, big.canonicalize().unwrap());
    assert!(there > 100_000 && found - there < 10, "{there} of {found}");
}

#[test]
fn a_receiver_is_told_what_is_left_out_by_its_place_in_the_offer() {
    let work = tempfile::tempdir().unwrap();
    let folders = ["one/same", "two/same"].map(|folder| work.path().join(folder));
    for folder in &folders {
        fs::create_dir_all(folder.join("deep")).unwrap();
        symlink("/nowhere/at/all", folder.join("deep/broken")).unwrap();
    }
    let scanned = scan(&folders, &false.into()).unwrap();
    let names = scanned.source.left_out_names().names().iter();
    let names: Vec<_> = names
        .map(|name| (name.path.as_slice(), name.reason))
        .collect();
    let broken = LeftOutReason::LinkBroken;
    let expected: [(&[u8], _); 2] = [
        (b"same/deep/broken", broken),
        (b"same (1)/deep/broken", broken),
    ];
    assert_eq!(names, expected);
}
