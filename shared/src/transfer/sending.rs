//! What a receiver wants of a sender, in which order it is sent, and what was acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::{IndexSet, Violation};
use crate::limits::{CLAIMED_LIMIT, CLAIMS_LIMIT, FAILURES_LIMIT};
use crate::wire::peer::{Acknowledged, Claim, FileReason, ReceiverMessage};

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This entry, if it is a file, from the longest of the claims that holds; from 0 without one.
    Entry {
        /// Index of the entry.
        index: u32,
        /// What the receiver says it has, longest first.
        claims: Vec<Claim>,
    },
    /// Nothing at present.
    Wait,
    /// Nothing any more.
    End,
}

/// The sender's side of one transfer.
///
/// Feed every message after the receiver's `Hello` to [`handle_message`](Self::handle_message);
/// take from [`poll_wanted`](Self::poll_wanted) when the data stream has room. After a
/// [`Violation`] nothing of it is of use any more.
#[derive(Debug)]
pub struct Sending {
    wanted: IndexSet,
    /// Each run took at least one index out of the offer, so there are no more than entries.
    runs: VecDeque<(u32, u32)>,
    claimed: VecDeque<(u32, Vec<Claim>)>,
    phase: Phase,
    skipped: IndexSet,
    failed: BTreeMap<u32, FileReason>,
    failures: u32,
    accepted: Option<(u32, u64)>,
    acknowledged: Acknowledged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Offered,
    Wanting,
    WantEnded,
    Done,
}

impl Sending {
    /// Nothing wanted yet, of an offer of `entries` entries.
    #[must_use]
    pub fn new(entries: u32) -> Self {
        Self {
            wanted: IndexSet::new(entries),
            runs: VecDeque::new(),
            claimed: VecDeque::new(),
            phase: Phase::Offered,
            skipped: IndexSet::new(entries),
            failed: BTreeMap::new(),
            failures: 0,
            accepted: None,
            acknowledged: Acknowledged::default(),
        }
    }

    /// Takes in one message. `Decline`, `Pause` and `Resume` are the caller's to look at: they change
    /// nothing here.
    ///
    /// # Errors
    /// [`Violation`] where the protocol does not allow the message, or not now.
    pub fn handle_message(&mut self, message: ReceiverMessage) -> Result<(), Violation> {
        match message {
            ReceiverMessage::Hello { .. } => Err(Violation("a second hello")),
            ReceiverMessage::Decline(_) | ReceiverMessage::Pause | ReceiverMessage::Resume => {
                Ok(())
            }
            ReceiverMessage::Accept { files, bytes } => {
                self.expect(Phase::Offered, "accepted twice")?;
                self.accepted = Some((files, bytes));
                self.phase = Phase::Wanting;
                Ok(())
            }
            ReceiverMessage::Want { first, last } => self.want(first, last),
            ReceiverMessage::WantFrom { file, claims } => self.want_from(file, claims),
            ReceiverMessage::WantEnd => {
                self.expect(Phase::Wanting, "an end of wants out of turn")?;
                self.phase = Phase::WantEnded;
                Ok(())
            }
            ReceiverMessage::Skip { file } => {
                self.expect_wanted(file)?;
                self.skipped.insert(file);
                Ok(())
            }
            ReceiverMessage::Progress(acknowledged) => self.acknowledge(acknowledged),
            ReceiverMessage::Failed { file, reason } => self.fail(file, reason),
            ReceiverMessage::Done(acknowledged) => {
                self.expect(Phase::WantEnded, "done out of turn")?;
                self.acknowledge(acknowledged)?;
                self.phase = Phase::Done;
                Ok(())
            }
        }
    }

    /// What to send next: files of which the receiver has something come first, since it holds
    /// them open.
    pub fn poll_wanted(&mut self) -> Wanted {
        if let Some((index, claims)) = self.claimed.pop_front() {
            return Wanted::Entry { index, claims };
        }
        if let Some((first, last)) = self.runs.front_mut() {
            let index = *first;
            if index == *last {
                self.runs.pop_front();
            } else {
                *first += 1;
            }
            let claims = Vec::new();
            return Wanted::Entry { index, claims };
        }
        match self.phase {
            Phase::Offered | Phase::Wanting => Wanted::Wait,
            Phase::WantEnded | Phase::Done => Wanted::End,
        }
    }

