//! Two finders over a network with loss, delay, duplication and dead addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::replay::ReplayWindow;
use super::{
    Candidate, CandidateKind, FinderConfig, FoundPath, Nat, PathEvent, PathFailure, PathFinder,
    PathKeys, PathKind, SocketId, Whereabouts,
};
use crate::Role;
use crate::limits::{
    HOPELESS_DEADLINE, MANY_PORT_DELAY, MANY_PORT_PROBES, MANY_PORT_SOCKETS, MAX_CHECKS,
    MAX_NOMINATIONS, PATH_DEADLINE,
};

mod agent;

const KEYS: PathKeys<'static> = PathKeys {
    sender: &[1; 32],
    receiver: &[2; 32],
};

/// An arbitrary moment: only differences matter.
#[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn host(text: &str) -> Candidate {
    Candidate::new(CandidateKind::Host, address(text))
}

fn config(role: Role, same_machine: bool) -> FinderConfig {
    FinderConfig {
        role,
        here: Whereabouts::default(),
        same_machine,
        link_scopes: Vec::new(),
    }
}

/// A search whose peer is at these candidates.
fn finder(role: Role, there: &[Candidate], now: Instant) -> PathFinder {
    finder_with(config(role, false), there, Nat::Unknown, now)
}

fn finder_with(config: FinderConfig, there: &[Candidate], nat: Nat, now: Instant) -> PathFinder {
    let mut finder = PathFinder::new(config, &KEYS, now);
    finder.handle_remote(now, &Whereabouts::new(there.to_vec(), nat));
    finder
}

/// One peer: its machine, where it really is, and what became of it.
struct Peer {
    finder: PathFinder,
    address: SocketAddr,
    found: Option<FoundPath>,
    failed: bool,
    sent: usize,
}

/// Both peers and the datagrams between them.
struct World {
    rng: ChaCha8Rng,
    now: Instant,
    peers: [Peer; 2],
    flying: BTreeMap<(Instant, u64), (usize, SocketAddr, Vec<u8>)>,
    count: u64,
    loss_percent: u32,
    delay: Duration,
}

impl World {
    fn new(seed: u64, sender_sees: &[Candidate], receiver_sees: &[Candidate]) -> Self {
        let now = epoch();
        let peer = |role, candidates, at: &str| Peer {
            finder: finder(role, candidates, now),
            address: address(at),
            found: None,
            failed: false,
            sent: 0,
        };
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now,
            peers: [
                peer(Role::Sender, sender_sees, "192.168.1.10:1000"),
                peer(Role::Receiver, receiver_sees, "192.168.1.20:2000"),
            ],
            flying: BTreeMap::new(),
            count: 0,
            loss_percent: 0,
            delay: Duration::from_millis(10),
        }
    }

    fn drain(&mut self) {
        for index in 0..2 {
            while let Some(transmit) = self.peers[index].finder.poll_transmit() {
                self.peers[index].sent += 1;
                let other = 1 - index;
                let arrives = transmit.to == self.peers[other].address;
                let copies = 1 + usize::from(self.rng.next_u32().is_multiple_of(10));
                for _ in 0..copies {
                    if arrives && self.rng.next_u32() % 100 >= self.loss_percent {
                        let jitter = Duration::from_micros(u64::from(self.rng.next_u32() % 5000));
                        self.count += 1;
                        self.flying.insert(
                            (self.now + self.delay + jitter, self.count),
                            (other, self.peers[index].address, transmit.bytes.clone()),
                        );
                    }
                }
            }
            while let Some(event) = self.peers[index].finder.poll_event() {
                let peer = &mut self.peers[index];
                match event {
                    PathEvent::Found(found) => {
                        // Where loss made a choice look as if it did not hold, there is another.
                        peer.found = Some(found);
                    }
                    PathEvent::Failed(_) => peer.failed = true,
                    PathEvent::Trying(_) | PathEvent::Works(..) | PathEvent::SocketsNeeded(_) => {}
                }
            }
        }
    }

    fn run(&mut self) {
        let end = self.now + PATH_DEADLINE * 2;
        loop {
            self.drain();
            let arrival = self.flying.keys().next().map(|key| key.0);
            let timeouts = self
                .peers
                .iter()
                .filter_map(|peer| peer.finder.poll_timeout());
            let Some(next) = timeouts.chain(arrival).min().filter(|next| *next <= end) else {
                return;
            };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (to, from, bytes)) = self.flying.pop_first().unwrap();
                self.peers[to].finder.handle_datagram(
                    self.now,
                    SocketId::MAIN,
                    from,
                    &bytes,
                    &mut self.rng,
                );
            } else {
                for peer in &mut self.peers {
                    peer.finder.handle_timeout(self.now, &mut self.rng);
                }
            }
        }
    }
}

