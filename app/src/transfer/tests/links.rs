//! Links and second names: they cross once, stay inside the destination, and nothing goes through one.

use std::os::unix::fs::MetadataExt;

use fardrop_shared::offer::LeftOutCount;
use fardrop_shared::wire::peer::{SenderMessage, TRANSFER_VERSION};

use super::hostile::receive_from;
use super::*;
use crate::disk::exfat::Exfat;

/// What is at every path below `root`, itself: a link's text, a file's content, or that it is a folder.
fn itself(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let what = if metadata.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else if metadata.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else {
                fs::read_to_string(&path).unwrap()
            };
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, what);
        }
    }
    found
}

#[track_caller]
fn check_itself(root: &Path, expected: &[(&str, &str)]) {
    let expected = expected
        .iter()
        .map(|(name, what)| (name.to_string(), what.to_string()));
    assert_eq!(itself(root), expected.collect());
}

/// A tree with links to a file, to folders, across and upwards, and with a second name.
fn linked_tree(root: &Path) -> PathBuf {
    let tree = root.join("tree");
    write(&tree.join("a/one"), "one");
    write(&tree.join("b/two"), "two");
    fs::hard_link(tree.join("a/one"), tree.join("b/again")).unwrap();
    symlink("one", tree.join("a/beside")).unwrap();
    symlink("../b", tree.join("a/across")).unwrap();
    symlink("a/one", tree.join("to one")).unwrap();
    symlink("beside", tree.join("a/through")).unwrap();
    tree
}

const LINKED: [(&str, &str); 10] = [
    ("tree", "folder"),
    ("tree/a", "folder"),
    ("tree/a/across", "-> ../b"),
    ("tree/a/beside", "-> one"),
    ("tree/a/one", "one"),
    ("tree/a/through", "-> one"),
    ("tree/b", "folder"),
    ("tree/b/again", "one"),
    ("tree/b/two", "two"),
    ("tree/to one", "-> a/one"),
];

#[tokio::test]
async fn links_and_second_names_cross_as_what_they_are_and_once() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = linked_tree(from.path());
    let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    check_itself(to.path(), &LINKED);
    assert_eq!((sent.files, sent.sent, sent.failure_count), (2, 6, 0));
    let inode = |name: &str| fs::metadata(to.path().join(name)).unwrap().ino();
    assert_eq!(inode("tree/a/one"), inode("tree/b/again"));
    assert_eq!(picture(from.path()), picture(to.path()));
    assert_eq!(received.places, [to.path().join("tree")]);
    // Once more changes nothing and sends nothing, whatever is to become of taken names.
    for on_conflict in [ConflictPolicy::Skip, ConflictPolicy::Replace] {
        let (again, _) = cross(&[&tree], to.path(), on_conflict).await;
        check_itself(to.path(), &LINKED);
        assert_eq!((again.sent, again.failure_count), (0, 0));
        assert_eq!(inode("tree/a/one"), inode("tree/b/again"));
    }
}

#[tokio::test]
async fn twenty_four_packages_arrive_as_they_were() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("packages");
    for package in 0..24 {
        let folder = tree.join(format!("p{package:02}"));
        write(&folder.join("index.js"), format!("// {package}"));
        fs::create_dir(folder.join("node_modules")).unwrap();
        for next in 1..=3 {
            let name = format!("p{:02}", (package + next) % 24);
            let link = folder.join("node_modules").join(&name);
            symlink(Path::new("../..").join(&name), link).unwrap();
        }
    }
    let (sent, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!((sent.files, sent.failure_count), (24, 0));
    assert_eq!(itself(to.path()), itself(from.path()));
    assert!(sent.left_out.is_none());
}

