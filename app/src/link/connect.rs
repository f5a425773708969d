//! From a path to a link: which transport carries it, and that transport's connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fardrop_shared::choice::LinkChooser;
use fardrop_shared::limits::LINK_PATIENCE;
use fardrop_shared::{Transport, Transports};
use quinn::AsyncUdpSocket;

use super::Link;
use super::credentials::Credentials;
use super::error::LinkError;
use super::gbn::{self, Core};
use super::handshake_demux::{HandshakeDemux, Switch};
use super::quic::{Attempt, Ready};
use super::settings::LEAST_PAYLOAD;
use crate::net::Path;

/// A link, and what was learned on the way to it.
#[derive(Debug)]
pub struct Connected {
    /// The link.
    pub link: Link,
    /// Whether QUIC was tried from here, over a path that stayed as it was, and did not come through.
    pub quic_failed: bool,
}

/// Makes a link over `path`, beginning with `first` where both transports are allowed.
///
/// # Errors
/// [`LinkError::Unauthenticated`] when the other end does not hold the pairing's keys,
/// [`LinkError::QuicBlocked`] when QUIC alone is allowed and does not come through,
/// [`LinkError::TimedOut`] when nothing has come about in ten seconds.
pub async fn connect(
    path: Path,
    credentials: Credentials,
    first: Transport,
) -> Result<Connected, LinkError> {
    let transports = credentials.transports;
    let quic_fits = path.payload_limit >= LEAST_PAYLOAD;
    // Whether QUIC's other end was not the peer, or somebody has made it look like that.
    let refused = AtomicBool::new(false);
    let connecting = async {
        if !transports.contains(Transports::QUIC) {
            let core = core(&credentials, &path);
            return over_go_back_n(core, path, false).await;
        }
        if transports.contains(Transports::GO_BACK_N) {
            let first = if quic_fits { first } else { Transport::GoBackN };
            return choose(path, credentials, first, &refused).await;
        }
        if !quic_fits {
            return Err(LinkError::QuicBlocked);
        }
        let mut attempt = Attempt::begin(&path, credentials, |socket| socket)?;
        let ready = attempt.ready().await?;
        over_quic(attempt, ready, path).await
    };
    match tokio::time::timeout(LINK_PATIENCE, connecting).await {
        Ok(Err(LinkError::TimedOut)) | Err(_) if transports == Transports::QUIC => {
            Err(LinkError::QuicBlocked)
        }
        Ok(Err(LinkError::TimedOut)) | Err(_) if refused.load(Ordering::Relaxed) => {
            Err(LinkError::Unauthenticated)
        }
        Ok(outcome) => outcome,
        Err(_) => Err(LinkError::TimedOut),
    }
}

/// Tries QUIC and listens for Go-Back-N, or the other way round, until it is settled which it is. Notes in `refused`
/// that QUIC's other end did not prove to be the peer.
async fn choose(
    path: Path,
    credentials: Credentials,
    first: Transport,
    refused: &AtomicBool,
) -> Result<Connected, LinkError> {
    let core = core(&credentials, &path);
    let mut chooser = LinkChooser::new(credentials.role, first, path.rtt, Instant::now());
    if chooser.decision() == Some(Transport::GoBackN) {
        return over_go_back_n(core, path, false).await;
    }
    let switch = Switch::new(Arc::clone(&core));
    let mut attempt = Attempt::begin(&path, credentials, {
        let switch = Arc::clone(&switch);
        move |socket| HandshakeDemux::new(socket, &switch)
    })?;
    let settling = settle(&path, &mut chooser, &mut attempt, &switch, &core, refused);
    match settling.await? {
        Settled::Quic(ready) => {
            switch.leave_to_quic();
            over_quic(attempt, *ready, path).await
        }
        Settled::GoBackN { moved } => {
            switch.cut_quic_off();
            drop(attempt);
            let quic_failed = chooser.has_given_quic_up() && !moved;
            tracing::info!(quic_failed, "Go-Back-N carries the link");
            over_go_back_n(core, path, quic_failed).await
        }
    }
}

/// What carries the link.
enum Settled {
    Quic(Box<Ready>),
    GoBackN {
        /// Whether the path has changed meanwhile.
        moved: bool,
    },
}

async fn settle(
    path: &Path,
    chooser: &mut LinkChooser,
    attempt: &mut Attempt,
    switch: &Switch,
    core: &Core,
    refused: &AtomicBool,
) -> Result<Settled, LinkError> {
    let mut follower = path.follow();
    let mut socket: Arc<dyn AsyncUdpSocket> = path.socket();
    let mut moved = false;
    let mut quic = std::pin::pin!(attempt.ready());
    loop {
        if chooser.decision() == Some(Transport::GoBackN) {
            return Ok(Settled::GoBackN { moved });
        }
        let mut due = chooser.poll_timeout();
        if chooser.speaks_go_back_n() {
            gbn::send_waiting(core, path.peer_address(), &*socket);
            due = core.poll_timeout();
        }
        tokio::select! {
            ready = &mut quic, if chooser.tries_quic() => match ready {
                Ok(ready) => {
                    chooser.handle_quic_ready();
                    return Ok(Settled::Quic(Box::new(ready)));
                }
                // Even a certificate that is not the peer's says nothing of the peer: until its end, a
                // handshake can be answered or closed by whoever sees it pass. Go-Back-N believes nothing
                // but the pairing's keys.
                Err(error) => {
                    tracing::debug!(%error, "QUIC failed");
                    if matches!(error, LinkError::Unauthenticated) {
                        refused.store(true, Ordering::Relaxed);
                    }
                    chooser.handle_quic_failed();
                }
            },
            () = switch.heard() => chooser.handle_go_back_n_heard(),
            () = sleep_until(due) => {
                let now = Instant::now();
                chooser.handle_timeout(now);
                core.handle_timeout(now);
            }
            changed = follower.changed() => {
                socket = changed;
                moved = true;
                core.handle_path_change(Instant::now());
            }
        }
    }
}

fn core(credentials: &Credentials, path: &Path) -> Arc<Core> {
    let keys = credentials.go_back_n.clone();
    Core::new(credentials.role, keys, path.payload_limit)
}

async fn over_quic(attempt: Attempt, ready: Ready, path: Path) -> Result<Connected, LinkError> {
    let (control, carrier) = attempt.finish(ready, path).await?;
    Ok(Connected {
        link: Link::over_quic(control, carrier),
        quic_failed: false,
    })
}

async fn over_go_back_n(
    core: Arc<Core>,
    path: Path,
    quic_failed: bool,
) -> Result<Connected, LinkError> {
    let (control, carrier) = gbn::connect(core, path).await?;
    Ok(Connected {
        link: Link::over_go_back_n(control, carrier),
        quic_failed,
    })
}

/// Sleeps until then; for ever without a time.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
