//! An offer from a peer: read and checked page by page, then given its places at a destination.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::{CryptoRng, RngCore};
use thiserror::Error;

use super::{
    Cursor, Entry, EntryKind, Manifest, ManifestBuilder, ModifiedTime, NameChecker, OfferError,
    OthersAccess, Totals,
};
use crate::name::{BadNames, NameError, NamePlan, NameRules, SafeName};

/// A manifest from a peer of which every name was checked: none is dangerous, and none is there twice.
///
/// Only an [`OfferReader`] makes one.
#[derive(Debug)]
pub struct CheckedManifest(Manifest);

impl CheckedManifest {
    /// The names, sizes and times, to be looked at.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.0
    }

    /// Whether every name can be wherever it is received, so that no destination needs to be asked.
    pub fn is_possible_everywhere(&self, rng: &mut (impl RngCore + CryptoRng)) -> bool {
        self.plan(NameRules::everywhere(), BadNames::Skip, rng)
            .is_plain()
    }

    /// Which entry goes where, at a destination with these rules.
    #[must_use]
    pub fn place(
        self: Arc<Self>,
        rules: NameRules,
        bad_names: BadNames,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> PlacedManifest {
        let plan = self.plan(rules, bad_names, rng);
        PlacedManifest {
            checked: self,
            plan: Arc::new(plan),
            stand_ins: BTreeMap::new(),
        }
    }

    fn plan(
        &self,
        rules: NameRules,
        bad_names: BadNames,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> NamePlan {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        NamePlan::new(rules, bad_names, key, |visit| {
            self.0.for_each(|index, entry| visit(index, entry.path));
        })
    }
}

/// Collects pages from a peer into a [`CheckedManifest`].
#[derive(Debug)]
pub struct OfferReader {
    builder: ManifestBuilder,
    names: NameChecker,
}

impl OfferReader {
    /// Before the first page.
    pub fn new(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self {
            builder: ManifestBuilder::new(),
            names: NameChecker::new(rng),
        }
    }

    /// Takes the next page.
    ///
    /// # Errors
    ///
    /// A [`PageError`] on any byte that does not follow the format, on a bound passed and on a name that is
    /// dangerous. The whole offer is to be refused then.
    pub fn push_page(&mut self, bytes: &[u8]) -> Result<(), PageError> {
        let Self { builder, names } = self;
        builder.push_page(bytes, |entry| {
            names.check(entry).map_err(|reason| PageError::Name {
                name: entry.path.to_owned(),
                reason,
            })
        })
    }

    /// What was read so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.builder.totals()
    }

    /// Ends the offer.
    ///
    /// # Errors
    ///
    /// [`OfferError::ManifestTooLong`].
    pub fn finish(self) -> Result<CheckedManifest, OfferError> {
        Ok(CheckedManifest(self.builder.finish()?))
    }
}

/// What is wrong with a page of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    /// The page itself.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// A name in it.
    #[error("a name is not safe: {reason}")]
    Name {
        /// The name.
        name: Vec<u8>,
        /// Why it is not.
        reason: NameError,
    },
}

/// A checked manifest, and where each of its entries goes at one destination.
#[derive(Debug)]
pub struct PlacedManifest {
    checked: Arc<CheckedManifest>,
    plan: Arc<NamePlan>,
    /// Files that go where something would be that leads to them, and where that is.
    stand_ins: BTreeMap<u32, (u32, SafeName<'static>)>,
}

/// One file, folder or link of an offer, and where it goes.
#[derive(Debug, Clone)]
pub struct PlacedEntry<'a> {
    /// Its relative path, as the sender has it.
    pub path: &'a [u8],
    /// Where it goes at the destination; `None` if it cannot be there, and is left out.
    pub place: Option<SafeName<'a>>,
    /// What it is.
    pub kind: EntryKind,
    /// When it was last modified.
    pub modified: ModifiedTime,
    /// What others than its owner may do with it, at the sender's.
    pub others: OthersAccess,
}

