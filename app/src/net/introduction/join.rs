//! The receiver's side of the rendezvous: finds the server that has the code's locator, and pairs there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_shared::code::PairingCode;
use fardrop_shared::pairing::{
    Hello, PairingFailure, PeerKey, ReceiverEvent, ReceiverPairing, Transports,
};
use fardrop_shared::path::Nat;
use fardrop_shared::rendezvous::{Announcement, Client, Config, Event, is_configured, order};
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::{PairingId, Role};

use super::capabilities;
use super::clients::RendezvousClients;
use super::discovery::Browse;
use super::error::IntroductionError;
use super::hello::HelloState;
use super::servers::{SILENCE_PATIENCE, on_this_machine, resolve_all};
use super::tcp_check::TcpChecks;
use super::tries::CodeTries;
use crate::net::path::{LocalEndpoint, LocalEndpointOptions};
use crate::net::socket::sleep_until;

/// A server that has not shown the sender by then is not waited for: the next one is asked as well.
const NEXT_SERVER_AFTER: Duration = Duration::from_millis(700);

/// How long a server may say that nobody is there before the receiver believes it. A server that was
/// just restarted has its senders back within some two seconds.
const NOBODY_THERE_PATIENCE: Duration = Duration::from_secs(4);

/// How long the sender may stay unfound on this machine and network. Multicast has its own pace: a query
/// that was lost is repeated after one second, then after two more, then after four.
const NEARBY_PATIENCE: Duration = Duration::from_secs(8);

/// How long the server asked last may be silent by UDP, while one answers by TCP, before UDP counts as
/// blocked: four tries.
const UDP_PATIENCE: Duration = Duration::from_secs(2);

/// When all servers have been silent for so long, the rest are asked at once.
const ALL_SERVERS_AFTER: Duration = Duration::from_millis(1400);

/// How long our hello waits for what the NAT does: two round trips to the server, mostly over before the
/// sender has answered.
const NAT_PATIENCE: Duration = Duration::from_millis(700);

/// How much longer it waits for the routers, where that matters.
const ROUTERS_PATIENCE: Duration = Duration::from_millis(1500);

/// How long it may take to join a share; a pairing by itself takes a few round trips.
const JOIN_DEADLINE: Duration = Duration::from_secs(40);

/// How often it is looked whether what the hello waits for is there, and whether there is hope, while nothing else
/// happens.
const TICK: Duration = Duration::from_millis(200);

/// Servers that one receiver asks at most.
const SERVERS_LIMIT: usize = 16;

/// A receiver that wishes to join the share with a code.
#[derive(Debug)]
pub struct Join<'a> {
    /// What was typed.
    pub code: &'a PairingCode,
    /// Configured servers; the code's own goes before them. None at all: whoever is found on this
    /// machine and this network.
    pub servers: &'a [String],
    /// Where a server may be that the code names and `servers` does not have.
    pub may_lead: fn(SocketAddr) -> bool,
    /// SHA-256 of our certificate for the session.
    pub fingerprint: [u8; 32],
    /// What this machine is called.
    pub device: &'a str,
    /// How the socket is placed.
    pub endpoint: LocalEndpointOptions,
    /// Whether multicast DNS is used.
    pub mdns: bool,
    /// What may carry the link.
    pub transports: Transports,
    /// How often the code may be tried.
    pub tries: Arc<dyn CodeTries>,
}

/// A receiver that has found its sender: both have proved that they know the code.
#[derive(Debug)]
pub struct Joined {
    /// The socket that goes on to find the path, and where the peer was told that it is.
    pub endpoint: LocalEndpoint,
    /// The keys of the pair.
    pub key: Box<PeerKey>,
    /// What the peer says of itself.
    pub peer: Hello,
    /// The server at which they met.
    pub server: Option<SocketAddr>,
}

