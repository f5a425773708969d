//! Nodes, a network between them, and an oracle that knows them all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::dht::krpc::{Message, Put};
use fardrop_shared::dht::{
    Client, Contact, Event, Family, Found, Item, Keeper, NodeId, SigningKey, Slot, Stored, TaskId,
    UncheckedItem,
};
use fardrop_tests::sim::{Conditions, Network, Packet};
use rand::seq::SliceRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::node::{Character, Node};

/// Nodes whose addresses a client is given, of each family.
const ENTRANCES: usize = 3;

/// Nodes next to a target at which an item is put.
const NEAREST: usize = 8;

/// Who is there.
pub(super) struct Population {
    pub(super) families: Vec<Family>,
    /// Of each family.
    pub(super) nodes: usize,
    /// The part whose ids suit their addresses, 0 to 1.
    pub(super) sound: f64,
    /// The part that never answers.
    pub(super) silent: f64,
    /// The part that lies, in these ways.
    pub(super) lying: f64,
    pub(super) liars: Vec<Character>,
    /// The part that goes away between the put and the get, with all that it keeps.
    pub(super) churn: f64,
}

impl Population {
    /// Some who are all as they should be, over IPv4.
    pub(super) fn honest(nodes: usize) -> Self {
        Self {
            families: vec![Family::V4],
            nodes,
            sound: 1.0,
            silent: 0.0,
            lying: 0.0,
            liars: Vec::new(),
            churn: 0.0,
        }
    }

    fn character(&self, rng: &mut ChaCha8Rng) -> Character {
        let drawn = rng.gen_range(0.0..1.0);
        if drawn < self.silent {
            Character::Silent
        } else if drawn < self.silent + self.lying {
            self.liars.choose(rng).copied().unwrap_or(Character::Honest)
        } else {
            Character::Honest
        }
    }
}

pub(super) struct World {
    pub(super) now: Instant,
    rng: ChaCha8Rng,
    network: Network,
    nodes: Vec<Node>,
    contacts: Vec<Contact>,
    places: BTreeMap<SocketAddr, usize>,
    entrances: Vec<SocketAddr>,
    old: UncheckedItem,
    conditions_lossy: bool,
    churned: bool,
    /// Datagrams to each address in the search that runs, and the most there ever were in one.
    asked: BTreeMap<SocketAddr, usize>,
    most_asked: usize,
}

impl World {
    pub(super) fn new(
        seed: u64,
        conditions: Conditions,
        population: &Population,
        old: &Item,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut nodes = Vec::new();
        let mut entrances = Vec::new();
        for family in &population.families {
            for index in 0..population.nodes {
                let contact = contact(*family, population.sound, &mut rng);
                // Those whose addresses are handed around are there.
                let character = if index < ENTRANCES {
                    entrances.push(contact.address);
                    Character::Honest
                } else {
                    population.character(&mut rng)
                };
                nodes.push(Node::new(contact, character, &mut rng));
            }
        }
        let contacts: Vec<Contact> = nodes.iter().map(|node| node.contact).collect();
        let places = contacts.iter().enumerate();
        Self {
            // Any instant serves as the first.
            now: Instant::now(),
            network: Network::new(seed, conditions.clone()),
            places: places.map(|(at, contact)| (contact.address, at)).collect(),
            contacts,
            nodes,
            entrances,
            old: Put::new(old, Vec::new(), None).item,
            conditions_lossy: conditions.loss > 0.0,
            churned: false,
            asked: BTreeMap::new(),
            most_asked: 0,
            rng,
        }
    }

    /// A client gets to know nodes.
    pub(super) fn enter(&mut self, client: &mut Client, at: [&str; 2]) {
        let task = client.find_nodes(self.now, &self.entrances).unwrap();
        self.found(client, at, task);
    }

    /// A client's search, to its end.
    pub(super) fn find(
        &mut self,
        client: &mut Client,
        at: [&str; 2],
        slot: &Slot,
        newer_than: Option<i64>,
    ) -> Found {
        let task = client
            .find_item(self.now, slot.clone(), newer_than)
            .unwrap();
        self.found(client, at, task)
    }

    /// A client's question to those whom it knows to keep it.
    pub(super) fn poll(
        &mut self,
        client: &mut Client,
        at: [&str; 2],
        slot: &Slot,
        newer_than: Option<i64>,
        keepers: &[Keeper],
    ) -> Found {
        let task = client.ask_keepers(self.now, slot.clone(), newer_than, keepers);
        self.found(client, at, task.unwrap())
    }

    fn found(&mut self, client: &mut Client, at: [&str; 2], task: TaskId) -> Found {
        let mut newest = None;
        for event in self.run(client, at) {
            match event {
                Event::Item(of, item) if of == task => {
                    assert!(newest.as_ref().map(Item::seq) < Some(item.seq()));
                    newest = Some(item);
                }
                Event::Found(of, found) if of == task => {
                    assert_eq!(found.item, newest);
                    return found;
                }
                Event::Outside(_) => {}
                Event::Item(..) | Event::Found(..) | Event::Stored(..) => panic!("{event:?}"),
            }
        }
        panic!("a search without an end");
    }

    /// A client's put, to its end.
    pub(super) fn stored(&mut self, client: &mut Client, at: [&str; 2], task: TaskId) -> Stored {
        let events = self.run(client, at);
        let ended = events.into_iter().find_map(|event| match event {
            Event::Stored(of, stored) if of == task => Some(stored),
            Event::Item(..) | Event::Found(..) | Event::Stored(..) | Event::Outside(_) => None,
        });
        ended.expect("a put ends")
    }