impl PlacedManifest {
    /// The names, sizes and times, as the sender has them.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.checked.manifest()
    }

    /// The checked manifest, to be placed elsewhere.
    #[must_use]
    pub const fn checked(&self) -> &Arc<CheckedManifest> {
        &self.checked
    }

    /// The entries whose own names change, in rising order. What is in a folder that changes its name keeps its
    /// own, and is not among them unless the folder is no entry.
    pub fn renamed(&self) -> impl ExactSizeIterator<Item = u32> {
        self.plan.renamed()
    }

    /// The entries that are left out, in rising order: what is in a folder that is left out among them.
    pub fn left_out(&self) -> impl Iterator<Item = u32> {
        let left_out = self.plan.left_out();
        left_out.filter(|index| !self.stand_ins.contains_key(index))
    }

    /// Finds files that cannot be here, but to which something leads that can: each goes there itself, where a link
    /// to it would lead nowhere, or there would be a second name without a first. Both have to be taken. `None` if
    /// there are none.
    #[must_use]
    pub fn with_stand_ins(&self, takes: impl Fn(u32) -> bool) -> Option<Self> {
        if self.totals().links == 0 || self.plan.left_out().len() == 0 {
            return None;
        }
        let mut stand_ins = BTreeMap::new();
        let mut cursor = self.cursor();
        self.for_each(|index, entry| {
            let (EntryKind::Link { target } | EntryKind::SameFile { first: target }) = entry.kind
            else {
                return;
            };
            let Some(place) = entry.place.filter(|_| takes(index) && takes(target)) else {
                return;
            };
            let file = cursor.entry(self, target);
            let file = file.filter(|file| matches!(file.kind, EntryKind::File { .. }));
            if file.is_some_and(|file| file.place.is_none()) {
                let place = place.into_owned();
                stand_ins.entry(target).or_insert((index, place));
            }
        });
        (!stand_ins.is_empty()).then(|| Self {
            checked: Arc::clone(&self.checked),
            plan: Arc::clone(&self.plan),
            stand_ins,
        })
    }

    /// Counts over all of it.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.manifest().totals()
    }

    /// The place before the first entry.
    #[must_use]
    pub fn cursor(&self) -> PlacedCursor {
        PlacedCursor(self.manifest().cursor())
    }

    /// Calls `visit` with the index and the entry, from the first to the last.
    pub fn for_each(&self, mut visit: impl FnMut(u32, PlacedEntry<'_>)) {
        self.manifest()
            .for_each(|index, entry| visit(index, self.entry(index, entry)));
    }

    fn place<'a>(&self, index: u32, entry: Entry<'a>) -> Option<SafeName<'a>> {
        if let Some((_, place)) = self.stand_ins.get(&index) {
            return Some(place.clone());
        }
        if let EntryKind::Link { target } | EntryKind::SameFile { first: target } = entry.kind
            && let Some((link, _)) = self.stand_ins.get(&target)
            && *link == index
        {
            return None;
        }
        self.plan.place(index, entry.path)
    }

    fn entry<'a>(&self, index: u32, entry: Entry<'a>) -> PlacedEntry<'a> {
        PlacedEntry {
            path: entry.path,
            place: self.place(index, entry),
            kind: entry.kind,
            modified: entry.modified,
            others: entry.others,
        }
    }
}

/// A position in a [`PlacedManifest`], which it does not borrow; see [`Cursor`].
#[derive(Debug)]
pub struct PlacedCursor(Cursor);

impl PlacedCursor {
    /// The next entry and its index; `None` past the last.
    pub fn next<'a>(&'a mut self, manifest: &PlacedManifest) -> Option<(u32, PlacedEntry<'a>)> {
        let (index, entry) = self.0.next(manifest.manifest())?;
        Some((index, manifest.entry(index, entry)))
    }

    /// The entry with this index; `None` past the last. The next one after it is then cheap.
    pub fn entry<'a>(
        &'a mut self,
        manifest: &PlacedManifest,
        index: u32,
    ) -> Option<PlacedEntry<'a>> {
        let entry = self.0.entry(manifest.manifest(), index)?;
        Some(manifest.entry(index, entry))
    }
}
