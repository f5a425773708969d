//! Presses and the focus stay with what they are for while the screen changes.

use std::path::PathBuf;

use egui::accesskit::{Action as Asked, ActionRequest, Role};
use egui::{Event as Input, Key};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::states::{self, moving, offered, progress, show};
use super::{Desk, Look};
use crate::config::Settings;
use crate::engine::command::{Command, NewTask};
use crate::engine::event::{Event, SessionEvent, SessionNumber, Who};
use crate::gui::action::{Action, FilesAction};
use crate::gui::screen::Screen;

/// A press as a screen reader sends it, to be put among what comes.
#[track_caller]
fn press_of(desk: &Desk, label: &str) -> Input {
    let node = desk.harness.get_by_role_and_label(Role::Button, label);
    let (target_node, target_tree) = node.accesskit_node().locate();
    Input::AccessKitActionRequest(ActionRequest {
        action: Asked::Click,
        target_node,
        target_tree,
        data: None,
    })
}

#[test]
fn receive_can_be_pressed_as_soon_as_the_last_letter_is_typed() {
    // The word that could be completed goes with the last letter, and all that is below moves up.
    let mut desk = Desk::usual();
    desk.type_text("417-acid-lemo");
    assert!(desk.says("Complete the word: lemon"));
    let press = press_of(&desk, "Receive");
    desk.harness.event(Input::Text("n".to_owned()));
    desk.harness.event(press);
    desk.run();
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Start(_, NewTask::Receive { .. })]
    ));

    // Both within one frame, as where drawing takes long.
    let mut desk = Desk::usual();
    desk.type_text("417-acid-lemo");
    let press = press_of(&desk, "Receive");
    let both = [Input::Text("n".to_owned()), press];
    desk.harness.input_mut().events.extend(both);
    desk.run();
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Start(_, NewTask::Receive { .. })]
    ));
}

#[test]
fn what_is_pressed_as_it_goes_presses_nothing_in_its_place() {
    // Pausing goes when the last bytes are there, and cancelling stands where it was.
    let mut desk = Desk::usual();
    offered(&mut desk);
    desk.click("Accept");
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Accepted {
            files: 12,
            bytes: 12_000_000,
        },
    ));
    desk.progress(1, progress(1_000_000, 1));
    desk.tab_to("Pause: From Ada's laptop");
    let press = press_of(&desk, "Pause: From Ada's laptop");
    desk.asked();
    desk.progress(1, progress(12_000_000, 11));
    assert!(!desk.says("Pause: From Ada's laptop"));
    desk.harness.event(press);
    desk.press(Key::Space);
    assert!(desk.asked().is_empty());
}

#[test]
fn the_focus_stays_on_what_comes_to_stand_elsewhere() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    desk.tab_to("Cancel: From Ada's laptop");
    // The graph goes, and the steps of the way come.
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Interrupted { kept: 7_700_000 },
    ));
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Cancel: From Ada's laptop"));
    states::path(&mut desk, 1);
    // Pausing and going on are one.
    desk.tab_to("Pause: From Ada's laptop");
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Paused(Who::Here),
    ));
    desk.run();
    assert_eq!(desk.focused().as_deref(), Some("Resume: From Ada's laptop"));
    // Another card comes above.
    desk.tell(Event::Session(SessionNumber(1), SessionEvent::Resumed));
    desk.run();
    let again = press_of(&desk, "Pause: From Ada's laptop");
    let dropped = Action::Files(FilesAction::Drop(vec![PathBuf::from(
        "/home/bob/report.pdf",
    )]));
    desk.harness.state_mut().model_mut().handle_action(dropped);
    show(&mut desk, Screen::Home);
    desk.asked();
    desk.harness.event(again);
    desk.run();
    assert_eq!(desk.asked().len(), 1);
}

#[test]
fn no_two_things_are_taken_for_one() {
    for (size, percent) in [([760.0, 620.0], 100), ([360.0, 480.0], 200)] {
        for state in states::all() {
            let look = Look {
                size,
                percent,
                ..Look::usual()
            };
            let mut desk = Desk::new(&look, Settings::default());
            (state.make)(&mut desk);
            desk.harness.step();
            assert_eq!(clashes(&desk), Vec::<String>::new(), "{}", state.name);
        }
    }
}

/// What egui writes over things that have the same id.
fn clashes(desk: &Desk) -> Vec<String> {
    let mut found = Vec::new();
    for clipped in &desk.harness.output().shapes {
        if let egui::Shape::Text(text) = &clipped.shape
            && text.galley.text().contains(" ID ")
        {
            found.push(text.galley.text().to_owned());
        }
    }
    found
}
