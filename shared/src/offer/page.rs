//! One page of a manifest: the bytes of an entry, written and read.

use super::{Entry, EntryKind, ModifiedTime, OfferError, OthersAccess};
use crate::limits::{MAX_FILE_BYTES, MAX_NAME_BYTES};

const FILE: u8 = 0;
const FOLDER: u8 = 1;
const PROGRAM: u8 = 2;
/// A link, or a second name of a file.
const ANOTHER: u8 = 3;
/// The bits of a flags byte that say what an entry is.
const KIND: u8 = 3;
/// Where those begin that say what others may not do.
const CLOSED_SHIFT: u32 = 2;
/// The flags byte of a link, and that of a second name.
const LINK: u8 = ANOTHER;
const SAME_FILE: u8 = ANOTHER | 1 << CLOSED_SHIFT;
const NANOS_PER_SECOND: u32 = 1_000_000_000;
/// Bytes in the longest varint of 64 bits.
const VARINT_LIMIT: u32 = 10;

/// Appends `entry`, whose path follows `previous` in its page.
pub(super) fn encode(page: &mut Vec<u8>, previous: &[u8], entry: Entry<'_>) {
    let closed = closed(entry.others) << CLOSED_SHIFT;
    page.push(match entry.kind {
        EntryKind::Folder => FOLDER | closed,
        EntryKind::File {
            executable: true, ..
        } => PROGRAM | closed,
        EntryKind::File { .. } => FILE | closed,
        EntryKind::Link { .. } => LINK,
        EntryKind::SameFile { .. } => SAME_FILE,
    });
    let shared = shared_prefix(previous, entry.path);
    let rest = &entry.path[shared..];
    put_varint(page, shared as u64);
    put_varint(page, rest.len() as u64);
    page.extend_from_slice(rest);
    match entry.kind {
        EntryKind::File { size, holes, .. } => {
            put_varint(page, size << 1 | u64::from(holes > 0));
            if holes > 0 {
                put_varint(page, holes);
            }
        }
        EntryKind::Link { target: index } | EntryKind::SameFile { first: index } => {
            put_varint(page, index.into());
        }
        EntryKind::Folder => {}
    }
    let seconds = entry.modified.seconds;
    put_varint(page, ((seconds << 1) ^ (seconds >> 63)).cast_unsigned());
    put_varint(page, entry.modified.nanos.into());
}

/// What is closed to others, and the way back.
const fn closed(others: OthersAccess) -> u8 {
    !others.bits() as u8 & OthersAccess::ALL.bits() as u8
}

/// Bytes that two paths have in common at their start.
fn shared_prefix(previous: &[u8], path: &[u8]) -> usize {
    let pairs = previous.iter().zip(path);
    pairs.take_while(|(left, right)| left == right).count()
}

fn put_varint(page: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        page.push(value as u8 | 0x80);
        value >>= 7;
    }
    page.push(value as u8);
}

/// Reads the entries of one page after the other.
#[derive(Debug)]
pub(super) struct Decoder {
    position: usize,
    path: Vec<u8>,
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self {
            position: 0,
            path: Vec::new(),
        }
    }

    /// Goes to the start of a page.
    pub(super) fn restart(&mut self) {
        self.position = 0;
        self.path.clear();
    }

    /// Bytes of the page read so far.
    pub(super) const fn position(&self) -> usize {
        self.position
    }

    /// The path of the entry read last.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Reads the entry at the present position. Allocates no more than a path may be long.
    pub(super) fn next(&mut self, page: &[u8]) -> Result<Entry<'_>, OfferError> {
        let flags = self.byte(page)?;
        self.read_path(page)?;
        let kind = match (flags & KIND, flags) {
            (FOLDER, _) => EntryKind::Folder,
            (kind @ (FILE | PROGRAM), _) => {
                let (size, holes) = self.size(page)?;
                let executable = kind == PROGRAM;
                EntryKind::File {
                    size,
                    holes,
                    executable,
                }
            }
            (_, LINK) => EntryKind::Link {
                target: self.index(page)?,
            },
            (_, SAME_FILE) => EntryKind::SameFile {
                first: self.index(page)?,
            },
            _ => return Err(OfferError::Malformed),
        };
        let others = match kind {
            EntryKind::File { .. } | EntryKind::Folder => {
                OthersAccess::from_mode(!u32::from(flags >> CLOSED_SHIFT))
            }
            EntryKind::Link { .. } | EntryKind::SameFile { .. } => OthersAccess::ALL,
        };
        let zigzag = self.varint(page)?;
        let seconds = (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
        let nanos = u32::try_from(self.varint(page)?)
            .ok()
            .filter(|nanos| *nanos < NANOS_PER_SECOND)
            .ok_or(OfferError::Malformed)?;
        Ok(Entry {
            path: &self.path,
            kind,
            modified: ModifiedTime { seconds, nanos },
            others,
        })
    }

    fn read_path(&mut self, page: &[u8]) -> Result<(), OfferError> {
        let shared = self.length(page)?;
        let length = self.length(page)?;
        if shared > self.path.len() {
            return Err(OfferError::Malformed);
        }
        if shared + length == 0 || shared + length > MAX_NAME_BYTES {
            return Err(OfferError::PathLength);
        }
        let end = self.position + length;
        let rest = page.get(self.position..end).ok_or(OfferError::Malformed)?;
        self.path.truncate(shared);
        self.path.extend(rest);
        self.position = end;
        Ok(())
    }

    /// A varint that counts bytes of a path.
    fn length(&mut self, page: &[u8]) -> Result<usize, OfferError> {
        usize::try_from(self.varint(page)?)
            .ok()
            .filter(|length| *length <= MAX_NAME_BYTES)
            .ok_or(OfferError::PathLength)
    }

    /// The size of a file, and how much of it is in holes.
    fn size(&mut self, page: &[u8]) -> Result<(u64, u64), OfferError> {
        let told = self.varint(page)?;
        let size = told >> 1;
        if size > MAX_FILE_BYTES {
            return Err(OfferError::TooManyBytes);
        }
        let holes = match told & 1 {
            0 => 0,
            _ => self.varint(page)?,
        };
        // One that says that there are some has some.
        if holes > size || (holes == 0 && told & 1 == 1) {
            return Err(OfferError::Malformed);
        }
        Ok((size, holes))
    }

    fn index(&mut self, page: &[u8]) -> Result<u32, OfferError> {
        u32::try_from(self.varint(page)?).map_err(|_| OfferError::LinkTarget)
    }

    fn varint(&mut self, page: &[u8]) -> Result<u64, OfferError> {
        let mut value = 0;
        for place in 0..VARINT_LIMIT {
            let byte = self.byte(page)?;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if place == VARINT_LIMIT - 1 && bits > 1 {
                return Err(OfferError::Malformed);
            }
            value |= bits << (7 * place);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(OfferError::Malformed)
    }

    fn byte(&mut self, page: &[u8]) -> Result<u8, OfferError> {
        let byte = *page.get(self.position).ok_or(OfferError::Malformed)?;
        self.position += 1;
        Ok(byte)
    }
}
