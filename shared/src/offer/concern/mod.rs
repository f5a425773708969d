//! What a person should know of an offer before they take it: what may run, what is hidden, and what would start
//! by itself where it lies.
//!
//! It goes by names and by the executable bit, which is all that is known before a byte has crossed. What is
//! inside a file is not looked at, and a file without any mark may do harm as well.

mod places;
mod programs;
mod survey;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use survey::{Concern, Survey};

use super::EntryKind;
use crate::name::fold;

/// Folders above the destination that are looked at: as many as the longest known place has.
const FOLDERS_ABOVE: usize = 4;

/// Whether a name is one that systems do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    /// It is shown.
    #[default]
    No,
    /// It is, or lies in, something hidden below the top of the offer.
    Below,
    /// It is, or lies in, something hidden at the top of the offer, and so among what is in the destination.
    AtTop,
}

/// What a person should know of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Concerns {
    /// Whether it may run when it is opened: by its executable bit, or by its type.
    pub program: bool,
    /// Whether its name is hidden: a part of its path begins with a dot.
    pub hidden: Hidden,
    /// Whether a system, a shell or a common program runs it, or what it says, unasked.
    pub starts_itself: bool,
}

impl Concerns {
    /// Whether it needs a yes of its own, beside that to the offer.
    #[must_use]
    pub const fn needs_yes(self) -> bool {
        self.starts_itself || matches!(self.hidden, Hidden::AtTop)
    }

    /// Whether there is anything to know.
    #[must_use]
    pub const fn any(self) -> bool {
        self.program || self.starts_itself || !matches!(self.hidden, Hidden::No)
    }
}

/// Tells what a person should know of the entries of an offer, at one destination.
#[derive(Debug, Clone, Default)]
pub struct Classifier {
    /// The last folders of the destination, as [`plain`] has them.
    above: Vec<Vec<u8>>,
}

impl Classifier {
    /// For a folder of this path: a place that is known may begin in it. Empty where no folder is known.
    #[must_use]
    pub fn new(destination: &[u8]) -> Self {
        let plain = plain(destination);
        let parts = plain.split(|byte| matches!(byte, b'/' | b'\\'));
        let mut above: Vec<Vec<u8>> = parts
            .filter(|part| !part.is_empty())
            .map(<[u8]>::to_ascii_lowercase)
            .collect();
        above.drain(..above.len().saturating_sub(FOLDERS_ABOVE));
        Self { above }
    }

    /// What there is to know of an entry with this path.
    #[must_use]
    pub fn concerns(&self, path: &[u8], kind: EntryKind) -> Concerns {
        let plain = plain(path);
        let above = self.above.iter().map(Vec::as_slice);
        let parts: Vec<&[u8]> = above.chain(plain.split(|byte| *byte == b'/')).collect();
        let (_, own) = parts.split_at(self.above.len().min(parts.len()));
        let hidden = |part: &&[u8]| part.starts_with(b".");
        let hidden = if own.first().is_some_and(hidden) {
            Hidden::AtTop
        } else if own.iter().any(hidden) {
            Hidden::Below
        } else {
            Hidden::No
        };
        let name = own.last().copied().unwrap_or_default();
        Concerns {
            program: kind.is_executable() || programs::is_one(name, kind == EntryKind::Folder),
            hidden,
            starts_itself: places::starts(&parts, kind),
        }
    }
}

/// A path without what file systems look past: letters that are not seen, and how it is written. What is ASCII stays
/// as it is; whoever compares it takes no notice of case.
fn plain(path: &[u8]) -> Cow<'_, [u8]> {
    if path.is_ascii() {
        return Cow::Borrowed(path);
    }
    let mut seen = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        let letters = chunk.valid().chars().filter(|letter| !is_ignored(*letter));
        seen.extend(letters.collect::<String>().bytes());
        seen.extend(chunk.invalid());
    }
    Cow::Owned(fold(&seen, true, true).into_owned())
}

/// Letters that a file system of macOS leaves out where it compares names.
const fn is_ignored(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}

/// Whether a part of a path is the one that is known, in lower case: the ends that Windows cuts off are not looked at.
fn is_called(part: &[u8], known: &str) -> bool {
    without_end(part).eq_ignore_ascii_case(known.as_bytes())
}

/// A name without the dots and spaces at its end, which Windows cuts off.
fn without_end(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !matches!(byte, b'.' | b' '));
    &name[..end.map_or(0, |end| end + 1)]
}
