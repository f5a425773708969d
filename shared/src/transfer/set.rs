//! Sets of entry indices: a bitmap where any may be in, and ranges where they come in runs.

/// A set of the indices below a bound, one bit each.
#[derive(Debug, Clone)]
pub struct IndexSet {
    words: Box<[u64]>,
    bound: u32,
    count: u32,
}

impl IndexSet {
    /// The empty set of indices below `bound`.
    #[must_use]
    pub fn new(bound: u32) -> Self {
        Self {
            words: vec![0; bound.div_ceil(64) as usize].into(),
            bound,
            count: 0,
        }
    }

    /// Puts `index` in; whether it was not in before. Indices past the bound stay out: `false`.
    pub fn insert(&mut self, index: u32) -> bool {
        if index >= self.bound || self.contains(index) {
            return false;
        }
        self.words[(index / 64) as usize] |= 1 << (index % 64);
        self.count += 1;
        true
    }

    /// Takes `index` out; whether it was in.
    pub fn remove(&mut self, index: u32) -> bool {
        if !self.contains(index) {
            return false;
        }
        self.words[(index / 64) as usize] &= !(1 << (index % 64));
        self.count -= 1;
        true
    }

    /// Whether `index` is in.
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        self.words
            .get((index / 64) as usize)
            .is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Those that are in, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.bound).filter(|index| self.contains(*index))
    }

    /// How many are in.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The bound given at the start.
    #[must_use]
    pub const fn bound(&self) -> u32 {
        self.bound
    }
}

/// Collects indices that come in rising order into runs.
#[derive(Debug, Clone, Default)]
pub struct Ranges {
    open: Option<(u32, u32)>,
}

impl Ranges {
    /// Adds `index`; gives the run that this ends, first and last included.
    pub fn push(&mut self, index: u32) -> Option<(u32, u32)> {
        match &mut self.open {
            Some((_, last)) if last.checked_add(1) == Some(index) => {
                *last = index;
                None
            }
            open => open.replace((index, index)),
        }
    }

    /// The run that is still open, if any.
    pub const fn finish(&mut self) -> Option<(u32, u32)> {
        self.open.take()
    }
}
