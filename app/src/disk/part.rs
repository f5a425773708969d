//! A part file: what a file is while it is not yet whole, verified and on disk.

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use cap_std::fs::{Dir, OpenOptions};
use fardrop_shared::{offer::ModifiedTime, transfer::Claim};

use super::{place, platform};

/// Bytes read at once when what was kept is hashed.
const HASH_PIECE: usize = 256 * 1024;

/// A part file, open and locked against other receivers. Dropping it keeps what it has.
#[derive(Debug)]
pub struct PartFile {
    folder: Arc<Dir>,
    name: String,
    file: File,
}

impl PartFile {
    /// A new part file for the entry with this path, in `folder`, the folder it will be in.
    ///
    /// One that is there already is used, emptied; where another receiver holds it, one with a
    /// random name.
    pub fn create(folder: &Arc<Dir>, path: &str, executable: bool) -> io::Result<Self> {
        let name = place::part_name(path);
        match create_locked(folder, &name, executable) {
            Ok(Some(file)) => return Ok(Self::new(folder, name, file)),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if let Some(part) = Self::reopen(folder, path)? {
                    part.file.set_len(0)?;
                    platform::set_executable(&part.file, executable)?;
                    return Ok(part);
                }
            }
            Err(error) => return Err(error),
        }
        let name = place::spare_part_name();
        let file = create_locked(folder, &name, executable)?.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(Self::new(folder, name, file))
    }

    /// The part file that an earlier transfer left for this path; `None` where there is none to be
    /// had: absent, not a regular file, or held by another receiver.
    pub fn reopen(folder: &Arc<Dir>, path: &str) -> io::Result<Option<Self>> {
        let name = place::part_name(path);
        match folder.symlink_metadata(&name) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        let file = match folder.open_with(&name, OpenOptions::new().read(true).write(true)) {
            Ok(file) => file.into_std(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if !lock(&file)? || !still_named(folder, &name, &file)? {
            return Ok(None);
        }
        Ok(Some(Self::new(folder, name, file)))
    }

    fn new(folder: &Arc<Dir>, name: String, file: File) -> Self {
        Self {
            folder: Arc::clone(folder),
            name,
            file,
        }
    }

    /// Bytes in it.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Makes it `length` bytes long, no more than it has, with the next write at that end.
    pub fn resume_at(&mut self, length: u64, executable: bool) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length))?;
        platform::set_executable(&self.file, executable)
    }

    /// Writes what follows.
    pub fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all(data)
    }

    /// The hash of the first `length` bytes, to be gone on with.
    ///
    /// Ends with [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
    pub fn hash_prefix(
        &mut self,
        length: u64,
        go_on: &dyn Fn() -> bool,
    ) -> io::Result<blake3::Hasher> {
        let mut hasher = blake3::Hasher::new();
        self.file.seek(SeekFrom::Start(0))?;
        hash_up_to(&mut self.file, &mut hasher, length, go_on)?;
        Ok(hasher)
    }

    /// Proof of what is here: claims of the first `most` bytes and of shorter prefixes, longest
    /// first, and the hash of the longest, to be gone on with. Reads the file once.
    ///
    /// Ends with [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
    pub fn claims(
        &mut self,
        most: u64,
        go_on: &dyn Fn() -> bool,
    ) -> io::Result<(Vec<Claim>, blake3::Hasher)> {
        let length = self.length()?.min(most);
        let mut hasher = blake3::Hasher::new();
        let mut claims = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        for checkpoint in checkpoints(length) {
            let missing = checkpoint - hasher.count();
            hash_up_to(&mut self.file, &mut hasher, missing, go_on)?;
            claims.push(Claim {
                length: checkpoint,
                hash: hasher.finalize().into(),
            });
        }
        claims.reverse();
        Ok((claims, hasher))
    }

    /// Everything but the name: the time, and the bytes on disk.
    pub fn seal(&self, modified: ModifiedTime) -> io::Result<()> {
        if let Some(time) = modified.to_system_time() {
            self.file.set_modified(time)?;
        }
        self.file.sync_all()
    }

    /// Gives it its final name, of which `name` is the wish: with `replace` it takes the place of
    /// a file of that name, without it the first of `name`, `name (1)`, `name (2)` … that is free.
    /// Gives the name, and the folder to sync.
    pub fn rename(self, name: &str, replace: bool) -> io::Result<(String, Arc<Dir>)> {
        /// Numbers tried before giving up.
        const NUMBERS: u32 = 10_000;
        if !still_named(&self.folder, &self.name, &self.file)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        if replace {
            self.folder.rename(&self.name, &self.folder, name)?;
            return Ok((name.to_owned(), self.folder));
        }
        for number in 0..NUMBERS {
            let target = match number {
                0 => name.to_owned(),
                number => place::numbered(name, number).ok_or(io::ErrorKind::InvalidFilename)?,
            };
            match platform::rename_no_replace(&self.folder, &self.name, &target) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome.map(|()| (target, self.folder)),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes it.
    pub fn discard(self) -> io::Result<()> {
        self.folder.remove_file(&self.name)
    }
}

/// Creates and locks; `None` when another receiver was between the two.
fn create_locked(folder: &Dir, name: &str, executable: bool) -> io::Result<Option<File>> {
    let options = platform::create_options(executable);
    let file = folder.open_with(name, &options)?.into_std();
    Ok(lock(&file)?.then_some(file))
}

/// Whether the lock was had. Where the file system has no locks, that cannot be told, and it was.
fn lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Another receiver may have given the file its final name before the lock was had.
fn still_named(folder: &Dir, name: &str, file: &File) -> io::Result<bool> {
    match folder.symlink_metadata(name) {
        Ok(metadata) => platform::same_file(file, &metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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

fn hash_up_to(
    file: &mut File,
    hasher: &mut blake3::Hasher,
    length: u64,
    go_on: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; HASH_PIECE];
    let mut left = length;
    while left > 0 {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let part = &mut piece[..left.min(HASH_PIECE as u64) as usize];
        file.read_exact(part)?;
        hasher.update(part);
        left -= part.len() as u64;
    }
    Ok(())
}

/// The claim that a file with a final name is `size` bytes of this content; `None` if it is not a
/// regular file of that size. Ends with [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
pub fn claim_existing(
    folder: &Dir,
    name: &str,
    size: u64,
    go_on: &dyn Fn() -> bool,
) -> io::Result<Option<Claim>> {
    let metadata = folder.symlink_metadata(name)?;
    if !metadata.is_file() || metadata.len() != size {
        return Ok(None);
    }
    let mut file = folder.open(name)?.into_std();
    let mut hasher = blake3::Hasher::new();
    hash_up_to(&mut file, &mut hasher, size, go_on)?;
    Ok(Some(Claim {
        length: size,
        hash: hasher.finalize().into(),
    }))
}
