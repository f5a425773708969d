//! Buffers that come back once the transport has released them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;

use crate::transfer::bounds::BUFFER_LENGTH;

/// Local: most buffers kept for reuse, together 8 MiB. How many are in use is bounded by what the
/// transport takes before it waits for acknowledgements.
const SPARES: usize = 32;
/// Local: below this, a buffer's bytes are copied and the buffer goes on: a transport that holds many
/// short pieces must not hold a whole buffer for each.
const WORTH_HANDING_OVER: usize = BUFFER_LENGTH / 8;

/// Where buffers come from, and go back to.
#[derive(Debug)]
pub(super) struct Pool {
    spares: Receiver<Vec<u8>>,
    back: SyncSender<Vec<u8>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        let (back, spares) = sync_channel(SPARES);
        Self { spares, back }
    }

    /// A buffer of `BUFFER_LENGTH` bytes of no particular content.
    pub(super) fn take(&self) -> Vec<u8> {
        let spare = self.spares.try_recv();
        spare.unwrap_or_else(|_| vec![0; BUFFER_LENGTH])
    }

    /// The first `filled` bytes of `buffer` as something to send; `buffer` may be filled again.
    pub(super) fn hand_over(&self, buffer: &mut Vec<u8>, filled: usize) -> Bytes {
        if filled < WORTH_HANDING_OVER {
            return Bytes::copy_from_slice(&buffer[..filled]);
        }
        Bytes::from_owner(Lent {
            buffer: std::mem::replace(buffer, self.take()),
            filled,
            back: self.back.clone(),
        })
    }
}

/// A buffer that the transport holds.
struct Lent {
    buffer: Vec<u8>,
    filled: usize,
    back: SyncSender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Full, or the transfer is over: then the memory is given back.
        let _ = self.back.try_send(std::mem::take(&mut self.buffer));
    }
}
