//! A search for the nodes next to a target, over one family: whom to ask next, and when it is over.
//!
//! Two sets are heard to their ends: the [`DHT_NEAREST`] nodes next to the target, and the nearest ones whose ids
//! suit their addresses (BEP 42). Whoever makes up ids gets into the first alone. Nodes that do not answer, or that
//! give no token where one is needed, are in neither.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use super::contact::{Contact, Family, may_be_named};
use super::node_id::NodeId;
use crate::diagnosis::Scope;
use crate::limits::{
    DHT_ABREAST, DHT_MAX_ASKED, DHT_MAX_CANDIDATES, DHT_MAX_ENTRANCES, DHT_MAX_PER_ADDRESS,
    DHT_NEAREST, DHT_SEARCH_CALLS,
};

/// A node that can keep an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// The node.
    pub contact: Contact,
    /// What it wants to be shown in a put.
    pub token: Vec<u8>,
    /// The number of the item that it has.
    pub seq: Option<i64>,
}

/// What has become of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Unasked,
    Waiting,
    /// Asked once more.
    Late,
    /// Answered: with a token, if any.
    Answered(Option<Vec<u8>>, Option<i64>),
    Silent,
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    distance: [u8; 20],
    sound: bool,
    standing: Standing,
}

/// One search in one family.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) family: Family,
    target: NodeId,
    /// Whether a node that gives no token is of no use.
    for_keepers: bool,
    /// Whether nodes that are named are asked as well.
    widens: bool,
    entrances: VecDeque<SocketAddr>,
    /// The nearest first.
    candidates: Vec<Candidate>,
    asked: BTreeSet<SocketAddr>,
    /// Entrances that are asked and have not answered yet, and whether they are late.
    at_entrances: BTreeMap<SocketAddr, bool>,
}

impl Lookup {
    /// A search that begins at these nodes.
    pub(super) fn new(
        family: Family,
        target: NodeId,
        for_keepers: bool,
        known: impl Iterator<Item = Contact>,
    ) -> Self {
        let mut lookup = Self {
            family,
            target,
            for_keepers,
            widens: true,
            entrances: VecDeque::new(),
            candidates: Vec::new(),
            asked: BTreeSet::new(),
            at_entrances: BTreeMap::new(),
        };
        for contact in known {
            // Where they are was known before: nobody else's word is taken for it.
            lookup.name(contact, contact.address.ip());
        }
        lookup
    }

    /// These nodes and no others.
    pub(super) fn among(
        family: Family,
        target: NodeId,
        nodes: impl Iterator<Item = Contact>,
    ) -> Self {
        let mut lookup = Self::new(family, target, true, nodes);
        lookup.widens = false;
        lookup
    }

    /// Addresses to ask whose ids are not known.
    pub(super) fn enter_by(&mut self, addresses: impl Iterator<Item = SocketAddr>) {
        let room = DHT_MAX_ENTRANCES - self.entrances.len().min(DHT_MAX_ENTRANCES);
        self.entrances.extend(addresses.take(room));
    }

    /// Takes in nodes that the one at `by` has named.
    pub(super) fn on_named(&mut self, nodes: &[Contact], by: IpAddr) {
        if self.widens {
            for node in nodes {
                self.name(*node, by);
            }
        }
    }

    /// Notes who it was that answered from there.
    pub(super) fn on_answer(&mut self, from: Contact, token: Option<Vec<u8>>, seq: Option<i64>) {
        // The id is the one that it gives itself, whatever it was called by others.
        self.at_entrances.remove(&from.address);
        self.candidates
            .retain(|node| node.contact.address != from.address);
        self.insert(from, Standing::Answered(token, seq));
    }

    /// Notes that an answer is late, and others may be asked meanwhile.
    pub(super) fn on_late(&mut self, from: SocketAddr) {
        if let Some(late) = self.at_entrances.get_mut(&from) {
            *late = true;
        }
        self.stand(from, Standing::Late);
    }

    /// Notes that there will be no answer, or one of no use.
    pub(super) fn on_silence(&mut self, from: SocketAddr) {
        self.at_entrances.remove(&from);
        self.stand(from, Standing::Silent);
    }

    /// The next address to ask. It is never given again.
    pub(super) fn poll_ask(&mut self) -> Option<SocketAddr> {
        let count = |standing| {
            let nodes = self.candidates.iter();
            nodes.filter(|node| node.standing == standing).count()
        };
        let entering = self.at_entrances.values().filter(|late| !**late).count();
        let waiting = count(Standing::Waiting) + entering;
        let abreast = if self.widens {
            DHT_ABREAST
        } else {
            DHT_SEARCH_CALLS
        };
        let full = waiting >= abreast || waiting + count(Standing::Late) >= DHT_SEARCH_CALLS;
        if full || self.asked.len() >= DHT_MAX_ASKED {
            return None;
        }
        while let Some(address) = self.entrances.pop_front() {
            if self.asked.insert(address) {
                self.at_entrances.insert(address, false);
                return Some(address);
            }
        }
        // A late one is most likely silent: whoever takes its place then is asked meanwhile.
        let address = self
            .nearest(|node| node.standing != Standing::Late)
            .find(|node| node.standing == Standing::Unasked)
            .map(|node| node.contact.address)?;
        self.asked.insert(address);
        self.stand(address, Standing::Waiting);
        Some(address)
    }

