//! What one announcement changes at its locator, and which datagrams that causes.
//!
//! What a receiver hears is the sender's answer to it, and, until there is one, what the sender says to
//! any receiver. Nothing is kept to be sent later, so every loss is repaired by a repetition: each time a
//! party repeats its announcement, the reply holds again what it is to hear; and each time a receiver that
//! the sender has not answered repeats itself, its announcement is pushed to the sender again.
//!
//! An answer that is the last is handed on, and the receiver's place is given up with it: if the answer is lost, the
//! receiver comes back by repeating itself, and is pushed to the sender as at first.

use std::time::{Duration, Instant};

use fardrop_shared::wire::rendezvous::{Announce, Peer, Reply, Tag};
use fardrop_shared::{PairingId, Role};

use crate::table::{
    Change, Datagram, LocatorEntry, Party, Receiver, Route, Sender, Statement, renew,
};

/// How often a sender is told of a crowd at most; local.
const CROWD_INTERVAL: Duration = Duration::from_secs(1);

/// Whom a statement is for.
const TO_ALL: bool = false;
const TO_ONE: bool = true;

/// An announcement whose sender has proved, by its cookie, that it receives at its address.
pub(crate) struct Arrival<'a> {
    pub(crate) now: Instant,
    pub(crate) from: Route,
    pub(crate) tag: Tag,
    pub(crate) announce: &'a Announce,
}

/// Whether one more party can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It can.
    Free,
    /// The others at this locator have all the places that there are for it, or for that network.
    TakenHere,
    /// Others have all the places of the server, or that network has begun too many parties.
    TakenElsewhere,
}

/// Applies an announcement to the entry of its locator. Whether there is `room` matters for a new party, and
/// for a sender whose place is another's.
///
/// Returns the reply to the announcement, then what is pushed: for each receiver one datagram at most to
/// it and one about it.
pub(crate) fn announce(
    entry: &mut LocatorEntry,
    arrival: &Arrival<'_>,
    room: Room,
) -> Vec<Datagram> {
    match arrival.announce.side {
        Role::Sender => sender_announces(entry, arrival, room),
        Role::Receiver => receiver_announces(entry, arrival, room),
    }
}

fn sender_announces(entry: &mut LocatorEntry, arrival: &Arrival<'_>, room: Room) -> Vec<Datagram> {
    let announce = arrival.announce;
    let LocatorEntry {
        sender,
        receivers,
        gone,
        ..
    } = entry;
    let (sender, change) = match enter(sender.as_mut(), |known| &mut known.party, arrival, room) {
        Ok(Entrant::Known(sender, change)) => (sender, change),
        Ok(Entrant::New(party)) => {
            let sender = sender.insert(Sender { party, open: None });
            (sender, Change::Route)
        }
        Err(refusal) => return vec![arrival.reply(&refusal)],
    };
    let mut replies = Vec::new();
    match announce.to {
        None => {
            replies.push(arrival.reply(&arrival.waiting()));
            if renew(&mut sender.open, announce) {
                let unspoken = receivers.values().filter(|other| other.answer.is_none());
                replies.extend(unspoken.map(|other| {
                    let said = Statement::of(announce);
                    push(&other.party, sender.party.pairing, TO_ALL, &said)
                }));
            }
        }
        Some(to) => match receivers.get_mut(&to) {
            None => replies.push(arrival.reply(&arrival.waiting())),
            Some(receiver) => {
                let answers = Some(announce.revision);
                replies.push(arrival.reply(&peer(answers, to, TO_ONE, &receiver.said)));
                if renew(&mut receiver.answer, announce) {
                    receiver.unanswered = false;
                    let said = Statement::of(announce);
                    replies.push(push(&receiver.party, sender.party.pairing, TO_ONE, &said));
                }
                if announce.last {
                    gone.extend(receivers.remove(&to).map(|receiver| receiver.party));
                }
            }
        },
    }
    if change == Change::Route {
        let unanswered = receivers.values().filter(|other| other.unanswered);
        replies.extend(
            unanswered.map(|other| push(&sender.party, other.party.pairing, TO_ONE, &other.said)),
        );
    }
    replies
}

