//! Choosing names: part files, free target names, and what room there is.

use std::{io, path::Path};

use cap_std::fs::Dir;

/// Longest name of one file, in bytes: what ext4, APFS and NTFS agree on for ASCII.
const NAME_LIMIT: usize = 255;

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

/// `name (number).ext`, shortened where it would be too long.
pub(crate) fn numbered(name: &str, number: u32) -> String {
    let (stem, extension) = split_extension(name);
    let number = format!(" ({number})");
    let room = NAME_LIMIT.saturating_sub(number.len() + extension.len());
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{number}{extension}", &stem[..end])
}

/// The stem, and the extension with its dot: nothing for `.profile`, `README` and extensions too
/// long to be one. `.tar.gz` and its like stay together.
fn split_extension(name: &str) -> (&str, &str) {
    const EXTENSION_LIMIT: usize = 16;
    let Some(dot) = name.rfind('.').filter(|dot| *dot > 0) else {
        return (name, "");
    };
    let dot = match name[..dot].strip_suffix(".tar") {
        Some(stem) if !stem.is_empty() => stem.len(),
        _ => dot,
    };
    if name.len() - dot > EXTENSION_LIMIT {
        return (name, "");
    }
    name.split_at(dot)
}

/// The folder a relative path is in (empty for the top), and its last component.
pub(crate) fn split_path(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Bytes that may still be written in the file system of `folder`.
pub fn free_space(folder: &Path) -> io::Result<u64> {
    fs4::available_space(folder)
}
