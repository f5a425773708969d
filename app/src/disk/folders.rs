//! The destination: a folder held open, and those in it. Nothing reached through it lies outside.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata};
use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{ModifiedTime, OthersAccess};

use super::handles::file_handles;
use super::{platform, system_links};

/// The folder that an offer is received into.
#[derive(Debug)]
pub struct Destination {
    root: Arc<Dir>,
}

impl Destination {
    /// Opens `path`, which must be a folder.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            root: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?),
        })
    }

    /// Opens `path`, made if it is not there, with the folders that lead to it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn make(path: &Path) -> io::Result<Self> {
        match std::fs::create_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            outcome => outcome?,
        }
        Self::open(path)
    }

    /// A way to its folders of its own, for one thread.
    #[must_use]
    pub fn folders(&self) -> Folders {
        Folders {
            root: Arc::clone(&self.root),
            cached: Vec::new(),
            touched: Vec::new(),
            touched_limit: (file_handles() / TOUCHED_SHARE).clamp(1, TOUCHED_LIMIT),
        }
    }
}

/// One folder of a destination, held open. What is in it is reached by safe names only.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Dir>);

impl Folder {
    /// What has this name, itself and not what it may link to.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where nothing has, else what the system says.
    pub fn look_at(&self, name: &SafeName<'_>) -> io::Result<Metadata> {
        self.0.symlink_metadata(name)
    }

    /// Whether the two are the same handle.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether something can be made in it, as far as the system says so without its being tried.
    ///
    /// # Errors
    ///
    /// Why not: it is read-only, or this person may not.
    pub fn may_add(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use rustix::fs::{Access, AtFlags, accessat};
            use rustix::io::Errno;
            let wished = Access::WRITE_OK | Access::EXEC_OK;
            match accessat(&*self.0, ".", wished, AtFlags::EACCESS) {
                Err(error @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => Err(error.into()),
                // Whatever else there is comes up when it is written to.
                Ok(()) | Err(_) => Ok(()),
            }
        }
        #[cfg(not(unix))]
        Ok(())
    }

    pub(super) fn dir(&self) -> &Dir {
        &self.0
    }
}

/// Folders held open by those of a destination: the last, and the one that it is in or that was used before it.
const CACHED: usize = 2;
/// Folders with new ones in them that are held open, at most, and of how many handles they may take one: those of
/// many files come in a row.
const TOUCHED_LIMIT: usize = 32;
const TOUCHED_SHARE: usize = 16;

/// The folders of a destination, the last ones used held open: files of a folder come one after the
/// other, and walking the path for each would cost more than opening it.
#[derive(Debug)]
pub struct Folders {
    root: Arc<Dir>,
    /// The last used first.
    cached: Vec<(SafeName<'static>, Folder)>,
    /// Folders that got a new folder in them since [`Folders::take_touched`].
    touched: Vec<Folder>,
    touched_limit: usize,
}

impl Folders {
    /// The folder with this relative path, or the destination itself without one, if it is there.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where it is not, else what the system says.
    pub fn open(&mut self, path: Option<&SafeName<'_>>) -> io::Result<Folder> {
        let Some(path) = path else {
            return Ok(Folder(Arc::clone(&self.root)));
        };
        if let Some(found) = self.cached.iter().position(|(cached, _)| cached == path) {
            self.cached[..=found].rotate_right(1);
            return Ok(self.cached[0].1.clone());
        }
        let folder = Folder(Arc::new(self.root.open_dir(path)?));
        self.remember(path, &folder);
        Ok(folder)
    }

    /// The folder with this relative path, or the destination itself without one, if no link leads to it: what is
    /// in it is where its path says.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] where it is not there, what is said of a link in the way, else what the system
    /// says.
    pub fn open_plain(&self, path: Option<&SafeName<'_>>) -> io::Result<Folder> {
        let mut folder = Arc::clone(&self.root);
        for component in path.iter().flat_map(|path| path.components()) {
            folder = Arc::new(system_links::open_folder_no_follow(
                &folder,
                component.as_path(),
            )?);
        }
        Ok(Folder(folder))
    }

    /// The folder with this relative path, or the destination itself without one, made if it is not there, with
    /// those that lead to it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open_or_make(&mut self, path: Option<&SafeName<'_>>) -> io::Result<Folder> {
        match path {
            Some(path) => self.open_or_make_for(path, OthersAccess::ALL),
            None => self.open(None),
        }
    }

    /// The folder with this relative path, made if it is not there, with those that lead to it. One that is made
    /// never lets others do what `others` does not have; those that lead to it are as the umask says.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open_or_make_for(
        &mut self,
        path: &SafeName<'_>,
        others: OthersAccess,
    ) -> io::Result<Folder> {
        match self.open(Some(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        let parent = self.open_or_make(path.parent().as_ref())?;
        let name = path.file_name();
        match platform::create_folder(parent.dir(), name.as_path(), others) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => self.touch(&parent)?,
        }
        let folder = Folder(Arc::new(parent.dir().open_dir(&name)?));
        self.remember(path, &folder);
        Ok(folder)
    }

    /// Takes note that a folder was made in `parent`.
    fn touch(&mut self, parent: &Folder) -> io::Result<()> {
        if !self.touched.last().is_some_and(|last| last.is(parent)) {
            self.touched.push(parent.clone());
        }
        if self.touched.len() < self.touched_limit {
            return Ok(());
        }
        let touched = self.take_touched();
        touched
            .iter()
            .try_for_each(|folder| platform::sync_folder(folder.dir()))
    }

    fn remember(&mut self, path: &SafeName<'_>, folder: &Folder) {
        self.cached.truncate(CACHED - 1);
        self.cached
            .insert(0, (path.clone().into_owned(), folder.clone()));
    }

    /// Folders whose new names are not yet on disk.
    pub fn take_touched(&mut self) -> Vec<Folder> {
        std::mem::take(&mut self.touched)
    }

    /// Sets a folder's own modification time.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_modified(&mut self, path: &SafeName<'_>, modified: ModifiedTime) -> io::Result<()> {
        platform::set_folder_modified(self.open(Some(path))?.dir(), modified)
    }
}

/// Whether a folder that lets others do no more than this has to be made for it, since the umask alone would let
/// them do more.
#[must_use]
pub fn is_narrow(others: OthersAccess) -> bool {
    platform::is_narrower_than_umask(others)
}
