//! File systems to receive into, each in a namespace of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fardrop_tests::namespace::{Namespace, skip};
use fardrop_tests::tools;
use nix::errno::Errno;

/// A kind of file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// What the system has to be able to mount.
    driver: &'static str,
    /// What has to be installed.
    commands: &'static [&'static str],
    /// Makes it, mounted at `$DIR/in`.
    make: &'static str,
    /// Mounts an image as a power cut leaves it, where there is one.
    remount: Option<&'static str>,
    /// Whether a copy keeps the times and modes of its source.
    pub(crate) keeps_times_and_modes: bool,
    /// A call that it has not.
    pub(crate) without: Option<(&'static str, Errno)>,
}

/// All kinds.
pub(crate) const KINDS: [Kind; 7] = [
    Kind {
        name: "ext4",
        driver: "ext4",
        commands: &["mkfs.ext4"],
        make: "truncate -s 64M $DIR/image/disk
            mkfs.ext4 -q -J size=4 -E lazy_itable_init=0,lazy_journal_init=0 $DIR/image/disk
            mount -o loop $DIR/image/disk $DIR/in",
        remount: Some("mount -o loop"),
        keeps_times_and_modes: true,
        without: None,
    },
    Kind {
        name: "xfs",
        driver: "xfs",
        commands: &["mkfs.xfs"],
        make: "truncate -s 320M $DIR/image/disk
            mkfs.xfs -q $DIR/image/disk
            mount -o loop,nouuid $DIR/image/disk $DIR/in",
        remount: Some("mount -o loop,nouuid"),
        keeps_times_and_modes: true,
        without: None,
    },
    Kind {
        name: "btrfs",
        driver: "btrfs",
        commands: &["mkfs.btrfs"],
        make: "truncate -s 128M $DIR/image/disk
            mkfs.btrfs -q --mixed $DIR/image/disk
            mount -o loop $DIR/image/disk $DIR/in",
        remount: Some("mount -o loop"),
        keeps_times_and_modes: true,
        without: None,
    },
    Kind {
        name: "tmpfs",
        driver: "tmpfs",
        commands: &[],
        make: "mount -t tmpfs -o size=64m memory $DIR/in",
        remount: None,
        keeps_times_and_modes: true,
        without: None,
    },
    // FUSE; neither links nor modes, nor a way to rename without replacing.
    Kind {
        name: "exfat",
        driver: "fuse",
        commands: &["mkfs.exfat", "mount.exfat-fuse"],
        make: "truncate -s 64M $DIR/image/disk
            mkfs.exfat $DIR/image/disk >/dev/null
            LOOP=$(losetup --find --show $DIR/image/disk)
            mount.exfat-fuse $LOOP $DIR/in >/dev/null
            losetup --detach $LOOP",
        remount: None,
        keeps_times_and_modes: false,
        without: None,
    },
    // FUSE; no way to rename without replacing.
    Kind {
        name: "bindfs",
        driver: "fuse",
        commands: &["bindfs"],
        make: "bindfs $DIR/image $DIR/in",
        remount: None,
        keeps_times_and_modes: true,
        without: None,
    },
    Kind {
        name: "no-locks",
        driver: "tmpfs",
        commands: &[],
        make: "mount -t tmpfs -o size=64m memory $DIR/in",
        remount: None,
        keeps_times_and_modes: true,
        without: Some(("flock", Errno::ENOLCK)),
    },
];

impl Kind {
    /// The kind called so.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let kind = KINDS.iter().find(|kind| kind.name == name);
        kind.copied().with_context(|| format!("no kind {name}"))
    }
}

/// A file system of one kind, empty.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) namespace: Namespace,
    work: tempfile::TempDir,
}

