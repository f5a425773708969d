//! Walking the given paths. Only metadata is looked at; no file is opened.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, thread, vec};

use fardrop_shared::name::{NameError, fold, lossy, numbered};
use fardrop_shared::offer::{
    Entry, EntryKind, LeftOutCount, ManifestBuilder, ModifiedTime, NameChecker, OfferError,
    OthersAccess,
};
use rand::rngs::OsRng;
use thiserror::Error;
use tokio::sync::oneshot;

use super::{OfferSource, Root, to_bytes};

/// Most warnings kept, so that they can be listed: some ten megabytes. The rest are counted.
const WARNINGS_KEPT: usize = 100_000;

/// Something that is left out of an offer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanWarning {
    /// A link that leads out of the offer.
    LinkOutside(PathBuf),
    /// A link that leads nowhere.
    LinkBroken(PathBuf),
    /// A link that leads back to a folder it is in.
    LinkLoop(PathBuf),
    /// Neither a file nor a folder: a pipe, a socket, a device.
    Special(PathBuf),
    /// A name that only this system can have: on Windows, one that is not Unicode.
    NameNotUnicode(PathBuf),
    /// A name that a receiver would refuse, with the reason.
    NameRefused(PathBuf, NameError),
    /// Something that cannot be read.
    Unreadable(PathBuf, io::ErrorKind),
    /// A folder that cannot be listed, and so what is in it, which cannot be counted.
    FolderUnreadable(PathBuf, io::ErrorKind),
    /// Something in a folder that is left out, with the reason for the folder.
    InLeftOut(PathBuf, NameError),
}

/// Why there is no offer.
#[derive(Debug, Error)]
pub enum ScanError {
    /// One of the paths given cannot be sent at all.
    #[error("cannot read {path}: {error}", path = .path.display())]
    Argument {
        /// The path as given.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// One of the paths given has no name to send it under.
    #[error("{} has no name that can be sent", .0.display())]
    ArgumentName(PathBuf),
    /// A bound was passed.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// What a walk found.
#[derive(Debug)]
pub struct Scanned {
    /// The offer.
    pub source: OfferSource,
    /// What was left out, each thing by itself, the first hundred thousand.
    pub warnings: Vec<ScanWarning>,
    /// What came of each of the paths given, in their order.
    pub items: Vec<ScannedItem>,
}

/// What came of one of the paths given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedItem {
    /// The name it is offered under.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Regular files that are offered of it.
    pub files: u32,
    /// Their bytes together.
    pub bytes: u64,
    /// How many things in it are left out.
    pub left_out: u64,
}

/// Walks `paths` on a thread of its own. Dropping the receiver stops the walk.
///
/// # Errors
///
/// What the system says when there is no such thread.
pub fn scan_in_background(
    paths: Vec<PathBuf>,
) -> io::Result<oneshot::Receiver<Result<Scanned, ScanError>>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("fardrop-scan".into())
        .spawn(move || {
            let outcome = walk(&paths, &|| sender.is_closed());
            // Nobody waits for it any more if this fails.
            let _ = sender.send(outcome);
        })?;
    Ok(receiver)
}

/// Walks `paths` into an offer.
///
/// # Errors
///
/// A [`ScanError`]; [`ScanError::Stopped`] soon after `stop` is set.
pub fn scan(paths: &[PathBuf], stop: &AtomicBool) -> Result<Scanned, ScanError> {
    walk(paths, &|| stop.load(Ordering::Relaxed))
}

fn walk(paths: &[PathBuf], stopped: &dyn Fn() -> bool) -> Result<Scanned, ScanError> {
    let mut arguments = Vec::with_capacity(paths.len());
    for path in paths {
        let argument = |error| ScanError::Argument {
            path: path.clone(),
            error,
        };
        let canonical = path.canonicalize().map_err(argument)?;
        let metadata = canonical.metadata().map_err(argument)?;
        arguments.push((canonical, metadata));
    }
    let mut walker = Walker {
        roots: &arguments,
        builder: ManifestBuilder::new(),
        names: NameChecker::new(&mut OsRng),
        warnings: Vec::new(),
        left_out: LeftOutCount::default(),
        stopped,
    };
    let mut roots = Vec::with_capacity(paths.len());
    let mut items = Vec::with_capacity(paths.len());
    let mut taken = std::collections::HashSet::new();
    for (path, (canonical, metadata)) in paths.iter().zip(&arguments) {
        let name =
            argument_name(path, canonical).ok_or_else(|| ScanError::ArgumentName(path.clone()))?;
        // Case and form are folded as far as any receiver's file system may do it.
        let free = (0..)
            .map(|number| match number {
                0 => name.clone(),
                number => numbered(&name, number),
            })
            .take(paths.len())
            .find(|name| taken.insert(fold(name, true, true).into_owned()));
        let name = free.unwrap_or(name);
        let (before, left_out) = (walker.builder.totals(), walker.left_out.things);
        walker.argument(canonical, &name, metadata)?;
        let after = walker.builder.totals();
        if after.entries() > before.entries() {
            roots.push(Root {
                path: canonical.clone(),
                first: before.entries(),
            });
        }
        items.push(ScannedItem {
            name: lossy(&name).into_owned(),
            folder: metadata.is_dir(),
            files: after.files - before.files,
            bytes: after.bytes - before.bytes,
            left_out: walker.left_out.things - left_out,
        });
    }
    Ok(Scanned {
        source: OfferSource {
            manifest: walker.builder.finish()?,
            roots,
            left_out: walker.left_out,
        },
        warnings: walker.warnings,
        items,
    })
}

