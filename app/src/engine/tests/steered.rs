//! What a window asks of a running engine: pausing, other contents, fresh codes, parts of an offer.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::command::{
    Command, NewTask, PageRequest, Room, Selection, SessionCommand, ShareCommand, TaskCommand,
};
use super::super::event::{
    Conflict, Event, ItemNumber, LeftOut, OfferRow, OfferSummary, SessionEvent, SessionNumber,
    ShareEvent, ShareItem, TaskEvent, Who,
};
use super::*;

/// Large against everything that may be under way when a transfer is paused.
const LARGE: usize = 40 * 1024 * 1024;

fn offered(engine: &EngineHandle) -> (SessionNumber, OfferSummary) {
    until(engine, |event| match event {
        Event::Session(session, SessionEvent::Offer(offer)) => Some((session, offer)),
        Event::Task(_, TaskEvent::Failed { failure, .. }) => panic!("{failure:?}"),
        _ => None,
    })
}

fn contents(engine: &EngineHandle) -> Vec<ShareItem> {
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Share(ShareEvent::Contents(items))) => Some(items),
        _ => None,
    })
}

fn refused(engine: &EngineHandle) -> FailureKind {
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Refused(failure)) => Some(failure.kind),
        _ => None,
    })
}

fn code(engine: &EngineHandle) -> String {
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Share(ShareEvent::Code(code))) => Some(code.spoken.clone()),
        _ => None,
    })
}

fn paused(engine: &EngineHandle) -> (SessionNumber, Who) {
    until(engine, |event| match event {
        Event::Session(session, SessionEvent::Paused(by)) => Some((session, by)),
        _ => None,
    })
}

fn window_options() -> ShareOptions {
    ShareOptions {
        on_dead_code: OnDeadCode::Wait,
        on_missing: OnMissing::LeaveOut,
        ..options(ShareLifetime::UntilStopped)
    }
}

fn share_all(engine: &EngineHandle, paths: &[PathBuf]) -> String {
    assert!(engine.send(Command::Start(
        TASK,
        NewTask::Share {
            paths: paths.to_vec(),
            options: window_options()
        }
    )));
    code(engine)
}

fn edit(engine: &EngineHandle, add: &[PathBuf], remove: &[ItemNumber]) {
    assert!(engine.send(Command::Task(
        TASK,
        TaskCommand::Share(ShareCommand::Edit {
            add: add.to_vec(),
            remove: remove.to_vec()
        })
    )));
}

fn page(engine: &EngineHandle, session: SessionNumber, search: &str) -> (u64, Vec<OfferRow>) {
    assert!(engine.send(Command::Session(
        session,
        SessionCommand::ShowOffer(PageRequest {
            search: search.to_owned(),
            first: 0,
            count: 100
        })
    )));
    until(engine, |event| match event {
        Event::Session(_, SessionEvent::OfferPage { matching, rows, .. }) => Some((matching, rows)),
        _ => None,
    })
}

#[test]
fn a_pause_stops_the_bytes_and_either_side_can_wish_it() {
    let (from, to, sender, receiver) = two();
    let file = file_in(&from, "large", vec![7; LARGE]);
    let code = share(&sender, &file, ShareLifetime::Once);
    receive(&receiver, &code, to.path());
    let (session, _) = offered(&receiver);
    // Wished before the bytes move, it holds from then on.
    assert!(receiver.send(Command::Session(session, SessionCommand::Pause)));
    let decision = Decision::accept_all(ConflictPolicy::Skip);
    assert!(receiver.send(Command::Session(session, SessionCommand::Decide(decision))));
    assert_eq!(paused(&receiver), (session, Who::Here));
    let (other, by) = paused(&sender);
    assert_eq!(by, Who::Peer);
    assert!(sender.send(Command::Session(other, SessionCommand::Pause)));
    assert_eq!(paused(&sender), (other, Who::Here));
    assert!(receiver.send(Command::Session(session, SessionCommand::Resume)));
    // The sender still wishes it.
    assert_eq!(paused(&receiver), (session, Who::Peer));
    assert!(!to.path().join("large").exists());
    assert!(sender.send(Command::Session(other, SessionCommand::Resume)));
    for engine in [&receiver, &sender] {
        until(engine, |event| {
            matches!(event, Event::Session(_, SessionEvent::Resumed)).then_some(())
        });
        assert_eq!(done(engine).bytes, LARGE as u64);
    }
}

