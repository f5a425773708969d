//! The table of who is announced, and of what they say: soft state, and all that the server remembers.
//!
//! Nothing here outlives its announcements by more than [`ANNOUNCEMENT_LIFETIME`]. Ordered maps, since
//! their order reaches the wire.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use fardrop_shared::limits::ANNOUNCEMENT_LIFETIME;
use fardrop_shared::wire::rendezvous::{Announce, OwnerToken, Payload, Tag};
use fardrop_shared::{PairingId, Role};

use crate::holders::{Holders, Place};
use crate::network::{Network, Width};

/// How often all of it is looked through for what has expired. Local: a locator that is used is looked
/// through every time, so that nobody can tell.
const SWEEP: Duration = Duration::from_secs(1);

/// What one party usually has of addresses, and can take many of at one locator: a home or a site.
const SITE: Width = Width::new(Some(24), Some(48));

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
    /// Where it was first heard from: what it holds is counted there.
    begun_at: IpAddr,
    /// While it has not met its peer.
    waits: Option<Place>,
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
    /// Those who have given up their places, until that is counted.
    pub(crate) gone: Vec<Party>,
    /// When the sender was last told that others find no place.
    pub(crate) crowd_told: Option<Instant>,
}

/// All locators.
#[derive(Debug)]
pub(crate) struct Table {
    entries: BTreeMap<u32, LocatorEntry>,
    parties: usize,
    /// Those who wait for their peer.
    waiting: Holders<PartyName>,
    swept_at: Instant,
}

/// Which party: the sender at a locator, or one of its receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PartyName {
    locator: u32,
    /// `None` for the sender.
    receiver: Option<PairingId>,
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
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            entries: BTreeMap::new(),
            parties: 0,
            waiting: Holders::new(),
            swept_at: now,
        }
    }

    /// Forgets who has expired, when it is time to look.
    pub(crate) fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept_at) < SWEEP {
            return;
        }
        self.swept_at = now;
        let waiting = &mut self.waiting;
        self.entries.retain(|_, entry| {
            entry.expire(now, waiting);
            entry.parties() > 0
        });
        self.parties = self.entries.values().map(LocatorEntry::parties).sum();
    }

    /// Parties held.
    pub(crate) const fn parties(&self) -> usize {
        self.parties
    }

    /// Whether one more party can be held that is heard from `address`, of `most` in all. Where the table is
    /// full, somebody who waits and whose network holds much more loses its place.
    pub(crate) fn make_room(&mut self, most: usize, address: IpAddr) -> bool {
        if self.parties < most {
            return true;
        }
        let Some(name) = self.waiting.makes_room_for(address) else {
            return false;
        };
        self.forget(name);
        self.parties < most
    }

    /// What the sender at a locator says to anybody, if it may be told to whoever asks. Nothing is noted of it.
    pub(crate) fn open_at(&self, now: Instant, locator: u32) -> Option<&Payload> {
        let sender = self.entries.get(&locator)?.sender.as_ref()?;
        let open = sender
            .open
            .as_ref()
            .filter(|_| !sender.party.expired(now))?;
        Some(&open.payload).filter(|said| said.fits_an_answer())
    }

    fn forget(&mut self, name: PartyName) {
        let Some(entry) = self.entries.get_mut(&name.locator) else {
            return;
        };
        let before = entry.parties();
        let party = match name.receiver {
            None => entry.remove_sender(),
            Some(pairing) => entry.receivers.remove(&pairing).map(|gone| gone.party),
        };
        self.parties -= before - entry.parties();
        if entry.parties() == 0 {
            self.entries.remove(&name.locator);
        }
        if let Some(place) = party.and_then(|party| party.waits) {
            self.waiting.end(place);
        }
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
        entry.expire(now, &mut self.waiting);
        let result = work(entry);
        entry.note_waiting(locator, &mut self.waiting);
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

    /// Whether an announcement is of a party that is not held, under whatever token.
    pub(crate) fn is_new(&self, announce: &Announce) -> bool {
        match announce.side {
            Role::Sender => self.sender.is_none(),
            Role::Receiver => !self.receivers.contains_key(&announce.pairing),
        }
    }

    /// Whether an announcement is of a sender, and the place is another's.
    pub(crate) fn is_of_another(&self, announce: &Announce) -> bool {
        let sender = self.sender.as_ref();
        announce.side == Role::Sender && sender.is_some_and(|sender| !sender.party.owns(announce))
    }

    /// Whether an announcement is of a receiver that leaves, which takes no place.
    pub(crate) fn is_leaving(announce: &Announce) -> bool {
        announce.last && announce.side == Role::Receiver
    }

    /// How many receivers have come from the home or site that `address` is in.
    pub(crate) fn receivers_beside(&self, address: IpAddr) -> usize {
        let site = Network::of(address, SITE);
        let beside = |other: &&Receiver| Network::of(other.party.begun_at, SITE) == site;
        self.receivers.values().filter(beside).count()
    }

    fn expire(&mut self, now: Instant, waiting: &mut Holders<PartyName>) {
        self.receivers.retain(|_, receiver| {
            let expired = receiver.party.expired(now);
            if let Some(place) = receiver.party.waits.take_if(|_| expired) {
                waiting.end(place);
            }
            !expired
        });
        if self
            .sender
            .as_ref()
            .is_some_and(|sender| sender.party.expired(now))
            && let Some(place) = self.remove_sender().and_then(|party| party.waits)
        {
            waiting.end(place);
        }
    }

    fn remove_sender(&mut self) -> Option<Party> {
        let gone = self.sender.take()?;
        // The next to hold the locator is somebody else, who has said nothing yet.
        for receiver in self.receivers.values_mut() {
            receiver.answer = None;
            receiver.unanswered = true;
        }
        Some(gone.party)
    }

    /// Counts again who waits: a receiver that has no answer, and a sender that has answered nobody here.
    fn note_waiting(&mut self, locator: u32, waiting: &mut Holders<PartyName>) {
        for place in self.gone.drain(..).filter_map(|party| party.waits) {
            waiting.end(place);
        }
        let mut met = false;
        for (pairing, receiver) in &mut self.receivers {
            let receiver_waits = receiver.answer.is_none();
            met |= !receiver_waits;
            let name = PartyName {
                locator,
                receiver: Some(*pairing),
            };
            receiver.party.note_waiting(receiver_waits, name, waiting);
        }
        if let Some(sender) = &mut self.sender {
            let name = PartyName {
                locator,
                receiver: None,
            };
            sender.party.note_waiting(!met, name, waiting);
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
            begun_at: route.address.ip(),
            waits: None,
        }
    }

    fn note_waiting(&mut self, waits: bool, name: PartyName, waiting: &mut Holders<PartyName>) {
        if waits && self.waits.is_none() {
            self.waits = Some(waiting.begin(self.begun_at, name));
        } else if let Some(place) = self.waits.take_if(|_| !waits) {
            waiting.end(place);
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
