//! The names of part files, and what room there is at a destination.

use std::path::Path;

use fardrop_shared::name::{PART_PREFIX, SafeName};

use super::folders::Folder;

/// Whose the parts of an offer are: those of one sender and what it shares. Parts of others are neither found nor
/// touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartOwner([u8; 32]);

impl PartOwner {
    /// That of an offer with this origin.
    #[must_use]
    pub const fn new(origin: [u8; 32]) -> Self {
        Self(origin)
    }

    /// The name of the part file for the entry with this relative path. The same path has the same name in every
    /// transfer of the same origin, so that what was kept is found again, whatever size and time it has by then.
    #[must_use]
    pub fn part_name(&self, path: &SafeName<'_>) -> String {
        let hash = blake3::keyed_hash(&self.0, path.as_bytes()).to_hex();
        format!("{PART_PREFIX}{}.part", &hash.as_str()[..32])
    }
}

/// Bytes that an earlier transfer kept of the entry with this path; `None` without a part file.
#[must_use]
pub fn has_part(folder: &Folder, owner: PartOwner, path: &SafeName<'_>) -> Option<u64> {
    let name = owner.part_name(path);
    let metadata = folder.dir().symlink_metadata(name).ok()?;
    metadata.is_file().then(|| metadata.len())
}

/// A spare name for a part file, where another receiver holds the usual one.
pub(super) fn spare_part_name() -> String {
    format!("{PART_PREFIX}{:032x}.part", rand::random::<u128>())
}

/// Bytes that may still be written at `folder`, or where it would be made; `None` if that cannot be told. A file
/// system that says it has no room at all, used or free, keeps no account of it.
#[must_use]
pub fn free_space(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists());
    // The last ancestor of a relative path is empty.
    let there = there.filter(|folder| !folder.as_os_str().is_empty());
    let room = fs4::statvfs(there.unwrap_or_else(|| Path::new("."))).ok()?;
    (room.total_space() > 0).then(|| room.available_space())
}
