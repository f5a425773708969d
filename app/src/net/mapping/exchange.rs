//! One question and one answer in UDP datagrams, as NAT-PMP and PCP have them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::MappingError;
use super::gateway::Gateway;

/// Time to the first repetition of a question; it doubles from there (RFC 6886, section 3.1). PCP says
/// 3 s (RFC 6887, section 8.1.1), which is meant for devices that have no person waiting.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// How often a question is put. With the time above, silence is established after 1.75 s.
const TRIES: u32 = 3;

/// Longest datagram of either protocol, in bytes (RFC 6887, section 7).
const DATAGRAM_LIMIT: usize = 1100;

/// Datagrams that are not an answer and are passed over, for one question: a few late answers to
/// earlier ones are ordinary, a flood is not.
const STRAYS_LIMIT: usize = 64;

/// How often the request to take back is put that follows on a request that was cut off. A router that
/// was about to answer does so in that time, 0.75 s; one that knows nothing of the protocol delays
/// nobody's end for longer.
const TRIES_AFTER_CUT: u32 = 2;

/// What is known of the mapping that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// There is none.
    Closed,
    /// It is being asked for, or was until that was cut off: the router may be about to open it.
    Asked,
    /// It was asked for and nothing of use was heard in all the time there was: there may be one.
    Unknown,
    /// There is one.
    Open,
}

impl Standing {
    /// A request for the mapping is about to be sent.
    pub(super) fn on_asked(&mut self) {
        if *self != Self::Open {
            *self = Self::Asked;
        }
    }

    /// What became of it.
    pub(super) const fn on_outcome<T>(&mut self, outcome: &Result<T, MappingError>) {
        *self = match (*self, outcome) {
            (_, Ok(_)) => Self::Open,
            // Cut off, so nothing was learnt.
            (standing, Err(MappingError::Stopped)) => standing,
            // A refused renewal does not end the lease that there is.
            (Self::Open, Err(MappingError::Code(_))) => Self::Open,
            (Self::Closed | Self::Asked | Self::Unknown, Err(MappingError::Code(_))) => {
                Self::Closed
            }
            (Self::Closed | Self::Asked | Self::Unknown | Self::Open, Err(_)) => Self::Unknown,
        };
    }
}

/// Puts `request` to the gateway's NAT-PMP and PCP port until `decode` recognises an answer, [`TRIES`]
/// times at most.
///
/// The socket is connected: the system drops what comes from anywhere else. What `decode` does not
/// take for an answer to this question (`None`) is passed over.
///
/// # Errors
/// [`MappingError::Silent`] if there is none, or at once if the gateway says that nobody listens there;
/// what `decode` says of the answer; what the system says of the socket.
pub(super) async fn ask<T>(
    gateway: &Gateway,
    request: &[u8],
    decode: impl Fn(&[u8]) -> Option<Result<T, MappingError>>,
) -> Result<T, MappingError> {
    ask_repeatedly(gateway, TRIES, request, decode).await
}

async fn ask_repeatedly<T>(
    gateway: &Gateway,
    tries: u32,
    request: &[u8],
    decode: impl Fn(&[u8]) -> Option<Result<T, MappingError>>,
) -> Result<T, MappingError> {
    let socket = connect(gateway).await?;
    let mut buffer = [0; DATAGRAM_LIMIT];
    let mut strays = 0;
    let mut wait = FIRST_WAIT;
    for _ in 0..tries {
        socket.send(request).await.map_err(lost)?;
        let due = Instant::now() + wait;
        wait *= 2;
        while let Ok(received) = tokio::time::timeout_at(due, socket.recv(&mut buffer)).await {
            let length = match received {
                Ok(length) => length,
                // Windows: longer than any answer is allowed to be.
                Err(error) if error.raw_os_error() == Some(WSAEMSGSIZE) => 0,
                Err(error) => return Err(lost(error)),
            };
            if let Some(answer) = decode(&buffer[..length]) {
                return answer;
            }
            strays += 1;
            if strays > STRAYS_LIMIT {
                return Err(MappingError::Malformed);
            }
        }
    }
    Err(MappingError::Silent)
}

/// Winsock's error for a datagram that is longer than the buffer; no other system has this number.
const WSAEMSGSIZE: i32 = 10_040;

/// Takes a mapping back, and where the router is there to confirm it, waits for that: until then the port
/// is open, and whoever is still starting to open it has more to do. To a silent one it is said once.
pub(super) async fn take_back<T>(
    gateway: &Gateway,
    standing: Standing,
    request: &[u8],
    decode: impl Fn(&[u8]) -> Option<Result<T, MappingError>>,
) {
    let outcome = match standing {
        Standing::Closed => return,
        Standing::Unknown => say(gateway, request).await,
        Standing::Asked => ask_repeatedly(gateway, TRIES_AFTER_CUT, request, decode)
            .await
            .map(|_| ()),
        Standing::Open => ask(gateway, request, decode).await.map(|_| ()),
    };
    if let Err(error) = outcome {
        tracing::debug!(gateway = %gateway.ip, %error, "mapping not taken back, its lease ends it");
    }
}

async fn say(gateway: &Gateway, request: &[u8]) -> Result<(), MappingError> {
    let socket = connect(gateway).await?;
    socket.send(request).await.map_err(lost)?;
    Ok(())
}

async fn connect(gateway: &Gateway) -> Result<UdpSocket, MappingError> {
    // A PCP server refuses a request that comes from another address than it names (RFC 6887, section
    // 7.4, ADDRESS_MISMATCH), so the system must not choose another of ours.
    let socket = UdpSocket::bind(SocketAddr::new(gateway.local, 0))
        .await
        .map_err(lost)?;
    socket
        .connect(gateway.at(gateway.ports.pcp))
        .await
        .map_err(lost)?;
    Ok(socket)
}

/// An ICMP error says that nobody listens: that is silence, only sooner.
fn lost(error: io::Error) -> MappingError {
    let kind = error.kind();
    if matches!(
        kind,
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    ) {
        MappingError::Silent
    } else {
        MappingError::Network(kind)
    }
}
