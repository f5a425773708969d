//! A link over QUIC: quinn on the very socket that found the path.
//!
//! The receiver of the files connects, the sender accepts. Before either says anything else, each
//! proves inside the connection that it holds the key from the pairing: HMAC-SHA-256 under the
//! binding key over its role and the TLS exporter (RFC 9266).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fardrop_shared::Role;
use hmac::{Hmac, Mac};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig, TokioRuntime, TransportConfig};
use sha2::Sha256;

use super::channel::{ControlReceiver, ControlSender, DataReceiver, DataSender};
use super::congestion::Steering;
use super::settings;
use super::tls::{Identity, SERVER_NAME};
use super::{CloseCode, Link, LinkError};
use crate::net::Path;

/// How long the handshake and the proofs may take over a path whose probes were answered.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long a connection that was closed with more to say may take to tell the peer so.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The same where everything was said: time for the close to leave. If it is lost, all that the peer
/// misses is that it may forget the connection.
const FAREWELL_DEADLINE: Duration = Duration::from_millis(20);

/// The label and length of the TLS exporter that names a connection (RFC 9266, section 4).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_LENGTH: usize = 32;

/// What makes the connection between the two people's apps, and no other, acceptable.
#[derive(Debug)]
pub struct Credentials {
    /// Which side this is.
    pub role: Role,
    /// Our certificate.
    pub identity: Identity,
    /// SHA-256 of the peer's, from its sealed hello.
    pub peer_fingerprint: [u8; 32],
    /// The key from the pairing that proofs are made with.
    pub binding_key: [u8; 32],
}

/// A QUIC connection with what must live as long.
#[derive(Debug)]
pub(super) struct QuicCarrier {
    pub(super) connection: Connection,
    steering: Steering,
    /// Whether we closed it with everything said.
    orderly: AtomicBool,
    endpoint: Endpoint,
    _following: Following,
    _path: Path,
}

/// Keeps a connection on its path; ends with its owner.
#[derive(Debug)]
struct Following(tokio::task::JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Moves an endpoint to every socket that takes the place of the first.
fn follow(path: &Path, endpoint: Endpoint, steering: Steering) -> Following {
    let mut follower = path.follow();
    Following(tokio::spawn(async move {
        loop {
            let socket = follower.changed().await;
            steering.path_changed();
            if let Err(error) = endpoint.rebind_abstract(socket) {
                tracing::debug!(%error, "the endpoint does not change over");
            }
        }
    }))
}

impl QuicCarrier {
    pub(super) fn close(&self, code: CloseCode) {
        self.orderly
            .store(code == CloseCode::Done, Ordering::Relaxed);
        let path = self.connection.stats().path;
        tracing::debug!(
            ?code,
            rtt = ?path.rtt,
            mtu = path.current_mtu,
            packets = path.sent_packets,
            lost = path.lost_packets,
            black_holes = path.black_holes_detected,
            "closing"
        );
        self.steering.begin_closing();
        self.connection.close(code.to_wire().into(), &[]);
    }

    /// Waits until the peer can know that the connection was closed.
    pub(super) async fn drained(&self) {
        let deadline = if self.orderly.load(Ordering::Relaxed) {
            FAREWELL_DEADLINE
        } else {
            CLOSE_DEADLINE
        };
        let _ = tokio::time::timeout(deadline, self.endpoint.wait_idle()).await;
    }
}

/// Makes a link over `path`.
///
/// # Errors
/// [`LinkError::TimedOut`] when no connection came about in ten seconds,
/// [`LinkError::Unauthenticated`] when the other end does not hold the pairing's keys.
pub async fn connect(path: Path, credentials: Credentials) -> Result<Link, LinkError> {
    tokio::time::timeout(HANDSHAKE_DEADLINE, connect_patiently(path, credentials))
        .await
        .unwrap_or(Err(LinkError::TimedOut))
}

async fn connect_patiently(path: Path, credentials: Credentials) -> Result<Link, LinkError> {
    let Credentials {
        role,
        identity,
        peer_fingerprint,
        binding_key,
    } = credentials;
    let steering = Steering::default();
    let transport = settings::transport(path.rtt, path.payload_limit, &steering);
    let (endpoint, connecting) = match role {
        Role::Sender => {
            let endpoint = endpoint(
                &path,
                Some(server_config(identity, peer_fingerprint, transport)?),
            )?;
            (endpoint, None)
        }
        Role::Receiver => {
            let config = client_config(identity, peer_fingerprint, transport)?;
            (endpoint(&path, None)?, Some(config))
        }
    };
    let following = follow(&path, endpoint.clone(), steering.clone());
    let connection = match connecting {
        Some(config) => dial(&endpoint, config, &path).await?,
        None => accept(&endpoint).await?,
    };
    path.confirm();
    let (send, receive) = match role {
        Role::Sender => connection.accept_bi().await?,
        Role::Receiver => connection.open_bi().await?,
    };
    let mut control_sender = ControlSender::new(DataSender::quic(send));
    let mut control_receiver = ControlReceiver::new(DataReceiver::quic(receive));
    let proved = prove(
        role,
        &binding_key,
        &connection,
        &mut control_sender,
        &mut control_receiver,
    );
    if let Err(error) = proved.await {
        steering.begin_closing();
        connection.close(CloseCode::ProtocolViolation.to_wire().into(), &[]);
        return Err(error);
    }
    Ok(Link::over_quic(
        control_sender,
        control_receiver,
        QuicCarrier {
            connection,
            steering,
            orderly: AtomicBool::new(false),
            endpoint,
            _following: following,
            _path: path,
        },
    ))
}

fn client_config(
    identity: Identity,
    peer: [u8; 32],
    transport: Arc<TransportConfig>,
) -> Result<ClientConfig, LinkError> {
    let tls = identity.client_config(peer).map_err(tls_error)?;
    let crypto = QuicClientConfig::try_from(tls).map_err(tls_error)?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport);
    Ok(config)
}

