//! The loop over sockets around [`respond`].
//!
//! The bounds in this file are local: they keep one machine's loop alive, and clients repeat what it drops.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::{OsRng, StdRng};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::limit::Bounds;
use crate::respond::{Counters, Port, State, respond};
use crate::table::Route;
use crate::tcp_responder;

/// Room for bursts while the loop is busy, in bytes: some tens of milliseconds of all the small
/// datagrams that one core can answer. The kernel may give less.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// The longest datagram that is received, in bytes: longer ones of this protocol must be seen to be too
/// long, and those that look like QUIC may have any length.
const LONGEST_RECEIVED: usize = 65_535;

/// How long to rest after a socket has failed to receive [`ERRORS_IN_A_ROW`] times, so that a lasting
/// failure does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// How many failures to receive are passed over: some systems report what became of a datagram sent
/// before (an unreachable port) or a datagram too long in this way, and anybody can cause those.
const ERRORS_IN_A_ROW: u32 = 64;

/// One address to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Where announcements come; port 0 is any. A line by TCP is served at the same address and port
    /// where that is free, and without it all else works.
    pub main: SocketAddr,
    /// Where only Hellos come, for clients to see whether their NAT maps per destination. It must be at
    /// the same IP address.
    pub second: Option<SocketAddr>,
    /// What it means if it cannot be had.
    pub need: Need,
}

/// How much an address is needed: what it means if it cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The server does not start.
    Required,
    /// It starts without, as long as it has another.
    IfPossible,
}

impl Listen {
    /// Addresses to serve at: `main`, and the next port as the second; with port 0, any two ports. The last port
    /// of all has no second.
    #[must_use]
    pub fn new(main: SocketAddr, need: Need) -> Self {
        let next = match main.port() {
            0 => Some(0),
            port => port.checked_add(1),
        };
        let second = next.map(|port| SocketAddr::new(main.ip(), port));
        Self { main, second, need }
    }
}

/// Where a server listens and how much it takes.
#[derive(Debug, Clone)]
pub struct Config {
    /// The addresses, in the order in which they are bound. IPv6 sockets serve IPv6 alone.
    pub listen: Vec<Listen>,
    /// The bounds.
    pub bounds: Bounds,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// None of the addresses that it could do without can be had, or there was none to begin with.
    #[error("no address to listen on")]
    NoAddress,
    /// The operating system gives no randomness, without which cookies could be guessed.
    #[error("no randomness: {0}")]
    Randomness(rand::Error),
}

/// A server that has its sockets, and is to be [`run`](Self::run).
#[derive(Debug)]
pub struct Server {
    sockets: Arc<[UdpSocket]>,
    listeners: Vec<TcpListener>,
    locals: Vec<(SocketAddr, Port)>,
    state: Arc<Mutex<State>>,
}

/// Reads a running server's counters.
#[derive(Debug, Clone)]
pub struct Monitor(Arc<Mutex<State>>);

impl Server {
    /// Binds the sockets. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`BindError`] if a required address, or every address, cannot be had.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let mut sockets = Vec::new();
        let mut listeners = Vec::new();
        let mut locals: Vec<(SocketAddr, Port)> = Vec::new();
        for listen in &config.listen {
            match (bind_pair(listen), listen.need) {
                (Ok(bound), _) => {
                    for bound in bound {
                        if matches!(bound.port, Port::Main { .. }) {
                            listeners.extend(bind_tcp_responder(bound.local));
                        }
                        sockets.push(bound.socket);
                        locals.push((bound.local, bound.port));
                    }
                }
                (Err(error), Need::Required) => return Err(error),
                (Err(error), Need::IfPossible) => {
                    tracing::warn!(%error, "serving without this address");
                }
            }
        }
        if sockets.is_empty() {
            return Err(BindError::NoAddress);
        }
        let ports = locals.iter().map(|&(_, port)| port).collect();
        // The keys of the cookies come from this seed, so it comes from the operating system.
        let rng = StdRng::from_rng(OsRng).map_err(BindError::Randomness)?;
        let state = State::new(Instant::now(), config.bounds, ports, rng);
        Ok(Self {
            sockets: sockets.into(),
            listeners,
            locals,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Where announcements are taken.
    pub fn local_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.locals.iter().filter_map(|&(local, port)| match port {
            Port::Main { .. } => Some(local),
            Port::Second => None,
        })
    }

    /// Where a line is served by TCP.
    pub fn tcp_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
    }

