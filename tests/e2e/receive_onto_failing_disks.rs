//! Disks that lose bytes, file systems without names or locks as elsewhere, folders that others share: what
//! is said to be there is there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Peer, PeerCommand, last};
use fardrop_tests::tools;
use fardrop_tests::tree;
use serde_json::Value;

use super::assert_done;

/// A share of one file in a namespace of its own, received there again and again.
struct Place {
    namespace: Namespace,
    work: tempfile::TempDir,
    content: Vec<u8>,
}

impl Place {
    /// A file of `length` bytes in `out`, and an empty `in`. `None`, said on stderr, where a test cannot have
    /// that.
    fn new(test: &str, length: usize, commands: &[&str]) -> Result<Option<Self>> {
        if !tools::are_here(test, commands)? {
            return Ok(None);
        }
        let Some(namespace) = Namespace::enter(test)? else {
            return Ok(None);
        };
        let work = tempfile::tempdir()?;
        let content = tree::noise(5, length);
        // Another user of a test may look in.
        fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755))?;
        for folder in ["out", "in", "image"] {
            fs::create_dir(work.path().join(folder))?;
        }
        fs::write(work.path().join("out/f.bin"), &content)?;
        Ok(Some(Self {
            namespace,
            work,
            content,
        }))
    }

    fn folder(&self) -> PathBuf {
        self.work.path().join("in")
    }

    /// What has this name in the destination, as seen from outside.
    fn seen(&self, name: &str) -> PathBuf {
        self.namespace.seen(&self.folder().join(name))
    }

    /// The names in the destination.
    fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.namespace.seen(&self.folder()))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    /// Runs a script in there; `$DIR` is where everything is.
    fn run(&self, script: &str) -> Result<String> {
        let script = format!("DIR={}\n{script}", self.work.path().display());
        self.namespace.run_with("sh -e", &script)
    }

    /// One sender, and as many receivers at once as there are wrappers, each run by its own.
    fn transfer(&self, wrappers: &[&[&str]]) -> Result<Vec<(Option<i32>, Vec<Value>)>> {
        self.transfer_of("f.bin", wrappers)
    }

    /// One sender of what has this name in `out`, and its receivers.
    fn transfer_of(
        &self,
        name: &str,
        wrappers: &[&[&str]],
    ) -> Result<Vec<(Option<i32>, Vec<Value>)>> {
        let mut sender = self.sender(name)?;
        let code = sender.code()?;
        let receivers = wrappers
            .iter()
            .map(|wrapper| self.receiver(&code, wrapper)?.start());
        let receivers = receivers.collect::<Result<Vec<_>>>()?;
        receivers.into_iter().map(|peer| peer.finish()).collect()
    }

    /// A sender of what has this name in `out`.
    fn sender(&self, name: &str) -> Result<Peer> {
        PeerCommand::new("send")?
            .arg(self.work.path().join("out").join(name))
            // A sender that remembers is known again when it is started anew.
            .env("FARDROP_MEMORY", &self.memory().to_string_lossy())
            .within(&self.namespace)
            .start()
    }

    /// A receiver of what is sent under this code, run by `wrapper`.
    fn receiver(&self, code: &str, wrapper: &[&str]) -> Result<PeerCommand> {
        let receiver = PeerCommand::new("receive")?
            .into_folder(&self.folder())
            .arg("--yes")
            .arg(code);
        Ok(receiver.under(wrapper).within(&self.namespace))
    }

    /// What the sender remembers.
    fn memory(&self) -> PathBuf {
        self.work.path().join("memory of the sender")
    }

    /// The name that the part of what is sent has, the sender's secret being `secret`.
    fn part_name(&self, secret: [u8; 32]) -> Result<String> {
        fs::create_dir_all(self.memory())?;
        let text = blake3::Hash::from(secret).to_hex();
        fs::write(self.memory().join("share-secret"), text.as_bytes())?;
        let shared = self.work.path().join("out/f.bin").canonicalize()?;
        let path = shared.as_os_str().as_encoded_bytes();
        let length = (path.len() as u64).to_le_bytes();
        let origin = blake3::keyed_hash(&secret, &[&length, path].concat());
        let part = blake3::keyed_hash(origin.as_bytes(), b"f.bin").to_hex();
        Ok(format!(".fardrop-{}.part", &part[..32]))
    }

    /// Asserts that what has this name has the content that was sent.
    #[track_caller]
    fn assert_whole(&self, name: &str) {
        let there = fs::read(self.seen(name)).expect("a file to read");
        let wrong = there
            .iter()
            .zip(&self.content)
            .filter(|(one, two)| one != two)
            .count();
        assert_eq!((there.len(), wrong), (self.content.len(), 0), "{name}");
    }
}

