//! Rendezvous servers: from the names people configure to addresses.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fardrop_shared::limits::{DEFAULT_PORT, EMBEDDED_PORTS};
use tokio::task::JoinSet;

/// How long all servers together may be silent before they count as unreachable, so that a person is told within
/// five seconds of the start.
pub(super) const SILENCE_PATIENCE: Duration = Duration::from_millis(4500);

/// How long a name may take to resolve. What is wrong has to be said within five seconds of the start,
/// and half of them are for asking the servers themselves.
const RESOLVE_DEADLINE: Duration = Duration::from_millis(2500);

/// Addresses of one name that are asked at most.
const ADDRESSES_LIMIT: usize = 4;

/// The addresses of a server named `host`, `host:port` or `[ipv6]:port`; none if the name does not
/// resolve. Without `ipv6`, IPv4 ones only.
pub(in crate::net) async fn resolve(name: &str, ipv6: bool) -> Vec<SocketAddr> {
    let with_port = if has_port(name) {
        name.to_owned()
    } else if name.parse::<Ipv6Addr>().is_ok() {
        format!("[{name}]:{DEFAULT_PORT}")
    } else {
        format!("{name}:{DEFAULT_PORT}")
    };
    let looked_up =
        tokio::time::timeout(RESOLVE_DEADLINE, tokio::net::lookup_host(with_port)).await;
    match looked_up {
        Ok(Ok(addresses)) => addresses
            .filter(|address| ipv6 || address.is_ipv4())
            .take(ADDRESSES_LIMIT)
            .collect(),
        Ok(Err(error)) => {
            tracing::debug!(name, %error, "rendezvous does not resolve");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// The addresses of several servers, looked up at once, in the order of their names.
pub(in crate::net) async fn resolve_all(
    names: Vec<String>,
    ipv6: bool,
) -> Vec<(String, Vec<SocketAddr>)> {
    let mut looking = JoinSet::new();
    for (index, name) in names.into_iter().enumerate() {
        looking.spawn(async move {
            let addresses = resolve(&name, ipv6).await;
            (index, name, addresses)
        });
    }
    let mut found = looking.join_all().await;
    found.sort_by_key(|(index, ..)| *index);
    let found = found.into_iter();
    found
        .map(|(_, name, addresses)| (name, addresses))
        .collect()
}

/// Where embedded servers of this very machine may listen.
pub(in crate::net) fn on_this_machine() -> impl Iterator<Item = SocketAddr> {
    EMBEDDED_PORTS
        .into_iter()
        .map(|port| (Ipv4Addr::LOCALHOST, port).into())
}

/// Whether a host is named with its port.
pub(super) fn has_port(name: &str) -> bool {
    if name.parse::<Ipv6Addr>().is_ok() {
        return false;
    }
    let after_host = name.rsplit_once(']').map_or(name, |(_, rest)| rest);
    after_host.contains(':')
}

#[cfg(test)]
mod tests {
    use super::has_port;

    #[test]
    fn a_port_is_told_from_an_ipv6_address() {
        for with in ["a.example:1", "1.2.3.4:5", "[::1]:6"] {
            assert!(has_port(with), "{with}");
        }
        for without in ["a.example", "1.2.3.4", "[::1]", "::1", "fe80::1"] {
            assert!(!has_port(without), "{without}");
        }
    }
}
