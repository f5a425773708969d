//! The receiver's committing thread: whole files are put on disk and get their names, many at once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::{io, thread};

use super::job::Job;
use super::open_files::OpenLimits;
use crate::disk::{Finished, Folder, Origin, commit, write_reason};

/// Local: batches of files that wait for the committing thread.
const BATCHES_WAITING: usize = 1;

/// Files that are whole, and folders that got new ones.
pub(super) type Batch = (Vec<Finished>, Vec<Folder>);

/// Starts the committing thread, which ends once nobody can give it a batch any more.
pub(super) fn start_committing(
    job: &Arc<Job>,
    limits: OpenLimits,
) -> io::Result<(SyncSender<Batch>, JoinHandle<()>)> {
    let (batches, waiting) = sync_channel(BATCHES_WAITING);
    let job = Arc::clone(job);
    let committer = thread::Builder::new()
        .name("fardrop-commit".into())
        .spawn(move || commit_batches(&job, &waiting, limits))?;
    Ok((batches, committer))
}

/// The committing thread: takes what waits, puts it on disk, says what became of it.
fn commit_batches(job: &Job, waiting: &Receiver<Batch>, limits: OpenLimits) {
    let mut cursor = job.manifest.cursor();
    while let Ok((mut batch, mut touched)) = waiting.recv() {
        while batch.len() < limits.commit
            && let Ok((more, folders)) = waiting.try_recv()
        {
            batch.extend(more);
            touched.extend(folders);
        }
        let closing = job.committing.closing(batch.len());
        let committed = commit(batch, touched);
        drop(closing);
        for committed in committed {
            // It was begun, so it is there.
            let Some(entry) = cursor.entry(&job.manifest, committed.file) else {
                continue;
            };
            match committed.outcome {
                Ok((name, origin)) => {
                    tracing::trace!(%name, "verified and on disk");
                    let place = entry.place.as_ref().unwrap_or(&name);
                    job.state.note_place(place, &name);
                    job.landed.note(committed.file, place, &name);
                    match origin {
                        Origin::Received { refused } => {
                            job.state.note_refused(place, refused);
                            job.state.note_verified();
                        }
                        Origin::There { bytes } => job.state.note_skipped(bytes),
                    }
                }
                Err(error) => {
                    job.state
                        .fail(committed.file, entry.path, write_reason(&error));
                }
            }
        }
    }
}
