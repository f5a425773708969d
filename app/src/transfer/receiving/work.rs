//! What the receiver's writing thread is given.

use super::runs::Proof;

/// What there is for the writing thread to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Some of the stream; an empty piece is its end.
    Piece(Piece),
    /// What the proving thread found.
    Proof(Box<Proof>),
    /// Nothing has arrived for a while.
    Silence,
}

/// A buffer, and how much of it is filled.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) buffer: Vec<u8>,
    pub(super) filled: usize,
}
