//! For tests: a file system that folds case and forbids characters, where the machine can mount one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted exFAT, unmounted when it is dropped.
#[derive(Debug)]
pub(crate) struct Exfat {
    work: tempfile::TempDir,
    device: String,
}

impl Exfat {
    /// A fresh one; `None`, said on stderr, where it cannot be had.
    #[expect(clippy::print_stderr, reason = "a test says that it proves nothing")]
    pub(crate) fn mount() -> Option<Self> {
        let mounted = Self::try_mount();
        if mounted.is_none() {
            eprintln!("SKIPPED: exFAT cannot be mounted here");
        }
        mounted
    }

    fn try_mount() -> Option<Self> {
        let work = tempfile::tempdir().ok()?;
        let image = work.path().join("image");
        fs::create_dir(work.path().join("folder")).ok()?;
        fs::File::create(&image).ok()?.set_len(16 << 20).ok()?;
        run(Command::new("mkfs.exfat").arg(&image))?;
        let device = run(Command::new("losetup").args(["-f", "--show"]).arg(&image))?;
        let mounted = Self { work, device };
        run(Command::new("mount.exfat-fuse")
            .arg(&mounted.device)
            .arg(mounted.folder()))?;
        Some(mounted)
    }

    /// Where it is mounted.
    pub(crate) fn folder(&self) -> PathBuf {
        self.work.path().join("folder")
    }
}

impl Drop for Exfat {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.folder()));
        run(Command::new("losetup")
            .arg("-d")
            .arg(Path::new(&self.device)));
    }
}

fn run(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
