//! The phases of sending, and the bounds that loss sets (draft-ietf-ccwg-bbr, "State Machine Operation" and
//! "Updating Network Path Model Parameters").

use std::time::{Duration, Instant};

use super::rate::Rate;

/// Time between two upward probes: this and up to a second more (draft-ietf-ccwg-bbr, "Time Scale for Bandwidth Probing").
const PROBE_AFTER: Duration = Duration::from_secs(2);
const PROBE_AFTER_SPREAD_MS: u64 = 1000;

/// Most rounds between two upward probes, so that we take no longer than Reno would to grow by
/// a packet each round (draft-ietf-ccwg-bbr, "Time Scale for Bandwidth Probing").
const MAX_PROBE_ROUNDS: u64 = 63;

/// How long little is kept in flight to see the least round-trip time (draft-ietf-ccwg-bbr, BBR.ProbeRTTDuration).
const PROBE_RTT_TIME: Duration = Duration::from_millis(200);

/// What is left of a bound in a round with too much loss (draft-ietf-ccwg-bbr, BBR.Beta).
const BETA: f64 = 0.7;

/// Part of the upper bound that is left to others while cruising (draft-ietf-ccwg-bbr, BBR.Headroom).
const HEADROOM: f64 = 0.15;

/// A phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The rate doubles every round.
    Startup,
    /// The queue that start-up made empties.
    Drain,
    /// The queue that a probe made empties.
    Down,
    /// At the believed rate.
    Cruise,
    /// At the believed rate for one round, so that the pipe is full when the probe begins.
    Refill,
    /// Above the believed rate.
    Up,
    /// Little in flight, to see the path without a queue.
    ProbeRtt,
}

impl Mode {
    /// The rate as a multiple of the believed one (draft-ietf-ccwg-bbr, "Summary of Control Behavior in the State Machine").
    pub(super) const fn gain(self) -> f64 {
        match self {
            // 4 ln 2: the least gain with which the delivery rate doubles every round.
            Self::Startup => 2.77,
            Self::Drain => 0.5,
            // Little below the rate: the queue of a probe is small, and the line is to stay busy.
            Self::Down => 0.9,
            Self::Cruise | Self::Refill | Self::ProbeRtt => 1.0,
            Self::Up => 1.25,
        }
    }

    /// The window as a multiple of the path's bandwidth-delay product (BDP).
    pub(super) const fn window_gain(self) -> f64 {
        match self {
            // Twice, since acknowledgements are delayed and come in heaps. It is the pacing that holds back.
            Self::Startup
            | Self::Drain
            | Self::Down
            | Self::Cruise
            | Self::Refill
            | Self::ProbeRtt => 2.0,
            Self::Up => 2.25,
        }
    }
}

/// Which phase it is, and when the next probes are due.
#[derive(Debug, Clone)]
pub(super) struct Cycle {
    mode: Mode,
    /// Rounds that began in this phase.
    rounds: u64,
    /// When the upward probe before ended, the rounds since then, and when the next is due.
    probed_at: Instant,
    rounds_since_probe: u64,
    probe_after: Duration,
    /// Whether losses and rates of an upward probe still come in.
    samples_probe: bool,
    /// Smoothed round-trip time when the last upward probe began.
    rtt_before_up: Duration,
    /// While looking for the least round-trip time: since when little is in flight, whether a round
    /// began since, and the least so far.
    low_since: Option<Instant>,
    low_round: bool,
    least: Option<Duration>,
    random: u64,
}

