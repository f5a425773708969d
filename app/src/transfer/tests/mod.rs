//! Whole transfers over a link inside this process.

mod consent;
mod hostile;
mod interrupted;
mod links;
mod names;
mod sparse;
mod steered;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use fardrop_shared::name::BadNames;
use fardrop_shared::wire::peer::{DeclineReason, FileReason};
use tokio::sync::watch;

use super::*;
use crate::files::{OfferSource, scan};
use crate::link::Link;

fn offer(paths: &[&Path]) -> Arc<OfferSource> {
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    let scanned = scan(&paths, &AtomicBool::new(false)).unwrap();
    Arc::new(scanned.source)
}

fn options(destination: &Path) -> ReceiveOptions {
    ReceiveOptions {
        destination: destination.to_path_buf(),
        bad_names: BadNames::default(),
        on_left_out: OnLeftOut::default(),
    }
}

fn accept(on_conflict: ConflictPolicy) -> Answer {
    Answer::Decided(Decision::Accept {
        on_conflict,
        selection: Selection::All,
        consent: Consent::ALL,
        destination: None,
        room: Room::Needed,
    })
}

/// What nobody watches or steers.
fn controls() -> Controls {
    let (_, pause) = watch::channel(false);
    Controls {
        progress: watch::Sender::default(),
        standing: watch::Sender::default(),
        renamed: watch::Sender::default(),
        pause,
    }
}

type Outcome = Result<Summary, TransferError>;

async fn cross_over(
    links: (Link, Link),
    offer: Arc<OfferSource>,
    destination: &Path,
    answer: Answer,
) -> (Outcome, Outcome) {
    cross_with(links, offer, options(destination), answer).await
}

async fn cross_with(
    (left, right): (Link, Link),
    offer: Arc<OfferSource>,
    options: ReceiveOptions,
    answer: Answer,
) -> (Outcome, Outcome) {
    let (sending, receiving) = (controls(), controls());
    let told = [&sending, &receiving].map(|controls| controls.progress.subscribe());
    let both = async {
        tokio::join!(
            send(left, offer, sending, std::future::pending()),
            receive(
                right,
                options,
                async |_| answer.clone(),
                receiving,
                std::future::pending()
            ),
        )
    };
    let limit = Duration::from_secs(60);
    let (sent, received) = tokio::time::timeout(limit, both).await.expect("it ends");
    for (outcome, told) in [&sent, &received].into_iter().zip(told) {
        if let Ok(summary) = outcome
            && summary.failure_count == 0
        {
            assert_eq!(told.borrow().crossed(), summary.sent);
        }
    }
    (sent, received)
}

/// Both summaries of a transfer in which nothing goes wrong.
async fn cross(
    paths: &[&Path],
    destination: &Path,
    on_conflict: ConflictPolicy,
) -> (Summary, Summary) {
    let (sent, received) =
        cross_over(Link::pair(), offer(paths), destination, accept(on_conflict)).await;
    let (sent, received) = (sent.unwrap(), received.unwrap());
    assert_eq!((sent.files, sent.bytes), (received.files, received.bytes));
    assert_eq!(sent.failures, received.failures);
    (sent, received)
}

/// Everything about a tree that must cross: contents, times, executable bits.
fn picture(root: &Path) -> BTreeMap<PathBuf, (Option<Vec<u8>>, SystemTime, bool)> {
    let mut picture = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::metadata(&path).unwrap();
            let contents = metadata.is_file().then(|| fs::read(&path).unwrap());
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let executable = metadata.is_file() && metadata.permissions().mode() & 0o100 != 0;
            let path = path.strip_prefix(root).unwrap().to_path_buf();
            picture.insert(path, (contents, metadata.modified().unwrap(), executable));
        }
    }
    picture
}

fn names(root: &Path) -> Vec<String> {
    let paths = picture(root).into_keys();
    paths
        .map(|path| path.to_str().unwrap().to_owned())
        .collect()
}

fn write(path: &Path, contents: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}

