//! Who holds how much of the table: parties that wait to be paired, counted by network, wide and narrow.
//!
//! While the table is full, whoever holds little of it gets a place all the same: the newest waiting party of
//! the largest holder makes room. A pair that has met is never touched.
//!
//! ```text
//! root ── /16 or /32 ── /24 or /48 ── /32 or /56 ── (/64) ── waiting parties, oldest first
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::network::Network;

/// A tree of networks with the parties that wait in them; `K` names a party. It lies in flat maps, which take
/// some 500 bytes for a party that has all its networks to itself.
#[derive(Debug)]
pub(crate) struct Holders<K> {
    /// How many wait in each network.
    waiting: BTreeMap<Network, u32>,
    /// Each network (`None` for the root) with those right in it, by how many wait there.
    by_waiting: BTreeSet<(Option<Network>, u32, Network)>,
    /// Who waits, by narrowest network and in the order of coming.
    parties: BTreeMap<(Network, u64), K>,
    /// Parties that ever waited.
    begun: u64,
}

/// A waiting party's place in the tree; to be given back once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    address: IpAddr,
    number: u64,
}

impl<K: Copy> Holders<K> {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            by_waiting: BTreeSet::new(),
            parties: BTreeMap::new(),
            begun: 0,
        }
    }

    /// A party waits at this address.
    pub(crate) fn begin(&mut self, address: IpAddr, party: K) -> Place {
        self.begun += 1;
        if let Some(narrowest) = self.count(address, |waiting| waiting + 1) {
            self.parties.insert((narrowest, self.begun), party);
        }
        Place {
            address,
            number: self.begun,
        }
    }

    /// A party waits no longer: it is gone, or has met its peer.
    pub(crate) fn end(&mut self, place: Place) {
        let narrowest = self.count(place.address, |waiting| waiting.saturating_sub(1));
        if let Some(narrowest) = narrowest {
            self.parties.remove(&(narrowest, place.number));
        }
    }

    /// Changes how many wait in each network that `address` is in. Gives the narrowest.
    fn count(&mut self, address: IpAddr, change: impl Fn(u32) -> u32) -> Option<Network> {
        let mut within = None;
        for network in Network::all(address) {
            let before = self.waiting.remove(&network).unwrap_or(0);
            let after = change(before);
            self.by_waiting.remove(&(within, before, network));
            if after > 0 {
                self.waiting.insert(network, after);
                self.by_waiting.insert((within, after, network));
            }
            within = Some(network);
        }
        within
    }

    /// The party that makes room for another at `address`: the newest of the largest holder, the widest networks
    /// compared first. `None` where nobody holds so much more than the newcomer's own network that it
    /// would be fair.
    pub(crate) fn makes_room_for(&self, address: IpAddr) -> Option<K> {
        let mut within = None;
        // The newcomer's own networks, as long as the way down to the largest holder leads through them.
        let mut own = Some(Network::all(address));
        while let Some((waiting, largest)) = self.largest_in(within) {
            if let Some(networks) = &mut own {
                let network = networks.next()?;
                if network != largest {
                    let held = self.waiting.get(&network).copied().unwrap_or(0);
                    // Taking a place from somebody who then held no more would go to and fro for ever.
                    if held + 1 >= waiting {
                        return None;
                    }
                    own = None;
                }
            }
            within = Some(largest);
        }
        // Down to its own narrowest network: there nobody holds more than itself.
        if own.is_some() {
            return None;
        }
        let narrowest = within?;
        let inside = self.parties.range((narrowest, 0)..=(narrowest, u64::MAX));
        inside.map(|(_, party)| *party).next_back()
    }

    /// Of the networks right in this one, that in which most wait.
    fn largest_in(&self, within: Option<Network>) -> Option<(u32, Network)> {
        let (first, last) = (
            (within, 0, Network::FIRST),
            (within, u32::MAX, Network::LAST),
        );
        let mut inside = self.by_waiting.range(first..=last);
        inside
            .next_back()
            .map(|&(_, waiting, largest)| (waiting, largest))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn v6(bits: u128) -> IpAddr {
        Ipv6Addr::from_bits(bits << 64 | 1).into()
    }

    #[test]
    fn the_newest_of_the_largest_holder_makes_room() {
        let mut holders = Holders::new();
        let home = |number: u8| IpAddr::from(Ipv4Addr::new(192, 0, number, 1));
        for party in 0..3 {
            holders.begin(home(1), party);
        }
        holders.begin(home(2), 3);
        assert_eq!(holders.makes_room_for(home(3)), Some(2));
        // Two against one: afterwards it would be one against two.
        assert_eq!(holders.makes_room_for(home(2)), Some(2));
        assert_eq!(holders.makes_room_for(home(1)), None);
    }

    #[test]
    fn many_small_networks_of_one_site_are_one_holder() {
        let mut holders = Holders::new();
        // Each in a /64 of its own, of one /48.
        for party in 0..100 {
            holders.begin(v6(0x2001_0db8_0001_0000 + party), party);
        }
        holders.begin(v6(0x2001_0db8_0002_0000), 100);
        holders.begin(v6(0x2a00_1111_0002_0000), 101);
        assert_eq!(holders.makes_room_for(v6(0x2001_0db8_0003_0000)), Some(99));
        assert_eq!(holders.makes_room_for(v6(0x2a00_2222_0000_0000)), Some(99));
        // From the site itself: it has its share, and shares it out again.
        assert_eq!(holders.makes_room_for(v6(0x2001_0db8_0001_ffff)), Some(99));
        assert_eq!(holders.makes_room_for(v6(0x2001_0db8_0001_00ff)), None);
    }

    proptest! {
        #[test]
        fn counts_are_of_those_who_wait(
            steps in proptest::collection::vec((any::<bool>(), 0..6_u8, 0..6_u8, any::<bool>()), 1..200)
        ) {
            let mut holders = Holders::new();
            let mut places = Vec::new();
            for (ends, wide, narrow, v4) in steps {
                let address = if v4 {
                    IpAddr::from([10, wide, narrow, 1])
                } else {
                    v6(u128::from(wide) << 32 | u128::from(narrow))
                };
                if ends && !places.is_empty() {
                    let at = usize::from(wide) % places.len();
                    holders.end(places.swap_remove(at));
                } else {
                    places.push(holders.begin(address, address));
                }
                prop_assert_eq!(holders.parties.len(), places.len());
                // Whoever makes room is somebody who waits, elsewhere.
                if let Some(other) = holders.makes_room_for(address) {
                    prop_assert!(other != address);
                    prop_assert!(places.iter().any(|place| place.address == other));
                }
            }
            for place in places {
                holders.end(place);
            }
            prop_assert!(holders.parties.is_empty());
            prop_assert!(holders.waiting.is_empty() && holders.by_waiting.is_empty());
        }
    }
}
