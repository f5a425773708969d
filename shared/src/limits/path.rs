//! Bounds of finding a path and keeping it.

use std::time::Duration;

/// Most candidates that a peer may name: a machine with more addresses than that chooses.
pub const MAX_CANDIDATES: usize = 20;

/// Addresses that the peer may name in all, those that come later and those that are worked out from what
/// it says included.
pub const MAX_NAMED_PAIRS: usize = MAX_CANDIDATES * 2 + MAX_LINK_SCOPES + PREDICTED_PORTS as usize;

/// Addresses learned from a peer's own probes (peer-reflexive) that are probed as well.
pub const MAX_PEER_REFLEXIVE: usize = 10;

/// Links on which a peer's link-local address is tried: a machine has one or two that are up.
pub const MAX_LINK_SCOPES: usize = 4;

/// Ports tried of a NAT that maps in sequence, from the last one seen: enough for the mappings that its
/// owner's own probes make on the way, on a quiet network.
pub const PREDICTED_PORTS: u16 = 16;

/// Largest step between two ports of a sequence that is believed.
pub const PORT_STEP_LIMIT: i32 = 16;

/// Fewest mappings that make a sequence.
pub const PORT_SAMPLES_NEEDED: usize = 4;

/// Mappings of others that may lie between two of ours, and one: a quiet home has few.
pub const PORTS_SKIPPED_LIMIT: u8 = 4;

/// Least time between two checks, whatever their targets (RFC 8445, section 14.2, its lower bound).
pub const CHECK_PACE: Duration = Duration::from_millis(5);

/// Time to the second check of one address; it doubles from there.
pub const CHECK_INTERVAL_FIRST: Duration = Duration::from_millis(50);

/// Longest time between two checks of one address.
pub const CHECK_INTERVAL_LAST: Duration = Duration::from_millis(500);

/// Checks to one address. With the intervals above this fills [`PATH_DEADLINE`].
pub const MAX_CHECKS_PER_ADDRESS: usize = 14;

/// Checks in all, to whatever addresses, many-port punching aside: what a hostile peer can make us send, over all
/// the searches of one pairing. Two that can meet need a tenth of it for a search.
pub const MAX_CHECKS: usize = 400;

/// How long a path that was proved must have carried before its loss is worth another [`MAX_CHECKS`] and
/// [`MANY_PORT_PROBES`]: what a peer that does nothing else can make us send is then 80 probes a second, less than
/// any ordinary traffic.
pub const BUDGET_RENEWED_AFTER: Duration = Duration::from_secs(30);

/// Probes whose answer is waited for; older ones are forgotten. More than all that are sent while a path is
/// looked for.
pub const MAX_OUTSTANDING_PROBES: usize = 4096;

/// How far behind the newest number of a probe one may be and still be new: more than many-port punching
/// sends, since its probes and those of the other kinds overtake one another.
pub const PROBE_REPLAY_WINDOW: u64 = 4096;

/// How long the sender waits for a better kind of path once one works: a better one is mostly quicker,
/// and its checks went out first.
pub const NOMINATION_GRACE: Duration = Duration::from_millis(25);

/// How often a nomination is repeated before another path is looked for.
pub const MAX_NOMINATIONS: usize = 8;

/// Nominations after which a pair that was only heard gives way to one that is proved, though of a lesser
/// kind: two intervals, 150 ms, have then gone by.
pub const NOMINATIONS_IN_VAIN: usize = 3;

/// How long a path is looked for. A person is told why there is none within five seconds.
pub const PATH_DEADLINE: Duration = Duration::from_millis(4500);

/// How long a path is looked for where both NATs map per destination, nothing can be predicted, and no
/// address of another kind stands open: time for a machine of the same network, or behind a tunnel, to
/// answer.
pub const HOPELESS_DEADLINE: Duration = Duration::from_millis(800);

/// When many-port punching begins: ordinary checks have mostly answered by then.
pub const MANY_PORT_DELAY: Duration = Duration::from_millis(300);

