//! The NAT laboratory: real programs in network namespaces, homes behind routers, an Internet between.
//!
//! ```text
//!   host ── lan [router: a Nat] wan ──┐
//!   host ── lan [router] wan ── lan [carrier: a Nat] wan ──┤ core │── rendezvous
//! ```
//!
//! Every host, router and carrier is a namespace that a process of ours keeps; the core is a thread
//! (`internet`) between TUN devices. Nothing has a name outside of its namespace, so that many labs
//! live side by side, and nothing outlives a [`Lab`]: [`Lab::close`] checks it.
//!
//! The crate `patchbay` builds such labs too. It is not used because its delays and losses are queueing
//! disciplines of the kernel (`netem`), which the kernels this has to run on need not have; what
//! would be left of it is namespaces, which `Namespace` has, and rules for NATs, which have to be our own
//! (ports that move, sequences, blocks, rebinding).
//!
//! Addresses are those of no documentation range where a gateway looks at them: `miniupnpd` maps no
//! port of an address that cannot be reached from the Internet. Nothing of it leaves the namespaces.

mod gateway;
mod internet;
mod nat;
mod observe;
mod router;
mod tun;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

pub(crate) use gateway::{GatewayPlan, Protocols};
use internet::{Internet, MTU, Prefix};
pub(crate) use internet::{Line, Traffic};
pub(crate) use nat::{Filtering, Hairpin, Nat, Policy, Rules, WanInput};
pub(crate) use observe::{observe, round_trip, seen_from};
use router::Place;
pub(crate) use router::{Router, RouterPlan};

use fardrop_tests::namespace::{Namespace, Network, skip};
use fardrop_tests::peer::Rendezvous;

/// Programs that build a lab.
const PROGRAMS: [&str; 7] = [
    "ip",
    "nft",
    "conntrack",
    "ethtool",
    "unshare",
    "nsenter",
    "ss",
];

/// The table of what holds for IPv6, and of the mappings that a gateway makes.
const SHARED_TABLE: &str = "shared_lab";

/// Where the rendezvous is, and its port.
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(11, 0, 0, 2), 4840);

/// What a lab is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// The core.
    pub(crate) line: Line,
    /// Carriers, behind whose NATs homes may be.
    pub(crate) carriers: Vec<CarrierPlan>,
    /// Homes.
    pub(crate) homes: Vec<HomePlan>,
}

/// A carrier's NAT.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CarrierPlan {
    /// How it treats packets.
    pub(crate) rules: Rules,
    /// Which addresses its customers have.
    pub(crate) addresses: CarrierAddresses,
}

/// Which addresses a carrier gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CarrierAddresses {
    /// Those meant for it (RFC 6598). A gateway behind it knows that its mappings are worth nothing.
    Shared,
    /// Public ones that are somebody else's, as some carriers do: a gateway behind it believes in its
    /// mappings.
    Squatted,
}

/// A home: a router, and machines behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HomePlan {
    /// The router.
    pub(crate) router: RouterPlan,
    /// What the router is connected to.
    pub(crate) uplink: Uplink,
    /// Whether it has IPv6, with a firewall and without a NAT.
    pub(crate) ipv6: bool,
    /// How many machines there are.
    pub(crate) hosts: u8,
    /// The LAN is 192.168.N.0/24, with this N; `None`: one that no other home has.
    pub(crate) lan: Option<u8>,
}

impl HomePlan {
    /// One machine behind a router that is nothing but this kind of NAT.
    #[must_use]
    pub(crate) fn behind(nat: Nat) -> Self {
        Self::with(Rules::of(nat))
    }

    /// One machine behind a router with these rules.
    #[must_use]
    pub(crate) const fn with(rules: Rules) -> Self {
        Self {
            router: RouterPlan {
                rules,
                gateway: None,
            },
            uplink: Uplink::Core,
            ipv6: false,
            hosts: 1,
            lan: None,
        }
    }

    /// The plan, with a router that maps ports for those who ask.
    #[must_use]
    pub(crate) const fn with_gateway(mut self, protocols: Protocols) -> Self {
        self.router.gateway = Some(GatewayPlan {
            protocols,
            claims: None,
        });
        self
    }

    /// The plan, connected to the carrier of this number.
    #[must_use]
    pub(crate) const fn behind_carrier(mut self, number: usize) -> Self {
        self.uplink = Uplink::Carrier(number);
        self
    }

    /// The plan, with IPv6.
    #[must_use]
    pub(crate) const fn with_ipv6(mut self) -> Self {
        self.ipv6 = true;
        self
    }
}

/// What a home is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uplink {
    /// The core.
    Core,
    /// The carrier of this number.
    Carrier(usize),
}

