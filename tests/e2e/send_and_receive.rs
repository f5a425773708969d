//! One sender, one receiver: what crosses, what is asked, what is refused.

use std::fs;

use anyhow::Result;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous, last};

use super::{assert_done, assert_failed, assert_identical, workplace, wrong};

#[test]
fn tree_crosses_identical() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let receiver =
        PeerCommand::receive(&rendezvous, &sender.code()?, &work.path().join("in"))?.start()?;
    let received = receiver.finish()?;
    let done = assert_done(&received);
    assert_eq!(done["kind"], "local");
    assert_eq!(done["link"], "quic");
    assert_eq!(done["failed_files"], 0);
    let sent = sender.finish()?;
    assert_eq!(assert_done(&sent)["bytes"], done["bytes"]);
    assert_identical(&out, &work.path().join("in/out"));
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
fn code_comes_from_stdin_or_the_environment() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    let receive = |folder: &str| -> Result<PeerCommand> {
        let folder = work.path().join(folder);
        Ok(PeerCommand::new("receive")?
            .server(&rendezvous)
            .into_folder(&folder)
            .arg("--yes"))
    };
    // In capitals, with spaces: as a person would write what they heard.
    let heard = code.replace('-', " ").to_uppercase();
    let piped = receive("piped")?.start_with_input(&format!("{heard}\n"))?;
    assert_done(&piped.finish()?);
    let variable = receive("variable")?.env("FARDROP_CODE", &code).start()?;
    assert_done(&variable.finish()?);
    assert_identical(&work.path().join("piped"), &work.path().join("variable"));
    Ok(())
}

#[test]
fn three_wrong_codes_kill_the_code() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    let folder = work.path().join("in");
    for left in [2, 1, 0] {
        let guess = PeerCommand::receive(&rendezvous, &wrong(&code)?, &folder)?.start()?;
        assert_failed(&guess.finish()?, "wrong-code");
        assert_eq!(sender.event("wrong-guess")?["attempts_left"], left);
    }
    let right = PeerCommand::receive(&rendezvous, &code, &folder)?
        .start()?
        .finish()?;
    assert_failed(&right, "code-dead");
    assert!(last(&right.1, "paired").is_none(), "{right:?}");
    assert_failed(&sender.finish()?, "code-dead");
    assert!(fs::read_dir(&folder)?.next().is_none());
    Ok(())
}

#[test]
fn unknown_code_is_told_apart_from_wrong_words() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let receiver = PeerCommand::receive(&rendezvous, "999-acid-lemon", work.path())?.start()?;
    assert_failed(&receiver.finish()?, "no-such-code");
    Ok(())
}

#[test]
fn unknown_code_without_a_rendezvous_says_where_it_looked() -> Result<()> {
    let work = workplace()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(work.path())
        .arg("--yes")
        .arg("999-acid-lemon")
        .start()?;
    assert_failed(&receiver.finish()?, "nobody-nearby");
    Ok(())
}

#[test]
fn silent_rendezvous_is_told() -> Result<()> {
    let work = workplace()?;
    let mut rendezvous = Rendezvous::start()?;
    rendezvous.kill();
    let receiver = PeerCommand::receive(&rendezvous, "417-acid-lemon", work.path())?.start()?;
    assert_failed(&receiver.finish()?, "rendezvous-unreachable");
    Ok(())
}

#[test]
fn declined_offer_is_told_to_the_sender_and_writes_nothing() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let folder = work.path().join("in");
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    // Without --yes and without a terminal nobody can say yes.
    let receiver = PeerCommand::new("receive")?
        .server(&rendezvous)
        .into_folder(&folder)
        .arg(sender.code()?)
        .start()?;
    let (exit, events) = receiver.finish()?;
    assert_eq!(exit, Some(2), "{events:?}");
    assert!(last(&events, "offer").is_some(), "{events:?}");
    assert_eq!(sender.event("failed")?["kind"], "declined");
    assert!(fs::read_dir(&folder)?.next().is_none());
    Ok(())
}

/// Receives `out` a second time into a folder in which one file differs.
fn receive_over(policy: &str) -> Result<(tempfile::TempDir, Vec<serde_json::Value>)> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    let folder = work.path().join("in");
    let receive = || PeerCommand::receive(&rendezvous, &code, &folder);
    assert_done(&receive()?.start()?.finish()?);
    fs::write(folder.join("out/run.sh"), "changed here")?;
    let second: Peer = receive()?.arg("--on-conflict").arg(policy).start()?;
    let run = second.finish()?;
    assert_done(&run);
    Ok((work, run.1))
}

#[test]
fn skip_leaves_identical_files_and_keeps_both_others() -> Result<()> {
    let (work, events) = receive_over("skip")?;
    let folder = work.path().join("in/out");
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
    let (work, _) = receive_over("rename")?;
    let folder = work.path().join("in/out");
    assert_eq!(fs::read_to_string(folder.join("run.sh"))?, "changed here");
    assert_eq!(
        fs::read_to_string(folder.join("run (1).sh"))?,
        "#!/bin/sh\n"
    );
    assert!(folder.join("large (1).bin").exists());
    Ok(())
}

#[test]
fn replace_leaves_what_was_sent() -> Result<()> {
    let (work, _) = receive_over("replace")?;
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    Ok(())
}

#[test]
fn progress_ends_at_everything_and_the_sender_says_what_is_verified() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let receiver =
        PeerCommand::receive(&rendezvous, &sender.code()?, &work.path().join("in"))?.start()?;
    assert_done(&receiver.finish()?);
    let sent = sender.finish()?;
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

#[test]
fn usage_errors_exit_with_2() -> Result<()> {
    for arguments in [
        &["send"][..],
        &["receive", "417-acid-qqqqq"],
        &["receive", "--link", "tcp", "417-acid-lemon"],
        &["send", "x", "--words", "1"],
    ] {
        let mut command = std::process::Command::new(fardrop_tests::peer::binary("fardrop")?);
        let output = command
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .output()?;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn broken_settings_are_named_and_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.ron");
    fs::write(&file, "(\n    wrods: 3,\n)\n")?;
    let output = std::process::Command::new(fardrop_tests::peer::binary("fardrop")?)
        .args(["send", "x"])
        .env("FARDROP_CONFIG", &file)
        .output()?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let message = String::from_utf8(output.stderr)?;
    assert!(message.contains("settings.ron:2:"), "{message}");
    assert_eq!(fs::read_to_string(&file)?, "(\n    wrods: 3,\n)\n");
    Ok(())
}
