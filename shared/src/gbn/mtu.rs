//! The longest datagram that passes (RFC 8899).
//!
//! It starts at what certainly passes, and asks at once whether the usual sizes do; between the largest
//! that did and the smallest that did not it halves the distance. A size that stops passing is noticed
//! by what passes in its stead: the packets of the second probe time-out are small.

use std::time::{Duration, Instant};

/// Payloads that usual links carry, in bytes: IPv6's least link, tunnels, and Ethernet under IPv6 and
/// under IPv4 (RFC 8200, section 5; 1280, 1420 and 1500 without the headers).
const USUAL: [u16; 5] = [1232, 1372, 1452, 1472, 8952];

/// A difference that is not worth a probe, in bytes.
const CLOSE_ENOUGH: u16 = 24;

/// Tries of one size (RFC 8899, section 5.1.2, MAX_PROBES).
const MAX_TRIES: u8 = 3;

/// Time until a size that did not pass is tried again (RFC 8899, section 5.1.1, PMTU_RAISE_TIMER).
pub(super) const RAISE_AFTER: Duration = Duration::from_secs(600);

/// Large packets lost, with none that arrived since, while a small one did: the path has become narrower.
/// As many in a row get lost on a line that loses a tenth once in 10,000 times.
const BLACK_HOLE: u32 = 4;

/// The search for one path.
#[derive(Debug, Clone)]
pub(super) struct Mtu {
    least: u16,
    most: u16,
    current: u16,
    /// The smallest size that does not pass, as far as is known.
    refused: u16,
    /// Usual sizes that were asked for; all at once.
    usual_asked: bool,
    /// A single size that is being tried, and how often it was.
    trying: Option<(u16, u8)>,
    /// Sizes to send now.
    wanted: Vec<u16>,
    outstanding: u8,
    raise_at: Option<Instant>,
    /// The newest packet number of a large packet that arrived.
    large_arrived: Option<u64>,
    large_lost: u32,
}

impl Mtu {
    pub(super) fn new(least: u16, most: u16) -> Self {
        let most = most.max(least);
        Self {
            least,
            most,
            current: least,
            refused: most.saturating_add(1),
            usual_asked: false,
            trying: None,
            wanted: Vec::new(),
            outstanding: 0,
            raise_at: None,
            large_arrived: None,
            large_lost: 0,
        }
    }

    /// What passes, in bytes of payload.
    pub(super) const fn current(&self) -> u16 {
        self.current
    }

    /// What passes on any path.
    pub(super) const fn least(&self) -> u16 {
        self.least
    }

    /// When a larger size is tried again.
    pub(super) const fn raise_at(&self) -> Option<Instant> {
        self.raise_at
    }

    /// Takes in that [`Self::raise_at`] has come: larger sizes are tried again.
    pub(super) fn handle_raise(&mut self) {
        self.raise_at = None;
        self.refused = self.most.saturating_add(1);
        self.usual_asked = false;
    }

    /// The size of a probe to send now.
    pub(super) fn poll_probe(&mut self, now: Instant) -> Option<u16> {
        if self.wanted.is_empty() {
            self.plan(now);
        }
        let size = self.wanted.pop()?;
        self.outstanding += 1;
        Some(size)
    }

    /// A probe of that size has arrived. Whether larger packets may be sent now.
    pub(super) fn handle_probe_arrived(&mut self, size: u16) -> bool {
        self.outstanding = self.outstanding.saturating_sub(1);
        if self.trying.is_some_and(|(tried, _)| tried <= size) {
            self.trying = None;
        }
        let larger = size > self.current && size <= self.most;
        if larger {
            self.current = size;
            self.refused = self.refused.max(size + 1);
            self.large_lost = 0;
        }
        larger
    }

    /// A probe of that size was lost.
    pub(super) fn handle_probe_lost(&mut self, size: u16) {
        self.outstanding = self.outstanding.saturating_sub(1);
        if size <= self.current {
            return;
        }
        match &mut self.trying {
            Some((tried, times)) if *tried == size && *times >= MAX_TRIES => {
                self.trying = None;
                self.refused = self.refused.min(size);
            }
            Some(_) | None => {}
        }
    }

    /// A packet that was no probe has arrived. Whether that shows that large ones do not any more: the
    /// size is the least again then.
    pub(super) fn handle_arrived(&mut self, packet_number: u64, size: u16) -> bool {
        if size > self.least {
            self.large_arrived = self.large_arrived.max(Some(packet_number));
            self.large_lost = 0;
            return false;
        }
        self.is_black_hole()
    }

    /// A packet that was no probe was lost, as others that were sent later and arrived show. Whether that
    /// shows a black hole, as in [`Self::handle_arrived`].
    pub(super) fn handle_lost(&mut self, packet_number: u64, size: u16) -> bool {
        let large = size > self.least;
        if large
            && self
                .large_arrived
                .is_none_or(|arrived| packet_number > arrived)
        {
            self.large_lost += 1;
        }
        large && self.is_black_hole()
    }

