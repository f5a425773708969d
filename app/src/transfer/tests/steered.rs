//! Transfers that are paused, redirected, and taken in part.

use super::*;
use crate::transfer::bounds::PLACES_KEPT;

/// A transfer of one file over a link in this process, and everything to steer and watch it with.
struct Steered {
    _from: tempfile::TempDir,
    to: tempfile::TempDir,
    offer: Arc<OfferSource>,
    link: (Link, Link),
    sender: Controls,
    receiver: Controls,
    pause: [watch::Sender<bool>; 2],
    standing: [watch::Receiver<Standing>; 2],
}

/// Large against all buffers between the two sides.
const LENGTH: usize = 20 * 1024 * 1024;

fn steered() -> Steered {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), noise(LENGTH, 1));
    let pause = [watch::Sender::new(false), watch::Sender::new(false)];
    let [sender, receiver] = [0, 1].map(|side: usize| Controls {
        pause: pause[side].subscribe(),
        ..controls()
    });
    Steered {
        offer: offer(&[&from.path().join("file")]),
        _from: from,
        to,
        link: Link::pair(),
        standing: [sender.standing.subscribe(), receiver.standing.subscribe()],
        sender,
        receiver,
        pause,
    }
}

/// Runs the transfer to its end, and `person` beside it.
async fn run(steered: Steered, person: impl AsyncFnOnce(Person)) -> (Outcome, Outcome) {
    let (left, right) = steered.link;
    let received = steered.receiver.progress.subscribe();
    let destination = options(steered.to.path());
    let person = person(Person {
        pause: steered.pause,
        standing: steered.standing,
        received,
    });
    let never = std::future::pending;
    let all = async {
        tokio::join!(
            send(left, steered.offer, steered.sender, never()),
            receive(
                right,
                destination,
                async |_| accept(ConflictPolicy::Skip),
                steered.receiver,
                never()
            ),
            person,
        )
    };
    let limit = Duration::from_secs(60);
    let (sent, received, ()) = tokio::time::timeout(limit, all).await.expect("it ends");
    (sent, received)
}

/// Who steers both sides, and sees how they stand.
struct Person {
    pause: [watch::Sender<bool>; 2],
    standing: [watch::Receiver<Standing>; 2],
    received: watch::Receiver<Tally>,
}

impl Person {
    /// Waits until the sender, and then the receiver, stands like this: paused here, paused by the peer.
    async fn until(&mut self, sender: (bool, bool), receiver: (bool, bool)) {
        for (standing, expected) in self.standing.iter_mut().zip([sender, receiver]) {
            let stands =
                |standing: &Standing| (standing.paused_here, standing.paused_by_peer) == expected;
            standing.wait_for(stands).await.expect("it goes on");
        }
    }

    /// A whole transfer of the same file: what is not paused would be through by then.
    async fn wait_as_long_as_a_transfer_takes(&self) {
        let (sent, received) = Box::pin(run(steered(), async |_| {})).await;
        assert!(sent.is_ok() && received.is_ok());
    }
}

#[tokio::test]
async fn either_side_can_pause_and_both_see_who_did() {
    for (side, sender, receiver) in [
        (0, (true, false), (false, true)),
        (1, (false, true), (true, false)),
    ] {
        let person = async |mut person: Person| {
            let accepted = |standing: &Standing| standing.accepted.is_some();
            let accepted = person.standing[side].wait_for(accepted).await;
            assert_eq!(
                accepted.expect("it goes on").accepted,
                Some((1, LENGTH as u64))
            );
            person.pause[side].send_replace(true);
            person.until(sender, receiver).await;
            person.wait_as_long_as_a_transfer_takes().await;
            let here = person.received.borrow().bytes;
            assert!(here < LENGTH as u64, "side {side} did not pause");
            person.pause[side].send_replace(false);
            person.until((false, false), (false, false)).await;
        };
        let (sent, received) = run(steered(), person).await;
        assert_eq!(sent.unwrap().bytes, LENGTH as u64);
        assert_eq!(received.unwrap().bytes, LENGTH as u64);
    }
}

#[tokio::test]
async fn what_both_have_paused_goes_on_when_both_resume() {
    let person = async |mut person: Person| {
        for pause in &person.pause {
            pause.send_replace(true);
        }
        person.until((true, true), (true, true)).await;
        person.pause[0].send_replace(false);
        person.until((false, true), (true, false)).await;
        person.wait_as_long_as_a_transfer_takes().await;
        assert!(person.received.borrow().bytes < LENGTH as u64);
        person.pause[1].send_replace(false);
    };
    let (sent, received) = run(steered(), person).await;
    assert!(sent.is_ok() && received.is_ok());
}

