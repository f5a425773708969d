//! Names that are ordinary here cross, and what cannot be at the receiver is told at both ends.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::disk::exfat::Exfat;

#[tokio::test]
async fn a_maildir_crosses_whole() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("Maildir");
    for number in 0..500 {
        let name = format!("cur/1700000{number:03}.M{number}P99.host,S=12:2,S");
        write(&tree.join(name), format!("letter {number}"));
    }
    write(&tree.join("new/1700000999.M1P99.host"), "new");
    let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!((sent.files, sent.failure_count), (501, 0));
    assert_eq!((received.files, received.failure_count), (501, 0));
    assert_eq!(picture(from.path()), picture(to.path()));
}

#[tokio::test]
async fn names_that_only_this_system_has_cross() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    let names: [&[u8]; 14] = [
        b"a:b",
        b"back\\slash",
        b"aux.c",
        b"con",
        b"dot.",
        b"space ",
        b"tab\tbed",
        b"esc\x1b[31m",
        b"caf\xe9/\xff\xfe",
        b"Makefile",
        b"makefile",
        b"e\xcc\x81",
        b"\xc3\xa9",
        b"what? <yes>|no*",
    ];
    for name in names {
        write(&tree.join(OsStr::from_bytes(name)), name);
    }
    let (sent, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!((sent.files, sent.failure_count), (14, 0));
    assert_eq!(picture(from.path()), picture(to.path()));
    // And is found again.
    let (again, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!((again.files, again.sent), (14, 0));
}

/// What comes of names on exFAT that it has not: both summaries, and the names that are there.
async fn cross_to_exfat(bad_names: BadNames) -> Option<(Summary, Summary, Vec<String>)> {
    let exfat = Exfat::mount()?;
    let from = tempfile::tempdir().unwrap();
    let tree = from.path().join("tree");
    for name in ["Makefile", "makefile", "a:b/c", "a:b/d", "fine", "what?"] {
        write(&tree.join(name), name);
    }
    let options = ReceiveOptions {
        bad_names,
        ..options(&exfat.folder())
    };
    let answer = accept(ConflictPolicy::Skip);
    let (sent, received) = cross_with(Link::pair(), offer(&[&tree]), options, answer).await;
    let names = names(&exfat.folder());
    Some((sent.unwrap(), received.unwrap(), names))
}

#[tokio::test]
async fn what_cannot_be_at_the_receiver_is_told_at_both_ends_file_by_file() {
    let Some((sent, received, names)) = cross_to_exfat(BadNames::Skip).await else {
        return;
    };
    let left_out = ["tree/a:b/c", "tree/a:b/d", "tree/makefile", "tree/what?"];
    let left_out = left_out.map(|name| FileFailure {
        name: name.to_owned(),
        reason: FileReason::NameForbidden,
    });
    for summary in [sent, received] {
        assert_eq!((summary.files, summary.failure_count), (2, 4));
        assert_eq!(summary.failures, left_out);
    }
    assert_eq!(names, ["tree", "tree/Makefile", "tree/fine"]);
}

#[tokio::test]
async fn what_cannot_be_at_the_receiver_gets_a_name_near_to_it_where_that_is_wished() {
    let Some((sent, received, names)) = cross_to_exfat(BadNames::Rename).await else {
        return;
    };
    let renamed = [
        ("tree/a:b", "tree/a%3Ab"),
        ("tree/makefile", "tree/%6Dakefile"),
        ("tree/what?", "tree/what%3F"),
    ];
    let first = renamed.map(|(name, place)| Renaming {
        name: name.to_owned(),
        place: place.to_owned(),
    });
    for summary in [sent, received] {
        assert_eq!((summary.files, summary.failure_count), (6, 0));
        assert_eq!(summary.renamed.first, first);
        assert_eq!(summary.renamed.count, 3);
    }
    let expected = [
        "tree",
        "tree/%6Dakefile",
        "tree/Makefile",
        "tree/a%3Ab",
        "tree/a%3Ab/c",
        "tree/a%3Ab/d",
        "tree/fine",
        "tree/what%3F",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_cannot_be_written_is_told_before_its_bytes_cross() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    let large = "x".repeat(1_000_000);
    for name in ["in the way", "sub/deep/inner", "sub/other"] {
        write(&tree.join(name), &large);
    }
    write(&tree.join("fine"), "fine");
    // A folder of a file's name, and a file where a folder has to be.
    fs::create_dir_all(to.path().join("tree/in the way")).unwrap();
    write(&to.path().join("tree/sub"), "a file");
    let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Replace).await;
    for summary in [&sent, &received] {
        assert_eq!((summary.files, summary.sent), (1, 4), "{summary:?}");
        let reason = |name: &str| {
            let failure = summary.failures.iter().find(|failure| failure.name == name);
            failure.map(|failure| failure.reason)
        };
        assert_eq!(reason("tree/in the way"), Some(FileReason::FolderInTheWay));
        for name in ["tree/sub/deep/inner", "tree/sub/other"] {
            assert_eq!(reason(name), Some(FileReason::NotAFolder), "{name}");
        }
    }
    assert_eq!(fs::read(to.path().join("tree/sub")).unwrap(), b"a file");
    // Where the old one is kept, a folder is in nobody's way.
    let (sent, _) = cross(
        &[&tree.join("in the way")],
        &to.path().join("tree"),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!((sent.files, sent.failure_count), (1, 0));
}
