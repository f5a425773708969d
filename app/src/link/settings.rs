//! Every setting of QUIC, each with its reason. Figures are of `tests/bench`.

use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::CubicConfig;
use quinn::{EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// Handshakes that may wait at once; one peer is expected.
pub(super) const INCOMING_LIMIT: usize = 4;

/// Data streams a sender may open: one is used, later versions may use more.
const DATA_STREAMS: u32 = 8;

/// Nothing heard for this long, keep-alives included: the peer is gone. Longer than the pauses of
/// Wi-Fi and of routers that reconnect.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Under the shortest mapping time-outs seen in the wild, and often enough for the idle time-out to
/// need three losses in a row.
const KEEP_ALIVE: Duration = Duration::from_secs(4);

/// The rate for which windows are made, in bytes per second: a gigabit.
const DESIGN_RATE: f64 = 125e6;

/// Receive and send windows, in bytes: two bandwidth-delay products within these bounds. Larger ones
/// on a short path overrun the socket buffers, larger ones on a long path the memory budget.
const WINDOW_LEAST: f64 = 4.0 * 1024.0 * 1024.0;
const WINDOW_MOST: f64 = 24.0 * 1024.0 * 1024.0;

/// Packets that may overtake a packet before it counts as lost. With the 3 of RFC 9002 jitter looks
/// like loss and costs up to 90 % of the rate; real loss is still found by time.
const PACKET_THRESHOLD: u32 = 100;

/// The same in round-trip times (RFC 9002 has 9/8).
const TIME_THRESHOLD: f32 = 1.25;

/// Congestion window to begin with, in packets (RFC 9002, section 7.2, allows ten) and, for paths
/// that carry tens of kilobytes a packet, in bytes: a window under one packet would hang.
const INITIAL_WINDOW: u64 = 256 * 1024;
const INITIAL_WINDOW_LONG: u64 = 14_720;

/// Round-trip time under which a path is within one network.
const LOCAL_RTT: Duration = Duration::from_millis(2);

/// Settings of one session's endpoint.
pub(super) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    // What loopback and jumbo frames carry; path MTU discovery finds out whether it is so.
    if config.max_udp_payload_size(65_487).is_err() {
        tracing::debug!("quinn refused the longest payload");
    }
    config
}

/// Settings of one session's connection over a path with this round-trip time, whose interface takes
/// payloads of `payload_limit` bytes.
pub(super) fn transport(rtt: Duration, payload_limit: u16) -> Arc<TransportConfig> {
    let window = (2.0 * DESIGN_RATE * rtt.as_secs_f64()).clamp(WINDOW_LEAST, WINDOW_MOST) as u32;
    let mut mtu_discovery = MtuDiscoveryConfig::default();
    mtu_discovery.upper_bound(payload_limit);
    let mut cubic = CubicConfig::default();
    cubic.initial_window(if rtt < LOCAL_RTT {
        INITIAL_WINDOW
    } else {
        INITIAL_WINDOW_LONG
    });
    let mut config = TransportConfig::default();
    config
        .allow_spin(false)
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(DATA_STREAMS))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(IdleTimeout::try_from(IDLE_TIMEOUT).ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(window))
        .receive_window(VarInt::from_u32(window))
        .send_window(u64::from(window))
        .packet_threshold(PACKET_THRESHOLD)
        .time_threshold(TIME_THRESHOLD)
        // The probes have just measured it; twice that leaves room for a busy start.
        .initial_rtt((rtt * 2).max(Duration::from_millis(20)))
        .mtu_discovery_config(Some(mtu_discovery))
        .congestion_controller_factory(Arc::new(cubic));
    Arc::new(config)
}
