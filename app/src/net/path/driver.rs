//! The driver of a session's path, for as long as the session lasts: runs `shared`'s `PathAgent` over the
//! session's sockets, opens more of them when the agent wants them, and meets the peer again at the rendezvous.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use fardrop_shared::path::{AgentEvent, FoundPath, Nat, PathNews, SocketId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::error::PathError;
use super::local_endpoint::LocalEndpoint;
use super::nat::observe_nat;
use super::path_socket::PathSocket;
use super::reintroduction::{Reintroduction, ReintroductionEvent, ReintroductionPoint};
use super::sockets::{PathSockets, RendezvousDatagram};
use crate::net::socket::{PeerSocket, sleep_until};

/// What a socket of many-port punching takes, in bytes: more than a probe, so that nothing longer passes
/// for one.
const PROBE_BUFFER_BYTES: usize = 128;

/// The task that drives a session's path, and everything that it needs for that.
pub(in crate::net) struct PathDriver {
    sockets: Arc<PathSockets>,
    endpoint: LocalEndpoint,
    main: Arc<PeerSocket>,
    servers: Vec<SocketAddr>,
    reintroduction_point: ReintroductionPoint,
    reintroduction: Option<Reintroduction>,
    /// What is announced wherever the two meet.
    update: Option<Vec<u8>>,
    said: mpsc::Receiver<RendezvousDatagram>,
    /// Read only by many-port punching.
    readers: JoinSet<()>,
    observing: JoinSet<Nat>,
    route: watch::Sender<Option<Arc<PathSocket>>>,
    news: mpsc::Sender<Result<PathNews, PathError>>,
}

/// The one thing that a driver has waited for.
enum Step {
    Turn,
    Rendezvous(RendezvousDatagram),
    Mapped,
    Observed(Nat),
    Broken(std::io::Error),
}

impl PathDriver {
    pub(in crate::net) fn new(
        sockets: Arc<PathSockets>,
        (endpoint, main): (LocalEndpoint, Arc<PeerSocket>),
        (reintroduction_point, servers): (ReintroductionPoint, Vec<SocketAddr>),
        said: mpsc::Receiver<RendezvousDatagram>,
        route: watch::Sender<Option<Arc<PathSocket>>>,
        news: mpsc::Sender<Result<PathNews, PathError>>,
    ) -> Self {
        Self {
            sockets,
            endpoint,
            main,
            servers,
            reintroduction_point,
            reintroduction: None,
            update: None,
            said,
            readers: JoinSet::new(),
            observing: JoinSet::new(),
            route,
            news,
        }
    }

    /// Runs until there is no path to look after any more, or it is dropped.
    pub(in crate::net) async fn run(mut self) {
        loop {
            let (events, update, agent_due) = self.sockets.turn();
            if update.is_some() {
                self.update = update;
            }
            if let Some(reintroduction) = &mut self.reintroduction
                && let Some(update) = self.update.take()
            {
                reintroduction.announce(update);
            }
            for event in events {
                if self.on_event(event).await.is_break() {
                    return;
                }
            }
            let reintroduction_due = self.turn_reintroduction();
            let due = [agent_due, reintroduction_due].into_iter().flatten().min();
            match self.wait(due).await {
                Step::Turn => {}
                Step::Rendezvous((from, datagram)) => {
                    if let Some(reintroduction) = &mut self.reintroduction {
                        reintroduction.handle_datagram(from, &datagram);
                    }
                }
                Step::Mapped => self.tell_here(),
                Step::Observed(nat) => {
                    self.endpoint.set_nat(nat);
                    self.tell_here();
                }
                Step::Broken(error) => {
                    let _ = self.news.send(Err(PathError::Socket(error.kind()))).await;
                    return;
                }
            }
        }
    }

    async fn wait(&mut self, due: Option<Instant>) -> Step {
        // The link reads the socket that it uses, and hands on what is not its own.
        let unread = self
            .route
            .borrow()
            .as_ref()
            .is_none_or(|route| route.id() != SocketId::MAIN);
        let (sockets, main) = (&self.sockets, &self.main);
        tokio::select! {
            () = sockets.changed() => Step::Turn,
            () = sleep_until(due) => Step::Turn,
            Some(said) = self.said.recv() => Step::Rendezvous(said),
            () = self.endpoint.mapping_changed() => Step::Mapped,
            Some(Ok(nat)) = self.observing.join_next() => Step::Observed(nat),
            received = main.receive(|from, datagram| {
                sockets.takes(SocketId::MAIN, from, datagram);
            }), if unread => received.map_or_else(Step::Broken, |()| Step::Turn),
        }
    }