fn receiver_announces(
    entry: &mut LocatorEntry,
    arrival: &Arrival<'_>,
    room: Room,
) -> Vec<Datagram> {
    let announce = arrival.announce;
    let LocatorEntry {
        sender,
        receivers,
        gone,
        crowd_told,
    } = entry;
    let known = receivers.get_mut(&announce.pairing);
    if announce.last {
        if known.is_some_and(|known| known.party.owns(announce)) {
            let left = receivers.remove(&announce.pairing);
            gone.extend(left.map(|receiver| receiver.party));
        }
        return vec![arrival.reply(&arrival.waiting())];
    }
    match enter(known, |known| &mut known.party, arrival, room) {
        Ok(Entrant::Known(receiver, _)) => {
            if receiver.said.revision < announce.revision {
                receiver.said = Statement::of(announce);
                receiver.unanswered = true;
            }
        }
        Ok(Entrant::New(party)) => {
            let receiver = Receiver {
                party,
                said: Statement::of(announce),
                answer: None,
                unanswered: true,
            };
            receivers.insert(announce.pairing, receiver);
        }
        Err(refusal) => {
            let mut replies = vec![arrival.reply(&refusal)];
            let told = crowd_told.is_some_and(|at| arrival.now < at + CROWD_INTERVAL);
            let crowded = matches!(refusal, Reply::Busy { .. }) && room == Room::TakenHere;
            if let (true, false, Some(sender)) = (crowded, told, sender) {
                *crowd_told = Some(arrival.now);
                replies.push(Datagram {
                    to: sender.party.route,
                    bytes: Reply::Crowded.encode(sender.party.tag),
                });
            }
            return replies;
        }
    }
    let (Some(sender), Some(receiver)) = (sender, receivers.get(&announce.pairing)) else {
        return vec![arrival.reply(&arrival.waiting())];
    };
    let answers = Some(announce.revision);
    let speaker = sender.party.pairing;
    let answer = match (&receiver.answer, &sender.open) {
        (Some(said), _) => peer(answers, speaker, TO_ONE, said),
        (None, Some(said)) => peer(answers, speaker, TO_ALL, said),
        (None, None) => arrival.waiting(),
    };
    let mut replies = vec![arrival.reply(&answer)];
    if receiver.unanswered {
        replies.push(push(
            &sender.party,
            announce.pairing,
            TO_ONE,
            &receiver.said,
        ));
    }
    replies
}

/// A party that announces, as the entry of its locator knows it.
enum Entrant<'a, T> {
    /// A party that is held, which the announcement has refreshed.
    Known(&'a mut T, Change),
    /// A party to be held from now on.
    New(Party),
}

/// Whether the announcement is taken: by the party `known` under its name, if there is one and it is the
/// announcer's own, or as a new one where there is `room`. Otherwise the reply that refuses it, which says no more
/// than that there is no room where there is none.
fn enter<'a, T>(
    known: Option<&'a mut T>,
    party: impl FnOnce(&mut T) -> &mut Party,
    arrival: &Arrival<'_>,
    room: Room,
) -> Result<Entrant<'a, T>, Reply> {
    let &Arrival {
        now,
        from,
        tag,
        announce,
    } = arrival;
    match known {
        Some(known) => {
            let party = party(known);
            if !party.owns(announce) {
                return Err(if room == Room::Free {
                    arrival.taken()
                } else {
                    arrival.busy()
                });
            }
            let change = party.hear(now, from, tag);
            Ok(Entrant::Known(known, change))
        }
        None if room == Room::Free => Ok(Entrant::New(Party::new(now, from, tag, announce))),
        None => Err(arrival.busy()),
    }
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

fn push(to: &Party, speaker: PairingId, directed: bool, said: &Statement) -> Datagram {
    Datagram {
        to: to.route,
        bytes: peer(None, speaker, directed, said).encode(to.tag),
    }
}

fn peer(answers: Option<u32>, pairing: PairingId, directed: bool, said: &Statement) -> Reply {
    Reply::Peer(Peer {
        answers,
        pairing,
        directed,
        revision: said.revision,
        payload: said.payload.clone(),
    })
}
