//! Addresses by which a client enters the DHT that knows nobody there.

use std::net::SocketAddr;

use fardrop_shared::limits::DHT_MAX_ENTRANCES;

use crate::net::introduction::servers::resolve_all;

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
    let names = if hosts.is_empty() {
        HOSTS.map(str::to_owned).to_vec()
    } else {
        hosts.to_vec()
    };
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
