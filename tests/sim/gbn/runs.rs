//! Seeded runs over everything at once.

use std::time::Duration;

use fardrop_shared::gbn::{CloseReason, Event};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::line::{Conditions, Treatment};
use super::world::World;

/// Runs of each shard; the test runner spreads the shards over the processors.
const RUNS: u64 = 800;

/// Longest run, in virtual time: a line of 5 kB/s that loses a third needs a few minutes.
const LONGEST: Duration = Duration::from_secs(3600);

/// What happens in the middle of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Nothing,
    /// The longest datagram that passes is shorter from now on.
    Narrow,
    /// Nothing passes for a while.
    Outage,
    /// One end's clock leaps.
    ClockLeap,
    /// One end does not read for a while.
    Stall,
    /// The path is another one, and both are told.
    OtherPath,
    /// One end begins anew.
    Restart,
    /// One end closes the connection.
    Close,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::Nothing,
    Trouble::Narrow,
    Trouble::Outage,
    Trouble::ClockLeap,
    Trouble::Stall,
    Trouble::OtherPath,
    Trouble::Restart,
    Trouble::Close,
];

fn draw_conditions(rng: &mut ChaCha8Rng) -> Conditions {
    let delay = Duration::from_micros(match rng.gen_range(0..4) {
        0 => 0,
        1 => rng.gen_range(0..20_000),
        2 => rng.gen_range(0..100_000),
        _ => rng.gen_range(0..500_000),
    });
    let rate = 10f64.powf(rng.gen_range(4.0..8.0));
    let mut conditions = Conditions::calm(rate, delay);
    if rng.gen_bool(0.3) {
        conditions.queue = rng.gen_range(9_000.0..200_000.0);
    }
    if rng.gen_bool(0.4) {
        let jitter = delay.mul_f64(rng.gen_range(0.0..1.0)) + Duration::from_micros(500);
        conditions.delay = delay..delay + jitter;
    }
    if rng.gen_bool(0.7) {
        conditions.loss = rng.gen_range(0.0..0.3) * rng.gen_range(0.0..1.0);
    }
    if rng.gen_bool(0.1) {
        conditions.loss = 0.3;
    }
    if rng.gen_bool(0.3) {
        conditions.burst = rng.gen_range(1.0..10.0);
    }
    for part in [
        &mut conditions.duplication,
        &mut conditions.corruption,
        &mut conditions.truncation,
    ] {
        if rng.gen_bool(0.2) {
            *part = rng.gen_range(0.0..0.2);
        }
    }
    conditions.mtu = match rng.gen_range(0..3) {
        0 => 508,
        1 => rng.gen_range(508..1600),
        _ => rng.gen_range(508..9000),
    };
    conditions
}

/// What the line makes of the ECN field.
fn draw_treatment(conditions: &mut Conditions, rng: &mut ChaCha8Rng) {
    conditions.ecn = match rng.gen_range(0..8) {
        0 => Treatment::Bleached,
        1 => Treatment::Marked,
        2 => Treatment::Dropped,
        _ => Treatment::Kept,
    };
    if rng.gen_bool(0.3) {
        conditions.marks_above = conditions.queue * rng.gen_range(0.0..0.5);
    }
}

/// One run from its seed; panics where something does not hold.
#[track_caller]
fn check(seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut conditions = [draw_conditions(&mut rng), draw_conditions(&mut rng)];
    // From a generator of its own, so that a seed goes on meaning all else that it meant.
    let mut other = ChaCha8Rng::seed_from_u64(!seed);
    for conditions in &mut conditions {
        draw_treatment(conditions, &mut other);
    }
    let trouble = TROUBLES[rng.gen_range(0..TROUBLES.len())];
    let mut world = World::new(seed, conditions);
    world.batch = [1, 2, 16, 44][rng.gen_range(0..4)];
    let max_mtu = [508, 1472, 8972][rng.gen_range(0..3)];
    for which in [0, 1] {
        world.configure(which, |config| {
            config.max_mtu = max_mtu;
            config.keep_alive = Some(Duration::from_secs(4));
            config.idle_timeout = Some(Duration::from_secs(120));
            config.connect_timeout = Some(Duration::from_secs(120));
        });
        world.ends[which].to_send = match rng.gen_range(0..4) {
            0 => 0,
            1 => rng.gen_range(1..2000),
            _ => rng.gen_range(2000..150_000),
        };
        world.ends[which].read_limit = [1000, 1 << 20][rng.gen_range(0..2)];
    }
    world.meddling = if rng.gen_bool(0.1) { 0.02 } else { 0.0 };
    // Most of a run is over after this, some have not begun.
    let early = Duration::from_secs_f64(10f64.powf(rng.gen_range(-2.0..0.7)));
    world.run(early, |world| {
        world.ends.iter().all(super::world::End::is_done)
    });
    let which = rng.gen_range(0..2);
    let pause = Duration::from_secs_f64(rng.gen_range(0.1..20.0));
    make_trouble(&mut world, trouble, which, pause, &mut rng);
    finish(&mut world, trouble, which);
}

