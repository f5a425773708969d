//! The receiving end: a thread hashes and writes behind the network.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{RecvStream, ServerConfig};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::tuning::{Gather, Tuning};
use crate::{HEADER_LENGTH, Range, usage};

/// Pieces that the network may be ahead of the writer.
const PIECES_AHEAD: usize = 4;

/// Takes one file from the first sender that connects, and reports.
pub(crate) async fn run(
    tuning: &Tuning,
    listen: SocketAddr,
    output: PathBuf,
    certificate: PathBuf,
) -> Result<serde_json::Value> {
    let (config, own_certificate) = server_config(tuning)?;
    let endpoint = tuning.endpoint(listen, Some(config))?;
    publish(&certificate, &own_certificate)?;

    let connection = endpoint.accept().await.context("closed")?.await?;
    let (mut verdict, mut opening) = connection.accept_bi().await?;
    let start = Instant::now();
    let mut streams = [0; 2];
    opening.read_exact(&mut streams).await?;

    let file = Arc::new(File::create(&output)?);
    let mut ranges = JoinSet::new();
    for _ in 0..u16::from_le_bytes(streams) {
        let stream = connection.accept_uni().await?;
        let file = Arc::clone(&file);
        match tuning.gather {
            Gather::Network => ranges.spawn(take_copied(stream, file, tuning.piece)),
            Gather::Writer => ranges.spawn(take_chunks(stream, file, tuning.piece)),
        };
    }
    let mut bytes = 0;
    while let Some(length) = ranges.join_next().await {
        bytes += length??;
    }
    verdict.write_all(&[1]).await?;
    verdict.finish()?;
    let elapsed = start.elapsed();

    connection.closed().await;
    usage::report("receive", bytes, elapsed, None, &connection)
}

fn server_config(tuning: &Tuning) -> Result<(ServerConfig, CertificateDer<'static>)> {
    let made = rcgen::generate_simple_self_signed(["bare-quinn".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let tls = rustls::ServerConfig::builder_with_provider(tuning.provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], PrivateKeyDer::Pkcs8(key))?;
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(tuning.transport()?);
    Ok((config, certificate))
}

/// Writes the certificate under its name only once it is whole, so that its presence means ready.
fn publish(path: &Path, certificate: &CertificateDer<'_>) -> Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, certificate)?;
    fs::rename(&partial, path)?;
    Ok(())
}

async fn header(stream: &mut RecvStream) -> Result<Range> {
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header).await?;
    Ok(Range::from_header(header))
}

async fn verify(stream: &mut RecvStream, found: blake3::Hash) -> Result<()> {
    let mut expected = [0; blake3::OUT_LEN];
    stream.read_exact(&mut expected).await?;
    ensure!(found == blake3::Hash::from(expected), "the hashes differ");
    Ok(())
}

/// Takes a range, copying what arrives into pieces on the network thread.
async fn take_copied(mut stream: RecvStream, file: Arc<File>, piece_bytes: usize) -> Result<u64> {
    let range = header(&mut stream).await?;
    let (to_disk, mut from_network) = mpsc::channel::<Vec<u8>>(PIECES_AHEAD);
    let (to_reuse, mut reusable) = mpsc::channel::<Vec<u8>>(2 * PIECES_AHEAD);
    let writer = tokio::task::spawn_blocking(move || -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        let mut offset = range.offset;
        while let Some(mut piece) = from_network.blocking_recv() {
            hasher.update(&piece);
            file.write_all_at(&piece, offset)?;
            offset += u64::try_from(piece.len())?;
            piece.clear();
            // With the network gone or the queue full, the piece is just freed.
            drop(to_reuse.try_send(piece));
        }
        Ok(hasher.finalize())
    });
    let mut remaining = range.length;
    while remaining > 0 {
        let mut piece = reusable
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(piece_bytes));
        while piece.len() < piece_bytes && remaining > 0 {
            let limit = (piece_bytes - piece.len()).min(usize::try_from(remaining)?);
            let chunk = stream.read_chunk(limit, true).await?.context("too short")?;
            piece.extend_from_slice(&chunk.bytes);
            remaining -= u64::try_from(chunk.bytes.len())?;
        }
        to_disk.send(piece).await?;
    }
    drop(to_disk);
    verify(&mut stream, writer.await??).await?;
    Ok(range.length)
}

/// Takes a range, handing what arrives to the writer as it is.
async fn take_chunks(mut stream: RecvStream, file: Arc<File>, piece_bytes: usize) -> Result<u64> {
    let range = header(&mut stream).await?;
    let (to_disk, mut from_network) = mpsc::channel::<Vec<Bytes>>(PIECES_AHEAD);
    let writer = tokio::task::spawn_blocking(move || -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        let mut offset = range.offset;
        let mut piece = Vec::with_capacity(piece_bytes);
        while let Some(chunks) = from_network.blocking_recv() {
            piece.clear();
            for chunk in chunks {
                piece.extend_from_slice(&chunk);
            }
            hasher.update(&piece);
            file.write_all_at(&piece, offset)?;
            offset += u64::try_from(piece.len())?;
        }
        Ok(hasher.finalize())
    });
    let mut remaining = range.length;
    while remaining > 0 {
        let (mut chunks, mut length) = (Vec::new(), 0);
        while length < piece_bytes && remaining > 0 {
            let limit = (piece_bytes - length).min(usize::try_from(remaining)?);
            let chunk = stream.read_chunk(limit, true).await?.context("too short")?;
            length += chunk.bytes.len();
            remaining -= u64::try_from(chunk.bytes.len())?;
            chunks.push(chunk.bytes);
        }
        to_disk.send(chunks).await?;
    }
    drop(to_disk);
    verify(&mut stream, writer.await??).await?;
    Ok(range.length)
}
