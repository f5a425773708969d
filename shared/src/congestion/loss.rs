//! Which loss says that a queue is full.
//!
//! Radio loses packets whatever we send, and a sender that gives way to that loses the line to
//! nobody. What is lost while no more is in flight than the line holds is such a floor; loss counts
//! when it exceeds the floor by [`TOLERANCE`], and by more than chance. The floor is bounded, so
//! that what overflows a queue all the time is not taken for one.

/// Loss above the floor that is no sign of congestion, as a part of the packets
/// (draft-ietf-ccwg-bbr, BBR.LossThresh).
const TOLERANCE: f64 = 0.02;

/// Loss that is no sign of congestion while nothing is known of the floor: loss that a usable line has, and far less than the
/// half of all packets that a full queue drops when the rate doubles.
const TOLERANCE_AT_FIRST: f64 = 0.08;

/// Most loss that is taken for the line's own, as a part of the packets.
const MAX_FLOOR: f64 = 0.04;

/// Packets over which the floor is averaged: 3 % of them are told from 2 % with fair certainty.
const FLOOR_PACKETS: f64 = 2000.0;

/// Losses of a packet or two say nothing about a rate.
const MIN_LOST_PACKETS: f64 = 6.0;

/// A share of what was sent that did not arrive.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    lost: u64,
    delivered: u64,
}

impl Tally {
    pub(super) const fn add_lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    pub(super) const fn add_delivered(&mut self, bytes: u64) {
        self.delivered = self.delivered.saturating_add(bytes);
    }

    fn packets(&self, packet_bytes: u64) -> (f64, f64) {
        let size = packet_bytes.max(1) as f64;
        let lost = self.lost as f64 / size;
        (lost, lost + self.delivered as f64 / size)
    }
}

/// The loss that the line has anyway, and the judgement over more.
#[derive(Debug, Clone, Default)]
pub(super) struct LossFloor {
    lost: f64,
    packets: f64,
}

impl LossFloor {
    /// Learns from a round in which no queue can have been full.
    pub(super) fn learn(&mut self, tally: Tally, packet_bytes: u64) {
        let (lost, packets) = tally.packets(packet_bytes);
        // An average that forgets by packets and not by rounds: a fast line has learned as much in a round as
        // a slow one in many.
        let kept = FLOOR_PACKETS / (FLOOR_PACKETS + packets);
        self.lost = (self.lost + lost) * kept;
        self.packets = (self.packets + packets) * kept;
    }

    /// Whether so much was lost that a queue must be full: more than the tolerated part, by more than
    /// two standard deviations of a Poisson count.
    pub(super) fn is_exceeded_by(&self, tally: Tally, packet_bytes: u64) -> bool {
        let (lost, packets) = tally.packets(packet_bytes);
        // Losses come one by one and seldom, so their count is about Poisson: its deviation is its root.
        let expected = packets * self.tolerated();
        lost >= MIN_LOST_PACKETS && lost > expected + 2.0 * expected.sqrt()
    }

    fn tolerated(&self) -> f64 {
        // A tenth of the averaged packets is enough for a guess; before that, benefit of the doubt.
        if self.packets < FLOOR_PACKETS / 10.0 {
            return TOLERANCE_AT_FIRST;
        }
        (self.lost / self.packets).min(MAX_FLOOR) + TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use super::{LossFloor, Tally};

    const PACKET: u64 = 1000;

    fn tally(lost: u64, delivered: u64) -> Tally {
        Tally {
            lost: lost * PACKET,
            delivered: delivered * PACKET,
        }
    }

    fn used_to(lost: u64, of: u64) -> LossFloor {
        let mut floor = LossFloor::default();
        for _ in 0..20 {
            floor.learn(tally(lost, of - lost), PACKET);
        }
        floor
    }

    #[test]
    fn what_a_line_always_loses_is_no_congestion() {
        let floor = used_to(30, 1000);
        assert!(!floor.is_exceeded_by(tally(45, 955), PACKET));
        assert!(floor.is_exceeded_by(tally(100, 900), PACKET));
    }

    #[test]
    fn a_clean_line_tolerates_less() {
        let floor = used_to(0, 1000);
        assert!(!floor.is_exceeded_by(tally(20, 980), PACKET));
        assert!(floor.is_exceeded_by(tally(45, 955), PACKET));
    }

    #[test]
    fn a_few_packets_are_chance() {
        let floor = used_to(0, 1000);
        assert!(!floor.is_exceeded_by(tally(5, 20), PACKET));
    }

    #[test]
    fn the_floor_is_bounded() {
        let floor = used_to(300, 1000);
        assert!(floor.is_exceeded_by(tally(100, 900), PACKET));
    }

    #[test]
    fn a_start_that_loses_half_is_congested_and_one_that_loses_a_few_per_cent_is_not() {
        let floor = LossFloor::default();
        assert!(floor.is_exceeded_by(tally(50, 50), PACKET));
        assert!(!floor.is_exceeded_by(tally(30, 970), PACKET));
    }
}
