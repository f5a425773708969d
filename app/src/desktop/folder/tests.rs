//! Real folders.

use std::fs::File;
use std::sync::mpsc::sync_channel;

use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn all(folder: &Path) -> FolderQuestion {
    FolderQuestion {
        number: 7,
        folder: folder.to_owned(),
        search: String::new(),
        hidden: Hidden::LeftOut,
        kinds: Kinds::All,
    }
}

#[track_caller]
fn contents(question: &FolderQuestion) -> FolderContents {
    answered(question).contents.expect("it can be read")
}

#[track_caller]
fn check_names(question: &FolderQuestion, expected: &[&str]) {
    let contents = contents(question);
    let names: Vec<_> = contents
        .entries
        .iter()
        .map(|entry| entry.path.file_name().expect("a name").to_string_lossy())
        .collect();
    assert_eq!(names, expected);
    assert_eq!(contents.more, 0);
}

fn put(folder: &Path, names: &[&str]) {
    for name in names {
        File::create(folder.join(name)).expect("a file");
    }
}

#[test]
fn folders_come_first_and_numbers_count() {
    let folder = folder();
    let path = folder.path();
    put(
        path,
        &[
            "page 10.txt",
            "Page 2.txt",
            "page 02.txt",
            "page.txt",
            ".hidden",
            "Émile",
            "zoo",
        ],
    );
    fs::create_dir(path.join("zebra")).expect("a folder");
    fs::create_dir(path.join("Ape")).expect("a folder");
    fs::create_dir(path.join(".git")).expect("a folder");
    let files = [
        "Page 2.txt",
        "page 02.txt",
        "page 10.txt",
        "page.txt",
        "zoo",
        "Émile",
    ];
    check_names(&all(path), &[&["Ape", "zebra"][..], &files].concat());
    let shown = FolderQuestion {
        hidden: Hidden::Shown,
        ..all(path)
    };
    let names = [&[".git", "Ape", "zebra", ".hidden"][..], &files].concat();
    check_names(&shown, &names);
    let folders = FolderQuestion {
        kinds: Kinds::Folders,
        ..all(path)
    };
    check_names(&folders, &["Ape", "zebra"]);
    let searched = FolderQuestion {
        search: "éMI".to_owned(),
        ..all(path)
    };
    check_names(&searched, &["Émile"]);
}

#[test]
fn sizes_and_times_are_told() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "twelve bytes").expect("written");
    let changed = UNIX_EPOCH + std::time::Duration::from_secs(1_600_000_000);
    let open = File::options()
        .write(true)
        .open(&file)
        .expect("it is there");
    open.set_modified(changed).expect("a time");
    assert_eq!(
        contents(&all(folder.path())).entries,
        [FolderEntry {
            path: file,
            kind: EntryKind::File,
            bytes: 12,
            changed: Some(1_600_000_000),
        }]
    );
}

#[cfg(unix)]
#[test]
fn links_are_what_they_point_at() {
    use std::os::unix::fs::symlink;

    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("target")).expect("a folder");
    fs::write(path.join("text"), "twelve bytes").expect("written");
    symlink("target", path.join("a link to a folder")).expect("a link");
    symlink("text", path.join("link to a file")).expect("a link");
    symlink("nowhere", path.join("link to nothing")).expect("a link");
    symlink("link to itself", path.join("link to itself")).expect("a link");
    let found: Vec<(String, EntryKind, u64)> = contents(&all(path))
        .entries
        .into_iter()
        .map(|entry| {
            let name = entry.path.file_name().expect("a name").to_string_lossy();
            let bytes = if entry.kind == EntryKind::File {
                entry.bytes
            } else {
                0
            };
            (name.into_owned(), entry.kind, bytes)
        })
        .collect();
    let entry = |name: &str, kind, bytes| (name.to_owned(), kind, bytes);
    assert_eq!(
        found,
        [
            entry("a link to a folder", EntryKind::Folder, 0),
            entry("target", EntryKind::Folder, 0),
            entry("link to a file", EntryKind::File, 12),
            entry("link to itself", EntryKind::Other, 0),
            entry("link to nothing", EntryKind::Other, 0),
            entry("text", EntryKind::File, 12),
        ]
    );
}

