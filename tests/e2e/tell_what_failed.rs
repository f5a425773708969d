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

/// Asserts that both ends name `file` as failed, for this reason, and never say that it was done.
#[track_caller]
fn assert_all_failed(runs: &Runs, file: &str, kind: &str, reason: &str) {
    for (exit, events) in runs {
        let failed = last(events, "file-failed").unwrap_or_else(|| panic!("none: {events:?}"));
        assert_eq!(failed["name"], file, "{events:?}");
        assert_eq!(failed["kind"], kind, "{events:?}");
        assert_eq!(failed["reason"], reason, "{events:?}");
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
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let mut sender = PeerCommand::new("send")?
        .arg("--once")
        .arg(&file)
        .under(&AS_NOBODY)
        .within(&place.namespace)
        .start()?;
    let code = sender.code()?;
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
