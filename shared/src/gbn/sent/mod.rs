//! What was sent and what became of it: a flat table by packet number, and RACK over it (RFC 8985).

use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::ecn::Codepoint;
use super::rtt::Rtt;
use super::segment::Acknowledgement;
use crate::limits::GBN_MAX_RECORDS;

#[cfg(test)]
mod tests;

/// Records, of [`GBN_MAX_RECORDS`], that only packets without data may use.
const RESERVED: usize = 2_000;

/// Packets that have overtaken one before it counts as lost, while none was ever seen to be overtaken
/// (RFC 8985, section 6.2).
const OVERTAKEN: u64 = 3;

/// Most quarters of the least round-trip time that a packet may be late (RFC 8985, section 6.2: the window
/// ends at the smoothed round-trip time).
const MAX_LATENESS: u32 = 8;

/// How long a lost packet is still waited for, in smoothed round trips, to learn that it was only late.
const LATE_ROUND_TRIPS: u32 = 2;

/// Probe time-outs that everything was lost for when the path must have been dead (RFC 9002, section 7.6.1).
const PERSISTENT: u32 = 3;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    InFlight,
    Acknowledged,
    Lost,
    /// It asked for no acknowledgement.
    Unasked,
}

/// A packet that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) at: Instant,
    /// Its part of the stream.
    pub(super) offset: u64,
    pub(super) length: u16,
    /// Of the whole datagram, in bytes.
    pub(super) size: u16,
    /// The proofs of all packets before, added up.
    sum: u32,
    pub(super) state: State,
    pub(super) finished: bool,
    /// Sent to find out whether so large a packet passes: no sign of congestion if it is lost.
    pub(super) mtu_probe: bool,
    /// Sent as ECT(0).
    pub(super) ecn_capable: bool,
}

impl Record {
    pub(super) const fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.length as u64
    }
}

/// A packet that is about to be sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sending {
    pub(super) offset: u64,
    pub(super) length: u16,
    pub(super) finished: bool,
    pub(super) mtu_probe: bool,
    pub(super) codepoint: Codepoint,
    /// Present if it asks to be acknowledged.
    pub(super) proof: Option<u32>,
}

/// Why an acknowledgement was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is older than what is known, and says nothing new.
    Old,
    /// It names packets that were never sent, or proves none of what it claims.
    Unproved,
}

/// All packets whose account is open.
#[derive(Debug)]
pub(super) struct Sent {
    records: VecDeque<Record>,
    /// The number of the first record.
    base: u64,
    /// The proofs of all packets so far, added up.
    sum: u32,
    /// No record before it is in flight.
    oldest: u64,
    /// The newest run that is known to be acknowledged, so as not to look at it again.
    known: Range<u64>,
    /// Numbers of packets that were declared lost and may yet turn out to be late, upward.
    lost: VecDeque<u64>,
    in_flight: u64,
    in_flight_packets: u64,
    newest_acknowledged: Option<u64>,
    /// Of the packet that was sent last among those acknowledged: its number, and its round-trip time.
    rack: Option<(u64, Duration)>,
    overtaking_seen: bool,
    /// Quarters of the least round-trip time that a packet may be late.
    lateness: u32,
    /// The first packet that may make `lateness` grow again: it does so once a round trip at most (RFC 8985,
    /// section 6.2, step 4), since all that was late in one tells of a single detour.
    lateness_grown_at: u64,
}

impl Sent {
    pub(super) const fn new() -> Self {
        Self {
            records: VecDeque::new(),
            base: 0,
            sum: 0,
            oldest: 0,
            known: 0..0,
            lost: VecDeque::new(),
            in_flight: 0,
            in_flight_packets: 0,
            newest_acknowledged: None,
            rack: None,
            overtaking_seen: false,
            lateness: 1,
            lateness_grown_at: 0,
        }
    }

