//! The local endpoint of a session: its UDP socket, and the candidates (RFC 8445, section 2.1) at which a peer
//! may reach it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use fardrop_shared::limits::MAX_CANDIDATES;
use fardrop_shared::path::{Candidate, CandidateKind, Nat, Whereabouts};
use tokio::sync::watch;

use super::nat::{REFLEXIVE_PATIENCE, observe_nat};
use crate::net::mapping::{Attempt, AttemptState, MappingPermit, PortMapper};
use crate::net::socket::{Interfaces, PeerSocket, ask_reflexive};

/// Mapped and reflexive candidates of each kind that are named at most: a machine has one or two routers.
const OUTSIDE_LIMIT: usize = 4;

/// How a session's socket is bound, and what is done so that peers reach it.
#[derive(Debug, Clone)]
pub struct LocalEndpointOptions {
    /// A fixed local port, or 0.
    pub port: u16,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Whether routers are asked to open a port.
    pub port_mapping: bool,
    /// Leave to have routers open one.
    pub permit: MappingPermit,
}

/// A session's UDP socket, and where peers may reach it as far as that is known.
#[derive(Debug)]
pub struct LocalEndpoint {
    pub(in crate::net) socket: Arc<PeerSocket>,
    options: LocalEndpointOptions,
    port: u16,
    mapper: Option<PortMapper>,
    /// How the routers stand, as far as that was looked at.
    attempts: Option<watch::Receiver<Vec<Attempt>>>,
    gateways: Vec<IpAddr>,
    interfaces: Interfaces,
    /// Where servers see the socket.
    reflexive: Vec<SocketAddr>,
    nat: Nat,
}