impl Join<'_> {
    /// Whether no server is named, so that the sender can only be on this machine or network.
    fn is_nearby(&self) -> bool {
        self.servers.is_empty() && self.code.server().is_none()
    }

    /// Whether the code names a server that is not configured.
    #[must_use]
    pub fn names_strange_server(&self) -> bool {
        let named = self.code.server();
        named.is_some_and(|named| !is_configured(named, self.servers))
    }

    /// Finds the sender and pairs with it.
    ///
    /// # Errors
    /// [`IntroductionError`], one variant for each thing a person can do something about.
    pub async fn meet(self) -> Result<Joined, IntroductionError> {
        let endpoint = LocalEndpoint::bind(self.endpoint.clone())?;
        let mut joining = Joining {
            rendezvous: RendezvousClients::new(Arc::clone(&endpoint.socket)),
            endpoint,
            hello: HelloState::default(),
            join: self,
            heard: Heard::default(),
            by_tcp: TcpChecks::default(),
            asked_at: Instant::now(),
            pairing: None,
            tries_taken: 0,
            seen_by: BTreeMap::new(),
        };
        tokio::time::timeout(JOIN_DEADLINE, joining.run())
            .await
            .unwrap_or(Err(IntroductionError::SenderSilent))
            .map(|(key, peer)| Joined {
                server: joining.server(),
                endpoint: joining.endpoint,
                key,
                peer,
            })
    }
}

/// A receiver on its way into a share: the servers that it asks, then the pairing at one of them.
struct Joining<'a> {
    rendezvous: RendezvousClients,
    endpoint: LocalEndpoint,
    hello: HelloState,
    join: Join<'a>,
    heard: Heard,
    /// Whether servers that say nothing by UDP do so by TCP.
    by_tcp: TcpChecks,
    asked_at: Instant,
    pairing: Option<ReceiverPairing>,
    /// Tries that the proofs so far have cost the code.
    tries_taken: u8,
    /// Where each server sees us. Only that of the server that has the sender says anything of how
    /// near the sender is.
    seen_by: BTreeMap<SocketAddr, SocketAddr>,
}

/// What the servers have said so far.
#[derive(Debug, Default)]
struct Heard {
    anything: bool,
    nobody_since: Option<Instant>,
    busy: bool,
    version: bool,
}

