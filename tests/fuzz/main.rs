//! Tier 1: the fuzz targets without a fuzzer: the kept corpus as it is, then mutations of it for a while.
//!
//! `FARDROP_FUZZ_SECONDS` says for how long each target, 60 if unset: seconds that it computes, so that what
//! else runs on the machine takes nothing from it. `FARDROP_FUZZ_SEED` starts the mutations
//! elsewhere. cargo-fuzz drives the same targets by coverage: `cargo +nightly fuzz run gbn_segment` in
//! `tests`, or `cargo fuzz build --sanitizer none` on the stable toolchain.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use fardrop_tests::fuzz::{dht, gbn_connection, gbn_segment};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::time::{ClockId, clock_gettime};

/// Longest input, in bytes.
const LONGEST: usize = 16_384;

/// Inputs between two looks at the clock.
const ROUND: u32 = 64;

/// Numbers at which arithmetic goes wrong.
const INTERESTING: [u64; 10] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    (1 << 48) - 1,
    u64::MAX,
];

fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

/// The inputs that are kept for a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "{folder:?} is poor");
    names.iter().map(|name| fs::read(name).unwrap()).collect()
}

fn mutate(rng: &mut ChaCha8Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[rng.gen_range(0..corpus.len())].clone();
    for _ in 0..rng.gen_range(1..8) {
        let length = input.len();
        match rng.gen_range(0..8) {
            0 if length > 0 => input[rng.gen_range(0..length)] ^= 1 << rng.gen_range(0..8),
            1 if length > 0 => input[rng.gen_range(0..length)] = rng.r#gen(),
            2 if length > 0 => input.truncate(rng.gen_range(0..length)),
            3 => {
                let mut more = vec![0; rng.gen_range(1..32)];
                rng.fill_bytes(&mut more);
                let at = rng.gen_range(0..=length);
                input.splice(at..at, more);
            }
            4 if length > 0 => {
                let at = rng.gen_range(0..length);
                let end = (at + rng.gen_range(1..32)).min(length);
                input.drain(at..end);
            }
            5 if length > 0 => {
                let number = INTERESTING[rng.gen_range(0..INTERESTING.len())].to_le_bytes();
                let at = rng.gen_range(0..length);
                let end = (at + [1, 2, 4, 6, 8][rng.gen_range(0..5)]).min(length);
                input[at..end].copy_from_slice(&number[..end - at]);
            }
            6 if length > 0 => {
                let at = rng.gen_range(0..length);
                let end = rng.gen_range(at..length);
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
            _ => {
                let other = &corpus[rng.gen_range(0..corpus.len())];
                let from = rng.gen_range(0..=other.len());
                let at = rng.gen_range(0..=length);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
        input.truncate(LONGEST);
    }
    input
}

#[track_caller]
fn try_one(target: fn(&[u8]), input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("this input, to be kept in the corpus: {hex}");
    }
}

/// How long this thread has computed so far.
fn computed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

#[track_caller]
fn check(name: &str, target: fn(&[u8])) {
    let corpus = corpus(name);
    for input in &corpus {
        try_one(target, input);
    }
    let seed = environment("FARDROP_FUZZ_SEED", 1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let until = computed() + Duration::from_secs(environment("FARDROP_FUZZ_SECONDS", 60));
    while computed() < until {
        for _ in 0..ROUND {
            try_one(target, &mutate(&mut rng, &corpus));
        }
    }
}

#[test]
fn segments_are_decoded_whatever_they_are() {
    check("gbn_segment", gbn_segment);
}

#[test]
fn a_connection_stands_whatever_its_peer_says() {
    check("gbn_connection", gbn_connection);
}

#[test]
fn the_dht_is_heard_whatever_it_says() {
    check("dht", dht);
}
