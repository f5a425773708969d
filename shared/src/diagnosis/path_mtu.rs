//! The search for the longest datagram that gets to a server and is answered (RFC 8899's question,
//! asked all at once, since a person waits).
//!
//! Each round tries several lengths side by side; the longest that was answered, and the shortest above
//! it, bound the next. A length that got lost by bad luck costs precision, never truth: what was answered
//! did get through.

use crate::limits::{MTU_ROUNDS, MTU_SIZES_AT_ONCE};

/// The lengths of the first round, which are local: UDP payloads that common networks allow and no longer
/// one. 508 and 972 bytes (what IPv4 promises, and a round kilobyte), QUIC's 1200, IPv6's smallest link of
/// 1280, tunnels from 1400 to 1440, PPPoE's 1492, Ethernet's 1500, each less 28 and 48 bytes of headers.
const COMMON: [u16; 16] = [
    508, 972, 1100, 1200, 1232, 1252, 1352, 1372, 1392, 1412, 1432, 1444, 1452, 1464, 1472, 8972,
];

/// Lengths are of UDP payloads, in bytes.
#[derive(Debug)]
pub struct PathMtuSearch {
    /// The longest that was answered.
    best: u16,
    /// The shortest that is known or taken not to get through.
    bound: u16,
    rounds: usize,
    /// Those of this round, the shortest first.
    sizes: Vec<u16>,
}

impl PathMtuSearch {
    /// Between a length that is known to get through and one above which the interface takes none.
    #[must_use]
    pub fn new(works: u16, interface_limit: u16) -> Self {
        let bound = interface_limit.saturating_add(1).max(works);
        let mut sizes: Vec<u16> = COMMON
            .into_iter()
            .filter(|&size| size > works && size < bound)
            .collect();
        if sizes.last() != Some(&interface_limit) && interface_limit > works {
            // The longest of all stands in for the shortest, which the next round would find.
            if sizes.len() >= MTU_SIZES_AT_ONCE {
                sizes.remove(0);
            }
            sizes.push(interface_limit);
        }
        Self {
            best: works,
            bound,
            rounds: 0,
            sizes,
        }
    }

    /// The lengths to try in this round, at most [`MTU_SIZES_AT_ONCE`]; none when the search is over.
    #[must_use]
    pub fn sizes(&self) -> &[u16] {
        &self.sizes
    }

    /// A datagram of that length was answered.
    pub fn handle_answer(&mut self, size: u16) {
        if self.sizes.contains(&size) {
            self.best = self.best.max(size);
        }
    }

    /// Takes in that the time of the present round is over.
    pub fn end_round(&mut self) {
        self.rounds += 1;
        if let Some(&lost) = self.sizes.iter().find(|&&size| size > self.best) {
            self.bound = lost;
        }
        self.sizes.clear();
        let gap = usize::from(self.bound - self.best);
        if self.rounds >= MTU_ROUNDS || gap <= 1 {
            return;
        }
        let parts = (MTU_SIZES_AT_ONCE + 1).min(gap);
        for part in 1..parts {
            // Below the gap, which is 16 bits.
            let step = u16::try_from(gap * part / parts).unwrap_or(0);
            self.sizes.push(self.best + step);
        }
    }

    /// The longest that was answered.
    #[must_use]
    pub const fn best(&self) -> u16 {
        self.best
    }
}
