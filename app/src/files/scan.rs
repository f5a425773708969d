//! Walking the given paths. Only metadata is looked at; no file is opened.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io, iter, thread, vec};

use fardrop_shared::limits::MAX_OFFER_ENTRIES;
use fardrop_shared::name::{NameError, fold, lossy, numbered};
use fardrop_shared::offer::{
    Entry, EntryKind, LeftOutCount, ManifestBuilder, NameChecker, OfferError,
};
use rand::rngs::OsRng;
use tokio::sync::oneshot;

use super::found::{ScanError, ScanWarning, Scanned, ScannedItem};
use super::large::LargeFolders;
use super::left_out::left_out_names;
use super::links::{FoundLink, Links};
use super::metadata::{holes, is_executable, may_read, modified, others_access};
use super::{OfferSource, Root, origin, process_secret, to_bytes};

/// Most warnings kept, so that they can be listed: some ten megabytes. The rest are counted.
const WARNINGS_KEPT: usize = 100_000;

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
        links: Links::default(),
        large: LargeFolders::default(),
        stopped,
    };
    let mut roots = Vec::with_capacity(paths.len());
    let mut items = Vec::with_capacity(paths.len());
    let mut taken = HashSet::new();
    let mut offered = HashMap::new();
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
        offered.insert(canonical.clone(), name.clone());
        let (before, left_out) = (walker.builder.totals(), walker.left_out.things);
        walker.links.begin_item();
        walker.argument(canonical, &name, metadata)?;
        let after = walker.builder.totals();
        if after.entries() > before.entries() {
            roots.push(Root {
                path: canonical.clone(),
                name: name.clone(),
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
    walker.add_links(&roots, &mut items)?;
    let entries = walker.builder.totals().entries();
    let manifest = walker.builder.finish();
    let manifest = manifest.map_err(|limit| walker.large.refuse(limit, entries, iter::empty()))?;
    Ok(Scanned {
        source: OfferSource {
            origin: origin(process_secret(), &roots),
            manifest,
            roots,
            left_out: walker.left_out,
            left_out_names: left_out_names(&walker.warnings, &offered),
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
    links: Links,
    large: LargeFolders,
    stopped: &'a dyn Fn() -> bool,
}

/// A folder being walked.
struct Level {
    /// Names still to come, in order.
    names: vec::IntoIter<OsString>,
    /// Bytes of the relative path that lead to it.
    relative_length: usize,
    /// Entries that were found before what is in it.
    before: u32,
}

/// What a name stands for.
enum Found {
    File(Metadata),
    Folder(Metadata),
    /// A link to a file or folder of this path, which is inside what was named.
    Link(Metadata, PathBuf),
}

/// Why a walk does not go on.
enum Stop {
    /// It was asked to stop.
    Wished,
    /// A bound was passed.
    Bound(OfferError),
}

impl Walker<'_> {
    /// One of the given paths, with all that is in it, under `name`.
    fn argument(&mut self, path: &Path, name: &[u8], metadata: &Metadata) -> Result<(), ScanError> {
        let mut path = path.to_path_buf();
        let mut levels = Vec::new();
        let outcome = self.walk_argument(&mut path, name, metadata, &mut levels);
        outcome.map_err(|stop| match stop {
            Stop::Wished => ScanError::Stopped,
            Stop::Bound(limit) => {
                let found = self.found();
                let folders = path.ancestors().skip(1).zip(levels.iter().rev());
                let open = folders.map(|(folder, level)| (folder, found - level.before));
                self.large.refuse(limit, found, open)
            }
        })
    }

    /// Goes through one of the given paths. `path` is where it is, and `levels` are the folders that it is in.
    fn walk_argument(
        &mut self,
        path: &mut PathBuf,
        name: &[u8],
        metadata: &Metadata,
        levels: &mut Vec<Level>,
    ) -> Result<(), Stop> {
        let mut relative = name.to_owned();
        if metadata.is_file() {
            if let Err(error) = may_read(path, metadata) {
                self.warn(ScanWarning::Unreadable(path.clone(), error.kind()));
                return Ok(());
            }
            self.add(path, &relative, metadata)?;
            return Ok(());
        }
        if !metadata.is_dir() {
            self.warn(ScanWarning::Special(path.clone()));
            return Ok(());
        }
        if self.add(path, &relative, metadata)? {
            levels.extend(self.enter(path, relative.len()));
        }
        while let Some(level) = levels.last_mut() {
            if (self.stopped)() {
                return Err(Stop::Wished);
            }
            let Some(name) = level.names.next() else {
                self.large.note(path, self.found() - level.before);
                levels.pop();
                path.pop();
                continue;
            };
            relative.truncate(level.relative_length);
            path.push(&name);
            match self.name(path, &name, &mut relative)? {
                Some(level) => levels.push(level),
                None => _ = path.pop(),
            }
        }
        Ok(())
    }

    /// Files, folders and links so far.
    fn found(&self) -> u32 {
        // The links are not more than entries may be.
        self.builder.totals().entries() + self.links.count() as u32
    }

    /// Adds the links, behind all that they may lead to.
    fn add_links(&mut self, roots: &[Root], items: &mut [ScannedItem]) -> Result<(), ScanError> {
        let found = self.found();
        for (item, link, target) in self.links.resolve(roots, &self.builder) {
            let outcome = match target {
                Some(target) => self
                    .push(link.entry(target))
                    .map(|added| added.map_err(Some)),
                None => Ok(Err(None)),
            };
            let refused = match outcome {
                Ok(Ok(())) => continue,
                Ok(Err(Some(refused))) => ScanWarning::NameRefused(link.path, refused),
                Ok(Err(None)) => ScanWarning::LinkLeftOut(link.path),
                Err(limit) => return Err(self.large.refuse(limit, found, iter::empty())),
            };
            self.warn(refused);
            items[item].left_out += 1;
        }
        Ok(())
    }

    /// One name in a folder; the level below it if it is a folder itself.
    fn name(
        &mut self,
        path: &Path,
        name: &OsString,
        relative: &mut Vec<u8>,
    ) -> Result<Option<Level>, Stop> {
        let Some(name) = to_bytes(name) else {
            self.warn(ScanWarning::NameNotUnicode(path.to_path_buf()));
            return Ok(None);
        };
        relative.push(b'/');
        relative.extend(name);
        match self.look(path) {
            Ok(Found::File(metadata)) => {
                self.add(path, relative, &metadata)?;
                Ok(None)
            }
            Ok(Found::Link(metadata, target)) => {
                if self.found() >= MAX_OFFER_ENTRIES {
                    return Err(Stop::Bound(OfferError::TooManyEntries));
                }
                self.links.push(FoundLink {
                    path: path.to_path_buf(),
                    relative: relative.clone(),
                    target,
                    modified: modified(&metadata),
                });
                Ok(None)
            }
            Ok(Found::Folder(metadata)) => match self.check_and_add(path, relative, &metadata)? {
                Ok(()) => Ok(self.enter(path, relative.len())),
                Err(refused) => {
                    self.leave_out_below(path, refused)?;
                    Ok(None)
                }
            },
            Err(warning) => {
                self.warn(warning);
                Ok(None)
            }
        }
    }

    /// What stands under a name: a link as one, where it leads to something inside.
    fn look(&self, path: &Path) -> Result<Found, ScanWarning> {
        let unreadable =
            |error: io::Error| ScanWarning::Unreadable(path.to_path_buf(), error.kind());
        let metadata = path.symlink_metadata().map_err(unreadable)?;
        if metadata.is_symlink() {
            let target = path
                .canonicalize()
                .map_err(|_| ScanWarning::LinkBroken(path.to_path_buf()))?;
            if !self.roots.iter().any(|(root, _)| target.starts_with(root)) {
                return Err(ScanWarning::LinkOutside(path.to_path_buf()));
            }
            if path.starts_with(&target) {
                return Err(ScanWarning::LinkLoop(path.to_path_buf()));
            }
            let there = target.metadata().map_err(unreadable)?;
            if !there.is_file() && !there.is_dir() {
                return Err(ScanWarning::Special(path.to_path_buf()));
            }
            Ok(Found::Link(metadata, target))
        } else if metadata.is_file() {
            may_read(path, &metadata).map_err(unreadable)?;
            Ok(Found::File(metadata))
        } else if metadata.is_dir() {
            Ok(Found::Folder(metadata))
        } else {
            Err(ScanWarning::Special(path.to_path_buf()))
        }
    }

    /// Counts what is in a folder that is left out, each thing by itself. No link is followed.
    fn leave_out_below(&mut self, folder: &Path, refused: NameError) -> Result<(), Stop> {
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
                    return Err(Stop::Wished);
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
    fn add(&mut self, path: &Path, relative: &[u8], metadata: &Metadata) -> Result<bool, Stop> {
        Ok(self.check_and_add(path, relative, metadata)?.is_ok())
    }

    /// Adds an entry, unless a receiver would refuse its name, and then says why. A file that is in the offer under
    /// another name is added as that.
    fn check_and_add(
        &mut self,
        path: &Path,
        relative: &[u8],
        metadata: &Metadata,
    ) -> Result<Result<(), NameError>, Stop> {
        let kind = if metadata.is_dir() {
            EntryKind::Folder
        } else if let Some(first) = self.links.first_name(metadata) {
            EntryKind::SameFile { first }
        } else {
            EntryKind::File {
                size: metadata.len(),
                holes: holes(metadata),
                executable: is_executable(metadata),
            }
        };
        let entry = Entry {
            path: relative,
            kind,
            modified: modified(metadata),
            others: others_access(metadata),
        };
        let index = self.builder.totals().entries();
        match self.push(entry).map_err(Stop::Bound)? {
            Ok(()) => {
                if matches!(kind, EntryKind::File { .. }) {
                    self.links.note_file(metadata, index);
                }
                Ok(Ok(()))
            }
            Err(refused) => {
                self.warn(ScanWarning::NameRefused(path.to_path_buf(), refused));
                Ok(Err(refused))
            }
        }
    }

    /// Adds an entry, unless a receiver would refuse its name, and then says why.
    fn push(&mut self, entry: Entry<'_>) -> Result<Result<(), NameError>, OfferError> {
        match self.names.check(entry) {
            Ok(()) => Ok(Ok(self.builder.push(entry)?)),
            Err(NameError::TooMany) => Err(OfferError::TooManyEntries),
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Lists a folder; `None`, with a warning, if that cannot be done.
    fn enter(&mut self, path: &Path, relative_length: usize) -> Option<Level> {
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
                    relative_length,
                    before: self.found(),
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
