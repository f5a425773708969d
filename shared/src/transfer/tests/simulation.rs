//! Both machines together, in every order that a seed gives: honest ones come to their end, liars are found out.

use std::collections::VecDeque;
use std::panic::{UnwindSafe, catch_unwind};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::liars;
use super::machines::{Offer, Plan, Receiver, Sender};
use crate::transfer::{Unproved, Violation, Wanted};
use crate::wire::peer::{ReceiverMessage, SenderMessage};

/// Transfers of each kind.
const SEEDS: u64 = 10_000;

/// Chance of which every draw follows from a seed.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0.next_u32() as usize % bound
    }

    pub(super) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// One transfer: both sides, and what is on its way between them.
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) offer: Offer,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    to_sender: VecDeque<ReceiverMessage>,
    to_receiver: VecDeque<SenderMessage>,
    stream: VecDeque<u8>,
}

/// Who does something next.
const ACTORS: [fn(&mut World) -> bool; 9] = [
    World::ask,
    World::hear_receiver,
    World::read,
    World::prove_at_sender,
    World::take_stream,
    World::hear_sender,
    World::prove_at_receiver,
    World::take_proof,
    World::commit,
];

impl World {
    /// A transfer of which nothing was said; where `smooth`, nothing fails in it.
    fn new(seed: u64, smooth: bool) -> Self {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let offer = Offer::new(&mut chance, smooth);
        Self {
            sender: Sender::new(&offer),
            receiver: Receiver::new(&offer),
            chance,
            offer,
            to_sender: VecDeque::new(),
            to_receiver: VecDeque::new(),
            stream: VecDeque::new(),
        }
    }

    /// Somebody who has something to do does it; `false` when nobody has.
    fn step(&mut self) -> bool {
        let first = self.chance.below(ACTORS.len());
        let mut order = (0..ACTORS.len()).map(|next| ACTORS[(first + next) % ACTORS.len()]);
        order.any(|act| act(self))
    }

    fn ask(&mut self) -> bool {
        let Some(message) = self.receiver.ask(&self.offer) else {
            return false;
        };
        self.to_sender.push_back(message);
        true
    }

    fn hear_receiver(&mut self) -> bool {
        let Some(message) = self.to_sender.pop_front() else {
            return false;
        };
        let heard = self.sender.hear(&self.offer, message.clone());
        assert_eq!(heard, Ok(()), "{message:?}");
        true
    }

    fn read(&mut self) -> bool {
        let went_out = self.sender.read(&self.offer, &mut self.chance);
        self.stream.extend(went_out.iter().flatten());
        went_out.is_some()
    }

    fn prove_at_sender(&mut self) -> bool {
        let before = self.to_receiver.len();
        let acted = self.sender.prove(&self.offer, &mut self.chance);
        self.to_receiver.extend(self.sender.said.take());
        acted || self.to_receiver.len() > before
    }

    fn take_stream(&mut self) -> bool {
        if self.stream.is_empty() {
            return self.sender.ended && self.receiver.take_end() == Ok(true);
        }
        let length = 1 + self.chance.below(self.stream.len().min(40));
        let bytes: Vec<u8> = self.stream.drain(..length).collect();
        let taken = self.receiver.take(&self.offer, &bytes, &mut self.chance);
        assert_eq!(taken, Ok(()));
        self.to_sender.extend(self.receiver.said.drain(..));
        if self.chance.one_in(3) {
            self.to_sender.push_back(self.receiver.progress());
        }
        true
    }

    fn hear_sender(&mut self) -> bool {
        let Some(SenderMessage::Prefix { file, hashes }) = self.to_receiver.pop_front() else {
            return false;
        };
        assert_eq!(self.receiver.hear_prefix(file, hashes), Ok(()), "{file}");
        true
    }

    fn prove_at_receiver(&mut self) -> bool {
        self.receiver.prove(&mut self.chance)
    }