#[tokio::test]
async fn what_a_link_leads_to_is_found_under_the_name_that_it_got() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = linked_tree(from.path());
    write(&to.path().join("tree/a/one"), "something else");
    write(&to.path().join("tree/to one"), "taken");
    write(&to.path().join("tree/b/again"), "taken as well");
    let (sent, _) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(sent.failure_count, 0);
    let expected = [
        ("tree", "folder"),
        ("tree/a", "folder"),
        ("tree/a/across", "-> ../b"),
        ("tree/a/beside", "-> one (1)"),
        ("tree/a/one", "something else"),
        ("tree/a/one (1)", "one"),
        ("tree/a/through", "-> one (1)"),
        ("tree/b", "folder"),
        ("tree/b/again", "taken as well"),
        ("tree/b/again (1)", "one"),
        ("tree/b/two", "two"),
        ("tree/to one", "taken"),
        ("tree/to one (1)", "-> a/one (1)"),
    ];
    check_itself(to.path(), &expected);
    // Replaced, what has the names makes room; a folder never does.
    fs::remove_file(to.path().join("tree/a/beside")).unwrap();
    fs::create_dir(to.path().join("tree/a/beside")).unwrap();
    write(&to.path().join("tree/a/beside/kept"), "kept");
    let (_, received) = cross_over(
        Link::pair(),
        offer(&[&tree]),
        to.path(),
        accept(ConflictPolicy::Replace),
    )
    .await;
    let failures = received.unwrap().failures;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].name, "tree/a/beside");
    assert_eq!(failures[0].reason, FileReason::FolderInTheWay);
    let there = itself(to.path());
    assert_eq!(there["tree/to one"], "-> a/one");
    assert_eq!(there["tree/b/again"], "one");
    assert_eq!(there["tree/a/beside/kept"], "kept");
}

#[tokio::test]
async fn under_keep_both_what_somebody_else_has_put_there_is_kept_beside_a_second_name() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = linked_tree(from.path());
    age(&tree.join("a/one"), 1_000_000_000);
    // The same in it, and of another time: it did not come from here.
    let again = to.path().join("tree/b/again");
    write(&again, "one");
    age(&again, 900_000_000);
    for _ in 0..2 {
        let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Rename).await;
        assert_eq!((sent.failure_count, received.failure_count), (0, 0));
        let there = itself(to.path());
        let again: Vec<_> = there.keys().filter(|name| name.contains("again")).collect();
        assert_eq!(again, ["tree/b/again", "tree/b/again (1)"]);
    }
}

#[tokio::test]
async fn a_second_name_is_found_behind_a_number_that_is_free() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = linked_tree(from.path());
    write(&to.path().join("tree/b/again"), "something else");
    write(&to.path().join("tree/b/again (1)"), "one more");
    cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(itself(to.path())["tree/b/again (2)"], "one");
    fs::remove_file(to.path().join("tree/b/again (1)")).unwrap();
    cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert!(!itself(to.path()).contains_key("tree/b/again (1)"));
}

#[tokio::test]
async fn where_there_are_no_links_a_file_is_copied_and_a_folder_is_told() {
    let Some(exfat) = Exfat::mount() else {
        return;
    };
    let from = tempfile::tempdir().unwrap();
    let tree = linked_tree(from.path());
    for _ in 0..2 {
        let (sent, received) = cross_over(
            Link::pair(),
            offer(&[&tree]),
            &exfat.folder(),
            accept(ConflictPolicy::Skip),
        )
        .await;
        let (sent, received) = (sent.unwrap(), received.unwrap());
        let across = FileFailure {
            name: "tree/a/across".to_owned(),
            reason: FileReason::NoLinks,
        };
        assert_eq!(received.failures, [across]);
        assert_eq!(sent.failures, received.failures);
        let expected = [
            ("tree", "folder"),
            ("tree/a", "folder"),
            ("tree/a/beside", "one"),
            ("tree/a/one", "one"),
            ("tree/a/through", "one"),
            ("tree/b", "folder"),
            ("tree/b/again", "one"),
            ("tree/b/two", "two"),
            ("tree/to one", "one"),
        ];
        check_itself(&exfat.folder(), &expected);
    }
}

#[tokio::test]
async fn a_link_to_what_was_not_taken_is_told_at_both_ends() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = linked_tree(from.path());
    let offer = offer(&[&tree]);
    let mut one = None;
    offer.manifest().for_each(|index, entry| {
        if entry.path == b"tree/a/one" {
            one = Some(index);
        }
    });
    let decision = Answer::Decided(Decision::Accept {
        on_conflict: ConflictPolicy::Skip,
        selection: Selection::Except([one.unwrap()].into()),
        consent: Consent::ALL,
        destination: None,
        room: Room::Needed,
    });
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decision).await;
    let (sent, received) = (sent.unwrap(), received.unwrap());
    let names: Vec<_> = received
        .failures
        .iter()
        .map(|failure| failure.name.as_str())
        .collect();
    let missing = [
        "tree/b/again",
        "tree/a/beside",
        "tree/a/through",
        "tree/to one",
    ];
    assert_eq!(names, missing);
    assert!(
        received
            .failures
            .iter()
            .all(|failure| failure.reason == FileReason::TargetMissing)
    );
    assert_eq!(sent.failures, received.failures);
    let expected = [
        ("tree", "folder"),
        ("tree/a", "folder"),
        ("tree/a/across", "-> ../b"),
        ("tree/b", "folder"),
        ("tree/b/two", "two"),
    ];
    check_itself(to.path(), &expected);
}

