//! How much one network may ask.

use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::limits::MAX_RECEIVERS_PER_LOCATOR;
use hmac::{Hmac, Mac};
use rand::{CryptoRng, RngCore};
use sha2::Sha256;

use crate::network::{Network, Width};

/// A rate with some room for bursts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Sustained, a second.
    pub per_second: u32,
    /// At once, after a rest.
    pub burst: u32,
}

/// How much one server takes. Local to it, and not of the protocol: whatever a client is refused here, it
/// asks for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Parties held, senders and receivers together. A party takes at most about 2.5 kB.
    pub parties: usize,
    /// Receivers at one locator.
    pub receivers: usize,
    /// Receivers at one locator from one site, an IPv4 /24 or an IPv6 /48: three in four, so that nobody keeps the
    /// others out alone.
    pub receivers_in_one_network: usize,
    /// Unproved datagrams from one network: hellos, first packets of QUIC, requests in unknown versions. Apart from the
    /// others, so that forged sources cannot use up what their owners need.
    pub hellos: Rate,
    /// TCP connections from one network that are given their line.
    pub tcp_checks: Rate,
    /// Questions from one network; twice as many if half of them are proved to come from there. By these
    /// alone, trying out all numbers of three digits takes a minute and a half.
    pub questions: Rate,
    /// Announcements from one network, their sources proved. Each costs as much as the datagrams that it
    /// makes the server send, and one at least.
    pub announcements: Rate,
    /// New parties from one network, so that it takes many networks to fill the table.
    pub parties_begun: Rate,
}

impl Default for Bounds {
    /// What fits a small machine: under 64 MiB with a full table of the longest payloads.
    fn default() -> Self {
        Self {
            parties: 16_384,
            receivers: MAX_RECEIVERS_PER_LOCATOR,
            receivers_in_one_network: MAX_RECEIVERS_PER_LOCATOR / 4 * 3,
            hellos: Rate {
                per_second: 64,
                burst: 256,
            },
            tcp_checks: Rate {
                per_second: 8,
                burst: 64,
            },
            questions: Rate {
                per_second: 4,
                burst: 64,
            },
            announcements: Rate {
                per_second: 256,
                burst: 1024,
            },
            parties_begun: Rate {
                per_second: 8,
                burst: 128,
            },
        }
    }
}

/// How many buckets a limiter has for networks of one width, which is local to it. Networks whose hashes meet share
/// one, which at this size rarely matters, and the memory never grows: 16 bytes each.
const BUCKETS: usize = 16_384;

/// Networks that are held to a rate: how wide, and to how many times the rate of the narrowest. Somebody with a
/// /48 has 65,536 /64s, and gets what four of them get.
const WIDTHS: [(Width, u32); 4] = [
    (Width::new(Some(24), Some(64)), 1),
    (Width::new(None, Some(56)), 2),
    (Width::new(None, Some(48)), 4),
    (Width::new(Some(16), Some(32)), 16),
];

/// Holds each network to a rate, and each wider network to a few times as much, in fixed memory.
pub(crate) struct Limiter {
    began: Instant,
    /// Keyed at random, so that nobody can choose networks that share a bucket with a victim's.
    hash: Hmac<Sha256>,
    levels: [Level; WIDTHS.len()],
}

/// The networks of one width.
struct Level {
    width: Width,
    rate: Rate,
    buckets: Box<[Bucket]>,
}

/// Holds what is left in thousandths, so that slow rates fill too.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// May be below zero: what an announcement costs is known only once it was served.
    left_milli: i64,
    /// When it was last filled, since the limiter began.
    filled_ms: u64,
}

impl Limiter {
    pub(crate) fn new(now: Instant, rate: Rate, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self {
            began: now,
            // HMAC takes a key of any length (RFC 2104, section 2).
            hash: Hmac::new_from_slice(&key).expect("HMAC takes any key"),
            levels: WIDTHS.map(|(width, times)| Level::new(width, rate.times(times))),
        }
    }

    /// Takes one from the bucket of each network that the address is in, unless one of them is empty.
    pub(crate) fn admit(&mut self, now: Instant, from: SocketAddr) -> bool {
        let mut buckets = self.filled_buckets(now, from);
        let admitted = buckets.iter().all(|bucket| bucket.left_milli >= 1000);
        if admitted {
            for bucket in &mut buckets {
                bucket.left_milli -= 1000;
            }
        }
        admitted
    }

    /// Takes more, for what was admitted and turned out to cost that.
    pub(crate) fn charge(&mut self, now: Instant, from: SocketAddr, more: usize) {
        if more == 0 {
            return;
        }
        let more = i64::try_from(more).unwrap_or(i64::MAX / 1000);
        for bucket in self.filled_buckets(now, from) {
            bucket.left_milli = bucket.left_milli.saturating_sub(more.saturating_mul(1000));
        }
    }

    fn filled_buckets(&mut self, now: Instant, from: SocketAddr) -> Vec<&mut Bucket> {
        let now_ms = u64::try_from(now.saturating_duration_since(self.began).as_millis())
            .unwrap_or(u64::MAX);
        let hash = &self.hash;
        let filled = self.levels.iter_mut().filter_map(|level| {
            let network = Network::of(from.ip(), level.width)?;
            Some(level.filled_bucket(now_ms, index(hash, network)))
        });
        filled.collect()
    }
}

impl Level {
    fn new(width: Width, rate: Rate) -> Self {
        let full = Bucket {
            left_milli: i64::from(rate.burst) * 1000,
            filled_ms: 0,
        };
        Self {
            width,
            rate,
            buckets: vec![full; BUCKETS].into_boxed_slice(),
        }
    }

    fn filled_bucket(&mut self, now_ms: u64, index: usize) -> &mut Bucket {
        let Rate { per_second, burst } = self.rate;
        let bucket = &mut self.buckets[index];
        let elapsed_ms = i64::try_from(now_ms.saturating_sub(bucket.filled_ms)).unwrap_or(i64::MAX);
        bucket.left_milli = bucket
            .left_milli
            .saturating_add(elapsed_ms.saturating_mul(i64::from(per_second)))
            .min(i64::from(burst) * 1000);
        bucket.filled_ms = now_ms.max(bucket.filled_ms);
        bucket
    }
}

/// A network's bucket, below [`BUCKETS`].
fn index(hash: &Hmac<Sha256>, network: Network) -> usize {
    let mut hash = hash.clone();
    hash.update(&network.to_bytes());
    let hash = hash.finalize().into_bytes();
    usize::from(u16::from_be_bytes([hash[0], hash[1]])) % BUCKETS
}

impl Rate {
    /// So many times this rate.
    const fn times(self, times: u32) -> Self {
        Self {
            per_second: self.per_second.saturating_mul(times),
            burst: self.burst.saturating_mul(times),
        }
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Limiter")
            .field("rate", &self.levels[0].rate)
            .finish_non_exhaustive()
    }
}
