//! One transfer with one other machine: what was heard of it, and what that means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{OfferView, RateHistory};
use crate::engine::event::{
    Attribute, Listed, OfferSummary, PathKind, PeerLeftOut, Progress, RATE_SPAN, Receipt, Renaming,
    RungState, SessionNumber, Transport, Who,
};
use crate::failure::{Failure, FailureKind};

/// Without a byte for so long, a transfer is called stalled: longer than any round trip and than a
/// disk that wakes up.
const STALLED_AFTER: Duration = Duration::from_secs(5);

/// Files that failed are kept by name up to this many, which is more than the engine tells; the rest is counted.
const FAILED_KEPT: usize = 10_000;

/// How often the time left is said anew: more often would be noise.
const TIME_LEFT_EVERY: Duration = Duration::from_secs(1);

/// Which way the files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From here.
    Sending,
    /// To here.
    Receiving,
}

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    /// A path is looked for.
    Connecting,
    /// There is a path; the offer is on its way or being looked through.
    Preparing,
    /// The other person is asked.
    Asking,
    /// This person is asked.
    Deciding,
    /// The bytes move.
    Moving,
    /// The bytes do not move, and nobody has said why.
    Stalled,
    /// The connection was lost, and another path is looked for.
    Reconnecting {
        /// Bytes that need not cross again.
        kept: u64,
    },
    /// Somebody wishes that the bytes stand still.
    Paused(Who),
    /// All bytes are there; the last files are checked on the receiver's disk.
    Verifying,
    /// Everything that was wanted is on the receiver's disk.
    Done,
    /// It is over, and some files are missing.
    PartlyDone,
    /// The receiver said no; `Who::Here` if that was this person.
    Declined(Who),
    /// Somebody stopped it.
    Cancelled(Who),
    /// It cannot go on.
    Failed(Failure),
}

impl Phase {
    /// Whether a session in this phase may still come to an end by itself.
    pub(crate) const fn running(&self) -> bool {
        match self {
            Self::Connecting
            | Self::Preparing
            | Self::Asking
            | Self::Deciding
            | Self::Moving
            | Self::Stalled
            | Self::Reconnecting { .. }
            | Self::Paused(_)
            | Self::Verifying => true,
            Self::Done
            | Self::PartlyDone
            | Self::Declined(_)
            | Self::Cancelled(_)
            | Self::Failed(_) => false,
        }
    }

    /// Whether bytes have been agreed on.
    pub(crate) const fn under_way(&self) -> bool {
        match self {
            Self::Moving
            | Self::Stalled
            | Self::Reconnecting { .. }
            | Self::Paused(_)
            | Self::Verifying => true,
            Self::Connecting
            | Self::Preparing
            | Self::Asking
            | Self::Deciding
            | Self::Done
            | Self::PartlyDone
            | Self::Declined(_)
            | Self::Cancelled(_)
            | Self::Failed(_) => false,
        }
    }
}

/// A step of the ladder, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The rung that is tried.
    pub(crate) rung: PathKind,
    /// What has come of it so far.
    pub(crate) state: RungState,
    /// What was found.
    pub(crate) detail: String,
}

/// The path that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InUse {
    /// How it was found.
    pub(crate) kind: PathKind,
    /// What runs over it.
    pub(crate) link: Transport,
    /// Round-trip time.
    pub(crate) rtt: Duration,
}

/// One transfer with one other machine.
#[derive(Debug)]
pub(crate) struct Session {
    /// The engine's number.
    pub(crate) number: SessionNumber,
    /// Which way the files go.
    pub(crate) direction: Direction,
    /// What the other machine is called; not escaped.
    pub(crate) device: String,
    /// How far it is.
    pub(crate) phase: Phase,
    /// The ladder, in the order in which steps were tried.
    pub(crate) ladder: Vec<Step>,
    /// The path in use.
    pub(crate) path: Option<InUse>,
    /// What is offered, in short.
    pub(crate) offer: Option<OfferSummary>,
    /// The offer as it is being looked at, until it is answered.
    pub(crate) view: Option<OfferView>,
    /// The newest progress that did not run backwards.
    pub(crate) progress: Option<Progress>,
    /// Rates of the last minute.
    pub(crate) rates: RateHistory,
    /// Time left, as it was last said.
    pub(crate) time_left: Option<Duration>,
    /// What the sender leaves out.
    pub(crate) left_out: Arc<Listed<PeerLeftOut>>,
    /// What is saved under another name, as it was told last.
    pub(crate) renamed: Arc<Listed<Renaming>>,
    /// What is not saved for its name, as it was told last.
    pub(crate) unnamed: Arc<Listed<String>>,
    /// What the file system refuses to have set, for how many things, and the first of them.
    pub(crate) refused: Vec<(Attribute, u64, String)>,
    /// Files that failed, by name, as far as they are told.
    pub(crate) failed: Vec<(String, FailureKind)>,
    /// What crossed, when it is over.
    pub(crate) receipt: Option<Receipt>,
    /// What is there now.
    pub(crate) places: Vec<PathBuf>,
    /// Whether the person has stopped it; the engine's word for that follows.
    pub(crate) stopping: bool,
    /// Whether it is in the history.
    pub(crate) recorded: bool,
    moved_at: Duration,
    /// Since when bytes move without a break.
    moving_since: Option<Duration>,
    time_left_at: Option<Duration>,
}

