use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};

use super::message::{Message, Opening, Proof, Refusal, ShareState};
use super::{
    Capabilities, Cipher, Ciphers, Hello, PairingFailure, PeerKey, ReceiverEvent, ReceiverPairing,
    RunFailure, SenderEvent, SenderPairing, Transports, VersionRange,
};
use crate::code::PairingCode;
use crate::limits::{
    HELLO_BYTES, MAX_CANDIDATES, MAX_DEVICE_BYTES, MAX_PAIRING_PAYLOAD_BYTES, MAX_RUNS,
    RECEIVER_PATIENCE, RUN_PATIENCE, WAITING_FRESH,
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
        Self {
            #[expect(
                clippy::disallowed_methods,
                reason = "a start for the test's own clock"
            )]
            now: Instant::now(),
            rng: ChaCha20Rng::seed_from_u64(1),
            sender: SenderPairing::new(code(text), CAPABILITIES),
            events: Vec::new(),
        }
    }

    fn receiver(&mut self, text: &str) -> ReceiverPairing {
        self.receiver_with(text, CAPABILITIES)
    }

    fn receiver_with(&mut self, text: &str, capabilities: Capabilities) -> ReceiverPairing {
        let pairing = PairingId::random(&mut self.rng);
        ReceiverPairing::new(code(text), capabilities, pairing, self.now, &mut self.rng)
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
                self.sender.provide_hello(self.now, run, hello("sender"));
            }
            self.events.push(event);
        }
    }

    /// `receiver` takes what the sender announces to it now.
    fn feed_receiver(&self, receiver: &mut ReceiverPairing) {
        if let Some(payload) = self.sender.payload(receiver.id()) {
            receiver.handle_payload(self.now, payload);
        }
    }

    /// Everything there is to say, both ways.
    fn run(&mut self, receiver: &mut ReceiverPairing) {
        receiver.provide_hello(self.now, hello("receiver"));
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
    let opening = receiver.poll_transmit().unwrap();
    world.sender.handle_payload(now, id, &opening, &mut rng);
    assert!(
        matches!(world.sender.poll_event(), Some(SenderEvent::HelloNeeded { run }) if run == id)
    );
    world.feed_receiver(&mut receiver);
    assert_eq!(receiver.poll_transmit(), None);
    receiver.provide_hello(now, hello("receiver"));
    let proof = receiver.poll_transmit().unwrap();
    world.sender.handle_payload(now, id, &proof, &mut rng);
    assert!(world.sender.poll_event().is_none());
    world.sender.provide_hello(now, id, hello("sender"));
    world.sender.provide_hello(now, id, hello("another"));
    world.drain();
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
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
    told.handle_payload(world.now, &world.sender.standing_payload());
    check_failed(&mut told, PairingFailure::CodeDead);
}

