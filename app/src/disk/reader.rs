//! Reading an offered file, and noticing when it is no longer what was offered.
//!
//! A file that is changed in place while it is read would cross as a mixture that never was. Its length and time
//! say so, but whoever changes it may set the time back. The system's own time of the last change to anything about
//! it (ctime) cannot be set; it also moves where the file is renamed, linked or given another mode. So a file of
//! which only that has moved is read once more, and has to be the same.

use std::fs::{File, Metadata};
use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use fardrop_shared::offer::ModifiedTime;
use fardrop_shared::transfer::FileReason;

use super::holes::{self, Run, hash_zeros};
use super::platform;
use super::reason::read_reason;

/// Where an offered file is, and what it was when it was offered.
#[derive(Debug)]
pub struct Source<'a> {
    /// Its path, links in it resolved at the time of the offer or not.
    pub path: &'a Path,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: ModifiedTime,
}

/// An offered file, open.
#[derive(Debug)]
pub struct SourceReader {
    file: File,
    size: u64,
    modified: ModifiedTime,
    /// When anything about it last changed, as of its opening.
    changed: Option<ChangeTime>,
    position: u64,
    /// Whether it may have holes.
    sparse: bool,
    /// Where the data that is known to be at the present position ends, if it is.
    data_end: u64,
    /// What is known of what follows the size that was offered.
    behind: Behind,
}

/// Whether a file has more bytes than its length says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Unknown,
    Nothing,
    Something,
}

/// The system's own time of the last change to a file, in seconds and nanoseconds.
type ChangeTime = (i64, i64);

/// Bytes read at once where a file is read again.
const PIECE: usize = 256 * 1024;
/// How often a file is read again that is touched each time.
const PROOFS: usize = 3;

impl SourceReader {
    /// Opens the file and checks that it is still what was offered. Where its name is a link, that must
    /// lead to a canonical path for which `inside` holds.
    ///
    /// # Errors
    /// [`FileReason::FileChanged`] where it is gone or no longer what was offered, [`FileReason::FileUnreadable`]
    /// where the system does not let us read it.
    pub fn open(
        source: &Source<'_>,
        inside: impl FnOnce(&Path) -> bool,
    ) -> Result<Self, FileReason> {
        let file = open_inside(source.path, inside).map_err(|error| read_reason(&error))?;
        let mut reader = Self {
            file,
            size: source.size,
            modified: source.modified,
            changed: None,
            position: 0,
            sparse: false,
            data_end: 0,
            behind: Behind::Unknown,
        };
        let metadata = reader.check()?;
        reader.changed = change_time(&metadata);
        reader.sparse = holes::may_have(&metadata);
        Ok(reader)
    }

