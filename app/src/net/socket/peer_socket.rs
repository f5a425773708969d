//! The UDP socket of a session: one socket, from the first word to the rendezvous to the last byte.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;

/// Socket buffers asked for, in bytes, each way. Ordinary hosts grant about 200 kB, which is enough;
/// where more is granted, bursts survive a busy scheduler.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Longest UDP payload over IPv4, in bytes.
pub(in crate::net) const UDP_PAYLOAD_LIMIT: usize = 65_507;

/// Whether datagrams may be cut on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::net) enum Fragments {
    /// They may.
    Allowed,
    /// They arrive whole or not at all.
    Forbidden,
}

/// A UDP socket that speaks IPv4 and, where the machine has it, IPv6.
///
/// Addresses outside are always canonical: IPv4 peers are `SocketAddr::V4`, whatever the socket is.
#[derive(Debug)]
pub struct PeerSocket {
    pub(in crate::net) io: tokio::net::UdpSocket,
    pub(in crate::net) state: UdpSocketState,
    dual_stack: bool,
}

impl PeerSocket {
    /// Binds to `port` (0: any), for IPv4 and, if `ipv6` and the machine has it, IPv6.
    ///
    /// # Errors
    /// What the system says when it refuses a socket or the port is taken.
    pub fn bind(port: u16, ipv6: bool) -> io::Result<Self> {
        let dual_stack = if ipv6 {
            bind_dual(port)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        };
        let (socket, dual_stack) = match dual_stack {
            Ok(socket) => (socket, true),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => (bind_v4(port)?, false),
        };
        Self::wrap(socket, dual_stack)
    }

    /// Binds to any port, for IPv4 only.
    ///
    /// # Errors
    /// What the system says when it refuses a socket.
    pub(in crate::net) fn bind_ipv4() -> io::Result<Self> {
        Self::wrap(bind_v4(0)?, false)
    }

    fn wrap(socket: socket2::Socket, dual_stack: bool) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Refused sizes are no reason to stop: the system has clamped or kept its own.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
        let socket = std::net::UdpSocket::from(socket);
        let state = UdpSocketState::new((&socket).into())?;
        let io = tokio::net::UdpSocket::from_std(socket)?;
        let socket = Self {
            io,
            state,
            dual_stack,
        };
        socket.set_fragments(Fragments::Allowed);
        Ok(socket)
    }

    /// Whether what is too long for the way may be cut on it, where the system leaves the choice (Linux).
    /// At first it may: what is said in a pairing comes to more than some networks carry at once. A transport
    /// wants to know what passes whole, and says so.
    pub(in crate::net) fn set_fragments(&self, fragments: Fragments) {
        #[cfg(target_os = "linux")]
        {
            use rustix::net::sockopt::{
                Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover,
                set_ipv6_mtu_discover,
            };
            let (v4, v6) = match fragments {
                Fragments::Allowed => (Ipv4PathMtuDiscovery::DONT, Ipv6PathMtuDiscovery::DONT),
                Fragments::Forbidden => (Ipv4PathMtuDiscovery::PROBE, Ipv6PathMtuDiscovery::PROBE),
            };
            let mut set = set_ip_mtu_discover(&self.io, v4);
            if self.dual_stack {
                set = set.and_then(|()| set_ipv6_mtu_discover(&self.io, v6));
            }
            if let Err(error) = set {
                tracing::debug!(%error, ?fragments, "the system cuts packets as it likes");
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = fragments;
    }

    /// The local port.
    ///
    /// # Errors
    /// What the system says, if it does not know.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.io.local_addr()?.port())
    }

    /// Whether IPv6 peers can be reached.
    #[must_use]
    pub const fn speaks_ipv6(&self) -> bool {
        self.dual_stack
    }

    /// Sends one datagram; one that does not get out is as good as lost on the way.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let Some(destination) = self.to_native(to) else {
            return;
        };
        let transmit = Transmit {
            destination,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip: None,
        };
        // Not through tokio's readiness, which a new socket has only after the reactor's next turn.
        if let Err(error) = self.state.try_send((&self.io).into(), &transmit) {
            tracing::trace!(%to, %error, "datagram not sent");
        }
    }

    /// Waits for datagrams and hands each to `take`. Cancel-safe.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub async fn receive(&self, mut take: impl FnMut(SocketAddr, &[u8])) -> io::Result<()> {
        let mut storage = vec![0; usize::from(u16::MAX)];
        loop {
            self.io.readable().await?;
            let mut meta = [RecvMeta::default()];
            let mut buffers = [IoSliceMut::new(&mut storage)];
            let received = self.io.try_io(Interest::READABLE, || {
                self.state.recv((&self.io).into(), &mut buffers, &mut meta)
            });
            match received {
                Ok(_) => {
                    let meta = meta[0];
                    for datagram in storage[..meta.len].chunks(meta.stride.max(1)) {
                        take(canonical(meta.addr), datagram);
                    }
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An ICMP error that answers something we sent is news of one address, not of the
                // socket.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for one short datagram, cut to the buffer, and gives its length. Cancel-safe.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn receive_short(
        &self,
        buffer: &mut [u8],
    ) -> io::Result<(SocketAddr, usize)> {
        loop {
            match self.io.recv_from(buffer).await {
                Ok((length, from)) => return Ok((canonical(from), length)),
                // See `receive`.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The address as this socket's family writes it; `None` if it cannot be reached from here.
    pub(in crate::net) fn to_native(&self, address: SocketAddr) -> Option<SocketAddr> {
        match (self.dual_stack, address) {
            (true, SocketAddr::V4(v4)) => Some(SocketAddr::new(
                IpAddr::V6(v4.ip().to_ipv6_mapped()),
                v4.port(),
            )),
            (true, SocketAddr::V6(_)) | (false, SocketAddr::V4(_)) => Some(address),
            (false, SocketAddr::V6(_)) => None,
        }
    }
}

/// The address as people write it; a link-local one with its scope, without which it means nothing.
pub(in crate::net) fn canonical(address: SocketAddr) -> SocketAddr {
    match (address, address.ip().to_canonical()) {
        (SocketAddr::V6(address), IpAddr::V6(ip)) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, address.port(), 0, address.scope_id()).into()
        }
        (_, ip) => SocketAddr::new(ip, address.port()),
    }
}

fn bind_dual(port: u16) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(false)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}

fn bind_v4(port: u16) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}
