//! Drives a connection: datagrams in, datagrams out, the clock, and the path's changes.

use std::future::poll_fn;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fardrop_shared::gbn::Transmit;
use fardrop_shared::limits::CLOSE_PATIENCE;
use quinn::udp::{self, RecvMeta};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::Sleep;

use super::core::Core;
use super::ecn;
use crate::link::error::LinkError;
use crate::net::Path;

/// Datagrams in one batch, at most: with the longest that Ethernet carries, as many as one system call
/// takes.
const BATCH: usize = 44;

/// Buffers that one system call fills, each with what the kernel has coalesced: enough to empty a socket in
/// a few calls, and few enough to stay in the processor's cache.
const RECEIVE_BUFFERS: usize = 4;

/// Length of each, in bytes: what the kernel coalesces at most.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// System calls each way before what was received is passed on, and before others have their turn.
const CALLS: usize = 4;
const TURNS: usize = 4;

/// One connection's task.
pub(super) struct Driver {
    core: Arc<Core>,
    peer: SocketAddr,
    socket: Arc<dyn AsyncUdpSocket>,
    poller: Pin<Box<dyn UdpPoller>>,
    sleep: Pin<Box<Sleep>>,
    received: Box<[u8]>,
    buffer: Vec<u8>,
    /// What is in `buffer` and has not left yet.
    pending: Option<Transmit>,
    /// When the link was seen to be over.
    over_since: Option<Instant>,
}

/// Whether there was anything to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Some,
    None,
}

impl Driver {
    /// Runs the connection until it is over and the peer knows, or will not hear of it.
    pub(super) fn run(core: Arc<Core>, path: &Path) -> impl Future<Output = ()> + use<> {
        let socket: Arc<dyn AsyncUdpSocket> = path.socket();
        let mut follower = path.follow();
        let mut driver = Self {
            peer: path.peer_address(),
            poller: Arc::clone(&socket).create_io_poller(),
            socket,
            core,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            received: vec![0; RECEIVE_BUFFERS * RECEIVE_BUFFER].into(),
            buffer: Vec::new(),
            pending: None,
            over_since: None,
        };
        async move {
            let error = loop {
                tokio::select! {
                    error = poll_fn(|cx| driver.poll(cx)) => break error,
                    socket = follower.changed() => driver.change_over(socket),
                }
            };
            driver.core.handle_end(error);
        }
    }

    /// The path leads over another socket now.
    fn change_over(&mut self, socket: Arc<dyn AsyncUdpSocket>) {
        self.poller = Arc::clone(&socket).create_io_poller();
        self.socket = socket;
        // What waited for the old socket is as good as lost on the way.
        self.pending = None;
        self.core.handle_path_change(Instant::now());
    }

    /// Resolves when there is nothing to drive any more.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LinkError> {
        self.core.set_driver(cx.waker());
        for _ in 0..TURNS {
            let received = match self.receive(cx) {
                Ok(work) => work,
                Err(error) => return Poll::Ready(LinkError::Transport(error.to_string())),
            };
            let now = Instant::now();
            self.core.handle_timeout(now);
            self.core.settle(now);
            let sent = self.transmit(cx, now);
            if self.is_at_its_end(now) {
                return Poll::Ready(LinkError::TimedOut);
            }
            let idle = received == Work::None && sent == Work::None;
            if idle && self.wait(cx) == Work::None {
                return Poll::Pending;
            }
        }
        // Others have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Receives what is there, up to a bound.
    fn receive(&mut self, cx: &mut Context<'_>) -> io::Result<Work> {
        let mut work = Work::None;
        for _ in 0..CALLS {
            let mut meta = [RecvMeta::default(); RECEIVE_BUFFERS];
            let mut chunks = self.received.chunks_mut(RECEIVE_BUFFER);
            let mut buffers: [IoSliceMut<'_>; RECEIVE_BUFFERS] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let count = match self.socket.poll_recv(cx, &mut buffers, &mut meta) {
                Poll::Pending => break,
                Poll::Ready(Ok(count)) => count,
                // An ICMP error that answers something we sent is no news of the socket.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    continue;
                }
                Poll::Ready(Err(error)) => return Err(error),
            };
            work = Work::Some;
            let now = Instant::now();
            for (meta, buffer) in meta.iter().zip(&mut buffers).take(count) {
                self.core
                    .handle_datagrams(now, &mut buffer[..meta.len], meta);
            }
        }
        Ok(work)
    }

    /// Sends what is to be sent, up to a bound.
    fn transmit(&mut self, cx: &mut Context<'_>, now: Instant) -> Work {
        let mut work = Work::None;
        for _ in 0..CALLS {
            let transmit = match self.pending.take() {
                Some(transmit) => transmit,
                None => {
                    let most = BATCH.min(self.socket.max_transmit_segments());
                    self.buffer.clear();
                    match self.core.poll_transmit(now, most, &mut self.buffer) {
                        Some(transmit) => transmit,
                        None => break,
                    }
                }
            };
            let datagrams = datagrams(self.peer, &self.buffer, transmit);
            match self.socket.try_send(&datagrams) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.pending = Some(transmit);
                    // Readiness that is there already leads to another try.
                    if self.poller.as_mut().poll_writable(cx).is_pending() {
                        break;
                    }
                }
                // What does not get out is as good as lost on the way.
                Ok(()) | Err(_) => {}
            }
            work = Work::Some;
        }
        work
    }

    /// Sets the clock; `Some` if it rings at once.
    fn wait(&mut self, cx: &mut Context<'_>) -> Work {
        let end = self.over_since.map(|since| since + CLOSE_PATIENCE);
        let due = [self.core.poll_timeout(), end].into_iter().flatten().min();
        let Some(due) = due else {
            return Work::None;
        };
        let due = tokio::time::Instant::from_std(due);
        if self.sleep.deadline() != due {
            self.sleep.as_mut().reset(due);
        }
        match self.sleep.as_mut().poll(cx) {
            Poll::Ready(()) => Work::Some,
            Poll::Pending => Work::None,
        }
    }

    fn is_at_its_end(&mut self, now: Instant) -> bool {
        if self.core.is_over() {
            let since = *self.over_since.get_or_insert(now);
            return self.core.is_drained() || now >= since + CLOSE_PATIENCE;
        }
        false
    }
}

/// What a socket takes, from what a connection gives.
pub(super) fn datagrams<'a>(
    peer: SocketAddr,
    buffer: &'a [u8],
    transmit: Transmit,
) -> udp::Transmit<'a> {
    udp::Transmit {
        destination: peer,
        ecn: ecn::field(transmit.codepoint),
        contents: &buffer[..transmit.size],
        segment_size: transmit.segment_size,
        src_ip: None,
    }
}
