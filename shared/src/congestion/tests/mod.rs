//! The controller on a simulated line.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs some instant to start from"
)]

mod flow;
mod line;

use std::fmt::Write;
use std::time::Duration;

use flow::{Flow, Pacing};
use line::{Conditions, Line, PACKET};

const BOTH: [Pacing; 2] = [Pacing::Rate, Pacing::Window];

/// A line with one flow after `seconds`.
#[track_caller]
fn run(pacing: Pacing, conditions: Conditions, seconds: u64) -> Line {
    let mut line = Line::new(7, conditions);
    line.begin(Flow::new(line.now(), 1, pacing));
    line.run_for(Duration::from_secs(seconds));
    line
}

/// What the line must give one flow in nine seconds, its start included, and may drop.
#[track_caller]
fn check(conditions: &Conditions, share: f64, drops: f64) {
    for pacing in BOTH {
        let line = run(pacing, conditions.clone(), 9);
        let (got, dropped) = (line.share(0), line.drops());
        assert!(got >= share, "{pacing:?}: share {got:.3}");
        assert!(dropped <= drops, "{pacing:?}: dropped {dropped:.4}");
    }
}

#[test]
fn shares_of_a_line_are_as_they_were() {
    let mut table = String::new();
    for pacing in BOTH {
        writeln!(
            table,
            "{pacing:?}: share in per cent of 100 Mbit/s, nine seconds"
        )
        .unwrap();
        writeln!(table, "round trip   no loss  0.1 %    1 %    3 %    10 %").unwrap();
        for round_trip_ms in [5, 20, 50, 100, 200, 500] {
            write!(table, "{round_trip_ms:>7} ms ").unwrap();
            for loss in [0.0, 0.001, 0.01, 0.03, 0.1] {
                let line = run(pacing, Conditions::new(100.0, round_trip_ms, loss), 9);
                write!(table, "{:>8.1}", 100.0 * line.share(0)).unwrap();
            }
            table.push('\n');
        }
    }
    assert_eq!(table, include_str!("shares.txt"));
}

#[test]
fn a_shallow_queue_is_not_overflowed_for_long() {
    let mut conditions = Conditions::new(100.0, 100, 0.0);
    conditions.queue = 0.1;
    check(&conditions, 0.82, 0.05);
}

#[test]
fn a_deep_queue_is_not_filled() {
    for pacing in BOTH {
        let mut conditions = Conditions::new(100.0, 100, 0.0);
        conditions.queue = 10.0;
        let mut line = run(pacing, conditions, 2);
        line.take_mean_queue();
        line.run_for(Duration::from_secs(20));
        let queue = line.take_mean_queue();
        assert!(queue < 0.25, "{pacing:?}: {queue:.3} products");
        let share = line.share(0);
        assert!(share > 0.9, "{pacing:?}: {share:.3}");
        assert_eq!(line.dropped, 0);
    }
}

#[test]
fn a_line_that_holds_less_than_a_packet_is_used() {
    let mut conditions = Conditions::new(0.5, 10, 0.0);
    // Sixteen packets.
    conditions.queue = 16.0 * PACKET as f64 / conditions.product();
    for pacing in BOTH {
        let line = run(pacing, conditions.clone(), 60);
        let (share, dropped) = (line.share(0), line.drops());
        assert!(share > 0.9, "{pacing:?}: share {share:.3}");
        assert!(dropped < 0.05, "{pacing:?}: dropped {dropped:.4}");
    }
}

#[test]
fn rows_of_losses_do_not_stop_it() {
    let mut conditions = Conditions::new(100.0, 100, 0.01);
    conditions.burst = 10.0;
    check(&conditions, 0.84, 0.01);
}

#[test]
fn packets_that_overtake_one_another_do_not_stop_it() {
    let mut conditions = Conditions::new(100.0, 50, 0.0);
    conditions.jitter = Duration::from_millis(10);
    check(&conditions, 0.88, 0.01);
}

#[test]
fn acknowledgements_in_heaps_do_not_stop_it() {
    for heap_ms in [5, 20] {
        let mut conditions = Conditions::new(100.0, 40, 0.001);
        conditions.heap = Duration::from_millis(heap_ms);
        check(&conditions, 0.85, 0.02);
    }
}

#[test]
fn a_faster_line_is_found_out() {
    for pacing in BOTH {
        let mut line = run(pacing, Conditions::new(20.0, 50, 0.001), 10);
        line.conditions.rate *= 4.0;
        line.run_for(Duration::from_secs(20));
        let before = line.arrived(0);
        line.run_for(Duration::from_secs(5));
        let rate = (line.arrived(0) - before) as f64 * 8.0 / 5.0;
        assert!(rate > 0.85 * line.conditions.rate, "{pacing:?}: {rate:.0}");
    }
}

