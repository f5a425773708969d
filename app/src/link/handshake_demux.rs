//! The handshake demux: QUIC's socket for as long as it is not settled whether QUIC carries the link. It
//! offers every datagram to Go-Back-N first, whose packets only its keys can tell from noise.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::Notify;

use super::gbn::Core;

/// Decides who gets what comes. Shared by all the sockets that a link has one after another.
#[derive(Debug)]
pub(super) struct Switch {
    core: Arc<Core>,
    /// Go-Back-N is listened for.
    listening: AtomicBool,
    /// QUIC neither hears nor sends any more.
    cut: AtomicBool,
    heard: Notify,
}

impl Switch {
    /// Offers what comes to `core`.
    pub(super) fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self {
            core,
            listening: AtomicBool::new(true),
            cut: AtomicBool::new(false),
            heard: Notify::new(),
        })
    }

    /// Resolves when a packet of Go-Back-N has come from the peer. Cancel-safe.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }

    /// From now on all is QUIC's.
    pub(super) fn leave_to_quic(&self) {
        self.listening.store(false, Ordering::Relaxed);
    }

    /// From now on nothing is QUIC's: not even its goodbye gets out.
    pub(super) fn cut_quic_off(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Takes out of what was received together what is Go-Back-N's, and gives the length of the rest.
    fn divert(&self, buffer: &mut [u8], meta: &RecvMeta) -> usize {
        let now = Instant::now();
        let stride = meta.stride.max(1);
        let mut scratch = Vec::with_capacity(stride);
        let (mut at, mut kept) = (0, 0);
        while at < meta.len {
            let end = (at + stride).min(meta.len);
            // Looking at a datagram changes it.
            scratch.clear();
            scratch.extend_from_slice(&buffer[at..end]);
            if self.core.handle_datagrams(now, &mut scratch, meta) {
                self.core.settle(now);
                self.heard.notify_one();
            } else {
                buffer.copy_within(at..end, kept);
                kept += end - at;
            }
            at = end;
        }
        kept
    }
}

/// A UDP socket for QUIC, less the datagrams that a [`Switch`] takes out for Go-Back-N.
#[derive(Debug)]
pub(super) struct HandshakeDemux {
    socket: Arc<dyn AsyncUdpSocket>,
    switch: Arc<Switch>,
}

impl HandshakeDemux {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>, switch: &Arc<Switch>) -> Arc<Self> {
        Arc::new(Self {
            socket,
            switch: Arc::clone(switch),
        })
    }
}

impl AsyncUdpSocket for HandshakeDemux {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        if self.switch.cut.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if self.switch.cut.load(Ordering::Relaxed) {
            // Go-Back-N reads the socket now, and nobody has to be woken.
            return Poll::Pending;
        }
        let count = ready!(self.socket.poll_recv(cx, buffers, meta))?;
        if self.switch.listening.load(Ordering::Relaxed) {
            for (buffer, meta) in buffers.iter_mut().zip(meta.iter_mut()).take(count) {
                meta.len = self.switch.divert(buffer, meta);
            }
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
