//! A client of BitTorrent's DHT (BEP 5): finding nodes, and putting and getting items that are signed (BEP 44),
//! over IPv4 and IPv6 (BEP 32).
//!
//! It only asks and answers nobody (BEP 43), so that no other node comes to rely on it. Nothing that a node says is
//! believed: an item counts if its signature holds, an address of this socket if two agree on it, a node if it
//! answers from where it is said to be. Values are public; what they hold is to be sealed before.
//!
//! The bytes are read in [`bencode`] and [`krpc`]; a [`Client`] is what asks.

pub mod bencode;
mod calls;
mod client;
mod contact;
mod item;
mod known;
pub mod krpc;
mod lookup;
mod node_id;
mod report;
mod task;
#[cfg(test)]
mod tests;
mod votes;

use std::net::SocketAddr;

pub use client::{Client, Config, TooManyTasks};
pub use contact::{Contact, Family};
pub use item::{Item, SigningKey, Slot, TooLong, UncheckedItem};
pub use lookup::Keeper;
pub use node_id::NodeId;
pub use report::{Report, Try, Verdict};
pub use votes::Outside;

/// A search or a put of a [`Client`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

/// A datagram to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// What a [`Client`] has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A search has come upon an item that is newer than any before; it may come upon a newer one still.
    Item(TaskId, Item),
    /// A search is over.
    Found(TaskId, Found),
    /// A put is over.
    Stored(TaskId, Stored),
    /// Where this socket is seen from outside, as most say; again when that changes.
    Outside(Outside),
}

/// What a search has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest item.
    pub item: Option<Item>,
    /// The nodes next to it that can keep it, of both families.
    pub keepers: Vec<Keeper>,
    /// Addresses that were asked.
    pub asked: usize,
    /// Of these, those that answered.
    pub answered: usize,
    /// Items that were given with a signature that does not hold.
    pub forged: usize,
}

/// What has become of a put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Nodes that keep it.
    pub stored: usize,
    /// Nodes that have one with a higher number (BEP 44, 302).
    pub outdated: usize,
    /// Nodes that have another than the one that it was to replace (BEP 44, 301).
    pub mismatched: usize,
    /// Nodes that refuse it for any other reason.
    pub refused: usize,
    /// Nodes that did not answer.
    pub silent: usize,
}
