//! Everything about quinn and the socket that can be set, with the values that measured best.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn::{
    AckFrequencyConfig, Endpoint, EndpointConfig, MtuDiscoveryConfig, Runtime, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
};
use rustls::CipherSuite;
use rustls::crypto::CryptoProvider;
use socket2::{Domain, Protocol, Socket, Type};

use crate::socket::BatchingSocket;

/// IP and UDP headers of a datagram over IPv4, in bytes.
const HEADERS_IPV4_BYTES: u32 = 28;

/// The largest UDP payload that quinn accepts, in bytes.
const PAYLOAD_LIMIT_BYTES: u16 = 65_507;

#[derive(Debug, Args)]
#[command(next_help_heading = "Tuning")]
pub(crate) struct Tuning {
    /// The interface's MTU: the most that discovery tries.
    #[arg(long, global = true, default_value_t = 1500)]
    mtu: u32,
    /// The UDP payload to begin with.
    #[arg(long, global = true, default_value_t = 1200)]
    initial_mtu: u16,
    /// Batches of datagrams in one system call.
    #[arg(long, global = true, value_enum, default_value = "fitting")]
    gso: Gso,
    /// Bytes that the receiver lets one stream have in flight.
    #[arg(long, global = true, default_value_t = 4 << 20)]
    stream_window: u32,
    /// Bytes that the receiver lets all streams have in flight.
    #[arg(long, global = true, default_value_t = 8 << 20)]
    receive_window: u32,
    /// Bytes that the sender keeps unacknowledged.
    #[arg(long, global = true, default_value_t = 4 << 20)]
    send_window: u64,
    /// Bytes of each of the socket's buffers, as asked for.
    #[arg(long, global = true, default_value_t = 4 << 20)]
    socket_buffer: usize,
    /// The congestion controller.
    #[arg(long, global = true, value_enum, default_value = "cubic")]
    congestion: Congestion,
    /// Bytes that the controller begins with.
    #[arg(long, global = true)]
    initial_window: Option<u64>,
    /// Packets that may overtake one before it counts as lost.
    #[arg(long, global = true, default_value_t = 128)]
    packet_threshold: u32,
    /// Round-trip times after which an overtaken packet counts as lost.
    #[arg(long, global = true, default_value_t = 1.25)]
    time_threshold: f32,
    /// Packets that share one acknowledgement; quinn's own policy when not given.
    #[arg(long, global = true)]
    ack_every: Option<u32>,
    /// The TLS cipher suite.
    #[arg(long, global = true, value_enum, default_value = "aes128")]
    suite: Suite,
    /// Streams to send over, each with its range of the file.
    #[arg(long, global = true, default_value_t = 1)]
    pub(crate) streams: u16,
    /// Bytes read, hashed and written at a time.
    #[arg(long, global = true, default_value_t = 256 << 10)]
    pub(crate) piece: usize,
    /// Which thread copies what arrived into pieces.
    #[arg(long, global = true, value_enum, default_value = "network")]
    pub(crate) gather: Gather,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Gso {
    /// One datagram a call.
    Off,
    /// As quinn does it.
    On,
    /// As many as fit one batch.
    Fitting,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Congestion {
    Cubic,
    Bbr,
    NewReno,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Suite {
    Aes128,
    Aes256,
    Chacha20,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Gather {
    Network,
    Writer,
}

impl Tuning {
    /// An endpoint at `address`; it accepts connections when `server` is given.
    pub(crate) fn endpoint(
        &self,
        address: SocketAddr,
        server: Option<ServerConfig>,
    ) -> Result<Endpoint> {
        let mut config = EndpointConfig::default();
        config.max_udp_payload_size(self.payload_limit())?;
        let socket = TokioRuntime.wrap_udp_socket(self.socket(address)?)?;
        let socket = match self.gso {
            Gso::Fitting => Arc::new(BatchingSocket::new(socket)),
            Gso::On | Gso::Off => socket,
        };
        Ok(Endpoint::new_with_abstract_socket(
            config,
            server,
            socket,
            Arc::new(TokioRuntime),
        )?)
    }

    /// quinn's settings of one connection.
    pub(crate) fn transport(&self) -> Result<Arc<TransportConfig>> {
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(self.payload_limit());
        let mut transport = TransportConfig::default();
        transport
            .initial_mtu(self.initial_mtu)
            .mtu_discovery_config(Some(discovery))
            .enable_segmentation_offload(self.gso != Gso::Off)
            .stream_receive_window(self.stream_window.into())
            .receive_window(self.receive_window.into())
            .send_window(self.send_window)
            .packet_threshold(self.packet_threshold)
            .time_threshold(self.time_threshold)
            .allow_spin(false)
            .max_idle_timeout(Some(Duration::from_secs(30).try_into()?))
            .congestion_controller_factory(self.controller());
        if let Some(packets) = self.ack_every {
            let mut frequency = AckFrequencyConfig::default();
            frequency
                .ack_eliciting_threshold(packets.into())
                .reordering_threshold(VarInt::from_u32(self.packet_threshold));
            transport.ack_frequency_config(Some(frequency));
        }
        Ok(Arc::new(transport))
    }

    /// The cryptography, with one suite for the data; QUIC itself asks for AES-128-GCM as well.
    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let first = match self.suite {
            Suite::Aes128 => CipherSuite::TLS13_AES_128_GCM_SHA256,
            Suite::Aes256 => CipherSuite::TLS13_AES_256_GCM_SHA384,
            Suite::Chacha20 => CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        };
        let mut provider = rustls::crypto::ring::default_provider();
        // The client's order decides between suites that both ends have.
        provider
            .cipher_suites
            .sort_by_key(|suite| suite.suite() != first);
        Arc::new(provider)
    }

    fn controller(&self) -> Arc<dyn ControllerFactory + Send + Sync> {
        macro_rules! with_window {
            ($config:ty) => {{
                let mut config = <$config>::default();
                if let Some(window) = self.initial_window {
                    config.initial_window(window);
                }
                Arc::new(config)
            }};
        }
        match self.congestion {
            Congestion::Cubic => with_window!(CubicConfig),
            Congestion::Bbr => with_window!(BbrConfig),
            Congestion::NewReno => with_window!(NewRenoConfig),
        }
    }

    fn payload_limit(&self) -> u16 {
        let payload = self.mtu.saturating_sub(HEADERS_IPV4_BYTES);
        u16::try_from(payload).map_or(PAYLOAD_LIMIT_BYTES, |payload| {
            payload.min(PAYLOAD_LIMIT_BYTES)
        })
    }

    fn socket(&self, address: SocketAddr) -> Result<UdpSocket> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        socket.set_recv_buffer_size(self.socket_buffer)?;
        socket.set_send_buffer_size(self.socket_buffer)?;
        socket
            .bind(&address.into())
            .with_context(|| format!("cannot bind {address}"))?;
        Ok(socket.into())
    }
}
