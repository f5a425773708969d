//! What a network allows, in words: the verdict, what to do, and a report to copy.

use std::net::IpAddr;

use fardrop_shared::diagnosis::{
    ClockSkew, Diagnosis, Hairpin, Hint, InterfaceKind, InterfaceReport, Ipv6, Mapping, NatReport,
    PortSequence, Quic, RouterAnswer, RouterProtocol, RouterState, Scope, ServerReport, Udp,
    Verdict,
};

use super::{duration, name, round_trip, wrapped};

/// Columns of the labels of a report.
const LABEL_COLUMNS: usize = 15;

/// Narrowest column of values, on whatever screen.
const VALUE_COLUMNS_MIN: usize = 30;

/// What names the person's network: addresses, servers, interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Only of what kind it is, so that anybody may see the report.
    Hidden,
    /// As it is.
    Shown,
}

/// To whom one can send, in a sentence.
#[must_use]
pub const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::AlmostEveryone => "You can send to almost everyone, and receive from them.",
        Verdict::SomeRouters => {
            "You can send only to people whose router opens a port for Fardrop or keeps one port \
             for all destinations, and on this network."
        }
        Verdict::Ipv6Only => "You can send only to people who have IPv6 too, and on this network.",
        Verdict::ThisNetworkAtLeast => {
            "You can send to people on this network; whether any further could not be tested."
        }
        Verdict::ThisNetworkOnly => "You can send only to people on this network.",
        Verdict::Nobody => "You can send to nobody: this machine is on no network.",
    }
}

/// What a person should know or could do.
#[must_use]
pub const fn hint(hint: Hint) -> &'static str {
    match hint {
        Hint::NoNetwork => "No cable is plugged in and no Wi-Fi is connected: connect one.",
        Hint::NameServer => {
            "No rendezvous server is named, so nothing beyond this network was tested: name one \
             with --rendezvous HOST:PORT."
        }
        Hint::ServerSilent => {
            "The rendezvous server does not answer: check its address, and that it runs."
        }
        Hint::NameUnresolved => {
            "The name of a rendezvous server was not found: check how it is written, and this \
             machine's DNS."
        }
        Hint::ServerNearby => {
            "The rendezvous server is on this network and sees nothing of the router: test with \
             one on the internet."
        }
        Hint::UdpBlocked => {
            "The rendezvous server is there, but UDP does not get out. Allow Fardrop in this \
             machine's firewall, ask whoever runs the network to let UDP out, or use another \
             network, such as a phone's hotspot."
        }
        Hint::SecondNat => {
            "The router opened a port, but another router stands between it and the internet, so \
             the port is of no use. If the other one is yours too, turn on UPnP, PCP or NAT-PMP \
             there, or put one of the two into bridge mode; else it is your provider's."
        }
        Hint::OpenPorts => {
            "This network's router gives each connection a port of its own. Turn on UPnP, PCP or \
             NAT-PMP in its settings, and almost everyone can be reached."
        }
        Hint::Ipv6Helps => {
            "IPv6 works here: people who have it too can be reached whatever their router does."
        }
        Hint::PortsForetold => {
            "The router counts its ports up, so the next one can be guessed: many connections work \
             all the same."
        }
        Hint::QuicDropped => "Something on the way drops QUIC, and lets other UDP pass.",
        Hint::PathTooNarrow => {
            "The way to the server takes no packets as long as QUIC needs (1200 bytes of payload); \
             a VPN or tunnel may be why."
        }
        Hint::NoHairpin => {
            "Two machines behind this router do not reach each other at its outside address; on \
             this network they use their own."
        }
        Hint::Clock => "This machine's clock and the server's differ: set yours by the network.",
    }
}

/// The whole report, in lines of at most that many columns where that can be.
#[must_use]
pub fn diagnosis(diagnosis: &Diagnosis, disclosure: Disclosure, columns: usize) -> Vec<String> {
    let mut lines = vec![
        wrapped(verdict(diagnosis.verdict()), columns),
        String::new(),
    ];
    for each in diagnosis.hints() {
        lines.push(wrapped(hint(each), columns));
        lines.push(String::new());
    }
    let width = columns.saturating_sub(LABEL_COLUMNS).max(VALUE_COLUMNS_MIN);
    let rows = diagnosis_rows(diagnosis, disclosure);
    lines.extend(
        rows.into_iter()
            .map(|(label, value)| row(&label, &value, width)),
    );
    lines
}