fn make_trouble(
    world: &mut World,
    trouble: Trouble,
    which: usize,
    pause: Duration,
    rng: &mut ChaCha8Rng,
) {
    match trouble {
        Trouble::Nothing => {}
        Trouble::Narrow => {
            for line in &mut world.lines {
                line.conditions.mtu = rng.gen_range(508..600);
            }
        }
        Trouble::Outage => {
            let losses = world.lines.each_ref().map(|line| line.conditions.loss);
            for line in &mut world.lines {
                line.conditions.loss = 1.0;
            }
            world.run(pause, |_| false);
            for (line, loss) in world.lines.iter_mut().zip(losses) {
                line.conditions.loss = loss;
            }
        }
        Trouble::ClockLeap => world.ends[which].ahead += pause,
        Trouble::Stall => world.ends[which].stalled_until = Some(world.now + pause),
        Trouble::OtherPath => {
            for line in &mut world.lines {
                line.conditions = draw_conditions(rng);
            }
            for line in &mut world.lines {
                draw_treatment(&mut line.conditions, rng);
            }
            for which in [0, 1] {
                let now = world.local(which);
                world.ends[which].connection.path_changed(now);
                world.step(which);
            }
        }
        Trouble::Restart => {
            let config = world.ends[which].config.clone();
            world.restart(which, config);
        }
        Trouble::Close => {
            let now = world.local(which);
            world.ends[which].connection.close(now, 5);
            world.step(which);
        }
    }
}

/// Whatever happened, both ends come to an end, and to the right one.
fn finish(world: &mut World, trouble: Trouble, which: usize) {
    match trouble {
        Trouble::Nothing
        | Trouble::Narrow
        | Trouble::Outage
        | Trouble::ClockLeap
        | Trouble::Stall
        | Trouble::OtherPath => {
            let done = world.run(LONGEST, |world| {
                world.ends.iter().all(super::world::End::is_done)
            });
            assert!(done, "not done: {:#?}", ends(world));
            for which in [0, 1] {
                assert_eq!(world.ends[which].read, world.ends[1 - which].to_send);
                assert_eq!(world.ends[which].closed, None);
            }
            let now = world.local(which);
            world.ends[which].connection.close(now, 9);
            world.step(which);
            say_goodbye(world, which, 9);
        }
        Trouble::Restart => {
            // The other end finds out, unless it had not begun either.
            let other = 1 - which;
            let over = world.run(LONGEST, |world| {
                world.ends[other].closed.is_some()
                    || world.ends.iter().all(super::world::End::is_done)
            });
            assert!(over, "not over: {:#?}", ends(world));
            if let Some(reason) = world.ends[other].closed {
                assert!(
                    matches!(reason, CloseReason::Restarted | CloseReason::Silent),
                    "{reason:?}"
                );
            }
        }
        Trouble::Close => say_goodbye(world, which, 5),
    }
}

/// The other end hears of a goodbye, or of nothing any more; both are drained.
fn say_goodbye(world: &mut World, which: usize, code: u32) {
    let other = 1 - which;
    let over = world.run(LONGEST, |world| {
        world.ends.iter().all(|end| end.connection.is_drained())
    });
    assert!(over, "not drained: {:#?}", ends(world));
    let reason = world.ends[other].closed;
    let expected = [
        CloseReason::Peer(code),
        CloseReason::Silent,
        CloseReason::NoAnswer,
    ];
    assert!(
        reason.is_some_and(|reason| expected.contains(&reason)),
        "{reason:?}"
    );
    assert_eq!(world.ends[which].closed, None);
    assert!(
        !world.ends[which]
            .events
            .contains(&Event::Closed(CloseReason::Peer(code)))
    );
}

fn ends(world: &World) -> Vec<String> {
    let ends = world.ends.iter().zip(&world.lines);
    ends.map(|(end, line)| {
        format!(
            "written {} read {} {:?} {:?} {:?}",
            end.written,
            end.read,
            end.events,
            end.connection.statistics(),
            line.conditions
        )
    })
    .collect()
}

fn check_shard(shard: u64) {
    for seed in shard * RUNS..(shard + 1) * RUNS {
        let run = std::panic::catch_unwind(|| check(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn whatever_goes_wrong_the_stream_is_right_first_shard() {
    check_shard(0);
}

#[test]
fn whatever_goes_wrong_the_stream_is_right_second_shard() {
    check_shard(1);
}

#[test]
fn whatever_goes_wrong_the_stream_is_right_third_shard() {
    check_shard(2);
}

#[test]
fn whatever_goes_wrong_the_stream_is_right_fourth_shard() {
    check_shard(3);
}

/// A probe after a time-out sent again what had meanwhile arrived in another packet, and was not kept.
#[test]
fn a_probe_says_nothing_that_is_known_to_have_arrived() {
    check(21);
    check(2410);
}
