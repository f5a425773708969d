//! The hashes of a path and of the folders that it lies in, kept from one path to the next: a list of names
//! costs as much as it is long, however deep its folders are.

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
        let common = self.path.iter().zip(path);
        let common = common.take_while(|(left, right)| left == right).count();
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

/// The hash of a path, from that of its parent and the last component.
pub(super) fn chain(parent: &[u8; 32], component: &[u8]) -> [u8; 32] {
    blake3::keyed_hash(parent, component).into()
}

/// The first 64 bits of a hash.
pub(super) fn short(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
