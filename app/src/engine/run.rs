//! The engine's loop: select one action, apply it, repeat. Nothing else changes the engine's state.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::cancel::{Cancel, CancelHandle, cancel};
use super::command::{Command, NewTask, ShareCommand, TaskCommand};
use super::config::EngineConfig;
use super::context::{Context, Notice, SessionEntry};
use super::event::{Outcome, SessionNumber, TaskEvent, TaskNumber};
use super::networks::Networks;
use super::report::Reporter;
use super::servers::KnownServers;
use super::tries::Tries;
use super::{doctor, receive, share};
use crate::net::PortMappers;

/// Sessions that may register before the loop looks: many times what pairs in an instant.
const NOTICE_QUEUE: usize = 64;

/// Commands for a share that may wait. A person cannot outrun this.
const SHARE_COMMAND_QUEUE: usize = 16;

/// How long routers may take to close the ports that they have open for us; the bound of the port mappers
/// themselves is shorter.
const RELEASE_TIME: Duration = Duration::from_millis(2500);

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
    tasks: BTreeMap<TaskNumber, TaskEntry>,
    sessions: BTreeMap<SessionNumber, SessionEntry>,
    /// Tasks, and links that are being closed.
    running: JoinSet<Option<TaskNumber>>,
    handle_gone: bool,
}

struct TaskEntry {
    cancel: CancelHandle,
    /// Where a share takes in what is asked of it.
    share: Option<mpsc::Sender<ShareCommand>>,
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
            known_servers: KnownServers::new(config.memory.clone()),
            tries: Arc::new(Tries::new(config.memory.clone())),
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
                biased;
                // A session is known before anybody is told of it and can ask something of it.
                Some(notice) = noticed.recv() => return Action::Notice(notice),
                command = commands.recv(), if !self.handle_gone => {
                    return command.map_or(Action::HandleGone, Action::Command);
                }
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
            Action::Notice(Notice::SessionBegan(session, entry)) => {
                self.sessions.insert(session, entry);
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
                self.tasks.values().for_each(|task| task.cancel.cancel());
            }
        }
    }

    fn apply_command(&mut self, command: Command) {
        match command {
            Command::Start(task, new) => self.start(task, new),
            Command::Task(task, TaskCommand::Share(command)) => self.command_share(task, command),
            Command::Task(task, TaskCommand::Cancel) => {
                if let Some(entry) = self.tasks.get(&task) {
                    entry.cancel.cancel();
                }
            }
            Command::Session(session, command) => {
                // A session that ended meanwhile needs nothing any more.
                if let Some(entry) = self.sessions.get(&session) {
                    entry.apply(command);
                }
            }
            Command::Configure(config) => self.context.config = Arc::new(*config),
        }
    }

    fn start(&mut self, task: TaskNumber, new: NewTask) {
        let context = self.context.clone();
        match new {
            NewTask::Share { paths, options } => {
                let (commands, commanded) = mpsc::channel(SHARE_COMMAND_QUEUE);
                self.spawn(task, Some(commands), |stop| {
                    share::share(context, task, paths, options, commanded, stop)
                });
            }
            NewTask::Receive { code, options } => self.spawn(task, None, |stop| {
                receive::receive(context, task, code, options, stop)
            }),
            NewTask::Diagnose => {
                self.spawn(task, None, |stop| doctor::diagnose(context, task, stop));
            }
            NewTask::DiagnoseFar => {
                self.spawn(task, None, |stop| doctor::diagnose_far(context, task, stop));
            }
            NewTask::TestRendezvous(server) => self.spawn(task, None, |stop| {
                doctor::test_rendezvous(context, task, server, stop)
            }),
        }
    }

    fn command_share(&self, task: TaskNumber, command: ShareCommand) {
        let share = self.tasks.get(&task).and_then(|task| task.share.as_ref());
        if share.is_none_or(|share| share.try_send(command).is_err()) {
            tracing::debug!("a command for a share that has ended, or has too many already");
        }
    }

    /// Starts a task under its number; its last event is that it ended.
    fn spawn<F>(
        &mut self,
        task: TaskNumber,
        share: Option<mpsc::Sender<ShareCommand>>,
        start: impl FnOnce(Cancel) -> F,
    ) where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (cancel, stop) = cancel();
        self.tasks.insert(task, TaskEntry { cancel, share });
        let reporter = self.context.reporter.clone();
        // Boxed: the state of a whole share is kilobytes, and is moved about otherwise.
        let work: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(start(stop));
        self.running.spawn(async move {
            let outcome = work.await;
            reporter.tell_task(task, TaskEvent::Ended(outcome)).await;
            Some(task)
        });
    }
}