/// The name an argument is sent under: its own, or what `.` and `..` stand for.
fn argument_name(path: &Path, canonical: &Path) -> Option<Vec<u8>> {
    let name = path.file_name().or_else(|| canonical.file_name())?;
    to_bytes(name).map(<[u8]>::to_vec)
}

struct Walker<'a> {
    roots: &'a [(PathBuf, Metadata)],
    builder: ManifestBuilder,
    names: NameChecker,
    warnings: Vec<ScanWarning>,
    left_out: LeftOutCount,
    stopped: &'a dyn Fn() -> bool,
}

/// A folder being walked.
struct Level {
    /// Names still to come, in order.
    names: vec::IntoIter<OsString>,
    /// Its canonical path.
    canonical: PathBuf,
    /// Bytes of the relative path that lead to it.
    relative_length: usize,
}

/// What a name stands for once links are followed.
enum Found {
    File(Metadata),
    Folder(Metadata, PathBuf),
}

impl Walker<'_> {
    /// One of the given paths, with all that is in it, under `name`.
    fn argument(&mut self, path: &Path, name: &[u8], metadata: &Metadata) -> Result<(), ScanError> {
        let mut path = path.to_path_buf();
        let mut relative = name.to_owned();
        if metadata.is_file() {
            if let Err(error) = may_read(&path) {
                self.warn(ScanWarning::Unreadable(path, error.kind()));
                return Ok(());
            }
            self.add(&path, &relative, metadata)?;
            return Ok(());
        }
        if !metadata.is_dir() {
            self.warn(ScanWarning::Special(path));
            return Ok(());
        }
        let mut levels = Vec::new();
        if self.add(&path, &relative, metadata)? {
            levels.extend(self.enter(&path, path.clone(), relative.len()));
        }
        while let Some(level) = levels.last_mut() {
            if (self.stopped)() {
                return Err(ScanError::Stopped);
            }
            let Some(name) = level.names.next() else {
                levels.pop();
                path.pop();
                continue;
            };
            relative.truncate(level.relative_length);
            path.push(&name);
            let entered = self.name(&path, &name, &mut relative, &levels)?;
            match entered {
                Some(level) => levels.push(level),
                None => _ = path.pop(),
            }
        }
        Ok(())
    }

    /// One name in a folder; the level below it if it is a folder itself.
    fn name(
        &mut self,
        path: &Path,
        name: &OsString,
        relative: &mut Vec<u8>,
        levels: &[Level],
    ) -> Result<Option<Level>, ScanError> {
        let Some(name) = to_bytes(name) else {
            self.warn(ScanWarning::NameNotUnicode(path.to_path_buf()));
            return Ok(None);
        };
        relative.push(b'/');
        relative.extend(name);
        match self.look(path, levels) {
            Ok(Found::File(metadata)) => {
                self.add(path, relative, &metadata)?;
                Ok(None)
            }
            Ok(Found::Folder(metadata, canonical)) => {
                match self.check_and_add(path, relative, &metadata)? {
                    Ok(()) => Ok(self.enter(path, canonical, relative.len())),
                    Err(refused) => {
                        self.leave_out_below(path, refused)?;
                        Ok(None)
                    }
                }
            }
            Err(warning) => {
                self.warn(warning);
                Ok(None)
            }
        }
    }

    /// What stands under a name, links followed where they stay inside.
    fn look(&self, path: &Path, levels: &[Level]) -> Result<Found, ScanWarning> {
        let unreadable =
            |error: io::Error| ScanWarning::Unreadable(path.to_path_buf(), error.kind());
        let metadata = path.symlink_metadata().map_err(unreadable)?;
        let parent = levels.last().map(|level| level.canonical.as_path());
        let (metadata, canonical) = if metadata.is_symlink() {
            let target = path
                .canonicalize()
                .map_err(|_| ScanWarning::LinkBroken(path.to_path_buf()))?;
            if !self.roots.iter().any(|(root, _)| target.starts_with(root)) {
                return Err(ScanWarning::LinkOutside(path.to_path_buf()));
            }
            (target.metadata().map_err(unreadable)?, target)
        } else {
            let name = path.file_name().unwrap_or_default();
            (
                metadata,
                parent.map_or_else(PathBuf::new, |parent| parent.join(name)),
            )
        };
        if metadata.is_file() {
            may_read(path).map_err(unreadable)?;
            Ok(Found::File(metadata))
        } else if !metadata.is_dir() {
            Err(ScanWarning::Special(path.to_path_buf()))
        } else if levels.iter().any(|level| level.canonical == canonical) {
            Err(ScanWarning::LinkLoop(path.to_path_buf()))
        } else {
            Ok(Found::Folder(metadata, canonical))
        }
    }

    /// Counts what is in a folder that is left out, each thing by itself. No link is followed.
    fn leave_out_below(&mut self, folder: &Path, refused: NameError) -> Result<(), ScanError> {
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.warn_closed(&folder, &error);
                    continue;
                }
            };
            for entry in entries {
                if (self.stopped)() {
                    return Err(ScanError::Stopped);
                }
                match entry {
                    Ok(entry) => {
                        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                            folders.push(entry.path());
                        }
                        self.warn(ScanWarning::InLeftOut(entry.path(), refused));
                    }
                    Err(error) => self.warn_closed(&folder, &error),
                }
            }
        }
        Ok(())
    }

    /// Adds an entry, unless a receiver would refuse its name; whether it was added.
    fn add(
        &mut self,
        path: &Path,
        relative: &[u8],
        metadata: &Metadata,
    ) -> Result<bool, ScanError> {
        Ok(self.check_and_add(path, relative, metadata)?.is_ok())
    }

    /// Adds an entry, unless a receiver would refuse its name, and then says why.
    fn check_and_add(
        &mut self,
        path: &Path,
        relative: &[u8],
        metadata: &Metadata,
    ) -> Result<Result<(), NameError>, ScanError> {
        let kind = if metadata.is_dir() {
            EntryKind::Folder
        } else {
            EntryKind::File {
                size: metadata.len(),
                executable: is_executable(metadata),
            }
        };
        let entry = Entry {
            path: relative,
            kind,
            // Every system here says when; one that does not has it at 1970.
            modified: metadata
                .modified()
                .map_or_else(|_| ModifiedTime::default(), ModifiedTime::from),
            others: others_access(metadata),
        };
        if let Err(refused) = self.names.check(entry) {
            self.warn(ScanWarning::NameRefused(path.to_path_buf(), refused));
            return Ok(Err(refused));
        }
        self.builder.push(entry)?;
        Ok(Ok(()))
    }

    /// Lists a folder; `None`, with a warning, if that cannot be done.
    fn enter(&mut self, path: &Path, canonical: PathBuf, relative_length: usize) -> Option<Level> {
        let names: io::Result<Vec<_>> = fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect()
        });
        match names {
            Ok(mut names) => {
                names.sort_unstable();
                Some(Level {
                    names: names.into_iter(),
                    canonical,
                    relative_length,
                })
            }
            Err(error) => {
                self.warn_closed(path, &error);
                None
            }
        }
    }

    /// A folder cannot be listed, to its end or at all. Its own name may be offered; what is in it is not.
    fn warn_closed(&mut self, folder: &Path, error: &io::Error) {
        self.left_out.closed_folders += 1;
        self.warn(ScanWarning::FolderUnreadable(
            folder.to_path_buf(),
            error.kind(),
        ));
    }

    fn warn(&mut self, warning: ScanWarning) {
        self.left_out.things += 1;
        if self.warnings.len() < WARNINGS_KEPT {
            self.warnings.push(warning);
        }
    }
}

/// Fails where this person may not read a file, as far as the system says so without opening it.
fn may_read(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Access, AtFlags, CWD, accessat};
        match accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS) {
            Err(error @ rustix::io::Errno::ACCESS) => Err(error.into()),
            // Whatever else there is comes up when it is read.
            _ => Ok(()),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// Whether the file's owner may execute it.
fn is_executable(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// What others than its owner may do with it. Lists of access beyond the mode are not looked at.
fn others_access(metadata: &Metadata) -> OthersAccess {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        OthersAccess::from_mode(metadata.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        OthersAccess::ALL
    }
}
