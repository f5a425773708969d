//! How the model answers events and actions; the tests of the window go through the same with pictures.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;

use super::*;
use crate::args::Cli;
use crate::engine::event::{
    Concerns, Event, LeftOutCount, OfferRow, Outcome, SessionEvent, ShareEvent, ShownCode,
    TaskEvent,
};
use crate::gui::action::{Action, CodeAction, FilesAction, LeftoversAction, SessionAction};
use crate::history::Ending;

fn model() -> Model {
    let common = Cli::parse_from(["fardrop"]).common;
    let folders = Folders {
        home: None,
        downloads: PathBuf::from("/downloads"),
        each_its_own: false,
    };
    Model::new(Settings::default(), folders, common)
}

fn effects(model: &mut Model) -> Vec<Effect> {
    std::iter::from_fn(|| model.poll_effect()).collect()
}

#[test]
fn what_is_to_be_removed_is_asked_about_and_then_removed_once() {
    let mut model = model();
    let kept = Box::new(Kept {
        folder: PathBuf::from("/downloads"),
        running: false,
        missing: false,
        receive: None,
        found: Vec::new(),
    });
    let remove = LeftoversAction::Remove(kept.clone());
    model.handle_action(Action::Leftovers(remove));
    assert_eq!(model.dialog, Some(Dialog::RemoveLeftover));
    assert!(effects(&mut model).is_empty());
    for _ in 0..2 {
        let confirmed = Action::Leftovers(LeftoversAction::ConfirmRemove);
        model.handle_action(confirmed);
    }
    match effects(&mut model).as_slice() {
        [Effect::RemoveLeftover(removed)] => assert_eq!(*removed, kept),
        other => panic!("{other:?}"),
    }
    assert_eq!(model.dialog, None);
}

fn row(index: u32, name: &str, folder: bool) -> OfferRow {
    OfferRow {
        index,
        name: name.to_owned(),
        folder,
        link: false,
        concerns: Concerns::default(),
        files: 1,
        bytes: 10,
        conflict: None,
    }
}

#[test]
fn a_separator_makes_a_word_whole_unless_letters_are_taken_away() {
    let mut entry = CodeEntry::default();
    entry.set("417-aci".to_owned());
    assert_eq!(entry.typed(), "417-aci");
    entry.set("417-aci-".to_owned());
    assert_eq!(entry.typed(), "417-acid-");
    entry.set("417-aci ".to_owned());
    assert_eq!(entry.typed(), "417-aci ");
}

#[test]
fn a_code_is_found_in_a_message_and_nothing_else_is() {
    assert_eq!(code_in(" 417-acid-lemon "), Some("417-acid-lemon"));
    assert_eq!(
        code_in("open fardrop:417-acid-lemon now"),
        Some("fardrop:417-acid-lemon")
    );
    assert_eq!(code_in("/home/ada/report.pdf"), None);
    assert_eq!(code_in("see you at 5"), None);
}

#[test]
fn a_code_is_in_no_debug_output() {
    let mut model = model();
    model.handle_action(Action::Code(CodeAction::Type("417-acid-lemon".to_owned())));
    model.handle_action(Action::Code(CodeAction::Receive));
    model.handle_event(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::Code(ShownCode {
            spoken: "582-zebra-cable".to_owned(),
            with_server: None,
            uri: String::new(),
        })),
    ));
    let shown = format!("{model:?}");
    assert!(
        !shown.contains("lemon") && !shown.contains("zebra"),
        "{shown}"
    );
}

#[test]
fn what_is_in_a_folder_goes_with_it() {
    let mut view = OfferView::new(crate::engine::command::ConflictPolicy::Skip);
    let rows = vec![
        row(0, "photos", true),
        row(1, "photos/a.jpg", false),
        row(2, "photos of mine.jpg", false),
    ];
    view.handle_page("", 3, 0, rows.clone());
    view.set_wanted(0, false);
    assert!(!view.wanted(&rows[1]));
    assert!(view.wanted(&rows[2]));
    view.set_wanted(0, true);
    assert!(view.wanted(&rows[1]));
}

#[test]
fn a_page_is_asked_for_once() {
    let mut view = OfferView::new(crate::engine::command::ConflictPolicy::Skip);
    assert_eq!(view.wanted_page(0..20), Some(0));
    assert_eq!(view.wanted_page(0..20), None);
    let rows = (0..200).map(|at| row(at, "x", false)).collect();
    view.handle_page("", 1000, 0, rows);
    assert_eq!(view.wanted_page(100..120), None);
    assert_eq!(view.wanted_page(190..210), Some(90));
}

#[test]
fn old_transfers_make_way() {
    let mut model = model();
    for number in 1..=200 {
        model.handle_action(Action::Show(Screen::Home));
        model.handle_action(Action::Files(FilesAction::Drop(vec![PathBuf::from("/a")])));
        model.handle_event(Event::Task(
            TaskNumber(number),
            TaskEvent::Ended(Outcome::Succeeded),
        ));
        effects(&mut model);
    }
    assert!(model.tasks.len() <= ENDED_KEPT + 2, "{}", model.tasks.len());
}

#[test]
fn a_transfer_is_remembered_once() {
    let mut model = model();
    model.handle_time(Moment {
        running: Duration::from_secs(1),
        wall: 1_700_000_000,
    });
    model.handle_action(Action::Code(CodeAction::Type("417-acid-lemon".to_owned())));
    model.handle_action(Action::Code(CodeAction::Receive));
    model.handle_event(Event::Task(
        TaskNumber(1),
        TaskEvent::Paired {
            session: SessionNumber(1),
            device: "Ada".to_owned(),
        },
    ));
    let offer = crate::engine::event::OfferSummary {
        left_out: LeftOutCount::default(),
        files: 1,
        folders: 0,
        bytes: 10,
        holes: 0,
        links: 0,
        survey: Arc::default(),
        top_names: vec!["a.txt".to_owned()],
        kept: 0,
        conflicts: 0,
        unnamed: 0,
        free: Some(100),
        destination: None,
    };
    model.handle_event(Event::Session(SessionNumber(1), SessionEvent::Offer(offer)));
    model.handle_action(Action::Session(SessionNumber(1), SessionAction::Decline));
    let declined = || {
        Event::Task(
            TaskNumber(1),
            TaskEvent::Failed {
                session: Some(SessionNumber(1)),
                failure: crate::failure::Failure::new(
                    crate::failure::Stage::Offer,
                    crate::failure::FailureKind::Declined,
                ),
            },
        )
    };
    model.handle_event(declined());
    model.handle_event(declined());
    let remembered: Vec<_> = effects(&mut model)
        .into_iter()
        .filter_map(|effect| {
            if let Effect::Remember(entry) = effect {
                Some(entry)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(remembered.len(), 1);
    assert_eq!(remembered[0].when, 1_700_000_000);
    assert_eq!(
        remembered[0].outcome,
        Ending::Failed(crate::failure::FailureKind::Declined)
    );
}
