//! The receiver's side of one pairing.

use std::collections::VecDeque;
use std::fmt;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::message::{Capabilities, Hello, Message, Opening, Refusal, ShareState, VersionRange};
use super::secret::{Agreeing, PeerKey, ProofError, Secrets, Transcript};
use crate::code::PairingCode;
use crate::limits::RECEIVER_PATIENCE;
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

/// One try at pairing with the share of a code. It never tries again by itself.
///
/// After any call, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout). What `poll_transmit` gave last is to be announced
/// again and again until an event has come.
pub struct ReceiverPairing {
    code: PairingCode,
    capabilities: Capabilities,
    pairing: PairingId,
    /// M1, as it was sent.
    opening: Vec<u8>,
    hello: Option<Hello>,
    state: State,
    deadline: Instant,
    transmit: Option<Vec<u8>>,
    events: VecDeque<ReceiverEvent>,
}

enum State {
    /// M1 is out.
    Opened(Agreeing),
    /// M2 is in, and M3 waits for the hello.
    Agreed(Secrets),
    /// M3 is out.
    Proved(Secrets),
    /// The last event is out.
    Over,
}

impl ReceiverPairing {
    /// Begins: M1 is there to be announced at once. `pairing` must be new.
    pub fn new(
        code: PairingCode,
        capabilities: Capabilities,
        pairing: PairingId,
        now: Instant,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let agreeing = Agreeing::start(Role::Receiver, &code, rng);
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let opening = Message::ReceiverOpening(Opening {
            capabilities,
            nonce,
            share: agreeing.share(),
        })
        .encode();
        Self {
            code,
            capabilities,
            pairing,
            transmit: Some(opening.clone()),
            opening,
            hello: None,
            state: State::Opened(agreeing),
            deadline: now + RECEIVER_PATIENCE,
            events: VecDeque::new(),
        }
    }

    /// Takes a payload that the sender has announced to this receiver, or to anybody. One that does
    /// not fit is ignored.
    pub fn handle_payload(&mut self, now: Instant, payload: &[u8]) {
        self.handle_timeout(now);
        match Message::decode(payload) {
            Some(Message::Standing { versions, state }) => self.on_standing(versions, state),
            Some(Message::SenderOpening(opening)) => self.on_opening(now, &opening, payload),
            Some(Message::SenderProof(proof)) => {
                if let State::Proved(secrets) = &self.state {
                    let checked = secrets.check(Role::Sender, &proof);
                    self.on_proof(checked);
                }
            }
            Some(Message::Refused(refusal)) => self.on_refusal(refusal),
            Some(Message::ReceiverOpening(_) | Message::ReceiverProof(_)) | None => {}
        }
    }

    /// Gives this side's hello, which M3 waits for. Only the first one counts.
    pub fn provide_hello(&mut self, now: Instant, hello: Hello) {
        if self.hello.is_none() {
            self.hello = Some(hello);
            self.prove_if_ready(now);
        }
    }

    /// Gives up once the sender has been silent too long.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        match self.state {
            State::Opened(_) | State::Proved(_) => self.fail(PairingFailure::SenderVanished),
            State::Agreed(_) => self.fail(PairingFailure::HelloMissing),
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

    /// Whether M3 is out, or about to be: whoever gets it can test one guess at the words by it.
    #[must_use]
    pub const fn has_proved(&self) -> bool {
        matches!(self.state, State::Proved(_))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called; `None` when it is over.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Opened(_) | State::Agreed(_) | State::Proved(_) => Some(self.deadline),
            State::Over => None,
        }
    }

    /// The pairing id under which this receiver is known at the rendezvous.
    #[must_use]
    pub const fn id(&self) -> PairingId {
        self.pairing
    }

    /// M0 counts only while the sender has not answered: after that it has taken this receiver.
    fn on_standing(&mut self, theirs: VersionRange, state: ShareState) {
        let State::Opened(_) = self.state else {
            return;
        };
        let versions = self.capabilities.versions;
        match state {
            ShareState::Dead => self.fail(PairingFailure::CodeDead),
            ShareState::Closed => self.fail(PairingFailure::Closed),
            ShareState::Open => {
                if versions.newest_common(theirs).is_none() {
                    self.fail(PairingFailure::Version { theirs });
                }
            }
        }
    }

    fn on_opening(&mut self, now: Instant, opening: &Opening, payload: &[u8]) {
        let agreeing = match std::mem::replace(&mut self.state, State::Over) {
            State::Opened(agreeing) => agreeing,
            other @ (State::Agreed(_) | State::Proved(_) | State::Over) => {
                self.state = other;
                return;
            }
        };
        let Some(agreement) = self.capabilities.agree(&opening.capabilities) else {
            let failure = self.nothing_common(opening.capabilities.versions);
            self.end(ReceiverEvent::Failed(failure));
            return;
        };
        let Some(secret) = agreeing.finish(&opening.share) else {
            self.end(ReceiverEvent::Failed(PairingFailure::Disturbed));
            return;
        };
        let transcript = Transcript {
            agreement,
            locator: self.code.locator(),
            pairing: self.pairing,
            receiver_opening: &self.opening,
            sender_opening: payload,
        };
        self.state = State::Agreed(transcript.secrets(&secret));
        self.deadline = now + RECEIVER_PATIENCE;
        self.prove_if_ready(now);
    }

    fn prove_if_ready(&mut self, now: Instant) {
        let Some(hello) = &self.hello else {
            return;
        };
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Agreed(secrets) => {
                let proof = secrets.prove(Role::Receiver, hello);
                self.transmit = Some(Message::ReceiverProof(proof).encode());
                self.deadline = now + RECEIVER_PATIENCE;
                State::Proved(secrets)
            }
            other @ (State::Opened(_) | State::Proved(_) | State::Over) => other,
        };
    }

    fn on_proof(&mut self, checked: Result<Hello, ProofError>) {
        match (checked, std::mem::replace(&mut self.state, State::Over)) {
            (Ok(peer), State::Proved(secrets)) => {
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

    /// Why there is nothing that both can speak, where the sender speaks these versions.
    fn nothing_common(&self, theirs: VersionRange) -> PairingFailure {
        match self.capabilities.versions.newest_common(theirs) {
            Some(_) => PairingFailure::NoCommonTransport,
            None => PairingFailure::Version { theirs },
        }
    }

    fn fail(&mut self, failure: PairingFailure) {
        match self.state {
            State::Opened(_) | State::Agreed(_) | State::Proved(_) => {
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
            State::Opened(_) => "opened",
            State::Agreed(_) => "agreed",
            State::Proved(_) => "proved",
            State::Over => "over",
        };
        f.debug_struct("ReceiverPairing")
            .field("id", &self.pairing)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
