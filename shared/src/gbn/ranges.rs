//! What has arrived, as ranges: offsets of a stream, and the numbers of packets with their proofs.

use std::collections::VecDeque;
use std::ops::Range;

use super::ecn::Counts;

/// A set of offsets above a moving bottom.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranges {
    /// Everything below it is in the set.
    bottom: u64,
    /// Above the bottom, apart from it and from one another.
    above: VecDeque<Range<u64>>,
}

impl Ranges {
    /// Everything below it is in the set, and it is not.
    pub(super) const fn bottom(&self) -> u64 {
        self.bottom
    }

    /// One past the highest in the set.
    pub(super) fn top(&self) -> u64 {
        self.above.back().map_or(self.bottom, |last| last.end)
    }

    /// Ranges above the bottom.
    pub(super) fn len(&self) -> usize {
        self.above.len()
    }

    /// Bytes of memory that it takes.
    pub(super) fn records_bytes(&self) -> usize {
        self.above.capacity() * size_of::<Range<u64>>()
    }

    /// Adds a range; how many offsets are new.
    pub(super) fn insert(&mut self, range: Range<u64>) -> u64 {
        let mut start = range.start.max(self.bottom);
        let mut end = range.end;
        if start >= end {
            return 0;
        }
        // Ranges that the new one touches or overlaps.
        let first = self.above.partition_point(|old| old.end < start);
        let last = self.above.partition_point(|old| old.start <= end);
        let mut known = 0;
        for old in self.above.range(first..last) {
            known += old.end.min(end).saturating_sub(old.start.max(start));
        }
        let new = end - start - known;
        if first < last {
            start = start.min(self.above[first].start);
            end = end.max(self.above[last - 1].end);
        }
        if start == self.bottom {
            self.bottom = end;
            self.above.drain(..last);
        } else if first < last {
            self.above[first] = start..end;
            self.above.drain(first + 1..last);
        } else {
            self.above.insert(first, start..end);
        }
        new
    }

    /// The first part of `range` that is not in the set.
    pub(super) fn first_missing(&self, range: &Range<u64>) -> Option<Range<u64>> {
        let mut start = range.start.max(self.bottom);
        let at = self.above.partition_point(|old| old.end <= start);
        let mut end = range.end;
        if let Some(old) = self.above.get(at) {
            if old.start <= start {
                start = old.end;
                if let Some(next) = self.above.get(at + 1) {
                    end = end.min(next.start);
                }
            } else {
                end = end.min(old.start);
            }
        }
        (start < end).then_some(start..end)
    }
}

/// A piece of a run of numbers that have arrived without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u64,
    /// One past the last.
    pub(super) end: u64,
    /// The proofs of its packets, added up.
    pub(super) sum: u32,
}

impl Run {
    pub(super) const fn length(&self) -> u64 {
        self.end - self.start
    }
}

/// What has arrived, as an acknowledgement is to say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'a> {
    /// Upward, at least one. Two that touch are one.
    pub(super) runs: &'a VecDeque<Run>,
    pub(super) floor: u64,
    pub(super) delay_us: u32,
    pub(super) limit: u64,
    pub(super) counts: Counts,
    /// Most runs to say, at most 255.
    pub(super) most_runs: usize,
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    /// Compares a set of ranges with one that has a bit for each offset.
    #[test]
    fn a_set_of_ranges_is_a_set() {
        let mut state = 1u64;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let mut ranges = Ranges::default();
            let mut bits = [false; 64];
            for _ in 0..30 {
                let start = draw(60);
                let end = start + draw(8).min(64 - start);
                let new = (start..end).filter(|&at| !bits[at as usize]).count();
                assert_eq!(ranges.insert(start..end), new as u64);
                bits[start as usize..end as usize].fill(true);
                let bottom = bits.iter().position(|bit| !bit).unwrap_or(64);
                assert_eq!(ranges.bottom(), bottom as u64);
                let from = draw(60);
                let to = from + draw(20).min(64 - from);
                let missing = (from..to).find(|&at| !bits[at as usize]);
                let found = ranges.first_missing(&(from..to));
                assert_eq!(found.as_ref().map(|range| range.start), missing);
                if let Some(found) = found {
                    let stop = (found.start..to).find(|&at| bits[at as usize]);
                    assert_eq!(found.end, stop.unwrap_or(to));
                }
            }
        }
    }
}