    fn take_proof(&mut self) -> bool {
        let taken = self.receiver.take_proof();
        self.to_sender.extend(self.receiver.said.drain(..));
        taken
    }

    fn commit(&mut self) -> bool {
        let committed = self.receiver.commit(&self.offer, &mut self.chance);
        self.to_sender.extend(self.receiver.said.drain(..));
        if committed {
            self.to_sender.push_back(self.receiver.progress());
        }
        committed
    }

    /// What must hold once nobody has anything to do.
    fn check(mut self) -> Self {
        assert!(self.sender.machine.done());
        assert_eq!(self.sender.machine.poll_wanted(), Wanted::End);
        assert_eq!(self.sender.machine.poll_unproved(), Unproved::End);
        assert_eq!(self.receiver.machine.unproved(), 0);
        let (mut missing, mut proved, mut failed) = (0, 0, 0);
        for (file, here) in self.offer.files.iter().zip(&self.receiver.files) {
            let Some(content) = &file.content else {
                continue;
            };
            let taken = !matches!(file.plan, Plan::Leave);
            assert_eq!(here.whole.is_some(), taken);
            proved += here.proved.unwrap_or(0);
            missing += content.len() as u64 - here.proved.unwrap_or(0).min(content.len() as u64);
            match here.whole {
                Some(true) => {
                    assert_eq!(here.part, *content);
                    let length = content.len() as u64;
                    assert_eq!(here.crossed, length - here.proved.unwrap_or(0));
                    assert_eq!(here.proved.unwrap_or(0), file.right());
                }
                Some(false) => failed += 1,
                None => {
                    missing -= content.len() as u64;
                    assert_eq!(here.crossed, 0);
                }
            }
        }
        let machine = &self.sender.machine;
        assert_eq!(machine.failures().1, failed);
        if failed == 0 {
            assert_eq!(machine.sent() + machine.holes(), missing);
            assert_eq!(machine.resumed(), proved);
        }
        self
    }
}

/// An honest transfer, from its beginning to its end.
fn run(seed: u64) -> World {
    let mut world = World::new(seed, seed.is_multiple_of(2));
    while world.step() {}
    world.check()
}

/// An honest transfer up to a lie of this kind; what came of it, if there was a moment for one.
fn lie(seed: u64, kind: usize) -> Option<Result<(), Violation>> {
    let mut world = World::new(seed, seed.is_multiple_of(2));
    let honest = world.chance.below(60);
    for _ in 0..honest {
        world.step();
    }
    loop {
        let told = liars::tell(&mut world, kind);
        if told.is_some() || !world.step() {
            return told;
        }
    }
}

/// What comes of `seed`, which is said when that panics.
fn with_seed<T>(seed: u64, run: impl FnOnce(u64) -> T + UnwindSafe) -> T {
    catch_unwind(move || run(seed)).unwrap_or_else(|_| panic!("with seed {seed}"))
}

#[test]
fn honest_machines_end_in_any_order_and_send_what_is_missing() {
    let (mut whole, mut failed, mut mended) = (0, 0, 0);
    for seed in 0..SEEDS {
        let world = with_seed(seed, run);
        for here in &world.receiver.files {
            whole += u64::from(here.whole == Some(true));
            failed += u64::from(here.whole == Some(false));
            mended += u64::from(here.mended);
        }
    }
    // The seeds come to all of it.
    for count in [whole, failed, mended] {
        assert!(count > SEEDS / 4, "{whole} {failed} {mended}");
    }
}

#[test]
fn machines_that_are_lied_to_find_it_out_at_any_time() {
    let mut found = [0; liars::KINDS];
    for seed in 0..SEEDS {
        let kind = seed as usize % liars::KINDS;
        if let Some(outcome) = with_seed(seed, move |seed| lie(seed, kind)) {
            assert!(outcome.is_err(), "kind {kind}, seed {seed}");
            found[kind] += 1;
        }
    }
    assert!(found.iter().all(|count| *count > 100), "{found:?}");
}
