//! What somebody on the line sees: nothing but random bytes.

use std::time::Duration;

use super::line::Conditions;
use super::world::World;

/// Bound on chi-square with 255 degrees of freedom, whose mean is 255 and standard deviation 22.6: one
/// even distribution in 10^11 exceeds it, and there are a few thousand of them here.
const MOST: f64 = 430.0;

/// How often each byte was seen at one position.
#[derive(Clone)]
struct Position {
    counts: [u32; 256],
    seen: u32,
}

impl Position {
    fn new() -> Self {
        Self {
            counts: [0; 256],
            seen: 0,
        }
    }

    fn add(&mut self, byte: u8) {
        self.counts[usize::from(byte)] += 1;
        self.seen += 1;
    }

    fn chi_square(&self) -> f64 {
        let expected = f64::from(self.seen) / 256.0;
        let squares = self.counts.iter().map(|&count| {
            let off = f64::from(count) - expected;
            off * off / expected
        });
        squares.sum()
    }
}

/// Checks every position, counted from the front and from the back, that 10,000 datagrams have.
#[track_caller]
fn check(datagrams: &[&[u8]]) {
    assert!(datagrams.len() >= 10_000, "{}", datagrams.len());
    let mut positions = vec![Position::new(); 2 * 9000];
    for datagram in datagrams {
        for (at, byte) in datagram.iter().enumerate() {
            positions[at].add(*byte);
        }
        for (at, byte) in datagram.iter().rev().enumerate() {
            positions[9000 + at].add(*byte);
        }
    }
    let mut checked = 0;
    for (at, position) in positions.iter().enumerate() {
        if position.seen >= 10_000 {
            checked += 1;
            let chi_square = position.chi_square();
            assert!(chi_square < MOST, "position {at}: {chi_square:.0}");
        }
    }
    // A check that checks nothing would pass.
    assert!(checked >= 2 * 32, "{checked}");
}

fn captured(seed: u64, to_send: [u64; 2], time: Duration) -> Vec<(usize, Vec<u8>)> {
    let mut conditions = Conditions::calm(12.5e6, Duration::from_millis(10));
    conditions.loss = 0.01;
    let mut world = World::new(seed, [conditions.clone(), conditions]);
    world.capture = Some(Vec::new());
    for (end, to_send) in world.ends.iter_mut().zip(to_send) {
        end.to_send = to_send;
    }
    world.run(time, |_| false);
    world.capture.unwrap()
}

#[test]
fn no_position_of_a_transfer_is_anything_but_random() {
    let capture = captured(5, [13_000_000, 500_000], Duration::from_secs(3));
    let all: Vec<&[u8]> = capture.iter().map(|(_, bytes)| &bytes[..]).collect();
    check(&all);
    // The acknowledgements by themselves: short, and of any length.
    let short = captured(6, [60_000_000, 0], Duration::from_secs(10));
    let short: Vec<&[u8]> = short
        .iter()
        .filter(|(from, _)| *from == 1)
        .map(|(_, bytes)| &bytes[..])
        .collect();
    assert!(short.len() >= 3000);
    let mut lengths: Vec<usize> = short.iter().map(|bytes| bytes.len()).collect();
    lengths.sort_unstable();
    let most = lengths
        .chunk_by(|one, other| one == other)
        .map(<[usize]>::len)
        .max();
    assert!(most < Some(short.len() / 20), "{most:?} of one length");
}

#[test]
fn first_packets_are_random_and_of_any_length() {
    let mut first = Vec::new();
    for seed in 0..3400 {
        let capture = captured(seed, [0, 0], Duration::from_micros(21_500));
        first.extend(capture.into_iter().map(|(_, bytes)| bytes));
    }
    let all: Vec<&[u8]> = first.iter().map(|bytes| &bytes[..]).collect();
    check(&all);
    let mut lengths = Position::new();
    let mut counted = 0;
    for seed in 5000..8000 {
        // Those that are no answer, which is no longer than what it answers.
        for (_, bytes) in captured(seed, [0, 0], Duration::from_micros(1)) {
            lengths.add(u8::try_from(bytes.len() - 128).unwrap());
            counted += 1;
        }
    }
    assert_eq!(counted, 6000);
    assert!(lengths.chi_square() < MOST, "{}", lengths.chi_square());
}
