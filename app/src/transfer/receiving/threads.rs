//! A transfer's own threads.

use std::{io, thread};

use tokio::sync::{mpsc, oneshot};

use crate::transfer::error::TransferError;

/// Held by every thread of a transfer for as long as it runs.
#[derive(Debug, Clone)]
pub(super) struct Alive {
    _held: mpsc::Sender<()>,
}

impl Alive {
    /// What threads hold, and a channel that ends with the last of them: nobody sends anything there.
    pub(super) fn new() -> (Self, mpsc::Receiver<()>) {
        let (held, ended) = mpsc::channel(1);
        (Self { _held: held }, ended)
    }
}

/// Runs `work` on a thread of its own, started at once. Dropping the future does not stop it.
pub(super) fn on_thread<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
    name: &str,
    alive: &Alive,
    work: W,
) -> impl Future<Output = Result<T, TransferError>> + use<T, W> {
    let (sender, receiver) = oneshot::channel();
    let alive = alive.clone();
    let started = thread::Builder::new().name(name.into()).spawn(move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(work());
        drop(alive);
    });
    async move {
        started.map_err(TransferError::Local)?;
        let outcome = receiver.await;
        outcome.map_err(|_| TransferError::Local(io::Error::other("a thread panicked")))
    }
}
