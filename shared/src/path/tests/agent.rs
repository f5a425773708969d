//! Two agents around a network that changes under them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::{KEYS, address, config, epoch, reflexive};
use crate::Role;
use crate::limits::{
    BUDGET_RENEWED_AFTER, KEEP_ALIVE_LONGEST, MANY_PORT_PROBES, MAX_CANDIDATES, MAX_CHECKS,
    PATH_DEADLINE,
};
use crate::path::{
    AgentConfig, AgentEvent, AgentFailure, FinderConfig, Nat, PathAgent, PathFailure, PathNews,
    ReintroductionKeys, SocketId, Traffic, Update, Whereabouts,
};

const RESUME: [u8; 32] = [3; 32];
const DELAY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(90);

/// One side, with where its packets come from at present.
struct Side {
    agent: PathAgent,
    outside: SocketAddr,
    /// What it says of its NAT when it is reintroduced.
    nat: Nat,
    /// A mapping that it does not send from any more, and still hears at.
    left_behind: Option<SocketAddr>,
    /// Whether only those get in to whom something was sent.
    filters: bool,
    sent_to: BTreeSet<SocketAddr>,
    /// Probes to where the peer never was.
    strayed: usize,
    /// Where the link sends.
    path: Option<SocketAddr>,
    /// Nothing gets in or out, and time does not pass.
    asleep: bool,
    at_rendezvous: bool,
    said: Option<Vec<u8>>,
    events: Vec<(Instant, AgentEvent)>,
    probes: usize,
}

/// A datagram on its way to a side: from where, to where, what.
type Flying = (usize, SocketAddr, SocketAddr, Vec<u8>);

