//! The sender's side of pairing: one share, any number of receivers.
//!
//! A share of the key is used by the first attempt that is made with it, and another takes its place, so that
//! every proof is a guess of its own; a wrong one is lost for good, and after [`MAX_ATTEMPTS`] the code is dead. A
//! receiver that comes for a share that is used is given one that is kept for it, so that it is overtaken once at
//! most. What counts is decided while an attempt is taken in: however many come at once, no more than three
//! guesses are ever looked at, and who says nothing costs nothing.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{
    Agreement, Attempt, Capabilities, Hello, Message, Opening, Refusal, Standing,
};
use super::runs::{Run, Runs, Share, State};
use super::secret::{Agreeing, PeerKey, ProofError};
use crate::PairingId;
use crate::code::PairingCode;
use crate::limits::{MAX_ATTEMPTS, MAX_RUNS};

/// What to say to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Whom to.
    pub to: PairingId,
    /// What. It answers all that the receiver has said so far: where that was lost on its way, the receiver asks again.
    pub payload: Vec<u8>,
}

/// What the sender's side has to say. `run` is the receiver's pairing id.
#[derive(Debug)]
pub enum SenderEvent {
    /// This receiver knows the words: make a certificate for it, gather candidates, and call
    /// [`provide_hello`](SenderPairing::provide_hello) within [`RUN_PATIENCE`](crate::limits::RUN_PATIENCE).
    HelloNeeded {
        /// Which receiver.
        run: PairingId,
    },
    /// This receiver is being told that we know the words as well.
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
pub struct SenderPairing {
    code: PairingCode,
    capabilities: Capabilities,
    /// For whoever comes first.
    share: Share,
    runs: Runs,
    wrong_guesses: u8,
    closed: bool,
    /// Who is to be told something.
    changed: BTreeSet<PairingId>,
    /// Whose words were none, and of whom nothing is kept.
    dismissed: BTreeSet<PairingId>,
    events: VecDeque<SenderEvent>,
}

impl SenderPairing {
    /// A share that takes receivers.
    pub fn new(
        code: PairingCode,
        capabilities: Capabilities,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        Self {
            share: Share::open(&code, capabilities, rng),
            code,
            capabilities,
            runs: Runs::new(),
            wrong_guesses: 0,
            closed: false,
            changed: BTreeSet::new(),
            dismissed: BTreeSet::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a payload that the receiver `from` has announced; to be called for repeated ones as
    /// well, which are answered as before. One that does not fit is refused.
    pub fn handle_payload(
        &mut self,
        now: Instant,
        from: PairingId,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        self.handle_timeout(now);
        let attempt = match Message::decode(payload) {
            Some(Message::Attempt(attempt)) => attempt,
            Some(
                Message::Standing(_)
                | Message::SenderProof(_)
                | Message::Next(_)
                | Message::Refused(_),
            )
            | None => return self.dismiss(from),
        };
        match self.runs.find(from) {
            None => self.on_newcomer(now, from, &attempt, payload, rng),
            Some(run) => match &run.state {
                // It has not heard yet, or somebody else repeats what it said.
                _ if run.attempt == payload => self.tell(from),
                State::Offered(share) if share.is_meant(&attempt) => {
                    self.on_return(now, from, &attempt, payload);
                }
                // Another attempt under the same name is not the receiver's, which was answered.
                State::Offered(_)
                | State::Proved { .. }
                | State::Paired { .. }
                | State::Refused { .. } => self.tell(from),
            },
        }
    }

    /// Gives this side's hello for `run`, which P3 waits for. Only the first one counts, and one for
    /// a run that is no more is ignored.
    pub fn provide_hello(&mut self, now: Instant, run: PairingId, hello: &Hello) {
        let Some(proved) = self.runs.remove(run) else {
            return;
        };
        let (answered, paired) = proved.pair(now, hello);
        self.runs.insert(run, answered);
        if let Some((key, peer)) = paired {
            self.changed.insert(run);
            let key = Box::new(key);
            self.events
                .push_back(SenderEvent::Paired { run, key, peer });
        }
    }

    /// Takes no receiver any more; those that are paired stay so.
    pub fn close(&mut self, now: Instant) {
        self.closed = true;
        self.refuse_where(now, Refusal::Closed, |run| match run.state {
            State::Offered(_) | State::Proved { .. } => true,
            State::Paired { .. } | State::Refused { .. } => false,
        });
    }

    /// Forgets `run`: what follows pairing has begun, or will not.
    pub fn forget(&mut self, run: PairingId) {
        self.runs.remove(run);
        self.changed.remove(&run);
    }

    /// Gives up on those who have been silent too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        for id in self.runs.matching(|run| run.deadline <= now) {
            match self.runs.find(id).map(|run| &run.state) {
                Some(State::Proved { .. }) => {
                    self.end(now, id, State::refused(Refusal::Failed));
                    self.on_failure(id, RunFailure::HelloMissing);
                }
                Some(State::Offered(_) | State::Paired { .. } | State::Refused { .. }) => {
                    self.forget(id);
                }
                None => {}
            }
        }
    }

    /// What to say to a receiver, if there is anything.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        while let Some(to) = self.changed.pop_first() {
            if let Some(payload) = self.payload(to).map(<[u8]>::to_vec) {
                return Some(Transmit { to, payload });
            }
        }
        let to = self.dismissed.pop_first()?;
        let payload = Message::Refused(Refusal::Failed).encode();
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

