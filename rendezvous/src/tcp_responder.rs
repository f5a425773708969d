//! The responder of the TCP check, at the port of the datagrams: see `fardrop_shared::wire::tcp_check`.
//!
//! It waits for nobody: a connection is accepted, its line goes into the empty buffer that the system has
//! for it, and it is closed, before the next is looked at. Nothing is read, and what the system still has
//! to deliver is the system's own to bound. The bounds in this file are local: they decide how soon a client
//! gets the line, not what it says.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::respond::State;

/// How many connections may wait to be accepted; the system turns away those beyond.
const BACKLOG: i32 = 64;

/// How long to rest after each connection: a thousand a second take a small part of one core from the
/// datagrams, and whoever floods the port with more makes others wait.
const PAUSE: Duration = Duration::from_millis(1);

/// How long to rest after a connection could not be taken, so that a lasting failure does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Listens there; as with datagrams, each family has a socket of its own.
///
/// # Errors
/// What the system says where the port cannot be had.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections that this server has closed linger for a minute; they are no reason not to start
    // again. (On Windows the option means something else, and they are none anyway.)
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Gives everybody who connects a line, until dropped.
pub(crate) async fn run(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let pause = match listener.accept().await {
            Ok((stream, from)) => {
                let line = {
                    // A panic elsewhere leaves at worst a counter behind.
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.answer_tcp_check(Instant::now(), unix_ms(), from)
                };
                if let Some(line) = line
                    && let Err(error) = stream
                        .into_std()
                        .and_then(|mut stream| stream.write_all(&line))
                {
                    tracing::debug!(%error, "cannot answer");
                }
                PAUSE
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept");
                ERROR_PAUSE
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The time by this machine's clock, in milliseconds since 1970.
fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
