use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};

use super::message::{Attempt, Message, Opening, Proof, Refusal, Standing};
use super::{
    Capabilities, Cipher, Ciphers, Hello, PairingFailure, PeerKey, ReceiverEvent, ReceiverPairing,
    RunFailure, SenderEvent, SenderPairing, Transports, VersionRange,
};
use crate::code::PairingCode;
use crate::limits::{
    HELLO_BYTES, MAX_CANDIDATES, MAX_DEVICE_BYTES, MAX_OPEN_PAYLOAD_BYTES,
    MAX_PAIRING_PAYLOAD_BYTES, MAX_RUNS, RECEIVER_PATIENCE, RUN_PATIENCE,
};
use crate::path::{Candidate, CandidateKind, Nat, Whereabouts};
use crate::{PairingId, Role};

const CAPABILITIES: Capabilities = Capabilities::new(Transports::ALL, Ciphers::CHACHA20_POLY1305);

fn code(text: &str) -> PairingCode {
    PairingCode::parse(text).unwrap()
}

fn hello(device: &str) -> Hello {
    let address = "192.0.2.1:7".parse().unwrap();
    let candidate = Candidate::new(CandidateKind::Host, address);
    let whereabouts = Whereabouts::new(vec![candidate], Nat::Unknown);
    Hello::new([7; 32], whereabouts, device.to_owned())
}

/// A sender, and the time and randomness of everybody.
struct World {
    now: Instant,
    rng: ChaCha20Rng,
    sender: SenderPairing,
    events: Vec<SenderEvent>,
}

impl World {
    fn new(text: &str) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Self {
            sender: SenderPairing::new(code(text), CAPABILITIES, &mut rng),
            rng,
            #[expect(
                clippy::disallowed_methods,
                reason = "a start for the test's own clock"
            )]
            now: Instant::now(),
            events: Vec::new(),
        }
    }

    fn receiver(&mut self, text: &str) -> ReceiverPairing {
        self.receiver_with(text, CAPABILITIES)
    }

    fn receiver_with(&mut self, text: &str, capabilities: Capabilities) -> ReceiverPairing {
        let pairing = PairingId::random(&mut self.rng);
        ReceiverPairing::new(code(text), capabilities, pairing, self.now)
    }

    /// `receiver` is told what the sender says to anybody, and makes its attempt.
    fn ask(&mut self, receiver: &mut ReceiverPairing) {
        let standing = self.sender.standing_payload();
        assert!(standing.len() <= MAX_OPEN_PAYLOAD_BYTES);
        receiver.provide_hello(self.now, hello("receiver"), &mut self.rng);
        receiver.handle_payload(self.now, &standing, &mut self.rng);
    }

    /// The sender takes what `receiver` has to say now.
    fn feed_sender(&mut self, receiver: &mut ReceiverPairing) {
        while let Some(payload) = receiver.poll_transmit() {
            self.say(receiver.id(), &payload);
        }
    }

    fn say(&mut self, from: PairingId, payload: &[u8]) {
        assert!(payload.len() <= MAX_PAIRING_PAYLOAD_BYTES);
        self.sender
            .handle_payload(self.now, from, payload, &mut self.rng);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.sender.poll_event() {
            if let SenderEvent::HelloNeeded { run } = event {
                self.sender.provide_hello(self.now, run, &hello("sender"));
            }
            self.events.push(event);
        }
    }

    /// `receiver` takes what the sender says to it now.
    fn feed_receiver(&mut self, receiver: &mut ReceiverPairing) {
        if let Some(payload) = self.sender.payload(receiver.id()) {
            receiver.handle_payload(self.now, payload, &mut self.rng);
        }
    }

    /// Everything there is to say, both ways.
    fn run(&mut self, receiver: &mut ReceiverPairing) {
        self.ask(receiver);
        for _ in 0..3 {
            self.feed_sender(receiver);
            self.feed_receiver(receiver);
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.sender.handle_timeout(self.now);
        self.drain();
    }

    fn sender_key(&self, run: PairingId) -> Option<&PeerKey> {
        self.events.iter().find_map(|event| {
            let SenderEvent::Paired {
                run: paired, key, ..
            } = event
            else {
                return None;
            };
            (*paired == run).then_some(&**key)
        })
    }

    fn died(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, SenderEvent::Dead))
    }

    #[track_caller]
    fn check_paired(&self, receiver: &mut ReceiverPairing) {
        let Some(ReceiverEvent::Paired { key, peer }) = receiver.poll_event() else {
            panic!("the receiver is not paired");
        };
        assert_eq!(peer.device(), "sender");
        assert_eq!(self.sender_key(receiver.id()), Some(&*key));
        assert!(receiver.poll_event().is_none());
        assert_eq!(receiver.poll_timeout(), None);
    }
}

