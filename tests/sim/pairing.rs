//! Pairing over a rendezvous that is the attacker: it loses, repeats, reorders, garbles, swaps
//! and replays, and it guesses. Either the right two are paired, or the failure is a clear one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fardrop_shared::PairingId;
use fardrop_shared::code::PairingCode;
use fardrop_shared::pairing::{
    Capabilities, Ciphers, Hello, PeerKey, ReceiverEvent, ReceiverPairing, RunFailure, SenderEvent,
    SenderPairing, Transports,
};
use fardrop_shared::path::{Candidate, CandidateKind, Nat, Whereabouts};
use fardrop_tests::hostile::rendezvous::{Mood, Parcel, Parties, Rendezvous};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Runs from seeds, in the three moods together.
const SEEDS: u64 = 2_400;

/// How far virtual time goes on at once.
const STEP: Duration = Duration::from_millis(200);

/// Steps after which everybody must have come to an end: two minutes.
const MAX_STEPS: u32 = 600;

struct Sender {
    name: String,
    words: &'static str,
    machine: SenderPairing,
    /// What it has to say to receivers, once.
    answers: Vec<(PairingId, Vec<u8>)>,
    /// Those that it has made a certificate for.
    prepared: BTreeSet<PairingId>,
    paired: BTreeMap<PairingId, Box<PeerKey>>,
    /// Runs to which it owes a hello.
    owed: Vec<PairingId>,
    guesses: u32,
    dead: bool,
}

struct Receiver {
    name: String,
    words: &'static str,
    machine: ReceiverPairing,
    announced: Option<Vec<u8>>,
    ready: bool,
    outcome: Option<Outcome>,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Paired,
    Failed,
    /// It fell silent by itself.
    Gone,
}

struct World {
    now: Instant,
    rng: ChaCha20Rng,
    rendezvous: Rendezvous,
    senders: Vec<Sender>,
    receivers: Vec<Receiver>,
}

const RIGHT: &str = "417-acid-lemon";
const OTHER: &str = "417-zebra-yoyo";
const GUESS: &str = "417-acid-zebra";

fn capabilities() -> Capabilities {
    Capabilities::new(Transports::ALL, Ciphers::CHACHA20_POLY1305)
}

fn hello(name: &str) -> Hello {
    let address = "192.0.2.1:7".parse().unwrap();
    let mut fingerprint = [0; 32];
    fingerprint[..name.len()].copy_from_slice(name.as_bytes());
    let candidate = Candidate::new(CandidateKind::Host, address);
    let whereabouts = Whereabouts::new(vec![candidate], Nat::Unknown);
    Hello::new(fingerprint, whereabouts, name.to_owned())
}