#[test]
fn a_right_proof_gives_its_token_back() {
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
fn receivers_beyond_the_tokens_wait_for_one() {
    let mut world = World::new("417-acid-lemon");
    let mut receivers: Vec<_> = (0..8).map(|_| world.receiver("417-acid-lemon")).collect();
    for receiver in &mut receivers {
        receiver.provide_hello(world.now, hello("receiver"));
        world.feed_sender(receiver);
    }
    let answered = receivers
        .iter()
        .filter(|r| world.sender.payload(r.id()).is_some());
    assert_eq!(answered.count(), 3);
    for receiver in &mut receivers {
        world.run(receiver);
        world.check_paired(receiver);
    }
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn those_who_wait_are_turned_away_when_the_code_dies() {
    let mut world = World::new("417-acid-lemon");
    let mut guessers: Vec<_> = (0..3).map(|_| world.receiver("417-acid-yoyo")).collect();
    for guesser in &mut guessers {
        world.feed_sender(guesser);
    }
    let mut receiver = world.receiver("417-acid-lemon");
    world.feed_sender(&mut receiver);
    for guesser in &mut guessers {
        world.run(guesser);
        check_failed(guesser, PairingFailure::WrongWords);
    }
    world.feed_receiver(&mut receiver);
    check_failed(&mut receiver, PairingFailure::CodeDead);
}

#[test]
fn a_receiver_that_left_while_waiting_costs_nothing() {
    let mut world = World::new("417-acid-lemon");
    let mut first: Vec<_> = (0..3).map(|_| world.receiver("417-acid-lemon")).collect();
    for receiver in &mut first {
        world.feed_sender(receiver);
    }
    let mut gone = world.receiver("417-acid-lemon");
    world.feed_sender(&mut gone);
    world.wait(WAITING_FRESH);
    for receiver in &mut first {
        world.run(receiver);
        world.check_paired(receiver);
    }
    world.wait(RUN_PATIENCE * 10);
    assert_eq!(world.sender.attempts_left(), 3);
    assert_eq!(world.sender.poll_timeout(), None);
}

#[test]
fn silence_after_the_share_of_the_key_counts_as_a_guess() {
    let mut world = World::new("417-acid-lemon");
    for left in [2, 1, 0] {
        let mut guesser = world.receiver("417-acid-lemon");
        world.feed_sender(&mut guesser);
        world.wait(RUN_PATIENCE);
        assert_eq!(world.sender.attempts_left(), left);
        assert!(matches!(
            world.events.iter().rev().find(|event| !matches!(event, SenderEvent::Dead)),
            Some(SenderEvent::RunFailed { reason: RunFailure::Vanished { attempts_left }, .. })
                if *attempts_left == left
        ));
    }
    assert!(world.died());
}

#[test]
fn forgetting_a_run_does_not_give_its_token_back() {
    let mut world = World::new("417-acid-lemon");
    let mut guesser = world.receiver("417-acid-yoyo");
    world.feed_sender(&mut guesser);
    world.sender.forget(world.now, guesser.id());
    assert_eq!(world.sender.attempts_left(), 2);
    let mut receiver = world.receiver("417-acid-lemon");
    world.run(&mut receiver);
    world.sender.forget(world.now, receiver.id());
    assert_eq!(world.sender.attempts_left(), 2);
    while let Some(transmit) = world.sender.poll_transmit() {
        assert_eq!(transmit.payload, None, "{:?} is withdrawn", transmit.to);
    }
}

#[test]
fn a_repeated_opening_gets_the_same_answer() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    let id = receiver.id();
    let opening = receiver.poll_transmit().unwrap();
    world.say(id, &opening);
    let answer = world.sender.payload(id).unwrap().to_vec();
    world.say(id, &opening);
    assert_eq!(world.sender.payload(id).unwrap(), answer);
    let mut other = world.receiver("417-acid-lemon");
    world.say(id, &other.poll_transmit().unwrap());
    assert_eq!(world.sender.payload(id).unwrap(), answer);
    assert_eq!(world.sender.attempts_left(), 3);
    world.run(&mut receiver);
    world.check_paired(&mut receiver);
}

#[test]
fn an_unsound_opening_costs_nothing() {
    let mut world = World::new("417-acid-lemon");
    // 2 is no y-coordinate of a point of the curve.
    let mut share = [0; 32];
    share[0] = 2;
    let opening = Opening {
        capabilities: CAPABILITIES,
        nonce: [0; 32],
        share,
    };
    let id = PairingId([1; 16]);
    world.say(id, &Message::ReceiverOpening(opening).encode());
    assert_eq!(world.sender.payload(id), None);
    world.wait(RUN_PATIENCE * 10);
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn a_silent_sender_is_given_up_on() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
    receiver.handle_timeout(world.now + RECEIVER_PATIENCE / 2);
    assert_eq!(receiver.poll_timeout(), Some(world.now + RECEIVER_PATIENCE));
    receiver.handle_timeout(world.now + RECEIVER_PATIENCE);
    check_failed(&mut receiver, PairingFailure::SenderVanished);
    let mut idle = world.receiver("417-acid-lemon");
    world.feed_sender(&mut idle);
    world.feed_receiver(&mut idle);
    idle.handle_timeout(world.now + RECEIVER_PATIENCE);
    check_failed(&mut idle, PairingFailure::HelloMissing);
}

#[test]
fn a_closed_share_takes_nobody() {
    let mut world = World::new("417-acid-lemon");
    let mut paired = world.receiver("417-acid-lemon");
    world.run(&mut paired);
    let mut early = world.receiver("417-acid-lemon");
    world.feed_sender(&mut early);
    world.sender.close(world.now);
    let mut late = world.receiver("417-acid-lemon");
    for receiver in [&mut early, &mut late] {
        world.run(receiver);
        check_failed(receiver, PairingFailure::Closed);
    }
    world.check_paired(&mut paired);
}

#[test]
fn those_with_no_common_version_are_told_so() {
    let mut world = World::new("417-acid-lemon");
    let newer = VersionRange {
        oldest: 2,
        newest: 9,
    };
    let capabilities = Capabilities {
        versions: newer,
        ..CAPABILITIES
    };
    let mut receiver = world.receiver_with("417-acid-lemon", capabilities);
    world.run(&mut receiver);
    let theirs = VersionRange::OURS;
    check_failed(&mut receiver, PairingFailure::Version { theirs });
    let mut told = world.receiver_with("417-acid-lemon", capabilities);
    told.handle_payload(world.now, &world.sender.standing_payload());
    check_failed(&mut told, PairingFailure::Version { theirs });
    assert_eq!(world.sender.attempts_left(), 3);
}

#[test]
fn one_side_ruling_out_the_others_only_transport_is_no_matter_of_versions() {
    let only = |transports| Capabilities::new(transports, Ciphers::CHACHA20_POLY1305);
    let mut world = World::new("417-acid-lemon");
    world.sender = SenderPairing::new(code("417-acid-lemon"), only(Transports::QUIC));
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
            oldest: 1,
            newest: 7,
        },
        transports: Transports(0xff00_0001),
        ciphers: Ciphers(0xffff_ffff),
    };
    let agreement = CAPABILITIES.agree(&later).unwrap();
    assert_eq!(agreement, later.agree(&CAPABILITIES).unwrap());
    assert_eq!(agreement.version, 1);
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
    for _ in 0..3 {
        let mut guesser = world.receiver("417-acid-yoyo");
        world.run(&mut guesser);
    }
    let mut ids = Vec::new();
    for _ in 0..2 * MAX_RUNS {
        let mut receiver = world.receiver("417-acid-lemon");
        world.run(&mut receiver);
        check_failed(&mut receiver, PairingFailure::CodeDead);
        ids.push(receiver.id());
    }
    let kept = ids.iter().filter(|id| world.sender.payload(**id).is_some());
    assert!((1..=MAX_RUNS).contains(&kept.count()));
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
    let candidates = vec![Candidate::new(CandidateKind::Host, address); 50];
    let bytes = postcard::to_stdvec(&([0_u8; 32], candidates, Nat::Unknown, "")).unwrap();
    let hello = Hello::decode(&bytes).unwrap();
    assert_eq!(hello.whereabouts().candidates().len(), MAX_CANDIDATES);
}

