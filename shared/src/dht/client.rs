//! The machine that asks nodes.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use rand_core::{CryptoRng, RngCore};

use super::calls::{Call, Calls, Overdue};
use super::contact::{Contact, Family, canonical};
use super::item::{Item, Slot};
use super::known::Known;
use super::krpc::{Answer, Body, Message, Question};
use super::lookup::{Keeper, Lookup};
use super::node_id::NodeId;
use super::task::{Goal, Search, Store, Task};
use super::votes::{Outside, Votes};
use super::{Event, TaskId, Transmit};
use crate::limits::{DHT_MAX_CALLS, DHT_MAX_EVENTS, DHT_MAX_TASKS, DHT_NEAREST};

/// Most nodes at which one item is put: the two sets of a search, in both families.
const MOST_KEEPERS: usize = 4 * DHT_NEAREST;

/// What a [`Client`] is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Whether its socket speaks IPv4.
    pub ipv4: bool,
    /// Whether its socket speaks IPv6.
    pub ipv6: bool,
}

/// The refusal of what would be over [`DHT_MAX_TASKS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {DHT_MAX_TASKS} searches and puts at once")]
pub struct TooManyTasks;

/// Asks nodes of the DHT over one socket.
///
/// After any input drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), then read
/// [`poll_timeout`](Self::poll_timeout). At that time call [`handle_timeout`](Self::handle_timeout); sooner or later
/// does no harm.
///
/// A client knows nobody at first: [`remember`](Self::remember) those who answered earlier, and
/// [`find_nodes`](Self::find_nodes) by addresses that are always there.
#[derive(Debug)]
pub struct Client {
    id: NodeId,
    speaks: [bool; 2],
    known: [Known; 2],
    votes: [Votes; 2],
    outside: [Option<SocketAddr>; 2],
    calls: Calls,
    tasks: BTreeMap<TaskId, Task>,
    begun: u64,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Client {
    /// One that knows nobody, under an id of its own.
    #[must_use]
    pub fn new(config: Config, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut id = NodeId([0; NodeId::LENGTH]);
        rng.fill_bytes(&mut id.0);
        Self {
            id,
            speaks: [config.ipv4, config.ipv6],
            known: <[Known; 2]>::default(),
            votes: <[Votes; 2]>::default(),
            outside: [None; 2],
            calls: Calls::new(rng),
            tasks: BTreeMap::new(),
            begun: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes in a node that has answered at another time.
    pub fn remember(&mut self, contact: Contact) {
        self.known[Family::of(&contact.address).index()].add(contact);
    }

    /// The nodes that are worth remembering.
    pub fn known_nodes(&self) -> impl Iterator<Item = Contact> {
        self.known.iter().flat_map(Known::contacts)
    }

    /// Gets to know nodes: searches for this client's own place, from the nodes that it knows and these addresses.
    ///
    /// # Errors
    /// [`TooManyTasks`].
    pub fn find_nodes(
        &mut self,
        now: Instant,
        entrances: &[SocketAddr],
    ) -> Result<TaskId, TooManyTasks> {
        let goal = Goal::Nodes(self.id);
        let mut lookups = self.lookups(&goal);
        for lookup in &mut lookups {
            let addresses = entrances.iter().copied().map(canonical);
            let family = lookup.family;
            lookup.enter_by(addresses.filter(|address| Family::of(address) == family));
        }
        self.begin(now, Task::Search(Box::new(Search::new(now, goal, lookups))))
    }

    /// Searches for an item, and for the nodes that can keep it. Where `newer_than` is given, only one with a higher
    /// number is told.
    ///
    /// # Errors
    /// [`TooManyTasks`].
    pub fn find_item(
        &mut self,
        now: Instant,
        slot: Slot,
        newer_than: Option<i64>,
    ) -> Result<TaskId, TooManyTasks> {
        let goal = Goal::item(slot, newer_than);
        let lookups = self.lookups(&goal);
        self.begin(now, Task::Search(Box::new(Search::new(now, goal, lookups))))
    }

    /// Asks the keepers that a search has found whether they have a newer item by now, and nobody else. It gives
    /// fresh tokens as well.
    ///
    /// # Errors
    /// [`TooManyTasks`].
    pub fn ask_keepers(
        &mut self,
        now: Instant,
        slot: Slot,
        newer_than: Option<i64>,
        keepers: &[Keeper],
    ) -> Result<TaskId, TooManyTasks> {
        let goal = Goal::item(slot, newer_than);
        let target = goal.target();
        let lookup = |family: Family| {
            let nodes = keepers
                .iter()
                .take(MOST_KEEPERS)
                .map(|keeper| keeper.contact);
            let nodes = nodes.filter(|node| Family::of(&node.address) == family);
            Lookup::among(family, target, nodes)
        };
        let lookups = self.families().map(lookup).collect();
        self.begin(now, Task::Search(Box::new(Search::new(now, goal, lookups))))
    }

    /// Puts an item at the keepers that a search for its slot has found. With `replaces`, a node that has another
    /// item than the one with that number keeps what it has.
    ///
    /// # Errors
    /// [`TooManyTasks`].
    pub fn put(
        &mut self,
        now: Instant,
        item: Item,
        replaces: Option<i64>,
        keepers: &[Keeper],
    ) -> Result<TaskId, TooManyTasks> {
        let speaks = self.speaks;
        let reachable = |keeper: &&Keeper| speaks[Family::of(&keeper.contact.address).index()];
        let keepers = keepers.iter().filter(reachable).take(MOST_KEEPERS);
        let keepers = keepers.cloned().collect();
        self.begin(
            now,
            Task::Store(Box::new(Store::new(item, replaces, keepers))),
        )
    }

    /// Ends a search or a put without a word.
    pub fn cancel(&mut self, now: Instant, task: TaskId) {
        self.tasks.remove(&task);
        self.calls.end_task(task);
        self.go_on(now);
    }

    /// Takes a datagram of the socket, and says whether it was for this client: an answer to a question of its own,
    /// from where that went. Any other changes nothing.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> bool {
        let Ok(message) = Message::decode(bytes) else {
            return false;
        };
        let Some(call) = self.calls.on_answer(now, from, &message.transaction) else {
            return false;
        };
        if let Some(seen) = message.seen {
            self.on_seen(call.to, seen);
        }
        match message.body {
            Body::Answer(answer) => self.on_answer(&call, *answer),
            Body::Error { code } => self.on_error(&call, code),
            // Whoever asks under a transaction of ours has nothing to say to it.
            Body::Question { .. } => self.on_silence(&call),
        }
        self.go_on(now);
        true
    }

    /// Notices what is late, and asks others.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(overdue) = self.calls.poll_overdue(now) {
            match overdue {
                Overdue::Late(task, transmit) => {
                    if let Some(Task::Search(search)) = self.tasks.get_mut(&task) {
                        search.on_late(transmit.to);
                    }
                    self.transmits.push_back(transmit);
                }
                Overdue::Silent(call) => {
                    self.known[Family::of(&call.to).index()].on_silence(call.to);
                    self.on_silence(&call);
                }
            }
        }
        self.go_on(now);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing learned.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.tasks.values().filter_map(|task| match task {
            Task::Search(search) => Some(search.deadline()),
            Task::Store(_) => None,
        });
        deadlines.chain(self.calls.poll_timeout()).min()
    }

