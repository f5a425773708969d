//! What receives that were cut off left in a folder: their part files, and folders in which names were tried out.
//!
//! They are found by their names alone, whatever is recorded elsewhere, and counted only where they are ours.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, Metadata};
use fardrop_shared::name::PART_PREFIX;

use super::lock::{Lock, lock, still_named};
use super::part::fresh_metadata;
use super::platform::{self, Access};

/// Entries of folders that one look goes through: a large home, in seconds.
const ENTRIES_LIMIT: usize = 500_000;

/// Leftovers that one look gives.
const FOUND_LIMIT: usize = 10_000;

/// Deepest folder that is looked into.
const DEPTH_LIMIT: usize = 128;

/// Names in a folder in which names were tried out, at most; the app tries a few dozen, one at a time.
const TRIED_LIMIT: usize = 1_000;

/// For how long something is left alone of which nothing tells whether it is in use.
pub const UNTOUCHED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// What something that was left behind is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A part file.
    Part,
    /// A folder in which names were tried out.
    TriedNames,
}

/// Something that was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: LeftoverKind,
    /// What it takes of the disk, in bytes.
    pub bytes: u64,
}

/// How far below a folder is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the folder itself.
    Here,
    /// In everything below it, too.
    Below,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Look {
    /// What was left behind.
    pub found: Vec<Leftover>,
    /// Whether something was not looked at: there was too much, or the system refused a folder.
    pub incomplete: bool,
    entries: usize,
}

/// What became of something that was to be removed.
#[derive(Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone, and so many bytes with it.
    Removed(u64),
    /// It was gone already.
    Gone,
    /// A receive that runs holds it.
    InUse,
    /// Nothing tells whether it is in use, and it was touched less than [`UNTOUCHED_FOR`] ago.
    Fresh,
    /// It is not one of ours, and stays.
    Foreign,
}

/// Looks for what was left behind in `folder`. Links are not followed.
///
/// # Errors
/// When `folder` itself cannot be opened.
pub fn look(folder: &Path, reach: Reach) -> io::Result<Look> {
    let root = Dir::open_ambient_dir(folder, ambient_authority())?;
    let mut look = Look::default();
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        if look.is_full() {
            look.incomplete = true;
            break;
        }
        let inner = open_below(&root, &below);
        let looked = inner.and_then(|inner| look.take_folder(&inner, folder, &below));
        match looked {
            Ok(_) if reach == Reach::Here => {}
            Ok(folders) if below.components().count() < DEPTH_LIMIT => waiting.extend(folders),
            Ok(folders) => look.incomplete |= !folders.is_empty(),
            Err(error) => {
                tracing::debug!(%error, "a folder is not looked into");
                look.incomplete = true;
            }
        }
    }
    Ok(look)
}

/// Removes something that a look has found, if it is still that, and nobody's at the moment.
///
/// # Errors
/// What the system says.
pub fn remove(leftover: &Leftover) -> io::Result<Removal> {
    let (Some(folder), Some(name)) = (leftover.path.parent(), leftover.path.file_name()) else {
        return Ok(Removal::Foreign);
    };
    let folder = match Dir::open_ambient_dir(folder, ambient_authority()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removal::Gone),
        folder => folder?,
    };
    let removal = match kind_of(name) {
        Some((LeftoverKind::Part, name)) => remove_part(&folder, name),
        Some((LeftoverKind::TriedNames, name)) => remove_tried_names(&folder, name),
        None => Ok(Removal::Foreign),
    };
    match removal {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removal::Gone),
        removal => removal,
    }
}

impl Look {
    const fn is_full(&self) -> bool {
        self.entries >= ENTRIES_LIMIT || self.found.len() >= FOUND_LIMIT
    }

    /// Takes in what is in one folder; gives the folders in it.
    fn take_folder(&mut self, inner: &Dir, root: &Path, below: &Path) -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        let mut owner = Owner::default();
        for entry in inner.entries()? {
            let entry = entry?;
            self.entries += 1;
            let name = entry.file_name();
            if let Some((kind, text)) = kind_of(&name) {
                match bytes_of_ours(inner, kind, text, &mut owner) {
                    Ok(Some(bytes)) => self.found.push(Leftover {
                        path: root.join(below).join(&name),
                        kind,
                        bytes,
                    }),
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "what may be left over is passed over"),
                }
            } else if is_folder(inner, &entry) {
                folders.push(below.join(&name));
            }
            if self.is_full() {
                self.incomplete = true;
                break;
            }
        }
        Ok(folders)
    }
}

/// What kind of leftover has such a name.
fn kind_of(name: &OsStr) -> Option<(LeftoverKind, &str)> {
    let name = name.to_str()?;
    let rest = name.strip_prefix(PART_PREFIX)?;
    if rest
        .strip_suffix(".part")
        .is_some_and(|rest| !rest.is_empty())
    {
        Some((LeftoverKind::Part, name))
    } else if rest
        .strip_suffix(".names")
        .is_some_and(|rest| !rest.is_empty())
    {
        Some((LeftoverKind::TriedNames, name))
    } else {
        None
    }
}

