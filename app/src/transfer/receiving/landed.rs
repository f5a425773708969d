//! Which files that links lead to have arrived, and where.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, PlacedManifest};
use fardrop_shared::transfer::IndexSet;

/// Which files that something leads to are here, and under which names.
#[derive(Debug)]
pub(super) struct Landed {
    targets: IndexSet,
    /// With a name where that is not the one that was planned.
    here: Mutex<HashMap<u32, Option<SafeName<'static>>>>,
}

impl Landed {
    /// Nothing is here yet.
    pub(super) fn new(manifest: &PlacedManifest) -> Self {
        let totals = manifest.totals();
        let mut targets = IndexSet::new(if totals.links == 0 {
            0
        } else {
            totals.entries()
        });
        if totals.links > 0 {
            manifest.for_each(|_, entry| {
                if let Some(target) = target_of(entry.kind) {
                    targets.insert(target);
                }
            });
        }
        Self {
            targets,
            here: Mutex::default(),
        }
    }

    /// The file with this index, which was to go to `place`, is here and is called `name`.
    pub(super) fn note(&self, file: u32, place: &SafeName<'_>, name: &SafeName<'_>) {
        if self.targets.contains(file) {
            let other = (place.file_name() != *name).then(|| name.clone().into_owned());
            let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
            here.insert(file, other);
        }
    }

    /// Where a file is that was to go to `place`, if it is here.
    pub(super) fn place(&self, file: u32, place: SafeName<'_>) -> Option<SafeName<'static>> {
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let name = here.get(&file)?;
        Some(match name {
            Some(name) => place.beside(name),
            None => place.into_owned(),
        })
    }
}

/// What an entry leads to, or is another name of.
pub(super) const fn target_of(kind: EntryKind) -> Option<u32> {
    match kind {
        EntryKind::Link { target: index } | EntryKind::SameFile { first: index } => Some(index),
        EntryKind::File { .. } | EntryKind::Folder => None,
    }
}
