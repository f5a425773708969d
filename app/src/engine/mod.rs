//! The engine: everything between a person's wish and files on a disk, behind one handle.

pub mod command;
pub mod event;
pub mod handle;

use std::sync::Arc;

use crate::failure::{Failure, FailureKind, Stage};

pub use handle::EngineHandle;

/// What the engine needs to know before it starts.
#[derive(Debug, Clone)]
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
}

/// Called whenever there is something new for a face: an event or progress.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Starts the engine on a thread of its own.
pub fn start(config: EngineConfig, wake: Wake) -> Result<EngineHandle, Failure> {
    drop((config, wake));
    Err(Failure::new(Stage::Link, FailureKind::Local).with_detail("the engine is not built yet"))
}
