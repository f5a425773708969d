//! Two ends, two lines between them, and what must hold at every step.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::gbn::{CloseReason, Codepoint, Config, Connection, Event, Handled, Keys};
use fardrop_shared::limits::{GBN_RECEIVE_WINDOW, GBN_SEND_BUFFER};
use fardrop_shared::pairing::Cipher;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::line::{Conditions, Line};

/// What may leave whatever the window says, in bytes: a single datagram, to find out something.
const BESIDE_WINDOW: u64 = 8972;

/// Entries that the records of one end may have: 60,000 packets sent, 8,192 pieces of runs received, and as
/// many parts of the stream to say again as packets.
const MOST_ENTRIES: usize = 2 * 60_000 + 8192;

/// Memory that one end may take, in bytes, and what of it is the congestion controller's.
const MOST_MEMORY: u64 = 32 << 20;
const CONTROLLER_BYTES: u64 = 512 << 10;

/// Datagrams kept to be replayed.
const KEPT: usize = 64;

/// What one end has to do, and has done.
pub(crate) struct End {
    pub(crate) connection: Connection,
    pub(crate) config: Config,
    /// Its clock is ahead of the world's by so much.
    pub(crate) ahead: Duration,
    /// Bytes that it sends in all.
    pub(crate) to_send: u64,
    pub(crate) written: u64,
    /// Bytes that it has read.
    pub(crate) read: u64,
    /// Reads nothing until then.
    pub(crate) stalled_until: Option<Instant>,
    /// How much it reads at once.
    pub(crate) read_limit: usize,
    pub(crate) events: Vec<Event>,
    /// Told of so far.
    pub(crate) closed: Option<CloseReason>,
    finished: bool,
    wake_at: Option<Instant>,
}

impl End {
    pub(crate) fn is_done(&self) -> bool {
        self.events.contains(&Event::Delivered) && self.connection.is_read_to_end()
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrival(usize, Codepoint, Vec<u8>),
    Wake(usize),
}

/// The world.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) ends: [End; 2],
    /// From each end to the other.
    pub(crate) lines: [Line; 2],
    pub(crate) rng: ChaCha8Rng,
    happenings: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    counter: u64,
    /// Datagrams that each end has sent as ECT(0).
    pub(crate) capable: [u64; 2],
    /// Datagrams that were sent, by which end.
    pub(crate) kept: Vec<(usize, Vec<u8>)>,
    /// One of the ends that is not there yet.
    pub(crate) absent: Option<usize>,
    /// How often a datagram that is none is thrown in.
    pub(crate) meddling: f64,
    /// Where every datagram sent goes as well.
    pub(crate) capture: Option<Vec<(usize, Vec<u8>)>>,
    pub(crate) batch: usize,
    buffer: Vec<u8>,
}

impl World {
    pub(crate) fn new(seed: u64, conditions: [Conditions; 2]) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let now = Instant::now() + Duration::from_secs(1000);
        let mut roots = [[0; 32]; 2];
        for root in &mut roots {
            rng.fill_bytes(root);
        }
        let cipher = if rng.gen_bool(0.5) {
            Cipher::Aes128Gcm
        } else {
            Cipher::ChaCha20Poly1305
        };
        let mut end = |role| {
            let config = Config::new(Keys::from_roots(roots[0], roots[1], role, cipher));
            End {
                connection: Connection::new(config.clone(), rng.r#gen(), now),
                config,
                ahead: Duration::ZERO,
                to_send: 0,
                written: 0,
                read: 0,
                stalled_until: None,
                read_limit: 1 << 20,
                events: Vec::new(),
                closed: None,
                finished: false,
                wake_at: None,
            }
        };
        let ends = [end(Role::Sender), end(Role::Receiver)];
        Self {
            now,
            ends,
            lines: conditions.map(|conditions| Line::new(now, conditions)),
            rng,
            happenings: BinaryHeap::new(),
            counter: 0,
            capable: [0; 2],
            kept: Vec::new(),
            absent: None,
            meddling: 0.0,
            capture: None,
            batch: 16,
            buffer: Vec::new(),
        }
    }

    /// Makes one end anew, as after a crash: same pairing, fresh seed.
    pub(crate) fn restart(&mut self, which: usize, config: Config) {
        self.begin(which, config);
        self.step(which);
    }

