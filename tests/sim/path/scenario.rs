//! Where two peers are: what stands between each of them and the internet, and what they have in
//! common. From a seed, or by hand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::path::{Candidate, CandidateKind, Nat as Finding, Whereabouts};
use fardrop_tests::sim::Conditions;
use fardrop_tests::sim::nat::{
    Dependence, Firewall, Hairpin, Nat, NatConfig, PortAssignment, Refresh,
};
use fardrop_tests::sim::world::{
    Conduct, HostId, INTERNET, Ipv6Transit, Isolation, Machine, NetworkId, RouterConfig, RouterId,
    Udp, World,
};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::peer::{News, Peer};

/// The rendezvous, with the port that it has besides.
pub(super) const RENDEZVOUS: (IpAddr, [u16; 2]) =
    (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), [4840, 4841]);

/// Somebody who listens in and makes trouble.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 66));

/// The socket by which a peer finds out whether its NAT counts.
const SAMPLING_SOCKET: u16 = u16::MAX;

/// How long a peer takes to find out where it is.
pub(super) const GATHERING: Duration = Duration::from_millis(400);

/// How long after the start what is late is known.
pub(super) const LATE: Duration = Duration::from_millis(700);

/// Two peers, and what is between them.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    /// The sender's side first.
    pub(super) sides: [Side; 2],
    pub(super) meeting: Meeting,
    pub(super) conditions: Conditions,
    /// How much earlier the first of the two begins: up to a round trip.
    pub(super) skew: Duration,
    /// Whether somebody listens in and makes trouble.
    pub(super) disturbed: bool,
}

/// What the two have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    /// Only the internet.
    Apart,
    /// The network that they are in; the sender's side says how it is.
    OneNetwork(Isolation),
    /// The outer of their two NATs; the sender's side says how it is.
    OneCarrier,
}

/// What stands between one peer and the internet.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// From the peer outwards; none for a machine with a public address. The addresses outside are
    /// filled in when the world is made.
    pub(super) nats: Vec<NatConfig>,
    pub(super) ipv6: Ipv6,
    pub(super) opening: Opening,
    pub(super) udp: Udp,
    /// Addresses that it names and that are nowhere.
    pub(super) dead: u8,
    /// Mappings that others of its network make between its finding out and its start.
    pub(super) busy: u16,
    /// Whether a machine of its network has the address that the peer has in its own.
    pub(super) doppelganger: bool,
}

/// What IPv6 a side has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ipv6 {
    Missing,
    Open,
    /// Behind a firewall that filters like this.
    Guarded(Dependence),
}

/// What became of asking the router to open a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Refused,
    /// It did, before or after the peer had been at the rendezvous.
    Opened(Moment),
    /// It says that it did.
    Lied(Lie),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Before,
    After,
    /// So late that the search had begun.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    /// Nobody is there.
    Nobody,
    /// A stranger is.
    Stranger,
}

/// A world with both peers in it.
pub(super) struct Meet {
    pub(super) world: World<Peer>,
    pub(super) hosts: [HostId; 2],
    pub(super) began_at: Instant,
}

impl Side {
    /// Behind these NATs, with nothing else.
    pub(super) fn behind(nats: &[NatConfig]) -> Self {
        Self {
            nats: nats.to_vec(),
            ipv6: Ipv6::Missing,
            opening: Opening::Refused,
            udp: Udp::Passes,
            dead: 0,
            busy: 0,
            doppelganger: false,
        }
    }

