//! Receives that were cut off: they are said quietly, gone on with, and removed once the person says so.

use std::path::PathBuf;

use egui::Key;
use fardrop_shared::name::BadNames;

use super::Desk;
use super::keyboard::tab_order;
use super::states::{interrupted, looking, offered, paired, path, resuming, show};
use crate::engine::command::{Command, ConflictPolicy, Decision, NewTask, SessionCommand};
use crate::engine::event::{Event, Outcome, TaskEvent, TaskNumber};
use crate::gui::screen::Screen;
use crate::leftovers::{Kept, Unfinished};

const LINE: &str = "2 transfers were interrupted: 702.4 MB kept";

/// How a receive was started, if that was all that was asked.
#[track_caller]
fn started(desk: &mut Desk) -> (PathBuf, BadNames) {
    match desk.asked().as_slice() {
        [Command::Start(_, NewTask::Receive { options, .. })] => {
            (options.destination.clone(), options.bad_names)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_interrupted_is_a_line_that_leads_to_a_list() {
    let mut desk = Desk::usual();
    desk.run();
    assert!(!desk.says("interrupted"));
    interrupted(&mut desk);
    assert!(desk.says(LINE));
    desk.click("Show: Interrupted transfers");
    for said in [
        "From Ada's laptop",
        "report",
        "700.0 MB of 1.0 GB kept  ·  2 hours ago",
        "From transfers that are not recorded",
        "1 unfinished file, 5.0 kB",
        "In ~/Downloads",
    ] {
        assert!(desk.says(said), "{said}");
    }
    // Where its disk is not connected, it is not begun anew beside it.
    assert!(desk.says("which is not there now") && !desk.says("Resume: a.iso"));
    desk.press(Key::Escape);
    assert!(desk.says(LINE));
}

#[test]
fn a_resumed_receive_waits_for_its_code_and_goes_into_its_folder() {
    let mut desk = Desk::usual();
    resuming(&mut desk);
    assert!(desk.says("Going on with report.pdf and more from Ada's laptop"));
    assert!(desk.says("Files go into ~/Downloads"));
    assert_eq!(desk.focused().as_deref(), Some(crate::text::CODE_LABEL));
    looking(&mut desk);
    let begun = (PathBuf::from("/home/ada/Downloads"), BadNames::Skip);
    assert_eq!(started(&mut desk), begun);
    assert!(
        !desk.says("Going on with"),
        "the next code is for something else"
    );
    // Done again after a failure, it is still that receive.
    let ended = TaskEvent::Ended(Outcome::Interrupted);
    desk.tell(Event::Task(TaskNumber(1), ended));
    desk.run();
    desk.click("Try again: Receive");
    assert_eq!(started(&mut desk), begun);
}

#[test]
fn a_resumed_receive_treats_taken_names_as_it_did_before() {
    let mut desk = Desk::usual();
    resuming(&mut desk);
    offered(&mut desk);
    desk.asked();
    desk.click("Accept");
    let decided = desk.asked().into_iter().find_map(|command| {
        let Command::Session(_, SessionCommand::Decide(decision)) = command else {
            return None;
        };
        match decision {
            Decision::Accept { on_conflict, .. } => Some(on_conflict),
            Decision::Decline => None,
        }
    });
    assert_eq!(decided, Some(ConflictPolicy::Replace));
}

#[test]
fn a_receive_that_goes_on_here_is_not_shown_as_interrupted() {
    let mut desk = Desk::usual();
    interrupted(&mut desk);
    let names = ["report.pdf", "photos"];
    let receive = Unfinished::example(1, "Ada's laptop", &names, 700_000_000);
    let kept = Kept {
        folder: receive.folder.clone(),
        running: false,
        missing: false,
        receive: Some(receive),
        found: Vec::new(),
    };
    let listing = crate::leftovers::Listing {
        kept: vec![kept],
        incomplete: false,
    };
    desk.harness.state_mut().model_mut().leftovers = std::sync::Arc::new(listing);
    desk.run();
    assert!(desk.says("1 transfer was interrupted"));
    offered(&mut desk);
    desk.click("Accept");
    show(&mut desk, Screen::Home);
    assert!(!desk.says("was interrupted"));
}

#[test]
fn another_code_can_be_typed_instead() {
    let mut desk = Desk::usual();
    resuming(&mut desk);
    desk.click("Receive something else");
    assert!(!desk.says("Going on with"));
    looking(&mut desk);
    assert_eq!(started(&mut desk).1, BadNames::Rename);
    paired(&mut desk, 1, "Bob's phone");
    path(&mut desk, 1);
}

#[test]
fn nothing_is_removed_before_the_person_has_said_so() {
    let mut desk = Desk::usual();
    interrupted(&mut desk);
    show(&mut desk, Screen::Leftovers);
    desk.click("Remove: report.pdf and more from Ada's laptop");
    assert!(
        desk.says(
            "600.0 MB in 1 unfinished file are removed from ~/Downloads. Finished files stay."
        )
    );
    assert_eq!(desk.focused().as_deref(), Some("Keep it"));
    desk.press(Key::Enter);
    assert!(!desk.says("Remove unfinished files?"));
    assert!(desk.says("From Ada's laptop"));
}

#[test]
fn everything_is_reached_by_tab() {
    let mut desk = Desk::usual();
    interrupted(&mut desk);
    desk.tab_to("Show: Interrupted transfers");
    desk.press(Key::Enter);
    let order = tab_order(&mut desk);
    for button in [
        "Back",
        "Resume: report.pdf and more from Ada's laptop",
        "Remove: report.pdf and more from Ada's laptop",
        "Remove: From transfers that are not recorded",
    ] {
        assert!(
            order.iter().any(|name| name == button),
            "{button}: {order:?}"
        );
    }
    desk.tab_to("Resume: report.pdf and more from Ada's laptop");
    desk.press(Key::Enter);
    assert_eq!(desk.focused().as_deref(), Some(crate::text::CODE_LABEL));
}