/// A label, and a value whose further lines stand below its first.
fn row(label: &str, value: &str, width: usize) -> String {
    let below = format!("\n{}", " ".repeat(LABEL_COLUMNS));
    let value = wrapped(value, width).replace('\n', &below);
    format!("{label:LABEL_COLUMNS$}{value}")
}

/// The report in rows of a label and a value.
#[must_use]
pub fn diagnosis_rows(diagnosis: &Diagnosis, disclosure: Disclosure) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut add = |label: &str, value: String| rows.push((label.to_owned(), value));
    for interface in &diagnosis.interfaces {
        add("interface", interface_row(interface, disclosure));
    }
    if !diagnosis.gateways.is_empty() {
        add("gateway", addresses(&diagnosis.gateways, disclosure));
    }
    for server in &diagnosis.servers {
        add("server", server_row(server, disclosure));
    }
    for server in &diagnosis.unresolved {
        add(
            "server",
            match disclosure {
                Disclosure::Shown => format!("{}: the name was not found", name(server)),
                Disclosure::Hidden => "the name was not found".to_owned(),
            },
        );
    }
    add("UDP", udp_row(diagnosis.udp()).to_owned());
    add("IPv6", ipv6_row(diagnosis.ipv6).to_owned());
    add("NAT", nat_row(&diagnosis.nat, disclosure));
    add("hairpin", hairpin_row(diagnosis.nat.hairpin).to_owned());
    match diagnosis.routers.as_deref() {
        None => add("port mapping", "routers were not asked".to_owned()),
        Some([]) => add("port mapping", "there is no router to ask".to_owned()),
        Some(routers) => routers
            .iter()
            .for_each(|router| add("port mapping", router_row(router, disclosure))),
    }
    add("QUIC", quic_row(diagnosis.quic).to_owned());
    add(
        "path MTU",
        diagnosis.path_mtu.map_or_else(
            || "not tested".to_owned(),
            |bytes| format!("{bytes} bytes to the server"),
        ),
    );
    add(
        "clock",
        diagnosis
            .clock
            .map_or_else(|| "not tested".to_owned(), clock_row),
    );
    rows
}

fn interface_row(interface: &InterfaceReport, disclosure: Disclosure) -> String {
    let kind = match interface.kind {
        InterfaceKind::Wired => "wired",
        InterfaceKind::Wireless => "Wi-Fi",
        InterfaceKind::Mobile => "mobile",
        InterfaceKind::Virtual => "VPN, tunnel or bridge",
    };
    let named = match disclosure {
        Disclosure::Shown => format!("{} ({kind})", name(&interface.name)),
        Disclosure::Hidden => kind.to_owned(),
    };
    if interface.addresses.is_empty() {
        format!("{named}: no address")
    } else {
        format!("{named}: {}", addresses(&interface.addresses, disclosure))
    }
}

fn server_row(server: &ServerReport, disclosure: Disclosure) -> String {
    let answers = match (server.udp, server.tcp) {
        (true, true) => "answers by UDP and TCP",
        (true, false) => "answers by UDP, not by TCP",
        (false, true) => "answers by TCP, not by UDP",
        (false, false) => "does not answer",
    };
    let place = address(server.address, disclosure);
    let mut row = match disclosure {
        Disclosure::Shown => format!("{} ({place}): {answers}", name(&server.name)),
        Disclosure::Hidden => format!("{place}: {answers}"),
    };
    if let Some(time) = server.round_trip {
        row.push_str(", ");
        row.push_str(&round_trip(time));
        row.push_str(" there and back");
    }
    row
}

const fn udp_row(udp: Udp) -> &'static str {
    match udp {
        Udp::Works => "gets out, and answers come back",
        Udp::Blocked => "does not get out, or answers do not come back",
        Udp::Silent => "no server answers, by UDP or TCP",
        Udp::Untested => "not tested: no server is named",
    }
}

