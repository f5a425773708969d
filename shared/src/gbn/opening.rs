//! The first packets: both ends show that they hold the keys, and exchange salts for this connection's.
//!
//! ```text
//!  0             32                                     112            112 + p        128 + p
//!  +-------------+--------------------------------------+--------------+--------------+
//!  | random      | sealed body                          | sealed zeros | tag          |
//!  +-------------+--------------------------------------+--------------+--------------+
//!
//!  body  0           32             64          72             80
//!        +-----------+--------------+-----------+--------------+
//!        | own salt  | peer's salt  | own clock | peer's clock |
//!        +-----------+--------------+-----------+--------------+
//! ```
//!
//! Sealed with ChaCha20-Poly1305 under a key from the sending side's root key and the random bytes, which
//! are new in every packet. `p` is random, 0 to 255, and no more than in a packet that is answered. Clocks
//! are in microseconds, integers little-endian. What of the peer is not known is zero; so is its clock where
//! the answer was not immediate, since the two clocks may run apart.
//!
//! An opening that names our salt was sent after we made it, so its sender is there now, and its own salt
//! is believed. One that does not may be old: it is answered, and nothing else follows from it.

use std::time::{Duration, Instant};

use super::keys::{Keys, TAG_LENGTH, open_once, seal_once};
use super::random::Random;
use crate::limits::{
    GBN_OPENING_INTERVAL_FIRST, GBN_OPENING_INTERVAL_LAST, GBN_OPENINGS_REMEMBERED,
};

const RANDOM_LENGTH: usize = 32;
const BODY_LENGTH: usize = 80;

/// The shortest opening, in bytes.
const LEAST: usize = RANDOM_LENGTH + BODY_LENGTH + TAG_LENGTH;

/// Bytes by which lengths differ.
const PADDING: u16 = 256;

/// The longest opening, in bytes.
pub(super) const LONGEST: usize = LEAST + PADDING as usize - 1;

/// A random value that one end puts into the keys.
pub(super) type Salt = [u8; 32];

const NO_SALT: Salt = [0; 32];

/// What stands for a clock that is not known, or was read too long ago; clocks count from 1.
const NO_CLOCK: u64 = 0;

/// What an opening says.
#[derive(Debug, Clone, Copy)]
struct Opening {
    own: Salt,
    peer: Salt,
    clock: u64,
    peer_clock: u64,
}

/// What an opening changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opened {
    /// It is answered.
    Asked,
    /// The peer is there, with this salt.
    Proved {
        salt: Salt,
        /// From our opening to this one, if it was answered without delay.
        rtt: Option<Duration>,
    },
}

/// The exchange of openings, as one end sees it.
#[derive(Debug)]
pub(super) struct Handshake {
    keys: Keys,
    salt: Salt,
    /// The peer's, once it has proved itself.
    peer: Option<Salt>,
    started: Instant,
    /// What is to be answered: its salt, its clock and its padding.
    asked: Option<(Salt, u64, u16)>,
    /// The peer's clock, when it last proved itself, and when that was.
    heard: Option<(u64, Instant)>,
    seen: [[u8; RANDOM_LENGTH]; GBN_OPENINGS_REMEMBERED],
    seen_next: usize,
    interval: Duration,
}

impl Handshake {
    pub(super) fn new(keys: Keys, random: &mut Random, now: Instant) -> Self {
        Self {
            keys,
            salt: random.bytes(),
            peer: None,
            started: now,
            asked: None,
            heard: None,
            seen: [NO_SALT; GBN_OPENINGS_REMEMBERED],
            seen_next: 0,
            interval: GBN_OPENING_INTERVAL_FIRST,
        }
    }

