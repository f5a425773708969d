//! Sparse files: what is in a hole is neither sent nor needs room, and arrives as a hole.

use std::os::unix::fs::{FileExt, MetadataExt};

use super::*;
use crate::disk::exfat::Exfat;

const MIB: u64 = 1 << 20;

/// A file of `length` bytes that has `pieces` of a quarter of a mebibyte of data at these places.
fn sparse(path: &Path, length: u64, pieces: &[u64]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = fs::File::create(path).unwrap();
    file.set_len(length).unwrap();
    for place in pieces {
        file.write_all_at(&noise(MIB as usize / 4, 3), *place)
            .unwrap();
    }
    file.sync_all().unwrap();
}

/// The bytes that a file takes up.
fn stored(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks() * 512
}

#[tokio::test]
async fn holes_arrive_as_holes_wherever_they_are() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    let files: [(&str, u64, &[u64]); 5] = [
        ("all", 50 * MIB, &[]),
        ("first", 50 * MIB, &[49 * MIB]),
        ("last", 50 * MIB, &[0]),
        (
            "middle",
            50 * MIB + 1,
            &[0, 20 * MIB, 50 * MIB - MIB / 4 + 1],
        ),
        ("none", MIB / 4, &[0]),
    ];
    for (name, length, pieces) in files {
        sparse(&tree.join(name), length, pieces);
    }
    let (sent, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(sent.failure_count, 0);
    assert!(picture(from.path()) == picture(to.path()), "not the same");
    // Six pieces, and what the file systems round up.
    assert!((6 * MIB / 4..2 * MIB).contains(&sent.sent), "{}", sent.sent);
    assert_eq!(sent.bytes, 200 * MIB + MIB / 4 + 1);
    for (name, ..) in files {
        let [there, here] =
            [from.path(), to.path()].map(|root| stored(&root.join("tree").join(name)));
        assert!(here <= there + 64 * 1024, "{name}: {here} of {there}");
    }
    // What is here already is proved, and not sent.
    let (again, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!((again.sent, again.failure_count), (0, 0));
}

#[tokio::test]
async fn a_part_with_a_hole_is_gone_on_with() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = from.path().join("file");
    sparse(&source, 60 * MIB, &[0, 20 * MIB, 40 * MIB]);
    let part = part_of(&source, to.path(), "file");
    // The first half of it, which ends in a hole.
    sparse(&part, 30 * MIB, &[0, 20 * MIB]);
    set_mode(&part, 0o600);
    let (sent, received) = cross(&[&source], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(received.resumed, 30 * MIB);
    assert!((MIB / 4..MIB / 2).contains(&sent.sent), "{}", sent.sent);
    assert!(fs::read(&source).unwrap() == fs::read(to.path().join("file")).unwrap());
    assert!(stored(&to.path().join("file")) < 2 * MIB);
}

#[tokio::test]
async fn where_there_are_no_holes_they_are_written_or_there_is_no_room() {
    let Some(exfat) = Exfat::mount() else {
        return;
    };
    let from = tempfile::tempdir().unwrap();
    let tree = from.path().join("tree");
    sparse(&tree.join("fits"), 4 * MIB, &[MIB]);
    // The disk has 16.
    sparse(&tree.join("huge"), 100 * MIB, &[MIB]);
    let (sent, received) = cross_over(
        Link::pair(),
        offer(&[&tree]),
        &exfat.folder(),
        accept(ConflictPolicy::Skip),
    )
    .await;
    let (sent, received) = (sent.unwrap(), received.unwrap());
    let huge = FileFailure {
        name: "tree/huge".to_owned(),
        reason: FileReason::NoSpace,
    };
    assert_eq!(received.failures, [huge]);
    assert_eq!(sent.failures, received.failures);
    let [one, other] = [&tree, &exfat.folder().join("tree")].map(|root| root.join("fits"));
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap());
}
