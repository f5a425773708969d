//! Folders as the window's own picker shows them, read where no frame waits for a disk.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::UNIX_EPOCH;

use super::{DesktopError, Outbox};
use crate::desktop::request::{
    DesktopReply, DesktopRequest, EntryKind, FolderAnswer, FolderContents, FolderEntry,
    FolderQuestion, Hidden, Kinds, Place, PlaceKind,
};

/// Entries that are told of. More than anybody looks through; a search finds the others.
pub(super) const ENTRIES_TOLD: usize = 10_000;

/// Entries that are put in order; those that a disk names after so many are only counted.
const ENTRIES_SORTED: usize = 200_000;

/// Drives that are told of.
const DRIVES_TOLD: usize = 8;

/// Stands for the person's own folder, at the beginning of a path.
const HOME: &str = "~";

/// What is to be done.
#[derive(Debug)]
pub(super) enum Job {
    /// Read a folder.
    Read(FolderQuestion),
    /// Make one.
    Make {
        /// Where.
        parent: PathBuf,
        /// What it is called.
        name: String,
    },
}

/// Does one after the other until the window is gone. Of several folders to read only the last matters.
pub(super) fn serve(jobs: &Receiver<Job>, outbox: &Outbox) {
    while let Ok(mut job) = jobs.recv() {
        while let Ok(newer) = jobs.try_recv() {
            match job {
                Job::Read(_) => {}
                Job::Make { parent, name } => made(parent, name, outbox),
            }
            job = newer;
        }
        match job {
            Job::Read(question) => outbox.put(DesktopReply::Folder(Box::new(answered(&question)))),
            Job::Make { parent, name } => made(parent, name, outbox),
        }
    }
}

impl From<Job> for DesktopRequest {
    fn from(job: Job) -> Self {
        match job {
            Job::Read(question) => Self::ReadFolder(question),
            Job::Make { parent, name } => Self::MakeFolder { parent, name },
        }
    }
}

/// The answer to a question.
pub(super) fn answered(question: &FolderQuestion) -> FolderAnswer {
    let path = whole(&question.folder);
    let (folder, named) = match fs::metadata(&path) {
        Ok(metadata) if !metadata.is_dir() => {
            let parent = path.parent().unwrap_or(&path).to_owned();
            (parent, Some(path))
        }
        // That it is not there is said when it is read.
        Ok(_) | Err(_) => (path, None),
    };
    let contents = read(&folder, question).map(|(entries, more)| FolderContents {
        entries,
        more,
        named,
    });
    FolderAnswer {
        number: question.number,
        folder,
        places: places(),
        contents: contents.map_err(|error| reason(&error)),
    }
}

fn made(parent: PathBuf, name: String, outbox: &Outbox) {
    match make(&parent, &name) {
        Ok(folder) => outbox.put(DesktopReply::FolderMade(folder)),
        Err(error) => outbox.failed(
            DesktopRequest::MakeFolder { parent, name },
            &DesktopError::Folder(reason(&error)),
        ),
    }
}

/// Makes a folder, of a name that is one and leads nowhere else.
///
/// # Errors
/// What the system says, or `InvalidInput` of a name that is none.
pub(super) fn make(parent: &Path, name: &str) -> io::Result<PathBuf> {
    let mut parts = Path::new(name).components();
    let plain = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(part)), None) if part == OsStr::new(name)
    );
    if !plain {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let folder = parent.join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// A path without `~` and without ways back.
fn whole(path: &Path) -> PathBuf {
    let path = match (path.strip_prefix(HOME), directories::UserDirs::new()) {
        (Ok(rest), Some(folders)) => folders.home_dir().join(rest),
        (Ok(_), None) | (Err(_), _) => path.to_owned(),
    };
    let back = path
        .components()
        .any(|part| matches!(part, Component::ParentDir));
    if back {
        // Where a link lies before it, only the system knows where it leads.
        fs::canonicalize(&path).unwrap_or(path)
    } else {
        // Once more from its parts: nothing is left of doubled and trailing slashes.
        path.components().collect()
    }
}

/// An entry that may be told of.
struct Found {
    entry: DirEntry,
    kind: EntryKind,
    /// Of what it points at, where that had to be asked for anyway.
    metadata: Option<Metadata>,
}

fn read(folder: &Path, question: &FolderQuestion) -> io::Result<(Vec<FolderEntry>, u64)> {
    let search = question.search.to_lowercase();
    let mut found = Vec::new();
    let mut more = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let hidden = name.starts_with('.') && question.hidden == Hidden::LeftOut;
        if hidden || !name.to_lowercase().contains(&search) {
            continue;
        }
        if found.len() >= ENTRIES_SORTED {
            more += 1;
            continue;
        }
        let (kind, metadata) = looked_at(&entry);
        match question.kinds {
            Kinds::Folders if kind != EntryKind::Folder => {}
            Kinds::All | Kinds::Folders => found.push(Found {
                entry,
                kind,
                metadata,
            }),
        }
    }
    found.sort_by_cached_key(|found| {
        let name = found.entry.file_name();
        let key = order(&name.to_string_lossy());
        (found.kind != EntryKind::Folder, key, name)
    });
    more += found.len().saturating_sub(ENTRIES_TOLD) as u64;
    found.truncate(ENTRIES_TOLD);
    Ok((found.into_iter().map(told).collect(), more))
}