struct World {
    now: Instant,
    start: Instant,
    rng: ChaCha8Rng,
    sides: [Side; 2],
    flying: BTreeMap<(Instant, u64), Flying>,
    said: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    rendezvous_up: bool,
    one_way_to: Option<usize>,
    /// Whether a link sends over the path, both ways and all the time.
    busy: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let start = epoch();
        let outside = ["198.51.100.1:1000", "203.0.113.2:2000"].map(address);
        let here = |index: usize| {
            let text = outside[index].to_string();
            Whereabouts::new(vec![reflexive(&text)], Nat::EndpointIndependent)
        };
        let side = |index: usize, role| Side {
            agent: PathAgent::new(
                AgentConfig {
                    finder: FinderConfig {
                        here: here(index),
                        ..config(role, false)
                    },
                    there: here(1 - index),
                    patience: PATIENCE,
                },
                &KEYS,
                &RESUME,
                start,
            ),
            outside: outside[index],
            nat: Nat::EndpointIndependent,
            left_behind: None,
            filters: false,
            sent_to: BTreeSet::new(),
            strayed: 0,
            path: None,
            asleep: false,
            at_rendezvous: false,
            said: None,
            events: Vec::new(),
            probes: 0,
        };
        Self {
            now: start,
            start,
            rng: ChaCha8Rng::seed_from_u64(seed),
            sides: [side(0, Role::Sender), side(1, Role::Receiver)],
            flying: BTreeMap::new(),
            said: BTreeMap::new(),
            count: 0,
            rendezvous_up: true,
            one_way_to: None,
            busy: false,
        }
    }

    /// The NAT of this side takes another mapping: nothing gets in at the old one.
    fn rebind(&mut self, index: usize) {
        let port = self.sides[index].outside.port() + 7;
        self.sides[index].outside.set_port(port);
    }

    fn drain(&mut self) {
        for index in 0..2 {
            let peer = self.sides[1 - index].outside;
            let side = &mut self.sides[index];
            while let Some(transmit) = side.agent.poll_transmit() {
                side.probes += 1;
                side.strayed += usize::from(transmit.to != peer);
                side.sent_to.insert(transmit.to);
                self.count += 1;
                let jitter = Duration::from_micros(u64::from(self.rng.next_u32() % 3000));
                self.flying.insert(
                    (self.now + DELAY + jitter, self.count),
                    (1 - index, side.outside, transmit.to, transmit.bytes),
                );
            }
            if let Some(update) = side.agent.poll_update() {
                side.said = Some(update);
            }
            while let Some(event) = side.agent.poll_event() {
                match event {
                    AgentEvent::ReintroductionNeeded => {
                        side.at_rendezvous = true;
                        side.agent.handle_rendezvous_answered();
                        // What the rendezvous sees of this side.
                        let text = side.outside.to_string();
                        let here = Whereabouts::new(vec![reflexive(&text)], side.nat);
                        side.agent.set_here(self.now, here);
                    }
                    AgentEvent::News(PathNews::Found(path)) => {
                        side.at_rendezvous = false;
                        side.path = Some(path.remote);
                    }
                    AgentEvent::Failed(_) => side.at_rendezvous = false,
                    AgentEvent::News(
                        PathNews::Trying(_) | PathNews::Works(..) | PathNews::Lost,
                    ) => {}
                    AgentEvent::SocketsNeeded(count) => side.agent.handle_sockets(count),
                }
                side.events.push((self.now, event));
            }
        }
        self.swap_updates();
    }

    /// Each hears what the other says while both are at the rendezvous, every 200 ms.
    fn swap_updates(&mut self) {
        for index in 0..2 {
            let (from, to) = (&self.sides[index], &self.sides[1 - index]);
            let both = from.at_rendezvous && to.at_rendezvous && self.rendezvous_up;
            let pending = self.said.values().any(|(target, _)| *target == 1 - index);
            if let (true, false, Some(update)) = (both, pending, &from.said) {
                self.count += 1;
                let at = self.now + DELAY * 4;
                self.said
                    .insert((at, self.count), (1 - index, update.clone()));
            }
        }
    }

    fn run_until(&mut self, end: Instant) {
        while self.now < end {
            self.drain();
            let arrival = self.flying.keys().next().map(|key| key.0);
            let word = self.said.keys().next().map(|key| key.0);
            let timeouts = self.sides.iter().filter(|side| !side.asleep);
            let timeout = timeouts.filter_map(|side| side.agent.poll_timeout()).min();
            let next = [arrival, word, timeout, Some(end)].into_iter().flatten();
            self.now = next.min().unwrap_or(end).max(self.now);
            if self.now >= end {
                return;
            }
            if arrival == Some(self.now) {
                let (_, (to, from, target, bytes)) = self.flying.pop_first().unwrap();
                let side = &mut self.sides[to];
                let deaf = self.one_way_to.is_some_and(|deaf| deaf == to);
                let mapped = target == side.outside || side.left_behind == Some(target);
                let let_in = !side.filters || side.sent_to.contains(&from);
                if mapped && let_in && !side.asleep && !deaf {
                    let (now, rng) = (self.now, &mut self.rng);
                    side.agent
                        .handle_datagram(now, SocketId::MAIN, from, &bytes, rng);
                }
            } else if word == Some(self.now) {
                let (_, (to, bytes)) = self.said.pop_first().unwrap();
                if !self.sides[to].asleep {
                    self.sides[to].agent.handle_update(self.now, &bytes);
                }
            } else {
                for index in 0..2 {
                    let traffic = self.traffic(index);
                    let (side, rng) = (&mut self.sides[index], &mut self.rng);
                    if !side.asleep {
                        side.agent.handle_timeout(self.now, traffic, rng);
                    }
                }
            }
        }
    }

    /// What the link of one side hears and says at this moment.
    fn traffic(&self, index: usize) -> Traffic {
        let (side, other) = (&self.sides[index], &self.sides[1 - index]);
        if !self.busy {
            return Traffic::default();
        }
        let arrives = other
            .path
            .is_some_and(|target| target == side.outside || side.left_behind == Some(target));
        let let_in = !side.filters || side.sent_to.contains(&other.outside);
        let expected = side.path == Some(other.outside);
        Traffic {
            heard: (arrives && let_in && expected).then_some(self.now),
            sent: side.path.map(|_| self.now),
        }
    }

    fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// When each side last had a path, as time since `moment`; fails if one has none.
    #[track_caller]
    fn connected_after(&self, moment: Instant) -> Duration {
        let times = [0, 1].map(|index| {
            let side = &self.sides[index];
            let other = &self.sides[1 - index];
            let last = side
                .events
                .iter()
                .rev()
                .find_map(|(at, event)| match event {
                    AgentEvent::News(PathNews::Found(path)) => Some((*at, path.remote)),
                    AgentEvent::News(PathNews::Lost) => Some((*at, address("0.0.0.0:0"))),
                    AgentEvent::News(PathNews::Trying(_) | PathNews::Works(..))
                    | AgentEvent::SocketsNeeded(_)
                    | AgentEvent::ReintroductionNeeded
                    | AgentEvent::Failed(_) => None,
                });
            let (at, remote) = last.expect("a path");
            assert_eq!(remote, other.outside, "{:?}", side.events);
            at.saturating_duration_since(moment)
        });
        times[0].max(times[1])
    }

    fn failure(&self, index: usize) -> Option<(Duration, AgentFailure)> {
        let mut events = self.sides[index].events.iter();
        events.find_map(|(at, event)| match event {
            AgentEvent::Failed(failure) => Some((*at - self.start, *failure)),
            AgentEvent::News(_)
            | AgentEvent::SocketsNeeded(_)
            | AgentEvent::ReintroductionNeeded => None,
        })
    }
}

