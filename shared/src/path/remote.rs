//! One address of the peer, and how often it was tried.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::candidate::PathKind;
use crate::limits::{CHECK_INTERVAL_FIRST, CHECK_INTERVAL_LAST, MAX_CHECKS_PER_ADDRESS};

/// One address, with what is known of it.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) address: SocketAddr,
    pub(super) kind: PathKind,
    pub(super) sent: usize,
    pub(super) next_at: Instant,
    pub(super) rtt: Option<Duration>,
}

impl Remote {
    pub(super) const fn new(address: SocketAddr, kind: PathKind, now: Instant) -> Self {
        Self {
            address,
            kind,
            sent: 0,
            next_at: now,
            rtt: None,
        }
    }

    pub(super) const fn wants_check(&self) -> bool {
        self.rtt.is_none() && self.sent < MAX_CHECKS_PER_ADDRESS
    }

    /// Quick at first, then slower, after the spirit of RFC 8445, section 14.
    pub(super) fn on_check_sent(&mut self, now: Instant) {
        let doublings = u32::try_from(self.sent).unwrap_or(u32::MAX).min(16);
        let interval = CHECK_INTERVAL_FIRST.saturating_mul(1 << doublings);
        self.next_at = now + interval.min(CHECK_INTERVAL_LAST);
        self.sent += 1;
    }
}