    /// The salts of both, the sender's first, once they are known.
    pub(super) fn salts(&self) -> Option<[u8; 64]> {
        let peer = self.peer?;
        let (sender, receiver) = match self.keys.role {
            crate::Role::Sender => (self.salt, peer),
            crate::Role::Receiver => (peer, self.salt),
        };
        let mut salts = [0; 64];
        salts[..32].copy_from_slice(&sender);
        salts[32..].copy_from_slice(&receiver);
        Some(salts)
    }

    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Takes in a datagram; `None` if it is no opening of the peer's, or one seen before. Once it is
    /// `confirmed` that both ends have the other's salt, the peer has nothing more to say here.
    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        confirmed: bool,
    ) -> Option<Opened> {
        let (random, opening, padding) = self.open(datagram)?;
        let settled = confirmed && self.peer == Some(opening.own);
        if settled || self.seen.contains(&random) || opening.own == NO_SALT {
            return None;
        }
        let proved = opening.peer == self.salt;
        if !proved && opening.peer != NO_SALT {
            // An answer to a connection that is no more.
            return None;
        }
        let since_start = now.saturating_duration_since(self.started);
        let rtt = (opening.peer_clock != NO_CLOCK)
            .then(|| since_start.checked_sub(Duration::from_micros(opening.peer_clock - 1)))
            .flatten();
        self.seen[self.seen_next] = random;
        self.seen_next = (self.seen_next + 1) % GBN_OPENINGS_REMEMBERED;
        if proved {
            self.heard = Some((opening.clock, now));
            return Some(Opened::Proved {
                salt: opening.own,
                rtt,
            });
        }
        self.asked = Some((opening.own, opening.clock, padding));
        Some(Opened::Asked)
    }

    /// Believes in the peer's salt.
    pub(super) const fn accept(&mut self, salt: Salt) {
        self.peer = Some(salt);
        self.asked = None;
        self.interval = GBN_OPENING_INTERVAL_FIRST;
    }

    pub(super) const fn peer(&self) -> Option<Salt> {
        self.peer
    }

    /// Whether an answer is owed.
    pub(super) const fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Appends an opening: an answer if one is owed.
    pub(super) fn write(&mut self, now: Instant, random: &mut Random, buffer: &mut Vec<u8>) {
        let clock = micros(now.saturating_duration_since(self.started)).saturating_add(1);
        let (peer, peer_clock, most) = match (self.asked.take(), self.peer, self.heard) {
            (Some((salt, clock, padding)), _, _) => (salt, clock, padding),
            (None, Some(salt), Some((clock, at))) if now == at => (salt, clock, PADDING - 1),
            (None, Some(salt), _) => (salt, NO_CLOCK, PADDING - 1),
            (None, None, _) => (NO_SALT, NO_CLOCK, PADDING - 1),
        };
        let opening = Opening {
            own: self.salt,
            peer,
            clock,
            peer_clock,
        };
        let padding = random.below(most + 1);
        seal(&self.keys, opening, padding, &random.bytes(), buffer);
    }

    /// Time until the next opening; it doubles.
    pub(super) fn next_interval(&mut self) -> Duration {
        let interval = self.interval;
        self.interval = (interval * 2).min(GBN_OPENING_INTERVAL_LAST);
        interval
    }

    fn open(&self, datagram: &mut [u8]) -> Option<([u8; RANDOM_LENGTH], Opening, u16)> {
        if !(LEAST..=LONGEST).contains(&datagram.len()) {
            return None;
        }
        let padding = (datagram.len() - LEAST) as u16;
        let (random, sealed) = datagram.split_first_chunk_mut::<RANDOM_LENGTH>()?;
        let body = open_once(&self.keys.incoming, random, sealed)?;
        let opening = Opening {
            own: body.get(..32)?.try_into().ok()?,
            peer: body.get(32..64)?.try_into().ok()?,
            clock: u64::from_le_bytes(body.get(64..72)?.try_into().ok()?),
            peer_clock: u64::from_le_bytes(body.get(72..80)?.try_into().ok()?),
        };
        Some((*random, opening, padding))
    }
}

fn seal(keys: &Keys, opening: Opening, padding: u16, random: &[u8; 32], buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(random);
    let body = buffer.len();
    buffer.extend_from_slice(&opening.own);
    buffer.extend_from_slice(&opening.peer);
    buffer.extend_from_slice(&opening.clock.to_le_bytes());
    buffer.extend_from_slice(&opening.peer_clock.to_le_bytes());
    buffer.resize(buffer.len() + usize::from(padding), 0);
    seal_once(&keys.outgoing, random, buffer, body);
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