impl Joining<'_> {
    async fn run(&mut self) -> Result<(Box<PeerKey>, Hello), IntroductionError> {
        let started = Instant::now();
        let locator = self.join.code.locator().value();
        let nearby = self.join.is_nearby();
        let search = (nearby && self.join.mdns)
            .then(|| Browse::start(locator, self.join.endpoint.ipv6))
            .flatten();
        let mut waiting = self.servers_to_ask(nearby).await?;
        if nearby {
            waiting.drain(..).for_each(|server| self.ask(server));
        }
        let mut next_server_at = started;
        loop {
            self.give_up_when_hopeless(started, nearby, waiting.is_empty())?;
            if self.pairing.is_none() && Instant::now() >= next_server_at && !waiting.is_empty() {
                let patient = self.heard.anything || started.elapsed() < ALL_SERVERS_AFTER;
                let count = if patient { 1 } else { waiting.len() };
                waiting.drain(..count).for_each(|server| self.ask(server));
                next_server_at = Instant::now() + NEXT_SERVER_AFTER;
            }
            self.say_hello_when_due();
            self.take_tries_when_due().await?;
            if let Some(outcome) = self.drain_pairing() {
                if outcome.is_ok() {
                    self.give_try_back().await;
                }
                return outcome;
            }
            let pairing = self.pairing.as_ref();
            let tick = Instant::now() + TICK;
            let due = [
                pairing.and_then(ReceiverPairing::poll_timeout),
                self.hello.due,
                Some(tick),
            ];
            let due = due.into_iter().flatten().min();
            tokio::select! {
                said = self.rendezvous.next() => {
                    let (index, event) = said?;
                    self.on_server_event(index, event);
                }
                found = found_nearby(search.as_ref()), if self.pairing.is_none() => {
                    found.into_iter().for_each(|server| self.ask(server));
                }
                Some(nat) = self.hello.observing.join_next() => {
                    // An error says that another is asked instead.
                    if let Ok(nat) = nat {
                        self.on_observed(nat);
                    }
                }
                () = self.endpoint.mapping_changed(), if self.hello.due.is_some() => {}
                () = sleep_until(due) => {
                    if let Some(pairing) = &mut self.pairing {
                        pairing.handle_timeout(Instant::now());
                    }
                }
            }
        }
    }

    /// The servers' addresses, in the order in which they are asked. One that the code names, and that is not
    /// configured, is asked where a code may lead.
    async fn servers_to_ask(&self, nearby: bool) -> Result<Vec<SocketAddr>, IntroductionError> {
        if nearby {
            return Ok(on_this_machine().collect());
        }
        let named = self.join.code.server().map(ToOwned::to_owned);
        let is_strange = self.join.names_strange_server();
        let configured = order(self.join.servers, self.join.code.locator().value());
        let names = named.into_iter().chain(configured.into_iter().cloned());
        let mut resolved = resolve_all(names.collect(), self.join.endpoint.ipv6).await;
        if let Some((_, addresses)) = resolved.first_mut().filter(|_| is_strange) {
            let were_none = addresses.is_empty();
            addresses.retain(|address| (self.join.may_lead)(*address));
            if addresses.is_empty() && !were_none {
                return Err(IntroductionError::ServerRefused);
            }
        }
        let addresses = resolved.into_iter().flat_map(|(_, addresses)| addresses);
        Ok(addresses.collect())
    }

    /// Asks a server what the sender says there, saying nothing of ourselves.
    fn ask(&mut self, server: SocketAddr) {
        let clients = &mut self.rendezvous.clients;
        if clients.len() >= SERVERS_LIMIT || clients.iter().any(|old| old.config().server == server)
        {
            return;
        }
        let (now, rng) = (Instant::now(), &mut rand::thread_rng());
        let config = Config {
            server,
            locator: self.join.code.locator().value(),
            side: Role::Receiver,
            pairing: PairingId::random(rng),
            owner: OwnerToken::random(rng),
            revision: 0,
        };
        let mut client = Client::new(now, config, rng);
        client.ask(now);
        clients.push(client);
        self.asked_at = now;
        if self.hello.asked.is_none() && !self.join.is_nearby() {
            self.hello.observe(server);
        }
        if !self.heard.anything && !self.join.is_nearby() {
            self.by_tcp.expect_from(server);
        }
    }

    fn on_server_event(&mut self, index: usize, event: Event) {
        let now = Instant::now();
        if event != Event::Silent && !std::mem::replace(&mut self.heard.anything, true) {
            self.by_tcp.forget();
        }
        match event {
            Event::Reflexive { address, .. } => {
                let server = self.rendezvous.clients[index].config().server;
                let is_first =
                    self.seen_by.insert(server, address).is_none() && self.seen_by.len() == 1;
                if is_first && self.hello.asked != Some(server) {
                    self.hello.observe(server);
                }
            }
            Event::Open { payload } => self.on_sender(now, index, payload.as_bytes()),
            Event::Peer { payload, .. } => {
                if let Some(pairing) = &mut self.pairing {
                    pairing.handle_payload(now, payload.as_bytes(), &mut rand::thread_rng());
                }
            }
            Event::NobodyThere => {
                self.heard.nobody_since.get_or_insert(now);
            }
            Event::Busy => self.heard.busy = true,
            Event::Version(_) => self.heard.version = true,
            Event::Held | Event::Taken | Event::Crowded | Event::Silent | Event::Answering => {}
        }
    }

    /// The sender is there, at this server: with the first such the pairing begins.
    fn on_sender(&mut self, now: Instant, index: usize, payload: &[u8]) {
        let rng = &mut rand::thread_rng();
        if self.pairing.is_none() {
            let client = self.rendezvous.clients.swap_remove(index);
            let pairing = client.config().pairing;
            self.rendezvous.clients = vec![client];
            let code = self.join.code.clone();
            self.pairing = Some(ReceiverPairing::new(
                code,
                capabilities(self.join.transports),
                pairing,
                now,
            ));
            let hard = self.hello.observed.is_some_and(Nat::maps_per_destination);
            let routers = if hard {
                ROUTERS_PATIENCE
            } else {
                Duration::ZERO
            };
            self.hello.due = Some(now + NAT_PATIENCE + routers);
        }
        if let Some(pairing) = &mut self.pairing {
            pairing.handle_payload(now, payload, rng);
        }
    }

    /// What the NAT does is known. Behind one that maps per destination, a port that the router opens may
    /// be the only way, so the routers are waited for.
    fn on_observed(&mut self, nat: Nat) {
        self.endpoint.set_nat(nat);
        self.hello.observed = Some(nat);
        if let (true, Some(due)) = (nat.maps_per_destination(), &mut self.hello.due) {
            *due += ROUTERS_PATIENCE;
        }
    }

    fn say_hello_when_due(&mut self) {
        let now = Instant::now();
        let settled = self
            .hello
            .observed
            .is_some_and(|nat| !nat.maps_per_destination() || self.endpoint.routers_are_settled());
        let due = self.hello.due.is_some_and(|due| now >= due || settled);
        if let (true, Some(pairing)) = (due, &mut self.pairing) {
            self.hello.due = None;
            let client = self.rendezvous.clients.first();
            let server = client.map(|client| client.config().server);
            // Only that of the server that has the sender says anything of how near the sender is.
            if let Some(seen) = server.and_then(|server| self.seen_by.get(&server)) {
                self.endpoint.set_reflexive(*seen);
            }
            let hello = Hello::new(
                self.join.fingerprint,
                self.endpoint.whereabouts(),
                self.join.device.to_owned(),
            );
            pairing.provide_hello(now, hello, &mut rand::thread_rng());
        }
    }

    /// A proof of ours is about to leave: it lets whoever it is for test a guess, which is counted before anything can
    /// come in between.
    async fn take_tries_when_due(&mut self) -> Result<(), IntroductionError> {
        let proofs = self.pairing.as_ref().map_or(0, ReceiverPairing::proofs);
        while self.tries_taken < proofs {
            self.tries_taken += 1;
            let (tries, code) = (Arc::clone(&self.join.tries), self.join.code.clone());
            let taken = tokio::task::spawn_blocking(move || tries.take(&code)).await;
            if !taken.unwrap_or(false) {
                return Err(IntroductionError::CodeDead);
            }
        }
        Ok(())
    }

    /// The sender has proved that it knows the words, in answer to the last of our proofs. Those before it stay
    /// counted: nobody knows whom they went to.
    async fn give_try_back(&self) {
        let (tries, code) = (Arc::clone(&self.join.tries), self.join.code.clone());
        // A panic in there leaves the try taken.
        let _ = tokio::task::spawn_blocking(move || tries.give_back(&code)).await;
    }

    fn drain_pairing(&mut self) -> Option<Result<(Box<PeerKey>, Hello), IntroductionError>> {
        let now = Instant::now();
        let pairing = self.pairing.as_mut()?;
        while let Some(bytes) = pairing.poll_transmit() {
            for client in &mut self.rendezvous.clients {
                say(client, now, bytes.clone());
            }
        }
        match pairing.poll_event()? {
            ReceiverEvent::Paired { key, peer } => Some(Ok((key, peer))),
            ReceiverEvent::Failed(failure) => Some(Err(match failure {
                PairingFailure::WrongWords => IntroductionError::WrongCode,
                PairingFailure::CodeDead => IntroductionError::CodeDead,
                PairingFailure::Closed => IntroductionError::NoSuchCode,
                PairingFailure::Version { .. } => IntroductionError::Version,
                PairingFailure::NoCommonTransport => IntroductionError::NoCommonTransport,
                PairingFailure::SenderVanished
                | PairingFailure::HelloMissing
                | PairingFailure::Disturbed => IntroductionError::SenderSilent,
            })),
        }
    }

    fn give_up_when_hopeless(
        &mut self,
        started: Instant,
        nearby: bool,
        all_asked: bool,
    ) -> Result<(), IntroductionError> {
        if self.pairing.is_some() || !all_asked {
            return Ok(());
        }
        let now = Instant::now();
        let nobody = self
            .heard
            .nobody_since
            .is_some_and(|at| now >= at + NOBODY_THERE_PATIENCE);
        let patience = if nearby {
            NEARBY_PATIENCE
        } else {
            SILENCE_PATIENCE
        };
        let silent = self.heard.nobody_since.is_none() && now >= started + patience;
        let mute = !self.heard.anything && now >= self.asked_at + UDP_PATIENCE;
        if mute && self.by_tcp.came() {
            return Err(IntroductionError::UdpBlocked);
        }
        if !nobody && !silent {
            return Ok(());
        }
        Err(if nearby {
            IntroductionError::NobodyNearby
        } else if nobody {
            IntroductionError::NoSuchCode
        } else if self.heard.version {
            IntroductionError::Version
        } else if self.heard.busy {
            IntroductionError::Busy
        } else {
            IntroductionError::Unreachable
        })
    }

    /// The server that has the sender.
    fn server(&self) -> Option<SocketAddr> {
        let client = self.rendezvous.clients.first()?;
        Some(client.config().server)
    }
}

fn say(client: &mut Client, now: Instant, bytes: Vec<u8>) {
    let announced = Payload::new(bytes)
        .ok()
        .map(|payload| client.announce(now, Announcement { to: None, payload }));
    if !matches!(announced, Some(Ok(()))) {
        tracing::error!("a pairing message did not fit its datagram");
    }
}

async fn found_nearby(search: Option<&Browse>) -> Vec<SocketAddr> {
    match search {
        Some(search) => search.next().await,
        None => std::future::pending().await,
    }
}
