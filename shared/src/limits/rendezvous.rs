//! Bounds of the rendezvous: its ports and datagrams, its client, and what a client may rely on at any server.

use std::time::Duration;

/// The port of a rendezvous whose name has none.
pub const DEFAULT_PORT: u16 = 4840;

/// Ports that embedded servers of one machine try in turn, two apart since a server may use the next
/// one as well. More shares than this on one machine are found by multicast DNS.
pub const EMBEDDED_PORTS: [u16; 5] = [4840, 4842, 4844, 4846, 4848];

/// The longest datagram of the rendezvous, either way, in bytes: what every IPv6 path carries, less room for
/// tunnels.
pub const MAX_RENDEZVOUS_DATAGRAM_BYTES: usize = 1200;

/// The longest payload of an announcement that a server takes, in bytes: what such a datagram has room for, rounded
/// down. Pairing says less ([`MAX_PAIRING_DATAGRAM_BYTES`]).
pub const MAX_RENDEZVOUS_PAYLOAD_BYTES: usize = 1000;

/// The longest datagram of a pairing, in bytes: what an IPv4 packet of 576 bytes, which every host takes (RFC 791), has
/// room for behind its longest usual headers, 20 and 8. Some routers drop what is longer without a word.
pub const MAX_PAIRING_DATAGRAM_BYTES: usize = 548;

/// What an announcement adds to its payload at most, in bytes: header 14, cookie 16, locator 5, side 1, pairing id and
/// owner 32, the receiver that it is for 17, last 1, revision 5, length 2.
pub const ANNOUNCE_OVERHEAD_BYTES: usize = 93;

/// The longest that a sender may say to anybody and have it told to whoever asks, in bytes.
pub const MAX_OPEN_PAYLOAD_BYTES: usize = 160;

/// How long a question and the answer to it are, in bytes, whatever they say: the answer with the longest payload and an
/// IPv6 address comes to 215.
pub const QUESTION_BYTES: usize = 224;

/// How long a client's `Hello` is, in bytes: no shorter than the longest `Cookie`, so that answering
/// amplifies nothing.
pub const RENDEZVOUS_HELLO_BYTES: usize = 64;

/// The longest line of a TCP check that is read, in bytes, its end included: the longest there can be has 29.
pub const MAX_TCP_CHECK_BYTES: usize = 32;

/// How long a server keeps what was announced after it was last heard: clients repeat themselves every
/// [`ANNOUNCE_INTERVAL`], and many repetitions in a row may be lost.
pub const ANNOUNCEMENT_LIFETIME: Duration = Duration::from_secs(30);

/// How long a server makes cookies under one key; a cookie is good for one to two times as long. A client
/// renews its own every [`COOKIE_REFRESH`], and one that was seen on the wire dies soon.
pub const COOKIE_SLOT: Duration = Duration::from_secs(120);

/// Receivers that a server holds for one locator: a person rarely sends to more at once, and each makes the
/// server send a datagram when the sender speaks to all.
pub const MAX_RECEIVERS_PER_LOCATOR: usize = 32;

/// How many announcements a client repeats at once: twice what a server holds for one locator, so that
/// runs that have ended need not be withdrawn in a hurry.
pub const MAX_ANNOUNCEMENTS: usize = 2 * MAX_RECEIVERS_PER_LOCATOR;

/// Most parties of whom a client remembers what they last said: as many as can be answered.
pub const MAX_SEEN_PARTIES: usize = MAX_ANNOUNCEMENTS;

/// How many events of a client wait for the caller, who takes them after every input; one input gives three
/// at most.
pub const MAX_CLIENT_EVENTS: usize = 64;

/// The first wait for a server's answer, unless the round trip is known to be longer: most are under it.
pub const ANSWER_WAIT_FIRST: Duration = Duration::from_millis(200);

/// The longest wait for an answer, and how often what was answered is announced again. A server that was
/// restarted is found again within it, and [`ANNOUNCEMENT_LIFETIME`] forgives many losses.
pub const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(1);

/// By how much each wait of a client is made longer or shorter at random, in percent, so that clients that
/// lost the server together do not return as one.
pub const JITTER_PERCENT: u32 = 10;

/// How long a server may leave everything unanswered before it is called silent: some four tries.
pub const SERVER_SILENCE: Duration = Duration::from_millis(1500);

/// How often a client asks for its cookie and its address anew: well within [`COOKIE_SLOT`], and within the
/// shortest time for which a NAT should keep a mapping (RFC 4787, REQ-5: two minutes).
pub const COOKIE_REFRESH: Duration = Duration::from_secs(30);

/// How soon after a cookie another may be asked for because announcements go unanswered: a server that
/// gives cookies and drops announcements is over a bound, and asking more does not help it.
pub const COOKIE_PAUSE: Duration = Duration::from_millis(500);

/// After how many unanswered `Hello`s a cookie is taken to have died with its server.
pub const COOKIE_TRIES: u32 = 3;

/// How long a server that does not speak the client's version is left alone.
pub const VERSION_PAUSE: Duration = Duration::from_secs(10);
