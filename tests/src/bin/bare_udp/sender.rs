//! The sending end: a thread reads and hashes ahead of the network.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use quinn::udp::Transmit;
use ring::aead::Aad;

use crate::{
    BATCH, NUMBER_LENGTH, PIECE, PIECES_WAITING, TAG_LENGTH, WINDOW, bind, key, nonce, number,
    report,
};

/// Sends `input` in datagrams of `payload` bytes, and reports.
pub(crate) fn run(to: SocketAddr, input: &Path, payload: usize) -> Result<serde_json::Value> {
    let (socket, state) = bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
    let key = key()?;
    let share = payload - NUMBER_LENGTH - TAG_LENGTH;
    let start = Instant::now();
    let (pieces, ahead) = sync_channel(PIECES_WAITING);
    let path = input.to_owned();
    let reader = thread::Builder::new()
        .name("read".to_owned())
        .spawn(move || read(&path, &pieces))?;
    let mut batch = Vec::with_capacity(BATCH * payload);
    let (mut sent, mut arrived, mut bytes) = (0_u64, 0_u64, 0);
    let mut answer = [0; 64];
    let mut piece: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut over = false;
    while !over {
        batch.clear();
        while batch.len() < BATCH * payload && !over {
            let begin = batch.len();
            batch.extend_from_slice(&sent.to_le_bytes());
            let end = begin + NUMBER_LENGTH + share;
            while batch.len() < end {
                if at == piece.len() {
                    match ahead.recv() {
                        Ok(next) => (piece, at) = (next, 0),
                        Err(_) => {
                            over = true;
                            break;
                        }
                    }
                }
                let length = (end - batch.len()).min(piece.len() - at);
                batch.extend_from_slice(&piece[at..at + length]);
                at += length;
            }
            bytes += (batch.len() - begin - NUMBER_LENGTH) as u64;
            let body = &mut batch[begin + NUMBER_LENGTH..];
            let tag = key
                .seal_in_place_separate_tag(nonce(sent), Aad::empty(), body)
                .map_err(|_| anyhow::anyhow!("not sealed"))?;
            batch.extend_from_slice(tag.as_ref());
            sent += 1;
        }
        while sent > arrived + WINDOW {
            let length = socket.recv(&mut answer).context("no answer: lost")?;
            arrived = arrived.max(number(&answer[..length])?);
        }
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents: &batch,
            segment_size: (batch.len() > payload).then_some(payload),
            src_ip: None,
        };
        state.send((&socket).into(), &transmit)?;
    }
    let hash = reader.join().ok().context("the reader panicked")??;
    loop {
        let length = socket.recv(&mut answer).context("no hash: lost")?;
        if length == blake3::OUT_LEN {
            ensure!(answer[..length] == *hash.as_bytes(), "the hashes differ");
            return report(bytes, start.elapsed());
        }
    }
}

/// Reads the file into `pieces`, and gives its hash.
fn read(path: &Path, pieces: &SyncSender<Vec<u8>>) -> Result<blake3::Hash> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if file.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&piece);
        pieces.send(piece)?;
    }
}
