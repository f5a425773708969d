//! What the two ends of a link know of each other before there is one.

use fardrop_shared::gbn::Keys;
use fardrop_shared::{Role, Transports};

use super::tls::Identity;

/// What makes the connection between the two people's apps, and no other, acceptable.
#[derive(Debug)]
pub struct Credentials {
    /// Which side this is.
    pub role: Role,
    /// Our certificate.
    pub identity: Identity,
    /// SHA-256 of the peer's, from its sealed hello.
    pub peer_fingerprint: [u8; 32],
    /// The key from the pairing that proofs are made with.
    pub binding_key: [u8; 32],
    /// The keys from the pairing for Go-Back-N.
    pub go_back_n: Keys,
    /// What both sides allow.
    pub transports: Transports,
}
