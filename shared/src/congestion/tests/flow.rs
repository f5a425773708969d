//! A sender that does what its controller says, as Go-Back-N and as quinn would.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::line::PACKET;
use crate::congestion::{Acknowledged, Controller, Settings};

/// Who spreads the packets over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pacing {
    /// The controller's rate.
    Rate,
    /// The window over the smoothed round-trip time, a quarter faster, as quinn does.
    Window,
}

/// Packets that may overtake one before it counts as lost, and how late it may be, in round-trip times.
const PACKET_THRESHOLD: u64 = 128;
const TIME_THRESHOLD: f64 = 1.25;

/// Most that may leave at once, in bytes.
const BURST: f64 = 10.0 * PACKET as f64;

/// One flow.
pub(super) struct Flow {
    pub(super) controller: Controller,
    pacing: Pacing,
    next_packet: u64,
    sent: BTreeMap<u64, Instant>,
    largest_acked: Option<u64>,
    smoothed_rtt: Option<Duration>,
    tokens: f64,
    tokens_at: Instant,
    blocked_until: Option<Instant>,
    heard_at: Instant,
    probes: u32,
    /// Bytes that the application has to send; `None` is more than ever goes.
    pub(super) supply: Option<u64>,
    app_limited: bool,
    pub(super) most_in_flight: u64,
}

impl Flow {
    pub(super) fn new(now: Instant, seed: u64, pacing: Pacing) -> Self {
        let settings = Settings {
            initial_window: 64 * 1024,
            packet_bytes: PACKET,
            seed,
        };
        Self {
            controller: Controller::new(now, settings),
            pacing,
            next_packet: 0,
            sent: BTreeMap::new(),
            largest_acked: None,
            smoothed_rtt: None,
            tokens: BURST,
            tokens_at: now,
            blocked_until: None,
            heard_at: now,
            probes: 0,
            supply: None,
            app_limited: false,
            most_in_flight: 0,
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.sent.len() as u64 * PACKET
    }

    pub(super) fn window(&self) -> u64 {
        match self.pacing {
            Pacing::Rate => self.controller.window(),
            Pacing::Window => self.controller.paced_window(),
        }
    }

    pub(super) fn poll_transmit(&mut self, now: Instant) -> Option<u64> {
        self.blocked_until = None;
        self.app_limited = false;
        if self.probes == 0 && self.in_flight() + PACKET > self.window() {
            return None;
        }
        if self.supply.is_some_and(|supply| supply < PACKET) {
            self.app_limited = true;
            return None;
        }
        let rate = self.bytes_per_second();
        let passed = now.saturating_duration_since(self.tokens_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(BURST.max(rate * 0.002));
        self.tokens_at = now;
        if self.tokens < PACKET as f64 {
            let wait = (PACKET as f64 - self.tokens) / rate;
            self.blocked_until = Some(now + Duration::from_secs_f64(wait));
            return None;
        }
        self.tokens -= PACKET as f64;
        self.probes = self.probes.saturating_sub(1);
        if let Some(supply) = &mut self.supply {
            *supply -= PACKET;
        }
        if self.sent.is_empty() {
            self.heard_at = now;
        }
        self.controller.handle_sent(now, PACKET);
        self.sent.insert(self.next_packet, now);
        self.most_in_flight = self.most_in_flight.max(self.in_flight());
        self.next_packet += 1;
        Some(self.next_packet - 1)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let probe = (!self.sent.is_empty()).then(|| self.heard_at + self.probe_timeout());
        match (self.blocked_until, probe) {
            (Some(blocked), Some(probe)) => Some(blocked.min(probe)),
            (blocked, probe) => blocked.or(probe),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if !self.sent.is_empty() && now >= self.heard_at + self.probe_timeout() {
            self.heard_at = now;
            self.probes = 2;
        }
    }

    pub(super) fn handle_ack(&mut self, now: Instant, packets: &[u64]) {
        self.heard_at = now;
        let before = self.sent.len();
        for packet in packets {
            if let Some(sent) = self.sent.remove(packet) {
                self.controller.handle_acked(now, sent, PACKET);
                let rtt = now - sent;
                let smoothed = self.smoothed_rtt.unwrap_or(rtt);
                self.smoothed_rtt = Some((smoothed * 7 + rtt) / 8);
                self.largest_acked = self.largest_acked.max(Some(*packet));
            }
        }
        if self.sent.len() == before {
            return;
        }
        let acknowledged = Acknowledged {
            in_flight: self.in_flight(),
            app_limited: self.app_limited,
            smoothed_rtt: self.smoothed_rtt.unwrap_or_default(),
        };
        self.controller.handle_acks_end(now, acknowledged);
        self.detect_losses(now);
    }

    fn detect_losses(&mut self, now: Instant) {
        let Some(largest) = self.largest_acked else {
            return;
        };
        let late = self
            .smoothed_rtt
            .unwrap_or_default()
            .mul_f64(TIME_THRESHOLD);
        let lost: Vec<(u64, Instant)> = self
            .sent
            .range(..largest)
            .filter(|&(&packet, &sent)| {
                largest >= packet + PACKET_THRESHOLD || now.duration_since(sent) >= late
            })
            .map(|(&packet, &sent)| (packet, sent))
            .collect();
        if let Some(&(_, newest)) = lost.last() {
            for (packet, _) in &lost {
                self.sent.remove(packet);
            }
            let bytes = lost.len() as u64 * PACKET;
            self.controller.handle_lost(now, newest, bytes);
        }
    }

    fn probe_timeout(&self) -> Duration {
        self.smoothed_rtt.unwrap_or(Duration::from_millis(200)) * 2 + Duration::from_millis(25)
    }

    fn bytes_per_second(&self) -> f64 {
        let assumed = Duration::from_millis(200);
        match self.pacing {
            Pacing::Rate => self.controller.pacing_rate(assumed).bytes_per_second(),
            Pacing::Window => {
                let rtt = self.smoothed_rtt.unwrap_or(assumed);
                self.window() as f64 * 1.25 / rtt.as_secs_f64()
            }
        }
    }
}
