//! The doctor: finding out what this network allows, without a peer.
//!
//! Everything that does not need the answer of something else runs beside it, and all of it together is
//! bounded by [`DEADLINE`]. What the findings mean is decided in `shared::diagnosis`. The numbers in here are
//! local: how long a person waits.

mod far;
mod hairpin;
mod path_probe;

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fardrop_shared::diagnosis::{
    ClockSkew, Diagnosis, Hairpin, Ipv6, Mapping, NatReport, Quic, RouterAnswer, Scope,
    ServerReport, Sighting, mapping, port_sequence,
};
use tokio::task::JoinSet;

use crate::net::introduction::{TcpAnswer, resolve_all, tcp_check};
use crate::net::socket::{Interfaces, PeerSocket, Reflexive, ask_reflexive, local_address_towards};

pub use far::{FarExamination, diagnose_far};

/// How long all of it may take: a person waits. Names take 2.5 s of it at most.
const DEADLINE: Duration = Duration::from_millis(4800);

/// How long servers may take to say where they see a socket: four tries.
const REFLEXIVE_PATIENCE: Duration = Duration::from_millis(1500);

/// Addresses of servers that are asked at most: several servers, each over both families.
const SERVERS_LIMIT: usize = 8;

/// What to examine.
#[derive(Debug, Clone, Copy)]
pub struct Examination<'a> {
    /// Configured servers, `host:port`.
    pub servers: &'a [String],
    /// A fixed local port, or 0.
    pub port: u16,
    /// Whether IPv6 is used.
    pub ipv6: bool,
}

/// Examines this network. `ask_routers` asks them to open that local UDP port and gives what they said, or
/// `None` where it does not ask; what it has opened it closes again.
///
/// # Errors
/// What the system says when it refuses a socket.
pub async fn diagnose(
    examination: Examination<'_>,
    ask_routers: impl AsyncFnOnce(u16) -> Option<Vec<RouterAnswer>>,
) -> io::Result<Diagnosis> {
    let Examination { port, ipv6, .. } = examination;
    let deadline = Instant::now() + DEADLINE;
    let socket = match PeerSocket::bind(port, ipv6) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => {
            PeerSocket::bind(0, ipv6)?
        }
        bound => bound?,
    };
    let interfaces = Interfaces::read();
    let port = socket.port()?;
    let routers = tokio::time::timeout_at(deadline.into(), ask_routers(port));
    let (routers, survey) =
        tokio::join!(routers, survey(examination, &socket, &interfaces, deadline));
    let Survey {
        servers,
        unresolved,
        clock,
        findings,
    } = survey?;
    let reports = interfaces.reports();
    let addresses = reports
        .iter()
        .flat_map(|each| each.addresses.iter().copied());
    Ok(Diagnosis {
        ipv6: if ipv6 {
            ipv6_state(addresses, &servers)
        } else {
            Ipv6::Off
        },
        gateways: interfaces.gateways().map(|(_, gateway)| gateway).collect(),
        interfaces: reports,
        servers,
        unresolved,
        routers: routers.unwrap_or_default(),
        nat: findings.nat,
        quic: findings.quic,
        path_mtu: findings.path_mtu,
        clock,
    })
}

/// What servers say.
struct Survey {
    servers: Vec<ServerReport>,
    unresolved: Vec<String>,
    clock: Option<ClockSkew>,
    findings: Findings,
}

/// What datagrams say.
#[derive(Default)]
struct Findings {
    seen: Vec<Reflexive>,
    nat: NatReport,
    quic: Quic,
    path_mtu: Option<u16>,
}

async fn survey(
    examination: Examination<'_>,
    socket: &PeerSocket,
    interfaces: &Interfaces,
    deadline: Instant,
) -> io::Result<Survey> {
    let resolved = resolve_all(examination.servers.to_vec(), examination.ipv6).await;
    let mut targets = Vec::new();
    let mut unresolved = Vec::new();
    for (name, addresses) in resolved {
        if addresses.is_empty() {
            unresolved.push(name.clone());
        }
        targets.extend(addresses.into_iter().map(|address| (name.clone(), address)));
    }
    targets.truncate(SERVERS_LIMIT);
    let addresses: Vec<SocketAddr> = targets.iter().map(|(_, address)| *address).collect();
    let (answered, findings) = tokio::join!(
        check_all(&addresses, deadline),
        by_datagrams(socket, &addresses, interfaces, examination.ipv6, deadline)
    );
    let findings = findings?;
    let servers = targets
        .into_iter()
        .map(|(name, address)| {
            let seen = findings.seen.iter().find(|seen| seen.server == address);
            ServerReport {
                name,
                address: address.ip(),
                udp: seen.is_some(),
                tcp: answered.iter().any(|(server, _)| *server == address),
                round_trip: seen.and_then(|seen| seen.round_trip),
            }
        })
        .collect();
    Ok(Survey {
        servers,
        unresolved,
        clock: answered.first().and_then(|(_, answered)| skew(answered)),
        findings,
    })
}

