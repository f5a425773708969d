//! How a part gets its final name.

use std::io;
use std::path::Path;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::OthersAccess;

use super::PartFile;
use crate::disk::existing::ExistingFile;
use crate::disk::folders::Folder;
use crate::disk::lock::still_named;
use crate::disk::mode::Stage;
use crate::disk::platform;
use crate::disk::refused::Refused;

/// What became of a part.
#[derive(Debug)]
pub struct Named {
    /// The final name.
    pub name: SafeName<'static>,
    /// The folder to sync.
    pub folder: Folder,
    /// What of the mode the file system refuses.
    pub refused: Refused,
    /// Whether it is the part that has the name, and not the same file from elsewhere.
    pub is_new: bool,
}

/// What a part is to become.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The final name. Without `replace`, it gets the first of `name`, `name (1)`, `name (2)` … that is free.
    pub name: &'a SafeName<'a>,
    /// Whether it takes the place of a file of that name.
    pub replace: bool,
    /// Whether it is a program.
    pub executable: bool,
    /// What others may do with it at the sender's.
    pub others: OthersAccess,
}

impl PartFile {
    /// Gives it its final name. Where that was taken meanwhile by the very same file, another receive into this folder
    /// has brought it: the part is removed then.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if the part is not there under its own name any more, else what the system
    /// says.
    pub fn rename(mut self, wish: &Wish<'_>) -> io::Result<Named> {
        if !self.take_again()? {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mode = self.final_mode(wish);
        let (name, is_new) = self.give_name(wish)?;
        self.remove_shorter();
        let mut refused = Refused::default();
        if is_new && let Err(error) = mode.set(&self.file, Stage::Named) {
            tracing::debug!(%error, "a file keeps the mode that it had as a part");
            refused.mode = true;
        }
        Ok(Named {
            name,
            folder: self.folder,
            refused,
            is_new,
        })
    }

    /// Gives the final name, and whether it is this part that has it.
    fn give_name(&self, wish: &Wish<'_>) -> io::Result<(SafeName<'static>, bool)> {
        /// Numbers tried before giving up.
        const NUMBERS: u32 = 10_000;
        let name = wish.name;
        let folder = self.folder.dir();
        if !still_named(folder, &self.name, &self.file)? {
            return Err(io::ErrorKind::NotFound.into());
        }
        if wish.replace {
            folder.rename(&self.name, folder, name)?;
            return Ok((name.clone().into_owned(), true));
        }
        for number in 0..NUMBERS {
            let target = name.numbered(number);
            match platform::rename_no_replace(folder, Path::new(&self.name), target.as_path()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome.map(|()| (target, true)),
            }
            if number == 0 && self.has_twin(&target) {
                folder.remove_file(&self.name)?;
                return Ok((target, false));
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Whether the file with this name is the same in content and time, and on disk.
    fn has_twin(&self, name: &SafeName<'_>) -> bool {
        let compare = || {
            let metadata = self.file.metadata()?;
            let Some(twin) = ExistingFile::open(&self.folder, name, metadata.len())? else {
                return Ok(false);
            };
            if twin.modified()? != metadata.modified()? {
                return Ok(false);
            }
            let same = twin.has_content_of(&self.file)?;
            if same {
                twin.sync()?;
            }
            Ok::<_, io::Error>(same)
        };
        compare().unwrap_or_else(|error| {
            tracing::debug!(%error, "what has a file's name cannot be read");
            false
        })
    }
}