/// A running home.
#[derive(Debug)]
pub(crate) struct Home {
    /// Its router.
    pub(crate) router: Router,
    /// Its machines.
    pub(crate) hosts: Vec<Namespace>,
}

impl Home {
    /// A machine leaves its cable for the router's Wi-Fi: another device, another address, and the old
    /// one is gone.
    pub(crate) fn move_to_wifi(&mut self, host: usize) -> Result<()> {
        let machine = &self.hosts[host];
        self.router.plug_in(machine, "wlan0")?;
        let gateway = self.router.inside();
        let [first, second, third, _] = gateway.octets();
        let number = u8::try_from(host).context("few machines")?;
        let address = Ipv4Addr::new(first, second, third, 100 + number);
        machine.run_with(
            "sh -e",
            &format!(
                "ip link set eth0 down
                ip address flush dev eth0
                ip address add {address}/24 dev wlan0
                ip link set wlan0 up
                ip route add default via {gateway}\n"
            ),
        )?;
        Ok(())
    }
}

/// A running laboratory.
#[derive(Debug)]
pub(crate) struct Lab {
    /// Its homes, as planned.
    pub(crate) homes: Vec<Home>,
    /// Its carriers' routers, as planned.
    pub(crate) carriers: Vec<Router>,
    /// The server that all can reach.
    pub(crate) rendezvous: Rendezvous,
    server: Arc<Namespace>,
    internet: Internet,
}

impl Lab {
    /// Builds a lab. `None` where this machine lets nobody have one, which is said on stderr.
    ///
    /// # Errors
    /// What cannot be set up, a missing program among it.
    pub(crate) fn build(test: &str, plan: &Plan) -> Result<Option<Self>> {
        let Some(server) = Namespace::enter(test)? else {
            return Ok(None);
        };
        if let Err(error) = tun::check() {
            return skip(test, &format!("/dev/net/tun: {error}"));
        }
        for program in PROGRAMS {
            if !is_installed(program) {
                bail!("{program} is not installed; tests/run.sh says what is needed");
            }
        }
        let server = Arc::new(server);
        let mut sites = vec![server_site(&server)?];
        let mut carriers = Vec::new();
        for (number, plan) in (0..).zip(&plan.carriers) {
            let (router, site) = carrier(test, number, plan)?;
            carriers.push(router);
            sites.push(site);
        }
        let mut homes = Vec::new();
        for (number, plan) in (0..).zip(&plan.homes) {
            let (home, site) = home(test, number, plan, &mut carriers)?;
            homes.push(home);
            sites.extend(site);
        }
        let internet = Internet::start(plan.line, sites)?;
        let rendezvous = Rendezvous::start_within(Arc::clone(&server), SERVER.into())?;
        Ok(Some(Self {
            homes,
            carriers,
            rendezvous,
            server,
            internet,
        }))
    }

    /// The machine of the rendezvous, which everybody can reach.
    #[must_use]
    pub(crate) fn server(&self) -> &Namespace {
        &self.server
    }

    /// The only machine of a home, or its first.
    #[must_use]
    pub(crate) fn host(&self, home: usize) -> &Namespace {
        &self.homes[home].hosts[0]
    }

    /// What the core has done so far.
    #[must_use]
    pub(crate) fn traffic(&self) -> &Traffic {
        self.internet.traffic()
    }

    /// Makes every router forget what it has seen, for a round that owes nothing to the one before.
    pub(crate) fn forget(&self) -> Result<()> {
        let homes = self.homes.iter().map(|home| &home.router);
        for router in homes.chain(&self.carriers) {
            router.forget()?;
        }
        Ok(())
    }

    /// Ends it, and checks that nothing is left: no port mapped at a gateway, and, once all is shut
    /// down, no process in any of its namespaces (without one a namespace is gone, and its devices with
    /// it).
    pub(crate) fn close(self) -> Result<()> {
        for home in &self.homes {
            let mapped = home.router.mapped_ports()?;
            if mapped > 0 {
                bail!("{mapped} ports are still mapped");
            }
        }
        let networks = self.networks()?;
        drop(self);
        for network in networks {
            let residents = network.residents()?;
            if !residents.is_empty() {
                bail!("still there: {residents:?}");
            }
        }
        Ok(())
    }

    fn networks(&self) -> Result<Vec<Network>> {
        let homes = self.homes.iter();
        let routers = homes.clone().map(|home| home.router.namespace());
        let hosts = homes.flat_map(|home| &home.hosts);
        let carriers = self.carriers.iter().map(Router::namespace);
        let all = routers.chain(hosts).chain(carriers).chain([self.server()]);
        all.map(Namespace::network).collect()
    }
}

/// A device towards the core, and what is behind it.
type Site = (std::fs::File, Vec<Prefix>);