#[track_caller]
fn check_failed(receiver: &mut ReceiverPairing, failure: PairingFailure) {
    match receiver.poll_event() {
        Some(ReceiverEvent::Failed(failed)) => assert_eq!(failed, failure),
        other => panic!("{other:?} is not {failure:?}"),
    }
    assert!(receiver.poll_event().is_none());
    assert_eq!(receiver.poll_timeout(), None);
}

#[test]
fn those_who_know_the_words_are_paired() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417 ACI lemmon");
    world.run(&mut receiver);
    world.check_paired(&mut receiver);
    assert_eq!(world.sender.attempts_left(), 3);
    let key = world.sender_key(receiver.id()).unwrap();
    assert_eq!(key.agreement().transports, Transports::ALL);
    let all = [
        key.probe(Role::Sender),
        key.probe(Role::Receiver),
        key.go_back_n(Role::Sender),
        key.go_back_n(Role::Receiver),
        key.quic_binding(),
        key.resume(),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(
            !all[..at].contains(one),
            "each purpose has a key of its own"
        );
    }
}

#[test]
fn every_run_has_keys_of_its_own() {
    let mut world = World::new("417-acid-lemon");
    let mut receivers: Vec<_> = (0..5).map(|_| world.receiver("417-acid-lemon")).collect();
    for receiver in &mut receivers {
        world.run(receiver);
        world.check_paired(receiver);
    }
    let one = world.sender_key(receivers[0].id()).unwrap();
    let other = world.sender_key(receivers[1].id()).unwrap();
    assert_ne!(one.quic_binding(), other.quic_binding());
}

#[test]
fn hellos_may_come_late() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    let id = receiver.id();
    let mut rng = world.rng.clone();
    let now = world.now;
    receiver.handle_payload(now, &world.sender.standing_payload(), &mut rng);
    assert_eq!(receiver.poll_transmit(), None);
    assert_eq!(receiver.proofs(), 0);
    receiver.provide_hello(now, hello("receiver"), &mut rng);
    assert_eq!(receiver.proofs(), 1);
    let attempt = receiver.poll_transmit().unwrap();
    world.sender.handle_payload(now, id, &attempt, &mut rng);
    assert!(
        matches!(world.sender.poll_event(), Some(SenderEvent::HelloNeeded { run }) if run == id)
    );
    assert!(world.sender.poll_event().is_none());
    assert_eq!(world.sender.poll_transmit(), None);
    world.sender.provide_hello(now, id, &hello("sender"));
    world.sender.provide_hello(now, id, &hello("another"));
    world.drain();
    assert_eq!(world.sender.poll_transmit().unwrap().to, id);
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn a_receiver_waits_with_the_newest_share() {
    let mut world = World::new("417-acid-lemon");
    let mut slow = world.receiver("417-acid-lemon");
    let standing = world.sender.standing_payload();
    slow.handle_payload(world.now, &standing, &mut world.rng);
    let mut quick = world.receiver("417-acid-lemon");
    world.run(&mut quick);
    world.check_paired(&mut quick);
    let newest = world.sender.standing_payload();
    assert_ne!(newest, standing);
    slow.handle_payload(world.now, &newest, &mut world.rng);
    world.run(&mut slow);
    world.check_paired(&mut slow);
    assert_eq!(slow.proofs(), 1);
}

#[test]
fn three_wrong_guesses_kill_the_code() {
    let mut world = World::new("417-acid-lemon");
    for left in [2, 1, 0] {
        let mut guesser = world.receiver("417-acid-yoyo");
        world.run(&mut guesser);
        check_failed(&mut guesser, PairingFailure::WrongWords);
        assert!(world.events.iter().any(|event| matches!(
            event,
            SenderEvent::WrongCode { attempts_left, .. } if *attempts_left == left
        )));
        assert_eq!(world.died(), left == 0);
    }
    let mut receiver = world.receiver("417-acid-lemon");
    world.run(&mut receiver);
    check_failed(&mut receiver, PairingFailure::CodeDead);
    let mut told = world.receiver("417-acid-lemon");
    told.handle_payload(world.now, &world.sender.standing_payload(), &mut world.rng);
    check_failed(&mut told, PairingFailure::CodeDead);
}

