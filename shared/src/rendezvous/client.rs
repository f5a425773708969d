//! What one party keeps announced at one server, over one socket.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::announcement::{Announcement, Config, TooManyAnnouncements};
use super::retry::{Jitter, Retry};
use super::{Event, Transmit, same_endpoint};
use crate::limits::{
    ANNOUNCE_INTERVAL, ANSWER_WAIT_FIRST, COOKIE_PAUSE, COOKIE_REFRESH, COOKIE_TRIES,
    MAX_ANNOUNCEMENTS, MAX_CLIENT_EVENTS, MAX_SEEN_PARTIES, SERVER_SILENCE, VERSION_PAUSE,
};
use crate::wire::rendezvous::{
    Announce, Ask, Cookie, Open, Payload, Peer, Reply, Request, Tag, VersionRange, Welcome,
};
use crate::{PairingId, Role};

/// Keeps a party announced at a server, and reports what the other side says there.
///
/// Pairing ids and payloads are public towards the server; nothing that it says is to be trusted.
///
/// After any input drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout). At that time call
/// [`handle_timeout`](Self::handle_timeout); sooner or later does no harm. A party has one client
/// at a time for each server. To end, drop it: the server forgets within 30 s, and until then gives out
/// what was said last.
#[derive(Debug)]
pub struct Client {
    config: Config,
    tag: Tag,
    jitter: Jitter,
    cookie: Option<Cookie>,
    cookie_at: Option<Instant>,
    address: Option<(SocketAddr, u16)>,
    hello: Retry,
    round_trip: Duration,
    announcements: BTreeMap<Option<PairingId>, Slot>,
    /// The question what the sender says, while it is asked.
    question: Option<Retry>,
    /// The answer to it that was reported last.
    open: Option<Payload>,
    revision: u32,
    /// By who speaks, and whether to us alone.
    seen: BTreeMap<(PairingId, bool), Seen>,
    standing: Standing,
    /// When the oldest question was asked since the server was last heard.
    asked_since: Option<Instant>,
    silent: bool,
    events: VecDeque<Event>,
}

/// One announcement under way.
#[derive(Debug)]
struct Slot {
    revision: u32,
    payload: Payload,
    /// Said until the server has it, and not again.
    last: bool,
    retry: Retry,
}

/// What one party of the other side last said.
#[derive(Debug)]
struct Seen {
    revision: u32,
    at: Instant,
}

/// What was last reported of how the announcement stands at the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Held,
    NobodyThere,
    PeerThere,
    Taken,
    Busy,
    Version(VersionRange),
}

impl Client {
    /// Asks for its address at once, and has nothing to announce yet.
    #[must_use]
    pub fn new(now: Instant, config: Config, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self {
            revision: config.revision,
            config,
            tag: Tag::random(rng),
            jitter: Jitter::new(rng),
            cookie: None,
            cookie_at: None,
            address: None,
            hello: Retry::now(now),
            round_trip: Duration::ZERO,
            announcements: BTreeMap::new(),
            question: None,
            open: None,
            seen: BTreeMap::new(),
            standing: Standing::Unknown,
            asked_since: None,
            silent: false,
            events: VecDeque::new(),
        }
    }

    /// Asks at once what the sender says to anybody, and again each second until something is announced. Nobody is told.
    pub fn ask(&mut self, now: Instant) {
        if self.question.is_none() {
            self.question = Some(Retry::now(now));
            // The answer says who we are as well; only where none comes is that asked for by itself.
            self.hello.postpone(now + ANSWER_WAIT_FIRST);
        }
    }

    /// Says this from now on, in place of what was said to the same before. To repeat it changes nothing.
    ///
    /// # Errors
    /// [`TooManyAnnouncements`] where it would be one too many; the others stay.
    pub fn announce(
        &mut self,
        now: Instant,
        announcement: Announcement,
    ) -> Result<(), TooManyAnnouncements> {
        self.question = None;
        self.say(now, announcement, false)
    }