    /// What to say to anybody: P1.
    #[must_use]
    pub fn standing_payload(&self) -> Vec<u8> {
        let versions = self.capabilities.versions;
        if self.is_dead() {
            Message::Standing(Standing::Dead(versions)).encode()
        } else if self.closed {
            Message::Standing(Standing::Closed(versions)).encode()
        } else {
            self.share.message().to_vec()
        }
    }

    /// What the receiver `to` is to be told at present.
    #[must_use]
    pub fn payload(&self, to: PairingId) -> Option<&[u8]> {
        self.runs.find(to)?.payload()
    }

    /// Wrong guesses left before the code is dead.
    #[must_use]
    pub const fn attempts_left(&self) -> u8 {
        MAX_ATTEMPTS.saturating_sub(self.wrong_guesses)
    }

    /// Whether the code was guessed at too often.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.attempts_left() == 0
    }

    fn on_newcomer(
        &mut self,
        now: Instant,
        from: PairingId,
        attempt: &Attempt,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let Some(opening) = sound_opening(attempt) else {
            return self.dismiss(from);
        };
        if !self.runs.make_room() {
            return self.dismiss(from);
        }
        let state = match self.admit(&opening) {
            Err(refusal) => State::refused(refusal),
            Ok(_) if !self.share.is_meant(attempt) => {
                State::Offered(Share::kept(&self.code, self.capabilities, rng))
            }
            Ok(agreement) => {
                let fresh = Share::open(&self.code, self.capabilities, rng);
                let share = std::mem::replace(&mut self.share, fresh);
                self.judge(from, share, attempt, &opening, agreement)
            }
        };
        self.put(now, from, payload, state);
    }

    /// A receiver comes back with the share that was kept for it.
    fn on_return(&mut self, now: Instant, from: PairingId, attempt: &Attempt, payload: &[u8]) {
        let Some(opening) = sound_opening(attempt) else {
            return self.dismiss(from);
        };
        let admitted = self.admit(&opening);
        let share = match self.runs.remove(from).map(|run| run.state) {
            Some(State::Offered(share)) => share,
            Some(State::Proved { .. } | State::Paired { .. } | State::Refused { .. }) | None => {
                return;
            }
        };
        let state = match admitted {
            Ok(agreement) => self.judge(from, share, attempt, &opening, agreement),
            Err(refusal) => State::refused(refusal),
        };
        self.put(now, from, payload, state);
    }

    /// Whether a receiver that opens like this may have a run.
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

    /// Uses a share: this is where a guess is found right or wrong.
    fn judge(
        &mut self,
        from: PairingId,
        share: Share,
        attempt: &Attempt,
        opening: &Opening,
        agreement: Agreement,
    ) -> State {
        match share.check(from, &self.code, attempt, opening, agreement) {
            Ok((secrets, peer)) => {
                self.events
                    .push_back(SenderEvent::HelloNeeded { run: from });
                State::Proved { secrets, peer }
            }
            Err(ProofError::Garbled) => {
                self.on_failure(from, RunFailure::Disturbed);
                State::refused(Refusal::Failed)
            }
            Err(ProofError::WrongTag) => {
                self.wrong_guesses += 1;
                self.events.push_back(SenderEvent::WrongCode {
                    run: from,
                    attempts_left: self.attempts_left(),
                });
                if self.is_dead() {
                    self.events.push_back(SenderEvent::Dead);
                }
                State::refused(Refusal::WrongWords)
            }
        }
    }

    fn put(&mut self, now: Instant, id: PairingId, attempt: &[u8], state: State) {
        let run = Run {
            attempt: attempt.to_vec(),
            deadline: state.deadline(now),
            state,
        };
        self.runs.insert(id, run);
        self.tell(id);
        if self.is_dead() {
            self.refuse_where(now, Refusal::CodeDead, |run| {
                matches!(run.state, State::Offered(_))
            });
        }
    }

    /// Answers what does not fit, so that whoever said it keeps no place at a rendezvous: as before where the receiver is
    /// known, and with a refusal otherwise.
    fn dismiss(&mut self, id: PairingId) {
        if self.runs.find(id).is_some() {
            self.tell(id);
        } else if self.dismissed.len() < MAX_RUNS {
            self.dismissed.insert(id);
        }
    }

    /// Says again what the receiver is to be told.
    fn tell(&mut self, id: PairingId) {
        self.changed.insert(id);
    }

    fn on_failure(&mut self, run: PairingId, reason: RunFailure) {
        self.events
            .push_back(SenderEvent::RunFailed { run, reason });
    }

    fn refuse_where(&mut self, now: Instant, refusal: Refusal, which: impl Fn(&Run) -> bool) {
        for id in self.runs.matching(which) {
            self.end(now, id, State::refused(refusal));
        }
    }

    fn end(&mut self, now: Instant, id: PairingId, state: State) {
        if let Some(run) = self.runs.remove(id) {
            self.put(now, id, &run.attempt, state);
        }
    }
}

/// What a receiver opens with, if its share is a point of the curve: nothing can be learned with another, and it costs
/// nobody anything.
fn sound_opening(attempt: &Attempt) -> Option<Opening> {
    Opening::decode(&attempt.opening).filter(|opening| Agreeing::is_sound(&opening.share))
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
