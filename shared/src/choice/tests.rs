#![expect(
    clippy::disallowed_methods,
    reason = "the only way to some Instant; all later times are counted from it"
)]

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;

const RTT: Duration = Duration::from_millis(40);

fn chooser(role: Role, first: Transport) -> (LinkChooser, Instant) {
    let now = Instant::now();
    (LinkChooser::new(role, first, RTT, now), now)
}

#[test]
fn receiver_gives_quic_up_after_two_round_trips_and_a_second() {
    let (mut receiver, start) = chooser(Role::Receiver, Transport::Quic);
    let due = receiver.poll_timeout().unwrap();
    assert_eq!(due - start, Duration::from_millis(1080));
    receiver.handle_timeout(due - Duration::from_millis(1));
    assert_eq!(receiver.decision(), None);
    assert!(receiver.tries_quic() && !receiver.speaks_go_back_n());
    receiver.handle_timeout(due);
    assert_eq!(receiver.decision(), Some(Transport::GoBackN));
    assert!(!receiver.tries_quic() && receiver.speaks_go_back_n());
    assert!(receiver.has_given_quic_up());
}

#[test]
fn sender_only_proposes_and_still_follows_to_quic() {
    let (mut sender, _) = chooser(Role::Sender, Transport::Quic);
    sender.handle_timeout(sender.poll_timeout().unwrap());
    assert_eq!(sender.decision(), None);
    assert!(sender.tries_quic() && sender.speaks_go_back_n());
    assert_eq!(sender.poll_timeout(), None);
    sender.handle_quic_ready();
    assert_eq!(sender.decision(), Some(Transport::Quic));
    assert!(!sender.speaks_go_back_n());
}

#[test]
fn decision_is_final() {
    let (mut receiver, start) = chooser(Role::Receiver, Transport::Quic);
    receiver.handle_quic_ready();
    receiver.handle_go_back_n_heard();
    receiver.handle_quic_failed();
    receiver.handle_timeout(start + Duration::from_secs(60));
    assert_eq!(receiver.decision(), Some(Transport::Quic));
    let (mut receiver, _) = chooser(Role::Receiver, Transport::Quic);
    receiver.handle_go_back_n_heard();
    receiver.handle_quic_ready();
    assert_eq!(receiver.decision(), Some(Transport::GoBackN));
}

#[test]
fn what_is_known_beforehand_costs_no_time() {
    let (receiver, _) = chooser(Role::Receiver, Transport::GoBackN);
    assert_eq!(receiver.decision(), Some(Transport::GoBackN));
    assert!(!receiver.has_given_quic_up(), "nothing was learned");
    let (sender, _) = chooser(Role::Sender, Transport::GoBackN);
    assert!(sender.speaks_go_back_n());
    assert_eq!(sender.poll_timeout(), None);
}

/// What two ends say to each other in [`World`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// The client's first packets, and the server's answer to them.
    QuicHello,
    QuicAnswer,
    /// The first thing inside QUIC, and what answers it.
    QuicProof,
    QuicProofAnswer,
    GoBackN,
}

/// Two choosers with a network between them that delays and loses.
struct World {
    rng: ChaCha8Rng,
    ends: [LinkChooser; 2],
    starts: [Duration; 2],
    due: BTreeMap<(Duration, u64), (usize, Said)>,
    sent: u64,
    /// Packets lost, of 256.
    loss: u32,
    /// Nothing of QUIC comes through, each way.
    quic_blocked: [bool; 2],
}

const SENDER: usize = 0;
const RECEIVER: usize = 1;

/// Time between repetitions of what was not answered.
const REPEAT: Duration = Duration::from_millis(100);