    /// The path leads elsewhere.
    pub(super) fn handle_path_change(&mut self) {
        *self = Self::new(self.least, self.most);
    }

    fn is_black_hole(&mut self) -> bool {
        let found = self.large_lost >= BLACK_HOLE && self.current > self.least;
        if found {
            *self = Self {
                large_arrived: self.large_arrived,
                ..Self::new(self.least, self.most)
            };
        }
        found
    }

    /// Decides what to try next, once nothing is being tried.
    fn plan(&mut self, now: Instant) {
        if self.outstanding > 0 || self.raise_at.is_some() {
            return;
        }
        if let Some((size, times)) = &mut self.trying {
            // Lost, but not often enough to believe it.
            *times += 1;
            self.wanted.push(*size);
            return;
        }
        if !self.usual_asked {
            self.usual_asked = true;
            let sizes = USUAL.into_iter().chain([self.most]);
            self.wanted = sizes
                .filter(|&size| size > self.current && size <= self.most)
                .collect();
            self.wanted.sort_unstable_by(|one, other| other.cmp(one));
            self.wanted.dedup();
            if !self.wanted.is_empty() {
                return;
            }
        }
        if self.refused.saturating_sub(self.current) <= CLOSE_ENOUGH {
            if self.current < self.most {
                self.raise_at = Some(now + RAISE_AFTER);
            }
            return;
        }
        // The next usual size if there is one, the middle otherwise.
        let between = |size: &u16| *size > self.current + CLOSE_ENOUGH && *size < self.refused;
        let size = USUAL
            .into_iter()
            .chain([self.most])
            .find(between)
            .unwrap_or_else(|| self.current.midpoint(self.refused));
        self.trying = Some((size, 1));
        self.wanted.push(size);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Mtu, RAISE_AFTER};

    #[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
    fn epoch() -> Instant {
        Instant::now()
    }

    /// Searches a path on which `passing` bytes pass; the sizes that were tried.
    fn search(mtu: &mut Mtu, now: Instant, passing: u16) -> Vec<u16> {
        let mut tried = Vec::new();
        loop {
            let mut sizes = Vec::new();
            while let Some(size) = mtu.poll_probe(now) {
                sizes.push(size);
            }
            if sizes.is_empty() {
                return tried;
            }
            for size in sizes {
                tried.push(size);
                if size <= passing {
                    mtu.handle_probe_arrived(size);
                } else {
                    mtu.handle_probe_lost(size);
                }
            }
            assert!(tried.len() < 60, "{tried:?}");
        }
    }

    #[test]
    fn usual_sizes_are_found_with_one_probe_each() {
        for (passing, probes) in [(1452, 4), (1472, 4)] {
            let mut mtu = Mtu::new(508, 1472);
            let tried = search(&mut mtu, epoch(), passing);
            assert_eq!(mtu.current(), passing);
            assert_eq!(tried.len(), probes, "{tried:?}");
        }
    }

    #[test]
    fn any_size_is_found_but_for_a_few_bytes() {
        for most in [508, 1472, 8972] {
            for passing in (508..9000).step_by(37) {
                let mut mtu = Mtu::new(508, most);
                search(&mut mtu, epoch(), passing);
                let best = passing.min(most);
                let found = mtu.current();
                assert!(found <= best && best - found <= 24, "{found} of {best}");
            }
        }
    }

    #[test]
    fn a_size_that_did_not_pass_is_tried_again_later() {
        let now = epoch();
        let mut mtu = Mtu::new(508, 1472);
        search(&mut mtu, now, 1000);
        assert_eq!(mtu.raise_at(), Some(now + RAISE_AFTER));
        assert_eq!(mtu.poll_probe(now + Duration::from_secs(1)), None);
        mtu.handle_raise();
        search(&mut mtu, now, 1400);
        assert!((1376..=1400).contains(&mtu.current()));
    }

    #[test]
    fn only_large_packets_that_fail_while_small_ones_pass_are_a_black_hole() {
        let mut mtu = Mtu::new(508, 1472);
        search(&mut mtu, epoch(), 1472);
        // A row of losses in a flow that goes on.
        assert!(!mtu.handle_arrived(20, 1472));
        for number in 10..20 {
            assert!(!mtu.handle_lost(number, 1472));
        }
        assert_eq!(mtu.current(), 1472);
        // Small ones arrive, and no large one that was sent since.
        for number in 21..24 {
            assert!(!mtu.handle_lost(number, 1472));
        }
        assert!(!mtu.handle_arrived(30, 508));
        assert!(mtu.handle_lost(24, 1472));
        assert_eq!(mtu.current(), 508);
    }
}
