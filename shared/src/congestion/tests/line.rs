//! A bottleneck in virtual time, and flows that share it.
//!
//! ```text
//!   sender -> queue (drop-tail) -> rate -> loss -> delay, jitter -> receiver -> delay -> sender
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::flow::Flow;

/// Every packet is as long as this, in bytes.
pub(super) const PACKET: u64 = 1452;

/// What happens at some moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A flow may be able to send.
    Wake(usize),
    /// A packet of a flow reaches the receiver.
    Arrival(usize, u64),
    /// The receiver of a flow acknowledges what it has not acknowledged yet.
    AckDue(usize),
    /// Such an acknowledgement reaches the sender.
    Ack(usize, Vec<u64>),
}

/// What the line does to packets.
#[derive(Debug, Clone)]
pub(super) struct Conditions {
    /// In bits per second.
    pub(super) rate: f64,
    pub(super) round_trip: Duration,
    /// In bandwidth-delay products.
    pub(super) queue: f64,
    pub(super) loss: f64,
    /// Mean length of a row of losses, in packets.
    pub(super) burst: f64,
    pub(super) jitter: Duration,
    /// Acknowledgements leave the receiver at multiples of this time only.
    pub(super) heap: Duration,
}

impl Conditions {
    pub(super) fn new(megabits: f64, round_trip_ms: u64, loss: f64) -> Self {
        Self {
            rate: megabits * 1e6,
            round_trip: Duration::from_millis(round_trip_ms),
            queue: 1.0,
            loss,
            burst: 1.0,
            jitter: Duration::ZERO,
            heap: Duration::ZERO,
        }
    }

    /// The bandwidth-delay product, in bytes.
    pub(super) fn product(&self) -> f64 {
        self.rate / 8.0 * self.round_trip.as_secs_f64()
    }
}

/// The receiver of one flow.
#[derive(Debug, Default)]
struct Receiver {
    pending: Vec<u64>,
    due: bool,
    arrived: u64,
}

/// The line with its flows.
pub(super) struct Line {
    pub(super) conditions: Conditions,
    pub(super) flows: Vec<Flow>,
    receivers: Vec<Receiver>,
    start: Instant,
    now: Instant,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    counter: u64,
    /// When the last packet in the queue will have left it.
    free_at: Instant,
    in_bad_state: bool,
    rng: ChaCha8Rng,
    pub(super) offered: u64,
    pub(super) dropped: u64,
    /// Sum and number of the queue's lengths as packets met it, in bytes.
    queue_sum: f64,
    queue_seen: u64,
    /// The earliest wake of each flow that is in `events`.
    wakes: BTreeMap<usize, Instant>,
}

impl Line {
    pub(super) fn new(seed: u64, conditions: Conditions) -> Self {
        let start = Instant::now();
        Self {
            conditions,
            flows: Vec::new(),
            receivers: Vec::new(),
            start,
            now: start,
            events: BinaryHeap::new(),
            counter: 0,
            free_at: start,
            in_bad_state: false,
            rng: ChaCha8Rng::seed_from_u64(seed),
            offered: 0,
            dropped: 0,
            queue_sum: 0.0,
            queue_seen: 0,
            wakes: BTreeMap::new(),
        }
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// Lets a flow begin now.
    pub(super) fn begin(&mut self, flow: Flow) -> usize {
        self.flows.push(flow);
        self.receivers.push(Receiver::default());
        let index = self.flows.len() - 1;
        self.wakes.insert(index, self.now);
        self.schedule(self.now, Event::Wake(index));
        index
    }

    /// Lets time pass.
    pub(super) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(Reverse((at, _, _))) = self.events.peek()
            && *at <= end
        {
            let Some(Reverse((at, _, event))) = self.events.pop() else {
                break;
            };
            self.now = at;
            self.handle(event);
        }
        self.now = end;
    }

    /// Bytes of a flow that arrived since the beginning, as a part of what the line could carry.
    pub(super) fn share(&self, flow: usize) -> f64 {
        let could = self.conditions.rate / 8.0 * (self.now - self.start).as_secs_f64();
        self.arrived(flow) as f64 / could
    }

    pub(super) fn arrived(&self, flow: usize) -> u64 {
        self.receivers[flow].arrived
    }