impl World {
    fn new(seed: u64, epoch: Instant) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut chance = |of: u32| rng.next_u32().is_multiple_of(of);
        let mut first = || {
            if chance(8) {
                Transport::GoBackN
            } else {
                Transport::Quic
            }
        };
        let firsts = [first(), first()];
        let quic_blocked = [chance(4), chance(4)];
        let rtt = Duration::from_millis(u64::from(rng.next_u32() % 800));
        // Up to two and a half seconds apart: one gives up before, while or after the other succeeds.
        let starts = [0, 1].map(|_| Duration::from_millis(u64::from(rng.next_u32() % 2500)));
        let roles = [Role::Sender, Role::Receiver];
        let ends = [SENDER, RECEIVER]
            .map(|end| LinkChooser::new(roles[end], firsts[end], rtt, epoch + starts[end]));
        let loss = rng.next_u32() % 128;
        Self {
            rng,
            ends,
            starts,
            due: BTreeMap::new(),
            sent: 0,
            loss,
            quic_blocked,
        }
    }

    fn say(&mut self, now: Duration, from: usize, said: Said) {
        let lost = self.rng.next_u32() % 256 < self.loss;
        let blocked = said != Said::GoBackN && self.quic_blocked[from];
        let delay = Duration::from_millis(u64::from(1 + self.rng.next_u32() % 700));
        self.sent += 1;
        if !lost && !blocked {
            self.due.insert((now + delay, self.sent), (1 - from, said));
        }
    }

    fn hear(&mut self, now: Duration, to: usize, said: Said) {
        if now < self.starts[to] {
            return;
        }
        let end = &mut self.ends[to];
        match said {
            Said::QuicHello if end.tries_quic() => self.say(now, to, Said::QuicAnswer),
            Said::QuicAnswer if end.tries_quic() => {
                end.handle_quic_ready();
                self.say(now, to, Said::QuicProof);
            }
            Said::QuicProof if end.tries_quic() => {
                end.handle_quic_ready();
                self.say(now, to, Said::QuicProofAnswer);
            }
            Said::GoBackN if end.decision() != Some(Transport::Quic) => {
                end.handle_go_back_n_heard()
            }
            // What comes to an end that has gone another way is noise.
            Said::QuicHello
            | Said::QuicAnswer
            | Said::QuicProof
            | Said::QuicProofAnswer
            | Said::GoBackN => {}
        }
    }

    /// What each end repeats, and what its clock makes it do.
    fn tick(&mut self, now: Duration, epoch: Instant) {
        for end in [SENDER, RECEIVER] {
            if now < self.starts[end] {
                continue;
            }
            self.ends[end].handle_timeout(epoch + now);
            let chooser = &self.ends[end];
            let (undecided, decision) = (chooser.decision().is_none(), chooser.decision());
            if chooser.speaks_go_back_n() {
                self.say(now, end, Said::GoBackN);
            }
            if end == RECEIVER && undecided {
                self.say(now, end, Said::QuicHello);
            }
            if end == RECEIVER && decision == Some(Transport::Quic) {
                self.say(now, end, Said::QuicProof);
            }
        }
    }
}

/// Runs a world until both ends have decided.
fn check(seed: u64) -> Transport {
    let epoch = Instant::now();
    let mut world = World::new(seed, epoch);
    let end = Duration::from_secs(60);
    let mut now = Duration::ZERO;
    let mut decisions = [None; 2];
    while now < end && decisions.contains(&None) {
        now += REPEAT / 4;
        while let Some(entry) = world.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (to, said)) = entry.remove_entry();
            world.hear(at, to, said);
        }
        if now.as_millis().is_multiple_of(REPEAT.as_millis()) {
            world.tick(now, epoch);
        }
        for end in [SENDER, RECEIVER] {
            let newest = world.ends[end].decision();
            assert!(
                decisions[end].is_none() || decisions[end] == newest,
                "seed {seed}: a decision changed"
            );
            decisions[end] = newest;
        }
        if let [Some(sender), Some(receiver)] = decisions {
            assert_eq!(sender, receiver, "seed {seed}");
        }
    }
    match decisions {
        [Some(sender), Some(_)] => sender,
        _ => panic!("seed {seed}: undecided after a minute: {:?}", world.ends),
    }
}

#[test]
fn both_ends_choose_the_same_in_every_order() {
    let mut chosen = [0, 0];
    for seed in 0..3000 {
        chosen[usize::from(check(seed) == Transport::GoBackN)] += 1;
    }
    // Both outcomes are common, or the worlds prove nothing.
    assert!(chosen.iter().all(|count| *count > 300), "{chosen:?}");
}