impl Place {
    /// `None`, said on stderr, where it cannot be had.
    pub(crate) fn new(kind: Kind, test: &str) -> Result<Option<Self>> {
        if !tools::are_here(test, kind.commands)? {
            return Ok(None);
        }
        let Some(namespace) = Namespace::enter(test)? else {
            return Ok(None);
        };
        // Images in memory: what is tested is the order of what is written, not a disk.
        let work = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        for folder in ["out", "in", "image", "memory"] {
            fs::create_dir(work.path().join(folder))?;
        }
        let place = Self {
            kind,
            namespace,
            work,
        };
        if let Err(error) = place.run(kind.make) {
            let known = fs::read_to_string("/proc/filesystems")?;
            if known.contains(kind.driver) {
                return Err(error);
            }
            return skip(test, &format!("this system has no {}", kind.driver));
        }
        Ok(Some(place))
    }

    /// Runs a script in there; `$DIR` is where everything is.
    pub(crate) fn run(&self, script: &str) -> Result<String> {
        let script = format!("DIR={}\n{script}", self.work.path().display());
        self.namespace.run_with("sh -e", &script)
    }

    /// The destination, as seen in there.
    pub(crate) fn folder(&self) -> PathBuf {
        self.work.path().join("in")
    }

    /// The destination, as seen from outside.
    pub(crate) fn seen(&self) -> PathBuf {
        self.namespace.seen(&self.folder())
    }

    /// What is sent.
    pub(crate) fn out(&self) -> PathBuf {
        self.work.path().join("out/tree")
    }

    /// Where a machine keeps what it remembers.
    pub(crate) fn memory(&self, of: &str) -> Result<String> {
        let folder = self.work.path().join("memory").join(of);
        Ok(folder.to_str().context("an odd name")?.to_owned())
    }

    /// What is in the destination before anything is received.
    pub(crate) fn before(&self) -> PathBuf {
        self.work.path().join("before")
    }

    /// Empties the destination but for copies of what is in `before`.
    pub(crate) fn reset(&self) -> Result<()> {
        let seen = self.seen();
        for entry in fs::read_dir(&seen)? {
            let path = entry?.path();
            if path.file_name() == Some("lost+found".as_ref()) {
                continue;
            }
            if path.is_dir() {
                remove_folder(&path)?;
            } else {
                fs::remove_file(&path)?;
            }
        }
        // What a receiver knows of an earlier point is not of this folder.
        self.run("rm -rf $DIR/memory/receiver\ncp -a $DIR/before/. $DIR/in\nsync -f $DIR/in")?;
        Ok(())
    }

    /// Takes what is on the disk at this moment, as a power cut leaves it. `None` where there is no disk.
    pub(crate) fn power_cut(&self) -> Result<bool> {
        if self.kind.remount.is_none() {
            return Ok(false);
        }
        let disk = self.work.path().join("image/disk");
        let cut = self.work.path().join("image/cut");
        let status = std::process::Command::new("cp")
            .arg("--sparse=always")
            .args([&disk, &cut])
            .status()?;
        if !status.success() {
            bail!("the image could not be copied");
        }
        Ok(true)
    }

    /// Makes the destination what the power cut left.
    pub(crate) fn power_up(&self) -> Result<()> {
        let mount = self.kind.remount.context("no disk")?;
        self.run(&format!(
            "umount $DIR/in\nmv $DIR/image/cut $DIR/image/disk\n{mount} $DIR/image/disk $DIR/in"
        ))?;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A loop device is free once nothing is mounted from it; the namespace ends next.
        let _ = self.run("umount $DIR/in");
    }
}

/// Removes a folder and what is in it. A file system in a program hides what is removed while it is open under
/// another name in the same folder, and hears of the end of who had it open a little later.
fn remove_folder(path: &Path) -> std::io::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let begun = Instant::now();
    loop {
        match fs::remove_dir_all(path) {
            Err(error)
                if error.kind() == ErrorKind::DirectoryNotEmpty && begun.elapsed() < PATIENCE =>
            {
                thread::yield_now();
            }
            outcome => return outcome,
        }
    }
}