/// The servers that say their line, the quickest first.
async fn check_all(servers: &[SocketAddr], deadline: Instant) -> Vec<(SocketAddr, TcpAnswer)> {
    let mut asking = JoinSet::new();
    for &server in servers {
        asking.spawn(async move { (server, tcp_check(server).await) });
    }
    let mut answered = Vec::new();
    while let Ok(Some(ended)) = tokio::time::timeout_at(deadline.into(), asking.join_next()).await {
        if let Ok((server, Some(one))) = ended {
            answered.push((server, one));
        }
    }
    answered
}

fn skew(answered: &TcpAnswer) -> Option<ClockSkew> {
    let here = answered.at.duration_since(UNIX_EPOCH).ok()?;
    let here_ms = u64::try_from(here.as_millis()).ok()?;
    // The line was made when the connection was, half a round trip before it came.
    Some(ClockSkew::new(
        answered.line.unix_ms,
        here_ms,
        answered.round_trip,
    ))
}

async fn by_datagrams(
    socket: &PeerSocket,
    servers: &[SocketAddr],
    interfaces: &Interfaces,
    ipv6: bool,
    deadline: Instant,
) -> io::Result<Findings> {
    let until = deadline.min(Instant::now() + REFLEXIVE_PATIENCE);
    let seen = ask_reflexive(socket, servers, until).await?;
    let first = |v4: bool| seen.iter().find(|each| each.server.is_ipv4() == v4);
    let (v4, v6) = (first(true), first(false));
    let nat = async {
        match v4 {
            Some(server) => examine_nat(socket, &seen, server, deadline).await,
            None => Ok(NatReport::default()),
        }
    };
    let path = async {
        match v4.or(v6) {
            Some(server) => path_probe::probe(server, interfaces, ipv6, deadline)
                .await
                .map(Some),
            None => Ok(None),
        }
    };
    let (nat, path) = tokio::join!(nat, path);
    let (nat, path) = (nat?, path?);
    Ok(Findings {
        seen,
        nat,
        quic: path.map_or(Quic::Untested, |path| path.quic),
        path_mtu: path.map(|path| path.mtu),
    })
}

/// Looks at the NAT with a second socket: which ports it gives out, and whether the two meet outside.
async fn examine_nat(
    socket: &PeerSocket,
    seen: &[Reflexive],
    server: &Reflexive,
    deadline: Instant,
) -> io::Result<NatReport> {
    let second = PeerSocket::bind_ipv4()?;
    let until = deadline.min(Instant::now() + REFLEXIVE_PATIENCE);
    let seen_of_second = ask_reflexive(&second, &[server.server], until).await?;
    let v4 = seen.iter().filter(|each| each.server.is_ipv4());
    let of_first = sightings(v4, socket.port()?);
    let of_second = sightings(seen_of_second.iter(), second.port()?);
    let mapping = mapping(&of_first);
    let both: Vec<Sighting> = of_first.iter().chain(&of_second).copied().collect();
    let hairpin = match (mapping, of_second.first()) {
        (Mapping::EndpointIndependent, Some(other)) => {
            let outside = [of_first[0].seen, other.seen];
            hairpin::test([socket, &second], outside, deadline).await?
        }
        (
            Mapping::NoNat
            | Mapping::EndpointIndependent
            | Mapping::AddressDependent
            | Mapping::AddressAndPortDependent
            | Mapping::Unknown,
            _,
        ) => Hairpin::Untested,
    };
    Ok(NatReport {
        mapping,
        ports: port_sequence(&both),
        hairpin,
        outside: of_first.first().map(|sighting| sighting.seen.ip()),
    })
}

/// What was seen of a socket with that port.
fn sightings<'a>(seen: impl Iterator<Item = &'a Reflexive>, port: u16) -> Vec<Sighting> {
    seen.filter_map(|seen| {
        let local = local_address_towards(seen.server)?;
        Some(Sighting {
            local: SocketAddr::new(local.to_canonical(), port),
            server: seen.server,
            seen: seen.address,
        })
    })
    .collect()
}

fn ipv6_state(addresses: impl Iterator<Item = IpAddr>, servers: &[ServerReport]) -> Ipv6 {
    let mut asked = servers
        .iter()
        .filter(|server| server.address.is_ipv6() && Scope::of(server.address) == Scope::Global)
        .peekable();
    let was_asked = asked.peek().is_some();
    if asked.any(|server| server.udp) {
        return Ipv6::Works;
    }
    let mut global = addresses.filter(|ip| ip.is_ipv6() && Scope::of(*ip) == Scope::Global);
    if global.next().is_none() {
        return Ipv6::NoAddress;
    }
    // An address that nobody has (RFC 3849) takes the default route, and nothing is sent there.
    let anywhere = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9));
    if was_asked || local_address_towards(anywhere).is_none() {
        Ipv6::NoWayOut
    } else {
        Ipv6::Untested
    }
}
