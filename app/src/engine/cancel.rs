//! A wish to stop, passed down from a task to its sessions.

use tokio::sync::watch;

/// Makes the wish. Dropping it makes it as well: whoever owned the work is gone.
#[derive(Debug)]
pub(super) struct CancelHandle {
    sender: watch::Sender<bool>,
}

/// Sees the wish.
#[derive(Debug, Clone)]
pub(super) struct Cancel {
    receiver: watch::Receiver<bool>,
}

/// A fresh pair.
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
    /// Resolves once it is wished. Cancel-safe.
    pub(super) async fn cancelled(&mut self) {
        // An error says that the handle is gone.
        let _ = self.receiver.wait_for(|cancelled| *cancelled).await;
    }

    /// Whether it is wished.
    pub(super) fn is_cancelled(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }
}

/// Two wishes, either of which ends a session: the task's and its own.
#[derive(Debug, Clone)]
pub(super) struct EitherCancel(pub(super) Cancel, pub(super) Cancel);

impl EitherCancel {
    /// Resolves once either is wished. Cancel-safe.
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
