//! The sender's side of pairing: one share, any number of receivers.
//!
//! Every run holds one of [`MAX_ATTEMPTS`] tokens from M2 until its receiver's M3 proves that it
//! knows the words. A token that does not come back, because the proof was wrong or never came, is
//! lost for good; three lost and the code is dead. So however many guess at once, no more than three
//! guesses are ever looked at. An honest receiver that comes while all tokens are out waits for one.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{
    Agreement, Capabilities, Hello, Message, Opening, Proof, Refusal, ShareState,
};
use super::runs::{Run, Runs, State};
use super::secret::{PeerKey, ProofError};
use crate::code::PairingCode;
use crate::limits::{ANSWER_KEPT, MAX_ATTEMPTS, WAITING_FRESH};
use crate::{PairingId, Role};

/// What to announce to one receiver from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Whom to.
    pub to: PairingId,
    /// What, again and again; `None`: nothing any more.
    pub payload: Option<Vec<u8>>,
}

/// What the sender's side has to say. `run` is the receiver's pairing id.
#[derive(Debug)]
pub enum SenderEvent {
    /// A receiver has come: make a certificate for it, gather candidates, and call
    /// [`provide_hello`](SenderPairing::provide_hello) within [`RUN_PATIENCE`](crate::limits::RUN_PATIENCE).
    HelloNeeded {
        /// Which receiver.
        run: PairingId,
    },
    /// This receiver knows the words.
    Paired {
        /// Which receiver.
        run: PairingId,
        /// What only the two know.
        key: Box<PeerKey>,
        /// What the receiver says of itself.
        peer: Hello,
    },
    /// Somebody guessed wrong, or meddled with what was said.
    WrongCode {
        /// Which receiver.
        run: PairingId,
        /// Wrong guesses left before the code is dead.
        attempts_left: u8,
    },
    /// A run came to nothing without a wrong guess.
    RunFailed {
        /// Which receiver.
        run: PairingId,
        /// Why.
        reason: RunFailure,
    },
    /// The code is dead; no receiver that has not proved itself by now ever will.
    Dead,
}

/// Why a run came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunFailure {
    /// The receiver was given a share of the key and never proved that it knows the words. It may
    /// have been a guess, so it counts as one.
    #[error("the receiver does not answer")]
    Vanished {
        /// Tries left before the code is dead.
        attempts_left: u8,
    },
    /// The caller gave no hello in [`RUN_PATIENCE`](crate::limits::RUN_PATIENCE).
    #[error("this side was not ready in time")]
    HelloMissing,
    /// The receiver knows the words, but its hello was garbled on the way.
    #[error("the pairing was disturbed")]
    Disturbed,
}

/// The pairing side of a share: tells those who know the words from those who guess.
///
/// After any call, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout) and [`standing_payload`](Self::standing_payload).
/// What `poll_transmit` gave last for a receiver is to be announced to it again and again.
pub struct SenderPairing {
    code: PairingCode,
    capabilities: Capabilities,
    runs: Runs,
    /// How many receivers have been let in, to tell who came first.
    arrivals: u64,
    lost_tokens: u8,
    closed: bool,
    /// Whose payload has changed since it was last polled.
    changed: BTreeSet<PairingId>,
    events: VecDeque<SenderEvent>,
}

