//! How fast to send: one controller for both links, in the manner of BBRv3 (draft-ietf-ccwg-bbr).
//!
//! It believes in a model of the path, a rate and a least round-trip time, and sends by that and not
//! by what is lost: start-up doubles the rate each round until it grows no more, then in cycles of two
//! to three seconds the rate is probed upward, the queue this made is drained, and the rest of the time
//! is spent cruising. It differs from the draft in three points:
//!
//! * Loss counts from a floor that the line has anyway (`loss`), so that a radio hop which loses 3 %
//!   is not taken for a full queue. Above that the answer is the draft's.
//! * What may be in flight follows the queue only in part while not probing (`QUEUE_PART`): a queue that
//!   nobody else feeds drains, and one that others feed leaves us a share.
//! * Probing upward puts a quarter more in flight than there was, queue included, and ends when that
//!   raised the rate no further; it does not let the queue grow for three rounds.
//!
//! The transport tells of everything it sends, hears and misses, and asks for [`Controller::window`]
//! and [`Controller::pacing_rate`], or, where it paces by window over round-trip time itself, for
//! [`Controller::paced_window`] alone.
//!
//! All numbers in here are local: the peer sees a rate, and holds us to none of what it comes from.

use std::time::{Duration, Instant};

mod cycle;
mod delivery;
mod loss;
mod model;
mod rate;
mod stranded;
#[cfg(test)]
mod tests;

use cycle::{Bounds, Cycle, Mode};
use delivery::{Delivery, Sample};
use loss::{LossFloor, Tally};
use model::{Model, Plateau};
pub use rate::Rate;
use stranded::Stranded;

/// Least window, in packets: with fewer, acknowledgements that are delayed stop the flow
/// (draft-ietf-ccwg-bbr, BBR.MinPipeCwnd).
const MIN_WINDOW_PACKETS: u64 = 4;

/// Share of the believed rate that is asked for (draft-ietf-ccwg-bbr, BBR.PacingMarginPercent).
const PACING_MARGIN: f64 = 0.99;

/// How much of the queue counts as room while not probing. All of it, and a queue would stay for ever;
/// none of it, and whoever fills the queue would have the line. The rate is found by probing upward,
/// which counts all of it, so our share does not shrink from cycle to cycle. With 0.8 a file got 76 %
/// of a line of 100 Mbit/s and 20 ms beside TCP CUBIC.
const QUEUE_PART: f64 = 0.6;

/// In flight while probing upward, as a multiple of what the rate had in flight before it: with this
/// much there is a queue of ours. A little less than the gain, which acknowledgements round down.
const UP_DONE: f64 = 1.2;

/// What a controller begins with.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The first window, in bytes.
    pub initial_window: u64,
    /// The longest packet, in bytes.
    pub packet_bytes: u64,
    /// Decides when the rate is probed, so that flows which share a line do not probe at once.
    pub seed: u64,
}

/// What the transport knows at the end of a batch of acknowledgements.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    /// What is in flight now, in bytes; what this batch shows to be lost may still be in it.
    pub in_flight: u64,
    /// Whether the application had nothing to send although the network could have taken it.
    pub app_limited: bool,
    /// Smoothed round-trip time (RFC 9002, section 5.3).
    pub smoothed_rtt: Duration,
}

/// The controller of one direction of one connection.
///
/// Every packet that counts against the window is told of by [`Self::handle_sent`], and then once by
/// [`Self::handle_acked`] or [`Self::handle_lost`], under the moment at which it was sent. Packets that
/// are acknowledged together are followed by one [`Self::handle_acks_end`].
#[derive(Debug, Clone)]
pub struct Controller {
    settings: Settings,
    delivery: Delivery,
    model: Model,
    cycle: Cycle,
    bounds: Bounds,
    plateau: Plateau,
    floor: LossFloor,
    /// Of this round, and of everything since the rate was last probed upward.
    round: Tally,
    probe: Tally,
    /// Rounds that began while cruising, in a row. What is lost in the first of them was sent before.
    calm_rounds: u32,
    marked_in_round: bool,
    /// Whether start-up is over.
    filled: bool,
    window: u64,
    stranded: Stranded,
}

impl Controller {
    /// A controller that knows nothing of the path.
    #[must_use]
    pub fn new(now: Instant, settings: Settings) -> Self {
        Self {
            settings,
            delivery: Delivery::new(now),
            model: Model::new(now),
            cycle: Cycle::new(now, settings.seed),
            bounds: Bounds::default(),
            plateau: Plateau::default(),
            floor: LossFloor::default(),
            round: Tally::default(),
            probe: Tally::default(),
            calm_rounds: 0,
            marked_in_round: false,
            filled: false,
            window: settings.initial_window,
            stranded: Stranded::default(),
        }
    }

