//! Real processes on loopback: a rendezvous, senders, receivers.
//!
//! Nothing here sleeps: a test waits for an event, a line, or the end of a process, each with a
//! generous time-out that only a failure reaches. Whatever still runs when a test ends is killed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::namespace::Namespace;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use crate::tracer::{Call, Tracer, Verdict, Watch};

/// How long anything may take before a test gives up. A loaded machine of two cores needs some.
const PATIENCE: Duration = Duration::from_secs(60);

/// Events that may wait for a test.
const EVENT_QUEUE: usize = 100_000;

/// Tries the binaries of another folder than the tests' own.
const BINARIES_VARIABLE: &str = "FARDROP_BIN_DIR";

/// A built binary, from the folder that the test's own executable is in, `target/PROFILE`, or from
/// the one that `FARDROP_BIN_DIR` names.
///
/// `tests/run.sh` builds them; `cargo test` alone does not.
///
/// # Errors
/// Where there is no such file.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = match std::env::var_os(BINARIES_VARIABLE) {
        Some(folder) => PathBuf::from(folder),
        None => own
            .ancestors()
            .nth(2)
            .context("the test's executable is not in a target folder")?
            .to_owned(),
    };
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!("{} is not built; tests/run.sh builds it", path.display());
    }
    Ok(path)
}

/// A rendezvous at an address that stays the same over restarts.
#[derive(Debug)]
pub struct Rendezvous {
    address: SocketAddr,
    network: Option<Arc<Namespace>>,
    process: Option<Process>,
}

impl Rendezvous {
    /// Starts one on loopback at a free port, and waits until it listens.
    ///
    /// # Errors
    /// Where no port is free, the binary is not built, or it does not listen in time.
    pub fn start() -> Result<Self> {
        Self::start_at(free_address()?, None)
    }

    /// Starts one at this address of a namespace, and waits until it listens.
    ///
    /// # Errors
    /// Where the binary is not built, or it does not listen in time.
    pub fn start_within(namespace: Arc<Namespace>, address: SocketAddr) -> Result<Self> {
        Self::start_at(address, Some(namespace))
    }

    fn start_at(address: SocketAddr, network: Option<Arc<Namespace>>) -> Result<Self> {
        let mut rendezvous = Self {
            address,
            network,
            process: None,
        };
        rendezvous.restart()?;
        Ok(rendezvous)
    }

    /// Starts it at the port that it had before.
    ///
    /// # Errors
    /// Where it does not listen in time.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new(binary("fardrop-rendezvous")?);
        command.arg("--listen").arg(self.address.to_string());
        command.env("RUST_LOG", "info");
        let mut command = match &self.network {
            Some(network) => network.inside(&command),
            None => command,
        };
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let stderr = process.child.stderr.take().context("no stderr")?;
        let said = lines(stderr, |line| line)?;
        let deadline = Instant::now() + PATIENCE;
        // Every socket is bound before it says the first thing.
        let mut listens = false;
        while !listens {
            let left = deadline.saturating_duration_since(Instant::now());
            listens = said.recv_timeout(left)?.contains("listening");
        }
        self.process = Some(process);
        Ok(())
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// What clients are told: `ADDRESS:PORT`.
    #[must_use]
    pub fn server(&self) -> String {
        self.address.to_string()
    }
}

/// One `fardrop` process that prints JSON.
#[derive(Debug)]
pub struct Peer {
    process: Process,
    events: Receiver<(Instant, Value)>,
    errors: Receiver<String>,
    seen: Vec<Value>,
    /// When each of `seen` was read here.
    seen_at: Vec<Instant>,
    patience: Duration,
    /// The person's end of its terminal, if it has one.
    terminal: Option<std::fs::File>,
}

/// The whole run of a peer.
#[derive(Debug)]
pub struct Account {
    /// The exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// Every event there was.
    pub events: Vec<Value>,
    /// When each of them was read.
    pub times: Vec<Instant>,
}

