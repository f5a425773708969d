//! A part file: what a file is while it is not yet whole, verified and on disk.

mod naming;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::Dir;
use fardrop_shared::name::SafeName;
use fardrop_shared::offer::ModifiedTime;

use super::existing::KeptBytes;
use super::folders::Folder;
use super::holes;
use super::lock::{Lock, Look, is_nameless, lock, still_named};
use super::mode::{FinalMode, Stage};
use super::place::{self, PartOwner};
use super::platform::{self, Access};
use super::refused::Refused;

pub(super) use naming::Wish;

/// A part file, open, and locked against other receivers where the file system has locks, but while it is let go.
/// Dropping it keeps what it has.
#[derive(Debug)]
pub struct PartFile {
    folder: Folder,
    name: String,
    file: Arc<File>,
    /// Where the next bytes go.
    position: u64,
    /// Nothing of it is behind this.
    end: u64,
    /// Whether the next transfer of the same path can find and lock it.
    findable: bool,
    /// What it was like when it was let go: another receiver may have it since.
    let_go: Option<Look>,
    /// The names of other part files for the same path, which had less: removed once its file is whole.
    shorter: Vec<String>,
}

/// What earlier transfers left for a path.
#[derive(Debug)]
pub struct Reopened {
    /// The longest part file that was to be had.
    pub part: Option<PartFile>,
    /// What a part file is like that another receiver holds.
    pub held: Option<Look>,
}

impl PartFile {
    /// A new part file for the entry with this path, in `folder`, the folder it will be in.
    ///
    /// One of ours that is there already is used, and keeps what it has until that is written over. Where another
    /// receiver holds that, the new one has the next of the names that are looked for; where the file system has no
    /// locks to tell by, or others hold all of these, a random one.
    ///
    /// # Errors
    /// What the system says when a file is made.
    pub fn create(folder: &Folder, owner: PartOwner, path: &SafeName<'_>) -> io::Result<Self> {
        for name in owner.part_names(path) {
            match Self::create_named(folder, &name)? {
                Taken::Part(part) => return Ok(part),
                Taken::WithoutLocks => break,
                Taken::Held(_) | Taken::Barred | Taken::Nothing => {}
            }
        }
        let name = place::spare_part_name();
        let file = platform::create_private(folder.dir(), &name)?;
        let part = Self {
            findable: false,
            ..Self::made(folder, name, file)
        };
        // Nobody else knows the name; locked, it is not taken for a leftover.
        match lock(&part.file) {
            Ok(_) => Ok(part),
            Err(error) => {
                part.discard()?;
                Err(error)
            }
        }
    }

    /// A part file under a name that the next transfer will look for, if that is to be had.
    fn create_named(folder: &Folder, name: &str) -> io::Result<Taken> {
        /// A name that somebody else keeps putting there is left to them.
        const TRIES: usize = 2;
        for _ in 0..TRIES {
            match platform::create_private(folder.dir(), name) {
                Ok(file) => {
                    return match lock(&file) {
                        Ok(Lock::Had) => Ok(Taken::Part(Self::made(folder, name.to_owned(), file))),
                        Ok(Lock::HeldByAnother) => Ok(Taken::Barred),
                        Ok(Lock::Unsupported) => {
                            folder.dir().remove_file(name)?;
                            Ok(Taken::WithoutLocks)
                        }
                        Err(error) => {
                            folder.dir().remove_file(name)?;
                            Err(error)
                        }
                    };
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let taken = Self::take(folder, name)?;
            if !matches!(taken, Taken::Nothing) {
                return Ok(taken);
            }
        }
        Ok(Taken::Barred)
    }

    /// The longest part file that earlier transfers left for this path, of those that are to be had. What has the name
    /// of one and is none of ours loses that.
    ///
    /// What is read of it comes from the disk: bytes that the system once failed to write are not in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn reopen(folder: &Folder, owner: PartOwner, path: &SafeName<'_>) -> io::Result<Reopened> {
        let (mut parts, mut held) = (Vec::new(), None);
        for name in owner.part_names(path) {
            match Self::take(folder, &name)? {
                Taken::Part(part) => parts.push((part.length()?, part)),
                Taken::Held(look) => held = held.or(Some(look)),
                Taken::WithoutLocks | Taken::Barred | Taken::Nothing => {}
            }
        }
        parts.sort_by_key(|(length, _)| *length);
        while let Some((_, mut part)) = parts.pop() {
            // The system says once that it could not write something, and to whoever asks first. It is asked
            // before anything is believed.
            if let Err(error) = part.file.sync_all() {
                tracing::debug!(%error, "what was kept is not on the disk");
                part.discard()?;
                continue;
            }
            platform::forget_cached(&part.file);
            part.shorter = parts.into_iter().map(|(_, part)| part.name).collect();
            let part = Some(part);
            return Ok(Reopened { part, held });
        }
        Ok(Reopened { part: None, held })
    }

    /// Opens and locks what has this name, if that is a part of ours.
    fn take(folder: &Folder, name: &str) -> io::Result<Taken> {
        let file = match platform::open_in(folder.dir(), Path::new(name), Access::ReadAndWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Taken::Nothing),
            Err(error) if is_foreign(folder.dir(), name, &error) => {
                tracing::debug!(%error, "what has a part's name cannot be opened");
                return Ok(remove_foreign(folder.dir(), name));
            }
            Err(error) => return Err(error),
        };
        if !platform::is_ours(&file, || fresh_metadata(folder.dir()))? {
            return Ok(remove_foreign(folder.dir(), name));
        }
        Ok(match lock(&file)? {
            Lock::Had if still_named(folder.dir(), name, &file)? => {
                Taken::Part(Self::new(folder, name.to_owned(), file))
            }
            Lock::HeldByAnother => Taken::Held(Look::at(&file)?),
            Lock::Unsupported => Taken::WithoutLocks,
            Lock::Had => Taken::Barred,
        })
    }