#[test]
fn a_slower_line_does_not_drown() {
    for pacing in BOTH {
        let mut line = run(pacing, Conditions::new(100.0, 50, 0.001), 10);
        line.conditions.rate /= 5.0;
        line.run_for(Duration::from_secs(8));
        line.take_mean_queue();
        let (before, dropped, offered) = (line.arrived(0), line.dropped, line.offered);
        line.run_for(Duration::from_secs(5));
        let rate = (line.arrived(0) - before) as f64 * 8.0 / 5.0;
        assert!(rate > 0.85 * line.conditions.rate, "{pacing:?}: {rate:.0}");
        let queue = line.take_mean_queue();
        assert!(queue < 0.5, "{pacing:?}: {queue:.2} products");
        let dropped = (line.dropped - dropped) as f64 / (line.offered - offered) as f64;
        assert!(dropped < 0.02, "{pacing:?}: {dropped:.3}");
    }
}

#[test]
fn an_application_that_pauses_does_not_lower_the_rate() {
    for pacing in BOTH {
        let mut line = run(pacing, Conditions::new(100.0, 50, 0.0), 5);
        // A tenth of the line for ten seconds, then as much as there is.
        for _ in 0..1000 {
            let flow = &mut line.flows[0];
            flow.supply = Some(flow.supply.unwrap_or(0) + 12_500);
            line.run_for(Duration::from_millis(10));
        }
        line.flows[0].supply = None;
        line.run_for(Duration::from_millis(300));
        let before = line.arrived(0);
        line.run_for(Duration::from_secs(1));
        let rate = (line.arrived(0) - before) as f64 * 8.0;
        assert!(rate > 0.8 * line.conditions.rate, "{pacing:?}: {rate:.0}");
    }
}

#[test]
fn two_flows_share_a_line() {
    for pacing in BOTH {
        for round_trip_ms in [20, 100] {
            let mut line = Line::new(3, Conditions::new(50.0, round_trip_ms, 0.0));
            line.begin(Flow::new(line.now(), 1, pacing));
            line.run_for(Duration::from_secs(5));
            line.begin(Flow::new(line.now(), 2, pacing));
            // A late one needs its time to be let in.
            line.run_for(Duration::from_secs(40));
            let before = (line.arrived(0), line.arrived(1));
            line.run_for(Duration::from_secs(30));
            let first = (line.arrived(0) - before.0) as f64;
            let second = (line.arrived(1) - before.1) as f64;
            let part = first / (first + second);
            assert!(
                (0.4..=0.6).contains(&part),
                "{pacing:?}, {round_trip_ms} ms: {part:.3}"
            );
        }
    }
}

#[test]
fn what_is_in_flight_stays_within_two_and_a_quarter_products_and_heaps() {
    for pacing in BOTH {
        let line = run(pacing, Conditions::new(100.0, 100, 0.001), 20);
        let most = line.flows[0].most_in_flight as f64 / line.conditions.product();
        assert!(most < 2.5, "{pacing:?}: {most:.2}");
    }
}

#[test]
fn a_dead_line_that_comes_back_is_used_again() {
    for pacing in BOTH {
        let mut line = run(pacing, Conditions::new(100.0, 50, 0.0), 5);
        line.conditions.loss = 1.0;
        line.run_for(Duration::from_secs(3));
        line.conditions.loss = 0.0;
        let now = line.now();
        line.flows[0].controller.handle_persistent_congestion(now);
        assert_eq!(line.flows[0].controller.window(), 4 * PACKET);
        line.run_for(Duration::from_secs(2));
        let before = line.arrived(0);
        line.run_for(Duration::from_secs(2));
        let rate = (line.arrived(0) - before) as f64 * 4.0;
        assert!(rate > 0.85 * line.conditions.rate, "{pacing:?}: {rate:.0}");
    }
}

#[test]
fn on_a_new_path_the_old_ones_packets_take_no_room() {
    for pacing in BOTH {
        let mut line = run(pacing, Conditions::new(100.0, 50, 0.0), 5);
        let in_flight = line.flows[0].in_flight();
        let window = line.flows[0].controller.window();
        let promised = line.flows[0].controller.window_after_path_change();
        line.run_for(Duration::from_millis(1));
        let now = line.now();
        line.flows[0].controller.handle_path_change(now);
        let granted = line.flows[0].controller.window();
        assert!(granted >= window.min(promised) && granted <= promised + 20 * PACKET);
        assert!(granted > in_flight);
        // Two round trips later nothing of it is left.
        line.run_for(Duration::from_millis(500));
        let most = 3.0 * line.conditions.product();
        assert!((line.flows[0].controller.window() as f64) < most);
    }
}
