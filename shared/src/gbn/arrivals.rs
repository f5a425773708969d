//! Which packets have arrived, with the proofs of it, and when to say so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ecn::{Codepoint, Counts};
use super::ranges::{Account, Run};
use crate::limits::{
    GBN_ACK_DELAY, GBN_ACK_DELAY_CONGESTED, GBN_ACKNOWLEDGED_TOGETHER,
    GBN_ACKNOWLEDGED_TOGETHER_AT_FIRST, GBN_ARRIVALS_WINDOW, GBN_PACKETS_AT_FIRST, GBN_RUN_PIECE,
    GBN_UNASKED_TOGETHER,
};

/// Most pieces that are kept, which is local: a third of the packets of a window of 16,384 may be missing one by one.
/// Beyond that the oldest are given up.
const MAX_RUNS: usize = 8192;

/// The account of what has arrived.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Upward.
    runs: VecDeque<Run>,
    /// Lower numbers are not taken in any more.
    floor: u64,
    /// When the newest arrived.
    newest_at: Option<Instant>,
    /// That asked for an acknowledgement, since the last one.
    unacknowledged: u32,
    /// That did not.
    unasked: u32,
    taken: u64,
    due: Option<Instant>,
    /// Due at once, since there is something else to say with it.
    hurried: bool,
    counts: Counts,
    /// Whether a packet was marked since the last acknowledgement.
    marked: bool,
}

impl Arrivals {
    /// Whether a packet of that number would be new.
    pub(super) fn is_new(&self, packet_number: u64) -> bool {
        if packet_number < self.floor {
            return false;
        }
        let after = self.after(packet_number);
        after == 0 || self.runs[after - 1].end <= packet_number
    }

    /// Takes in a packet that is new. `settled` is the oldest that its sender waits for.
    pub(super) fn insert(&mut self, now: Instant, packet_number: u64, proof: u32, settled: u64) {
        let newest = self.runs.back().map(|run| run.end);
        if newest.is_none_or(|newest| packet_number >= newest) {
            self.newest_at = Some(now);
        }
        self.place(packet_number, proof);
        self.taken += 1;
        let newest = self.runs.back().map_or(0, |run| run.end);
        self.floor = self
            .floor
            .max(settled.min(packet_number))
            .max(newest.saturating_sub(GBN_ARRIVALS_WINDOW));
        while let Some(first) = self.runs.front()
            && (first.end <= self.floor || self.runs.len() > MAX_RUNS)
            && self.runs.len() > 1
        {
            self.floor = self.floor.max(first.end);
            self.runs.pop_front();
        }
    }

    /// Counts the codepoint of a packet that was taken in.
    pub(super) fn count(&mut self, codepoint: Codepoint) {
        self.counts.add(codepoint);
        self.marked |= codepoint == Codepoint::Ce;
    }

    /// Schedules the acknowledgement of a packet that was taken in.
    pub(super) fn schedule(&mut self, now: Instant, elicits: bool, at_once: bool) {
        if !elicits {
            self.unasked += 1;
            return;
        }
        self.unacknowledged += 1;
        let together = if self.taken < GBN_PACKETS_AT_FIRST {
            GBN_ACKNOWLEDGED_TOGETHER_AT_FIRST
        } else {
            GBN_ACKNOWLEDGED_TOGETHER
        };
        let wait = if at_once || self.unacknowledged >= together {
            Duration::ZERO
        } else if self.marked || self.has_gap() {
            GBN_ACK_DELAY_CONGESTED
        } else {
            GBN_ACK_DELAY
        };
        let at = now + wait;
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// When an acknowledgement is due.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether one is due now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.hurried || self.due.is_some_and(|due| due <= now)
    }

    /// Makes an acknowledgement due, whatever has arrived.
    pub(super) const fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Whether there is something to say that may ride on data.
    pub(super) const fn is_worth_a_ride(&self) -> bool {
        self.hurried || self.due.is_some() || self.unasked >= GBN_UNASKED_TOGETHER
    }

    /// What is to be said now, if anything has arrived at all.
    pub(super) fn account(
        &self,
        now: Instant,
        limit: u64,
        most_runs: usize,
    ) -> Option<Account<'_>> {
        let first = self.runs.front()?;
        let held = self
            .newest_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        Some(Account {
            runs: &self.runs,
            floor: first.start.min(self.floor),
            delay_us: u32::try_from(held.as_micros()).unwrap_or(u32::MAX),
            limit,
            counts: self.counts,
            most_runs,
        })
    }

    /// The account was given.
    pub(super) const fn handle_acknowledged(&mut self) {
        self.due = None;
        self.hurried = false;
        self.unacknowledged = 0;
        self.unasked = 0;
        self.marked = false;
    }

    /// Pieces kept, for tests of the bound.
    pub(super) fn pieces(&self) -> usize {
        self.runs.len()
    }

    /// Bytes of memory that they take.
    pub(super) fn records_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<Run>()
    }

    fn has_gap(&self) -> bool {
        let length = self.runs.len();
        length > 1 && self.runs[length - 2].end != self.runs[length - 1].start
    }

    /// The index of the first piece that begins above a number.
    fn after(&self, packet_number: u64) -> usize {
        match self.runs.back() {
            Some(last) if last.start <= packet_number => self.runs.len(),
            _ => self.runs.partition_point(|run| run.start <= packet_number),
        }
    }

    fn place(&mut self, packet_number: u64, proof: u32) {
        let after = self.after(packet_number);
        let below = after.checked_sub(1).filter(|&at| {
            self.runs[at].end == packet_number && self.runs[at].length() < GBN_RUN_PIECE
        });
        let above = (after < self.runs.len())
            .then_some(after)
            .filter(|&at| self.runs[at].start == packet_number + 1)
            .filter(|&at| self.runs[at].length() < GBN_RUN_PIECE);
        match (below, above) {
            (Some(below), Some(above))
                if self.runs[below].length() + self.runs[above].length() < GBN_RUN_PIECE =>
            {
                let Run { end, sum, .. } = self.runs[above];
                let run = &mut self.runs[below];
                run.end = end;
                run.sum = run.sum.wrapping_add(sum).wrapping_add(proof);
                self.runs.remove(above);
            }
            (Some(below), _) => {
                let run = &mut self.runs[below];
                run.end += 1;
                run.sum = run.sum.wrapping_add(proof);
            }
            (None, Some(above)) => {
                let run = &mut self.runs[above];
                run.start -= 1;
                run.sum = run.sum.wrapping_add(proof);
            }
            (None, None) => {
                let run = Run {
                    start: packet_number,
                    end: packet_number + 1,
                    sum: proof,
                };
                self.runs.insert(after, run);
            }
        }
    }
}
