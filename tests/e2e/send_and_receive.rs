//! One sender, one receiver: what crosses, and what both are told.

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
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
        .args(["--yes", "--allow-programs"])
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
        .args(["--yes", "--allow-programs"])
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
        .args(["--yes", "--allow-programs"])
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

#[test]
fn links_cross_as_links_and_both_ends_are_told_how_many() -> Result<()> {
    let work = tempfile::tempdir()?;
    let (out, folder) = (work.path().join("packages"), work.path().join("in"));
    for package in 0..24 {
        let modules = out.join(format!("p{package:02}/node_modules"));
        fs::create_dir_all(&modules)?;
        fs::write(modules.with_file_name("index.js"), format!("// {package}"))?;
        for next in 1..=3 {
            let name = format!("p{:02}", (package + next) % 24);
            symlink(Path::new("../..").join(&name), modules.join(&name))?;
        }
    }
    fs::hard_link(out.join("p00/index.js"), out.join("p01/same.js"))?;
    let mut sender = PeerCommand::new("send")?.arg("--once").arg(&out).start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(&folder)
        .args(["--yes", "--allow-programs"])
        .arg(&code)
        .start()?;
    let received = receiver.finish()?;
    let done = assert_done(&received);
    assert_eq!(
        (&done["files"], &done["failed_files"]),
        (&24.into(), &0.into())
    );
    let offer = last(&received.1, "offer").context("an offer")?;
    assert_eq!((&offer["files"], &offer["links"]), (&24.into(), &73.into()));
    assert!(offer.get("left_out").is_none(), "{offer}");
    let sent = sender.finish()?;
    assert_done(&sent);
    let scanned = last(&sent.1, "scanned").context("a scan")?;
    assert_eq!(
        (&scanned["links"], &scanned["left_out"]),
        (&73.into(), &0.into())
    );
    let arrived = folder.join("packages");
    assert_identical_files(&out, &arrived)?;
    let link = fs::read_link(arrived.join("p23/node_modules/p01"))?;
    assert_eq!(link, Path::new("../../p01"));
    let inode = |name: &str| Ok::<_, anyhow::Error>(fs::metadata(arrived.join(name))?.ino());
    assert_eq!(inode("p00/index.js")?, inode("p01/same.js")?);
    Ok(())
}

/// Asserts that the regular files of the packages are the same: a walk that follows links would not end.
fn assert_identical_files(out: &Path, arrived: &Path) -> Result<()> {
    for package in 0..24 {
        let file = format!("p{package:02}/index.js");
        assert_eq!(fs::read(out.join(&file))?, fs::read(arrived.join(&file))?);
    }
    Ok(())
}

#[test]
fn offer_that_passes_a_limit_is_refused_whole_with_the_count_and_the_folder() -> Result<()> {
    // In memory, where there is one, many names cost little.
    let memory = tempfile::tempdir_in("/dev/shm");
    let work = memory.or_else(|_| tempfile::tempdir())?;
    let out = work.path().join("out");
    let big = out.join("deep/big");
    fs::create_dir_all(&big)?;
    fs::write(out.join("deep/few"), "few")?;
    // More than 32 MiB of names.
    for index in 0..140_000_u32 {
        let name = blake3::hash(&index.to_le_bytes()).to_hex().repeat(4);
        let file = big.join(format!("file {}", index / 30_000));
        if index % 30_000 == 0 {
            fs::write(&file, "one")?;
        }
        fs::hard_link(file, big.join(&name[..250]))?;
    }
    let sender = PeerCommand::new("send")?.arg("--once").arg(&out).start()?;
    let (exit, events) = sender.finish()?;
    assert_eq!(exit, Some(1), "{events:?}");
    let failed = last(&events, "failed").context("it fails")?;
    assert_eq!(failed["kind"], "offer-too-large", "{failed}");
    let message = failed["message"].as_str().context("a message")?;
    assert!(message.contains("deep/big"), "{message}");
    let numbers: Vec<u32> = message
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    assert!(numbers.iter().any(|count| *count > 100_000), "{message}");
    assert!(last(&events, "left-out").is_none(), "{events:?}");
    Ok(())
}