    pub(super) fn random(rng: &mut ChaCha8Rng, meeting: Meeting) -> Self {
        let nats = match meeting {
            Meeting::OneCarrier => 2,
            Meeting::Apart | Meeting::OneNetwork(_) => weighted(rng, &[(0, 5), (1, 75), (2, 20)]),
        };
        let nats: Vec<NatConfig> = (0..nats).map(|_| random_nat(rng)).collect();
        let ipv6 = weighted(rng, &[(0, 70), (1, 8), (2, 22)]);
        let opening = weighted(rng, &[(0, 75), (1, 15), (2, 10)]);
        let udp = if !nats.is_empty() && rng.gen_bool(0.02) {
            Udp::Blocked
        } else {
            Udp::Passes
        };
        Self {
            nats,
            ipv6: match ipv6 {
                0 => Ipv6::Missing,
                1 => Ipv6::Open,
                _ => Ipv6::Guarded(random_dependence(rng)),
            },
            opening: match opening {
                0 => Opening::Refused,
                1 => {
                    let moments = [Moment::Before, Moment::After, Moment::Late];
                    Opening::Opened(*moments.choose(rng).unwrap())
                }
                _ => Opening::Lied(*[Lie::Nobody, Lie::Stranger].choose(rng).unwrap()),
            },
            udp,
            dead: if rng.gen_bool(0.3) {
                rng.gen_range(1..=12)
            } else {
                0
            },
            busy: if rng.gen_bool(0.3) {
                rng.gen_range(1..=3)
            } else {
                0
            },
            doppelganger: rng.gen_bool(0.3),
        }
    }
}

impl Scenario {
    /// Two in separate homes, 50 ms from each other, over a network that loses nothing.
    pub(super) fn apart(seed: u64, sender: Side, receiver: Side) -> Self {
        Self {
            seed,
            sides: [sender, receiver],
            meeting: Meeting::Apart,
            conditions: Conditions::calm(Duration::from_millis(50)),
            skew: Duration::from_millis(50),
            disturbed: false,
        }
    }