impl Cycle {
    pub(super) const fn new(now: Instant, seed: u64) -> Self {
        Self {
            mode: Mode::Startup,
            rounds: 0,
            probed_at: now,
            rounds_since_probe: 0,
            probe_after: PROBE_AFTER,
            samples_probe: false,
            rtt_before_up: Duration::ZERO,
            low_since: None,
            low_round: false,
            least: None,
            random: seed,
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// Rounds that began in this phase.
    pub(super) const fn rounds(&self) -> u64 {
        self.rounds
    }

    pub(super) const fn rtt_before_up(&self) -> Duration {
        self.rtt_before_up
    }

    pub(super) const fn samples_probe(&self) -> bool {
        self.samples_probe
    }

    /// What comes in from now on is of no probe.
    pub(super) const fn forget_probe(&mut self) {
        self.samples_probe = false;
    }

    /// Counts a round; whether it brought the last samples of an upward probe.
    pub(super) fn end_of_round(&mut self) -> bool {
        self.rounds += 1;
        self.rounds_since_probe += 1;
        // What the probe sent last is acknowledged within a round, and what of it was lost shows in the next.
        let complete = match self.mode {
            Mode::Down | Mode::Cruise => self.rounds_since_probe == 2,
            Mode::Startup | Mode::Drain | Mode::Refill | Mode::Up | Mode::ProbeRtt => false,
        };
        if complete {
            self.samples_probe = false;
        }
        complete
    }

    pub(super) fn is_time_to_probe(&self, now: Instant, packets_in_bdp: u64) -> bool {
        now.saturating_duration_since(self.probed_at) >= self.probe_after
            || self.rounds_since_probe >= packets_in_bdp.clamp(1, MAX_PROBE_ROUNDS)
    }

    pub(super) const fn begin_startup(&mut self) {
        self.enter(Mode::Startup);
        self.samples_probe = false;
    }

    pub(super) const fn begin_drain(&mut self) {
        self.enter(Mode::Drain);
    }

    /// Ends an upward probe.
    pub(super) fn begin_down(&mut self, now: Instant) {
        self.enter(Mode::Down);
        self.probed_at = now;
        self.rounds_since_probe = 0;
        self.probe_after = PROBE_AFTER + Duration::from_millis(self.draw() % PROBE_AFTER_SPREAD_MS);
    }

    pub(super) const fn begin_cruise(&mut self) {
        self.enter(Mode::Cruise);
    }

    pub(super) const fn begin_refill(&mut self) {
        self.enter(Mode::Refill);
    }

    pub(super) const fn begin_up(&mut self, rtt: Duration) {
        self.enter(Mode::Up);
        self.rtt_before_up = rtt;
        self.samples_probe = true;
    }

    pub(super) const fn begin_probe_rtt(&mut self) {
        self.enter(Mode::ProbeRtt);
        self.samples_probe = false;
        self.low_since = None;
        self.low_round = false;
        self.least = None;
    }

    /// Takes in a round-trip time while little is in flight; the least of them once it is certain.
    pub(super) fn probe_rtt(
        &mut self,
        now: Instant,
        rtt: Duration,
        low: bool,
        round_started: bool,
    ) -> Option<Duration> {
        let since = match self.low_since {
            Some(since) => since,
            None if low => *self.low_since.insert(now),
            None => return None,
        };
        // Both: 200 ms may hold no whole round trip of a long path, and one round trip of a short path may be
        // a bad sample.
        self.low_round |= round_started && now > since;
        let least = self.least.map_or(rtt, |least| least.min(rtt));
        self.least = Some(least);
        let long_enough = now.saturating_duration_since(since) >= PROBE_RTT_TIME;
        (self.low_round && long_enough).then_some(least)
    }

    const fn enter(&mut self, mode: Mode) {
        self.mode = mode;
        self.rounds = 0;
    }

    /// SplitMix64: what is asked of it is only to differ between two flows.
    const fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Bounds that loss sets: on the rate, and on what may be in flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    /// Most that may be in flight without overflowing a queue, in bytes; kept from probe to probe.
    upper: Option<u64>,
    /// Most that may be in flight, in bytes, and a rate, for as long as this cruise lasts: loss says that others
    /// came.
    lower: Option<u64>,
    rate: Option<Rate>,
}

impl Bounds {
    pub(super) fn upper(&self) -> u64 {
        self.upper.unwrap_or(u64::MAX).min(self.lower())
    }

    pub(super) fn lower(&self) -> u64 {
        self.lower.unwrap_or(u64::MAX)
    }

    /// The upper bound less the headroom, but no less than `bdp`, which needs no queue.
    pub(super) fn with_headroom(&self, bdp: u64) -> u64 {
        self.upper
            .map_or(u64::MAX, |upper| {
                ((upper as f64 * (1.0 - HEADROOM)) as u64).max(bdp.min(upper))
            })
            .min(self.lower())
    }

    pub(super) fn limit(&self, rate: Rate) -> Rate {
        self.rate.map_or(rate, |bound| bound.least(rate))
    }

    pub(super) const fn set_upper(&mut self, bytes: u64) {
        self.upper = Some(bytes);
    }

    /// A probe overflowed a queue with so much in flight, where the target was less.
    pub(super) fn overflow(&mut self, in_flight: u64, target: u64) {
        // Never far below the target: a loss by chance while little was in flight is no bound.
        self.upper = Some(in_flight.max((target as f64 * BETA) as u64));
    }

    pub(super) fn raise_upper(&mut self, bytes: u64) {
        self.upper = self.upper.map(|upper| upper.saturating_add(bytes));
    }

    /// Gives way for as long as this cruise lasts, but not below what the last round delivered.
    pub(super) fn give_way(&mut self, rate: Rate, window: u64, latest: Rate, delivered: u64) {
        // What was delivered in spite of the loss is ours: to give way below that would leave the line idle.
        let bound = self.rate.unwrap_or(rate).times(BETA);
        self.rate = Some(bound.most(latest));
        let bound = (self.lower.unwrap_or(window) as f64 * BETA) as u64;
        self.lower = Some(bound.max(delivered));
    }

    pub(super) const fn forget_lower(&mut self) {
        self.lower = None;
        self.rate = None;
    }
}
