//! Networks and file systems that a test has to itself (Linux, root).

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result, bail};

/// A network and a table of mounts of its own. A process keeps them; it ends with this value, even
/// if the test is killed, and takes everything made in here with it.
#[derive(Debug)]
pub struct Namespace {
    keeper: Child,
    _input: ChildStdin,
}

impl Namespace {
    /// A fresh one, with loopback up. `None` where this user may not, which is said on stderr.
    pub fn enter(test: &str) -> Result<Option<Self>> {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            return skip(test, "it needs Linux and root");
        }
        let mut keeper = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private"])
            .args(["sh", "-c", "ip link set lo up && echo ready && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare (util-linux)")?;
        let input = keeper.stdin.take().context("no stdin")?;
        let mut output = BufReader::new(keeper.stdout.take().context("no stdout")?);
        let namespace = Self {
            keeper,
            _input: input,
        };
        let mut line = String::new();
        output.read_line(&mut line)?;
        if line != "ready\n" {
            // Root in a container often is not.
            return skip(test, "this system lets not even root have a namespace");
        }
        Ok(Some(namespace))
    }

    /// Lays a cable between this and `other`: `ADDRESS/LENGTH` at each end.
    pub fn join(&self, address: &str, other: &Self, other_address: &str) -> Result<()> {
        let other_id = other.keeper.id().to_string();
        self.run(&format!(
            "ip link add cable type veth peer name cable netns {other_id}"
        ))?;
        for (end, address) in [(self, address), (other, other_address)] {
            end.run(&format!("ip address add {address} dev cable"))?;
            end.run("ip link set cable up")?;
        }
        Ok(())
    }

    /// Puts rules for its packets into force: nft's own language, tables and all.
    pub fn filter(&self, rules: &str) -> Result<()> {
        let mut command = Command::new("nft");
        let mut nft = self
            .inside(command.args(["-f", "-"]))
            .stdin(Stdio::piped())
            .spawn()
            .context("nft (nftables)")?;
        let mut input = nft.stdin.take().context("no stdin")?;
        input.write_all(rules.as_bytes())?;
        drop(input);
        let status = nft.wait()?;
        if !status.success() {
            bail!("nft: {status}: {rules}");
        }
        Ok(())
    }

    /// A file system of `size` (as in `8m`) in memory at `folder`, seen in here only.
    pub fn mount_memory(&self, size: &str, folder: &std::path::Path) -> Result<()> {
        let folder = folder.to_str().context("a folder with an odd name")?;
        self.run(&format!("mount -t tmpfs -o size={size} memory {folder}"))
    }

    /// Where `path`, as seen in here, is seen from outside.
    #[must_use]
    pub fn seen(&self, path: &std::path::Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `command`, to be run in here. The process that it starts is the command's own.
    #[must_use]
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside
            .args([
                "--net",
                "--mount",
                "--target",
                &self.keeper.id().to_string(),
            ])
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Runs a line of words in here, to its end.
    pub fn run(&self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        let status = self.inside(command.args(words)).status()?;
        if !status.success() {
            bail!("{line}: {status}");
        }
        Ok(())
    }
}

/// Says that a test proves nothing here.
fn skip<T>(test: &str, why: &str) -> Result<Option<T>> {
    // Not eprintln!: the harness would hide it.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {why}")?;
    Ok(None)
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