#[track_caller]
fn check_agree(world: &World, seed: u64) {
    let [sender, receiver] = &world.peers;
    assert_eq!(
        sender.found.map(|path| path.remote),
        Some(receiver.address),
        "seed {seed}"
    );
    assert_eq!(
        receiver.found.map(|path| path.remote),
        Some(sender.address),
        "seed {seed}"
    );
}

#[test]
fn both_agree_on_the_pair_that_works() {
    let dead = host("10.9.9.9:9");
    let mut world = World::new(
        1,
        &[dead, host("192.168.1.20:2000")],
        &[dead, host("192.168.1.10:1000")],
    );
    world.run();
    check_agree(&world, 1);
    assert_eq!(world.peers[0].found.unwrap().kind, PathKind::Local);
}

#[test]
fn one_side_without_candidates_is_found_by_its_probes() {
    let mut world = World::new(2, &[], &[host("192.168.1.10:1000")]);
    world.run();
    check_agree(&world, 2);
}

#[test]
fn loss_and_duplication_do_not_keep_peers_apart() {
    for seed in 0..500 {
        let mut world = World::new(
            seed,
            &[host("192.168.1.20:2000"), host("10.0.0.1:7")],
            &[host("192.168.1.10:1000"), host("10.0.0.2:7")],
        );
        world.loss_percent = (seed % 40) as u32;
        world.delay = Duration::from_millis(1 + seed % 150);
        world.run();
        check_agree(&world, seed);
    }
}

#[test]
fn nothing_answers_is_said_in_time_and_costs_a_bounded_number_of_probes() {
    let many: Vec<_> = (1..=60).map(|n| host(&format!("10.1.1.{n}:5"))).collect();
    let mut world = World::new(3, &many, &many);
    world.run();
    for peer in &world.peers {
        assert!(peer.failed && peer.found.is_none());
        assert!(peer.sent <= MAX_CHECKS + MAX_NOMINATIONS);
        assert!(
            peer.sent > 100,
            "an address was given up early: {}",
            peer.sent
        );
    }
}

#[test]
fn strangers_get_silence() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let now = epoch();
    let mut finder = finder(Role::Receiver, &[], now);
    for length in 0..200 {
        let mut noise = vec![0; length];
        rng.fill_bytes(&mut noise);
        assert!(!finder.handle_datagram(
            now,
            SocketId::MAIN,
            address("1.2.3.4:5"),
            &noise,
            &mut rng
        ));
        assert!(finder.poll_transmit().is_none());
    }
}

#[test]
fn a_replayed_check_from_elsewhere_is_not_answered() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let now = epoch();
    let mut sender = finder(Role::Sender, &[host("10.0.0.2:2")], now);
    let mut receiver = finder(Role::Receiver, &[], now);
    sender.handle_timeout(now, &mut rng);
    let check = sender.poll_transmit().unwrap();
    assert!(receiver.handle_datagram(
        now,
        SocketId::MAIN,
        address("10.0.0.1:1"),
        &check.bytes,
        &mut rng
    ));
    let answer = receiver.poll_transmit().unwrap();
    assert_eq!(answer.bytes.len(), check.bytes.len());
    while receiver.poll_transmit().is_some() {}
    assert!(receiver.handle_datagram(
        now,
        SocketId::MAIN,
        address("6.6.6.6:6"),
        &check.bytes,
        &mut rng
    ));
    assert!(receiver.poll_transmit().is_none(), "a replay was answered");
    // Reflected to its own sender a probe is noise: the keys differ by direction.
    assert!(!sender.handle_datagram(
        now,
        SocketId::MAIN,
        address("10.0.0.2:2"),
        &check.bytes,
        &mut rng
    ));
}