    /// Does what the agent wants, and passes its news on; breaks when there is nothing left to drive.
    async fn on_event(&mut self, event: AgentEvent) -> ControlFlow<()> {
        tracing::debug!(?event, "path");
        match event {
            AgentEvent::SocketsNeeded(count) => {
                let opened = self.open_sockets(count);
                self.sockets
                    .with_agent(|agent| agent.handle_sockets(opened));
                ControlFlow::Continue(())
            }
            AgentEvent::ReintroductionNeeded => {
                self.reintroduction
                    .get_or_insert_with(|| self.reintroduction_point.enter());
                ControlFlow::Continue(())
            }
            AgentEvent::News(news) => {
                match &news {
                    PathNews::Found(path) => self.on_path(path),
                    PathNews::Lost => self.on_lost(),
                    PathNews::Trying(_) | PathNews::Works(..) => {}
                }
                match self.news.send(Ok(news)).await {
                    Ok(()) => ControlFlow::Continue(()),
                    // Whoever listens has gone together with the session.
                    Err(_) => ControlFlow::Break(()),
                }
            }
            AgentEvent::Failed(failure) => {
                let _ = self.news.send(Err(failure.into())).await;
                ControlFlow::Break(())
            }
        }
    }

    fn on_path(&mut self, path: &FoundPath) {
        if let Some(reintroduction) = self.reintroduction.take() {
            self.reintroduction_point.leave(&reintroduction);
        }
        let Some(socket) = self.sockets.socket(path.socket) else {
            tracing::error!(?path, "a path over a socket that is closed");
            return;
        };
        // Those of many-port punching that did not win.
        self.readers.abort_all();
        self.sockets.keep_only(path.socket);
        let sockets = Arc::clone(&self.sockets);
        match PathSocket::new(sockets, path.socket, socket, path.remote) {
            Some(path_socket) => {
                if let Some(old) = self.route.send_replace(Some(path_socket)) {
                    old.retire();
                }
            }
            None => tracing::error!(?path, "a path that the socket cannot reach"),
        }
    }

    /// The path is lost, perhaps since this machine is on another network by now.
    fn on_lost(&mut self) {
        self.endpoint.refresh();
        self.tell_here();
        let servers = self.servers.clone();
        self.observing.abort_all();
        self.observing
            .spawn(async move { observe_nat(&servers).await });
    }

    /// Tells the agent where this side is, as far as that is known now.
    fn tell_here(&self) {
        let here = self.endpoint.whereabouts();
        self.sockets
            .with_agent(|agent| agent.set_here(Instant::now(), here));
    }

    fn turn_reintroduction(&mut self) -> Option<Instant> {
        let reintroduction = self.reintroduction.as_mut()?;
        let (events, due) = reintroduction.turn(&self.main);
        // What is heard may make something due at once.
        let now = (!events.is_empty()).then(Instant::now);
        for event in events {
            tracing::debug!(reflexive = ?event.reflexive(), "reintroduction");
            match event {
                ReintroductionEvent::Reflexive(address) => {
                    self.endpoint.set_reflexive(address);
                    self.sockets
                        .with_agent(|agent| agent.handle_rendezvous_answered());
                    self.tell_here();
                }
                ReintroductionEvent::Peer(update) => self
                    .sockets
                    .with_agent(|agent| agent.handle_update(Instant::now(), &update)),
            }
        }
        now.or(due)
    }

    /// Opens sockets beside the main one, as many as the system gives; how many there are.
    fn open_sockets(&mut self, count: u16) -> u16 {
        for number in 1..=count {
            let id = SocketId(number);
            let socket = match PeerSocket::bind_ipv4() {
                Ok(socket) => Arc::new(socket),
                Err(error) => {
                    tracing::debug!(number, %error, "no more sockets for many-port punching");
                    return number - 1;
                }
            };
            if !self.sockets.add_socket(id, Arc::clone(&socket)) {
                continue;
            }
            let sockets = Arc::clone(&self.sockets);
            self.readers.spawn(async move {
                let mut buffer = [0; PROBE_BUFFER_BYTES];
                while let Ok((from, length)) = socket.receive_short(&mut buffer).await {
                    sockets.takes(id, from, &buffer[..length]);
                }
            });
        }
        count
    }
}
