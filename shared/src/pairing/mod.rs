//! Pairing: two who know the same words find out that they do, over whatever introduces them, which may be
//! the attacker, and get keys, each other's certificate and each other's addresses.
//!
//! ```text
//! P1  S -> *   nonce, PAKE share, what S can do; or that the share takes no receivers any more
//! P2  R -> S   nonce, PAKE share, what R can do; tag, sealed hello
//! P3  S -> R   tag, sealed hello; or why not; or a share that is kept for R
//! ```
//!
//! The sender says its share before anybody asks, and a fresh one as soon as somebody has used it, rightly or
//! wrongly: one share, one run. A receiver whose share was used by another meanwhile is given one that is kept for it
//! and goes on by itself. The receiver proves itself first: the sender learns of a wrong guess before it has said
//! anything that could confirm one, and makes nothing ready for who has proved nothing. Only a wrong proof counts
//! against the code; silence tests nothing. Nothing in P1, nor in a refusal, is authenticated: they can turn a
//! receiver away, and so can whoever carries the messages.
//!
//! Each party says its part until it is answered, so loss, repetition and reordering need no other
//! handling: a message that does not fit is ignored.

mod message;
mod receiver;
mod runs;
mod secret;
mod sender;
#[cfg(test)]
mod tests;

pub use crate::Transports;
pub use message::{
    Agreement, Capabilities, Cipher, Ciphers, Hello, PROTOCOL_VERSION, VersionRange,
};
pub use receiver::{PairingFailure, ReceiverEvent, ReceiverPairing};
pub use secret::{Key, PeerKey};
pub use sender::{RunFailure, SenderEvent, SenderPairing, Transmit};
