//! Machines in networks, behind routers, on both sides of an internet that loses, doubles and delays;
//! and people who listen in, make noise and say again what they heard.
//!
//! A network has a router or is the internet. Packets go up through routers, across, and down; only
//! the way across is long and unreliable. Virtual time jumps from one happening to the next.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::nat::{Ends, Firewall, Nat, Outbound};
use super::network::{Conditions, Network};

/// How long a packet is under way inside one network.
const LOCAL_DELAY: Duration = Duration::from_micros(300);

/// How often in a row something may happen without time going on: far more than there are packets
/// under way, far less than anybody wants to wait for.
const MAX_STEPS_AT_ONCE: u32 = 100_000;

/// Packets that those who listen in remember.
const MAX_OVERHEARD: usize = 64;

/// A datagram that a machine wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Which of its sockets sends it. A socket begins to be with its first use; 0 is always there.
    pub socket: u16,
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// What runs on a host. After each call the world takes what it wants sent, then asks when it wants
/// to be called again.
pub trait Machine {
    /// Takes in a datagram.
    fn handle_datagram(
        &mut self,
        now: Instant,
        socket: u16,
        from: SocketAddr,
        bytes: &[u8],
        rng: &mut ChaCha8Rng,
    );

    /// Does what is due.
    fn handle_timeout(&mut self, now: Instant, rng: &mut ChaCha8Rng);

    /// What to send next.
    fn poll_transmit(&mut self) -> Option<Transmit>;

    /// When something is due next.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// A network of this world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkId(usize);

/// The network that has no router and to which all others lead.
pub const INTERNET: NetworkId = NetworkId(0);

/// A router of this world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterId(usize);

/// A machine of this world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(usize);

/// Whether the machines of one network may talk to one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// They may.
    Open,
    /// They may not, as in a guest network or between a carrier's phones.
    Isolated,
}

/// What a router lets through.
#[derive(Debug)]
pub struct RouterConfig {
    /// What it does with IPv4; `None`: nothing gets through.
    pub nat: Option<Nat>,
    /// What it does with IPv6.
    pub ipv6: Ipv6Transit,
    /// Whether it lets UDP out or in at all.
    pub udp: Udp,
}

/// What a router does with IPv6.
#[derive(Debug)]
pub enum Ipv6Transit {
    /// It knows none.
    Unknown,
    /// Everything passes.
    Free,
    /// Its firewall decides.
    Guarded(Firewall),
}

/// Whether a router knows UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Udp {
    /// It passes.
    Passes,
    /// It does not.
    Blocked,
}

/// What a host does besides being there.
#[derive(Debug)]
pub enum Conduct<M> {
    /// Runs this.
    Runs(M),
    /// Takes everything and says nothing.
    Listens,
    /// Says back whatever it is told.
    Reflects,
    /// Says back whatever it is told, listens in on the internet, and at this interval sends noise, or what it
    /// overheard, to whom that was for, as from there or from here.
    Disturbs(Duration),
}

/// One packet, and the network in which it is.
#[derive(Debug, Clone)]
struct Hop {
    network: NetworkId,
    ends: Ends,
    bytes: Vec<u8>,
    origin: Origin,
}

/// Whose doing a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A machine's.
    Honest,
    /// That of one who disturbs: others of them leave it alone, or they would never end.
    Disturbance,
}

#[derive(Debug)]
struct Segment {
    gateway: Option<RouterId>,
    isolation: Isolation,
    occupants: BTreeMap<IpAddr, Occupant>,
}

#[derive(Debug, Clone, Copy)]
enum Occupant {
    Host(HostId),
    Router(RouterId),
}

#[derive(Debug)]
struct Router {
    inside: NetworkId,
    outside: NetworkId,
    config: RouterConfig,
}

#[derive(Debug)]
struct Host<M> {
    interfaces: Vec<(NetworkId, IpAddr)>,
    /// By the number of the socket.
    ports: BTreeMap<u16, u16>,
    conduct: Conduct<M>,
    /// When one that disturbs does so next.
    next_at: Instant,
}

/// A datagram as its receiver saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who received it.
    pub host: HostId,
    /// On which of its sockets.
    pub socket: u16,
    /// From where.
    pub from: SocketAddr,
}

