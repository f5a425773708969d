//! Delivery-rate samples (draft-ietf-ccwg-bbr, "Delivery Rate Samples"): what was delivered between the sending
//! of a packet and its acknowledgement, over the longer of the times that sending and acknowledging
//! it took.
//!
//! A packet is known by the moment of its sending, so the transport keeps nothing for us. All packets
//! sent between two acknowledgements share one record.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::rate::Rate;

/// Records kept: there is at most one for each acknowledgement, and a round trip at a gigabit and
/// 100 ms with an acknowledgement for every second packet needs 4,200. 8,192 are half a MiB.
const MAX_RECORDS: usize = 8192;

/// Round trips after which a record is forgotten: a packet not heard of by then is lost.
const RECORD_ROUND_TRIPS: u32 = 4;

/// Records are kept at least so long: round trips may grow.
const RECORD_AGE_LEAST: Duration = Duration::from_secs(1);

/// How things stood when packets were sent.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// When the first of the packets was sent.
    at: Instant,
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    app_limited: bool,
    in_flight: u64,
}

/// What one batch of acknowledgements shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Absent when the interval was too short to mean anything.
    pub(super) rate: Option<Rate>,
    /// Whether the application, not the network, set the rate.
    pub(super) app_limited: bool,
    /// What had been delivered when the newest packet of the batch was sent, in bytes.
    pub(super) prior_delivered: u64,
    /// What was delivered since then, in bytes.
    pub(super) delivered: u64,
    /// What was acknowledged now, in bytes.
    pub(super) acked: u64,
    /// From sending the newest packet to its acknowledgement, the peer's delay included.
    pub(super) rtt: Duration,
}

/// The records of what was sent and delivered.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// While `delivered` is below it, samples are limited by the application.
    app_limited_until: u64,
    in_flight: u64,
    records: VecDeque<Record>,
    /// Whether anything changed since the last record was made.
    stale: bool,
    /// Of the batch that is being taken in: the newest sending time and the bytes.
    newest_acked: Option<Instant>,
    acked: u64,
}