    /// Whether all that count have been heard, or as many have been asked as may be.
    pub(super) fn is_over(&self) -> bool {
        let exhausted = self.asked.len() >= DHT_MAX_ASKED;
        let open = |node: &Candidate| match node.standing {
            Standing::Unasked => !exhausted,
            Standing::Waiting | Standing::Late => true,
            Standing::Answered(..) | Standing::Silent => false,
        };
        // A late entrance matters only to who has heard nobody else.
        let heard = |node: &Candidate| matches!(node.standing, Standing::Answered(..));
        let alone = !self.candidates.iter().any(heard);
        let waits_at = |late: &bool| alone || !*late;
        let enters = self.at_entrances.values().any(waits_at);
        let entered = exhausted || self.entrances.is_empty();
        entered && !enters && !self.vital().any(open)
    }

    /// How many were asked.
    pub(super) fn asked(&self) -> usize {
        self.asked.len()
    }

    /// The nodes next to the target that can keep an item.
    pub(super) fn keepers(&self) -> impl Iterator<Item = Keeper> {
        self.vital().filter_map(|node| match &node.standing {
            Standing::Answered(Some(token), seq) => Some(Keeper {
                contact: node.contact,
                token: token.clone(),
                seq: *seq,
            }),
            Standing::Answered(None, _)
            | Standing::Unasked
            | Standing::Waiting
            | Standing::Late
            | Standing::Silent => None,
        })
    }

    /// The nodes that have to be heard, the nearest first.
    fn vital(&self) -> impl Iterator<Item = &Candidate> {
        self.nearest(|_| true)
    }

    /// The two sets, of those nodes that count and `may` be in them.
    fn nearest(&self, may: impl Fn(&Candidate) -> bool) -> impl Iterator<Item = &Candidate> {
        let mut nearest = 0;
        let mut nearest_sound = 0;
        let widens = self.widens;
        let counted = self.candidates.iter();
        let counted = counted.filter(move |node| self.counts(node) && may(node));
        counted.filter(move |node| {
            let vital = nearest < DHT_NEAREST || (node.sound && nearest_sound < DHT_NEAREST);
            nearest += 1;
            nearest_sound += usize::from(node.sound);
            vital || !widens
        })
    }

    fn counts(&self, node: &Candidate) -> bool {
        match &node.standing {
            Standing::Silent => false,
            Standing::Answered(token, _) => token.is_some() || !self.for_keepers,
            Standing::Unasked | Standing::Waiting | Standing::Late => true,
        }
    }

    fn stand(&mut self, address: SocketAddr, standing: Standing) {
        let mut nodes = self.candidates.iter_mut();
        if let Some(node) = nodes.find(|node| node.contact.address == address) {
            node.standing = standing;
        }
    }

    fn name(&mut self, contact: Contact, by: IpAddr) {
        let address = contact.address;
        let known = self.asked.contains(&address)
            || self
                .candidates
                .iter()
                .any(|node| node.contact.address == address);
        let wanted = Family::of(&address) == self.family && may_be_named(address, by);
        if wanted && !known && !self.is_crowded(address.ip()) {
            self.insert(contact, Standing::Unasked);
            self.forget_farthest(contact.is_sound());
        }
    }

    /// Whether there are as many nodes of that address as there may be.
    fn is_crowded(&self, ip: IpAddr) -> bool {
        let there = self
            .candidates
            .iter()
            .filter(|node| node.contact.address.ip() == ip && node.standing != Standing::Silent);
        Scope::of(ip) == Scope::Global && there.count() >= DHT_MAX_PER_ADDRESS
    }

    fn insert(&mut self, contact: Contact, standing: Standing) {
        let distance = contact.id.distance(&self.target);
        let at = self
            .candidates
            .partition_point(|node| node.distance <= distance);
        let node = Candidate {
            contact,
            distance,
            sound: contact.is_sound(),
            standing,
        };
        self.candidates.insert(at, node);
    }

    /// Keeps the unasked nodes of one sort within their bound.
    fn forget_farthest(&mut self, sound: bool) {
        let unasked = |node: &&Candidate| node.sound == sound && node.standing == Standing::Unasked;
        if self.candidates.iter().filter(unasked).count() > DHT_MAX_CANDIDATES
            && let Some(farthest) = self.candidates.iter().rposition(|node| unasked(&node))
        {
            self.candidates.remove(farthest);
        }
    }
}
