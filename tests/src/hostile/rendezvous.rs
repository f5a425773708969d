//! A rendezvous that is the attacker: it loses, repeats, reorders, garbles, swaps and replays the payloads
//! of a pairing.

use fardrop_shared::PairingId;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;

/// Old payloads that the attacker keeps.
const MAX_HISTORY: usize = 200;

/// What the rendezvous does with a payload, in percent.
#[derive(Debug, Clone, Copy)]
pub struct Mood {
    drop: u32,
    repeat: u32,
    garble: u32,
    swap: u32,
    replay: u32,
}

impl Mood {
    /// Hands everything on as it is.
    pub const HONEST: Self = Self {
        drop: 0,
        repeat: 0,
        garble: 0,
        swap: 0,
        replay: 0,
    };
    /// A bad network, and no ill will.
    pub const LOSSY: Self = Self {
        drop: 40,
        repeat: 30,
        ..Self::HONEST
    };

    /// Some of everything.
    pub fn hostile(rng: &mut ChaCha20Rng) -> Self {
        let mut some = |most| {
            if rng.gen_bool(0.5) {
                rng.gen_range(0..most)
            } else {
                0
            }
        };
        Self {
            drop: some(60),
            repeat: some(60),
            garble: some(30),
            swap: some(30),
            replay: some(50),
        }
    }
}

/// A payload on its way.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Which sender: the one it is for, or the one it is from.
    pub sender: usize,
    /// Which receiver, as the rendezvous says.
    pub receiver: PairingId,
    /// Whether it is for the sender.
    pub to_sender: bool,
    /// What is said.
    pub payload: Vec<u8>,
}

/// Those between whom it stands.
#[derive(Debug, Clone, Copy)]
pub struct Parties<'a> {
    /// How many senders there are, at least one.
    pub senders: usize,
    /// The receivers, at least one.
    pub receivers: &'a [PairingId],
}

/// The rendezvous, and what it holds back.
#[derive(Debug)]
pub struct Rendezvous {
    mood: Mood,
    on_the_way: Vec<Parcel>,
    history: Vec<Parcel>,
}

impl Rendezvous {
    /// One that nobody has used yet.
    #[must_use]
    pub const fn new(mood: Mood) -> Self {
        Self {
            mood,
            on_the_way: Vec::new(),
            history: Vec::new(),
        }
    }

    /// Takes a payload in, and decides what becomes of it.
    pub fn take(&mut self, mut parcel: Parcel, parties: Parties<'_>, rng: &mut ChaCha20Rng) {
        let mood = self.mood;
        self.remember(parcel.clone(), rng);
        if chance(mood.drop, rng) {
            return;
        }
        if chance(mood.swap, rng) {
            parcel.sender = rng.gen_range(0..parties.senders);
            parcel.receiver = one_of(parties.receivers, rng);
            parcel.to_sender ^= rng.gen_bool(0.3);
        }
        if chance(mood.garble, rng) {
            garble(&mut parcel.payload, rng);
        }
        if chance(mood.repeat, rng) {
            self.on_the_way.push(parcel.clone());
        }
        self.on_the_way.push(parcel);
        if chance(mood.replay, rng) {
            let mut old = self.history.choose(rng).expect("one was just kept").clone();
            if rng.gen_bool(0.5) {
                old.receiver = one_of(parties.receivers, rng);
            }
            self.on_the_way.push(old);
        }
    }

    /// All that is on the way, in no order; each is to be asked after by [`Self::let_through`].
    pub fn shuffle(&mut self, rng: &mut ChaCha20Rng) -> Vec<Parcel> {
        let mut parcels = std::mem::take(&mut self.on_the_way);
        parcels.shuffle(rng);
        parcels
    }

    /// The payload if it arrives now; some come later, behind newer ones.
    pub fn let_through(&mut self, parcel: Parcel, rng: &mut ChaCha20Rng) -> Option<Parcel> {
        if self.mood.drop > 0 && rng.gen_bool(0.3) {
            self.on_the_way.push(parcel);
            return None;
        }
        Some(parcel)
    }

    fn remember(&mut self, parcel: Parcel, rng: &mut ChaCha20Rng) {
        if self.history.len() < MAX_HISTORY {
            self.history.push(parcel);
        } else {
            let at = rng.gen_range(0..MAX_HISTORY);
            self.history[at] = parcel;
        }
    }
}

fn garble(payload: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    match rng.gen_range(0..4) {
        0 => payload.truncate(rng.gen_range(0..=payload.len())),
        1 => payload[0] = rng.gen_range(0..6),
        2 => payload.push(rng.r#gen()),
        _ => {
            let at = rng.gen_range(0..payload.len());
            payload[at] ^= 1 << rng.gen_range(0..8);
        }
    }
}

fn one_of(receivers: &[PairingId], rng: &mut ChaCha20Rng) -> PairingId {
    *receivers.choose(rng).expect("there is a receiver")
}

fn chance(percent: u32, rng: &mut ChaCha20Rng) -> bool {
    rng.gen_range(0..100) < percent
}