    fn begin(&mut self, which: usize, config: Config) {
        let now = self.local(which);
        let end = &mut self.ends[which];
        end.config = config.clone();
        end.connection = Connection::new(config, self.rng.r#gen(), now);
        end.written = 0;
        end.read = 0;
        end.events.clear();
        end.closed = None;
        end.finished = false;
    }

    /// Changes what one end begins with, before it has begun.
    pub(crate) fn configure(&mut self, which: usize, change: impl FnOnce(&mut Config)) {
        let mut config = self.ends[which].config.clone();
        change(&mut config);
        self.begin(which, config);
    }

    /// What an end's clock shows.
    pub(crate) fn local(&self, which: usize) -> Instant {
        self.now + self.ends[which].ahead
    }

    /// Lets time pass until `done` or the time is up. Whether it was done.
    pub(crate) fn run(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + time;
        for which in [0, 1] {
            self.step(which);
        }
        while !done(self) {
            let Some(Reverse((at, _, _))) = self.happenings.peek() else {
                break;
            };
            if *at > until {
                break;
            }
            let Some(Reverse((at, _, happening))) = self.happenings.pop() else {
                break;
            };
            self.now = self.now.max(at);
            match happening {
                Happening::Arrival(which, ..) if self.absent == Some(which) => {}
                Happening::Arrival(which, codepoint, mut datagram) => {
                    let now = self.local(which);
                    let connection = &mut self.ends[which].connection;
                    connection.handle_datagram(now, &mut datagram, codepoint);
                    self.step(which);
                }
                Happening::Wake(which) => {
                    if self.ends[which].wake_at.is_some_and(|at| at <= self.now) {
                        self.ends[which].wake_at = None;
                        self.step(which);
                    }
                }
            }
        }
        if done(self) {
            return true;
        }
        self.now = self.now.max(until);
        false
    }

    /// Does all that an end can do now.
    pub(crate) fn step(&mut self, which: usize) {
        if self.absent == Some(which) {
            return;
        }
        let now = self.local(which);
        self.ends[which].connection.handle_timeout(now);
        let mut busy = true;
        while busy {
            busy = self.use_stream(which);
            busy |= self.transmit(which);
        }
        if self.meddling > 0.0 && self.rng.gen_bool(self.meddling) {
            self.meddle(which);
        }
        let end = &mut self.ends[which];
        let timer = end.connection.poll_timeout();
        let timer = timer.map(|at| at.checked_sub(end.ahead).unwrap_or(self.now).max(self.now));
        let stall = end.stalled_until.filter(|&at| at > self.now);
        if let Some(at) = timer.into_iter().chain(stall).min() {
            // A timer that has not done anything must not stop the world.
            let at = at.max(self.now + Duration::from_micros(1));
            if end
                .wake_at
                .is_none_or(|known| known > at || known < self.now)
            {
                end.wake_at = Some(at);
                self.schedule(at, Happening::Wake(which));
            }
        }
        self.check(which);
    }

    /// Writes and reads what can be written and read.
    fn use_stream(&mut self, which: usize) -> bool {
        let now = self.now;
        let peer_written = self.ends[1 - which].written;
        let end = &mut self.ends[which];
        let mut busy = false;
        while end.closed.is_none() && end.written < end.to_send {
            let room = end.connection.writable() as u64;
            let length = room.min(end.to_send - end.written).min(70_000);
            if length == 0 {
                break;
            }
            let bytes: Bytes = (end.written..end.written + length).map(byte).collect();
            let taken = end.connection.write(bytes).unwrap() as u64;
            assert_eq!(taken, length, "there was room");
            end.written += taken;
            busy = true;
        }
        if end.written == end.to_send && !end.finished {
            end.finished = true;
            end.connection.finish();
            busy = true;
        }
        if end.stalled_until.is_none_or(|until| until <= now) {
            while let Some(bytes) = end.connection.read(end.read_limit) {
                assert!(!bytes.is_empty() && bytes.len() <= end.read_limit);
                let expected = end.read..end.read + bytes.len() as u64;
                assert!(expected.end <= peer_written, "nobody wrote so much");
                assert!(
                    bytes.iter().copied().eq(expected.clone().map(byte)),
                    "not what was written"
                );
                end.read = expected.end;
                busy = true;
            }
        }
        while let Some(event) = end.connection.poll_event() {
            if let Event::Closed(reason) = event {
                assert_eq!(end.closed, None);
                end.closed = Some(reason);
            }
            end.events.push(event);
            busy = true;
        }
        busy
    }

    fn transmit(&mut self, which: usize) -> bool {
        let now = self.local(which);
        let mut any = false;
        for rounds in 0.. {
            assert!(rounds < 20_000, "it never stops");
            let connection = &mut self.ends[which].connection;
            let before = connection.statistics();
            self.buffer.clear();
            let Some(transmit) = connection.poll_transmit(now, self.batch, &mut self.buffer) else {
                return any;
            };
            any = true;
            let after = connection.statistics();
            let grown = after.in_flight.saturating_sub(before.in_flight);
            let room = before.window.saturating_sub(before.in_flight);
            assert!(
                grown <= room.max(BESIDE_WINDOW),
                "beyond the window: {before:?} {after:?}"
            );
            assert_eq!(transmit.size, self.buffer.len());
            let each = transmit.segment_size.unwrap_or(transmit.size);
            assert!(each > 0 && transmit.size.div_ceil(each) <= self.batch);
            let buffer = std::mem::take(&mut self.buffer);
            for datagram in buffer.chunks(each) {
                self.send(which, datagram, transmit.codepoint);
            }
            self.buffer = buffer;
        }
        any
    }

    fn send(&mut self, which: usize, datagram: &[u8], codepoint: Codepoint) {
        assert!(datagram.len() <= usize::from(self.ends[which].config.max_mtu));
        if let Some(capture) = &mut self.capture {
            capture.push((which, datagram.to_vec()));
        }
        if self.meddling > 0.0 {
            if self.kept.len() == KEPT {
                let at = self.rng.gen_range(0..KEPT);
                self.kept.swap_remove(at);
            }
            self.kept.push((which, datagram.to_vec()));
        }
        self.capable[which] += u64::from(codepoint == Codepoint::Ect0);
        let line = &mut self.lines[which];
        for (at, codepoint, datagram) in line.carry(self.now, &mut self.rng, datagram, codepoint) {
            self.schedule(at, Happening::Arrival(1 - which, codepoint, datagram));
        }
    }

    /// Throws in what is none of the peer's: it must change nothing.
    fn meddle(&mut self, which: usize) {
        let mut datagram = match self.rng.gen_range(0..4) {
            0 => {
                let mut garbage = vec![0; self.rng.gen_range(0..1500)];
                self.rng.fill_bytes(&mut garbage);
                garbage
            }
            kind => {
                let Some(at) = self.kept.len().checked_sub(1) else {
                    return;
                };
                let (from, mut datagram) = self.kept[self.rng.gen_range(0..=at)].clone();
                if from != which {
                    if kind == 1 {
                        datagram.truncate(self.rng.gen_range(0..datagram.len()));
                    } else {
                        let at = self.rng.gen_range(0..datagram.len());
                        datagram[at] ^= 1 << self.rng.gen_range(0..8);
                    }
                }
                datagram
            }
        };
        let now = self.local(which);
        let connection = &mut self.ends[which].connection;
        let before = format!("{connection:?}");
        let ignored = connection.statistics().ignored;
        let handled = connection.handle_datagram(now, &mut datagram, Codepoint::Ce);
        assert_eq!(handled, Handled::Ignored);
        let after = format!("{connection:?}");
        let same = after.replace(
            &format!("ignored: {}", ignored + 1),
            &format!("ignored: {ignored}"),
        );
        assert_eq!(
            before, same,
            "what is none of the peer's has changed something"
        );
    }

    fn check(&self, which: usize) {
        let statistics = self.ends[which].connection.statistics();
        assert!(
            statistics.held_bytes <= GBN_RECEIVE_WINDOW + GBN_SEND_BUFFER + 2 * 65_536,
            "{statistics:?}"
        );
        assert!(statistics.entries <= MOST_ENTRIES, "{statistics:?}");
        let memory = statistics.held_bytes + statistics.records_bytes as u64 + CONTROLLER_BYTES;
        assert!(memory <= MOST_MEMORY, "{memory}: {statistics:?}");
    }

    fn schedule(&mut self, at: Instant, happening: Happening) {
        self.counter += 1;
        self.happenings.push(Reverse((at, self.counter, happening)));
    }
}

/// The byte of everybody's stream at an offset.
pub(crate) fn byte(offset: u64) -> u8 {
    (offset ^ offset >> 8 ^ offset >> 15) as u8
}