/// The folder at `below`, or `root` itself.
fn open_below(root: &Dir, below: &Path) -> io::Result<Dir> {
    if below.as_os_str().is_empty() {
        root.try_clone()
    } else {
        root.open_dir(below)
    }
}

fn is_folder(inner: &Dir, entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => true,
        Ok(kind) if kind.is_file() || kind.is_symlink() => false,
        // Some file systems do not say it with the name.
        Ok(_) | Err(_) => inner
            .symlink_metadata(entry.file_name())
            .is_ok_and(|found| found.is_dir()),
    }
}

/// What a file is like that is made in one folder now: it is found out once, where it has to be.
#[derive(Default)]
struct Owner {
    fresh: Option<std::fs::Metadata>,
}

impl Owner {
    fn fresh(&mut self, folder: &Dir) -> io::Result<std::fs::Metadata> {
        match &self.fresh {
            Some(fresh) => Ok(fresh.clone()),
            None => Ok(self.fresh.insert(fresh_metadata(folder)?).clone()),
        }
    }

    /// Whether a folder is this user's, as far as the file system knows users.
    fn has(&mut self, folder: &Dir, found: &Metadata) -> io::Result<bool> {
        #[cfg(unix)]
        {
            use cap_std::fs::MetadataExt;
            if found.uid() == rustix::process::geteuid().as_raw() {
                return Ok(true);
            }
            let fresh = self.fresh(folder)?;
            Ok(found.uid() == std::os::unix::fs::MetadataExt::uid(&fresh))
        }
        #[cfg(not(unix))]
        {
            let _ = (folder, found);
            Ok(true)
        }
    }
}

/// What a leftover of ours takes of the disk; `None` if it is none of ours.
fn bytes_of_ours(
    folder: &Dir,
    kind: LeftoverKind,
    name: &str,
    owner: &mut Owner,
) -> io::Result<Option<u64>> {
    match kind {
        LeftoverKind::Part => {
            let file = platform::open_in(folder, Path::new(name), Access::Read)?;
            let ours = platform::is_ours(&file, || owner.fresh(folder))?;
            Ok(ours.then_some(bytes_taken(&file.metadata()?)))
        }
        LeftoverKind::TriedNames => {
            let found = folder.symlink_metadata(name)?;
            let ours = found.is_dir() && owner.has(folder, &found)?;
            Ok(ours.then_some(0))
        }
    }
}

/// What a file takes of the disk: of one with holes less than its length.
fn bytes_taken(found: &std::fs::Metadata) -> u64 {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // Where nothing is counted so far, the system has not placed the bytes yet.
        if found.blocks() > 0 {
            return found.len().min(found.blocks().saturating_mul(512));
        }
    }
    found.len()
}

fn remove_part(folder: &Dir, name: &str) -> io::Result<Removal> {
    let found = folder.symlink_metadata(name)?;
    if !found.is_file() {
        return Ok(Removal::Foreign);
    }
    let file = platform::open_in(folder, Path::new(name), Access::Read)?;
    if !platform::is_ours(&file, || fresh_metadata(folder))? {
        return Ok(Removal::Foreign);
    }
    let metadata = file.metadata()?;
    match lock(&file)? {
        Lock::HeldByAnother => return Ok(Removal::InUse),
        Lock::Unsupported if !is_old(metadata.modified()) => return Ok(Removal::Fresh),
        Lock::Had | Lock::Unsupported => {}
    }
    // A receive may have given it its final name before the lock was had.
    if !still_named(folder, name, &file)? {
        return Ok(Removal::Gone);
    }
    folder.remove_file(name)?;
    Ok(Removal::Removed(bytes_taken(&metadata)))
}

fn remove_tried_names(folder: &Dir, name: &str) -> io::Result<Removal> {
    let found = folder.symlink_metadata(name)?;
    if !found.is_dir() || !Owner::default().has(folder, &found)? {
        return Ok(Removal::Foreign);
    }
    if !is_old(found.modified().map(cap_std::time::SystemTime::into_std)) {
        return Ok(Removal::Fresh);
    }
    let inner = folder.open_dir(name)?;
    let mut tried = Vec::new();
    for entry in inner.entries()? {
        let entry = entry?;
        let found = inner.symlink_metadata(entry.file_name())?;
        if !found.is_file() || found.len() > 0 || tried.len() >= TRIED_LIMIT {
            return Ok(Removal::Foreign);
        }
        tried.push(entry.file_name());
    }
    for name in tried {
        inner.remove_file(name)?;
    }
    folder.remove_dir(name)?;
    Ok(Removal::Removed(0))
}

