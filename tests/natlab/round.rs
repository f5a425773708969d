//! One transfer between two machines of a lab, and what it took.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Account, Peer, PeerCommand};

/// Rounds of a cell unless this says otherwise.
const ROUNDS_VARIABLE: &str = "FARDROP_NATLAB_ROUNDS";
const ROUNDS: usize = 10;

/// Labs that are busy at once unless this says otherwise.
const PARALLEL_VARIABLE: &str = "FARDROP_NATLAB_PARALLEL";
const PARALLEL: usize = 5;

/// How long a peer may take over one step. Looking for a path that is not there is the longest.
const PATIENCE: Duration = Duration::from_secs(90);

/// Rounds of a cell.
pub(crate) fn rounds() -> usize {
    number(ROUNDS_VARIABLE).unwrap_or(ROUNDS)
}

/// Rounds of a cell that takes minutes: one, unless as many are asked for as the figures need.
pub(crate) fn long_rounds() -> usize {
    let rounds = rounds();
    if rounds >= ROUNDS { rounds } else { 1 }
}

/// What carries a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Quic,
    GoBackN,
}

impl Transport {
    pub(crate) const ALL: [Self; 2] = [Self::Quic, Self::GoBackN];

    /// What a case that takes minutes runs over: both where figures are wanted, and otherwise turn about,
    /// so that neighbouring cases have one each.
    pub(crate) fn of_case(index: usize) -> Vec<Self> {
        if rounds() >= ROUNDS {
            Self::ALL.to_vec()
        } else {
            vec![Self::ALL[index % 2]]
        }
    }

    /// What it is called in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Quic => "QUIC",
            Self::GoBackN => "Go-Back-N",
        }
    }

    /// What it is called by `--link` and by `--json`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::GoBackN => "gbn",
        }
    }

    /// What both programs are told.
    pub(crate) const fn arguments(self) -> &'static [&'static str] {
        match self {
            // It is chosen without a word.
            Self::Quic => &[],
            Self::GoBackN => &["--link", "gbn"],
        }
    }
}

fn number(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
    )
}

/// Leave to keep the machine busy; it is given back with this value.
#[derive(Debug)]
pub(crate) struct Turn {
    taken: usize,
}

static BUSY: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    /// Waits until fewer labs than allowed are busy.
    pub(crate) fn wait() -> Self {
        Self::take(1, limit())
    }

    /// Waits until nothing else is: for what keeps every core busy, and would be measured by the rest.
    pub(crate) fn alone() -> Self {
        let limit = limit();
        Self::take(limit, limit)
    }

    fn take(taken: usize, limit: usize) -> Self {
        let busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        let free = FREED.wait_while(busy, |busy| *busy + taken > limit);
        *free.unwrap_or_else(PoisonError::into_inner) += taken;
        Self { taken }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *BUSY.lock().unwrap_or_else(PoisonError::into_inner) -= self.taken;
        FREED.notify_all();
    }
}

fn limit() -> usize {
    number(PARALLEL_VARIABLE).unwrap_or(PARALLEL).max(1)
}

/// What is sent in a round: 64 KiB, more than fits one round trip's window and little else.
pub(crate) fn small_file(folder: &Path) -> Result<PathBuf> {
    file(folder, 64 * 1024)
}

/// A file of that many bytes, none of them zero for long.
pub(crate) fn file(folder: &Path, bytes: usize) -> Result<PathBuf> {
    let path = folder.join("sent.bin");
    let mut text = blake3::Hasher::new();
    text.update(&bytes.to_le_bytes());
    let mut content = vec![0; bytes];
    text.finalize_xof().fill(&mut content);
    std::fs::write(&path, content)?;
    Ok(path)
}

/// Two machines, and how their programs are called.
#[derive(Debug, Clone)]
pub(crate) struct Pair<'a> {
    /// Where the sender runs.
    pub(crate) sender: &'a Namespace,
    /// Where the receiver runs.
    pub(crate) receiver: &'a Namespace,
    /// The rendezvous of both.
    pub(crate) server: String,
    /// What both are told besides.
    pub(crate) arguments: &'static [&'static str],
}

