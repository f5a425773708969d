//! The receiving end: a thread hashes and writes behind the network.

use std::fs::File;
use std::io::{IoSliceMut, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use quinn::udp::RecvMeta;
use ring::aead::Aad;

use crate::{
    BATCH, NUMBER_LENGTH, PIECE, PIECES_WAITING, TAG_LENGTH, bind, key, nonce, number, report,
};

/// What the kernel coalesces at most, in bytes.
const COALESCED: usize = 64 * 1024;

/// Buffers for one system call: with more, a socket that waits waits until all are full.
const BUFFERS: usize = 1;

/// Takes one file, whose last datagram is shorter than the others, and reports.
pub(crate) fn run(listen: SocketAddr, output: &Path, ready: &Path) -> Result<serde_json::Value> {
    let (socket, state) = bind(listen)?;
    std::fs::write(ready, [])?;
    let key = key()?;
    let (pieces, behind) = sync_channel(PIECES_WAITING);
    let path = output.to_owned();
    let writer = thread::Builder::new()
        .name("write".to_owned())
        .spawn(move || write(&path, &behind))?;
    let mut storage = vec![0; BUFFERS * COALESCED];
    let mut piece = Vec::with_capacity(PIECE);
    let (mut next, mut told, mut bytes) = (0_u64, 0_u64, 0_u64);
    let mut start = None;
    let mut longest = 0;
    let mut sender = None;
    let mut over = false;
    while !over {
        let mut meta = [RecvMeta::default(); BUFFERS];
        let mut chunks = storage.chunks_mut(COALESCED);
        let mut buffers: [IoSliceMut<'_>; BUFFERS] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let count = state
            .recv((&socket).into(), &mut buffers, &mut meta)
            .context("nothing comes")?;
        start.get_or_insert_with(Instant::now);
        for (meta, buffer) in meta.iter().zip(&mut buffers).take(count) {
            sender = Some(meta.addr);
            for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                ensure!(number(datagram)? == next, "datagram {next} was lost");
                let plain = key
                    .open_in_place(nonce(next), Aad::empty(), &mut datagram[NUMBER_LENGTH..])
                    .map_err(|_| anyhow::anyhow!("not opened"))?;
                longest = longest.max(plain.len());
                over = plain.len() < longest;
                bytes += plain.len() as u64;
                piece.extend_from_slice(plain);
                next += 1;
            }
            if piece.len() >= PIECE - COALESCED {
                pieces.send(std::mem::replace(&mut piece, Vec::with_capacity(PIECE)))?;
            }
        }
        if next >= told + BATCH as u64 {
            told = next;
            let to = sender.context("nobody sends")?;
            socket.send_to(&next.to_le_bytes(), to)?;
        }
    }
    pieces.send(piece)?;
    drop(pieces);
    let hash = writer.join().ok().context("the writer panicked")??;
    socket.send_to(hash.as_bytes(), sender.context("nobody sends")?)?;
    let elapsed = start.context("nothing came")?.elapsed();
    ensure!(longest + NUMBER_LENGTH + TAG_LENGTH <= COALESCED);
    report(bytes, elapsed)
}

/// Writes the pieces, and gives their hash.
fn write(path: &Path, pieces: &Receiver<Vec<u8>>) -> Result<blake3::Hash> {
    let mut file = File::create(path)?;
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(&piece);
        file.write_all(&piece)?;
    }
    Ok(hasher.finalize())
}
