//! What tasks and sessions work with, and by what the loop reaches them.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::cancel::{Cancel, CancelHandle, cancel};
use super::command::{PageRequest, SessionCommand};
use super::config::EngineConfig;
use super::event::SessionNumber;
use super::networks::Networks;
use super::report::Reporter;
use super::servers::KnownServers;
use super::tries::Tries;
use crate::link::LinkHandle;
use crate::net::{LocalEndpointOptions, MappingPermit};
use crate::transfer::Answer;

/// Answers to an offer that may wait. A person cannot outrun this.
const ANSWER_QUEUE: usize = 16;

/// What tasks and sessions work with.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) config: Arc<EngineConfig>,
    pub(super) reporter: Arc<Reporter>,
    /// Networks in which QUIC did not come through.
    pub(super) networks: Networks,
    /// Servers at which somebody was met who had named them.
    pub(super) known_servers: KnownServers,
    /// What is left to whoever poses as a code's sender.
    pub(super) tries: Arc<Tries>,
    pub(super) notices: mpsc::Sender<Notice>,
    pub(super) port_mapping: MappingPermit,
}

impl Context {
    /// Makes a session known, so that commands reach it.
    pub(super) async fn register(&self, session: SessionNumber) -> SessionControls {
        let (handle, cancel) = cancel();
        let (answer, answers) = mpsc::channel(ANSWER_QUEUE);
        let entry = SessionEntry {
            cancel: handle,
            answer,
            pause: watch::Sender::new(false),
            page: watch::Sender::new(None),
        };
        let controls = SessionControls {
            cancel,
            answers,
            pause: entry.pause.subscribe(),
            pages: entry.page.subscribe(),
        };
        // The loop outlives its tasks.
        let _ = self
            .notices
            .send(Notice::SessionBegan(session, entry))
            .await;
        controls
    }

    /// How the sockets of sessions are placed.
    pub(super) fn endpoint_options(&self) -> LocalEndpointOptions {
        LocalEndpointOptions {
            port: self.config.port.unwrap_or(0),
            ipv6: self.config.ipv6,
            port_mapping: self.config.port_mapping,
            permit: self.port_mapping.clone(),
        }
    }

    /// Sees to the end of a link whose transfer is over; the engine does not end before that.
    pub(super) async fn drain(&self, link: LinkHandle) {
        let _ = self.notices.send(Notice::Draining(link)).await;
    }

    /// The session is over.
    pub(super) async fn unregister(&self, session: SessionNumber) {
        self.reporter.forget(session);
        let _ = self.notices.send(Notice::SessionEnded(session)).await;
    }
}

/// What a session hears from the person.
#[derive(Debug)]
pub(super) struct SessionControls {
    pub(super) cancel: Cancel,
    pub(super) answers: mpsc::Receiver<Answer>,
    pub(super) pause: watch::Receiver<bool>,
    pub(super) pages: watch::Receiver<Option<PageRequest>>,
}

/// What sessions tell the loop.
#[derive(Debug)]
pub(super) enum Notice {
    SessionBegan(SessionNumber, SessionEntry),
    SessionEnded(SessionNumber),
    Draining(LinkHandle),
}

/// What the loop keeps of a session: the other ends of its [`SessionControls`].
#[derive(Debug)]
pub(super) struct SessionEntry {
    cancel: CancelHandle,
    answer: mpsc::Sender<Answer>,
    pause: watch::Sender<bool>,
    page: watch::Sender<Option<PageRequest>>,
}

impl SessionEntry {
    /// Passes on what is asked of this session.
    pub(super) fn apply(&self, command: SessionCommand) {
        match command {
            SessionCommand::ShowOffer(request) => _ = self.page.send_replace(Some(request)),
            SessionCommand::SetDestination(destination) => {
                self.answer(Answer::Elsewhere(destination));
            }
            SessionCommand::Decide(decision) => self.answer(Answer::Decided(decision)),
            SessionCommand::Pause => _ = self.pause.send_replace(true),
            SessionCommand::Resume => _ = self.pause.send_replace(false),
            SessionCommand::Cancel => self.cancel.cancel(),
        }
    }

    fn answer(&self, answer: Answer) {
        if self.answer.try_send(answer).is_err() {
            tracing::debug!("an answer that nobody waits for");
        }
    }
}