/// Everything there is.
#[derive(Debug)]
pub struct World<M> {
    /// The time.
    pub now: Instant,
    rng: ChaCha8Rng,
    segments: Vec<Segment>,
    routers: Vec<Router>,
    hosts: Vec<Host<M>>,
    across: Network<Hop>,
    nearby: Network<Hop>,
    overheard: VecDeque<Hop>,
    /// Steps since time last went on.
    steps_at_once: u32,
}

impl<M: Machine> World<M> {
    /// Nothing but an internet.
    #[must_use]
    pub fn new(seed: u64, now: Instant, conditions: Conditions) -> Self {
        let internet = Segment {
            gateway: None,
            isolation: Isolation::Open,
            occupants: BTreeMap::new(),
        };
        Self {
            now,
            rng: ChaCha8Rng::seed_from_u64(seed),
            segments: vec![internet],
            routers: Vec::new(),
            hosts: Vec::new(),
            across: Network::new(seed, conditions),
            nearby: Network::new(seed, Conditions::calm(LOCAL_DELAY)),
            overheard: VecDeque::new(),
            steps_at_once: 0,
        }
    }

    /// Adds a network whose router is part of `outside`, where the address of its NAT must be free.
    ///
    /// # Panics
    /// If it is not.
    pub fn add_network(
        &mut self,
        outside: NetworkId,
        isolation: Isolation,
        config: RouterConfig,
    ) -> (NetworkId, RouterId) {
        let router = RouterId(self.routers.len());
        let inside = NetworkId(self.segments.len());
        if let Some(nat) = &config.nat {
            let address = IpAddr::V4(nat.config().external);
            self.occupy(outside, address, Occupant::Router(router));
        }
        self.segments.push(Segment {
            gateway: Some(router),
            isolation,
            occupants: BTreeMap::new(),
        });
        self.routers.push(Router {
            inside,
            outside,
            config,
        });
        (inside, router)
    }

    /// Adds a host with these addresses, in order of preference, and sockets on these ports.
    ///
    /// # Panics
    /// If an address is taken.
    pub fn add_host(
        &mut self,
        interfaces: Vec<(NetworkId, IpAddr)>,
        ports: &[u16],
        conduct: Conduct<M>,
    ) -> HostId {
        let host = HostId(self.hosts.len());
        for &(network, address) in &interfaces {
            self.occupy(network, address, Occupant::Host(host));
        }
        self.hosts.push(Host {
            interfaces,
            ports: (0..).zip(ports.iter().copied()).collect(),
            conduct,
            next_at: self.now,
        });
        host
    }

    /// What runs on a host.
    ///
    /// # Panics
    /// If nothing does.
    #[must_use]
    pub fn machine(&self, host: HostId) -> &M {
        match &self.hosts[host.0].conduct {
            Conduct::Runs(machine) => machine,
            Conduct::Listens | Conduct::Reflects | Conduct::Disturbs(_) => {
                panic!("{host:?} runs nothing")
            }
        }
    }

    /// A host does something else from now on.
    pub fn set_conduct(&mut self, host: HostId, conduct: Conduct<M>) {
        self.hosts[host.0].conduct = conduct;
    }

    /// Changes what runs on a host from outside, and lets it act on it.
    ///
    /// # Panics
    /// If nothing runs there.
    pub fn tell(&mut self, host: HostId, what: impl FnOnce(&mut M, Instant, &mut ChaCha8Rng)) {
        match &mut self.hosts[host.0].conduct {
            Conduct::Runs(machine) => what(machine, self.now, &mut self.rng),
            Conduct::Listens | Conduct::Reflects | Conduct::Disturbs(_) => {
                panic!("{host:?} runs nothing")
            }
        }
        self.drain(host);
    }

    /// A router's NAT, to open a port or to rebind. A new address does not move it in its network:
    /// that is [`rebind`](Self::rebind).
    pub fn nat(&mut self, router: RouterId) -> Option<&mut Nat> {
        self.routers[router.0].config.nat.as_mut()
    }

    /// A router's firewall.
    pub fn firewall(&mut self, router: RouterId) -> Option<&mut Firewall> {
        match &mut self.routers[router.0].config.ipv6 {
            Ipv6Transit::Guarded(firewall) => Some(firewall),
            Ipv6Transit::Unknown | Ipv6Transit::Free => None,
        }
    }

