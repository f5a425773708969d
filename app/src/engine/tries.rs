//! The tries that a code is given on this machine, counted from one run of the app to the next.
//!
//! A line for each run in which this side's proof left and the sender's never came. What is kept of a code is
//! 16 bits of a hash: too few to find the code by trying, and enough that another code is hardly ever taken for it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use fardrop_shared::code::PairingCode;
use fardrop_shared::limits::MAX_ATTEMPTS;
use zeroize::Zeroizing;

use super::memory::{Kind, Memory, seconds_now};
use crate::net::CodeTries;

/// One line for each try, for longer than a code lives; a person who types so many in vain is not in a hurry.
const TRIES: Kind = Kind {
    file: "tries-in-vain",
    remembered: Duration::from_secs(7 * 24 * 60 * 60),
    lines: 256,
    hash_length: 2,
};

/// Held while the file is read and written, so that no try of another process is lost.
const LOCK: &str = "tries-in-vain.lock";

/// Held while a code is tried: one under way counts as one in vain until the sender has proved itself, and those of
/// several receives at once would use up a code that is right.
const TURN: &str = "pairing.lock";

/// How long a receive waits for its turn. A sender that answers takes far less, and one that does not should not keep
/// another code waiting.
const TURN_PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried to have it.
const TURN_INTERVAL: Duration = Duration::from_millis(20);

/// The count of tries, in this process and in one folder. Without a folder only this process counts.
#[derive(Debug)]
pub(super) struct Tries {
    folder: Option<PathBuf>,
    /// Those of this process, which count whatever becomes of the file.
    own: Mutex<Memory>,
}

impl Tries {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            own: Mutex::new(Memory::fresh(&TRIES)),
        }
    }

    /// Whether `code` may be tried again. Reads a file.
    pub(super) fn are_left(&self, code: &PairingCode) -> bool {
        let (secret, now) = (secret(code), seconds_now());
        let own = self.own();
        let kept = self.folder.as_ref();
        let kept = kept.and_then(|folder| Memory::load(&TRIES, folder, now));
        are_left(&own, &secret) && kept.is_none_or(|kept| are_left(&kept, &secret))
    }

    /// Waits until no other receive that keeps its tries in this folder tries a code, for a while at most. The turn
    /// lasts until what is given is dropped.
    pub(super) fn take_turn(&self) -> Option<File> {
        let folder = self.folder.as_ref()?;
        let begun = Instant::now();
        let taken = fs::create_dir_all(folder).and_then(|()| {
            let lock = open_lock(folder, TURN)?;
            loop {
                match lock.try_lock() {
                    Ok(()) => return Ok(Some(lock)),
                    Err(TryLockError::Error(error)) => return Err(error),
                    Err(TryLockError::WouldBlock) if begun.elapsed() > TURN_PATIENCE => {
                        return Ok(None);
                    }
                    Err(TryLockError::WouldBlock) => thread::sleep(TURN_INTERVAL),
                }
            }
        });
        taken.unwrap_or_else(|error| {
            tracing::debug!(%error, "codes are tried side by side");
            None
        })
    }

    fn own(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves nothing half-written in there.
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is counted here and in the folder, if `change` says that it did.
    fn change(&self, change: impl Fn(&mut Memory) -> bool) -> bool {
        let mut own = self.own();
        let kept = self.folder.as_ref().map(|folder| {
            let kept = change_kept(folder, &change);
            kept.unwrap_or_else(|error| {
                tracing::warn!(%error, "the tries of a code are counted in this run only");
                true
            })
        });
        change(&mut own) && kept.unwrap_or(true)
    }
}

impl CodeTries for Tries {
    fn take(&self, code: &PairingCode) -> bool {
        let (secret, now) = (secret(code), seconds_now());
        self.change(|memory| {
            let left = are_left(memory, &secret);
            if left {
                memory.add(secret.as_bytes(), now);
            }
            left
        })
    }