impl Session {
    /// A session with a peer that has just proved that it knows the code.
    pub(crate) fn new(
        number: SessionNumber,
        direction: Direction,
        device: String,
        now: Duration,
    ) -> Self {
        Self {
            number,
            direction,
            device,
            phase: Phase::Connecting,
            ladder: Vec::new(),
            path: None,
            offer: None,
            view: None,
            progress: None,
            rates: RateHistory::default(),
            time_left: None,
            left_out: Arc::default(),
            renamed: Arc::default(),
            unnamed: Arc::default(),
            refused: Vec::new(),
            failed: Vec::new(),
            receipt: None,
            places: Vec::new(),
            stopping: false,
            recorded: false,
            moved_at: now,
            moving_since: None,
            time_left_at: None,
        }
    }

    /// A step of the ladder was tried.
    pub(crate) fn handle_rung(&mut self, rung: PathKind, state: RungState, detail: String) {
        let step = Step {
            rung,
            state,
            detail,
        };
        match self.ladder.iter_mut().find(|known| known.rung == rung) {
            Some(known) => *known = step,
            None => self.ladder.push(step),
        }
    }

    /// A path is in use from now on.
    pub(crate) fn handle_path(&mut self, now: Duration, path: InUse) {
        self.path = Some(path);
        self.moved_at = now;
        match self.phase {
            Phase::Connecting => self.phase = Phase::Preparing,
            Phase::Reconnecting { .. } => self.phase = Phase::Moving,
            Phase::Preparing
            | Phase::Asking
            | Phase::Deciding
            | Phase::Moving
            | Phase::Stalled
            | Phase::Paused(_)
            | Phase::Verifying
            | Phase::Done
            | Phase::PartlyDone
            | Phase::Declined(_)
            | Phase::Cancelled(_)
            | Phase::Failed(_) => {}
        }
    }

    /// The offer was accepted.
    pub(crate) fn handle_accepted(&mut self, now: Duration) {
        self.view = None;
        self.moved_at = now;
        if !matches!(self.phase, Phase::Paused(_)) && self.phase.running() {
            self.phase = Phase::Moving;
        }
    }

    /// The connection was lost.
    pub(crate) fn handle_interrupted(&mut self, kept: u64) {
        if self.phase.running() {
            self.phase = Phase::Reconnecting { kept };
            self.forget_time_left();
            // The ladder is climbed anew.
            self.ladder.clear();
        }
    }

    /// Somebody wishes that the bytes stand still, or nobody any more.
    pub(crate) fn handle_pause(&mut self, now: Duration, by: Option<Who>) {
        self.moved_at = now;
        if !self.phase.running() {
            return;
        }
        self.phase = match by {
            Some(who) => Phase::Paused(who),
            None => Phase::Moving,
        };
        self.forget_time_left();
    }

    /// The newest progress. What runs backwards is not shown: a bar that was there stays.
    pub(crate) fn handle_progress(&mut self, now: Duration, newest: &Progress) {
        if !self.phase.running() {
            return;
        }
        let before = self.progress.as_ref();
        let moved = before.is_none_or(|known| {
            known.total != newest.total || newest.bytes > known.bytes || newest.files > known.files
        });
        // The proof is no byte that arrived, but a sign of life all the same.
        if newest.proving.is_some() {
            self.moved_at = now;
        }
        if moved {
            self.moved_at = now;
            let mut shown = newest.clone();
            shown.bytes = shown.bytes.min(shown.total);
            shown.files = shown.files.min(shown.files_total);
            if let Some(known) = before.filter(|known| known.total == newest.total) {
                shown.bytes = shown.bytes.max(known.bytes);
                shown.files = shown.files.max(known.files);
            }
            self.progress = Some(shown);
        } else if let Some(known) = &mut self.progress {
            known.rate = newest.rate;
            known.proving = newest.proving;
        }
        match self.phase {
            Phase::Moving | Phase::Stalled | Phase::Verifying | Phase::Asking => {
                self.phase = self.moving_phase(now);
                self.rates.note(now, newest.rate);
                if moved && newest.bytes > 0 {
                    self.moving_since.get_or_insert(now);
                }
                self.say_time_left(now);
            }
            Phase::Connecting
            | Phase::Preparing
            | Phase::Deciding
            | Phase::Reconnecting { .. }
            | Phase::Paused(_)
            | Phase::Done
            | Phase::PartlyDone
            | Phase::Declined(_)
            | Phase::Cancelled(_)
            | Phase::Failed(_) => {}
        }
    }