    /// A router forgets its mappings and takes another address outside (or keeps its own).
    ///
    /// # Panics
    /// If the address is somebody else's.
    pub fn rebind(&mut self, router: RouterId, external: Ipv4Addr) {
        let outside = self.routers[router.0].outside;
        if let Some(nat) = self.routers[router.0].config.nat.as_mut() {
            let old = IpAddr::V4(nat.config().external);
            nat.rebind(external);
            self.segments[outside.0].occupants.remove(&old);
            self.occupy(outside, IpAddr::V4(external), Occupant::Router(router));
        }
    }

    /// A host leaves its networks for others, with all its sockets: from cable to Wi-Fi.
    ///
    /// # Panics
    /// If an address is taken.
    pub fn move_host(&mut self, host: HostId, interfaces: Vec<(NetworkId, IpAddr)>) {
        for (network, address) in std::mem::take(&mut self.hosts[host.0].interfaces) {
            self.segments[network.0].occupants.remove(&address);
        }
        for &(network, address) in &interfaces {
            self.occupy(network, address, Occupant::Host(host));
        }
        self.hosts[host.0].interfaces = interfaces;
    }

    /// How the internet behaves.
    pub const fn conditions(&mut self) -> &mut Conditions {
        &mut self.across.conditions
    }

    /// The addresses of a host, with the port of its first socket.
    ///
    /// # Panics
    /// If it has no socket yet.
    #[must_use]
    pub fn addresses(&self, host: HostId) -> Vec<SocketAddr> {
        let host = &self.hosts[host.0];
        let port = host.ports[&0];
        host.interfaces
            .iter()
            .map(|&(_, ip)| SocketAddr::new(ip, port))
            .collect()
    }

    /// Sends one datagram at once, undisturbed, there being nobody on the way but the routers, and
    /// says who gets it: the truth about a path, and how a rendezvous is asked for one's address.
    pub fn carry(&mut self, host: HostId, socket: u16, to: SocketAddr) -> Option<Arrival> {
        let (network, from) = self.source(host, socket, to)?;
        let ends = Ends { from, to };
        let bytes = Vec::new();
        let (Step::Nearby(mut hop) | Step::Across(mut hop)) = self.forward(Hop {
            network,
            ends,
            bytes,
            origin: Origin::Honest,
        })?;
        loop {
            match self.arrive(hop)? {
                Reached::Host(arrival, ..) => return Some(arrival),
                Reached::Router(next) => hop = next,
            }
        }
    }

    /// Lets everything happen that happens next. `false` if nothing ever does.
    ///
    /// # Panics
    /// If time stands still: a machine that wants to be called again and again does nothing then.
    pub fn step(&mut self) -> bool {
        let Some(next) = self.next_at() else {
            return false;
        };
        if next > self.now {
            self.now = next;
            self.steps_at_once = 0;
        }
        self.steps_at_once += 1;
        assert!(self.steps_at_once < MAX_STEPS_AT_ONCE, "time stands still");
        while let Some(hop) = self.nearby.receive(self.now) {
            self.on_hop(hop);
        }
        while let Some(hop) = self.across.receive(self.now) {
            self.on_hop(hop);
        }
        for index in 0..self.hosts.len() {
            self.on_timeout(HostId(index));
        }
        true
    }

    /// Steps until it is `done` or this much time has gone by; whether it is done.
    pub fn run(&mut self, patience: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + patience;
        while !done(self) {
            if self.next_at().is_none_or(|next| next > end) {
                self.now = end;
                return done(self);
            }
            self.step();
        }
        true
    }

    fn occupy(&mut self, network: NetworkId, address: IpAddr, occupant: Occupant) {
        let old = self.segments[network.0].occupants.insert(address, occupant);
        assert!(old.is_none(), "{address} is taken in {network:?}");
    }

    fn next_at(&self) -> Option<Instant> {
        let hosts = self.hosts.iter().filter_map(|host| match &host.conduct {
            Conduct::Runs(machine) => machine.poll_timeout(),
            Conduct::Listens | Conduct::Reflects => None,
            Conduct::Disturbs(_) => Some(host.next_at),
        });
        let networks = [self.across.next_at(), self.nearby.next_at()];
        hosts.chain(networks.into_iter().flatten()).min()
    }

