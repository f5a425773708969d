use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use fardrop_shared::offer::ModifiedTime;

use super::*;

const TIME: ModifiedTime = ModifiedTime {
    seconds: -1,
    nanos: 250_000_000,
};

fn finished(folders: &mut Folders, path: &str, contents: &[u8], replace: bool) -> Finished {
    let (parent, name) = split_path(path);
    let folder = folders.open_or_make(parent).unwrap();
    let mut part = PartFile::create(&folder, path, true).unwrap();
    part.write(contents).unwrap();
    Finished {
        file: 7,
        part,
        name: name.to_owned(),
        replace,
        modified: TIME,
    }
}

#[track_caller]
fn check_commit(batch: Vec<Finished>, touched: Vec<Arc<cap_std::fs::Dir>>, names: &[&str]) {
    let committed = commit(batch, touched);
    let got: Vec<_> = committed
        .into_iter()
        .map(|committed| committed.outcome.unwrap())
        .collect();
    assert_eq!(got, names);
}

#[test]
fn a_taken_name_is_never_overwritten_unless_replaced() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    for (replace, name) in [
        (false, "f"),
        (false, "f (1)"),
        (true, "f"),
        (false, "f (2)"),
    ] {
        let batch = vec![finished(&mut folders, "a/b/f", name.as_bytes(), replace)];
        check_commit(batch, folders.take_touched(), &[name]);
        let path = root.path().join("a/b").join(name);
        assert_eq!(fs::read(&path).unwrap(), name.as_bytes());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(ModifiedTime::from(metadata.modified().unwrap()), TIME);
        assert_eq!(metadata.permissions().mode() & 0o100, 0o100);
    }
    assert_eq!(fs::read_dir(root.path().join("a/b")).unwrap().count(), 3);
}

#[test]
fn a_large_batch_keeps_its_order() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let names: Vec<String> = (0..90).map(|index| index.to_string()).collect();
    let paths = names
        .iter()
        .map(|name| format!("folder {}/{name}", name.len()));
    let batch = paths
        .map(|path| finished(&mut folders, &path, path.as_bytes(), false))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check_commit(batch, folders.take_touched(), &names);
}

#[test]
fn a_part_that_lost_its_name_gets_no_other() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let one = finished(&mut folders, "f", b"one", false);
    for entry in fs::read_dir(root.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let committed = commit(vec![one], Vec::new());
    assert!(committed[0].outcome.is_err());
}

#[test]
fn two_receivers_do_not_share_a_part() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let one = finished(&mut folders, "f", b"one", false);
    let two = finished(&mut folders, "f", b"two", false);
    check_commit(vec![one, two], Vec::new(), &["f", "f (1)"]);
    assert_eq!(fs::read(root.path().join("f (1)")).unwrap(), b"two");
}
