//! Processes that may have few files open: as many as it takes are opened, one after the other.

use std::fs;
use std::path::Path;

use anyhow::Result;
use fardrop_tests::peer::{PeerCommand, Rendezvous};

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
