//! Questions that are under way, and how long an answer is waited for.
//!
//! An answer counts if it comes from where the question went and bears the question's transaction, which nobody
//! who does not see the question can guess. One that is late is asked for once more; which of the two an answer is
//! for is said by the last bit of the transaction.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::contact::canonical;
use super::{TaskId, Transmit};
use crate::limits::{DHT_TRIES, DHT_WAIT_FIRST, DHT_WAIT_LEAST, DHT_WAIT_MOST};

/// A question under way.
#[derive(Debug)]
pub(super) struct Call {
    /// For whom it was asked.
    pub(super) task: TaskId,
    /// Who was asked.
    pub(super) to: SocketAddr,
    message: Vec<u8>,
    /// Where in the message its transaction stands.
    transaction_at: usize,
    sent_at: [Instant; DHT_TRIES as usize],
    tries: usize,
    due: Instant,
}

/// A question whose time is over.
#[derive(Debug)]
pub(super) enum Overdue {
    /// It is asked once more.
    Late(TaskId, Transmit),
    /// There will be no answer.
    Silent(Call),
}

/// All questions of a client under way.
#[derive(Debug)]
pub(super) struct Calls {
    secret: [u8; 32],
    begun: u64,
    under_way: BTreeMap<u32, Call>,
    round_trip: RoundTrip,
}

impl Calls {
    pub(super) fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Self {
            secret,
            begun: 0,
            under_way: BTreeMap::new(),
            round_trip: RoundTrip::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Asks: `encode` makes the datagram of a transaction.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        task: TaskId,
        to: SocketAddr,
        encode: impl FnOnce([u8; 4]) -> Vec<u8>,
    ) -> Transmit {
        let name = self.fresh_name();
        let message = encode(name.to_be_bytes());
        // Behind it there are only `1:y1:qe`.
        let transaction_at = message.len().saturating_sub(b"....1:y1:qe".len());
        let call = Call {
            task,
            to,
            message: message.clone(),
            transaction_at,
            sent_at: [now; DHT_TRIES as usize],
            tries: 1,
            due: now + self.round_trip.wait(),
        };
        self.under_way.insert(name, call);
        Transmit { to, bytes: message }
    }

    /// The question that this is the answer to, which is then over.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        from: SocketAddr,
        transaction: &[u8],
    ) -> Option<Call> {
        let name = u32::from_be_bytes(transaction.try_into().ok()?);
        let asked = self.under_way.get(&(name & !1))?;
        let attempt = (name & 1) as usize;
        if canonical(asked.to) != canonical(from) || attempt >= asked.tries {
            return None;
        }
        let took = now.saturating_duration_since(asked.sent_at[attempt]);
        self.round_trip.on_sample(took);
        self.under_way.remove(&(name & !1))
    }

    /// The next one whose time is over.
    pub(super) fn poll_overdue(&mut self, now: Instant) -> Option<Overdue> {
        let late = self.under_way.iter().find(|(_, call)| call.due <= now);
        let name = *late?.0;
        let wait = self.round_trip.wait();
        let call = self.under_way.get_mut(&name)?;
        if call.tries == call.sent_at.len() {
            return self.under_way.remove(&name).map(Overdue::Silent);
        }
        call.sent_at[call.tries] = now;
        call.tries += 1;
        call.due = now + wait;
        let again = (name | 1).to_be_bytes();
        let mut bytes = call.message.clone();
        bytes[call.transaction_at..][..again.len()].copy_from_slice(&again);
        Some(Overdue::Late(call.task, Transmit { to: call.to, bytes }))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.under_way.values().map(|call| call.due).min()
    }

    /// Waits no more for what was asked for this task.
    pub(super) fn end_task(&mut self, task: TaskId) {
        self.under_way.retain(|_, call| call.task != task);
    }

    /// A transaction that is not under way, with its last bit clear.
    fn fresh_name(&mut self) -> u32 {
        loop {
            self.begun += 1;
            let hash = blake3::keyed_hash(&self.secret, &self.begun.to_le_bytes());
            let [a, b, c, d, ..] = *hash.as_bytes();
            let name = u32::from_be_bytes([a, b, c, d]) & !1;
            if !self.under_way.contains_key(&name) {
                return name;
            }
        }
    }
}

/// The round trip over all nodes, smoothed as RFC 6298 has it.
#[derive(Debug, Default)]
struct RoundTrip {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl RoundTrip {
    fn on_sample(&mut self, took: Duration) {
        match self.smoothed {
            Some(smoothed) => {
                self.variation = (3 * self.variation + smoothed.abs_diff(took)) / 4;
                self.smoothed = Some((7 * smoothed + took) / 8);
            }
            None => {
                self.variation = took / 2;
                self.smoothed = Some(took);
            }
        }
    }

    fn wait(&self) -> Duration {
        match self.smoothed {
            Some(smoothed) => (smoothed + 4 * self.variation).clamp(DHT_WAIT_LEAST, DHT_WAIT_MOST),
            None => DHT_WAIT_FIRST,
        }
    }
}