#[test]
fn a_right_proof_costs_nothing() {
    let mut world = World::new("417-acid-lemon");
    for _ in 0..2 {
        let mut guesser = world.receiver("417-acid-yoyo");
        world.run(&mut guesser);
    }
    for _ in 0..10 {
        let mut receiver = world.receiver("417-acid-lemon");
        world.run(&mut receiver);
        world.check_paired(&mut receiver);
    }
    assert_eq!(world.sender.attempts_left(), 1);
}

#[test]
fn receivers_that_come_at_once_all_get_through_and_none_is_overtaken_twice() {
    let mut world = World::new("417-acid-lemon");
    let mut receivers: Vec<_> = (0..8).map(|_| world.receiver("417-acid-lemon")).collect();
    for receiver in &mut receivers {
        world.ask(receiver);
    }
    for _ in 0..2 {
        for receiver in &mut receivers {
            world.feed_sender(receiver);
        }
        for receiver in &mut receivers {
            world.feed_receiver(receiver);
        }
    }
    for (at, receiver) in receivers.iter_mut().enumerate() {
        world.check_paired(receiver);
        assert_eq!(receiver.proofs(), if at == 0 { 1 } else { 2 });
    }
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn a_share_is_never_used_twice() {
    let mut world = World::new("417-acid-lemon");
    let standing = world.sender.standing_payload();
    let mut attempts = Vec::new();
    for words in ["417-acid-yoyo", "417-acid-lemon", "417-acid-lemon"] {
        let mut receiver = world.receiver(words);
        world.ask(&mut receiver);
        attempts.push((receiver.id(), receiver.poll_transmit().unwrap()));
    }
    for (id, attempt) in &attempts {
        world.say(*id, attempt);
    }
    // The first used it, wrongly. The others are not looked at: each is given a share of its own.
    assert_eq!(world.sender.attempts_left(), 2);
    let given = |world: &World, index: usize| {
        let said: &[u8] = world.sender.payload(attempts[index].0).unwrap();
        match Message::decode(said) {
            Some(Message::Next(opening)) => opening.nonce,
            other => panic!("{other:?}"),
        }
    };
    let (one, other) = (given(&world, 1), given(&world, 2));
    let Some(Message::Standing(Standing::Open(before))) = Message::decode(&standing) else {
        panic!("{standing:?}")
    };
    let now = world.sender.standing_payload();
    let Some(Message::Standing(Standing::Open(after))) = Message::decode(&now) else {
        panic!("{now:?}")
    };
    let all = [one, other, before.nonce, after.nonce];
    for (at, nonce) in all.iter().enumerate() {
        assert!(!all[..at].contains(nonce));
    }
    // Said again, and by others, they change nothing.
    for (id, attempt) in &attempts {
        world.say(*id, attempt);
        world.say(PairingId::random(&mut world.rng.clone()), attempt);
    }
    assert_eq!(world.sender.attempts_left(), 2);
    assert_eq!((given(&world, 1), given(&world, 2)), (one, other));
}

#[test]
fn a_kept_share_is_for_its_receiver_alone() {
    let mut world = World::new("417-acid-lemon");
    let mut late = world.receiver("417-acid-lemon");
    world.ask(&mut late);
    let mut first = world.receiver("417-acid-lemon");
    world.run(&mut first);
    world.feed_sender(&mut late);
    let kept = world.sender.payload(late.id()).unwrap().to_vec();
    // Somebody who has listened takes it for its guess, under a name of its own.
    let mut thief = world.receiver("417-acid-yoyo");
    world.ask(&mut thief);
    thief.handle_payload(world.now, &kept, &mut world.rng);
    world.feed_sender(&mut thief);
    assert_eq!(world.sender.attempts_left(), 3);
    world.feed_receiver(&mut late);
    world.feed_sender(&mut late);
    world.feed_receiver(&mut late);
    world.check_paired(&mut late);
}

#[test]
fn who_is_told_to_go_on_for_ever_stops_after_three_proofs() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    for nth in 1..=5 {
        let false_share = SenderPairing::new(
            code("417-acid-yoyo"),
            CAPABILITIES,
            &mut ChaCha20Rng::seed_from_u64(100 + nth),
        );
        let Some(Message::Standing(Standing::Open(opening))) =
            Message::decode(&false_share.standing_payload())
        else {
            panic!("it is open")
        };
        let next = Message::Next(opening).encode();
        receiver.handle_payload(world.now, &next, &mut world.rng);
    }
    assert_eq!(receiver.proofs(), 3);
    check_failed(&mut receiver, PairingFailure::Disturbed);
}

