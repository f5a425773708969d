//! A UDP socket that never asks the kernel for a batch larger than one datagram may be.
//!
//! quinn hands over up to ten equal segments at once, whatever their size, and the kernel refuses
//! a batch of more than 65,507 bytes: every one is lost. This wrapper cuts such a batch, and tells
//! quinn how many segments fit from then on (quinn asks again each time it transmits).

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

/// The largest payload of a UDP datagram over IPv4, and so of a batch, in bytes.
const BATCH_LIMIT_BYTES: usize = 65_507;

/// A socket of quinn's, with batches cut to what the kernel takes.
#[derive(Debug)]
pub(crate) struct BatchingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    /// The largest segment that was sent so far; it says how many fit.
    largest_segment: AtomicUsize,
}

impl BatchingSocket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> Self {
        Self {
            inner,
            largest_segment: AtomicUsize::new(1),
        }
    }
}

impl AsyncUdpSocket for BatchingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(segment) = transmit.segment_size else {
            return self.inner.try_send(transmit);
        };
        self.largest_segment.fetch_max(segment, Ordering::Relaxed);
        if transmit.contents.len() <= BATCH_LIMIT_BYTES {
            return self.inner.try_send(transmit);
        }
        // A refusal half-way makes quinn offer the whole batch again: duplicates, which QUIC drops.
        let batch = (BATCH_LIMIT_BYTES / segment).max(1) * segment;
        for contents in transmit.contents.chunks(batch) {
            self.inner.try_send(&Transmit {
                destination: transmit.destination,
                ecn: transmit.ecn,
                contents,
                segment_size: (contents.len() > segment).then_some(segment),
                src_ip: transmit.src_ip,
            })?;
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(context, buffers, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        let fitting = BATCH_LIMIT_BYTES / self.largest_segment.load(Ordering::Relaxed);
        self.inner.max_transmit_segments().min(fitting).max(1)
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}
