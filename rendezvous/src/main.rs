//! The stand-alone rendezvous: arguments, logging, shutdown.

use clap::Parser;
use fardrop_rendezvous::{Args, run};
use tracing_subscriber::EnvFilter;

/// The Fardrop rendezvous: lets the two ends of a transfer find each other, and learns nothing else.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "It keeps no files and no log of who. RUST_LOG=debug shows addresses.\n\n\
    Example: fardrop-rendezvous --listen 0.0.0.0:4840"
)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Where nobody reads the log any more, serving matters more.
        .log_internal_errors(false)
        .init();
    // One thread: a datagram costs a few hashes and a look into an ordered map.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(&cli.args, |_| {}))?;
    Ok(())
}
