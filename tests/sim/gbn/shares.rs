//! How much of a line one transfer gets.

use std::fmt::Write;
use std::time::Duration;

use super::line::Conditions;
use super::world::World;

/// Of the line, in bits per second. Slow, so that the table is made in seconds.
const RATE: f64 = 20e6;

/// How long each transfer runs, its start included.
const TIME: Duration = Duration::from_secs(9);

/// A world in which one end sends more than the line carries.
fn world(round_trip: Duration, loss: f64) -> World {
    let mut conditions = Conditions::calm(RATE / 8.0, round_trip / 2);
    conditions.loss = loss;
    let mut world = World::new(11, [conditions.clone(), conditions]);
    world.ends[0].to_send = u64::MAX;
    world
}

/// The part of the line, in per cent, that what was read in `TIME` is.
fn share(world: &mut World) -> f64 {
    world.run(TIME, |_| false);
    world.ends[1].read as f64 * 800.0 / RATE / TIME.as_secs_f64()
}

#[test]
fn shares_of_a_line_are_as_they_were() {
    let mut table = String::from("share in per cent of 20 Mbit/s, nine seconds, loss both ways\n");
    table.push_str("round trip   no loss  0.1 %    1 %    3 %    10 %    30 %\n");
    for round_trip_ms in [5, 20, 100, 200, 500] {
        write!(table, "{round_trip_ms:>7} ms ").unwrap();
        for loss in [0.0, 0.001, 0.01, 0.03, 0.1, 0.3] {
            let mut world = world(Duration::from_millis(round_trip_ms), loss);
            write!(table, "{:>8.1}", share(&mut world)).unwrap();
        }
        table.push('\n');
    }
    assert_eq!(table, include_str!("shares.txt"), "\n{table}");
}
