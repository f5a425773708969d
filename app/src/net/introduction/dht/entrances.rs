//! Addresses by which a client enters the DHT that knows nobody there.

use std::net::{Ipv6Addr, SocketAddr};

use fardrop_shared::limits::DHT_MAX_ENTRANCES;

use crate::net::introduction::servers::{has_port, resolve_all};

/// The port of a host that is named without.
const DEFAULT_PORT: u16 = 6881;

/// Hosts that are there for it, where the settings name none: of six operators, in no order. Each alone is enough.
const HOSTS: [&str; 6] = [
    "dht.libtorrent.org:25401",
    "router.bittorrent.com:6881",
    "dht.transmissionbt.com:6881",
    "relay.pkarr.org:6881",
    "router.silotis.us:6881",
    "dht.anacrolix.link:42069",
];

/// What the names of hosts have led to.
#[derive(Debug)]
pub(in crate::net) struct Entrances {
    /// Names that were looked up.
    pub(in crate::net) names: usize,
    /// Of these, those that lead to no address.
    pub(in crate::net) unresolved: usize,
    /// The addresses.
    pub(in crate::net) addresses: Vec<SocketAddr>,
}

/// Looks up the hosts of the settings, or those that are built in.
pub(in crate::net) async fn entrances(hosts: &[String], ipv6: bool) -> Entrances {
    let built_in = HOSTS.map(str::to_owned);
    let hosts = if hosts.is_empty() {
        &built_in[..]
    } else {
        hosts
    };
    let names = hosts.iter().map(|host| with_port(host)).collect();
    let resolved = resolve_all(names, ipv6).await;
    let unresolved = resolved.iter().filter(|(_, found)| found.is_empty());
    let unresolved = unresolved.count();
    let names = resolved.len();
    let mut addresses: Vec<SocketAddr> =
        resolved.into_iter().flat_map(|(_, found)| found).collect();
    addresses.truncate(DHT_MAX_ENTRANCES);
    Entrances {
        names,
        unresolved,
        addresses,
    }
}

fn with_port(host: &str) -> String {
    if has_port(host) {
        host.to_owned()
    } else if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]:{DEFAULT_PORT}")
    } else {
        format!("{host}:{DEFAULT_PORT}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_without_a_port_has_the_usual_one() {
        let hosts = ["127.0.0.1", "127.0.0.1:7", "::1", "[::1]:9"].map(str::to_owned);
        let found = entrances(&hosts, true).await;
        let expected = ["127.0.0.1:6881", "127.0.0.1:7", "[::1]:6881", "[::1]:9"];
        let expected = expected.map(|address| address.parse().expect("an address"));
        assert_eq!((found.names, found.unresolved), (4, 0));
        assert_eq!(found.addresses, expected);
        assert_eq!(entrances(&hosts, false).await.addresses, expected[..2]);
    }
}
