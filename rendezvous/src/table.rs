//! The table of who is announced, and of what they say: soft state, and all that the server remembers.
//!
//! Nothing here outlives its announcements by more than [`ANNOUNCEMENT_LIFETIME`]. Ordered maps, since
//! their order reaches the wire.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::PairingId;
use fardrop_shared::limits::ANNOUNCEMENT_LIFETIME;
use fardrop_shared::wire::rendezvous::{Announce, OwnerToken, Payload, Tag};

/// How often all of it is looked through for what has expired. Local: a locator that is used is looked
/// through every time, so that nobody can tell.
const SWEEP: Duration = Duration::from_secs(1);

/// How a client is reached: its address, and the server's socket whose answers it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Which of the server's sockets, as the server counts them.
    pub socket: usize,
    /// The client's address.
    pub address: SocketAddr,
}

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Where to, and from which socket.
    pub to: Route,
    /// What.
    pub bytes: Vec<u8>,
}

/// A party as it was last heard: one side of one pairing.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) pairing: PairingId,
    owner: OwnerToken,
    pub(crate) tag: Tag,
    pub(crate) route: Route,
    heard_at: Instant,
}

/// What a party says.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) revision: u32,
    pub(crate) payload: Payload,
}

/// The sender at a locator.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) party: Party,
    /// What it says to any receiver.
    pub(crate) open: Option<Statement>,
}

/// A receiver at a locator.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) party: Party,
    pub(crate) said: Statement,
    /// What the sender says to this one.
    pub(crate) answer: Option<Statement>,
    /// Whether the sender has said nothing new to it since it last spoke.
    pub(crate) unanswered: bool,
}

/// Everybody at one locator.
#[derive(Debug, Default)]
pub(crate) struct LocatorEntry {
    pub(crate) sender: Option<Sender>,
    pub(crate) receivers: BTreeMap<PairingId, Receiver>,
}

/// All locators.
#[derive(Debug)]
pub(crate) struct Table {
    entries: BTreeMap<u32, LocatorEntry>,
    parties: usize,
    swept_at: Instant,
}

/// How an announcement changed its party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that anybody else would notice.
    Nothing,
    /// It is reached in another way, or has just come.
    Route,
}

impl Table {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            entries: BTreeMap::new(),
            parties: 0,
            swept_at: now,
        }
    }

    /// Forgets who has expired, when it is time to look.
    pub(crate) fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept_at) < SWEEP {
            return;
        }
        self.swept_at = now;
        self.entries.retain(|_, entry| {
            entry.expire(now);
            entry.parties() > 0
        });
        self.parties = self.entries.values().map(LocatorEntry::parties).sum();
    }

    /// Parties held.
    pub(crate) const fn parties(&self) -> usize {
        self.parties
    }

    /// Works on the entry of one locator, without those who have expired; one that is left empty is dropped.
    pub(crate) fn with_entry<T>(
        &mut self,
        now: Instant,
        locator: u32,
        work: impl FnOnce(&mut LocatorEntry) -> T,
    ) -> T {
        let entry = self.entries.entry(locator).or_default();
        let before = entry.parties();
        entry.expire(now);
        let result = work(entry);
        let after = entry.parties();
        if after == 0 {
            self.entries.remove(&locator);
        }
        self.parties = self.parties + after - before;
        result
    }
}

impl LocatorEntry {
    fn parties(&self) -> usize {
        usize::from(self.sender.is_some()) + self.receivers.len()
    }

    fn expire(&mut self, now: Instant) {
        self.receivers
            .retain(|_, receiver| !receiver.party.expired(now));
        let gone = self.sender.take_if(|sender| sender.party.expired(now));
        if gone.is_some() {
            // The next to hold the locator is somebody else, who has said nothing yet.
            for receiver in self.receivers.values_mut() {
                receiver.answer = None;
                receiver.unanswered = true;
            }
        }
    }
}

impl Party {
    pub(crate) const fn new(now: Instant, route: Route, tag: Tag, announce: &Announce) -> Self {
        Self {
            pairing: announce.pairing,
            owner: announce.owner,
            tag,
            route,
            heard_at: now,
        }
    }

    /// Whether an announcement is this party's own.
    pub(crate) fn owns(&self, announce: &Announce) -> bool {
        self.pairing == announce.pairing && self.owner == announce.owner
    }

    /// Notes that it was heard, and from where.
    pub(crate) fn hear(&mut self, now: Instant, route: Route, tag: Tag) -> Change {
        let change = if (self.route, self.tag) == (route, tag) {
            Change::Nothing
        } else {
            Change::Route
        };
        self.heard_at = now;
        self.route = route;
        self.tag = tag;
        change
    }

    fn expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) >= ANNOUNCEMENT_LIFETIME
    }
}

impl Statement {
    pub(crate) fn of(announce: &Announce) -> Self {
        Self {
            revision: announce.revision,
            payload: announce.payload.clone(),
        }
    }
}

/// Takes what an announcement says in place of what was said before, if its revision is newer; it is not where
/// the announcement was overtaken on its way or is a repetition. Returns whether it was news.
pub(crate) fn renew(said: &mut Option<Statement>, announce: &Announce) -> bool {
    let newer = said
        .as_ref()
        .is_none_or(|said| said.revision < announce.revision);
    if newer {
        *said = Some(Statement::of(announce));
    }
    newer
}
