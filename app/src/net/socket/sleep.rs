//! Sleeping until a time that may not be set.

use std::time::Instant;

/// Sleeps until then; for ever without a time.
pub(in crate::net) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
