//! A router in a namespace of its own: `wan` outside, the bridge `lan` inside, rules in between.

use std::net::{Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;

use super::SHARED_TABLE;
use super::gateway::{Gateway, GatewayPlan};
use super::nat::Rules;

/// Shell lines for every new network. A device's offloads hand super-packets to the packet filter,
/// which counts, drops and matches packets as they are on a wire.
const NO_OFFLOADS: &str = "tx-udp-segmentation off gso off tso off gro off";

/// Rules of a router that passes nothing on.
const DARK: &str = "table ip dark_lab {
 chain forward {
  type filter hook forward priority -10
  drop
 }
}
";

/// What a router is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RouterPlan {
    /// How it treats packets.
    pub(crate) rules: Rules,
    /// What it says to those who ask for a port; `None`: nothing.
    pub(crate) gateway: Option<GatewayPlan>,
}

/// Where a router's two sides are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Outside address, in a /24.
    pub(super) outside: Ipv4Addr,
    /// Inside address, in a /24: where hosts send what is for elsewhere.
    pub(super) inside: Ipv4Addr,
    /// IPv6 addresses outside (/64) and inside (/64), where there is IPv6.
    pub(super) ipv6: Option<(Ipv6Addr, Ipv6Addr)>,
    /// Who is next outside; `None` on a device that leads to the core.
    pub(super) next: Option<Ipv4Addr>,
}

/// A running router.
#[derive(Debug)]
pub(crate) struct Router {
    namespace: Namespace,
    place: Place,
    rules: Rules,
    generation: u32,
    ports: u32,
    gateway: Option<Gateway>,
}

impl Router {
    /// Sets up one whose device `wan` is there already.
    pub(super) fn start(namespace: Namespace, plan: &RouterPlan, place: Place) -> Result<Self> {
        let seconds = plan.rules.lifetime();
        let Place {
            outside, inside, ..
        } = place;
        let route = place
            .next
            .map_or_else(|| "dev wan".to_owned(), |next| format!("via {next}"));
        let mut script = format!(
            "ip link add lan type bridge
            ip link set lan up
            ip address add {inside}/24 dev lan
            ip address add {outside}/24 dev wan
            ip link set wan up
            ip route add default {route}
            echo 1 > /proc/sys/net/ipv4/ip_forward
            echo {seconds} > /proc/sys/net/netfilter/nf_conntrack_udp_timeout
            echo {seconds} > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream
            bridged=/proc/sys/net/bridge/bridge-nf-call-iptables
            [ ! -e $bridged ] || echo 0 > $bridged\n"
        );
        if let Some((outside, inside)) = place.ipv6 {
            script.push_str(&format!(
                "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
                ip address add {inside}/64 dev lan nodad
                ip address add {outside}/64 dev wan nodad
                ip -6 route add default dev wan\n"
            ));
        }
        let namespace_rules = shared_rules(plan.rules.policy.text());
        // The connection table has its limits only once something uses it.
        namespace.filter(&namespace_rules)?;
        namespace
            .run_with("sh -e", &script)
            .context("setting up a router")?;
        let mut router = Self {
            namespace,
            place,
            rules: plan.rules,
            generation: 0,
            ports: 0,
            gateway: None,
        };
        router.load()?;
        if let Some(gateway) = plan.gateway {
            router.gateway = Some(Gateway::start(&router.namespace, gateway)?);
        }
        Ok(router)
    }

    /// Where it is.
    #[must_use]
    pub(crate) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Its outside address.
    #[must_use]
    pub(crate) const fn outside(&self) -> Ipv4Addr {
        self.place.outside
    }

    /// Its inside address.
    #[must_use]
    pub(crate) const fn inside(&self) -> Ipv4Addr {
        self.place.inside
    }

    /// Lays a cable from the bridge to the device `name` of another namespace.
    pub(super) fn plug_in(&mut self, other: &Namespace, name: &str) -> Result<()> {
        self.ports += 1;
        let port = format!("port{}", self.ports);
        let keeper = other.keeper();
        self.namespace.run_with(
            "sh -e",
            &format!(
                "ip link add {port} type veth peer name {name} netns {keeper}
                ip link set {port} master lan
                ethtool -K {port} {NO_OFFLOADS}
                ip link set {port} up\n"
            ),
        )?;
        other.run(&format!("ethtool -K {name} {NO_OFFLOADS}"))?;
        Ok(())
    }

    /// Forgets every mapping, as when it is switched off and on; ports come out as before.
    pub(crate) fn forget(&self) -> Result<()> {
        self.restart()
    }

    /// Forgets every mapping, and gives other outside ports from now on.
    pub(crate) fn rebind(&mut self) -> Result<()> {
        self.generation += 1;
        self.restart()
    }

    /// Passes nothing on for the few milliseconds in which it forgets: a packet between the new rules and
    /// the old connections would teach the one what the other had.
    fn restart(&self) -> Result<()> {
        self.namespace.filter(DARK)?;
        self.namespace.run("conntrack -F")?;
        self.load()?;
        self.namespace.filter("delete table ip dark_lab\n")
    }

    /// How many ports programs have had mapped, by whichever protocol.
    pub(crate) fn mapped_ports(&self) -> Result<usize> {
        let rules = self
            .namespace
            .run(&format!("nft list table inet {SHARED_TABLE}"))?;
        // A mapping is a hole in the filter, and for IPv4 a translation as well.
        let of = |what: &str| {
            let ports = rules.lines().filter(|line| line.contains("th dport"));
            ports.filter(|line| line.contains(what)).count()
        };
        Ok(of("accept").max(of("dnat")))
    }

    fn load(&self) -> Result<()> {
        let rules = self.rules.text(self.place.outside, self.generation);
        self.namespace.filter(&rules)
    }
}

/// Rules beside those of the NAT: a firewall for IPv6, and the chains that a gateway fills. They come
/// before the NAT's own, so that a mapped port is mapped.
fn shared_rules(policy: &str) -> String {
    format!(
        r#"table inet {SHARED_TABLE} {{
 chain miniupnpd {{
 }}
 chain prerouting_miniupnpd {{
 }}
 chain postrouting_miniupnpd {{
 }}
 chain pre {{
  type nat hook prerouting priority dstnat - 5
  iifname "wan" jump prerouting_miniupnpd
 }}
 chain post {{
  type nat hook postrouting priority srcnat - 5
  oifname "wan" jump postrouting_miniupnpd
 }}
 chain forward {{
  type filter hook forward priority filter
  meta nfproto ipv4 accept
{policy}  ct state established,related accept
  iifname "lan" accept
  iifname "wan" jump miniupnpd
  icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
  drop
 }}
}}
"#
    )
}
