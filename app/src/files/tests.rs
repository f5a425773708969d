use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use fardrop_shared::name::{NameError, lossy};

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
fn links_are_followed_inside_and_refused_outside() {
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
        "tree/2 file",
        "tree/3 folder",
        "tree/3 folder/file",
        "tree/folder",
        "tree/folder/file",
    ];
    assert_eq!(names, expected);
    let canonical = tree.canonicalize().unwrap();
    assert_eq!(
        warnings,
        [
            ScanWarning::LinkOutside(canonical.join("1 out")),
            ScanWarning::LinkLoop(canonical.join("3 folder/up")),
            ScanWarning::LinkLoop(canonical.join("4 loop")),
            ScanWarning::LinkBroken(canonical.join("5 broken")),
            ScanWarning::LinkLoop(canonical.join("folder/up")),
        ]
    );
    // A link that is itself an argument is followed, under its own name.
    symlink(&tree, root.path().join("link")).unwrap();
    let (names, _) = found(&[root.path().join("link")]);
    assert_eq!(names[1], "link/2 file");
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