    /// The one that a seed stands for.
    pub(super) fn random(seed: u64) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let meeting = match weighted(rng, &[(0, 78), (1, 6), (2, 4), (3, 12)]) {
            0 => Meeting::Apart,
            1 => Meeting::OneNetwork(Isolation::Open),
            2 => Meeting::OneNetwork(Isolation::Isolated),
            _ => Meeting::OneCarrier,
        };
        let mut sides = [Side::random(rng, meeting), Side::random(rng, meeting)];
        match meeting {
            Meeting::Apart => {}
            Meeting::OneNetwork(_) => {
                if sides[0].nats.is_empty() {
                    sides[0].nats.push(random_nat(rng));
                }
                sides[1].nats = sides[0].nats.clone();
                sides[1].ipv6 = sides[0].ipv6;
                sides[1].udp = sides[0].udp;
                sides[0].doppelganger = false;
                sides[1].doppelganger = false;
            }
            Meeting::OneCarrier => {
                let carrier = sides[0].nats[1].clone();
                sides[1].nats[1] = carrier;
            }
        }
        let delay = Duration::from_millis(rng.gen_range(3..=150));
        let loss = if rng.gen_bool(0.5) {
            0.0
        } else {
            rng.gen_range(0.0..0.2)
        };
        let duplication = if rng.gen_bool(0.5) { 0.0 } else { 0.05 };
        let jitter = delay.mul_f64(if rng.gen_bool(0.5) { 0.0 } else { 0.3 });
        Self {
            seed,
            sides,
            meeting,
            conditions: Conditions {
                loss,
                duplication,
                delay: delay..delay + jitter,
            },
            skew: delay.mul_f64(rng.gen_range(0.0..2.0)),
            disturbed: rng.gen_bool(0.4),
        }
    }

    /// The longest round trip.
    pub(super) fn round_trip(&self) -> Duration {
        self.conditions.delay.end * 2
    }

    /// Makes the world, lets both find out where they are, and tells each of the other.
    pub(super) fn build(&self) -> Meet {
        let now = Instant::now();
        let (mut world, homes) = self.lay_out(now, Conduct::Listens);
        let found = [0, 1].map(|index| self.gather(&mut world, index, &homes[index]));
        let began_at = now + GATHERING;
        world.now = began_at;
        let hosts = homes.map(|home| home.host);
        let roles = [Role::Sender, Role::Receiver];
        for (index, host) in hosts.into_iter().enumerate() {
            let starts_at = self.starts_at(began_at, index);
            let here = found[index].clone().into_iter();
            let news = here.zip(found[1 - index].clone());
            let news = news.zip([Duration::ZERO, LATE]);
            let news = news.map(|((here, there), after)| News {
                at: starts_at + after,
                here,
                there,
            });
            let peer = Peer::new(roles[index], news.collect(), began_at);
            world.set_conduct(host, Conduct::Runs(peer));
        }
        Meet {
            world,
            hosts,
            began_at: began_at + self.skew,
        }
    }

    /// When a side starts. Which of the two is first is up to the seed.
    pub(super) fn starts_at(&self, began_at: Instant, index: usize) -> Instant {
        let first = usize::from(!self.seed.is_multiple_of(2));
        if index == first {
            began_at
        } else {
            began_at + self.skew
        }
    }

    /// The world, with a rendezvous that does this, whoever disturbs, and both homes.
    pub(super) fn lay_out<M: Machine>(
        &self,
        now: Instant,
        rendezvous: Conduct<M>,
    ) -> (World<M>, [Home; 2]) {
        let mut world = World::new(self.seed, now, self.conditions.clone());
        let (address, ports) = RENDEZVOUS;
        world.add_host(vec![(INTERNET, address)], &ports, rendezvous);
        if self.disturbed {
            let interval = Duration::from_millis(7);
            world.add_host(
                vec![(INTERNET, STRANGER)],
                &[4000],
                Conduct::Disturbs(interval),
            );
        }
        let homes = self.add_homes(&mut world);
        (world, homes)
    }

    fn add_homes<M: Machine>(&self, world: &mut World<M>) -> [Home; 2] {
        let carrier = match self.meeting {
            Meeting::OneCarrier => {
                let config = self.router(&self.sides[0], 0, 1, Ipv4Addr::new(203, 0, 113, 30));
                Some(world.add_network(INTERNET, Isolation::Open, config))
            }
            Meeting::Apart | Meeting::OneNetwork(_) => None,
        };
        let mut shared = None;
        [0, 1].map(|index| {
            let uplink = match (self.meeting, shared.take()) {
                (Meeting::OneNetwork(_), Some(shared)) => shared,
                (Meeting::Apart | Meeting::OneNetwork(_) | Meeting::OneCarrier, _) => {
                    self.add_uplink(world, &self.sides[index], index, carrier)
                }
            };
            shared = Some(uplink.clone());
            self.add_home(world, index, &uplink)
        })
    }

    /// A side's routers, the outermost first. `number` tells apart those of one world.
    pub(super) fn add_uplink<M: Machine>(
        &self,
        world: &mut World<M>,
        side: &Side,
        number: usize,
        carrier: Option<(NetworkId, RouterId)>,
    ) -> Uplink {
        let last = 10 + u8::try_from(number).unwrap();
        let mut network = carrier.map_or(INTERNET, |(network, _)| network);
        let mut routers: Vec<RouterId> = carrier.map(|(_, router)| router).into_iter().collect();
        let own = side.nats.len() - routers.len();
        for layer in (0..own).rev() {
            let external = if network == INTERNET {
                Ipv4Addr::new(203, 0, 113, last)
            } else {
                Ipv4Addr::new(100, 64, 0, last)
            };
            let isolation = match self.meeting {
                Meeting::OneNetwork(isolation) if layer == 0 => isolation,
                Meeting::Apart | Meeting::OneNetwork(_) | Meeting::OneCarrier => Isolation::Open,
            };
            let config = self.router(side, number, layer, external);
            let (inside, router) = world.add_network(network, isolation, config);
            network = inside;
            routers.push(router);
        }
        Uplink { network, routers }
    }

    fn router(&self, side: &Side, number: usize, layer: usize, external: Ipv4Addr) -> RouterConfig {
        let config = NatConfig {
            external,
            ..side.nats[layer].clone()
        };
        let expiry = config.expiry;
        let seed = self.seed * 4 + u64::try_from(number * 2 + layer).unwrap();
        RouterConfig {
            nat: Some(Nat::new(config, seed)),
            ipv6: match side.ipv6 {
                _ if layer > 0 => Ipv6Transit::Free,
                Ipv6::Missing => Ipv6Transit::Unknown,
                Ipv6::Open => Ipv6Transit::Free,
                Ipv6::Guarded(filtering) => Ipv6Transit::Guarded(Firewall::new(filtering, expiry)),
            },
            udp: if layer == 0 { side.udp } else { Udp::Passes },
        }
    }

    fn add_home<M: Machine>(&self, world: &mut World<M>, index: usize, uplink: &Uplink) -> Home {
        let side = &self.sides[index];
        let Uplink { network, .. } = *uplink;
        let router = uplink.nearest();
        let own = [10, 20][index];
        if router.is_some() && side.doppelganger {
            let other = uplink.address([20, 10][index]);
            world.add_host(vec![(network, other)], &[5000], Conduct::Reflects);
        }
        let neighbour = router.map(|_| {
            let address = uplink.address(30 + u8::try_from(index).unwrap());
            world.add_host(vec![(network, address)], &[6000], Conduct::Listens)
        });
        let interfaces = uplink.interfaces(side, own);
        Home {
            host: world.add_host(interfaces, &[5000], Conduct::Listens),
            uplink: uplink.clone(),
            neighbour,
        }
    }

    /// What a peer finds out about where it is: what it can say at once, and what it can say later.
    pub(super) fn gather<M: Machine>(
        &self,
        world: &mut World<M>,
        index: usize,
        home: &Home,
    ) -> [Whereabouts; 2] {
        let side = &self.sides[index];
        let opened = match side.opening {
            Opening::Opened(Moment::Before) => home.open_port(world),
            Opening::Opened(Moment::After | Moment::Late) | Opening::Refused => None,
            Opening::Lied(Lie::Nobody) => {
                Some(SocketAddr::from(([203, 0, 113, 10 + index as u8], 9)))
            }
            Opening::Lied(Lie::Stranger) => Some(SocketAddr::new(STRANGER, 4000)),
        };
        let (reflexive, nat) = ask_rendezvous(world, home.host);
        let opened = match side.opening {
            Opening::Opened(Moment::After | Moment::Late) => home.open_port(world),
            Opening::Opened(Moment::Before) | Opening::Refused | Opening::Lied(_) => opened,
        };
        if let Some(neighbour) = home.neighbour {
            for socket in 0..side.busy {
                let (address, ports) = RENDEZVOUS;
                world.carry(neighbour, socket, SocketAddr::new(address, ports[0]));
            }
        }
        let own = world.addresses(home.host);
        let dead = (0..side.dead).map(|last| SocketAddr::from(([10, 8, 0, last], 5000)));
        let hosts = own.iter().copied().chain(dead);
        let mut candidates: Vec<Candidate> = hosts
            .map(|address| Candidate::new(CandidateKind::Host, address))
            .collect();
        if let Some(address) = reflexive
            && !own.contains(&address)
        {
            candidates.push(Candidate::new(CandidateKind::Reflexive, address));
        }
        let late = opened.map(|address| Candidate::new(CandidateKind::Mapped, address));
        let whole: Vec<Candidate> = candidates.iter().copied().chain(late).collect();
        let whole = Whereabouts::new(whole, nat);
        if side.opening == Opening::Opened(Moment::Late) {
            [Whereabouts::new(candidates, nat), whole]
        } else {
            [whole.clone(), whole]
        }
    }
}

