//! What the engine needs to know before it starts.

use std::path::PathBuf;
use std::time::Duration;

use fardrop_shared::pairing::Transports;

/// How an engine is to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Rendezvous servers as `host:port`; none means: serve our own, and look on this network.
    pub rendezvous: Vec<String>,
    /// Hosts by which the DHT is entered, as `host:port`; none means: those that are built in.
    pub dht_bootstrap: Vec<String>,
    /// What this machine is called towards peers.
    pub device: String,
    /// A fixed local UDP port for sessions, or any.
    pub port: Option<u16>,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Whether multicast DNS is used to be found and to find.
    pub mdns: bool,
    /// Whether routers are asked to open a port.
    pub port_mapping: bool,
    /// How long a path that was lost is looked for again.
    pub reconnect: Duration,
    /// What may carry a link.
    pub transports: Transports,
    /// The folder for what is remembered from one run to the next; nothing is, without one.
    pub memory: Option<PathBuf>,
}
