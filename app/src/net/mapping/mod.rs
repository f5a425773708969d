//! Ports that routers open for us: UPnP IGD, PCP and NAT-PMP side by side, and pinholes in IPv6
//! firewalls by PCP and IGD.
//!
//! A router may lie about everything, and everybody on the network may pretend to be one. So an external
//! address is only somewhere to be probed, nothing but the router's own address is ever talked to, and
//! every answer is bounded in size and time.
//!
//! What was opened is closed again when its [`PortMapper`] is dropped, or all of them are told to end
//! ([`PortMappers`]), and the router's word for it is waited for, in all for 2 s at most. A router that is
//! slower finds the requests in their order, and carries them out when it gets to them. Three things stay
//! open for the rest of their lease, ten minutes at most:
//!
//! * what a router would have to be told once more: the request to close it was lost, and the time is up;
//! * a pinhole by IGD whose number, without which nobody can close it, the router did not say in time;
//! * a pinhole by PCP at miniupnpd 2.3.1 with nftables that was asked for twice, be it to renew it or because
//!   the first answer was late: from then on the daemon takes it for somebody else's and refuses to close it
//!   (NOT_AUTHORIZED). Its IGD can, where that had the same pinhole opened.
//!
//! The numbers in here are local, or those of the protocols that routers speak.
//!
//! The module changes when routers have to be asked in another way.

mod description;
mod exchange;
mod gateway;
mod http;
mod igd;
mod nat_pmp;
mod owner;
mod pcp;
mod ssdp;
mod stop;
#[cfg(test)]
mod tests;
mod worker;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fardrop_shared::path::{Candidate, CandidateKind};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::net::socket::Interfaces;
use gateway::Gateway;
use igd::{IgdClient, IgdPinholeClient};
use nat_pmp::NatPmpClient;
pub use owner::{MappingPermit, PortMappers};
use pcp::PcpClient;
use stop::Stop;
use worker::{Board, Client};

/// The lease that is asked for: after a crash the port stays open no longer, and a renewal every five
/// minutes is no load.
const LEASE: Duration = Duration::from_secs(600);

/// How long [`PortMapper::settled`] waits at most: what a router needs that answers at the last moment
/// of a search (1.5 s), and then opens the port in the usual time.
const SETTLING_TIME: Duration = Duration::from_secs(3);

/// How long giving everything back may take, all routers and protocols together.
const RELEASE_TIME: Duration = Duration::from_secs(2);

/// A way to have a port opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MappingProtocol {
    /// UPnP Internet Gateway Device, versions 1 and 2, for IPv4.
    UpnpIgd,
    /// Port Control Protocol (RFC 6887), for IPv4.
    Pcp,
    /// NAT Port Mapping Protocol (RFC 6886).
    NatPmp,
    /// A pinhole in an IPv6 firewall, by PCP.
    PcpPinhole,
    /// A pinhole in an IPv6 firewall, by UPnP IGD version 2.
    IgdPinhole,
}

/// How one protocol stands with one router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The protocol.
    pub protocol: MappingProtocol,
    /// The router's address on our network.
    pub gateway: IpAddr,
    /// How it stands.
    pub state: AttemptState,
}

/// What a router has said so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// Nothing yet.
    Asking,
    /// It has opened the port, or says so.
    Mapped {
        /// Where packets for us can be sent: somewhere to probe.
        external: SocketAddr,
        /// For how long from the last answer on; renewed in time.
        lease: Duration,
    },
    /// It is there and has not opened the port.
    Refused(MappingError),
    /// It does not answer in this protocol.
    Silent,
}

/// Why a port was not opened. Nothing in here was written by a router: only codes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MappingError {
    /// No answer in the time there was.
    #[error("no answer")]
    Silent,
    /// An answer began and did not come to its end.
    #[error("the answer took too long")]
    Slow,
    /// A refusal, with the protocol's number for its reason.
    #[error("refused with code {0}")]
    Code(u16),
    /// The router keeps mappings for ever only: nothing would remove ours after a crash.
    #[error("only mappings without end are possible")]
    OnlyPermanent,
    /// What came is no answer of the protocol.
    #[error("the answer makes no sense")]
    Malformed,
    /// An answer longer than any honest one.
    #[error("the answer is too large")]
    TooLarge,
    /// The router names an address other than its own.
    #[error("the answer leads to another address")]
    Elsewhere,
    /// A UPnP device, but none that opens such ports.
    #[error("the router has no such service")]
    NoService,
    /// The port is open at an address or for a time that cannot be.
    #[error("the address opened cannot be used")]
    Unusable,
    /// This machine refuses a socket or a packet.
    #[error("the network failed: {0}")]
    Network(io::ErrorKind),
    /// It was to end.
    #[error("ended")]
    Stopped,
}

/// An open port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping {
    external: SocketAddr,
    lease: Duration,
}

/// Drops what cannot be right at first sight. Private addresses stay: two homes behind one carrier's NAT
/// meet there.
fn usable(mapping: Mapping) -> Result<Mapping, MappingError> {
    let candidate = Candidate::new(CandidateKind::Mapped, mapping.external);
    if !candidate.usable(false) || mapping.lease.is_zero() {
        return Err(MappingError::Unusable);
    }
    Ok(mapping)
}