    /// Time passed: what nothing is heard of is stalled.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        if self.phase == Phase::Moving && !self.proving() && now >= self.moved_at + STALLED_AFTER {
            self.phase = Phase::Stalled;
            self.forget_time_left();
        }
    }

    /// One file failed.
    pub(crate) fn handle_file_failed(&mut self, name: String, reason: FailureKind) {
        if self.failed.len() < FAILED_KEPT {
            self.failed.push((name, reason));
        }
    }

    /// Takes in that the transfer is over, and went well, at least in part.
    pub(crate) fn handle_done(&mut self, receipt: Receipt, places: Vec<PathBuf>) {
        self.phase = if receipt.failed_files > 0 || !receipt.left_out.is_none() {
            Phase::PartlyDone
        } else {
            Phase::Done
        };
        self.receipt = Some(receipt);
        self.places = places;
        self.time_left = None;
    }

    /// Takes in that the transfer is over, and did not go well.
    pub(crate) fn handle_failed(&mut self, failure: Failure) {
        self.view = None;
        self.time_left = None;
        if !self.phase.running() {
            return;
        }
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "every other kind is a failure that is told as one"
        )]
        let phase = match failure.kind {
            FailureKind::Declined => Phase::Declined(match self.direction {
                Direction::Sending => Who::Peer,
                Direction::Receiving => Who::Here,
            }),
            FailureKind::Cancelled => Phase::Cancelled(Who::Here),
            FailureKind::CancelledByPeer => Phase::Cancelled(Who::Peer),
            _ => Phase::Failed(failure),
        };
        self.phase = phase;
    }

    /// When the session would be called stalled, if nothing comes.
    pub(crate) fn changes_at(&self) -> Option<Duration> {
        (self.phase == Phase::Moving && !self.proving()).then(|| self.moved_at + STALLED_AFTER)
    }

    /// Whether what was there before is being read to prove it: bytes may stand still meanwhile.
    fn proving(&self) -> bool {
        let progress = self.progress.as_ref();
        progress.is_some_and(|progress| progress.proving.is_some())
    }

    /// How much of the bytes is there, 0 to 1.
    pub(crate) fn part(&self) -> f32 {
        match &self.progress {
            None => 0.0,
            Some(progress) if progress.total == 0 => 1.0,
            Some(progress) => (progress.bytes as f64 / progress.total as f64) as f32,
        }
    }

    /// Bytes that are safe, as far as it is known.
    pub(crate) fn kept(&self) -> u64 {
        self.progress.as_ref().map_or(0, |progress| progress.bytes)
    }

    fn moving_phase(&self, now: Duration) -> Phase {
        let Some(progress) = &self.progress else {
            return Phase::Moving;
        };
        if progress.bytes >= progress.total && progress.total > 0 {
            Phase::Verifying
        } else if now >= self.moved_at + STALLED_AFTER {
            Phase::Stalled
        } else {
            Phase::Moving
        }
    }

    /// Says nothing before all of the span that the rate is a mean over has bytes in it: the standing still
    /// before that would count as well, and minutes would be said where seconds are left.
    fn say_time_left(&mut self, now: Duration) {
        if self.phase != Phase::Moving {
            self.forget_time_left();
            return;
        }
        let meant = self
            .moving_since
            .is_some_and(|since| now >= since + RATE_SPAN);
        let just_said = self
            .time_left_at
            .is_some_and(|said| now < said + TIME_LEFT_EVERY);
        if !meant || just_said {
            return;
        }
        self.time_left_at = Some(now);
        self.time_left = self.progress.as_ref().and_then(|progress| {
            crate::text::time_left(progress.total.saturating_sub(progress.bytes), progress.rate)
        });
    }

    fn forget_time_left(&mut self) {
        self.time_left = None;
        self.time_left_at = None;
        self.moving_since = None;
    }
}
