//! Links cut in the middle, and what a second transfer makes of what was kept.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use super::*;
use crate::link::{CloseCode, ControlReceiver, ControlSender, LinkHandle};

/// What was said on a control channel.
pub(super) type Said = Arc<Mutex<Vec<Vec<u8>>>>;

/// A link through a relay that passes so many bytes of data and is then gone.
pub(super) fn cut_after(bytes: usize) -> (Link, Link) {
    overheard(bytes, Said::default())
}

/// A link through such a relay, which notes what the receiver says on the control channel.
pub(super) fn overheard(bytes: usize, heard: Said) -> (Link, Link) {
    let (left, near) = Link::pair();
    let (far, right) = Link::pair();
    tokio::spawn(async move {
        let handles = [near.handle.clone(), far.handle.clone()];
        tokio::select! {
            () = pass_control(near.control_receiver, far.control_sender, Said::default()) => {}
            () = pass_control(far.control_receiver, near.control_sender, heard) => {}
            () = pass_data(&handles[0], &handles[1], bytes) => {}
            _ = handles[0].closed() => {}
            _ = handles[1].closed() => {}
        }
        for handle in handles {
            handle.close(CloseCode::Other(99));
        }
    });
    (left, right)
}

async fn pass_control(mut from: ControlReceiver, mut to: ControlSender, heard: Said) {
    while let Ok(Some(message)) = from.receive().await {
        heard.lock().unwrap().push(message.to_vec());
        if to.send(&message).await.is_err() {
            return;
        }
    }
    // The rest of what was said is still on its way.
    std::future::pending().await
}

async fn pass_data(from: &LinkHandle, to: &LinkHandle, mut left: usize) {
    let Ok(mut stream) = from.accept_data().await else {
        return;
    };
    let mut out = to.open_data().await.unwrap();
    let mut buffer = vec![0; 10_000];
    while let Ok(Some(length)) = stream.read(&mut buffer).await {
        let passed = length.min(left);
        if out.write(buffer[..passed].to_vec().into()).await.is_err() {
            return;
        }
        left -= passed;
        if left == 0 {
            return;
        }
    }
    let _ = out.finish();
    std::future::pending().await
}

/// A part file for the entry with this path, as an earlier transfer of what is at `shared` would have left it.
pub(super) fn leave_part(
    shared: &Path,
    destination: &Path,
    path: &str,
    contents: &[u8],
) -> PathBuf {
    let part = part_of(shared, destination, path);
    write(&part, contents);
    fs::set_permissions(&part, fs::Permissions::from_mode(0o600)).unwrap();
    part
}

#[tokio::test]
async fn a_kept_prefix_is_not_sent_again() {
    let contents = noise(5_000_000, 4);
    // Kept, of which so many are right, and how many are resumed from.
    for (kept, right, resumed) in [
        (3_000_000, 3_000_000, 3_000_000),
        (3_000_000, 2_999_999, 2_250_000),
        (3_000_000, 1_000_000, 750_000),
        (3_000_000, 0, 0),
        (5_000_000, 5_000_000, 5_000_000),
        (1, 1, 1),
    ] {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(&from.path().join("tree/file"), &contents);
        let mut part = contents[..right].to_vec();
        part.resize(kept, 0xff);
        leave_part(&from.path().join("tree"), to.path(), "tree/file", &part);
        let (sent, received) = cross(
            &[&from.path().join("tree")],
            to.path(),
            ConflictPolicy::Skip,
        )
        .await;
        assert_eq!(received.resumed, resumed, "{kept} {right}");
        assert_eq!(received.sent, 5_000_000 - resumed);
        assert_eq!((sent.sent, sent.resumed), (received.sent, received.resumed));
        let there = fs::read(to.path().join("tree/file")).unwrap();
        assert_eq!(there, contents);
        assert_eq!(names(to.path()), ["tree", "tree/file"]);
    }
}

/// What a killed receiver can leave beside a file that has its name.
#[derive(Debug, Clone, Copy)]
enum Leftover {
    /// The same file, where a name is given by link and unlink.
    SecondName,
    /// Begun, with nothing in it yet.
    Empty,
    /// Whole.
    Whole,
}

