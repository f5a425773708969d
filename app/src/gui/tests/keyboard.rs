//! Everything by keyboard alone.

use egui::Key;
use egui_kittest::kittest::NodeT as _;

use super::states::{fresh_code, looking, moving, offered, shared, show};
use super::{Desk, name_of};
use crate::engine::command::{Command, Decision, NewTask, SessionCommand, TaskCommand};
use crate::engine::event::{Event, Outcome, SessionNumber, ShareEvent, TaskEvent, TaskNumber};
use crate::failure::FailureKind;
use crate::gui::action::{Action, WindowAction};
use crate::gui::screen::Screen;
use crate::gui::theme;

/// What Tab goes through, from what has the focus when a screen opens, once around.
pub(super) fn tab_order(desk: &mut Desk) -> Vec<String> {
    let mut order = Vec::new();
    for _ in 0..60 {
        let focused = desk.focused().unwrap_or_default();
        if order.first() == Some(&focused) {
            break;
        }
        order.push(focused);
        desk.press(Key::Tab);
    }
    order
}

#[track_caller]
fn check_order(desk: &mut Desk, expected: &[&str]) {
    assert_eq!(tab_order(desk), expected);
}

#[test]
fn the_first_screen_begins_in_the_code_field() {
    let mut desk = Desk::usual();
    desk.run();
    check_order(
        &mut desk,
        &[
            "Code that the other person reads out",
            "Set one",
            "Home",
            "History",
            "Network",
            "Settings",
            "About",
            "Choose files",
            "Choose folder",
            "Paste",
        ],
    );
}

#[test]
fn a_share_begins_with_copying_its_code() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    check_order(
        &mut desk,
        &[
            "Copy code",
            "Copy link",
            "Remove report.pdf",
            "Remove photos",
            "Add files",
            "Add folder",
            "Stop sharing",
            "Home",
            "History",
            "Network",
            "Settings",
            "About",
            "Back",
        ],
    );
}

#[test]
fn an_offer_begins_with_no_and_a_stray_enter_never_accepts() {
    let mut desk = Desk::usual();
    offered(&mut desk);
    assert_eq!(desk.focused().as_deref(), Some("Decline"));
    let order = tab_order(&mut desk);
    assert_eq!(order[..2], ["Decline", "Accept"]);
    desk.tab_to("Decline");
    desk.asked();
    desk.press(Key::Enter);
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Session(
            _,
            SessionCommand::Decide(Decision::Decline)
        )]
    ));
}

#[test]
fn enter_that_was_meant_for_the_code_field_accepts_nothing() {
    let mut desk = Desk::usual();
    looking(&mut desk);
    // Once more, while the offer comes.
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Paired {
            session: SessionNumber(1),
            device: "Ada".to_owned(),
        },
    ));
    desk.tell(super::states::offer(1, Some(u64::MAX)));
    desk.press(Key::Enter);
    desk.press(Key::Enter);
    let accepted = desk.asked().iter().any(|command| {
        matches!(
            command,
            Command::Session(_, SessionCommand::Decide(Decision::Accept { .. }))
        )
    });
    assert!(!accepted);
}

#[test]
fn an_offer_is_accepted_and_its_transfer_paused_and_cancelled_by_keys() {
    let mut desk = Desk::usual();
    offered(&mut desk);
    desk.tab_to("Take photos/setup.exe");
    desk.press(Key::Space);
    desk.tab_to("Accept");
    desk.press(Key::Enter);
    let accepted = desk.asked().iter().any(|command| {
        matches!(
            command,
            Command::Session(_, SessionCommand::Decide(Decision::Accept { .. }))
        )
    });
    assert!(accepted);

    let mut desk = Desk::usual();
    moving(&mut desk);
    desk.asked();
    desk.tab_to("Pause: From Ada's laptop");
    desk.press(Key::Space);
    desk.tab_to("Cancel: From Ada's laptop");
    desk.press(Key::Enter);
    assert!(matches!(
        desk.asked().as_slice(),
        [
            Command::Session(SessionNumber(1), SessionCommand::Pause),
            Command::Task(TaskNumber(1), TaskCommand::Cancel)
        ]
    ));
}