fn server_site(server: &Namespace) -> Result<Site> {
    let device = open_wan(server)?;
    let (v4, v6) = (SERVER.0, server_v6());
    server.run_with(
        "sh -e",
        &format!(
            "ip address add {v4}/24 dev wan
            ip address add {v6}/64 dev wan nodad
            ip link set wan up
            ip route add default dev wan
            ip -6 route add default dev wan\n"
        ),
    )?;
    Ok((device, vec![Prefix::of_v4(v4), Prefix::of_v6(v6)]))
}

fn carrier(test: &str, number: u8, plan: &CarrierPlan) -> Result<(Router, Site)> {
    let namespace = Namespace::enter(test)?.context("a second namespace was refused")?;
    let device = open_wan(&namespace)?;
    let outside = Ipv4Addr::new(11, 0, 100 + number, 2);
    let place = Place {
        outside,
        inside: match plan.addresses {
            CarrierAddresses::Shared => Ipv4Addr::new(100, 64, number, 1),
            CarrierAddresses::Squatted => Ipv4Addr::new(11, 64, number, 1),
        },
        ipv6: None,
        next: None,
    };
    let plan = RouterPlan {
        rules: plan.rules,
        gateway: None,
    };
    let router = Router::start(namespace, &plan, place)?;
    Ok((router, (device, vec![Prefix::of_v4(outside)])))
}

fn home(
    test: &str,
    number: u8,
    plan: &HomePlan,
    carriers: &mut [Router],
) -> Result<(Home, Option<Site>)> {
    let namespace = Namespace::enter(test)?.context("a second namespace was refused")?;
    let ipv6 = plan.ipv6.then(|| (home_v6(number, 0), home_v6(number, 1)));
    let inside = Ipv4Addr::new(192, 168, plan.lan.unwrap_or(1 + number), 1);
    let (outside, next, device) = match plan.uplink {
        Uplink::Core => {
            let device = open_wan(&namespace)?;
            (Ipv4Addr::new(11, 0, 1 + number, 2), None, Some(device))
        }
        Uplink::Carrier(index) => {
            let carrier = carriers.get_mut(index).context("no such carrier")?;
            carrier.plug_in(&namespace, "wan")?;
            let next = carrier.inside();
            let [first, second, third, _] = next.octets();
            (
                Ipv4Addr::new(first, second, third, 10 + number),
                Some(next),
                None,
            )
        }
    };
    let place = Place {
        outside,
        inside,
        ipv6,
        next,
    };
    let mut router = Router::start(namespace, &plan.router, place)?;
    let mut hosts = Vec::new();
    for host in 0..plan.hosts {
        hosts.push(machine(test, &mut router, &place, host)?);
    }
    let mut prefixes = vec![Prefix::of_v4(outside)];
    prefixes.extend(ipv6.map(|(outside, _)| Prefix::of_v6(outside)));
    let site = device.map(|device| (device, prefixes));
    Ok((Home { router, hosts }, site))
}

/// A machine on a router's LAN.
fn machine(test: &str, router: &mut Router, place: &Place, number: u8) -> Result<Namespace> {
    let namespace = Namespace::enter(test)?.context("a second namespace was refused")?;
    router.plug_in(&namespace, "eth0")?;
    let gateway = place.inside;
    let [first, second, third, _] = gateway.octets();
    let address = Ipv4Addr::new(first, second, third, 10 + number);
    let mut script = format!(
        "ip address add {address}/24 dev eth0
        ip link set eth0 up
        ip route add default via {gateway}\n"
    );
    if let Some((_, gateway)) = place.ipv6 {
        let [a, b, c, d, ..] = gateway.segments();
        let address = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0x10 + u16::from(number));
        script.push_str(&format!(
            "ip address add {address}/64 dev eth0 nodad
            ip -6 route add default via {gateway}\n"
        ));
    }
    namespace.run_with("sh -e", &script)?;
    Ok(namespace)
}

/// The device `wan` towards the core. Its queue is long: what is dropped is for the core to say.
fn open_wan(namespace: &Namespace) -> Result<std::fs::File> {
    let device = tun::open(namespace, "wan")?;
    namespace.run(&format!("ip link set wan mtu {MTU} txqueuelen 10000"))?;
    Ok(device)
}

/// An address of a home: the subnets are 0 outside, 1 inside.
const fn home_v6(number: u8, subnet: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2a0f, 0xfa2d, 1 + number as u16, subnet, 0, 0, 0, 1)
}

const fn server_v6() -> Ipv6Addr {
    Ipv6Addr::new(0x2a0f, 0xfa2d, 0, 0, 0, 0, 0, 2)
}

/// Whether a program is there to be called.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Where the rendezvous listens.
#[must_use]
pub(crate) fn server_address() -> SocketAddr {
    SERVER.into()
}