    /// One that was made just now.
    fn made(folder: &Folder, name: String, file: File) -> Self {
        Self {
            end: 0,
            ..Self::new(folder, name, file)
        }
    }

    fn new(folder: &Folder, name: String, file: File) -> Self {
        Self {
            folder: folder.clone(),
            name,
            file: Arc::new(file),
            position: 0,
            end: u64::MAX,
            findable: true,
            let_go: None,
            shorter: Vec::new(),
        }
    }

    /// Lets another receiver have it, until it is taken again.
    ///
    /// # Errors
    /// What the system says; it is not let go then.
    pub fn let_go(&mut self) -> io::Result<()> {
        if self.findable && self.let_go.is_none() {
            let look = Look::at(&self.file)?;
            self.file.unlock()?;
            self.let_go = Some(look);
        }
        Ok(())
    }

    /// Whether it was let go, and is another or has another name since, as far as the system says. Locks nothing.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.let_go.is_some_and(|look| {
            let looks = Look::at(&self.file).is_ok_and(|now| now == look);
            let named = still_named(self.folder.dir(), &self.name, &self.file);
            !(looks && named.unwrap_or(true))
        })
    }

    /// Takes it again, if it was let go: whether no other receiver has it, or has had it meanwhile.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if it was removed meanwhile, else what the system says.
    pub fn take_again(&mut self) -> io::Result<bool> {
        let Some(look) = self.let_go else {
            return Ok(true);
        };
        match lock(&self.file)? {
            Lock::Had => {}
            Lock::HeldByAnother => return Ok(false),
            Lock::Unsupported => return Err(io::ErrorKind::Unsupported.into()),
        }
        let is_as_it_was = still_named(self.folder.dir(), &self.name, &self.file)
            .and_then(|named| Ok(named && Look::at(&self.file)? == look));
        if matches!(is_as_it_was, Ok(true)) {
            self.let_go = None;
            return Ok(true);
        }
        self.file.unlock()?;
        if is_nameless(&self.file)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        is_as_it_was
    }

    /// Whether a later transfer can go on with it.
    #[must_use]
    pub const fn is_findable(&self) -> bool {
        self.findable
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Lengths of what it has that are worth a proof, of the first `most` bytes and of shorter prefixes: longest
    /// first, each more than 0.
    ///
    /// # Errors
    /// What the system says.
    pub fn lengths(&self, most: u64) -> io::Result<Vec<u64>> {
        let mut lengths = checkpoints(self.length()?.min(most));
        lengths.reverse();
        Ok(lengths)
    }

    /// What it has now, to be read while more is written to it.
    #[must_use]
    pub fn kept(&self) -> KeptBytes {
        KeptBytes::new(Arc::clone(&self.file))
    }

    /// Has the next bytes go to `position`.
    pub const fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Cuts what is behind the first `length` bytes, if it has more.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut(&self, length: u64) -> io::Result<()> {
        // To ask the system costs as much as to write a small file.
        if self.end > length && self.length()? > length {
            self.file.set_len(length)?;
        }
        Ok(())
    }

    /// Writes `data` at the present position.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        platform::write_all_at(&self.file, data, self.position)?;
        self.position += data.len() as u64;
        self.end = self.end.max(self.position);
        Ok(())
    }

    /// Leaves a hole of `length` bytes at the present position, and goes behind it. Where the file system has none,
    /// zeros are written.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_hole(&mut self, length: u64) -> io::Result<()> {
        let end = self.position.saturating_add(length);
        let there = self.length()?;
        if there > self.position {
            holes::clear(&self.file, self.position, there.min(end))?;
        }
        if there < end {
            self.file.set_len(end)?;
        }
        self.position = end;
        self.end = self.end.max(end);
        Ok(())
    }

    /// Writes what is left of `source` from the beginning on, or from where that was done before, and cuts what is
    /// behind it; gives how much that was.
    ///
    /// # Errors
    /// What the system says.
    pub fn copy_from(&mut self, source: &mut io::Take<&mut File>) -> io::Result<u64> {
        let copied = io::copy(source, &mut &*self.file)?;
        self.position += copied;
        self.end = self.end.max(self.position);
        self.cut(self.position)?;
        Ok(copied)
    }

    /// Everything but the name: the mode, the time, and the bytes on disk. Gives what of that the file system
    /// refuses, which is no failure.
    ///
    /// # Errors
    /// What the system says when it is asked to put the bytes on disk. What it could not write is lost,
    /// though it may go on to show it: such a part is good for nothing but [`PartFile::discard`].
    pub fn seal(&self, modified: ModifiedTime, wish: &Wish<'_>) -> io::Result<Refused> {
        let mut refused = Refused::default();
        if let Err(error) = self.final_mode(wish).set(&self.file, Stage::Part) {
            tracing::debug!(%error, "a file keeps the mode that the file system gave it");
            refused.mode = true;
        }
        if let Some(time) = modified.to_system_time()
            && let Err(error) = self.file.set_modified(time)
        {
            tracing::debug!(%error, "a file keeps the time at which it was written");
            refused.time = true;
        }
        self.file.sync_all()?;
        Ok(refused)
    }

    fn final_mode(&self, wish: &Wish<'_>) -> FinalMode {
        let replaced = wish.replace.then(|| self.folder.look_at(wish.name).ok());
        FinalMode::new(wish.executable, wish.others, replaced.flatten().as_ref())
    }

    /// Removes it, and what else was kept for its path: its file is whole elsewhere.
    ///
    /// # Errors
    /// What the system says.
    pub fn discard_with_shorter(self) -> io::Result<()> {
        self.remove_shorter();
        self.discard()
    }

    fn remove_shorter(&self) {
        for name in &self.shorter {
            let removed = match Self::take(&self.folder, name) {
                Ok(Taken::Part(part)) => part.discard(),
                Ok(Taken::Held(_) | Taken::WithoutLocks | Taken::Barred | Taken::Nothing) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                tracing::debug!(%error, "a shorter part could not be removed");
            }
        }
    }

    /// Removes it, unless another receiver has it.
    ///
    /// # Errors
    /// What the system says.
    pub fn discard(mut self) -> io::Result<()> {
        if self.take_again()? {
            self.folder.dir().remove_file(&self.name)
        } else {
            Ok(())
        }
    }
}