#[test]
fn sending_and_trying_again_work_by_keys() {
    let mut desk = Desk::usual();
    desk.tab_to("Choose files");
    desk.press(Key::Enter);
    assert_eq!(desk.requested().len(), 1);

    let mut desk = Desk::usual();
    let failed = super::states::all()
        .into_iter()
        .find(|state| state.name == "failed")
        .expect("a state");
    (failed.make)(&mut desk);
    desk.asked();
    desk.tab_to("Try again: From Ada's laptop");
    desk.press(Key::Enter);
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Start(_, NewTask::Receive { .. })]
    ));
}

#[test]
fn escape_leaves_an_offer_without_an_answer() {
    let mut desk = Desk::usual();
    offered(&mut desk);
    desk.asked();
    desk.press(Key::Escape);
    assert_eq!(desk.harness.state().model().screen, Screen::Home);
    assert!(desk.asked().is_empty());
    assert!(desk.says("Waiting for your answer"));
}

#[test]
fn a_dialog_keeps_the_focus_and_escape_leaves_it() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Window(WindowAction::Close));
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Keep the window open"));
    let order = tab_order(&mut desk);
    assert_eq!(
        order,
        ["Keep the window open", "Close when done", "Stop and close"]
    );
    desk.press(Key::Escape);
    assert_eq!(desk.harness.state().model().dialog, None);
    assert!(!desk.says("Files are still moving"));
}

#[test]
fn what_gets_the_focus_is_scrolled_into_sight() {
    let mut desk = Desk::usual();
    show(&mut desk, Screen::Settings);
    for _ in 0..40 {
        desk.press(Key::Tab);
        desk.run();
        let place = desk
            .nodes()
            .into_iter()
            .find(|node| node.accesskit_node().is_focused())
            .map(|node| (name_of(&node), node.rect()));
        if let Some((name, rect)) = place {
            assert!(
                rect.top() >= 0.0 && rect.bottom() <= 620.0,
                "{name}: {rect:?}"
            );
        }
    }
}

#[test]
fn the_ring_is_around_what_has_the_focus_and_goes_with_it() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    assert_eq!(desk.focused().as_deref(), Some("Copy code"));
    assert_eq!(rings(&desk), 1);
    // The button goes, and nothing else takes the focus.
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Ended(Outcome::Interrupted),
    ));
    desk.run();
    assert_ne!(desk.focused().as_deref(), Some("Copy code"));
    assert_eq!(rings(&desk), 0);
}

#[test]
fn a_dead_code_leaves_the_focus_on_a_fresh_one_and_that_on_copying_it() {
    let dead = Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::CodeDead(FailureKind::CodeDead)),
    );
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.tell(dead.clone());
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Fresh code, same files"));
    assert_eq!(rings(&desk), 1);
    // The same when the screen is turned to.
    show(&mut desk, Screen::Home);
    desk.tab_to("Code and files: Sending report.pdf and 1 more");
    desk.press(Key::Enter);
    assert_eq!(desk.focused().as_deref(), Some("Fresh code, same files"));
    desk.press(Key::Enter);
    fresh_code(&desk);
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Copy code"));
    // What has the focus and stays keeps it.
    desk.tab_to("Add files");
    desk.tell(dead);
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Add files"));
}

/// Rings that are drawn.
fn rings(desk: &Desk) -> usize {
    let shapes = &desk.harness.output().shapes;
    let stroke = egui::Stroke::new(theme::FOCUS_LINE, theme::LIGHT.accent);
    let ring = |shape: &egui::Shape| {
        matches!(shape, egui::Shape::Rect(rect)
            if rect.stroke == stroke && rect.fill == egui::Color32::TRANSPARENT)
    };
    shapes.iter().filter(|clipped| ring(&clipped.shape)).count()
}
