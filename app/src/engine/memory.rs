//! A small memory on disk of things that are not to be read off it: hashes under a salt, each with its time.
//!
//! ```text
//! salt (64 hexadecimal digits)
//! hash (hexadecimal digits), a space, seconds since 1970
//! ```
//!
//! Whatever is wrong with the file, nothing is remembered.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest file that is read, in bytes: the salt, and 256 lines of the longest hash.
const FILE_LIMIT: u64 = 16 * 1024;

/// What one memory holds, and how much of it.
#[derive(Debug)]
pub(super) struct Kind {
    /// The file's name.
    pub(super) file: &'static str,
    /// For how long.
    pub(super) remembered: Duration,
    /// Lines at most; the oldest are forgotten first.
    pub(super) lines: usize,
    /// Bytes of a hash that are kept.
    pub(super) hash_length: usize,
}

/// Whether a line for `secret` was added within the last [`Kind::remembered`]. Reads a file.
pub(super) fn knows(kind: &'static Kind, folder: &Path, secret: &[u8], now: u64) -> bool {
    let memory = Memory::load(kind, folder, now);
    // A clock that was put back makes a line of the future.
    memory.is_some_and(|memory| memory.times(secret).any(|when| when <= now))
}

/// Adds a line for `secret`, in place of an older one. Writes a file.
pub(super) fn remember(
    kind: &'static Kind,
    folder: &Path,
    secret: &[u8],
    now: u64,
) -> io::Result<()> {
    let memory = Memory::load(kind, folder, now);
    let mut memory = memory.unwrap_or_else(|| Memory::fresh(kind));
    memory.remove_newest(secret);
    memory.add(secret, now);
    memory.save(folder)
}

/// The content of a memory.
#[derive(Debug)]
pub(super) struct Memory {
    kind: &'static Kind,
    salt: [u8; 32],
    /// The newest last.
    known: Vec<(String, u64)>,
}

impl Memory {
    /// One that holds nothing, under a new salt.
    pub(super) fn fresh(kind: &'static Kind) -> Self {
        Self {
            kind,
            salt: rand::random(),
            known: Vec::new(),
        }
    }

    /// What is remembered in `folder` at `now`; `None` if the file is missing or not one of ours.
    pub(super) fn load(kind: &'static Kind, folder: &Path, now: u64) -> Option<Self> {
        let mut text = String::new();
        let opened = File::open(folder.join(kind.file)).ok()?;
        opened.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let mut memory = Self {
            kind,
            salt: blake3::Hash::from_hex(lines.next()?).ok()?.into(),
            known: Vec::new(),
        };
        for line in lines.take(kind.lines) {
            let (hash, when) = line.split_once(' ')?;
            let when: u64 = when.parse().ok()?;
            if now.saturating_sub(when) < kind.remembered.as_secs() {
                memory.known.push((hash.to_owned(), when));
            }
        }
        Some(memory)
    }

    /// Writes it into `folder`, whole or not at all. Of two apps that write at once, one wins.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        write_private(folder, self.kind.file, &self.text())
    }

    /// When each line for `secret` was added.
    pub(super) fn times(&self, secret: &[u8]) -> impl Iterator<Item = u64> {
        let hash = self.hash(secret);
        let known = self.known.iter();
        known.filter_map(move |(known, when)| (*known == hash).then_some(*when))
    }

    /// Adds a line for `secret`.
    pub(super) fn add(&mut self, secret: &[u8], now: u64) {
        self.known.push((self.hash(secret), now));
        let surplus = self.known.len().saturating_sub(self.kind.lines);
        self.known.drain(..surplus);
    }

    /// Takes the newest line for `secret` out.
    pub(super) fn remove_newest(&mut self, secret: &[u8]) {
        let hash = self.hash(secret);
        if let Some(index) = self.known.iter().rposition(|(known, _)| *known == hash) {
            self.known.remove(index);
        }
    }

    fn text(&self) -> String {
        let mut text = blake3::Hash::from(self.salt).to_hex().to_string();
        text.push('\n');
        for (hash, when) in &self.known {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{hash} {when}");
        }
        text
    }

    fn hash(&self, secret: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.salt, secret).to_hex();
        hash[..2 * self.kind.hash_length].to_owned()
    }
}

/// Writes a file of that name into `folder`, whole or not at all, that nobody else may read.
pub(super) fn write_private(folder: &Path, file: &str, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("{file}.{}.new", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    create_private(&fresh)?.write_all(text.as_bytes())?;
    fs::rename(fresh, folder.join(file))
}

/// The time that is remembered, in seconds since 1970.
pub(super) fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A new file that nobody else may read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
