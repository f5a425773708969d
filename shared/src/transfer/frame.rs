//! The format of a data stream: files, one behind the other.
//!
//! ```text
//! begin  0x01  file u32 LE  start u64 LE     a run of this file follows, from this offset
//! data   0x02  length u32 LE  bytes          more of it, at least one byte
//! end    0x03  digest 32 bytes               the run is over: BLAKE3 of all that was in it
//! abort  0x04  reason u8                     the file cannot be whole: see FileReason
//! hole   0x05  length u64 LE                 so many bytes of it, at least one, are zero and in a hole
//! refuse 0x06  file u32 LE  reason u8        this file cannot be whole, and nothing of it follows
//!
//! run    = begin (data | hole)* (end | abort)
//! stream = (run | refuse)*
//! ```
//!
//! A file that is wanted from its start is one run, and the digest is that of all of it. Of a file of which the
//! receiver has something, the first run goes from the longest length that it named to the end of the file (there
//! is none if that is the file's size); what is in front of it is proved by the sender's `Prefix`. Both together
//! prove the whole. Where less of it is proved than the receiver has, a second run goes from there to where the
//! first one began.
//!
//! The order of frames is checked by [`Receiving`](super::Receiving), not here.

use super::Violation;
use crate::wire::peer::FileReason;

const BEGIN: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 3;
const ABORT: u8 = 4;
const HOLE: u8 = 5;
const REFUSE: u8 = 6;

/// Bytes in a begin frame.
pub const BEGIN_LENGTH: usize = 13;
/// Bytes in a data frame before its data.
pub const DATA_HEADER_LENGTH: usize = 5;
/// Bytes in an end frame.
pub const END_LENGTH: usize = 33;
/// Bytes in an abort frame.
pub const ABORT_LENGTH: usize = 2;
/// Bytes in a hole frame.
pub const HOLE_LENGTH: usize = 9;
/// Bytes in a refuse frame.
pub const REFUSE_LENGTH: usize = 6;

/// The bytes of a begin frame.
#[must_use]
pub fn begin(file: u32, start: u64) -> [u8; BEGIN_LENGTH] {
    let mut frame = [BEGIN; BEGIN_LENGTH];
    frame[1..5].copy_from_slice(&file.to_le_bytes());
    frame[5..].copy_from_slice(&start.to_le_bytes());
    frame
}

/// What stands before `length` bytes of data; `length` is at least 1.
#[must_use]
pub fn data_header(length: u32) -> [u8; DATA_HEADER_LENGTH] {
    let mut frame = [DATA; DATA_HEADER_LENGTH];
    frame[1..].copy_from_slice(&length.to_le_bytes());
    frame
}

/// The bytes of an end frame.
#[must_use]
pub fn end(digest: &[u8; 32]) -> [u8; END_LENGTH] {
    let mut frame = [END; END_LENGTH];
    frame[1..].copy_from_slice(digest);
    frame
}

/// The bytes of an abort frame.
#[must_use]
pub const fn abort(reason: FileReason) -> [u8; ABORT_LENGTH] {
    [ABORT, reason.to_wire()]
}

/// The bytes of a frame for a hole of `length` bytes, at least 1.
#[must_use]
pub fn hole(length: u64) -> [u8; HOLE_LENGTH] {
    let mut frame = [HOLE; HOLE_LENGTH];
    frame[1..].copy_from_slice(&length.to_le_bytes());
    frame
}

/// The bytes of a refuse frame.
#[must_use]
pub fn refuse(file: u32, reason: FileReason) -> [u8; REFUSE_LENGTH] {
    let mut frame = [REFUSE; REFUSE_LENGTH];
    frame[1..5].copy_from_slice(&file.to_le_bytes());
    frame[5] = reason.to_wire();
    frame
}

