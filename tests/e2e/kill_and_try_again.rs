//! `kill -9` at any moment: a name is absent or its content complete, and the next try goes on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::tree::{self, Node};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{assert_done, assert_identical, workplace};

/// Moments at which each end is killed.
const MOMENTS: u32 = 6;

/// Time after the offer within which an end is killed: part of what the transfer takes, so that
/// several tries follow one another.
const SPAN: Duration = Duration::from_millis(200);

/// Both ends, with the offer on its way.
fn begin(rendezvous: &Rendezvous, work: &Path) -> Result<(Peer, Peer)> {
    let memory = work.join("memory of the sender");
    let mut sender = PeerCommand::send(rendezvous, &work.join("out"))?
        .arg("--once")
        // A sender that remembers is known again when it is started anew.
        .env("FARDROP_MEMORY", &memory.to_string_lossy())
        .start()?;
    let code = sender.code()?;
    let mut receiver = PeerCommand::receive(rendezvous, &code, &work.join("in"))?.start()?;
    receiver.event("offer")?;
    Ok((sender, receiver))
}

/// Bytes kept in `in`. Fails if a final name is not its source's, or not exactly its content.
fn kept(work: &Path) -> Result<u64> {
    let sent = tree::snapshot(&work.join("out"))?;
    let mut kept = 0;
    for (name, node) in tree::snapshot(&work.join("in"))? {
        let Node::File { bytes, .. } = node else {
            continue;
        };
        let file = name.file_name().and_then(|name| name.to_str());
        if !file.is_some_and(|name| name.starts_with(".fardrop-") && name.ends_with(".part")) {
            let below = name.strip_prefix("out")?;
            assert_eq!(Some(&node), sent.get(below), "{}", name.display());
        }
        kept += bytes;
    }
    Ok(kept)
}

/// Kills one end at a few moments, each time going on where the last try ended, then lets a try
/// come to its end.
fn check(seed: u64, kill: fn(&Peer, &Peer) -> Result<()>) -> Result<()> {
    let work = workplace()?;
    let (out, folder) = (work.path().join("out"), work.path().join("in"));
    for number in 0..60 {
        let content = tree::noise(number, 1_000_000);
        std::fs::write(out.join(format!("{number}.bin")), content)?;
    }
    std::fs::write(out.join("huge.bin"), tree::noise(99, 300_000_000))?;
    let rendezvous = Rendezvous::start()?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut cut, mut here) = (0, 0);
    for _ in 0..MOMENTS {
        let (sender, mut receiver) = begin(&rendezvous, work.path())?;
        receiver.run_until(rng.gen_range(Duration::ZERO..SPAN));
        kill(&sender, &receiver)?;
        receiver.kill()?;
        let (exit, _) = receiver.finish()?;
        here = kept(work.path())?;
        if exit.is_none() && here > 0 {
            cut += 1;
        } else {
            // Nothing is left to be cut off; the next try begins anew.
            std::fs::remove_dir_all(&folder)?;
            std::fs::create_dir(&folder)?;
            here = 0;
        }
    }
    assert!(cut > 0, "seed {seed}: no try was cut off in the middle");
    let (sender, receiver) = begin(&rendezvous, work.path())?;
    let received = receiver.finish()?;
    let done = assert_done(&received);
    let sent = done["sent"].as_u64().context("a number")?;
    assert_eq!(done["resumed"], here, "seed {seed}: {done}");
    assert_eq!(done["bytes"], sent + here, "seed {seed}: {done}");
    assert_done(&sender.finish()?);
    assert_identical(&out, &folder.join("out"));
    Ok(())
}

#[test]
fn killed_receiver_has_whole_files_only_and_goes_on() -> Result<()> {
    check(1, |_, receiver| receiver.kill())
}

#[test]
fn killed_sender_leaves_whole_files_only_and_a_new_one_goes_on() -> Result<()> {
    check(2, |sender, _| sender.kill())
}
