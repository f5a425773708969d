//! The TCP check: asking a rendezvous by TCP whether it is there, for when it says nothing by UDP.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use fardrop_shared::limits::MAX_TCP_CHECK_BYTES;
use fardrop_shared::wire::tcp_check::TcpCheck;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long a connection and its line may take: a lost SYN is repeated after one second.
const DEADLINE: Duration = Duration::from_secs(2);

/// How long a server may take to answer by UDP before it is asked by TCP as well: three tries.
const HEAD_START: Duration = Duration::from_millis(700);

/// A server's line, and when it came.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct TcpAnswer {
    /// What it says.
    pub(in crate::net) line: TcpCheck,
    /// What this machine's clock said when it came.
    pub(in crate::net) at: SystemTime,
    /// How long the connection took, which is one round trip; the line takes half of another.
    pub(in crate::net) round_trip: Duration,
}

/// Connects to a server and reads its line; `None` where there is no such server, or not in time.
pub(in crate::net) async fn tcp_check(server: SocketAddr) -> Option<TcpAnswer> {
    let asking = async {
        let began = Instant::now();
        let mut stream = TcpStream::connect(server).await.ok()?;
        let round_trip = began.elapsed();
        let mut line = Vec::with_capacity(MAX_TCP_CHECK_BYTES);
        let mut limited = (&mut stream).take(MAX_TCP_CHECK_BYTES as u64);
        while !line.ends_with(b"\n") {
            if limited.read_buf(&mut line).await.ok()? == 0 {
                break;
            }
        }
        Some(TcpAnswer {
            line: TcpCheck::decode(&line)?,
            at: SystemTime::now(),
            round_trip,
        })
    };
    tokio::time::timeout(DEADLINE, asking).await.ok()?
}

/// Servers being asked by TCP while they are silent by UDP. Dropping it ends that.
#[derive(Debug, Default)]
pub(in crate::net) struct TcpChecks {
    asking: JoinSet<bool>,
    came: bool,
}

impl TcpChecks {
    /// Asks a server that has just been asked by UDP, if it is still silent in a moment.
    pub(in crate::net) fn expect_from(&mut self, server: SocketAddr) {
        self.asking.spawn(async move {
            tokio::time::sleep(HEAD_START).await;
            tcp_check(server).await.is_some()
        });
    }

    /// UDP passes, so that nobody needs to ask by TCP.
    pub(in crate::net) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether a server has answered by TCP so far.
    pub(in crate::net) fn came(&mut self) -> bool {
        while let Some(ended) = self.asking.try_join_next() {
            self.came |= ended.unwrap_or(false);
        }
        self.came
    }

    /// Waits until a server has answered by TCP, or none will, or `deadline`; whether one has.
    pub(in crate::net) async fn settle(&mut self, deadline: Instant) -> bool {
        let settled = async {
            while !self.came {
                match self.asking.join_next().await {
                    Some(ended) => self.came = ended.unwrap_or(false),
                    None => break,
                }
            }
        };
        // What came by then counts.
        let _ = tokio::time::timeout_at(deadline.into(), settled).await;
        self.came
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    /// What is made of a server that says this to the first who connects.
    async fn check(says: &'static [u8]) -> Option<TcpCheck> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            // A client that has read enough may be gone.
            let _ = stream.write_all(says);
        });
        let answered = tcp_check(address).await;
        server.await.expect("it ended");
        answered.map(|answered| answered.line)
    }

    #[tokio::test]
    async fn a_line_is_read_and_anything_else_is_nothing() {
        assert_eq!(check(b"FDR 2 77\n").await, Some(TcpCheck::at(77)));
        assert_eq!(check(b"").await, None);
        assert_eq!(check(b"SSH-2.0-OpenSSH_9.2\r\n").await, None);
        assert_eq!(check(&[b'x'; 100_000]).await, None);
    }

    #[tokio::test]
    async fn a_closed_port_settles_at_once() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let mut checks = TcpChecks::default();
        checks.expect_from(address);
        let far_off = Instant::now() + Duration::from_secs(60);
        assert!(!checks.settle(far_off).await);
        assert!(Instant::now() < far_off);
    }
}
