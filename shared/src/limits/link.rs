//! Bounds of links.

use std::time::Duration;

/// How long QUIC has for its handshake, beside two round trips, over a path whose probes work: several
/// of its own repetitions on an ordinary line, and less than people notice as a pause.
pub const QUIC_PATIENCE: Duration = Duration::from_secs(1);

/// Longest control message of a link, in bytes. A page of an offer is the largest thing said there.
pub const CONTROL_MESSAGE_LIMIT: usize = 128 * 1024;

/// How long a link may take to come about over a path whose probes were answered: the patience with QUIC, and
/// Go-Back-N's first packets several times at the longest interval.
pub const LINK_PATIENCE: Duration = Duration::from_secs(10);

/// How long the peer may take to close a link that it has no more use for: longer than
/// [`CLOSE_PATIENCE`].
pub const PEER_CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// How long a link that was closed with more to say may take to tell the peer so: several round trips of the
/// longest line. The peer hears nothing after it.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// How long the close of a link on which everything was said may take to leave: no sound machine needs longer
/// to send a datagram. If it is lost, all that the peer misses is that it may forget the link.
pub const FAREWELL_LEAVES_WITHIN: Duration = Duration::from_millis(20);

/// Handshakes of QUIC that may wait at once at the side that accepts; one peer is expected.
pub const QUIC_INCOMING_LIMIT: usize = 4;

/// Data streams that a peer may open in QUIC: one is used, later versions may use more.
pub const QUIC_DATA_STREAMS: u32 = 8;

/// What may be unread of one of QUIC's streams, in bytes; it cannot be changed later. What is in flight is
/// bounded by the windows of the connection.
pub const QUIC_STREAM_WINDOW: u32 = 16 * 1024 * 1024;

/// Smallest receive and send window of a QUIC connection, in bytes: at 100 ms and 100 Mbit/s 1 MiB got 8.3,
/// 4 MiB 10.4 MB/s.
pub const QUIC_WINDOW_LEAST: u32 = 4 * 1024 * 1024;

/// Largest receive and send window of a QUIC connection, in bytes: on short paths 1 to 16 MiB cost the same,
/// and 64 MiB overran the socket buffers (11,500 packets lost) and the memory budget.
pub const QUIC_WINDOW_MOST: u32 = 16 * 1024 * 1024;