    /// Fills `buffer` with the bytes at the present position, which must not reach beyond the size offered.
    ///
    /// # Errors
    /// [`FileReason::FileChanged`] where the file ends before `buffer` is full, [`FileReason::FileUnreadable`] where
    /// the system does not let us read it.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<(), FileReason> {
        let read = if self.position + buffer.len() as u64 == self.size {
            self.read_last(buffer)
        } else {
            self.file.read_exact(buffer)
        };
        read.map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                FileReason::FileChanged
            } else {
                read_reason(&error)
            }
        })?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    /// Fills `buffer` with the last bytes that were offered, and looks in the same call of the system whether more
    /// follow: a call of its own would take as long as the reading of a small file.
    fn read_last(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        let mut more = [0];
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            let wished = rest.len();
            let mut places = [IoSliceMut::new(rest), IoSliceMut::new(&mut more)];
            match self.file.read_vectored(&mut places) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) if read > wished => {
                    self.behind = Behind::Something;
                    return Ok(());
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.behind = Behind::Nothing;
        Ok(())
    }

    /// What follows at the present position, up to the size offered.
    ///
    /// # Errors
    /// What a failure of the system says about the file.
    pub fn next_run(&mut self) -> Result<Run, FileReason> {
        if !self.sparse {
            return Ok(Run::Data(self.size - self.position));
        }
        if self.position < self.data_end {
            return Ok(Run::Data(self.data_end - self.position));
        }
        let run = holes::next_run(&self.file, self.position, self.size);
        let run = run.map_err(|error| read_reason(&error))?;
        self.go_to(self.position)?;
        if let Run::Data(length) = run {
            self.data_end = self.position + length;
        }
        Ok(run)
    }

    /// Goes behind a hole of `length` bytes at the present position.
    ///
    /// # Errors
    /// What a failure of the system says about the file.
    pub fn skip_hole(&mut self, length: u64) -> Result<(), FileReason> {
        self.seek(self.position + length)
    }

    /// Moves the present position to `position`.
    ///
    /// # Errors
    /// What a failure of the system says about the file.
    pub fn seek(&mut self, position: u64) -> Result<(), FileReason> {
        if position == self.position {
            return Ok(());
        }
        self.go_to(position)
    }

    fn go_to(&mut self, position: u64) -> Result<(), FileReason> {
        self.behind = Behind::Unknown;
        self.file
            .seek(SeekFrom::Start(position))
            .map_err(|error| read_reason(&error))?;
        self.position = position;
        self.data_end = 0;
        Ok(())
    }

    /// Checks, where reading ended, that what was read is the same all the time: `digest` is the BLAKE3 of everything
    /// from `start` to here, and here is the end of the file if nothing is left. Reads it again where only the
    /// system's time of the last change has moved.
    ///
    /// # Errors
    /// [`FileReason::WrongSize`] if more bytes follow: of some files (in `/proc`, on some network file systems) the
    /// system says a length that is not theirs. [`FileReason::FileChanged`] where its length, time or content is
    /// another, or it is no file any more, and soon after `go_on` says no; else why it cannot be read.
    pub fn check_read(
        &mut self,
        start: u64,
        digest: blake3::Hash,
        go_on: &dyn Fn() -> bool,
    ) -> Result<(), FileReason> {
        let changed = change_time(&self.check()?);
        self.check_end()?;
        if changed == self.changed {
            return Ok(());
        }
        self.changed = changed;
        for _ in 0..PROOFS {
            if self.hash_again(start, go_on)? != digest {
                break;
            }
            let changed = change_time(&self.check()?);
            if std::mem::replace(&mut self.changed, changed) == changed {
                return Ok(());
            }
        }
        Err(FileReason::FileChanged)
    }

    /// The BLAKE3 of what is from `start` to the present position now.
    fn hash_again(
        &mut self,
        start: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<blake3::Hash, FileReason> {
        let end = self.position;
        self.seek(start)?;
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; PIECE];
        while self.position < end {
            if !go_on() {
                return Err(FileReason::FileChanged);
            }
            match self.next_run()? {
                Run::Hole(length) => {
                    let length = length.min(end - self.position);
                    if !hash_zeros(&mut hasher, length, go_on) {
                        return Err(FileReason::FileChanged);
                    }
                    self.skip_hole(length)?;
                }
                Run::Data(length) => {
                    let length = length.min(end - self.position).min(PIECE as u64) as usize;
                    self.read(&mut piece[..length])?;
                    hasher.update(&piece[..length]);
                }
            }
        }
        self.check_end()?;
        Ok(hasher.finalize())
    }

    fn check_end(&mut self) -> Result<(), FileReason> {
        if self.position < self.size {
            return Ok(());
        }
        match self.behind {
            Behind::Nothing => return Ok(()),
            Behind::Something => return Err(FileReason::WrongSize),
            Behind::Unknown => {}
        }
        loop {
            match self.file.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(FileReason::WrongSize),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_reason(&error)),
            }
        }
    }

    /// Checks its length and time; gives what the system says of it.
    fn check(&self) -> Result<Metadata, FileReason> {
        let metadata = self.file.metadata().map_err(|error| read_reason(&error))?;
        let same = metadata.is_file()
            && metadata.len() == self.size
            && metadata
                .modified()
                .is_ok_and(|time| ModifiedTime::from(time) == self.modified);
        if same {
            Ok(metadata)
        } else {
            Err(FileReason::FileChanged)
        }
    }
}

