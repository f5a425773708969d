//! What was here before a transfer, to be read and proved: the bytes of part files, and files that have their final names.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use fardrop_shared::name::SafeName;

use super::folders::Folder;
use super::holes::{self, Run};
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

    /// The BLAKE3 of the first bytes, for each of `lengths`, which are given longest first. Reads them once, and
    /// tells `go_on` how many bytes more it has read.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
    pub fn hashes(
        &self,
        lengths: &[u64],
        go_on: &dyn Fn(u64) -> bool,
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

/// Has `hasher`, which has as many bytes of `file` as it counts, go on up to `end`; `go_on` is told of each piece.
fn hash_up_to(
    file: &File,
    hasher: &mut blake3::Hasher,
    end: u64,
    go_on: &dyn Fn(u64) -> bool,
) -> io::Result<()> {
    let may_have_holes = holes::may_have(&file.metadata()?);
    let mut piece = vec![0; HASH_PIECE];
    while hasher.count() < end {
        let begin = hasher.count();
        let run = if may_have_holes {
            holes::next_run(file, begin, end)?
        } else {
            Run::Data(end - begin)
        };
        match run {
            Run::Data(length) => hash_data(file, hasher, begin + length, &mut piece, go_on)?,
            Run::Hole(length)
                if holes::hash_zeros(hasher, length, &|| go_on(0)) && go_on(length) => {}
            Run::Hole(_) => return Err(io::ErrorKind::Interrupted.into()),
        }
    }
    Ok(())
}

/// Has `hasher` go on up to `end`, with what is read.
fn hash_data(
    file: &File,
    hasher: &mut blake3::Hasher,
    end: u64,
    piece: &mut [u8],
    go_on: &dyn Fn(u64) -> bool,
) -> io::Result<()> {
    while hasher.count() < end {
        let left = end - hasher.count();
        let part = &mut piece[..left.min(HASH_PIECE as u64) as usize];
        platform::read_exact_at(file, part, hasher.count())?;
        hasher.update(part);
        if !go_on(part.len() as u64) {
            return Err(io::ErrorKind::Interrupted.into());
        }
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

    /// When it was last modified.
    pub(super) fn modified(&self) -> io::Result<SystemTime> {
        self.file.metadata()?.modified()
    }

    /// Whether `other` has the same bytes, as many as this was opened with.
    pub(super) fn has_content_of(&self, other: &File) -> io::Result<bool> {
        let mut theirs = blake3::Hasher::new();
        hash_up_to(other, &mut theirs, self.length, &|_| true)?;
        Ok(theirs.finalize() == self.hash(&|_| true)?)
    }

    /// The BLAKE3 of as many bytes as it was opened with; `go_on` is told how many more it has read.
    ///
    /// # Errors
    /// [`io::ErrorKind::Interrupted`] soon after `go_on` says no, else what the system says.
    pub fn hash(&self, go_on: &dyn Fn(u64) -> bool) -> io::Result<blake3::Hash> {
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    /// Bytes that this thread has had of files so far.
    fn bytes_read() -> u64 {
        let told = std::fs::read_to_string("/proc/thread-self/io").expect("it is told");
        let read = told.lines().find_map(|line| line.strip_prefix("rchar: "));
        read.expect("a line").parse().expect("a number")
    }

    #[test]
    fn holes_of_what_was_kept_are_not_read() {
        const MIB: u64 = 1024 * 1024;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let file = File::create_new(&path).expect("it is made");
        file.set_len(64 * MIB).expect("it grows");
        for place in [3 * MIB + 1, 40 * MIB] {
            file.write_all_at(&[7; 100_000], place).expect("it writes");
        }
        let whole = std::fs::read(&path).expect("it reads");
        let file = File::open(&path).expect("it opens");
        let before = bytes_read();
        // One ends in a hole, one in data.
        let lengths = [64 * MIB, 40 * MIB + 5000, 20 * MIB, 1];
        let kept = KeptBytes::new(Arc::new(file));
        let hashes = kept.hashes(&lengths, &|_| true).expect("it reads");
        let read = bytes_read() - before;
        for (length, hash) in lengths.into_iter().zip(hashes) {
            assert_eq!(hash, blake3::hash(&whole[..length as usize]), "{length}");
        }
        assert!(read < 4 * MIB, "{read}");
    }
}