/// What was found under a part's name.
enum Taken {
    /// A part of ours, locked.
    Part(PartFile),
    /// One that another receiver holds, and what it is like.
    Held(Look),
    /// Something that stays: it cannot be told whether a receiver holds it.
    WithoutLocks,
    /// Something that stays: it is not ours.
    Barred,
    /// Nothing, or nothing any more.
    Nothing,
}

/// Whether what has this name, and cannot be opened for this reason, is no part of ours. One of ours may be opened
/// another time: there may be too many open files, or the disk may have failed.
fn is_foreign(folder: &Dir, name: &str, error: &io::Error) -> bool {
    let is_file = folder
        .symlink_metadata(name)
        .is_ok_and(|found| found.is_file());
    !is_file || error.kind() == io::ErrorKind::PermissionDenied
}

/// Takes its name from what is no part of ours. The file itself stays, if it has another name.
fn remove_foreign(folder: &Dir, name: &str) -> Taken {
    match folder.remove_file(name) {
        Ok(()) => Taken::Nothing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Taken::Nothing,
        // A folder, or another user's file in a folder where each removes only their own.
        Err(_) => Taken::Barred,
    }
}

/// What a file is like that was made in `folder` just now.
pub(super) fn fresh_metadata(folder: &Dir) -> io::Result<std::fs::Metadata> {
    let name = place::spare_part_name();
    let metadata = platform::create_private(folder, &name)?.metadata();
    folder.remove_file(&name)?;
    metadata
}

/// Where a kept prefix is proved: at its end, and where its tail may have been lost with the
/// machine's power, ever further back. Rising, each more than 0.
fn checkpoints(length: u64) -> Vec<u64> {
    const MIB: u64 = 1024 * 1024;
    let mut checkpoints = vec![length / 4, length / 2, length / 4 * 3, length];
    for lost in [MIB, 8 * MIB, 64 * MIB, 512 * MIB] {
        checkpoints.push(length.saturating_sub(lost));
    }
    checkpoints.sort_unstable();
    checkpoints.dedup();
    checkpoints.retain(|checkpoint| *checkpoint > 0);
    checkpoints
}