/// Where the part of the entry with this path is, of what is shared as `shared`.
fn part_of(shared: &Path, destination: &Path, path: &str) -> PathBuf {
    let hash = blake3::keyed_hash(&offer(&[shared]).origin(), path.as_bytes()).to_hex();
    let name = format!(".fardrop-{}.part", &hash.as_str()[..32]);
    destination.join(path).with_file_name(name)
}

/// Bytes that look like nothing, the same for the same seed.
fn noise(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(&[seed; 32])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn age(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, 123_456_789);
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

#[tokio::test]
async fn a_tree_arrives_as_it_was() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    write(&tree.join("large"), noise(3_000_001, 1));
    write(&tree.join("empty file"), "");
    write(&tree.join("deep/deeper/照片/قطة 🐈.txt"), "meow");
    write(&tree.join("x".repeat(255)), "long");
    write(&tree.join("run.sh"), "#!/bin/sh");
    fs::create_dir_all(tree.join("nothing/in here")).unwrap();
    for index in 0..500 {
        write(&tree.join(format!("many/{index}")), noise(index * 7, 2));
    }
    let run = fs::Permissions::from_mode(0o755);
    fs::set_permissions(tree.join("run.sh"), run).unwrap();
    age(&tree.join("large"), 1_000_000_000);
    age(&tree.join("nothing/in here"), 1_100_000_000);
    age(&tree.join("deep"), 5);
    let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(picture(from.path()), picture(to.path()));
    assert_eq!(received.files, 505);
    assert_eq!(received.sent, received.bytes);
    assert_eq!(sent.sent, received.sent);
    assert_eq!(
        (received.resumed, received.skipped, received.failure_count),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn an_empty_folder_and_an_empty_file_need_no_data() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(from.path().join("empty")).unwrap();
    cross(
        &[&from.path().join("empty")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(names(to.path()), ["empty"]);
    write(&from.path().join("zero"), "");
    cross(
        &[&from.path().join("zero")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    let (_, again) = cross(
        &[&from.path().join("zero")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(names(to.path()), ["empty", "zero"]);
    assert_eq!(again.skipped, 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_with_more_in_it_than_its_size_says_is_not_the_empty_one_that_is_there() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let zero = from.path().join("zero");
    write(&zero, "");
    write(&to.path().join("zero"), "");
    write(&to.path().join("version"), "");
    for on_conflict in [ConflictPolicy::Skip, ConflictPolicy::Replace] {
        // Its length is 0, says the system.
        let (sent, received) =
            cross(&[Path::new("/proc/version"), &zero], to.path(), on_conflict).await;
        let failed = [FileFailure {
            name: "version".to_owned(),
            reason: FileReason::WrongSize,
        }];
        for summary in [&sent, &received] {
            assert_eq!((summary.files, summary.failure_count), (1, 1));
            assert_eq!(summary.failures, failed);
        }
        assert_eq!(received.skipped, 1);
        assert_eq!(names(to.path()), ["version", "zero"]);
        assert_eq!(fs::read(to.path().join("version")).unwrap(), b"");
    }
}

#[tokio::test]
async fn conflicts_are_skipped_renamed_or_replaced() {
    for (on_conflict, expected, skipped) in [
        (ConflictPolicy::Skip, vec!["same", "new.txt", "old.txt"], 1),
        (
            ConflictPolicy::Rename,
            vec!["same", "same", "new.txt", "old.txt"],
            0,
        ),
        (ConflictPolicy::Replace, vec!["same", "new.txt"], 1),
    ] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = from.path().join("tree");
        write(&tree.join("same.txt"), "same");
        write(&tree.join("file.txt"), "new.txt");
        write(&to.path().join("tree/same.txt"), "same");
        write(&to.path().join("tree/file.txt"), "old.txt");
        let (_, received) = cross(&[&tree], to.path(), on_conflict).await;
        assert_eq!(received.skipped, skipped);
        let there = picture(&to.path().join("tree"));
        let mut contents: Vec<_> = there
            .values()
            .map(|(contents, ..)| String::from_utf8(contents.clone().unwrap()).unwrap())
            .collect();
        let mut expected = expected;
        contents.sort();
        expected.sort_unstable();
        assert_eq!(contents, expected, "{on_conflict:?}: {:?}", there.keys());
        if on_conflict != ConflictPolicy::Replace {
            let kept = fs::read_to_string(to.path().join("tree/file.txt")).unwrap();
            assert_eq!(kept, "old.txt");
            let new = fs::read_to_string(to.path().join("tree/file (1).txt")).unwrap();
            assert_eq!(new, "new.txt");
        }
    }
}

#[tokio::test]
async fn the_same_again_sends_nothing_again_under_any_policy() {
    for on_conflict in [
        ConflictPolicy::Skip,
        ConflictPolicy::Rename,
        ConflictPolicy::Replace,
    ] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tree = from.path().join("tree");
        write(&tree.join("large"), noise(300_000, 1));
        write(&tree.join("small"), "small");
        write(&tree.join("empty"), "");
        // A name that looks like a number of another, with that one's size.
        write(&tree.join("small (1)"), "SMALL");
        fs::hard_link(tree.join("large"), tree.join("second name")).unwrap();
        symlink("large", tree.join("link")).unwrap();
        for name in ["large", "small", "second name"] {
            write(&to.path().join("tree").join(name), "another's");
        }
        cross(&[&tree], to.path(), on_conflict).await;
        let there = picture(to.path());
        assert!(there.len() > 6, "{:?}", there.keys());
        for _ in 0..2 {
            let (_, received) = cross(&[&tree], to.path(), on_conflict).await;
            assert_eq!(received.sent, 0, "{on_conflict:?}");
            assert_eq!(received.failure_count, 0);
            let names = picture(to.path());
            assert!(
                names.keys().eq(there.keys()),
                "{on_conflict:?}: {:?}",
                names.keys()
            );
        }
        // A number that was taken away in between is no reason to send the rest again.
        let _ = fs::remove_file(to.path().join("tree/large (1)"));
        let (_, received) = cross(&[&tree], to.path(), on_conflict).await;
        let missing = match on_conflict {
            ConflictPolicy::Replace => 0,
            ConflictPolicy::Skip | ConflictPolicy::Rename => 300_000,
        };
        assert_eq!(received.sent, missing, "{on_conflict:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_fails_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    write(&tree.join("folder/inner"), noise(400_000, 1));
    write(&tree.join("fine"), "fine");
    write(
        &to.path().join("tree/folder"),
        "a file where a folder must go",
    );
    let (sent, received) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    assert_eq!(received.files, 1);
    // The file in it, and the folder itself.
    assert_eq!(received.failure_count, 2);
    assert_eq!(received.failures[0].name, "tree/folder");
    assert_eq!(received.failures[1].name, "tree/folder/inner");
    assert_eq!(received.failures[0].reason, FileReason::NotAFolder);
    assert_eq!(sent.failure_count, 2);
    assert_eq!(names(to.path()), ["tree", "tree/fine", "tree/folder"]);
}

#[tokio::test]
async fn a_source_that_changed_fails_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in [
        "grown", "shrunk", "touched", "vanished", "fine", "piped", "linked",
    ] {
        write(&from.path().join("tree").join(name), "0123456789");
    }
    write(&from.path().join("secret"), "0123456789");
    let tree = from.path().join("tree");
    let offer = offer(&[&tree]);
    write(&tree.join("grown"), "0123456789a");
    write(&tree.join("shrunk"), "012");
    age(&tree.join("touched"), 77);
    fs::remove_file(tree.join("vanished")).unwrap();
    fs::remove_file(tree.join("linked")).unwrap();
    symlink("../secret", tree.join("linked")).unwrap();
    fs::remove_file(tree.join("piped")).unwrap();
    let pipe = tree.join("piped");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let decision = accept(ConflictPolicy::Skip);
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decision).await;
    let received = received.unwrap();
    assert_eq!(received.failure_count, 6);
    assert!(
        received
            .failures
            .iter()
            .all(|failure| failure.reason == FileReason::FileChanged)
    );
    assert_eq!(sent.unwrap().failures, received.failures);
    assert_eq!(names(to.path()), ["tree", "tree/fine"]);
}

#[tokio::test]
async fn a_declined_offer_writes_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "x");
    let destination = to.path().join("new");
    let offer = offer(&[&from.path().join("file")]);
    let (sent, received) = cross_over(
        Link::pair(),
        offer,
        &destination,
        Answer::Decided(Decision::Decline),
    )
    .await;
    let declined = |outcome| matches!(outcome, Err(TransferError::Declined(DeclineReason::Person)));
    assert!(declined(sent) && declined(received));
    assert!(!destination.exists());
}

#[tokio::test]
async fn the_time_a_person_thinks_is_not_the_transfers() {
    /// Far more than one byte takes.
    const THOUGHT: Duration = Duration::from_millis(500);
    let root = tempfile::tempdir().unwrap();
    write(&root.path().join("a"), "a");
    let (left, right) = Link::pair();
    let decide = async |_: ScannedOffer| {
        tokio::time::sleep(THOUGHT).await;
        accept(ConflictPolicy::Skip)
    };
    let never = std::future::pending;
    let destination = options(&root.path().join("in"));
    let (sent, received) = tokio::join!(
        send(left, offer(&[&root.path().join("a")]), controls(), never()),
        receive(right, destination, decide, controls(), never()),
    );
    for summary in [sent.unwrap(), received.unwrap()] {
        assert!(summary.elapsed < THOUGHT, "{summary:?}");
    }
}

#[tokio::test]
async fn what_another_receive_brings_meanwhile_is_not_kept_twice() {
    for (on_conflict, brought, kept) in [
        (
            ConflictPolicy::Skip,
            "content",
            ["file", "other"].as_slice(),
        ),
        (ConflictPolicy::Rename, "content", &["file", "other"]),
        (
            ConflictPolicy::Skip,
            "another",
            &["file", "file (1)", "other"],
        ),
    ] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = ["file", "other"].map(|name| from.path().join(name));
        for file in &files {
            write(file, "content");
            age(file, 1_000_000_000);
        }
        let (left, right) = Link::pair();
        let there = to.path().join("file");
        let decide = async |_: ScannedOffer| {
            write(&there, brought);
            age(&there, 1_000_000_000);
            accept(on_conflict)
        };
        let never = std::future::pending;
        let (sent, received) = tokio::join!(
            send(
                left,
                offer(&files.each_ref().map(PathBuf::as_path)),
                controls(),
                never()
            ),
            receive(right, options(to.path()), decide, controls(), never()),
        );
        for summary in [sent.unwrap(), received.unwrap()] {
            assert_eq!((summary.files, summary.failure_count), (2, 0), "{brought}");
        }
        assert_eq!(names(to.path()), kept, "{on_conflict:?}");
        assert_eq!(fs::read_to_string(&there).unwrap(), brought);
    }
}

#[tokio::test]
async fn a_destination_is_made_once_the_offer_is_accepted() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "x");
    let destination = to.path().join("made/deep");
    cross(
        &[&from.path().join("file")],
        &destination,
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(names(&destination), ["file"]);
    let file = destination.join("file");
    let decision = accept(ConflictPolicy::Skip);
    let offer = offer(&[&from.path().join("file")]);
    let (sent, received) = cross_over(Link::pair(), offer, &file, decision).await;
    let told = Err::<(), _>(TransferError::Declined(DeclineReason::Destination(
        FileReason::NotAFolder,
    )));
    assert_eq!(format!("{:?}", sent.map(|_| ())), format!("{told:?}"));
    assert!(matches!(received, Err(TransferError::Destination(_))));
}

#[tokio::test]
async fn part_of_an_offer_can_be_taken() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["a", "b", "c", "d"] {
        write(&from.path().join("tree").join(name), name);
    }
    let offer = offer(&[&from.path().join("tree")]);
    let decision = Answer::Decided(Decision::Accept {
        on_conflict: ConflictPolicy::Skip,
        selection: Selection::Except([1, 3].into()),
        consent: Consent::ALL,
        destination: None,
        room: Room::Needed,
    });
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decision).await;
    assert_eq!(received.unwrap().files, 2);
    assert_eq!(sent.unwrap().files, 2);
    assert_eq!(names(to.path()), ["tree", "tree/b", "tree/d"]);
}