impl Delivery {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            delivered: 0,
            delivered_at: now,
            first_sent_at: now,
            app_limited_until: 0,
            in_flight: 0,
            records: VecDeque::new(),
            stale: true,
            newest_acked: None,
            acked: 0,
        }
    }

    /// All that was ever delivered, in bytes.
    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What was sent and neither acknowledged nor declared lost, in bytes.
    pub(super) const fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Takes the transport's word for what is in flight.
    pub(super) const fn correct_in_flight(&mut self, in_flight: u64) {
        self.in_flight = in_flight;
    }

    pub(super) fn handle_sent(&mut self, now: Instant, bytes: u64) {
        if self.in_flight == 0 {
            // The pause before is nobody's sending or acknowledging time.
            self.first_sent_at = now;
            self.delivered_at = now;
            self.stale = true;
        }
        self.in_flight = self.in_flight.saturating_add(bytes);
        if !self.stale {
            return;
        }
        self.stale = false;
        if self.records.len() == MAX_RECORDS {
            self.records.pop_front();
        }
        self.records.push_back(Record {
            at: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            app_limited: self.delivered < self.app_limited_until,
            in_flight: self.in_flight,
        });
    }

    pub(super) fn handle_acked(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.delivered = self.delivered.saturating_add(bytes);
        self.delivered_at = now;
        // The transport may count differently, and its word is taken after the batch.
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.acked = self.acked.saturating_add(bytes);
        self.newest_acked = self.newest_acked.max(Some(sent));
        self.stale = true;
    }

    pub(super) const fn handle_lost(&mut self, bytes: u64) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.stale = true;
    }

    /// Says that the network could have taken more than there was to send.
    pub(super) const fn mark_app_limited(&mut self) {
        // Until all that is on its way now has arrived, samples show the application's pace.
        self.app_limited_until = self.delivered.saturating_add(self.in_flight);
        self.stale = true;
    }

    /// What was in flight when the packet sent at that moment was, in bytes; itself included.
    pub(super) fn in_flight_at(&self, sent: Instant) -> Option<u64> {
        self.record_of(sent).map(|record| record.in_flight)
    }

    /// Ends a batch of acknowledgements.
    pub(super) fn take_sample(
        &mut self,
        now: Instant,
        min_rtt: Option<Duration>,
    ) -> Option<Sample> {
        let newest = self.newest_acked.take()?;
        let acked = std::mem::take(&mut self.acked);
        let record = self.record_of(newest)?;
        let rtt = now.saturating_duration_since(newest);
        let sending = newest.saturating_duration_since(record.first_sent_at);
        let acknowledging = now.saturating_duration_since(record.delivered_at);
        // Acknowledgements that were held up arrive faster than the data did. Nothing arrives faster than it
        // was sent, so the longer of the two times is the honest one.
        let interval = sending.max(acknowledging);
        let delivered = self.delivered - record.delivered;
        self.first_sent_at = self.first_sent_at.max(newest);
        self.forget(now, rtt);
        // Less than a round trip is a burst of acknowledgements, not a rate.
        let means_something = min_rtt.is_none_or(|least| interval >= least);
        Some(Sample {
            rate: means_something.then(|| Rate::new(delivered, interval)),
            app_limited: record.app_limited,
            prior_delivered: record.delivered,
            delivered,
            acked,
            rtt,
        })
    }

    fn record_of(&self, sent: Instant) -> Option<Record> {
        let after = self.records.partition_point(|record| record.at <= sent);
        self.records.get(after.checked_sub(1)?).copied()
    }

    fn forget(&mut self, now: Instant, rtt: Duration) {
        let age = (rtt * RECORD_ROUND_TRIPS).max(RECORD_AGE_LEAST);
        // The first record speaks for all packets up to the second one.
        while self
            .records
            .get(1)
            .is_some_and(|second| now.saturating_duration_since(second.at) > age)
        {
            self.records.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Delivery, MAX_RECORDS};

    const PACKET: u64 = 1000;

    #[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
    fn epoch() -> Instant {
        Instant::now()
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A packet each millisecond, each acknowledged after fifty.
    fn steady(start: Instant, delivery: &mut Delivery, from: u64, to: u64) -> f64 {
        let mut rate = 0.0;
        for at in from..to {
            if at >= 50 {
                delivery.handle_acked(start + ms(at), start + ms(at - 50), PACKET);
                let sample = delivery.take_sample(start + ms(at), Some(ms(50))).unwrap();
                assert_eq!(sample.rtt, ms(50));
                rate = sample.rate.unwrap().bytes_per_second();
            }
            delivery.handle_sent(start + ms(at), PACKET);
        }
        rate
    }

    #[test]
    fn a_steady_flow_has_its_rate() {
        let start = epoch();
        let mut delivery = Delivery::new(start);
        let rate = steady(start, &mut delivery, 0, 200);
        assert!((rate - 1e6).abs() < 3e4, "{rate}");
        assert_eq!(delivery.in_flight(), 50 * PACKET);
        assert_eq!(delivery.delivered(), 150 * PACKET);
    }

    #[test]
    fn acknowledgements_that_come_at_once_do_not_raise_the_rate() {
        let start = epoch();
        let mut delivery = Delivery::new(start);
        steady(start, &mut delivery, 0, 200);
        // The next thirty were held up and arrive together.
        for at in 150..180 {
            delivery.handle_acked(start + ms(230), start + ms(at), PACKET);
        }
        let sample = delivery.take_sample(start + ms(230), Some(ms(50))).unwrap();
        assert!(sample.rate.unwrap().bytes_per_second() < 1.05e6);
        assert_eq!(sample.acked, 30 * PACKET);
    }

    #[test]
    fn less_than_a_round_trip_is_no_rate() {
        let start = epoch();
        let mut delivery = Delivery::new(start);
        delivery.handle_sent(start, PACKET);
        delivery.handle_acked(start + ms(20), start, PACKET);
        let sample = delivery.take_sample(start + ms(20), Some(ms(50))).unwrap();
        assert!(sample.rate.is_none());
    }

    #[test]
    fn a_pause_of_the_application_is_told() {
        let start = epoch();
        let mut delivery = Delivery::new(start);
        delivery.handle_sent(start, PACKET);
        delivery.mark_app_limited();
        delivery.handle_sent(start + ms(5), PACKET);
        delivery.handle_acked(start + ms(55), start + ms(5), PACKET);
        let sample = delivery.take_sample(start + ms(55), None).unwrap();
        assert!(sample.app_limited);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let start = epoch();
        let mut delivery = Delivery::new(start);
        for at in 0..3 * MAX_RECORDS as u64 {
            let now = start + Duration::from_micros(at);
            delivery.handle_sent(now, PACKET);
            delivery.handle_lost(PACKET / 2);
        }
        assert_eq!(delivery.records.len(), MAX_RECORDS);
        // A packet of which nothing is known any more gives no sample.
        let now = start + ms(100);
        delivery.handle_acked(now, start, PACKET);
        assert!(delivery.take_sample(now, None).is_none());
    }
}
