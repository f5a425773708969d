//! The budget of a search: what a peer can make this side send to addresses that it names.

use crate::limits::{MANY_PORT_PROBES, MAX_CHECKS};

/// Probes that may still go to where nobody has proved to be.
///
/// One pairing has one budget, which goes from each search to the next: a peer that asks for another search
/// gains nothing by it.
#[derive(Debug, Default)]
pub(super) struct ProbeBudget {
    checks: usize,
    many_port: usize,
}

impl ProbeBudget {
    /// A whole budget.
    pub(super) const fn full() -> Self {
        Self {
            checks: MAX_CHECKS,
            many_port: MANY_PORT_PROBES,
        }
    }

    /// Whether a check may be sent.
    pub(super) const fn has_check(&self) -> bool {
        self.checks > 0
    }

    /// Takes a check out; whether there was one.
    pub(super) const fn take_check(&mut self) -> bool {
        let had = self.has_check();
        self.checks = self.checks.saturating_sub(1);
        had
    }

    /// Whether a probe of many-port punching may be sent.
    pub(super) const fn has_many_port(&self) -> bool {
        self.many_port > 0
    }

    /// Takes a probe of many-port punching out; whether there was one.
    pub(super) const fn take_many_port(&mut self) -> bool {
        let had = self.has_many_port();
        self.many_port = self.many_port.saturating_sub(1);
        had
    }
}
