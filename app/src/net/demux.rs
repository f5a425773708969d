//! One socket, two protocols: quinn gets every datagram except the peer's probes, which the path
//! finder goes on answering for as long as the session lasts.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use fardrop_shared::path::{PROBE_LENGTH, PathFinder};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::Interest;

use super::socket::{PeerSocket, UDP_PAYLOAD_LIMIT, canonical};

/// A session's socket as quinn sees it.
#[derive(Debug)]
pub struct Demux {
    socket: PeerSocket,
    finder: Mutex<PathFinder>,
    /// The largest datagram sent in a batch so far, in bytes: what the next ones will be like.
    segment_bytes: AtomicUsize,
}

impl Demux {
    pub(super) fn new(socket: PeerSocket, finder: PathFinder) -> Arc<Self> {
        Arc::new(Self {
            socket,
            finder: Mutex::new(finder),
            segment_bytes: AtomicUsize::new(0),
        })
    }

    pub(super) fn to_native(&self, address: SocketAddr) -> Option<SocketAddr> {
        self.socket.to_native(address)
    }

    /// Repeats what the path finder has to repeat; ends when it has nothing more to do by itself.
    pub(super) async fn keep_finder(self: Arc<Self>) {
        loop {
            let due = self.with_finder(|finder| finder.poll_timeout());
            let Some(due) = due else { return };
            tokio::time::sleep_until(due.into()).await;
            self.with_finder(|finder| {
                finder.handle_timeout(Instant::now(), &mut rand::thread_rng());
            });
        }
    }

    /// Tells the path finder that the peer was heard on the path.
    pub(super) fn confirm(&self) {
        self.with_finder(PathFinder::confirm);
    }

    /// Whether the datagram was the peer's probe; answers it then.
    fn takes(&self, from: SocketAddr, datagram: &[u8]) -> bool {
        datagram.len() == PROBE_LENGTH
            && self.with_finder(|finder| {
                finder.handle_datagram(
                    Instant::now(),
                    canonical(from),
                    datagram,
                    &mut rand::thread_rng(),
                )
            })
    }

    fn with_finder<T>(&self, act: impl FnOnce(&mut PathFinder) -> T) -> T {
        let mut finder = self.finder.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut finder);
        while let Some(transmit) = finder.poll_transmit() {
            self.socket.send(transmit.to, &transmit.bytes);
        }
        // The path is chosen; nothing else it could say changes that.
        while finder.poll_event().is_some() {}
        result
    }

    /// Takes probes out of what was received together from one address.
    fn divert(&self, buffer: &[u8], meta: &mut RecvMeta) {
        let stride = meta.stride.max(1);
        if stride == PROBE_LENGTH {
            let mut all_probes = true;
            for datagram in buffer[..meta.len].chunks(stride) {
                all_probes &= self.takes(meta.addr, datagram);
            }
            if all_probes {
                meta.len = 0;
            }
            return;
        }
        // Coalesced datagrams are equally long, but for the last.
        let last = meta.len % stride;
        if last == PROBE_LENGTH && self.takes(meta.addr, &buffer[meta.len - last..meta.len]) {
            meta.len -= last;
        }
    }

    fn try_send_piece(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let socket = &self.socket;
        socket.io.try_io(Interest::WRITABLE, || {
            socket.state.send((&socket.io).into(), transmit)
        })
    }
}

impl AsyncUdpSocket for Demux {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller { demux: self })
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Some(segment) = transmit.segment_size else {
            return self.try_send_piece(transmit);
        };
        self.segment_bytes.fetch_max(segment, Ordering::Relaxed);
        if transmit.contents.len() <= UDP_PAYLOAD_LIMIT {
            return self.try_send_piece(transmit);
        }
        // The path MTU has just grown and the batch was made for the old one. If a later piece would
        // block, quinn sends the whole batch again, and the peer drops what it has.
        let fitting = (UDP_PAYLOAD_LIMIT / segment).max(1) * segment;
        for piece in transmit.contents.chunks(fitting) {
            self.try_send_piece(&Transmit {
                contents: piece,
                segment_size: (piece.len() > segment).then_some(segment),
                ..transmit.clone()
            })?;
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let socket = &self.socket;
        loop {
            ready!(socket.io.poll_recv_ready(cx))?;
            let received = socket.io.try_io(Interest::READABLE, || {
                socket.state.recv((&socket.io).into(), buffers, meta)
            });
            if let Ok(count) = received {
                for (buffer, meta) in buffers.iter().zip(meta.iter_mut()).take(count) {
                    self.divert(buffer, meta);
                }
                return Poll::Ready(Ok(count));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io.local_addr()
    }

    /// As many as fit one system call: with a path MTU of tens of kilobytes, one.
    fn max_transmit_segments(&self) -> usize {
        let segment = self.segment_bytes.load(Ordering::Relaxed).max(1);
        self.socket
            .state
            .max_gso_segments()
            .min((UDP_PAYLOAD_LIMIT / segment).max(1))
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.state.may_fragment()
    }
}

/// Wakes one of quinn's tasks when the socket takes more.
#[derive(Debug)]
struct Poller {
    demux: Arc<Demux>,
}

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.demux.socket.io.poll_send_ready(cx)
    }
}
