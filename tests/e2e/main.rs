//! Tier 2: the built binaries on loopback.

mod ask_the_doctor;
mod bring_more_than_it_shows;
mod call_it_wrongly;
mod cross_marking_routers;
mod crowd_a_share;
mod enter_the_dht;
mod find_each_other_nearby;
mod give_a_code;
mod have_few_handles;
mod kill_and_try_again;
mod lose_a_file_or_a_disk;
mod read_json;
mod receive_again;
mod receive_onto_failing_disks;
mod save_under_other_names;
mod see_to_leftovers;
mod send_and_receive;
mod share_with_several;
mod stop_midway;
mod take_over;
mod tell_what_failed;
mod transfer_without_quic;
mod try_a_blocked_network;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::{peer, tree};
use serde_json::Value;

/// A folder with a varied tree in `out` and an empty `in`; gone when the test ends.
fn workplace() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("in"))?;
    std::fs::create_dir(folder.path().join("out"))?;
    tree::varied(&folder.path().join("out"))?;
    Ok(folder)
}

/// A share of a varied tree at a rendezvous of its own.
struct Share {
    /// Holds what is sent, and what is received.
    work: tempfile::TempDir,
    /// Where they meet.
    rendezvous: Rendezvous,
    /// Who shares.
    sender: Peer,
    /// What the sender says is typed at the other end.
    code: String,
}

impl Share {
    /// One whose sender is given these arguments, and has told its code.
    fn open(arguments: &[&str]) -> Result<Self> {
        let work = workplace()?;
        let rendezvous = Rendezvous::start()?;
        let mut command = PeerCommand::send(&rendezvous, &work.path().join("out"))?;
        for argument in arguments {
            command = command.arg(argument);
        }
        let mut sender = command.start()?;
        let code = sender.code()?;
        Ok(Self {
            work,
            rendezvous,
            sender,
            code,
        })
    }

    /// What is sent.
    fn out(&self) -> PathBuf {
        self.work.path().join("out")
    }

    /// Where things arrive.
    fn folder(&self) -> PathBuf {
        self.work.path().join("in")
    }

    /// A receiver that says yes to all of it.
    fn receive(&self) -> Result<PeerCommand> {
        PeerCommand::receive(&self.rendezvous, &self.code, &self.folder())
    }

    /// A receiver that has been told neither the code nor what it says to the offer.
    fn receive_with_nothing(&self, folder: &Path) -> Result<PeerCommand> {
        let command = PeerCommand::new("receive")?.server(&self.rendezvous);
        Ok(command.into_folder(folder))
    }
}

/// Asserts that what was sent is all there, and nothing else is.
#[track_caller]
fn assert_identical(sent: &Path, received: &Path) {
    let sent = tree::snapshot(sent).expect("what was sent can be read");
    let received = tree::snapshot(received).expect("what was received can be read");
    assert_eq!(received, sent);
}

/// Asserts that a run failed in the way called `kind`, exit code 1 included.
#[track_caller]
fn assert_failed(run: &(Option<i32>, Vec<Value>), kind: &str) {
    let (exit, events) = run;
    let failed = peer::last(events, "failed").unwrap_or_else(|| panic!("no failure: {events:?}"));
    assert_eq!(failed["kind"], kind, "{events:?}");
    assert_eq!(*exit, Some(1), "{events:?}");
}

/// Asserts that a run was done, exit code 0 included, and gives its `done` event.
#[track_caller]
fn assert_done(run: &(Option<i32>, Vec<Value>)) -> &Value {
    let (exit, events) = run;
    let done = peer::last(events, "done").unwrap_or_else(|| panic!("not done: {events:?}"));
    assert_eq!(*exit, Some(0), "{events:?}");
    done
}

/// The code with its last word replaced by another.
fn wrong(code: &str) -> Result<String> {
    let (front, last) = code.rsplit_once('-').context("a code has words")?;
    // Two words that start apart, so that neither completes or corrects to the other.
    let other = if last.starts_with("aci") {
        "lemon"
    } else {
        "acid"
    };
    Ok(format!("{front}-{other}"))
}