#[tokio::test]
async fn a_part_beside_its_finished_file_is_removed() {
    use ConflictPolicy::{Rename, Replace, Skip};
    for size in [0, 5_000] {
        for leftover in [Leftover::SecondName, Leftover::Empty, Leftover::Whole] {
            for on_conflict in [Skip, Rename, Replace] {
                let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                let shared = from.path().join("tree");
                let contents = noise(size, 4);
                for file in [shared.join("file"), to.path().join("tree/file")] {
                    write(&file, &contents);
                    age(&file, 1_000_000_000);
                }
                match leftover {
                    Leftover::SecondName => {
                        let part = part_of(&shared, to.path(), "tree/file");
                        fs::hard_link(to.path().join("tree/file"), part).unwrap();
                    }
                    Leftover::Empty => _ = leave_part(&shared, to.path(), "tree/file", b""),
                    Leftover::Whole => _ = leave_part(&shared, to.path(), "tree/file", &contents),
                }
                let (_, received) = cross(&[&shared], to.path(), on_conflict).await;
                let case = format!("{leftover:?} of {size}, {on_conflict:?}");
                assert_eq!((received.failure_count, received.sent), (0, 0), "{case}");
                assert_eq!(names(to.path()), ["tree", "tree/file"], "{case}");
                let there = fs::read(to.path().join("tree/file")).unwrap();
                assert_eq!(there, contents, "{case}");
            }
        }
    }
}

/// What happens to a source between two tries.
#[derive(Debug, Clone, Copy)]
enum Away {
    Removed,
    Touched,
    Longer,
    AFolder,
}

impl Away {
    fn begin(self, source: &Path, contents: &[u8]) {
        match self {
            Self::Removed => fs::remove_file(source).unwrap(),
            Self::Touched => age(source, 77),
            Self::Longer => write(source, [contents, b"and more"].concat()),
            Self::AFolder => {
                fs::remove_file(source).unwrap();
                fs::create_dir(source).unwrap();
            }
        }
    }

    fn end(self, source: &Path, contents: &[u8]) {
        if matches!(self, Self::AFolder) {
            fs::remove_dir(source).unwrap();
        }
        write(source, contents);
        age(source, 1_000_000_000);
    }
}

#[tokio::test]
async fn a_source_that_is_away_for_one_try_costs_nothing_that_was_kept() {
    let contents = noise(400_000, 4);
    for away in [Away::Removed, Away::Touched, Away::Longer, Away::AFolder] {
        // All of it is here as well: then nothing is sent, and the file is away when it is to be proved.
        for kept in [300_000, 400_000] {
            let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (tree, source) = (from.path().join("tree"), from.path().join("tree/file"));
            write(&source, &contents);
            write(&tree.join("other"), "other");
            age(&source, 1_000_000_000);
            let kept_there = &contents[..kept];
            let part = leave_part(&tree, to.path(), "tree/file", kept_there);
            let offered = offer(&[&tree]);
            away.begin(&source, &contents);
            let decision = accept(ConflictPolicy::Skip);
            let (sent, received) =
                cross_over(Link::pair(), Arc::clone(&offered), to.path(), decision).await;
            let (sent, received) = (sent.unwrap(), received.unwrap());
            assert_eq!(sent.failures, received.failures);
            assert_eq!(received.failures[0].name, "tree/file", "{away:?} {kept}");
            assert_eq!((received.files, received.failure_count), (1, 1));
            assert!(fs::read(&part).unwrap() == kept_there, "{away:?} {kept}");
            away.end(&source, &contents);
            let decision = accept(ConflictPolicy::Skip);
            let (sent, received) = cross_over(Link::pair(), offered, to.path(), decision).await;
            let (sent, received) = (sent.unwrap(), received.unwrap());
            let rest = (contents.len() - kept) as u64;
            assert_eq!((sent.sent, received.sent), (rest, rest), "{away:?} {kept}");
            assert_eq!(names(to.path()), ["tree", "tree/file", "tree/other"]);
            assert!(fs::read(to.path().join("tree/file")).unwrap() == contents);
        }
    }
}

