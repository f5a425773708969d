//! What goes wrong with files on either side: that file fails with its reason, the others arrive.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{PeerCommand, Rendezvous, last};
use fardrop_tests::tree;
use serde_json::Value;

use super::{assert_failed, assert_identical, workplace};

/// Asserts that both ends name `file` as the only one that failed, for the reason `kind`.
#[track_caller]
fn assert_file_failed(runs: [&(Option<i32>, Vec<Value>); 2], file: &str, kind: &str) {
    for (exit, events) in runs {
        let failed: Vec<&Value> = events
            .iter()
            .filter(|event| event["event"] == "file-failed")
            .collect();
        assert_eq!(failed.len(), 1, "{events:?}");
        assert_eq!(failed[0]["name"], file, "{events:?}");
        assert_eq!(failed[0]["kind"], kind, "{events:?}");
        let done = last(events, "done").unwrap_or_else(|| panic!("not done: {events:?}"));
        assert_eq!(done["failed_files"], 1, "{events:?}");
        assert_eq!(*exit, Some(1), "{events:?}");
    }
}

/// Shares a tree, spoils one of its files once it has been looked through, and receives it: all the
/// others arrive.
fn check_spoiled(kind: &str, spoil: fn(&Path) -> Result<()>) -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    sender.event("scanned")?;
    spoil(&out.join("large.bin"))?;
    let received = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?
        .start()?
        .finish()?;
    let sent = sender.finish()?;
    assert_file_failed([&received, &sent], "out/large.bin", kind);
    // Nothing of it has a name; everything else is there.
    let _ = fs::remove_file(out.join("large.bin"));
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

#[test]
fn vanished_source_fails_alone() -> Result<()> {
    check_spoiled("file-changed", |file| Ok(fs::remove_file(file)?))
}

#[test]
fn shrunken_source_fails_alone() -> Result<()> {
    check_spoiled("file-changed", |file| {
        Ok(fs::File::options().write(true).open(file)?.set_len(1000)?)
    })
}

#[test]
fn source_replaced_by_a_link_elsewhere_fails_alone() -> Result<()> {
    check_spoiled("file-changed", |file| {
        fs::remove_file(file)?;
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/hostname", file)?;
        Ok(())
    })
}

#[test]
fn source_that_changes_while_it_is_sent_fails_alone() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let out = work.path().join("out");
    let huge = out.join("huge.bin");
    fs::write(&huge, tree::noise(99, 400_000_000))?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    let mut receiver =
        PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?.start()?;
    receiver.event("progress")?;
    fs::File::options().write(true).open(&huge)?.set_len(1)?;
    let received = receiver.finish()?;
    assert_file_failed(
        [&received, &sender.finish()?],
        "out/huge.bin",
        "file-changed",
    );
    fs::remove_file(&huge)?;
    // What arrived of it is kept, for the time when it is as it was.
    remove_the_part(&work.path().join("in/out"))?;
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

/// Removes the one part in `folder`, which has something in it.
fn remove_the_part(folder: &Path) -> Result<()> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "part")
        {
            parts.push(path);
        }
    }
    assert_eq!(parts.len(), 1, "{parts:?}");
    assert!(fs::metadata(&parts[0])?.len() > 0);
    Ok(fs::remove_file(&parts[0])?)
}

/// Receives 12 MB into a file system of 16 MiB, with `there` in it as `out/large.bin`.
fn receive_into_little(test: &str, there: &[u8]) -> Result<()> {
    let Some(namespace) = Namespace::enter(test)? else {
        return Ok(());
    };
    let work = workplace()?;
    let (out, folder) = (work.path().join("out"), work.path().join("in"));
    fs::write(out.join("large.bin"), tree::noise(7, 12_000_000))?;
    namespace.mount_memory("16m", &folder)?;
    let seen = namespace.seen(&folder);
    fs::create_dir(seen.join("out"))?;
    fs::write(seen.join("out/large.bin"), there)?;
    let mut sender = PeerCommand::new("send")?
        .arg("--once")
        .arg(&out)
        .within(&namespace)
        .start()?;
    let code = sender.code()?;
    let received = PeerCommand::new("receive")?
        .into_folder(&folder)
        .args(["--yes", "--allow-programs"])
        .arg(&code)
        .within(&namespace)
        .start()?
        .finish()?;
    let content = fs::read(seen.join("out/large.bin"))?;
    assert!(content == there, "what was there is not what it was");
    if there.len() == 12_000_000 {
        // Of the same size, it may have been identical: only writing shows that there is no room.
        assert_file_failed([&received, &sender.finish()?], "out/large.bin", "no-space");
        fs::write(out.join("large.bin"), there)?;
        // What there was room for is kept, for the time when there is more.
        remove_the_part(&seen.join("out"))?;
        let mut sent = tree::snapshot(&out)?;
        let mut arrived = tree::snapshot(&seen.join("out"))?;
        sent.remove(Path::new("large.bin"));
        arrived.remove(Path::new("large.bin"));
        assert_eq!(arrived, sent);
    } else {
        assert_failed(&received, "no-space");
        let (_, events) = &received;
        assert!(last(events, "progress").is_none(), "{events:?}");
        assert_eq!(sender.event("failed")?["kind"], "no-space");
        let names = fs::read_dir(seen.join("out"))?.count();
        assert_eq!(names, 1, "something was written");
    }
    Ok(())
}

#[test]
fn disk_that_fills_up_fails_the_file_that_does_not_fit() -> Result<()> {
    receive_into_little("disk_that_fills_up", &tree::noise(8, 12_000_000))
}

#[test]
fn too_little_room_is_told_before_the_first_byte() -> Result<()> {
    receive_into_little("too_little_room", &tree::noise(8, 9_000_000))
}

#[test]
fn unreadable_destination_is_told_to_both() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?.start()?;
    let code = sender.code()?;
    // A file where the folder should be.
    let file = work.path().join("file");
    fs::write(&file, "")?;
    let received = PeerCommand::receive(&rendezvous, &code, &file)?
        .start()?
        .finish()?;
    assert_failed(&received, "write-failed");
    let failed = last(&received.1, "failed").context("it failed")?;
    assert_eq!(failed["reason"], "not-a-folder", "{failed}");
    let message = failed["message"].as_str().context("a message")?;
    assert!(
        message.contains(file.to_str().context("a path")?),
        "{message}"
    );
    let told = sender.event("failed")?;
    let kind = told["kind"].as_str().context("a kind")?;
    assert_eq!(kind, "write-failed", "{told}");
    assert_eq!(told["reason"], "not-a-folder", "{told}");
    Ok(())
}
