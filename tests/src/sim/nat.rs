//! A NAT as RFC 4787 describes it, and a stateful firewall without translation (RFC 6092).
//!
//! Pure: packets in, rewritten packets out. Time is an argument; the little chance that is in a NAT
//! comes from the seed it was made with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How much of the remote end something depends on: a mapping (RFC 4787, section 4.1) or a filter
/// (section 5). Ordered from the most open to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// On nothing: one mapping for all; who knows the port is let in.
    EndpointIndependent,
    /// On the remote address.
    AddressDependent,
    /// On the remote address and port.
    AddressAndPortDependent,
}

/// Which port outside a new mapping gets (RFC 4787, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortAssignment {
    /// The port inside, or the next one above it that is free.
    Preserving,
    /// One that looks arbitrary but is the same again after the mapping has expired, or the next one
    /// above it that is free.
    Hashed,
    /// So many ports from the last one that was given out.
    Sequential(i16),
    /// Any of 1024 to 65535.
    Random,
    /// Any of the [`BLOCK`] ports from here on: a carrier's customer has no more (RFC 7422).
    RandomInBlock(u16),
}

/// Ports that a carrier gives to one customer (RFC 7422, section 2.1, has this size as its example).
pub const BLOCK: u16 = 1024;

/// What becomes of a packet from inside to the NAT's own address (RFC 4787, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hairpin {
    /// It is lost.
    Refused,
    /// It comes back in, from the address that its sender has inside.
    InternalSource,
    /// It comes back in, from the address that its sender has outside, as REQ-9 a) wants it.
    ExternalSource,
}

/// Which packets keep a mapping alive (RFC 4787, section 4.3, REQ-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refresh {
    /// Only those that leave.
    Outbound,
    /// Also those that are let in.
    Both,
}

/// What kind of NAT one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatConfig {
    /// Its one address outside.
    pub external: Ipv4Addr,
    /// For whom a mapping is reused.
    pub mapping: Dependence,
    /// Who is let in through it.
    pub filtering: Dependence,
    /// Which port it has.
    pub ports: PortAssignment,
    /// Whether two machines inside reach each other by their outside addresses.
    pub hairpin: Hairpin,
    /// How long a mapping, and each hole in its filter, lives without being used.
    pub expiry: Duration,
    /// What counts as use.
    pub refresh: Refresh,
}

/// The two ends of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Where it says it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
}

/// What a NAT does with a packet from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbound {
    /// It leaves like this.
    Leaves(Ends),
    /// It comes back in like this.
    Returns(Ends),
    /// It is lost.
    Dropped,
}

/// A NAT.
#[derive(Debug)]
pub struct Nat {
    config: NatConfig,
    rng: ChaCha8Rng,
    /// What [`PortAssignment::Hashed`] mixes in.
    salt: u64,
    /// What [`PortAssignment::Sequential`] gave out last.
    last_port: u16,
    /// By port outside.
    mappings: BTreeMap<u16, Mapping>,
    /// The port outside for a machine inside and those whom it talks to.
    ports: BTreeMap<(SocketAddr, Scope), u16>,
    /// Ports outside that were opened for somebody inside.
    forwards: BTreeMap<u16, SocketAddr>,
    /// Conversations over such a port: by the end inside and the remote end as it is seen there.
    sessions: BTreeMap<(SocketAddr, SocketAddr), Session>,
}

/// Whom a mapping serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    All,
    Address(IpAddr),
    Endpoint(SocketAddr),
}

#[derive(Debug)]
struct Mapping {
    inside: SocketAddr,
    used_at: Instant,
    /// Whom it was used to send to, and when last: the holes in the filter.
    contacts: BTreeMap<SocketAddr, Instant>,
}

#[derive(Debug)]
struct Session {
    port: u16,
    remote: SocketAddr,
    used_at: Instant,
}

impl Dependence {
    const fn scope(self, remote: SocketAddr) -> Scope {
        match self {
            Self::EndpointIndependent => Scope::All,
            Self::AddressDependent => Scope::Address(remote.ip()),
            Self::AddressAndPortDependent => Scope::Endpoint(remote),
        }
    }
}