/// An ext4 file system in `in`, larger than what the tmpfs below it has left while `$DIR/image/ballast` is there.
const THIN: &str = "
mount -t tmpfs -o size=140m memory $DIR/image
truncate -s 300M $DIR/image/disk
mkfs.ext4 -q -N 1024 -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 $DIR/image/disk
mount -o loop $DIR/image/disk $DIR/in
sync -f $DIR/in
head -c 100M /dev/zero > $DIR/image/ballast
";

#[test]
fn bytes_that_the_disk_lost_are_sent_again_and_not_said_to_be_there() -> Result<()> {
    let test = "bytes_that_the_disk_lost";
    let Some(place) = Place::new(test, 80_000_000, &["mkfs.ext4"])? else {
        return Ok(());
    };
    place.run(THIN)?;
    let first = &place.transfer(&[&[]])?[0];
    assert_eq!(first.0, Some(1), "{:?}", first.1);
    let failed = last(&first.1, "file-failed").context("the disk has no room")?;
    assert_eq!(failed["name"], "f.bin");
    assert_eq!(place.names()?, ["lost+found"], "what the disk lost is gone");
    place.run("rm $DIR/image/ballast")?;
    let done = assert_done(&place.transfer(&[&[]])?[0]).clone();
    assert_eq!(done["resumed"], 0, "{done}");
    place.run("umount $DIR/in\nmount -o loop $DIR/image/disk $DIR/in")?;
    place.assert_whole("f.bin");
    place.run("umount $DIR/in")?;
    Ok(())
}

#[test]
fn part_whose_bytes_were_lost_after_a_kill_is_not_believed() -> Result<()> {
    let test = "part_whose_bytes_were_lost_after_a_kill";
    let Some(place) = Place::new(test, 80_000_000, &["mkfs.ext4", "strace"])? else {
        return Ok(());
    };
    place.run(THIN)?;
    // The sync has failed, and the system says so once; nothing that follows is done any more.
    let killed = tools::killed_at("unlinkat", 1);
    let killed: Vec<&str> = killed.iter().map(String::as_str).collect();
    let first = &place.transfer(&[&killed])?[0];
    assert_eq!(first.0, None, "{:?}", first.1);
    assert_eq!(place.names()?.len(), 2, "a part is left");
    place.run("rm $DIR/image/ballast")?;
    assert_done(&place.transfer(&[&[]])?[0]);
    place.run("umount $DIR/in\nmount -o loop $DIR/image/disk $DIR/in")?;
    place.assert_whole("f.bin");
    place.run("umount $DIR/in")?;
    Ok(())
}

#[test]
fn finished_file_that_is_still_called_a_part_is_not_destroyed() -> Result<()> {
    let test = "finished_file_that_is_still_called_a_part";
    let Some(place) = Place::new(test, 8_000_000, &["bindfs", "strace"])? else {
        return Ok(());
    };
    // It has no way to rename without replacing: a name is given by a link, and the old one taken away.
    place.run("bindfs $DIR/image $DIR/in")?;
    let killed = tools::killed_at("unlinkat", 1);
    let killed: Vec<&str> = killed.iter().map(String::as_str).collect();
    let first = &place.transfer(&[&killed])?[0];
    assert_eq!(first.0, None, "{:?}", first.1);
    let names = place.names()?;
    assert_eq!(names.len(), 2, "two names of one file: {names:?}");
    place.assert_whole("f.bin");
    // Another file of the same name and size.
    let before = place.content.clone();
    let other = tree::noise(6, before.len());
    fs::write(place.work.path().join("out/f.bin"), &other)?;
    assert_done(&place.transfer(&[&[]])?[0]);
    place.assert_whole("f.bin");
    assert!(fs::read(place.seen("f (1).bin"))? == other);
    assert_eq!(place.names()?, ["f (1).bin", "f.bin"]);
    place.run("umount $DIR/in")?;
    Ok(())
}

