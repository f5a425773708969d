//! What a person wants to send: paths on this machine, walked into an offer.
//!
//! The numbers in here are local: how much of what was left out is told one by one.

mod found;
mod large;
mod left_out;
mod links;
mod metadata;
mod scan;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use fardrop_shared::offer::{LeftOutCount, LeftOutNames, Manifest};

pub use found::{ScanError, ScanWarning, Scanned, ScannedItem};
pub use scan::{scan, scan_in_background};

/// An offer and where its files are. One serves any number of receivers.
#[derive(Debug)]
pub struct OfferSource {
    manifest: Manifest,
    roots: Vec<Root>,
    left_out: LeftOutCount,
    left_out_names: LeftOutNames,
    origin: [u8; 32],
}

/// One of the paths that were given.
#[derive(Debug)]
struct Root {
    /// Its canonical path.
    path: PathBuf,
    /// The name that it is offered under.
    name: Vec<u8>,
    /// Index of its first entry.
    first: u32,
}

impl OfferSource {
    /// The names, sizes and times.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What is not in it of what was named.
    #[must_use]
    pub const fn left_out(&self) -> LeftOutCount {
        self.left_out
    }

    /// The names of that, as far as a receiver is told them.
    #[must_use]
    pub const fn left_out_names(&self) -> &LeftOutNames {
        &self.left_out_names
    }

    /// What a receiver knows this share by, if it comes again.
    #[must_use]
    pub const fn origin(&self) -> [u8; 32] {
        self.origin
    }

    /// Makes it known to receivers as a share of the installation that has this secret: the same for the same paths,
    /// and nobody without the secret can tell what paths those are, or say the same.
    pub fn set_secret(&mut self, secret: &[u8; 32]) {
        self.origin = origin(secret, &self.roots);
    }

    /// Counts `things` that were named and are not there.
    pub const fn note_missing(&mut self, things: u64) {
        self.left_out.things += things;
    }

    /// Puts where the entry with this index and relative path is into `path`; `None` for no entry.
    pub fn locate(&self, index: u32, relative: &[u8], path: &mut PathBuf) -> Option<()> {
        let after = self.roots.partition_point(|root| root.first <= index);
        let root = self.roots.get(after.checked_sub(1)?)?;
        path.clear();
        path.push(&root.path);
        if let Some(separator) = relative.iter().position(|byte| *byte == b'/') {
            path.push(from_bytes(&relative[separator + 1..])?);
        }
        Some(())
    }

    /// Whether a canonical path lies inside what is offered.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| path.starts_with(&root.path))
    }
}

/// What a share of these paths is known by.
fn origin(secret: &[u8; 32], roots: &[Root]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    for root in roots {
        let path = root.path.as_os_str().as_encoded_bytes();
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path);
    }
    hasher.finalize().into()
}

/// A secret that is another in each process, for shares that nothing longer-lived knows.
fn process_secret() -> &'static [u8; 32] {
    static SECRET: OnceLock<[u8; 32]> = OnceLock::new();
    SECRET.get_or_init(rand::random)
}

/// The bytes under which a name of this system travels; `None` for one that no other system can have.
fn to_bytes(name: &OsStr) -> Option<&[u8]> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(name.as_bytes())
    }
    #[cfg(not(unix))]
    {
        name.to_str().map(str::as_bytes)
    }
}

/// The path of this system that travels as these bytes.
fn from_bytes(path: &[u8]) -> Option<&OsStr> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(OsStr::from_bytes(path))
    }
    #[cfg(not(unix))]
    {
        str::from_utf8(path).ok().map(OsStr::new)
    }
}