    /// Answers a receiver for good, as a sender: its place at the server is given up, and when it says something
    /// again, that is reported again.
    ///
    /// # Errors
    /// [`TooManyAnnouncements`] where it would be one too many; the others stay.
    pub fn answer(
        &mut self,
        now: Instant,
        announcement: Announcement,
    ) -> Result<(), TooManyAnnouncements> {
        self.say(now, announcement, true)
    }

    /// The datagram by which a receiver leaves, if there is anything to leave: its place at the server is given up at
    /// once. It may be lost, and the place is then given up when it expires.
    pub fn leave(&mut self) -> Option<Transmit> {
        let cookie = self.cookie.filter(|_| self.config.side == Role::Receiver)?;
        self.announcements.remove(&None)?;
        self.revision = self.revision.saturating_add(1);
        let announce = self.announcement(cookie, None, self.revision, true, Payload::default());
        Some(Transmit {
            to: self.config.server,
            bytes: Request::Announce(announce).encode(self.tag),
        })
    }

    fn say(
        &mut self,
        now: Instant,
        announcement: Announcement,
        last: bool,
    ) -> Result<(), TooManyAnnouncements> {
        let Announcement { to, payload } = announcement;
        let key = self.key(to);
        match self.announcements.get(&key) {
            Some(slot) if slot.payload == payload => return Ok(()),
            Some(_) => {}
            None if self.announcements.len() >= MAX_ANNOUNCEMENTS => {
                return Err(TooManyAnnouncements);
            }
            None => {}
        }
        self.revision = self.revision.saturating_add(1);
        let slot = Slot {
            revision: self.revision,
            payload,
            last,
            retry: Retry::now(now),
        };
        self.announcements.insert(key, slot);
        Ok(())
    }

    /// Stops saying what was said to `to`. The server does not unsay it while it holds both parties: to
    /// say that something is over, announce that instead.
    pub fn withdraw(&mut self, to: Option<PairingId>) {
        self.announcements.remove(&self.key(to));
    }

