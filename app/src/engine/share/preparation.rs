//! What a share has ready for receivers that prove themselves: a socket whose address is known, and a certificate.
//!
//! One is made ready before anybody comes, and another when that is taken, so that whoever proves itself is answered at
//! once; nothing here is made because somebody has merely asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::PairingId;
use fardrop_shared::path::Nat;
use tokio::task::JoinSet;

use crate::engine::failures;
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::Identity;
use crate::net::{LocalEndpoint, LocalEndpointOptions};

/// How long what a server said of a socket's address is relied on: NATs forget a mapping that is not used, few of them
/// within half a minute.
const FRESH: Duration = Duration::from_secs(15);

/// A socket and a certificate for one receiver.
pub(super) struct Ready {
    pub(super) endpoint: LocalEndpoint,
    pub(super) identity: Identity,
    asked_at: Instant,
}

/// What is ready, being made ready, and wanted.
#[derive(Default)]
pub(super) struct Preparation {
    making: JoinSet<Result<Ready, Failure>>,
    ready: Vec<Ready>,
    /// Those who have proved themselves and wait, the first first.
    wanted: VecDeque<PairingId>,
    /// What the NAT in front of this machine does, where it does the same for all sockets.
    nat: Option<Nat>,
}

impl Preparation {
    /// This receiver has proved itself.
    pub(super) fn want(&mut self, run: PairingId) {
        self.wanted.push_back(run);
    }

    /// It is too late for this receiver.
    pub(super) fn forget(&mut self, run: PairingId) {
        self.wanted.retain(|wanted| *wanted != run);
    }

    /// Nobody waits any more.
    pub(super) fn clear(&mut self) {
        self.wanted.clear();
    }

    /// What was made ready, or failed to be; `None` when something has to be asked about anew. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<Ready, Failure>> {
        let stale_at = self.ready.iter().map(|ready| ready.asked_at + FRESH).min();
        let stale = async {
            match stale_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(made) = self.making.join_next() => made.ok(),
            () = stale => None,
            else => std::future::pending().await,
        }
    }

    /// Keeps what was made ready until it is taken.
    pub(super) fn keep(&mut self, ready: Ready) {
        if ready.endpoint.nat() == Nat::EndpointIndependent {
            self.nat = Some(Nat::EndpointIndependent);
        }
        self.ready.push(ready);
    }

    /// Something could not be made. Whether somebody has waited for it, who now waits in vain.
    pub(super) fn on_failure(&mut self) -> bool {
        self.wanted.pop_front().is_some()
    }

    /// The receiver that has waited longest, and what is ready for it.
    pub(super) fn take(&mut self) -> Option<(PairingId, Ready)> {
        if self.wanted.is_empty() {
            return None;
        }
        let ready = self.ready.pop()?;
        Some((self.wanted.pop_front()?, ready))
    }

    /// Has made ready what is wanted, and `spare` more; and what has lain for long is asked about anew.
    pub(super) fn make(
        &mut self,
        spare: usize,
        servers: &[SocketAddr],
        options: &LocalEndpointOptions,
    ) {
        let nat = self.nat;
        let stale_before = Instant::now();
        let stale = self
            .ready
            .extract_if(.., |ready| ready.asked_at + FRESH <= stale_before);
        for ready in stale {
            let servers = servers.to_vec();
            self.making
                .spawn(async move { ask(ready.endpoint, ready.identity, &servers, nat).await });
        }
        let there = self.making.len() + self.ready.len();
        for _ in there..self.wanted.len() + spare {
            let (servers, options) = (servers.to_vec(), options.clone());
            self.making.spawn(async move {
                let endpoint = LocalEndpoint::take(options).map_err(local)?;
                let identity = Identity::generate()
                    .map_err(|error| failures::link_failure(Stage::Link, &error))?;
                ask(endpoint, identity, &servers, nat).await
            });
        }
    }
}

async fn ask(
    mut endpoint: LocalEndpoint,
    identity: Identity,
    servers: &[SocketAddr],
    nat: Option<Nat>,
) -> Result<Ready, Failure> {
    endpoint.ask(servers, nat).await.map_err(local)?;
    Ok(Ready {
        endpoint,
        identity,
        asked_at: Instant::now(),
    })
}

fn local(error: std::io::Error) -> Failure {
    Failure::new(Stage::Path, FailureKind::Local).with_detail(error)
}