impl SenderPairing {
    /// A share that takes receivers.
    #[must_use]
    pub const fn new(code: PairingCode, capabilities: Capabilities) -> Self {
        Self {
            code,
            capabilities,
            runs: Runs::new(),
            arrivals: 0,
            lost_tokens: 0,
            closed: false,
            changed: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a payload that the receiver `from` has announced; to be called for repeated ones as
    /// well, which show that a receiver that has to wait is still there. One that does not fit is
    /// ignored.
    pub fn handle_payload(
        &mut self,
        now: Instant,
        from: PairingId,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        self.handle_timeout(now);
        match Message::decode(payload) {
            Some(Message::ReceiverOpening(opening)) => {
                self.on_opening(now, from, opening, payload, rng);
            }
            Some(Message::ReceiverProof(proof)) => self.on_proof(now, from, &proof, rng),
            Some(
                Message::Standing { .. }
                | Message::SenderOpening(_)
                | Message::SenderProof(_)
                | Message::Refused(_),
            )
            | None => {}
        }
    }

    /// Gives this side's hello for `run`, which M4 waits for. Only the first one counts, and one for
    /// a run that is no more is ignored.
    pub fn provide_hello(&mut self, now: Instant, run: PairingId, hello: Hello) {
        let Some(Run { state, .. }) = self.runs.find_mut(run) else {
            return;
        };
        match state {
            State::Opened { hello: ours, .. } => {
                ours.get_or_insert(hello);
            }
            State::Proved { .. } => self.answer(now, run, &hello),
            State::Waiting { .. } | State::Paired { .. } | State::Refused { .. } => {}
        }
    }

    /// Takes no receiver any more; those that are paired stay so.
    pub fn close(&mut self, now: Instant) {
        self.closed = true;
        self.refuse_where(now, Refusal::Closed, |run| match run.state {
            State::Waiting { .. } | State::Opened { .. } | State::Proved { .. } => true,
            State::Paired { .. } | State::Refused { .. } => false,
        });
    }

    /// Forgets `run`: what follows pairing has begun, or will not. Its token stays lost if it has
    /// not come back.
    pub fn forget(&mut self, now: Instant, run: PairingId) {
        let Some(Run { state, .. }) = self.runs.remove(run) else {
            return;
        };
        self.changed.insert(run);
        match state {
            State::Opened { .. } => self.lose_token(now, run),
            State::Waiting { .. }
            | State::Proved { .. }
            | State::Paired { .. }
            | State::Refused { .. } => {}
        }
    }

    /// Gives up on those who have been silent too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        for id in self.runs.matching(|run| run.deadline <= now) {
            self.on_late(now, id);
        }
    }

