//! The screens of the window.

use crate::engine::event::{SessionNumber, TaskNumber};

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    /// Sending, receiving, and what is going on.
    Home,
    /// A share: its code, what it offers, who receives it.
    Share(TaskNumber),
    /// What somebody offers.
    Offer(SessionNumber),
    /// What was sent and received.
    History,
    /// What was received in part.
    Leftovers,
    /// How the window and the engine are set.
    Settings,
    /// What this network allows.
    Network,
    /// What this is.
    About,
}
