//! The names of part files, and what room there is at a destination.

use std::collections::HashSet;
use std::io;
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
        format!("{PART_PREFIX}{}{PART_SUFFIX}", &hash.as_str()[..32])
    }

    /// The names that part files for the entry with this path have: the usual one, and those that they get where
    /// other receivers hold that.
    pub(super) fn part_names(&self, path: &SafeName<'_>) -> impl Iterator<Item = String> + use<> {
        let usual = self.part_name(path);
        (1..=PARTS_LIMIT).map(move |number| match number {
            1 => usual.clone(),
            number => {
                let stem = usual.strip_suffix(PART_SUFFIX).unwrap_or(&usual);
                format!("{stem}-{number}{PART_SUFFIX}")
            }
        })
    }
}

/// What the names of part files end in.
const PART_SUFFIX: &str = ".part";

/// Part files that one path may have at once, so that each is found again: receivers that run at the same time into
/// the same folder are few.
const PARTS_LIMIT: u32 = 4;

/// Whether a part file of this name is for the path for which `usual` is the usual one ([`PartOwner::part_name`]).
#[must_use]
pub fn is_part_for(usual: &str, name: &str) -> bool {
    let Some(rest) = usual
        .strip_suffix(PART_SUFFIX)
        .and_then(|stem| name.strip_prefix(stem))
    else {
        return false;
    };
    let number = rest.strip_suffix(PART_SUFFIX);
    number.is_some_and(|number| {
        let number = number.strip_prefix('-').map(str::parse::<u32>);
        rest == PART_SUFFIX || number.is_some_and(|number| number.is_ok())
    })
}

/// Entries of one folder that are looked through for part files. Those of a larger one are looked for by name.
const LISTED_LIMIT: usize = 100_000;

/// The part files in the folders of a destination. Each folder is listed once, for files that come in the order of a
/// walk: it costs less than to look for each file's.
#[derive(Debug, Default)]
pub struct PartNames {
    /// Folders above the last one that was asked about, that one last, and the names of part files in it, if it could
    /// be listed.
    listed: Vec<(Option<SafeName<'static>>, Option<HashSet<String>>)>,
}

impl PartNames {
    /// Bytes in the longest of the part files that earlier transfers left in `folder` for the entry with this path;
    /// `None` without any.
    pub fn longest(
        &mut self,
        folder: &Folder,
        owner: PartOwner,
        path: &SafeName<'_>,
    ) -> Option<u64> {
        let names = self.names_in(folder, path.parent());
        if names.is_some_and(HashSet::is_empty) {
            return None;
        }
        let lengths = owner.part_names(path).filter_map(|name| {
            if names.is_some_and(|names| !names.contains(&name)) {
                return None;
            }
            let metadata = folder.dir().symlink_metadata(name).ok()?;
            metadata.is_file().then(|| metadata.len())
        });
        lengths.max()
    }

    fn names_in(
        &mut self,
        folder: &Folder,
        path: Option<SafeName<'_>>,
    ) -> Option<&HashSet<String>> {
        let is_above = |above: &Option<SafeName<'_>>| match (above, &path) {
            (Some(above), Some(path)) => path.is_in(above),
            (above, _) => above.is_none(),
        };
        while self.listed.pop_if(|(above, _)| !is_above(above)).is_some() {}
        if self.listed.last().is_none_or(|(last, _)| *last != path) {
            let names = part_names_in(folder).unwrap_or_default();
            self.listed.push((path.map(SafeName::into_owned), names));
        }
        self.listed.last()?.1.as_ref()
    }
}

/// The names of part files in `folder`, unless it is too large.
fn part_names_in(folder: &Folder) -> io::Result<Option<HashSet<String>>> {
    let mut names = HashSet::new();
    for (index, entry) in folder.dir().entries()?.enumerate() {
        if index >= LISTED_LIMIT {
            return Ok(None);
        }
        if let Ok(name) = entry?.file_name().into_string()
            && name.starts_with(PART_PREFIX)
        {
            names.insert(name);
        }
    }
    Ok(Some(names))
}

/// A name for a part file that nobody knows and no later transfer finds.
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
