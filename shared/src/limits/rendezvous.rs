//! Bounds of finding a rendezvous.

/// The port of a rendezvous whose name has none.
pub const DEFAULT_PORT: u16 = 4840;

/// Ports that embedded servers of one machine try in turn, two apart since a server may use the next
/// one as well. More shares than this on one machine are found by multicast DNS.
pub const EMBEDDED_PORTS: [u16; 5] = [4840, 4842, 4844, 4846, 4848];
