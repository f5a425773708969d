//! Segments: every datagram of a connection after its first packets.
//!
//! ```text
//!  0          8                                            n - 16       n
//!  +----------+--------------------------------------------+------------+
//!  | masked   | sealed body                                | tag        |
//!  | number   |                                            |            |
//!  +----------+--------------------------------------------+------------+
//!
//!  body  0       1         3          then, as the flags say, in this order
//!        +-------+---------+---------+-----------------+--------+--------+--------+-------+
//!        | flags | settled | proof   | acknowledgement | counts | code   | offset | bytes |
//!        |       | 2       | 4       |                 | 12     | 4      | 6      |       |
//!        +-------+---------+---------+-----------------+--------+--------+--------+-------+
//!                           ELICITS   ACKNOWLEDGES      COUNTS   CLOSES   DATA     DATA
//!
//!  flags DATA 1, FINISHED 2, ACKNOWLEDGES 4, ELICITS 8, CLOSES 16, AT_ONCE 32, COUNTS 64
//!
//!  acknowledgement
//!        0        6       8       12      18       22      23
//!        +--------+-------+-------+-------+--------+-------+------------------------------+
//!        | newest | floor | delay | limit | digest | count | runs: length, gap, length .. |
//!        +--------+-------+-------+-------+--------+-------+------------------------------+
//! ```
//!
//! Integers are little-endian; lengths and gaps of runs are LEB128.
//!
//! * `number`: xor a mask that the tag gives (`keys`). Never used twice, also not for the same bytes.
//! * `settled`: how far below this packet's number the oldest one is that is still waited for. What is
//!   older need not be acknowledged, and is not taken in any more.
//! * `proof`: random. Who acknowledges a packet must have seen it.
//! * `newest` is the highest number that has arrived, `floor` how far below it the account ends, `delay`
//!   for how many microseconds the acknowledgement was held back, `limit` the offset in the stream up to
//!   which there is room. The runs go downward from `newest`: so many have arrived, so many before them
//!   are missing, and so on, none of it below the floor. `digest` is the sum of the proofs in the runs.
//! * `counts` come with an acknowledgement only: how many packets have arrived in all as ECT(0) and, in the
//!   second half, marked by the network (RFC 9000, section 19.3.2). Without them both are zero.
//! * `bytes` are those of the stream from `offset`, to the end of the body. FINISHED says that the stream
//!   ends with them. Without data the body ends in any number of zeros, which are not looked at.
//! * `ELICITS` asks for an acknowledgement, `AT_ONCE` for one without delay.

use super::ecn::Counts;
use super::keys::MAX_PACKET_NUMBER;
use super::ranges::Account;

/// Bytes of a packet number.
pub(super) const NUMBER_LENGTH: usize = 8;

/// Bytes of an offset.
pub(super) const OFFSET_LENGTH: usize = 6;

/// Streams end here: 281 TB.
pub(super) const MAX_OFFSET: u64 = (1 << 48) - 1;

const DATA: u8 = 1;
const FINISHED: u8 = 2;
const ACKNOWLEDGES: u8 = 4;
const ELICITS: u8 = 8;
const CLOSES: u8 = 16;
const AT_ONCE: u8 = 32;
const COUNTS: u8 = 64;

/// What has arrived, as the other end says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acknowledgement<'a> {
    pub(super) newest: u64,
    pub(super) floor: u64,
    pub(super) delay_us: u32,
    pub(super) limit: u64,
    pub(super) digest: u32,
    pub(super) counts: Counts,
    runs: &'a [u8],
    count: u8,
}

impl Acknowledgement<'_> {
    /// The runs of numbers that have arrived, the newest first. Checked when decoded.
    pub(super) fn runs(&self) -> impl Iterator<Item = std::ops::Range<u64>> {
        Runs {
            bytes: self.runs,
            end: self.newest + 1,
            left: self.count,
            floor: self.floor,
        }
    }
}

struct Runs<'a> {
    bytes: &'a [u8],
    end: u64,
    left: u8,
    floor: u64,
}

impl Iterator for Runs<'_> {
    type Item = std::ops::Range<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let length = take_varint(&mut self.bytes)?;
        let start = self.end.checked_sub(u64::from(length))?;
        let run = start..self.end;
        if run.is_empty() || start < self.floor {
            return None;
        }
        if self.left > 0 {
            let gap = take_varint(&mut self.bytes).filter(|&gap| gap > 0)?;
            self.end = start.checked_sub(u64::from(gap))?;
        }
        Some(run)
    }
}

