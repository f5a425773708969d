//! What one announcement does to its place, and who is told.
//!
//! What is said to a receiver is the sender's answer to it, and, until there is one, what the
//! sender says to any. Whoever is told is told again when it repeats its own announcement; a receiver's
//! repetition also tells the sender again, for as long as the sender has not answered. So every loss is
//! repaired by a repetition, and nothing is kept to be sent later.

use std::time::Instant;

use fardrop_shared::wire::rendezvous::{Announce, Peer, Reply, Tag};
use fardrop_shared::{PairingId, Role};

use crate::respond::Datagram;
use crate::table::{Change, Party, Place, Receiver, Route, Sender, Statement, renew};

/// An announcement that proved its address.
pub(crate) struct Arrival<'a> {
    pub(crate) now: Instant,
    pub(crate) from: Route,
    pub(crate) tag: Tag,
    pub(crate) announce: &'a Announce,
}

/// Applies it. `room` says whether a party more can be held, with that many receivers already there
/// if it is one; it is asked once at most, and only for a new party.
///
/// Returns the reply to the announcement, then what is pushed: for each receiver one datagram at most to
/// it and one about it.
pub(crate) fn announce(
    place: &mut Place,
    arrival: &Arrival<'_>,
    room: impl FnOnce(Option<usize>) -> bool,
) -> Vec<Datagram> {
    match arrival.announce.side {
        Role::Sender => sender_announces(place, arrival, || room(None)),
        Role::Receiver => {
            let others = place.receivers.len();
            receiver_announces(place, arrival, || room(Some(others)))
        }
    }
}

fn sender_announces(
    place: &mut Place,
    arrival: &Arrival<'_>,
    room: impl FnOnce() -> bool,
) -> Vec<Datagram> {
    let &Arrival {
        now,
        from,
        tag,
        announce,
    } = arrival;
    let Place { sender, receivers } = place;
    let (sender, change) = match sender {
        Some(sender) if sender.party.owns(announce) => {
            let change = sender.party.hear(now, from, tag);
            (sender, change)
        }
        Some(_) => return vec![arrival.reply(&arrival.taken())],
        None if room() => {
            let party = Party::new(now, from, tag, announce);
            let sender = sender.insert(Sender { party, open: None });
            (sender, Change::Route)
        }
        None => return vec![arrival.reply(&arrival.busy())],
    };
    let mut replies = Vec::new();
    match announce.to {
        None => {
            replies.push(arrival.reply(&arrival.waiting()));
            if renew(&mut sender.open, announce) {
                let unspoken = receivers.values().filter(|other| other.answer.is_none());
                replies.extend(unspoken.map(|other| {
                    let said = Statement::of(announce);
                    push(&other.party, sender.party.pairing, &said)
                }));
            }
        }
        Some(to) => match receivers.get_mut(&to) {
            None => replies.push(arrival.reply(&arrival.waiting())),
            Some(receiver) => {
                let answers = Some(announce.revision);
                replies.push(arrival.reply(&peer(answers, to, &receiver.said)));
                if renew(&mut receiver.answer, announce) {
                    receiver.unanswered = false;
                    let said = Statement::of(announce);
                    replies.push(push(&receiver.party, sender.party.pairing, &said));
                }
            }
        },
    }
    if change == Change::Route {
        let unanswered = receivers.values().filter(|other| other.unanswered);
        replies
            .extend(unanswered.map(|other| push(&sender.party, other.party.pairing, &other.said)));
    }
    replies
}

fn receiver_announces(
    place: &mut Place,
    arrival: &Arrival<'_>,
    room: impl FnOnce() -> bool,
) -> Vec<Datagram> {
    let &Arrival {
        now,
        from,
        tag,
        announce,
    } = arrival;
    let Place { sender, receivers } = place;
    match receivers.get_mut(&announce.pairing) {
        Some(receiver) if receiver.party.owns(announce) => {
            receiver.party.hear(now, from, tag);
            if receiver.said.revision < announce.revision {
                receiver.said = Statement::of(announce);
                receiver.unanswered = true;
            }
        }
        Some(_) => return vec![arrival.reply(&arrival.taken())],
        None if room() => {
            let receiver = Receiver {
                party: Party::new(now, from, tag, announce),
                said: Statement::of(announce),
                answer: None,
                unanswered: true,
            };
            receivers.insert(announce.pairing, receiver);
        }
        None => return vec![arrival.reply(&arrival.busy())],
    }
    let (Some(sender), Some(receiver)) = (sender, receivers.get(&announce.pairing)) else {
        return vec![arrival.reply(&arrival.waiting())];
    };
    let heard = receiver.answer.as_ref().or(sender.open.as_ref());
    let answer = heard.map_or_else(
        || arrival.waiting(),
        |said| peer(Some(announce.revision), sender.party.pairing, said),
    );
    let mut replies = vec![arrival.reply(&answer)];
    if receiver.unanswered {
        replies.push(push(&sender.party, announce.pairing, &receiver.said));
    }
    replies
}

impl Arrival<'_> {
    fn reply(&self, reply: &Reply) -> Datagram {
        Datagram {
            to: self.from,
            bytes: reply.encode(self.tag),
        }
    }

    const fn waiting(&self) -> Reply {
        Reply::Waiting {
            answers: self.announce.revision,
        }
    }

    const fn taken(&self) -> Reply {
        Reply::Taken {
            answers: self.announce.revision,
        }
    }

    const fn busy(&self) -> Reply {
        Reply::Busy {
            answers: self.announce.revision,
        }
    }
}

fn push(to: &Party, speaker: PairingId, said: &Statement) -> Datagram {
    Datagram {
        to: to.route,
        bytes: peer(None, speaker, said).encode(to.tag),
    }
}

fn peer(answers: Option<u32>, pairing: PairingId, said: &Statement) -> Reply {
    Reply::Peer(Peer {
        answers,
        pairing,
        revision: said.revision,
        payload: said.payload.clone(),
    })
}
