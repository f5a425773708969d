//! What comes in: datagrams and time-outs.

use std::time::{Duration, Instant};

use super::incoming::Taken;
use super::keys::{Opener, Sealer};
use super::opening::{LONGEST as LONGEST_OPENING, Opened, Salt};
use super::segment::{Acknowledgement, Segment, decode};
use super::sent::{Refused, Sent};
use super::{CODE_MISBEHAVED, CloseReason, Codepoint, Connection, Event, Handled, Stage, Timer};
use crate::congestion::Acknowledged;
use crate::limits::{GBN_ACK_DELAY, GBN_PROBE_LONGEST, GBN_PROBES};

impl Connection {
    /// Takes in a datagram, which is decrypted in place and spoilt. `codepoint` is what its IP header said;
    /// where the system does not tell, Not-ECT.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        codepoint: Codepoint,
    ) -> Handled {
        let handled = match self.stage {
            Stage::Drained => Handled::Ignored,
            Stage::Opening | Stage::Open | Stage::Closing | Stage::Draining => {
                self.take_datagram(now, datagram, codepoint)
            }
        };
        match handled {
            Handled::Accepted => self.statistics.accepted += 1,
            Handled::Ignored => self.statistics.ignored += 1,
        }
        handled
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if self.timers.take(timer, now) {
                self.on_timer(now, timer);
            }
        }
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        codepoint: Codepoint,
    ) -> Handled {
        // Opening a segment spoils what may be an opening.
        let mut kept = [0; LONGEST_OPENING];
        let mut kept = kept.get_mut(..datagram.len());
        if let Some(kept) = &mut kept {
            kept.copy_from_slice(datagram);
        }
        if let Some(opener) = &mut self.opener
            && let Some(packet_number) = opener.packet_number(datagram)
            && self.arrivals.is_new(packet_number)
            && let Some(body) = opener.open(packet_number, datagram)
        {
            return match decode(packet_number, body) {
                Some(segment) => self.take_segment(now, &segment, codepoint),
                None => Handled::Ignored,
            };
        }
        match kept {
            Some(kept) => self.take_opening(now, kept),
            None => Handled::Ignored,
        }
    }

    fn take_opening(&mut self, now: Instant, datagram: &mut [u8]) -> Handled {
        match self.stage {
            Stage::Opening | Stage::Open => {}
            Stage::Closing | Stage::Draining | Stage::Drained => return Handled::Ignored,
        }
        match self
            .handshake
            .handle_datagram(now, datagram, self.confirmed)
        {
            None => return Handled::Ignored,
            Some(Opened::Asked) => {}
            Some(Opened::Proved { salt, rtt }) => self.handle_proof(now, salt, rtt),
        }
        Handled::Accepted
    }

    /// The peer is there, with this salt.
    fn handle_proof(&mut self, now: Instant, salt: Salt, rtt: Option<Duration>) {
        if self.handshake.peer() == Some(salt) {
            // It has not heard ours yet, or not known that we have heard.
            self.opening_due |= !self.confirmed;
            return;
        }
        if self.confirmed {
            self.end(now, CloseReason::Restarted);
            return;
        }
        self.handshake.accept(salt);
        if let Some(salts) = self.handshake.salts() {
            let keys = self.handshake.keys();
            self.sealer = Some(Sealer::new(&keys.outgoing, &salts, keys.cipher));
            self.opener = Some(Opener::new(&keys.incoming, &salts, keys.cipher));
        }
        self.opening_due = true;
        self.ping = true;
        if self.stage == Stage::Opening {
            self.stage = Stage::Open;
            if let Some(rtt) = rtt {
                self.rtt.handle_sample(rtt, Duration::ZERO);
            }
            self.tell(Event::Connected);
        }
        self.handle_sound(now);
    }

    /// The peer was heard.
    fn handle_sound(&mut self, now: Instant) {
        match self.config.idle_timeout {
            Some(timeout) => self.timers.set(Timer::Idle, now + timeout),
            None => self.timers.stop(Timer::Idle),
        }
    }

    pub(super) fn take_segment(
        &mut self,
        now: Instant,
        segment: &Segment<'_>,
        codepoint: Codepoint,
    ) -> Handled {
        if let Some(data) = &segment.data
            && self.incoming.check(data) == Taken::Refused
        {
            return Handled::Ignored;
        }
        let account = segment
            .acknowledgement
            .as_ref()
            .filter(|_| self.newest_account < Some(segment.packet_number));
        let checked = account.map(|account| self.sent.check(account));
        self.arrivals.insert(
            now,
            segment.packet_number,
            segment.proof.unwrap_or(0),
            segment.settled,
        );
        self.arrivals.count(codepoint);
        match self.stage {
            Stage::Open => {}
            Stage::Closing | Stage::Draining => {
                self.answer_with_goodbye(segment);
                return Handled::Accepted;
            }
            Stage::Opening | Stage::Drained => return Handled::Ignored,
        }
        if !self.confirmed {
            self.confirmed = true;
            self.opening_due = false;
            self.timers.stop(Timer::Opening);
        }
        self.handle_sound(now);
        if let Some(code) = segment.close {
            self.tell(Event::Closed(CloseReason::Peer(code)));
            self.say_goodbye(now, code, Stage::Draining);
            return Handled::Accepted;
        }
        match (account, checked) {
            (Some(_), Some(Err(Refused::Unproved))) => {
                self.end(now, CloseReason::Optimistic);
                return Handled::Accepted;
            }
            (Some(account), Some(Ok(()))) => {
                self.newest_account = Some(segment.packet_number);
                self.handle_acknowledgement(now, account);
            }
            (Some(_), Some(Err(Refused::Old)) | None) | (None, _) => {}
        }
        if let Some(data) = &segment.data {
            self.incoming.insert(data);
        }
        // Whoever has ended a stream waits for nothing but this.
        let at_once = segment.at_once || segment.data.is_some_and(|data| data.finished);
        self.arrivals
            .schedule(now, segment.proof.is_some(), at_once);
        self.tell_of_streams();
        Handled::Accepted
    }

    /// Says goodbye again to a peer that has not heard it, and rests when it has.
    fn answer_with_goodbye(&mut self, segment: &Segment<'_>) {
        if segment.close.is_some() && self.stage == Stage::Closing {
            self.drain();
        } else if segment.close.is_some()
            && let Some(goodbye) = &mut self.goodbye
        {
            goodbye.due = true;
        }
    }

    /// Ends a connection that cannot go on.
    fn end(&mut self, now: Instant, reason: CloseReason) {
        self.tell(Event::Closed(reason));
        match reason {
            CloseReason::Optimistic => self.say_goodbye(now, CODE_MISBEHAVED, Stage::Draining),
            CloseReason::Peer(_)
            | CloseReason::Restarted
            | CloseReason::Silent
            | CloseReason::NoAnswer => self.drain(),
        }
    }

    fn handle_acknowledgement(&mut self, now: Instant, account: &Acknowledgement<'_>) {
        self.outgoing.handle_limit(account.limit);
        let mut any = false;
        let mut larger = false;
        let mut narrower = false;
        let mut newest_capable = None;
        let Self {
            sent,
            controller,
            outgoing,
            mtu,
            ecn,
            statistics,
            ..
        } = self;
        let newest_at = sent.handle_acknowledgement(now, account, |number, record, late| {
            statistics.late += u64::from(late);
            if record.ecn_capable {
                ecn.handle_arrived(number);
                newest_capable = newest_capable.max(Some(record.at));
            }
            if record.mtu_probe {
                larger |= mtu.handle_probe_arrived(record.size);
            } else {
                narrower |= mtu.handle_arrived(number, record.size);
                if !late {
                    any = true;
                    controller.handle_acked(now, record.at, u64::from(record.size));
                }
            }
            outgoing.handle_acknowledged(record.range(), record.finished);
        });
        if let Some(at) = newest_at {
            let delay = Duration::from_micros(u64::from(account.delay_us)).min(GBN_ACK_DELAY);
            self.rtt
                .handle_sample(now.saturating_duration_since(at), delay);
            self.probe_count = 0;
        }
        if self.ecn.handle_counts(account.counts)
            && let Some(at) = newest_capable
        {
            self.controller.handle_marked(now, at);
        }
        if any {
            self.controller.handle_acks_end(
                now,
                Acknowledged {
                    in_flight: self.sent.in_flight(),
                    app_limited: self.app_limited,
                    smoothed_rtt: self.rtt.smoothed(),
                },
            );
        }
        if narrower {
            self.statistics.black_holes += 1;
        }
        if larger || narrower {
            let size = u64::from(self.mtu.current());
            self.controller.handle_packet_size(size);
        }
        self.detect_losses(now);
        self.handle_floor(now, account.floor);
        self.set_probe_timer(now);
    }

    fn detect_losses(&mut self, now: Instant) {
        let mut losses = Losses::default();
        let mut narrower = false;
        let Self {
            sent,
            outgoing,
            mtu,
            ecn,
            rtt,
            statistics,
            ..
        } = self;
        let again = sent.detect_losses(now, rtt, |number, record| {
            outgoing.handle_lost(record.range(), record.finished);
            if record.mtu_probe {
                mtu.handle_probe_lost(record.size);
                return;
            }
            statistics.lost += 1;
            narrower |= mtu.handle_lost(number, record.size);
            if record.ecn_capable {
                ecn.handle_lost(number);
            }
            losses.add(number, record.at, record.size);
        });
        match again {
            Some(at) => self.timers.set(Timer::Loss, at),
            None => self.timers.stop(Timer::Loss),
        }
        if let Some(newest) = losses.newest {
            self.controller.handle_lost(now, newest, losses.bytes);
        }
        if losses.longest >= Sent::persistent_duration(&self.rtt, GBN_ACK_DELAY)
            && self.rtt.is_known()
        {
            self.controller.handle_persistent_congestion(now);
        }
        if narrower {
            self.statistics.black_holes += 1;
            let size = u64::from(self.mtu.current());
            self.controller.handle_packet_size(size);
        }
    }

    fn handle_floor(&mut self, now: Instant, floor: u64) {
        let mut losses = Losses::default();
        let Self {
            sent,
            outgoing,
            mtu,
            rtt,
            statistics,
            ..
        } = self;
        sent.handle_floor(now, floor, rtt, |record| {
            outgoing.handle_lost(record.range(), record.finished);
            if record.mtu_probe {
                mtu.handle_probe_lost(record.size);
            } else {
                statistics.lost += 1;
                losses.add(0, record.at, record.size);
            }
        });
        if let Some(newest) = losses.newest {
            self.controller.handle_lost(now, newest, losses.bytes);
        }
    }

    fn tell_of_streams(&mut self) {
        if self.incoming.take_readable() {
            self.tell(Event::Readable);
        }
        if self.incoming.take_end() {
            self.tell(Event::PeerFinished);
        }
        if self.outgoing.take_writable() {
            self.tell(Event::Writable);
        }
        if self.outgoing.take_delivery() {
            self.tell(Event::Delivered);
        }
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Opening => self.opening_due = true,
            Timer::Loss => {
                self.detect_losses(now);
                self.set_probe_timer(now);
            }
            Timer::Probe => {
                self.statistics.probes += 1;
                self.probe_count = self.probe_count.saturating_add(1);
                self.probes = GBN_PROBES;
                // Until they are sent.
                self.last_eliciting_at = now;
            }
            // It only wakes: what the pace allows is found when sending.
            Timer::Pacing => {}
            Timer::Mtu => self.mtu.handle_raise(),
            Timer::KeepAlive => self.ping = true,
            Timer::Idle => {
                let reason = match self.stage {
                    Stage::Opening => CloseReason::NoAnswer,
                    Stage::Open | Stage::Closing | Stage::Draining | Stage::Drained => {
                        CloseReason::Silent
                    }
                };
                self.end(now, reason);
            }
            Timer::Goodbye => {
                if let (Stage::Closing, Some(goodbye)) = (self.stage, &mut self.goodbye) {
                    goodbye.due = true;
                    goodbye.interval = (goodbye.interval * 2).min(GBN_PROBE_LONGEST);
                    let at = now + goodbye.interval;
                    self.timers.set(Timer::Goodbye, at);
                }
            }
            Timer::Drained => self.drain(),
        }
    }
}

/// What one look at the records found to be lost.
#[derive(Debug, Default)]
struct Losses {
    bytes: u64,
    /// When the newest of them was sent.
    newest: Option<Instant>,
    /// The last number, and when the first of its row was sent.
    row: Option<(u64, Instant)>,
    /// The longest time between the first and the last of a row without a gap.
    longest: Duration,
}

impl Losses {
    fn add(&mut self, number: u64, at: Instant, size: u16) {
        self.bytes += u64::from(size);
        self.newest = self.newest.max(Some(at));
        let began = match self.row {
            Some((last, began)) if number == last + 1 => began,
            Some(_) | None => at,
        };
        self.row = Some((number, began));
        self.longest = self.longest.max(at.saturating_duration_since(began));
    }
}