#[test]
fn an_answer_from_another_address_proves_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let now = epoch();
    let mut sender = finder(Role::Sender, &[host("10.0.0.2:2")], now);
    let mut receiver = finder(Role::Receiver, &[], now);
    sender.handle_timeout(now, &mut rng);
    let check = sender.poll_transmit().unwrap();
    receiver.handle_datagram(
        now,
        SocketId::MAIN,
        address("10.0.0.1:1"),
        &check.bytes,
        &mut rng,
    );
    let answer = receiver.poll_transmit().unwrap();
    sender.handle_datagram(
        now,
        SocketId::MAIN,
        address("6.6.6.6:6"),
        &answer.bytes,
        &mut rng,
    );
    while let Some(event) = sender.poll_event() {
        assert!(matches!(event, PathEvent::Trying(_)), "{event:?}");
    }
}

#[test]
fn unusable_candidates_get_no_packet() {
    let now = epoch();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let bad = [
        "0.0.0.0:1",
        "255.255.255.255:1",
        "224.0.0.1:1",
        "127.0.0.1:1",
        "10.0.0.1:0",
        "[::]:1",
        "[ff02::1]:1",
        "[::1]:1",
        "[fe80::1]:1",
        "[::ffff:127.0.0.1]:1",
        "[::ffff:224.0.0.1]:1",
    ];
    let bad: Vec<_> = bad.into_iter().map(host).collect();
    let mut finder = finder(Role::Sender, &bad, now);
    finder.handle_timeout(now, &mut rng);
    assert!(finder.poll_transmit().is_none());
    let mut finder = finder_with(config(Role::Sender, true), &bad, Nat::Unknown, now);
    finder.handle_timeout(now, &mut rng);
    assert_eq!(finder.poll_transmit().unwrap().to, address("127.0.0.1:1"));
}

#[test]
fn a_better_kind_within_the_grace_wins() {
    let now = epoch();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let local = host("10.0.0.2:2");
    let far = Candidate::new(CandidateKind::Reflexive, address("203.0.113.9:9"));
    let mut sender = finder(Role::Sender, &[far, local], now);
    let mut receiver = finder(Role::Receiver, &[], now);
    let mut checks = Vec::new();
    let mut at = now;
    while checks.len() < 2 {
        sender.handle_timeout(at, &mut rng);
        checks.extend(std::iter::from_fn(|| sender.poll_transmit()));
        at = sender.poll_timeout().unwrap();
    }
    // The far one is answered first.
    checks.sort_by_key(|check| check.to.ip().to_string());
    checks.reverse();
    for check in checks {
        receiver.handle_datagram(
            at,
            SocketId::MAIN,
            address("198.51.100.1:1"),
            &check.bytes,
            &mut rng,
        );
        let answer = receiver.poll_transmit().unwrap();
        while receiver.poll_transmit().is_some() {}
        sender.handle_datagram(at, SocketId::MAIN, check.to, &answer.bytes, &mut rng);
    }
    let found = std::iter::from_fn(|| sender.poll_event()).find_map(|event| match event {
        PathEvent::Found(found) => Some(found),
        PathEvent::Trying(_)
        | PathEvent::Works(..)
        | PathEvent::SocketsNeeded(_)
        | PathEvent::Failed(_) => None,
    });
    assert_eq!(found.unwrap().remote, local.address);
}

#[test]
fn replay_window_admits_each_number_once() {
    let mut window = ReplayWindow::default();
    for sequence in [0, 1, 5, 3, 4, 2, 5000, 4999, 905, 5001, 20_000, 15_905] {
        assert!(window.admit(sequence), "{sequence}");
        assert!(!window.admit(sequence), "{sequence} twice");
    }
    assert!(!window.admit(15_903), "left the window");
    assert!(!window.admit(u64::MAX));
}

