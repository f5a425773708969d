//! Clients against the server, over a network that misbehaves and with a server that restarts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_rendezvous::{Bounds, Port, Route, State, respond};
use fardrop_shared::rendezvous::{Announcement, Client, Config, Event};
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::{PairingId, Role};
use fardrop_tests::sim::{Conditions, Network, Packet};
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LOCATOR: u32 = 417;

/// How long after everything is well again an exchange may take. A lost datagram is said again within
/// 1.1 s, a restarted server found within 1.1 s, and the four messages may each wait for one repetition.
const PATIENCE: Duration = Duration::from_secs(6);

/// One side, and how far it is with the exchange: the receiver says 1, hears 2, says 3, hears 4.
struct Peer {
    client: Client,
    address: SocketAddr,
    done: bool,
    silent: bool,
}

/// What happens to the world at a given time.
#[derive(Debug, Clone, Copy)]
enum Incident {
    ServerStops,
    ServerStarts,
    /// That peer's NAT gives it another address.
    Rebinds(usize),
    Calm,
}

struct World {
    now: Instant,
    rng: ChaCha8Rng,
    network: Network,
    server: SocketAddr,
    state: Option<State>,
    /// The sender is the first.
    peers: Vec<Peer>,
    incidents: Vec<(Instant, Incident)>,
    addresses_given: u16,
}

impl World {
    fn new(seed: u64, conditions: Conditions, receivers: usize) -> Self {
        // Any instant serves as the first.
        let now = Instant::now();
        let mut world = Self {
            now,
            rng: ChaCha8Rng::seed_from_u64(seed),
            network: Network::new(seed, conditions),
            server: "192.0.2.1:4840".parse().unwrap(),
            state: None,
            peers: Vec::new(),
            incidents: Vec::new(),
            addresses_given: 0,
        };
        world.start_server();
        world.join(Role::Sender, b"open");
        for _ in 0..receivers {
            world.join(Role::Receiver, b"1");
        }
        world
    }

    fn start_server(&mut self) {
        let ports = vec![Port::Main { second_port: 4841 }];
        let rng = StdRng::seed_from_u64(self.rng.next_u64());
        self.state = Some(State::new(self.now, Bounds::default(), ports, rng));
    }

    fn join(&mut self, side: Role, opening: &[u8]) {
        let config = Config {
            server: self.server,
            locator: LOCATOR,
            side,
            pairing: PairingId::random(&mut self.rng),
            owner: OwnerToken::random(&mut self.rng),
            revision: 0,
        };
        let client = Client::new(self.now, config, &mut self.rng);
        let address = self.fresh_address();
        self.peers.push(Peer {
            client,
            address,
            done: false,
            silent: false,
        });
        let peer = self.peers.last_mut().unwrap();
        peer.say(self.now, None, opening);
    }

    fn fresh_address(&mut self) -> SocketAddr {
        self.addresses_given += 1;
        let [high, low] = self.addresses_given.to_be_bytes();
        SocketAddr::from(([10, high, low, 1], 40_000))
    }

    fn at(&mut self, after: Duration, incident: Incident) {
        self.incidents.push((self.now + after, incident));
    }

    fn finished(&self) -> bool {
        self.peers[1..].iter().all(|peer| peer.done)
    }

    /// Jumps to whatever happens next, and lets it happen.
    fn step(&mut self) {
        let timeouts = self
            .peers
            .iter()
            .filter_map(|peer| peer.client.poll_timeout());
        let incidents = self.incidents.iter().map(|&(at, _)| at);
        let next = timeouts
            .chain(incidents)
            .chain(self.network.next_at())
            .min();
        self.now = self.now.max(next.unwrap());
        while let Some(index) = self.incidents.iter().position(|&(at, _)| at <= self.now) {
            let (_, incident) = self.incidents.remove(index);
            self.befall(incident);
        }
        while let Some(packet) = self.network.receive(self.now) {
            self.deliver(&packet);
        }
        for peer in &mut self.peers {
            peer.client.handle_timeout(self.now);
            peer.drain(self.now, &mut self.network);
        }
    }

    fn befall(&mut self, incident: Incident) {
        match incident {
            Incident::ServerStops => self.state = None,
            Incident::ServerStarts => self.start_server(),
            Incident::Rebinds(index) => self.peers[index].address = self.fresh_address(),
            Incident::Calm => {
                self.network.conditions = Conditions::calm(Duration::from_millis(30));
            }
        }
    }

    fn deliver(&mut self, packet: &Packet) {
        if packet.to == self.server {
            let Some(state) = &mut self.state else {
                return;
            };
            let from = Route {
                socket: 0,
                address: packet.from,
            };
            let replies = respond(state, self.now, from, &packet.bytes);
            assert!(state.parties() <= self.peers.len());
            assert!(replies.len() <= 1 + 2 * Bounds::default().receivers);
            for reply in replies {
                let packet = Packet {
                    from: self.server,
                    to: reply.to.address,
                    bytes: reply.bytes,
                };
                self.network.send(self.now, packet);
            }
        } else if let Some(peer) = self.peers.iter_mut().find(|peer| peer.address == packet.to) {
            peer.client
                .handle_datagram(self.now, packet.from, &packet.bytes);
            peer.drain(self.now, &mut self.network);
        }
    }

