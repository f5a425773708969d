//! What goes out: which datagram is next, and how it is put together.

use std::ops::Range;
use std::time::Instant;

use super::keys::TAG_LENGTH;
use super::outgoing::Piece;
use super::segment::{Head, OFFSET_LENGTH, write_data, write_head};
use super::sent::Sending;
use super::{Codepoint, Connection, Stage, Timer, Transmit};
use crate::limits::{GBN_RUNS_ALONE, GBN_RUNS_BESIDE_DATA};

/// Bytes by which the lengths of segments without data differ.
const PADDING: u16 = 48;

/// A datagram of which [`GBN_RUNS_ALONE`] take not all, in bytes.
const ROOMY: u16 = 1200;

/// Longest batch, in bytes: what one call to the kernel carries.
const MAX_BATCH: usize = 65_000;

/// Datagrams that were appended to a buffer.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Bytes of each, the last of which may be shorter.
    each: usize,
    codepoint: Codepoint,
}

/// What a segment says of the stream.
#[derive(Debug, Clone)]
enum Content {
    /// What is next.
    Next,
    /// This again.
    Again(Piece),
    /// Nothing, but it is to be acknowledged.
    Ping,
    /// Nothing, but it is to be acknowledged, and as long as possible.
    MtuProbe,
    /// Nothing.
    Nothing,
}