/// A network, and what stands between it and the internet.
#[derive(Debug, Clone)]
pub(super) struct Uplink {
    network: NetworkId,
    /// The outermost first.
    pub(super) routers: Vec<RouterId>,
}

impl Uplink {
    fn nearest(&self) -> Option<RouterId> {
        self.routers.last().copied()
    }

    fn address(&self, last: u8) -> IpAddr {
        if self.routers.is_empty() {
            Ipv4Addr::new(198, 51, 100, last).into()
        } else {
            Ipv4Addr::new(192, 168, 1, last).into()
        }
    }

    /// Those of a machine in this network, which is that side's.
    pub(super) fn interfaces(&self, side: &Side, own: u8) -> Vec<(NetworkId, IpAddr)> {
        let mut interfaces = vec![(self.network, self.address(own))];
        if side.ipv6 != Ipv6::Missing {
            let ip = Ipv6Addr::new(0x2001, 0xdb8, u16::from(own), 0, 0, 0, 0, 1);
            interfaces.push((self.network, ip.into()));
        }
        interfaces
    }

    /// Has the router open a port for that machine.
    pub(super) fn open_port<M: Machine>(
        &self,
        world: &mut World<M>,
        host: HostId,
    ) -> Option<SocketAddr> {
        let now = world.now;
        let inside = world.addresses(host)[0];
        world.nat(self.nearest()?)?.forward(now, inside)
    }
}