    /// Packets were sent that are to be acknowledged.
    pub fn handle_sent(&mut self, now: Instant, bytes: u64) {
        self.delivery.handle_sent(now, bytes);
    }

    /// A packet that was sent at `sent` has arrived.
    pub fn handle_acked(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.delivery.handle_acked(now, sent, bytes);
        self.stranded.release(sent, bytes);
    }

    /// All that one datagram acknowledged has been told.
    pub fn handle_acks_end(&mut self, now: Instant, acknowledged: Acknowledged) {
        // The sample first: it is judged by what was known when the packets were on their way.
        let sample = self.delivery.take_sample(now, self.model.min_rtt());
        self.delivery.correct_in_flight(acknowledged.in_flight);
        if acknowledged.app_limited {
            self.delivery.mark_app_limited();
        }
        self.model.set_smoothed_rtt(acknowledged.smoothed_rtt);
        let Some(sample) = sample else {
            return;
        };
        self.model
            .handle_sample(now, &sample, self.delivery.delivered());
        self.round.add_delivered(sample.acked);
        self.probe.add_delivered(sample.acked);
        if self.model.round_started() {
            self.end_round(&sample);
        }
        self.step(now, &sample);
        self.grow_window(sample.acked);
    }

    /// Packets were lost, the newest of which was sent at `sent`.
    pub fn handle_lost(&mut self, now: Instant, sent: Instant, bytes: u64) {
        // A loss is seen a round trip after the queue overflowed, and since then more was sent or less: what
        // did it is what was in flight when the packet left (draft-ietf-ccwg-bbr, "Updating the Model Upon Packet Loss").
        let in_flight_then = self.delivery.in_flight_at(sent);
        self.delivery.handle_lost(bytes);
        if self.stranded.release(sent, bytes) {
            // The old path's, which says nothing of this one.
            return;
        }
        self.round.add_lost(bytes);
        self.probe.add_lost(bytes);
        let exceeded = self
            .floor
            .is_exceeded_by(self.probe, self.settings.packet_bytes);
        if self.cycle.samples_probe() && exceeded {
            self.end_probe_by_loss(now, in_flight_then);
        }
    }

    /// The network marked packets instead of dropping them (RFC 9000, section 13.4): as loss that
    /// exceeds the floor.
    pub fn handle_marked(&mut self, now: Instant, sent: Instant) {
        self.marked_in_round = true;
        if self.cycle.samples_probe() {
            self.end_probe_by_loss(now, self.delivery.in_flight_at(sent));
        }
    }

    /// Everything was lost for so long that the path must have been dead (RFC 9002, section 7.6):
    /// begins anew, with the least window.
    pub fn handle_persistent_congestion(&mut self, now: Instant) {
        self.start_over(now);
        self.window = self.min_window();
    }

    /// The path leads elsewhere now, and what is in flight is presumed lost. The window holds for new
    /// data on top of that until it has been accounted for, two round trips at most; rate and
    /// round-trip time are measured anew.
    pub fn handle_path_change(&mut self, now: Instant) {
        // What goes on is what was allowed, not what might have been: bounds are about to be forgotten.
        self.window = self.window();
        self.start_over(now);
        self.stranded = Stranded::new(now, self.delivery.in_flight());
    }

    /// The longest packet is of another size now.
    pub fn handle_packet_size(&mut self, packet_bytes: u64) {
        self.settings.packet_bytes = packet_bytes;
        self.window = self.window.max(self.min_window());
    }

    /// What may be in flight, in bytes.
    #[must_use]
    pub fn window(&self) -> u64 {
        let bound = match self.cycle.mode() {
            Mode::Startup | Mode::Drain => self.bounds.lower(),
            Mode::Down | Mode::Refill | Mode::Up => self.bounds.upper(),
            Mode::Cruise => self.bounds.with_headroom(self.bdp()),
            Mode::ProbeRtt => self.bounds.upper().min(self.bdp() / 2),
        };
        self.window.min(bound).max(self.min_window()) + self.stranded.bytes()
    }

    /// What [`Self::window`] would be once the path had changed.
    #[must_use]
    pub fn window_after_path_change(&self) -> u64 {
        self.window().saturating_add(self.delivery.in_flight())
    }

    /// The rate at which to send. Until there is a round-trip time, the first window over `assumed_rtt`.
    #[must_use]
    pub fn pacing_rate(&self, assumed_rtt: Duration) -> Rate {
        let smoothed = self.model.smoothed_rtt();
        if self.model.min_rtt().is_none() || smoothed.is_zero() {
            return Rate::new(self.window, assumed_rtt).times(self.cycle.mode().gain());
        }
        // Acknowledgements that come in heaps look like a queue, which would slow us down for ever.
        let rtt = self.model.steady_rtt(self.aggregation());
        Rate::new(self.target(rtt) + self.stranded.bytes(), rtt)
    }