#[tokio::test]
async fn a_link_on_the_way_at_the_destination_leads_no_link_out_of_it() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    write(&tree.join("deep/er/file"), "inside");
    write(&tree.join("secret"), "inside as well");
    symlink("../../secret", tree.join("deep/er/link")).unwrap();
    symlink("../..", tree.join("deep/er/up")).unwrap();
    symlink("er", tree.join("deep/folder")).unwrap();
    let destination = to.path().join("in");
    // `tree/deep/er` is `in` itself here: what says `../../secret` there would lead out of it.
    write(&to.path().join("tree/secret"), "outside");
    write(&destination.join("tree/deep/x"), "");
    symlink("../..", destination.join("tree/deep/er")).unwrap();
    let (_, received) = cross_over(
        Link::pair(),
        offer(&[&tree]),
        &destination,
        accept(ConflictPolicy::Skip),
    )
    .await;
    let there = itself(&destination);
    // A copy, and no link to folders.
    assert_eq!(there["link"], "inside as well");
    assert_eq!(there["file"], "inside");
    let received = received.unwrap();
    let failed: Vec<_> = received
        .failures
        .iter()
        .map(|failure| (failure.name.as_str(), failure.reason))
        .collect();
    assert_eq!(failed, [("tree/deep/folder", FileReason::LinkInTheWay)]);
    let links: Vec<_> = there
        .iter()
        .filter(|(_, what)| what.starts_with("->"))
        .collect();
    assert_eq!(links.len(), 1, "{links:?}");
}

#[tokio::test]
async fn a_link_to_a_folder_above_stays_inside() {
    let to = tempfile::tempdir().unwrap();
    // The folders `t` and `t/u`, and `t/u/l`, a link to the first: no shared bytes of a path or some, the length of the
    // rest, the rest, an index, a time.
    let folders: &[u8] = &[1, 0, 1, b't', 0, 0, 1, 1, 2, b'/', b'u', 0, 0];
    let page = [folders, &[3, 3, 2, b'/', b'l', 0, 0, 0]].concat();
    let offer = vec![
        SenderMessage::Hello {
            version: TRANSFER_VERSION,
        },
        SenderMessage::Offer {
            files: 0,
            folders: 2,
            links: 1,
            bytes: 0,
            pages: 1,
            left_out: LeftOutCount::default(),
            origin: [0; 32],
        },
        SenderMessage::Page(page),
        SenderMessage::OfferEnd,
    ];
    receive_from(offer, Vec::new(), to.path()).await.unwrap();
    check_itself(
        to.path(),
        &[("t", "folder"), ("t/u", "folder"), ("t/u/l", "-> ..")],
    );
    let leads_to = to.path().join("t/u/l").canonicalize().unwrap();
    assert_eq!(leads_to, to.path().join("t").canonicalize().unwrap());
}

#[tokio::test]
async fn a_file_whose_own_name_cannot_be_arrives_under_the_name_of_what_leads_to_it() {
    let Some(exfat) = Exfat::mount() else {
        return;
    };
    let from = tempfile::tempdir().unwrap();
    let tree = from.path().join("tree");
    write(&tree.join("a what?"), "content");
    fs::hard_link(tree.join("a what?"), tree.join("plain")).unwrap();
    write(&tree.join("b what?"), "another");
    symlink("b what?", tree.join("to b")).unwrap();
    symlink("b what?", tree.join("to b again")).unwrap();
    let options = ReceiveOptions {
        bad_names: BadNames::Skip,
        ..options(&exfat.folder())
    };
    for again in [false, true] {
        let answer = accept(ConflictPolicy::Skip);
        let options = options.clone();
        let (sent, received) = cross_with(Link::pair(), offer(&[&tree]), options, answer).await;
        assert_eq!(sent.unwrap().failure_count, 0);
        let received = received.unwrap();
        assert_eq!((received.files, received.failure_count), (2, 0));
        assert_eq!(received.skipped, if again { 2 } else { 0 });
        let expected = [
            ("tree", "folder"),
            ("tree/plain", "content"),
            ("tree/to b", "another"),
            ("tree/to b again", "another"),
        ];
        check_itself(&exfat.folder(), &expected);
    }
}