#[test]
fn two_receivers_without_locks_share_no_part() -> Result<()> {
    let test = "two_receivers_without_locks";
    for error in ["ENOSYS", "ENOLCK", "EOPNOTSUPP"] {
        let Some(place) = Place::new(test, 8_000_000, &["strace"])? else {
            return Ok(());
        };
        let wrapper = tools::failing("flock", error);
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        for run in place.transfer(&[&wrapper, &wrapper])? {
            assert_done(&run);
        }
        let names = place.names()?;
        for name in &names {
            place.assert_whole(name);
        }
        assert!(names.iter().all(|name| name.starts_with('f')), "{names:?}");
        // A part that is there may be another's, which nobody can tell.
        let part = names.iter().any(|name| name.ends_with(".part"));
        assert!(!part, "{names:?}");
    }
    Ok(())
}

#[test]
fn part_that_another_user_made_first_becomes_nobodys_file() -> Result<()> {
    let test = "part_that_another_user_made_first";
    let Some(place) = Place::new(test, 8_000_000, &["setpriv"])? else {
        return Ok(());
    };
    fs::set_permissions(place.folder(), fs::Permissions::from_mode(0o1777))?;
    // The name that the part will have, which another user could see in an earlier transfer.
    let part = place.folder().join(place.part_name([5; 32])?);
    fs::write(&part, "mine")?;
    fs::set_permissions(&part, fs::Permissions::from_mode(0o666))?;
    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "--"];
    assert_done(&place.transfer(&[&nobody])?[0]);
    place.assert_whole("f.bin");
    assert_eq!(fs::metadata(place.seen("f.bin"))?.uid(), 65_534);
    assert_eq!(fs::read(&part)?, b"mine", "what is another's stays");
    assert!(same_owner(&part, Path::new("/"))?);
    Ok(())
}

fn same_owner(one: &Path, other: &Path) -> Result<bool> {
    Ok(fs::metadata(one)?.uid() == fs::metadata(other)?.uid())
}

#[test]
fn disk_that_says_it_has_no_room_is_written_to_where_that_is_wished() -> Result<()> {
    let test = "disk_that_says_it_has_no_room";
    let Some(place) = Place::new(test, 1_000_000, &["mkfs.ext4"])? else {
        return Ok(());
    };
    // Half of the blocks are for root alone, and everybody else's are used up: no room, says the system, and root
    // can write.
    place.run(
        "truncate -s 32M $DIR/image/disk
        mkfs.ext4 -q -m 50 -O ^has_journal $DIR/image/disk
        mount -o loop $DIR/image/disk $DIR/in
        while [ $(stat -f -c %a $DIR/in) -gt 0 ]; do head -c 1M /dev/zero >> $DIR/in/full; done",
    )?;
    let run = |arguments: &[&str]| -> Result<Vec<(Option<i32>, Vec<Value>)>> {
        let mut sender = PeerCommand::new("send")?
            .arg("--once")
            .arg(place.work.path().join("out/f.bin"))
            .within(&place.namespace)
            .start()?;
        let code = sender.code()?;
        let receiver = PeerCommand::new("receive")?
            .into_folder(&place.folder())
            .arg("--yes")
            .args(arguments.iter().copied())
            .arg(&code)
            .within(&place.namespace);
        let received = receiver.start()?.finish()?;
        if received.0 != Some(0) {
            sender.terminate()?;
        }
        Ok(vec![received, sender.finish()?])
    };
    let refused = run(&[])?;
    let failed = last(&refused[0].1, "failed").context("it is refused")?;
    assert_eq!(failed["kind"], "no-space", "{failed}");
    for account in run(&["--ignore-free-space"])? {
        assert_done(&account);
    }
    assert_eq!(fs::read(place.seen("f.bin"))?, place.content);
    Ok(())
}