    /// Where this socket is seen from outside in each family, as most say.
    pub fn outside(&self) -> impl Iterator<Item = Outside> {
        self.votes.iter().filter_map(Votes::winner)
    }

    fn families(&self) -> impl Iterator<Item = Family> {
        let speaks = self.speaks;
        Family::ALL
            .into_iter()
            .filter(move |family| speaks[family.index()])
    }

    fn lookups(&self, goal: &Goal) -> Vec<Lookup> {
        let lookup = |family: Family| {
            let known = self.known[family.index()].contacts();
            Lookup::new(family, goal.target(), goal.is_for_keepers(), known)
        };
        self.families().map(lookup).collect()
    }

    fn begin(&mut self, now: Instant, task: Task) -> Result<TaskId, TooManyTasks> {
        if self.tasks.len() >= DHT_MAX_TASKS {
            return Err(TooManyTasks);
        }
        let id = TaskId(self.begun);
        self.begun += 1;
        self.tasks.insert(id, task);
        self.go_on(now);
        Ok(id)
    }

    /// Asks whom there is to ask, and tells what is over.
    fn go_on(&mut self, now: Instant) {
        let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
        for id in ids {
            while self.calls.len() < DHT_MAX_CALLS
                && let Some((to, question)) = self.poll_ask(id)
            {
                self.ask(now, id, to, question);
            }
            self.end_if_over(now, id);
        }
    }

