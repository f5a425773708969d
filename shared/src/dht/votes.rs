//! Where those who answer say that they see this socket (BEP 42).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::diagnosis::Scope;
use crate::limits::{DHT_MAX_VOTERS, DHT_VOTES_NEEDED};

/// An address outside, and how many say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside {
    /// The address.
    pub address: SocketAddr,
    /// Those who see this socket there.
    pub votes: usize,
    /// All who have said where they see it.
    pub voters: usize,
}

/// The latest word of each voter, of one family.
#[derive(Debug, Default)]
pub(super) struct Votes(VecDeque<(SocketAddr, SocketAddr)>);

impl Votes {
    /// Takes a vote. Those in one network have one, whatever they say it from.
    pub(super) fn add(&mut self, voter: SocketAddr, seen: SocketAddr) {
        let voter = network(voter);
        self.0.retain(|(known, _)| *known != voter);
        if self.0.len() >= DHT_MAX_VOTERS {
            self.0.pop_front();
        }
        self.0.push_back((voter, seen));
    }

    /// What more than anything else is said, if enough say it.
    pub(super) fn winner(&self) -> Option<Outside> {
        let count = |address| self.0.iter().filter(|(_, seen)| *seen == address).count();
        let (_, mut best) = *self.0.front()?;
        for (_, seen) in &self.0 {
            if count(*seen) > count(best) {
                best = *seen;
            }
        }
        let votes = count(best);
        let others = self.0.iter().map(|(_, seen)| *seen);
        let alone = others
            .filter(|seen| *seen != best)
            .all(|seen| count(seen) < votes);
        (alone && votes >= DHT_VOTES_NEEDED).then_some(Outside {
            address: best,
            votes,
            voters: self.0.len(),
        })
    }
}

/// What stands for everybody in the network of a voter: a /24, a /48; each endpoint where addresses mean nothing
/// outside one network.
fn network(voter: SocketAddr) -> SocketAddr {
    match voter.ip() {
        ip if Scope::of(ip) != Scope::Global => voter,
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            (IpAddr::from([a, b, c, 0]), 0).into()
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            (IpAddr::from([a, b, c, 0, 0, 0, 0, 0]), 0).into()
        }
    }
}
