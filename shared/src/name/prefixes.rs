//! The hashes of a path and of the folders that it lies in, kept from one path to the next: a list of names
//! costs as much as it is long, however deep its folders are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use super::check::components;

/// The hashes of one path's prefixes, under a key.
///
/// They are chained, so that each prefix costs the hash of its last component. [`go_to`](Self::go_to) keeps
/// what the next path has in common with the one before.
#[derive(Debug)]
pub(super) struct Prefixes {
    key: [u8; 32],
    path: Vec<u8>,
    levels: Vec<Level>,
}

/// One prefix of a path.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// Where its last component ends.
    end: usize,
    hash: [u8; 32],
}

impl Prefixes {
    /// At no path.
    pub(super) const fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            path: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Goes on to `path`, and gives how many of its prefixes the path before had as well.
    pub(super) fn go_to(&mut self, path: &[u8]) -> usize {
        let common = common_prefix(&self.path, path);
        let kept = self.levels.partition_point(|level| {
            level.end <= common && path.get(level.end).is_none_or(|byte| *byte == b'/')
        });
        self.levels.truncate(kept);
        self.path.truncate(common);
        self.path.extend(&path[common..]);
        let (mut start, mut hash) = match self.levels.last() {
            Some(level) => (level.end + 1, level.hash),
            None => (0, self.key),
        };
        if start <= path.len() {
            for component in components(&path[start..]) {
                hash = chain(&hash, component);
                let end = start + component.len();
                self.levels.push(Level { end, hash });
                start = end + 1;
            }
        }
        kept
    }

    /// Goes back to no path.
    pub(super) fn clear(&mut self) {
        self.path.clear();
        self.levels.clear();
    }

    /// How many components the path has.
    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// The hash of the path's first components, up to the one at `level` with it.
    pub(super) fn hash(&self, level: usize) -> [u8; 32] {
        self.levels[level].hash
    }

    /// The hash of the folder that the component at `level` is in.
    pub(super) fn parent(&self, level: usize) -> [u8; 32] {
        match level.checked_sub(1) {
            Some(parent) => self.levels[parent].hash,
            None => self.key,
        }
    }

    /// The component at `level`.
    pub(super) fn component(&self, level: usize) -> &[u8] {
        let start = match level.checked_sub(1) {
            Some(parent) => self.levels[parent].end + 1,
            None => 0,
        };
        &self.path[start..self.levels[level].end]
    }
}

/// The components of one checked path after the other that the path before did not have as well.
#[derive(Debug, Default)]
pub(super) struct NewComponents {
    path: Vec<u8>,
}

impl NewComponents {
    /// Goes on to `path`, and gives its components from the first that is another.
    pub(super) fn of<'a>(&mut self, path: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let common = common_prefix(&self.path, path);
        let ends = |path: &[u8]| path.get(common).is_none_or(|byte| *byte == b'/');
        // What both have ends with a component of both, or in the midst of one.
        let known = if common > 0 && ends(&self.path) && ends(path) {
            common
        } else {
            let separator = path[..common].iter().rposition(|byte| *byte == b'/');
            separator.unwrap_or(0)
        };
        self.path.truncate(common);
        self.path.extend(&path[common..]);
        let new = match path[known..].split_first() {
            // The separator behind what is known.
            Some((b'/', rest)) if known > 0 => Some(rest),
            None => None,
            Some(_) => Some(&path[known..]),
        };
        new.into_iter().flat_map(components)
    }
}

/// How many bytes two paths have in common at their start.
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    /// Bytes compared at once.
    const BLOCK: usize = 32;
    let (ones, _) = one.as_chunks::<BLOCK>();
    let (others, _) = other.as_chunks::<BLOCK>();
    let blocks = ones.iter().zip(others);
    let start = BLOCK * blocks.take_while(|(one, other)| one == other).count();
    let rest = one[start..].iter().zip(&other[start..]);
    start + rest.take_while(|(one, other)| one == other).count()
}

/// The hash of a path, from that of its parent and the last component.
pub(super) fn chain(parent: &[u8; 32], component: &[u8]) -> [u8; 32] {
    blake3::keyed_hash(parent, component).into()
}

/// The first 64 bits of a hash.
pub(super) fn short(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A set of [`short`] hashes.
pub(super) type HashesSet = HashSet<u64, BuildHasherDefault<ItsOwnHash>>;

/// A map from [`short`] hashes.
pub(super) type HashesMap<V> = HashMap<u64, V, BuildHasherDefault<ItsOwnHash>>;

/// Takes a number that is a hash under a secret key for its own hash.
#[derive(Debug, Default)]
pub(super) struct ItsOwnHash(u64);

impl Hasher for ItsOwnHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Not called: the keys are of 64 bits.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
