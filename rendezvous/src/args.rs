//! The server's command line, the same for the stand-alone binary and inside another program.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use fardrop_shared::limits::DEFAULT_PORT;

use crate::limit::Bounds;
use crate::serve::{Config, Listen, Need};

/// Swap messages between the two ends of a transfer, so that they find each other.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// Addresses to listen on; if none, port 4840 of all addresses of both families.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        help = "Address to listen on; repeat for several [default: 0.0.0.0:4840 and [::]:4840]"
    )]
    pub listen: Vec<SocketAddr>,

    /// Second address, which only tells clients where they are seen from; one for each --listen, in the
    /// same order (default: the next port)
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen_second: Vec<SocketAddr>,

    /// Serve counters (never addresses) as Prometheus text over HTTP; keep it off the internet
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// A second address without a first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more --listen-second than --listen addresses")]
pub struct TooManySeconds;

impl Args {
    /// Where to listen. Unless told, on all addresses of both families, without IPv6 if there is none.
    ///
    /// # Errors
    /// [`TooManySeconds`] if a second address has no first to go with.
    pub fn config(&self) -> Result<Config, TooManySeconds> {
        let mut listen: Vec<Listen> = if self.listen.is_empty() {
            let any_v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, DEFAULT_PORT));
            let any_v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT));
            vec![
                Listen::new(any_v4, Need::Required),
                Listen::new(any_v6, Need::IfPossible),
            ]
        } else {
            let required = |&address| Listen::new(address, Need::Required);
            self.listen.iter().map(required).collect()
        };
        if self.listen_second.len() > listen.len() {
            return Err(TooManySeconds);
        }
        for (listen, &second) in listen.iter_mut().zip(&self.listen_second) {
            listen.second = Some(second);
        }
        Ok(Config {
            listen,
            bounds: Bounds::default(),
        })
    }
}