#[test]
fn a_paused_session_can_be_stopped() {
    let (from, to, sender, receiver) = two();
    let file = file_in(&from, "large", vec![7; LARGE]);
    let code = share(&sender, &file, ShareLifetime::UntilStopped);
    receive(&receiver, &code, to.path());
    let (session, _) = offered(&receiver);
    assert!(receiver.send(Command::Session(session, SessionCommand::Pause)));
    let decision = Decision::accept_all(ConflictPolicy::Skip);
    assert!(receiver.send(Command::Session(session, SessionCommand::Decide(decision))));
    paused(&sender);
    assert!(receiver.send(Command::Session(session, SessionCommand::Cancel)));
    assert_eq!(failed(&receiver), FailureKind::Cancelled);
    assert_eq!(failed(&sender), FailureKind::CancelledByPeer);
}

#[test]
fn a_share_can_be_given_other_contents() {
    let (from, to, sender, receiver) = two();
    let [a, b, folder] = ["a", "b", "folder"].map(|name| from.path().join(name));
    fs::write(&a, "a").unwrap();
    fs::write(&b, "bb").unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("c"), "ccc").unwrap();
    let missing = from.path().join("missing");
    let code = share_all(&sender, &[a.clone(), missing, a.clone()]);
    let left_out = until(&sender, |event| match event {
        Event::Task(_, TaskEvent::Share(ShareEvent::LeftOut { reason, .. })) => Some(reason),
        _ => None,
    });
    assert!(matches!(left_out, LeftOut::Unreadable(_)), "{left_out:?}");
    let first = contents(&sender);
    assert_eq!((first.len(), first[0].name.as_str()), (1, "a"));

    edit(&sender, &[b, folder, a], &[]);
    let more = contents(&sender);
    let seen: Vec<_> = more
        .iter()
        .map(|item| (item.name.as_str(), item.folder, item.files, item.bytes))
        .collect();
    assert_eq!(
        seen,
        [
            ("a", false, 1, 1),
            ("b", false, 1, 2),
            ("folder", true, 1, 3)
        ]
    );
    assert_eq!(more[0].number, first[0].number);

    edit(&sender, &[], &[more[0].number]);
    assert_eq!(contents(&sender).len(), 2);
    edit(&sender, &[], &[more[1].number, more[2].number]);
    assert_eq!(refused(&sender), FailureKind::NothingToSend);

    // The code is the same, and later receivers get what is offered now.
    receive(&receiver, &code, to.path());
    let (session, offer) = offered(&receiver);
    assert_eq!((offer.files, offer.bytes), (2, 5));
    let decision = Decision::accept_all(ConflictPolicy::Skip);
    assert!(receiver.send(Command::Session(session, SessionCommand::Decide(decision))));
    done(&receiver);
    assert!(to.path().join("folder/c").exists() && !to.path().join("a").exists());
}

#[test]
fn a_fresh_code_has_the_same_files_and_the_old_one_is_over() {
    let (from, to, sender, receiver) = two();
    let file = file_in(&from, "file", "x");
    let old = share_all(&sender, &[file]);
    assert!(sender.send(Command::Task(
        TASK,
        TaskCommand::Share(ShareCommand::RenewCode)
    )));
    let fresh = code(&sender);
    assert_ne!(old, fresh);
    receive_as(&receiver, TaskNumber(2), &old, to.path());
    assert_eq!(failed(&receiver), FailureKind::NoSuchCode);
    receive_as(&receiver, TaskNumber(3), &fresh, to.path());
    accept(&receiver);
    assert_eq!(done(&receiver).files, 1);
}

#[test]
fn a_code_that_was_guessed_at_does_not_end_the_share() {
    let (from, to, sender, receiver) = two();
    let file = file_in(&from, "file", "x");
    let old = share_all(&sender, &[file]);
    let (locator, _) = old.split_once('-').unwrap();
    let guess = |words: &str| format!("{locator}-{words}");
    let right = |guess: &String| *guess == old;
    let guesses = ["acid-lemon", "lemon-acid", "acid-acid", "lemon-lemon"].map(guess);
    for (number, guess) in guesses
        .into_iter()
        .filter(|guess| !right(guess))
        .take(3)
        .enumerate()
    {
        receive_as(&receiver, TaskNumber(10 + number as u64), &guess, to.path());
        ended(&receiver);
    }
    let reason = until(&sender, |event| match event {
        Event::Task(_, TaskEvent::Share(ShareEvent::CodeDead(reason))) => Some(reason),
        Event::Task(_, TaskEvent::Ended(_)) => panic!("it ended"),
        _ => None,
    });
    assert_eq!(reason, FailureKind::CodeDead);
    assert!(sender.send(Command::Task(
        TASK,
        TaskCommand::Share(ShareCommand::RenewCode)
    )));
    let fresh = code(&sender);
    receive_as(&receiver, TaskNumber(20), &fresh, to.path());
    accept(&receiver);
    assert_eq!(done(&receiver).files, 1);
}