const fn ipv6_row(ipv6: Ipv6) -> &'static str {
    match ipv6 {
        Ipv6::Works => "works",
        Ipv6::NoAddress => "no address that is of use beyond this network",
        Ipv6::NoWayOut => "an address, but no way out",
        Ipv6::Untested => "an address and a route; no server to test with",
        Ipv6::Off => "turned off in the settings or by --no-ipv6",
    }
}

fn nat_row(nat: &NatReport, disclosure: Disclosure) -> String {
    let mapping = match nat.mapping {
        Mapping::NoNat => "none towards the server",
        Mapping::EndpointIndependent => {
            "one outside port for all destinations (endpoint-independent mapping)"
        }
        Mapping::AddressDependent => {
            "another outside port for each address (address-dependent mapping)"
        }
        Mapping::AddressAndPortDependent => {
            "another outside port for each destination (address- and port-dependent mapping)"
        }
        Mapping::Unknown => "not tested",
    };
    let ports = match (nat.mapping, nat.ports) {
        (Mapping::NoNat | Mapping::Unknown, _) => "",
        (_, PortSequence::Preserved) => ", ports kept",
        (_, PortSequence::Sequential) => ", ports counted up or down",
        (_, PortSequence::Other) => ", ports in no order",
        (_, PortSequence::Unknown) => ", ports not kept",
    };
    let outside = nat.outside.map_or_else(String::new, |outside| {
        format!("; seen at a {} address", address(outside, disclosure))
    });
    format!("{mapping}{ports}{outside}")
}

const fn hairpin_row(hairpin: Hairpin) -> &'static str {
    match hairpin {
        Hairpin::Works => "works: this machine reaches itself at its outside address",
        Hairpin::Fails => "does not work: this machine does not reach itself from outside",
        Hairpin::Untested => "not tested",
    }
}

fn router_row(router: &RouterAnswer, disclosure: Disclosure) -> String {
    let protocol = match router.protocol {
        RouterProtocol::Upnp => "UPnP",
        RouterProtocol::Pcp => "PCP",
        RouterProtocol::NatPmp => "NAT-PMP",
        RouterProtocol::PcpPinhole => "PCP for IPv6",
        RouterProtocol::UpnpPinhole => "UPnP for IPv6",
    };
    match &router.state {
        RouterState::Opened(external) => format!(
            "{protocol}: opens ports, at a {} address",
            address(*external, disclosure)
        ),
        RouterState::Refused(reason) => format!("{protocol}: refused ({})", name(reason)),
        RouterState::Silent => format!("{protocol}: no answer"),
    }
}

const fn quic_row(quic: Quic) -> &'static str {
    match quic {
        Quic::Works => "its first packets get out, and answers come back",
        Quic::Dropped => {
            "its first packets are dropped on the way; other UDP of their length passes"
        }
        Quic::TooLong => "its first packets are too long for the way",
        Quic::Untested => "not tested",
    }
}

fn clock_row(clock: ClockSkew) -> String {
    let within = clock.give_or_take_ms.max(1);
    let apart = clock.ahead_ms.unsigned_abs();
    // What the line's way through the network could have made, the clocks may not have.
    if apart <= within {
        return format!("as the server's, give or take {within} ms");
    }
    let time = duration(std::time::Duration::from_millis(apart));
    let side = if clock.ahead_ms > 0 {
        "ahead of"
    } else {
        "behind"
    };
    format!("{time} {side} the server's, give or take {within} ms")
}

fn addresses(ips: &[IpAddr], disclosure: Disclosure) -> String {
    let shown: Vec<String> = ips.iter().map(|ip| address(*ip, disclosure)).collect();
    match disclosure {
        Disclosure::Shown => shown.join(", "),
        Disclosure::Hidden => counted(&shown),
    }
}

/// Each kind once, with how many there are.
fn counted(kinds: &[String]) -> String {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for kind in kinds {
        match counts.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| match count {
            1 => kind.clone(),
            _ => format!("{count} {kind}"),
        })
        .collect();
    parts.join(", ")
}

