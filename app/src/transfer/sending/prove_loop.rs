//! The sender's proving thread: hashes what its files begin with, beside the reading of what follows, and tells it.

use std::sync::Arc;

use fardrop_shared::transfer::Unproved;
use fardrop_shared::wire::peer::{FileReason, SenderMessage};

use super::sources::Sources;
use super::state::SendState;
use crate::files::OfferSource;
use crate::transfer::bounds::BUFFER_LENGTH;

/// Tells the hashes of all that the receiver has something of, until it has no more or the transfer is over.
pub(super) fn prove_loop(offer: &OfferSource, state: &Arc<SendState>) {
    let mut sources = Sources::new(offer);
    while !state.stopped() {
        let unproved = {
            let mut sending = state.sending();
            let unproved = sending.poll_unproved();
            if !matches!(unproved, Unproved::File { .. }) {
                state.proving().settle_all();
            }
            unproved
        };
        let (index, lengths) = match unproved {
            Unproved::File { index, lengths } => (index, lengths),
            Unproved::Wait => {
                state.wait_to_prove();
                continue;
            }
            Unproved::End => return,
        };
        let hashed = hashes(&mut sources, index, &lengths, state);
        state.proving().settle(longest(&lengths));
        match hashed {
            Ok(hashes) => {
                let told = state.sending().handle_told(index);
                let file = index;
                if told && !state.say(SenderMessage::Prefix { file, hashes }) {
                    return;
                }
            }
            Err(reason) => {
                state.sending().handle_unreadable(index, reason);
                state.wake();
            }
        }
    }
}

/// How much of a file is hashed of which the receiver names these lengths.
pub(super) fn longest(lengths: &[u64]) -> u64 {
    lengths.first().copied().unwrap_or(0)
}

/// The BLAKE3 of a file up to each of `lengths`, which are longest first.
fn hashes(
    sources: &mut Sources<'_>,
    index: u32,
    lengths: &[u64],
    state: &SendState,
) -> Result<Vec<[u8; 32]>, FileReason> {
    // Only files are claimed.
    let file = sources.find(index).ok_or(FileReason::FileUnreadable)?;
    let mut reader = sources.open(&file)?;
    let mut hasher = blake3::Hasher::new();
    let mut hashes = Vec::with_capacity(lengths.len());
    let mut piece = vec![0; BUFFER_LENGTH];
    for length in lengths.iter().rev() {
        while hasher.count() < *length {
            if state.stopped() {
                return Err(FileReason::FileUnreadable);
            }
            let left = length - hasher.count();
            let part = &mut piece[..left.min(BUFFER_LENGTH as u64) as usize];
            reader.read(part)?;
            hasher.update(part);
            state.proving().note_read(part.len() as u64);
        }
        hashes.push(hasher.finalize().into());
    }
    reader.check_read(0, hasher.finalize(), &|| !state.stopped())?;
    hashes.reverse();
    Ok(hashes)
}
