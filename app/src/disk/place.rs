//! Choosing names: part files, free target names, and what room there is.

use std::{io, path::Path};

use cap_std::fs::Dir;
use fardrop_shared::name::SafeName;

/// The name of the part file for the entry with this relative path. The same path has the same
/// name in every transfer, so that what was kept is found again.
pub(super) fn part_name(path: &str) -> String {
    let hash = blake3::hash(path.as_bytes()).to_hex();
    format!(".fardrop-{}.part", &hash.as_str()[..32])
}

/// Bytes that an earlier transfer kept of the entry with this path; `None` without a part file.
pub fn has_part(folder: &Dir, path: &str) -> Option<u64> {
    let metadata = folder.symlink_metadata(part_name(path)).ok()?;
    metadata.is_file().then(|| metadata.len())
}

/// Another name for a part file, where another receiver holds the first.
pub(super) fn spare_part_name() -> String {
    format!(".fardrop-{:032x}.part", rand::random::<u128>())
}

/// `name (number).ext`; `None` where no such name is safe.
pub(super) fn numbered(name: &str, number: u32) -> Option<String> {
    let name = SafeName::try_from(name).ok()?;
    name.numbered(number).ok().map(String::from)
}

/// The folder a relative path is in (empty for the top), and its last component.
pub(crate) fn split_path(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Bytes that may still be written at `folder`, or where it would be made.
pub fn free_space(folder: &Path) -> io::Result<u64> {
    let there = folder.ancestors().find(|folder| folder.exists());
    // The last ancestor of a relative path is empty.
    fs4::available_space(there.unwrap_or_else(|| Path::new(".")))
}
