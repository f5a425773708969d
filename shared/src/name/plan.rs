//! Where the entries of one offer go: under their own names as far as those can be, under others near to
//! them, or nowhere.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, hash_map};

use serde::{Deserialize, Serialize};

use super::check::components;
use super::escape::escape;
use super::prefixes::{HashesMap, NewComponents, Prefixes, chain, short};
use super::{NameRules, SafeName};
use crate::limits::{MAX_NAME_BYTES, MAX_RENAME_ATTEMPTS};

/// What becomes of a name that cannot be where it is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum BadNames {
    /// It is given another name near to it.
    #[default]
    Rename,
    /// It is left out.
    Skip,
}

/// The names under which one offer is written at one destination.
///
/// No two are the same there, whatever is folded. A name that can be is never changed for the sake of one that
/// cannot. The same offer has the same plan at the same destination, so that what was kept is found again.
#[derive(Debug)]
pub(crate) struct NamePlan {
    rules: NameRules,
    policy: BadNames,
    key: [u8; 32],
    /// What was decided about components otherwise than by the rules alone, by the hashes of their paths.
    settled: BTreeMap<u64, Fate>,
    /// Entries that go elsewhere than their path says.
    moved: BTreeSet<u32>,
    /// Entries of which the last component changes, and those that are the first in a folder that changes its name
    /// and is no entry before them.
    renamed: BTreeSet<u32>,
    /// Entries that go nowhere.
    left_out: BTreeSet<u32>,
}

/// What becomes of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    /// It is escaped, at this attempt.
    Renamed(usize),
    LeftOut,
    /// It has the name of another, and another name is still to be found.
    Taken,
}

impl NamePlan {
    /// The plan for the paths that `for_each` shows with their indices, each checked by
    /// `check` and none there twice. They are shown twice, in the same order. `key` is secret
    /// and random: with it, nobody can make two names seem the same.
    #[must_use]
    pub(crate) fn new(
        rules: NameRules,
        policy: BadNames,
        key: [u8; 32],
        for_each: impl Fn(&mut dyn FnMut(u32, &[u8])),
    ) -> Self {
        let mut plan = Self {
            rules,
            policy,
            key,
            settled: BTreeMap::new(),
            moved: BTreeSet::new(),
            renamed: BTreeSet::new(),
            left_out: BTreeSet::new(),
        };
        if !plan.rules.folds() {
            let mut new = NewComponents::default();
            let mut all_allowed = true;
            for_each(&mut |_, path| {
                all_allowed &= new.of(path).all(|component| plan.rules.allows(component));
            });
            if all_allowed {
                return plan;
            }
        }
        let mut slots = Slots::default();
        let mut prefixes = Prefixes::new(key);
        let mut all_kept = true;
        for_each(&mut |_, path| {
            all_kept &= plan.take_slots(&mut slots, &mut prefixes, path);
        });
        if all_kept {
            return plan;
        }
        let mut prefixes = Prefixes::new(key);
        let mut levels = Vec::new();
        for_each(&mut |index, path| {
            plan.settle(&mut slots, &mut prefixes, &mut levels, index, path);
        });
        plan
    }

    /// Whether every entry goes where its path says.
    #[must_use]
    pub(crate) fn is_plain(&self) -> bool {
        self.moved.is_empty() && self.left_out.is_empty()
    }

    /// The entries whose own names change, in rising order. What is in a folder that changes its name keeps its
    /// own, and is not among them unless the folder is no entry.
    pub(crate) fn renamed(&self) -> impl ExactSizeIterator<Item = u32> {
        self.renamed.iter().copied()
    }

    /// The entries that are left out, in rising order: what is in a folder that is left out among them.
    pub(crate) fn left_out(&self) -> impl ExactSizeIterator<Item = u32> {
        self.left_out.iter().copied()
    }