/// A frame, or a piece of one, as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A run of a file begins.
    Begin {
        /// Index of its entry.
        file: u32,
        /// Offset of the first byte that follows.
        start: u64,
    },
    /// Some of its bytes: as many of a data frame as were at hand.
    Data(&'a [u8]),
    /// A hole: so many bytes, which are zero.
    Hole {
        /// How many, at least 1.
        length: u64,
    },
    /// The run is over.
    End {
        /// BLAKE3 of all that was in it.
        digest: [u8; 32],
    },
    /// It cannot be whole.
    Abort {
        /// Why.
        reason: FileReason,
    },
    /// A file of which no run is open cannot be whole.
    Refuse {
        /// Index of its entry.
        file: u32,
        /// Why.
        reason: FileReason,
    },
}

/// Reads frames out of a stream cut anywhere. Holds at most one header, never data.
#[derive(Debug)]
pub struct FrameDecoder {
    header: [u8; END_LENGTH],
    filled: usize,
    /// Bytes of the present data frame still to come.
    data_left: usize,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameDecoder {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: [0; END_LENGTH],
            filled: 0,
            data_left: 0,
        }
    }

    /// Takes the next frame off the front of `input`; `None` when that needs more than there is,
    /// and then `input` is used up.
    ///
    /// # Errors
    /// [`Violation`] where the kind of frame or the reason to abort is not known, or a data or hole frame is empty.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Violation> {
        if self.data_left > 0 {
            return Ok(self.take_data(input));
        }
        let Some(kind) = self.fill(input, 1) else {
            return Ok(None);
        };
        let length = match kind[0] {
            BEGIN => BEGIN_LENGTH,
            DATA => DATA_HEADER_LENGTH,
            END => END_LENGTH,
            ABORT => ABORT_LENGTH,
            HOLE => HOLE_LENGTH,
            REFUSE => REFUSE_LENGTH,
            _ => return Err(Violation("an unknown kind of frame")),
        };
        let Some(header) = self.fill(input, length) else {
            return Ok(None);
        };
        let frame = match header[0] {
            BEGIN => Frame::Begin {
                file: u32::from_le_bytes(array(&header[1..5])),
                start: u64::from_le_bytes(array(&header[5..BEGIN_LENGTH])),
            },
            END => Frame::End {
                digest: array(&header[1..]),
            },
            ABORT => Frame::Abort {
                reason: reason(header[1])?,
            },
            REFUSE => Frame::Refuse {
                file: u32::from_le_bytes(array(&header[1..5])),
                reason: reason(header[5])?,
            },
            HOLE => match u64::from_le_bytes(array(&header[1..HOLE_LENGTH])) {
                0 => return Err(Violation("an empty hole")),
                length => Frame::Hole { length },
            },
            _ => {
                self.data_left = u32::from_le_bytes(array(&header[1..DATA_HEADER_LENGTH])) as usize;
                self.filled = 0;
                if self.data_left == 0 {
                    return Err(Violation("an empty data frame"));
                }
                return Ok(self.take_data(input));
            }
        };
        self.filled = 0;
        Ok(Some(frame))
    }

    /// Whether the stream may end here: between two frames.
    #[must_use]
    pub const fn between_frames(&self) -> bool {
        self.filled == 0 && self.data_left == 0
    }

    fn take_data<'a>(&mut self, input: &mut &'a [u8]) -> Option<Frame<'a>> {
        if input.is_empty() {
            return None;
        }
        let (data, rest) = input.split_at(self.data_left.min(input.len()));
        *input = rest;
        self.data_left -= data.len();
        Some(Frame::Data(data))
    }

    /// The first `length` bytes of the header, once they are here.
    fn fill(&mut self, input: &mut &[u8], length: usize) -> Option<&[u8; END_LENGTH]> {
        let missing = length.saturating_sub(self.filled).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.header[self.filled..self.filled + missing].copy_from_slice(taken);
        self.filled += missing;
        *input = rest;
        (self.filled >= length).then_some(&self.header)
    }
}

fn reason(byte: u8) -> Result<FileReason, Violation> {
    FileReason::from_wire(byte).ok_or(Violation("an unknown reason to abort"))
}

/// The first `N` bytes of a slice that has them.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[..N]);
    array
}
