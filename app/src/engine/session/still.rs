//! When a transfer is over because nothing comes of it any more.

use std::time::Duration;

use tokio::sync::watch;

use crate::transfer::{Standing, Tally};

/// Local: how long an offer may go without an answer at the sender's, however much room there is: a day to think.
const ANSWER_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Local: how long nothing may come of a transfer that nobody here has paused. Either side may have to read through
/// the largest files first.
const STALL_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

/// How long nothing may come of a transfer.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct StillLimits {
    /// Before the offer is answered; without, for as long as that takes.
    pub(in crate::engine) answer: Option<Duration>,
    /// Once it was accepted.
    pub(in crate::engine) stall: Duration,
}

impl StillLimits {
    /// For whoever waits for an answer.
    pub(in crate::engine) const SENDER: Self = Self {
        answer: Some(ANSWER_LIMIT),
        stall: STALL_LIMIT,
    };
    /// For whoever is asked.
    pub(in crate::engine) const RECEIVER: Self = Self {
        answer: None,
        stall: STALL_LIMIT,
    };

    /// How long nothing may come now; `None` where it may be for ever.
    fn now(self, standing: Standing) -> Option<Duration> {
        if standing.accepted.is_none() {
            self.answer
        } else if standing.paused_here {
            None
        } else {
            Some(self.stall)
        }
    }
}

/// Resolves when nothing has come of a transfer for too long. `moves` is called whenever something has, once it was
/// accepted.
pub(in crate::engine) async fn stalled(
    mut standing: watch::Receiver<Standing>,
    mut progress: watch::Receiver<Tally>,
    limits: StillLimits,
    mut moves: impl FnMut(),
) {
    loop {
        let now = *standing.borrow_and_update();
        progress.borrow_and_update();
        if now.accepted.is_some() {
            moves();
        }
        let over = async {
            match limits.now(now) {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let changed = tokio::select! {
            changed = standing.changed() => changed,
            changed = progress.changed() => changed,
            () = over => return,
        };
        if changed.is_err() {
            // It has ended, and says so.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StillLimits = StillLimits {
        answer: Some(Duration::from_millis(1)),
        stall: Duration::from_millis(2),
    };

    #[test]
    fn a_transfer_that_is_paused_here_may_stand_still_for_ever() {
        let asked = Standing::default();
        let accepted = Standing {
            accepted: Some((1, 1)),
            ..asked
        };
        let paused = Standing {
            paused_here: true,
            ..accepted
        };
        let by_peer = Standing {
            paused_by_peer: true,
            ..accepted
        };
        assert_eq!(LIMITS.now(asked), LIMITS.answer);
        assert_eq!(LIMITS.now(accepted), Some(LIMITS.stall));
        assert_eq!(LIMITS.now(by_peer), Some(LIMITS.stall));
        assert_eq!(LIMITS.now(paused), None);
        assert_eq!(StillLimits::RECEIVER.now(asked), None);
    }

    #[tokio::test]
    async fn a_peer_that_stalls_is_not_waited_for_for_ever() {
        for accepted in [None, Some((1, 1_000))] {
            let (_standing, stands) = watch::channel(Standing {
                accepted,
                ..Standing::default()
            });
            let (_progress, progressed) = watch::channel(Tally::default());
            let mut moved = 0;
            let over = stalled(stands, progressed, LIMITS, || moved += 1);
            let patience = Duration::from_secs(30);
            tokio::time::timeout(patience, over).await.expect("it ends");
            assert_eq!(moved, u32::from(accepted.is_some()));
        }
    }
}