/// Asks every gateway of this machine, in every protocol at once, to open one UDP port; keeps what it
/// gets open, and gives it back when dropped.
///
/// A gateway that refuses or is silent is asked again every two minutes. Which gateways there are is
/// looked up once: on another network, start another.
pub struct PortMapper {
    attempts: watch::Receiver<Vec<Attempt>>,
    looked: watch::Receiver<bool>,
    started: Instant,
    _stop: watch::Sender<()>,
}

impl PortMapper {
    /// Begins at once and returns at once; without `ipv6`, without pinholes. Needs a tokio runtime. Where
    /// the `permit` has run out, nobody is asked.
    #[must_use]
    pub fn start(port: u16, ipv6: bool, permit: &MappingPermit) -> Self {
        Self::with_gateways(port, permit, move || {
            gateway::gateways(&Interfaces::read(), ipv6)
        })
    }

    fn with_gateways(
        port: u16,
        permit: &MappingPermit,
        look: impl FnOnce() -> Vec<Gateway> + Send + 'static,
    ) -> Self {
        let (tell, attempts) = watch::channel(Vec::new());
        let (tell_looked, looked) = watch::channel(false);
        let (sender, dropped) = watch::channel(());
        if let Some((alive, ending)) = permit.take() {
            let stop = Stop::new(dropped, ending);
            tokio::spawn(async move {
                // The system's answer takes milliseconds on some, a good part of a second on others.
                let gateways = tokio::task::spawn_blocking(look).await.unwrap_or_default();
                supervise(&gateways, port, tell, &tell_looked, stop).await;
                drop(alive);
            });
        }
        Self {
            attempts,
            looked,
            started: Instant::now(),
            _stop: sender,
        }
    }

    /// How every protocol stands with every gateway, the newest state.
    #[must_use]
    pub fn attempts(&self) -> watch::Receiver<Vec<Attempt>> {
        self.attempts.clone()
    }

    /// Waits until every protocol has answered, refused or timed out, and no longer than until 3 s
    /// after the start. Cancel-safe.
    pub async fn settled(&self) {
        let (mut looked, mut attempts) = (self.looked.clone(), self.attempts.clone());
        let settled = async {
            looked.wait_for(|looked| *looked).await.ok()?;
            let decided = |each: &Attempt| each.state != AttemptState::Asking;
            attempts
                .wait_for(|all| all.iter().all(decided))
                .await
                .ok()
                .map(|_| ())
        };
        // Too late, or the task has ended: nothing more will come in either case.
        let _ = tokio::time::timeout_at(self.started + SETTLING_TIME, settled).await;
    }
}

impl fmt::Debug for PortMapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortMapper")
            .field("attempts", &*self.attempts.borrow())
            .finish_non_exhaustive()
    }
}

/// Runs a worker for every protocol and gateway until `stop`, and then for [`RELEASE_TIME`] at most.
async fn supervise(
    gateways: &[Gateway],
    port: u16,
    attempts: watch::Sender<Vec<Attempt>>,
    looked: &watch::Sender<bool>,
    stop: Stop,
) {
    let clients = clients(gateways, port, &stop);
    attempts.send_replace(
        clients
            .iter()
            .map(|(gateway, client)| Attempt {
                protocol: client.protocol(),
                gateway: *gateway,
                state: AttemptState::Asking,
            })
            .collect(),
    );
    looked.send_replace(true);
    let mut workers = JoinSet::new();
    for (index, (gateway, client)) in clients.into_iter().enumerate() {
        let attempts = attempts.clone();
        let board = Board { attempts, index };
        workers.spawn(worker::run(client, gateway, board, stop.clone()));
    }
    stop.requested().await;
    let all = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(RELEASE_TIME, all).await.is_err() {
        tracing::debug!("not every mapping was taken back, their leases end them");
    }
}

fn clients(gateways: &[Gateway], port: u16, stop: &Stop) -> Vec<(IpAddr, Client)> {
    let pcp = |gateway: &Gateway| PcpClient::new(gateway.clone(), port, stop.clone());
    let nat_pmp = |gateway: &Gateway| NatPmpClient::new(gateway.clone(), port, stop.clone());
    let igd = |gateway: &Gateway| IgdClient::new(gateway.clone(), port, stop.clone());
    let igd_pinhole = |gateway: &Gateway| {
        let over_ipv4 = gateways
            .iter()
            .find(|each| each.ip.is_ipv4() && each.interface == gateway.interface);
        IgdPinholeClient::new(gateway.clone(), over_ipv4.cloned(), port, stop.clone())
    };
    let mut clients = Vec::new();
    for gateway in gateways {
        let asked = match gateway.ip {
            IpAddr::V4(_) => vec![
                Client::Igd(igd(gateway)),
                Client::Pcp(pcp(gateway)),
                Client::NatPmp(nat_pmp(gateway)),
            ],
            IpAddr::V6(_) => vec![
                Client::PcpPinhole(pcp(gateway)),
                Client::IgdPinhole(igd_pinhole(gateway)),
            ],
        };
        clients.extend(asked.into_iter().map(|client| (gateway.ip, client)));
    }
    clients
}
