use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{CloseReason, Config, Connection, Event, Handled, Keys};
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
                        self.line
                            .push_back((self.now + self.delay, 1 - from, datagram));
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
                    self.ends[to].handle_datagram(self.now, &mut datagram);
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
            let handled = pair.ends[to].handle_datagram(pair.now, &mut copy);
            assert_eq!(handled, Handled::Ignored);
        }
    }
}
