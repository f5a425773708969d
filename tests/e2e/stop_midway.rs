//! What is killed, stopped or restarted in the middle.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous};
use fardrop_tests::tree;

use super::{assert_done, assert_failed, assert_identical, workplace};

/// A transfer that takes long enough to be disturbed: both ends, past their first progress.
fn under_way(rendezvous: &Rendezvous, work: &Path) -> Result<(Peer, Peer)> {
    std::fs::write(work.join("out/huge.bin"), tree::noise(99, 1_000_000_000))?;
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

/// The receiver starts, and a moment later the rendezvous is killed; then it is started again.
#[test]
fn rendezvous_killed_at_any_moment_of_pairing_is_not_noticed() -> Result<()> {
    let work = workplace()?;
    let mut rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::send(&rendezvous, &out)?.start()?;
    let code = sender.code()?;
    // A pairing on loopback is over some 50 ms after the receiver's start.
    for moment_ms in [5, 15, 25, 35, 45, 60] {
        let folder = work.path().join(moment_ms.to_string());
        let mut receiver = PeerCommand::receive(&rendezvous, &code, &folder)?.start()?;
        receiver.run_until(Duration::from_millis(moment_ms));
        rendezvous.kill();
        receiver.run_until(Duration::from_secs(1));
        rendezvous.restart()?;
        assert_done(&receiver.finish()?);
        assert_identical(&out, &folder.join("out"));
    }
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
fn code_of_a_share_that_ended_is_unknown() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    sender.interrupt()?;
    sender.finish()?;
    let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?.start()?;
    assert_failed(&receiver.finish()?, "no-such-code");
    Ok(())
}

#[test]
fn code_of_a_killed_sender_fails_in_words() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    sender.kill()?;
    sender.finish()?;
    let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?.start()?;
    assert_failed(&receiver.finish()?, "peer-gone");
    Ok(())
}
