//! What is killed, stopped or restarted in the middle.

use std::path::Path;

use anyhow::Result;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::tree;

use super::{assert_done, assert_failed, assert_identical, workplace};

/// A transfer that takes long enough to be disturbed: both ends, past their first progress.
fn under_way(rendezvous: &Rendezvous, work: &Path) -> Result<(Peer, Peer)> {
    std::fs::write(work.join("out/huge.bin"), tree::noise(99, 400_000_000))?;
    let mut sender = PeerCommand::send(rendezvous, &work.join("out"))?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    let mut receiver = PeerCommand::receive(rendezvous, &code, &work.join("in"))?.start()?;
    receiver.event("progress")?;
    sender.event("progress")?;
    Ok((sender, receiver))
}

#[test]
fn rendezvous_restarted_during_pairing_is_not_noticed() -> Result<()> {
    let work = workplace()?;
    let mut rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    rendezvous.kill();
    let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?.start()?;
    // The receiver is at it now, or will be in a moment: either way it finds nobody at first.
    rendezvous.restart()?;
    assert_done(&receiver.finish()?);
    assert_done(&sender.finish()?);
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

#[test]
fn rendezvous_killed_after_pairing_is_not_noticed() -> Result<()> {
    let work = workplace()?;
    let mut rendezvous = Rendezvous::start()?;
    let (sender, receiver) = under_way(&rendezvous, work.path())?;
    rendezvous.kill();
    assert_done(&receiver.finish()?);
    assert_done(&sender.finish()?);
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    Ok(())
}

#[test]
fn ctrl_c_on_the_sender_is_told_to_the_receiver() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let (sender, receiver) = under_way(&rendezvous, work.path())?;
    sender.interrupt()?;
    assert_eq!(sender.finish()?.0, Some(130));
    assert_failed(&receiver.finish()?, "cancelled-by-peer");
    assert!(!work.path().join("in/out/huge.bin").exists());
    Ok(())
}

#[test]
fn ctrl_c_on_the_receiver_is_told_to_the_sender() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let (mut sender, receiver) = under_way(&rendezvous, work.path())?;
    receiver.interrupt()?;
    assert_eq!(receiver.finish()?.0, Some(130));
    assert_eq!(sender.event("failed")?["kind"], "cancelled-by-peer");
    assert!(!work.path().join("in/out/huge.bin").exists());
    Ok(())
}

#[test]
fn ctrl_c_before_anybody_came_ends_a_share() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    sender.code()?;
    sender.interrupt()?;
    assert_eq!(sender.finish()?.0, Some(130));
    Ok(())
}

#[test]
fn killed_receiver_leaves_no_final_name_on_half_a_file() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let (_sender, receiver) = under_way(&rendezvous, work.path())?;
    receiver.kill()?;
    receiver.finish()?;
    let sent = tree::snapshot(&work.path().join("out"))?;
    let received = tree::snapshot(&work.path().join("in"))?;
    for (name, node) in &received {
        let Ok(below) = name.strip_prefix("out") else {
            continue;
        };
        if let Some(source) = sent.get(below) {
            assert_eq!(node, source, "{}", name.display());
        }
    }
    Ok(())
}
