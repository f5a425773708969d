//! The files of which a receiver has something, as their sender knows them: what was claimed, told and settled.

use std::collections::HashMap;

use super::Violation;
use crate::limits::{CLAIMED_LIMIT, CLAIMS_LIMIT};

/// A sender's claims that are not settled.
#[derive(Debug)]
pub(super) struct Claims {
    open: HashMap<u32, Claim>,
    /// How many of them the receiver has not answered.
    unanswered: usize,
    /// Files that were given up before the answer came, which may still be on its way, and what it may say.
    given_up: HashMap<u32, Vec<u64>>,
}

#[derive(Debug)]
struct Claim {
    /// Longest first.
    lengths: Vec<u64>,
    told: bool,
    /// Whether what is behind the longest of the lengths is sent.
    rest_sent: bool,
    answered: bool,
    /// Where what is missing in front of that begins, until it is sent.
    missing_from: Option<u64>,
}

impl Claim {
    /// Where the rest of the file begins.
    fn start(&self) -> u64 {
        self.lengths.first().copied().unwrap_or(0)
    }

    const fn settled(&self) -> bool {
        self.rest_sent && self.answered && self.missing_from.is_none()
    }
}

/// What a receiver's word on a prefix comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// The file was given up meanwhile.
    Late,
    /// As much as was claimed is there; `settled` says whether that is all.
    Whole { settled: bool },
    /// Less is there: what is missing is to be sent.
    Missing,
}

impl Claims {
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::new(),
            unanswered: 0,
            given_up: HashMap::new(),
        }
    }

    /// Whether a receiver may say that it has such prefixes of a file of `size` bytes.
    pub(super) fn check(&self, lengths: &[u64], size: u64) -> Result<(), Violation> {
        if lengths.is_empty() || lengths.len() > CLAIMS_LIMIT {
            return Err(Violation("too few or too many claims"));
        }
        let falling = lengths.is_sorted_by(|longer, shorter| longer > shorter);
        if !falling || lengths.iter().any(|length| !(1..=size).contains(length)) {
            return Err(Violation(
                "claims out of order, or of more than the file has",
            ));
        }
        if self.unanswered >= CLAIMED_LIMIT {
            return Err(Violation("too many claims at once"));
        }
        Ok(())
    }

    /// Takes in a claim that was checked.
    pub(super) fn add(&mut self, file: u32, lengths: Vec<u64>, size: u64) {
        self.unanswered += 1;
        let rest_sent = lengths.first() == Some(&size);
        let claim = Claim {
            lengths,
            told: false,
            rest_sent,
            answered: false,
            missing_from: None,
        };
        self.open.insert(file, claim);
    }

    /// Whether something of the file is still to be sent or said.
    pub(super) fn contains(&self, file: u32) -> bool {
        self.open.contains_key(&file)
    }

    /// Where the rest of the file begins, if that is still to be sent.
    pub(super) fn rest_from(&self, file: u32) -> Option<u64> {
        let claim = self.open.get(&file)?;
        (!claim.rest_sent).then(|| claim.start())
    }

    /// What is missing of the prefix of the file, from where to where, if that is known and still to be sent, and all
    /// behind it is sent.
    pub(super) fn missing(&self, file: u32) -> Option<(u64, u64)> {
        let claim = self.open.get(&file).filter(|claim| claim.rest_sent)?;
        Some((claim.missing_from?, claim.start()))
    }

    /// The lengths at which the file is to be hashed.
    pub(super) fn lengths(&self, file: u32) -> Option<&[u64]> {
        let claim = self.open.get(&file)?;
        (!claim.told).then_some(claim.lengths.as_slice())
    }

    /// The receiver is about to be told the hashes; whether it is still to be.
    pub(super) fn tell(&mut self, file: u32) -> bool {
        let claim = self.open.get_mut(&file);
        claim.is_some_and(|claim| !std::mem::replace(&mut claim.told, true))
    }

    /// Takes in the receiver's answer.
    pub(super) fn answer(&mut self, file: u32, length: u64) -> Result<Answered, Violation> {
        let Some(claim) = self.open.get_mut(&file) else {
            let lengths = self.given_up.remove(&file);
            let lengths = lengths.ok_or(Violation("a proof of what was not claimed"))?;
            return check_proof(&lengths, length).map(|()| Answered::Late);
        };
        if !claim.told || claim.answered {
            return Err(Violation("a proof before the hashes, or a second one"));
        }
        check_proof(&claim.lengths, length)?;
        claim.answered = true;
        self.unanswered -= 1;
        if length < claim.start() {
            claim.missing_from = Some(length);
            return Ok(Answered::Missing);
        }
        let settled = self.remove_settled(file);
        Ok(Answered::Whole { settled })
    }

    /// The run that was begun is sent to its end; whether that was the last thing to be done for the file.
    pub(super) fn end_run(&mut self, file: u32) -> bool {
        if let Some(claim) = self.open.get_mut(&file) {
            if claim.rest_sent {
                claim.missing_from = None;
            } else {
                claim.rest_sent = true;
            }
        }
        self.remove_settled(file)
    }

    /// Nothing more comes of the file.
    pub(super) fn give_up(&mut self, file: u32) {
        let Some(claim) = self.open.remove(&file) else {
            return;
        };
        if !claim.answered {
            self.unanswered -= 1;
        }
        if claim.told && !claim.answered {
            self.given_up.insert(file, claim.lengths);
        }
    }

    /// Whether everything claimed is sent, said and answered, or given up.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn remove_settled(&mut self, file: u32) -> bool {
        let settled = self.open.get(&file).is_some_and(Claim::settled);
        if settled {
            self.open.remove(&file);
        }
        settled
    }
}

/// Whether so much may be proved of a file that has these prefixes.
fn check_proof(lengths: &[u64], length: u64) -> Result<(), Violation> {
    if length != 0 && !lengths.contains(&length) {
        return Err(Violation("a proof of another length than was claimed"));
    }
    Ok(())
}