#[test]
fn those_who_were_given_a_share_are_turned_away_when_the_code_dies() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    for _ in 0..3 {
        let mut guesser = world.receiver("417-acid-yoyo");
        world.run(&mut guesser);
        check_failed(&mut guesser, PairingFailure::WrongWords);
        // The share that it has asked for is used: it is given another.
        world.feed_sender(&mut receiver);
    }
    world.feed_receiver(&mut receiver);
    check_failed(&mut receiver, PairingFailure::CodeDead);
}

#[test]
fn silence_at_any_point_costs_nothing() {
    let mut world = World::new("417-acid-lemon");
    for _ in 0..20 {
        // Asks and goes; is overtaken and goes; is let in and goes.
        for steps in 0..3 {
            let mut gone = world.receiver("417-acid-lemon");
            world.ask(&mut gone);
            if steps == 1 {
                let mut other = world.receiver("417-acid-lemon");
                world.run(&mut other);
            }
            if steps > 0 {
                world.feed_sender(&mut gone);
            }
        }
        world.wait(RECEIVER_PATIENCE + RUN_PATIENCE);
    }
    assert_eq!(world.sender.attempts_left(), 3);
    assert_eq!(world.sender.poll_timeout(), None);
    let mut receiver = world.receiver("417-acid-lemon");
    world.run(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn a_sender_makes_nothing_ready_before_a_right_proof() {
    let mut world = World::new("417-acid-lemon");
    for _ in 0..2 {
        let mut guesser = world.receiver("417-acid-yoyo");
        world.run(&mut guesser);
        let mut asker = world.receiver("417-acid-lemon");
        world.ask(&mut asker);
    }
    let is_wanted = |event: &SenderEvent| matches!(event, SenderEvent::HelloNeeded { .. });
    assert!(!world.events.iter().any(is_wanted));
    let mut receiver = world.receiver("417-acid-lemon");
    world.run(&mut receiver);
    assert_eq!(
        world.events.iter().filter(|event| is_wanted(event)).count(),
        1
    );
}

#[test]
fn a_sender_that_is_not_ready_in_time_says_so() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    let mut rng = world.rng.clone();
    world
        .sender
        .handle_payload(world.now, receiver.id(), &attempt, &mut rng);
    assert!(matches!(
        world.sender.poll_event(),
        Some(SenderEvent::HelloNeeded { .. })
    ));
    world.wait(RUN_PATIENCE);
    assert!(world.events.iter().any(|event| matches!(
        event,
        SenderEvent::RunFailed {
            reason: RunFailure::HelloMissing,
            ..
        }
    )));
    world.feed_receiver(&mut receiver);
    check_failed(&mut receiver, PairingFailure::Disturbed);
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn a_forgotten_run_is_said_nothing_more() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.run(&mut receiver);
    world.sender.forget(receiver.id());
    assert_eq!(world.sender.attempts_left(), 3);
    assert_eq!(world.sender.poll_transmit(), None);
}

#[test]
fn a_repeated_attempt_gets_the_same_answer() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    let id = receiver.id();
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    world.say(id, &attempt);
    let answer = world.sender.payload(id).unwrap().to_vec();
    assert_eq!(world.sender.poll_transmit().unwrap().payload, answer);
    assert_eq!(world.sender.poll_transmit(), None);
    world.say(id, &attempt);
    assert_eq!(world.sender.poll_transmit().unwrap().payload, answer);
    let mut other = world.receiver("417-acid-lemon");
    world.ask(&mut other);
    world.say(id, &other.poll_transmit().unwrap());
    assert_eq!(world.sender.payload(id).unwrap(), answer);
    assert_eq!(world.sender.attempts_left(), 3);
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn whatever_is_said_is_answered_so_that_nobody_keeps_a_place_by_it() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    let standing = world.sender.standing_payload();
    let refusal = Message::Refused(Refusal::Failed).encode();
    for words in [&b""[..], b"x", &standing, &attempt[..attempt.len() - 1]] {
        let id = PairingId::random(&mut world.rng);
        world.say(id, words);
        let answer = world.sender.poll_transmit().unwrap();
        assert_eq!((answer.to, &answer.payload), (id, &refusal));
        assert_eq!(world.sender.poll_transmit(), None);
    }
    assert_eq!(world.sender.poll_timeout(), None, "nothing is kept of it");
    // Nor does it change what a receiver is told that is known.
    world.say(receiver.id(), &attempt);
    let answer = world.sender.poll_transmit().unwrap();
    world.say(receiver.id(), b"x");
    assert_eq!(world.sender.poll_transmit(), Some(answer));
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn messages_that_are_reflected_change_nothing() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    let standing = world.sender.standing_payload();
    world.say(receiver.id(), &standing);
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    receiver.handle_payload(world.now, &attempt, &mut world.rng);
    world.say(receiver.id(), &attempt);
    let proof = world.sender.payload(receiver.id()).unwrap().to_vec();
    world.say(receiver.id(), &proof);
    world.say(PairingId([9; 16]), &proof);
    receiver.handle_payload(world.now, &attempt, &mut world.rng);
    receiver.handle_payload(world.now, &standing, &mut world.rng);
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
    assert_eq!((world.sender.attempts_left(), receiver.proofs()), (3, 1));
}

