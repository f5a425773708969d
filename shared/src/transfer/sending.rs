//! What a receiver wants of a sender, in which order it is sent, and what was acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::account::Account;
use super::claims::{Answered, Claims};
use super::{HeardNames, IndexSet, Violation};
use crate::limits::FAILURES_LIMIT;
use crate::offer::Totals;
use crate::wire::peer::{Acknowledged, FileReason, ReceiverMessage};

/// What to send next.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This entry, if it is a file, to its end.
    Entry {
        /// Index of the entry.
        index: u32,
        /// Where to begin.
        start: u64,
    },
    /// What a file that was sent from somewhere in it has in front of that.
    Missing {
        /// Index of the entry.
        index: u32,
        /// Where to begin.
        start: u64,
        /// Where to end.
        end: u64,
    },
    /// Nothing: this file is to be refused.
    Refusal {
        /// Index of the entry.
        index: u32,
        /// Why.
        reason: FileReason,
    },
    /// Nothing at present.
    Wait,
    /// Nothing any more.
    End,
}

/// Which file to hash next.
#[derive(Debug, PartialEq, Eq)]
pub enum Unproved {
    /// This file.
    File {
        /// Index of the entry.
        index: u32,
        /// The lengths at which its hash is to be told, longest first.
        lengths: Vec<u64>,
    },
    /// None at present.
    Wait,
    /// None any more.
    End,
}

/// The sender's side of one transfer.
///
/// Feed every message after the receiver's `Hello` to [`handle_message`](Self::handle_message);
/// take from [`poll_wanted`](Self::poll_wanted) when the data stream has room, and say what becomes of
/// each file before its frames go out: no figure of the receiver's is believed beyond that. After a
/// [`Violation`] nothing of it is of use any more.
#[derive(Debug)]
pub struct Sending {
    wanted: IndexSet,
    /// Each run took at least one index out of the offer, so there are no more than entries.
    runs: VecDeque<(u32, u32)>,
    claims: Claims,
    /// Files of which the rest is to be sent, the receiver having something in front of it.
    rests: VecDeque<u32>,
    /// Files that the receiver has to be told the hashes of.
    unproved: VecDeque<u32>,
    /// Files of which something in front of the rest is missing.
    missing: VecDeque<u32>,
    refusals: VecDeque<(u32, FileReason)>,
    phase: Phase,
    skipped: IndexSet,
    /// Files that were begun; a wanted entry that never is must be a folder.
    begun: IndexSet,
    failed: IndexSet,
    /// Those of `failed` that are files.
    failed_files: u32,
    /// Why, for the first of `failed`.
    reasons: BTreeMap<u32, FileReason>,
    /// Entries that the receiver saves under other names.
    renamed: HeardNames,
    account: Account,
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
    /// A sender's side of an offer of these totals, of which nothing is wanted yet.
    #[must_use]
    pub fn new(offered: Totals) -> Self {
        let entries = offered.entries();
        Self {
            wanted: IndexSet::new(entries),
            runs: VecDeque::new(),
            claims: Claims::new(),
            rests: VecDeque::new(),
            unproved: VecDeque::new(),
            missing: VecDeque::new(),
            refusals: VecDeque::new(),
            phase: Phase::Offered,
            skipped: IndexSet::new(entries),
            begun: IndexSet::new(entries),
            failed: IndexSet::new(entries),
            failed_files: 0,
            reasons: BTreeMap::new(),
            renamed: HeardNames::default(),
            account: Account::new(offered),
            accepted: None,
            acknowledged: Acknowledged::default(),
        }
    }

