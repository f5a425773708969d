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
/// candidates, what the NAT does and a device name come to 544, and the length must say nothing of what
/// is inside.
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

/// Addresses learned from a peer's own probes (peer-reflexive) that are probed as well.
pub const MAX_PEER_REFLEXIVE: usize = 10;

/// Links on which a peer's link-local address is tried: a machine has one or two that are up.
pub const MAX_LINK_SCOPES: usize = 4;

/// Ports tried of a NAT that maps in sequence, from the last one seen: enough for the mappings that its
/// owner's own probes make on the way, on a quiet network.
pub const PREDICTED_PORTS: u16 = 16;

/// Largest step between two ports of a sequence that is believed.
pub const PORT_STEP_LIMIT: i32 = 16;

/// Least time between two checks, whatever their targets (RFC 8445, section 14.2, its lower bound).
pub const CHECK_PACE: Duration = Duration::from_millis(5);

/// Time to the second check of one address; it doubles from there.
pub const CHECK_INTERVAL_FIRST: Duration = Duration::from_millis(50);

/// Longest time between two checks of one address.
pub const CHECK_INTERVAL_LAST: Duration = Duration::from_millis(500);

/// Checks to one address. With the intervals above this fills [`PATH_DEADLINE`].
pub const MAX_CHECKS_PER_ADDRESS: usize = 14;

/// Checks in all, to whatever addresses, many-port punching aside: what a hostile peer can make us send.
pub const MAX_CHECKS: usize = 400;

/// How long the sender waits for a better kind of path once one works: a better one is mostly quicker,
/// and its checks went out first.
pub const NOMINATION_GRACE: Duration = Duration::from_millis(25);

/// How often a nomination is repeated before another path is looked for.
pub const MAX_NOMINATIONS: usize = 8;

/// How long a path is looked for. A person is told why there is none within five seconds.
pub const PATH_DEADLINE: Duration = Duration::from_millis(4500);

/// The same where both NATs map per destination, nothing can be predicted, and no address of another
/// kind stands open: time for a machine of the same network, or behind a tunnel, to answer.
pub const HOPELESS_DEADLINE: Duration = Duration::from_millis(800);

/// When many-port punching begins: ordinary checks have mostly answered by then.
pub const MANY_PORT_DELAY: Duration = Duration::from_millis(300);

/// The same where the ports are in sequence, which predicting them mostly settles.
pub const MANY_PORT_DELAY_SEQUENTIAL: Duration = Duration::from_millis(900);

/// Sockets on the side whose NAT maps per destination. With [`MANY_PORT_PROBES`] from the other side the
/// two miss each other once in three thousand times: (1 - 256/64512)^2000.
pub const MANY_PORT_SOCKETS: u16 = 256;

/// Probes to random ports of that NAT, at most.
pub const MANY_PORT_PROBES: usize = 2000;

/// How often each of the sockets sends: once to make its mapping, and again in case that was lost.
pub const MANY_PORT_ROUNDS: usize = 2;

/// Least time between two packets of many-port punching, either side: 1,000 a second.
pub const MANY_PORT_PACE: Duration = Duration::from_millis(1);

/// When two that have not found a path yet begin to tell each other at the rendezvous what they have
/// learned since: a search that ends sooner needs nobody else.
pub const TRICKLE_AFTER: Duration = Duration::from_secs(1);

/// Longest time for which nothing is sent over a path: under the five seconds after which the most
/// impatient NATs drop a mapping.
pub const KEEP_ALIVE_LONGEST: Duration = Duration::from_secs(4);

/// The same on a path that such a silence has broken: no NAT that anybody can use is quicker.
pub const KEEP_ALIVE_SHORTEST: Duration = Duration::from_secs(1);

/// How long an answer may be overdue before it is asked for, and at least twice the round-trip time.
pub const SUSPECT_AFTER: Duration = Duration::from_millis(200);

/// How long the path may then stay silent before it counts as lost, and at least three times the
/// round-trip time.
pub const LOST_AFTER: Duration = Duration::from_millis(300);

/// Probes that may go unanswered on a path on which something is heard all the same. They follow one
/// another after [`KEEP_ALIVE_SHORTEST`], long enough for the fullest queue; ten seconds after the last
/// answer a path is lost whatever is heard.
pub const MAX_PROOFS: u32 = 6;

/// How often a path with traffic is looked at, and one without.
pub const UPKEEP_TICK: Duration = Duration::from_millis(100);

/// See [`UPKEEP_TICK`].
pub const UPKEEP_TICK_IDLE: Duration = Duration::from_millis(500);

/// Time between probes of a path that was lost: as long as it has been lost, within these.
pub const DISTRESS_INTERVAL_FIRST: Duration = Duration::from_millis(200);

/// See [`DISTRESS_INTERVAL_FIRST`].
pub const DISTRESS_INTERVAL_LAST: Duration = Duration::from_secs(2);

/// Time from a search for a lost path that came to nothing to the next; it doubles.
pub const ROUND_PAUSE_FIRST: Duration = Duration::from_millis(500);

/// The longest such time.
pub const ROUND_PAUSE_LAST: Duration = Duration::from_secs(4);

/// How long QUIC has for its handshake, beside two round trips, over a path whose probes work: several
/// of its own repetitions on an ordinary line, and less than people notice as a pause.
pub const QUIC_PATIENCE: Duration = Duration::from_secs(1);

/// Longest component of a name, in bytes of UTF-8 (ext4, APFS), and also in UTF-16 units (NTFS).
pub const MAX_COMPONENT_BYTES: usize = 255;

/// Longest name, in bytes: PATH_MAX on Linux.
pub const MAX_NAME_BYTES: usize = 4096;

/// Deepest name, in components: far deeper than people go, and it bounds the work for each name.
pub const MAX_NAME_DEPTH: usize = 128;

/// Most files and folders of an offer, those on the way to a file included: their hashes, at some
/// 16 bytes for a file and 32 for a folder, stay within half of the 64 MiB that a transfer may use.
pub const MAX_OFFER_NAMES: usize = 1_000_000;

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
