//! The receivers that a share keeps track of, and how far each has come.

use std::collections::BTreeMap;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{Agreement, Capabilities, Hello, Message, Opening, Refusal};
use super::secret::{Agreeing, PeerKey, Secrets, Transcript};
use crate::code::PairingCode;
use crate::limits::{ANSWER_KEPT, MAX_RUNS, RUN_PATIENCE};
use crate::{PairingId, Role};

/// One receiver's run.
pub(super) struct Run {
    /// M1, as it came.
    pub(super) opening: Vec<u8>,
    pub(super) state: State,
    pub(super) deadline: Instant,
}

/// How far a run has come.
pub(super) enum State {
    /// M1 is in, and no token is free.
    Waiting {
        opening: Opening,
        agreement: Agreement,
        /// Who came first has the lower one.
        arrival: u64,
    },
    /// M2 is out, and a token with it.
    Opened {
        answer: Vec<u8>,
        secrets: Secrets,
        hello: Option<Hello>,
    },
    /// M3 is in and right, and M4 waits for the hello.
    Proved {
        answer: Vec<u8>,
        secrets: Secrets,
        peer: Hello,
    },
    /// M4 is out.
    Paired { answer: Vec<u8> },
    /// Turned away.
    Refused { answer: Vec<u8> },
}

impl Run {
    /// The run after M2, on a token. `None` if it was not waiting, or if the receiver's share is no
    /// point of the curve.
    pub(super) fn begin(
        self,
        now: Instant,
        id: PairingId,
        code: &PairingCode,
        capabilities: Capabilities,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Self> {
        let State::Waiting {
            opening, agreement, ..
        } = self.state
        else {
            return None;
        };
        let agreeing = Agreeing::start(Role::Sender, code, rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let answer = Message::SenderOpening(Opening {
            capabilities,
            nonce,
            share: agreeing.share(),
        })
        .encode();
        let secret = agreeing.finish(&opening.share)?;
        let transcript = Transcript {
            agreement,
            locator: code.locator(),
            pairing: id,
            receiver_opening: &self.opening,
            sender_opening: &answer,
        };
        Some(Self {
            state: State::Opened {
                secrets: transcript.secrets(&secret),
                answer,
                hello: None,
            },
            opening: self.opening,
            deadline: now + RUN_PATIENCE,
        })
    }

    /// The run after a right M3, whose token is free again; and this side's hello, if it is there.
    pub(super) fn prove(self, now: Instant, peer: Hello) -> (Self, Option<Hello>) {
        match self.state {
            State::Opened {
                answer,
                secrets,
                hello,
            } => {
                let state = State::Proved {
                    answer,
                    secrets,
                    peer,
                };
                let deadline = now + RUN_PATIENCE;
                (
                    Self {
                        state,
                        deadline,
                        ..self
                    },
                    hello,
                )
            }
            State::Waiting { .. }
            | State::Proved { .. }
            | State::Paired { .. }
            | State::Refused { .. } => (self, None),
        }
    }

    /// The run after M4, and what came of it, if the receiver had proved itself.
    pub(super) fn pair(self, now: Instant, ours: &Hello) -> (Self, Option<(PeerKey, Hello)>) {
        match self.state {
            State::Proved { secrets, peer, .. } => {
                let proof = secrets.prove(Role::Sender, ours);
                let answer = Message::SenderProof(proof).encode();
                let run = Self {
                    state: State::Paired { answer },
                    deadline: now + ANSWER_KEPT,
                    ..self
                };
                (run, Some((secrets.into_peer_key(), peer)))
            }
            State::Waiting { .. }
            | State::Opened { .. }
            | State::Paired { .. }
            | State::Refused { .. } => (self, None),
        }
    }

    /// Turns the receiver away.
    pub(super) fn refuse(&mut self, now: Instant, refusal: Refusal) {
        self.state = State::refused(refusal);
        self.deadline = now + ANSWER_KEPT;
    }

    /// What is to be announced to the receiver.
    pub(super) fn payload(&self) -> Option<&[u8]> {
        match &self.state {
            State::Waiting { .. } => None,
            State::Opened { answer, .. }
            | State::Proved { answer, .. }
            | State::Paired { answer }
            | State::Refused { answer } => Some(answer),
        }
    }
}

impl State {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::Refused {
            answer: Message::Refused(refusal).encode(),
        }
    }
}

/// All runs of a share: at most [`MAX_RUNS`].
#[derive(Default)]
pub(super) struct Runs(BTreeMap<PairingId, Run>);

impl Runs {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Puts `run` there if there is room, in place of another of the same name.
    pub(super) fn insert(&mut self, id: PairingId, run: Run) {
        debug_assert!(self.0.len() < MAX_RUNS || self.0.contains_key(&id));
        self.0.insert(id, run);
    }

    pub(super) fn remove(&mut self, id: PairingId) -> Option<Run> {
        self.0.remove(&id)
    }

    pub(super) fn find_mut(&mut self, id: PairingId) -> Option<&mut Run> {
        self.0.get_mut(&id)
    }

    pub(super) fn find(&self, id: PairingId) -> Option<&Run> {
        self.0.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MAX_RUNS
    }

    /// The ids of the runs for which `which` holds.
    pub(super) fn matching(&self, which: impl Fn(&Run) -> bool) -> Vec<PairingId> {
        self.0
            .iter()
            .filter(|(_, run)| which(run))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The one that has waited for a token longest.
    pub(super) fn longest_waiting(&self) -> Option<PairingId> {
        self.0
            .iter()
            .filter_map(|(id, run)| match run.state {
                State::Waiting { arrival, .. } => Some((arrival, *id)),
                State::Opened { .. }
                | State::Proved { .. }
                | State::Paired { .. }
                | State::Refused { .. } => None,
            })
            .min()
            .map(|(_, id)| id)
    }

    /// The one that was turned away longest ago.
    pub(super) fn longest_refused(&self) -> Option<PairingId> {
        self.0
            .iter()
            .filter(|(_, run)| matches!(run.state, State::Refused { .. }))
            .min_by_key(|(_, run)| run.deadline)
            .map(|(id, _)| *id)
    }

    /// How many hold a token.
    pub(super) fn tokens_out(&self) -> usize {
        self.matching(|run| matches!(run.state, State::Opened { .. }))
            .len()
    }

    /// The next deadline of any.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|run| run.deadline).min()
    }
}
