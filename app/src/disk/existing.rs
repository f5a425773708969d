//! What was here before a transfer, to be read and proved: the bytes of part files, and files that have their final names.

use std::fs::File;
use std::io;
use std::sync::Arc;

use fardrop_shared::name::SafeName;

use super::folders::Folder;
use super::platform::{self, Access};

/// Bytes read at once when what was kept is hashed.
const HASH_PIECE: usize = 256 * 1024;

/// What a part had when it was found.
#[derive(Debug)]
pub struct KeptBytes(Arc<File>);

impl KeptBytes {
    /// What this file has.
    pub(super) const fn new(file: Arc<File>) -> Self {
        Self(file)
    }

    /// The BLAKE3 of the first bytes, for each of `lengths`, which are given longest first. Reads them once.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
    pub fn hashes(
        &self,
        lengths: &[u64],
        go_on: &dyn Fn() -> bool,
    ) -> io::Result<Vec<blake3::Hash>> {
        let mut hasher = blake3::Hasher::new();
        let mut hashes = Vec::with_capacity(lengths.len());
        for length in lengths.iter().rev() {
            hash_up_to(&self.0, &mut hasher, *length, go_on)?;
            hashes.push(hasher.finalize());
        }
        hashes.reverse();
        Ok(hashes)
    }
}

/// Has `hasher`, which has as many bytes of `file` as it counts, go on up to `end`.
fn hash_up_to(
    file: &File,
    hasher: &mut blake3::Hasher,
    end: u64,
    go_on: &dyn Fn() -> bool,
) -> io::Result<()> {
    let mut piece = vec![0; HASH_PIECE];
    while hasher.count() < end {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let left = end - hasher.count();
        let part = &mut piece[..left.min(HASH_PIECE as u64) as usize];
        platform::read_exact_at(file, part, hasher.count())?;
        hasher.update(part);
    }
    Ok(())
}

/// A file that had its final name before, open.
#[derive(Debug)]
pub struct ExistingFile {
    folder: Folder,
    file: File,
    length: u64,
}

impl ExistingFile {
    /// Opens `name` in `folder`; `None` if it is not a regular file of `size` bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Folder, name: &SafeName<'_>, size: u64) -> io::Result<Option<Self>> {
        let file = platform::open_in(folder.dir(), name.as_path(), Access::Read)?;
        let metadata = file.metadata()?;
        Ok(
            (metadata.is_file() && metadata.len() == size).then(|| Self {
                folder: folder.clone(),
                file,
                length: size,
            }),
        )
    }

    /// Its length in bytes, when it was opened.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The BLAKE3 of as many bytes as it was opened with.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] soon after `go_on` says no, else what the system says.
    pub fn hash(&self, go_on: &dyn Fn() -> bool) -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        hash_up_to(&self.file, &mut hasher, self.length, go_on)?;
        Ok(hasher.finalize())
    }

    /// Returns once its bytes are on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.file.sync_all() {
            // Windows syncs for those only who may write to the file.
            Err(error) if cfg!(windows) && error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(())
            }
            outcome => outcome,
        }
    }

    pub(super) fn into_folder(self) -> Folder {
        self.folder
    }
}
