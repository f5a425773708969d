//! One sender, one receiver: what crosses, and what both are told.

use std::fs;

use anyhow::Result;
use fardrop_tests::peer::{PeerCommand, last};

use super::{Share, assert_done, assert_identical, workplace};

#[test]
fn tree_crosses_identical() -> Result<()> {
    let share = Share::open(&["--once"])?;
    let (out, arrived) = (share.out(), share.folder().join("out"));
    let received = share.receive()?.start()?.finish()?;
    let done = assert_done(&received);
    assert_eq!(done["kind"], "local");
    assert_eq!(done["link"], "quic");
    assert_eq!(done["failed_files"], 0);
    let sent = share.sender.finish()?;
    assert_eq!(assert_done(&sent)["bytes"], done["bytes"]);
    assert_identical(&out, &arrived);
    Ok(())
}

#[test]
fn no_rendezvous_is_needed_on_one_machine() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::new("send")?.arg("--once").arg(&out).start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&work.path().join("in"))
        .arg("--yes")
        .arg(&code)
        .start()?;
    assert_done(&receiver.finish()?);
    assert_done(&sender.finish()?);
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

#[test]
fn declined_offer_is_told_to_the_sender_and_writes_nothing() -> Result<()> {
    let mut share = Share::open(&["--once"])?;
    let folder = share.folder();
    // Without --yes and without a terminal nobody can say yes.
    let receiver = share
        .receive_with_nothing(&folder)?
        .arg(&share.code)
        .start()?;
    let (exit, events) = receiver.finish()?;
    assert_eq!(exit, Some(2), "{events:?}");
    assert!(last(&events, "offer").is_some(), "{events:?}");
    assert_eq!(share.sender.event("failed")?["kind"], "declined");
    assert!(fs::read_dir(&folder)?.next().is_none());
    Ok(())
}

#[test]
fn progress_ends_at_everything_and_the_sender_says_what_is_verified() -> Result<()> {
    let share = Share::open(&["--once"])?;
    assert_done(&share.receive()?.start()?.finish()?);
    let sent = share.sender.finish()?;
    assert_done(&sent);
    let mut before = 0;
    for progress in sent.1.iter().filter(|event| event["event"] == "progress") {
        let bytes = progress["bytes"].as_u64().expect("a number");
        assert!(bytes >= before && bytes <= progress["total"].as_u64().expect("a number"));
        before = bytes;
    }
    let names: Vec<&str> = sent
        .1
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    assert_eq!(names.last(), Some(&"ended"), "{names:?}");
    Ok(())
}