fn address(ip: IpAddr, disclosure: Disclosure) -> String {
    let ip = ip.to_canonical();
    let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
    let scope = match Scope::of(ip) {
        Scope::Loopback => "loopback",
        Scope::LinkLocal => "link-local",
        Scope::Private => "private",
        Scope::Carrier => "carrier's",
        Scope::Global => "public",
    };
    match disclosure {
        Disclosure::Shown => format!("{scope} {ip}"),
        Disclosure::Hidden => format!("{scope} {family}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// A network with something of everything.
    fn sample() -> Diagnosis {
        Diagnosis {
            interfaces: vec![InterfaceReport {
                name: "enx0011deadbeef".to_owned(),
                kind: InterfaceKind::Wired,
                addresses: vec![ip("192.168.7.23"), ip("fe80::1:2"), ip("fe80::3:4")],
            }],
            gateways: vec![ip("192.168.7.1")],
            servers: vec![ServerReport {
                name: "rv.example.org:4840".to_owned(),
                address: ip("203.0.113.9"),
                udp: true,
                tcp: true,
                round_trip: Some(Duration::from_millis(23)),
            }],
            unresolved: vec!["gone.example.org".to_owned()],
            routers: Some(vec![
                RouterAnswer {
                    protocol: RouterProtocol::Upnp,
                    gateway: ip("192.168.7.1"),
                    state: RouterState::Opened(ip("198.51.100.44")),
                },
                RouterAnswer {
                    protocol: RouterProtocol::Pcp,
                    gateway: ip("192.168.7.1"),
                    state: RouterState::Silent,
                },
            ]),
            nat: NatReport {
                mapping: Mapping::EndpointIndependent,
                ports: PortSequence::Preserved,
                hairpin: Hairpin::Fails,
                outside: Some(ip("198.51.100.44")),
            },
            ipv6: Ipv6::NoAddress,
            quic: Quic::Works,
            path_mtu: Some(1492),
            clock: Some(ClockSkew {
                ahead_ms: -200_000,
                give_or_take_ms: 12,
            }),
        }
    }

    #[test]
    fn a_report_hides_what_names_the_network_unless_asked() {
        let secrets = [
            "192.168.7",
            "fe80",
            "203.0.113",
            "198.51.100",
            "example.org",
            "beef",
        ];
        let hidden = diagnosis(&sample(), Disclosure::Hidden, 80).join("\n");
        let shown = diagnosis(&sample(), Disclosure::Shown, 80).join("\n");
        for secret in secrets {
            assert!(!hidden.contains(secret), "{secret} in {hidden}");
            assert!(shown.contains(secret), "{secret} not in {shown}");
        }
    }

    #[test]
    fn a_report_fits_the_screen() {
        for columns in [60, 80, 120] {
            for disclosure in [Disclosure::Hidden, Disclosure::Shown] {
                let report = diagnosis(&sample(), disclosure, columns).join("\n");
                for line in report.lines() {
                    assert!(line.chars().count() <= columns, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_report_reads_like_this() {
        let report = diagnosis(&sample(), Disclosure::Hidden, 80).join("\n");
        assert_eq!(
            report,
            "\
You can send to almost everyone, and receive from them.

The name of a rendezvous server was not found: check how it is written, and this
machine's DNS.

Two machines behind this router do not reach each other at its outside address;
on this network they use their own.

This machine's clock and the server's differ: set yours by the network.

interface      wired: private IPv4, 2 link-local IPv6
gateway        private IPv4
server         public IPv4: answers by UDP and TCP, 23 ms there and back
server         the name was not found
UDP            gets out, and answers come back
IPv6           no address that is of use beyond this network
NAT            one outside port for all destinations (endpoint-independent
               mapping), ports kept; seen at a public IPv4 address
hairpin        does not work: this machine does not reach itself from outside
port mapping   UPnP: opens ports, at a public IPv4 address
port mapping   PCP: no answer
QUIC           its first packets get out, and answers come back
path MTU       1492 bytes to the server
clock          3 min 20 s behind the server's, give or take 12 ms"
        );
    }
}
