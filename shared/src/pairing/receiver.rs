//! The receiver's side of one pairing.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{
    Attempt, Capabilities, Hello, Message, Opening, Refusal, ShareId, Standing, VersionRange,
};
use super::secret::{Agreeing, PeerKey, ProofError, Secrets, Transcript};
use crate::code::PairingCode;
use crate::limits::{MAX_ATTEMPTS, RECEIVER_PATIENCE};
use crate::{PairingId, Role};

/// What the receiver's side has to say.
#[derive(Debug)]
pub enum ReceiverEvent {
    /// Both know the words. The last event.
    Paired {
        /// What only the two know.
        key: Box<PeerKey>,
        /// What the sender says of itself.
        peer: Hello,
    },
    /// It came to nothing. The last event.
    Failed(PairingFailure),
}

/// Why a pairing came to nothing, for the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PairingFailure {
    /// The sender's words are others, or somebody in between wants it to look like that.
    #[error("the words of the code don't match")]
    WrongWords,
    /// Too many wrong guesses at this code.
    #[error("the code was guessed at too often and is dead")]
    CodeDead,
    /// There is nothing that both can speak.
    #[error("the sender speaks versions {} to {}", theirs.oldest, theirs.newest)]
    Version {
        /// What the sender speaks.
        theirs: VersionRange,
    },
    /// The versions fit, and one side rules out every transport that the other allows.
    #[error("the two sides allow no common transport")]
    NoCommonTransport,
    /// The sender has stopped sharing.
    #[error("the sender has stopped sharing")]
    Closed,
    /// The sender was there and does not answer, for [`RECEIVER_PATIENCE`].
    #[error("the sender does not answer")]
    SenderVanished,
    /// The caller gave no hello in [`RECEIVER_PATIENCE`].
    #[error("this side was not ready in time")]
    HelloMissing,
    /// What was said was garbled on the way, or the sender gave up on this run.
    #[error("the pairing was disturbed")]
    Disturbed,
}

/// One try at pairing with the share of a code. It never tries again by itself, but for a share that another
/// receiver has used meanwhile.
///
/// After any call, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout). What `poll_transmit` gave last is to be announced
/// again and again until an event has come.
pub struct ReceiverPairing {
    code: PairingCode,
    capabilities: Capabilities,
    pairing: PairingId,
    hello: Option<Hello>,
    state: State,
    proofs: u8,
    deadline: Instant,
    transmit: Option<Vec<u8>>,
    events: VecDeque<ReceiverEvent>,
}

enum State {
    /// Nothing is out, and the sender's share is not known.
    Waiting,
    /// The newest of the sender's shares is in, and P2 waits for the hello.
    Ready(Found),
    /// P2 is out.
    Proved {
        secrets: Box<Secrets>,
        share: ShareId,
    },
    /// The last event is out.
    Over,
}

/// A share of the sender's.
struct Found {
    opening: Opening,
    /// As it came.
    payload: Vec<u8>,
}

impl ReceiverPairing {
    /// Begins, with nothing to say yet. `pairing` must be new.
    #[must_use]
    pub fn new(
        code: PairingCode,
        capabilities: Capabilities,
        pairing: PairingId,
        now: Instant,
    ) -> Self {
        Self {
            code,
            capabilities,
            pairing,
            hello: None,
            state: State::Waiting,
            proofs: 0,
            deadline: now + RECEIVER_PATIENCE,
            transmit: None,
            events: VecDeque::new(),
        }
    }

    /// Takes a payload that the sender has announced to this receiver, or to anybody. One that does
    /// not fit is ignored.
    pub fn handle_payload(
        &mut self,
        now: Instant,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        self.handle_timeout(now);
        match Message::decode(payload) {
            Some(Message::Standing(standing)) => self.on_standing(now, standing, payload, rng),
            Some(Message::Next(opening)) => self.on_next(now, opening, payload, rng),
            Some(Message::SenderProof(proof)) => {
                if let State::Proved { secrets, .. } = &self.state {
                    let checked = secrets.check(Role::Sender, &proof);
                    self.on_proof(checked);
                }
            }
            Some(Message::Refused(refusal)) => self.on_refusal(refusal),
            Some(Message::Attempt(_)) | None => {}
        }
    }

    /// Gives this side's hello, which P2 waits for. Only the first one counts.
    pub fn provide_hello(
        &mut self,
        now: Instant,
        hello: Hello,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if self.hello.is_none() {
            self.hello = Some(hello);
            self.prove_if_ready(now, rng);
        }
    }