impl Account {
    /// When the first event called `name` was read.
    #[must_use]
    pub fn first_at(&self, name: &str) -> Option<Instant> {
        let index = self.events.iter().position(|event| event["event"] == name);
        index.map(|index| self.times[index])
    }

    /// The last event called `name`.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Value> {
        last(&self.events, name)
    }
}

/// A `fardrop` command line on its way.
#[derive(Debug)]
pub struct PeerCommand {
    command: Command,
}

impl PeerCommand {
    /// `fardrop ACTION --json --no-mdns`, without anything from this user's settings.
    ///
    /// # Errors
    /// Where the binary is not built.
    pub fn new(action: &str) -> Result<Self> {
        Ok(Self::with_mdns(action)?.arg("--no-mdns"))
    }

    /// `fardrop ACTION --json`, which uses multicast DNS, without anything from this user's settings: for a network
    /// of the test's own.
    ///
    /// # Errors
    /// Where the binary is not built.
    pub fn with_mdns(action: &str) -> Result<Self> {
        let mut command = Command::new(binary("fardrop")?);
        command
            .arg(action)
            .arg("--json")
            .env("FARDROP_CONFIG", "/nonexistent/settings.ron")
            .env("FARDROP_MEMORY", "")
            .env_remove("FARDROP_RENDEZVOUS")
            .env_remove("FARDROP_CODE");
        Ok(Self { command })
    }

    /// `fardrop send` of `path` over `rendezvous`.
    ///
    /// # Errors
    /// Where the binary is not built.
    pub fn send(rendezvous: &Rendezvous, path: &Path) -> Result<Self> {
        Ok(Self::new("send")?.server(rendezvous).arg(path))
    }

    /// `fardrop receive --yes --allow-programs` of `code` into `folder` over `rendezvous`.
    ///
    /// # Errors
    /// Where the binary is not built.
    pub fn receive(rendezvous: &Rendezvous, code: &str, folder: &Path) -> Result<Self> {
        let command = Self::new("receive")?.server(rendezvous).into_folder(folder);
        let command = command.args(["--yes", "--allow-programs"]);
        Ok(command.arg(code))
    }

    /// Names the rendezvous.
    #[must_use]
    pub fn server(self, rendezvous: &Rendezvous) -> Self {
        self.server_at(&rendezvous.server())
    }

    /// Names a rendezvous that may not be there.
    #[must_use]
    pub fn server_at(self, server: &str) -> Self {
        self.arg("--rendezvous").arg(server)
    }

    /// Names the destination.
    #[must_use]
    pub fn into_folder(self, folder: &Path) -> Self {
        self.arg("-o").arg(folder)
    }

    /// Runs it in a namespace.
    #[must_use]
    pub fn within(self, namespace: &Namespace) -> Self {
        Self {
            command: namespace.inside(&self.command),
        }
    }

