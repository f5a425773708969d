//! The search for a path between two peers that know the same code, and news of the path for as long as it is
//! used.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::path::{
    AgentConfig, FinderConfig, FoundPath, PathAgent, PathKeys, PathNews, Whereabouts,
};
use tokio::sync::{mpsc, watch};

use super::driver::PathDriver;
use super::error::PathError;
use super::local_endpoint::LocalEndpoint;
use super::path_socket::{PEER, PathSocket};
use super::reintroduction::ReintroductionPoint;
use super::sockets::PathSockets;
use crate::net::socket::{Interfaces, NetworkName};

/// News that may wait to be fetched.
const NEWS_QUEUE: usize = 64;

/// What a search for a path begins with: two peers that know the same code.
#[derive(Debug)]
pub struct SearchConfig<'a> {
    /// Which side this is.
    pub role: Role,
    /// Our socket, and what the peer was told of where it is.
    pub endpoint: LocalEndpoint,
    /// Whether both are on one machine, as far as this side can tell.
    pub same_machine: bool,
    /// The pair's keys for probes.
    pub probe: PathKeys<'a>,
    /// The pair's key for a reintroduction.
    pub resume: &'a [u8; 32],
    /// Where the peer says it is.
    pub there: &'a Whereabouts,
    /// Where they may meet again.
    pub servers: Vec<SocketAddr>,
    /// How long a path that was lost is looked for again.
    pub patience: Duration,
}

/// A search for a path, then the path's news. Dropping it drops the socket, unless there is a [`Path`].
#[derive(Debug)]
pub struct Search {
    news: mpsc::Receiver<Result<PathNews, PathError>>,
    route: watch::Receiver<Option<Arc<PathSocket>>>,
    gone: watch::Sender<bool>,
    driver: Option<DriverTask>,
}

/// One working pair of addresses, and all those that take its place while it is used.
#[derive(Debug)]
pub struct Path {
    /// Round-trip time, as the probes saw it.
    pub rtt: Duration,
    /// Longest UDP payload worth trying, in bytes: what the interface takes.
    pub payload_limit: u16,
    /// The network through which it leaves this machine, if it does.
    pub network: Option<NetworkName>,
    route: watch::Receiver<Option<Arc<PathSocket>>>,
    gone: watch::Receiver<bool>,
    first: Arc<PathSocket>,
    _driver: DriverTask,
}

/// Ends the driver with its owner.
#[derive(Debug)]
struct DriverTask(tokio::task::JoinHandle<()>);

impl Drop for DriverTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Search {
    /// Begins to look.
    #[must_use]
    pub fn begin(config: SearchConfig<'_>) -> Self {
        let now = Instant::now();
        let SearchConfig {
            role,
            endpoint,
            same_machine,
            probe,
            resume,
            there,
            servers,
            patience,
        } = config;
        let agent_config = AgentConfig {
            finder: FinderConfig {
                role,
                here: endpoint.whereabouts(),
                same_machine,
                link_scopes: endpoint.link_scopes(),
            },
            there: there.clone(),
            patience,
        };
        let agent = PathAgent::new(agent_config, &probe, resume, now);
        let reintroduction_point = ReintroductionPoint::new(role, agent.locator(), servers.clone());
        let main = Arc::clone(&endpoint.socket);
        let (sockets, said) = PathSockets::new(agent, Arc::clone(&main), now);
        let (tell_route, route) = watch::channel(None);
        let (tell, news) = mpsc::channel(NEWS_QUEUE);
        let driver = PathDriver::new(
            sockets,
            (endpoint, main),
            (reintroduction_point, servers),
            said,
            tell_route,
            tell,
        );
        Self {
            news,
            route,
            gone: watch::Sender::new(false),
            driver: Some(DriverTask(tokio::spawn(driver.run()))),
        }
    }

    /// The next thing to know. Cancel-safe.
    ///
    /// # Errors
    /// [`PathError`] when there is no path and none is looked for any more.
    pub async fn next(&mut self) -> Result<PathNews, PathError> {
        // A driver that has ended has said why before.
        let news = self.news.recv().await.unwrap_or(Err(PathError::PeerGone));
        if news.is_err() {
            self.gone.send_replace(true);
        }
        news
    }

    /// The path that was found, for a transport to run over; once, after [`PathNews::Found`].
    #[must_use]
    pub fn path(&mut self, found: &FoundPath) -> Option<Path> {
        let first = self.route.borrow_and_update().clone()?;
        let interfaces = Interfaces::read();
        Some(Path {
            rtt: found.round_trip(),
            payload_limit: interfaces.payload_limit(found.remote),
            network: interfaces.network_towards(found.remote),
            route: self.route.clone(),
            gone: self.gone.subscribe(),
            first,
            _driver: self.driver.take()?,
        })
    }
}

impl Path {
    /// The socket, for a transport to begin with.
    #[must_use]
    pub fn socket(&self) -> Arc<PathSocket> {
        Arc::clone(&self.first)
    }

    /// What the transport takes for the peer's address, wherever the peer is.
    #[must_use]
    pub const fn peer_address(&self) -> SocketAddr {
        PEER
    }

    /// Follows the path: [`PathFollower::changed`] gives each socket that takes the place of the first.
    #[must_use]
    pub fn follow(&self) -> PathFollower {
        PathFollower {
            route: self.route.clone(),
            gone: self.gone.clone(),
        }
    }

    /// The transport heard the peer: both sides use this path.
    pub fn confirm(&self) {
        self.first.confirm();
    }
}

/// Tells when a path moves.
#[derive(Debug, Clone)]
pub struct PathFollower {
    route: watch::Receiver<Option<Arc<PathSocket>>>,
    gone: watch::Receiver<bool>,
}

impl PathFollower {
    /// The socket to use from now on. Never resolves once the path is looked after no more. Cancel-safe.
    pub async fn changed(&mut self) -> Arc<PathSocket> {
        loop {
            if self.route.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            if let Some(path_socket) = self.route.borrow_and_update().clone() {
                return path_socket;
            }
        }
    }

    /// Resolves when the path is lost for good. Cancel-safe.
    pub async fn gone(&mut self) {
        if self.gone.wait_for(|gone| *gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
