//! An offer that brings more than pictures: what is said of it, marked and asked.

use std::sync::Arc;

use fardrop_shared::offer::{Classifier, EntryKind};

use super::Desk;
use super::states::{looking, offer, page, paired, row};
use crate::engine::command::{Command, Consent, Decision, SessionCommand};
use crate::engine::event::{Concern, Event, OfferRow, OfferSummary, SessionEvent, Survey};

const NAMES: [&str; 3] = [".bash_profile", ".hidden", "viewer"];

/// The offer lies open, with its list.
fn startling(desk: &mut Desk) {
    let program = EntryKind::File {
        size: 4,
        holes: 0,
        executable: true,
    };
    let concern = |name: &str| Concern {
        path: name.as_bytes().to_owned(),
        concerns: Classifier::default().concerns(name.as_bytes(), program),
    };
    let first: Vec<Concern> = NAMES.into_iter().map(concern).collect();
    let rows = first
        .iter()
        .zip(NAMES)
        .zip(0..)
        .map(|((concern, name), index)| OfferRow {
            concerns: concern.concerns,
            ..row(index, name)
        });
    let rows: Vec<OfferRow> = rows.collect();
    let survey = Survey {
        tops: 3,
        programs: 3,
        executable: 3,
        hidden: 2,
        starts_itself: 1,
        needs_yes: 2,
        first,
    };
    looking(desk);
    paired(desk, 1, "Ada");
    let Event::Session(session, SessionEvent::Offer(plain)) = offer(1, Some(u64::MAX)) else {
        unreachable!("it is an offer");
    };
    let summary = OfferSummary {
        survey: Arc::new(survey),
        conflicts: 0,
        ..plain
    };
    desk.tell(Event::Session(session, SessionEvent::Offer(summary)));
    desk.run();
    desk.tell(page(rows));
    desk.run();
}

#[track_caller]
fn consent(desk: &mut Desk) -> Consent {
    let accepted = desk.asked().into_iter().find_map(|command| match command {
        Command::Session(_, SessionCommand::Decide(Decision::Accept { consent, .. })) => {
            Some(consent)
        }
        Command::Session(..) | Command::Start(..) | Command::Task(..) | Command::Configure(_) => {
            None
        }
    });
    accepted.expect("it is accepted")
}

#[test]
fn what_starts_by_itself_is_said_marked_and_not_taken_without_a_yes() {
    let mut desk = Desk::usual();
    startling(&mut desk);
    for words in [
        "1 thing would start by itself",
        "2 names are hidden",
        "3 programs or scripts",
        "starts by itself",
        "hidden",
        "program",
    ] {
        assert!(desk.says(words), "{words}");
    }
    desk.click("Accept");
    assert_eq!(consent(&mut desk), Consent::NONE);
}

#[test]
fn boxes_say_yes_to_what_starts_by_itself_and_to_programs() {
    let mut desk = Desk::usual();
    startling(&mut desk);
    desk.click("Take what is hidden or starts by itself as well");
    desk.click("Let programs be run here");
    desk.click("Let programs be run here");
    desk.click("Accept");
    let expected = Consent {
        hidden: true,
        programs: false,
    };
    assert_eq!(consent(&mut desk), expected);
}