    /// Has it started by another program, which is given it as the rest of its command line.
    #[must_use]
    pub fn under(self, wrapper: &[&str]) -> Self {
        let Some((program, arguments)) = wrapper.split_first() else {
            return self;
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg(self.command.get_program())
            .args(self.command.get_args());
        copy_environment(&self.command, &mut command);
        Self { command }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it with nothing to read.
    ///
    /// # Errors
    /// Where the process does not start.
    pub fn start(self) -> Result<Peer> {
        self.start_with_input("")
    }

    /// Starts it with `input` to read.
    ///
    /// # Errors
    /// Where the process does not start, or does not take its input.
    pub fn start_with_input(self, input: &str) -> Result<Peer> {
        let mut command = self.command;
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut peer = Peer::spawn(command)?;
        let mut stdin = peer.process.child.stdin.take().context("no stdin")?;
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        let stderr = peer.process.child.stderr.take().context("no stderr")?;
        peer.errors = lines(stderr, |line| line)?;
        Ok(peer)
    }

    /// Starts it with nothing to read, `judge` deciding about every call of one sort on `folder`.
    ///
    /// # Errors
    /// When it does not start, or may not be traced.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub fn start_traced(
        self,
        folder: &Path,
        watch: Watch,
        judge: impl FnMut(Call) -> Verdict + Send + 'static,
    ) -> Result<(Peer, Tracer)> {
        // It becomes the program once it is told to: then it is being traced.
        let mut command = Command::new("sh");
        command.args(["-c", "read _; exec \"$@\"", "sh"]);
        command.arg(self.command.get_program());
        command.args(self.command.get_args());
        copy_environment(&self.command, &mut command);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut peer = Peer::spawn(command)?;
        let tracer = Tracer::seize(peer.process.child.id(), folder, watch, judge)?;
        let mut stdin = peer.process.child.stdin.take().context("no stdin")?;
        stdin.write_all(b"\n")?;
        drop(stdin);
        let stderr = peer.process.child.stderr.take().context("no stderr")?;
        peer.errors = lines(stderr, |line| line)?;
        Ok((peer, tracer))
    }

    /// Starts it at a terminal, where a person is asked: [`Peer::answer`].
    ///
    /// # Errors
    /// Where the system has no terminal for it, or the process does not start.
    #[cfg(target_os = "linux")]
    pub fn start_at_terminal(self) -> Result<Peer> {
        use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let person = openpt(flags)?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let program = ioctl_tiocgptpeer(&person, flags)?;
        let mut command = self.command;
        command.stdin(program.try_clone()?).stderr(program);
        let mut peer = Peer::spawn(command)?;
        let person = std::fs::File::from(person);
        // What is shown has to be taken off, or the program would stand still.
        peer.errors = lines(person.try_clone()?, |line| line)?;
        peer.terminal = Some(person);
        Ok(peer)
    }
}

impl Peer {
    /// A process whose events are read; not yet what it says on stderr.
    fn spawn(mut command: Command) -> Result<Self> {
        command.stdout(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let stdout = process.child.stdout.take().context("no stdout")?;
        Ok(Self {
            process,
            events: lines(stdout, |line| (Instant::now(), parse(line)))?,
            errors: sync_channel(1).1,
            seen: Vec::new(),
            seen_at: Vec::new(),
            patience: PATIENCE,
            terminal: None,
        })
    }

    /// Waits for each thing that long from now on, rather than a minute.
    pub fn be_patient(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Types a line at its terminal.
    ///
    /// # Errors
    /// Where it has no terminal, or has left it.
    pub fn answer(&mut self, line: &str) -> Result<()> {
        let terminal = self.terminal.as_mut().context("it has no terminal")?;
        Ok(terminal.write_all(format!("{line}\n").as_bytes())?)
    }

    /// The next event called `name`; those before it are passed over.
    ///
    /// # Errors
    /// When the process says something that is not JSON, ends, or takes too long.
    pub fn event(&mut self, name: &str) -> Result<Value> {
        self.event_where(name, |_| true)
    }

    /// The next event called `name` that `fits`.
    ///
    /// # Errors
    /// When the process says something that is not JSON, ends, or takes too long.
    pub fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((_, Value::String(line))) => bail!("not an event on stdout: {line}"),
                Ok((at, event)) => {
                    self.seen.push(event.clone());
                    self.seen_at.push(at);
                    if event["event"] == name && fits(&event) {
                        return Ok(event);
                    }
                }
                Err(error) => bail!("no {name} ({error}); {}", self.story()),
            }
        }
    }

    /// The code that a sender shows.
    ///
    /// # Errors
    /// When the process ends or takes too long before it shows one.
    pub fn code(&mut self) -> Result<String> {
        let event = self.event("code")?;
        let code = event["code"].as_str().context("a code is a string")?;
        Ok(code.to_owned())
    }