/// A part of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Data<'a> {
    pub(super) offset: u64,
    pub(super) bytes: &'a [u8],
    /// Whether the stream ends behind it.
    pub(super) finished: bool,
}

/// A segment that is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) packet_number: u64,
    /// The oldest number that the other end still waits for.
    pub(super) settled: u64,
    /// Present if it is to be acknowledged.
    pub(super) proof: Option<u32>,
    /// Whether that is to be done without delay.
    pub(super) at_once: bool,
    pub(super) acknowledgement: Option<Acknowledgement<'a>>,
    pub(super) close: Option<u32>,
    pub(super) data: Option<Data<'a>>,
}

/// Decodes the body of a segment; `None` if it is malformed in any part.
pub(super) fn decode(packet_number: u64, body: &[u8]) -> Option<Segment<'_>> {
    let mut rest = body;
    let flags = take::<1>(&mut rest)?[0];
    let settled = u16::from_le_bytes(take(&mut rest)?);
    if flags & !(DATA | FINISHED | ACKNOWLEDGES | ELICITS | CLOSES | AT_ONCE | COUNTS) != 0 {
        return None;
    }
    let elicits = flags & ELICITS != 0;
    if !elicits && flags & (DATA | FINISHED | AT_ONCE) != 0 || flags & (DATA | FINISHED) == FINISHED
    {
        return None;
    }
    if flags & (ACKNOWLEDGES | COUNTS) == COUNTS {
        return None;
    }
    Some(Segment {
        packet_number,
        settled: packet_number.checked_sub(u64::from(settled))?,
        proof: if elicits {
            Some(u32::from_le_bytes(take(&mut rest)?))
        } else {
            None
        },
        at_once: flags & AT_ONCE != 0,
        acknowledgement: if flags & ACKNOWLEDGES != 0 {
            Some(decode_acknowledgement(flags, &mut rest)?)
        } else {
            None
        },
        close: if flags & CLOSES != 0 {
            Some(u32::from_le_bytes(take(&mut rest)?))
        } else {
            None
        },
        data: if flags & DATA != 0 {
            Some(decode_data(flags, rest)?)
        } else {
            None
        },
    })
}

fn decode_data(flags: u8, mut rest: &[u8]) -> Option<Data<'_>> {
    let offset = u48(take(&mut rest)?);
    (offset + rest.len() as u64 <= MAX_OFFSET).then_some(Data {
        offset,
        bytes: rest,
        finished: flags & FINISHED != 0,
    })
}

fn decode_acknowledgement<'a>(flags: u8, rest: &mut &'a [u8]) -> Option<Acknowledgement<'a>> {
    let newest = u48(take(rest)?);
    let floor = u16::from_le_bytes(take(rest)?);
    let delay_us = u32::from_le_bytes(take(rest)?);
    let limit = u48(take(rest)?);
    let digest = u32::from_le_bytes(take(rest)?);
    let [count] = take(rest)?;
    let runs = *rest;
    let mut acknowledgement = Acknowledgement {
        newest,
        floor: newest.checked_sub(u64::from(floor))?,
        delay_us,
        limit,
        digest,
        counts: Counts::default(),
        runs,
        count,
    };
    let mut walk = Runs {
        bytes: runs,
        end: newest + 1,
        left: count,
        floor: acknowledgement.floor,
    };
    if count == 0 || walk.by_ref().count() != usize::from(count) {
        return None;
    }
    *rest = walk.bytes;
    if flags & COUNTS != 0 {
        acknowledgement.counts = Counts {
            capable: u48(take(rest)?),
            experienced: u48(take(rest)?),
        };
    }
    Some(acknowledgement)
}

/// What a segment to be written says, its data aside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) packet_number: u64,
    pub(super) settled: u64,
    pub(super) proof: Option<u32>,
    pub(super) at_once: bool,
    pub(super) acknowledgement: Option<Account<'a>>,
    pub(super) close: Option<u32>,
}

