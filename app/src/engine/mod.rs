//! The engine: everything between a person's wish and files on a disk, behind one handle.
//!
//! The numbers in here are local: what waits between its tasks and the face, and how often a face is told.

mod cancel;
pub mod command;
mod config;
mod context;
mod dht_nodes;
mod doctor;
pub mod event;
mod failures;
pub mod handle;
mod memory;
mod networks;
mod receive;
mod recording;
mod report;
mod run;
mod servers;
mod session;
mod share;
#[cfg(test)]
mod tests;
mod tries;

use std::sync::mpsc::sync_channel;

pub use config::EngineConfig;
pub use handle::EngineHandle;
use handle::{COMMAND_QUEUE, EVENT_QUEUE, ProgressBoard};
use report::Reporter;
pub use report::Wake;

use crate::failure::{Failure, FailureKind, Stage};

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
    // One thread for all of the network: a second one costs more than it carries. Disk
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
