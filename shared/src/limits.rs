//! Every bound of the protocol, with its unit and its reason.

use std::time::Duration;

/// Fewest secret words of a code: two are 20.7 bits, and three tries each way leave a guesser fewer
/// than 4 chances in a million.
pub const MIN_WORDS: usize = 2;

/// Most secret words of a code: 82.7 bits, more than anybody can use against three tries.
pub const MAX_WORDS: usize = 8;

/// Longest code that is looked at, in bytes as typed: 8 words of 10 letters, a locator and the
/// longest host name come to under 400.
pub const MAX_CODE_BYTES: usize = 512;

/// Longest host name, in bytes (RFC 1035, section 2.3.4).
pub const MAX_HOST_BYTES: usize = 253;

/// Wrong guesses after which a code is dead, and tries that a receiver gives a code.
pub const MAX_ATTEMPTS: u8 = 3;

/// Longest pairing payload, in bytes: what is left of a datagram of 1200 for the announcement
/// around it.
pub const MAX_PAIRING_PAYLOAD_BYTES: usize = 1000;

/// A hello's fixed size before it is sealed, in bytes: a fingerprint, [`MAX_CANDIDATES`] IPv6
/// candidates and a device name come to 520, and the length must say nothing of what is inside.
pub const HELLO_BYTES: usize = 576;

/// Most candidates that a peer may name: a machine with more addresses than that chooses.
pub const MAX_CANDIDATES: usize = 20;

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

/// Longest component of a name, in bytes of UTF-8 (ext4, APFS), and also in UTF-16 units (NTFS).
pub const MAX_COMPONENT_BYTES: usize = 255;

/// Longest name, in bytes: PATH_MAX on Linux.
pub const MAX_NAME_BYTES: usize = 4096;

/// Deepest name, in components: far deeper than people go, and it bounds the work for each name.
pub const MAX_NAME_DEPTH: usize = 128;

/// Most files and folders of an offer, those on the way to a file included: their hashes, at some
/// 16 bytes for a file and 32 for a folder, stay within half of the 64 MiB that a transfer may use.
pub const MAX_OFFER_NAMES: usize = 1_000_000;
