//! The server, pure: a datagram in, datagrams out; or a TCP connection in, a line out.

use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::Role;
use fardrop_shared::wire::quic_probe::version_negotiation;
use fardrop_shared::wire::rendezvous::{
    Announce, Ask, DecodeError, Open, Reply, Request, Tag, VersionRange, Welcome,
};
use fardrop_shared::wire::tcp_check::TcpCheck;
use rand::rngs::StdRng;

use crate::cookie::CookieJar;
use crate::exchange::{self, Arrival, Room};
use crate::limit::{Bounds, Limiter};
use crate::table::{Datagram, LocatorEntry, Route, Table};

/// What one of the server's sockets is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Everything. Clients are told the second port at the same address, 0 where there is none.
    Main {
        /// The second port.
        second_port: u16,
    },
    /// Hello, and nothing else.
    Second,
}

/// What has happened so far: how often, never who.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that came.
    pub received: u64,
    /// Datagrams to be sent.
    pub sent: u64,
    /// Of those that came: Hellos answered.
    pub hellos: u64,
    /// First packets of QUIC answered.
    pub quic_probes: u64,
    /// TCP connections that got their line; none of the other counters has those.
    pub tcp_checks: u64,
    /// Questions answered.
    pub questions: u64,
    /// Announcements whose cookie was good and whose network was within its rate.
    pub announcements: u64,
    /// Not this protocol, or malformed.
    pub malformed: u64,
    /// In a version that is not spoken here.
    pub unknown_versions: u64,
    /// Announcements without a good cookie.
    pub bad_cookies: u64,
    /// Left unanswered, datagrams and connections, because their network asks too much.
    pub over_rate: u64,
    /// New parties refused for want of room.
    pub busy: u64,
}

/// All that a server remembers; bounded, and safe to lose at any moment.
#[derive(Debug)]
pub struct State {
    bounds: Bounds,
    ports: Vec<Port>,
    rng: StdRng,
    cookies: CookieJar,
    hellos: Limiter,
    tcp_checks: Limiter,
    questions: Limiter,
    unproved_questions: Limiter,
    announcements: Limiter,
    parties_begun: Limiter,
    table: Table,
    counters: Counters,
}

impl State {
    /// A server that knows nobody. `ports` says what each socket is for, in the order in which
    /// [`Route::socket`] counts them; `rng` must be seeded beyond guessing, since the cookies' keys
    /// come from it.
    #[must_use]
    pub fn new(now: Instant, bounds: Bounds, ports: Vec<Port>, mut rng: StdRng) -> Self {
        Self {
            cookies: CookieJar::new(now, &mut rng),
            hellos: Limiter::new(now, bounds.hellos, &mut rng),
            tcp_checks: Limiter::new(now, bounds.tcp_checks, &mut rng),
            questions: Limiter::new(now, bounds.questions, &mut rng),
            unproved_questions: Limiter::new(now, bounds.questions, &mut rng),
            announcements: Limiter::new(now, bounds.announcements, &mut rng),
            parties_begun: Limiter::new(now, bounds.parties_begun, &mut rng),
            rng,
            table: Table::new(now),
            counters: Counters::default(),
            ports,
            bounds,
        }
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The answer to a TCP check: the line for somebody who has connected at that time of the world's clock, in
    /// milliseconds since 1970; none where the network asks too much.
    pub fn answer_tcp_check(
        &mut self,
        now: Instant,
        unix_ms: u64,
        from: SocketAddr,
    ) -> Option<Vec<u8>> {
        if !self.tcp_checks.admit(now, from) {
            self.counters.over_rate += 1;
            return None;
        }
        self.counters.tcp_checks += 1;
        Some(TcpCheck::at(unix_ms).encode())
    }

    /// Parties held, senders and receivers together: at most [`Bounds::parties`].
    #[must_use]
    pub const fn parties(&self) -> usize {
        self.table.parties()
    }
}

/// What a datagram is answered with, and whom else it makes the server write to.
///
/// At most one datagram more than twice [`Bounds::receivers`]. To an address that has not proved that it
/// receives there goes one at most, no longer than what came from it.
pub fn respond(state: &mut State, now: Instant, from: Route, bytes: &[u8]) -> Vec<Datagram> {
    state.counters.received += 1;
    let replies = match Request::decode(bytes) {
        Ok((tag, Request::Hello)) => state.on_hello(now, from, tag),
        Ok((tag, Request::Announce(announce))) => state.on_announce(now, from, tag, &announce),
        Ok((tag, Request::Ask(ask))) => state.on_ask(now, from, tag, ask),
        Err(DecodeError::Version { tag, .. }) => state.on_unknown_version(now, from, tag),
        Err(DecodeError::Foreign | DecodeError::Malformed) => state.on_foreign(now, from, bytes),
    };
    state.counters.sent += replies.len() as u64;
    replies
}

impl State {
    fn on_hello(&mut self, now: Instant, from: Route, tag: Tag) -> Vec<Datagram> {
        if !self.hellos.admit(now, from.address) {
            self.counters.over_rate += 1;
            return Vec::new();
        }
        self.counters.hellos += 1;
        let reply = Reply::Cookie(self.welcome(now, from));
        vec![Datagram {
            to: from,
            bytes: reply.encode(tag),
        }]
    }