#[test]
fn mappings_tell_what_a_nat_does() {
    let at = |port: u16| SocketAddr::from(([198, 51, 100, 7], port));
    let other = address("198.51.100.8:40002");
    let classify = |ports: [u16; 4]| {
        let [a, b, c, d] = ports.map(at);
        Nat::classify([a, b], &[c, d])
    };
    assert_eq!(Nat::classify([at(5), at(5)], &[]), Nat::EndpointIndependent);
    assert_eq!(Nat::classify([at(5), at(6)], &[]), Nat::PerDestination);
    let sequence = |port, step| Nat::Sequential {
        last: at(port),
        step,
    };
    assert_eq!(classify([100, 101, 102, 103]), sequence(103, 1));
    assert_eq!(classify([100, 102, 104, 106]), sequence(106, 2));
    assert_eq!(classify([100, 101, 104, 105]), sequence(105, 1));
    assert_eq!(classify([103, 102, 101, 100]), sequence(100, -1));
    assert_eq!(classify([100, 101, 110, 111]), Nat::PerDestination);
    assert_eq!(classify([100, 101, 101, 102]), Nat::PerDestination);
    assert_eq!(classify([100, 101, 100, 101]), Nat::PerDestination);
    assert_eq!(classify([1000, 50_000, 20_000, 4]), Nat::PerDestination);
    let moved = Nat::classify([at(40_000), at(40_001)], &[other, at(40_003)]);
    assert_eq!(moved, Nat::PerDestination);
    let near_the_end = sequence(65_530, 2);
    let predicted: Vec<u16> = near_the_end.predicted(16).map(|at| at.port()).collect();
    assert_eq!(predicted, [65_532, 65_534]);
}

fn reflexive(text: &str) -> Candidate {
    Candidate::new(CandidateKind::Reflexive, address(text))
}

fn behind(nat: Nat, text: &str) -> Whereabouts {
    Whereabouts::new(vec![reflexive(text)], nat)
}

/// Lets a finder run by itself; gives what it sent and said until `end`.
fn run_alone(
    finder: &mut PathFinder,
    now: Instant,
    end: Instant,
) -> (Vec<super::PathTransmit>, Vec<(Instant, PathEvent)>) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    let mut at = now;
    while at <= end {
        finder.handle_timeout(at, &mut rng);
        sent.extend(std::iter::from_fn(|| finder.poll_transmit()));
        while let Some(event) = finder.poll_event() {
            if let PathEvent::SocketsNeeded(count) = event {
                finder.handle_sockets(count);
            }
            events.push((at, event));
        }
        let Some(next) = finder.poll_timeout() else {
            break;
        };
        at = next.max(at + Duration::from_micros(1));
    }
    (sent, events)
}

