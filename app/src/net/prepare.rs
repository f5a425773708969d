//! A socket for one session of a share, and what can be said of where it is.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::limits::MAX_CANDIDATES;
use fardrop_shared::path::{Candidate, CandidateKind};
use fardrop_shared::rendezvous::AddressQuery;

use super::find_path::sleep_until;
use super::interfaces::Interfaces;
use super::socket::PeerSocket;

/// How long a rendezvous may take to say where it sees a socket; the receiver is waiting.
const REFLEXIVE_DEADLINE: Duration = Duration::from_millis(1500);

/// A socket that waits for its peer.
#[derive(Debug)]
pub struct Prepared {
    /// The socket.
    pub socket: PeerSocket,
    /// Where the peer may reach it.
    pub candidates: Vec<Candidate>,
    /// Whether the rendezvous is on this machine, and so may be the peer.
    pub same_machine: bool,
}

/// Binds a socket to `port` (0, or taken: any) and finds out where it is, asking these servers.
///
/// # Errors
/// What the system says when it refuses a socket.
pub async fn prepare(servers: &[SocketAddr], port: u16, ipv6: bool) -> io::Result<Prepared> {
    let socket = match PeerSocket::bind(port, ipv6) {
        // Another session of this share has it.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && port != 0 => {
            PeerSocket::bind(0, ipv6)?
        }
        bound => bound?,
    };
    let reflexive = reflexive_addresses(&socket, servers).await?;
    let interfaces = Interfaces::look();
    let candidates = own_candidates(
        &interfaces,
        socket.port()?,
        socket.speaks_ipv6(),
        &reflexive,
    );
    Ok(Prepared {
        socket,
        candidates,
        same_machine: reflexive
            .iter()
            .any(|address| address.ip().to_canonical().is_loopback()),
    })
}

/// Everything a peer may be told of where a socket is: host addresses first, then reflexive ones.
pub(super) fn own_candidates(
    interfaces: &Interfaces,
    port: u16,
    ipv6: bool,
    reflexive: &[SocketAddr],
) -> Vec<Candidate> {
    let same_machine = reflexive
        .iter()
        .any(|address| address.ip().to_canonical().is_loopback());
    let mut candidates = interfaces.host_candidates(port, ipv6, same_machine);
    for address in reflexive {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        if candidates
            .iter()
            .all(|candidate| candidate.address != address)
        {
            candidates.push(Candidate::new(CandidateKind::Reflexive, address));
        }
    }
    candidates.truncate(MAX_CANDIDATES);
    candidates
}

/// Where the servers see the socket; those that do not answer in time are left out.
async fn reflexive_addresses(
    socket: &PeerSocket,
    servers: &[SocketAddr],
) -> io::Result<Vec<SocketAddr>> {
    let started = Instant::now();
    let deadline = started + REFLEXIVE_DEADLINE;
    let mut queries: Vec<AddressQuery> = servers
        .iter()
        .map(|server| AddressQuery::new(started, *server, &mut rand::thread_rng()))
        .collect();
    let mut seen = Vec::new();
    while seen.len() < servers.len() && Instant::now() < deadline {
        let now = Instant::now();
        for query in &mut queries {
            while let Some(transmit) = query.poll_transmit(now) {
                socket.send(transmit.to, &transmit.bytes);
            }
        }
        let due = queries.iter().filter_map(AddressQuery::poll_timeout).min();
        let due = due.map_or(deadline, |due| due.min(deadline));
        let receive = socket.receive(|from, datagram| {
            for query in &mut queries {
                query.handle_datagram(Instant::now(), from, datagram);
            }
        });
        tokio::select! {
            received = receive => received?,
            () = sleep_until(Some(due)) => {}
        }
        seen.extend(queries.iter_mut().filter_map(AddressQuery::poll_event));
    }
    Ok(seen)
}
