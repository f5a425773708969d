//! Real processes on loopback: a rendezvous, senders, receivers.
//!
//! Nothing here sleeps: a test waits for an event, a line, or the end of a process, each with a
//! generous time-out that only a failure reaches. Whatever still runs when a test ends is killed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::namespace::Namespace;

/// How long anything may take before a test gives up. A loaded machine of two cores needs some.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a refusal by this machine's own system may take. It takes microseconds.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(50);

/// Events that may wait for a test.
const EVENT_QUEUE: usize = 100_000;

/// A built binary, from the folder that the test's own executable is in: `target/PROFILE`.
///
/// `tests/run.sh` builds them; `cargo test` alone does not.
pub fn binary(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .nth(2)
        .context("the test's executable is not in a target folder")?;
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!("{} is not built; tests/run.sh builds it", path.display());
    }
    Ok(path)
}

/// A rendezvous on loopback, at a port that stays the same over restarts.
#[derive(Debug)]
pub struct Rendezvous {
    address: SocketAddr,
    process: Option<Process>,
}

impl Rendezvous {
    /// Starts one at a free port, and waits until it listens.
    pub fn start() -> Result<Self> {
        let mut rendezvous = Self {
            address: free_address()?,
            process: None,
        };
        rendezvous.restart()?;
        Ok(rendezvous)
    }

    /// Starts one at `address` within a namespace, and waits until it listens. It ends for good when it is
    /// killed.
    pub fn within(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let mut command = Command::new(binary("fardrop-rendezvous")?);
        command.arg("--listen").arg(address.to_string());
        command.env("RUST_LOG", "info");
        let mut command = namespace.inside(&command);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let stderr = process.child.stderr.take().context("no stderr")?;
        let said = lines(stderr, |line| line)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // Every socket is bound before it says the first thing.
            if said.recv_timeout(left)?.contains("listening") {
                break;
            }
        }
        Ok(Self {
            address,
            process: Some(process),
        })
    }

    /// Starts it at the port that it had before.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new(binary("fardrop-rendezvous")?);
        command.arg("--listen").arg(self.address.to_string());
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let process = Process::spawn(command)?;
        wait_until_taken(self.address)?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// What clients are told: `127.0.0.1:PORT`.
    #[must_use]
    pub fn server(&self) -> String {
        self.address.to_string()
    }
}

/// One `fardrop` process that prints JSON.
#[derive(Debug)]
pub struct Peer {
    process: Process,
    events: Receiver<Value>,
    errors: Receiver<String>,
    seen: Vec<Value>,
}

/// A `fardrop` command line on its way.
#[derive(Debug)]
pub struct PeerCommand {
    command: Command,
}

impl PeerCommand {
    /// `fardrop ACTION --json --no-mdns`, without anything from this user's settings.
    pub fn new(action: &str) -> Result<Self> {
        Ok(Self::with_mdns(action)?.arg("--no-mdns"))
    }

    /// The same with multicast DNS: for a network of the test's own.
    pub fn with_mdns(action: &str) -> Result<Self> {
        let mut command = Command::new(binary("fardrop")?);
        command
            .arg(action)
            .arg("--json")
            .env("FARDROP_CONFIG", "/nonexistent/settings.ron")
            .env_remove("FARDROP_RENDEZVOUS")
            .env_remove("FARDROP_CODE");
        Ok(Self { command })
    }

    /// `fardrop send` of `path` over `rendezvous`.
    pub fn send(rendezvous: &Rendezvous, path: &Path) -> Result<Self> {
        Ok(Self::new("send")?.server(rendezvous).arg(path))
    }

    /// `fardrop receive --yes` of `code` into `folder` over `rendezvous`.
    pub fn receive(rendezvous: &Rendezvous, code: &str, folder: &Path) -> Result<Self> {
        let command = Self::new("receive")?.server(rendezvous).into_folder(folder);
        Ok(command.arg("--yes").arg(code))
    }

    /// Names the rendezvous.
    #[must_use]
    pub fn server(self, rendezvous: &Rendezvous) -> Self {
        self.arg("--rendezvous").arg(rendezvous.server())
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
    pub fn start(self) -> Result<Peer> {
        self.start_with_input("")
    }

    /// Starts it with `input` to read.
    pub fn start_with_input(self, input: &str) -> Result<Peer> {
        let mut command = self.command;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let mut stdin = process.child.stdin.take().context("no stdin")?;
        std::io::Write::write_all(&mut stdin, input.as_bytes())?;
        drop(stdin);
        let stdout = process.child.stdout.take().context("no stdout")?;
        let stderr = process.child.stderr.take().context("no stderr")?;
        Ok(Peer {
            process,
            events: lines(stdout, |line| {
                // A parsed object has lost the order of its fields.
                let parsed = line
                    .starts_with("{\"event\":\"")
                    .then(|| serde_json::from_str(&line));
                parsed.and_then(Result::ok).unwrap_or(Value::String(line))
            })?,
            errors: lines(stderr, |line| line)?,
            seen: Vec::new(),
        })
    }
}

impl Peer {
    /// The next event called `name`; those before it are passed over. Fails when the process says
    /// something that is not JSON, ends, or takes too long.
    pub fn event(&mut self, name: &str) -> Result<Value> {
        self.event_where(name, |_| true)
    }

    /// The next event called `name` that `fits`.
    pub fn event_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Value::String(line)) => bail!("not an event on stdout: {line}"),
                Ok(event) => {
                    self.seen.push(event.clone());
                    if event["event"] == name && fits(&event) {
                        return Ok(event);
                    }
                }
                Err(error) => bail!("no {name} ({error}); {}", self.account()),
            }
        }
    }

    /// The code that a sender shows.
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
                Ok(event) => self.seen.push(event),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads to the end: the exit code, and every event there was.
    pub fn finish(mut self) -> Result<(Option<i32>, Vec<Value>)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(Value::String(line)) => bail!("not an event on stdout: {line}"),
                Ok(event) => self.seen.push(event),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("no end in time; {}", self.account()),
            }
        }
        let status = self.process.wait()?;
        Ok((status.code(), std::mem::take(&mut self.seen)))
    }

    /// What it has said so far, for the message of a test that fails.
    fn account(&self) -> String {
        let errors: Vec<String> = self.errors.try_iter().collect();
        format!("events: {:?}; stderr: {errors:?}", self.seen)
    }

    /// Everything on stderr so far and until it closes.
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

    /// Ctrl-C.
    pub fn interrupt(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::INT)
    }

    /// `kill -9`.
    pub fn kill(&self) -> Result<()> {
        self.process.signal(rustix::process::Signal::KILL)
    }
}

/// The last event called `name` among `events`.
#[must_use]
pub fn last<'a>(events: &'a [Value], name: &str) -> Option<&'a Value> {
    events.iter().rev().find(|event| event["event"] == name)
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

/// Waits until something listens at `address`: until then the system refuses what is sent there.
///
/// The rendezvous says nothing to what is no datagram of its own, so silence means that it is there.
fn wait_until_taken(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        probe.connect(address)?;
        probe.set_read_timeout(Some(REFUSAL_PATIENCE))?;
        probe.send(b"?")?;
        match probe.recv(&mut [0; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Ok(_) | Err(_) => return Ok(()),
        }
    }
    bail!("nothing listens at {address}")
}
