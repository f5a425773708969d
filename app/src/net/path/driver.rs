//! Looks after a session's path for as long as the session lasts: drives the agent over its sockets,
//! opens more of them when it wants, and meets the peer again at the rendezvous.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use fardrop_shared::path::{AgentEvent, FoundPath, Nat, SocketId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::local_endpoint::{Place, observe_nat};
use super::path_socket::Demux;
use super::reintroduction::{Meeting, MeetingPlace, Word};
use super::sockets::{Pathway, Said};
use crate::net::socket::{PeerSocket, sleep_until};

/// What a socket of many-port punching takes, in bytes: more than a probe, so that nothing longer passes
/// for one.
const PROBE_BUFFER_BYTES: usize = 128;

/// Something worth knowing about a path.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) enum KeeperNews {
    /// As the agent says it; those that the keeper deals with itself do not come.
    Agent(AgentEvent),
    /// The socket failed.
    Broken(std::io::ErrorKind),
}

/// Everything that a session's path needs.
pub(in crate::net) struct Keeper {
    pathway: Arc<Pathway>,
    place: Place,
    main: Arc<PeerSocket>,
    servers: Vec<SocketAddr>,
    meeting_place: MeetingPlace,
    meeting: Option<Meeting>,
    /// What is announced wherever the two meet.
    update: Option<Vec<u8>>,
    said: mpsc::Receiver<Said>,
    /// Read only by many-port punching.
    readers: JoinSet<()>,
    observing: JoinSet<Nat>,
    route: watch::Sender<Option<Arc<Demux>>>,
    news: mpsc::Sender<KeeperNews>,
}

/// What the keeper waited for.
enum Step {
    Turn,
    Said(Said),
    Mapped,
    Observed(Nat),
    Broken(std::io::Error),
}

impl Keeper {
    pub(in crate::net) fn new(
        pathway: Arc<Pathway>,
        (place, main): (Place, Arc<PeerSocket>),
        (meeting_place, servers): (MeetingPlace, Vec<SocketAddr>),
        said: mpsc::Receiver<Said>,
        route: watch::Sender<Option<Arc<Demux>>>,
        news: mpsc::Sender<KeeperNews>,
    ) -> Self {
        Self {
            pathway,
            place,
            main,
            servers,
            meeting_place,
            meeting: None,
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
            let (events, update, agent_due) = self.pathway.turn();
            if update.is_some() {
                self.update = update;
            }
            if let Some(meeting) = &mut self.meeting
                && let Some(update) = self.update.take()
            {
                meeting.announce(update);
            }
            for event in events {
                if self.on_event(event).await.is_over() {
                    return;
                }
            }
            let meeting_due = self.turn_meeting();
            let due = [agent_due, meeting_due].into_iter().flatten().min();
            match self.wait(due).await {
                Step::Turn => {}
                Step::Said((from, datagram)) => {
                    if let Some(meeting) = &mut self.meeting {
                        meeting.handle_datagram(from, &datagram);
                    }
                }
                Step::Mapped => self.tell_here(),
                Step::Observed(nat) => {
                    self.place.set_nat(nat);
                    self.tell_here();
                }
                Step::Broken(error) => {
                    let _ = self.news.send(KeeperNews::Broken(error.kind())).await;
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
        let (pathway, main) = (&self.pathway, &self.main);
        tokio::select! {
            () = pathway.changed() => Step::Turn,
            () = sleep_until(due) => Step::Turn,
            Some(said) = self.said.recv() => Step::Said(said),
            () = self.place.mapping_changed() => Step::Mapped,
            Some(Ok(nat)) = self.observing.join_next() => Step::Observed(nat),
            received = main.receive(|from, datagram| {
                pathway.takes(SocketId::MAIN, from, datagram);
            }), if unread => received.map_or_else(Step::Broken, |()| Step::Turn),
        }
    }

    async fn on_event(&mut self, event: AgentEvent) -> Progress {
        tracing::debug!(?event, "path");
        match event {
            AgentEvent::SocketsNeeded(count) => {
                let opened = self.open_sockets(count);
                self.pathway
                    .with_agent(|agent| agent.handle_sockets(opened));
                return Progress::On;
            }
            AgentEvent::ReintroductionNeeded => {
                self.meeting
                    .get_or_insert_with(|| self.meeting_place.enter());
                return Progress::On;
            }
            AgentEvent::Path(path) => self.on_path(&path),
            AgentEvent::Lost => self.on_lost(),
            AgentEvent::Trying(_) | AgentEvent::Works(..) | AgentEvent::Failed(_) => {}
        }
        // Whoever listens has gone together with the session.
        let told = self.news.send(KeeperNews::Agent(event)).await;
        if told.is_err() || matches!(event, AgentEvent::Failed(_)) {
            Progress::Over
        } else {
            Progress::On
        }
    }

    fn on_path(&mut self, path: &FoundPath) {
        if let Some(meeting) = self.meeting.take() {
            self.meeting_place.leave(&meeting);
        }
        let Some(socket) = self.pathway.socket(path.socket) else {
            tracing::error!(?path, "a path over a socket that is closed");
            return;
        };
        // Those of many-port punching that did not win.
        self.readers.abort_all();
        self.pathway.keep_only(path.socket);
        let pathway = Arc::clone(&self.pathway);
        match Demux::new(pathway, path.socket, socket, path.remote) {
            Some(demux) => {
                if let Some(old) = self.route.send_replace(Some(demux)) {
                    old.retire();
                }
            }
            None => tracing::error!(?path, "a path that the socket cannot reach"),
        }
    }

    /// The network may be another one.
    fn on_lost(&mut self) {
        self.place.refresh();
        self.tell_here();
        let servers = self.servers.clone();
        self.observing.abort_all();
        self.observing
            .spawn(async move { observe_nat(&servers).await });
    }

    /// Tells the agent where this side is, as far as that is known now.
    fn tell_here(&self) {
        let here = self.place.whereabouts();
        self.pathway
            .with_agent(|agent| agent.set_here(Instant::now(), here));
    }

    fn turn_meeting(&mut self) -> Option<Instant> {
        let meeting = self.meeting.as_mut()?;
        let (words, due) = meeting.turn(&self.main);
        // A word may make something due at once.
        let now = (!words.is_empty()).then(Instant::now);
        for word in words {
            tracing::debug!(seen = ?word.seen(), "meeting");
            match word {
                Word::Seen(address) => {
                    self.place.set_reflexive(address);
                    self.pathway.with_agent(|agent| agent.handle_attended());
                    self.tell_here();
                }
                Word::Peer(update) => self
                    .pathway
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
            if !self.pathway.add_socket(id, Arc::clone(&socket)) {
                continue;
            }
            let pathway = Arc::clone(&self.pathway);
            self.readers.spawn(async move {
                let mut buffer = [0; PROBE_BUFFER_BYTES];
                while let Ok((from, length)) = socket.receive_short(&mut buffer).await {
                    pathway.takes(id, from, &buffer[..length]);
                }
            });
        }
        count
    }
}

/// Whether the keeper has more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    On,
    Over,
}

impl Progress {
    fn is_over(self) -> bool {
        self == Self::Over
    }
}
