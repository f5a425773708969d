//! Entries that a receiver saves under other names: how it tells them, and what a sender believes of that.

use super::Violation;
use crate::limits::{MAX_NAME_BYTES, MAX_PAGE_BYTES, RENAMED_BYTES_LIMIT};
use crate::wire::peer::{NewName, ReceiverMessage};

/// Bytes that one place takes in a page beside its path, at most.
const ENTRY_OVERHEAD: usize = 10;

/// Packs new places into messages, a page at a time.
#[derive(Debug, Default)]
pub struct RenamedPages {
    page: Vec<NewName>,
    page_bytes: usize,
    /// Bytes of all the paths so far.
    bytes: usize,
    more: u32,
}

impl RenamedPages {
    /// Adds the place of the entry with this index, which is higher than those before; gives the page that is full.
    pub fn push(&mut self, file: u32, place: &[u8]) -> Option<ReceiverMessage> {
        if self.more > 0 || self.bytes + place.len() > RENAMED_BYTES_LIMIT {
            self.more += 1;
            return None;
        }
        self.bytes += place.len();
        let length = place.len() + ENTRY_OVERHEAD;
        let full = (self.page_bytes + length > MAX_PAGE_BYTES).then(|| self.take_page());
        self.page_bytes += length;
        let place = place.to_owned();
        self.page.push(NewName { file, place });
        full
    }

    /// The last page, if there is anything to say.
    #[must_use]
    pub fn finish(mut self) -> Option<ReceiverMessage> {
        (!self.page.is_empty() || self.more > 0).then(|| {
            let more = self.more;
            let names = std::mem::take(&mut self.page);
            ReceiverMessage::Renamed { names, more }
        })
    }

    fn take_page(&mut self) -> ReceiverMessage {
        self.page_bytes = 0;
        let names = std::mem::take(&mut self.page);
        ReceiverMessage::Renamed { names, more: 0 }
    }
}

/// The new places that a sender has heard of.
#[derive(Debug, Default)]
pub struct HeardNames {
    names: Vec<NewName>,
    bytes: usize,
    more: u32,
}

impl HeardNames {
    /// Takes in one page about an offer of `entries` entries.
    ///
    /// # Errors
    /// [`Violation`] where an entry is not in the offer or out of order, and where a bound is passed.
    pub(super) fn handle_page(
        &mut self,
        names: Vec<NewName>,
        more: u32,
        entries: u32,
    ) -> Result<(), Violation> {
        if self.more > 0 || (names.is_empty() && more == 0) {
            return Err(Violation("new names out of turn"));
        }
        for name in names {
            let rising = self.names.last().is_none_or(|last| last.file < name.file);
            if !rising || name.file >= entries {
                return Err(Violation(
                    "new names out of order, or of nothing that is offered",
                ));
            }
            self.bytes += name.place.len();
            if !(1..=MAX_NAME_BYTES).contains(&name.place.len()) || self.bytes > RENAMED_BYTES_LIMIT
            {
                return Err(Violation("new names that are too long"));
            }
            self.names.push(name);
        }
        // Their indices rise, so there are no more of them than entries.
        if more > entries - self.names.len() as u32 {
            return Err(Violation("more new names than entries"));
        }
        self.more = more;
        Ok(())
    }

    /// The entries that were told by name, in rising order.
    #[must_use]
    pub fn names(&self) -> &[NewName] {
        &self.names
    }

    /// How many entries have other names.
    #[must_use]
    pub const fn count(&self) -> u32 {
        // Both together are no more than the entries of an offer.
        self.names.len() as u32 + self.more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a sender of `entries` entries makes of these messages.
    fn hear(
        entries: u32,
        messages: impl IntoIterator<Item = ReceiverMessage>,
    ) -> Result<HeardNames, Violation> {
        let mut heard = HeardNames::default();
        for message in messages {
            let ReceiverMessage::Renamed { names, more } = message else {
                panic!("another message");
            };
            heard.handle_page(names, more, entries)?;
        }
        Ok(heard)
    }

    fn pages(places: &[(u32, Vec<u8>)]) -> Vec<ReceiverMessage> {
        let mut pages = RenamedPages::default();
        let mut told = Vec::new();
        for (file, place) in places {
            told.extend(pages.push(*file, place));
        }
        told.extend(pages.finish());
        told
    }

    #[test]
    fn what_is_packed_is_heard() {
        assert!(pages(&[]).is_empty());
        let places: Vec<_> = (0..5000).map(|file| (file * 2, vec![b'n'; 100])).collect();
        let told = pages(&places);
        assert!(told.len() > 1);
        for message in &told {
            let ReceiverMessage::Renamed { names, .. } = message else {
                panic!("another message");
            };
            let bytes: usize = names.iter().map(|name| name.place.len()).sum();
            assert!(bytes <= MAX_PAGE_BYTES, "{bytes}");
        }
        let heard = hear(10_000, told).expect("it is as packed");
        assert_eq!(heard.count(), 5000);
        let heard = heard.names().iter();
        let heard: Vec<_> = heard.map(|name| (name.file, name.place.clone())).collect();
        assert_eq!(heard, places);
    }

    #[test]
    fn what_is_too_much_to_name_is_counted() {
        let places: Vec<_> = (0..2000).map(|file| (file, vec![b'n'; 4096])).collect();
        let heard = hear(2000, pages(&places)).expect("it is as packed");
        assert_eq!((heard.names().len(), heard.count()), (1024, 2000));
    }

    #[test]
    fn what_cannot_be_is_a_violation() {
        let page = |names: &[(u32, usize)], more| {
            let names = names.iter().map(|(file, length)| NewName {
                file: *file,
                place: vec![b'n'; *length],
            });
            let names = names.collect();
            ReceiverMessage::Renamed { names, more }
        };
        hear(2, [page(&[(0, 1)], 0), page(&[(1, 1)], 0)]).expect("it may be");
        hear(2, [page(&[], 2)]).expect("it may be");
        for wrong in [
            vec![page(&[], 0)],
            vec![page(&[(2, 1)], 0)],
            vec![page(&[(1, 1), (0, 1)], 0)],
            vec![page(&[(1, 1)], 0), page(&[(1, 1)], 0)],
            vec![page(&[(0, 0)], 0)],
            vec![page(&[(0, MAX_NAME_BYTES + 1)], 0)],
            vec![page(&[(0, 1)], 2)],
            vec![page(&[(0, 1)], 1), page(&[(1, 1)], 0)],
        ] {
            let _: Violation = hear(2, wrong.clone()).expect_err(&format!("{wrong:?}"));
        }
    }
}
