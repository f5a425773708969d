//! The link: what a transfer runs over, whichever transport carries it.
//!
//! One control channel of framed messages and any number of one-way data streams, sender to
//! receiver. A `Link` is handed over only once the peer has proved, inside the transport, that it
//! knows the code; nothing here needs to be checked again.
//!
//! What both ends hold to is in `shared::limits`. The numbers in here are local: how this machine is asked to send
//! and receive, and what waits for that.

mod channel;
mod congestion;
mod connect;
mod credentials;
mod error;
mod gbn;
mod handshake_demux;
mod quic;
mod settings;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::sync::Arc;
use std::time::Duration;

pub use channel::{ControlReceiver, ControlSender, DataReceiver, DataSender};
pub use connect::{Connected, connect};
pub use credentials::Credentials;
pub use error::{CloseCode, LinkError};
#[cfg(test)]
use fardrop_shared::Role;
use fardrop_shared::Transport;
use fardrop_shared::limits::PEER_CLOSES_WITHIN;
use gbn::GbnCarrier;
use quic::QuicCarrier;
pub use tls::Identity;

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
    Stream(Arc<stream::StreamCarrier>),
}

impl Link {
    /// A link over QUIC, whose control channel both ends have used already to prove who they are.
    fn over_quic(
        (control_sender, control_receiver): (ControlSender, ControlReceiver),
        carrier: QuicCarrier,
    ) -> Self {
        Self::new(
            control_sender,
            control_receiver,
            Carrier::Quic(Arc::new(carrier)),
        )
    }

    /// A link over Go-Back-N, made of the halves of its control channel.
    fn over_go_back_n((writer, reader): (gbn::Writer, gbn::Reader), carrier: GbnCarrier) -> Self {
        Self::new(
            ControlSender::new(DataSender::go_back_n(writer)),
            ControlReceiver::new(DataReceiver::go_back_n(reader)),
            Carrier::GoBackN(Arc::new(carrier)),
        )
    }

    /// Two ends of a link inside this process, the sender's first.
    #[cfg(test)]
    pub(crate) fn pair() -> (Self, Self) {
        /// Bytes in flight each way.
        const CAPACITY: usize = 256 * 1024;
        let (left, right) = tokio::io::duplex(CAPACITY);
        let (closed, _) = tokio::sync::watch::channel(None);
        let end = |stream, role| {
            let carrier = stream::StreamCarrier::begin(stream, role, closed.clone());
            let (writer, reader) = carrier.control();
            Self::new(
                ControlSender::new(DataSender::stream(writer)),
                ControlReceiver::new(DataReceiver::stream(reader)),
                Carrier::Stream(Arc::new(carrier)),
            )
        };
        (end(left, Role::Sender), end(right, Role::Receiver))
    }

    const fn new(
        control_sender: ControlSender,
        control_receiver: ControlReceiver,
        carrier: Carrier,
    ) -> Self {
        Self {
            control_sender,
            control_receiver,
            handle: LinkHandle { carrier },
        }
    }
}

impl LinkHandle {
    /// Opens a data stream towards the peer.
    ///
    /// # Errors
    /// Why the link is over, if it is.
    pub async fn open_data(&self) -> Result<DataSender, LinkError> {
        match &self.carrier {
            Carrier::Quic(quic) => Ok(DataSender::quic(quic.connection.open_uni().await?)),
            Carrier::GoBackN(carrier) => carrier.open_data().await.map(DataSender::go_back_n),
            #[cfg(test)]
            Carrier::Stream(carrier) => carrier.open_data().await.map(DataSender::stream),
        }
    }

    /// Waits for the peer to open a data stream.
    ///
    /// # Errors
    /// Why the link is over, if it is.
    pub async fn accept_data(&self) -> Result<DataReceiver, LinkError> {
        match &self.carrier {
            Carrier::Quic(quic) => Ok(DataReceiver::quic(quic.connection.accept_uni().await?)),
            Carrier::GoBackN(carrier) => carrier.accept_data().await.map(DataReceiver::go_back_n),
            #[cfg(test)]
            Carrier::Stream(carrier) => carrier.accept_data().await.map(DataReceiver::stream),
        }
    }

    /// Which transport carries the link.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match &self.carrier {
            Carrier::Quic(_) => Transport::Quic,
            Carrier::GoBackN(_) => Transport::GoBackN,
            #[cfg(test)]
            Carrier::Stream(_) => Transport::GoBackN,
        }
    }

    /// The smoothed round-trip time.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        match &self.carrier {
            Carrier::Quic(quic) => quic.connection.rtt(),
            Carrier::GoBackN(carrier) => carrier.rtt(),
            #[cfg(test)]
            Carrier::Stream(_) => Duration::ZERO,
        }
    }

    /// Resolves when the link has ended, with the reason.
    pub async fn closed(&self) -> LinkError {
        match &self.carrier {
            Carrier::Quic(quic) => quic.connection.closed().await.into(),
            Carrier::GoBackN(carrier) => carrier.closed().await,
            #[cfg(test)]
            Carrier::Stream(carrier) => carrier.closed().await,
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
            Carrier::Stream(_) => {}
        }
    }

    /// Ends the link at once; what was not acknowledged is lost.
    pub fn close(&self, code: CloseCode) {
        match &self.carrier {
            Carrier::Quic(quic) => quic.close(code),
            Carrier::GoBackN(carrier) => carrier.close(code),
            #[cfg(test)]
            Carrier::Stream(carrier) => carrier.close(code),
        }
    }
}