    /// Takes in one message. `Decline`, `Pause` and `Resume` are the caller's to look at: they change
    /// nothing here. `size_of` gives the size of an entry that is a file.
    ///
    /// # Errors
    /// [`Violation`] where the protocol does not allow the message, or not now, and where a figure in it
    /// cannot be.
    pub fn handle_message(
        &mut self,
        message: ReceiverMessage,
        size_of: impl FnOnce(u32) -> Option<u64>,
    ) -> Result<(), Violation> {
        match message {
            ReceiverMessage::Hello { .. } => Err(Violation("a second hello")),
            ReceiverMessage::Decline(_) | ReceiverMessage::Pause | ReceiverMessage::Resume => {
                Ok(())
            }
            ReceiverMessage::Accept { files, bytes } => {
                self.expect(Phase::Offered, "accepted twice")?;
                self.account.check_accepted(files, bytes)?;
                self.accepted = Some((files, bytes));
                self.phase = Phase::Wanting;
                Ok(())
            }
            ReceiverMessage::Want { first, last } => self.want(first, last),
            ReceiverMessage::WantFrom { file, lengths } => {
                self.want_from(file, lengths, size_of(file))
            }
            ReceiverMessage::Proved { file, length } => self.take_proof(file, length),
            ReceiverMessage::WantEnd => {
                self.expect(Phase::Wanting, "an end of wants out of turn")?;
                self.phase = Phase::WantEnded;
                Ok(())
            }
            ReceiverMessage::Renamed { names, more } => {
                self.expect(Phase::Wanting, "new names out of turn")?;
                self.renamed.handle_page(names, more, self.wanted.bound())
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
                let accepted = self.accepted.unwrap_or_default();
                self.account
                    .check_done(accepted, self.failed_files, acknowledged)?;
                self.phase = Phase::Done;
                Ok(())
            }
        }
    }

    /// What to send next: files of which the receiver has something come first, since it holds
    /// them open.
    pub fn poll_wanted(&mut self) -> Wanted {
        while let Some((index, reason)) = self.refusals.pop_front() {
            if self.claims.contains(index) {
                return Wanted::Refusal { index, reason };
            }
        }
        while let Some(index) = self.missing.pop_front() {
            if let Some((start, end)) = self.claims.missing(index) {
                return Wanted::Missing { index, start, end };
            }
        }
        while let Some(index) = self.rests.pop_front() {
            if let Some(start) = self.claims.rest_from(index) {
                return Wanted::Entry { index, start };
            }
        }
        if let Some((first, last)) = self.runs.front_mut() {
            let index = *first;
            if index == *last {
                self.runs.pop_front();
            } else {
                *first += 1;
            }
            return Wanted::Entry { index, start: 0 };
        }
        if self.expects_more() {
            Wanted::Wait
        } else {
            Wanted::End
        }
    }

    /// Which file to hash next.
    pub fn poll_unproved(&mut self) -> Unproved {
        while let Some(index) = self.unproved.pop_front() {
            if let Some(lengths) = self.claims.lengths(index) {
                let lengths = lengths.to_vec();
                return Unproved::File { index, lengths };
            }
        }
        match self.phase {
            Phase::Offered | Phase::Wanting => Unproved::Wait,
            Phase::WantEnded | Phase::Done => Unproved::End,
        }
    }

    /// Takes note that the receiver is about to be told the hashes of `file`; whether it is still to be.
    pub fn handle_told(&mut self, file: u32) -> bool {
        self.claims.tell(file)
    }

    /// Takes note that `file` cannot be hashed.
    pub fn handle_unreadable(&mut self, file: u32, reason: FileReason) {
        self.refusals.push_back((file, reason));
    }

    /// Takes note that a run of `file`, of `size` bytes, is about to begin.
    pub fn handle_begun(&mut self, file: u32, size: u64) {
        if self.begun.insert(file) {
            self.account.begin(size);
        }
    }

    /// Takes note that `file`, of `size` bytes, is about to be refused, or the run of it aborted.
    pub fn handle_given_up(&mut self, file: u32, size: u64) {
        self.handle_begun(file, size);
        self.claims.give_up(file);
    }

    /// Takes note that so many bytes of the file that was begun are about to go out.
    pub const fn handle_read(&mut self, bytes: u64) {
        self.account.send(bytes);
    }

    /// Takes note that so many bytes of the file that was begun are in a hole that is about to be told.
    pub const fn handle_hole(&mut self, bytes: u64) {
        self.account.pass_over(bytes);
    }

