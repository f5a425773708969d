//! Receiving what is there already: each way of treating a name that is taken.

use std::fs;

use anyhow::Result;
use fardrop_tests::peer::last;
use serde_json::Value;

use super::{Share, assert_done, assert_identical};

/// Receives the tree a second time into a folder in which one file differs.
fn receive_over(policy: &str) -> Result<(Share, Vec<Value>)> {
    let share = Share::open(&[])?;
    assert_done(&share.receive()?.start()?.finish()?);
    fs::write(share.folder().join("out/run.sh"), "changed here")?;
    let second = share.receive()?.arg("--on-conflict").arg(policy).start()?;
    let run = second.finish()?;
    assert_done(&run);
    Ok((share, run.1))
}

#[test]
fn skip_leaves_identical_files_and_keeps_both_others() -> Result<()> {
    let (share, events) = receive_over("skip")?;
    let folder = share.folder().join("out");
    assert_eq!(fs::read_to_string(folder.join("run.sh"))?, "changed here");
    assert_eq!(
        fs::read_to_string(folder.join("run (1).sh"))?,
        "#!/bin/sh\n"
    );
    assert!(!folder.join("large (1).bin").exists());
    let offer = last(&events, "offer").and_then(|offer| offer["conflicts"].as_u64());
    assert!(offer > Some(0), "{events:?}");
    Ok(())
}

#[test]
fn rename_keeps_both() -> Result<()> {
    let (share, _) = receive_over("rename")?;
    let folder = share.folder().join("out");
    assert_eq!(fs::read_to_string(folder.join("run.sh"))?, "changed here");
    assert_eq!(
        fs::read_to_string(folder.join("run (1).sh"))?,
        "#!/bin/sh\n"
    );
    // An earlier receive has brought it.
    assert!(!folder.join("large (1).bin").exists());
    // Nor is what an earlier receive has brought under a number.
    let third = share.receive()?.args(["--on-conflict", "rename"]).start()?;
    let run = third.finish()?;
    assert_eq!(assert_done(&run)["sent"], 0);
    assert!(!folder.join("run (2).sh").exists());
    Ok(())
}

#[test]
fn replace_leaves_what_was_sent() -> Result<()> {
    let (share, _) = receive_over("replace")?;
    assert_identical(&share.out(), &share.folder().join("out"));
    Ok(())
}
