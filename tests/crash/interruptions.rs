//! One large file, interrupted twenty times: each end killed, the network cut, and the rendezvous gone with it, by turns.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::{tools, tree};
use serde_json::Value;

use super::plan::tell;

/// Size of the file in MB: 2000, once.
const SIZE_VARIABLE: &str = "FARDROP_CRASH_MEGABYTES";
const SIZE: u64 = 256;

/// Size of the file that crosses undisturbed, in MB: what sealing and headers add is learned from it.
const UNDISTURBED: u64 = 32;

/// How often.
const INTERRUPTIONS: u64 = 20;

/// What may be sent in all, in parts of what would be sent undisturbed.
const MOST_SENT: f64 = 1.03;

/// A cable that holds little back, so that twenty interruptions find the transfer running and cost what was sent, not
/// what a queue had swallowed.
const CABLE: &str = "tc qdisc add dev cable root tbf rate 200mbit burst 64k latency 6ms";

/// Two machines, and the server beside the sender.
struct Line {
    near: Namespace,
    far: Arc<Namespace>,
    rendezvous: Rendezvous,
    work: tempfile::TempDir,
}

impl Line {
    fn lay(test: &str) -> Result<Option<Self>> {
        if !tools::are_here(test, &["ip", "tc"])? {
            return Ok(None);
        }
        let (Some(near), Some(far)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
            return Ok(None);
        };
        near.join("10.98.0.2/24", &far, "10.98.0.1/24")?;
        near.run(CABLE)?;
        far.run(CABLE)?;
        let far = Arc::new(far);
        let address = "10.98.0.1:4840".parse()?;
        let rendezvous = Rendezvous::start_within(Arc::clone(&far), address)?;
        let work = tempfile::tempdir()?;
        fs::create_dir(work.path().join("in"))?;
        Ok(Some(Self {
            near,
            far,
            rendezvous,
            work,
        }))
    }

    /// A file of so many MB that does not compress.
    fn file(&self, megabytes: u64) -> Result<PathBuf> {
        let path = self.work.path().join(format!("{megabytes}.bin"));
        let mut file = File::create(&path)?;
        for number in 0..megabytes {
            file.write_all(&tree::noise(number, 1_000_000))?;
        }
        Ok(path)
    }

    fn send(&self, file: &std::path::Path) -> Result<(Peer, String)> {
        // A machine that remembers itself, as a person's does.
        let memory = self.work.path().join("memory");
        let mut sender = PeerCommand::send(&self.rendezvous, file)?
            .env("FARDROP_MEMORY", memory.to_str().context("an odd name")?)
            .within(&self.far)
            .start()?;
        let code = sender.code()?;
        Ok((sender, code))
    }

    fn receive(&self, code: &str) -> Result<Peer> {
        PeerCommand::receive(&self.rendezvous, code, &self.work.path().join("in"))?
            .within(&self.near)
            .start()
    }

    /// Bytes that the sender's machine has put on the cable, headers and all.
    fn crossed(&self) -> Result<u64> {
        let told = self.far.run("cat /proc/net/dev")?;
        let told = told
            .lines()
            .find_map(|line| line.trim().strip_prefix("cable:"))
            .context("no cable")?;
        let bytes = told.split_whitespace().nth(8).context("no count")?;
        Ok(bytes.parse()?)
    }

    /// Takes the cable away until the receiver misses it.
    fn cut(&self, receiver: &mut Peer) -> Result<()> {
        self.near.run("ip link set cable down")?;
        receiver.event("interrupted")?;
        self.near.run("ip link set cable up")?;
        Ok(())
    }
}

fn wait_for_bytes(receiver: &mut Peer, bytes: u64) -> Result<()> {
    let enough = |event: &Value| event["bytes"].as_u64().is_some_and(|got| got >= bytes);
    receiver.event_where("progress", enough)?;
    Ok(())
}

fn megabytes() -> Result<u64> {
    match std::env::var(SIZE_VARIABLE) {
        Ok(size) => size.parse().context(SIZE_VARIABLE),
        Err(_) => Ok(SIZE),
    }
}

#[test]
fn twenty_interruptions_cost_three_percent_at_most() -> Result<()> {
    let Some(mut line) = Line::lay("twenty_interruptions_cost_three_percent_at_most")? else {
        return Ok(());
    };
    // What a byte costs on the cable when nothing happens.
    let undisturbed = line.file(UNDISTURBED)?;
    let (_sender, code) = line.send(&undisturbed)?;
    let before = line.crossed()?;
    let (exit, events) = line.receive(&code)?.finish()?;
    ensure!(exit == Some(0), "{events:?}");
    let cost = (line.crossed()? - before) as f64 / (UNDISTURBED * 1_000_000) as f64;

    let megabytes = megabytes()?;
    let size = megabytes * 1_000_000;
    let file = line.file(megabytes)?;
    let before = line.crossed()?;
    let (mut sender, mut code) = line.send(&file)?;
    let mut receiver = line.receive(&code)?;
    for number in 1..=INTERRUPTIONS {
        let what = [
            "receiver killed",
            "sender killed",
            "network cut",
            "rendezvous gone",
        ][(number % 4) as usize];
        wait_for_bytes(&mut receiver, size / (INTERRUPTIONS + 1) * number)
            .with_context(|| format!("before number {number}, {what}"))?;
        match what {
            "receiver killed" => {
                receiver.kill()?;
                receiver.finish()?;
                receiver = line.receive(&code)?;
            }
            "sender killed" => {
                sender.kill()?;
                sender.finish()?;
                receiver.interrupt()?;
                receiver.finish()?;
                (sender, code) = line.send(&file)?;
                receiver = line.receive(&code)?;
            }
            "network cut" => line.cut(&mut receiver)?,
            _ => {
                line.rendezvous.kill();
                line.cut(&mut receiver)?;
                line.rendezvous.restart()?;
            }
        }
    }
    let (exit, events) = receiver.finish()?;
    ensure!(exit == Some(0), "{events:?}");
    let sent = (line.crossed()? - before) as f64 / cost / size as f64;
    let arrived = line.work.path().join(format!("in/{megabytes}.bin"));
    ensure!(
        blake3::Hasher::new()
            .update_reader(File::open(&file)?)?
            .finalize()
            == blake3::Hasher::new()
                .update_reader(File::open(arrived)?)?
                .finalize(),
        "what arrived is not what was sent"
    );
    tell(&format!(
        "{megabytes} MB interrupted {INTERRUPTIONS} times: sent {sent:.4} of the size (a byte costs {cost:.4} on the cable)"
    ))?;
    ensure!(sent <= MOST_SENT, "sent {sent:.4} of the size");
    Ok(())
}