#[test]
fn the_easy_side_of_many_port_punching_probes_many_ports_no_faster_than_allowed() {
    let now = epoch();
    let here = behind(Nat::EndpointIndependent, "198.51.100.1:1");
    let there = behind(Nat::PerDestination, "203.0.113.9:9");
    let mut finder = PathFinder::new(
        FinderConfig {
            here,
            ..config(Role::Sender, false)
        },
        &KEYS,
        now,
    );
    finder.handle_remote(now, &there);
    let second = now + MANY_PORT_DELAY + Duration::from_secs(1);
    let (sent, _) = run_alone(&mut finder, now, second);
    let ports = |sent: &[super::PathTransmit]| {
        sent.iter()
            .map(|transmit| {
                assert_eq!(transmit.to.ip(), address("203.0.113.9:9").ip());
                transmit.to.port()
            })
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!((950..=1020).contains(&ports(&sent).len()), "{}", sent.len());
    let (rest, _) = run_alone(&mut finder, second, now + PATH_DEADLINE);
    let all: Vec<_> = sent.into_iter().chain(rest).collect();
    assert_eq!(ports(&all).len(), MANY_PORT_PROBES + 1);
    assert!(all.len() <= MANY_PORT_PROBES + MAX_CHECKS);
}

#[test]
fn the_hard_side_of_many_port_punching_sends_from_many_sockets_to_one_address() {
    let now = epoch();
    let here = behind(Nat::PerDestination, "203.0.113.9:9");
    let there = behind(Nat::Unknown, "198.51.100.1:1");
    let mut finder = PathFinder::new(
        FinderConfig {
            here,
            ..config(Role::Receiver, false)
        },
        &KEYS,
        now,
    );
    finder.handle_remote(now, &there);
    let (sent, events) = run_alone(&mut finder, now, now + PATH_DEADLINE * 2);
    assert!(events.iter().any(|(_, event)| matches!(
        event,
        PathEvent::SocketsNeeded(count) if *count == MANY_PORT_SOCKETS
    )));
    assert!(
        sent.iter()
            .all(|transmit| transmit.to == address("198.51.100.1:1"))
    );
    let sockets: std::collections::BTreeSet<_> =
        sent.iter().map(|transmit| transmit.socket).collect();
    assert_eq!(sockets.len(), usize::from(MANY_PORT_SOCKETS) + 1);
    let (at, last) = events.last().unwrap();
    assert_eq!(*last, PathEvent::Failed(PathFailure::Firewalled));
    assert!(*at >= now + PATH_DEADLINE);
}

#[test]
fn two_that_map_per_destination_are_told_at_once() {
    let check = |ours: Whereabouts, theirs: Whereabouts| {
        let now = epoch();
        let mut finder = PathFinder::new(
            FinderConfig {
                here: ours,
                ..config(Role::Sender, false)
            },
            &KEYS,
            now,
        );
        finder.handle_remote(now, &theirs);
        let (_, events) = run_alone(&mut finder, now, now + PATH_DEADLINE * 2);
        let (at, last) = *events.last().unwrap();
        (at - now, last)
    };
    let hard = |text| behind(Nat::PerDestination, text);
    let (after, event) = check(hard("203.0.113.9:9"), hard("198.51.100.1:1"));
    assert_eq!(event, PathEvent::Failed(PathFailure::BothNatsSymmetric));
    assert_eq!(after, HOPELESS_DEADLINE);
    // A port that a router opened is another matter.
    let mapped = Candidate::new(CandidateKind::Mapped, address("198.51.100.1:7"));
    let mapped = Whereabouts::new(vec![mapped], Nat::PerDestination);
    let (after, event) = check(hard("203.0.113.9:9"), mapped);
    assert_eq!(event, PathEvent::Failed(PathFailure::Firewalled));
    assert_eq!(after, PATH_DEADLINE);
}

#[test]
fn predicted_ports_are_probed() {
    let now = epoch();
    let last = address("203.0.113.9:40000");
    let there = Whereabouts::new(Vec::new(), Nat::Sequential { last, step: 2 });
    let mut finder = PathFinder::new(config(Role::Sender, false), &KEYS, now);
    finder.handle_remote(now, &there);
    let (sent, _) = run_alone(&mut finder, now, now + Duration::from_millis(100));
    let ports: std::collections::BTreeSet<u16> =
        sent.iter().map(|transmit| transmit.to.port()).collect();
    assert_eq!(ports, (1..=16).map(|nth| 40_000 + 2 * nth).collect());
}

#[test]
fn a_link_local_candidate_is_tried_on_every_link() {
    let now = epoch();
    let config = FinderConfig {
        link_scopes: vec![2, 3],
        ..config(Role::Sender, false)
    };
    let mut finder = finder_with(config, &[host("[fe80::1]:5")], Nat::Unknown, now);
    let (sent, _) = run_alone(&mut finder, now, now + Duration::from_millis(40));
    let scopes: Vec<_> = sent
        .iter()
        .map(|transmit| transmit.to.to_string())
        .collect();
    assert_eq!(scopes, ["[fe80::1%2]:5", "[fe80::1%3]:5"]);
}

#[test]
fn a_choice_that_does_not_hold_gives_way_to_another() {
    // The receiver is heard from an address to which nothing of ours gets through, and later from one
    // that works.
    let now = epoch();
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let mut sender = finder(Role::Sender, &[], now);
    let mut receiver = finder(
        Role::Receiver,
        &[host("10.0.0.1:1"), host("10.0.0.1:2")],
        now,
    );
    receiver.handle_timeout(now, &mut rng);
    let first = receiver.poll_transmit().unwrap();
    let deaf = address("192.168.7.7:7");
    sender.handle_datagram(now, SocketId::MAIN, deaf, &first.bytes, &mut rng);
    let mut found = Vec::new();
    for _ in 0..200 {
        while sender.poll_transmit().is_some() {}
        found.extend(
            std::iter::from_fn(|| sender.poll_event()).filter_map(|event| match event {
                PathEvent::Found(path) => Some(path.remote),
                PathEvent::Trying(_)
                | PathEvent::Works(..)
                | PathEvent::SocketsNeeded(_)
                | PathEvent::Failed(_) => None,
            }),
        );
        let Some(next) = sender.poll_timeout().filter(|at| *at < now + PATH_DEADLINE) else {
            break;
        };
        let at = next;
        sender.handle_timeout(at, &mut rng);
        if found.len() == 1 && at > now + Duration::from_secs(3) {
            let works = address("192.168.7.8:8");
            receiver.handle_timeout(at, &mut rng);
            let check = receiver.poll_transmit().unwrap();
            sender.handle_datagram(at, SocketId::MAIN, works, &check.bytes, &mut rng);
        }
    }
    assert_eq!(found, [deaf, address("192.168.7.8:8")]);
}
