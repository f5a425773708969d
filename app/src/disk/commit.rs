//! Giving files their final names, many at once, so that 10,000 small files do not wait for the
//! disk 10,000 times.
//!
//! The order is what a power cut at any moment asks for: bytes on disk, then the name, then the
//! name on disk; only then is a file said to be verified.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{ModifiedTime, OthersAccess};

use super::existing::ExistingFile;
use super::folders::Folder;
use super::part::{PartFile, Wish};
use super::platform;
use super::refused::Refused;

/// Threads that sync files of one batch: a journaling file system joins what waits at the same time
/// into one commit, and 16 got within a few percent of 32.
const SYNC_THREADS: usize = 16;
/// A sync faster than this reached no disk, and waking threads for the others would cost more.
const FAST_SYNC: Duration = Duration::from_micros(200);

/// A file whose bytes are all here and match the sender's hash.
#[derive(Debug)]
pub struct Finished {
    /// Index of its entry.
    pub file: u32,
    /// Where its bytes are, and what is still to be done.
    pub content: Content,
    /// The final name: that which a part should have, or which the file has.
    pub name: SafeName<'static>,
}

/// Where the bytes of a finished file are.
#[derive(Debug)]
pub enum Content {
    /// In a part that gets its final name now.
    Part {
        /// The part.
        part: PartFile,
        /// Whether it takes the place of a file of the final name.
        replace: bool,
        /// The modification time it gets.
        modified: ModifiedTime,
        /// Whether it is a program.
        executable: bool,
        /// What others may do with it at the sender's.
        others: OthersAccess,
    },
    /// In a file that was there before. Who wrote it may not have waited for the disk.
    There {
        /// The file.
        file: ExistingFile,
        /// A part of it, which is of no use any more.
        part: Option<PartFile>,
    },
}

/// What became of one file of a batch.
#[derive(Debug)]
pub struct Committed {
    /// Index of its entry.
    pub file: u32,
    /// The name it has and where its bytes are from, or why it has none.
    pub outcome: io::Result<(SafeName<'static>, Origin)>,
}

/// Where the bytes of a file that is on disk are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From a part.
    Received {
        /// What the file system did not let it have.
        refused: Refused,
    },
    /// They were there before.
    There {
        /// How many.
        bytes: u64,
    },
}

/// Puts a batch on disk and gives its files their names; waits for the disk.
///
/// `touched` are folders that got new folders; their names become durable with the batch, or every file of
/// it fails: any may be in one of them.
///
/// What the system fails to put on disk is taken back: a part whose bytes failed is removed, and so is a
/// name whose folder failed, unless it took another file's place. Both would look whole from then on, as
/// long as the machine runs.
pub fn commit(batch: Vec<Finished>, touched: Vec<Folder>) -> Vec<Committed> {
    let sealed = seal(&batch);
    let mut folders = touched;
    let touched = folders.len();
    let mut committed = Vec::with_capacity(batch.len());
    let mut named = Vec::with_capacity(batch.len());
    for (finished, sealed) in batch.into_iter().zip(sealed) {
        let file = finished.file;
        let outcome = finish(finished, sealed).map(|named_file| {
            let NamedFile {
                name,
                folder,
                origin,
                owned,
            } = named_file;
            named.push(Named {
                index: committed.len(),
                folder: index_of(&mut folders, folder),
                owned,
            });
            (name, origin)
        });
        committed.push(Committed { file, outcome });
    }
    let synced: Vec<_> = folders
        .iter()
        .map(|folder| platform::sync_folder(folder.dir()))
        .collect();
    let above = synced[..touched]
        .iter()
        .find_map(|synced| synced.as_ref().err());
    for name in named {
        let Some(error) = above.or_else(|| synced[name.folder].as_ref().err()) else {
            continue;
        };
        let failed = Err(copy_of(error));
        let outcome = std::mem::replace(&mut committed[name.index].outcome, failed);
        if let (Ok((taken, _)), true) = (outcome, name.owned)
            && let Err(error) = folders[name.folder].dir().remove_file(&taken)
        {
            tracing::debug!(%error, "a name that may not be on disk could not be taken back");
        }
    }
    committed
}

