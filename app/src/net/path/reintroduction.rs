//! Reintroduction: a pair whose path is lost meets again at the rendezvous, each from its session's own socket,
//! to tell one another where it is now.

use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::rendezvous::{Announcement, Client, Config, Event};
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::{PairingId, Role};

use crate::net::socket::PeerSocket;

/// Servers at which two meet again at most: a share was announced at one, perhaps at a second.
const SERVERS_LIMIT: usize = 4;

/// The servers at which two peers meet again, and as whom. One pairing id for all of their reintroductions: the locator
/// stays its own.
#[derive(Debug)]
pub(in crate::net) struct ReintroductionPoint {
    servers: Vec<SocketAddr>,
    role: Role,
    locator: u32,
    pairing: PairingId,
    owner: OwnerToken,
    /// What has been announced in earlier reintroductions, for each server.
    revisions: Vec<u32>,
}

/// One reintroduction, under way.
#[derive(Debug)]
pub(in crate::net) struct Reintroduction {
    clients: Vec<Client>,
}

/// Something that the rendezvous has brought during a reintroduction.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::net) enum ReintroductionEvent {
    /// The server answers, and sees the socket there.
    Reflexive(SocketAddr),
    /// The peer says this.
    Peer(Vec<u8>),
}

impl ReintroductionEvent {
    /// Where the server sees the socket, if it says so; otherwise the peer speaks.
    pub(in crate::net) const fn reflexive(&self) -> Option<SocketAddr> {
        match self {
            Self::Reflexive(address) => Some(*address),
            Self::Peer(_) => None,
        }
    }
}

impl ReintroductionPoint {
    pub(in crate::net) fn new(role: Role, locator: u32, mut servers: Vec<SocketAddr>) -> Self {
        servers.truncate(SERVERS_LIMIT);
        let rng = &mut rand::thread_rng();
        Self {
            revisions: vec![0; servers.len()],
            servers,
            role,
            locator,
            pairing: PairingId::random(rng),
            owner: OwnerToken::random(rng),
        }
    }

    /// Begins to ask.
    pub(in crate::net) fn enter(&self) -> Reintroduction {
        let (now, rng) = (Instant::now(), &mut rand::thread_rng());
        let configs = self.servers.iter().zip(&self.revisions);
        let clients = configs.map(|(server, revision)| {
            let config = Config {
                server: *server,
                locator: self.locator,
                side: self.role,
                pairing: self.pairing,
                owner: self.owner,
                revision: *revision,
            };
            Client::new(now, config, rng)
        });
        Reintroduction {
            clients: clients.collect(),
        }
    }

    /// Ends a reintroduction; the next one goes on where it ended.
    pub(in crate::net) fn leave(&mut self, reintroduction: &Reintroduction) {
        self.revisions = reintroduction
            .clients
            .iter()
            .map(Client::revision)
            .collect();
    }
}

impl Reintroduction {
    /// Says this from now on.
    pub(in crate::net) fn announce(&mut self, update: Vec<u8>) {
        let Ok(payload) = Payload::new(update) else {
            tracing::error!("an update did not fit its datagram");
            return;
        };
        for client in &mut self.clients {
            let payload = payload.clone();
            // One announcement is far from too many.
            let _ = client.announce(Instant::now(), Announcement { to: None, payload });
        }
    }

    pub(in crate::net) fn handle_datagram(&mut self, from: SocketAddr, datagram: &[u8]) {
        for client in &mut self.clients {
            client.handle_datagram(Instant::now(), from, datagram);
        }
    }

    /// Sends what is due; what was learned, and when to call again.
    pub(in crate::net) fn turn(
        &mut self,
        socket: &PeerSocket,
    ) -> (Vec<ReintroductionEvent>, Option<Instant>) {
        let now = Instant::now();
        let mut events = Vec::new();
        for client in &mut self.clients {
            client.handle_timeout(now);
            while let Some(transmit) = client.poll_transmit(now) {
                socket.send(transmit.to, &transmit.bytes);
            }
            while let Some(event) = client.poll_event() {
                match event {
                    Event::Reflexive { address, .. } => {
                        events.push(ReintroductionEvent::Reflexive(address))
                    }
                    Event::Peer { payload, .. } => {
                        events.push(ReintroductionEvent::Peer(payload.as_bytes().to_vec()));
                    }
                    Event::Held
                    | Event::Open { .. }
                    | Event::Crowded
                    | Event::NobodyThere
                    | Event::Taken
                    | Event::Busy
                    | Event::Version(_)
                    | Event::Silent
                    | Event::Answering => {}
                }
            }
        }
        let due = self.clients.iter().filter_map(Client::poll_timeout).min();
        (events, due)
    }
}
