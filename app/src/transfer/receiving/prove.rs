//! The receiver's proving thread: hashes what is here beside the writing of what arrives, and holds it against the
//! sender's hashes.

use std::io;
use std::sync::mpsc::Receiver;

use fardrop_shared::name::SafeName;
use tokio::sync::mpsc;

use super::job::Job;
use super::runs::Proof;
use super::work::Work;
use crate::disk::{ExistingFile, Folders, KeptBytes};

/// A file of which something is here that may be right.
#[derive(Debug)]
pub(super) struct Unproved {
    pub(super) file: u32,
    pub(super) place: SafeName<'static>,
    pub(super) size: u64,
    /// What the sender was told, longest first.
    pub(super) lengths: Vec<u64>,
    /// What a part has.
    pub(super) part: Option<KeptBytes>,
    /// How many bytes.
    pub(super) kept: u64,
    /// Files of the whole size: the bit of 1 for the name itself, that of 2^n for `name (n)`.
    pub(super) numbers: u32,
}

/// Proves what it is given, one after the other, until there is no more; `proofs` gets what comes of it.
pub(super) fn prove(
    job: &Job,
    mut folders: Folders,
    unproved: &Receiver<Unproved>,
    proofs: &mpsc::Sender<Work>,
) {
    while let Ok(unproved) = unproved.recv() {
        let file = unproved.file;
        let proved = prove_file(job, &mut folders, &unproved);
        job.state
            .proving()
            .settle(job.to_prove(file, unproved.size));
        match proved {
            Ok(Some(proof)) => {
                if proofs.blocking_send(Work::Proof(Box::new(proof))).is_err() {
                    return;
                }
            }
            // The sender has given it up, or it has failed here.
            Ok(None) => {}
            // Only the end of the transfer stops it.
            Err(error) => {
                tracing::trace!(%error, file, "the proof was stopped");
                return;
            }
        }
    }
}

/// What is right of a file; `None` where the sender does not say what it should be.
fn prove_file(job: &Job, folders: &mut Folders, unproved: &Unproved) -> io::Result<Option<Proof>> {
    let go_on = |read| {
        job.state.proving().note_read(read);
        !job.state.over()
    };
    let mut candidates = Candidates {
        job,
        folders,
        unproved,
        next: 0,
    };
    // As much as is likely to be needed is hashed while the sender does the same.
    let mut candidate = candidates.next(&go_on)?;
    let ours = match &unproved.part {
        // What cannot be read is not there.
        Some(part) => readable(part.hashes(unproved.kept_lengths(), &go_on))?,
        None => None,
    };
    let Some(theirs) = job.state.wait_for_prefix(unproved.file) else {
        return if job.state.over() {
            Err(io::ErrorKind::Interrupted.into())
        } else {
            Ok(None)
        };
    };
    let file = unproved.file;
    while let Some((existing, name, hash)) = candidate {
        if theirs.first().is_some_and(|theirs| hash == *theirs) {
            return Ok(Some(Proof {
                file,
                length: unproved.size,
                there: Some((existing, name)),
            }));
        }
        candidate = candidates.next(&go_on)?;
    }
    let kept = unproved.kept_lengths();
    let theirs = &theirs[unproved.lengths.len() - kept.len()..];
    let ours = ours.unwrap_or_default();
    let agreed = ours
        .iter()
        .zip(theirs)
        .position(|(one, other)| one == other);
    Ok(Some(Proof {
        file,
        length: agreed.map_or(0, |agreed| kept[agreed]),
        there: None,
    }))
}

impl Unproved {
    /// Those of the lengths that its part has.
    fn kept_lengths(&self) -> &[u64] {
        let longer = self
            .lengths
            .iter()
            .take_while(|length| **length > self.kept);
        &self.lengths[longer.count()..]
    }
}

/// Files of the offered size that may be what is offered.
struct Candidates<'a> {
    job: &'a Job,
    folders: &'a mut Folders,
    unproved: &'a Unproved,
    next: u32,
}

impl Candidates<'_> {
    /// The next of them, its name and its hash.
    fn next(
        &mut self,
        go_on: &dyn Fn(u64) -> bool,
    ) -> io::Result<Option<(ExistingFile, SafeName<'static>, blake3::Hash)>> {
        while self.next < u32::BITS {
            let number = self.next;
            self.next += 1;
            if self.unproved.numbers & (1 << number) == 0 {
                continue;
            }
            let name = self.unproved.place.file_name().numbered(number);
            let parent = self.unproved.place.parent();
            let opened = self.job.with_room(|| {
                let folder = self.folders.open(parent.as_ref())?;
                ExistingFile::open(&folder, &name, self.unproved.size)
            });
            if let Ok(Some(existing)) = opened
                && let Some(hash) = readable(existing.hash(go_on))?
            {
                return Ok(Some((existing, name, hash)));
            }
        }
        Ok(None)
    }
}

/// What was read, if it could be; an error only where it was stopped.
fn readable<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
        Err(error) => {
            tracing::debug!(%error, "what is here cannot be read");
            Ok(None)
        }
    }
}
