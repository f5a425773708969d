//! The link: what a transfer runs over, whichever transport carries it.
//!
//! One control channel of framed messages and any number of one-way data streams, sender to
//! receiver. A `Link` is handed over only once the peer has proved, inside the transport, that it
//! knows the code; nothing here needs to be checked again.

mod channel;
mod congestion;
mod connect;
mod gbn;
mod handshake_demux;
mod quic;
mod settings;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;
use std::time::Duration;

pub use channel::{ControlReceiver, ControlSender, DataReceiver, DataSender};
pub use connect::{Connected, Credentials, connect};
use gbn::GbnCarrier;
use quic::QuicCarrier;
use thiserror::Error;
pub use tls::Identity;

/// How long the peer may take to close a link that it has no more use for.
const PEER_CLOSES_WITHIN: Duration = Duration::from_secs(5);

/// Longest control message, in bytes. A page of an offer is the largest thing said there.
pub const CONTROL_MESSAGE_LIMIT: usize = 128 * 1024;

/// Why a link ended or could not be made.
#[derive(Debug, Clone, Error)]
pub enum LinkError {
    /// The peer closed it with a code of the transfer's (see [`CloseCode`]).
    #[error("the peer closed the link: {0:?}")]
    Closed(CloseCode),
    /// Nothing was heard from the peer for the idle time-out.
    #[error("nothing was heard from the peer for too long")]
    TimedOut,
    /// The peer is not the one that knows the code.
    #[error("the peer could not prove that it knows the code")]
    Unauthenticated,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// QUIC alone is allowed, and does not come through.
    #[error("QUIC does not come through")]
    QuicBlocked,
    /// The transport failed otherwise.
    #[error("the transport failed: {0}")]
    Transport(String),
}

/// What a peer says when it closes a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCode {
    /// Everything was said.
    Done,
    /// The person stopped it.
    Cancelled,
    /// The receiver does not want the offer.
    Declined,
    /// The other side broke the protocol.
    ProtocolViolation,
    /// The path was lost, and not found again in time.
    Abandoned,
    /// Anything else, a code of a later version among them.
    Other(u32),
}

impl CloseCode {
    /// The code on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Cancelled => 1,
            Self::Declined => 2,
            Self::ProtocolViolation => 3,
            Self::Abandoned => 4,
            Self::Other(code) => code,
        }
    }

    /// The meaning of a code from the wire.
    #[must_use]
    pub const fn from_wire(code: u32) -> Self {
        match code {
            0 => Self::Done,
            1 => Self::Cancelled,
            2 => Self::Declined,
            3 => Self::ProtocolViolation,
            4 => Self::Abandoned,
            other => Self::Other(other),
        }
    }
}

/// Which transport carries a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// QUIC (RFC 9000).
    Quic,
    /// Our own Go-Back-N.
    GoBackN,
}

/// An authenticated, encrypted connection to one peer.
#[derive(Debug)]
pub struct Link {
    /// Messages to the peer.
    pub control_sender: ControlSender,
    /// Messages from the peer.
    pub control_receiver: ControlReceiver,
    /// Everything else: data streams, state, closing.
    pub handle: LinkHandle,
}

/// The part of a link that any task may hold.
#[derive(Debug, Clone)]
pub struct LinkHandle {
    carrier: Carrier,
}

#[derive(Debug, Clone)]
enum Carrier {
    Quic(Arc<QuicCarrier>),
    GoBackN(Arc<GbnCarrier>),
    #[cfg(test)]
    Pipe(Arc<channel::Pipe>),
}

impl Link {
    fn over_quic(
        control_sender: ControlSender,
        control_receiver: ControlReceiver,
        carrier: QuicCarrier,
    ) -> Self {
        Self {
            control_sender,
            control_receiver,
            handle: LinkHandle {
                carrier: Carrier::Quic(Arc::new(carrier)),
            },
        }
    }
}

impl Link {
    fn over_go_back_n(
        control_sender: ControlSender,
        control_receiver: ControlReceiver,
        carrier: GbnCarrier,
    ) -> Self {
        Self {
            control_sender,
            control_receiver,
            handle: LinkHandle {
                carrier: Carrier::GoBackN(Arc::new(carrier)),
            },
        }
    }
}

impl LinkHandle {
    /// Opens a data stream towards the peer.
    pub async fn open_data(&self) -> Result<DataSender, LinkError> {
        match &self.carrier {
            Carrier::Quic(quic) => Ok(DataSender::quic(quic.connection.open_uni().await?)),
            Carrier::GoBackN(carrier) => carrier.open_data().await,
            #[cfg(test)]
            Carrier::Pipe(pipe) => Ok(pipe.open()),
        }
    }

    /// Waits for the peer to open a data stream.
    pub async fn accept_data(&self) -> Result<DataReceiver, LinkError> {
        match &self.carrier {
            Carrier::Quic(quic) => Ok(DataReceiver::quic(quic.connection.accept_uni().await?)),
            Carrier::GoBackN(carrier) => carrier.accept_data().await,
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.accept().await,
        }
    }

    /// Which transport this is.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match &self.carrier {
            Carrier::Quic(_) => LinkKind::Quic,
            Carrier::GoBackN(_) => LinkKind::GoBackN,
            #[cfg(test)]
            Carrier::Pipe(_) => LinkKind::GoBackN,
        }
    }

    /// The smoothed round-trip time.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        match &self.carrier {
            Carrier::Quic(quic) => quic.connection.rtt(),
            Carrier::GoBackN(carrier) => carrier.rtt(),
            #[cfg(test)]
            Carrier::Pipe(_) => Duration::ZERO,
        }
    }

    /// Resolves when the link has ended, with the reason.
    pub async fn closed(&self) -> LinkError {
        match &self.carrier {
            Carrier::Quic(quic) => quic.connection.closed().await.into(),
            Carrier::GoBackN(carrier) => carrier.closed().await,
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.closed().await,
        }
    }

    /// The end of a link whose transfer is over: leaves it to the peer to close it, for at most five
    /// seconds, and makes sure that the peer can know of a close of ours.
    pub async fn wind_down(&self) {
        let closed = tokio::time::timeout(PEER_CLOSES_WITHIN, self.closed()).await;
        if closed.is_err() {
            self.close(CloseCode::Done);
        }
        match &self.carrier {
            Carrier::Quic(quic) => quic.drained().await,
            Carrier::GoBackN(carrier) => carrier.drained().await,
            #[cfg(test)]
            Carrier::Pipe(_) => {}
        }
    }

    /// Ends the link at once; what was not acknowledged is lost.
    pub fn close(&self, code: CloseCode) {
        match &self.carrier {
            Carrier::Quic(quic) => quic.close(code),
            Carrier::GoBackN(carrier) => carrier.close(code),
            #[cfg(test)]
            Carrier::Pipe(pipe) => pipe.close(code),
        }
    }
}

impl From<quinn::ConnectionError> for LinkError {
    fn from(error: quinn::ConnectionError) -> Self {
        use quinn::ConnectionError;
        match error {
            ConnectionError::ApplicationClosed(close) => Self::Closed(CloseCode::from_wire(
                u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX),
            )),
            ConnectionError::TimedOut => Self::TimedOut,
            ConnectionError::LocallyClosed => Self::Closed(CloseCode::Cancelled),
            other @ (ConnectionError::VersionMismatch
            | ConnectionError::TransportError(_)
            | ConnectionError::ConnectionClosed(_)
            | ConnectionError::Reset
            | ConnectionError::CidsExhausted) => Self::Transport(other.to_string()),
        }
    }
}
