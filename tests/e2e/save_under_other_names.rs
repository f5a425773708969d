//! A disk that cannot hold every name: what it holds instead is told to both.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fardrop_tests::namespace::{Namespace, skip};
use fardrop_tests::peer::{PeerCommand, last};
use fardrop_tests::tools;
use fardrop_tests::tree;
use serde_json::Value;

use super::assert_done;

/// Letters of the mailbox that crosses.
const LETTERS: usize = 500;

/// An exFAT to receive onto, and a mailbox to send.
struct Stick {
    namespace: Namespace,
    work: tempfile::TempDir,
}

impl Stick {
    fn new(test: &str) -> Result<Option<Self>> {
        if !tools::are_here(test, &["mkfs.exfat", "mount.exfat-fuse", "losetup"])? {
            return Ok(None);
        }
        let Some(namespace) = Namespace::enter(test)? else {
            return Ok(None);
        };
        let work = tempfile::tempdir()?;
        let mail = work.path().join("Maildir");
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir_all(mail.join(folder))?;
        }
        for number in 0..LETTERS {
            let name = format!("1700000{number:03}.M{number}P99.host:2,S");
            fs::write(mail.join("cur").join(name), format!("letter {number}"))?;
        }
        fs::write(mail.join("new/1700000999.M1P99.host"), "a new letter")?;
        fs::create_dir(work.path().join("in"))?;
        let stick = Self { namespace, work };
        // Told to go while it is in use, the device goes with the file system.
        let mount = "truncate -s 64M $DIR/image && mkfs.exfat $DIR/image \
                     && device=$(losetup -f --show $DIR/image) && mount.exfat-fuse $device $DIR/in \
                     && losetup -d $device";
        if let Err(error) = stick.run(mount) {
            return skip(test, &format!("exFAT cannot be mounted here ({error})"));
        }
        Ok(Some(stick))
    }

    /// Runs a script in there; `$DIR` is where everything is.
    fn run(&self, script: &str) -> Result<String> {
        let script = format!("DIR={}\n{script}\n", self.work.path().display());
        self.namespace.run_with("sh -e", &script)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// What both said of sending `what`, the sender first.
    fn cross(&self, what: &Path, receiving: &[&str]) -> Result<[(Option<i32>, Vec<Value>); 2]> {
        let mut sender = PeerCommand::new("send")?
            .arg("--once")
            .arg(what)
            .within(&self.namespace)
            .start()?;
        let code = sender.code()?;
        let receiver = PeerCommand::new("receive")?
            .into_folder(&self.path("in"))
            .arg("--yes")
            .args(receiving.iter().copied())
            .arg(&code)
            .within(&self.namespace);
        let received = receiver.start()?.finish()?;
        Ok([sender.finish()?, received])
    }
}

/// Where an event of this name is, the first of them.
fn first(events: &[Value], name: &str) -> Option<usize> {
    events.iter().position(|event| event["event"] == name)
}

#[test]
fn a_maildir_arrives_whole_under_near_names_and_both_are_told() -> Result<()> {
    let Some(stick) = Stick::new("a_maildir_onto_exfat")? else {
        return Ok(());
    };
    let accounts = stick.cross(&stick.path("Maildir"), &[])?;
    for account in &accounts {
        let done = assert_done(account);
        assert_eq!(done["files"], LETTERS + 1, "{done}");
        assert_eq!(done["failed_files"], 0, "{done}");
        assert_eq!(done["renamed"], LETTERS, "{done}");
        let (exit, events) = account;
        assert_eq!(*exit, Some(0), "{done}");
        let renamed = events.iter().filter(|event| event["event"] == "renamed");
        let renamed: Vec<_> = renamed.collect();
        assert_eq!(renamed.len(), LETTERS);
        for event in renamed {
            let name = event["name"].as_str().context("a name")?;
            let place = event["place"].as_str().context("a place")?;
            assert_eq!(place, name.replace(':', "%3A"), "{event}");
        }
    }
    let [(_, sent), (_, received)] = &accounts;
    assert!(first(received, "renamed") < first(received, "offer"));
    assert!(first(sent, "renamed") < first(sent, "done"));
    assert!(first(sent, "accepted") < first(sent, "renamed"));
    let there = stick.namespace.seen(&stick.path("in/Maildir"));
    for number in [0, LETTERS - 1] {
        let name = format!("cur/1700000{number:03}.M{number}P99.host%3A2,S");
        let letter = fs::read_to_string(there.join(name))?;
        assert_eq!(letter, format!("letter {number}"));
    }
    assert_eq!(fs::read_dir(there.join("cur"))?.count(), LETTERS);
    // The same again finds all of it under those names.
    let [_, (exit, received)] = stick.cross(&stick.path("Maildir"), &[])?;
    let done = last(&received, "done").context("it is done")?;
    assert_eq!((exit, &done["sent"]), (Some(0), &0.into()), "{done}");
    Ok(())
}

#[test]
fn other_names_are_told_to_the_sender_though_the_transfer_is_cut_off() -> Result<()> {
    let Some(stick) = Stick::new("other_names_are_told_to_the_sender")? else {
        return Ok(());
    };
    fs::write(stick.path("Maildir/large:file"), tree::noise(1, 40_000_000))?;
    let mut sender = PeerCommand::new("send")?
        .args(["--once", "--reconnect", "1"])
        .arg(stick.path("Maildir"))
        .within(&stick.namespace)
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&stick.path("in"))
        .arg("--yes")
        .arg(&code)
        .within(&stick.namespace);
    let mut receiver = receiver.start()?;
    let begun = |progress: &Value| progress["bytes"].as_u64() > Some(0);
    receiver.event_where("progress", begun)?;
    receiver.kill()?;
    receiver.finish()?;
    sender.event("failed")?;
    sender.terminate()?;
    let (_, sent) = sender.finish()?;
    assert!(last(&sent, "done").is_none(), "{sent:?}");
    let renamed = sent.iter().filter(|event| event["event"] == "renamed");
    assert_eq!(renamed.count(), LETTERS + 1);
    Ok(())
}

#[test]
fn a_maildir_is_left_out_aloud_where_that_is_wished() -> Result<()> {
    let Some(stick) = Stick::new("a_maildir_left_out_of_exfat")? else {
        return Ok(());
    };
    let accounts = stick.cross(&stick.path("Maildir"), &["--bad-names", "skip"])?;
    for (exit, events) in &accounts {
        let done = last(events, "done").context("it comes to an end")?;
        assert_eq!(done["failed_files"], LETTERS, "{done}");
        assert_eq!(*exit, Some(1), "{done}");
        assert!(last(events, "renamed").is_none(), "{events:?}");
        let failed = last(events, "file-failed").context("they are named")?;
        assert_eq!(failed["reason"], "name-forbidden", "{failed}");
    }
    // What that is is known before anything is accepted.
    let [_, (_, received)] = &accounts;
    let unnamed = received.iter().filter(|event| event["event"] == "unnamed");
    let unnamed: Vec<_> = unnamed.filter_map(|event| event["name"].as_str()).collect();
    assert_eq!(unnamed.len(), LETTERS);
    assert!(unnamed.contains(&"Maildir/cur/1700000007.M7P99.host:2,S"));
    assert!(first(received, "unnamed") < first(received, "offer"));
    let offer = last(received, "offer").context("an offer")?;
    assert_eq!(offer["unnamed"], LETTERS, "{offer}");
    Ok(())
}