impl Nat {
    /// One without any mapping yet.
    #[must_use]
    pub fn new(config: NatConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            salt: rng.r#gen(),
            last_port: rng.gen_range(1024..=u16::MAX),
            config,
            rng,
            mappings: BTreeMap::new(),
            ports: BTreeMap::new(),
            forwards: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// What kind it is.
    #[must_use]
    pub const fn config(&self) -> &NatConfig {
        &self.config
    }

    /// Opens a port outside for `inside`, to everybody, as UPnP, NAT-PMP and PCP do: the same port if
    /// nothing else has it, else the next. `None` if all are taken.
    pub fn forward(&mut self, now: Instant, inside: SocketAddr) -> Option<SocketAddr> {
        let port = self.free_from(now, inside.port(), u16::MAX - 1023)?;
        self.forwards.insert(port, inside);
        Some(self.outside(port))
    }

    /// Forgets all mappings, as a restart or a new lease of the line does. What was opened by
    /// [`forward`](Self::forward) stays: routers keep that on their flash.
    pub fn rebind(&mut self, external: Ipv4Addr) {
        self.config.external = external;
        self.salt = self.rng.r#gen();
        self.last_port = self.rng.gen_range(1024..=u16::MAX);
        self.mappings.clear();
        self.ports.clear();
        self.sessions.clear();
    }

    /// Takes a packet from inside.
    pub fn outbound(&mut self, now: Instant, packet: Ends) -> Outbound {
        let Ends { from, to } = packet;
        let hairpin = to.ip() == IpAddr::V4(self.config.external);
        if hairpin && self.config.hairpin == Hairpin::Refused {
            return Outbound::Dropped;
        }
        let Some((port, to)) = self.leave(now, from, to) else {
            return Outbound::Dropped;
        };
        let outside = self.outside(port);
        if !hairpin {
            return Outbound::Leaves(Ends { from: outside, to });
        }
        // The filter sees the outside address; REQ-9 speaks of what the other machine sees.
        let Some(back) = self.inbound(now, Ends { from: outside, to }) else {
            return Outbound::Dropped;
        };
        Outbound::Returns(match self.config.hairpin {
            Hairpin::InternalSource => Ends { from, ..back },
            Hairpin::ExternalSource | Hairpin::Refused => back,
        })
    }

    /// Takes a packet from outside that is for this NAT's address; what goes on inside, if anything.
    pub fn inbound(&mut self, now: Instant, packet: Ends) -> Option<Ends> {
        let Ends { from, to } = packet;
        if to.ip() != IpAddr::V4(self.config.external) {
            return None;
        }
        if let Some(&inside) = self.forwards.get(&to.port()) {
            let seen = self.enter_session(now, inside, to.port(), from)?;
            return Some(Ends {
                from: seen,
                to: inside,
            });
        }
        let (filtering, expiry, refresh) = (
            self.config.filtering,
            self.config.expiry,
            self.config.refresh,
        );
        let mapping = self.mappings.get_mut(&to.port())?;
        if !alive(now, mapping.used_at, expiry) || !mapping.admits(now, from, filtering, expiry) {
            return None;
        }
        if refresh == Refresh::Both {
            mapping.used_at = now;
            if let Some(contact) = mapping.contacts.get_mut(&from) {
                *contact = now;
            }
        }
        Some(Ends {
            from,
            to: mapping.inside,
        })
    }

    /// How many mappings are alive.
    #[must_use]
    pub fn mappings(&self, now: Instant) -> usize {
        let living = |mapping: &&Mapping| alive(now, mapping.used_at, self.config.expiry);
        self.mappings.values().filter(living).count()
    }

    const fn outside(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.config.external), port)
    }

    /// The port by which a packet leaves and where it goes; `None` if no port is free.
    fn leave(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        to: SocketAddr,
    ) -> Option<(u16, SocketAddr)> {
        let expiry = self.config.expiry;
        if let Some(session) = self.sessions.get_mut(&(inside, to))
            && alive(now, session.used_at, expiry)
        {
            session.used_at = now;
            return Some((session.port, session.remote));
        }
        let scope = self.config.mapping.scope(to);
        let known = self.ports.get(&(inside, scope)).copied();
        let living = known.filter(|port| self.is_alive(now, *port));
        if living.is_none()
            && self.config.mapping == Dependence::EndpointIndependent
            && let Some(port) = self.forwarded_to(inside)
        {
            // One mapping for all is what the forward is (RFC 6887, section 11.3). A NAT that maps
            // per destination keeps what it opened for those who come in by it.
            self.begin_session(now, inside, to, port, to);
            return Some((port, to));
        }
        let port = match living {
            Some(port) => port,
            None => self.map(now, inside, scope, known)?,
        };
        let mapping = self.mappings.get_mut(&port)?;
        mapping.used_at = now;
        mapping.contacts.insert(to, now);
        Some((port, to))
    }

    /// Lets a packet in through an opened port, and says where the machine inside sees it come from.
    fn enter_session(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        port: u16,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        let expiry = self.config.expiry;
        let known = self.sessions.iter_mut().find(|((to, _), session)| {
            *to == inside && session.port == port && session.remote == remote
        });
        if let Some((&(_, seen), session)) = known
            && alive(now, session.used_at, expiry)
        {
            session.used_at = now;
            return Some(seen);
        }
        // The two talk over another port already: were the answer sent there, it would leave by
        // that one. Linux gives the newcomer another source port as the inside sees it, so that the
        // answers can be told apart.
        let mut seen = remote;
        while self.is_talking(now, inside, seen) {
            seen.set_port(seen.port().checked_add(1)?);
        }
        self.begin_session(now, inside, seen, port, remote);
        Some(seen)
    }

    fn begin_session(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        seen: SocketAddr,
        port: u16,
        remote: SocketAddr,
    ) {
        let session = Session {
            port,
            remote,
            used_at: now,
        };
        self.sessions.insert((inside, seen), session);
    }

    fn is_talking(&self, now: Instant, inside: SocketAddr, remote: SocketAddr) -> bool {
        let expiry = self.config.expiry;
        let session = self.sessions.get(&(inside, remote));
        let scope = self.config.mapping.scope(remote);
        let port = self.ports.get(&(inside, scope));
        let contact = port
            .and_then(|port| self.mappings.get(port))
            .and_then(|mapping| mapping.contacts.get(&remote));
        session.is_some_and(|session| alive(now, session.used_at, expiry))
            || contact.is_some_and(|contact| alive(now, *contact, expiry))
    }

    fn forwarded_to(&self, inside: SocketAddr) -> Option<u16> {
        let mut forwards = self.forwards.iter();
        forwards
            .find(|(_, to)| **to == inside)
            .map(|(port, _)| *port)
    }

    fn is_alive(&self, now: Instant, port: u16) -> bool {
        let mapping = self.mappings.get(&port);
        mapping.is_some_and(|mapping| alive(now, mapping.used_at, self.config.expiry))
    }

    /// Makes a mapping, in place of the `expired` one if there was one.
    fn map(
        &mut self,
        now: Instant,
        inside: SocketAddr,
        scope: Scope,
        expired: Option<u16>,
    ) -> Option<u16> {
        if let Some(port) = expired {
            self.forget(port);
        }
        let port = self.choose_port(now, inside, scope)?;
        self.forget(port);
        let mapping = Mapping {
            inside,
            used_at: now,
            contacts: BTreeMap::new(),
        };
        self.mappings.insert(port, mapping);
        self.ports.insert((inside, scope), port);
        Some(port)
    }

    /// Removes a mapping and what leads to it.
    fn forget(&mut self, port: u16) {
        if let Some(old) = self.mappings.remove(&port) {
            let whole = (old.inside, Scope::All)..;
            let mine = self.ports.range(whole);
            let key = mine
                .take_while(|((inside, _), _)| *inside == old.inside)
                .find(|(_, known)| **known == port)
                .map(|(key, _)| *key);
            if let Some(key) = key {
                self.ports.remove(&key);
            }
        }
    }

    fn choose_port(&mut self, now: Instant, inside: SocketAddr, scope: Scope) -> Option<u16> {
        const ALL: u16 = u16::MAX - 1023;
        match self.config.ports {
            PortAssignment::Preserving => self.free_from(now, inside.port(), ALL),
            PortAssignment::Hashed => {
                let port = self.hash(inside, scope);
                self.free_from(now, port, ALL)
            }
            PortAssignment::Sequential(step) => {
                let mut port = self.last_port;
                for _ in 0..ALL {
                    port = within(port.wrapping_add_signed(step));
                    if self.is_free(now, port) {
                        self.last_port = port;
                        return Some(port);
                    }
                }
                None
            }
            PortAssignment::Random => {
                let port = self.rng.gen_range(1024..=u16::MAX);
                self.free_from(now, port, ALL)
            }
            PortAssignment::RandomInBlock(first) => {
                let start = self.rng.gen_range(0..BLOCK);
                (0..BLOCK)
                    .map(|i| first + (start + i) % BLOCK)
                    .find(|port| self.is_free(now, *port))
            }
        }
    }

    /// The first free one of `count` ports, wrapping from 65535 to 1024.
    fn free_from(&self, now: Instant, port: u16, count: u16) -> Option<u16> {
        let first = within(port);
        (0..count)
            .map(|i| within(first.wrapping_add(i)))
            .find(|port| self.is_free(now, *port))
    }

    fn is_free(&self, now: Instant, port: u16) -> bool {
        !self.is_alive(now, port) && !self.forwards.contains_key(&port)
    }

    fn hash(&self, inside: SocketAddr, scope: Scope) -> u16 {
        let (address, port) = match scope {
            Scope::All => (0, 0),
            Scope::Address(ip) => (bits(ip), 0),
            Scope::Endpoint(remote) => (bits(remote.ip()), remote.port()),
        };
        let words = [
            bits(inside.ip()),
            u64::from(inside.port()),
            address,
            u64::from(port),
        ];
        // The finishing step of SplitMix64, once a word: any mixing that spreads its input does.
        let mixed = words.into_iter().fold(self.salt, |state, word| {
            let state = (state ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            state ^ (state >> 31)
        });
        2000 + u16::try_from(mixed % 60_000).unwrap_or_default()
    }
}