    fn on_timeout(&mut self, id: HostId) {
        let host = &mut self.hosts[id.0];
        match &mut host.conduct {
            Conduct::Runs(machine) => {
                if machine.poll_timeout().is_some_and(|at| at <= self.now) {
                    machine.handle_timeout(self.now, &mut self.rng);
                    self.drain(id);
                }
            }
            Conduct::Listens | Conduct::Reflects => {}
            Conduct::Disturbs(interval) => {
                if host.next_at <= self.now {
                    host.next_at = self.now + *interval;
                    self.disturb(id);
                }
            }
        }
    }

    fn drain(&mut self, id: HostId) {
        while let Conduct::Runs(machine) = &mut self.hosts[id.0].conduct
            && let Some(transmit) = machine.poll_transmit()
        {
            self.send(id, transmit, Origin::Honest);
        }
    }

    fn send(&mut self, id: HostId, transmit: Transmit, origin: Origin) {
        if let Some((network, from)) = self.source(id, transmit.socket, transmit.to) {
            self.pass(Hop {
                network,
                ends: Ends {
                    from,
                    to: transmit.to,
                },
                bytes: transmit.bytes,
                origin,
            });
        }
    }

    /// The interface by which a host sends to an address: the one on whose network it is, or else the
    /// first of its family.
    fn source(
        &mut self,
        id: HostId,
        socket: u16,
        to: SocketAddr,
    ) -> Option<(NetworkId, SocketAddr)> {
        let port = self.port(id, socket);
        let host = &self.hosts[id.0];
        let mut family = host
            .interfaces
            .iter()
            .filter(|(_, ip)| ip.is_ipv4() == to.is_ipv4());
        let near = family
            .clone()
            .find(|(network, _)| self.segments[network.0].occupants.contains_key(&to.ip()));
        let &(network, ip) = near.or_else(|| family.next())?;
        Some((network, SocketAddr::new(ip, port)))
    }

    /// The port of a socket, which is opened if it is new.
    fn port(&mut self, id: HostId, socket: u16) -> u16 {
        let ports = &mut self.hosts[id.0].ports;
        if let Some(port) = ports.get(&socket) {
            return *port;
        }
        // The ephemeral ports of Linux.
        let port = loop {
            let port = self.rng.gen_range(32_768..=60_999);
            if ports.values().all(|taken| *taken != port) {
                break port;
            }
        };
        ports.insert(socket, port);
        port
    }

    fn pass(&mut self, hop: Hop) {
        match self.forward(hop) {
            Some(Step::Nearby(hop)) => self.nearby.send(self.now, hop),
            Some(Step::Across(hop)) => {
                // What goes to a private address is dropped by the first router of the internet.
                if hop.origin == Origin::Honest && self.is_routed(hop.ends.to.ip()) {
                    self.overheard.push_back(hop.clone());
                }
                if self.overheard.len() > MAX_OVERHEARD {
                    self.overheard.pop_front();
                }
                self.across.send(self.now, hop);
            }
            None => {}
        }
    }

    fn is_routed(&self, ip: IpAddr) -> bool {
        ip.is_ipv6() || self.segments[INTERNET.0].occupants.contains_key(&ip)
    }

    /// Takes a packet from where it is to the network where its receiver or a router waits for it.
    fn forward(&mut self, mut hop: Hop) -> Option<Step> {
        loop {
            let segment = &self.segments[hop.network.0];
            if hop.network == INTERNET {
                return Some(Step::Across(hop));
            }
            if let Some(occupant) = segment.occupants.get(&hop.ends.to.ip()) {
                let refused = segment.isolation == Isolation::Isolated
                    && matches!(occupant, Occupant::Host(_));
                return (!refused).then_some(Step::Nearby(hop));
            }
            let router = &mut self.routers[segment.gateway?.0];
            if router.config.udp == Udp::Blocked {
                return None;
            }
            if hop.ends.to.is_ipv6() {
                match &mut router.config.ipv6 {
                    Ipv6Transit::Unknown => return None,
                    Ipv6Transit::Free => {}
                    Ipv6Transit::Guarded(firewall) => firewall.outbound(self.now, hop.ends),
                }
                hop.network = router.outside;
                continue;
            }
            match router.config.nat.as_mut()?.outbound(self.now, hop.ends) {
                Outbound::Leaves(ends) => {
                    hop.network = router.outside;
                    hop.ends = ends;
                }
                Outbound::Returns(ends) => return Some(Step::Nearby(Hop { ends, ..hop })),
                Outbound::Dropped => return None,
            }
        }
    }