    /// Takes note that the run of `file` that was begun is about to end, whole.
    pub fn handle_ended(&mut self, file: u32) {
        if !self.claims.contains(file) {
            // A file that failed at the receiver is sent all the same, and counts for nothing.
            if !self.failed.contains(file) {
                self.account.end();
            }
        } else if self.claims.end_run(file) {
            self.account.end();
        } else if self.claims.missing(file).is_some() {
            self.missing.push_back(file);
        }
    }

    /// Bytes of files that went out.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.account.sent()
    }

    /// Bytes of files that were in holes, and did not go out.
    #[must_use]
    pub const fn holes(&self) -> u64 {
        self.account.holes()
    }

    /// Bytes that the receiver proved to have of files that it has in part.
    #[must_use]
    pub const fn resumed(&self) -> u64 {
        self.account.resumed()
    }

    /// Whether [`poll_wanted`](Self::poll_wanted) would say [`Wanted::Wait`].
    #[must_use]
    pub fn waiting(&self) -> bool {
        self.refusals.is_empty()
            && self.missing.is_empty()
            && self.rests.is_empty()
            && self.runs.is_empty()
            && self.expects_more()
    }

    /// Whether [`poll_unproved`](Self::poll_unproved) would say [`Unproved::Wait`].
    #[must_use]
    pub fn waiting_to_prove(&self) -> bool {
        self.unproved.is_empty() && matches!(self.phase, Phase::Offered | Phase::Wanting)
    }

    /// Whether the receiver may yet come to want something.
    fn expects_more(&self) -> bool {
        matches!(self.phase, Phase::Offered | Phase::Wanting) || !self.claims.is_empty()
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

    /// The entries that the receiver saves under other names.
    #[must_use]
    pub const fn renamed(&self) -> &HeardNames {
        &self.renamed
    }

    /// Whether the receiver said that it has nothing more to say.
    #[must_use]
    pub fn done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The files that failed, by index, the first thousand of them, and how many there are.
    #[must_use]
    pub fn failures(&self) -> (Vec<(u32, FileReason)>, u32) {
        let kept = self.reasons.iter().map(|(file, why)| (*file, *why));
        (kept.collect(), self.failed.count())
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

    fn want_from(
        &mut self,
        file: u32,
        lengths: Vec<u64>,
        size: Option<u64>,
    ) -> Result<(), Violation> {
        self.expect(Phase::Wanting, "a want out of turn")?;
        let size = size.ok_or(Violation("a claim to what is no file"))?;
        self.claims.check(&lengths, size)?;
        if !self.wanted.insert(file) {
            return Err(Violation("a file wanted twice, or outside the offer"));
        }
        self.claims.add(file, lengths, size);
        self.handle_begun(file, size);
        if self.claims.rest_from(file).is_some() {
            self.rests.push_back(file);
        }
        self.unproved.push_back(file);
        Ok(())
    }

    fn take_proof(&mut self, file: u32, length: u64) -> Result<(), Violation> {
        match self.claims.answer(file, length)? {
            // The receiver counts it all the same.
            Answered::Late => {}
            Answered::Whole { settled } => {
                if settled {
                    self.account.end();
                }
            }
            Answered::Missing => {
                if self.claims.missing(file).is_some() {
                    self.missing.push_back(file);
                }
            }
        }
        self.account.prove(length);
        Ok(())
    }

    fn fail(&mut self, file: u32, reason: FileReason) -> Result<(), Violation> {
        // What cannot be at the receiver is told instead of being wanted.
        let told =
            reason.is_of_the_place() && self.phase == Phase::Wanting && self.wanted.insert(file);
        if !told {
            self.expect_wanted(file)?;
        }
        if !self.failed.insert(file) {
            return Err(Violation("a file failed twice"));
        }
        self.claims.give_up(file);
        self.failed_files += u32::from(self.begun.contains(file));
        if self.reasons.len() < FAILURES_LIMIT {
            self.reasons.insert(file, reason);
        }
        Ok(())
    }

    fn acknowledge(&mut self, acknowledged: Acknowledged) -> Result<(), Violation> {
        if acknowledged.bytes < self.acknowledged.bytes
            || acknowledged.files < self.acknowledged.files
        {
            return Err(Violation("an acknowledgement that goes back"));
        }
        self.account.check_acknowledged(acknowledged)?;
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