/// Begins a segment: all but its data. What follows is data or padding, and then it is sealed.
pub(super) fn write_head(head: &Head<'_>, buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; NUMBER_LENGTH]);
    let mut flags = 0;
    let settled = head.packet_number.saturating_sub(head.settled);
    let settled = u16::try_from(settled).unwrap_or(u16::MAX);
    buffer.push(0);
    buffer.extend_from_slice(&settled.to_le_bytes());
    if let Some(proof) = head.proof {
        flags |= ELICITS;
        buffer.extend_from_slice(&proof.to_le_bytes());
        if head.at_once {
            flags |= AT_ONCE;
        }
    }
    if let Some(account) = &head.acknowledgement
        && write_account(account, buffer)
    {
        flags |= ACKNOWLEDGES;
        if account.counts.sum() > 0 {
            flags |= COUNTS;
            push_u48(buffer, account.counts.capable);
            push_u48(buffer, account.counts.experienced);
        }
    }
    if let Some(code) = head.close {
        flags |= CLOSES;
        buffer.extend_from_slice(&code.to_le_bytes());
    }
    buffer[start + NUMBER_LENGTH] = flags;
    start
}

/// Begins the data of a segment whose head begins at `start`: its bytes follow, and nothing else.
pub(super) fn write_data(start: usize, offset: u64, finished: bool, buffer: &mut Vec<u8>) {
    let flags = &mut buffer[start + NUMBER_LENGTH];
    *flags |= DATA;
    if finished {
        *flags |= FINISHED;
    }
    push_u48(buffer, offset);
}

fn write_account(account: &Account<'_>, buffer: &mut Vec<u8>) -> bool {
    let Some(newest) = account.runs.back() else {
        return false;
    };
    let newest_number = newest.end - 1;
    let floor = newest_number.saturating_sub(account.floor);
    let floor = u16::try_from(floor).unwrap_or(u16::MAX);
    push_u48(buffer, newest_number);
    buffer.extend_from_slice(&floor.to_le_bytes());
    buffer.extend_from_slice(&account.delay_us.to_le_bytes());
    push_u48(buffer, account.limit.min(MAX_OFFSET));
    let digest_at = buffer.len();
    buffer.extend_from_slice(&[0; 5]);
    let lowest = newest_number - u64::from(floor);
    let mut digest = 0u32;
    let mut count = 0u8;
    let mut above = None;
    let mut runs = account.runs.iter().rev().peekable();
    while let Some(run) = runs.next() {
        if run.start < lowest || usize::from(count) == account.most_runs {
            break;
        }
        let mut start = run.start;
        digest = digest.wrapping_add(run.sum);
        // Pieces of one run are said as one.
        while let Some(piece) = runs.next_if(|piece| piece.end == start && piece.start >= lowest) {
            start = piece.start;
            digest = digest.wrapping_add(piece.sum);
        }
        if let Some(above) = above {
            push_varint(buffer, above - run.end);
        }
        push_varint(buffer, run.end - start);
        above = Some(start);
        count += 1;
    }
    buffer[digest_at..digest_at + 4].copy_from_slice(&digest.to_le_bytes());
    buffer[digest_at + 4] = count;
    true
}

/// Appends what is less than 2^48.
fn push_u48(buffer: &mut Vec<u8>, value: u64) {
    buffer.extend_from_slice(&value.to_le_bytes()[..6]);
}