    /// What to announce to one receiver from now on, if it has changed for any.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let to = self.changed.pop_first()?;
        let payload = self.payload(to).map(<[u8]>::to_vec);
        Some(Transmit { to, payload })
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<SenderEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.runs.deadline()
    }

    /// What to announce to anybody: M0.
    #[must_use]
    pub fn standing_payload(&self) -> Vec<u8> {
        let state = if self.is_dead() {
            ShareState::Dead
        } else if self.closed {
            ShareState::Closed
        } else {
            ShareState::Open
        };
        Message::Standing {
            versions: self.capabilities.versions,
            state,
        }
        .encode()
    }

    /// What is to be announced to the receiver `to` at present.
    #[must_use]
    pub fn payload(&self, to: PairingId) -> Option<&[u8]> {
        self.runs.find(to)?.payload()
    }

    /// Wrong guesses left before the code is dead.
    #[must_use]
    pub const fn attempts_left(&self) -> u8 {
        MAX_ATTEMPTS.saturating_sub(self.lost_tokens)
    }

    /// Whether the code was guessed at too often.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.attempts_left() == 0
    }

    fn on_opening(
        &mut self,
        now: Instant,
        from: PairingId,
        opening: Opening,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if let Some(run) = self.runs.find_mut(from) {
            // Another opening under the same name is not the receiver's, which has one.
            if run.opening == payload {
                if let State::Waiting { .. } = run.state {
                    run.deadline = now + WAITING_FRESH;
                } else {
                    self.changed.insert(from);
                }
            }
            return;
        }
        if !self.make_room() {
            return;
        }
        let (state, kept) = match self.admit(&opening) {
            Ok(agreement) => {
                self.arrivals += 1;
                let arrival = self.arrivals;
                (
                    State::Waiting {
                        opening,
                        agreement,
                        arrival,
                    },
                    WAITING_FRESH,
                )
            }
            Err(refusal) => {
                self.changed.insert(from);
                (State::refused(refusal), ANSWER_KEPT)
            }
        };
        let run = Run {
            opening: payload.to_vec(),
            state,
            deadline: now + kept,
        };
        self.runs.insert(from, run);
        self.hand_out_tokens(now, rng);
    }

    /// Whether a receiver that opens like this may have a run, once a token is free.
    fn admit(&self, opening: &Opening) -> Result<Agreement, Refusal> {
        if self.is_dead() {
            return Err(Refusal::CodeDead);
        }
        if self.closed {
            return Err(Refusal::Closed);
        }
        self.capabilities
            .agree(&opening.capabilities)
            .ok_or(Refusal::Version(self.capabilities.versions))
    }

    /// Whether there is room for another run, if need be that of one who was turned away.
    fn make_room(&mut self) -> bool {
        if !self.runs.is_full() {
            return true;
        }
        let Some(refused) = self.runs.longest_refused() else {
            return false;
        };
        self.remove(refused);
        true
    }

    /// Sends M2 to those who wait, the longest waiting first, as far as the tokens go. One whose
    /// opening is unsound is forgotten, and may open again.
    fn hand_out_tokens(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        while self.runs.tokens_out() < usize::from(self.attempts_left()) {
            let Some(id) = self.runs.longest_waiting() else {
                return;
            };
            let begun = self
                .runs
                .remove(id)
                .and_then(|run| run.begin(now, id, &self.code, self.capabilities, rng));
            if let Some(run) = begun {
                self.runs.insert(id, run);
                self.changed.insert(id);
                self.events.push_back(SenderEvent::HelloNeeded { run: id });
            }
        }
    }

    fn on_proof(
        &mut self,
        now: Instant,
        from: PairingId,
        proof: &Proof,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let Some(Run {
            state: State::Opened { secrets, .. },
            ..
        }) = self.runs.find(from)
        else {
            return;
        };
        match secrets.check(Role::Receiver, proof) {
            Ok(peer) => self.on_proved(now, from, peer),
            Err(ProofError::Garbled) => {
                self.refuse(now, from, Refusal::Failed);
                self.on_failure(from, RunFailure::Disturbed);
            }
            Err(ProofError::WrongTag) => {
                self.refuse(now, from, Refusal::WrongWords);
                self.lost_tokens += 1;
                self.events.push_back(SenderEvent::WrongCode {
                    run: from,
                    attempts_left: self.attempts_left(),
                });
                self.die_if_dead(now);
            }
        }
        // A right proof gives its token back.
        self.hand_out_tokens(now, rng);
    }

    /// The receiver knows the words; M4 follows as soon as this side's hello is there.
    fn on_proved(&mut self, now: Instant, id: PairingId, peer: Hello) {
        let Some(run) = self.runs.remove(id) else {
            return;
        };
        let (run, ours) = run.prove(now, peer);
        self.runs.insert(id, run);
        if let Some(ours) = ours {
            self.answer(now, id, &ours);
        }
    }

    /// Sends M4 to a receiver that has proved itself.
    fn answer(&mut self, now: Instant, id: PairingId, hello: &Hello) {
        let Some(run) = self.runs.remove(id) else {
            return;
        };
        let (run, paired) = run.pair(now, hello);
        self.runs.insert(id, run);
        if let Some((key, peer)) = paired {
            self.changed.insert(id);
            let key = Box::new(key);
            self.events
                .push_back(SenderEvent::Paired { run: id, key, peer });
        }
    }

    fn on_late(&mut self, now: Instant, id: PairingId) {
        match self.runs.find(id).map(|run| &run.state) {
            Some(State::Opened { .. }) => {
                self.refuse(now, id, Refusal::Failed);
                self.lose_token(now, id);
            }
            Some(State::Proved { .. }) => {
                self.refuse(now, id, Refusal::Failed);
                self.on_failure(id, RunFailure::HelloMissing);
            }
            Some(State::Waiting { .. } | State::Paired { .. } | State::Refused { .. }) => {
                self.remove(id);
            }
            None => {}
        }
    }

    /// The token of a receiver that never proved anything does not come back.
    fn lose_token(&mut self, now: Instant, id: PairingId) {
        self.lost_tokens += 1;
        let attempts_left = self.attempts_left();
        self.on_failure(id, RunFailure::Vanished { attempts_left });
        self.die_if_dead(now);
    }

    fn on_failure(&mut self, run: PairingId, reason: RunFailure) {
        self.events
            .push_back(SenderEvent::RunFailed { run, reason });
    }

    /// To be called when a token was just lost.
    fn die_if_dead(&mut self, now: Instant) {
        if !self.is_dead() {
            return;
        }
        self.events.push_back(SenderEvent::Dead);
        self.refuse_where(now, Refusal::CodeDead, |run| {
            matches!(run.state, State::Waiting { .. })
        });
    }

    fn refuse_where(&mut self, now: Instant, refusal: Refusal, which: impl Fn(&Run) -> bool) {
        for id in self.runs.matching(which) {
            self.refuse(now, id, refusal);
        }
    }

    fn refuse(&mut self, now: Instant, id: PairingId, refusal: Refusal) {
        if let Some(run) = self.runs.find_mut(id) {
            run.refuse(now, refusal);
            self.changed.insert(id);
        }
    }

    fn remove(&mut self, id: PairingId) {
        self.runs.remove(id);
        self.changed.insert(id);
    }
}

impl fmt::Debug for SenderPairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderPairing")
            .field("locator", &self.code.locator())
            .field("runs", &self.runs.len())
            .field("attempts_left", &self.attempts_left())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
