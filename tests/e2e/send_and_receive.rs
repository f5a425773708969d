//! One sender, one receiver: what crosses, and what both are told.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{PeerCommand, last};
use fardrop_tests::tree;

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

#[test]
fn a_maildir_and_names_that_only_linux_has_cross_whole() -> Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let work = tempfile::tempdir()?;
    let out = work.path().join("out");
    let mail = out.join("Maildir/cur");
    fs::create_dir_all(&mail)?;
    fs::create_dir(work.path().join("in"))?;
    for number in 0..501 {
        let name = format!("1700000{number:03}.M{number}P99.host,S=12:2,S");
        fs::write(mail.join(name), format!("letter {number}"))?;
    }
    let odd: [&[u8]; 8] = [
        b"back\\slash",
        b"aux.c",
        b"dot.",
        b"tab\t",
        b"caf\xe9",
        b"Makefile",
        b"makefile",
        b"\xff",
    ];
    for name in odd {
        fs::write(out.join(std::ffi::OsStr::from_bytes(name)), name)?;
    }
    let mut sender = PeerCommand::new("send")?.arg("--once").arg(&out).start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&work.path().join("in"))
        .arg("--yes")
        .arg(&code)
        .start()?;
    for account in [receiver.finish()?, sender.finish()?] {
        let done = assert_done(&account);
        assert_eq!(
            (&done["files"], &done["failed_files"]),
            (&509.into(), &0.into())
        );
    }
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

/// A tenth of what a file of ten gibibytes would take over loopback, were it sent.
const SPARSE_PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn hole_of_ten_gibibytes_is_neither_sent_nor_stored_nor_refused_for_space() -> Result<()> {
    let test = "hole_of_ten_gibibytes";
    let Some(namespace) = Namespace::enter(test)? else {
        return Ok(());
    };
    let work = tempfile::tempdir()?;
    let (file, folder) = (work.path().join("disk.img"), work.path().join("in"));
    fs::create_dir(&folder)?;
    let disk = fs::File::create(&file)?;
    disk.set_len(10 << 30)?;
    disk.write_all_at(&tree::noise(1, 1_000_000), 5 << 30)?;
    disk.sync_all()?;
    let mount = format!("mount -t tmpfs -o size=16m memory {}", folder.display());
    namespace.run_with("sh -e", &mount)?;
    let started = Instant::now();
    let mut sender = PeerCommand::new("send")?
        .arg("--once")
        .arg(&file)
        .within(&namespace)
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&folder)
        .arg("--yes")
        .arg(&code)
        .within(&namespace);
    let (exit, events) = receiver.start()?.finish()?;
    let (sent, _) = sender.finish()?;
    assert_eq!((exit, sent), (Some(0), Some(0)), "{events:?}");
    assert!(
        started.elapsed() < SPARSE_PATIENCE,
        "{:?}",
        started.elapsed()
    );
    let done = last(&events, "done").context("it is done")?;
    assert_eq!(done["bytes"], 10_u64 << 30);
    let crossed = done["sent"].as_u64().context("a number")?;
    assert!((1_000_000..2_000_000).contains(&crossed), "{crossed}");
    let look = format!("stat -c '%s %b' {}/disk.img", folder.display());
    let stat = namespace.run_with("sh -e", &look)?;
    let numbers: Vec<u64> = stat
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    assert_eq!(numbers[0], 10 << 30);
    assert!(numbers[1] * 512 < 2_000_000, "{numbers:?}");
    Ok(())
}
