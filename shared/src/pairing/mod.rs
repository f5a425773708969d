//! Pairing: two who know the same words find out that they do, over a rendezvous that may be the
//! attacker, and get keys, each other's certificate and each other's addresses.
//!
//! ```text
//! M0  S -> *   which versions, and whether the share still takes receivers
//! M1  R -> S   nonce, PAKE share, what R can do
//! M2  S -> R   nonce, PAKE share, what S can do
//! M3  R -> S   tag, sealed hello
//! M4  S -> R   tag, sealed hello; or why not
//! ```
//!
//! The receiver proves itself first: the sender learns of a wrong guess before it has said anything
//! that could confirm one. Nothing in M0, nor in a refusal, is authenticated: they can turn a
//! receiver away, and so can whoever carries the messages.
//!
//! Each party announces its current payload until it is answered, so loss, repetition and reordering
//! need no other handling: every payload is the whole state, and one that does not fit is ignored.

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