    /// Where the entry with this index and path goes; `None` if it is left out.
    #[must_use]
    pub(crate) fn place<'a>(&self, index: u32, path: &'a [u8]) -> Option<SafeName<'a>> {
        if self.left_out.contains(&index) {
            return None;
        }
        if !self.moved.contains(&index) {
            return Some(SafeName::new(Cow::Borrowed(path)));
        }
        let mut place = Vec::with_capacity(path.len());
        let mut hash = self.key;
        for component in components(path) {
            hash = chain(&hash, component);
            if !place.is_empty() {
                place.push(b'/');
            }
            match self.fate(short(&hash), component) {
                Fate::Same => place.extend(component),
                Fate::Renamed(attempt) => place.extend(escape(component, &self.rules, attempt)?),
                Fate::LeftOut | Fate::Taken => return None,
            }
        }
        Some(SafeName::new(Cow::Owned(place)))
    }

    /// What becomes of a component whose path has this hash.
    fn fate(&self, hash: u64, component: &[u8]) -> Fate {
        let settled = self.settled.get(&hash).copied();
        settled.unwrap_or_else(|| {
            if self.rules.allows(component) {
                Fate::Same
            } else {
                Fate::Renamed(0)
            }
        })
    }

    /// Keeps their names for those components of `path` that can be, the first of those that are the same; whether
    /// all that the path before did not have keep theirs.
    fn take_slots(&mut self, slots: &mut Slots, prefixes: &mut Prefixes, path: &[u8]) -> bool {
        let mut all = true;
        for level in prefixes.go_to(path)..prefixes.len() {
            let component = prefixes.component(level);
            let exact = short(&prefixes.hash(level));
            if !self.rules.allows(component) {
                all = false;
            } else if !slots.take(
                &prefixes.parent(level),
                component,
                &self.rules.fold(component),
                exact,
            ) {
                self.settled.insert(exact, Fate::Taken);
                all = false;
            }
        }
        all
    }

    /// Decides about the components of `path`, and about the entry.
    fn settle(
        &mut self,
        slots: &mut Slots,
        prefixes: &mut Prefixes,
        levels: &mut Vec<Settled>,
        index: u32,
        path: &[u8],
    ) {
        levels.truncate(prefixes.go_to(path));
        let known = levels.len();
        for level in levels.len()..prefixes.len() {
            let component = prefixes.component(level);
            let exact = short(&prefixes.hash(level));
            let parent = prefixes.parent(level);
            let (fate, length) = self.decide(slots, &parent, exact, component);
            let above = levels.last().copied().unwrap_or_default();
            levels.push(Settled {
                length: above.length + length + usize::from(level > 0),
                renamed: matches!(fate, Fate::Renamed(_)),
                moved: above.moved || matches!(fate, Fate::Renamed(_)),
                left_out: above.left_out || fate == Fate::LeftOut,
            });
        }
        let Some(last) = levels.last() else {
            return;
        };
        if last.left_out || last.length > MAX_NAME_BYTES {
            self.left_out.insert(index);
        } else if last.moved {
            self.moved.insert(index);
            if last.renamed || levels[known..].iter().any(|level| level.renamed) {
                self.renamed.insert(index);
            }
        }
    }

    /// What becomes of one component, and how many bytes it takes.
    fn decide(
        &mut self,
        slots: &mut Slots,
        parent: &[u8; 32],
        exact: u64,
        component: &[u8],
    ) -> (Fate, usize) {
        let first = match self.fate(exact, component) {
            Fate::Same => return (Fate::Same, component.len()),
            Fate::LeftOut => return (Fate::LeftOut, 0),
            Fate::Renamed(attempt) => attempt,
            Fate::Taken => 1,
        };
        if self.policy == BadNames::Rename {
            for attempt in first..first + MAX_RENAME_ATTEMPTS {
                let Some(name) = escape(component, &self.rules, attempt) else {
                    break;
                };
                if slots.take(parent, component, &self.rules.fold(&name), exact) {
                    let fate = Fate::Renamed(attempt);
                    if attempt > 0 {
                        self.settled.insert(exact, fate);
                    }
                    return (fate, name.len());
                }
            }
        }
        self.settled.insert(exact, Fate::LeftOut);
        (Fate::LeftOut, 0)
    }
}

/// What was decided about one prefix of a path.
#[derive(Debug, Clone, Copy, Default)]
struct Settled {
    /// Bytes of where it goes.
    length: usize,
    /// Whether its last component changes.
    renamed: bool,
    /// Whether any does.
    moved: bool,
    left_out: bool,
}

/// The names that are given so far, each a folder and what all its spellings have in common, with the one that
/// has it. All are known by their hashes.
#[derive(Default)]
struct Slots(HashesMap<u64>);

impl Slots {
    /// Gives the name that folds to this to `component`, whose hash in the folder is `exact`; whether it has it now.
    fn take(&mut self, parent: &[u8; 32], component: &[u8], folded: &[u8], exact: u64) -> bool {
        let name = if folded == component {
            exact
        } else {
            short(&chain(parent, folded))
        };
        match self.0.entry(name) {
            hash_map::Entry::Vacant(slot) => {
                slot.insert(exact);
                true
            }
            hash_map::Entry::Occupied(slot) => *slot.get() == exact,
        }
    }
}