#[test]
fn an_unsound_opening_costs_nothing() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    let Some(Message::Attempt(honest)) = Message::decode(&attempt) else {
        panic!("{attempt:?}")
    };
    // 2 is no y-coordinate of a point of the curve.
    let mut share = [0; 32];
    share[0] = 2;
    let opening = Opening {
        capabilities: CAPABILITIES,
        nonce: [0; 32],
        share,
    };
    let unsound = Attempt {
        opening: opening.encode(),
        ..honest
    };
    let id = PairingId([1; 16]);
    world.say(id, &Message::Attempt(unsound).encode());
    assert_eq!(world.sender.payload(id), None);
    assert_eq!(world.sender.attempts_left(), 3);
    // Not even the share is used up.
    world.say(receiver.id(), &attempt);
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
    assert_eq!(receiver.proofs(), 1);
}

#[test]
fn points_of_small_order_are_wrong_guesses() {
    let mut world = World::new("417-acid-lemon");
    // The neutral element, and the point of order two.
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for share in [one, minus_one] {
        let mut receiver = world.receiver("417-acid-lemon");
        world.ask(&mut receiver);
        let attempt = receiver.poll_transmit().unwrap();
        let Some(Message::Attempt(honest)) = Message::decode(&attempt) else {
            panic!("{attempt:?}")
        };
        let mut opening = Opening::decode(&honest.opening).unwrap();
        opening.share = share;
        let small = Attempt {
            opening: opening.encode(),
            ..honest
        };
        world.say(receiver.id(), &Message::Attempt(small).encode());
        world.feed_receiver(&mut receiver);
        check_failed(&mut receiver, PairingFailure::WrongWords);
    }
    assert_eq!(world.sender.attempts_left(), 1);
}

#[test]
fn a_silent_sender_is_given_up_on() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    receiver.handle_timeout(world.now + RECEIVER_PATIENCE / 2);
    assert_eq!(receiver.poll_timeout(), Some(world.now + RECEIVER_PATIENCE));
    receiver.handle_timeout(world.now + RECEIVER_PATIENCE);
    check_failed(&mut receiver, PairingFailure::SenderVanished);
    let mut proved = world.receiver("417-acid-lemon");
    world.ask(&mut proved);
    proved.handle_timeout(world.now + RECEIVER_PATIENCE);
    check_failed(&mut proved, PairingFailure::SenderVanished);
    let mut idle = world.receiver("417-acid-lemon");
    let standing = world.sender.standing_payload();
    idle.handle_payload(world.now, &standing, &mut world.rng);
    idle.handle_timeout(world.now + RECEIVER_PATIENCE);
    check_failed(&mut idle, PairingFailure::HelloMissing);
}

#[test]
fn a_closed_share_takes_nobody() {
    let mut world = World::new("417-acid-lemon");
    let mut early = world.receiver("417-acid-lemon");
    world.ask(&mut early);
    let mut paired = world.receiver("417-acid-lemon");
    world.run(&mut paired);
    world.feed_sender(&mut early);
    world.sender.close(world.now);
    let mut late = world.receiver("417-acid-lemon");
    world.feed_receiver(&mut early);
    world.run(&mut late);
    for receiver in [&mut early, &mut late] {
        check_failed(receiver, PairingFailure::Closed);
    }
    world.check_paired(&mut paired);
}

