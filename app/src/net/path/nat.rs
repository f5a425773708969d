//! What the NAT in front of this machine does, as far as servers can see it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::path::Nat;

use crate::net::socket::{PeerSocket, Reflexive, ask_reflexive};

/// How long a rendezvous may take to say where it sees a socket; the peer is waiting.
pub(super) const REFLEXIVE_PATIENCE: Duration = Duration::from_millis(1500);

/// What the NAT in front of this machine does, as the two ports of one of `servers` see sockets of their
/// own. Any socket shows it, so the one that waits for the peer is left alone.
pub(in crate::net) async fn observe_nat(servers: &[SocketAddr]) -> Nat {
    let Some(server) = servers.iter().find(|server| server.is_ipv4()) else {
        return Nat::Unknown;
    };
    let until = Instant::now() + REFLEXIVE_PATIENCE;
    let first = match samples(&[*server], until).await.as_slice() {
        [first, second, ..] => [*first, *second],
        [_] | [] => return Nat::Unknown,
    };
    if first[0].address == first[1].address {
        return Nat::EndpointIndependent;
    }
    let later = samples(&first.map(|seen| seen.server), until).await;
    let later: Vec<SocketAddr> = later.iter().map(|seen| seen.address).collect();
    let first = first.map(|seen| seen.address);
    let nat = Nat::classify(first, &later);
    tracing::debug!(?nat, ?first, ?later, "a mapping for each destination");
    nat
}

/// A fresh socket as these ports see it, in the order in which they were asked.
async fn samples(ports: &[SocketAddr], until: Instant) -> Vec<Reflexive> {
    let Ok(socket) = PeerSocket::bind_ipv4() else {
        return Vec::new();
    };
    let mut seen = ask_reflexive(&socket, ports, until)
        .await
        .unwrap_or_default();
    seen.sort_by_key(|each| {
        let asked = ports.iter().position(|port| *port == each.server);
        asked.unwrap_or(ports.len())
    });
    seen
}
