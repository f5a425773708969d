//! The shares of a sender, and the receivers that it keeps track of.

use std::collections::BTreeMap;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{
    Agreement, Attempt, Capabilities, Hello, Message, Opening, Refusal, ShareId, Standing,
};
use super::secret::{Agreeing, PeerKey, ProofError, Secrets, Transcript};
use crate::code::PairingCode;
use crate::limits::{ANSWER_KEPT, MAX_RUNS, RUN_PATIENCE};
use crate::{PairingId, Role};

/// A sender's share of a key, for one run.
pub(super) struct Share {
    agreeing: Agreeing,
    id: ShareId,
    capabilities: Capabilities,
    /// As it is said.
    message: Vec<u8>,
}

impl Share {
    /// For whoever comes first.
    pub(super) fn open(
        code: &PairingCode,
        capabilities: Capabilities,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let to_all = |opening| Message::Standing(Standing::Open(opening));
        Self::said(code, capabilities, to_all, rng)
    }

    /// For one receiver.
    pub(super) fn kept(
        code: &PairingCode,
        capabilities: Capabilities,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        Self::said(code, capabilities, Message::Next, rng)
    }

    fn said(
        code: &PairingCode,
        capabilities: Capabilities,
        message: impl FnOnce(Opening) -> Message,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let agreeing = Agreeing::start(Role::Sender, code, rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let opening = Opening {
            capabilities,
            nonce,
            share: agreeing.share(),
        };
        Self {
            agreeing,
            id: opening.id(),
            capabilities,
            message: message(opening).encode(),
        }
    }

    /// What is said of it.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether an attempt is for this one.
    pub(super) fn is_meant(&self, attempt: &Attempt) -> bool {
        self.id == attempt.share
    }

    /// Uses it: whether the attempt of receiver `id` proves that it knows the words.
    pub(super) fn check(
        self,
        id: PairingId,
        code: &PairingCode,
        attempt: &Attempt,
        opening: &Opening,
        agreement: Agreement,
    ) -> Result<(Secrets, Hello), ProofError> {
        debug_assert!(
            self.capabilities.agree(&opening.capabilities) == Some(agreement),
            "what both can do was looked at before"
        );
        let secret = self
            .agreeing
            .finish(&opening.share)
            .ok_or(ProofError::Garbled)?;
        let transcript = Transcript {
            agreement,
            locator: code.locator(),
            pairing: id,
            receiver_opening: &attempt.opening,
            sender_opening: &self.message,
        };
        let secrets = transcript.secrets(&secret);
        let peer = secrets.check(Role::Receiver, &attempt.proof)?;
        Ok((secrets, peer))
    }
}

/// One receiver's run.
pub(super) struct Run {
    /// P2, as it came last.
    pub(super) attempt: Vec<u8>,
    pub(super) state: State,
    pub(super) deadline: Instant,
}

/// How far a run has come.
pub(super) enum State {
    /// Its share was used by another; this one is kept for it.
    Offered(Share),
    /// P2 is in and right, and P3 waits for the hello.
    Proved { secrets: Secrets, peer: Hello },
    /// P3 is out.
    Paired { answer: Vec<u8> },
    /// Turned away.
    Refused { answer: Vec<u8> },
}

impl Run {
    /// The run after P3, and what came of it, if the receiver had proved itself.
    pub(super) fn pair(self, now: Instant, ours: &Hello) -> (Self, Option<(PeerKey, Hello)>) {
        match self.state {
            State::Proved { secrets, peer } => {
                let proof = secrets.prove(Role::Sender, ours);
                let answer = Message::SenderProof(proof).encode();
                let run = Self {
                    state: State::Paired { answer },
                    deadline: now + ANSWER_KEPT,
                    ..self
                };
                (run, Some((secrets.into_peer_key(), peer)))
            }
            State::Offered(_) | State::Paired { .. } | State::Refused { .. } => (self, None),
        }
    }

    /// What is to be said to the receiver.
    pub(super) fn payload(&self) -> Option<&[u8]> {
        match &self.state {
            State::Offered(share) => Some(share.message()),
            State::Proved { .. } => None,
            State::Paired { answer } | State::Refused { answer } => Some(answer),
        }
    }
}

impl State {
    pub(super) fn refused(refusal: Refusal) -> Self {
        Self::Refused {
            answer: Message::Refused(refusal).encode(),
        }
    }

    /// How long it lasts.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        match self {
            Self::Offered(_) | Self::Proved { .. } => now + RUN_PATIENCE,
            Self::Paired { .. } | Self::Refused { .. } => now + ANSWER_KEPT,
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

    pub(super) fn find(&self, id: PairingId) -> Option<&Run> {
        self.0.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is room for another, if need be that of one that has proved nothing: the one that lasts least.
    pub(super) fn make_room(&mut self) -> bool {
        if self.0.len() < MAX_RUNS {
            return true;
        }
        let unproved = self.0.iter().filter(|(_, run)| match run.state {
            State::Offered(_) | State::Refused { .. } => true,
            State::Proved { .. } | State::Paired { .. } => false,
        });
        let first = unproved.min_by_key(|(_, run)| run.deadline);
        let Some(id) = first.map(|(id, _)| *id) else {
            return false;
        };
        self.0.remove(&id);
        true
    }

    /// The ids of the runs for which `which` holds.
    pub(super) fn matching(&self, which: impl Fn(&Run) -> bool) -> Vec<PairingId> {
        self.0
            .iter()
            .filter(|(_, run)| which(run))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The next deadline of any.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|run| run.deadline).min()
    }
}
