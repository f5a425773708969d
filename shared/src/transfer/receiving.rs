//! What a receiver has asked for, and whether what arrives keeps to that.

use std::collections::HashMap;

use super::{IndexSet, Violation};

/// The receiver's side of one transfer: wants and proofs go in as they are said, frames and messages as they arrive.
///
/// After a [`Violation`] nothing of the sender's counts any more.
#[derive(Debug)]
pub struct Receiving {
    wanted: IndexSet,
    /// Files that may not be begun from their start any more.
    begun: IndexSet,
    /// Files of which something was here, but for those that were settled without a failure.
    claims: HashMap<u32, Claim>,
    /// How many of these are unproved, and have not failed.
    unproved: usize,
    open: Option<Open>,
    /// Files that are whole here or failed, as far as the stream goes.
    settled: u32,
}

/// Which bytes of a file a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// All of them.
    Whole,
    /// Those behind the longest of the lengths that were named.
    Rest,
    /// Those in front of the rest that were not proved.
    Missing,
}

/// A file of which something is here.
#[derive(Debug)]
struct Claim {
    /// Longest first.
    lengths: Vec<u64>,
    rest: Stage,
    /// Whether the sender has said the hashes.
    heard: bool,
    /// How much was proved, once that is said.
    proved: Option<u64>,
    missing: Stage,
    /// It failed at one side or the other; what is still on its way counts for nothing.
    failed: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Expected,
    Begun,
    /// It ended, or there is none.
    Over,
}

impl Claim {
    fn start(&self) -> u64 {
        self.lengths.first().copied().unwrap_or(0)
    }

    fn is_whole(&self) -> bool {
        self.rest == Stage::Over && self.proved.is_some() && self.missing == Stage::Over
    }
}

/// The run that the data stream is in.
#[derive(Debug, Clone, Copy)]
struct Open {
    file: u32,
    run: Run,
    position: u64,
    end: u64,
}

impl Receiving {
    /// A receiver's side of an offer of `entries` entries, of which nothing is asked for yet.
    #[must_use]
    pub fn new(entries: u32) -> Self {
        Self {
            wanted: IndexSet::new(entries),
            begun: IndexSet::new(entries),
            claims: HashMap::new(),
            unproved: 0,
            open: None,
            settled: 0,
        }
    }

    /// A file is about to be asked for, from its start.
    pub fn want(&mut self, file: u32) {
        self.wanted.insert(file);
    }

    /// A file of `size` bytes is about to be asked for, with prefixes of these lengths here, longest first.
    pub fn want_from(&mut self, file: u32, lengths: Vec<u64>, size: u64) {
        self.wanted.insert(file);
        self.begun.insert(file);
        let rest = match lengths.first() {
            Some(length) if *length == size => Stage::Over,
            Some(_) | None => Stage::Expected,
        };
        let claim = Claim {
            lengths,
            rest,
            heard: false,
            proved: None,
            missing: Stage::Over,
            failed: false,
        };
        self.claims.insert(file, claim);
        self.unproved += 1;
    }

    /// Files of which something is here and it is not said how much of it is right.
    #[must_use]
    pub const fn unproved(&self) -> usize {
        self.unproved
    }

    /// Whether the sender is still to say the hashes of a file, and they are of use.
    #[must_use]
    pub fn awaits_prefix(&self, file: u32) -> bool {
        let claim = self.claims.get(&file);
        claim.is_some_and(|claim| !claim.heard && !claim.failed)
    }

    /// Takes in that the sender says so many hashes of a file; whether they are of use.
    ///
    /// # Errors
    /// [`Violation`] where nothing was said to be here of it, where they are said twice, and where they are not one
    /// for each length.
    pub fn handle_prefix(&mut self, file: u32, hashes: usize) -> Result<bool, Violation> {
        let claim = self.claims.get_mut(&file);
        let claim = claim.ok_or(Violation("the hashes of what was not claimed"))?;
        if claim.heard || hashes != claim.lengths.len() {
            return Err(Violation(
                "hashes twice, or another number than was asked for",
            ));
        }
        claim.heard = true;
        Ok(!claim.failed)
    }

    /// It was just said that so much of a file is proved: 0, or one of its lengths.
    pub fn prove(&mut self, file: u32, length: u64) {
        let Some(claim) = self.claims.get_mut(&file) else {
            return;
        };
        if claim.failed || claim.proved.is_some() {
            return;
        }
        claim.proved = Some(length);
        if length < claim.start() {
            claim.missing = Stage::Expected;
        }
        self.unproved -= 1;
        self.settle(file);
    }

    /// It was just said that a file failed.
    pub fn fail(&mut self, file: u32) {
        let Some(claim) = self.claims.get_mut(&file) else {
            return;
        };
        if !std::mem::replace(&mut claim.failed, true) {
            self.unproved -= usize::from(claim.proved.is_none());
            self.settled += 1;
        }
    }

