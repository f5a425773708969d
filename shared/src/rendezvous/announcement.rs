//! Who announces what, and where.

use std::net::SocketAddr;

use crate::limits::MAX_ANNOUNCEMENTS;
use crate::wire::rendezvous::{OwnerToken, Payload};
use crate::{PairingId, Role};

/// What a [`Client`](super::Client) is made with: who announces, and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server.
    pub server: SocketAddr,
    /// The public part of the pairing code.
    pub locator: u32,
    /// Which side this is.
    pub side: Role,
    /// The name that the other side is told.
    pub pairing: PairingId,
    /// What keeps others from speaking under that name. It stays with the party.
    pub owner: OwnerToken,
    /// 0 for a new party; for one that moves to another client, what [`Client::revision`](super::Client::revision) said.
    pub revision: u32,
}

/// Something to say, until it is replaced or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// A sender's answer to one receiver, or what it says to any. A receiver speaks to the sender
    /// whatever stands here.
    pub to: Option<PairingId>,
    /// What is said.
    pub payload: Payload,
}

/// The refusal of an announcement that would be over [`MAX_ANNOUNCEMENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_ANNOUNCEMENTS} announcements at once")]
pub struct TooManyAnnouncements;