    /// Runs until the client has nothing more to wait for.
    fn run(&mut self, client: &mut Client, at: [&str; 2]) -> Vec<Event> {
        let at = at.map(|address| address.parse().unwrap());
        self.asked.clear();
        let mut events = Vec::new();
        loop {
            while let Some(transmit) = client.poll_transmit() {
                *self.asked.entry(transmit.to).or_default() += 1;
                let from = at[usize::from(transmit.to.is_ipv6())];
                let packet = Packet {
                    from,
                    to: transmit.to,
                    bytes: transmit.bytes,
                };
                self.network.send(self.now, packet);
            }
            events.extend(std::iter::from_fn(|| client.poll_event()));
            let Some(due) = client.poll_timeout() else {
                let most = self.asked.values().copied().max();
                self.most_asked = self.most_asked.max(most.unwrap_or(0));
                return events;
            };
            let next = self.network.next_at().map_or(due, |at| at.min(due));
            self.now = self.now.max(next);
            while let Some(packet) = self.network.receive(self.now) {
                if at.contains(&packet.to) {
                    client.handle_datagram(self.now, packet.from, &packet.bytes);
                } else {
                    self.deliver(&packet);
                }
            }
            client.handle_timeout(self.now);
        }
    }

    fn deliver(&mut self, packet: &Packet) {
        let Some(at) = self.places.get(&packet.to) else {
            return;
        };
        let node = &mut self.nodes[*at];
        node.learn(&self.contacts, &mut self.rng);
        let message = Message::decode(&packet.bytes).expect("what a client says is KRPC");
        let answer = node.answer(packet.from, &message, &self.old, &mut self.rng);
        let Some(answer) = answer else {
            return;
        };
        let mut from = packet.to;
        if node.character == Character::Elsewhere {
            from.set_port(from.port() ^ 1);
        }
        let answer = Packet {
            from,
            to: packet.from,
            bytes: answer.encode(),
        };
        self.network.send(self.now, answer);
    }

    /// The most datagrams that any client sent to one address in one search or put.
    pub(super) const fn most_to_one_address(&self) -> usize {
        self.most_asked
    }

    pub(super) fn character_at(&self, address: SocketAddr) -> Option<Character> {
        Some(self.nodes[*self.places.get(&address)?].character)
    }

    /// Some go away, but for those whose addresses are handed around.
    pub(super) fn lose(&mut self, part: f64) {
        self.churned = part > 0.0;
        for node in &mut self.nodes {
            let entrance = self.entrances.contains(&node.contact.address);
            if self.rng.gen_bool(part) && !entrance {
                node.character = Character::Silent;
            }
        }
    }

    /// Whether a client that asks everybody whom it hears of finds an item that another has put: among the nearest
    /// nodes that answer there is one that keeps what it is given, or several where datagrams get lost. Where nodes
    /// have gone away meanwhile, they have to be some that were given it.
    pub(super) fn can_find(&mut self, key: &SigningKey, seq: u32) -> bool {
        let slot = Slot::new(key.public(), Vec::new()).unwrap();
        let target = slot.target();
        let needed = if self.conditions_lossy { 3 } else { 1 };
        Family::ALL.iter().any(|family| {
            let mut reached = self.reachable(*family, &target);
            reached.sort_by_key(|at| self.nodes[*at].contact.id.distance(&target));
            let nearest = reached.iter().take(NEAREST).map(|at| &self.nodes[*at]);
            let has_it = |node: &&Node| {
                let kept = node.item.as_ref().map(|item| item.seq);
                node.character.keeps() && (!self.churned || kept == Some(i64::from(seq)))
            };
            nearest.filter(has_it).count() >= needed
        })
    }

    /// The nodes of a family that are heard, by asking all that are named.
    fn reachable(&mut self, family: Family, target: &NodeId) -> Vec<usize> {
        let entrances = self
            .entrances
            .iter()
            .filter(|address| Family::of(address) == family);
        let mut open: Vec<usize> = entrances.map(|address| self.places[address]).collect();
        let mut reached = Vec::new();
        while let Some(at) = open.pop() {
            let node = &mut self.nodes[at];
            if reached.contains(&at) || !node.character.is_heard() {
                continue;
            }
            reached.push(at);
            node.learn(&self.contacts, &mut self.rng);
            if node.character != Character::Endless {
                let named = node.closest(target);
                open.extend(named.iter().map(|contact| self.places[&contact.address]));
            }
        }
        reached
    }
}

fn contact(family: Family, sound: f64, rng: &mut ChaCha8Rng) -> Contact {
    let address = match family {
        // No two in one network, and none that means something else.
        Family::V4 => SocketAddr::from((
            [rng.gen_range(11..99), rng.r#gen(), rng.r#gen(), rng.r#gen()],
            rng.gen_range(1024..u16::MAX),
        )),
        Family::V6 => SocketAddr::from((
            [0x2a02, rng.r#gen(), rng.r#gen(), 0, 0, 0, 0, 5],
            rng.gen_range(1024..u16::MAX),
        )),
    };
    let mut id = NodeId([0; NodeId::LENGTH]);
    rng.fill_bytes(&mut id.0);
    if rng.gen_bool(sound) {
        id = id.made_to_suit(address.ip());
    }
    Contact { id, address }
}
