//! Which of a share's receivers gives way where there is no room for all of them.
//!
//! Whoever transfers never does. Of those of whom nothing comes, one of the network that holds most of the room
//! does: the one of whom nothing has come for the longest time. So whoever fills a share from one network pushes out
//! their own, and a person who thinks stays while there is room.

use std::time::Duration;

/// A receiver that takes up room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest<N> {
    /// The network that it is in, once that is known.
    pub network: Option<N>,
    /// How long nothing has come of it; `None` while it transfers.
    pub idle: Option<Duration>,
}

/// How much room there is for receivers of whom nothing comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuestRoom {
    /// For all receivers together.
    pub all: usize,
    /// For those of one network.
    pub network: usize,
}

/// Which of `guests` gives way to one more, if one has to and any may.
#[must_use]
pub fn gives_way<N: Copy + Eq>(guests: &[Guest<N>], room: GuestRoom) -> Option<usize> {
    let beside = |guest: &Guest<N>| {
        let idle = guests.iter().filter(|other| other.idle.is_some());
        idle.filter(|other| other.network == guest.network).count()
    };
    let full = guests.len() >= room.all;
    let may_go = guests.iter().enumerate().filter_map(|(index, guest)| {
        let (idle, beside) = (guest.idle?, beside(guest));
        (full || beside >= room.network).then_some((beside, idle, index))
    });
    may_go.max().map(|(_, _, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: GuestRoom = GuestRoom { all: 6, network: 4 };

    fn guest(network: u8, idle_s: u64) -> Guest<u8> {
        Guest {
            network: Some(network),
            idle: Some(Duration::from_secs(idle_s)),
        }
    }

    const BUSY: Guest<u8> = Guest {
        network: Some(1),
        idle: None,
    };

    #[test]
    fn nobody_gives_way_while_there_is_room() {
        let guests = [
            guest(1, 100_000),
            guest(1, 1),
            guest(1, 2),
            guest(2, 9),
            BUSY,
        ];
        assert_eq!(gives_way(&guests, ROOM), None);
        assert_eq!(gives_way::<u8>(&[], ROOM), None);
    }

    #[test]
    fn the_longest_idle_of_the_largest_network_gives_way() {
        let thinking = guest(2, 100_000);
        let guests = [guest(1, 1), thinking, guest(1, 3), guest(1, 2), BUSY, BUSY];
        assert_eq!(gives_way(&guests, ROOM), Some(2));
    }

    #[test]
    fn one_network_has_less_room_than_all() {
        let guests = [
            guest(2, 50),
            guest(1, 1),
            guest(1, 3),
            guest(1, 2),
            guest(1, 2),
        ];
        assert_eq!(gives_way(&guests, ROOM), Some(2));
    }

    #[test]
    fn whoever_transfers_never_gives_way() {
        assert_eq!(gives_way(&[BUSY; 9], ROOM), None);
        let guests = [BUSY, BUSY, guest(2, 0), BUSY, BUSY, BUSY];
        assert_eq!(gives_way(&guests, ROOM), Some(2));
    }

    #[test]
    fn those_of_no_known_network_are_one() {
        let unknown = Guest {
            network: None,
            ..guest(0, 5)
        };
        let guests = [
            guest(1, 90),
            guest(1, 80),
            unknown,
            unknown,
            unknown,
            guest(2, 70),
        ];
        assert_eq!(gives_way(&guests, ROOM), Some(4));
    }
}
