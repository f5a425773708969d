//! What fails is said with its cause, at both ends: real causes, each of its own kind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fardrop_tests::namespace::{Namespace, skip};
use fardrop_tests::peer::{PeerCommand, Rendezvous, last};
use fardrop_tests::{tools, tree};
use serde_json::Value;

/// Runs of a sender and a receiver.
type Runs = [(Option<i32>, Vec<Value>); 2];

/// Asserts that both ends name `file` as failed, for this reason, and then the whole as failed for the same
/// reason, and never say that it was done.
#[track_caller]
fn assert_all_failed(runs: &Runs, file: &str, kind: &str, reason: &str) {
    for (exit, events) in runs {
        let failed = last(events, "file-failed").unwrap_or_else(|| panic!("none: {events:?}"));
        assert_eq!(failed["name"], file, "{events:?}");
        assert_eq!(failed["kind"], kind, "{events:?}");
        assert_eq!(failed["reason"], reason, "{events:?}");
        let whole = last(events, "failed").unwrap_or_else(|| panic!("not failed: {events:?}"));
        assert_eq!(whole["kind"], kind, "{events:?}");
        assert_eq!(whole["reason"], reason, "{events:?}");
        assert!(last(events, "done").is_none(), "{events:?}");
        let said = |name| events.iter().position(|event| event["event"] == name);
        assert!(said("file-failed") < said("failed"), "{events:?}");
        assert_eq!(*exit, Some(1), "{events:?}");
    }
}

/// A file system of its own for a receiver, and a file to send.
struct Place {
    namespace: Namespace,
    work: tempfile::TempDir,
}

impl Place {
    /// With `out/f.bin` of two million bytes, and an empty `in`, readable for everybody.
    fn new(test: &str, commands: &[&str]) -> Result<Option<Self>> {
        if !tools::are_here(test, commands)? {
            return Ok(None);
        }
        let Some(namespace) = Namespace::enter(test)? else {
            return Ok(None);
        };
        let work = tempfile::tempdir()?;
        fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755))?;
        for folder in ["out", "in"] {
            fs::create_dir(work.path().join(folder))?;
        }
        fs::write(work.path().join("out/f.bin"), tree::noise(5, 2_000_000))?;
        Ok(Some(Self { namespace, work }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs a script in there; `$DIR` is where everything is.
    fn run(&self, script: &str) -> Result<()> {
        let script = format!("DIR={}\n{script}", self.work.path().display());
        self.namespace.run_with("sh -e", &script).map(drop)
    }

    /// Sends `what`, and receives it under `wrapper`.
    fn cross(&self, what: &Path, wrapper: &[&str]) -> Result<Runs> {
        let mut sender = PeerCommand::new("send")?
            .arg("--once")
            .arg(what)
            .within(&self.namespace)
            .start()?;
        let code = sender.code()?;
        let receiver = PeerCommand::new("receive")?
            .into_folder(&self.path("in"))
            .arg("--yes")
            .arg(&code)
            .under(wrapper)
            .within(&self.namespace)
            .start()?;
        let received = receiver.finish()?;
        Ok([sender.finish()?, received])
    }
}

/// Runs what follows as nobody.
const AS_NOBODY: [&str; 5] = ["setpriv", "--reuid", "65534", "--clear-groups", "--"];

#[test]
fn read_only_disk_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("read_only_disk", &[])? else {
        return Ok(());
    };
    place.run("mount -t tmpfs -o ro memory $DIR/in")?;
    let runs = place.cross(&place.path("out/f.bin"), &[])?;
    assert_all_failed(&runs, "f.bin", "write-failed", "read-only");
    Ok(())
}

#[test]
fn folder_that_one_may_not_write_to_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("folder_without_permission", &["setpriv"])? else {
        return Ok(());
    };
    let runs = place.cross(&place.path("out/f.bin"), &AS_NOBODY)?;
    assert_all_failed(&runs, "f.bin", "write-failed", "write-forbidden");
    Ok(())
}