#[test]
fn secrets_do_not_appear_in_debug() {
    let mut world = World::new("417-acid-lemon");
    let mut receiver = world.receiver("417-acid-lemon");
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
    receiver.provide_hello(world.now, hello("receiver"));
    let m1 = receiver.poll_transmit().unwrap();
    world.say(receiver.id(), &m1);
    let m2 = world.sender.payload(receiver.id()).unwrap().to_vec();
    world.feed_receiver(&mut receiver);
    let m3 = receiver.poll_transmit().unwrap();
    world.say(receiver.id(), &m3);
    let m4 = world.sender.payload(receiver.id()).unwrap().to_vec();
    world.feed_receiver(&mut receiver);
    world.check_paired(&mut receiver);
    let key = world.sender_key(receiver.id()).unwrap();
    let mut all = String::new();
    for message in [&m1, &m2] {
        all += &format!("{}\n", hex(message));
    }
    for message in [&m3, &m4] {
        assert_eq!(message.len(), 1 + 32 + 2 + HELLO_BYTES + 16);
        all += &format!("{}\n", hex(&message[..64]));
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
0101010301561c82d0d0f2ad461884748de63ad49e95fa4ae164486390451fd3e2b5ea4dcdcd3034a15b5ab19fb04d965605ab281088147d3a764414893c72cd7e5dba7d94
0201010301060b7bb40d0294fd31d2ba98964f430c152f1ef08a712eb746b8d892eab8f4a293d561169764fd2811b5dad10b70871e724bd08944705fc78b3634aa1caf8274
031ac705631c294cd57a493fcdc0a976ae9dfcd668b869a2e10af364b041fd7897d004a7e23731aa74440d50c2e77c39c3672b7d991b8198bf7e81596afc57f7
043af381ca561267346bffb896076932b067d59e3ea90a6e916b4ede1b50d5b6d2d00425bd674d9a72099760a7f13f12e77cdb47b132195a3b68d98fdb286bd2
830a3e615397c37ced3f4e49d1ebba607994635012be3f11f6e07a08f19314f7
bf514a06bd70a2134ac60bf8721d39d2fe53fabcb171b20a57a1195537bdae46
8e36cca0b45f277c2551bf3b6b47bff69a2f13b665281826608e77957c93411b
b59231ee336fdbc0cb2a6f5af2e8c7023c17b2a0e6095795f2352d1227fbeccc
e7b289de9480261abcf307950f3a58c2569f5ff869338ce5c4db163fe682cbe7
a139b9f573f8603754f7d1488c7e458c5b3826eb7d93401ea44c5ad105fef755
";

#[test]
fn the_numbers_of_messages_are_as_they_always_were() {
    let versions = VersionRange::OURS;
    for (message, bytes) in [
        (
            Message::Standing {
                versions,
                state: ShareState::Open,
            },
            "00010100",
        ),
        (
            Message::Standing {
                versions,
                state: ShareState::Dead,
            },
            "00010101",
        ),
        (
            Message::Standing {
                versions,
                state: ShareState::Closed,
            },
            "00010102",
        ),
        (Message::Refused(Refusal::WrongWords), "0500"),
        (Message::Refused(Refusal::CodeDead), "0501"),
        (Message::Refused(Refusal::Version(versions)), "05020101"),
        (Message::Refused(Refusal::Closed), "0503"),
        (Message::Refused(Refusal::Failed), "0504"),
    ] {
        assert_eq!(hex(&message.encode()), bytes);
        assert_eq!(Message::decode(&unhex(bytes)), Some(message));
    }
    let proof = Proof {
        tag: [9; 32],
        sealed: vec![1, 2],
    };
    let bytes = Message::ReceiverProof(proof).encode();
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
        receiver.provide_hello(world.now, hello("receiver"));
        let opening = receiver.poll_transmit().unwrap();
        world.say(receiver.id(), &opening);
        for (kind, mut payload) in payloads {
            payload.insert(0, kind % 7);
            world.say(receiver.id(), &payload);
            receiver.handle_payload(world.now, &payload);
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