/// One peer's machine, where it is, and another machine of its network.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) host: HostId,
    pub(super) uplink: Uplink,
    neighbour: Option<HostId>,
}

impl Home {
    fn open_port<M: Machine>(&self, world: &mut World<M>) -> Option<SocketAddr> {
        self.uplink.open_port(world, self.host)
    }
}

/// The reflexive address, and what two sockets at the rendezvous's two ports find out of the NAT.
fn ask_rendezvous<M: Machine>(world: &mut World<M>, host: HostId) -> (Option<SocketAddr>, Finding) {
    let (address, ports) = RENDEZVOUS;
    let mut seen = Vec::new();
    for socket in [0, SAMPLING_SOCKET] {
        for port in ports {
            let arrival = world.carry(host, socket, SocketAddr::new(address, port));
            seen.extend(arrival.map(|arrival| arrival.from));
        }
    }
    (seen.first().copied(), classify(&seen))
}

/// What the mappings of two sockets tell of a NAT, those of the first towards two destinations before
/// the others.
pub(super) fn classify(seen: &[SocketAddr]) -> Finding {
    match *seen {
        [first, second, ref later @ ..] => Finding::classify([first, second], later),
        _ => Finding::Unknown,
    }
}

/// A NAT as they are found: mostly one mapping for all and a strict filter.
fn random_nat(rng: &mut ChaCha8Rng) -> NatConfig {
    let mapping = weighted(rng, &[(0, 60), (1, 5), (2, 35)]);
    let mapping = DEPENDENCES[mapping];
    let strict = rng.gen_bool(0.6);
    let ports = match weighted(rng, &[(0, 30), (1, 20), (2, 20), (3, 20), (4, 10)]) {
        0 => PortAssignment::Preserving,
        1 => PortAssignment::Hashed,
        2 => PortAssignment::Sequential(*[1, 1, 1, 2, -1].choose(rng).unwrap()),
        3 => PortAssignment::Random,
        _ => PortAssignment::RandomInBlock(rng.gen_range(1..=62) * 1024),
    };
    let hairpins = [
        Hairpin::Refused,
        Hairpin::InternalSource,
        Hairpin::ExternalSource,
    ];
    NatConfig {
        external: Ipv4Addr::UNSPECIFIED,
        mapping,
        filtering: if strict {
            Dependence::AddressAndPortDependent
        } else {
            random_dependence(rng)
        },
        ports,
        hairpin: *hairpins.choose(rng).unwrap(),
        expiry: Duration::from_secs(rng.gen_range(20..=120)),
        refresh: if rng.gen_bool(0.5) {
            Refresh::Outbound
        } else {
            Refresh::Both
        },
    }
}

/// From the most open to the strictest.
pub(super) const DEPENDENCES: [Dependence; 3] = [
    Dependence::EndpointIndependent,
    Dependence::AddressDependent,
    Dependence::AddressAndPortDependent,
];

fn random_dependence(rng: &mut ChaCha8Rng) -> Dependence {
    *DEPENDENCES.choose(rng).unwrap()
}

/// One of the choices, by their weights.
fn weighted(rng: &mut ChaCha8Rng, choices: &[(usize, u32)]) -> usize {
    choices
        .choose_weighted(rng, |(_, weight)| *weight)
        .unwrap()
        .0
}