#[test]
fn a_path_stays_for_as_long_as_it_carries_and_costs_little() {
    let mut world = World::new(1);
    world.run_for(Duration::from_secs(3600));
    assert!(world.connected_after(world.start) < Duration::from_millis(400));
    for side in &world.sides {
        let lost = side
            .events
            .iter()
            .any(|(_, event)| *event == AgentEvent::News(PathNews::Lost));
        assert!(!lost, "{:?}", side.events);
        // Both ask, both answer: four probes each time.
        assert!(side.probes < 4 * 3600 / KEEP_ALIVE_LONGEST.as_secs() as usize + 100);
    }
}

#[test]
fn a_side_that_took_another_mapping_is_found_again_within_two_seconds_of_traffic() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        world.run_for(Duration::from_secs(10));
        for index in [0, 1, 0] {
            world.rebind(index);
            let moved_at = world.now;
            // At the latest the keep-alive finds out.
            world.run_for(KEEP_ALIVE_LONGEST + Duration::from_secs(3));
            let after = world.connected_after(moved_at);
            assert!(
                after < KEEP_ALIVE_LONGEST + Duration::from_secs(2),
                "seed {seed}: {after:?}"
            );
        }
    }
}

#[test]
fn a_silence_that_cost_the_path_is_not_repeated() {
    let mut world = World::new(2);
    // In the middle of a silence.
    world.run_for(Duration::from_secs(18));
    world.rebind(0);
    world.run_for(Duration::from_secs(20));
    let probes = |world: &World| world.sides.iter().map(|side| side.probes).sum::<usize>();
    let before = probes(&world);
    world.run_for(Duration::from_secs(60));
    // Each side's probes are answered: this many where nothing has been learned.
    let unlearned = 4 * 60 / KEEP_ALIVE_LONGEST.as_secs() as usize;
    let sent = probes(&world) - before;
    assert!(sent > unlearned * 5 / 4, "only {sent} probes in a minute");
}

#[test]
fn a_side_that_is_not_heard_any_more_is_believed() {
    let mut world = World::new(3);
    world.run_for(Duration::from_secs(2));
    world.one_way_to = Some(0);
    world.run_for(Duration::from_secs(8));
    let lost = |side: &Side| {
        side.events
            .iter()
            .any(|(_, event)| *event == AgentEvent::News(PathNews::Lost))
    };
    assert!(world.sides.iter().all(lost));
    world.one_way_to = None;
    let mended_at = world.now;
    world.run_for(Duration::from_secs(6));
    assert!(world.connected_after(mended_at) < Duration::from_secs(5));
}

#[test]
fn hearing_a_peer_that_hears_nothing_is_not_taken_for_a_path() {
    // The old mapping of a full cone still leads inside, and what goes out comes from another port that
    // the peer's NAT does not let in.
    for seed in 0..20 {
        let mut world = World::new(seed);
        world.sides[1].filters = true;
        world.busy = true;
        world.run_for(Duration::from_secs(3));
        for _ in 0..3 {
            world.sides[0].left_behind = Some(world.sides[0].outside);
            world.rebind(0);
            let moved_at = world.now;
            world.run_for(Duration::from_secs(5));
            let after = world.connected_after(moved_at);
            assert!(after < Duration::from_secs(2), "seed {seed}: {after:?}");
        }
    }
}

#[test]
fn a_side_that_sleeps_for_a_minute_is_found_again() {
    let mut world = World::new(4);
    world.run_for(Duration::from_secs(5));
    world.sides[1].asleep = true;
    world.rebind(1);
    world.run_for(Duration::from_secs(60));
    world.sides[1].asleep = false;
    let awake_at = world.now;
    world.run_for(Duration::from_secs(10));
    assert!(world.connected_after(awake_at) < Duration::from_secs(5));
    assert!(world.sides.iter().all(|side| side.probes < 400));
}

#[test]
fn an_outage_that_mends_by_itself_needs_no_rendezvous() {
    let mut world = World::new(5);
    world.rendezvous_up = false;
    world.run_for(Duration::from_secs(2));
    let outside = world.sides[0].outside;
    world.rebind(0);
    world.run_for(Duration::from_secs(20));
    world.sides[0].outside = outside;
    let mended_at = world.now;
    world.run_for(Duration::from_secs(5));
    assert!(world.connected_after(mended_at) < Duration::from_secs(4));
}

#[test]
fn a_peer_that_never_comes_back_is_given_up() {
    let mut world = World::new(6);
    world.run_for(Duration::from_secs(2));
    world.sides[1].asleep = true;
    world.run_for(PATIENCE + Duration::from_secs(10));
    let (after, failure) = world.failure(0).unwrap();
    assert_eq!(failure, AgentFailure::PeerGone);
    assert!(after > PATIENCE && after < PATIENCE + Duration::from_secs(10));
}

