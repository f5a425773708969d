//! Drives `shared::path` over a session's socket.

use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::path::{Candidate, PathEvent, PathFinder, PathKeys, PathKind};
use thiserror::Error;

use super::Path;
use super::demux::Demux;
use super::interfaces::Interfaces;
use super::socket::PeerSocket;

/// Round-trip time assumed when no probe of ours was answered (RFC 9002, section 6.2.2, has 333 ms for
/// hosts it knows nothing about; these two have just talked).
const ASSUMED_RTT: Duration = Duration::from_millis(100);

/// Why there is no path.
#[derive(Debug, Error)]
pub enum PathError {
    /// Probes went out, none of the peer's addresses let them through.
    #[error("none of the peer's addresses answered")]
    NothingAnswered,
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

/// Something worth showing while a path is looked for.
#[derive(Debug, Clone, Copy)]
pub enum PathNews {
    /// Addresses of this kind are being tried.
    Trying(PathKind),
    /// One of this kind answered.
    Works(PathKind, Duration),
}

/// Looks for a path to the peer that has these candidates, telling `news` how it goes. Bounded by
/// `PATH_DEADLINE`. Cancel-safe in the sense that dropping it drops the socket.
///
/// # Errors
/// [`PathError`].
pub async fn find_path(
    socket: PeerSocket,
    role: Role,
    keys: &PathKeys<'_>,
    candidates: &[Candidate],
    same_machine: bool,
    mut news: impl FnMut(PathNews),
) -> Result<Path, PathError> {
    let mut finder = PathFinder::new(role, keys, candidates, same_machine, Instant::now());
    let found = loop {
        finder.handle_timeout(Instant::now(), &mut rand::thread_rng());
        while let Some(transmit) = finder.poll_transmit() {
            socket.send(transmit.to, &transmit.bytes);
        }
        let mut found = None;
        while let Some(event) = finder.poll_event() {
            match event {
                PathEvent::Trying(kind) => news(PathNews::Trying(kind)),
                PathEvent::Works(kind, rtt) => news(PathNews::Works(kind, rtt)),
                PathEvent::Found(path) => found = Some(path),
                PathEvent::Failed => return Err(PathError::NothingAnswered),
            }
        }
        if let Some(found) = found {
            break found;
        }
        let due = finder.poll_timeout();
        let receive = socket.receive(|from, datagram| {
            finder.handle_datagram(Instant::now(), from, datagram, &mut rand::thread_rng());
        });
        tokio::select! {
            received = receive => received?,
            () = sleep_until(due) => {}
        }
    };
    let payload_limit = Interfaces::look().payload_limit(found.remote);
    let demux = Demux::new(socket, finder);
    Ok(Path {
        remote: found.remote,
        kind: found.kind,
        rtt: found.rtt.unwrap_or(ASSUMED_RTT),
        payload_limit,
        keeper: tokio::spawn(demux.clone().keep_finder()),
        demux,
    })
}

/// Sleeps until then; for ever without a time.
pub(super) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
