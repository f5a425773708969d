//! Bounds of Go-Back-N.

use std::time::Duration;

/// Bytes of the stream that Go-Back-N's receiver keeps for its reader, holes included: what a gigabit
/// carries in 100 ms. With [`GBN_SEND_BUFFER`] and the records of packets (5 MiB) a link stays under
/// 32 MiB a side, both ways busy.
pub const GBN_RECEIVE_WINDOW: u64 = 13 << 20;

/// Bytes of the stream that Go-Back-N's sender keeps until they are acknowledged: as many as the window.
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

/// Longest time between two of Go-Back-N's first packets.
pub const GBN_OPENING_INTERVAL_LAST: Duration = Duration::from_secs(1);

/// Longest time between two probes of a peer that does not acknowledge, unless the round trip is longer:
/// a path that comes back is noticed as soon.
pub const GBN_PROBE_LONGEST: Duration = Duration::from_secs(2);

/// Openings that an end of Go-Back-N remembers, so that none is answered twice: at one each 100 ms more than
/// come until both ends are connected.
pub const GBN_OPENINGS_REMEMBERED: usize = 16;

/// Most packets that a sender keeps account of, from the oldest whose account is open to the newest: three
/// times what a gigabit has in flight at 100 ms in packets of 1452, and less than
/// [`GBN_ARRIVALS_WINDOW`]. 40 bytes each.
pub const GBN_MAX_RECORDS: usize = 60_000;

/// How far below the newest packet number one is still taken in: more than a peer may have under way
/// ([`GBN_MAX_RECORDS`]), and with a piece of a run less than two bytes can say.
pub const GBN_ARRIVALS_WINDOW: u64 = 65_000;

/// Holes that may be in what has arrived of the stream; data that might make more of them is not taken.
pub const GBN_MAX_HOLES: usize = 16_384;

/// Longest piece of a run of packets that an acknowledgement names, in packets. The proof of a piece cannot be
/// divided, so the account of what has arrived ends at the border of a piece.
pub const GBN_RUN_PIECE: u64 = 256;

/// Most runs that an acknowledgement names beside data, or in the least datagram: at six bytes each they
/// leave room for data in 508, and mostly there are two.
pub const GBN_RUNS_BESIDE_DATA: usize = 32;

/// Most runs that an acknowledgement names in a datagram of the usual size that carries nothing else.
pub const GBN_RUNS_ALONE: usize = 150;

/// Packets that are acknowledged together, at most.
pub const GBN_ACKNOWLEDGED_TOGETHER: u32 = 10;

/// Packets that are acknowledged together at the beginning, while the peer feels its way.
pub const GBN_ACKNOWLEDGED_TOGETHER_AT_FIRST: u32 = 2;

/// Packets that count as the beginning of a connection.
pub const GBN_PACKETS_AT_FIRST: u64 = 100;

/// Packets that ask for no acknowledgement, after which there is one all the same with the next data, so
/// that the peer can forget them.
pub const GBN_UNASKED_TOGETHER: u32 = 64;

/// How long an acknowledgement may be held back; the peer counts on it. Short beside the round trips of long
/// lines, and ten packets take no longer from 12 Mbit/s on.
pub const GBN_ACK_DELAY: Duration = Duration::from_millis(10);

/// How long an acknowledgement may be held back once packets are missing, or marked by the network: their
/// sender should hear of it soon.
pub const GBN_ACK_DELAY_CONGESTED: Duration = Duration::from_millis(1);

/// Packets that a probe time-out sends (RFC 9002, section 6.2.4).
pub const GBN_PROBES: u8 = 2;
