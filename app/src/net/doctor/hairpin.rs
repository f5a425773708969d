//! Whether two sockets of this machine meet at their outside addresses (RFC 4787, section 6).

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::diagnosis::Hairpin;
use rand::RngCore;

use crate::net::socket::{PeerSocket, sleep_until};

/// How long it may take: to the router and back is a matter of milliseconds.
const TIME: Duration = Duration::from_millis(600);

/// How often is tried in that time.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends from each socket to where the other is seen, as two peers that punch do: a NAT that filters by
/// address lets the answer in then.
///
/// # Errors
/// What the system says when a socket is of no more use.
pub(super) async fn test(
    sockets: [&PeerSocket; 2],
    outside: [SocketAddr; 2],
    deadline: Instant,
) -> io::Result<Hairpin> {
    let mut token = [0; 16];
    rand::thread_rng().fill_bytes(&mut token);
    let deadline = deadline.min(Instant::now() + TIME);
    let [one, other] = sockets;
    let mut due = Instant::now();
    let mut met = false;
    while !met && Instant::now() < deadline {
        if due <= Instant::now() {
            one.send(outside[1], &token);
            other.send(outside[0], &token);
            due = Instant::now() + INTERVAL;
        }
        // What is left of earlier questions arrives here as well, and is none of these.
        let mut at_one = false;
        let mut at_other = false;
        tokio::select! {
            received = one.receive(|_, datagram| at_one |= datagram == token) => received?,
            received = other.receive(|_, datagram| at_other |= datagram == token) => received?,
            () = sleep_until(Some(due.min(deadline))) => {}
        }
        met = at_one || at_other;
    }
    Ok(if met { Hairpin::Works } else { Hairpin::Fails })
}