#[test]
fn part_of_an_offer_is_shown_and_taken_into_another_folder() {
    let (from, to, sender, receiver) = two();
    let tree = from.path().join("tree");
    fs::create_dir_all(tree.join("sub")).unwrap();
    for name in ["one.txt", "sub/two.txt", "three.md"] {
        fs::write(tree.join(name), name).unwrap();
    }
    let (first, second) = (to.path().join("first"), to.path().join("second"));
    fs::create_dir_all(second.join("tree")).unwrap();
    fs::write(second.join("tree/one.txt"), "another length").unwrap();
    fs::write(second.join("tree/three.md"), "three.xx").unwrap();
    let code = share(&sender, &tree, ShareLifetime::Once);
    receive(&receiver, &code, &first);
    let (session, offer) = offered(&receiver);
    assert_eq!(
        (offer.conflicts, offer.destination),
        (0, Some(first.clone()))
    );
    let destination = second.clone();
    assert!(receiver.send(Command::Session(
        session,
        SessionCommand::SetDestination(destination)
    )));
    let (_, offer) = offered(&receiver);
    assert_eq!(
        (offer.conflicts, offer.destination),
        (2, Some(second.clone()))
    );

    let (matching, rows) = page(&receiver, session, "");
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.folder, row.files, row.conflict))
        .collect();
    let expected = [
        ("tree", true, 3, None),
        ("tree/one.txt", false, 1, Some(Conflict::Differs)),
        ("tree/sub", true, 1, None),
        ("tree/sub/two.txt", false, 1, None),
        ("tree/three.md", false, 1, Some(Conflict::SameSize)),
    ];
    assert_eq!((matching, seen.as_slice()), (5, &expected[..]));
    assert_eq!(page(&receiver, session, ".TXT").0, 2);

    let decision = Decision::Accept {
        on_conflict: ConflictPolicy::Skip,
        selection: Selection::Except(BTreeSet::from([rows[2].index, rows[4].index])),
        consent: Consent::ALL,
        destination: None,
        room: Room::Needed,
    };
    assert!(receiver.send(Command::Session(session, SessionCommand::Decide(decision))));
    let accepted = |event| match event {
        Event::Session(_, SessionEvent::Accepted { files, bytes }) => Some((files, bytes)),
        _ => None,
    };
    assert_eq!(until(&sender, accepted), (1, 7));
    assert_eq!(until(&receiver, accepted), (1, 7));
    let places = until(&receiver, |event| match event {
        Event::Session(_, SessionEvent::Done { places, .. }) => Some(places),
        _ => None,
    });
    assert_eq!(places, [second.join("tree")]);
    assert!(second.join("tree/one (1).txt").exists());
    assert!(!second.join("tree/sub").exists() && !first.exists());
}

#[test]
fn an_acceptance_into_another_folder_is_final_unless_that_cannot_be_used() {
    let (from, to, sender, receiver) = two();
    let file = file_in(&from, "file", "new");
    let (first, second) = (to.path().join("first"), to.path().join("second"));
    fs::create_dir(&second).unwrap();
    fs::write(second.join("no folder"), "").unwrap();
    let code = share(&sender, &file, ShareLifetime::Once);
    receive(&receiver, &code, &first);
    let (session, _) = offered(&receiver);
    let accept_into = |folder: PathBuf| {
        let decision = Decision::Accept {
            on_conflict: ConflictPolicy::Skip,
            selection: Selection::All,
            consent: Consent::ALL,
            destination: Some(folder),
            room: Room::Needed,
        };
        assert!(receiver.send(Command::Session(session, SessionCommand::Decide(decision))));
    };
    accept_into(second.join("no folder"));
    assert_eq!(refused(&receiver), FailureKind::NotAFolder);
    assert_eq!(offered(&receiver).1.destination, Some(first));
    accept_into(second.clone());
    done(&receiver);
    assert_eq!(fs::read(second.join("file")).unwrap(), b"new");
}

#[test]
fn a_rendezvous_can_be_tested_and_settings_hold_for_what_starts_later() {
    let server = serve();
    let engine = engine("127.0.0.1:9", "Ada");
    let test = |task: u64, server: &str| {
        let task = TaskNumber(task);
        let server = server.to_owned();
        assert!(engine.send(Command::Start(task, NewTask::TestRendezvous(server))));
        until(&engine, |event| match event {
            Event::Task(_, TaskEvent::RendezvousTested(result)) => Some(result),
            _ => None,
        })
    };
    let rtt = test(10, &server).expect("it answers");
    assert!(rtt < PATIENCE, "{rtt:?}");
    for (task, nobody) in [(11, ""), (12, "127.0.0.1:9")] {
        let tested = test(task, nobody);
        assert_eq!(tested, Err(FailureKind::RendezvousUnreachable), "{nobody}");
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = EngineConfig {
        rendezvous: vec![server],
        ..config("Ada")
    };
    assert!(engine.send(Command::Configure(Box::new(config))));
    share_all(&engine, &[file.path().to_owned()]);
}