#[test]
fn file_in_the_place_of_a_folder_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("file_in_the_place_of_a_folder", &[])? else {
        return Ok(());
    };
    fs::write(place.path("in/out"), "a file")?;
    let runs = place.cross(&place.path("out"), &[])?;
    for (_, events) in &runs {
        let failed = events.iter().find(|event| event["name"] == "out/f.bin");
        let failed = failed.with_context(|| format!("{events:?}"))?;
        assert_eq!(failed["reason"], "not-a-folder", "{failed}");
    }
    assert_eq!(fs::read(place.path("in/out"))?, b"a file");
    Ok(())
}

#[test]
fn link_that_leads_out_of_the_folder_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("link_that_leads_out", &[])? else {
        return Ok(());
    };
    fs::create_dir(place.path("elsewhere"))?;
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("in/out"))?;
    let runs = place.cross(&place.path("out"), &[])?;
    for (_, events) in &runs {
        let failed = events.iter().find(|event| event["name"] == "out/f.bin");
        let failed = failed.with_context(|| format!("{events:?}"))?;
        assert_eq!(failed["reason"], "link-in-the-way", "{failed}");
    }
    assert_eq!(fs::read_dir(place.path("elsewhere"))?.count(), 0);
    Ok(())
}

#[test]
fn file_larger_than_the_limit_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("file_larger_than_the_limit", &[])? else {
        return Ok(());
    };
    // In blocks of 512 bytes.
    let limited = [
        "sh",
        "-c",
        "trap '' XFSZ; ulimit -f 2000; exec \"$@\"",
        "sh",
    ];
    let runs = place.cross(&place.path("out/f.bin"), &limited)?;
    assert_all_failed(&runs, "f.bin", "write-failed", "file-too-large");
    Ok(())
}

#[test]
fn used_up_quota_is_told_as_one() -> Result<()> {
    let test = "used_up_quota";
    let Some(place) = Place::new(test, &["setpriv"])? else {
        return Ok(());
    };
    let quota = "mount -t tmpfs -o mode=777,usrquota,usrquota_block_hardlimit=1M memory $DIR/in";
    if let Err(error) = place.run(quota) {
        skip::<()>(test, &format!("a tmpfs here has no quotas ({error})"))?;
        return Ok(());
    }
    let runs = place.cross(&place.path("out/f.bin"), &AS_NOBODY)?;
    assert_all_failed(&runs, "f.bin", "no-space", "quota");
    Ok(())
}

#[test]
fn file_that_the_sender_may_not_read_is_told_as_one() -> Result<()> {
    let Some(place) = Place::new("file_that_the_sender_may_not_read", &["setpriv"])? else {
        return Ok(());
    };
    let file = place.path("out/f.bin");
    let mut sender = PeerCommand::new("send")?
        .arg("--once")
        .arg(&file)
        .under(&AS_NOBODY)
        .within(&place.namespace)
        .start()?;
    let code = sender.code()?;
    sender.event("scanned")?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&place.path("in"))
        .arg("--yes")
        .arg(&code)
        .within(&place.namespace);
    let received = receiver.start()?.finish()?;
    let runs = [sender.finish()?, received];
    assert_all_failed(&runs, "f.bin", "file-unreadable", "read-forbidden");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn file_that_has_more_in_it_than_its_size_says_is_never_verified() -> Result<()> {
    let work = tempfile::tempdir()?;
    let rendezvous = Rendezvous::start()?;
    // Its length is 0, says the system.
    let mut sender = PeerCommand::send(&rendezvous, Path::new("/proc/version"))?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::receive(&rendezvous, &code, work.path())?;
    let received = receiver.start()?.finish()?;
    let runs = [sender.finish()?, received];
    assert_all_failed(&runs, "version", "file-changed", "wrong-size");
    assert_eq!(fs::read_dir(work.path())?.count(), 0, "something arrived");
    Ok(())
}

/// Makes `file` one of 3,000 bytes, with the folders that lead to it.
fn make(file: &Path) -> Result<()> {
    fs::create_dir_all(file.parent().context("a parent")?)?;
    Ok(fs::write(file, tree::noise(3, 3000))?)
}