#[tokio::test]
async fn the_other_side_is_told_of_a_cancel() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "x");
    let (left, right) = Link::pair();
    let (sent, received) = tokio::join!(
        send(
            left,
            offer(&[&from.path().join("file")]),
            controls(),
            async { StopReason::Cancelled }
        ),
        receive(
            right,
            options(to.path()),
            async |_| accept(ConflictPolicy::Skip),
            controls(),
            std::future::pending()
        ),
    );
    assert!(matches!(sent, Err(TransferError::Cancelled)), "{sent:?}");
    assert!(
        matches!(received, Err(TransferError::CancelledByPeer)),
        "{received:?}"
    );
}

#[tokio::test]
async fn several_receivers_take_one_offer_at_once() {
    let from = tempfile::tempdir().unwrap();
    write(&from.path().join("tree/file"), noise(1_000_000, 3));
    let offer = offer(&[&from.path().join("tree")]);
    let to = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let cross = |index: usize| {
        let decision = accept(ConflictPolicy::Skip);
        cross_over(Link::pair(), Arc::clone(&offer), to[index].path(), decision)
    };
    let outcomes: [_; 3] = tokio::join!(cross(0), cross(1), cross(2)).into();
    for ((sent, received), to) in outcomes.into_iter().zip(&to) {
        assert_eq!(sent.unwrap().files, received.unwrap().files);
        assert_eq!(picture(from.path()), picture(to.path()));
    }
}

