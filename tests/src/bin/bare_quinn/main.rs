//! A file over quinn and nothing else: the reference that Fardrop's goodput is measured against.
//!
//! One process an end, so that each can run in a network namespace of its own. Both read or write
//! a real file and hash it with BLAKE3, in pieces, off the network thread. The receiver listens
//! and leaves its certificate in a file; the sender reads it there. Each end prints one line of
//! JSON when it is done.
//!
//! A stream carries one range of the file: its offset and length (8 bytes each, little-endian),
//! the bytes, and their BLAKE3 hash (32 bytes). The receiver answers on the first stream with one
//! byte once every range is verified.

mod receiver;
mod sender;
mod socket;
mod tuning;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tokio::runtime;
use tuning::Tuning;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
    #[command(flatten)]
    tuning: Tuning,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Takes one file.
    Receive {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
        /// The file to write.
        #[arg(long)]
        output: PathBuf,
        /// Where to leave the certificate, once listening.
        #[arg(long)]
        certificate: PathBuf,
    },
    /// Sends one file.
    Send {
        /// The receiver's address.
        #[arg(long)]
        to: SocketAddr,
        /// The file to read.
        #[arg(long)]
        input: PathBuf,
        /// The receiver's certificate.
        #[arg(long)]
        certificate: PathBuf,
    },
}

/// The length of the header of a stream, in bytes.
const HEADER_LENGTH: usize = 16;

/// What the sender says before each range, and what the receiver needs to place it.
#[derive(Debug, Clone, Copy)]
struct Range {
    offset: u64,
    length: u64,
}

impl Range {
    fn to_header(self) -> [u8; HEADER_LENGTH] {
        let mut header = [0; HEADER_LENGTH];
        header[..8].copy_from_slice(&self.offset.to_le_bytes());
        header[8..].copy_from_slice(&self.length.to_le_bytes());
        header
    }

    fn from_header(header: [u8; HEADER_LENGTH]) -> Self {
        let [offset, length] = [0, 8].map(|start| {
            let mut number = [0; 8];
            number.copy_from_slice(&header[start..start + 8]);
            u64::from_le_bytes(number)
        });
        Self { offset, length }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = match arguments.role {
        Role::Receive {
            listen,
            output,
            certificate,
        } => runtime.block_on(receiver::run(
            &arguments.tuning,
            listen,
            output,
            certificate,
        ))?,
        Role::Send {
            to,
            input,
            certificate,
        } => runtime.block_on(sender::run(&arguments.tuning, to, input, certificate))?,
    };
    print(&report);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of the measurement")]
fn print(report: &serde_json::Value) {
    println!("{report}");
}
