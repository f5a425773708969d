//! What a receiver's hello waits for.

use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::path::Nat;
use tokio::task::JoinSet;

use crate::net::path::observe_nat;

/// What a receiver's hello waits for, and when it is said without.
#[derive(Debug, Default)]
pub(super) struct HelloState {
    /// Finding out what the NAT does; begins with the first server that is asked, and anew with the first that
    /// answers if that is another.
    pub(super) observing: JoinSet<Nat>,
    /// Whom it asks.
    pub(super) asked: Option<SocketAddr>,
    /// What it does, once that is found out.
    pub(super) observed: Option<Nat>,
    /// When it is said with what is known.
    pub(super) due: Option<Instant>,
}

impl HelloState {
    /// Begins to find out what the NAT does, as this server sees it.
    pub(super) fn observe(&mut self, server: SocketAddr) {
        self.asked = Some(server);
        self.observed = None;
        self.observing.abort_all();
        self.observing
            .spawn(async move { observe_nat(&[server]).await });
    }
}