    /// Lets it run until `moment` from now, or to its end if that is sooner.
    ///
    /// For cutting it off at any moment; never to wait for something to have happened.
    pub fn run_until(&mut self, moment: Duration) {
        let deadline = Instant::now() + moment;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((at, event)) => {
                    self.seen.push(event);
                    self.seen_at.push(at);
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads to the end: the exit code, and every event there was.
    ///
    /// # Errors
    /// When the process says something that is not JSON, or takes too long.
    pub fn finish(self) -> Result<(Option<i32>, Vec<Value>)> {
        let account = self.account()?;
        Ok((account.exit, account.events))
    }

    /// Reads to the end, with the time of everything.
    ///
    /// # Errors
    /// When the process says something that is not JSON, or takes too long.
    pub fn account(mut self) -> Result<Account> {
        let deadline = Instant::now() + self.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok((_, Value::String(line))) => bail!("not an event on stdout: {line}"),
                Ok((at, event)) => {
                    self.seen.push(event);
                    self.seen_at.push(at);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("no end in time; {}", self.story()),
            }
        }
        let status = self.process.wait()?;
        Ok(Account {
            exit: status.code(),
            events: std::mem::take(&mut self.seen),
            times: std::mem::take(&mut self.seen_at),
        })
    }

    /// When the last event that was waited for was read.
    #[must_use]
    pub fn last_at(&self) -> Option<Instant> {
        self.seen_at.last().copied()
    }

    /// What it has said so far, for the message of a test that fails.
    fn story(&self) -> String {
        let errors: Vec<String> = self.errors.try_iter().collect();
        format!("events: {:?}; stderr: {errors:?}", self.seen)
    }

    /// Everything on stderr so far and until it closes.
    ///
    /// # Errors
    /// When stderr stays open for too long.
    pub fn messages(&self) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut text = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.errors.recv_timeout(left) {
                Ok(line) => {
                    text.push_str(&line);
                    text.push('\n');
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(text),
                Err(RecvTimeoutError::Timeout) => bail!("stderr stays open: {text}"),
            }
        }
    }

    /// Presses Ctrl-C: SIGINT.
    ///
    /// # Errors
    /// Where the process has ended and was waited for.
    pub fn interrupt(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::INT)
    }

    /// The most memory that it has had so far, in bytes.
    ///
    /// # Errors
    /// Where `/proc` does not say: the process has ended.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> Result<u64> {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status)?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))
            .context("no peak")?;
        Ok(peak.trim().parse::<u64>()? * 1024)
    }

    /// Stops it where it is, as a machine that sleeps does.
    ///
    /// # Errors
    /// Where the process has ended and was waited for.
    pub fn freeze(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// Where the process has ended and was waited for.
    pub fn wake(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::CONT)
    }

    /// Asks it to end, as `kill` does: SIGTERM.
    ///
    /// # Errors
    /// Where the process has ended and was waited for.
    pub fn terminate(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::TERM)
    }

    /// Ends it at once, as `kill -9` does: SIGKILL.
    ///
    /// # Errors
    /// Where the process has ended and was waited for.
    pub fn kill(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::KILL)
    }
}

/// The last event called `name` among `events`.
#[must_use]
pub fn last<'a>(events: &'a [Value], name: &str) -> Option<&'a Value> {
    events.iter().rev().find(|event| event["event"] == name)
}

/// Gives `to` what was set for `from`.
fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// A child process that does not outlive its owner.
#[derive(Debug)]
struct Process {
    child: Child,
}

impl Process {
    fn spawn(mut command: Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        Ok(Self { child })
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(id, signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of stdout: an event, or the line itself.
fn parse(line: String) -> Value {
    // A parsed object has lost the order of its fields.
    let parsed = line
        .starts_with("{\"event\":\"")
        .then(|| serde_json::from_str(&line));
    parsed.and_then(Result::ok).unwrap_or(Value::String(line))
}

/// Reads a stream line by line on a thread that ends with the stream.
fn lines<T: Send + 'static>(
    stream: impl Read + Send + 'static,
    convert: impl Fn(String) -> T + Send + 'static,
) -> Result<Receiver<T>> {
    let (sender, receiver) = sync_channel(EVENT_QUEUE);
    std::thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                if sender.send(convert(line)).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

/// A loopback address whose port, and the next one for the second listener, were free just now.
fn free_address() -> Result<SocketAddr> {
    for _ in 0..100 {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = first.local_addr()?;
        let next = address.port().checked_add(1);
        if next.is_some_and(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()) {
            return Ok(address);
        }
    }
    bail!("no two free ports in a row")
}