impl LocalEndpoint {
    /// Binds a socket, to another port if the fixed one is taken, and begins to ask the routers.
    ///
    /// # Errors
    /// What the system says when it refuses a socket.
    pub fn take(options: LocalEndpointOptions) -> io::Result<Self> {
        match Self::bind(options.clone()) {
            // Another session of this share has it.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && options.port != 0 => {
                Self::bind(LocalEndpointOptions { port: 0, ..options })
            }
            bound => bound,
        }
    }

    /// Binds a socket, to the fixed port or not at all, and begins to ask the routers.
    ///
    /// # Errors
    /// What the system says when it refuses a socket, or the port is taken.
    pub fn bind(options: LocalEndpointOptions) -> io::Result<Self> {
        let socket = PeerSocket::bind(options.port, options.ipv6)?;
        let port = socket.port()?;
        let interfaces = Interfaces::read();
        let mut endpoint = Self {
            socket: Arc::new(socket),
            port,
            mapper: None,
            attempts: None,
            gateways: gateways(&interfaces),
            interfaces,
            reflexive: Vec::new(),
            nat: Nat::Unknown,
            options,
        };
        endpoint.ask_routers();
        Ok(endpoint)
    }

    /// Looks again at this machine's addresses, and asks these servers where they see the socket, and what the NAT does unless that is `known`. Behind
    /// one that maps per destination, a port that the router opens may be the only way, so the routers are
    /// waited for.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub async fn ask(&mut self, servers: &[SocketAddr], known: Option<Nat>) -> io::Result<()> {
        self.refresh();
        let until = Instant::now() + REFLEXIVE_PATIENCE;
        let nat = async {
            match known {
                Some(nat) => nat,
                None => observe_nat(servers).await,
            }
        };
        let (seen, nat) = tokio::join!(ask_reflexive(&self.socket, servers, until), nat);
        for each in seen?.iter().filter(|each| servers.contains(&each.server)) {
            self.set_reflexive(each.address);
        }
        self.nat = nat;
        if let (true, Some(mapper)) = (nat.maps_per_destination(), &self.mapper) {
            mapper.settled().await;
        }
        Ok(())
    }

    /// Whether no more is to come of the routers.
    pub(in crate::net) fn routers_are_settled(&self) -> bool {
        let undecided = |attempt: &Attempt| attempt.state == AttemptState::Asking;
        self.attempts.as_ref().is_none_or(|attempts| {
            let attempts = attempts.borrow();
            // Which routers there are is looked up first.
            !attempts.is_empty() && !attempts.iter().any(undecided)
        })
    }

    /// A server sees the socket there.
    pub(in crate::net) fn set_reflexive(&mut self, address: SocketAddr) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        // One of each family: where a server sees another now, the old one is no more.
        self.reflexive
            .retain(|old| old.is_ipv4() != address.is_ipv4() || old.ip().is_loopback());
        self.reflexive.push(address);
    }

    /// The socket's local port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    pub(in crate::net) const fn set_nat(&mut self, nat: Nat) {
        self.nat = nat;
    }

    /// What the NAT was found to do.
    #[must_use]
    pub const fn nat(&self) -> Nat {
        self.nat
    }

    /// Looks again at this machine's addresses; on another network other routers are asked.
    pub(in crate::net) fn refresh(&mut self) {
        self.interfaces = Interfaces::read();
        let gateways = gateways(&self.interfaces);
        if gateways != self.gateways {
            self.gateways = gateways;
            self.ask_routers();
        }
    }

    /// Resolves when a router has opened a port, or anything else is new of the routers; never where none
    /// is asked. Cancel-safe.
    pub(in crate::net) async fn mapping_changed(&mut self) {
        let changed = match &mut self.attempts {
            Some(attempts) => attempts.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            std::future::pending::<()>().await;
        }
    }

    /// The scopes in which link-local addresses are tried.
    pub(in crate::net) fn link_scopes(&self) -> Vec<u32> {
        if self.socket.speaks_ipv6() {
            self.interfaces.link_scopes()
        } else {
            Vec::new()
        }
    }

    /// Whether a server on this very machine sees the socket, so that the peer may be here as well.
    #[must_use]
    pub fn is_same_machine(&self) -> bool {
        self.reflexive.iter().any(|seen| seen.ip().is_loopback())
    }

    /// Everything a peer may be told of where the socket is: ordinary interfaces first, then what routers
    /// have opened, then where servers see it, tunnels and bridges last.
    #[must_use]
    pub fn whereabouts(&self) -> Whereabouts {
        let ipv6 = self.socket.speaks_ipv6();
        let (ordinary, virtual_ones) =
            self.interfaces
                .host_candidates(self.port, ipv6, self.is_same_machine());
        let mapped = self.mapped().into_iter();
        let reflexive = self.reflexive.iter().copied();
        let outside = mapped
            .take(OUTSIDE_LIMIT)
            .map(|address| Candidate::new(CandidateKind::Mapped, address))
            .chain(
                reflexive
                    .take(OUTSIDE_LIMIT)
                    .map(|address| Candidate::new(CandidateKind::Reflexive, address)),
            );
        let mut candidates: Vec<Candidate> = Vec::new();
        for candidate in ordinary.into_iter().chain(outside).chain(virtual_ones) {
            if candidates
                .iter()
                .all(|each| each.address != candidate.address)
            {
                candidates.push(candidate);
            }
        }
        candidates.truncate(MAX_CANDIDATES);
        Whereabouts::new(candidates, self.nat)
    }

    fn mapped(&self) -> Vec<SocketAddr> {
        let Some(attempts) = &self.attempts else {
            return Vec::new();
        };
        let attempts = attempts.borrow();
        let opened = attempts.iter().filter_map(|attempt| match attempt.state {
            AttemptState::Mapped { external, .. } => Some(external),
            AttemptState::Asking | AttemptState::Refused(_) | AttemptState::Silent => None,
        });
        opened.collect()
    }

    fn ask_routers(&mut self) {
        let options = &self.options;
        self.mapper = (options.port_mapping && !self.gateways.is_empty())
            .then(|| PortMapper::start(self.port, options.ipv6, &options.permit));
        self.attempts = self.mapper.as_ref().map(PortMapper::attempts);
    }
}

fn gateways(interfaces: &Interfaces) -> Vec<IpAddr> {
    interfaces.gateways().map(|(_, gateway)| gateway).collect()
}
