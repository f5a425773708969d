//! Routers that mark instead of dropping, and paths on which that goes wrong.

use std::time::Duration;

use super::line::{Conditions, Treatment};
use super::world::World;

/// Of the line, in bytes a second: 20 Mbit/s.
const RATE: f64 = 2.5e6;

const ONE_WAY: Duration = Duration::from_millis(25);

/// How long a transfer runs.
const TIME: Duration = Duration::from_secs(9);

/// A queue of half a round trip, and what it holds when it begins to mark: a fifth of one.
const QUEUE: f64 = RATE * 0.025;
const MARKS_ABOVE: f64 = RATE * 0.01;

/// What meddles with marks.
const MEDDLERS: [Treatment; 3] = [Treatment::Bleached, Treatment::Marked, Treatment::Dropped];

/// One end sends more than the line carries.
fn world(seed: u64, treatment: Treatment) -> World {
    let mut conditions = Conditions::calm(RATE, ONE_WAY);
    conditions.queue = QUEUE;
    conditions.ecn = treatment;
    let mut world = World::new(seed, [conditions.clone(), conditions]);
    world.ends[0].to_send = u64::MAX;
    world
}

/// The part of the line that is used from now on, for `TIME`.
fn share(world: &mut World) -> f64 {
    let before = world.ends[1].read;
    world.run(TIME, |_| false);
    (world.ends[1].read - before) as f64 / RATE / TIME.as_secs_f64()
}

/// Packets lost once the start is over, in `TIME`, and the share of the line meanwhile.
fn lost_and_share(world: &mut World) -> (u64, f64) {
    world.run(Duration::from_secs(1), |_| false);
    let before = world.ends[0].connection.statistics().lost;
    let share = share(world);
    (world.ends[0].connection.statistics().lost - before, share)
}

#[test]
fn a_queue_that_marks_loses_nothing_that_one_that_drops_would() {
    for seed in 0..20 {
        let mut dropping = world(seed, Treatment::Bleached);
        dropping.lines[0].conditions.queue = MARKS_ABOVE;
        let (dropped, _) = lost_and_share(&mut dropping);
        assert!(dropped >= 20, "seed {seed}: {dropped}");
        let mut marking = world(seed, Treatment::Kept);
        marking.lines[0].conditions.marks_above = MARKS_ABOVE;
        let (lost, share) = lost_and_share(&mut marking);
        let statistics = marking.ends[0].connection.statistics();
        assert!(statistics.marked >= 20, "seed {seed}: {statistics:?}");
        assert_eq!(lost, 0, "seed {seed}: {statistics:?}");
        assert!(share > 0.8, "seed {seed}: {share:.3}");
    }
}

#[test]
fn a_path_that_meddles_with_marks_is_used_without() {
    for treatment in MEDDLERS {
        for seed in 0..5 {
            let mut world = world(seed, treatment);
            let share = share(&mut world);
            assert!(share > 0.9, "{treatment:?}, seed {seed}: {share:.3}");
            let tried = world.capable[0];
            assert!(tried <= 10, "{treatment:?}, seed {seed}: {tried}");
        }
    }
}

#[test]
fn a_path_that_begins_to_meddle_with_marks_is_found_out() {
    for treatment in MEDDLERS {
        for seed in 0..5 {
            let mut world = world(seed, Treatment::Kept);
            share(&mut world);
            let before = world.capable[0];
            for line in &mut world.lines {
                line.conditions.ecn = treatment;
            }
            let shares = [share(&mut world), share(&mut world)];
            let [first, later] = shares;
            assert!(
                first > 0.8 && later > 0.9,
                "{treatment:?}, seed {seed}: {shares:.3?}"
            );
            // Sixteen round trips of 90 packets at most, of which most are slower.
            let tried = world.capable[0] - before;
            assert!(tried < 2000, "{treatment:?}, seed {seed}: {tried}");
        }
    }
}

#[test]
fn another_path_that_marks_is_made_use_of() {
    for treatment in MEDDLERS {
        let mut world = world(7, treatment);
        share(&mut world);
        for line in &mut world.lines {
            line.conditions.ecn = Treatment::Kept;
        }
        for which in [0, 1] {
            let now = world.local(which);
            world.ends[which].connection.path_changed(now);
            world.step(which);
        }
        let before = world.capable[0];
        let share = share(&mut world);
        assert!(share > 0.9, "{treatment:?}: {share:.3}");
        let sent = world.capable[0] - before;
        assert!(sent > 10_000, "{treatment:?}: {sent}");
    }
}