#[tokio::test]
async fn a_link_out_of_the_destination_is_not_followed() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    write(&from.path().join("tree/file"), "x");
    symlink(outside.path(), to.path().join("tree")).unwrap();
    let (_, received) = cross(
        &[&from.path().join("tree")],
        to.path(),
        ConflictPolicy::Replace,
    )
    .await;
    assert_eq!((received.files, received.failure_count), (0, 2));
    assert_eq!(names(outside.path()), [""; 0]);
}

/// The mode of what is at `path`, itself.
fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn what_is_closed_to_others_arrives_closed() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tree = from.path().join("tree");
    let modes = [
        ("key", 0o600),
        ("ours", 0o640),
        ("tool", 0o700),
        ("half a tool", 0o744),
        ("plain", 0o644),
        ("open", 0o666),
        ("closed/in it", 0o644),
        ("ajar/empty/none", 0o400),
    ];
    for (name, bits) in modes {
        write(&tree.join(name), name);
        set_mode(&tree.join(name), bits);
    }
    let folders = [("closed", 0o700), ("ajar", 0o750), ("ajar/empty", 0o711)];
    for (name, bits) in folders {
        set_mode(&tree.join(name), bits);
    }
    // What the umask gives to anything here.
    fs::create_dir(from.path().join("new")).unwrap();
    let umask = !mode(&from.path().join("new")) & 0o777;
    cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
    for (name, bits) in modes.into_iter().chain(folders) {
        let expected = (bits | 0o600) & !umask;
        let arrived = mode(&to.path().join("tree").join(name));
        assert_eq!(arrived, expected, "{name}: {arrived:o}");
    }
    // What takes another's place keeps the narrower of both.
    let (ours, key) = (to.path().join("tree/ours"), to.path().join("tree/key"));
    fs::write(&ours, "changed").unwrap();
    fs::write(&key, "changed").unwrap();
    set_mode(&ours, 0o604);
    set_mode(&key, 0o644);
    cross(&[&tree], to.path(), ConflictPolicy::Replace).await;
    assert_eq!(fs::read_to_string(&ours).unwrap(), "ours");
    assert_eq!((mode(&ours), mode(&key)), (0o600, 0o600));
}
