//! Bounds of pairing.

use std::time::Duration;

use super::MAX_RENDEZVOUS_PAYLOAD_BYTES;

/// Wrong guesses after which a code is dead, and tries that a receiver gives a code.
pub const MAX_ATTEMPTS: u8 = 3;

/// Longest pairing message, in bytes: each travels as the payload of an announcement.
pub const MAX_PAIRING_PAYLOAD_BYTES: usize = MAX_RENDEZVOUS_PAYLOAD_BYTES;

/// A hello's fixed size before it is sealed, in bytes: a fingerprint, [`MAX_CANDIDATES`](super::MAX_CANDIDATES)
/// IPv6 candidates, what the NAT does and a device name come to 544, and the length must say nothing of what
/// is inside.
pub const HELLO_BYTES: usize = 576;

/// Longest device name, in bytes.
pub const MAX_DEVICE_BYTES: usize = 64;

/// Receivers that one share keeps track of at once, whatever has become of them: what a table of a
/// kilobyte each may cost, and more than a person sends to.
pub const MAX_RUNS: usize = 64;

/// How long a sender waits for a receiver's answer to its share of the key, and then for its own
/// hello: several announcements at one a second, a restart of the rendezvous between them.
pub const RUN_PATIENCE: Duration = Duration::from_secs(10);

/// How long a receiver waits for each of the sender's answers: the sender may be waiting on
/// [`MAX_ATTEMPTS`] others, [`RUN_PATIENCE`] each at the same time.
pub const RECEIVER_PATIENCE: Duration = Duration::from_secs(25);

/// How long a receiver that has to wait is taken to be there after it was last heard: a few of its
/// announcements, at one a second, may be lost.
pub const WAITING_FRESH: Duration = Duration::from_secs(5);

/// How long the last word to a receiver is kept and repeated: as long as the receiver listens.
pub const ANSWER_KEPT: Duration = RECEIVER_PATIENCE;