    /// The part of the packets that the queue dropped.
    pub(super) fn drops(&self) -> f64 {
        self.dropped as f64 / self.offered.max(1) as f64
    }

    /// The mean queue that packets met since this was last asked, in bandwidth-delay products.
    pub(super) fn take_mean_queue(&mut self) -> f64 {
        let mean = self.queue_sum / self.queue_seen.max(1) as f64 / self.conditions.product();
        self.queue_sum = 0.0;
        self.queue_seen = 0;
        mean
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Wake(flow) => {
                // One that an earlier one has replaced.
                if self.wakes.get(&flow) != Some(&self.now) {
                    return;
                }
                self.wakes.remove(&flow);
                self.flows[flow].handle_timeout(self.now);
                self.drain(flow);
            }
            Event::Arrival(flow, packet) => {
                let receiver = &mut self.receivers[flow];
                receiver.arrived += PACKET;
                receiver.pending.push(packet);
                let at = if !self.conditions.heap.is_zero() {
                    self.next_heap()
                } else if receiver.pending.len() >= 2 {
                    self.now
                } else {
                    self.now + Duration::from_millis(25)
                };
                let immediate = at == self.now;
                let receiver = &mut self.receivers[flow];
                if immediate || !receiver.due {
                    receiver.due = true;
                    self.schedule(at, Event::AckDue(flow));
                }
            }
            Event::AckDue(flow) => {
                let receiver = &mut self.receivers[flow];
                receiver.due = false;
                let packets = std::mem::take(&mut receiver.pending);
                if !packets.is_empty() {
                    let at = self.now + self.conditions.round_trip / 2;
                    self.schedule(at, Event::Ack(flow, packets));
                }
            }
            Event::Ack(flow, packets) => {
                self.flows[flow].handle_ack(self.now, &packets);
                self.drain(flow);
            }
        }
    }

    fn next_heap(&self) -> Instant {
        let heap = self.conditions.heap.as_nanos();
        let passed = (self.now - self.start).as_nanos();
        let next = (passed / heap + 1) * heap;
        self.start + Duration::from_nanos(next as u64)
    }

    /// Takes what a flow wants sent, then when it wants to be woken.
    fn drain(&mut self, flow: usize) {
        while let Some(packet) = self.flows[flow].poll_transmit(self.now) {
            self.carry(flow, packet);
        }
        if let Some(at) = self.flows[flow].poll_timeout() {
            let at = at.max(self.now + Duration::from_micros(1));
            if self.wakes.get(&flow).is_none_or(|&earlier| at < earlier) {
                self.wakes.insert(flow, at);
                self.schedule(at, Event::Wake(flow));
            }
        }
    }

    fn carry(&mut self, flow: usize, packet: u64) {
        self.offered += 1;
        let byte_time = 8.0 / self.conditions.rate;
        let backlog = self
            .free_at
            .saturating_duration_since(self.now)
            .as_secs_f64()
            / byte_time;
        self.queue_sum += backlog;
        self.queue_seen += 1;
        let room = (self.conditions.product() * self.conditions.queue).max(2.0 * PACKET as f64);
        if backlog + PACKET as f64 > room {
            self.dropped += 1;
            return;
        }
        self.free_at =
            self.free_at.max(self.now) + Duration::from_secs_f64(PACKET as f64 * byte_time);
        if self.is_lost() {
            return;
        }
        let jitter = self.conditions.jitter.mul_f64(self.draw());
        let at = self.free_at + self.conditions.round_trip / 2 + jitter;
        self.schedule(at, Event::Arrival(flow, packet));
    }

    /// Independent losses, or Gilbert and Elliott's two states for longer rows.
    fn is_lost(&mut self) -> bool {
        let Conditions { loss, burst, .. } = self.conditions;
        if burst <= 1.0 {
            return self.draw() < loss;
        }
        let leave = 1.0 / burst;
        let draw = self.draw();
        self.in_bad_state = if self.in_bad_state {
            draw >= leave
        } else {
            draw < leave * loss / (1.0 - loss)
        };
        self.in_bad_state
    }

    /// Evenly from 0 to 1.
    fn draw(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / f64::from(u32::MAX)
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.counter += 1;
        self.events.push(Reverse((at, self.counter, event)));
    }
}