    /// The window for a transport that has no rate to set, but spreads the window over the smoothed
    /// round-trip time: what the rate would have in flight.
    #[must_use]
    pub fn paced_window(&self) -> u64 {
        if self.model.min_rtt().is_none() {
            return self.window();
        }
        let target = self.target(self.model.smoothed_rtt()) + self.aggregation();
        self.window()
            .min(target.max(self.min_window()) + self.stranded.bytes())
    }

    /// What would be in flight at the rate of this phase and this round-trip time, in bytes.
    fn target(&self, rtt: Duration) -> u64 {
        let mode = self.cycle.mode();
        let rate = self.rate().times(mode.gain() * PACING_MARGIN);
        match mode {
            // No less than what the first window asks for: there may be no sample yet. All of the queue
            // counts, since one that start-up makes is how it finds the end of the line.
            Mode::Startup => self.model.bdp_with_queue(rate, rtt, 1.0).max(self.window),
            Mode::Refill => self.model.bdp_with_queue(rate, rtt, 1.0),
            // By the round-trip time from before: our own queue, which is about to grow, must not raise the
            // target that makes it.
            Mode::Up => self.model.bdp_at(rate, self.cycle.rtt_before_up()),
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::ProbeRtt => {
                self.model.bdp_with_queue(rate, rtt, QUEUE_PART)
            }
        }
    }

    /// The believed rate, within what short-term loss leaves of it.
    fn rate(&self) -> Rate {
        self.bounds.limit(self.model.bandwidth.best())
    }

    /// The bandwidth-delay product (BDP) of the path at the believed rate, in bytes.
    fn bdp(&self) -> u64 {
        self.model.bdp(self.rate())
    }

    /// What acknowledgements that come in heaps hide from us, in bytes. All of start-up is a heap.
    fn aggregation(&self) -> u64 {
        if self.filled {
            self.model.aggregation()
        } else {
            0
        }
    }

    const fn min_window(&self) -> u64 {
        MIN_WINDOW_PACKETS * self.settings.packet_bytes
    }

    /// What happens once a round trip.
    fn end_round(&mut self, sample: &Sample) {
        self.stranded.end_round();
        let tally = std::mem::take(&mut self.round);
        let exceeded = self.floor.is_exceeded_by(tally, self.settings.packet_bytes)
            || std::mem::take(&mut self.marked_in_round);
        let calm = self.calm_rounds > 1;
        match self.cycle.mode() {
            // The rate may still grow, but at the price of a queue that overflows: as full as it gets
            // (draft-ietf-ccwg-bbr, "Exiting Startup Based on Packet Loss").
            Mode::Startup if exceeded => {
                let held = self.bdp().max(self.model.latest_delivered());
                self.bounds.set_upper(held);
                self.fill();
            }
            // Only where we made no queue ourselves: then somebody else has come, and is given way to.
            Mode::Cruise if exceeded && calm => {
                self.bounds.give_way(
                    self.model.bandwidth.best(),
                    self.window,
                    self.model.latest_rate(),
                    self.model.latest_delivered(),
                );
            }
            Mode::Startup
            | Mode::Drain
            | Mode::Down
            | Mode::Cruise
            | Mode::Refill
            | Mode::Up
            | Mode::ProbeRtt => {}
        }
        // With no queue of ours, what is lost is the line's own loss.
        if calm {
            self.floor.learn(tally, self.settings.packet_bytes);
        }
        self.calm_rounds = if self.cycle.mode() == Mode::Cruise {
            self.calm_rounds.saturating_add(1)
        } else {
            0
        };
        // A round in which the application had too little to send cannot show that the path is full.
        if let Some(rate) = sample.rate.filter(|_| !sample.app_limited) {
            self.plateau.handle_round(rate, self.model.queue_seen());
        }
    }

