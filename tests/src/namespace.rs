//! Networks and file systems that a test has to itself (Linux, root).

use std::io::{BufRead, BufReader, Write};
#[cfg(target_os = "linux")]
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;
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
    ///
    /// # Errors
    /// Where `unshare` is not installed or does not start.
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
    ///
    /// # Errors
    /// Where `ip` fails in here or in `other`.
    pub fn join(&self, address: &str, other: &Self, other_address: &str) -> Result<()> {
        self.join_as("cable", address, other, other_address)
    }

    /// Lays a cable as [`join`](Self::join) does, whose end in here is called `device`, for a namespace that has
    /// several; the other end is `cable`.
    ///
    /// # Errors
    /// Where `ip` fails in here or in `other`.
    pub fn join_as(
        &self,
        device: &str,
        address: &str,
        other: &Self,
        other_address: &str,
    ) -> Result<()> {
        self.run(&format!(
            "ip link add {device} type veth peer name cable netns {}",
            other.keeper()
        ))?;
        let ends = [(self, device, address), (other, "cable", other_address)];
        for (end, device, address) in ends {
            end.run(&format!("ip address add {address} dev {device}"))?;
            end.run(&format!("ip link set {device} up"))?;
        }
        Ok(())
    }

    /// Puts rules for its packets into force: nft's own language, tables and all.
    ///
    /// # Errors
    /// Where `nft` fails, with what it says.
    pub fn filter(&self, rules: &str) -> Result<()> {
        self.run_with("nft -f -", rules).map(drop)
    }

    /// The process that keeps it: `ip link` knows a namespace by that.
    #[must_use]
    pub fn keeper(&self) -> u32 {
        self.keeper.id()
    }

    /// Its network, to be looked at when this is gone.
    ///
    /// # Errors
    /// Where the keeper has ended.
    pub fn network(&self) -> Result<Network> {
        let handle = std::fs::File::open(format!("/proc/{}/ns/net", self.keeper.id()))?;
        Ok(Network { handle })
    }

    /// Calls `act` on a thread whose network is this one. A socket or a device that it opens stays in
    /// here for good.
    ///
    /// # Errors
    /// What `act` fails with; where the thread cannot enter the network; where `act` panics.
    #[cfg(target_os = "linux")]
    pub fn with<T: Send>(&self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        use std::os::fd::AsFd;

        use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

        let network = self.network()?.handle;
        std::thread::scope(|scope| {
            let visitor = std::thread::Builder::new()
                .name("visitor".to_owned())
                .spawn_scoped(scope, move || {
                    let kind = Some(LinkNameSpaceType::Network);
                    move_into_link_name_space(network.as_fd(), kind)?;
                    act()
                })?;
            visitor
                .join()
                .unwrap_or_else(|_| bail!("a visitor panicked"))
        })
    }

    /// A UDP socket in this network.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub fn bind(&self, address: SocketAddr) -> Result<UdpSocket> {
        self.with(|| UdpSocket::bind(address).with_context(|| format!("binding {address}")))
    }

    /// A file system of `size` (as in `8m`) in memory at `folder`, seen in here only.
    ///
    /// # Errors
    /// Where `mount` fails, with what it says.
    pub fn mount_memory(&self, size: &str, folder: &std::path::Path) -> Result<()> {
        let folder = folder.to_str().context("a folder with an odd name")?;
        self.run(&format!("mount -t tmpfs -o size={size} memory {folder}"))?;
        Ok(())
    }

    /// Where `path`, as seen in here, is seen from outside.
    #[must_use]
    pub fn seen(&self, path: &std::path::Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `command`, to be run in here. The process that it starts is the command's own; it is killed when
    /// the thread that starts it ends, however that comes about.
    #[must_use]
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("setpriv");
        inside
            .args(["--pdeathsig", "KILL", "nsenter"])
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

    /// Runs a line of words in here, to its end, and gives what it printed.
    ///
    /// # Errors
    /// Where the command cannot be started or fails, with what it says.
    pub fn run(&self, line: &str) -> Result<String> {
        self.run_with(line, "")
    }

    /// Runs a line of words in here, to its end, with `input` to read (a script for `sh -e`, rules for `nft -f -`),
    /// and gives what it printed.
    ///
    /// # Errors
    /// Where the command cannot be started or fails, with what it says.
    pub fn run_with(&self, line: &str, input: &str) -> Result<String> {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap_or_default());
        let mut child = self
            .inside(command.args(words))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("no stdin")?;
        // Whoever ends before all is read says why.
        let fed = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("{line}: {}: {}\n{input}", output.status, errors.trim());
        }
        fed?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// One network namespace, held open: the kernel gives its number to no other meanwhile.
#[derive(Debug)]
pub struct Network {
    handle: std::fs::File,
}

impl Network {
    /// The processes that are in it, each with its name. Without any it goes with this value, and its
    /// devices with it.
    ///
    /// # Errors
    /// Where `/proc` cannot be read.
    pub fn residents(&self) -> Result<Vec<String>> {
        let own = self.handle.metadata()?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.parse::<u32>().is_err() {
                continue;
            }
            // Of a process that has ended in the meantime there is nothing to read.
            let Ok(other) = std::fs::metadata(format!("/proc/{name}/ns/net")) else {
                continue;
            };
            if (other.dev(), other.ino()) == (own.dev(), own.ino()) {
                let command = std::fs::read_to_string(format!("/proc/{name}/comm"));
                found.push(format!("{name} {}", command.unwrap_or_default().trim()));
            }
        }
        Ok(found)
    }
}

/// Says that a test proves nothing here.
///
/// # Errors
/// Where stderr is closed.
pub fn skip<T>(test: &str, why: &str) -> Result<Option<T>> {
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