#[tokio::test]
async fn a_sender_that_was_paused_beforehand_sends_nothing() {
    let steered = steered();
    steered.pause[0].send_replace(true);
    let person = async |mut person: Person| {
        person.until((true, false), (false, true)).await;
        person.wait_as_long_as_a_transfer_takes().await;
        assert_eq!(person.received.borrow().bytes, 0);
        person.pause[0].send_replace(false);
    };
    let (sent, received) = run(steered, person).await;
    assert!(sent.is_ok() && received.is_ok());
}

#[tokio::test]
async fn a_paused_transfer_can_be_cancelled() {
    let steered = steered();
    steered.pause[1].send_replace(true);
    let (left, right) = steered.link;
    let mut standing = steered.standing;
    let paused = async move {
        let paused = |standing: &Standing| standing.paused_by_peer;
        standing[0].wait_for(paused).await.expect("it goes on");
        StopReason::Cancelled
    };
    let destination = options(steered.to.path());
    let both = async {
        tokio::join!(
            send(left, steered.offer, steered.sender, paused),
            receive(
                right,
                destination,
                async |_| accept(ConflictPolicy::Skip),
                steered.receiver,
                std::future::pending()
            ),
        )
    };
    let limit = Duration::from_secs(60);
    let (sent, received) = tokio::time::timeout(limit, both).await.expect("it ends");
    assert!(matches!(sent, Err(TransferError::Cancelled)), "{sent:?}");
    let told = matches!(received, Err(TransferError::CancelledByPeer));
    assert!(told, "{received:?}");
}

/// What a receiver makes of `answers`, one after the other; and what it was shown before each.
async fn decided(
    offer: Arc<OfferSource>,
    first: &Path,
    answers: Vec<Answer>,
) -> (Outcome, Vec<(PathBuf, u32, bool)>) {
    let (left, right) = Link::pair();
    let mut shown = Vec::new();
    let mut answers = answers.into_iter();
    let decide = |summary: ScannedOffer| {
        let refused = summary.refused.is_some();
        shown.push((summary.destination, summary.conflicts, refused));
        std::future::ready(answers.next().expect("an answer"))
    };
    let never = std::future::pending;
    let (_, received) = tokio::join!(
        send(left, offer, controls(), never()),
        receive(right, options(first), decide, controls(), never()),
    );
    (received, shown)
}

#[tokio::test]
async fn another_folder_is_looked_at_before_anything_is_written() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("file"), "new");
    let (first, second) = (to.path().join("first"), to.path().join("second"));
    write(&second.join("file"), "old");
    let unusable = second.join("file");
    let (received, shown) = decided(
        offer(&[&from.path().join("file")]),
        &first,
        vec![
            Answer::Elsewhere(second.clone()),
            Answer::Elsewhere(unusable),
            accept(ConflictPolicy::Skip),
        ],
    )
    .await;
    let expected = [
        (first.clone(), 0, false),
        (second.clone(), 1, false),
        (second.clone(), 1, true),
    ];
    assert_eq!(shown, expected);
    assert!(!first.exists());
    assert_eq!(names(&second), ["file", "file (1)"]);
    assert_eq!(received.unwrap().places, [second.join("file (1)")]);
}

#[tokio::test]
async fn places_are_the_top_of_what_was_taken_under_its_final_names() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("same.txt"), "same");
    write(&from.path().join("other.txt"), "new");
    write(&from.path().join("tree/deep/a"), "a");
    fs::create_dir(from.path().join("empty")).unwrap();
    write(&to.path().join("same.txt"), "same");
    write(&to.path().join("other.txt"), "old");
    let named = ["same.txt", "other.txt", "tree", "empty"].map(|name| from.path().join(name));
    let paths: Vec<&Path> = named.iter().map(PathBuf::as_path).collect();
    let (sent, received) = cross(&paths, to.path(), ConflictPolicy::Skip).await;
    let mut places = received.places;
    places.sort();
    let expected = ["empty", "other (1).txt", "same.txt", "tree"].map(|name| to.path().join(name));
    assert_eq!(places, expected);
    assert!(sent.places.is_empty());
}

#[tokio::test]
async fn no_more_than_ten_places_are_told() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let named: Vec<_> = (0..30)
        .map(|name| from.path().join(name.to_string()))
        .collect();
    for path in &named {
        write(path, "x");
    }
    let paths: Vec<&Path> = named.iter().map(PathBuf::as_path).collect();
    let (_, received) = cross(&paths, to.path(), ConflictPolicy::Skip).await;
    assert_eq!((received.files, received.places.len()), (30, PLACES_KEPT));
}
