//! The rendezvous that a sender serves itself when none is configured.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use fardrop_rendezvous::{BindError, Bounds, Config, Listen, Need, Server};
use tokio::sync::oneshot;

use crate::net::{Advertisement, EMBEDDED_PORTS, Interfaces};

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Embedded {
    port: u16,
    ipv6: bool,
    advertisement: Option<Advertisement>,
    _stop: oneshot::Sender<()>,
}

impl Embedded {
    /// Serves on the first free port of those that receivers on this machine look at, or on any.
    pub(super) fn start(ipv6: bool) -> Result<Self, BindError> {
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
                    return Ok(Self {
                        port,
                        ipv6,
                        advertisement: None,
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
        let (ordinary, virtual_ones) = Interfaces::look().host_candidates(self.port, false, false);
        ordinary
            .iter()
            .chain(&virtual_ones)
            .next()
            .map(|candidate| candidate.address.to_string())
    }

    /// Lets others on the network find it by its locator.
    pub(super) fn advertise(&mut self, locator: u32) {
        self.advertisement = Advertisement::start(locator, self.port, self.ipv6);
    }
}
