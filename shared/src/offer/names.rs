//! Whether the names of an offer may become paths, all of them together.

use std::collections::HashMap;

use super::{Entry, EntryKind, PATH_LIMIT};

/// A name that must not become a path, or not beside the others of its offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NameRefused {
    /// Why not.
    pub reason: &'static str,
}

/// Looks at the entries of one offer, one after the other.
#[derive(Debug, Default)]
pub struct NameChecker {
    /// What each folded path was, by 64 bits of its hash.
    seen: HashMap<u64, bool>,
}

impl NameChecker {
    /// For a new offer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether this entry may be in the offer beside those before it.
    pub fn check(&mut self, entry: Entry<'_>) -> Result<(), NameRefused> {
        let refuse = |reason| Err(NameRefused { reason });
        if entry.path.len() > PATH_LIMIT {
            return refuse("too long");
        }
        for component in entry.path.split('/') {
            if component.is_empty() || component == "." || component == ".." {
                return refuse("not a plain relative path");
            }
            if component.len() > 255 || component.contains(['\\', ':', '\0']) {
                return refuse("not a portable name");
            }
            if component.starts_with(".fardrop-") && component.ends_with(".part") {
                return refuse("a part file of our own");
            }
        }
        let folded = blake3::hash(entry.path.to_lowercase().as_bytes());
        let [a, b, c, d, e, f, g, h, ..] = *folded.as_bytes();
        let folder = entry.kind == EntryKind::Folder;
        let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        match self.seen.insert(key, folder) {
            None => Ok(()),
            Some(_) => refuse("the same name twice"),
        }
    }
}
