//! The engine's loop: select one action, apply it, repeat. Nothing else changes the engine's state.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::cancel::{Cancel, CancelHandle, cancel};
use super::command::{Command, Decision};
use super::event::{Event, Outcome, SessionNumber, TaskNumber};
use super::networks::Networks;
use super::report::Reporter;
use super::{EngineConfig, doctor, receive, share};
use crate::link::LinkHandle;
use crate::net::{MappingPermit, PlaceOptions, PortMappers};

/// Sessions that may register before the loop looks: many times what pairs in an instant.
const NOTICE_QUEUE: usize = 64;

/// How long routers may take to close the ports that they have open for us; the bound of the port mappers
/// themselves is shorter.
const RELEASE_TIME: Duration = Duration::from_millis(2500);

/// What tasks and sessions work with.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) config: Arc<EngineConfig>,
    pub(super) reporter: Arc<Reporter>,
    /// Networks in which QUIC did not come through.
    pub(super) networks: Networks,
    notices: mpsc::Sender<Notice>,
    port_mapping: MappingPermit,
}

impl Context {
    /// Makes a session known, so that commands reach it.
    pub(super) async fn register(&self, session: SessionNumber) -> SessionControls {
        let (handle, cancel) = cancel();
        let (decide, decision) = oneshot::channel();
        let notice = Notice::SessionBegan {
            session,
            cancel: handle,
            decide,
        };
        // The loop outlives its tasks.
        let _ = self.notices.send(notice).await;
        SessionControls { cancel, decision }
    }

    /// How the sockets of sessions are placed.
    pub(super) fn place_options(&self) -> PlaceOptions {
        PlaceOptions {
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
    pub(super) decision: oneshot::Receiver<Decision>,
}

/// What sessions tell the loop.
#[derive(Debug)]
enum Notice {
    SessionBegan {
        session: SessionNumber,
        cancel: CancelHandle,
        decide: oneshot::Sender<Decision>,
    },
    SessionEnded(SessionNumber),
    Draining(LinkHandle),
}

/// One thing for the loop to do.
enum Action {
    Command(Command),
    Notice(Notice),
    WorkEnded(Option<TaskNumber>),
    /// The handle was dropped.
    HandleGone,
}

struct Run {
    context: Context,
    tasks: BTreeMap<TaskNumber, CancelHandle>,
    sessions: BTreeMap<SessionNumber, SessionEntry>,
    /// Tasks, and links that are being closed.
    running: JoinSet<Option<TaskNumber>>,
    handle_gone: bool,
}

struct SessionEntry {
    cancel: CancelHandle,
    decide: Option<oneshot::Sender<Decision>>,
}

/// Runs until the handle is gone and every task has ended.
pub(super) async fn run(
    config: EngineConfig,
    reporter: Reporter,
    mut commands: mpsc::Receiver<Command>,
) {
    let (notices, mut noticed) = mpsc::channel(NOTICE_QUEUE);
    let port_mappers = PortMappers::new();
    let reporter = Arc::new(reporter);
    let mut run = Run {
        context: Context {
            networks: Networks::new(config.memory.clone()),
            config: Arc::new(config),
            reporter: Arc::clone(&reporter),
            notices,
            port_mapping: port_mappers.permit(),
        },
        tasks: BTreeMap::new(),
        sessions: BTreeMap::new(),
        running: JoinSet::new(),
        handle_gone: false,
    };
    while !(run.handle_gone && run.running.is_empty()) {
        let action = run.select(&mut commands, &mut noticed).await;
        run.apply(action);
        if run.is_winding_up() {
            port_mappers.end();
        }
    }
    drop(run);
    // Routers are given a bounded time, and a lease ends what they still have open.
    if tokio::time::timeout(RELEASE_TIME, port_mappers.released())
        .await
        .is_err()
    {
        tracing::warn!("a port mapper outlives its bound");
    }
    // Whoever holds the handle waits for the end of its events.
    drop(reporter);
}

impl Run {
    /// Whether nothing is left but links that are being closed: they work over paths that they have.
    fn is_winding_up(&self) -> bool {
        self.handle_gone && self.tasks.is_empty()
    }

    async fn select(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        noticed: &mut mpsc::Receiver<Notice>,
    ) -> Action {
        loop {
            tokio::select! {
                command = commands.recv(), if !self.handle_gone => {
                    return command.map_or(Action::HandleGone, Action::Command);
                }
                Some(notice) = noticed.recv() => return Action::Notice(notice),
                Some(ended) = self.running.join_next() => {
                    match ended {
                        Ok(work) => return Action::WorkEnded(work),
                        // A panic was reported by the hook; the other tasks go on.
                        Err(error) => tracing::error!(%error, "a task did not end by itself"),
                    }
                }
            }
        }
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Command(command) => self.apply_command(command),
            Action::Notice(Notice::SessionBegan {
                session,
                cancel,
                decide,
            }) => {
                let decide = Some(decide);
                self.sessions
                    .insert(session, SessionEntry { cancel, decide });
            }
            Action::Notice(Notice::SessionEnded(session)) => {
                self.sessions.remove(&session);
            }
            Action::Notice(Notice::Draining(link)) => {
                self.running.spawn(async move {
                    link.wind_down().await;
                    None
                });
            }
            Action::WorkEnded(task) => {
                if let Some(task) = task {
                    self.tasks.remove(&task);
                }
            }
            Action::HandleGone => {
                self.handle_gone = true;
                self.tasks.values().for_each(CancelHandle::cancel);
            }
        }
    }

    fn apply_command(&mut self, command: Command) {
        let context = self.context.clone();
        match command {
            Command::Share {
                task,
                paths,
                options,
            } => self.spawn(task, |stop| {
                share::share(context, task, paths, options, stop)
            }),
            Command::Receive {
                task,
                code,
                options,
            } => self.spawn(task, |stop| {
                receive::receive(context, task, code, options, stop)
            }),
            Command::Diagnose { task } => {
                self.spawn(task, |stop| doctor::diagnose(context, task, stop));
            }
            Command::Decide { session, decision } => {
                let entry = self.sessions.get_mut(&session);
                if let Some(decide) = entry.and_then(|entry| entry.decide.take()) {
                    // A session that ended meanwhile needs no answer.
                    let _ = decide.send(decision);
                }
            }
            Command::CancelSession(session) => {
                if let Some(entry) = self.sessions.get(&session) {
                    entry.cancel.cancel();
                }
            }
            Command::CancelTask(task) => {
                if let Some(handle) = self.tasks.get(&task) {
                    handle.cancel();
                }
            }
        }
    }

    /// Starts a task under its number; its last event is that it ended.
    fn spawn<F>(&mut self, task: TaskNumber, start: impl FnOnce(Cancel) -> F)
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (handle, stop) = cancel();
        self.tasks.insert(task, handle);
        let reporter = self.context.reporter.clone();
        // Boxed: the state of a whole share is kilobytes, and is moved about otherwise.
        let work: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(start(stop));
        self.running.spawn(async move {
            let outcome = work.await;
            reporter.tell(Event::Ended { task, outcome }).await;
            Some(task)
        });
    }
}
