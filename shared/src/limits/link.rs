//! Bounds of links.

use std::time::Duration;

/// How long QUIC has for its handshake, beside two round trips, over a path whose probes work: several
/// of its own repetitions on an ordinary line, and less than people notice as a pause.
pub const QUIC_PATIENCE: Duration = Duration::from_secs(1);

/// Bytes of the stream that Go-Back-N's receiver keeps for its reader, holes included: what a gigabit
/// carries in 100 ms. With [`GBN_SEND_BUFFER`] and the books of packets (5 MiB) a link stays under
/// 32 MiB a side, both ways busy.
pub const GBN_RECEIVE_WINDOW: u64 = 13 << 20;

/// Bytes of the stream that its sender keeps until they are acknowledged: as many.
pub const GBN_SEND_BUFFER: u64 = 13 << 20;

/// What Go-Back-N may have in flight before it knows anything, in bytes: as much as QUIC here. At 100 ms
/// it saves two round trips over ten packets (RFC 6928), and a line of 5 Mbit/s carries it in as long.
pub const GBN_INITIAL_WINDOW: u64 = 64_000;

/// The longest datagram that certainly passes, in bytes of UDP payload: what every IPv4 host takes in
/// (RFC 791: 576 bytes, of which headers take up to 68).
pub const GBN_LEAST_MTU: u16 = 508;

/// The longest datagram that is ever tried, in bytes of UDP payload: jumbo frames of 9,000 bytes.
pub const GBN_MOST_MTU: u16 = 8972;

/// Time to the second of Go-Back-N's first packets; it doubles from there.
pub const GBN_OPENING_INTERVAL_FIRST: Duration = Duration::from_millis(100);

/// The longest such time.
pub const GBN_OPENING_INTERVAL_LAST: Duration = Duration::from_secs(1);

/// Longest time between two probes of a peer that does not acknowledge, unless the round trip is longer:
/// a path that comes back is noticed as soon.
pub const GBN_PROBE_LONGEST: Duration = Duration::from_secs(2);

/// Longest control message of a link, in bytes. A page of an offer is the largest thing said there.
pub const CONTROL_MESSAGE_LIMIT: usize = 128 * 1024;

/// Most bytes of a channel in one frame of a stream that a link's channels share: what a transfer hands over
/// at once. What is longer is cut, so that a control message goes in between.
pub const MUX_FRAME_LIMIT: usize = 256 * 1024;

/// What may be unread on a shared stream's control channel, in bytes: two of the longest messages.
pub const MUX_CONTROL_WINDOW: u32 = 264 * 1024;

/// What may be unread of its data at the receiver of the files, in bytes: what a gigabit has in flight at a
/// round trip of 100 ms. With what the connection holds it stays under 32 MiB.
pub const MUX_DATA_WINDOW: u32 = 12 * 1024 * 1024;

/// What may be unread of its data at the sender of the files, to whom no files come, in bytes.
pub const MUX_DATA_WINDOW_BACK: u32 = 256 * 1024;

/// What the end of a data stream costs of the credit, in bytes: so ends, too, have a bound.
pub const MUX_END_COST: u32 = 4096;