/// The warnings that came: of which kind, about how many things, and the first of them.
fn warnings(events: &[Value]) -> Vec<(&str, u64, &str)> {
    let warnings = events.iter().filter(|event| event["event"] == "warning");
    let fields = warnings.map(|warning| {
        let count = warning["count"].as_u64().unwrap_or_default();
        let text = |field: &str| warning[field].as_str().unwrap_or_default();
        (text("kind"), count, text("name"))
    });
    fields.collect()
}

#[test]
fn times_and_modes_that_a_file_system_refuses_are_a_warning_and_no_failure() -> Result<()> {
    let test = "times_and_modes_that_a_file_system_refuses";
    let nobody = ["setpriv", "--reuid", "65534", "--clear-groups", "--"];
    let both = [
        ("times-refused", 5, "tree/a.txt"),
        ("modes-refused", 2, "tree/a.txt"),
    ];
    for (mount, wrapper, expected) in [
        // As on a stick or a share that belongs to another user: everybody may write to it, and that is all.
        (
            "bindfs --force-user=root --perms=a+rwX",
            &nobody[..],
            &both[..],
        ),
        ("bindfs --chmod-deny", &[], &both[1..]),
        // What is accepted and comes to nothing is as it was with cp.
        ("bindfs --chmod-ignore", &[], &[]),
    ] {
        let Some(place) = Place::new(test, 0, &["bindfs", "setpriv"])? else {
            return Ok(());
        };
        let tree = place.work.path().join("out/tree");
        fs::create_dir_all(tree.join("sub"))?;
        fs::write(tree.join("a.txt"), "one")?;
        fs::write(tree.join("sub/b.txt"), "two")?;
        std::os::unix::fs::symlink("a.txt", tree.join("link"))?;
        place.run(&format!("{mount} $DIR/image $DIR/in"))?;
        let run = &place.transfer_of("tree", &[wrapper])?[0];
        assert_done(run);
        assert_eq!(warnings(&run.1), expected, "{mount}: {:?}", run.1);
        assert_eq!(fs::read(place.seen("tree/sub/b.txt"))?, b"two");
        place.run("umount $DIR/in")?;
    }
    Ok(())
}

#[test]
fn proof_of_what_is_here_is_shown_from_the_beginning_and_until_it_is_done() -> Result<()> {
    let test = "proof_of_what_is_here_is_shown";
    let Some(place) = Place::new(test, 20_000_000, &["bindfs"])? else {
        return Ok(());
    };
    place.run("bindfs --write-rate=5M $DIR/image $DIR/in")?;
    let mut sender = place.sender("f.bin")?;
    let code = sender.code()?;
    let mut receiver = place.receiver(&code, &[])?.start()?;
    let midway = |progress: &Value| progress["bytes"].as_u64() > Some(4_000_000);
    receiver.event_where("progress", midway)?;
    receiver.kill()?;
    receiver.finish()?;
    sender.terminate()?;
    sender.finish()?;
    // A disk from which the proof takes seconds, and what is new takes longer.
    place.run("umount $DIR/in\nbindfs --read-rate=4M --write-rate=5M $DIR/image $DIR/in")?;
    let second = &place.transfer(&[&[]])?[0];
    let done = assert_done(second);
    let kept = done["resumed"].as_u64().context("a figure")?;
    assert!(kept > 3_000_000, "{done}");
    let progress = second.1.iter().filter(|event| event["event"] == "progress");
    let progress: Vec<_> = progress.collect();
    let proving: Vec<_> = progress
        .iter()
        .filter_map(|event| event.get("proving"))
        .collect();
    let first = proving.first().context("the proof was not shown")?;
    // Progress is told ten times a second, and perhaps once before it is known how much is here.
    let early = progress.iter().take(5);
    let early = early.filter_map(|event| event.get("proving"));
    assert!(early.count() > 0, "not from the beginning");
    let read = |proving: &Value| proving["done"].as_u64().unwrap_or(u64::MAX);
    assert!(read(first) < kept / 2, "{first}, not within a second");
    assert!(proving.iter().all(|proving| proving["total"] == kept));
    assert!(proving.iter().is_sorted_by_key(|proving| read(proving)));
    assert!(proving.len() > 3, "{proving:?}");
    let last = progress.last().context("progress")?;
    assert_eq!(last.get("proving"), None, "it is done");
    place.run("umount $DIR/in")?;
    Ok(())
}
