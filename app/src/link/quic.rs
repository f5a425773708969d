//! A link over QUIC: quinn on the very socket that found the path.
//!
//! The receiver of the files connects, the sender accepts. Before either says anything else, each
//! proves inside the connection that it holds the key from the pairing: HMAC-SHA-256 under the
//! binding key over its role and the TLS exporter (RFC 9266).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fardrop_shared::Role;
use fardrop_shared::limits::{CLOSE_PATIENCE, FAREWELL_LEAVES_WITHIN, QUIC_INCOMING_LIMIT};
use hmac::{Hmac, Mac};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    AsyncUdpSocket, ClientConfig, Connection, Endpoint, ServerConfig, TokioRuntime, TransportConfig,
};
use sha2::Sha256;

use super::channel::{ControlReceiver, ControlSender, DataReceiver, DataSender};
use super::congestion::Steering;
use super::credentials::Credentials;
use super::error::{CloseCode, LinkError};
use super::settings;
use super::tls::{Identity, SERVER_NAME};
use crate::net::Path;

/// The label and length of the TLS exporter that names a connection (RFC 9266, section 4).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_LENGTH: usize = 32;

/// Length of a proof, in bytes.
const PROOF_LENGTH: usize = 32;

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
fn follow(
    path: &Path,
    endpoint: Endpoint,
    steering: Steering,
    wrap: impl Fn(Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> + Send + 'static,
) -> Following {
    let mut follower = path.follow();
    Following(tokio::spawn(async move {
        loop {
            let socket = follower.changed().await;
            steering.path_changed();
            if let Err(error) = endpoint.rebind_abstract(wrap(socket)) {
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
            FAREWELL_LEAVES_WITHIN
        } else {
            CLOSE_PATIENCE
        };
        let _ = tokio::time::timeout(deadline, self.endpoint.wait_idle()).await;
    }
}

/// QUIC on its way.
#[derive(Debug)]
pub(super) struct Attempt {
    role: Role,
    binding_key: [u8; 32],
    endpoint: Endpoint,
    /// What the side that connects does it with.
    dialing: Option<(ClientConfig, SocketAddr)>,
    steering: Steering,
    following: Following,
}

/// A connection with the peer at its other end.
#[derive(Debug)]
pub(super) struct Ready {
    connection: Connection,
    /// The control channel, where the peer has said something on it.
    control: Option<(ControlSender, ControlReceiver)>,
}

impl Attempt {
    /// Begins, over `path`'s sockets as `wrap` makes them.
    pub(super) fn begin(
        path: &Path,
        credentials: Credentials,
        wrap: impl Fn(Arc<dyn AsyncUdpSocket>) -> Arc<dyn AsyncUdpSocket> + Send + 'static,
    ) -> Result<Self, LinkError> {
        let Credentials {
            role,
            identity,
            peer_fingerprint,
            binding_key,
            ..
        } = credentials;
        let steering = Steering::default();
        let transport = settings::transport(path.rtt, path.payload_limit, &steering);
        let (server, dialing) = match role {
            Role::Sender => {
                let config = server_config(identity, peer_fingerprint, transport)?;
                (Some(config), None)
            }
            Role::Receiver => {
                let config = client_config(identity, peer_fingerprint, transport)?;
                (None, Some((config, path.peer_address())))
            }
        };
        let endpoint = Endpoint::new_with_abstract_socket(
            settings::endpoint(),
            server,
            wrap(path.socket()),
            Arc::new(TokioRuntime),
        )
        .map_err(|error| LinkError::Transport(error.to_string()))?;
        Ok(Self {
            following: follow(path, endpoint.clone(), steering.clone(), wrap),
            role,
            binding_key,
            endpoint,
            dialing,
            steering,
        })
    }

    /// Waits until QUIC works: where this side connects, for its handshake; where it accepts, for the
    /// peer's proof inside the connection, with which the peer has made up its mind.
    pub(super) async fn ready(&mut self) -> Result<Ready, LinkError> {
        if let Some((config, peer)) = self.dialing.take() {
            let connection = dial(&self.endpoint, config, peer).await?;
            return Ok(Ready {
                connection,
                control: None,
            });
        }
        let connection = accept(&self.endpoint).await?;
        let (send, receive) = connection.accept_bi().await?;
        let sender = ControlSender::new(DataSender::quic(send));
        let mut receiver = ControlReceiver::new(DataReceiver::quic(receive));
        self.refusing(
            &connection,
            hear_proof(self.role, &self.binding_key, &connection, &mut receiver),
        )
        .await?;
        Ok(Ready {
            connection,
            control: Some((sender, receiver)),
        })
    }

    /// Exchanges the proofs that are still to be exchanged: the receiver of the files first, since the
    /// sender has more to lose. Gives the control channel, and the connection that it is a part of.
    pub(super) async fn finish(
        self,
        ready: Ready,
        path: Path,
    ) -> Result<((ControlSender, ControlReceiver), QuicCarrier), LinkError> {
        let Ready {
            connection,
            control,
        } = ready;
        path.confirm();
        let (role, key) = (self.role, &self.binding_key);
        let control = match control {
            Some((mut sender, receiver)) => {
                sender.send(&own_proof(role, key, &connection)?).await?;
                (sender, receiver)
            }
            None => {
                let (send, receive) = connection.open_bi().await?;
                let mut sender = ControlSender::new(DataSender::quic(send));
                let mut receiver = ControlReceiver::new(DataReceiver::quic(receive));
                sender.send(&own_proof(role, key, &connection)?).await?;
                self.refusing(
                    &connection,
                    hear_proof(role, key, &connection, &mut receiver),
                )
                .await?;
                (sender, receiver)
            }
        };
        Ok((
            control,
            QuicCarrier {
                connection,
                steering: self.steering,
                orderly: AtomicBool::new(false),
                endpoint: self.endpoint,
                _following: self.following,
                _path: path,
            },
        ))
    }

    /// Closes the connection if what was said in it was wrong.
    async fn refusing<T>(
        &self,
        connection: &Connection,
        hearing: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let heard = hearing.await;
        if heard.is_err() {
            self.steering.begin_closing();
            connection.close(CloseCode::ProtocolViolation.to_wire().into(), &[]);
        }
        heard
    }
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
    config.max_incoming(QUIC_INCOMING_LIMIT);
    Ok(config)
}

async fn dial(
    endpoint: &Endpoint,
    config: ClientConfig,
    peer: SocketAddr,
) -> Result<Connection, LinkError> {
    let connecting = endpoint
        .connect_with(config, peer, SERVER_NAME)
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

/// What shows the peer that this side holds the pairing's key, and that nobody sits in between.
fn own_proof(
    role: Role,
    key: &[u8; 32],
    connection: &Connection,
) -> Result<[u8; PROOF_LENGTH], LinkError> {
    let proof = proof(key, role, &exporter(connection)?);
    Ok(proof.finalize().into_bytes().into())
}

/// Hears the peer's proof that it holds the pairing's key over the same connection.
async fn hear_proof(
    role: Role,
    key: &[u8; 32],
    connection: &Connection,
    receiver: &mut ControlReceiver,
) -> Result<(), LinkError> {
    let theirs = receiver
        .receive()
        .await?
        .ok_or(LinkError::Unauthenticated)?;
    proof(key, role.peer(), &exporter(connection)?)
        .verify_slice(&theirs)
        .map_err(|_| LinkError::Unauthenticated)
}

fn exporter(connection: &Connection) -> Result<[u8; EXPORTER_LENGTH], LinkError> {
    let mut exporter = [0; EXPORTER_LENGTH];
    connection
        .export_keying_material(&mut exporter, EXPORTER_LABEL, &[])
        .map_err(|_| LinkError::Unauthenticated)?;
    Ok(exporter)
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
