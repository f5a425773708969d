//! What is believed of the path: how fast it delivers, how long it takes, how much it holds.

use std::time::{Duration, Instant};

use super::delivery::Sample;
use super::rate::{BandwidthFilter, Rate, RoundMax};

/// How long a least round-trip time is believed without being seen again (draft-ietf-ccwg-bbr, BBR.ProbeRTTInterval).
const MIN_RTT_BELIEVED: Duration = Duration::from_secs(5);

/// A round trip that is longer than the least one by no more than this part of it confirms it: on
/// an empty path no two take exactly the same time.
const CONFIRMING_PART: u32 = 32;

/// Time that the two hosts may need for a round trip of their own: schedulers, batches, delayed
/// acknowledgements. A path that is shorter is treated as if it took so long; the queue that this can
/// make is no longer than this.
pub(super) const HOST_TIME: Duration = Duration::from_millis(4);

/// Rounds for which the largest aggregation of acknowledgements is remembered
/// (draft-ietf-ccwg-bbr, BBR.ExtraAckedFilterLen).
const AGGREGATION_ROUNDS: usize = 10;

/// Growth of the delivery rate in a round under which the pipe may be full, and the rounds in a row
/// that it takes (draft-ietf-ccwg-bbr, "Exiting Acceleration Based on Bandwidth Plateau").
const FULL_GROWTH: f64 = 1.25;
const FULL_ROUNDS: u32 = 3;

/// Part of the least round-trip time by which the shortest one of a round is longer when there is a
/// queue. With one, a round of little growth counts twice.
const QUEUE_SEEN_PART: u32 = 4;

/// Whether the delivery rate still grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Plateau {
    best: Rate,
    rounds: u32,
}

impl Plateau {
    /// Takes in the rate of a round, and whether there was a queue all through it.
    pub(super) fn handle_round(&mut self, rate: Rate, queue: bool) {
        if rate >= self.best.times(FULL_GROWTH) {
            self.best = rate;
            self.rounds = 0;
        } else if queue {
            // Two signs that agree, so that start-up ends a round sooner and its queue stays short.
            self.rounds += 2;
        } else {
            self.rounds += 1;
        }
    }

    pub(super) const fn is_reached(&self) -> bool {
        self.rounds >= FULL_ROUNDS
    }
}

/// The path, as far as acknowledgements show it.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) bandwidth: BandwidthFilter,
    min_rtt: Option<Duration>,
    min_rtt_confirmed_at: Instant,
    smoothed_rtt: Option<Duration>,
    /// The packet-timed round (draft-ietf-ccwg-bbr, "Tracking Packet-Timed Round Trips"): it ends when a packet that was
    /// sent after it began is acknowledged.
    round_ends_at: u64,
    round_started: bool,
    /// Largest delivery rate of this round, and the most that one of its samples saw delivered.
    latest_rate: Rate,
    latest_delivered: u64,
    /// Shortest round trip of this round and of the one before.
    round_rtt: Option<Duration>,
    round_rtt_before: Option<Duration>,
    aggregation: RoundMax<AGGREGATION_ROUNDS>,
    aggregation_since: Instant,
    aggregation_acked: u64,
}

