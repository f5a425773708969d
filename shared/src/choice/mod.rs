//! Which transport carries a link: QUIC first, Go-Back-N where QUIC does not come through.
//!
//! Each side runs one [`LinkChooser`] over the same path. What the two sides could do was agreed in the
//! pairing, so both may have to decide only where both transports are allowed. Then:
//!
//! * The receiver of the files decides, alone and once. For QUIC when its handshake is complete; for
//!   Go-Back-N when QUIC fails or takes too long, or when it hears an authenticated packet of Go-Back-N.
//!   It speaks Go-Back-N, or says anything inside QUIC, only once it has decided.
//! * The sender follows what the receiver has decided, which it knows from the first authenticated thing
//!   that it hears inside either. When QUIC fails or takes too long at its end, it proposes Go-Back-N by
//!   speaking it, and goes on listening for QUIC.
//!
//! So the two never end up on different transports, whatever is lost, delayed or done by somebody in
//! between. Who forces Go-Back-N on them gains nothing: it is authenticated by the same pairing.

use std::time::{Duration, Instant};

use crate::limits::QUIC_PATIENCE;
use crate::{Role, Transport};

#[cfg(test)]
mod tests;

/// Chooses between the transports at one end of a path.
///
/// After any input, look at [`Self::decision`], [`Self::tries_quic`] and [`Self::speaks_go_back_n`], then
/// read the timeout.
#[derive(Debug, Clone)]
pub struct LinkChooser {
    role: Role,
    state: State,
    /// When QUIC has had its time.
    patient_until: Instant,
    /// QUIC was tried, and failed or took too long.
    given_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// QUIC alone is tried.
    Trying,
    /// The sender speaks Go-Back-N, and would still follow the receiver to QUIC.
    Proposing,
    /// The sender speaks Go-Back-N and nothing else: QUIC has failed for good.
    Insisting,
    Decided(Transport),
}

impl LinkChooser {
    /// Begins with `first`, over a path with this round-trip time. Go-Back-N comes first where it is known
    /// beforehand that QUIC will not come through.
    #[must_use]
    pub fn new(role: Role, first: Transport, rtt: Duration, now: Instant) -> Self {
        let mut chooser = Self {
            role,
            state: State::Trying,
            patient_until: now + QUIC_PATIENCE + 2 * rtt,
            given_up: false,
        };
        match first {
            Transport::Quic => {}
            Transport::GoBackN => chooser.leave_quic(State::Proposing),
        }
        chooser
    }

    /// QUIC works: at the receiver its handshake is complete; at the sender the receiver has said something
    /// inside it.
    pub fn handle_quic_ready(&mut self) {
        if !matches!(self.state, State::Decided(_)) {
            self.state = State::Decided(Transport::Quic);
        }
    }

    /// QUIC failed, and will not be tried again.
    pub fn handle_quic_failed(&mut self) {
        self.given_up |= self.state == State::Trying;
        self.leave_quic(State::Insisting);
    }

    /// An authenticated packet of Go-Back-N came from the peer.
    pub fn handle_go_back_n_heard(&mut self) {
        if !matches!(self.state, State::Decided(_)) {
            self.state = State::Decided(Transport::GoBackN);
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Trying && now >= self.patient_until {
            self.given_up = true;
            self.leave_quic(State::Proposing);
        }
    }

    /// When to call [`Self::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        (self.state == State::Trying).then_some(self.patient_until)
    }

    /// What the link runs over. It never changes once it is there, and the peer comes to the same.
    #[must_use]
    pub const fn decision(&self) -> Option<Transport> {
        match self.state {
            State::Decided(transport) => Some(transport),
            State::Trying | State::Proposing | State::Insisting => None,
        }
    }

    /// Whether QUIC was tried from here, and failed or took too long.
    #[must_use]
    pub const fn has_given_quic_up(&self) -> bool {
        self.given_up
    }

    /// Whether QUIC is to be kept going.
    #[must_use]
    pub const fn tries_quic(&self) -> bool {
        match self.state {
            State::Trying | State::Proposing | State::Decided(Transport::Quic) => true,
            State::Insisting | State::Decided(Transport::GoBackN) => false,
        }
    }

    /// Whether packets of Go-Back-N may be sent. They are listened for until there is a decision.
    #[must_use]
    pub const fn speaks_go_back_n(&self) -> bool {
        match self.state {
            State::Proposing | State::Insisting | State::Decided(Transport::GoBackN) => true,
            State::Trying | State::Decided(Transport::Quic) => false,
        }
    }

    /// QUIC is given up here: the receiver decides, the sender goes on as `proposing`.
    fn leave_quic(&mut self, proposing: State) {
        if matches!(self.state, State::Decided(_)) {
            return;
        }
        self.state = match self.role {
            Role::Receiver => State::Decided(Transport::GoBackN),
            Role::Sender => proposing,
        };
    }
}