    /// Moves on to the next phase when it is time.
    fn step(&mut self, now: Instant, sample: &Sample) {
        let in_flight = self.delivery.in_flight();
        let round_started = self.model.round_started();
        if round_started && self.cycle.end_of_round() {
            // The samples of the last probe are complete.
            self.model.bandwidth.advance();
        }
        match self.cycle.mode() {
            Mode::Startup => {
                if self.plateau.is_reached() {
                    self.fill();
                }
            }
            Mode::Drain => {
                if in_flight <= self.bdp().max(self.min_window()) {
                    self.cycle.begin_down(now);
                }
            }
            Mode::Down => {
                let bdp = self.bdp();
                // Others may need the headroom, so it has to be empty before we cruise.
                let drained = bdp.min(self.bounds.with_headroom(bdp));
                if in_flight <= drained.max(self.min_window()) {
                    self.cycle.begin_cruise();
                } else if self.is_time_to_probe(now) {
                    self.begin_refill();
                }
            }
            Mode::Cruise => {
                if self.is_time_to_probe(now) {
                    self.begin_refill();
                }
            }
            Mode::Refill => {
                // A full round trip at the believed rate: otherwise the probe would begin with a pipe that is
                // half empty, and show no more than before (draft-ietf-ccwg-bbr, "ProbeBW_REFILL").
                if round_started && self.cycle.rounds() > 0 {
                    self.cycle.begin_up(self.model.smoothed_rtt());
                    self.probe = Tally::default();
                    self.plateau = Plateau::default();
                }
            }
            Mode::Up => self.step_up(now, in_flight),
            Mode::ProbeRtt => {
                // The clock starts only once the queue is gone: a round trip before that saw it.
                let low = in_flight <= self.window();
                if let Some(least) = self.cycle.probe_rtt(now, sample.rtt, low, round_started) {
                    self.model.replace_min_rtt(now, least);
                    self.bounds.forget_lower();
                    self.cycle.begin_down(now);
                    self.cycle.begin_cruise();
                }
            }
        }
        let may_probe_rtt = self.filled && self.cycle.mode() != Mode::ProbeRtt;
        if may_probe_rtt && self.model.min_rtt_is_stale(now) {
            self.cycle.begin_probe_rtt();
            self.model
                .begin_round(self.delivery.delivered() + in_flight);
        }
    }

    fn step_up(&mut self, now: Instant, in_flight: u64) {
        let limited = self.window >= self.bounds.upper();
        if self.model.round_started() {
            // Twice as much each round: a bound that was set by bad luck is left behind soon, and one that is
            // right is overrun by little at first (draft-ietf-ccwg-bbr, "ProbeBW_UP").
            let growth = self.settings.packet_bytes << self.cycle.rounds().min(30);
            self.bounds.raise_upper(growth);
            if limited {
                // It could not show yet whether the rate would grow.
                self.plateau = Plateau::default();
            }
        }
        // After the second round there are samples of what was sent in the first.
        let rtt = self.cycle.rtt_before_up();
        let full = self.model.bdp_at(self.rate().times(UP_DONE), rtt);
        let queue_is_there = self.cycle.rounds() >= 2 && in_flight >= full;
        if queue_is_there || self.plateau.is_reached() {
            self.cycle.begin_down(now);
        }
    }

    fn is_time_to_probe(&self, now: Instant) -> bool {
        // Reno grows by a packet a round, so on a short path it is back after as many rounds as packets.
        let packets = self.bdp() / self.settings.packet_bytes.max(1);
        self.cycle.is_time_to_probe(now, packets)
    }

    fn begin_refill(&mut self) {
        // The probe is to find out whether whoever came has left again.
        self.bounds.forget_lower();
        self.cycle.begin_refill();
        self.model
            .begin_round(self.delivery.delivered() + self.delivery.in_flight());
    }

    /// Start-up is over: the path is full.
    fn fill(&mut self) {
        self.filled = true;
        self.cycle.begin_drain();
    }

    /// Probing upward overflowed a queue: what was in flight then is the most there may be.
    fn end_probe_by_loss(&mut self, now: Instant, in_flight_then: Option<u64>) {
        let target = self.bdp().min(self.window);
        self.bounds
            .overflow(in_flight_then.unwrap_or(target), target);
        self.cycle.forget_probe();
        if self.cycle.mode() == Mode::Up {
            self.cycle.begin_down(now);
            // One probe is answered once, however many of its packets are missed after this one.
            self.cycle.forget_probe();
        }
    }

    fn grow_window(&mut self, acked: u64) {
        let gain = self.cycle.mode().window_gain();
        let most = (self.bdp() as f64 * gain) as u64 + self.aggregation();
        // While the path is being filled the window never shrinks, since the rate is only beginning to be
        // known; afterwards it follows it (draft-ietf-ccwg-bbr, "Congestion Window").
        if self.filled {
            self.window = self.window.saturating_add(acked).min(most);
        } else if self.window < most || self.delivery.delivered() < self.settings.initial_window {
            self.window = self.window.saturating_add(acked);
        }
        self.window = self.window.max(self.min_window());
    }

    fn start_over(&mut self, now: Instant) {
        let delivered = self.delivery.delivered();
        self.model
            .restart(now, delivered + self.delivery.in_flight());
        self.cycle.begin_startup();
        self.bounds = Bounds::default();
        self.plateau = Plateau::default();
        self.filled = false;
        self.calm_rounds = 0;
        self.round = Tally::default();
        self.probe = Tally::default();
    }
}
