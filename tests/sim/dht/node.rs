//! A node of the simulated DHT, honest or not.

use std::net::SocketAddr;

use fardrop_shared::dht::krpc::{Answer, Body, Message, Put, Question};
use fardrop_shared::dht::{Contact, Family, Item, NodeId, UncheckedItem};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;

/// Nodes in one bucket of a table, and in one answer.
const BUCKET: usize = 8;

/// What a node is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Character {
    Honest,
    /// It is not there any more, and others have not noticed.
    Silent,
    /// It gives tokens that it does not take.
    WrongToken,
    /// It has a value with a number that nobody reaches, under no signature that holds.
    Forger,
    /// It says that it keeps what is new, and gives what is old.
    Stale,
    /// It names nodes next to any target that are none, others each time.
    Endless,
    /// It says that those who ask are somewhere else.
    WrongAddress,
    /// It answers from another port.
    Elsewhere,
}

impl Character {
    pub(super) const LIARS: [Self; 6] = [
        Self::WrongToken,
        Self::Forger,
        Self::Stale,
        Self::Endless,
        Self::WrongAddress,
        Self::Elsewhere,
    ];

    /// Whether it keeps what it is given and gives what it keeps.
    pub(super) const fn keeps(self) -> bool {
        matches!(self, Self::Honest | Self::WrongAddress)
    }

    /// Whether its answers are heard, with a token.
    pub(super) const fn is_heard(self) -> bool {
        !matches!(self, Self::Silent | Self::Elsewhere)
    }
}

pub(super) struct Node {
    pub(super) contact: Contact,
    pub(super) character: Character,
    secret: u8,
    /// Made when it is first asked: of each bucket some nodes.
    table: Option<Vec<Contact>>,
    pub(super) item: Option<UncheckedItem>,
}

impl Node {
    pub(super) fn new(contact: Contact, character: Character, rng: &mut ChaCha8Rng) -> Self {
        Self {
            contact,
            character,
            secret: rng.r#gen(),
            table: None,
            item: None,
        }
    }

    /// Fills its table from all nodes of its family, at random.
    pub(super) fn learn(&mut self, all: &[Contact], rng: &mut ChaCha8Rng) {
        if self.table.is_some() {
            return;
        }
        let mut sizes = [0; 161];
        let start = rng.gen_range(0..all.len());
        let mut table = Vec::new();
        for contact in all[start..].iter().chain(&all[..start]) {
            let bucket = common_prefix(&contact.id, &self.contact.id);
            let same_family = Family::of(&contact.address) == Family::of(&self.contact.address);
            if same_family && bucket < 160 && sizes[bucket] < BUCKET {
                sizes[bucket] += 1;
                table.push(*contact);
            }
        }
        self.table = Some(table);
    }

    /// The nodes of its table next to a target.
    pub(super) fn closest(&self, target: &NodeId) -> Vec<Contact> {
        let mut table = self.table.clone().unwrap();
        table.sort_by_cached_key(|contact| contact.id.distance(target));
        table.truncate(BUCKET);
        table
    }

    /// What it answers, if anything.
    pub(super) fn answer(
        &mut self,
        from: SocketAddr,
        message: &Message,
        old: &UncheckedItem,
        rng: &mut ChaCha8Rng,
    ) -> Option<Message> {
        let Body::Question { question, .. } = &message.body else {
            return None;
        };
        let body = match (self.character, question) {
            (Character::Silent, _) => return None,
            (_, Question::Ping) => Ok(Answer::new(self.contact.id)),
            (_, Question::FindNode { target, .. }) => Ok(Answer {
                nodes: self.named(target, rng),
                ..Answer::new(self.contact.id)
            }),
            (_, Question::Get { target, newer_than }) => {
                Ok(self.get(from, target, *newer_than, old, rng))
            }
            (_, Question::Put(put)) => self.put(from, put),
        };
        let seen = if self.character == Character::WrongAddress {
            SocketAddr::new([203, 0, 113, rng.gen_range(1..4)].into(), 9)
        } else {
            from
        };
        Some(Message {
            transaction: message.transaction.clone(),
            body: match body {
                Ok(answer) => Body::Answer(Box::new(answer)),
                Err(code) => Body::Error { code },
            },
            seen: Some(seen),
        })
    }

    fn get(
        &self,
        from: SocketAddr,
        target: &NodeId,
        newer_than: Option<i64>,
        old: &UncheckedItem,
        rng: &mut ChaCha8Rng,
    ) -> Answer {
        let mut forged = old.clone();
        forged.seq = i64::MAX;
        forged.value = b"forged".to_vec();
        let item = match self.character {
            Character::Forger => Some(forged),
            Character::Stale => Some(old.clone()),
            Character::Honest
            | Character::Silent
            | Character::WrongToken
            | Character::Endless
            | Character::WrongAddress
            | Character::Elsewhere => self.item.clone(),
        };
        let seq = item.as_ref().map(|item| item.seq);
        let token = if self.character == Character::WrongToken {
            rng.next_u64().to_be_bytes().to_vec()
        } else {
            self.token(from)
        };
        Answer {
            nodes: self.named(target, rng),
            token: Some(token),
            seq,
            item: item.filter(|item| newer_than.is_none_or(|known| item.seq > known)),
            ..Answer::new(self.contact.id)
        }
    }

    fn put(&mut self, from: SocketAddr, put: &Put) -> Result<Answer, i64> {
        if put.token != self.token(from) {
            return Err(203);
        }
        let slot = put.slot().ok_or(207)?;
        if Item::verify(&slot, put.item.clone()).is_none() {
            return Err(206);
        }
        if let Some(kept) = &self.item {
            if put.replaces.is_some_and(|number| number != kept.seq) {
                return Err(301);
            }
            if put.item.seq < kept.seq {
                return Err(302);
            }
        }
        if self.character.keeps() {
            self.item = Some(put.item.clone());
        }
        Ok(Answer::new(self.contact.id))
    }

    fn token(&self, from: SocketAddr) -> Vec<u8> {
        format!("{}{}", self.secret, from.ip()).into_bytes()
    }

    fn named(&self, target: &NodeId, rng: &mut ChaCha8Rng) -> Vec<Contact> {
        if self.character != Character::Endless {
            return self.closest(target);
        }
        let made_up = |_| {
            let mut id = *target;
            rng.fill_bytes(&mut id.0[3..]);
            let address = match Family::of(&self.contact.address) {
                Family::V4 => {
                    SocketAddr::from(([rng.gen_range(11..99), rng.r#gen(), rng.r#gen(), 1], 7))
                }
                Family::V6 => {
                    SocketAddr::from(([0x2a09, rng.r#gen(), rng.r#gen(), 0, 0, 0, 0, 1], 7))
                }
            };
            // Half of them take the trouble to look sound.
            if rng.gen_bool(0.5) {
                id = id.made_to_suit(address.ip());
            }
            Contact { id, address }
        };
        (0..BUCKET).map(made_up).collect()
    }
}

/// How many bits two ids begin with alike.
fn common_prefix(one: &NodeId, other: &NodeId) -> usize {
    let distance = one.distance(other);
    let zeros = distance.iter().take_while(|byte| **byte == 0).count();
    let next = distance.get(zeros).map_or(0, |byte| byte.leading_zeros());
    8 * zeros + next as usize
}