    fn give_back(&self, code: &PairingCode) {
        let secret = secret(code);
        self.change(|memory| {
            memory.remove_newest(secret.as_bytes());
            true
        });
    }
}

fn change_kept(folder: &Path, change: impl Fn(&mut Memory) -> bool) -> io::Result<bool> {
    fs::create_dir_all(folder)?;
    let lock = open_lock(folder, LOCK)?;
    lock.lock()?;
    let memory = Memory::load(&TRIES, folder, seconds_now());
    let mut memory = memory.unwrap_or_else(|| Memory::fresh(&TRIES));
    let changed = change(&mut memory);
    if changed {
        memory.save(folder)?;
    }
    Ok(changed)
}

fn open_lock(folder: &Path, name: &str) -> io::Result<File> {
    let mut options = File::options();
    let options = options.write(true).create(true).truncate(false);
    options.open(folder.join(name))
}

fn are_left(memory: &Memory, secret: &str) -> bool {
    memory.times(secret.as_bytes()).count() < usize::from(MAX_ATTEMPTS)
}

/// What makes a code this one: its number and its words, whatever server it names.
fn secret(code: &PairingCode) -> Zeroizing<String> {
    let anywhere = code.clone().with_server(None);
    anywhere.map_or_else(|_| code.to_spoken(), |code| code.to_spoken())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> PairingCode {
        PairingCode::parse(typed).unwrap()
    }

    #[test]
    fn a_false_sender_gets_three_tries_across_restarts_and_servers() {
        let folder = tempfile::tempdir().unwrap();
        let start = || Tries::new(Some(folder.path().join("not/there/yet")));
        assert!(start().take(&code("417-acid-lemon")));
        assert!(start().take(&code("417-acid-lemon@ada.example.org:4000")));
        let last = start();
        assert!(last.are_left(&code("417-acid-lemon")));
        assert!(last.take(&code("417-acid-lemon@bob.example.org:4000")));
        for tries in [last, start()] {
            assert!(!tries.take(&code("417-acid-lemon")));
            assert!(!tries.are_left(&code("417-acid-lemon")));
            assert!(tries.take(&code("417-lemon-acid")));
        }
    }

    #[test]
    fn a_sender_that_proves_itself_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let tries = Tries::new(Some(folder.path().to_owned()));
        for _ in 0..10 {
            assert!(tries.take(&code("417-acid-lemon")));
            tries.give_back(&code("417-acid-lemon"));
        }
        assert!(tries.take(&code("417-acid-lemon")));
        assert!(tries.take(&code("417-acid-lemon")));
        assert!(tries.take(&code("417-acid-lemon")));
        assert!(!tries.take(&code("417-acid-lemon")));
    }

    #[test]
    fn tries_count_where_nothing_can_be_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for folder in [None, Some(file.path().join("in a file"))] {
            let tries = Tries::new(folder);
            let taken = (0..5).filter(|_| tries.take(&code("417-acid-lemon")));
            assert_eq!(taken.count(), 3);
            assert!(!tries.are_left(&code("417-acid-lemon")));
        }
    }

    #[test]
    fn processes_that_try_at_once_have_three_tries_together() {
        let folder = tempfile::tempdir().unwrap();
        let taken: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let tries = Tries::new(Some(folder.path().to_owned()));
                        usize::from(tries.take(&code("417-acid-lemon")))
                    })
                })
                .collect();
            let taken = threads.into_iter().map(|thread| thread.join().unwrap());
            taken.sum()
        });
        assert_eq!(taken, 3);
    }

    #[test]
    fn the_file_is_private_and_does_not_tell_the_code() {
        let folder = tempfile::tempdir().unwrap();
        let tries = Tries::new(Some(folder.path().to_owned()));
        assert!(tries.take(&code("417-acid-lemon")));
        let file = folder.path().join(TRIES.file);
        let text = fs::read_to_string(&file).unwrap();
        let hash = text.lines().nth(1).unwrap().split(' ').next().unwrap();
        // Of a code's 2^30 and more, 2^14 are as good as any.
        assert_eq!(hash.len(), 4, "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