fn server_config(
    identity: Identity,
    peer: [u8; 32],
    transport: Arc<TransportConfig>,
) -> Result<ServerConfig, LinkError> {
    let tls = identity.server_config(peer).map_err(tls_error)?;
    let crypto = QuicServerConfig::try_from(tls).map_err(tls_error)?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport);
    config.max_incoming(settings::INCOMING_LIMIT);
    Ok(config)
}

async fn dial(
    endpoint: &Endpoint,
    config: ClientConfig,
    path: &Path,
) -> Result<Connection, LinkError> {
    let connecting = endpoint
        .connect_with(config, path.peer_address(), SERVER_NAME)
        .map_err(|error| LinkError::Transport(error.to_string()))?;
    connecting.await.map_err(handshake_error)
}

/// Only the peer's address comes through to the endpoint: the first to knock is the peer.
async fn accept(endpoint: &Endpoint) -> Result<Connection, LinkError> {
    let Some(incoming) = endpoint.accept().await else {
        return Err(LinkError::Transport("the socket closed".to_owned()));
    };
    let connecting = incoming.accept().map_err(handshake_error)?;
    connecting.await.map_err(handshake_error)
}

fn endpoint(path: &Path, server: Option<ServerConfig>) -> Result<Endpoint, LinkError> {
    Endpoint::new_with_abstract_socket(
        settings::endpoint(),
        server,
        path.socket(),
        Arc::new(TokioRuntime),
    )
    .map_err(|error| LinkError::Transport(error.to_string()))
}

/// Exchanges the proofs: the receiver of the files first, since the sender has more to lose.
async fn prove(
    role: Role,
    key: &[u8; 32],
    connection: &Connection,
    sender: &mut ControlSender,
    receiver: &mut ControlReceiver,
) -> Result<(), LinkError> {
    let mut exporter = [0; EXPORTER_LENGTH];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, &[])
        .map_err(|_| LinkError::Unauthenticated)?;
    let ours = proof(key, role, &exporter).finalize().into_bytes();
    if role == Role::Receiver {
        sender.send(&ours).await?;
    }
    let theirs = receiver
        .receive()
        .await?
        .ok_or(LinkError::Unauthenticated)?;
    proof(key, role.peer(), &exporter)
        .verify_slice(&theirs)
        .map_err(|_| LinkError::Unauthenticated)?;
    if role == Role::Sender {
        sender.send(&ours).await?;
    }
    Ok(())
}

fn proof(key: &[u8; 32], role: Role, exporter: &[u8; EXPORTER_LENGTH]) -> Hmac<Sha256> {
    // RFC 2104: a short key is filled up with zeros to the hash's block.
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
    mac.update(match role {
        Role::Sender => b"sender",
        Role::Receiver => b"receiver",
    });
    mac.update(exporter);
    mac
}

fn tls_error(error: impl std::fmt::Display) -> LinkError {
    LinkError::Transport(error.to_string())
}

/// A handshake that TLS refuses is a peer that is not the one from the pairing.
fn handshake_error(error: quinn::ConnectionError) -> LinkError {
    /// QUIC's codes for TLS alerts (RFC 9001, section 4.8).
    const CRYPTO_ERRORS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;
    let crypto = match &error {
        quinn::ConnectionError::TransportError(error) => Some(u64::from(error.code)),
        quinn::ConnectionError::ConnectionClosed(close) => Some(u64::from(close.error_code)),
        quinn::ConnectionError::VersionMismatch
        | quinn::ConnectionError::ApplicationClosed(_)
        | quinn::ConnectionError::Reset
        | quinn::ConnectionError::TimedOut
        | quinn::ConnectionError::LocallyClosed
        | quinn::ConnectionError::CidsExhausted => None,
    };
    if crypto.is_some_and(|code| CRYPTO_ERRORS.contains(&code)) {
        LinkError::Unauthenticated
    } else {
        error.into()
    }
}