/// Asserts that both ends count what was left out before and after, and list it at the sender's, and end with this
/// exit code.
#[track_caller]
fn assert_left_out(runs: &Runs, things: u64, closed: Option<u64>, exits: [i32; 2]) {
    let [(_, sent), (_, received)] = runs;
    let listed = sent.iter().filter(|event| event["event"] == "left-out");
    assert_eq!(listed.count() as u64, things, "{sent:?}");
    // The receiver gets every name, as it would be in the offer, before the offer.
    let there: Vec<_> = received
        .iter()
        .take_while(|event| event["event"] != "offer")
        .filter(|event| event["event"] == "left-out" && event["session"].is_u64())
        .collect();
    assert_eq!(there.len() as u64, things, "{received:?}");
    for event in there {
        let name = event["name"].as_str().expect("a name");
        assert!(name.starts_with("out/"), "{event}");
    }
    let scanned = last(sent, "scanned").expect("it was looked through");
    assert_eq!(scanned["left_out"], things, "{scanned}");
    for ((exit, events), expected) in runs.iter().zip(exits) {
        for name in ["offer", "done"] {
            let event = last(events, name).unwrap_or_else(|| panic!("no {name}: {events:?}"));
            assert_eq!(event["left_out"], things, "{event}");
            let closed_folders = event.get("closed_folders").and_then(Value::as_u64);
            assert_eq!(closed_folders, closed, "{event}");
        }
        assert_eq!(*exit, Some(expected), "{events:?}");
    }
}

/// Sends `out` as nobody, and receives it, with these arguments each.
fn send_as_nobody(place: &Place, sending: &[&str], receiving: &[&str]) -> Result<Runs> {
    let mut sender = PeerCommand::new("send")?
        .arg("--once")
        .args(sending.iter().copied())
        .arg(place.path("out"))
        .under(&AS_NOBODY)
        .within(&place.namespace)
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&place.path("in"))
        .arg("--yes")
        .args(receiving.iter().copied())
        .arg(&code)
        .within(&place.namespace);
    let received = receiver.start()?.finish()?;
    Ok([sender.finish()?, received])
}

#[test]
fn what_is_left_out_is_counted_one_by_one_and_told_to_both() -> Result<()> {
    let Some(place) = Place::new("what_is_left_out", &["setpriv"])? else {
        return Ok(());
    };
    let out = place.path("out");
    // 128 components may cross: `out`, and 127 in it. What is below is left out, each by itself.
    let mut deep = out.clone();
    deep.extend(std::iter::repeat_n("d", 127));
    for name in ["too/1", "too/2", "too/far/3"] {
        make(&deep.join(name))?;
    }
    make(&out.join("private"))?;
    fs::set_permissions(out.join("private"), fs::Permissions::from_mode(0o600))?;
    make(&out.join("closed/1"))?;
    make(&out.join("closed/2"))?;
    fs::set_permissions(out.join("closed"), fs::Permissions::from_mode(0o700))?;
    std::os::unix::fs::symlink("/", out.join("elsewhere"))?;
    std::os::unix::fs::symlink(".", out.join("loop"))?;
    place.run("mkfifo $DIR/out/pipe")?;
    // Five below what is too deep; private, closed, elsewhere, loop, pipe.
    let things = 10;
    let runs = send_as_nobody(&place, &[], &[])?;
    assert_left_out(&runs, things, Some(1), [1, 1]);
    let whole = fs::read(place.path("in/out/f.bin"))?;
    assert!(whole == tree::noise(5, 2_000_000), "the rest arrives");
    // Whoever says that this is fine is done; the other one is not.
    let runs = send_as_nobody(&place, &["--allow-missing"], &[])?;
    assert_left_out(&runs, things, Some(1), [0, 1]);
    let runs = send_as_nobody(&place, &["--allow-missing"], &["--allow-missing"])?;
    assert_left_out(&runs, things, Some(1), [0, 0]);
    Ok(())
}
