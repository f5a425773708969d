//! The only thing that the command line and the window hold of the engine.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::command::Command;
use super::event::{Event, Progress, SessionNumber};

/// Commands that may wait for the engine. A person cannot outrun this.
pub(super) const COMMAND_QUEUE: usize = 64;

/// Events that may wait for a face; the engine waits when they are not fetched.
pub(super) const EVENT_QUEUE: usize = 1024;

/// How long an engine that was told to end may say nothing: longer than routers may take to close ports
/// (`run::RELEASE_TIME`).
const END_PATIENCE: Duration = Duration::from_secs(3);

/// Where the engine leaves the newest progress of every running session.
pub(super) type ProgressBoard = Arc<Mutex<BTreeMap<SessionNumber, Progress>>>;

/// A running engine, seen from outside. Dropping it ends the engine's tasks in an orderly way and
/// waits for that, for at most a few seconds.
#[derive(Debug)]
pub struct EngineHandle {
    pub(super) commands: Option<tokio::sync::mpsc::Sender<Command>>,
    pub(super) events: Receiver<Event>,
    pub(super) progress: ProgressBoard,
    pub(super) thread: Option<std::thread::JoinHandle<()>>,
}

/// What waiting for an event gave.
#[derive(Debug)]
pub enum Wait {
    /// An event.
    Event(Event),
    /// Nothing in that time.
    TimedOut,
    /// The engine has ended; there will be no more.
    Ended,
}

impl EngineHandle {
    /// Asks the engine for something. `false` if the engine has ended or 64 requests are waiting.
    #[must_use]
    pub fn send(&self, command: Command) -> bool {
        self.commands
            .as_ref()
            .is_some_and(|commands| commands.try_send(command).is_ok())
    }

    /// The next event, waiting for at most `patience`.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> Wait {
        match self.events.recv_timeout(patience) {
            Ok(event) => Wait::Event(event),
            Err(RecvTimeoutError::Timeout) => Wait::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Wait::Ended,
        }
    }

    /// The next event if there is one.
    #[must_use]
    pub fn poll(&self) -> Wait {
        match self.events.try_recv() {
            Ok(event) => Wait::Event(event),
            Err(TryRecvError::Empty) => Wait::TimedOut,
            Err(TryRecvError::Disconnected) => Wait::Ended,
        }
    }

    /// How far every running session is.
    #[must_use]
    pub fn progress(&self) -> BTreeMap<SessionNumber, Progress> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.commands = None;
        // An engine that still has something to say must not wait for us to listen.
        while !matches!(self.wait(END_PATIENCE), Wait::Ended | Wait::TimedOut) {}
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            // A panic on the engine's thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// The other end of a handle that has no engine, for the tests of the faces.
#[cfg(test)]
pub(crate) struct Script {
    /// What the face asked for.
    pub(crate) commands: tokio::sync::mpsc::Receiver<Command>,
    /// What the face is told.
    pub(crate) events: std::sync::mpsc::SyncSender<Event>,
    /// The newest progress.
    pub(crate) progress: ProgressBoard,
}

#[cfg(test)]
impl EngineHandle {
    /// A handle whose engine is a script.
    pub(crate) fn scripted() -> (Self, Script) {
        let (commands, asked) = tokio::sync::mpsc::channel(COMMAND_QUEUE);
        let (events, told) = std::sync::mpsc::sync_channel(EVENT_QUEUE);
        let progress = ProgressBoard::default();
        let handle = Self {
            commands: Some(commands),
            events: told,
            progress: Arc::clone(&progress),
            thread: None,
        };
        let script = Script {
            commands: asked,
            events,
            progress,
        };
        (handle, script)
    }
}
