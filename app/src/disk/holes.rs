//! Holes in files: told from data where a file is read, and made where one is written. What is in a hole is zero, and
//! needs no room on a disk.
//!
//! They are found on Linux. Elsewhere everything is data.

use std::fs::{File, Metadata};
use std::io;

use super::platform;

/// Fewer bytes in holes than this are not looked for: file systems save some in their own records.
const LEAST_HOLES: u64 = 64 * 1024;
/// Zeros hashed at once: they stay in a processor's nearest memory but one.
const ZEROS: usize = 128 * 1024;

/// What follows in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// So many bytes of data.
    Data(u64),
    /// So many bytes of a hole.
    Hole(u64),
}

/// Whether a file may have holes: its system keeps less of it than its length.
pub(super) fn may_have(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        const BLOCK: u64 = 512;
        let stored = metadata.blocks().saturating_mul(BLOCK);
        metadata.len().saturating_sub(stored) >= LEAST_HOLES
    }
    #[cfg(not(unix))]
    {
        let _ = (metadata, LEAST_HOLES);
        false
    }
}

/// What follows at `position` in a file, up to `end`. Where the file is read next is not said afterwards.
///
/// # Errors
/// What the system says.
pub(super) fn next_run(file: &File, position: u64, end: u64) -> io::Result<Run> {
    let left = end.saturating_sub(position);
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{SeekFrom, seek};
        use rustix::io::Errno;
        match seek(file, SeekFrom::Data(position)) {
            // No data from here on.
            Err(Errno::NXIO) => return Ok(Run::Hole(left)),
            // A file system that cannot tell.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Run::Data(left)),
            Err(error) => return Err(error.into()),
            Ok(data) if data > position => return Ok(Run::Hole(left.min(data - position))),
            Ok(_) => {}
        }
        let hole = seek(file, SeekFrom::Hole(position))?;
        if hole > position {
            return Ok(Run::Data(left.min(hole - position)));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = file;
    Ok(Run::Data(left))
}

/// Makes the bytes from `start` to `end` of a file zero, if they are not, so that they need no room where that can
/// be.
///
/// # Errors
/// What the system says.
pub(super) fn clear(file: &File, start: u64, end: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if fallocate(file, flags, start, end - start).is_ok() {
            return Ok(());
        }
    }
    let zeros = vec![0; ZEROS];
    let mut position = start;
    while position < end {
        let piece = (end - position).min(ZEROS as u64);
        platform::write_all_at(file, &zeros[..piece as usize], position)?;
        position += piece;
    }
    Ok(())
}

/// Takes `length` zeros into a hash; `false` soon after `go_on` says no, and then the hash is of no use.
#[must_use]
pub fn hash_zeros(hasher: &mut blake3::Hasher, length: u64, go_on: &dyn Fn() -> bool) -> bool {
    let zeros = vec![0; ZEROS];
    let mut left = length;
    while left > 0 {
        if !go_on() {
            return false;
        }
        let piece = left.min(ZEROS as u64) as usize;
        hasher.update(&zeros[..piece]);
        left -= piece as u64;
    }
    true
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use super::*;
    use crate::disk::exfat::Exfat;

    #[track_caller]
    fn check_cleared(folder: &Path) {
        let path = folder.join("file");
        std::fs::write(&path, [b'x'; 100_000]).expect("it writes");
        let options = File::options().read(true).write(true).open(&path);
        let file = options.expect("it opens");
        clear(&file, 10, 90_000).expect("it clears");
        let read = std::fs::read(&path).expect("it reads");
        assert_eq!(read.len(), 100_000);
        let zeros = read.iter().filter(|byte| **byte == 0).count();
        assert_eq!((zeros, read[9], read[90_000]), (89_990, b'x', b'x'));
    }

    #[test]
    fn what_was_in_a_holes_place_is_cleared() {
        let folder = tempfile::tempdir().expect("a folder");
        check_cleared(folder.path());
        if let Some(exfat) = Exfat::mount() {
            check_cleared(&exfat.folder());
        }
    }

    #[test]
    fn runs_of_data_and_holes_add_up_to_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = File::create_new(folder.path().join("file")).expect("it is made");
        let length = 10_000_000;
        file.set_len(length).expect("it grows");
        for place in [3_000_000, 9_000_000] {
            file.write_all_at(&[1; 100_000], place).expect("it writes");
        }
        let mut runs = Vec::new();
        let mut position = 0;
        while position < length {
            let run = next_run(&file, position, length).expect("it is told");
            let (Run::Data(bytes) | Run::Hole(bytes)) = run;
            assert!(bytes > 0);
            position += bytes;
            runs.push(matches!(run, Run::Data(_)));
        }
        assert_eq!(position, length);
        assert_eq!(runs, [false, true, false, true, false]);
    }

    #[test]
    fn zeros_hash_as_if_they_had_been_read() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"before");
        assert!(hash_zeros(&mut hasher, 300_001, &|| true));
        let whole = [b"before".as_slice(), &[0; 300_001]].concat();
        assert_eq!(hasher.finalize(), blake3::hash(&whole));
        assert!(!hash_zeros(&mut hasher, 1, &|| false));
    }
}
