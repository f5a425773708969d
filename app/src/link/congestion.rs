//! Congestion control of a QUIC link: `fardrop_shared::congestion` behind quinn's interface.
//!
//! quinn knows one figure, the window, and spreads it over the smoothed round-trip time, a quarter
//! faster than evenly. So the window it is given is what the wanted rate would have in flight at that
//! very round-trip time: the window then sets the rate, as acknowledgements come in, and the quarter
//! only fills gaps.
//!
//! quinn holds back the packet that says goodbye while the congestion window is full and data waits,
//! and a closed connection takes in no acknowledgement that would empty it: the peer would hear
//! nothing, and believe in the link until its idle time-out. A link that is closing is therefore held
//! back by no window.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fardrop_shared::congestion::{Acknowledged, Controller as Model, Settings};
use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;

/// What a link knows and its controller cannot see. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Steering(Arc<Wishes>);

#[derive(Debug, Default)]
struct Wishes {
    closing: AtomicBool,
    path_changes: AtomicU64,
}

impl Steering {
    /// The link is about to be closed: to be said before the connection is.
    pub(super) fn begin_closing(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }

    /// What was sent until now is presumed lost, since the path led nowhere or leads elsewhere now:
    /// another window's worth may go at once, and the path is measured anew.
    pub(super) fn path_changed(&self) {
        self.0.path_changes.fetch_add(1, Ordering::Relaxed);
    }

    fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    fn path_changes(&self) -> u64 {
        self.0.path_changes.load(Ordering::Relaxed)
    }
}

/// Makes the controllers of one connection.
pub(super) struct Factory {
    /// In bytes.
    pub(super) initial_window: u64,
    pub(super) steering: Steering,
}

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let settings = Settings {
            initial_window: self.initial_window,
            packet_bytes: u64::from(current_mtu),
            seed: rand::random(),
        };
        Box::new(ModelBased {
            model: Model::new(now, settings),
            initial_window: self.initial_window,
            smoothed_rtt: Duration::ZERO,
            path_changes: self.steering.path_changes(),
            steering: self.steering.clone(),
        })
    }
}

struct ModelBased {
    model: Model,
    initial_window: u64,
    /// As quinn, which paces by it, has it.
    smoothed_rtt: Duration,
    /// The changes of path that the model knows of.
    path_changes: u64,
    steering: Steering,
}

impl ModelBased {
    /// Tells the model of a change of path that it does not know of.
    fn follow_path(&mut self, now: Instant) {
        let path_changes = self.steering.path_changes();
        if path_changes != self.path_changes {
            self.path_changes = path_changes;
            self.model.handle_path_change(now);
        }
    }
}

impl Controller for ModelBased {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.follow_path(now);
        self.model.handle_sent(now, bytes);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        _app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.follow_path(now);
        self.smoothed_rtt = rtt.get();
        self.model.handle_acked(now, sent, bytes);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        _largest_packet_num_acked: Option<u64>,
    ) {
        let acknowledged = Acknowledged {
            in_flight,
            app_limited,
            smoothed_rtt: self.smoothed_rtt,
        };
        self.model.handle_acks_end(now, acknowledged);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.follow_path(now);
        // quinn's way of telling marks from losses.
        if lost_bytes == 0 {
            self.model.handle_marked(now, sent);
        } else {
            self.model.handle_lost(now, sent, lost_bytes);
        }
        if is_persistent_congestion {
            self.model.handle_persistent_congestion(now);
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.model.handle_packet_size(u64::from(new_mtu));
    }

    fn window(&self) -> u64 {
        if self.steering.is_closing() {
            u64::MAX
        } else if self.steering.path_changes() == self.path_changes {
            self.model.paced_window()
        } else {
            self.model.window_after_path_change()
        }
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window();
        let rate = self.model.pacing_rate(self.smoothed_rtt);
        metrics.pacing_rate = Some((rate.bytes_per_second() * 8.0) as u64);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            model: self.model.clone(),
            initial_window: self.initial_window,
            smoothed_rtt: self.smoothed_rtt,
            path_changes: self.path_changes,
            steering: self.steering.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Controller, ControllerFactory, Factory, Instant, Steering};

    const INITIAL_WINDOW: u64 = 64_000;

    fn build(steering: &Steering) -> Box<dyn Controller> {
        Arc::new(Factory {
            initial_window: INITIAL_WINDOW,
            steering: steering.clone(),
        })
        .build(Instant::now(), 1200)
    }

    #[test]
    fn a_closing_link_is_held_back_by_no_window() {
        let steering = Steering::default();
        let controller = build(&steering);
        assert_eq!(controller.window(), INITIAL_WINDOW);
        assert_eq!(controller.window(), controller.initial_window());
        steering.begin_closing();
        assert_eq!(controller.window(), u64::MAX);
        // The copy for a new path (RFC 9000, section 9) is no different.
        assert_eq!(controller.clone_box().window(), u64::MAX);
    }

    #[test]
    fn on_a_new_path_another_window_goes_at_once() {
        let steering = Steering::default();
        let mut controller = build(&steering);
        let now = Instant::now();
        controller.on_sent(now, INITIAL_WINDOW, 50);
        steering.path_changed();
        assert_eq!(controller.window(), 2 * INITIAL_WINDOW);
        // It stays so once the controller has taken it in, and in a copy of it.
        let later = now + std::time::Duration::from_millis(10);
        controller.on_sent(later, 1200, 51);
        assert_eq!(controller.window(), 2 * INITIAL_WINDOW);
        assert_eq!(controller.clone_box().window(), 2 * INITIAL_WINDOW);
        // What is found to be lost makes no more room.
        controller.on_congestion_event(later, now, false, INITIAL_WINDOW);
        assert_eq!(controller.window(), INITIAL_WINDOW);
    }
}
