use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CloseReason, Codepoint, Config, Connection, Event, Handled, Keys};
use crate::Role;
use crate::pairing::Cipher;

const ROOTS: ([u8; 32], [u8; 32]) = ([1; 32], [2; 32]);

#[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn config(role: Role, cipher: Cipher) -> Config {
    Config::new(Keys::from_roots(ROOTS.0, ROOTS.1, role, cipher))
}

/// Decides the fate of a datagram: from which end, the how-manieth of its, and its bytes.
type Fate = Box<dyn FnMut(usize, u64, &mut Vec<u8>) -> bool>;

/// Two ends and a line between them.
struct Pair {
    ends: [Connection; 2],
    now: Instant,
    delay: Duration,
    line: VecDeque<(Instant, usize, Vec<u8>)>,
    counts: [u64; 2],
    passes: Fate,
    /// How late a datagram is, by its number.
    late: Box<dyn FnMut(u64) -> Duration>,
    events: [Vec<Event>; 2],
    received: [Vec<u8>; 2],
    reads: bool,
}

impl Pair {
    fn new() -> Self {
        Self::with(Cipher::Aes128Gcm)
    }

    fn with(cipher: Cipher) -> Self {
        let now = epoch();
        Self {
            ends: [
                Connection::new(config(Role::Sender, cipher), [3; 32], now),
                Connection::new(config(Role::Receiver, cipher), [4; 32], now),
            ],
            now,
            delay: Duration::from_millis(10),
            line: VecDeque::new(),
            counts: [0; 2],
            passes: Box::new(|_, _, _| true),
            late: Box::new(|_| Duration::ZERO),
            events: [Vec::new(), Vec::new()],
            received: [Vec::new(), Vec::new()],
            reads: true,
        }
    }

    fn connected() -> Self {
        let mut pair = Self::new();
        pair.run_for(Duration::from_millis(200));
        for events in &mut pair.events {
            assert_eq!(std::mem::take(events), [Event::Connected]);
        }
        pair
    }