impl Mapping {
    fn admits(
        &self,
        now: Instant,
        from: SocketAddr,
        filtering: Dependence,
        expiry: Duration,
    ) -> bool {
        match filtering {
            Dependence::EndpointIndependent => true,
            Dependence::AddressDependent => {
                let ports = SocketAddr::new(from.ip(), 0)..=SocketAddr::new(from.ip(), u16::MAX);
                let mut contacts = self.contacts.range(ports);
                contacts.any(|(_, used_at)| alive(now, *used_at, expiry))
            }
            Dependence::AddressAndPortDependent => {
                let contact = self.contacts.get(&from);
                contact.is_some_and(|used_at| alive(now, *used_at, expiry))
            }
        }
    }
}

/// A router's firewall for addresses that it does not translate: who was sent to may answer, others
/// are kept out (RFC 6092, sections 3.1 and 3.2).
#[derive(Debug)]
pub struct Firewall {
    filtering: Dependence,
    expiry: Duration,
    /// By the end inside, whom it sent to and when last.
    contacts: BTreeMap<(SocketAddr, SocketAddr), Instant>,
    pinholes: BTreeSet<SocketAddr>,
}

impl Firewall {
    /// One that has seen nothing yet.
    #[must_use]
    pub const fn new(filtering: Dependence, expiry: Duration) -> Self {
        Self {
            filtering,
            expiry,
            contacts: BTreeMap::new(),
            pinholes: BTreeSet::new(),
        }
    }

