//! The stream that comes in: put in order, bounded by a window, handed out without another copy.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::ranges::Ranges;
use super::segment::Data;
use crate::limits::{GBN_MAX_HOLES, GBN_RECEIVE_WINDOW};

/// What the stream is kept in, in bytes: large pieces to hash and write, and few allocations.
const BLOCK: usize = 64 * 1024;

/// What data from the peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Part of the stream.
    Fits,
    /// Beyond the window, or at odds with where the stream ends, or one hole too many.
    Refused,
}

/// The receiving half of the stream.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// What of the stream is not read yet, in blocks that end at multiples of [`BLOCK`].
    blocks: VecDeque<BytesMut>,
    /// Offset of the first byte of the first block: all before it was read.
    read: u64,
    arrived: Ranges,
    /// Where the stream ends.
    end: Option<u64>,
    /// The limit that the peer was told of last.
    told: u64,
    /// The reader found nothing and is to be told of more.
    waiting: bool,
    end_told: bool,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            told: GBN_RECEIVE_WINDOW,
            waiting: true,
            ..Self::default()
        }
    }

    /// What would become of data. Changes nothing.
    pub(super) fn check(&self, data: &Data<'_>) -> Taken {
        let end = data.offset + data.bytes.len() as u64;
        let fits = match self.end {
            Some(known) => end <= known && (!data.finished || end == known),
            None => !data.finished || end >= self.highest(),
        };
        let holes = self.arrived.len() < GBN_MAX_HOLES || data.offset <= self.arrived.bottom();
        if fits && holes && end <= self.told {
            Taken::Fits
        } else {
            Taken::Refused
        }
    }

    /// Takes in data that [`Self::check`] found to fit.
    pub(super) fn insert(&mut self, data: &Data<'_>) {
        let end = data.offset + data.bytes.len() as u64;
        if data.finished {
            self.end = Some(end);
        }
        if self.arrived.insert(data.offset..end) > 0 {
            // What was read already is no more.
            let skipped = self.read.saturating_sub(data.offset) as usize;
            self.copy(data.offset.max(self.read), &data.bytes[skipped..]);
        }
    }

    /// The next bytes in order, at most `limit` of them.
    pub(super) fn read(&mut self, limit: usize) -> Option<Bytes> {
        let ready = self.readable().min(limit as u64);
        let Some(block) = self.blocks.front_mut().filter(|_| ready > 0) else {
            self.waiting = true;
            return None;
        };
        // No more than a block holds.
        let length = ready.min(block.len() as u64) as usize;
        let bytes = block.split_to(length).freeze();
        if block.is_empty() {
            self.blocks.pop_front();
        }
        self.read += length as u64;
        Some(bytes)
    }

    /// Bytes that can be read now.
    pub(super) const fn readable(&self) -> u64 {
        self.arrived.bottom() - self.read
    }

    /// Whether the reader waits and there is something; it is told once.
    pub(super) const fn take_readable(&mut self) -> bool {
        let readable = self.waiting && self.readable() > 0;
        if readable {
            self.waiting = false;
        }
        readable
    }

    /// Whether all of the stream has arrived; it is told once.
    pub(super) fn take_end(&mut self) -> bool {
        let told = !self.end_told && self.end == Some(self.arrived.bottom());
        self.end_told |= told;
        told
    }

    /// Whether everything was read.
    pub(super) fn is_finished(&self) -> bool {
        self.end == Some(self.read)
    }

    /// The offset up to which there is room.
    pub(super) const fn limit(&self) -> u64 {
        self.read.saturating_add(GBN_RECEIVE_WINDOW)
    }

    /// Whether the peer should be told that there is more room: an eighth of the window, or all of it
    /// since it had used it up.
    pub(super) fn is_room_worth_telling(&self) -> bool {
        if self.end.is_some() {
            return false;
        }
        let more = self.limit() - self.told;
        more >= GBN_RECEIVE_WINDOW / 8 || more > 0 && self.highest() == self.told
    }

    /// The limit, which the peer is told now.
    pub(super) fn tell_limit(&mut self) -> u64 {
        self.told = self.told.max(self.limit());
        self.told
    }

    /// Bytes that are held, those not yet there between others included.
    pub(super) fn held(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }

    /// Bytes of memory that is not the stream's own.
    pub(super) fn records_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<BytesMut>() + self.arrived.records_bytes()
    }

    /// One past the highest offset that has arrived.
    fn highest(&self) -> u64 {
        self.arrived.top()
    }

    fn copy(&mut self, offset: u64, mut bytes: &[u8]) {
        let first = self.blocks.front().map_or(0, BytesMut::len);
        let mut at = (offset - self.read) as usize;
        let mut index = 0;
        if first > 0 && at >= first {
            index = 1 + (at - first) / BLOCK;
            at = (at - first) % BLOCK;
            while self.blocks.len() < index {
                self.blocks.push_back(BytesMut::zeroed(BLOCK));
            }
        }
        loop {
            if index == self.blocks.len() {
                let begins = self.read + self.held_until(index);
                let length = BLOCK - (begins % BLOCK as u64) as usize;
                self.blocks.push_back(BytesMut::zeroed(length));
            }
            // The first may be shorter, all others are whole.
            let length = self.blocks[index].len();
            if at >= length {
                at -= length;
                index += 1;
                continue;
            }
            let part = bytes.len().min(length - at);
            self.blocks[index][at..at + part].copy_from_slice(&bytes[..part]);
            bytes = &bytes[part..];
            if bytes.is_empty() {
                return;
            }
            at = 0;
            index += 1;
        }
    }

    /// Bytes in the blocks before `index`, which is at most one past the last.
    fn held_until(&self, index: usize) -> u64 {
        let first = self.blocks.front().map_or(0, |block| block.len() as u64);
        match index {
            0 => 0,
            more => first + (more as u64 - 1) * BLOCK as u64,
        }
    }
}