    fn drain(&mut self) {
        for from in [0, 1] {
            let end = &mut self.ends[from];
            let mut buffer = Vec::new();
            while let Some(transmit) = end.poll_transmit(self.now, 16, &mut buffer) {
                assert_eq!(transmit.size, buffer.len());
                let each = transmit.segment_size.unwrap_or(transmit.size);
                for datagram in buffer.chunks(each) {
                    let mut datagram = datagram.to_vec();
                    self.counts[from] += 1;
                    if (self.passes)(from, self.counts[from], &mut datagram) {
                        let at = self.now + self.delay + (self.late)(self.counts[from]);
                        let after = self.line.partition_point(|(other, _, _)| *other <= at);
                        self.line.insert(after, (at, 1 - from, datagram));
                    }
                }
                buffer.clear();
            }
            while let Some(event) = end.poll_event() {
                self.events[from].push(event);
            }
            if self.reads {
                while let Some(bytes) = end.read(100_000) {
                    self.received[from].extend_from_slice(&bytes);
                }
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        let mut idle = 0;
        loop {
            self.drain();
            self.drain();
            let next = self.line.front().map(|(at, _, _)| *at);
            let timers = self.ends.iter().filter_map(Connection::poll_timeout);
            let Some(next) = timers.chain(next).min().filter(|&next| next <= end) else {
                break;
            };
            idle = if next > self.now { 0 } else { idle + 1 };
            assert!(idle < 10_000, "time stands still");
            self.now = self.now.max(next);
            while let Some((at, to, _)) = self.line.front()
                && *at <= self.now
            {
                let to = *to;
                if let Some((_, _, mut datagram)) = self.line.pop_front() {
                    self.ends[to].handle_datagram(self.now, &mut datagram, Codepoint::NotEct);
                }
            }
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
        }
        self.now = end;
    }

    /// Sends bytes from one end to the other and the end of the stream after them.
    fn send(&mut self, from: usize, bytes: &[u8]) {
        let written = self.ends[from].write(Bytes::copy_from_slice(bytes));
        assert_eq!(written, Ok(bytes.len()));
        self.ends[from].finish();
    }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn both_ciphers_carry_data_both_ways() {
    for cipher in [Cipher::Aes128Gcm, Cipher::ChaCha20Poly1305] {
        let mut pair = Pair::with(cipher);
        let data = [pattern(300_000), pattern(77)];
        for from in [0, 1] {
            pair.send(from, &data[from]);
        }
        pair.run_for(Duration::from_secs(2));
        for end in [0, 1] {
            assert_eq!(pair.received[end].len(), data[1 - end].len());
            assert!(pair.received[end] == data[1 - end]);
            assert!(pair.ends[end].is_read_to_end());
            for event in [Event::Connected, Event::PeerFinished, Event::Delivered] {
                assert!(pair.events[end].contains(&event), "{event:?}");
            }
        }
        assert_eq!(pair.ends[0].statistics().lost, 0);
        assert_eq!(pair.ends[0].mtu(), 1472);
    }
}

#[test]
fn what_is_lost_is_sent_again_and_nothing_else() {
    let mut pair = Pair::connected();
    pair.passes = Box::new(|_, count, _| count % 17 != 0);
    let data = pattern(2_000_000);
    pair.send(0, &data);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.received[1] == data);
    assert!(pair.events[0].contains(&Event::Delivered));
    let statistics = pair.ends[0].statistics();
    assert!(statistics.lost > 50);
    assert!(
        statistics.repeated_bytes <= (statistics.lost + 2 * statistics.probes) * 1472,
        "{statistics:?}"
    );
}

#[test]
fn a_goodbye_is_heard_and_answered() {
    let mut pair = Pair::connected();
    let now = pair.now;
    pair.ends[0].close(now, 7);
    pair.run_for(Duration::from_millis(30));
    assert_eq!(pair.events[1], [Event::Closed(CloseReason::Peer(7))]);
    assert!(pair.ends[0].is_drained());
    pair.run_for(Duration::from_secs(3));
    assert!(pair.ends[1].is_drained());
    assert!(pair.events[0].is_empty());
}

#[test]
fn what_was_replayed_reflected_or_forged_changes_nothing() {
    let mut pair = Pair::connected();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let kept = std::rc::Rc::clone(&seen);
    pair.passes = Box::new(move |from, _, datagram| {
        kept.borrow_mut().push((from, datagram.clone()));
        true
    });
    pair.send(0, &pattern(50_000));
    pair.run_for(Duration::from_secs(1));
    for (from, datagram) in seen.borrow().iter() {
        for to in [0, 1] {
            let mut copy = datagram.clone();
            if from == &to {
                copy[3] ^= 1;
            }
            let handled = pair.ends[to].handle_datagram(pair.now, &mut copy, Codepoint::NotEct);
            assert_eq!(handled, Handled::Ignored);
        }
    }
}

#[test]
fn a_lost_acknowledgement_is_repaired_by_the_next() {
    let mut pair = Pair::connected();
    let lost = std::rc::Rc::new(std::cell::Cell::new(0));
    let counter = std::rc::Rc::clone(&lost);
    pair.passes = Box::new(move |from, count, _| {
        let passes = from == 0 || count % 2 == 0;
        counter.set(counter.get() + u32::from(!passes));
        passes
    });
    let data = pattern(3_000_000);
    pair.send(0, &data);
    pair.run_for(Duration::from_secs(5));
    assert!(pair.received[1] == data);
    assert!(lost.get() > 50);
    let statistics = pair.ends[0].statistics();
    assert_eq!(statistics.lost, 0);
    // Where the very last one was lost.
    assert!(statistics.repeated_bytes <= 2 * 1472);
}

#[test]
fn what_waits_behind_a_hole_is_not_unsent() {
    let mut pair = Pair::connected();
    let hole = pair.counts[0] + 1;
    pair.passes = Box::new(move |from, count, _| from != 0 || count != hole);
    let data = pattern(8000);
    pair.send(0, &data);
    assert_eq!(pair.ends[0].unsent(), 8000);
    // All else has arrived and is acknowledged; what fills the hole is on its way.
    pair.run_for(Duration::from_millis(25));
    assert!(pair.received[1].is_empty());
    assert_eq!(pair.ends[0].statistics().lost, 1);
    assert_eq!(pair.ends[0].unsent(), 0);
    pair.run_for(Duration::from_millis(100));
    assert!(pair.received[1] == data);
}

#[test]
fn a_lost_last_packet_is_found_out_by_a_probe() {
    let mut pair = Pair::connected();
    let last = pair.counts[0] + 1;
    pair.passes = Box::new(move |from, count, _| from != 0 || count != last);
    pair.send(0, &pattern(100));
    let before = pair.now;
    pair.run_for(Duration::from_millis(200));
    assert_eq!(pair.received[1], pattern(100));
    assert_eq!(pair.ends[0].statistics().probes, 1);
    assert!(pair.now - before <= Duration::from_millis(200));
}

#[test]
fn packets_that_overtake_one_another_are_not_sent_again_for_long() {
    let mut pair = Pair::connected();
    // Every fifth is 3 ms late, with 20 ms of round trip: within a quarter of it.
    pair.late = Box::new(|count| {
        if count % 5 == 0 {
            Duration::from_millis(3)
        } else {
            Duration::ZERO
        }
    });
    let data = pattern(6_000_000);
    pair.send(0, &data);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.received[1] == data);
    let statistics = pair.ends[0].statistics();
    assert!(statistics.late > 0, "{statistics:?}");
    // Of 4,200 packets.
    assert!(statistics.lost < 50, "{statistics:?}");
}

#[test]
fn a_reader_that_stops_stops_the_writer_and_both_go_on() {
    let mut pair = Pair::connected();
    pair.reads = false;
    let data = pattern(20 << 20);
    let first = pair.ends[0].write(Bytes::from(data.clone())).unwrap();
    assert!(first < data.len());
    pair.run_for(Duration::from_secs(30));
    // What is kept for the reader is bounded, and so is what waits.
    let held = pair.ends[1].statistics().held_bytes;
    assert!((13 << 20..=(13 << 20) + 65_536).contains(&held), "{held}");
    let more = pair.ends[0]
        .write(Bytes::from(data[first..].to_vec()))
        .unwrap();
    assert_eq!(first + more, data.len());
    pair.ends[0].finish();
    pair.run_for(Duration::from_secs(30));
    assert_eq!(pair.ends[0].statistics().in_flight, 0);
    // The word of new room is lost, and found out by a probe.
    let counts = pair.counts[1];
    pair.passes = Box::new(move |from, count, _| from == 0 || count > counts + 3);
    pair.reads = true;
    pair.run_for(Duration::from_secs(10));
    assert!(pair.received[1] == data);
    assert!(pair.events[0].contains(&Event::Delivered));
}

#[test]
fn a_black_hole_in_mid_connection_is_survived() {
    let mut pair = Pair::connected();
    assert_eq!(pair.ends[0].mtu(), 1472);
    let data = pattern(5_000_000);
    pair.send(0, &data);
    pair.run_for(Duration::from_millis(60));
    pair.passes = Box::new(|_, _, datagram| datagram.len() <= 1000);
    pair.run_for(Duration::from_secs(10));
    assert!(pair.received[1] == data);
    let mtu = pair.ends[0].mtu();
    assert!((976..=1000).contains(&mtu), "{mtu}");
    assert_eq!(pair.ends[0].statistics().black_holes, 1);
}

#[test]
fn an_optimistic_receiver_is_caught() {
    let mut pair = Pair::connected();
    let next = pair.ends[0].sent.next_number();
    pair.passes = Box::new(|from, _, _| from != 0);
    pair.send(0, &pattern(1000));
    pair.run_for(Duration::from_millis(1));
    // It says that it has what it never saw.
    let now = pair.now;
    pair.ends[1].arrivals.insert(now, next, 12_345, 0);
    pair.ends[1].arrivals.schedule(now, true, true);
    pair.run_for(Duration::from_millis(50));
    assert_eq!(pair.events[0], [Event::Closed(CloseReason::Optimistic)]);
}

#[test]
fn a_receiver_that_acknowledges_what_was_never_sent_is_caught() {
    let mut pair = Pair::connected();
    let now = pair.now;
    pair.ends[1].arrivals.insert(now, 1 << 40, 0, 0);
    pair.ends[1].arrivals.schedule(now, true, true);
    pair.run_for(Duration::from_millis(50));
    assert_eq!(pair.events[0], [Event::Closed(CloseReason::Optimistic)]);
}

#[test]
fn a_peer_that_never_was_there_is_given_up() {
    let mut pair = Pair::new();
    let now = pair.now;
    let timeout = Some(Duration::from_secs(3));
    let patient = Config {
        connect_timeout: timeout,
        ..config(Role::Sender, Cipher::Aes128Gcm)
    };
    pair.ends[0] = Connection::new(patient, [9; 32], now);
    pair.passes = Box::new(|_, _, _| false);
    pair.run_for(Duration::from_secs(4));
    assert_eq!(pair.events[0], [Event::Closed(CloseReason::NoAnswer)]);
    assert!(pair.ends[0].is_drained());
    // At 0.1, 0.2, 0.4, 0.8 and then 1 second.
    assert!((5..=7).contains(&pair.counts[0]), "{}", pair.counts[0]);
}

#[test]
fn an_answer_is_no_longer_than_what_it_answers_and_comes_once() {
    for seed in 0..50 {
        let now = epoch();
        let mut one = Connection::new(config(Role::Sender, Cipher::Aes128Gcm), [seed; 32], now);
        let mut other = Connection::new(config(Role::Receiver, Cipher::Aes128Gcm), [99; 32], now);
        let (mut said, mut answered) = (Vec::new(), Vec::new());
        one.poll_transmit(now, 1, &mut said).unwrap();
        other.poll_transmit(now, 1, &mut Vec::new()).unwrap();
        assert_eq!(other.poll_transmit(now, 1, &mut answered), None);
        assert_eq!(
            other.handle_datagram(now, &mut said.clone(), Codepoint::NotEct),
            Handled::Accepted
        );
        let answer = other.poll_transmit(now, 1, &mut answered).unwrap();
        assert!(answer.size <= said.len());
        assert_eq!(other.poll_event(), None, "it may be old");
        assert_eq!(
            other.handle_datagram(now, &mut said.clone(), Codepoint::NotEct),
            Handled::Ignored
        );
        assert_eq!(other.poll_transmit(now, 1, &mut answered), None);
    }
}

#[test]
fn first_packets_of_another_connection_lead_nowhere() {
    let mut old = Pair::new();
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let kept = std::rc::Rc::clone(&seen);
    old.passes = Box::new(move |from, _, datagram| {
        kept.borrow_mut().push((from, datagram.clone()));
        true
    });
    old.run_for(Duration::from_secs(1));
    // The same pairing, and the same peer's words said again to an end that is new.
    let now = old.now;
    let mut new = Connection::new(config(Role::Receiver, Cipher::Aes128Gcm), [77; 32], now);
    let mut buffer = Vec::new();
    for (_, datagram) in seen.borrow().iter().filter(|(from, _)| *from == 0) {
        new.handle_datagram(now, &mut datagram.clone(), Codepoint::NotEct);
        while new.poll_transmit(now, 1, &mut buffer).is_some() {}
        assert_eq!(new.poll_event(), None);
        assert!(new.opener.is_none());
    }
}

#[test]
fn on_another_path_it_goes_on_at_once() {
    let mut pair = Pair::connected();
    pair.send(0, &pattern(4_000_000));
    pair.run_for(Duration::from_millis(50));
    pair.passes = Box::new(|_, _, _| false);
    pair.run_for(Duration::from_secs(20));
    let got = pair.received[1].len();
    pair.passes = Box::new(|_, _, _| true);
    let now = pair.now;
    for end in &mut pair.ends {
        end.path_changed(now);
    }
    pair.run_for(Duration::from_millis(21));
    assert!(pair.received[1].len() > got || pair.ends[1].statistics().held_bytes > 0);
    pair.run_for(Duration::from_secs(5));
    assert!(pair.received[1] == pattern(4_000_000));
}

#[test]
fn an_idle_connection_keeps_itself_alive() {
    let mut pair = Pair::new();
    let now = pair.now;
    for (end, role) in pair.ends.iter_mut().zip([Role::Sender, Role::Receiver]) {
        let config = Config {
            keep_alive: Some(Duration::from_secs(4)),
            idle_timeout: Some(Duration::from_secs(10)),
            ..config(role, Cipher::Aes128Gcm)
        };
        *end = Connection::new(config, [role as u8; 32], now);
    }
    pair.run_for(Duration::from_secs(600));
    assert_eq!(pair.events, [[Event::Connected], [Event::Connected]]);
    let each = pair.counts[0];
    // One every four seconds and an answer to each of the peer's.
    assert!((200..400).contains(&each), "{each}");
    pair.passes = Box::new(|_, _, _| false);
    pair.run_for(Duration::from_secs(15));
    for events in &pair.events {
        assert_eq!(events.last(), Some(&Event::Closed(CloseReason::Silent)));
    }
}

#[test]
fn nothing_is_written_after_the_end() {
    let mut pair = Pair::connected();
    pair.ends[0].finish();
    let more = pair.ends[0].write(Bytes::from_static(b"more"));
    assert_eq!(more, Err(super::WriteError::Finished));
    pair.run_for(Duration::from_secs(1));
    assert_eq!(pair.events[0], [Event::Delivered]);
    assert_eq!(pair.events[1], [Event::PeerFinished]);
    let now = pair.now;
    pair.ends[1].close(now, 0);
    let more = pair.ends[1].write(Bytes::from_static(b"more"));
    assert_eq!(more, Err(super::WriteError::Closed));
}
