//! What of the things that a person named is not in their offer.

use serde::{Deserialize, Serialize};

use super::OfferError;
use crate::limits::{LEFT_OUT_BYTES_LIMIT, MAX_NAME_BYTES, MAX_PAGE_BYTES};

/// How many things a sender leaves out of its offer, as far as they can be counted. It is told to the receiver,
/// who would otherwise take the offer for all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LeftOutCount {
    /// Files, folders and whatever else has a name, each by itself.
    pub things: u64,
    /// Folders that could not be looked into: what is in them is not counted.
    pub closed_folders: u64,
}

impl LeftOutCount {
    /// Whether nothing is left out.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.things == 0 && self.closed_folders == 0
    }
}

/// Why something is not offered, as it is told to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftOutReason {
    /// A link that leads out of what is offered.
    LinkOutside,
    /// A link that leads nowhere.
    LinkBroken,
    /// A link that leads back to a folder it is in.
    LinkLoop,
    /// A link to something that is left out.
    LinkLeftOut,
    /// Neither a file nor a folder.
    Special,
    /// A name that no receiver takes, or that only the sender's system can have.
    Name,
    /// It cannot be read.
    Unreadable,
    /// A folder that cannot be looked into, and so what is in it.
    FolderUnreadable,
    /// It is in a folder that is left out.
    InLeftOut,
}

/// Something that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutName {
    /// Where it would be in the offer, components separated by `/`; 1 to [`MAX_NAME_BYTES`] bytes. It is only
    /// shown.
    #[serde(with = "crate::wire::peer::page_bytes")]
    pub path: Vec<u8>,
    /// Why.
    pub reason: LeftOutReason,
}

/// Bytes that a name takes in a page beside its path, at most.
const NAME_OVERHEAD: usize = 4;

/// The names of what is not offered, as far as they are told: [`LEFT_OUT_BYTES_LIMIT`] bytes of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOutNames {
    names: Vec<LeftOutName>,
    bytes: usize,
}

impl LeftOutNames {
    /// Adds a name, cut to what a name may be long, unless they are too many by now.
    pub fn push(&mut self, mut path: Vec<u8>, reason: LeftOutReason) {
        path.truncate(MAX_NAME_BYTES);
        if !path.is_empty() && self.bytes + path.len() <= LEFT_OUT_BYTES_LIMIT {
            self.bytes += path.len();
            self.names.push(LeftOutName { path, reason });
        }
    }

    /// Adds a page from a peer that left out so many things.
    ///
    /// # Errors
    ///
    /// [`OfferError::Malformed`] where they are too many or too long.
    pub fn push_page(&mut self, page: Vec<LeftOutName>, things: u64) -> Result<(), OfferError> {
        for name in page {
            self.bytes += name.path.len();
            let fits = self.bytes <= LEFT_OUT_BYTES_LIMIT && (self.names.len() as u64) < things;
            if !fits || !(1..=MAX_NAME_BYTES).contains(&name.path.len()) {
                return Err(OfferError::Malformed);
            }
            self.names.push(name);
        }
        Ok(())
    }

    /// The names, page by page as they travel.
    pub fn pages(&self) -> impl Iterator<Item = &[LeftOutName]> {
        let mut rest = &self.names[..];
        std::iter::from_fn(move || {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|name| {
                bytes += name.path.len() + NAME_OVERHEAD;
                bytes <= MAX_PAGE_BYTES
            });
            let (page, others) = rest.split_at(fits.count());
            rest = others;
            (!page.is_empty()).then_some(page)
        })
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[LeftOutName] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(length: usize) -> LeftOutName {
        LeftOutName {
            path: vec![b'n'; length],
            reason: LeftOutReason::Special,
        }
    }

    #[test]
    fn names_travel_in_pages_up_to_a_bound() {
        let mut names = LeftOutNames::default();
        assert_eq!(names.pages().count(), 0);
        for _ in 0..1000 {
            names.push(vec![b'n'; MAX_NAME_BYTES + 1], LeftOutReason::LinkLoop);
        }
        let kept = LEFT_OUT_BYTES_LIMIT / MAX_NAME_BYTES;
        assert_eq!(names.names().len(), kept);
        let mut heard = LeftOutNames::default();
        for page in names.pages() {
            assert!(page.len() <= MAX_PAGE_BYTES / MAX_NAME_BYTES);
            heard.push_page(page.to_vec(), 1000).expect("it is as told");
        }
        assert_eq!(heard, names);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let push = |page: Vec<LeftOutName>, things| LeftOutNames::default().push_page(page, things);
        assert_eq!(push(vec![name(1), name(1)], 2), Ok(()));
        let many = LEFT_OUT_BYTES_LIMIT / MAX_NAME_BYTES + 1;
        for (page, things) in [
            (vec![name(1), name(1)], 1),
            (vec![name(0)], 1),
            (vec![name(MAX_NAME_BYTES + 1)], 1),
            (vec![name(MAX_NAME_BYTES); many], u64::MAX),
        ] {
            assert_eq!(push(page, things), Err(OfferError::Malformed));
        }
    }
}