    fn on_hop(&mut self, hop: Hop) {
        match self.arrive(hop) {
            Some(Reached::Host(arrival, bytes, origin)) => self.deliver(&arrival, bytes, origin),
            Some(Reached::Router(hop)) => self.nearby.send(self.now, hop),
            None => {}
        }
    }

    /// Whom a packet reaches where it is.
    fn arrive(&mut self, hop: Hop) -> Option<Reached> {
        let to = hop.ends.to;
        let occupant = self.segments[hop.network.0].occupants.get(&to.ip());
        match occupant.copied() {
            Some(Occupant::Host(host)) => {
                let mut ports = self.hosts[host.0].ports.iter();
                let (&socket, _) = ports.find(|(_, port)| **port == to.port())?;
                let arrival = Arrival {
                    host,
                    socket,
                    from: hop.ends.from,
                };
                Some(Reached::Host(arrival, hop.bytes, hop.origin))
            }
            Some(Occupant::Router(router)) => {
                let router = &mut self.routers[router.0];
                let nat = router.config.nat.as_mut()?;
                let ends = nat.inbound(self.now, hop.ends)?;
                (router.config.udp == Udp::Passes).then_some(Reached::Router(Hop {
                    network: router.inside,
                    ends,
                    ..hop
                }))
            }
            None if to.is_ipv6() && hop.network == INTERNET => {
                let network = self.descend(hop.ends)?;
                Some(Reached::Router(Hop { network, ..hop }))
            }
            None => None,
        }
    }

    /// The network of an IPv6 address, if every firewall on the way down to it lets the packet in.
    fn descend(&mut self, ends: Ends) -> Option<NetworkId> {
        let mut segments = self.segments.iter();
        let home = segments.position(|segment| segment.occupants.contains_key(&ends.to.ip()))?;
        let mut way = Vec::new();
        let mut network = NetworkId(home);
        while let Some(router) = self.segments[network.0].gateway {
            way.push(router);
            network = self.routers[router.0].outside;
        }
        for router in way.into_iter().rev() {
            let config = &mut self.routers[router.0].config;
            let admitted = match &mut config.ipv6 {
                Ipv6Transit::Unknown => false,
                Ipv6Transit::Free => true,
                Ipv6Transit::Guarded(firewall) => firewall.admits(self.now, ends),
            };
            if config.udp == Udp::Blocked || !admitted {
                return None;
            }
        }
        Some(NetworkId(home))
    }

    fn deliver(&mut self, arrival: &Arrival, bytes: Vec<u8>, origin: Origin) {
        let Arrival { host, socket, from } = *arrival;
        let target = &mut self.hosts[host.0];
        match &mut target.conduct {
            Conduct::Runs(machine) => {
                machine.handle_datagram(self.now, socket, from, &bytes, &mut self.rng);
                self.drain(host);
            }
            Conduct::Listens => {}
            Conduct::Reflects | Conduct::Disturbs(_) => {
                if origin == Origin::Honest {
                    let reflected = Transmit {
                        socket,
                        to: from,
                        bytes,
                    };
                    self.send(host, reflected, Origin::Disturbance);
                }
            }
        }
    }

    /// Noise, or something overheard said again to whom it was for, from there or from here.
    fn disturb(&mut self, id: HostId) {
        let overheard: Vec<&Hop> = self.overheard.iter().collect();
        let Some(&heard) = overheard.choose(&mut self.rng) else {
            return;
        };
        let mut again = heard.clone();
        again.origin = Origin::Disturbance;
        if self.rng.gen_bool(0.3) {
            let length = self.rng.gen_range(0..again.bytes.len() * 2 + 1);
            again.bytes.resize(length, 0);
            self.rng.fill_bytes(&mut again.bytes);
        }
        if self.rng.gen_bool(0.5) {
            self.across.send(self.now, again);
        } else {
            let transmit = Transmit {
                socket: 0,
                to: again.ends.to,
                bytes: again.bytes,
            };
            self.send(id, transmit, Origin::Disturbance);
        }
    }
}

/// Where a packet is taken.
enum Step {
    /// Within a network.
    Nearby(Hop),
    /// Over the internet.
    Across(Hop),
}

/// What a packet comes to.
enum Reached {
    /// Somebody's socket.
    Host(Arrival, Vec<u8>, Origin),
    /// The network behind a router.
    Router(Hop),
}
