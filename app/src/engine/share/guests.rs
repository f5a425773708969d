//! The receivers of a share, as far as they take up room: who of them gives way to the next.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fardrop_shared::guests::{Guest, GuestRoom, gives_way};

use crate::disk::file_handles;
use crate::engine::cancel::{Cancel, CancelHandle, cancel};

/// Local: most receivers of a share at once, before those of whom nothing comes give way.
const GUESTS_LIMIT: usize = 64;
/// Local: most of them that are in one network (a /24, or an IPv6 /48).
const NETWORK_LIMIT: usize = 16;
/// Local: files that a receiver has the sender keep open: its sockets, with what looks for a path.
const FILES_EACH: usize = 4;
/// Local: fewest receivers of which there is room, however few files may be open.
const GUESTS_FEWEST: usize = 3;
/// Local: a transfer of which no byte has been acknowledged for so long is no longer one that moves.
const STILL: Duration = Duration::from_secs(60);

/// The receivers of a share.
#[derive(Debug)]
pub(super) struct Guests {
    guests: Vec<Entry>,
    room: GuestRoom,
}

#[derive(Debug)]
struct Entry {
    seen: Arc<Seen>,
    way: CancelHandle,
    came_at: Instant,
}

/// What is known of a receiver, told by its session.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    address: Option<IpAddr>,
    /// When bytes moved last, or did not for this person's sake; `None` until the offer is accepted.
    moved_at: Option<Instant>,
}

/// A receiver's own end of its place among the others.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) seen: Arc<Seen>,
    /// Set once it has to give way.
    pub(super) way: Cancel,
}

impl Guests {
    /// Nobody so far.
    pub(super) fn new() -> Self {
        let all = (file_handles() / FILES_EACH).clamp(GUESTS_FEWEST, GUESTS_LIMIT);
        Self {
            guests: Vec::new(),
            room: GuestRoom {
                all,
                network: NETWORK_LIMIT.min(all),
            },
        }
    }

    /// Takes in one more; another gives way if there is no room.
    pub(super) fn admit(&mut self) -> Visit {
        // Whose session has ended has left.
        self.guests
            .retain(|guest| Arc::strong_count(&guest.seen) > 1);
        let now = Instant::now();
        let guests: Vec<_> = self
            .guests
            .iter()
            .map(|guest| guest.as_guest(now))
            .collect();
        if let Some(index) = gives_way(&guests, self.room) {
            self.guests.swap_remove(index).way.cancel();
        }
        let (handle, way) = cancel();
        let seen = Arc::<Seen>::default();
        self.guests.push(Entry {
            seen: Arc::clone(&seen),
            way: handle,
            came_at: now,
        });
        Visit { seen, way }
    }
}

impl Entry {
    fn as_guest(&self, now: Instant) -> Guest<[u8; 6]> {
        let state = self.seen.state();
        let idle = match state.moved_at {
            Some(moved_at) => Some(now - moved_at).filter(|idle| *idle >= STILL),
            None => Some(now - self.came_at),
        };
        Guest {
            network: state.address.map(network),
            idle,
        }
    }
}

/// The site that an address is in: an IPv4 /24, an IPv6 /48.
fn network(address: IpAddr) -> [u8; 6] {
    let mut network = [0; 6];
    match address.to_canonical() {
        IpAddr::V4(v4) => network[..3].copy_from_slice(&v4.octets()[..3]),
        IpAddr::V6(v6) => network.copy_from_slice(&v6.octets()[..6]),
    }
    network
}

impl Seen {
    /// It was reached at this address.
    pub(super) fn is_at(&self, peer: SocketAddr) {
        self.state().address = Some(peer.ip());
    }

    /// Bytes moved, or stand still for this person's sake.
    pub(super) fn moves(&self) {
        self.state().moved_at = Some(Instant::now());
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_that_never_answer_give_way_and_one_that_transfers_stays() {
        let mut guests = Guests::new();
        guests.room = GuestRoom { all: 4, network: 4 };
        let mut busy = guests.admit();
        busy.seen.is_at(SocketAddr::from(([10, 0, 0, 1], 1)));
        busy.seen.state().moved_at = Some(Instant::now());
        let mut thinking = guests.admit();
        thinking.seen.is_at(SocketAddr::from(([192, 0, 2, 7], 1)));
        let mut silent: Vec<Visit> = Vec::new();
        for number in 0..30 {
            let visit = guests.admit();
            visit.seen.is_at(SocketAddr::from(([10, 0, 0, number], 1)));
            silent.push(visit);
        }
        assert!(!busy.way.is_cancelled() && !thinking.way.is_cancelled());
        let gone = silent.iter_mut().filter(|visit| visit.way.is_cancelled());
        assert_eq!(gone.count(), 28);
        // Whoever leaves makes room.
        drop(silent);
        let last = guests.admit();
        assert!(!last.way.is_cancelled() && !thinking.way.is_cancelled());
        assert_eq!(guests.guests.len(), 3);
        (busy, thinking) = (guests.admit(), guests.admit());
        drop((busy, thinking));
    }
}