/// Whether something was changed so long ago that nobody uses it any more. One of the future is not old.
fn is_old(changed: io::Result<SystemTime>) -> bool {
    let age = changed.map(|changed| SystemTime::now().duration_since(changed));
    matches!(age, Ok(Ok(age)) if age >= UNTOUCHED_FOR)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const ONE: &str = ".fardrop-0123456789abcdef0123456789abcdef.part";
    const TWO: &str = ".fardrop-spare.part";
    const NAMES: &str = ".fardrop-0123456789abcdef0123456789abcdef.names";

    fn part(path: &Path, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![7; bytes]).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn found(folder: &Path, reach: Reach) -> Vec<PathBuf> {
        let look = look(folder, reach).unwrap();
        assert!(!look.incomplete);
        let found = look.found.into_iter().map(|found| {
            let below = found.path.strip_prefix(folder).unwrap();
            below.to_owned()
        });
        let mut found: Vec<_> = found.collect();
        found.sort();
        found
    }

    #[track_caller]
    fn removed(path: PathBuf, kind: LeftoverKind) -> Removal {
        let leftover = Leftover {
            path,
            kind,
            bytes: 0,
        };
        remove(&leftover).unwrap()
    }

    #[test]
    fn parts_are_found_below_a_folder_and_nothing_else_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("here");
        part(&folder.join(ONE), 10);
        part(&folder.join("a/b").join(TWO), 5000);
        fs::create_dir(folder.join("a").join(NAMES)).unwrap();
        // Behind a link, under two names, no file, no whole name, and another's name.
        part(&root.path().join("elsewhere").join(ONE), 10);
        symlink(root.path().join("elsewhere"), folder.join("link")).unwrap();
        symlink(
            root.path().join("elsewhere").join(ONE),
            folder.join(".fardrop-link.part"),
        )
        .unwrap();
        part(&folder.join(".fardrop-two.part"), 10);
        fs::hard_link(folder.join(".fardrop-two.part"), folder.join("whole")).unwrap();
        fs::create_dir(folder.join(".fardrop-folder.part")).unwrap();
        part(&folder.join(".fardrop-.part"), 10);
        part(&folder.join("fardrop-1.part"), 10);
        let names = [
            Path::new(ONE).to_owned(),
            Path::new("a").join(NAMES),
            Path::new("a/b").join(TWO),
        ];
        assert_eq!(found(&folder, Reach::Below), names);
        assert_eq!(found(&folder, Reach::Here), names[..1]);
        let look = look(&folder, Reach::Below).unwrap();
        let bytes: u64 = look.found.iter().map(|found| found.bytes).sum();
        assert_eq!(bytes, 5010);
    }

    #[test]
    fn a_part_is_removed_unless_a_receive_holds_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(ONE);
        part(&path, 10);
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert_eq!(removed(path.clone(), LeftoverKind::Part), Removal::InUse);
        drop(held);
        assert_eq!(
            removed(path.clone(), LeftoverKind::Part),
            Removal::Removed(10)
        );
        assert_eq!(removed(path, LeftoverKind::Part), Removal::Gone);
    }

    #[test]
    fn what_is_not_ours_is_not_removed() {
        let root = tempfile::tempdir().unwrap();
        let whole = root.path().join("whole");
        part(&whole, 10);
        let name = root.path().join(ONE);
        fs::hard_link(&whole, &name).unwrap();
        assert_eq!(removed(name.clone(), LeftoverKind::Part), Removal::Foreign);
        fs::remove_file(&name).unwrap();
        symlink(&whole, &name).unwrap();
        assert_eq!(removed(name, LeftoverKind::Part), Removal::Foreign);
        assert_eq!(removed(whole.clone(), LeftoverKind::Part), Removal::Foreign);
        assert_eq!(fs::read(whole).unwrap(), [7; 10]);
    }

    #[test]
    fn a_folder_of_tried_names_goes_once_it_is_old_and_only_if_it_is_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(NAMES);
        fs::create_dir(&path).unwrap();
        let age = |path: &Path| {
            let old = SystemTime::now() - UNTOUCHED_FOR;
            File::open(path).unwrap().set_modified(old).unwrap();
        };
        fs::write(path.join("a.\u{7}"), "").unwrap();
        assert_eq!(
            removed(path.clone(), LeftoverKind::TriedNames),
            Removal::Fresh
        );
        fs::write(path.join("mine"), "kept").unwrap();
        age(&path);
        assert_eq!(
            removed(path.clone(), LeftoverKind::TriedNames),
            Removal::Foreign
        );
        assert_eq!(fs::read_dir(&path).unwrap().count(), 2);
        fs::remove_file(path.join("mine")).unwrap();
        age(&path);
        assert_eq!(
            removed(path.clone(), LeftoverKind::TriedNames),
            Removal::Removed(0)
        );
        assert!(!path.exists());
    }
}
