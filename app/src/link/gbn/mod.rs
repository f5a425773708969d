//! A link over Go-Back-N: `fardrop_shared::gbn` on the very socket that found the path.
//!
//! Both sides begin at the same time. The keys are the pairing's, so that the link is the peer's once it
//! is there; nothing is said over it before. The link's channels share the one ordered stream each way, as
//! `fardrop_shared::mux` has it.

mod core;
mod driver;
mod ecn;
mod state;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fardrop_shared::limits::{CLOSE_PATIENCE, FAREWELL_LEAVES_WITHIN};
use fardrop_shared::mux::Channel;
use quinn::AsyncUdpSocket;

pub(super) use self::core::Core;
use self::driver::{Driver, datagrams};
use super::error::{CloseCode, LinkError};
use crate::net::Path;

/// A connection of Go-Back-N with the task that drives it.
#[derive(Debug)]
pub(super) struct GbnCarrier {
    core: Arc<Core>,
    /// Looked after for as long as the link is used, though its connection may be over.
    path: Path,
}

/// Sends what a connection that nobody drives yet wants sent, as far as the socket takes it.
pub(super) fn send_waiting(core: &Core, peer: SocketAddr, socket: &dyn AsyncUdpSocket) {
    let mut buffer = Vec::new();
    let now = std::time::Instant::now();
    while let Some(transmit) = core.poll_transmit(now, 1, &mut buffer) {
        // What does not get out is as good as lost on the way, and comes again.
        let _ = socket.try_send(&datagrams(peer, &buffer, transmit));
        buffer.clear();
    }
}

/// Makes a connection over `path`, which nothing else uses any more: the halves of its control channel, and
/// the rest of it.
///
/// # Errors
/// What ended the connection before it was one. Waits for ever for a peer that does not answer.
pub(super) async fn connect(
    core: Arc<Core>,
    path: Path,
) -> Result<((Writer, Reader), GbnCarrier), LinkError> {
    tokio::spawn(Driver::run(Arc::clone(&core), &path));
    let carrier = GbnCarrier {
        core: Arc::clone(&core),
        path,
    };
    core.connected().await?;
    carrier.path.confirm();
    let sender = Writer::new(&core, Channel::Control);
    let receiver = Reader::new(&core, Channel::Control);
    Ok(((sender, receiver), carrier))
}

impl GbnCarrier {
    pub(super) async fn open_data(&self) -> Result<Writer, LinkError> {
        self.core.open_data().await?;
        Ok(Writer::new(&self.core, Channel::Data))
    }

    pub(super) async fn accept_data(&self) -> Result<Reader, LinkError> {
        self.core.accept_data().await?;
        Ok(Reader::new(&self.core, Channel::Data))
    }

    pub(super) fn rtt(&self) -> Duration {
        self.core.rtt().unwrap_or(self.path.rtt)
    }

    pub(super) async fn closed(&self) -> LinkError {
        self.core.closed().await
    }

    pub(super) fn close(&self, code: CloseCode) {
        self.core.close(code);
    }

    /// Waits until the peer can know that the link was closed.
    pub(super) async fn drained(&self) {
        let deadline = if self.core.is_orderly() {
            FAREWELL_LEAVES_WITHIN
        } else {
            CLOSE_PATIENCE
        };
        let _ = tokio::time::timeout(deadline, self.core.drained()).await;
    }
}

impl Drop for GbnCarrier {
    fn drop(&mut self) {
        // The driver tells the peer, and ends.
        self.core.close(CloseCode::Done);
    }
}

/// The sending half of a channel.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    channel: Channel,
    ended: bool,
}

impl Writer {
    fn new(core: &Arc<Core>, channel: Channel) -> Self {
        Self {
            core: Arc::clone(core),
            channel,
            ended: false,
        }
    }

    pub(super) async fn write(&self, bytes: Bytes) -> Result<(), LinkError> {
        self.core.write(self.channel, bytes).await
    }

    pub(super) fn finish(&mut self) {
        if !self.ended {
            self.ended = true;
            self.core.end(self.channel);
        }
    }

    /// Ends the control channel, and waits until the peer has all of it.
    pub(super) async fn finish_delivered(&mut self) -> Result<(), LinkError> {
        self.finish();
        self.core.heard().await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The receiving half of a channel.
#[derive(Debug)]
pub(super) struct Reader {
    core: Arc<Core>,
    channel: Channel,
    ended: bool,
}

impl Reader {
    fn new(core: &Arc<Core>, channel: Channel) -> Self {
        Self {
            core: Arc::clone(core),
            channel,
            ended: false,
        }
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, LinkError> {
        if self.ended || buffer.is_empty() {
            return Ok(None);
        }
        let read = self.core.read(self.channel, buffer).await?;
        self.ended = read.is_none();
        Ok(read)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.channel == Channel::Data && !self.ended {
            self.core.leave_data();
        }
    }
}