/// Puts the names of folders on disk in which others were made.
///
/// # Errors
/// The first that the system gives for any of them; the others were tried.
pub fn sync_folders(touched: &[Folder]) -> io::Result<()> {
    let synced = touched
        .iter()
        .map(|folder| platform::sync_folder(folder.dir()));
    synced.fold(Ok(()), Result::and)
}

/// A file of a batch that has its final name.
struct Named {
    /// Its place in the batch.
    index: usize,
    /// The place of its folder.
    folder: usize,
    /// Whether the name stands for this file alone: it was free before.
    owned: bool,
}

/// A file with its final name, which may not yet be on disk.
struct NamedFile {
    name: SafeName<'static>,
    /// The folder to sync.
    folder: Folder,
    origin: Origin,
    /// Whether the name was free before.
    owned: bool,
}

/// Gives a file that is on disk its name.
fn finish(finished: Finished, sealed: io::Result<Refused>) -> io::Result<NamedFile> {
    match finished.content {
        Content::There { file, part } => {
            sealed?;
            if let Some(Err(error)) = part.map(PartFile::discard_with_shorter) {
                tracing::debug!(%error, "a part of what is here could not be removed");
            }
            Ok(NamedFile {
                name: finished.name,
                origin: Origin::There {
                    bytes: file.length(),
                },
                folder: file.into_folder(),
                owned: false,
            })
        }
        Content::Part {
            part,
            replace,
            executable,
            others,
            ..
        } => match sealed {
            Ok(sealed) => {
                let named = part.rename(&Wish {
                    name: &finished.name,
                    replace,
                    executable,
                    others,
                })?;
                Ok(NamedFile {
                    name: named.name,
                    folder: named.folder,
                    origin: Origin::Received {
                        refused: Refused {
                            mode: sealed.mode || named.refused.mode,
                            ..sealed
                        },
                    },
                    owned: named.is_new && !replace,
                })
            }
            Err(error) => {
                if let Err(error) = part.discard() {
                    tracing::debug!(%error, "a part that failed could not be removed");
                }
                Err(error)
            }
        },
    }
}

/// An error for another file with the same cause.
fn copy_of(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

impl Finished {
    /// Everything but the name; gives what the file system refuses of it.
    fn seal(&self) -> io::Result<Refused> {
        match &self.content {
            Content::There { file, .. } => file.sync().map(|()| Refused::default()),
            Content::Part {
                part,
                replace,
                modified,
                executable,
                others,
            } => {
                let wish = Wish {
                    name: &self.name,
                    replace: *replace,
                    executable: *executable,
                    others: *others,
                };
                part.seal(*modified, &wish)
            }
        }
    }
}

/// The place of `folder` among `folders`, put there if it is new. Files of a folder come in a row,
/// so it is nearly always the last.
fn index_of(folders: &mut Vec<Folder>, folder: Folder) -> usize {
    let known = folders.iter().rposition(|known| known.is(&folder));
    known.unwrap_or_else(|| {
        folders.push(folder);
        folders.len() - 1
    })
}

fn seal(batch: &[Finished]) -> Vec<io::Result<Refused>> {
    let started = Instant::now();
    let mut outcomes = Vec::with_capacity(batch.len());
    for finished in batch {
        outcomes.push(finished.seal());
        if started.elapsed() > FAST_SYNC * outcomes.len() as u32 {
            break;
        }
    }
    outcomes.extend(seal_together(&batch[outcomes.len()..]));
    outcomes
}

fn seal_together(batch: &[Finished]) -> Vec<io::Result<Refused>> {
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<Option<io::Result<Refused>>>> =
        Mutex::new(batch.iter().map(|_| None).collect());
    let work = || {
        while let Some((index, finished)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            batch.get(index).map(|finished| (index, finished))
        } {
            let outcome = finished.seal();
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes[index] = Some(outcome);
        }
    };
    thread::scope(|scope| {
        for _ in 1..SYNC_THREADS.min(batch.len()) {
            // Fewer threads than wished for are slower, no more: this one does the rest.
            let spawned = thread::Builder::new()
                .name("fardrop-sync".into())
                .spawn_scoped(scope, work);
            if spawned.is_err() {
                break;
            }
        }
        work();
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or_else(|| Err(io::ErrorKind::Other.into())))
        .collect()
}
