//! The destination: a folder held open, and those in it. Nothing reached through it lies outside.

use std::{io, path::Path, sync::Arc};

use cap_std::{ambient_authority, fs::Dir};

use super::platform;

/// The folder that an offer is received into.
#[derive(Debug)]
pub struct Destination {
    root: Arc<Dir>,
}

impl Destination {
    /// Opens `path`, which must be a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            root: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?),
        })
    }

    /// Opens `path`, made if it is not there, with the folders that lead to it.
    pub fn make(path: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(path)?;
        Self::open(path)
    }

    /// A way to its folders of its own, for one thread.
    #[must_use]
    pub fn folders(&self) -> Folders {
        Folders {
            root: Arc::clone(&self.root),
            cached: None,
            touched: Vec::new(),
        }
    }
}

/// The folders of a destination, the last one used held open: files of a folder come one after the
/// other, and walking the path for each would cost more than opening it.
#[derive(Debug)]
pub struct Folders {
    root: Arc<Dir>,
    cached: Option<(String, Arc<Dir>)>,
    /// Folders that got a new folder in them since [`Folders::take_touched`].
    touched: Vec<Arc<Dir>>,
}

impl Folders {
    /// The folder with this relative path, if it is there.
    pub fn open(&mut self, path: &str) -> io::Result<Arc<Dir>> {
        if path.is_empty() {
            return Ok(Arc::clone(&self.root));
        }
        if let Some((cached, folder)) = &self.cached
            && cached == path
        {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(self.root.open_dir(path)?);
        self.cached = Some((path.to_owned(), Arc::clone(&folder)));
        Ok(folder)
    }

    /// The folder with this relative path, made if it is not there, with those that lead to it.
    pub fn open_or_make(&mut self, path: &str) -> io::Result<Arc<Dir>> {
        match self.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        let mut folder = Arc::clone(&self.root);
        for component in path.split('/') {
            folder = match folder.open_dir(component) {
                Ok(inner) => Arc::new(inner),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match folder.create_dir(component) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(error);
                        }
                        _ => self.touched.push(Arc::clone(&folder)),
                    }
                    Arc::new(folder.open_dir(component)?)
                }
                Err(error) => return Err(error),
            };
        }
        self.cached = Some((path.to_owned(), Arc::clone(&folder)));
        Ok(folder)
    }

    /// Folders whose new names are not yet on disk.
    pub fn take_touched(&mut self) -> Vec<Arc<Dir>> {
        std::mem::take(&mut self.touched)
    }

    /// Sets a folder's own modification time.
    pub fn set_modified(
        &mut self,
        path: &str,
        modified: fardrop_shared::offer::ModifiedTime,
    ) -> io::Result<()> {
        platform::set_folder_modified(&*self.open(path)?, modified)
    }
}
