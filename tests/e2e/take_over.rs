//! A second receive of the same files while the first still looks for its lost sender: it goes on with what the first
//! has, and nothing crosses twice.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::tree;
use serde_json::Value;

use super::{assert_done, assert_failed, assert_identical};

/// Bytes of the file that is in mid-transfer.
const LARGE: usize = 300_000_000;

/// How long a test waits for a receiver to let go of its part: it does after two seconds of silence.
const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver in mid-transfer whose sender is not there any more.
struct Lost {
    work: tempfile::TempDir,
    rendezvous: Rendezvous,
    sender: Peer,
    receiver: Peer,
    /// Bytes that were here by then, at least.
    here: u64,
}

impl Lost {
    fn begin(link: &str, lose: fn(&Peer) -> Result<()>) -> Result<Self> {
        let work = tempfile::tempdir()?;
        for folder in ["in", "out"] {
            fs::create_dir(work.path().join(folder))?;
        }
        fs::write(work.path().join("out/a small one"), "it is here first")?;
        fs::write(work.path().join("out/large.bin"), tree::noise(7, LARGE))?;
        let rendezvous = Rendezvous::start()?;
        let (sender, code) = send(&rendezvous, work.path())?;
        let receiver = receive(&rendezvous, work.path(), &code)?;
        let mut receiver = receiver.args(["--link", link]).start()?;
        let far = |progress: &Value| progress["bytes"].as_u64() > Some(LARGE as u64 / 10);
        let here = receiver.event_where("progress", far)?;
        lose(&sender)?;
        Ok(Self {
            here: here["bytes"].as_u64().context("a number")?,
            work,
            rendezvous,
            sender,
            receiver,
        })
    }

    fn folder(&self) -> PathBuf {
        self.work.path().join("in/out")
    }

    /// Receives the same from another sender with another code, into the same folder.
    fn receive_with_a_new_code(&self) -> Result<()> {
        let (sender, code) = send(&self.rendezvous, self.work.path())?;
        let receiver = receive(&self.rendezvous, self.work.path(), &code)?;
        let received = receiver.start()?.finish()?;
        let done = assert_done(&received);
        let sent = done["sent"].as_u64().context("a number")?;
        let missing = LARGE as u64 - self.here;
        assert!(sent <= missing + LARGE as u64 * 3 / 100, "{done}");
        assert_done(&sender.finish()?);
        assert_identical(&self.work.path().join("out"), &self.folder());
        Ok(())
    }

    /// Waits until the receiver has let go of its part.
    fn wait_for_the_part(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut names = fs::read_dir(self.folder())?;
            let part = names
                .find_map(|entry| {
                    let path = entry.ok()?.path();
                    (path.extension()? == "part").then_some(path)
                })
                .context("there is no part")?;
            if File::open(part)?.try_lock().is_ok() {
                return Ok(());
            }
            self.receiver.run_until(Duration::from_millis(50));
        }
        bail!("the part stays locked")
    }
}

/// A sender of `out` that remembers, so that another is known as the same.
fn send(rendezvous: &Rendezvous, work: &Path) -> Result<(Peer, String)> {
    let memory = work.join("memory of the sender");
    let command = PeerCommand::send(rendezvous, &work.join("out"))?.arg("--once");
    let command = command.env("FARDROP_MEMORY", &memory.to_string_lossy());
    let mut sender = command.start()?;
    let code = sender.code()?;
    Ok((sender, code))
}

fn receive(rendezvous: &Rendezvous, work: &Path, code: &str) -> Result<PeerCommand> {
    let memory = work.join("memory of the receiver");
    let command = PeerCommand::receive(rendezvous, code, &work.join("in"))?;
    Ok(command.env("FARDROP_MEMORY", &memory.to_string_lossy()))
}

#[test]
fn a_second_receive_while_the_first_has_lost_its_sender_sends_nothing_twice() -> Result<()> {
    for link in ["quic", "gbn"] {
        let mut lost = Lost::begin(link, Peer::freeze)?;
        lost.receive_with_a_new_code()?;
        // The lost sender is there again: nothing is left to be done, and nothing of it is done twice.
        lost.sender.wake()?;
        assert_failed(&lost.receiver.finish()?, "taken-over");
        assert_eq!(lost.sender.event("failed")?["kind"], "taken-over");
        assert_identical(
            &lost.work.path().join("out"),
            &lost.work.path().join("in/out"),
        );
    }
    Ok(())
}

#[test]
fn a_second_receive_after_the_sender_was_killed_sends_nothing_twice() -> Result<()> {
    let lost = Lost::begin("auto", Peer::kill)?;
    lost.receive_with_a_new_code()?;
    // It need not wait until its sender is given up.
    assert_failed(&lost.receiver.finish()?, "taken-over");
    Ok(())
}

#[test]
fn a_receive_whose_sender_comes_back_before_another_goes_on() -> Result<()> {
    let mut lost = Lost::begin("auto", Peer::freeze)?;
    lost.wait_for_the_part()?;
    lost.sender.wake()?;
    let received = lost.receiver.finish()?;
    let done = assert_done(&received);
    assert_eq!(done["resumed"], 0, "{done}");
    assert_done(&lost.sender.finish()?);
    assert_identical(
        &lost.work.path().join("out"),
        &lost.work.path().join("in/out"),
    );
    Ok(())
}
