//! Processes that may have few files open: as many as it takes are opened, one after the other.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use fardrop_tests::peer::{PeerCommand, Rendezvous, last};
use fardrop_tests::tree;

use super::{assert_done, assert_identical};

/// Runs what follows with room for 64 files.
const WITH_FEW: [&str; 4] = ["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"];

#[test]
fn three_thousand_files_cross_between_two_that_may_have_64_open() -> Result<()> {
    // It is not about disks, and three thousand folders that are synced one by one take one a minute.
    let memory = Path::new("/dev/shm");
    let work = if memory.is_dir() {
        tempfile::tempdir_in(memory)?
    } else {
        tempfile::tempdir()?
    };
    let (out, folder) = (work.path().join("out"), work.path().join("in"));
    // Each file of a run in another folder, so that none is held for several.
    for number in 0..3000 {
        let here = out.join(format!("{}/{}", number / 100, number % 100));
        fs::create_dir_all(&here)?;
        fs::write(here.join("file"), format!("file {number}"))?;
    }
    let mut deep = out.join("deep");
    deep.extend(std::iter::repeat_n("d", 100));
    fs::create_dir_all(&deep)?;
    fs::write(deep.join("file"), "the last")?;
    fs::create_dir(&folder)?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .under(&WITH_FEW)
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::receive(&rendezvous, &code, &folder)?
        .under(&WITH_FEW)
        .start()?;
    for account in [receiver.finish()?, sender.finish()?] {
        let done = assert_done(&account);
        let counts = (&done["files"], &done["failed_files"]);
        assert_eq!(counts, (&3001.into(), &0.into()), "{done}");
    }
    assert_identical(&out, &folder.join("out"));
    Ok(())
}

/// Numbers of open files, each fewer than a receiver counts on: how many it has besides differs from machine to machine.
const TOO_FEW: [u32; 4] = [28, 25, 23, 22];

#[test]
fn what_was_kept_is_gone_on_with_where_too_few_files_may_be_open() -> Result<()> {
    const SIZE: usize = 100_000;
    const KEPT: usize = 60_000;
    const FILES: u64 = 60;
    let work = tempfile::tempdir()?;
    let out = work.path().join("out");
    let memory = work.path().join("memory of the sender");
    fs::create_dir(&memory)?;
    // The names of parts follow from what the sender keeps secret.
    let secret = blake3::Hash::from([5; 32]);
    fs::write(memory.join("share-secret"), secret.to_hex().as_bytes())?;
    let shared = out.as_os_str().as_encoded_bytes();
    let length = (shared.len() as u64).to_le_bytes();
    let origin = blake3::keyed_hash(secret.as_bytes(), &[&length, shared].concat());
    for number in 0..FILES {
        let path = work.path().join(format!("out/{}/{number}", number / 2));
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, tree::noise(number, SIZE))?;
    }
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .env("FARDROP_MEMORY", &memory.to_string_lossy())
        .start()?;
    let code = sender.code()?;
    let mut tried = 0;
    for limit in TOO_FEW {
        let folder = work.path().join(limit.to_string());
        for number in 0..FILES {
            let path = format!("out/{}/{number}", number / 2);
            let part = blake3::keyed_hash(origin.as_bytes(), path.as_bytes()).to_hex();
            let part = format!(".fardrop-{}.part", &part[..32]);
            let part = folder.join(path).with_file_name(part);
            fs::create_dir_all(part.parent().unwrap_or(&folder))?;
            fs::write(&part, &tree::noise(number, SIZE)[..KEPT])?;
            fs::set_permissions(&part, fs::Permissions::from_mode(0o600))?;
        }
        let with_few = format!("ulimit -n {limit}; exec \"$@\"");
        let received = PeerCommand::receive(&rendezvous, &code, &folder)?
            .under(&["sh", "-c", &with_few, "sh"])
            .start()?
            .finish()?;
        let Some(done) = last(&received.1, "done") else {
            // Too few even for its sockets.
            break;
        };
        // Where a folder cannot even be looked into, or a file not be given its name, that fails and is said: nothing
        // that was kept is sent again.
        let files = done["files"].as_u64().context("a number")?;
        let resumed = done["resumed"].as_u64().context("a number")?;
        assert!(resumed >= files * KEPT as u64, "{limit}: {done}");
        let sent = done["sent"].as_u64().context("a number")?;
        assert!(sent <= FILES * (SIZE - KEPT) as u64, "{limit}: {done}");
        if files == FILES {
            assert_identical(&out, &folder.join("out"));
            tried += 1;
        }
    }
    assert!(tried > 0, "not one of them was enough");
    Ok(())
}