#[test]
fn a_peer_that_is_gone_is_told_from_a_firewall() {
    let mut gone = World::new(7);
    gone.sides[1].asleep = true;
    gone.run_for(Duration::from_secs(10));
    assert_eq!(gone.failure(0).unwrap().1, AgentFailure::PeerGone);
    let mut walled = World::new(8);
    walled.rebind(0);
    walled.rebind(1);
    // Their real addresses come to nothing either.
    walled.one_way_to = Some(0);
    walled.run_for(Duration::from_secs(10));
    let (after, failure) = walled.failure(0).unwrap();
    let expected = AgentFailure::NotFound(PathFailure::Firewalled);
    assert_eq!(failure, expected);
    assert!(after <= PATH_DEADLINE + Duration::from_millis(10));
}

#[test]
fn what_is_learned_late_is_told_over_the_rendezvous() {
    let mut world = World::new(9);
    // What the hellos said is wrong; what the rendezvous sees is right.
    world.rebind(0);
    world.rebind(1);
    world.run_for(PATH_DEADLINE);
    assert!(world.connected_after(world.start) < Duration::from_secs(3));
}

#[test]
fn garbage_and_updates_of_others_change_nothing() {
    let mut world = World::new(10);
    world.run_for(Duration::from_secs(2));
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for length in [0, 1, 11, 12, 28, 61, 604, 1000] {
        let mut noise = vec![0; length];
        rng.fill_bytes(&mut noise);
        let now = world.now;
        let from = world.sides[1].outside;
        let agent = &mut world.sides[0].agent;
        agent.handle_update(now, &noise);
        assert!(!agent.handle_datagram(now, SocketId::MAIN, from, &noise, &mut rng));
        assert!(agent.poll_transmit().is_none() && agent.poll_event().is_none());
    }
}

/// What a peer that has proved itself and then, again and again, has another round begun with victims for
/// candidates makes side 0 send to them in `span`, an update each `pause`; side 0 is behind a NAT like `here`, and
/// the peer says that it is behind one like `there`.
fn probes_to_victims(here: Nat, there: Nat, pause: Duration, span: Duration) -> usize {
    let mut world = World::new(12);
    world.sides[0].nat = here;
    world.run_for(Duration::from_secs(2));
    let hostile = ReintroductionKeys::new(&RESUME);
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let start = world.now;
    let mut victim: u32 = 0;
    for round in 1.. {
        if world.now >= start + span {
            break;
        }
        let victims = (0..MAX_CANDIDATES).map(|_| {
            victim += 1;
            let [_, _, a, b] = victim.to_be_bytes();
            reflexive(&format!("192.88.{a}.{b}:4000"))
        });
        let whereabouts = Whereabouts::new(victims.collect(), there);
        let update = hostile.seal(Role::Receiver, &Update { round, whereabouts }, &mut rng);
        let text = world.sides[0].outside.to_string();
        let (now, agent) = (world.now, &mut world.sides[0].agent);
        agent.set_here(now, Whereabouts::new(vec![reflexive(&text)], here));
        agent.handle_update(now, &update);
        world.run_for(pause);
    }
    world.sides[0].strayed
}

#[test]
fn a_peer_that_meets_again_and_again_names_victims_on_one_budget() {
    let (easy, hard) = (Nat::EndpointIndependent, Nat::PerDestination);
    let pause = Duration::from_secs(2);
    for (here, there, bound) in [
        (easy, easy, MAX_CHECKS),
        (easy, hard, MAX_CHECKS + MANY_PORT_PROBES),
        (hard, easy, MAX_CHECKS + MANY_PORT_PROBES),
    ] {
        // Twelve updates.
        let probes = probes_to_victims(here, there, pause, Duration::from_secs(24));
        assert!(probes > bound / 2, "{here:?} {there:?}: only {probes}");
        assert!(probes <= bound, "{here:?} {there:?}: {probes}");
        // The path that is found again in between is proved each time, and has not carried for long.
        let span = Duration::from_secs(300);
        let probes = probes_to_victims(here, there, pause, span);
        assert!(probes <= bound, "{here:?} {there:?}: {probes}");
        // It buys a budget once it has: that is the rate.
        let probes = probes_to_victims(here, there, Duration::from_secs(40), span);
        let renewals = span.as_secs() / BUDGET_RENEWED_AFTER.as_secs();
        let most = bound * (1 + usize::try_from(renewals).unwrap());
        assert!(probes <= most, "{here:?} {there:?}: {probes}");
    }
}