    /// Takes a datagram of the socket; what is not from the server, and to this client, changes nothing.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if !same_endpoint(from, self.config.server) {
            return;
        }
        let Ok((tag, reply)) = Reply::decode(bytes) else {
            return;
        };
        if tag != self.tag {
            return;
        }
        self.on_heard();
        match reply {
            Reply::Cookie(welcome) => self.on_welcome(now, welcome),
            Reply::Waiting { answers } => self.on_waiting(now, answers),
            Reply::Peer(peer) => self.on_peer(now, peer),
            Reply::Taken { answers } => self.on_refused(now, answers, Standing::Taken),
            Reply::Busy { answers } => self.on_refused(now, answers, Standing::Busy),
            Reply::Open(open) => self.on_open(now, open),
            Reply::Crowded => self.push(Event::Crowded),
            Reply::Version(range) => self.on_version(now, range),
        }
    }

    /// Notices that the server is silent; what is due to be sent comes from
    /// [`poll_transmit`](Self::poll_transmit).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.silence_at().is_some_and(|at| at <= now) {
            self.silent = true;
            self.push(Event::Silent);
        }
    }

    /// The next datagram to send, if one is due.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let bytes = if let Some(question) = self.next_question(now) {
            question
        } else if self.hello.is_due(now) {
            self.hello(now)
        } else {
            self.next_announce(now)?
        };
        self.asked_since.get_or_insert(now);
        Some(Transmit {
            to: self.config.server,
            bytes,
        })
    }

    /// The next thing learned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, and to drain after it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let announcements = self.cookie.and_then(|_| {
            self.announcements
                .values()
                .filter_map(|slot| slot.retry.due())
                .min()
        });
        let question = self.question.as_ref().and_then(Retry::due);
        [question, self.hello.due(), announcements, self.silence_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// How many changes it has announced, to be carried over when the party moves to another client.
    #[must_use]
    pub const fn revision(&self) -> u32 {
        self.revision
    }

    /// Who announces, and where.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Where an announcement is kept: there is but one sender for a receiver to speak to.
    const fn key(&self, to: Option<PairingId>) -> Option<PairingId> {
        match self.config.side {
            Role::Sender => to,
            Role::Receiver => None,
        }
    }

    fn hello(&mut self, now: Instant) -> Vec<u8> {
        if self.hello.tries() >= COOKIE_TRIES {
            self.cookie = None;
        }
        self.hello.on_asked(now, self.round_trip, &mut self.jitter);
        Request::Hello.encode(self.tag)
    }

    fn next_announce(&mut self, now: Instant) -> Option<Vec<u8>> {
        let cookie = self.cookie?;
        let (&to, slot) = self
            .announcements
            .iter_mut()
            .find(|(_, slot)| slot.retry.is_due(now))?;
        let unanswered = slot.retry.tries() > 0;
        slot.retry.on_asked(now, self.round_trip, &mut self.jitter);
        let (revision, last, payload) = (slot.revision, slot.last, slot.payload.clone());
        let announce = self.announcement(cookie, to, revision, last, payload);
        if unanswered {
            self.renew_cookie(now);
        }
        Some(Request::Announce(announce).encode(self.tag))
    }

    fn announcement(
        &self,
        cookie: Cookie,
        to: Option<PairingId>,
        revision: u32,
        last: bool,
        payload: Payload,
    ) -> Announce {
        Announce {
            cookie,
            locator: self.config.locator,
            side: self.config.side,
            pairing: self.config.pairing,
            owner: self.config.owner,
            to,
            last,
            revision,
            payload,
        }
    }

    fn next_question(&mut self, now: Instant) -> Option<Vec<u8>> {
        let question = self.question.as_mut().filter(|asked| asked.is_due(now))?;
        question.on_asked(now, self.round_trip, &mut self.jitter);
        let ask = Ask {
            cookie: self.cookie,
            locator: self.config.locator,
        };
        Some(Request::Ask(ask).encode(self.tag))
    }

    /// Asks for a cookie at once, unless that is under way or has just been done: a server that was
    /// restarted, or sees the client at another address, does not answer to the old one.
    fn renew_cookie(&mut self, now: Instant) {
        let recent = self
            .cookie_at
            .is_some_and(|at| now.saturating_duration_since(at) < COOKIE_PAUSE);
        if self.hello.tries() == 0 && !recent {
            self.hello.restart(now);
        }
    }

    fn on_heard(&mut self) {
        self.asked_since = None;
        if self.silent {
            self.silent = false;
            self.push(Event::Answering);
        }
    }

    fn on_welcome(&mut self, now: Instant, welcome: Welcome) {
        let pause = self.jitter.spread(COOKIE_REFRESH);
        if let Some(sample) = self.hello.on_answered(now, Some(pause)) {
            self.round_trip = sample;
        }
        self.cookie_at = Some(now);
        if self.cookie.replace(welcome.cookie) != Some(welcome.cookie) {
            for slot in self.announcements.values_mut() {
                slot.retry.restart(now);
            }
        }
        let seen = (welcome.address, welcome.second_port);
        if self.address.replace(seen) != Some(seen) {
            self.push(Event::Reflexive {
                address: welcome.address,
                second_port: (welcome.second_port != 0).then_some(welcome.second_port),
            });
        }
    }

    fn on_open(&mut self, now: Instant, open: Open) {
        let Some(question) = &mut self.question else {
            return;
        };
        let pause = self.jitter.spread(ANNOUNCE_INTERVAL);
        if let Some(sample) = question.on_answered(now, Some(pause)) {
            self.round_trip = sample;
        }
        self.on_welcome(now, open.welcome);
        let Some(said) = open.said else {
            self.stand(Standing::NobodyThere);
            return;
        };
        self.stand(Standing::PeerThere);
        if self.open.as_ref() != Some(&said) && self.events.len() < MAX_CLIENT_EVENTS {
            self.open = Some(said.clone());
            self.push(Event::Open { payload: said });
        }
    }

    fn on_waiting(&mut self, now: Instant, answers: u32) {
        if self.on_answered(now, answers) != Some(None) {
            return;
        }
        match self.config.side {
            Role::Sender => self.stand(Standing::Held),
            Role::Receiver => self.stand(Standing::NobodyThere),
        }
    }

    fn on_peer(&mut self, now: Instant, peer: Peer) {
        if let Some(answers) = peer.answers {
            self.on_answered(now, answers);
        }
        match self.config.side {
            Role::Sender => {}
            Role::Receiver => self.stand(Standing::PeerThere),
        }
        let speaker = (peer.pairing, peer.directed);
        let known = self.seen.get_mut(&speaker);
        if let Some(seen) = known
            && seen.revision >= peer.revision
        {
            seen.at = now;
            return;
        }
        // What finds no room is not noted as seen either, and is heard again within the second.
        if self.events.len() < MAX_CLIENT_EVENTS {
            self.remember(now, speaker, peer.revision);
            self.push(Event::Peer {
                pairing: peer.pairing,
                payload: peer.payload,
            });
        }
    }

    fn on_refused(&mut self, now: Instant, answers: u32, standing: Standing) {
        if self.on_answered(now, answers).is_some() {
            self.stand(standing);
        }
    }

    fn on_version(&mut self, now: Instant, range: VersionRange) {
        let pause = self.jitter.spread(VERSION_PAUSE);
        self.hello.on_answered(now, Some(pause));
        self.cookie = None;
        self.stand(Standing::Version(range));
    }

    /// Marks the announcement of that revision as answered, and says to whom it was.
    fn on_answered(&mut self, now: Instant, answers: u32) -> Option<Option<PairingId>> {
        let (&to, slot) = self
            .announcements
            .iter_mut()
            .find(|(_, slot)| slot.revision == answers)?;
        let pause = self.jitter.spread(ANNOUNCE_INTERVAL);
        slot.retry.on_answered(now, Some(pause));
        if slot.last {
            self.announcements.remove(&to);
            // What it says from now on, it says because it has not heard.
            self.seen.retain(|(pairing, _), _| Some(*pairing) != to);
        }
        Some(to)
    }

    fn stand(&mut self, standing: Standing) {
        if self.standing == standing {
            return;
        }
        self.standing = standing;
        match standing {
            Standing::Unknown | Standing::PeerThere => {}
            Standing::Held => self.push(Event::Held),
            Standing::NobodyThere => self.push(Event::NobodyThere),
            Standing::Taken => self.push(Event::Taken),
            Standing::Busy => self.push(Event::Busy),
            Standing::Version(range) => self.push(Event::Version(range)),
        }
    }

    fn remember(&mut self, now: Instant, speaker: (PairingId, bool), revision: u32) {
        if self.seen.len() >= MAX_SEEN_PARTIES && !self.seen.contains_key(&speaker) {
            let oldest = self.seen.iter().min_by_key(|(_, seen)| seen.at);
            if let Some(oldest) = oldest.map(|(&speaker, _)| speaker) {
                self.seen.remove(&oldest);
            }
        }
        self.seen.insert(speaker, Seen { revision, at: now });
    }

    fn push(&mut self, event: Event) {
        if self.events.len() < MAX_CLIENT_EVENTS {
            self.events.push_back(event);
        }
    }

    fn silence_at(&self) -> Option<Instant> {
        match (self.silent, self.asked_since) {
            (false, Some(asked_since)) => Some(asked_since + SERVER_SILENCE),
            (true, _) | (false, None) => None,
        }
    }
}
