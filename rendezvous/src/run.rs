//! A server from its command line to the signal that ends it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::args::{Args, TooManySeconds};
use crate::metrics::serve_metrics;
use crate::serve::{BindError, Server};

/// Why a server did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The arguments make no sense together.
    #[error(transparent)]
    Usage(#[from] TooManySeconds),
    /// The sockets cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The metrics' socket cannot be had.
    #[error("cannot serve metrics on {address}: {source}")]
    Metrics {
        /// Where they were to be.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The signals that end a server cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

/// Serves until Ctrl-C or, on Unix, SIGTERM. `ready` is called once every socket is bound.
///
/// # Errors
/// [`RunError`] if it cannot start.
pub async fn run(args: &Args, ready: impl FnOnce(&Server)) -> Result<(), RunError> {
    let server = Server::bind(&args.config()?)?;
    let stopped = stop_signal().map_err(RunError::Signals)?;
    let metrics = match args.metrics {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|source| RunError::Metrics { address, source })?;
            Some(serve_metrics(listener, server.monitor()))
        }
        None => None,
    };
    for address in server.local_addrs() {
        tracing::info!(port = address.port(), "listening");
    }
    for address in server.second_addrs() {
        tracing::info!(port = address.port(), "listening, for Hello alone");
    }
    for address in server.tcp_addrs() {
        tracing::info!(tcp_port = address.port(), "listening, for one line by TCP");
    }
    ready(&server);
    let served = server.run(stopped);
    match metrics {
        Some(metrics) => tokio::select! {
            () = served => {}
            () = metrics => {}
        },
        None => served.await,
    }
    tracing::info!("stopped");
    Ok(())
}

/// The listeners are in place when it returns; what it returns is done at the first signal.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Done at the first Ctrl-C.
#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut ctrl_c = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        ctrl_c.recv().await;
    })
}