/// When anything about a file last changed, where the system says so.
fn change_time(metadata: &Metadata) -> Option<ChangeTime> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.ctime(), metadata.ctime_nsec()))
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// Opens the file itself; where its name is a link, what it leads to, if that is in the offer.
fn open_inside(path: &Path, inside: impl FnOnce(&Path) -> bool) -> io::Result<File> {
    match platform::open_no_follow(path) {
        Err(error) if platform::is_link_error(&error) => {
            let target: PathBuf = path.canonicalize()?;
            if !inside(&target) {
                return Err(error);
            }
            platform::open_no_follow(&target)
        }
        outcome => outcome,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
    use std::path::PathBuf;

    use super::*;

    const CONTENT: &[u8] = b"first half second half";

    fn change_time_of(path: &Path) -> ChangeTime {
        let metadata = fs::metadata(path).expect("it is there");
        (metadata.ctime(), metadata.ctime_nsec())
    }

    /// What is said of a file that `change` does something to when half of it was read.
    fn sent_while(change: impl Fn(&Path)) -> Result<(), FileReason> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, CONTENT).expect("it writes");
        let modified = fs::metadata(&path).and_then(|found| found.modified());
        let modified = modified.expect("it has a time");
        let source = Source {
            path: &path,
            size: CONTENT.len() as u64,
            modified: modified.into(),
        };
        let mut reader = SourceReader::open(&source, |_| false)?;
        let mut read = vec![0; CONTENT.len()];
        let (one, other) = read.split_at_mut(CONTENT.len() / 2);
        reader.read(one)?;
        // The system's clock for files goes in steps: until there is one, nothing can be told.
        let before = change_time_of(&path);
        while change_time_of(&path) == before {
            change(&path);
            let file = File::open(&path).expect("it opens");
            file.set_modified(modified).expect("its time is set");
        }
        reader.read(other)?;
        reader.check_read(0, blake3::hash(&read), &|| true)
    }

    fn write_at(path: &Path, place: u64) {
        let file = File::options().write(true).open(path).expect("it opens");
        file.write_all_at(b"X", place).expect("it writes");
    }

    #[test]
    fn a_file_changed_in_place_whose_time_was_set_back_has_changed() {
        for place in [0, CONTENT.len() as u64 - 1] {
            // What was read before is another file's beginning; what is read after would make up a mixture.
            let outcome = sent_while(|path| write_at(path, place));
            if place == 0 {
                assert_eq!(outcome, Err(FileReason::FileChanged));
            } else {
                // All that was read is what is there now.
                assert_eq!(outcome, Ok(()));
            }
        }
        let both = |path: &Path| [0, 20].into_iter().for_each(|place| write_at(path, place));
        assert_eq!(sent_while(both), Err(FileReason::FileChanged));
    }

    #[test]
    fn a_file_that_is_only_linked_renamed_or_given_another_mode_is_the_same() {
        let mode = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        };
        assert_eq!(sent_while(mode), Ok(()));
        let second: fn(&Path) -> PathBuf = |path| path.with_extension("again");
        let link = |path: &Path| {
            fs::hard_link(path, second(path)).expect("it links");
            fs::remove_file(second(path)).expect("it goes");
        };
        assert_eq!(sent_while(link), Ok(()));
        let rename = |path: &Path| {
            fs::rename(path, second(path)).expect("it renames");
            fs::rename(second(path), path).expect("it renames back");
        };
        assert_eq!(sent_while(rename), Ok(()));
    }
}
