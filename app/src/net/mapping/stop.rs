//! The wish to end, as the tasks of a port mapper see it.

use std::time::Duration;

use tokio::sync::watch;

use super::MappingError;

/// Learns that the [`PortMapper`](super::PortMapper) was dropped.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<()>);

impl Stop {
    /// A stop that is wished for by dropping the sender.
    pub(super) fn new() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(receiver))
    }

    /// Waits for the wish. Cancel-safe.
    pub(super) async fn requested(&self) {
        let mut receiver = self.0.clone();
        // Nothing is ever sent: the only news is that the sender is gone.
        while receiver.changed().await.is_ok() {}
    }

    /// Whether the wish came within `time`.
    pub(super) async fn within(&self, time: Duration) -> bool {
        tokio::time::timeout(time, self.requested()).await.is_ok()
    }

    /// What `work` comes to, or [`MappingError::Stopped`] when the wish came first.
    pub(super) async fn or<T>(
        &self,
        work: impl Future<Output = Result<T, MappingError>>,
    ) -> Result<T, MappingError> {
        tokio::select! {
            outcome = work => outcome,
            () = self.requested() => Err(MappingError::Stopped),
        }
    }
}
