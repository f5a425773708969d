//! An offer that is being looked at: pages of it, and what the person wants of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::command::{ConflictPolicy, Consent, OFFER_ROWS_LIMIT, Room, Selection};
use crate::engine::event::{OfferRow, OfferSummary};

/// An offer that is being looked at.
#[derive(Debug)]
pub(crate) struct OfferView {
    /// What is searched for.
    pub(crate) search: String,
    /// How many entries match; `None` until the engine has said it.
    pub(crate) matching: Option<u64>,
    /// Which of these the first row is.
    pub(crate) first: u64,
    /// The rows that are here.
    pub(crate) rows: Vec<OfferRow>,
    /// What the person does not want.
    pub(crate) except: BTreeSet<u32>,
    /// What to do where a name is taken.
    pub(crate) on_conflict: ConflictPolicy,
    /// What needs a yes of its own and has it.
    pub(crate) consent: Consent,
    /// Whether it has to fit.
    pub(crate) room: Room,
    /// Where it goes, if the person chose another folder.
    pub(crate) destination: Option<PathBuf>,
    /// What was asked for last, so that it is not asked for twice.
    asked: Option<(String, u64)>,
    /// Bytes and files of what is not wanted, as far as rows told it.
    unwanted: (u64, u64),
}

impl OfferView {
    /// An offer of which nothing is seen yet.
    pub(crate) const fn new(on_conflict: ConflictPolicy) -> Self {
        Self {
            search: String::new(),
            matching: None,
            first: 0,
            rows: Vec::new(),
            except: BTreeSet::new(),
            on_conflict,
            consent: Consent::NONE,
            room: Room::Needed,
            destination: None,
            asked: None,
            unwanted: (0, 0),
        }
    }

    /// A page came. One of an older search says nothing.
    pub(crate) fn handle_page(
        &mut self,
        search: &str,
        matching: u64,
        first: u64,
        rows: Vec<OfferRow>,
    ) {
        if search == self.search {
            self.matching = Some(matching);
            self.first = first;
            self.rows = rows;
        }
    }

    /// What the engine is to be asked so that these rows can be shown: where the page begins. `None` if
    /// they are here or on their way.
    pub(crate) fn wanted_page(&mut self, shown: std::ops::Range<u64>) -> Option<u64> {
        let end = shown.end.min(self.matching.unwrap_or(u64::MAX));
        let here = self.first..self.first + self.rows.len() as u64;
        let complete = self.matching.is_some()
            && (shown.start >= end || (here.start <= shown.start && end <= here.end));
        if complete {
            return None;
        }
        // The page around what is shown, so that scrolling a little needs no other.
        let first = shown.start.saturating_sub(u64::from(OFFER_ROWS_LIMIT) / 2);
        let wanted = (self.search.clone(), first);
        if self.asked.as_ref() == Some(&wanted) {
            return None;
        }
        self.asked = Some(wanted);
        Some(first)
    }

    /// Searches for something else in the offer.
    pub(crate) fn search_for(&mut self, search: String) {
        if search != self.search {
            self.search = search;
            self.matching = None;
            self.first = 0;
            self.rows.clear();
        }
    }

    /// Everything has to be asked for again: the folder is another one.
    pub(crate) fn forget_rows(&mut self) {
        self.matching = None;
        self.rows.clear();
        self.first = 0;
        self.asked = None;
    }

    /// Takes an entry, or leaves it.
    pub(crate) fn set_wanted(&mut self, index: u32, wanted: bool) {
        let changed = if wanted {
            self.except.remove(&index)
        } else {
            self.except.insert(index)
        };
        if !changed {
            return;
        }
        if let Some(row) = self.rows.iter().find(|row| row.index == index) {
            let (bytes, files) = self.unwanted;
            self.unwanted = if wanted {
                (
                    bytes.saturating_sub(row.bytes),
                    files.saturating_sub(row.files),
                )
            } else {
                (
                    bytes.saturating_add(row.bytes),
                    files.saturating_add(row.files),
                )
            };
        }
    }

    /// Whether an entry is taken: it itself, and the folders it is in. Those of its folders that are not
    /// on this page are not seen; the engine decides, this only draws.
    pub(crate) fn wanted(&self, row: &OfferRow) -> bool {
        !self.except.contains(&row.index) && !self.inside_unwanted(row)
    }

    /// Whether a folder that an entry is in is left.
    pub(crate) fn inside_unwanted(&self, row: &OfferRow) -> bool {
        self.rows.iter().any(|other| {
            other.folder
                && self.except.contains(&other.index)
                && row
                    .name
                    .strip_prefix(&other.name)
                    .is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Whether anything is taken at all.
    pub(crate) fn takes_something(&self, summary: &OfferSummary) -> bool {
        self.except.is_empty() || self.unwanted.1 < summary.files
    }

    /// Whether there is room for what is taken; `None` if nobody knows. What overlaps among the things
    /// not wanted is not counted twice where rows do not show it, so that this may say yes too early;
    /// the engine has the last word.
    pub(crate) fn fits(&self, summary: &OfferSummary) -> Option<bool> {
        let free = summary.free?;
        let stored = summary.bytes.saturating_sub(summary.holes);
        let wanted = stored.saturating_sub(self.unwanted.0);
        Some(wanted.saturating_sub(summary.kept) <= free)
    }

    /// Whether it fits, or is to be tried even so.
    pub(crate) fn may_go(&self, summary: &OfferSummary) -> bool {
        self.room == Room::Ignored || self.fits(summary) != Some(false)
    }

    /// What is taken, as the engine is told.
    pub(crate) fn selection(&self) -> Selection {
        if self.except.is_empty() {
            Selection::All
        } else {
            Selection::Except(self.except.clone())
        }
    }
}