    /// The number of the next packet.
    pub(super) fn next_number(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    /// Whether there is room for a packet that asks to be acknowledged.
    pub(super) fn has_room(&self) -> bool {
        self.records.len() < GBN_MAX_RECORDS - RESERVED
    }

    /// Bytes that neither arrived nor were lost.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    pub(super) const fn has_in_flight(&self) -> bool {
        self.in_flight_packets > 0
    }

    /// Packets remembered.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Bytes of memory that the records take.
    pub(super) fn records_bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>() + self.lost.capacity() * size_of::<u64>()
    }

    /// The oldest number that an acknowledgement is still wanted for.
    pub(super) fn settled(&self) -> u64 {
        let oldest = self.oldest.max(self.base);
        self.lost
            .front()
            .map_or(oldest, |&lost| lost.clamp(self.base, oldest))
    }

    /// Enters a packet under the next number.
    pub(super) fn insert(&mut self, at: Instant, sending: &Sending, size: u16) {
        // The reserve is for what never waits for room: acknowledgements and goodbyes.
        if self.records.len() >= GBN_MAX_RECORDS {
            self.forget_first();
        }
        let proof = sending.proof.unwrap_or(0);
        let state = if sending.proof.is_some() {
            self.in_flight += u64::from(size);
            self.in_flight_packets += 1;
            State::InFlight
        } else {
            State::Unasked
        };
        self.records.push_back(Record {
            at,
            offset: sending.offset,
            length: sending.length,
            size,
            sum: self.sum,
            state,
            finished: sending.finished,
            mtu_probe: sending.mtu_probe,
            ecn_capable: sending.codepoint == Codepoint::Ect0,
        });
        // Sums up to each packet make the proof of any run a difference of two, however long it is.
        self.sum = self.sum.wrapping_add(proof);
        self.advance_oldest();
    }

    /// Whether an acknowledgement is new and proves what it claims. Changes nothing.
    pub(super) fn check(&self, acknowledgement: &Acknowledgement<'_>) -> Result<(), Refused> {
        // Who acknowledges ahead would drive us faster than the path goes (RFC 9000, section 21.4).
        if acknowledgement.newest >= self.next_number() {
            return Err(Refused::Unproved);
        }
        // The proofs below the base are forgotten, so that it could be neither believed nor refuted.
        if acknowledgement.floor < self.base {
            return Err(Refused::Old);
        }
        let mut digest = 0u32;
        for run in acknowledgement.runs() {
            let sum = self
                .sum_before(run.end)
                .wrapping_sub(self.sum_before(run.start));
            digest = digest.wrapping_add(sum);
        }
        if digest == acknowledgement.digest {
            Ok(())
        } else {
            Err(Refused::Unproved)
        }
    }

    /// Takes in an acknowledgement that was checked. `acked` hears of each packet that is newly so, and
    /// whether it had been declared lost. The sending time of the newest of them, if it is the newest of
    /// all, is returned.
    pub(super) fn handle_acknowledgement(
        &mut self,
        now: Instant,
        acknowledgement: &Acknowledgement<'_>,
        mut acked: impl FnMut(u64, &Record, bool),
    ) -> Option<Instant> {
        if !self.lost.is_empty() {
            self.take_late(acknowledgement, &mut acked);
        }
        let mut newest = None;
        // Every acknowledgement names the long newest run again. Only its ends have grown since the last time,
        // so the middle is left alone, and the work is in proportion to what is new.
        for run in acknowledgement.runs() {
            let run = run.start.max(self.oldest)..run.end;
            if run.start <= self.known.start && run.end >= self.known.end {
                newest = newest.max(self.take_run(run.start..self.known.start, &mut acked));
                newest =
                    newest.max(self.take_run(self.known.end.max(run.start)..run.end, &mut acked));
                self.known = run;
            } else {
                newest = newest.max(self.take_run(run.clone(), &mut acked));
                if run.end >= self.known.end {
                    self.known = run;
                }
            }
        }
        self.advance_oldest();
        let number = newest?;
        let at = self.record(number)?.at;
        // Numbers grow with the time of sending and are never used twice (RFC 9002, section 4.2). So RACK's
        // most recently sent packet is the one with the highest number, and its round trip is unambiguous.
        if self.rack.is_none_or(|(known, _)| number > known) {
            self.rack = Some((number, now.saturating_duration_since(at)));
        } else {
            // Something sent earlier arrives later: the path reorders (RFC 8985, section 6.2, step 3).
            self.overtaking_seen = true;
        }
        // Only this one gives a round-trip time: any other was held back by the peer (RFC 9002, section 5.1).
        let first = self.newest_acknowledged.is_none_or(|known| number > known);
        self.newest_acknowledged = self.newest_acknowledged.max(Some(number));
        first.then_some(at)
    }

    /// Forgets what neither end needs any more: everything below the floor of the peer's account.
    pub(super) fn handle_floor(
        &mut self,
        now: Instant,
        floor: u64,
        rtt: &Rtt,
        mut gone: impl FnMut(&Record),
    ) {
        // What has not come by now will not: it keeps `settled` back, and with it the peer's account.
        let patience = rtt.smoothed() * LATE_ROUND_TRIPS;
        while let Some(&lost) = self.lost.front()
            && (lost < floor
                || self
                    .record(lost)
                    .is_none_or(|record| now.saturating_duration_since(record.at) > patience))
        {
            self.lost.pop_front();
        }
        while self.base < floor
            && let Some(record) = self.records.pop_front()
        {
            self.base += 1;
            if record.state == State::InFlight {
                // The peer has given it up.
                self.leave_flight(record.size);
                gone(&record);
            }
        }
        self.advance_oldest();
    }

    /// Declares lost what RACK finds to be (RFC 8985, section 6.2, step 5). When to look again.
    pub(super) fn detect_losses(
        &mut self,
        now: Instant,
        rtt: &Rtt,
        mut lost: impl FnMut(u64, &Record),
    ) -> Option<Instant> {
        let (newest, round_trip) = self.rack?;
        // Where the path is known to reorder, time alone decides: three packets that have overtaken one prove
        // nothing there (RFC 8985, section 6.2, step 4). The smoothed round trip bounds the wait.
        let patience = if self.overtaking_seen {
            let window = rtt.least() / 4 * self.lateness;
            Some(round_trip + window.min(rtt.smoothed()))
        } else {
            None
        };
        // Elsewhere, three are proof enough, as the DupThresh of RFC 6675, and spare the wait.
        let window = rtt.least() / 4;
        let mut number = self.oldest;
        while number < newest {
            let record = *self.record(number)?;
            if record.state == State::InFlight {
                let deadline = record.at + patience.unwrap_or(round_trip + window);
                let overtaken = patience.is_none() && newest >= number + OVERTAKEN;
                if !overtaken && now < deadline {
                    // Whatever was sent later has a later deadline, and fewer have overtaken it.
                    self.advance_oldest();
                    return Some(deadline);
                }
                self.declare_lost(number);
                lost(number, &record);
            }
            number += 1;
        }
        self.advance_oldest();
        None
    }

    /// The newest and the oldest packets with data in flight.
    pub(super) fn ends_in_flight(&self) -> Option<(Record, Record)> {
        // A probe of the MTU is no measure of anything else (RFC 9000, section 14.4), and what carries no data
        // is not worth sending again.
        let carries = |record: &&Record| {
            record.state == State::InFlight
                && !record.mtu_probe
                && (record.length > 0 || record.finished)
        };
        let skipped = (self.oldest - self.base) as usize;
        let oldest = self.records.range(skipped..).find(carries)?;
        let newest = self.records.iter().rev().find(carries)?;
        Some((*newest, *oldest))
    }

    /// How long a span of losses without an acknowledgement between means that the path was dead.
    pub(super) fn persistent_duration(rtt: &Rtt, max_ack_delay: Duration) -> Duration {
        (rtt.probe_timeout() + max_ack_delay) * PERSISTENT
    }

    /// Forgets what is known of the order of packets, which holds for the old path only.
    pub(super) const fn handle_path_change(&mut self) {
        self.overtaking_seen = false;
        self.lateness = 1;
    }

    fn record(&self, number: u64) -> Option<&Record> {
        let at = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.records.get(at)
    }

    /// The proofs of all packets before `number`, which is none below the base.
    fn sum_before(&self, number: u64) -> u32 {
        self.record(number).map_or(self.sum, |record| record.sum)
    }

    /// Acknowledges what of a run is in flight; the newest that was.
    fn take_run(
        &mut self,
        run: Range<u64>,
        acked: &mut impl FnMut(u64, &Record, bool),
    ) -> Option<u64> {
        if run.is_empty() {
            return None;
        }
        let start = run.start.saturating_sub(self.base) as usize;
        let end = (run.end.saturating_sub(self.base) as usize).min(self.records.len());
        let mut newest = None;
        let mut bytes = 0;
        let mut packets = 0;
        for (at, record) in self.records.range_mut(start.min(end)..end).enumerate() {
            if record.state == State::InFlight {
                record.state = State::Acknowledged;
                bytes += u64::from(record.size);
                packets += 1;
                let number = self.base + (start + at) as u64;
                acked(number, record, false);
                newest = Some(number);
            }
        }
        self.in_flight -= bytes;
        self.in_flight_packets -= packets;
        newest
    }

    /// Finds lost packets that have arrived after all: they were only overtaken.
    fn take_late(
        &mut self,
        acknowledgement: &Acknowledgement<'_>,
        acked: &mut impl FnMut(u64, &Record, bool),
    ) {
        let mut found = 0;
        for run in acknowledgement.runs() {
            let start = self.lost.partition_point(|&number| number < run.start);
            let end = self.lost.partition_point(|&number| number < run.end);
            for at in start..end {
                let number = self.lost[at];
                let index = number.wrapping_sub(self.base) as usize;
                let Some(record) = self.records.get_mut(index) else {
                    continue;
                };
                if record.state == State::Lost {
                    record.state = State::Acknowledged;
                    acked(number, record, true);
                    found += 1;
                    // A probe of the MTU is no sample of the rest (RFC 9000, section 14.4).
                    if !record.mtu_probe {
                        self.overtaking_seen = true;
                        // RFC 8985 grows the window by DSACK, which tells of what was sent again for nothing.
                        // That a packet declared lost arrives tells the same, and sooner.
                        if number >= self.lateness_grown_at {
                            self.lateness = (self.lateness + 1).min(MAX_LATENESS);
                            self.lateness_grown_at = self.base + self.records.len() as u64;
                        }
                    }
                }
            }
        }
        if found > 0 {
            let (records, base) = (&self.records, self.base);
            self.lost.retain(|&number| {
                records
                    .get(number.wrapping_sub(base) as usize)
                    .is_some_and(|record| record.state == State::Lost)
            });
        }
    }

    fn declare_lost(&mut self, number: u64) {
        let at = (number - self.base) as usize;
        let Some(record) = self.records.get_mut(at) else {
            return;
        };
        record.state = State::Lost;
        let size = record.size;
        self.leave_flight(size);
        // Losses mostly come in order, so that this is the end of the queue.
        let after = self.lost.partition_point(|&known| known < number);
        self.lost.insert(after, number);
    }

    fn leave_flight(&mut self, size: u16) {
        self.in_flight -= u64::from(size);
        self.in_flight_packets -= 1;
    }

    fn advance_oldest(&mut self) {
        self.oldest = self.oldest.max(self.base);
        while let Some(record) = self.record(self.oldest)
            && record.state != State::InFlight
        {
            self.oldest += 1;
        }
    }

    /// Makes room by force: only packets that asked for nothing come so far.
    fn forget_first(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.base += 1;
            if record.state == State::InFlight {
                self.leave_flight(record.size);
            }
        }
        self.advance_oldest();
    }
}
