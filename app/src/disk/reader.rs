//! Reading an offered file, and noticing when it is no longer what was offered.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use fardrop_shared::offer::ModifiedTime;
use fardrop_shared::transfer::FileReason;

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
    position: u64,
}

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
        let reader = Self {
            file,
            size: source.size,
            modified: source.modified,
            position: 0,
        };
        reader.check()?;
        Ok(reader)
    }

    /// Fills `buffer` with the bytes at the present position, which must not reach beyond the size offered.
    ///
    /// # Errors
    /// [`FileReason::FileChanged`] where the file ends before `buffer` is full, [`FileReason::FileUnreadable`] where
    /// the system does not let us read it.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<(), FileReason> {
        self.file.read_exact(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                FileReason::FileChanged
            } else {
                read_reason(&error)
            }
        })?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    /// Moves the present position to `position`.
    ///
    /// # Errors
    /// What a failure of the system says about the file.
    pub fn seek(&mut self, position: u64) -> Result<(), FileReason> {
        self.file
            .seek(SeekFrom::Start(position))
            .map_err(|error| read_reason(&error))?;
        self.position = position;
        Ok(())
    }

    /// Bytes from the present position to the end.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.size - self.position
    }

    /// Checks, after the last byte, that nothing follows it: of some files (in `/proc`, on some network file
    /// systems) the system says a length that is not theirs.
    ///
    /// # Errors
    /// [`FileReason::WrongSize`] if there is more, else why that cannot be read.
    pub fn check_end(&mut self) -> Result<(), FileReason> {
        loop {
            match self.file.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(FileReason::WrongSize),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_reason(&error)),
            }
        }
    }

    /// Checks, after the last byte, that nothing changed meanwhile.
    ///
    /// # Errors
    /// [`FileReason::FileChanged`] where its length or time is another, or it is no file any more;
    /// [`FileReason::FileUnreadable`] where the system does not say.
    pub fn check(&self) -> Result<(), FileReason> {
        let metadata = self.file.metadata().map_err(|error| read_reason(&error))?;
        let same = metadata.is_file()
            && metadata.len() == self.size
            && metadata
                .modified()
                .is_ok_and(|time| ModifiedTime::from(time) == self.modified);
        if same {
            Ok(())
        } else {
            Err(FileReason::FileChanged)
        }
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