    fn welcome(&mut self, now: Instant, from: Route) -> Welcome {
        let second_port = match self.ports.get(from.socket) {
            Some(&Port::Main { second_port }) => second_port,
            Some(Port::Second) | None => 0,
        };
        self.cookies.rotate(now, &mut self.rng);
        Welcome {
            cookie: self.cookies.make(from.address),
            address: from.address,
            second_port,
        }
    }

    /// Answered as quickly and by as many bytes whether anybody has the locator or not, and nothing is kept of it.
    fn on_ask(&mut self, now: Instant, from: Route, tag: Tag, ask: Ask) -> Vec<Datagram> {
        if !matches!(self.ports.get(from.socket), Some(Port::Main { .. })) {
            self.counters.malformed += 1;
            return Vec::new();
        }
        self.cookies.rotate(now, &mut self.rng);
        let is_proved = ask
            .cookie
            .is_some_and(|cookie| self.cookies.accepts(cookie, from.address));
        // Apart, so that forged sources cannot use up what their owners need.
        let limiter = if is_proved {
            &mut self.questions
        } else {
            &mut self.unproved_questions
        };
        if !limiter.admit(now, from.address) {
            self.counters.over_rate += 1;
            return Vec::new();
        }
        self.counters.questions += 1;
        let said = self.table.open_at(now, ask.locator).cloned();
        let reply = Reply::Open(Open {
            welcome: self.welcome(now, from),
            said,
        });
        vec![Datagram {
            to: from,
            bytes: reply.encode(tag),
        }]
    }

    /// The first packet of QUIC is answered, so that a client sees that such packets come and go.
    fn on_foreign(&mut self, now: Instant, from: Route, bytes: &[u8]) -> Vec<Datagram> {
        let Some(answer) = version_negotiation(bytes) else {
            self.counters.malformed += 1;
            return Vec::new();
        };
        if !self.hellos.admit(now, from.address) {
            self.counters.over_rate += 1;
            return Vec::new();
        }
        self.counters.quic_probes += 1;
        vec![Datagram {
            to: from,
            bytes: answer,
        }]
    }

    fn on_unknown_version(&mut self, now: Instant, from: Route, tag: Tag) -> Vec<Datagram> {
        if !self.hellos.admit(now, from.address) {
            self.counters.over_rate += 1;
            return Vec::new();
        }
        self.counters.unknown_versions += 1;
        vec![Datagram {
            to: from,
            bytes: Reply::Version(VersionRange::OURS).encode(tag),
        }]
    }

    fn on_announce(
        &mut self,
        now: Instant,
        from: Route,
        tag: Tag,
        announce: &Announce,
    ) -> Vec<Datagram> {
        self.cookies.rotate(now, &mut self.rng);
        let main = matches!(self.ports.get(from.socket), Some(Port::Main { .. }));
        if !main || !self.cookies.accepts(announce.cookie, from.address) {
            self.counters.bad_cookies += 1;
            return Vec::new();
        }
        if !self.announcements.admit(now, from.address) {
            self.counters.over_rate += 1;
            return Vec::new();
        }
        self.counters.announcements += 1;
        self.table.sweep(now);
        let room = self.room(now, from, announce);
        let arrival = Arrival {
            now,
            from,
            tag,
            announce,
        };
        let replies = self.table.with_entry(now, announce.locator, |entry| {
            exchange::announce(entry, &arrival, room)
        });
        let pushed = replies.len().saturating_sub(1);
        self.announcements.charge(now, from.address, pushed);
        replies
    }

    /// Whether this announcement's party is held, or can be from now on: its locator has room for it, its network
    /// begins no more than its rate, and the table has a place or somebody who must give up theirs.
    fn room(&mut self, now: Instant, from: Route, announce: &Announce) -> Room {
        let address = from.address.ip();
        let bounds = &self.bounds;
        let (new, foreign, room_here) = self.table.with_entry(now, announce.locator, |entry| {
            let room = announce.side == Role::Sender
                || (entry.receivers.len() < bounds.receivers
                    && bounds.receivers_in_one_network > entry.receivers_beside(address));
            let new = entry.is_new(announce) && !LocatorEntry::is_leaving(announce);
            (new, entry.is_of_another(announce), room)
        });
        if !new && !foreign {
            return Room::Free;
        }
        let room = if foreign {
            // To hear that a number is taken costs as much as to take it: numbers are tried out no faster so.
            if self.parties_begun.admit(now, from.address) {
                Room::Free
            } else {
                Room::TakenElsewhere
            }
        } else if !room_here {
            Room::TakenHere
        } else if self.parties_begun.admit(now, from.address)
            && self.table.make_room(self.bounds.parties, address)
        {
            Room::Free
        } else {
            Room::TakenElsewhere
        };
        self.counters.busy += u64::from(room != Room::Free);
        room
    }
}
