//! The stream that goes out: what was written, what of it has arrived, what has to be said again.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::ranges::Ranges;
use super::segment::MAX_OFFSET;
use crate::limits::{GBN_RECEIVE_WINDOW, GBN_SEND_BUFFER};

/// What is shorter than this when written, in bytes, is gathered, so that many small writes take no more
/// room than they hold.
const SMALL: usize = 4096;

/// What small writes are gathered in, in bytes.
const GATHERED: usize = 64 * 1024;

/// A part of the stream to be sent, which may be empty where the stream ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<u64>,
    pub(super) finished: bool,
    /// Whether it was never sent before.
    pub(super) new: bool,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    bytes: Bytes,
}

/// The sending half of the stream.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What is not acknowledged yet, in order.
    chunks: VecDeque<Chunk>,
    /// Small writes behind the last chunk.
    tail: BytesMut,
    tail_start: u64,
    /// The next offset that was never sent.
    next: u64,
    acknowledged: Ranges,
    again: VecDeque<Range<u64>>,
    /// The peer has room up to here.
    limit: u64,
    finished: bool,
    finish_sent: bool,
    finish_again: bool,
    finish_acknowledged: bool,
    /// The writer found no room and is to be told of some.
    waiting: bool,
    delivery_told: bool,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            tail: BytesMut::new(),
            tail_start: 0,
            next: 0,
            acknowledged: Ranges::default(),
            again: VecDeque::new(),
            limit: GBN_RECEIVE_WINDOW,
            finished: false,
            finish_sent: false,
            finish_again: false,
            finish_acknowledged: false,
            waiting: false,
            delivery_told: false,
        }
    }

    /// Bytes that can be written now.
    pub(super) fn room(&self) -> usize {
        if self.finished {
            return 0;
        }
        GBN_SEND_BUFFER.saturating_sub(self.held()) as usize
    }

    /// Takes as much of `bytes` as there is room for; how much that was.
    pub(super) fn write(&mut self, mut bytes: Bytes) -> usize {
        let room = self.room().min((MAX_OFFSET - self.end()) as usize);
        if room < bytes.len() {
            self.waiting = true;
            bytes.truncate(room);
        }
        let length = bytes.len();
        if length == 0 {
            return 0;
        }
        if length < SMALL {
            if self.tail.len() + length > GATHERED {
                self.close_tail();
            }
            if self.tail.capacity() == 0 {
                self.tail.reserve(GATHERED);
            }
            self.tail.extend_from_slice(&bytes);
        } else {
            self.close_tail();
            let start = self.tail_start;
            self.tail_start += length as u64;
            self.chunks.push_back(Chunk { start, bytes });
        }
        length
    }

    pub(super) const fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether the stream was ended by the writer.
    pub(super) const fn is_finished(&self) -> bool {
        self.finished
    }

    /// What the peer has room for, as it says; never less than it said before.
    pub(super) fn handle_limit(&mut self, limit: u64) {
        self.limit = self.limit.max(limit);
    }

    /// Bytes that were written and not sent so far. What is to be sent again is not among them.
    pub(super) fn unsent(&self) -> u64 {
        self.end() - self.next
    }

    /// Whether there is something to send but no room at the peer.
    pub(super) fn is_blocked(&self) -> bool {
        self.next >= self.limit && self.next < self.end()
    }

    /// Whether anything waits to be sent that the peer has room for.
    pub(super) fn has_something(&mut self) -> bool {
        self.peek(1).is_some()
    }

    /// The next part to send, at most `most` bytes; it counts as sent once [`Self::take`] is told of it.
    pub(super) fn peek(&mut self, most: usize) -> Option<Piece> {
        while let Some(first) = self.again.front() {
            let Some(missing) = self.acknowledged.first_missing(first) else {
                self.again.pop_front();
                continue;
            };
            let end = missing.end.min(missing.start + most as u64);
            return Some(Piece {
                finished: self.finish_sent && end == self.end(),
                range: missing.start..end,
                new: false,
            });
        }
        let end = self.end().min(self.limit).min(self.next + most as u64);
        let finished = self.finished && end == self.end();
        let repeats_end = finished && self.finish_again && self.next == end;
        if self.next < end || finished && !self.finish_sent || repeats_end {
            return Some(Piece {
                range: self.next..end,
                finished,
                new: self.next < end || !self.finish_sent,
            });
        }
        None
    }

    /// What of a part that was sent is not known to have arrived.
    pub(super) fn missing(&self, range: &Range<u64>, finished: bool) -> Option<Piece> {
        let missing = self.acknowledged.first_missing(range);
        let end_missing = finished && !self.finish_acknowledged;
        match missing {
            Some(missing) => Some(Piece {
                finished: end_missing && missing.end == range.end,
                range: missing,
                new: false,
            }),
            None if end_missing => Some(Piece {
                range: range.end..range.end,
                finished: true,
                new: false,
            }),
            None => None,
        }
    }

    /// A piece from [`Self::peek`] is being sent.
    pub(super) fn take(&mut self, piece: &Piece) {
        if piece.finished {
            self.finish_sent = true;
            self.finish_again = false;
        }
        if piece.range.end > self.next {
            self.next = piece.range.end;
        } else if let Some(first) = self.again.front_mut()
            && !piece.range.is_empty()
        {
            first.start = piece.range.end;
            if first.is_empty() {
                self.again.pop_front();
            }
        }
    }

    /// Appends the bytes of a part that was written and is not acknowledged.
    pub(super) fn copy(&self, range: &Range<u64>, buffer: &mut Vec<u8>) {
        let mut at = self
            .chunks
            .partition_point(|chunk| chunk.start <= range.start)
            .saturating_sub(1);
        let mut from = range.start;
        while from < range.end
            && let Some(chunk) = self.chunks.get(at)
        {
            let skip = ((from - chunk.start) as usize).min(chunk.bytes.len());
            let length = ((range.end - from) as usize).min(chunk.bytes.len() - skip);
            buffer.extend_from_slice(&chunk.bytes[skip..skip + length]);
            from += length as u64;
            at += 1;
        }
        if from < range.end {
            let skip = (from - self.tail_start) as usize;
            let end = (range.end - self.tail_start) as usize;
            buffer.extend_from_slice(&self.tail[skip..end]);
        }
    }

    /// A part has arrived.
    pub(super) fn handle_acknowledged(&mut self, range: Range<u64>, finished: bool) {
        self.acknowledged.insert(range);
        self.finish_acknowledged |= finished;
        let bottom = self.acknowledged.bottom();
        while let Some(first) = self.chunks.front()
            && first.start + first.bytes.len() as u64 <= bottom
        {
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() && bottom == self.end() {
            self.tail_start = bottom;
            self.tail.clear();
        }
    }

    /// A part was lost and has to be said again. Its neighbour in the queue may take it in.
    pub(super) fn handle_lost(&mut self, range: Range<u64>, finished: bool) {
        self.finish_again |= finished && !self.finish_acknowledged;
        if range.is_empty() {
            return;
        }
        match self.again.back_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.again.push_back(range),
        }
    }

    /// Whether the writer waits and there is room; it is told once.
    pub(super) fn take_writable(&mut self) -> bool {
        // A quarter: to be woken for every packet would cost more than it gives.
        let writable = self.waiting && self.room() as u64 >= GBN_SEND_BUFFER / 4;
        if writable {
            self.waiting = false;
        }
        writable
    }

    /// Whether the whole stream has arrived at the peer; it is told once.
    pub(super) fn take_delivery(&mut self) -> bool {
        let delivered = !self.delivery_told && self.is_delivered();
        self.delivery_told |= delivered;
        delivered
    }

    /// Whether the whole stream, its end included, has arrived at the peer.
    pub(super) fn is_delivered(&self) -> bool {
        self.finish_acknowledged && self.acknowledged.bottom() == self.end()
    }

    /// Bytes that are held: from the oldest chunk to the end.
    pub(super) fn held(&self) -> u64 {
        let start = self
            .chunks
            .front()
            .map_or(self.tail_start, |first| first.start);
        self.end() - start
    }

    /// Parts in the queue for another time.
    pub(super) fn waiting_again(&self) -> usize {
        self.again.len()
    }

    /// Bytes of memory that is not the stream's own.
    pub(super) fn records_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Chunk>()
            + self.tail.capacity()
            + self.again.capacity() * size_of::<Range<u64>>()
            + self.acknowledged.records_bytes()
    }

    /// One past the last byte written.
    fn end(&self) -> u64 {
        self.tail_start + self.tail.len() as u64
    }

    fn close_tail(&mut self) {
        if self.tail.is_empty() {
            return;
        }
        let bytes = self.tail.split().freeze();
        let start = self.tail_start;
        self.tail_start += bytes.len() as u64;
        self.chunks.push_back(Chunk { start, bytes });
    }
}