    /// Lets everybody in to `inside`, as PCP and IGD's `AddPinhole` do.
    pub fn open(&mut self, inside: SocketAddr) {
        self.pinholes.insert(inside);
    }

    /// Sees a packet leave.
    pub fn outbound(&mut self, now: Instant, packet: Ends) {
        self.contacts.insert((packet.from, packet.to), now);
    }

    /// Whether a packet from outside is let in; it refreshes what let it in.
    pub fn admits(&mut self, now: Instant, packet: Ends) -> bool {
        let Ends { from, to } = packet;
        if self.pinholes.contains(&to) {
            return true;
        }
        let expiry = self.expiry;
        let ports = match self.filtering {
            Dependence::EndpointIndependent => return self.has_sent(now, to),
            Dependence::AddressDependent => 0..=u16::MAX,
            Dependence::AddressAndPortDependent => from.port()..=from.port(),
        };
        let first = (to, SocketAddr::new(from.ip(), *ports.start()));
        let last = (to, SocketAddr::new(from.ip(), *ports.end()));
        let mut holes = self.contacts.range_mut(first..=last);
        let hole = holes.find(|(_, used_at)| alive(now, **used_at, expiry));
        hole.map(|(_, used_at)| *used_at = now).is_some()
    }

    fn has_sent(&self, now: Instant, inside: SocketAddr) -> bool {
        let mine = self
            .contacts
            .iter()
            .filter(|((from, _), _)| *from == inside);
        mine.into_iter()
            .any(|(_, used_at)| alive(now, *used_at, self.expiry))
    }
}

fn alive(now: Instant, used_at: Instant, expiry: Duration) -> bool {
    now.saturating_duration_since(used_at) < expiry
}

/// A port that may be given out: 1024 and up (RFC 4787, section 4.2.2, speaks for keeping to that
/// range).
const fn within(port: u16) -> u16 {
    if port < 1024 {
        port.wrapping_add(1024)
    } else {
        port
    }
}

fn bits(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => {
            let [high, low] = [ip.to_bits() >> 64, ip.to_bits() & u128::from(u64::MAX)];
            u64::try_from(high ^ low).unwrap_or_default()
        }
    }
}