    /// Gives up once the sender has been silent too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        match self.state {
            State::Waiting | State::Proved { .. } => self.fail(PairingFailure::SenderVanished),
            State::Ready(_) => self.fail(PairingFailure::HelloMissing),
            State::Over => {}
        }
    }

    /// What to announce from now on, if it has changed.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmit.take()
    }

    /// What has happened.
    pub fn poll_event(&mut self) -> Option<ReceiverEvent> {
        self.events.pop_front()
    }

    /// How many proofs are out, or about to be: whoever gets one can test one guess at the words by it. The last
    /// is answered by the sender's own once [`ReceiverEvent::Paired`] has come.
    #[must_use]
    pub const fn proofs(&self) -> u8 {
        self.proofs
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` when it is over.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting | State::Ready(_) | State::Proved { .. } => Some(self.deadline),
            State::Over => None,
        }
    }

    /// The pairing id under which this receiver is known to the sender.
    #[must_use]
    pub const fn id(&self) -> PairingId {
        self.pairing
    }

    /// P1 counts only while nothing is out: after that the sender speaks to this receiver.
    fn on_standing(
        &mut self,
        now: Instant,
        standing: Standing,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        match self.state {
            State::Waiting | State::Ready(_) => {}
            State::Proved { .. } | State::Over => return,
        }
        match standing {
            Standing::Open(opening) => self.on_share(now, opening, payload, rng),
            Standing::Dead(theirs) => self.fail_unless_other(theirs, PairingFailure::CodeDead),
            Standing::Closed(theirs) => self.fail_unless_other(theirs, PairingFailure::Closed),
        }
    }

    /// The share that P2 was for is used. Whoever says so can test another guess with the next proof, so this has
    /// its bound.
    fn on_next(
        &mut self,
        now: Instant,
        opening: Opening,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let State::Proved { share, .. } = &self.state else {
            return;
        };
        if *share == opening.id() {
            // It is the one that the proof is for already.
            return;
        }
        if self.proofs >= MAX_ATTEMPTS {
            self.fail(PairingFailure::Disturbed);
            return;
        }
        self.on_share(now, opening, payload, rng);
    }

    /// A share to go on with.
    fn on_share(
        &mut self,
        now: Instant,
        opening: Opening,
        payload: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if !Agreeing::is_sound(&opening.share) {
            self.fail(PairingFailure::Disturbed);
            return;
        }
        if let State::Waiting = self.state {
            self.deadline = now + RECEIVER_PATIENCE;
        }
        self.state = State::Ready(Found {
            opening,
            payload: payload.to_vec(),
        });
        self.prove_if_ready(now, rng);
    }

    fn prove_if_ready(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let (State::Ready(found), Some(hello)) = (&self.state, &self.hello) else {
            return;
        };
        let theirs = found.opening.capabilities;
        let Some(agreement) = self.capabilities.agree(&theirs) else {
            self.fail(self.nothing_common(theirs.versions));
            return;
        };
        let agreeing = Agreeing::start(Role::Receiver, &self.code, rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let opening = Opening {
            capabilities: self.capabilities,
            nonce,
            share: agreeing.share(),
        };
        let opening = opening.encode();
        let Some(secret) = agreeing.finish(&found.opening.share) else {
            self.fail(PairingFailure::Disturbed);
            return;
        };
        let transcript = Transcript {
            agreement,
            locator: self.code.locator(),
            pairing: self.pairing,
            receiver_opening: &opening,
            sender_opening: &found.payload,
        };
        let secrets = Box::new(transcript.secrets(&secret));
        let share = found.opening.id();
        let attempt = Attempt {
            share,
            proof: secrets.prove(Role::Receiver, hello),
            opening,
        };
        self.transmit = Some(Message::Attempt(attempt).encode());
        if self.proofs == 0 {
            // Not longer for those that follow: the sender forgets what it has answered.
            self.deadline = now + RECEIVER_PATIENCE;
        }
        self.proofs += 1;
        self.state = State::Proved { secrets, share };
    }

    fn on_proof(&mut self, checked: Result<Hello, ProofError>) {
        match (checked, std::mem::replace(&mut self.state, State::Over)) {
            (Ok(peer), State::Proved { secrets, .. }) => {
                let key = Box::new(secrets.into_peer_key());
                self.end(ReceiverEvent::Paired { key, peer });
            }
            (Err(ProofError::WrongTag), _) => {
                self.end(ReceiverEvent::Failed(PairingFailure::WrongWords));
            }
            (Err(ProofError::Garbled), _) => {
                self.end(ReceiverEvent::Failed(PairingFailure::Disturbed));
            }
            (Ok(_), other) => self.state = other,
        }
    }

    fn on_refusal(&mut self, refusal: Refusal) {
        self.fail(match refusal {
            Refusal::WrongWords => PairingFailure::WrongWords,
            Refusal::CodeDead => PairingFailure::CodeDead,
            Refusal::Version(theirs) => self.nothing_common(theirs),
            Refusal::Closed => PairingFailure::Closed,
            Refusal::Failed => PairingFailure::Disturbed,
        });
    }

    /// Fails like this, or for the sake of the versions where there is none in common.
    fn fail_unless_other(&mut self, theirs: VersionRange, failure: PairingFailure) {
        match self.capabilities.versions.newest_common(theirs) {
            Some(_) => self.fail(failure),
            None => self.fail(PairingFailure::Version { theirs }),
        }
    }

    /// Why there is nothing that both can speak, where the sender speaks these versions.
    fn nothing_common(&self, theirs: VersionRange) -> PairingFailure {
        match self.capabilities.versions.newest_common(theirs) {
            Some(_) => PairingFailure::NoCommonTransport,
            None => PairingFailure::Version { theirs },
        }
    }

    fn fail(&mut self, failure: PairingFailure) {
        match self.state {
            State::Waiting | State::Ready(_) | State::Proved { .. } => {
                self.end(ReceiverEvent::Failed(failure));
            }
            State::Over => {}
        }
    }

    /// Wipes the secrets and says the last event.
    fn end(&mut self, event: ReceiverEvent) {
        self.state = State::Over;
        self.transmit = None;
        self.events.push_back(event);
    }
}

impl fmt::Debug for ReceiverPairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Waiting => "waiting",
            State::Ready(_) => "ready",
            State::Proved { .. } => "proved",
            State::Over => "over",
        };
        f.debug_struct("ReceiverPairing")
            .field("id", &self.pairing)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
