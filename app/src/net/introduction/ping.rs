//! A ping: whether one rendezvous answers, and how fast.

use std::time::{Duration, Instant};

use super::error::IntroductionError;
use super::servers::resolve;
use super::tcp_check::TcpChecks;
use crate::net::socket::{PeerSocket, ask_reflexive};

/// How long a server may take to answer once its name is resolved: several tries. With the time for the name
/// it is under five seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The round-trip time to the server named `name`, over whichever of its addresses answers first.
///
/// # Errors
/// [`IntroductionError::Unreachable`], [`IntroductionError::UdpBlocked`] if it answers by TCP alone, or
/// [`IntroductionError::Socket`].
pub async fn ping(name: &str, ipv6: bool) -> Result<Duration, IntroductionError> {
    let addresses = resolve(name.trim(), ipv6).await;
    if addresses.is_empty() {
        return Err(IntroductionError::Unreachable);
    }
    let socket = PeerSocket::bind(0, ipv6).map_err(IntroductionError::Socket)?;
    let mut by_tcp = TcpChecks::default();
    for address in &addresses {
        by_tcp.expect_from(*address);
    }
    let began = Instant::now();
    let until = began + PATIENCE;
    let seen = ask_reflexive(&socket, &addresses, until)
        .await
        .map_err(IntroductionError::Socket)?;
    let first = seen.first();
    match first {
        // One that had to be asked twice took no longer than all of it.
        Some(seen) => Ok(seen.round_trip.unwrap_or_else(|| began.elapsed())),
        None if by_tcp.settle(until).await => Err(IntroductionError::UdpBlocked),
        None => Err(IntroductionError::Unreachable),
    }
}