fn push_varint(buffer: &mut Vec<u8>, value: u64) {
    // Runs and gaps lie within the window of 65,536 packets above the floor.
    let mut value = value as u32;
    while value >= 0x80 {
        buffer.push(value as u8 | 0x80);
        value >>= 7;
    }
    buffer.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for shift in [0, 7, 14, 21] {
        let [byte] = take(bytes)?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn u48(bytes: [u8; 6]) -> u64 {
    let [a, b, c, d, e, f] = bytes;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

const _: () = assert!(MAX_PACKET_NUMBER >= MAX_OFFSET);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::{Account, Counts, Head, decode, write_data, write_head};
    use crate::gbn::ranges::Run;

    /// The runs of `numbers`, upward.
    fn runs(numbers: &[(u64, u64)]) -> VecDeque<Run> {
        let run = |&(start, end): &(u64, u64)| Run {
            start,
            end,
            sum: (end - start) as u32,
        };
        numbers.iter().map(run).collect()
    }

    fn head(runs: Option<&VecDeque<Run>>, most_runs: usize) -> Head<'_> {
        Head {
            packet_number: 0x0102,
            settled: 0x0100,
            proof: Some(0xdead_beef),
            at_once: true,
            acknowledgement: runs.map(|runs| Account {
                runs,
                floor: 3,
                delay_us: 0x0304_0506,
                limit: 0x0708_090a_0b0c,
                counts: Counts {
                    capable: 0x0111_1213,
                    experienced: 0x21,
                },
                most_runs,
            }),
            close: None,
        }
    }

    #[test]
    fn bytes_are_where_the_drawing_says() {
        let runs = runs(&[(4, 6), (10, 300), (300, 310)]);
        let mut buffer = Vec::new();
        let start = write_head(&head(Some(&runs), 9), &mut buffer);
        write_data(start, 0x0a0b_0c0d_0e0f, true, &mut buffer);
        buffer.extend_from_slice(b"data");
        let expected: &[&[u8]] = &[
            &[0; 8],
            &[0b110_1111, 2, 0, 0xef, 0xbe, 0xad, 0xde],
            // 309, which is 306 above 3; the delay; the limit.
            &[
                0x35, 1, 0, 0, 0, 0, 0x32, 1, 6, 5, 4, 3, 0x0c, 0x0b, 0x0a, 9, 8, 7,
            ],
            // 300 + 2 packets; two runs: 300, a gap of 4, 2.
            &[0x2e, 1, 0, 0, 2, 0xac, 2, 4, 2],
            &[0x13, 0x12, 0x11, 1, 0, 0, 0x21, 0, 0, 0, 0, 0],
            &[0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a],
            b"data",
        ];
        assert_eq!(buffer, expected.concat());
    }

    #[test]
    fn what_was_said_is_understood() {
        let runs = runs(&[(4, 6), (10, 300), (300, 310)]);
        let mut buffer = Vec::new();
        let start = write_head(&head(Some(&runs), 9), &mut buffer);
        write_data(start, 77, false, &mut buffer);
        let segment = decode(0x0102, &buffer[8..]).unwrap();
        assert_eq!(segment.settled, 0x0100);
        assert_eq!(segment.proof, Some(0xdead_beef));
        assert!(segment.at_once);
        let account = segment.acknowledgement.unwrap();
        assert_eq!((account.newest, account.floor), (309, 3));
        assert_eq!(account.runs().collect::<Vec<_>>(), [10..310, 4..6]);
        assert_eq!(account.digest, 302);
        let counts = Counts {
            capable: 0x0111_1213,
            experienced: 0x21,
        };
        assert_eq!(account.counts, counts);
        assert_eq!(segment.data.unwrap().offset, 77);
    }

    #[test]
    fn the_newest_runs_are_said_where_not_all_fit() {
        let runs = runs(&[(4, 6), (10, 300), (300, 310), (400, 401)]);
        let mut buffer = Vec::new();
        write_head(&head(Some(&runs), 2), &mut buffer);
        let segment = decode(0x0102, &buffer[8..]).unwrap();
        let account = segment.acknowledgement.unwrap();
        assert_eq!(account.runs().collect::<Vec<_>>(), [400..401, 10..310]);
        assert_eq!(account.digest, 301);
    }

    #[test]
    fn what_makes_no_sense_is_not_understood() {
        let one = runs(&[(4, 6)]);
        let mut buffer = Vec::new();
        write_head(&head(Some(&one), 9), &mut buffer);
        let body = &buffer[8..];
        assert!(decode(0x0102, body).is_some());
        for length in 0..body.len() {
            assert!(decode(0x0102, &body[..length]).is_none(), "{length}");
        }
        // Older than any packet.
        assert!(decode(1, body).is_none());
        let with = |at: usize, byte: u8| {
            let mut body = body.to_vec();
            body[at] = byte;
            decode(0x0102, &body).is_some()
        };
        assert!(with(0, body[0]));
        // A flag that nobody knows; an end without data; haste without a wish; counts of nothing.
        assert!(!with(0, body[0] | 128) && !with(0, body[0] | 2));
        assert!(!with(0, 32) && !with(0, 64));
        // More below the newest than there are; no run; a run that is empty, or reaches below the floor.
        assert!(!with(13, 200) && !with(29, 0) && !with(30, 0) && !with(30, 4));
    }
}