    /// Takes in a begin frame; `size` is the length of that entry, `None` where it is no file.
    ///
    /// # Errors
    /// [`Violation`] where the entry is no file, was not asked for or is begun again, where another is open, and where it
    /// begins where it should not.
    pub fn handle_begin(
        &mut self,
        file: u32,
        start: u64,
        size: Option<u64>,
    ) -> Result<Run, Violation> {
        let size = size.ok_or(Violation("data for something that is no file"))?;
        if self.open.is_some() {
            return Err(Violation("a file began inside another"));
        }
        if !self.wanted.contains(file) {
            return Err(Violation("a file that was not asked for"));
        }
        let (run, from, end) = match self.claims.get_mut(&file) {
            Some(claim) if claim.rest == Stage::Expected => {
                claim.rest = Stage::Begun;
                (Run::Rest, claim.start(), size)
            }
            Some(claim) if claim.missing == Stage::Expected => {
                claim.missing = Stage::Begun;
                (Run::Missing, claim.proved.unwrap_or(0), claim.start())
            }
            None if self.begun.insert(file) => (Run::Whole, 0, size),
            Some(_) | None => return Err(Violation("a file again")),
        };
        if start != from || from > end {
            return Err(Violation("a file began where nobody said it may"));
        }
        self.open = Some(Open {
            file,
            run,
            position: start,
            end,
        });
        Ok(run)
    }

    /// Takes in `length` bytes of the open run.
    ///
    /// # Errors
    /// [`Violation`] where no run is open, or it has more than it should.
    pub fn handle_data(&mut self, length: usize) -> Result<(), Violation> {
        self.handle_hole(length as u64)
    }

    /// Takes in a hole of `length` bytes of the open file.
    ///
    /// # Errors
    /// [`Violation`] where no file is open, or it is longer than was offered.
    pub fn handle_hole(&mut self, length: u64) -> Result<(), Violation> {
        let open = self.open.as_mut().ok_or(Violation("data of no file"))?;
        open.position = open.position.saturating_add(length);
        if open.position > open.end {
            return Err(Violation("more data than the file has"));
        }
        Ok(())
    }

    /// Takes in an end frame.
    ///
    /// # Errors
    /// [`Violation`] where no run is open, or it has less than it should.
    pub fn handle_end(&mut self) -> Result<(), Violation> {
        let open = self.open.take().ok_or(Violation("the end of no file"))?;
        if open.position != open.end {
            return Err(Violation("a file ended before its end"));
        }
        match (self.claims.get_mut(&open.file), open.run) {
            (Some(claim), Run::Rest) => claim.rest = Stage::Over,
            (Some(claim), Run::Missing) => claim.missing = Stage::Over,
            (Some(_), Run::Whole) | (None, _) => self.settled += 1,
        }
        self.settle(open.file);
        Ok(())
    }

    /// Takes in an abort frame.
    ///
    /// # Errors
    /// [`Violation`] where no run is open.
    pub fn handle_abort(&mut self) -> Result<(), Violation> {
        let open = self.open.take().ok_or(Violation("an abort of no file"))?;
        self.end_for_good(open.file);
        Ok(())
    }

    /// Takes in a refuse frame; whether the file had not failed before.
    ///
    /// # Errors
    /// [`Violation`] where a run is open, and where nothing of that file is to come.
    pub fn handle_refuse(&mut self, file: u32) -> Result<bool, Violation> {
        let expected = match self.claims.get(&file) {
            Some(claim) => {
                claim.rest == Stage::Expected
                    || claim.missing == Stage::Expected
                    || (claim.proved.is_none() && !claim.heard)
            }
            None => self.wanted.contains(file) && self.begun.insert(file),
        };
        if self.open.is_some() || !expected {
            return Err(Violation("the refusal of what is not to come"));
        }
        let failed = self.claims.get(&file).is_some_and(|claim| claim.failed);
        self.end_for_good(file);
        Ok(!failed)
    }

    /// Takes in the end of the stream.
    ///
    /// # Errors
    /// [`Violation`] where a run is open, or something that was asked for was not sent.
    pub fn handle_stream_end(&self) -> Result<(), Violation> {
        if self.open.is_some() || self.settled != self.wanted.count() {
            return Err(Violation("the stream ended before everything was sent"));
        }
        Ok(())
    }

    /// The sender gives the file up: nothing of it is to come, but hashes that are on their way.
    fn end_for_good(&mut self, file: u32) {
        match self.claims.get_mut(&file) {
            Some(claim) => {
                claim.rest = Stage::Over;
                claim.missing = Stage::Over;
                self.fail(file);
                if let Some(claim) = self.claims.get_mut(&file) {
                    claim.proved.get_or_insert(0);
                }
            }
            None => self.settled += 1,
        }
    }

    fn settle(&mut self, file: u32) {
        let whole = |claim: &Claim| !claim.failed && claim.is_whole();
        if self.claims.get(&file).is_some_and(whole) {
            self.claims.remove(&file);
            self.settled += 1;
        }
    }
}
