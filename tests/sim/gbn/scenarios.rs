//! Single cases, told by hand.

use std::time::Duration;

use fardrop_shared::gbn::{CloseReason, Event};

use super::line::Conditions;
use super::world::{End, World};

const ONE_WAY: Duration = Duration::from_millis(25);

/// A line of 20 Mbit/s and 50 ms.
fn world(loss: f64) -> World {
    let mut conditions = Conditions::calm(2.5e6, ONE_WAY);
    conditions.loss = loss;
    World::new(21, [conditions.clone(), conditions])
}

fn is_done(world: &World) -> bool {
    world.ends.iter().all(End::is_done)
}

fn is_connected(world: &World) -> bool {
    let connected = |end: &End| end.events.contains(&Event::Connected);
    world.ends.iter().all(connected)
}

#[test]
fn two_that_begin_at_once_are_connected_after_a_round_trip() {
    let mut world = world(0.0);
    let begun = world.now;
    assert!(world.run(Duration::from_secs(9), is_connected));
    let took = world.now - begun;
    assert!(took < 2 * ONE_WAY + Duration::from_millis(1), "{took:?}");
}

#[test]
fn one_that_begins_later_is_waited_for() {
    let mut world = world(0.0);
    world.absent = Some(1);
    assert!(!world.run(Duration::from_secs(5), is_connected));
    world.absent = None;
    let begun = world.now;
    assert!(world.run(Duration::from_secs(9), is_connected));
    let took = world.now - begun;
    assert!(took < 3 * ONE_WAY + Duration::from_millis(1), "{took:?}");
}

#[test]
fn first_packets_that_are_lost_are_said_again() {
    for seed in 0..200 {
        let mut conditions = Conditions::calm(2.5e6, ONE_WAY);
        conditions.loss = 0.5;
        let mut world = World::new(seed, [conditions.clone(), conditions]);
        assert!(
            world.run(Duration::from_secs(60), is_connected),
            "seed {seed}"
        );
    }
}

#[test]
fn an_end_that_begins_anew_is_noticed_and_both_can_begin_anew() {
    let mut world = world(0.01);
    world.ends[0].to_send = 5_000_000;
    world.run(Duration::from_secs(1), is_done);
    let config = world.ends[1].config.clone();
    world.restart(1, config);
    let noticed = |world: &World| world.ends[0].closed.is_some();
    assert!(world.run(Duration::from_secs(2), noticed));
    assert_eq!(world.ends[0].closed, Some(CloseReason::Restarted));
    // The other one follows, with the keys of the same pairing.
    let config = world.ends[0].config.clone();
    world.restart(0, config);
    let over = |world: &World| is_done(world) || world.ends[1].closed.is_some();
    assert!(world.run(Duration::from_secs(20), over));
    assert_eq!(world.ends[1].closed, None);
    assert_eq!(world.ends[1].read, 5_000_000);
}

#[test]
fn both_directions_are_filled_at_once() {
    let mut world = world(0.001);
    for end in &mut world.ends {
        end.to_send = u64::MAX;
    }
    let time = Duration::from_secs(9);
    world.run(time, |_| false);
    for end in &world.ends {
        let share = end.read as f64 / 2.5e6 / time.as_secs_f64();
        // Each pays for the acknowledgements of the other, too, and waits for them behind its data.
        assert!(share > 0.8, "{share:.3}");
    }
}

#[test]
fn a_busy_gigabit_takes_no_more_memory_than_it_may() {
    let conditions = Conditions::calm(125e6, Duration::from_millis(50));
    let mut world = World::new(22, [conditions.clone(), conditions]);
    world.batch = 44;
    for end in &mut world.ends {
        end.to_send = u64::MAX;
    }
    world.run(Duration::from_millis(1500), |_| false);
    // Holes all over what is in flight, and then nobody who reads.
    for line in &mut world.lines {
        line.conditions.loss = 0.3;
    }
    world.run(Duration::from_millis(100), |_| false);
    for line in &mut world.lines {
        line.conditions.loss = 0.0;
    }
    for which in [0, 1] {
        let entries = world.ends[which].connection.statistics().entries;
        assert!(entries > 5000, "{entries}");
        world.ends[which].stalled_until = Some(world.now + Duration::from_secs(9));
    }
    world.run(Duration::from_secs(2), |_| false);
    // The world looks at every step. This shows that it had something to see.
    for end in &world.ends {
        let statistics = end.connection.statistics();
        let held = statistics.held_bytes;
        assert!(held > 25 << 20, "{held}");
    }
}

#[test]
fn a_dead_line_that_comes_back_is_used_again() {
    let mut world = world(0.0);
    world.ends[0].to_send = u64::MAX;
    world.run(Duration::from_secs(3), |_| false);
    for line in &mut world.lines {
        line.conditions.loss = 1.0;
    }
    world.run(Duration::from_secs(30), |_| false);
    let before = world.ends[1].read;
    for line in &mut world.lines {
        line.conditions.loss = 0.0;
    }
    // Two seconds at most until it is noticed.
    world.run(Duration::from_secs(6), |_| false);
    let share = (world.ends[1].read - before) as f64 / 2.5e6 / 4.0;
    assert!(share > 0.7, "{share:.3}");
}

#[test]
fn a_path_that_is_narrow_from_the_start_is_used() {
    for mtu in [508, 548, 972, 1300] {
        let mut world = world(0.01);
        for line in &mut world.lines {
            line.conditions.mtu = mtu;
        }
        world.ends[0].to_send = u64::MAX;
        world.run(Duration::from_secs(9), |_| false);
        // Its share of the payload: what headers and overhead of 65 bytes leave.
        let most = 2.5e6 * 9.0 * (mtu - 37) as f64 / (mtu + 28) as f64;
        let share = world.ends[1].read as f64 / most;
        assert!(share > 0.85, "{mtu}: {share:.3}");
        let found = usize::from(world.ends[0].connection.mtu());
        assert!(found <= mtu && found + 24 >= mtu, "{found} of {mtu}");
    }
}
