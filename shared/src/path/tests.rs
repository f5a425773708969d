//! Two finders over a network with loss, delay, duplication and dead addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::replay::ReplayWindow;
use super::{Candidate, CandidateKind, FoundPath, PathEvent, PathFinder, PathKeys, PathKind};
use crate::Role;
use crate::limits::{MAX_CHECKS, MAX_NOMINATIONS, PATH_DEADLINE};

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
            finder: PathFinder::new(role, &KEYS, candidates, false, now),
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
                        assert!(peer.found.replace(found).is_none(), "found twice");
                    }
                    PathEvent::Failed => peer.failed = true,
                    PathEvent::Trying(_) | PathEvent::Works(..) => {}
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
                self.peers[to]
                    .finder
                    .handle_datagram(self.now, from, &bytes, &mut self.rng);
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
    let mut finder = PathFinder::new(Role::Receiver, &KEYS, &[], false, now);
    for length in 0..200 {
        let mut noise = vec![0; length];
        rng.fill_bytes(&mut noise);
        assert!(!finder.handle_datagram(now, address("1.2.3.4:5"), &noise, &mut rng));
        assert!(finder.poll_transmit().is_none());
    }
}

#[test]
fn a_replayed_check_from_elsewhere_is_not_answered() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let now = epoch();
    let mut sender = PathFinder::new(Role::Sender, &KEYS, &[host("10.0.0.2:2")], false, now);
    let mut receiver = PathFinder::new(Role::Receiver, &KEYS, &[], false, now);
    sender.handle_timeout(now, &mut rng);
    let check = sender.poll_transmit().unwrap();
    assert!(receiver.handle_datagram(now, address("10.0.0.1:1"), &check.bytes, &mut rng));
    let answer = receiver.poll_transmit().unwrap();
    assert_eq!(answer.bytes.len(), check.bytes.len());
    while receiver.poll_transmit().is_some() {}
    assert!(receiver.handle_datagram(now, address("6.6.6.6:6"), &check.bytes, &mut rng));
    assert!(receiver.poll_transmit().is_none(), "a replay was answered");
    // Reflected to its own sender a probe is noise: the keys differ by direction.
    assert!(!sender.handle_datagram(now, address("10.0.0.2:2"), &check.bytes, &mut rng));
}

#[test]
fn an_answer_from_another_address_proves_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let now = epoch();
    let mut sender = PathFinder::new(Role::Sender, &KEYS, &[host("10.0.0.2:2")], false, now);
    let mut receiver = PathFinder::new(Role::Receiver, &KEYS, &[], false, now);
    sender.handle_timeout(now, &mut rng);
    let check = sender.poll_transmit().unwrap();
    receiver.handle_datagram(now, address("10.0.0.1:1"), &check.bytes, &mut rng);
    let answer = receiver.poll_transmit().unwrap();
    sender.handle_datagram(now, address("6.6.6.6:6"), &answer.bytes, &mut rng);
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
    let mut finder = PathFinder::new(Role::Sender, &KEYS, &bad, false, now);
    finder.handle_timeout(now, &mut rng);
    assert!(finder.poll_transmit().is_none());
    let mut finder = PathFinder::new(Role::Sender, &KEYS, &bad, true, now);
    finder.handle_timeout(now, &mut rng);
    assert_eq!(finder.poll_transmit().unwrap().to, address("127.0.0.1:1"));
}

#[test]
fn a_better_kind_within_the_grace_wins() {
    let now = epoch();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let local = host("10.0.0.2:2");
    let far = Candidate::new(CandidateKind::Reflexive, address("203.0.113.9:9"));
    let mut sender = PathFinder::new(Role::Sender, &KEYS, &[far, local], false, now);
    let mut receiver = PathFinder::new(Role::Receiver, &KEYS, &[], false, now);
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
        receiver.handle_datagram(at, address("198.51.100.1:1"), &check.bytes, &mut rng);
        let answer = receiver.poll_transmit().unwrap();
        while receiver.poll_transmit().is_some() {}
        sender.handle_datagram(at, check.to, &answer.bytes, &mut rng);
    }
    let found = std::iter::from_fn(|| sender.poll_event()).find_map(|event| match event {
        PathEvent::Found(found) => Some(found),
        PathEvent::Trying(_) | PathEvent::Works(..) | PathEvent::Failed => None,
    });
    assert_eq!(found.unwrap().remote, local.address);
}

#[test]
fn replay_window_admits_each_number_once() {
    let mut window = ReplayWindow::default();
    for sequence in [0, 1, 5, 3, 4, 2, 200, 199, 73] {
        assert!(window.admit(sequence), "{sequence}");
        assert!(!window.admit(sequence), "{sequence} twice");
    }
    assert!(!window.admit(72), "left the window");
    assert!(!window.admit(u64::MAX));
}
