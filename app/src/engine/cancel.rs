//! Stopping work early: a flag that is set once, passed down from a task to its sessions.

use tokio::sync::watch;

/// The end of a cancellation flag that sets it. Dropping the handle sets the flag as well: then whoever
/// owned the work is gone.
#[derive(Debug)]
pub(super) struct CancelHandle {
    sender: watch::Sender<bool>,
}

/// The end of a cancellation flag that work looks at.
#[derive(Debug, Clone)]
pub(super) struct Cancel {
    receiver: watch::Receiver<bool>,
}

/// A cancellation flag that is not set: its two ends.
pub(super) fn cancel() -> (CancelHandle, Cancel) {
    let (sender, receiver) = watch::channel(false);
    (CancelHandle { sender }, Cancel { receiver })
}

impl CancelHandle {
    pub(super) fn cancel(&self) {
        self.sender.send_replace(true);
    }
}

impl Cancel {
    /// Resolves once the flag is set. Cancel-safe.
    pub(super) async fn cancelled(&mut self) {
        // An error says that the handle is gone.
        let _ = self.receiver.wait_for(|cancelled| *cancelled).await;
    }

    /// Whether the flag is set.
    pub(super) fn is_cancelled(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }
}

/// Two cancellation flags, either of which ends a session: the task's and its own.
#[derive(Debug, Clone)]
pub(super) struct EitherCancel(pub(super) Cancel, pub(super) Cancel);

impl EitherCancel {
    /// Resolves once either flag is set. Cancel-safe.
    pub(super) async fn cancelled(&mut self) {
        tokio::select! {
            () = self.0.cancelled() => {}
            () = self.1.cancelled() => {}
        }
    }

    /// What `work` gives; `None` if it was cancelled, and so dropped.
    pub(super) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            result = work => Some(result),
        }
    }
}