/// When many-port punching begins where the ports are in sequence, which predicting them mostly settles.
pub const MANY_PORT_DELAY_SEQUENTIAL: Duration = Duration::from_millis(900);

/// Sockets on the side whose NAT maps per destination. With [`MANY_PORT_PROBES`] from the other side the
/// two miss each other once in three thousand times: (1 - 256/64512)^2000.
pub const MANY_PORT_SOCKETS: u16 = 256;

/// Probes of many-port punching, at most: to random ports of that NAT, or from this one's; over all the searches of
/// one pairing.
pub const MANY_PORT_PROBES: usize = 2000;

/// How often each of the sockets sends: once to make its mapping, and again in case that was lost.
pub const MANY_PORT_ROUNDS: usize = 2;

/// Least time between two packets of many-port punching, either side: 1,000 a second.
pub const MANY_PORT_PACE: Duration = Duration::from_millis(1);

/// Packets of many-port punching sent at one call, at most: a driver that comes late may catch up a little.
pub const MANY_PORT_BURST: u32 = 8;

/// When two that have not found a path yet begin to tell each other at the rendezvous what they have
/// learned since: a search that ends sooner needs nobody else.
pub const TRICKLE_AFTER: Duration = Duration::from_secs(1);

/// Longest time for which nothing is sent over a path: under the five seconds after which the most
/// impatient NATs drop a mapping.
pub const KEEP_ALIVE_LONGEST: Duration = Duration::from_secs(4);

/// Shortest time to which [`KEEP_ALIVE_LONGEST`] falls on a path that a silence has broken: no NAT that
/// anybody can use is quicker.
pub const KEEP_ALIVE_SHORTEST: Duration = Duration::from_secs(1);

/// How long an answer may be overdue before it is asked for, and at least [`SUSPECT_AFTER_ROUND_TRIPS`].
pub const SUSPECT_AFTER: Duration = Duration::from_millis(200);

/// Round trips that an answer may be overdue: one for the answer, and one for what holds it up.
pub const SUSPECT_AFTER_ROUND_TRIPS: u32 = 2;

/// How long the path may then stay silent before it counts as lost, and at least
/// [`LOST_AFTER_ROUND_TRIPS`].
pub const LOST_AFTER: Duration = Duration::from_millis(300);

/// Round trips that the path may stay silent while it is probed: one for each of [`LOST_AFTER_PROBES`].
pub const LOST_AFTER_ROUND_TRIPS: u32 = LOST_AFTER_PROBES;

/// Probes that must have gone unanswered before a path is lost: of three, chance hardly loses all.
pub const LOST_AFTER_PROBES: u32 = 3;

/// Round-trip time assumed until one was measured. RFC 9002, section 6.2.2, has 333 ms for hosts it knows
/// nothing about; these two have just talked over a rendezvous.
pub const ASSUMED_ROUND_TRIP: Duration = Duration::from_millis(100);

/// Probes that may go unanswered on a path on which something is heard all the same. They follow one
/// another after [`KEEP_ALIVE_SHORTEST`], long enough for the fullest queue; ten seconds after the last
/// answer a path is lost whatever is heard.
pub const MAX_PROOFS: u32 = 6;

/// How often a path with traffic is looked at.
pub const UPKEEP_TICK: Duration = Duration::from_millis(100);

/// How often a path without traffic is looked at; one counts as without after two such times.
pub const UPKEEP_TICK_IDLE: Duration = Duration::from_millis(500);

/// Shortest time between probes of a path that was lost; it grows with the time for which it has been lost.
pub const DISTRESS_INTERVAL_FIRST: Duration = Duration::from_millis(200);

/// Longest time between probes of a path that was lost.
pub const DISTRESS_INTERVAL_LAST: Duration = Duration::from_secs(2);

/// Time from a search for a lost path that came to nothing to the next; it doubles.
pub const ROUND_PAUSE_FIRST: Duration = Duration::from_millis(500);

/// Longest time from one such search to the next.
pub const ROUND_PAUSE_LAST: Duration = Duration::from_secs(4);
