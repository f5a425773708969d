//! The wish to end, as the tasks of a port mapper see it.

use std::time::Duration;

use tokio::sync::watch;

use super::MappingError;

/// How long a request that changes something at a router goes on after the wish to end. Half of
/// [`RELEASE_TIME`](super::RELEASE_TIME): the rest is for undoing it, and a slow router finds both before
/// it, in this order.
const GRACE: Duration = Duration::from_secs(1);

/// Learns that the [`PortMapper`](super::PortMapper) was dropped, or that all of them are to end.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    dropped: watch::Receiver<()>,
    ending: watch::Receiver<bool>,
}

impl Stop {
    /// A stop that is wished for by dropping the sender of `dropped`, or when `ending` is true.
    pub(super) const fn new(dropped: watch::Receiver<()>, ending: watch::Receiver<bool>) -> Self {
        Self { dropped, ending }
    }

    /// Waits for the wish. Cancel-safe.
    pub(super) async fn requested(&self) {
        let (mut dropped, mut ending) = (self.dropped.clone(), self.ending.clone());
        // Nothing is ever sent: the only news is that the sender is gone.
        let dropped = async { while dropped.changed().await.is_ok() {} };
        tokio::select! {
            () = dropped => {}
            // Whoever would say so is gone: that is an end as well.
            _ = ending.wait_for(|ending| *ending) => {}
        }
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

    /// What `work` comes to, or [`MappingError::Stopped`] when it takes longer than [`GRACE`] from the wish on.
    pub(super) async fn soon_or<T>(
        &self,
        work: impl Future<Output = Result<T, MappingError>>,
    ) -> Result<T, MappingError> {
        let too_late = async {
            self.requested().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            outcome = work => outcome,
            () = too_late => Err(MappingError::Stopped),
        }
    }
}
