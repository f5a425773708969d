//! A session's sockets, as two tasks share them: the link, which sends and hears over the path, and the driver,
//! which looks after it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fardrop_shared::path::{AgentEvent, PROBE_LENGTH, PathAgent, SocketId, Traffic};
use fardrop_shared::wire::rendezvous::is_rendezvous;
use tokio::sync::{Notify, mpsc};

use crate::net::socket::PeerSocket;

/// Datagrams of the rendezvous that may wait for the driver: it says one a second.
const RENDEZVOUS_QUEUE: usize = 64;

/// A datagram of the rendezvous.
pub(in crate::net) type RendezvousDatagram = (SocketAddr, Vec<u8>);

/// A session's sockets and the agent that decides about them.
#[derive(Debug)]
pub(in crate::net) struct PathSockets {
    agent: Mutex<PathAgent>,
    /// By [`SocketId`]; what many-port punching does not need any more is gone.
    sockets: Mutex<Vec<Option<Arc<PeerSocket>>>>,
    clock: TrafficClock,
    changed: Notify,
    to_driver: mpsc::Sender<RendezvousDatagram>,
}

/// When something was last heard and sent, cheaply told: microseconds since `epoch`, and one.
#[derive(Debug)]
struct TrafficClock {
    epoch: Instant,
    heard: AtomicU64,
    sent: AtomicU64,
}

impl PathSockets {
    /// With the queue from which the driver takes what the rendezvous says.
    pub(in crate::net) fn new(
        agent: PathAgent,
        main: Arc<PeerSocket>,
        now: Instant,
    ) -> (Arc<Self>, mpsc::Receiver<RendezvousDatagram>) {
        let (to_driver, said) = mpsc::channel(RENDEZVOUS_QUEUE);
        let sockets = Self {
            agent: Mutex::new(agent),
            sockets: Mutex::new(vec![Some(main)]),
            clock: TrafficClock {
                epoch: now,
                heard: AtomicU64::new(0),
                sent: AtomicU64::new(0),
            },
            changed: Notify::new(),
            to_driver,
        };
        (Arc::new(sockets), said)
    }

    /// The link heard the peer at the path's address.
    pub(in crate::net) fn note_heard(&self) {
        self.clock.note(&self.clock.heard);
    }

    /// The link sent something there.
    pub(in crate::net) fn note_sent(&self) {
        self.clock.note(&self.clock.sent);
    }

    /// Takes a datagram that came to a socket, if it is the peer's probe or the rendezvous's word.
    pub(in crate::net) fn takes(
        &self,
        socket: SocketId,
        from: SocketAddr,
        datagram: &[u8],
    ) -> bool {
        if datagram.len() == PROBE_LENGTH {
            let taken = self.with_agent(|agent| {
                let rng = &mut rand::thread_rng();
                agent.handle_datagram(Instant::now(), socket, from, datagram, rng)
            });
            if taken {
                self.changed.notify_one();
                return true;
            }
        }
        if is_rendezvous(datagram) {
            // Over the bound it is as if lost: it is said again.
            let _ = self.to_driver.try_send((from, datagram.to_vec()));
            return true;
        }
        false
    }

    /// Resolves after a datagram has changed something. Cancel-safe.
    pub(in crate::net) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Lets the agent do what is due; what it has to say, what is to be announced at the rendezvous, and
    /// when to call again.
    pub(in crate::net) fn turn(&self) -> (Vec<AgentEvent>, Option<Vec<u8>>, Option<Instant>) {
        self.with_agent(|agent| {
            agent.handle_timeout(Instant::now(), self.clock.read(), &mut rand::thread_rng());
            let events = std::iter::from_fn(|| agent.poll_event()).collect();
            (events, agent.poll_update(), agent.poll_timeout())
        })
    }

    /// Works on the agent, and sends what it wants sent.
    pub(in crate::net) fn with_agent<T>(&self, act: impl FnOnce(&mut PathAgent) -> T) -> T {
        let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut agent);
        while let Some(transmit) = agent.poll_transmit() {
            if let Some(socket) = self.socket(transmit.socket) {
                socket.send(transmit.to, &transmit.bytes);
            }
        }
        result
    }

    pub(in crate::net) fn socket(&self, id: SocketId) -> Option<Arc<PeerSocket>> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.get(usize::from(id.0)).cloned().flatten()
    }

    /// Puts a socket in its place unless there is one; whether it did.
    pub(in crate::net) fn add_socket(&self, id: SocketId, socket: Arc<PeerSocket>) -> bool {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::from(id.0);
        if sockets.len() <= index {
            sockets.resize(index + 1, None);
        }
        let free = sockets[index].is_none();
        if free {
            sockets[index] = Some(socket);
        }
        free
    }

    /// Closes every socket but the main one and this one.
    pub(in crate::net) fn keep_only(&self, id: SocketId) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, socket) in sockets.iter_mut().enumerate().skip(1) {
            if index != usize::from(id.0) {
                *socket = None;
            }
        }
    }
}

impl TrafficClock {
    fn note(&self, which: &AtomicU64) {
        let micros = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        which.store(micros + 1, Ordering::Relaxed);
    }

    fn read(&self) -> Traffic {
        let read = |which: &AtomicU64| {
            let micros = which.load(Ordering::Relaxed).checked_sub(1)?;
            self.epoch.checked_add(Duration::from_micros(micros))
        };
        Traffic {
            heard: read(&self.heard),
            sent: read(&self.sent),
        }
    }
}
