//! Bounds of pairing.

use std::time::Duration;

use super::{ANNOUNCE_OVERHEAD_BYTES, MAX_PAIRING_DATAGRAM_BYTES};

/// Wrong guesses after which a code is dead, and tries that a receiver gives a code.
pub const MAX_ATTEMPTS: u8 = 3;

/// Longest pairing message, in bytes: each travels as the payload of an announcement.
pub const MAX_PAIRING_PAYLOAD_BYTES: usize = MAX_PAIRING_DATAGRAM_BYTES - ANNOUNCE_OVERHEAD_BYTES;

/// A hello's fixed size before it is sealed, in bytes: what is left of the longest message, the receiver's, beside
/// its share, its tags and what it can do; and the length must say nothing of what is inside. There is room for a
/// fingerprint, a device name and 20 IPv6 addresses of one network, or ten that have nothing in common.
pub const HELLO_BYTES: usize = 316;

/// Longest device name, in bytes.
pub const MAX_DEVICE_BYTES: usize = 64;

/// Receivers that one share keeps track of at once, whatever has become of them: what a table of a
/// kilobyte each may cost, and more than a person sends to.
pub const MAX_RUNS: usize = 64;

/// How long a sender's caller may take for a hello once a receiver has proved itself, and how long a share is kept for
/// a receiver that came for one that was used: several announcements at one a second, a restart of the
/// rendezvous between them.
pub const RUN_PATIENCE: Duration = Duration::from_secs(10);

/// How long a receiver waits for its own hello, and for the sender's answer to its proof.
pub const RECEIVER_PATIENCE: Duration = Duration::from_secs(25);

/// How long the last word to a receiver is kept and repeated: as long as the receiver listens.
pub const ANSWER_KEPT: Duration = RECEIVER_PATIENCE;
