//! Bounds of the client of the DHT (BEP 5, 32, 42, 43, 44): what is sent to its nodes, and what is believed of
//! their answers.

use std::time::Duration;

/// Nodes next to a target that a search has to hear, and at which an item is put: `k` of BEP 5.
pub const DHT_NEAREST: usize = 8;

/// Questions of one search that are under way and not yet late: Kademlia's alpha.
pub const DHT_ABREAST: usize = 3;

/// Questions of one search that are under way in all, late ones included: where most nodes are silent, a search
/// goes on beside them.
pub const DHT_SEARCH_CALLS: usize = 4 * DHT_ABREAST;

/// Questions of a client that are under way in all. More wait for a place.
pub const DHT_MAX_CALLS: usize = 48;

/// Searches and puts of a client that run at once.
pub const DHT_MAX_TASKS: usize = 8;

/// Addresses that one search asks at most. On the public network, of some ten million nodes, a search takes 20
/// to 60; the rest is for those who name nodes that are none.
pub const DHT_MAX_ASKED: usize = 160;

/// Nodes of each sort (with an id that suits their address, and others) that a search keeps in mind to ask.
pub const DHT_MAX_CANDIDATES: usize = 48;

/// Nodes of one answer and one family that are taken in: what BEP 5 has a node say.
pub const DHT_MAX_NAMED: usize = 8;

/// Addresses with no known id that a client is started with: a few operators, each with several.
pub const DHT_MAX_ENTRANCES: usize = 24;

/// Nodes of one IP address in one search: behind one address there may be two people, and a liar has many
/// names.
pub const DHT_MAX_PER_ADDRESS: usize = 2;

/// How long a search may take before it ends with what it has.
pub const DHT_SEARCH_TIME: Duration = Duration::from_secs(15);

/// The wait for an answer before any round trip is known.
pub const DHT_WAIT_FIRST: Duration = Duration::from_millis(600);

/// The shortest wait for an answer: many nodes are busy with other things.
pub const DHT_WAIT_LEAST: Duration = Duration::from_millis(200);

/// The longest wait for an answer before it is late, and once more before its node counts as silent.
pub const DHT_WAIT_MOST: Duration = Duration::from_millis(1500);

/// Datagrams for one question: the first, and one more where the answer is late, since either may be lost.
pub const DHT_TRIES: u32 = 2;

/// The longest datagram that is read, in bytes: the longest value beside twenty nodes of each family, which is what
/// some name, has 2500. It arrives in fragments or not at all, so that shorter values are better.
pub const DHT_MAX_DATAGRAM_BYTES: usize = 4096;

/// How deep values may lie within one another in a datagram: KRPC itself has four levels.
pub const DHT_MAX_DEPTH: usize = 8;

/// The longest value of an item, in bytes: 1000 with its length in front (BEP 44).
pub const DHT_MAX_VALUE_BYTES: usize = 996;

/// The longest salt of an item, in bytes (BEP 44).
pub const DHT_MAX_SALT_BYTES: usize = 64;

/// The longest write token that is kept, in bytes: those in use have 4 to 20, and it has to fit beside a value.
pub const DHT_MAX_TOKEN_BYTES: usize = 64;

/// Nodes that are remembered for each family, and, over families, written down.
pub const DHT_KNOWN_NODES: usize = 64;

/// Of these, nodes whose ids begin alike (in their first four bits), so that there are some near everywhere.
pub const DHT_KNOWN_PER_PREFIX: usize = DHT_KNOWN_NODES / 16;

/// Questions in a row that a known node leaves unanswered before it is known no more.
pub const DHT_KNOWN_FAILURES: u8 = 2;

/// Those who say where they see this socket, of whom each family's latest count.
pub const DHT_MAX_VOTERS: usize = 32;

/// How many have to agree on where they see this socket: one may lie.
pub const DHT_VOTES_NEEDED: usize = 2;

/// Events that wait for the caller, who takes them after every input; one input gives three at most.
pub const DHT_MAX_EVENTS: usize = 64;
