//! The engine: everything between a person's wish and files on a disk, behind one handle.

mod cancel;
pub mod command;
mod doctor;
pub mod event;
pub mod handle;
mod networks;
mod receive;
mod report;
mod run;
mod session;
mod share;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use fardrop_shared::pairing::Transports;
pub use handle::EngineHandle;
use handle::{COMMAND_QUEUE, EVENT_QUEUE, ProgressBoard};
use report::Reporter;

use crate::failure::{Failure, FailureKind, Stage};

/// What the engine needs to know before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Rendezvous servers as `host:port`; none means: serve our own, and look on this network.
    pub rendezvous: Vec<String>,
    /// What this machine is called towards peers.
    pub device: String,
    /// A fixed local UDP port for sessions, or any.
    pub port: Option<u16>,
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Whether multicast DNS is used to be found and to find.
    pub mdns: bool,
    /// Whether routers are asked to open a port.
    pub port_mapping: bool,
    /// How long a path that was lost is looked for again.
    pub reconnect: Duration,
    /// What may carry a link.
    pub transports: Transports,
    /// The folder for what is remembered from one run to the next; nothing is, without one.
    pub memory: Option<PathBuf>,
}

/// Called whenever there is something new for a face: an event or progress.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Starts the engine on a thread of its own.
///
/// # Errors
/// When the system gives no thread or no timers.
pub fn start(config: EngineConfig, wake: Wake) -> Result<EngineHandle, Failure> {
    let local =
        |error: std::io::Error| Failure::new(Stage::Link, FailureKind::Local).with_detail(error);
    let (commands, commanded) = tokio::sync::mpsc::channel(COMMAND_QUEUE);
    let (events, told) = sync_channel(EVENT_QUEUE);
    let progress = ProgressBoard::default();
    let reporter = Reporter::new(events, progress.clone(), wake);
    // One thread for all of the network: a second one costs more than it carries (SPEED.md). Disk
    // and hashes have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(local)?;
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            runtime.block_on(run::run(config, reporter, commanded));
            // Look-ups of names may still hang in a thread; they are not waited for.
            runtime.shutdown_background();
        })
        .map_err(local)?;
    Ok(EngineHandle {
        commands: Some(commands),
        events: told,
        progress,
        thread: Some(thread),
    })
}
