//! A path's socket as a transport sees it: one peer at an address that never changes.
//!
//! The path may move to another address or another socket under the transport's feet; each time there is
//! a new [`PathSocket`], and the transport is told to change over. Probes and words of the rendezvous that
//! come to the socket go to the path's driver. What comes from anywhere but the path's address goes
//! nowhere: whoever has moved is believed when a probe shows it.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use fardrop_shared::path::{PROBE_LENGTH, PathAgent, SocketId};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::io::Interest;

use super::sockets::PathSockets;
use crate::net::socket::{Fragments, PeerSocket, UDP_PAYLOAD_LIMIT, canonical};

/// What a transport takes for the peer's address (from RFC 3849's addresses, which nobody has).
pub(in crate::net) const PEER: SocketAddr = SocketAddr::V6(SocketAddrV6::new(
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    4840,
    0,
    0,
));

/// What a transport takes for its own address.
const HERE: SocketAddr = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 4840, 0, 0));

/// The socket of one path, as a transport uses it.
#[derive(Debug)]
pub struct PathSocket {
    sockets: Arc<PathSockets>,
    id: SocketId,
    socket: Arc<PeerSocket>,
    /// The peer's address, and the same as the socket's family writes it.
    remote: SocketAddr,
    native: SocketAddr,
    /// The largest datagram sent in a batch so far, in bytes: what the next ones will be like.
    segment_bytes: AtomicUsize,
    /// Another has taken its place.
    retired: AtomicBool,
}

impl PathSocket {
    /// `None` if the socket cannot reach `remote`.
    pub(in crate::net) fn new(
        sockets: Arc<PathSockets>,
        id: SocketId,
        socket: Arc<PeerSocket>,
        remote: SocketAddr,
    ) -> Option<Arc<Self>> {
        let native = socket.to_native(remote)?;
        socket.set_fragments(Fragments::Forbidden);
        Some(Arc::new(Self {
            sockets,
            id,
            socket,
            remote,
            native,
            segment_bytes: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
        }))
    }

    /// Which of the session's sockets it is.
    pub(in crate::net) const fn id(&self) -> SocketId {
        self.id
    }

    /// Lets this socket read nothing any more: another takes its place. A transport goes on reading an old one for
    /// a while, and would take what is the new one's.
    pub(in crate::net) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Tells the agent that the peer was heard on the path.
    pub(in crate::net) fn confirm(&self) {
        self.sockets.with_agent(PathAgent::confirm);
    }

    /// Takes out of what was received together from one address what is not the transport's.
    fn divert(&self, buffer: &[u8], meta: &mut RecvMeta) {
        let from = canonical(meta.addr);
        let stride = meta.stride.max(1);
        meta.addr = PEER;
        meta.dst_ip = None;
        if from != self.remote {
            for datagram in buffer[..meta.len].chunks(stride) {
                self.sockets.takes(self.id, from, datagram);
            }
            meta.len = 0;
            return;
        }
        self.sockets.note_heard();
        let is_probe = |datagram: &[u8]| {
            datagram.len() == PROBE_LENGTH && self.sockets.takes(self.id, from, datagram)
        };
        if stride == PROBE_LENGTH {
            let mut all_probes = true;
            for datagram in buffer[..meta.len].chunks(stride) {
                all_probes &= is_probe(datagram);
            }
            if all_probes {
                meta.len = 0;
            }
            return;
        }
        // Coalesced datagrams are equally long, but for the last.
        let last = meta.len % stride;
        if is_probe(&buffer[meta.len - last..meta.len]) {
            meta.len -= last;
        }
    }

    fn try_send_piece(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let socket = &self.socket;
        let transmit = Transmit {
            destination: self.native,
            src_ip: None,
            ..transmit.clone()
        };
        let sent = socket.io.try_io(Interest::WRITABLE, || {
            socket.state.send((&socket.io).into(), &transmit)
        });
        self.sockets.note_sent();
        sent
    }
}

impl AsyncUdpSocket for PathSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller { path_socket: self })
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
        if self.retired.load(Ordering::Relaxed) {
            // To change over wakes the transport.
            return Poll::Pending;
        }
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
        Ok(HERE)
    }

    /// Datagrams that one system call sends at most: with a path MTU of tens of kilobytes, one.
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
    path_socket: Arc<PathSocket>,
}

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.path_socket.socket.io.poll_send_ready(cx)
    }
}
