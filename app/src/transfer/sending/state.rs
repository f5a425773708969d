//! The state of a sender that its tasks and its threads share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use fardrop_shared::offer::Totals;
use fardrop_shared::transfer::Sending;
use fardrop_shared::wire::peer::SenderMessage;
use tokio::sync::mpsc;

use crate::transfer::proving::ProofCount;

/// The state of a sender, between the task that hears the receiver and the threads that read.
#[derive(Debug)]
pub(super) struct SendState {
    sending: Mutex<Sending>,
    changed: Condvar,
    messages: mpsc::Sender<SenderMessage>,
    stopped: AtomicBool,
    paused: AtomicBool,
    proving: ProofCount,
}

impl SendState {
    pub(super) fn new(offered: Totals, messages: mpsc::Sender<SenderMessage>) -> Self {
        Self {
            sending: Mutex::new(Sending::new(offered)),
            changed: Condvar::new(),
            messages,
            stopped: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            proving: ProofCount::default(),
        }
    }

    /// What is wanted. Whoever changed it wakes the threads with [`SendState::wake`].
    pub(super) fn sending(&self) -> MutexGuard<'_, Sending> {
        // A panic elsewhere leaves nothing half-written in there.
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what is hashed of that which the receiver has already.
    pub(super) const fn proving(&self) -> &ProofCount {
        &self.proving
    }

    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Makes the threads end.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        // The lock is held once so that the thread is either waiting, or yet to look.
        drop(self.sending());
        self.wake();
    }

    /// Makes the reading thread rest, or go on.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        // Held once for the reason given in `stop`.
        drop(self.sending());
        self.wake();
    }

    /// Waits while the transfer stands still.
    pub(super) fn rest(&self) {
        if !self.paused.load(Ordering::Relaxed) {
            return;
        }
        let mut sending = self.sending();
        while !self.stopped() && self.paused.load(Ordering::Relaxed) {
            sending = self
                .changed
                .wait(sending)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(super) fn wait(&self) {
        let mut sending = self.sending();
        while !self.stopped() && sending.waiting() {
            sending = self
                .changed
                .wait(sending)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for something to hash.
    pub(super) fn wait_to_prove(&self) {
        let mut sending = self.sending();
        while !self.stopped() && sending.waiting_to_prove() {
            sending = self
                .changed
                .wait(sending)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says `message`; waits for room. `false` when the transfer is over.
    pub(super) fn say(&self, message: SenderMessage) -> bool {
        self.messages.blocking_send(message).is_ok()
    }
}