    /// Steps until every receiver has heard everything, and says how long that took.
    #[track_caller]
    fn run_until_finished(&mut self, seed: u64, patience: Duration) -> Duration {
        let began = self.now;
        while !self.finished() {
            self.step();
            let took = self.now - began;
            assert!(took < patience, "seed {seed}: unfinished after {took:?}");
        }
        self.now - began
    }

    fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }
}

impl Peer {
    fn say(&mut self, now: Instant, to: Option<PairingId>, words: &[u8]) {
        let payload = Payload::new(words.to_vec()).unwrap();
        self.client
            .announce(now, Announcement { to, payload })
            .unwrap();
    }

    fn drain(&mut self, now: Instant, network: &mut Network) {
        while let Some(event) = self.client.poll_event() {
            self.on_event(now, event);
        }
        while let Some(transmit) = self.client.poll_transmit(now) {
            let packet = Packet {
                from: self.address,
                to: transmit.to,
                bytes: transmit.bytes,
            };
            network.send(now, packet);
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Peer { pairing, payload } => match payload.as_bytes() {
                b"1" => self.say(now, Some(pairing), b"2"),
                b"2" => self.say(now, Some(pairing), b"3"),
                b"3" => self.say(now, Some(pairing), b"4"),
                b"4" => self.done = true,
                other => assert_eq!(other, b"open"),
            },
            Event::Silent => self.silent = true,
            Event::Answering => self.silent = false,
            Event::Reflexive { second_port, .. } => assert_eq!(second_port, Some(4841)),
            Event::Held | Event::NobodyThere => {}
            Event::Open { .. }
            | Event::Crowded
            | Event::Taken
            | Event::Busy
            | Event::Version(_) => panic!("{event:?}"),
        }
    }
}

fn rough(rng: &mut ChaCha8Rng) -> Conditions {
    let longest = Duration::from_millis(rng.gen_range(2..800));
    Conditions {
        loss: rng.gen_range(0.0..0.6),
        duplication: rng.gen_range(0.0..0.3),
        delay: Duration::from_millis(1)..longest,
    }
}

#[test]
fn every_exchange_completes_once_the_network_lets_it() {
    for seed in 0..2000 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let receivers = rng.gen_range(1..5);
        let mut world = World::new(seed, rough(&mut rng), receivers);
        for _ in 0..rng.gen_range(0..3) {
            let stops = Duration::from_millis(rng.gen_range(0..4000));
            let down = Duration::from_millis(rng.gen_range(0..3000));
            world.at(stops, Incident::ServerStops);
            world.at(stops + down, Incident::ServerStarts);
        }
        for _ in 0..rng.gen_range(0..3) {
            let after = Duration::from_millis(rng.gen_range(0..7000));
            let index = rng.gen_range(0..=receivers);
            world.at(after, Incident::Rebinds(index));
        }
        let calm = Duration::from_secs(7);
        world.at(calm, Incident::ServerStarts);
        world.at(calm, Incident::Calm);
        world.run_until_finished(seed, calm + PATIENCE);
    }
}

#[test]
fn on_a_good_network_nothing_waits_for_a_timer() {
    let delay = Duration::from_millis(30);
    let mut world = World::new(1, Conditions::calm(delay), 1);
    // Hello, cookie, then 1 to 4, each by way of the server.
    assert_eq!(world.run_until_finished(1, PATIENCE), delay * 10);
}

#[test]
fn a_server_restarted_in_the_middle_is_found_within_about_a_second() {
    for seed in 0..300 {
        let mut world = World::new(seed, Conditions::calm(Duration::from_millis(30)), 1);
        // Between the second message and the third.
        let stops = Duration::from_millis(200);
        let down = Duration::from_millis(seed * 10);
        world.at(stops, Incident::ServerStops);
        world.at(stops + down, Incident::ServerStarts);
        // Either side may need a whole repetition to notice, and what was on its way one more.
        let patience = stops + down + Duration::from_millis(2500);
        world.run_until_finished(seed, patience);
    }
}

#[test]
fn silence_is_noticed_and_so_is_its_end() {
    let mut world = World::new(1, Conditions::calm(Duration::from_millis(30)), 1);
    world.run_for(Duration::from_secs(2));
    assert!(world.peers.iter().all(|peer| !peer.silent));
    world.befall(Incident::ServerStops);
    world.run_for(Duration::from_millis(2800));
    assert!(world.peers.iter().all(|peer| peer.silent));
    world.befall(Incident::ServerStarts);
    world.run_for(Duration::from_millis(1300));
    assert!(world.peers.iter().all(|peer| !peer.silent));
}

#[test]
fn a_peer_that_moves_to_another_address_keeps_its_session() {
    let mut world = World::new(1, Conditions::calm(Duration::from_millis(30)), 1);
    world.run_for(Duration::from_millis(100));
    world.befall(Incident::Rebinds(0));
    world.befall(Incident::Rebinds(1));
    world.run_until_finished(1, Duration::from_secs(3));
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.state.unwrap().parties(), 2);
}

#[test]
fn an_idle_pair_sends_one_datagram_a_second_for_each_announcement() {
    let mut world = World::new(1, Conditions::calm(Duration::from_millis(30)), 1);
    world.run_until_finished(1, PATIENCE);
    let before = world.state.as_ref().unwrap().counters();
    world.run_for(Duration::from_secs(60));
    let after = world.state.as_ref().unwrap().counters();
    // The sender's two announcements and the receiver's one, each second, and two Hellos each.
    let received = after.received - before.received;
    assert!((150..215).contains(&received), "{received}");
    assert_eq!(after.over_rate, 0);
}