/// What an entry is. Only of a link its metadata has to be read for that.
fn looked_at(entry: &DirEntry) -> (EntryKind, Option<Metadata>) {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => {
            let metadata = fs::metadata(entry.path()).ok();
            let kind = metadata.as_ref().map_or(EntryKind::Other, |metadata| {
                kind_of(metadata.is_dir(), metadata.is_file())
            });
            (kind, metadata)
        }
        Ok(kind) => (kind_of(kind.is_dir(), kind.is_file()), None),
        Err(_) => (EntryKind::Other, None),
    }
}

const fn kind_of(folder: bool, file: bool) -> EntryKind {
    match (folder, file) {
        (true, _) => EntryKind::Folder,
        (false, true) => EntryKind::File,
        (false, false) => EntryKind::Other,
    }
}

fn told(found: Found) -> FolderEntry {
    let metadata = found.metadata.or_else(|| found.entry.metadata().ok());
    let changed = metadata
        .as_ref()
        .and_then(|metadata| metadata.modified().ok())
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map(|since| since.as_secs());
    FolderEntry {
        path: found.entry.path(),
        kind: found.kind,
        bytes: metadata.map_or(0, |metadata| metadata.len()),
        changed,
    }
}

/// A piece of a name, as it is put in order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Digits, by their value: first by how many there are without leading zeros.
    Number(usize, String),
    /// Anything else, in lower case.
    Words(String),
}

/// What a name is put in order by: `page 2` comes before `Page 10`.
fn order(name: &str) -> Vec<Piece> {
    let lower = name.to_lowercase();
    let mut pieces = Vec::new();
    let mut rest = lower.as_str();
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let end = rest
            .find(|letter: char| letter.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(if digits {
            let value = piece.trim_start_matches('0');
            Piece::Number(value.len(), value.to_owned())
        } else {
            Piece::Words(piece.to_owned())
        });
        rest = after;
    }
    pieces
}

/// Where people have their files: what the platform names, as far as it is there, and drives.
fn places() -> Vec<Place> {
    let Some(folders) = directories::UserDirs::new() else {
        return Vec::new();
    };
    let home = folders.home_dir();
    let named = [
        (PlaceKind::Home, Some(home)),
        (PlaceKind::Desktop, folders.desktop_dir()),
        (PlaceKind::Documents, folders.document_dir()),
        (PlaceKind::Downloads, folders.download_dir()),
    ];
    let mut places: Vec<Place> = Vec::new();
    for (kind, path) in named {
        // A desktop that has no such folder names the person's own instead.
        let new = |path: &&Path| path.is_dir() && places.iter().all(|place| place.path != *path);
        if let Some(path) = path.filter(new).map(Path::to_owned) {
            places.push(Place { kind, path });
        }
    }
    if let Some(person) = home.file_name() {
        places.extend(drives(person));
    }
    places
}

/// Drives that were put in for a person, where the systems that have them have them.
fn drives(person: &OsStr) -> Vec<Place> {
    ["/run/media", "/media"]
        .into_iter()
        .filter_map(|root| fs::read_dir(Path::new(root).join(person)).ok())
        .flatten()
        .filter_map(Result::ok)
        .take(DRIVES_TOLD)
        .map(|entry| Place {
            kind: PlaceKind::Drive,
            path: entry.path(),
        })
        .collect()
}

/// What the system says, without its number for it.
fn reason(error: &io::Error) -> String {
    let told = error.to_string();
    match told.split_once(" (os error") {
        Some((reason, _)) => reason.to_owned(),
        None => told,
    }
}

#[cfg(test)]
mod tests;