#[tokio::test]
async fn a_part_longer_than_the_file_is_cut() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "short");
    leave_part(
        &from.path().join("file"),
        to.path(),
        "file",
        b"short and more",
    );
    cross(
        &[&from.path().join("file")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(fs::read(to.path().join("file")).unwrap(), b"short");
    assert_eq!(names(to.path()), ["file"]);
}

#[tokio::test]
async fn a_part_held_by_another_receiver_is_left_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "0123456789");
    let part = leave_part(&from.path().join("file"), to.path(), "file", b"01234");
    let held = fs::File::open(&part).unwrap();
    held.lock().unwrap();
    let (_, received) = cross(
        &[&from.path().join("file")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(received.resumed, 0);
    assert_eq!(fs::read(&part).unwrap(), b"01234");
    assert_eq!(fs::read(to.path().join("file")).unwrap(), b"0123456789");
}

#[tokio::test]
async fn what_was_kept_beside_the_part_of_another_receiver_is_gone_on_with() {
    let contents = noise(3_000_000, 9);
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = from.path().join("file");
    write(&source, &contents);
    let part = leave_part(&source, to.path(), "file", &contents[..100]);
    let held = fs::File::open(&part).unwrap();
    held.lock().unwrap();
    // The other one receives, too.
    let writing = std::thread::Builder::new().name("other".into()).spawn({
        let part = fs::OpenOptions::new().append(true).open(&part).unwrap();
        move || {
            while part.metadata().unwrap().len() < 200 {
                (&part).write_all(b"more").unwrap();
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
    });
    let writing = writing.unwrap();
    let decision = || accept(ConflictPolicy::Skip);
    let (_, cut) = cross_over(
        cut_after(2_000_000),
        offer(&[&source]),
        to.path(),
        decision(),
    )
    .await;
    assert!(cut.is_err());
    writing.join().unwrap();
    drop(held);
    let usual = part.file_stem().unwrap().to_str().unwrap();
    let beside = part.with_file_name(format!("{usual}-2.part"));
    let kept = beside.metadata().unwrap().len();
    assert!(kept > 200, "{kept}");
    let (_, received) = cross_over(Link::pair(), offer(&[&source]), to.path(), decision()).await;
    let received = received.unwrap();
    assert_eq!((received.resumed, received.sent), (kept, 3_000_000 - kept));
    assert_eq!(names(to.path()), ["file"]);
    assert!(fs::read(to.path().join("file")).unwrap() == contents);
}

#[tokio::test]
async fn a_link_instead_of_a_part_is_left_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "0123456789");
    write(&to.path().join("precious"), "01234");
    let part = leave_part(&from.path().join("file"), to.path(), "file", b"");
    fs::remove_file(&part).unwrap();
    symlink("precious", &part).unwrap();
    cross(
        &[&from.path().join("file")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!(fs::read(to.path().join("precious")).unwrap(), b"01234");
    assert_eq!(fs::read(to.path().join("file")).unwrap(), b"0123456789");
}

#[tokio::test]
async fn more_conflicts_than_claims_at_once_are_all_proved() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for index in 0..1500_u32 {
        write(
            &from.path().join(format!("tree/{index}")),
            index.to_le_bytes(),
        );
        let path = format!("tree/{index}");
        if index % 2 == 0 {
            write(&to.path().join(path), index.to_le_bytes());
        } else {
            leave_part(
                &from.path().join("tree"),
                to.path(),
                &path,
                &index.to_le_bytes()[..2],
            );
        }
    }
    let (_, received) = cross(
        &[&from.path().join("tree")],
        to.path(),
        ConflictPolicy::Skip,
    )
    .await;
    assert_eq!((received.files, received.skipped), (1500, 750));
    assert_eq!(received.resumed, 750 * 4 + 750 * 2);
    assert_eq!(names(to.path()), names(from.path()));
}

/// A temporary folder in memory where there is such a thing: many small transfers onto a disk
/// mostly wait for it.
fn memory_tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Every file with a final name is whole, whatever happened.
#[track_caller]
fn check_whole(from: &Path, to: &Path, seed: u64) {
    let source = picture(from);
    for (path, (contents, ..)) in picture(to) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if contents.is_some() && !name.starts_with(".fardrop-") {
            assert!(source[&path].0 == contents, "seed {seed}: {path:?}");
        }
    }
}

#[tokio::test]
async fn a_link_cut_anywhere_leaves_whole_files_or_none() {
    let from = tempfile::tempdir().unwrap();
    let tree = from.path().join("tree");
    write(&tree.join("large"), noise(700_000, 5));
    for index in 0..40 {
        write(&tree.join(format!("small/{index}")), noise(index * 311, 6));
    }
    let offer = offer(&[&tree]);
    let mut state = 1_u64;
    let mut saved = 0;
    for seed in 0..200_u64 {
        let to = memory_tempdir();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(seed | 1);
            let bytes = 1 + (state >> 33) as usize % 950_000;
            let decision = accept(ConflictPolicy::Skip);
            let link = cut_after(bytes);
            let _ = cross_over(link, Arc::clone(&offer), to.path(), decision).await;
            check_whole(from.path(), to.path(), seed);
        }
        let (_, received) = cross(&[&tree], to.path(), ConflictPolicy::Skip).await;
        assert_eq!(received.failure_count, 0);
        saved += received.resumed;
        assert_eq!(names(from.path()), names(to.path()), "seed {seed}");
        check_whole(from.path(), to.path(), seed);
    }
    assert!(saved > 200 * 300_000, "{saved} bytes were not sent again");
}