impl Model {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bandwidth: BandwidthFilter::default(),
            min_rtt: None,
            min_rtt_confirmed_at: now,
            smoothed_rtt: None,
            round_ends_at: 0,
            round_started: false,
            latest_rate: Rate::default(),
            latest_delivered: 0,
            round_rtt: None,
            round_rtt_before: None,
            aggregation: RoundMax::default(),
            aggregation_since: now,
            aggregation_acked: 0,
        }
    }

    /// Takes in a sample; `delivered` is all that was ever delivered.
    pub(super) fn handle_sample(&mut self, now: Instant, sample: &Sample, delivered: u64) {
        self.round_started = sample.prior_delivered >= self.round_ends_at;
        if self.round_started {
            self.round_ends_at = delivered;
            self.aggregation.begin_round();
            self.latest_rate = Rate::default();
            self.latest_delivered = 0;
            self.round_rtt_before = self.round_rtt.take();
        }
        self.round_rtt = Some(
            self.round_rtt
                .map_or(sample.rtt, |least| least.min(sample.rtt)),
        );
        if let Some(rate) = sample.rate {
            self.latest_rate = self.latest_rate.most(rate);
            self.latest_delivered = self.latest_delivered.max(sample.delivered);
            // The application's pace is no limit of the path, unless it beats what was believed.
            if !sample.app_limited || rate >= self.bandwidth.best() {
                self.bandwidth.insert(rate);
            }
        }
        self.handle_rtt(now, sample.rtt);
        self.handle_aggregation(now, sample.acked);
    }

    /// Takes the transport's smoothed round-trip time.
    pub(super) const fn set_smoothed_rtt(&mut self, rtt: Duration) {
        self.smoothed_rtt = Some(rtt);
    }

    /// Whether the last sample began a round.
    pub(super) const fn round_started(&self) -> bool {
        self.round_started
    }

    /// What is delivered from now on ends no round before all that is in flight has.
    pub(super) const fn begin_round(&mut self, delivered: u64) {
        self.round_ends_at = delivered;
    }

    pub(super) const fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt
    }

    /// Whether the least round-trip time has to be measured anew.
    pub(super) fn min_rtt_is_stale(&self, now: Instant) -> bool {
        // Below the hosts' own time it makes no difference.
        self.min_rtt.is_some_and(|least| least > HOST_TIME)
            && now.saturating_duration_since(self.min_rtt_confirmed_at) > MIN_RTT_BELIEVED
    }

    /// Takes this for the least round-trip time, even if it is longer than what was believed.
    pub(super) const fn replace_min_rtt(&mut self, now: Instant, least: Duration) {
        self.min_rtt = Some(least);
        self.min_rtt_confirmed_at = now;
    }

    /// Forgets what a path that has changed took; how fast it delivers is to be seen.
    pub(super) fn restart(&mut self, now: Instant, delivered: u64) {
        *self = Self::new(now);
        self.round_ends_at = delivered;
    }

    /// Whether all of the last round waited in a queue.
    pub(super) fn queue_seen(&self) -> bool {
        let (Some(least), Some(round)) = (self.min_rtt, self.round_rtt_before) else {
            return false;
        };
        round >= least.max(HOST_TIME) + least.max(HOST_TIME) / QUEUE_SEEN_PART
    }

    pub(super) const fn latest_rate(&self) -> Rate {
        self.latest_rate
    }

    pub(super) const fn latest_delivered(&self) -> u64 {
        self.latest_delivered
    }

    /// What acknowledgements that come in heaps hide from us, in bytes.
    pub(super) fn aggregation(&self) -> u64 {
        self.aggregation.best()
    }

    /// The smoothed round-trip time without the waiting that acknowledgements in heaps of so many bytes
    /// explain.
    pub(super) fn steady_rtt(&self, heap: u64) -> Duration {
        let least = self.min_rtt.unwrap_or_default();
        let bandwidth = self.bandwidth.best().bytes_per_second().max(1.0);
        // Of acknowledgements that wait for one another, the first has waited for as long as the line takes for
        // the whole heap; at most a second, whatever the rate is thought to be.
        let heap = Duration::from_secs_f64((heap as f64 / bandwidth).min(1.0));
        let waiting = self.smoothed_rtt().saturating_sub(least);
        least + waiting.saturating_sub(heap)
    }

    /// The bandwidth-delay product (BDP): what fills the path at this rate and no queue, in bytes.
    pub(super) fn bdp(&self, rate: Rate) -> u64 {
        rate.over(self.min_rtt.unwrap_or_default().max(HOST_TIME))
    }

    /// What fills the path at this rate and a part of the queue that this round-trip time shows, in bytes.
    pub(super) fn bdp_with_queue(&self, rate: Rate, rtt: Duration, queue_part: f64) -> u64 {
        let least = self.min_rtt.unwrap_or_default();
        let queue = rtt.saturating_sub(least);
        self.bdp_at(rate, least + queue.mul_f64(queue_part))
    }

    /// What a rate has in flight at a round-trip time, in bytes.
    pub(super) fn bdp_at(&self, rate: Rate, rtt: Duration) -> u64 {
        rate.over(rtt.max(HOST_TIME))
    }

    pub(super) fn smoothed_rtt(&self) -> Duration {
        self.smoothed_rtt.or(self.min_rtt).unwrap_or_default()
    }

    fn handle_rtt(&mut self, now: Instant, rtt: Duration) {
        let confirms = self
            .min_rtt
            .is_none_or(|least| rtt <= least + least / CONFIRMING_PART);
        if confirms {
            self.min_rtt_confirmed_at = now;
            self.min_rtt = Some(self.min_rtt.map_or(rtt, |least| least.min(rtt)));
        }
    }

    /// draft-ietf-ccwg-bbr, "BBR.extra_acked".
    fn handle_aggregation(&mut self, now: Instant, acked: u64) {
        // What came in above what the rate explains: a Wi-Fi hop, say, hands over acknowledgements in heaps,
        // and between two of them the window must not run dry.
        let bandwidth = self.bandwidth.best();
        let mut expected = bandwidth.over(now.saturating_duration_since(self.aggregation_since));
        if self.aggregation_acked <= expected {
            self.aggregation_since = now;
            self.aggregation_acked = 0;
            expected = 0;
        }
        self.aggregation_acked = self.aggregation_acked.saturating_add(acked);
        let extra = self.aggregation_acked - expected;
        self.aggregation.insert(extra.min(self.bdp(bandwidth)));
    }
}
