//! Congestion control of a QUIC link: quinn's CUBIC, which steps aside once the link is closed.
//!
//! quinn holds back the packet that says goodbye while the congestion window is full and data waits,
//! and a closed connection takes in no acknowledgement that would empty it: the peer would hear
//! nothing, and believe in the link until its idle time-out.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, CubicConfig};
use quinn_proto::RttEstimator;

/// Says that the link is closed, and nothing but that is to be sent. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Closing(Arc<AtomicBool>);

impl Closing {
    /// To be said before the connection is closed.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes the controllers of one connection.
pub(super) struct Factory {
    pub(super) cubic: Arc<CubicConfig>,
    pub(super) closing: Closing,
}

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(UntilClosing {
            inner: self.cubic.clone().build(now, current_mtu),
            closing: self.closing.clone(),
        })
    }
}

/// A controller that allows anything once the link is closing: one small packet is left to send.
struct UntilClosing {
    inner: Box<dyn Controller>,
    closing: Closing,
}

impl Controller for UntilClosing {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        self.inner
            .on_end_acks(now, in_flight, app_limited, largest_packet_num_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner
            .on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        if self.closing.0.load(Ordering::Relaxed) {
            u64::MAX
        } else {
            self.inner.window()
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self {
            inner: self.inner.clone_box(),
            closing: self.closing.clone(),
        })
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Closing, ControllerFactory, CubicConfig, Factory, Instant};

    #[test]
    fn a_closing_link_is_held_back_by_no_window() {
        let closing = Closing::default();
        let factory = Arc::new(Factory {
            cubic: Arc::new(CubicConfig::default()),
            closing: closing.clone(),
        });
        let controller = factory.build(Instant::now(), 1200);
        let window = controller.window();
        assert_eq!(window, controller.initial_window());
        closing.begin();
        assert_eq!(controller.window(), u64::MAX);
        // The copy for a new path (RFC 9000, section 9) is no different.
        assert_eq!(controller.clone_box().window(), u64::MAX);
    }
}