#[test]
fn of_a_crowded_folder_the_first_are_told_and_the_rest_is_counted_and_found() {
    let folder = folder();
    for number in 0..ENTRIES_TOLD + 5 {
        File::create(folder.path().join(format!("{number}"))).expect("a file");
    }
    let first = contents(&all(folder.path()));
    assert_eq!((first.entries.len(), first.more), (ENTRIES_TOLD, 5));
    assert!(first.entries[2].path.ends_with("2"));
    let last = format!("{}", ENTRIES_TOLD + 4);
    let searched = FolderQuestion {
        search: last.clone(),
        ..all(folder.path())
    };
    check_names(&searched, &[&last]);
}

#[test]
fn a_path_is_understood_as_it_is_typed() {
    let folder = folder();
    let path = fs::canonicalize(folder.path()).expect("it is there");
    put(&path, &["file"]);
    fs::create_dir(path.join("below")).expect("a folder");
    // A file's folder, with the file named.
    let answer = answered(&all(&path.join("file")));
    assert_eq!(answer.folder, path);
    assert_eq!(
        answer.contents.expect("it can be read").named,
        Some(path.join("file"))
    );
    assert_eq!(answered(&all(&path.join("below/../"))).folder, path);
    assert_eq!(
        answered(&all(&path.join("below//"))).folder,
        path.join("below")
    );
    let home = answered(&all(Path::new("~")));
    assert!(home.folder.is_absolute());
    assert_eq!(
        home.places.first().map(|place| place.kind),
        Some(PlaceKind::Home)
    );
    assert_eq!(home.places[0].path, home.folder);
    let missing = answered(&all(&path.join("missing")));
    assert_eq!(missing.folder, path.join("missing"));
    let reason = missing.contents.expect_err("it is not there");
    assert!(
        !reason.is_empty() && !reason.contains("os error"),
        "{reason}"
    );
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = folder();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o0)).expect("closed");
    // Root reads everything.
    if fs::read_dir(&closed).is_err() {
        let reason = answered(&all(&closed)).contents.expect_err("it is closed");
        assert_eq!(reason, "Permission denied");
    }
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).expect("open");
}

#[test]
fn a_folder_is_made_where_it_is_wanted_and_nowhere_else() {
    let folder = folder();
    let path = folder.path();
    let made = make(path, "new folder").expect("it is made");
    assert_eq!(made, path.join("new folder"));
    assert!(made.is_dir());
    make(path, "new folder").expect_err("it is there");
    for name in ["", ".", "..", "../out", "a/b", "/tmp/out", "a/"] {
        make(path, name).expect_err(name);
    }
    assert_eq!(fs::read_dir(path).expect("it is there").count(), 1);
}

#[test]
fn of_several_questions_the_last_is_answered_and_every_folder_is_made() {
    let folder = folder();
    let (jobs, waiting) = sync_channel(8);
    let (replies, told) = sync_channel(8);
    let outbox = Outbox {
        replies,
        wake: std::sync::Arc::new(|| {}),
    };
    let make = |name: &str| Job::Make {
        parent: folder.path().to_owned(),
        name: name.to_owned(),
    };
    let numbered = |number| {
        Job::Read(FolderQuestion {
            number,
            ..all(folder.path())
        })
    };
    for job in [
        numbered(1),
        make("one"),
        numbered(2),
        make("two"),
        numbered(3),
    ] {
        jobs.send(job).expect("there is room");
    }
    drop(jobs);
    serve(&waiting, &outbox);
    let told: Vec<DesktopReply> = told.try_iter().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    let made = |name: &str| DesktopReply::FolderMade(folder.path().join(name));
    assert_eq!(told[..2], [made("one"), made("two")]);
    let DesktopReply::Folder(answer) = &told[2] else {
        panic!("{told:?}");
    };
    assert_eq!(answer.number, 3);
    assert_eq!(
        answer
            .contents
            .as_ref()
            .expect("it can be read")
            .entries
            .len(),
        2
    );
}