impl Connection {
    /// Appends the next datagrams to `buffer`: up to `max_datagrams` of one size, of which the last may be
    /// shorter.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        max_datagrams: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let start = buffer.len();
        let written = match self.stage {
            Stage::Opening => self.write_opening(now, buffer),
            Stage::Open => self.write_open(now, max_datagrams, buffer),
            Stage::Closing | Stage::Draining => self.write_goodbye(now, buffer),
            Stage::Drained => None,
        };
        let size = buffer.len() - start;
        let Written { each, codepoint } = written.filter(|_| size > 0)?;
        self.statistics.sent_bytes += size as u64;
        self.statistics.sent += size.div_ceil(each) as u64;
        Some(Transmit {
            size,
            segment_size: (each < size).then_some(each),
            codepoint,
        })
    }

    /// What an open connection sends next.
    fn write_open(
        &mut self,
        now: Instant,
        max_datagrams: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<Written> {
        let written = self
            .write_opening(now, buffer)
            .or_else(|| self.write_probe(now, buffer))
            .or_else(|| self.write_mtu_probe(now, buffer))
            .or_else(|| self.write_batch(now, max_datagrams, buffer))
            .or_else(|| self.write_alone(now, buffer));
        if written.is_none() {
            self.set_probe_timer(now);
        }
        written
    }

    /// The opening that is due, or the answer to one.
    fn write_opening(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Written> {
        if !self.opening_due && !self.handshake.is_asked() {
            return None;
        }
        let start = buffer.len();
        let asked = self.handshake.is_asked();
        self.handshake.write(now, &mut self.random, buffer);
        if !asked {
            self.opening_due = false;
            let interval = self.handshake.next_interval();
            self.timers.set(Timer::Opening, now + interval);
        }
        Some(Written {
            each: buffer.len() - start,
            // What drops the other codepoints is not to keep two from meeting.
            codepoint: Codepoint::NotEct,
        })
    }

    fn write_goodbye(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Written> {
        let goodbye = self.goodbye.as_mut()?;
        if !std::mem::take(&mut goodbye.due) {
            return None;
        }
        let size = self.mtu.least();
        self.write_segment(now, size, &Content::Nothing, buffer)
    }

    /// A packet that asks for an answer after a probe time-out, whatever the window says.
    fn write_probe(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Written> {
        let left = self.probes.checked_sub(1)?;
        self.probes = left;
        // The second time-out in a row suspects the size.
        let size = if self.probe_count > 1 {
            self.mtu.least()
        } else {
            self.mtu.current()
        };
        let content = if self.outgoing.has_something() {
            Content::Next
        } else {
            let ends = self.sent.ends_in_flight();
            let record = ends.map(|(newest, oldest)| if left > 0 { newest } else { oldest });
            record
                .and_then(|record| self.outgoing.missing(&record.range(), record.finished))
                .map_or(Content::Ping, Content::Again)
        };
        self.write_segment(now, size, &content, buffer)
    }

    fn write_mtu_probe(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Written> {
        if !self.confirmed || !self.sent.has_room() {
            return None;
        }
        let size = self.mtu.poll_probe(now);
        match self.mtu.raise_at() {
            Some(at) => self.timers.set(Timer::Mtu, at),
            None => self.timers.stop(Timer::Mtu),
        }
        let size = size?;
        self.write_segment(now, size, &Content::MtuProbe, buffer)
    }

    /// Full segments of data, as many as window, pace and `max_datagrams` allow.
    fn write_batch(
        &mut self,
        now: Instant,
        max_datagrams: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<Written> {
        let size = usize::from(self.mtu.current());
        if !self.outgoing.has_something() {
            self.app_limited = self.sent.in_flight() + size as u64 <= self.controller.window();
            return None;
        }
        self.app_limited = false;
        let mut allowed = self.allowed(now, size as u64)?;
        // All in one call to the kernel have one codepoint.
        let most = max_datagrams
            .clamp(1, MAX_BATCH / size.max(1))
            .min(self.ecn.alike());
        buffer.reserve(size * most.min(allowed / size));
        let mut first = None;
        for _ in 0..most {
            if allowed < size || !self.sent.has_room() || !self.outgoing.has_something() {
                break;
            }
            let written = self.write_segment(now, self.mtu.current(), &Content::Next, buffer)?;
            self.pacer.handle_sent(written.each as u64);
            allowed -= written.each;
            first = first.or(Some(written));
            if written.each < size {
                break;
            }
        }
        first
    }

    /// An acknowledgement, or a sign of life.
    fn write_alone(&mut self, now: Instant, buffer: &mut Vec<u8>) -> Option<Written> {
        let content = if self.ping {
            Content::Ping
        } else if self.arrivals.is_due(now) {
            Content::Nothing
        } else {
            return None;
        };
        self.write_segment(now, self.mtu.current(), &content, buffer)
    }

    /// Bytes that may be sent now; at least `packet`.
    fn allowed(&mut self, now: Instant, packet: u64) -> Option<usize> {
        let room = self
            .controller
            .window()
            .saturating_sub(self.sent.in_flight());
        if room < packet {
            self.timers.stop(Timer::Pacing);
            return None;
        }
        let rate = self.controller.pacing_rate(self.rtt.smoothed());
        match self.pacer.poll(now, rate, packet) {
            Ok(tokens) => Some(room.min(tokens) as usize),
            Err(at) => {
                self.timers.set(Timer::Pacing, at);
                None
            }
        }
    }

    /// Appends one segment of at most `size` bytes and enters it into the records.
    fn write_segment(
        &mut self,
        now: Instant,
        size: u16,
        content: &Content,
        buffer: &mut Vec<u8>,
    ) -> Option<Written> {
        let elicits = !matches!(content, Content::Nothing);
        let proof = elicits.then(|| self.random.u32());
        let packet_number = self.sent.next_number();
        let alone = matches!(content, Content::Nothing | Content::Ping);
        let start = self.write_head(now, packet_number, proof, alone, size, buffer);
        let end = start + usize::from(size) - TAG_LENGTH;
        let mut sending = Sending {
            proof,
            codepoint: self.codepoint(content),
            ..Sending::default()
        };
        match content {
            Content::Next => {
                let room = end.saturating_sub(buffer.len() + OFFSET_LENGTH);
                if let Some(piece) = self.outgoing.peek(room) {
                    self.outgoing.take(&piece);
                    if !piece.new {
                        self.statistics.repeated_bytes += piece.range.end - piece.range.start;
                    }
                    self.write_part(start, &piece.range, piece.finished, &mut sending, buffer);
                }
            }
            Content::Again(piece) => {
                let range = &piece.range;
                let room = end.saturating_sub(buffer.len() + OFFSET_LENGTH) as u64;
                let cut = range.start..range.end.min(range.start + room);
                let finished = piece.finished && cut.end == range.end;
                self.statistics.repeated_bytes += cut.end - cut.start;
                self.write_part(start, &cut, finished, &mut sending, buffer);
            }
            Content::MtuProbe => {
                sending.mtu_probe = true;
                buffer.resize(end, 0);
            }
            Content::Ping | Content::Nothing => {
                let padding = usize::from(self.random.below(PADDING));
                buffer.resize((buffer.len() + padding).min(end).max(buffer.len()), 0);
            }
        }
        self.sealer.as_mut()?.seal(packet_number, buffer, start);
        let written = Written {
            each: buffer.len() - start,
            codepoint: sending.codepoint,
        };
        self.enter(now, &sending, written.each);
        Some(written)
    }

    /// What a segment carries in its IP header.
    const fn codepoint(&self, content: &Content) -> Codepoint {
        match content {
            // After a probe time-out the codepoint may be what the others died of.
            Content::Next | Content::Again(_) | Content::Ping if self.probe_count == 0 => {
                self.ecn.codepoint()
            }
            // A probe tells of its size and of nothing else.
            Content::Next
            | Content::Again(_)
            | Content::Ping
            | Content::MtuProbe
            | Content::Nothing => Codepoint::NotEct,
        }
    }

    fn write_head(
        &mut self,
        now: Instant,
        packet_number: u64,
        proof: Option<u32>,
        alone: bool,
        size: u16,
        buffer: &mut Vec<u8>,
    ) -> usize {
        let acknowledges = alone || self.arrivals.is_worth_a_ride();
        let most_runs = if alone && size >= ROOMY {
            GBN_RUNS_ALONE
        } else {
            GBN_RUNS_BESIDE_DATA
        };
        let limit = if acknowledges {
            self.incoming.tell_limit()
        } else {
            0
        };
        let account = acknowledges
            .then(|| self.arrivals.account(now, limit, most_runs))
            .flatten();
        let head = Head {
            packet_number,
            settled: self.sent.settled(),
            proof,
            at_once: proof.is_some() && self.wants_answer(alone),
            acknowledgement: account,
            close: self.goodbye.map(|goodbye| goodbye.code),
        };
        let start = write_head(&head, buffer);
        if acknowledges {
            self.arrivals.handle_acknowledged();
        }
        start
    }

    /// Whether an answer is wanted without delay: after a probe time-out, or where no more will follow.
    const fn wants_answer(&self, alone: bool) -> bool {
        alone || self.probe_count > 0
    }

    fn write_part(
        &self,
        start: usize,
        range: &Range<u64>,
        finished: bool,
        sending: &mut Sending,
        buffer: &mut Vec<u8>,
    ) {
        write_data(start, range.start, finished, buffer);
        self.outgoing.copy(range, buffer);
        sending.offset = range.start;
        // No longer than a datagram.
        sending.length = (range.end - range.start) as u16;
        sending.finished = finished;
    }

    /// Enters a segment that was written into the records.
    fn enter(&mut self, now: Instant, sending: &Sending, written: usize) {
        // No datagram is longer than GBN_MOST_MTU.
        let packet_number = self.sent.next_number();
        self.sent.insert(now, sending, written as u16);
        if sending.codepoint == Codepoint::Ect0 {
            self.ecn.handle_sent(packet_number);
        }
        if sending.proof.is_none() {
            return;
        }
        if !sending.mtu_probe {
            self.controller.handle_sent(now, written as u64);
        }
        self.ping = false;
        self.last_eliciting_at = now;
        if let Some(keep_alive) = self.config.keep_alive {
            self.timers.set(Timer::KeepAlive, now + keep_alive);
        }
    }
}