    /// Where only Hellos are taken.
    pub fn second_addrs(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.locals.iter().filter_map(|&(local, port)| match port {
            Port::Main { .. } => None,
            Port::Second => Some(local),
        })
    }

    /// What to read the counters with while it runs.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        Monitor(Arc::clone(&self.state))
    }

    /// Serves until `shutdown` is done, or the returned future is dropped.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut loops = JoinSet::new();
        for index in 0..self.sockets.len() {
            let sockets = Arc::clone(&self.sockets);
            let state = Arc::clone(&self.state);
            loops.spawn(serve_socket(sockets, index, state));
        }
        for listener in self.listeners {
            loops.spawn(tcp_responder::run(listener, Arc::clone(&self.state)));
        }
        // The loops end only with the set, which is dropped here.
        shutdown.await;
    }
}

impl Monitor {
    /// The counters, and the number of parties held.
    #[must_use]
    pub fn read(&self) -> (Counters, usize) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.counters(), state.parties())
    }
}

async fn serve_socket(sockets: Arc<[UdpSocket]>, index: usize, state: Arc<Mutex<State>>) {
    let mut buffer = vec![0; LONGEST_RECEIVED];
    let mut errors = 0;
    loop {
        let (length, address) = match sockets[index].recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!(%error, "cannot receive");
                errors += 1;
                if errors >= ERRORS_IN_A_ROW {
                    errors = 0;
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
                continue;
            }
        };
        errors = 0;
        let from = Route {
            socket: index,
            address,
        };
        let replies = {
            // A panic elsewhere leaves at worst a counter behind, and clients say all again.
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            respond(&mut state, Instant::now(), from, &buffer[..length])
        };
        tracing::trace!(%address, length, replies = replies.len(), "served");
        for reply in replies {
            // Routes are made of indices of this very list, above.
            let socket = &sockets[reply.to.socket];
            if let Err(error) = socket.send_to(&reply.bytes, reply.to.address).await {
                tracing::debug!(%error, address = %reply.to.address, "cannot send");
            }
        }
    }
}

/// A socket, where it is bound, and what it is for.
struct Bound {
    socket: UdpSocket,
    local: SocketAddr,
    port: Port,
}

fn bind_pair(listen: &Listen) -> Result<Vec<Bound>, BindError> {
    let main = bind_one(listen.main, Port::Main { second_port: 0 })?;
    let Some(second) = listen.second else {
        return Ok(vec![main]);
    };
    let second = bind_one(second, Port::Second)?;
    let second_port = second.local.port();
    let port = Port::Main { second_port };
    Ok(vec![Bound { port, ..main }, second])
}

/// Listens for TCP checks. No pairing needs them, so a port that is taken is no reason not to serve.
fn bind_tcp_responder(address: SocketAddr) -> Option<TcpListener> {
    tcp_responder::listen(address)
        .inspect_err(|error| tracing::warn!(%error, "serving without a line by TCP"))
        .ok()
}

fn bind_one(address: SocketAddr, port: Port) -> Result<Bound, BindError> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            // Each family has a socket of its own, so that both can have the same port.
            socket.set_only_v6(true)?;
        }
        if let Err(error) = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES) {
            tracing::debug!(%error, "keeping the default receive buffer");
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let local = socket.local_addr()?;
        Ok(Bound {
            socket,
            local,
            port,
        })
    };
    bind().map_err(|source| BindError::Address { address, source })
}