    fn poll_ask(&mut self, id: TaskId) -> Option<(SocketAddr, Question)> {
        match self.tasks.get_mut(&id)? {
            Task::Search(search) => search.poll_ask(),
            Task::Store(store) => store.poll_ask(),
        }
    }

    fn ask(&mut self, now: Instant, task: TaskId, to: SocketAddr, question: Question) {
        let body = Body::Question {
            id: self.id,
            read_only: true,
            question,
        };
        let transmit = self.calls.begin(now, task, to, |transaction| {
            let message = Message {
                transaction: transaction.to_vec(),
                body,
                seen: None,
            };
            message.encode()
        });
        self.transmits.push_back(transmit);
    }

    fn end_if_over(&mut self, now: Instant, id: TaskId) {
        let over = match self.tasks.get(&id) {
            Some(Task::Search(search)) => search.is_over(now),
            Some(Task::Store(store)) => store.is_over(),
            None => false,
        };
        if !over {
            return;
        }
        self.calls.end_task(id);
        match self.tasks.remove(&id) {
            Some(Task::Search(search)) => self.push(Event::Found(id, search.into_found())),
            Some(Task::Store(store)) => self.push(Event::Stored(id, store.stored())),
            None => {}
        }
    }

    fn on_answer(&mut self, call: &Call, mut answer: Answer) {
        // Some take whoever asks for a node, and name this client to itself.
        let own = self.id;
        answer.nodes.retain(|node| node.id != own);
        let contact = Contact {
            id: answer.id,
            address: call.to,
        };
        self.remember(contact);
        match self.tasks.get_mut(&call.task) {
            Some(Task::Search(search)) => {
                if let Some(item) = search.on_answer(call.to, answer) {
                    let event = Event::Item(call.task, item.clone());
                    self.push(event);
                }
            }
            Some(Task::Store(store)) => store.on_answer(),
            None => {}
        }
    }

    fn on_error(&mut self, call: &Call, code: i64) {
        match self.tasks.get_mut(&call.task) {
            Some(Task::Search(search)) => search.on_silence(call.to),
            Some(Task::Store(store)) => store.on_error(code),
            None => {}
        }
    }

    fn on_silence(&mut self, call: &Call) {
        match self.tasks.get_mut(&call.task) {
            Some(Task::Search(search)) => search.on_silence(call.to),
            Some(Task::Store(store)) => store.on_silence(),
            None => {}
        }
    }

    fn on_seen(&mut self, voter: SocketAddr, seen: SocketAddr) {
        let family = Family::of(&voter);
        if Family::of(&seen) != family {
            return;
        }
        let votes = &mut self.votes[family.index()];
        votes.add(voter, seen);
        if let Some(winner) = votes.winner()
            && self.outside[family.index()].replace(winner.address) != Some(winner.address)
        {
            self.push(Event::Outside(winner));
        }
    }

    fn push(&mut self, event: Event) {
        if self.events.len() < DHT_MAX_EVENTS {
            self.events.push_back(event);
        }
    }
}
