//! The rendezvous that a sender serves itself when none is configured.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use fardrop_rendezvous::{BindError, Bounds, Config, Listen, Need, Server};
use fardrop_shared::diagnosis::Scope;
use fardrop_shared::limits::EMBEDDED_PORTS;
use tokio::sync::{oneshot, watch};

use crate::net::{
    Advertisement, Attempt, AttemptState, Interfaces, LocalEndpointOptions, PortMapper,
};

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Embedded {
    port: u16,
    ipv6: bool,
    advertisement: Option<Advertisement>,
    /// Keeps the server's port open on the routers, where they are asked.
    _mapper: Option<PortMapper>,
    /// How the routers stand, until they have ended.
    attempts: Option<watch::Receiver<Vec<Attempt>>>,
    _stop: oneshot::Sender<()>,
}

impl Embedded {
    /// Serves on the first free port of those that receivers on this machine look at, or on any, and has
    /// the routers open it as sockets are placed here.
    pub(super) fn start(options: &LocalEndpointOptions) -> Result<Self, BindError> {
        let ipv6 = options.ipv6;
        let mut last = BindError::NoAddress;
        for port in EMBEDDED_PORTS.into_iter().chain([0]) {
            let mut listen = vec![Listen {
                main: SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
                second: None,
                need: Need::Required,
            }];
            // With any port the two would differ, and only one can be named.
            if ipv6 && port != 0 {
                listen.push(Listen {
                    main: SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
                    second: None,
                    need: Need::IfPossible,
                });
            }
            let bounds = Bounds::default();
            let config = Config { listen, bounds };
            match Server::bind(&config) {
                Ok(server) => {
                    let port = server
                        .local_addrs()
                        .next()
                        .ok_or(BindError::NoAddress)?
                        .port();
                    let (stop, stopped) = oneshot::channel::<()>();
                    tokio::spawn(server.run(async {
                        // Dropping the other end is the signal.
                        let _ = stopped.await;
                    }));
                    let mapper = options
                        .port_mapping
                        .then(|| PortMapper::start(port, ipv6, &options.permit));
                    return Ok(Self {
                        port,
                        ipv6,
                        advertisement: None,
                        attempts: mapper.as_ref().map(PortMapper::attempts),
                        _mapper: mapper,
                        _stop: stop,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Where this machine finds it.
    pub(super) fn here(&self) -> String {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).to_string()
    }

    /// Where others on the network find it, if this machine is on one.
    pub(super) fn on_network(&self) -> Option<String> {
        let (ordinary, virtual_ones) = Interfaces::read().host_candidates(self.port, false, false);
        ordinary
            .iter()
            .chain(&virtual_ones)
            .next()
            .map(|candidate| candidate.address.to_string())
    }

    /// Where everybody finds it, once a router has opened the port: an address that is nobody's outside a
    /// home or a carrier's network does not count.
    pub(super) fn outside(&self) -> Option<SocketAddr> {
        let attempts = self.attempts.as_ref()?.borrow();
        let opened = attempts.iter().filter_map(|attempt| match attempt.state {
            AttemptState::Mapped { external, .. } => Some(external),
            AttemptState::Asking | AttemptState::Refused(_) | AttemptState::Silent => None,
        });
        // More people have IPv4.
        opened
            .filter(|external| Scope::of(external.ip()) == Scope::Global)
            .min_by_key(|external| external.is_ipv6())
    }

    /// Resolves when [`outside`](Self::outside) may be another; never where no router is asked.
    /// Cancel-safe.
    pub(super) async fn outside_changed(&mut self) {
        let changed = match &mut self.attempts {
            Some(attempts) => attempts.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            std::future::pending::<()>().await;
        }
    }

    /// Lets others on the network find it by its locator.
    pub(super) fn advertise(&mut self, locator: u32) {
        self.advertisement = Advertisement::start(locator, self.port, self.ipv6);
    }
}