#[test]
fn those_with_no_common_version_are_told_so() {
    let mut world = World::new("417-acid-lemon");
    let newer = VersionRange {
        oldest: 3,
        newest: 9,
    };
    let capabilities = Capabilities {
        versions: newer,
        ..CAPABILITIES
    };
    let theirs = VersionRange::OURS;
    for closed in [false, true] {
        if closed {
            world.sender.close(world.now);
        }
        let mut receiver = world.receiver_with("417-acid-lemon", capabilities);
        world.run(&mut receiver);
        check_failed(&mut receiver, PairingFailure::Version { theirs });
        assert_eq!(receiver.proofs(), 0);
    }
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn a_sender_tells_who_speaks_another_version_and_keeps_its_share() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    let attempt = receiver.poll_transmit().unwrap();
    let Some(Message::Attempt(honest)) = Message::decode(&attempt) else {
        panic!("{attempt:?}")
    };
    let mut opening = Opening::decode(&honest.opening).unwrap();
    opening.capabilities.versions = VersionRange {
        oldest: 3,
        newest: 9,
    };
    let later = Attempt {
        opening: opening.encode(),
        ..honest
    };
    let standing = world.sender.standing_payload();
    world.say(PairingId([5; 16]), &Message::Attempt(later).encode());
    let refusal = Message::Refused(Refusal::Version(VersionRange::OURS)).encode();
    assert_eq!(world.sender.payload(PairingId([5; 16])), Some(&refusal[..]));
    assert_eq!(world.sender.standing_payload(), standing);
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn one_side_ruling_out_the_others_only_transport_is_no_matter_of_versions() {
    let only = |transports| Capabilities::new(transports, Ciphers::CHACHA20_POLY1305);
    let mut world = World::new("417-acid-lemon");
    world.sender = SenderPairing::new(
        code("417-acid-lemon"),
        only(Transports::QUIC),
        &mut world.rng,
    );
    let mut receiver = world.receiver_with("417-acid-lemon", only(Transports::GO_BACK_N));
    world.run(&mut receiver);
    check_failed(&mut receiver, PairingFailure::NoCommonTransport);
    assert_eq!(world.sender.attempts_left(), 3);
    let mut receiver = world.receiver_with("417-acid-lemon", only(Transports::ALL));
    world.run(&mut receiver);
    world.check_paired(&mut receiver);
    let key = world.sender_key(receiver.id()).unwrap();
    assert_eq!(key.agreement().transports, Transports::QUIC);
}

#[test]
fn what_is_unknown_is_ignored() {
    let later = Capabilities {
        versions: VersionRange {
            oldest: 2,
            newest: 7,
        },
        transports: Transports(0xff00_0001),
        ciphers: Ciphers(0xffff_ffff),
    };
    let agreement = CAPABILITIES.agree(&later).unwrap();
    assert_eq!(agreement, later.agree(&CAPABILITIES).unwrap());
    assert_eq!(agreement.version, 2);
    assert_eq!(agreement.transports, Transports::QUIC);
    assert_eq!(agreement.cipher, Cipher::ChaCha20Poly1305);
    assert_eq!(later.agree(&later).unwrap().cipher, Cipher::Aes128Gcm);
    let other = Capabilities {
        transports: Transports(0xff00_0000),
        ..later
    };
    assert_eq!(other.agree(&later), None);

    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver_with("417-acid-lemon", later);
    world.run(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn the_table_of_runs_is_bounded() {
    let mut world = World::new("417-acid-lemon");
    let mut attempt = world.receiver("417-acid-lemon");
    world.ask(&mut attempt);
    let attempt = attempt.poll_transmit().unwrap();
    for dead in [false, true] {
        for _ in 0..if dead { 3 } else { 1 } {
            let mut guesser = world.receiver("417-acid-yoyo");
            world.run(&mut guesser);
        }
        let mut ids = Vec::new();
        for _ in 0..2 * MAX_RUNS {
            let id = PairingId::random(&mut world.rng);
            world.say(id, &attempt);
            assert!(world.sender.payload(id).is_some());
            ids.push(id);
        }
        let kept = ids.iter().filter(|id| world.sender.payload(**id).is_some());
        assert!((1..=MAX_RUNS).contains(&kept.count()));
    }
}

#[test]
fn a_flood_does_not_push_out_who_has_proved_itself() {
    let mut world = World::new("417-acid-lemon");
    let mut flood = world.receiver("417-acid-lemon");
    world.ask(&mut flood);
    let flood = flood.poll_transmit().unwrap();
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    world.feed_sender(&mut receiver);
    for _ in 0..2 * MAX_RUNS {
        let id = PairingId::random(&mut world.rng);
        world.say(id, &flood);
    }
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn a_hello_has_one_length_and_keeps_its_bounds() {
    let address = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535"
        .parse()
        .unwrap();
    let many = vec![Candidate::new(CandidateKind::Reflexive, address); MAX_CANDIDATES + 5];
    let last = address;
    let whereabouts = Whereabouts::new(many, Nat::Sequential { last, step: -16 });
    let largest = Hello::new([255; 32], whereabouts, "é".repeat(MAX_DEVICE_BYTES));
    assert_eq!(largest.whereabouts().candidates().len(), MAX_CANDIDATES);
    assert_eq!(largest.device().len(), MAX_DEVICE_BYTES);
    let odd = Hello::new(
        [0; 32],
        Whereabouts::default(),
        format!("x{}", "é".repeat(MAX_DEVICE_BYTES)),
    );
    assert_eq!(odd.device().len(), MAX_DEVICE_BYTES - 1);
    for hello in [largest, odd, hello("")] {
        let bytes = hello.encode();
        assert_eq!(bytes.len(), HELLO_BYTES);
        assert_eq!(Hello::decode(&bytes), Some(hello));
    }
}

#[test]
fn a_hello_beyond_its_bounds_is_cut() {
    let address = "192.0.2.1:7".parse().unwrap();
    let candidate = Candidate::new(CandidateKind::Host, address);
    let mut whereabouts = postcard::to_stdvec(&Nat::Unknown).unwrap();
    for _ in 0..50 {
        let one = Whereabouts::new(vec![candidate], Nat::Unknown);
        // Behind its own length and the NAT.
        whereabouts.extend(&postcard::to_stdvec(&one).unwrap()[2..]);
    }
    let mut bytes = [0_u8; 32].to_vec();
    bytes.extend(postcard::to_stdvec(&whereabouts).unwrap());
    bytes.push(0);
    let hello = Hello::decode(&bytes).unwrap();
    assert_eq!(hello.whereabouts().candidates().len(), MAX_CANDIDATES);
}

#[test]
fn secrets_do_not_appear_in_debug() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    world.ask(&mut receiver);
    let opened = format!("{receiver:?}");
    world.run(&mut receiver);
    let all = format!(
        "{opened} {receiver:?} {:?} {:?}",
        world.sender, world.events
    );
    assert!(!all.contains("acid") && !all.contains("lemon"), "{all}");
    let key = world.sender_key(receiver.id()).unwrap();
    let first = key.resume().as_bytes();
    assert!(
        !all.contains(&format!("{}, {}, {}", first[0], first[1], first[2])),
        "{all}"
    );
}

/// Draws the scalar it was made with: 32 bytes of it, then zeros up to the 64 that are reduced.
struct ScalarRng([u8; 32]);

impl RngCore for ScalarRng {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        bytes[..32].copy_from_slice(&self.0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for ScalarRng {}

/// The published vector of python-spake2 (`test_compat.py`, `test_asymmetric`), which the crate
/// follows: it is not RFC 9382.
#[test]
fn spake2_gives_the_published_vector() {
    use spake2::{Ed25519Group, Identity, Password, Spake2};
    let scalar = |hex: &str| ScalarRng(unhex(hex).try_into().unwrap());
    let password = Password::new(b"password");
    let (a, b) = (Identity::new(b"idA"), Identity::new(b"idB"));
    let (one, said_by_one) = Spake2::<Ed25519Group>::start_a_with_rng(
        &password,
        &a,
        &b,
        scalar("25184061a70b1142f1a9f043a52cf7033dc308b5a0a32e42b003ecd59c2ac605"),
    );
    let (other, said_by_other) = Spake2::<Ed25519Group>::start_b_with_rng(
        &password,
        &a,
        &b,
        scalar("9fb5e845084e0cbe27ac8b4d3af139b33f3f8a047d4234e2d45d33c5cd367b0f"),
    );
    assert_eq!(
        hex(&said_by_one),
        "416fc960df73c9cf8ed7198b0c9534e2e96a5984bfc5edc023fd24dacf371f2af9"
    );
    assert_eq!(
        hex(&said_by_other),
        "42354e97b88406922b1df4bea1d7870f17aed3dba7c720b313edae315b00959309"
    );
    let key = "712295de7219c675ddd31942184aa26e0a957cf216bc230d165b215047b520c1";
    assert_eq!(hex(&one.finish(&said_by_other).unwrap()), key);
    assert_eq!(hex(&other.finish(&said_by_one).unwrap()), key);
}

/// What goes over the wire and what comes of it, for one seed: a change here is a change of the
/// protocol, and needs a new version.
#[test]
fn the_exchange_is_as_it_always_was() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    let p1 = world.sender.standing_payload();
    world.ask(&mut receiver);
    let p2 = receiver.poll_transmit().unwrap();
    world.say(receiver.id(), &p2);
    let p3 = world.sender.payload(receiver.id()).unwrap().to_vec();
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
    let key = world.sender_key(receiver.id()).unwrap();
    assert_eq!(
        p2.len(),
        1 + 8 + 1 + p1.len() - 2 + 32 + 2 + HELLO_BYTES + 16
    );
    assert_eq!(p3.len(), 1 + 32 + 2 + HELLO_BYTES + 16);
    let mut all = String::new();
    for message in [&p1[..], &p2[..160], &p3[..64]] {
        all += &format!("{}\n", hex(message));
    }
    for key in [
        key.probe(Role::Receiver),
        key.probe(Role::Sender),
        key.quic_binding(),
        key.go_back_n(Role::Receiver),
        key.go_back_n(Role::Sender),
        key.resume(),
    ] {
        all += &format!("{}\n", hex(key.as_bytes()));
    }
    assert_eq!(all, GOLDEN);
}

const GOLDEN: &str = "\
00000202030179b11434a5fdc770b93606144264009e561c82d0d0f2ad461884748de63ad49e928e2c6a951b99c7e486389e0efe773d66bfde872c20b0df148d5f1ccf9c8132
0179b11434a5fdc7704402020301060b7bb40d0294fd31d2ba98964f430c152f1ef08a712eb746b8d892eab8f4a270c16d3f96e605c62febb5e307146caf6d59bfc4faab2f98f88e5c4740fea455a701a96daf74af7900f9a0e308d88a285d4386e4508408e172f6689c42722789cc02221dc8c08da3137aa69eb5013aa42fe77ba91aa5d49940a4eff74439233c2a97457b55d0586318ab431e0d6320987c52
0245c8d060c135046412c5189209bdf7246db35716bdc363df5a945fffce87a58acc022348fbe2b3dc586cb3090f282286f449882865ef7b94c3a5ac6b0b047a
cf1920f5cb4c344e8c8ddb7c2f33da1f34e22344c1b3d92ae5b358017757982a
889a81d76d00b78ab04a6b04ce5db75a1b4d06b23637f4d708c7ae78340c410c
3023dcdc64e8f651095de561bbc7a130f5aa17c3d0c8530bec2f862b9fff0abb
fe7d214956d98c8177b549dff2063d5faae18ba0cc30d26bb5b55a3ce508eb38
dfcaf2c0a5923bd24a4558b21a45625d82e65648e3fc1c70557c8bd4767fe3d6
c00d19c60998a60922d0485f7bfed854bbff673cf3642cc9d4da779420ad0beb
";

#[test]
fn the_numbers_of_messages_are_as_they_always_were() {
    let versions = VersionRange::OURS;
    for (message, bytes) in [
        (Message::Standing(Standing::Dead(versions)), "00010202"),
        (Message::Standing(Standing::Closed(versions)), "00020202"),
        (Message::Refused(Refusal::WrongWords), "0400"),
        (Message::Refused(Refusal::CodeDead), "0401"),
        (Message::Refused(Refusal::Version(versions)), "04020202"),
        (Message::Refused(Refusal::Closed), "0403"),
        (Message::Refused(Refusal::Failed), "0404"),
    ] {
        assert_eq!(hex(&message.encode()), bytes);
        assert_eq!(Message::decode(&unhex(bytes)), Some(message));
    }
    let proof = Proof {
        tag: [9; 32],
        sealed: vec![1, 2],
    };
    let bytes = Message::SenderProof(proof).encode();
    assert_eq!(bytes[0], 2);
    for end in 0..bytes.len() {
        assert_eq!(Message::decode(&bytes[..end]), None, "cut to {end}");
    }
    assert_eq!(Message::decode(&[0; MAX_PAIRING_PAYLOAD_BYTES + 1]), None);
}

proptest! {
    #[test]
    fn any_bytes_may_come_from_a_peer(payloads: Vec<(u8, Vec<u8>)>) {
        let mut world = World::new("417-acid-lemon");
        let mut receiver = world.receiver("417-acid-lemon");
        world.ask(&mut receiver);
        for (kind, mut payload) in payloads {
            payload.insert(0, kind % 6);
            if payload.len() <= MAX_PAIRING_PAYLOAD_BYTES {
                world.say(receiver.id(), &payload);
            }
            receiver.handle_payload(world.now, &payload, &mut world.rng);
        }
        prop_assert!(world.sender_key(receiver.id()).is_none());
        let paired = matches!(receiver.poll_event(), Some(ReceiverEvent::Paired { .. }));
        prop_assert!(!paired);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}