/// A sender with a receiver that has its code.
pub(crate) struct Running {
    /// The one.
    pub(crate) sender: Peer,
    /// The other.
    pub(crate) receiver: Peer,
}

impl Pair<'_> {
    /// `fardrop send --once` of this path.
    pub(crate) fn send(&self, path: &Path) -> Result<PeerCommand> {
        let command = PeerCommand::new("send")?.server_at(&self.server);
        let command = command.arg(path).arg("--once");
        Ok(command.args(self.arguments.iter().copied()))
    }

    /// `fardrop receive` of this code into this folder.
    pub(crate) fn receive(&self, code: &str, folder: &Path) -> Result<PeerCommand> {
        let command = PeerCommand::new("receive")?.server_at(&self.server);
        let command = command.into_folder(folder).arg(code);
        Ok(command.args(self.arguments.iter().copied()))
    }

    /// Starts both, the receiver once there is a code.
    pub(crate) fn start(&self, path: &Path, folder: &Path) -> Result<Running> {
        let mut sender = self.send(path)?.within(self.sender).start()?;
        sender.be_patient(PATIENCE);
        let code = sender.code()?;
        let command = self
            .receive(&code, folder)?
            .args(["--yes", "--allow-programs"]);
        let mut receiver = command.within(self.receiver).start()?;
        receiver.be_patient(PATIENCE);
        Ok(Running { sender, receiver })
    }

    /// One transfer, to its end.
    pub(crate) fn run(&self, path: &Path) -> Result<Round> {
        let folder = tempfile::tempdir()?;
        let running = self.start(path, folder.path())?;
        let receiver = running.receiver.account()?;
        // Whoever has nobody left to serve is told to stop: `--once` waits for a success.
        if receiver.exit != Some(0) {
            running.sender.interrupt()?;
        }
        let sender = running.sender.account()?;
        let arrived = folder
            .path()
            .join(path.file_name().context("a file's name")?);
        let intact = arrived.is_file() && std::fs::read(&arrived)? == std::fs::read(path)?;
        Ok(Round {
            sender,
            receiver,
            intact,
        })
    }
}

/// What one transfer came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// What the sender said.
    pub(crate) sender: Account,
    /// What the receiver said.
    pub(crate) receiver: Account,
    /// Whether what arrived is what was sent.
    pub(crate) intact: bool,
}

impl Round {
    /// Whether everything arrived and both know it.
    pub(crate) fn connected(&self) -> bool {
        let done = |account: &Account| account.exit == Some(0) && account.last("done").is_some();
        self.intact && done(&self.receiver) && done(&self.sender)
    }

    /// The rung by which they met, as the receiver has it.
    pub(crate) fn rung(&self) -> Option<&str> {
        self.receiver.last("path")?["kind"].as_str()
    }

    /// The receiver's kind of failure, or the sender's.
    pub(crate) fn failure(&self) -> Option<&str> {
        let failed = self.receiver.last("failed");
        failed.or_else(|| self.sender.last("failed"))?["kind"].as_str()
    }

    /// When both had proved themselves to one another.
    pub(crate) fn ready(&self) -> Option<Instant> {
        let sender = self.sender.first_at("paired")?;
        Some(self.receiver.first_at("paired")?.max(sender))
    }

    /// From both ready until both say that they have a path.
    pub(crate) fn to_path(&self) -> Option<Duration> {
        let sender = self.sender.first_at("path")?;
        let both = self.receiver.first_at("path")?.max(sender);
        Some(both.saturating_duration_since(self.ready()?))
    }

    /// From both ready until the receiver has read the offer, over an encrypted link.
    pub(crate) fn to_offer(&self) -> Option<Duration> {
        let offer = self.receiver.first_at("offer")?;
        Some(offer.saturating_duration_since(self.ready()?))
    }

    /// From both ready until everything is verified on the receiver's disk.
    pub(crate) fn to_done(&self) -> Option<Duration> {
        let done = self.receiver.first_at("done")?;
        Some(done.saturating_duration_since(self.ready()?))
    }
}
