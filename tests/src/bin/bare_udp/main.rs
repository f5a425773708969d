//! A file over UDP and nothing else: the floor under what a transport of our own can cost.
//!
//! What no such transport can do without: reading and hashing ahead of the network, AES-128-GCM over each
//! datagram, batches that the kernel cuts and coalesces (GSO, GRO), opening in place, hashing and writing
//! behind the network. Nothing is repaired: the sender keeps within a window that the receiver's socket
//! holds, and a datagram that is lost all the same ends the run.
//!
//! A datagram is its number (8 bytes, little-endian), its share of the file, and the tag. The receiver
//! answers with how many it has (8 bytes), and at the end with the hash of the file.

mod receiver;
mod sender;

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use quinn::udp::UdpSocketState;
use ring::aead::{AES_128_GCM, LessSafeKey, Nonce, UnboundKey};
use serde_json::json;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    role: Role,
    /// UDP payload of a datagram, in bytes.
    #[arg(long, default_value_t = 1472)]
    payload: usize,
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
        /// A file to make once listening.
        #[arg(long)]
        ready: PathBuf,
    },
    /// Sends one file.
    Send {
        /// The receiver's address.
        #[arg(long)]
        to: SocketAddr,
        /// The file to read.
        #[arg(long)]
        input: PathBuf,
    },
}

/// In front of each datagram: its number.
const NUMBER_LENGTH: usize = 8;

/// What the AEAD adds, in bytes.
const TAG_LENGTH: usize = 16;

/// Datagrams in one batch.
const BATCH: usize = 44;

/// Datagrams that may be on their way: what the smallest usual socket buffer (212 kB) certainly holds.
const WINDOW: u64 = 2 * BATCH as u64;

/// Pieces for hashing, reading and writing, in bytes, and how many may wait.
const PIECE: usize = 256 * 1024;
const PIECES_WAITING: usize = 4;

/// Socket buffers asked for, in bytes.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Time without a datagram after which the run has failed.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let report = match arguments.role {
        Role::Receive {
            listen,
            output,
            ready,
        } => receiver::run(listen, &output, &ready)?,
        Role::Send { to, input } => sender::run(to, &input, arguments.payload)?,
    };
    print(&report);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result of the measurement")]
fn print(report: &serde_json::Value) {
    println!("{report}");
}

/// A blocking socket with its batches.
fn bind(address: SocketAddr) -> Result<(UdpSocket, UdpSocketState)> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::DGRAM,
        None,
    )?;
    // Refused sizes are no reason to stop.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    let state = UdpSocketState::new((&socket).into())?;
    // That made it one that does not wait.
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok((socket, state))
}

/// A key that both ends know: what is measured is its cost.
fn key() -> Result<LessSafeKey> {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| anyhow::anyhow!("no key"))?;
    Ok(LessSafeKey::new(key))
}

/// A nonce of its own for each number.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn number(bytes: &[u8]) -> Result<u64> {
    let number = bytes.get(..NUMBER_LENGTH).context("too short")?;
    Ok(u64::from_le_bytes(number.try_into()?))
}

/// The line that an end prints.
fn report(bytes: u64, elapsed: Duration) -> Result<serde_json::Value> {
    #[expect(clippy::cast_precision_loss, reason = "a rate in three digits")]
    let megabytes = bytes as f64 / 1e6;
    let (cpu_seconds, peak_kib) = usage()?;
    Ok(json!({
        "bytes": bytes,
        "seconds": elapsed.as_secs_f64(),
        "mb_per_s": megabytes / elapsed.as_secs_f64(),
        "cpu_seconds": cpu_seconds,
        "peak_kib": peak_kib,
    }))
}

/// User and system time of this process so far, in seconds, and its peak memory, in KiB.
fn usage() -> Result<(f64, u64)> {
    /// Clock ticks per second in `/proc`; every Linux architecture reports 100 to user space.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The command name is in parentheses and may hold spaces; the fields after it are numbers.
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/self/stat")?;
    let fields = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = fields.map(str::parse::<f64>).sum::<Result<_, _>>()?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.context("no VmHWM in /proc/self/status")?;
    let peak = peak.trim().trim_end_matches(" kB").parse()?;
    Ok((ticks / TICKS_PER_SECOND, peak))
}
