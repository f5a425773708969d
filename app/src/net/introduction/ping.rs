//! Whether one rendezvous answers, and how fast.

use std::time::{Duration, Instant};

use super::error::MeetError;
use super::servers::resolve;
use super::tcp_check::Greetings;
use crate::net::socket::{PeerSocket, look};

/// How long a server may take to answer once its name is resolved: several tries. With the time for the name
/// it is under five seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The round-trip time to the server named `name`, over whichever of its addresses answers first.
///
/// # Errors
/// [`MeetError::Unreachable`], [`MeetError::UdpBlocked`] if it answers by TCP alone, or
/// [`MeetError::Socket`].
pub async fn time_server(name: &str, ipv6: bool) -> Result<Duration, MeetError> {
    let addresses = resolve(name.trim(), ipv6).await;
    if addresses.is_empty() {
        return Err(MeetError::Unreachable);
    }
    let socket = PeerSocket::bind(0, ipv6).map_err(MeetError::Socket)?;
    let mut by_tcp = Greetings::default();
    for address in &addresses {
        by_tcp.expect_from(*address);
    }
    let began = Instant::now();
    let until = began + PATIENCE;
    let seen = look(&socket, &addresses, until)
        .await
        .map_err(MeetError::Socket)?;
    let first = seen.first();
    match first {
        // One that had to be asked twice took no longer than all of it.
        Some(seen) => Ok(seen.round_trip.unwrap_or_else(|| began.elapsed())),
        None if by_tcp.settle(until).await => Err(MeetError::UdpBlocked),
        None => Err(MeetError::Unreachable),
    }
}
