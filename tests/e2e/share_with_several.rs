//! One share, several receivers.

use anyhow::Result;
use fardrop_tests::peer::{PeerCommand, Rendezvous};

use super::{assert_done, assert_identical, workplace};

#[test]
fn three_receivers_at_once_and_a_fourth_midway() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    // Large enough that the first three are still at it when the fourth comes.
    std::fs::write(
        out.join("huge.bin"),
        fardrop_tests::tree::noise(99, 200_000_000),
    )?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?.start()?;
    let code = sender.code()?;
    let start =
        |name: &str| PeerCommand::receive(&rendezvous, &code, &work.path().join(name))?.start();
    let mut first = start("one")?;
    let second = start("two")?;
    let third = start("three")?;
    first.event("progress")?;
    let fourth = start("four")?;
    for peer in [first, second, third, fourth] {
        assert_done(&peer.finish()?);
    }
    for name in ["one", "two", "three", "four"] {
        assert_identical(&out, &work.path().join(name).join("out"));
    }
    for _ in 0..4 {
        sender.event("done")?;
    }
    sender.interrupt()?;
    assert_eq!(sender.finish()?.0, Some(130));
    Ok(())
}

#[test]
fn receives_of_one_person_at_once_are_no_tries_in_vain() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    let memory = work.path().join("memory");
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?.start()?;
    let code = sender.code()?;
    let names = ["one", "two", "three", "four", "five", "six"];
    let start = |name: &str| {
        let receive = PeerCommand::receive(&rendezvous, &code, &work.path().join(name))?;
        let memory = memory.to_string_lossy();
        receive.env("FARDROP_MEMORY", &memory).start()
    };
    let peers: Result<Vec<_>> = names.into_iter().map(start).collect();
    for (peer, name) in peers?.into_iter().zip(names) {
        assert_done(&peer.finish()?);
        assert_identical(&out, &work.path().join(name).join("out"));
    }
    Ok(())
}

#[test]
fn sessions_of_one_share_have_numbers_of_their_own() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    let mut numbers = Vec::new();
    for name in ["one", "two"] {
        let peer = PeerCommand::receive(&rendezvous, &code, &work.path().join(name))?.start()?;
        assert_done(&peer.finish()?);
        numbers.push(sender.event("done")?["session"].clone());
    }
    assert_ne!(numbers[0], numbers[1]);
    Ok(())
}