impl World {
    fn new(seed: u64, mood: Mood) -> Self {
        Self {
            now: Instant::now(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            rendezvous: Rendezvous::new(mood),
            senders: Vec::new(),
            receivers: Vec::new(),
        }
    }

    fn add_sender(&mut self, words: &'static str) {
        let code = PairingCode::parse(words).unwrap();
        self.senders.push(Sender {
            name: format!("sender {}", self.senders.len()),
            words,
            machine: SenderPairing::new(code, capabilities(), &mut self.rng),
            answers: Vec::new(),
            prepared: BTreeSet::new(),
            paired: BTreeMap::new(),
            owed: Vec::new(),
            guesses: 0,
            dead: false,
        });
    }

    fn add_receiver(&mut self, words: &'static str) {
        let code = PairingCode::parse(words).unwrap();
        let pairing = PairingId::random(&mut self.rng);
        self.receivers.push(Receiver {
            name: format!("receiver {}", self.receivers.len()),
            words,
            machine: ReceiverPairing::new(code, capabilities(), pairing, self.now),
            announced: None,
            ready: false,
            outcome: None,
        });
    }

    fn finished(&self) -> bool {
        self.receivers
            .iter()
            .all(|receiver| receiver.outcome.is_some())
    }

    fn run(&mut self) {
        for _ in 0..MAX_STEPS {
            self.announce();
            self.deliver();
            self.now += STEP;
            self.hand_out_hellos();
            for sender in &mut self.senders {
                sender.machine.handle_timeout(self.now);
            }
            for receiver in &mut self.receivers {
                receiver.machine.handle_timeout(self.now);
            }
            self.drain();
            if self.finished() {
                return;
            }
        }
        panic!("somebody never came to an end");
    }

    /// Everybody says what it has to say, now and then; the rendezvous has a hand in it.
    fn announce(&mut self) {
        let mut said = Vec::new();
        for receiver in self.receivers.iter().filter(|one| one.outcome.is_none()) {
            let pairing = receiver.machine.id();
            let sender = self
                .senders
                .iter()
                .position(|one| one.words == receiver.words);
            // A guesser does not know whose words it has, and asks the first.
            let sender = sender.unwrap_or(0);
            for payload in receiver.announced.iter().cloned() {
                said.push(Parcel {
                    sender,
                    receiver: pairing,
                    to_sender: true,
                    payload,
                });
            }
            if receiver.announced.is_none() {
                said.push(Parcel {
                    sender,
                    receiver: pairing,
                    to_sender: false,
                    payload: self.senders[sender].machine.standing_payload(),
                });
            }
        }
        // An answer is said once: who has not heard it says again what it is to.
        for (sender, from) in self.senders.iter_mut().enumerate() {
            said.extend(from.answers.drain(..).map(|(receiver, payload)| Parcel {
                sender,
                receiver,
                to_sender: false,
                payload,
            }));
        }
        let receivers: Vec<PairingId> = self.receivers.iter().map(|one| one.machine.id()).collect();
        let parties = Parties {
            senders: self.senders.len(),
            receivers: &receivers,
        };
        for parcel in said {
            self.rendezvous.take(parcel, parties, &mut self.rng);
        }
    }

    fn deliver(&mut self) {
        for parcel in self.rendezvous.shuffle(&mut self.rng) {
            let Some(parcel) = self.rendezvous.let_through(parcel, &mut self.rng) else {
                continue;
            };
            if parcel.to_sender {
                let sender = &mut self.senders[parcel.sender].machine;
                sender.handle_payload(self.now, parcel.receiver, &parcel.payload, &mut self.rng);
            } else {
                let receiver = self
                    .receivers
                    .iter_mut()
                    .find(|one| one.machine.id() == parcel.receiver);
                receiver
                    .unwrap()
                    .machine
                    .handle_payload(self.now, &parcel.payload, &mut self.rng);
            }
            self.drain();
        }
    }

    /// Certificates and candidates are there after a while.
    fn hand_out_hellos(&mut self) {
        for sender in &mut self.senders {
            let owed = std::mem::take(&mut sender.owed);
            for run in owed {
                if self.rng.gen_bool(0.5) {
                    sender
                        .machine
                        .provide_hello(self.now, run, &hello(&sender.name));
                } else {
                    sender.owed.push(run);
                }
            }
        }
        for receiver in self.receivers.iter_mut().filter(|one| !one.ready) {
            if self.rng.gen_bool(0.5) {
                receiver
                    .machine
                    .provide_hello(self.now, hello(&receiver.name), &mut self.rng);
                receiver.ready = true;
            }
        }
    }

    fn drain(&mut self) {
        let words: BTreeMap<PairingId, (&str, String)> = self
            .receivers
            .iter()
            .map(|one| (one.machine.id(), (one.words, one.name.clone())))
            .collect();
        for sender in &mut self.senders {
            while let Some(transmit) = sender.machine.poll_transmit() {
                sender.answers.push((transmit.to, transmit.payload));
            }
            while let Some(event) = sender.machine.poll_event() {
                sender.on_event(event, &words);
            }
            assert!(u32::from(3 - sender.machine.attempts_left()) == sender.guesses);
        }
        for receiver in &mut self.receivers {
            if let Some(payload) = receiver.machine.poll_transmit() {
                receiver.announced = Some(payload);
            }
            while let Some(event) = receiver.machine.poll_event() {
                if receiver.outcome == Some(Outcome::Gone) {
                    continue;
                }
                assert_eq!(receiver.outcome, None, "the last event is the last");
                assert!(receiver.machine.proofs() <= 3, "three guesses at most");
                receiver.outcome = Some(receiver.on_event(event, &self.senders));
            }
        }
    }
}

impl Sender {
    fn on_event(&mut self, event: SenderEvent, receivers: &BTreeMap<PairingId, (&str, String)>) {
        match event {
            SenderEvent::HelloNeeded { run } => {
                assert!(!self.dead, "a dead code answers nobody");
                assert_eq!(
                    receivers[&run].0, self.words,
                    "nothing is made ready for who does not know the words"
                );
                assert!(self.prepared.insert(run), "nor twice for one who does");
                self.owed.push(run);
            }
            SenderEvent::Paired { run, key, peer } => {
                let (words, name) = &receivers[&run];
                assert_eq!(
                    *words, self.words,
                    "only those who know the words are paired"
                );
                assert_eq!(peer, hello(name), "a hello comes as it was");
                assert!(
                    self.paired.insert(run, key).is_none(),
                    "a run is paired once"
                );
            }
            SenderEvent::WrongCode { .. } => self.guesses += 1,
            SenderEvent::RunFailed { reason, .. } => match reason {
                RunFailure::HelloMissing | RunFailure::Disturbed => {}
            },
            SenderEvent::Dead => {
                assert_eq!(self.guesses, 3);
                self.dead = true;
            }
        }
        assert!(self.guesses <= 3);
    }
}

impl Receiver {
    fn on_event(&self, event: ReceiverEvent, senders: &[Sender]) -> Outcome {
        let (key, peer) = match event {
            ReceiverEvent::Paired { key, peer } => (key, peer),
            ReceiverEvent::Failed(_) => return Outcome::Failed,
        };
        let pairing = self.machine.id();
        let sender = senders
            .iter()
            .find(|one| one.paired.get(&pairing) == Some(&key))
            .expect("a paired receiver has its key in common with a sender");
        assert_eq!(sender.words, self.words);
        assert_eq!(peer, hello(&sender.name), "a hello comes as it was");
        Outcome::Paired
    }
}

/// Names the seed when a check fails.
struct Seed(u64);

impl Drop for Seed {
    #[expect(
        clippy::print_stderr,
        reason = "the seed is what a failure is repeated with"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}

fn run_seed(seed: u64) -> (usize, usize) {
    let named = Seed(seed);
    let mut dice = ChaCha20Rng::seed_from_u64(!seed);
    let (mood, guessers) = match seed % 8 {
        0 => (Mood::HONEST, 0),
        1 => (Mood::LOSSY, 0),
        _ => (Mood::hostile(&mut dice), dice.gen_range(0..6)),
    };
    let mut world = World::new(seed, mood);
    world.add_sender(RIGHT);
    world.add_sender(OTHER);
    let mut all = vec![GUESS; guessers];
    all.extend(vec![RIGHT; dice.gen_range(1..5)]);
    all.extend(vec![OTHER; dice.gen_range(0..2)]);
    all.shuffle(&mut dice);
    let count = all.len();
    for words in all {
        world.add_receiver(words);
    }
    world.run();
    let paired = world
        .receivers
        .iter()
        .filter(|one| one.outcome == Some(Outcome::Paired))
        .count();
    if seed % 8 < 2 {
        assert_eq!(paired, count, "nothing is in the way of the honest");
    }
    drop(named);
    (paired, count)
}

#[test]
fn a_hostile_rendezvous_pairs_the_right_two_or_nobody() {
    let (mut paired, mut all) = (0, 0);
    for seed in 0..SEEDS {
        let (some, of) = run_seed(seed);
        paired += some;
        all += of;
    }
    // So that the checks above are about something.
    assert!(
        paired * 10 > all && paired < all,
        "{paired} of {all} were paired"
    );
}

/// The `number`th payload of a pairing (0 is P1), as changed by `change`; everything else arrives.
fn pair_with(number: usize, change: &dyn Fn(&mut Vec<u8>)) -> (World, usize) {
    let mut world = World::new(1, Mood::HONEST);
    world.add_sender(RIGHT);
    world.add_receiver(RIGHT);
    let pairing = world.receivers[0].machine.id();
    world.receivers[0]
        .machine
        .provide_hello(world.now, hello("receiver 0"), &mut world.rng);
    world.drain();
    let mut length = 0;
    for at in 0..3 {
        let to_sender = at == 1;
        let mut payload = match at {
            0 => world.senders[0].machine.standing_payload(),
            1 => world.receivers[0].announced.clone().unwrap_or_default(),
            _ => {
                let sender = &world.senders[0].machine;
                let said = sender.payload(pairing).map(<[u8]>::to_vec);
                said.unwrap_or_default()
            }
        };
        if at == number {
            length = payload.len();
            change(&mut payload);
        }
        let parcel = Parcel {
            sender: 0,
            receiver: pairing,
            to_sender,
            payload,
        };
        let parties = Parties {
            senders: 1,
            receivers: &[pairing],
        };
        world.rendezvous.take(parcel, parties, &mut world.rng);
        world.deliver();
        for run in std::mem::take(&mut world.senders[0].owed) {
            world.senders[0]
                .machine
                .provide_hello(world.now, run, &hello("sender 0"));
        }
        world.drain();
    }
    (world, length)
}

#[test]
fn any_byte_of_any_message_may_be_flipped() {
    let (clean, _) = pair_with(9, &|_| {});
    assert_eq!(clean.receivers[0].outcome, Some(Outcome::Paired));
    for number in 0..3 {
        let (_, length) = pair_with(number, &|_| {});
        for at in 0..length {
            let (mut world, _) = pair_with(number, &|payload| payload[at] ^= 1 << (at % 8));
            let paired = world.receivers[0].outcome == Some(Outcome::Paired);
            assert!(!paired, "byte {at} of message {number}");
            // What did arrive is said again, or time runs out: either way it comes to an end.
            world.run();
        }
    }
}

#[test]
fn a_guesser_with_many_names_has_three_tries() {
    let mut world = World::new(7, Mood::HONEST);
    world.add_sender(RIGHT);
    for _ in 0..40 {
        world.add_receiver(GUESS);
    }
    world.run();
    assert!(world.senders[0].dead);
    assert_eq!(world.senders[0].guesses, 3);
    world.add_receiver(RIGHT);
    world.run();
    assert_eq!(world.receivers[40].outcome, Some(Outcome::Failed));
}

#[test]
fn many_honest_receivers_at_once_are_all_paired() {
    let mut world = World::new(8, Mood::LOSSY);
    world.add_sender(RIGHT);
    for _ in 0..12 {
        world.add_receiver(RIGHT);
    }
    world.run();
    assert!(
        world
            .receivers
            .iter()
            .all(|one| one.outcome == Some(Outcome::Paired))
    );
    assert_eq!(world.senders[0].machine.attempts_left(), 3);
}

#[test]
fn two_receivers_at_the_same_instant_both_get_through() {
    for seed in 0..200 {
        let named = Seed(seed);
        let mut world = World::new(seed, Mood::HONEST);
        world.add_sender(RIGHT);
        for _ in 0..2 {
            world.add_receiver(RIGHT);
        }
        world.run();
        for receiver in &world.receivers {
            assert_eq!(receiver.outcome, Some(Outcome::Paired));
            assert!(receiver.machine.proofs() <= 2);
        }
        drop(named);
    }
}

/// Receivers that fall silent at any point, and as many as like; then one that does not.
#[test]
fn silence_costs_a_code_nothing() {
    for seed in 0..200 {
        let named = Seed(seed);
        let mut world = World::new(seed, Mood::HONEST);
        world.add_sender(RIGHT);
        for _ in 0..20 {
            world.add_receiver(RIGHT);
            let steps = world.rng.gen_range(0..4);
            for _ in 0..steps {
                world.announce();
                world.deliver();
                world.now += STEP;
                world.hand_out_hellos();
                world.drain();
            }
            // It is heard no more.
            let gone = world.receivers.last_mut().unwrap();
            gone.announced = None;
            gone.outcome.get_or_insert(Outcome::Gone);
        }
        world.add_receiver(RIGHT);
        world.run();
        assert_eq!(world.receivers[20].outcome, Some(Outcome::Paired));
        assert_eq!(world.senders[0].machine.attempts_left(), 3);
        drop(named);
    }
}
