//! The sending end: a thread reads and hashes ahead of the network.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Range;
use crate::tuning::Tuning;
use crate::usage;

/// Pieces that the reader may be ahead of the network.
const PIECES_AHEAD: usize = 4;

/// Sends `input` to the receiver at `to`, and reports.
pub(crate) async fn run(
    tuning: &Tuning,
    to: SocketAddr,
    input: PathBuf,
    certificate: PathBuf,
) -> Result<serde_json::Value> {
    let from: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let endpoint = tuning.endpoint((from, 0).into(), None)?;
    let config = client_config(tuning, &certificate)?;

    let before_handshake = Instant::now();
    let connection = endpoint.connect_with(config, to, "bare-quinn")?.await?;
    let handshake = before_handshake.elapsed();

    let length = fs::metadata(&input)?.len();
    let start = Instant::now();
    send_all(tuning, &connection, &input, length).await?;
    let elapsed = start.elapsed();

    let report = usage::report("send", length, elapsed, Some(handshake), &connection)?;
    connection.close(0u32.into(), b"");
    endpoint.wait_idle().await;
    Ok(report)
}

fn client_config(tuning: &Tuning, certificate: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(fs::read(certificate)?))?;
    let tls = rustls::ClientConfig::builder_with_provider(tuning.provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(tuning.transport()?);
    Ok(config)
}

/// Sends every range and waits for the receiver's word that all are verified.
async fn send_all(
    tuning: &Tuning,
    connection: &Connection,
    input: &Path,
    length: u64,
) -> Result<()> {
    let (mut first, mut verdict) = connection.open_bi().await?;
    first.write_all(&tuning.streams.to_le_bytes()).await?;
    first.finish()?;

    let streams = u64::from(tuning.streams);
    let mut ranges = JoinSet::new();
    for index in 0..streams {
        let offset = length * index / streams;
        let range = Range {
            offset,
            length: length * (index + 1) / streams - offset,
        };
        let (connection, input, piece) = (connection.clone(), input.to_owned(), tuning.piece);
        ranges.spawn(send_range(connection, input, range, piece));
    }
    while let Some(result) = ranges.join_next().await {
        result??;
    }
    let verdict = verdict.read_to_end(1).await?;
    ensure!(verdict == [1], "the receiver could not verify the file");
    Ok(())
}

async fn send_range(
    connection: Connection,
    input: PathBuf,
    range: Range,
    piece: usize,
) -> Result<()> {
    let (to_network, mut from_disk) = mpsc::channel(PIECES_AHEAD);
    let reader = tokio::task::spawn_blocking(move || read(&input, range, piece, &to_network));
    let mut stream = connection.open_uni().await?;
    stream.write_all(&range.to_header()).await?;
    while let Some(piece) = from_disk.recv().await {
        stream.write_chunk(piece).await?;
    }
    let hash = reader.await??;
    stream.write_all(hash.as_bytes()).await?;
    stream.finish()?;
    Ok(())
}

/// Reads a range of the file into `to_network`, and gives its hash.
fn read(
    input: &Path,
    range: Range,
    piece: usize,
    to_network: &mpsc::Sender<Bytes>,
) -> Result<blake3::Hash> {
    let mut file = File::open(input).with_context(|| format!("cannot open {}", input.display()))?;
    file.seek(SeekFrom::Start(range.offset))?;
    let mut file = file.take(range.length);
    let mut hasher = blake3::Hasher::new();
    loop {
        let mut buffer = Vec::with_capacity(piece);
        let limit = u64::try_from(piece)?;
        if file.by_ref().take(limit).read_to_end(&mut buffer)? == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer);
        to_network.blocking_send(buffer.into())?;
    }
}
