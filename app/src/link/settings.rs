//! Every setting of QUIC, each with its reason. Figures are of `tests/bench`. The windows that the peer is given
//! are in `limits`; the numbers in here are local, or QUIC's own.

use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::limits::{
    QUIC_DATA_STREAMS, QUIC_STREAM_WINDOW, QUIC_WINDOW_LEAST, QUIC_WINDOW_MOST,
};
use quinn::{EndpointConfig, MtuDiscoveryConfig, TransportConfig, VarInt};

use super::congestion::{Factory, Steering};

/// The rate for which the connection's windows are made, in bytes per second: a gigabit.
const DESIGN_RATE: f64 = 125e6;

/// Packets that may overtake a packet before it counts as lost, and how late it may be, in round-trip times.
/// With the 3 and 9/8 of RFC 9002 jitter that reorders looks like loss: 1.4 instead of 9.4 MB/s at
/// 50 ms, and an MTU thought to be a black hole. No harm at 1 % loss.
const PACKET_THRESHOLD: u32 = 128;
const TIME_THRESHOLD: f32 = 1.25;

/// Congestion window to begin with, in bytes, and at least four of the longest packets: while a probe
/// of the path MTU fills the window, nothing else is sent. More than the ten packets that RFC 9002,
/// section 7.2, recommends: 64 MB at 100 Mbit/s and 100 ms took 6.15 instead of 6.42 s. It must exceed
/// the first MTU, or nothing is ever sent.
const INITIAL_WINDOW: u64 = 64 * 1024;

/// Least round-trip time to begin with: on a shorter path a busy host answers no sooner.
const LEAST_INITIAL_RTT: Duration = Duration::from_millis(20);

/// The shortest payload that a path must take for QUIC (RFC 9000, section 14), in bytes.
pub(super) const LEAST_PAYLOAD: u16 = 1200;

/// The longest payload that a socket takes, in bytes.
const LONGEST_PAYLOAD: u16 = 65_507;

/// Settings of one session's endpoint.
pub(super) fn endpoint() -> EndpointConfig {
    let mut config = EndpointConfig::default();
    // Where a middlebox drops QUIC, a packet without the fixed bit (RFC 9287) may still slip through: a
    // link that comes about by such chances is worse than one that falls back at once.
    config.grease_quic_bit(false);
    // What loopback and jumbo frames carry; path MTU discovery finds out whether it is so.
    if config.max_udp_payload_size(LONGEST_PAYLOAD).is_err() {
        tracing::debug!("quinn refused the longest payload");
    }
    config
}

/// Settings of one session's connection over a path with this round-trip time, whose interface takes
/// payloads of `payload_limit` bytes.
pub(super) fn transport(
    rtt: Duration,
    payload_limit: u16,
    steering: &Steering,
) -> Arc<TransportConfig> {
    // Two bandwidth-delay products.
    let window = (2.0 * DESIGN_RATE * rtt.as_secs_f64()) as u32;
    let window = window.clamp(QUIC_WINDOW_LEAST, QUIC_WINDOW_MOST);
    let mut mtu_discovery = MtuDiscoveryConfig::default();
    mtu_discovery.upper_bound(payload_limit.max(LEAST_PAYLOAD));
    let mut config = TransportConfig::default();
    config
        .allow_spin(false)
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(QUIC_DATA_STREAMS))
        .datagram_receive_buffer_size(None)
        // Whether the peer is there is the path's affair: it keeps the NATs awake, and it outlives a
        // path that is lost for a while.
        .max_idle_timeout(None)
        .keep_alive_interval(None)
        .stream_receive_window(VarInt::from_u32(QUIC_STREAM_WINDOW))
        .receive_window(VarInt::from_u32(window))
        .send_window(u64::from(window))
        .packet_threshold(PACKET_THRESHOLD)
        .time_threshold(TIME_THRESHOLD)
        // The probes have just measured it; a packet of the handshake that was lost is missed after
        // three times this.
        .initial_rtt((rtt * 5 / 4).max(LEAST_INITIAL_RTT))
        .mtu_discovery_config(Some(mtu_discovery))
        .congestion_controller_factory(Arc::new(Factory {
            initial_window: INITIAL_WINDOW.max(4 * u64::from(payload_limit)),
            steering: steering.clone(),
        }));
    Arc::new(config)
}
