//! Links and second names among what a person wants to send: each thing crosses once, and what leads to it says so.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use fardrop_shared::offer::{Entry, EntryKind, ManifestBuilder, ModifiedTime, OthersAccess};

use super::{Root, to_bytes};

/// A link inside what was named, to something inside it.
#[derive(Debug)]
pub(super) struct FoundLink {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The path under which it is offered.
    pub(super) relative: Vec<u8>,
    /// The canonical path of what it leads to.
    pub(super) target: PathBuf,
    /// When it was last modified, itself.
    pub(super) modified: ModifiedTime,
}

/// What was found so far that leads to something else.
#[derive(Debug, Default)]
pub(super) struct Links {
    found: Vec<FoundLink>,
    /// How many were found before each item.
    before_items: Vec<usize>,
    /// Files that have more than one name, and the entries of the first.
    files: HashMap<FileIdentity, u32>,
}

impl Links {
    /// What is found from now on belongs to the next of the paths given.
    pub(super) fn begin_item(&mut self) {
        self.before_items.push(self.found.len());
    }

    pub(super) fn push(&mut self, link: FoundLink) {
        self.found.push(link);
    }

    /// How many links there are.
    pub(super) const fn count(&self) -> usize {
        self.found.len()
    }

    /// The entry of this file under another name, if it has one.
    pub(super) fn first_name(&self, metadata: &Metadata) -> Option<u32> {
        self.files.get(&FileIdentity::of(metadata)?).copied()
    }

    /// A file has this entry.
    pub(super) fn note_file(&mut self, metadata: &Metadata, index: u32) {
        if let Some(identity) = FileIdentity::of(metadata) {
            self.files.insert(identity, index);
        }
    }

    /// The links, each with the number of its item and the entry that it leads to; without one where that is left
    /// out. Looks at every entry if there is a link.
    pub(super) fn resolve(
        &mut self,
        roots: &[Root],
        offered: &ManifestBuilder,
    ) -> Vec<(usize, FoundLink, Option<u32>)> {
        let links = std::mem::take(&mut self.found);
        if links.is_empty() {
            return Vec::new();
        }
        let names: Vec<Vec<Vec<u8>>> = links.iter().map(|link| names_of(link, roots)).collect();
        let mut entries: HashMap<&[u8], Option<u32>> = HashMap::new();
        for name in names.iter().flatten() {
            entries.insert(name, None);
        }
        offered.for_each(|index, entry| {
            if let Some(found) = entries.get_mut(entry.path) {
                *found = match entry.kind {
                    EntryKind::File { .. } | EntryKind::Folder => Some(index),
                    EntryKind::SameFile { first } => Some(first),
                    EntryKind::Link { .. } => None,
                };
            }
        });
        let target = |names: &Vec<Vec<u8>>| names.iter().find_map(|name| entries[name.as_slice()]);
        let targets: Vec<_> = names.iter().map(target).collect();
        let links = links.into_iter().zip(targets).enumerate();
        links
            .map(|(number, (link, target))| {
                let item = self.before_items.partition_point(|first| *first <= number);
                (item.saturating_sub(1), link, target)
            })
            .collect()
    }
}

impl FoundLink {
    /// Its entry.
    pub(super) fn entry(&self, target: u32) -> Entry<'_> {
        Entry {
            path: &self.relative,
            kind: EntryKind::Link { target },
            modified: self.modified,
            others: OthersAccess::ALL,
        }
    }
}

/// The names under which what a link leads to may be offered: within what was named with the link first.
fn names_of(link: &FoundLink, roots: &[Root]) -> Vec<Vec<u8>> {
    let beside = |root: &&Root| link.path.starts_with(&root.path);
    let ordered = roots.iter().filter(beside);
    let ordered = ordered.chain(roots.iter().filter(|root| !beside(root)));
    ordered
        .filter_map(|root| name_in(root, &link.target))
        .collect()
}

/// The name of `path` in the offer, if it is in `root`.
fn name_in(root: &Root, path: &Path) -> Option<Vec<u8>> {
    let mut name = root.name.clone();
    for component in path.strip_prefix(&root.path).ok()? {
        name.push(b'/');
        name.extend(to_bytes(component)?);
    }
    Some(name)
}

/// What tells a file that has several names from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct FileIdentity {
    device: u64,
    number: u64,
    /// So that a number that a file system gives out anew is not taken for the same file.
    length: u64,
}

impl FileIdentity {
    /// That of a file with more than one name; `None` for any other.
    fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            (metadata.is_file() && metadata.nlink() > 1).then(|| Self {
                device: metadata.dev(),
                number: metadata.ino(),
                length: metadata.len(),
            })
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }
}
