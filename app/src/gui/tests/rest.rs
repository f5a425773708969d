//! A window that stands still costs nothing, and what moves is not hectic.

use std::time::Duration;

use super::states::{self, moving, progress};
use super::{Desk, Look};
use crate::config::Settings;
use crate::engine::event::{Event, Progress, SessionEvent, SessionNumber, Who};
use crate::gui::model::Phase;

#[test]
fn a_state_that_stands_still_asks_for_no_frame() {
    for state in states::all() {
        let mut desk = Desk::new(&Look::usual(), Settings::default());
        (state.make)(&mut desk);
        desk.run();
        desk.harness.step();
        let rests = desk.rests();
        if state.moving {
            // The engine wakes the window, at most ten times a second; the window itself only looks
            // whether the transfer stalls.
            assert!(
                rests >= Duration::from_millis(100),
                "{}: {rests:?}",
                state.name
            );
        } else {
            assert_eq!(rests, Duration::MAX, "{}", state.name);
        }
    }
}

#[test]
fn a_bar_never_runs_backwards() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    let part = |desk: &Desk| {
        let model = desk.harness.state().model();
        model.session(SessionNumber(1)).expect("it is there").part()
    };
    let before = part(&desk);
    desk.progress(1, progress(100, 0));
    assert!((part(&desk) - before).abs() < f32::EPSILON);
    desk.progress(1, progress(99_000_000, 40));
    assert!(part(&desk) <= 1.0);
}

#[test]
fn the_time_left_is_said_at_most_once_a_second_and_is_never_negative() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    let left = |desk: &Desk| {
        let model = desk.harness.state().model();
        model
            .session(SessionNumber(1))
            .expect("it is there")
            .time_left
    };
    desk.pass(Duration::from_secs(1));
    desk.progress(1, progress(8_000_000, 8));
    let said = left(&desk);
    assert!(said.is_some());
    for step in 1..9 {
        desk.pass(Duration::from_millis(100));
        desk.progress(1, progress(8_000_000 + step * 300_000, 8));
        assert_eq!(left(&desk), said);
    }
    desk.pass(Duration::from_millis(300));
    desk.progress(1, progress(11_900_000, 8));
    assert_ne!(left(&desk), said);
    let mut odd = progress(11_900_001, 8);
    odd.rate = -5.0;
    desk.progress(1, odd);
    desk.pass(Duration::from_secs(2));
    assert_eq!(left(&desk), None);
}

#[test]
fn the_time_left_is_not_said_before_the_rate_means_something() {
    let mut desk = Desk::usual();
    states::offered(&mut desk);
    desk.click("Accept");
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Accepted {
            files: 12,
            bytes: 12_000_000,
        },
    ));
    // A mean over three seconds, in most of which this person looked at the offer.
    let mut bytes = 0;
    let mut second = |desk: &mut Desk, rate: f64| {
        desk.now.set(desk.now.get() + Duration::from_secs(1));
        bytes += 1_000_000;
        let progress = Progress {
            rate,
            ..progress(bytes, 0)
        };
        desk.progress(1, progress);
        let model = desk.harness.state().model();
        model
            .session(SessionNumber(1))
            .expect("it is there")
            .time_left
    };
    assert_eq!(second(&mut desk, 50_000.0), None);
    assert!(!desk.says(" left"));
    assert_eq!(second(&mut desk, 330_000.0), None);
    assert_eq!(second(&mut desk, 660_000.0), None);
    let left = second(&mut desk, 1_000_000.0);
    assert_eq!(left, Some(Duration::from_secs(8)));
    assert!(desk.says("8.0 s left"));
    // The same once it has stood still.
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Paused(Who::Peer),
    ));
    desk.run();
    desk.tell(Event::Session(SessionNumber(1), SessionEvent::Resumed));
    desk.run();
    assert_eq!(second(&mut desk, 50_000.0), None);
    assert_eq!(second(&mut desk, 330_000.0), None);
    assert_eq!(second(&mut desk, 660_000.0), None);
    assert!(second(&mut desk, 1_000_000.0).is_some());
}

#[test]
fn what_nothing_is_heard_of_stalls_and_recovers() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    let phase = |desk: &Desk| {
        let model = desk.harness.state().model();
        model
            .session(SessionNumber(1))
            .expect("it is there")
            .phase
            .clone()
    };
    desk.pass(Duration::from_secs(4));
    assert_eq!(phase(&desk), Phase::Moving);
    desk.pass(Duration::from_secs(2));
    assert_eq!(phase(&desk), Phase::Stalled);
    assert!(desk.says("Stalled"));
    desk.progress(1, progress(9_000_000, 9));
    assert_eq!(phase(&desk), Phase::Moving);
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Interrupted { kept: 7_700_000 },
    ));
    desk.run();
    assert!(desk.says("kept 7.7 MB"));
    states::path(&mut desk, 1);
    assert_eq!(phase(&desk), Phase::Moving);
}
