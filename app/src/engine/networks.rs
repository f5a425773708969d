//! Networks in which QUIC did not come through, remembered for a day.
//!
//! A file of one salt and a line for each network: a hash of what is known of it under the salt, and when
//! it was. So the file tells nobody at a glance where this machine has been. Whatever is wrong with it,
//! nothing is remembered; that costs a second at the next transfer.
//!
//! ```text
//! salt (64 hexadecimal digits)
//! hash (32 hexadecimal digits), a space, seconds since 1970
//! ```

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::net::NetworkName;

/// The file's name.
const FILE: &str = "networks-without-quic";

/// How long it is remembered: networks are mended, and machines move.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// Networks that are remembered at most: more than a day has.
const NETWORKS: usize = 32;

/// Longest file that is read, in bytes; [`NETWORKS`] lines come to under 2 kB.
const FILE_LIMIT: u64 = 4096;

/// Bytes of a network's hash that are kept.
const HASH_LENGTH: usize = 16;

/// The memory in one folder.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    folder: Option<PathBuf>,
}

#[derive(Debug)]
struct Memory {
    salt: [u8; 32],
    /// The newest last.
    known: Vec<(String, u64)>,
}

impl Networks {
    /// Without a folder nothing is remembered.
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Whether QUIC did not come through in `network` within the last day. Reads a file.
    pub(super) fn lack_quic(&self, network: &NetworkName) -> bool {
        let Some(folder) = &self.folder else {
            return false;
        };
        let memory = Memory::load(&folder.join(FILE), seconds_now());
        memory.is_some_and(|memory| memory.has(&memory.hash(network)))
    }

    /// Remembers that QUIC did not come through in `network`, if that can be. Writes a file.
    pub(super) fn remember(&self, network: &NetworkName) {
        let Some(folder) = &self.folder else {
            return;
        };
        if let Err(error) = remember(folder, network, seconds_now()) {
            tracing::debug!(%error, "a network without QUIC is not remembered");
        }
    }
}

fn remember(folder: &Path, network: &NetworkName, now: u64) -> io::Result<()> {
    let file = folder.join(FILE);
    let mut memory = Memory::load(&file, now).unwrap_or_else(Memory::fresh);
    let hash = memory.hash(network);
    memory.known.retain(|(known, _)| *known != hash);
    memory.known.push((hash, now));
    let surplus = memory.known.len().saturating_sub(NETWORKS);
    memory.known.drain(..surplus);
    fs::create_dir_all(folder)?;
    // Of two apps that write at once, one wins.
    let fresh = folder.join(format!("{FILE}.{}.new", std::process::id()));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    create_private(&fresh)?.write_all(memory.text().as_bytes())?;
    fs::rename(fresh, file)
}

impl Memory {
    fn fresh() -> Self {
        Self {
            salt: rand::random(),
            known: Vec::new(),
        }
    }

    /// What the file holds and is still remembered at `now`; `None` if it cannot be read as one of ours.
    fn load(file: &Path, now: u64) -> Option<Self> {
        let mut text = String::new();
        let opened = File::open(file).ok()?;
        opened.take(FILE_LIMIT).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let mut memory = Self {
            salt: blake3::Hash::from_hex(lines.next()?).ok()?.into(),
            known: Vec::new(),
        };
        for line in lines.take(NETWORKS) {
            let (hash, when) = line.split_once(' ')?;
            let when: u64 = when.parse().ok()?;
            // A clock that was put back makes a line of the future.
            let age = now.checked_sub(when);
            if age.is_some_and(|age| age < REMEMBERED.as_secs()) {
                memory.known.push((hash.to_owned(), when));
            }
        }
        Some(memory)
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

    fn has(&self, hash: &str) -> bool {
        self.known.iter().any(|(known, _)| known == hash)
    }

    fn hash(&self, network: &NetworkName) -> String {
        let hash = blake3::keyed_hash(&self.salt, network.as_bytes()).to_hex();
        hash[..2 * HASH_LENGTH].to_owned()
    }
}

fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A new file that nobody else may read.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;
    const DAY: u64 = 24 * 60 * 60;

    fn network(number: u8) -> NetworkName {
        NetworkName::new(vec![number; 20])
    }

    fn knows(folder: &Path, number: u8, now: u64) -> bool {
        let memory = Memory::load(&folder.join(FILE), now);
        memory.is_some_and(|memory| memory.has(&memory.hash(&network(number))))
    }

    #[test]
    fn a_network_is_remembered_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("not/there/yet");
        assert!(!knows(&folder, 1, NOW));
        remember(&folder, &network(1), NOW).unwrap();
        assert!(knows(&folder, 1, NOW));
        assert!(!knows(&folder, 2, NOW));
        assert!(knows(&folder, 1, NOW + DAY - 1));
        assert!(!knows(&folder, 1, NOW + DAY));
        assert!(!knows(&folder, 1, NOW - 1), "the clock was put back");
        remember(&folder, &network(2), NOW + 10).unwrap();
        assert!(knows(&folder, 1, NOW + 10) && knows(&folder, 2, NOW + 10));
    }

    #[test]
    fn the_file_stays_small_and_private() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=255 {
            remember(folder.path(), &network(number), NOW).unwrap();
        }
        assert!(knows(folder.path(), 255, NOW) && knows(folder.path(), 224, NOW));
        assert!(!knows(folder.path(), 223, NOW));
        let entries = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(entries, 1, "nothing is left beside it");
        let metadata = fs::metadata(folder.path().join(FILE)).unwrap();
        assert!(metadata.len() < FILE_LIMIT);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_is_not_ours_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "\n", "x", "salt 5\n", "\u{fffd}\u{1}"] {
            fs::write(folder.path().join(FILE), content).unwrap();
            assert!(!knows(folder.path(), 1, NOW));
            remember(folder.path(), &network(1), NOW).unwrap();
            assert!(knows(folder.path(), 1, NOW));
        }
        let nowhere = Networks::new(None);
        nowhere.remember(&network(1));
        assert!(!nowhere.lack_quic(&network(1)));
    }
}