    /// Whether [`poll_wanted`](Self::poll_wanted) would say [`Wanted::Wait`].
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.claimed.is_empty()
            && self.runs.is_empty()
            && matches!(self.phase, Phase::Offered | Phase::Wanting)
    }

    /// Whether the receiver said that the rest of this file is of no use.
    #[must_use]
    pub fn skipped(&self, file: u32) -> bool {
        self.skipped.contains(file)
    }

    /// Files and bytes that the receiver takes; `None` before it accepted.
    #[must_use]
    pub const fn accepted(&self) -> Option<(u32, u64)> {
        self.accepted
    }

    /// What the receiver has.
    #[must_use]
    pub const fn acknowledged(&self) -> Acknowledged {
        self.acknowledged
    }

    /// Whether the receiver said that it has nothing more to say.
    #[must_use]
    pub fn done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The files that failed, by index, the first thousand of them, and how many there are.
    #[must_use]
    pub fn failures(&self) -> (Vec<(u32, FileReason)>, u32) {
        let kept = self.failed.iter().map(|(file, why)| (*file, *why));
        (kept.collect(), self.failures)
    }

    fn want(&mut self, first: u32, last: u32) -> Result<(), Violation> {
        self.expect(Phase::Wanting, "a want out of turn")?;
        if first > last || last >= self.wanted.bound() {
            return Err(Violation("a want outside the offer"));
        }
        for index in first..=last {
            if !self.wanted.insert(index) {
                return Err(Violation("a file wanted twice"));
            }
        }
        self.runs.push_back((first, last));
        Ok(())
    }

    fn want_from(&mut self, file: u32, claims: Vec<Claim>) -> Result<(), Violation> {
        self.expect(Phase::Wanting, "a want out of turn")?;
        if claims.is_empty() || claims.len() > CLAIMS_LIMIT {
            return Err(Violation("too few or too many claims"));
        }
        let falling = claims.is_sorted_by(|longer, shorter| longer.length > shorter.length);
        if !falling || claims.iter().any(|claim| claim.length == 0) {
            return Err(Violation("claims out of order"));
        }
        if self.claimed.len() >= CLAIMED_LIMIT {
            return Err(Violation("too many claims at once"));
        }
        if !self.wanted.insert(file) {
            return Err(Violation("a file wanted twice, or outside the offer"));
        }
        self.claimed.push_back((file, claims));
        Ok(())
    }

    fn fail(&mut self, file: u32, reason: FileReason) -> Result<(), Violation> {
        self.expect_wanted(file)?;
        if self.failed.contains_key(&file) || self.failures >= self.wanted.count() {
            return Err(Violation("a file failed twice"));
        }
        self.failures += 1;
        if self.failed.len() < FAILURES_LIMIT {
            self.failed.insert(file, reason);
        }
        Ok(())
    }

    fn acknowledge(&mut self, acknowledged: Acknowledged) -> Result<(), Violation> {
        if acknowledged.bytes < self.acknowledged.bytes
            || acknowledged.files < self.acknowledged.files
            // Files that are empty on both sides are never wanted and count all the same.
            || acknowledged.files > self.wanted.bound()
        {
            return Err(Violation("an acknowledgement that goes back or too far"));
        }
        self.acknowledged = acknowledged;
        Ok(())
    }

    fn expect(&self, phase: Phase, otherwise: &'static str) -> Result<(), Violation> {
        if self.phase == phase {
            Ok(())
        } else {
            Err(Violation(otherwise))
        }
    }

    fn expect_wanted(&self, file: u32) -> Result<(), Violation> {
        if self.wanted.contains(file) {
            Ok(())
        } else {
            Err(Violation("a file that was not wanted"))
        }
    }
}
