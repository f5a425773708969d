//! The history of transfers, in both directions: a file of JSON, one entry a line, for this person's eyes
//! only. It holds no codes.
//!
//! A new entry is appended; removing rewrites the file, whole or not at all. Lines that are not
//! understood (a write that was cut off, a later version) are moved to a file beside it, never deleted.
//!
//! Its bounds are local: no peer sees the file.

#[cfg(test)]
mod tests;
mod writer;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::engine::event::{PathKind, Transport};
use crate::failure::FailureKind;

pub use writer::HistoryWriter;

/// Entries kept: years of a person's transfers.
pub const ENTRIES_LIMIT: usize = 500;

/// Entries beyond [`ENTRIES_LIMIT`] after which the file is rewritten without them: so that not every new
/// one rewrites it.
const SLACK: usize = 50;

/// Names, places and sources kept of one transfer.
const NAMES_LIMIT: usize = 10;

/// Longest name that is kept, in characters; longer ones are cut.
const NAME_LIMIT: usize = 255;

/// Paths that files were sent from, kept of one transfer: to send more again, they are named again.
const SOURCES_LIMIT: usize = 50;

/// Longest line that is read, in bytes: [`NAMES_LIMIT`] names and places and [`SOURCES_LIMIT`] sources, each of
/// 4096 bytes, doubled by escapes in the worst case.
const LINE_LIMIT: usize = 1024 * 1024;

/// Largest file that is read, in bytes: [`ENTRIES_LIMIT`] entries of ordinary transfers many times over. A
/// larger one is set aside whole.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// Names an entry for as long as the history is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryNumber(pub u64);

/// One transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it ended, in seconds since 1970.
    pub when: u64,
    /// Which way it went.
    pub direction: Direction,
    /// What the peer calls its machine; not escaped.
    pub device: String,
    /// Names at the top of what was offered, the first ten; not escaped.
    pub names: Vec<String>,
    /// Files that made it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How the path was found, if there was one.
    pub kind: Option<PathKind>,
    /// What ran over it.
    pub link: Option<Transport>,
    /// What became of it.
    pub outcome: Ending,
    /// Where received files are, the first ten; paths that are not Unicode are left out.
    #[serde(default)]
    pub places: Vec<PathBuf>,
    /// Where sent files were, to send them again, the first fifty; paths that are not Unicode are left out.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
}

/// Which way a transfer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From this machine.
    Sent,
    /// To this machine.
    Received,
}

/// What became of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything wanted was verified on the receiver's disk.
    Done,
    /// So many files failed or were left out, the others are there.
    Partial(u64),
    /// It ended before its end.
    Failed(FailureKind),
}

/// Why the history cannot be read or written.
#[derive(Debug, Error)]
#[error("{}: {error}", file.display())]
pub struct HistoryError {
    /// The file.
    pub file: PathBuf,
    /// The system's own error.
    pub error: io::Error,
}

/// The history of transfers.
#[derive(Debug)]
pub struct History {
    file: PathBuf,
    /// Oldest first.
    entries: Vec<(EntryNumber, Entry)>,
    /// Lines in the file; those past the limit are not in `entries` any more.
    lines: usize,
    last_number: u64,
}

/// Where the history is: among this person's own data; `None` where there is no such folder.
#[must_use]
pub fn history_file() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "fardrop")
        .map(|folders| folders.data_local_dir().join("history.jsonl"))
}

impl History {
    /// Reads `file`; an empty history if there is none. What is not understood is set aside.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or what is damaged cannot be set aside.
    pub fn open(file: &Path) -> Result<Self, HistoryError> {
        let mut history = Self {
            file: file.to_owned(),
            entries: Vec::new(),
            lines: 0,
            last_number: 0,
        };
        history.read().map_err(|error| history.failed(error))?;
        Ok(history)
    }

