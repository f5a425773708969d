//! The Internet core: carries packets between the sites' TUN devices, late and with losses.
//!
//! A star with one thread in the middle. Each packet is looked at once, for its destination, and
//! leaves a fixed time later; which site an address belongs to is told by its prefix (/24, /48).
//! There is no rate and no reordering: tests of those need another emulator.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longest packet carried, in bytes: the MTU of the devices.
pub(super) const MTU: usize = 1500;

/// Packets on their way at most. At 100 ms one way this is beyond 4 Gbit/s, which no test reaches; a
/// full core drops, as routers do.
const PACKETS_LIMIT: usize = 32_768;

/// Packets taken from one device before the next has its turn.
const BATCH: usize = 64;

/// Shortest time between two rounds while there is traffic: packets leave in small trains, up to half
/// of this early or late, and a round costs a wake-up.
const TICK: Duration = Duration::from_micros(200);

/// Longest wait in a round, so that the end is noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// How the core treats packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// Round-trip time between any two sites.
    pub(crate) round_trip: Duration,
    /// Share of the packets that are lost, each way and each by itself.
    pub(crate) loss: f64,
    /// Which packets these are.
    pub(crate) seed: u64,
}

impl Default for Line {
    /// 100 ms and no loss.
    fn default() -> Self {
        Self {
            round_trip: Duration::from_millis(100),
            loss: 0.0,
            seed: 1,
        }
    }
}

/// The prefix that is one site's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Prefix {
    /// The first 24 bits.
    V4([u8; 3]),
    /// The first 48 bits.
    V6([u16; 3]),
}

impl Prefix {
    pub(super) const fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, third, _] = address.octets();
        Self::V4([first, second, third])
    }

    pub(super) const fn of_v6(address: Ipv6Addr) -> Self {
        let [first, second, third, ..] = address.segments();
        Self::V6([first, second, third])
    }

    /// That of a packet's destination; `None` for what is neither IPv4 nor IPv6.
    fn of_destination(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => {
                let address: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
                Some(Self::of_v4(address.into()))
            }
            6 => {
                let address: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
                Some(Self::of_v6(address.into()))
            }
            _ => None,
        }
    }
}

/// What the core did with packets.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Handed over.
    pub(crate) carried: AtomicU64,
    /// Lost on purpose.
    pub(crate) lost: AtomicU64,
    /// Dropped for want of room.
    pub(crate) dropped: AtomicU64,
    /// Handed over more than a millisecond after their time: the machine was busy.
    pub(crate) late: AtomicU64,
}

/// The running core; it ends with this value, and the devices with it.
#[derive(Debug)]
pub(super) struct Internet {
    stop: Arc<AtomicBool>,
    traffic: Arc<Traffic>,
    thread: Option<JoinHandle<()>>,
}

impl Internet {
    /// Joins the sites, each a device and the prefixes behind it.
    pub(super) fn start(line: Line, sites: Vec<(File, Vec<Prefix>)>) -> Result<Self> {
        let mut devices = Vec::new();
        let mut routes = BTreeMap::new();
        for (index, (device, prefixes)) in sites.into_iter().enumerate() {
            devices.push(device);
            routes.extend(prefixes.into_iter().map(|prefix| (prefix, index)));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let traffic = Arc::new(Traffic::default());
        let core = Core {
            line,
            devices,
            routes,
            rng: ChaCha8Rng::seed_from_u64(line.seed),
            under_way: BinaryHeap::new(),
            spare: Vec::new(),
            admitted: 0,
            stop: Arc::clone(&stop),
            traffic: Arc::clone(&traffic),
        };
        let thread = std::thread::Builder::new()
            .name("internet".to_owned())
            .spawn(move || core.run())?;
        Ok(Self {
            stop,
            traffic,
            thread: Some(thread),
        })
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed, and has failed whatever was being measured.
            let _ = thread.join();
        }
    }
}

/// A packet, ordered by when it is due and then by when it came.
type UnderWay = Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Core {
    line: Line,
    devices: Vec<File>,
    routes: BTreeMap<Prefix, usize>,
    rng: ChaCha8Rng,
    under_way: BinaryHeap<UnderWay>,
    /// Buffers to use again.
    spare: Vec<Vec<u8>>,
    admitted: u64,
    stop: Arc<AtomicBool>,
    traffic: Arc<Traffic>,
}

impl Core {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let taken = self.take_in();
            let handed = self.hand_over(Instant::now() + TICK / 2);
            if taken || handed {
                wait(&mut [], TICK);
                continue;
            }
            let due = self.under_way.peek().map(|Reverse((due, ..))| *due);
            let left = due.map_or(LONGEST_WAIT, |due| due - Instant::now().min(due));
            let mut ready: Vec<PollFd<'_>> = self
                .devices
                .iter()
                .map(|device| PollFd::new(device, PollFlags::IN))
                .collect();
            wait(&mut ready, left.clamp(TICK / 2, LONGEST_WAIT));
        }
    }

    /// Takes what the sites have sent; whether there was anything.
    fn take_in(&mut self) -> bool {
        let now = Instant::now();
        let due = now + self.line.round_trip / 2;
        let mut any = false;
        for index in 0..self.devices.len() {
            for _ in 0..BATCH {
                let mut packet = self.spare.pop().unwrap_or_default();
                packet.resize(MTU, 0);
                // An error means that nothing waits, or that the device is down for the moment.
                let Ok(length) = (&self.devices[index]).read(&mut packet) else {
                    self.spare.push(packet);
                    break;
                };
                packet.truncate(length);
                any = true;
                self.admit(due, packet);
            }
        }
        any
    }

    fn admit(&mut self, due: Instant, packet: Vec<u8>) {
        let route = Prefix::of_destination(&packet).and_then(|prefix| self.routes.get(&prefix));
        let Some(&to) = route else {
            // Multicast, and addresses that are nobody's.
            self.spare.push(packet);
            return;
        };
        if self.line.loss > 0.0 && self.rng.gen_bool(self.line.loss) {
            self.traffic.lost.fetch_add(1, Ordering::Relaxed);
            self.spare.push(packet);
        } else if self.under_way.len() >= PACKETS_LIMIT {
            self.traffic.dropped.fetch_add(1, Ordering::Relaxed);
            self.spare.push(packet);
        } else {
            self.admitted += 1;
            self.under_way
                .push(Reverse((due, self.admitted, to, packet)));
        }
    }

    /// Hands over what is due by `until`; whether there was anything.
    fn hand_over(&mut self, until: Instant) -> bool {
        let mut any = false;
        while let Some(Reverse((due, ..))) = self.under_way.peek() {
            if *due > until {
                break;
            }
            let Some(Reverse((due, _, to, packet))) = self.under_way.pop() else {
                break;
            };
            any = true;
            if (&self.devices[to]).write(&packet).is_ok() {
                self.traffic.carried.fetch_add(1, Ordering::Relaxed);
            }
            if due.elapsed() > Duration::from_millis(1) {
                self.traffic.late.fetch_add(1, Ordering::Relaxed);
            }
            self.spare.push(packet);
        }
        any
    }
}

/// Waits until one of these is ready, or for that long.
fn wait(ready: &mut [PollFd<'_>], longest: Duration) {
    let longest = Timespec::try_from(longest).ok();
    // A signal in between makes a round more, which does no harm.
    let _ = poll(ready, longest.as_ref());
}
