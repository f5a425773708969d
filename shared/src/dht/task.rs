//! What a client is at: a search, in one or both families, or a put.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use super::contact::{Contact, Family};
use super::item::{Item, Slot};
use super::krpc::{Answer, Put, Question};
use super::lookup::{Keeper, Lookup};
use super::node_id::NodeId;
use super::{Found, Stored};
use crate::limits::DHT_SEARCH_TIME;

/// Numbers of errors that BEP 44 gives a meaning.
const MISMATCHED: i64 = 301;
const OUTDATED: i64 = 302;

/// One thing that is under way.
#[derive(Debug)]
pub(super) enum Task {
    Search(Box<Search>),
    Store(Box<Store>),
}

/// What a search is for.
#[derive(Debug, Clone)]
pub(super) enum Goal {
    Nodes(NodeId),
    Item {
        slot: Slot,
        target: NodeId,
        newer_than: Option<i64>,
    },
}

impl Goal {
    pub(super) fn item(slot: Slot, newer_than: Option<i64>) -> Self {
        let target = slot.target();
        Self::Item {
            slot,
            target,
            newer_than,
        }
    }

    pub(super) const fn target(&self) -> NodeId {
        match self {
            Self::Nodes(target) | Self::Item { target, .. } => *target,
        }
    }

    pub(super) const fn is_for_keepers(&self) -> bool {
        match self {
            Self::Nodes(_) => false,
            Self::Item { .. } => true,
        }
    }
}

/// A search.
#[derive(Debug)]
pub(super) struct Search {
    goal: Goal,
    lookups: Vec<Lookup>,
    deadline: Instant,
    found: Found,
}

impl Search {
    pub(super) fn new(now: Instant, goal: Goal, lookups: Vec<Lookup>) -> Self {
        Self {
            goal,
            lookups,
            deadline: now + DHT_SEARCH_TIME,
            found: Found::default(),
        }
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn poll_ask(&mut self) -> Option<(SocketAddr, Question)> {
        let both_families = self.lookups.len() > 1;
        let address = self.lookups.iter_mut().find_map(Lookup::poll_ask)?;
        let question = match &self.goal {
            Goal::Nodes(target) => Question::FindNode {
                target: *target,
                both_families,
            },
            Goal::Item {
                target, newer_than, ..
            } => Question::Get {
                target: *target,
                newer_than: *newer_than,
            },
        };
        Some((address, question))
    }

    /// Takes an answer. Returns an item that is newer than any before.
    pub(super) fn on_answer(&mut self, from: SocketAddr, answer: Answer) -> Option<&Item> {
        self.found.answered += 1;
        let contact = Contact {
            id: answer.id,
            address: from,
        };
        for lookup in &mut self.lookups {
            lookup.on_named(&answer.nodes, from.ip());
        }
        if let Some(lookup) = self.lookup(from) {
            let seq = answer.item.as_ref().map(|item| item.seq).or(answer.seq);
            lookup.on_answer(contact, answer.token, seq);
        }
        let Goal::Item {
            slot, newer_than, ..
        } = &self.goal
        else {
            return None;
        };
        let Some(item) = Item::verify(slot, answer.item?) else {
            self.found.forged += 1;
            return None;
        };
        let newest = self.found.item.as_ref().map(Item::seq);
        if newest.max(*newer_than) >= Some(item.seq()) {
            return None;
        }
        Some(self.found.item.insert(item))
    }

    pub(super) fn on_late(&mut self, from: SocketAddr) {
        if let Some(lookup) = self.lookup(from) {
            lookup.on_late(from);
        }
    }

    pub(super) fn on_silence(&mut self, from: SocketAddr) {
        if let Some(lookup) = self.lookup(from) {
            lookup.on_silence(from);
        }
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.deadline <= now || self.lookups.iter().all(Lookup::is_over)
    }

    pub(super) fn into_found(self) -> Found {
        let mut found = self.found;
        found.asked = self.lookups.iter().map(Lookup::asked).sum();
        found.keepers = self.lookups.iter().flat_map(Lookup::keepers).collect();
        found
    }

    fn lookup(&mut self, of: SocketAddr) -> Option<&mut Lookup> {
        let family = Family::of(&of);
        self.lookups
            .iter_mut()
            .find(|lookup| lookup.family == family)
    }
}

/// A put at several nodes.
#[derive(Debug)]
pub(super) struct Store {
    item: Item,
    replaces: Option<i64>,
    /// Those that are not asked yet.
    keepers: VecDeque<Keeper>,
    waiting: usize,
    stored: Stored,
}

impl Store {
    pub(super) fn new(item: Item, replaces: Option<i64>, keepers: VecDeque<Keeper>) -> Self {
        Self {
            item,
            replaces,
            keepers,
            waiting: 0,
            stored: Stored::default(),
        }
    }

    pub(super) fn poll_ask(&mut self) -> Option<(SocketAddr, Question)> {
        let keeper = self.keepers.pop_front()?;
        self.waiting += 1;
        // Where there is nothing to replace, none is named (BEP 44).
        let replaces = self.replaces.filter(|_| keeper.seq.is_some());
        let put = Put::new(&self.item, keeper.token, replaces);
        Some((keeper.contact.address, Question::Put(Box::new(put))))
    }

    pub(super) const fn on_answer(&mut self) {
        self.waiting -= 1;
        self.stored.stored += 1;
    }

    pub(super) const fn on_error(&mut self, code: i64) {
        self.waiting -= 1;
        match code {
            MISMATCHED => self.stored.mismatched += 1,
            OUTDATED => self.stored.outdated += 1,
            _ => self.stored.refused += 1,
        }
    }

    pub(super) const fn on_silence(&mut self) {
        self.waiting -= 1;
        self.stored.silent += 1;
    }

    pub(super) fn is_over(&self) -> bool {
        self.keepers.is_empty() && self.waiting == 0
    }

    pub(super) const fn stored(&self) -> Stored {
        self.stored
    }
}