    /// The entries with their numbers, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[(EntryNumber, Entry)] {
        &self.entries
    }

    /// Adds an entry as the newest; what is too long in it is cut.
    ///
    /// # Errors
    /// When it cannot be written; it is in the history until the end of the process all the same.
    pub fn add(&mut self, entry: Entry) -> Result<EntryNumber, HistoryError> {
        let number = self.push(entry.bounded());
        let written = if self.lines >= ENTRIES_LIMIT + SLACK {
            self.rewrite()
        } else {
            self.append()
        };
        written.map_err(|error| self.failed(error))?;
        Ok(number)
    }

    /// Takes one entry out; nothing happens if it is not there.
    ///
    /// # Errors
    /// When the file cannot be rewritten; the entry will be back then in another process.
    pub fn remove(&mut self, number: EntryNumber) -> Result<(), HistoryError> {
        let before = self.entries.len();
        self.entries.retain(|(each, _)| *each != number);
        if self.entries.len() == before {
            return Ok(());
        }
        self.rewrite().map_err(|error| self.failed(error))
    }

    /// Takes all entries out, and what was set aside with them.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn clear(&mut self) -> Result<(), HistoryError> {
        self.entries.clear();
        let cleared = self.rewrite().and_then(|()| remove(&self.damaged()));
        cleared.map_err(|error| self.failed(error))
    }

    fn push(&mut self, entry: Entry) -> EntryNumber {
        self.last_number += 1;
        let number = EntryNumber(self.last_number);
        self.entries.push((number, entry));
        let beyond = self.entries.len().saturating_sub(ENTRIES_LIMIT);
        self.entries.drain(..beyond);
        number
    }

    fn read(&mut self) -> io::Result<()> {
        let length = match self.file.metadata() {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if length > FILE_LIMIT {
            return fs::rename(&self.file, self.damaged());
        }
        let mut bytes = Vec::new();
        File::open(&self.file)?
            .take(FILE_LIMIT)
            .read_to_end(&mut bytes)?;
        let mut damaged = Vec::new();
        for line in bytes.split(|byte| *byte == b'\n') {
            if line.trim_ascii().is_empty() {
                continue;
            }
            self.lines += 1;
            match serde_json::from_slice(line) {
                Ok(entry) if line.len() <= LINE_LIMIT => _ = self.push(entry),
                Ok(_) | Err(_) => {
                    damaged.extend_from_slice(line);
                    damaged.push(b'\n');
                }
            }
        }
        if damaged.is_empty() {
            return Ok(());
        }
        self.set_aside(&damaged)?;
        self.rewrite()
    }

    fn set_aside(&self, lines: &[u8]) -> io::Result<()> {
        let path = self.damaged();
        // Not without an end: what was set aside before makes room for what is new.
        if path.metadata().is_ok_and(|file| file.len() > FILE_LIMIT) {
            fs::remove_file(&path)?;
        }
        let mut file = private().append(true).create(true).open(path)?;
        file.write_all(lines)?;
        file.sync_all()
    }

    fn append(&mut self) -> io::Result<()> {
        let Some((_, entry)) = self.entries.last() else {
            return Ok(());
        };
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = private()
            .append(true)
            .create(true)
            .read(true)
            .open(&self.file)?;
        let mut line = Vec::new();
        if ends_in_mid_line(&mut file)? {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, entry)?;
        line.push(b'\n');
        file.write_all(&line)?;
        file.sync_data()?;
        self.lines += 1;
        Ok(())
    }

    /// Writes the entries to a new file that takes the old one's place.
    fn rewrite(&mut self) -> io::Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = beside(&self.file, "new");
        // What a killed run left behind; creating below insists on a file of our own.
        remove(&fresh)?;
        let mut lines = Vec::new();
        for (_, entry) in &self.entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        let mut file = private().write(true).create_new(true).open(&fresh)?;
        file.write_all(&lines)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.file)?;
        self.lines = self.entries.len();
        Ok(())
    }

    fn damaged(&self) -> PathBuf {
        beside(&self.file, "damaged")
    }

    fn failed(&self, error: io::Error) -> HistoryError {
        HistoryError {
            file: self.file.clone(),
            error,
        }
    }
}

impl Entry {
    /// The entry, with everything in it cut to its bounds.
    fn bounded(mut self) -> Self {
        cut(&mut self.device);
        self.names.truncate(NAMES_LIMIT);
        self.names.iter_mut().for_each(cut);
        self.places.retain(|path| path.to_str().is_some());
        self.places.truncate(NAMES_LIMIT);
        self.sources.retain(|path| path.to_str().is_some());
        self.sources.truncate(SOURCES_LIMIT);
        // JSON knows no infinity.
        if !self.seconds.is_finite() {
            self.seconds = 0.0;
        }
        self
    }
}

fn cut(name: &mut String) {
    if let Some((end, _)) = name.char_indices().nth(NAME_LIMIT) {
        name.truncate(end);
    }
}

/// The file of the same name and one more ending.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Removes a file, if it is there.
fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A file for this person's eyes only, if it is made.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether the last write to `file` was cut off.
fn ends_in_mid_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}
