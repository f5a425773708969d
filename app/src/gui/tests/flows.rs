//! What a person does, and what the engine and the desktop are asked for then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use egui::accesskit::Role;
use egui::{DroppedFile, Event as Input, Key};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::states::{
    self, code, fresh_code, looking, moving, offer, offered, page, paired, path, received,
    received_without, row, shared, show,
};
use super::{Desk, Look};
use crate::config::Settings;
use crate::desktop::request::{Clipboard, DesktopReply, DesktopRequest, FolderUse};
use crate::engine::command::{
    Command, ConflictPolicy, Consent, Decision, NewTask, OnDeadCode, PageRequest, Room, Selection,
    SessionCommand, ShareCommand, TaskCommand,
};
use crate::engine::event::{
    Event, ItemNumber, LeftOut, LeftOutCount, SessionEvent, SessionNumber, ShareEvent, TaskEvent,
    TaskNumber, Who,
};
use crate::failure::FailureKind;
use crate::gui::action::{Action, SessionAction, WindowAction};
use crate::gui::screen::Screen;
use crate::gui::theme;

#[derive(Debug)]
struct Dropped(PathBuf);

impl DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        Err("nobody reads it here".to_owned())
    }
}

fn drop_files(desk: &mut Desk, paths: &[&str]) {
    desk.harness.input_mut().dropped_files = paths
        .iter()
        .map(|path| Arc::new(Dropped(PathBuf::from(path))) as Arc<_>)
        .collect();
    desk.run();
}

fn paste(desk: &mut Desk, text: &str) {
    desk.harness.event(Input::Paste(text.to_owned()));
    desk.run();
}

/// What was shared, if that was all that was asked.
#[track_caller]
fn shared_paths(desk: &mut Desk) -> Vec<PathBuf> {
    match desk.asked().as_slice() {
        [Command::Start(_, NewTask::Share { paths, options })] => {
            assert_eq!(options.on_dead_code, OnDeadCode::Wait);
            paths.clone()
        }
        other => panic!("{other:?}"),
    }
}

/// What was decided, if that was all that was asked.
#[track_caller]
fn decided(desk: &mut Desk) -> Decision {
    let mut asked = desk.asked();
    asked.retain(|command| matches!(command, Command::Session(_, SessionCommand::Decide(_))));
    match asked.pop() {
        Some(Command::Session(session, SessionCommand::Decide(decision))) if asked.is_empty() => {
            assert_eq!(session, SessionNumber(1));
            decision
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn dropped_files_are_shared_and_the_code_is_shown_before_they_are_looked_through() {
    let mut desk = Desk::usual();
    drop_files(&mut desk, &["/a/one.txt", "/a/two", "/a/one.txt"]);
    assert_eq!(
        shared_paths(&mut desk),
        [PathBuf::from("/a/one.txt"), PathBuf::from("/a/two")]
    );
    assert!(desk.says("Ready to send") && desk.says("one") && desk.says(".txt"));
    code(&desk);
    desk.run();
    assert!(desk.says("417 acid lemon"));
    assert!(desk.says("A C I D"));
    assert!(desk.says("Looking through the files"));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_offered() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::LeftOut {
            name: "secret.txt".to_owned(),
            reason: LeftOut::Unreadable("permission denied".to_owned()),
        }),
    ));
    desk.run();
    assert!(desk.says("secret.txt") && desk.says("permission denied"));
}

#[test]
fn files_dropped_on_a_share_are_added_to_it_and_items_are_taken_out() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.asked();
    drop_files(&mut desk, &["/a/more.txt"]);
    match desk.asked().as_slice() {
        [Command::Task(task, TaskCommand::Share(ShareCommand::Edit { add, remove }))] => {
            assert_eq!(*task, TaskNumber(1));
            assert_eq!(add, &[PathBuf::from("/a/more.txt")]);
            assert!(remove.is_empty());
        }
        other => panic!("{other:?}"),
    }
    desk.click("Remove photos");
    match desk.asked().as_slice() {
        [Command::Task(_, TaskCommand::Share(ShareCommand::Edit { add, remove }))] => {
            assert!(add.is_empty());
            assert_eq!(remove, &[ItemNumber(2)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn chosen_files_are_shared_and_a_closed_dialog_does_nothing() {
    let mut desk = Desk::usual();
    desk.click("Choose files");
    assert_eq!(desk.requested(), [DesktopRequest::ChooseFiles]);
    let chosen = |paths| DesktopReply::Chosen {
        folder: None,
        paths,
    };
    desk.desktop.replies.send(chosen(Vec::new())).expect("sent");
    desk.run();
    assert!(desk.asked().is_empty());
    desk.click("Choose folder");
    assert_eq!(
        desk.requested(),
        [DesktopRequest::ChooseFolder(FolderUse::Send)]
    );
    let paths = vec![PathBuf::from("/a/folder")];
    desk.desktop
        .replies
        .send(chosen(paths.clone()))
        .expect("sent");
    desk.run();
    assert_eq!(shared_paths(&mut desk), paths);
}

#[test]
fn pasted_files_are_shared_though_a_file_manager_gives_text_too() {
    let mut desk = Desk::usual();
    paste(&mut desk, "/home/ada/report.pdf");
    assert_eq!(desk.requested(), [DesktopRequest::Paste]);
    let paths = vec![PathBuf::from("/home/ada/report.pdf")];
    let pasted = DesktopReply::Pasted(Clipboard::Files(paths.clone()));
    desk.desktop.replies.send(pasted).expect("sent");
    desk.run();
    assert_eq!(shared_paths(&mut desk), paths);
}

#[test]
fn a_clipboard_of_files_only_sends_no_text_and_is_noticed_by_the_key() {
    let mut desk = Desk::usual();
    desk.harness
        .key_up_modifiers(egui::Modifiers::COMMAND, Key::V);
    desk.run();
    assert_eq!(desk.requested(), [DesktopRequest::Paste]);
    let text = DesktopReply::Pasted(Clipboard::Text("417-acid-lemon".to_owned()));
    desk.desktop.replies.send(text).expect("sent");
    desk.run();
    assert!(desk.harness.state().model().entry.typed().is_empty());
}

#[test]
fn a_pasted_link_or_code_fills_the_field() {
    for pasted in [
        "fardrop:417-acid-lemon",
        "417-acid-lemon",
        "Here is the code: fardrop:417-acid-lemon - be quick",
    ] {
        let mut desk = Desk::usual();
        paste(&mut desk, pasted);
        let ready = desk.harness.get_by_role_and_label(Role::Button, "Receive");
        assert!(!ready.accesskit_node().is_disabled(), "{pasted}");
        assert!(desk.asked().is_empty(), "nothing is tried unasked");
    }
}

#[test]
fn words_are_completed_and_a_code_is_tried_once_entered() {
    let mut desk = Desk::usual();
    desk.type_text("417-aci");
    desk.click("Complete the word: acid");
    assert_eq!(desk.harness.state().model().entry.typed(), "417-acid-");
    desk.type_text("lem");
    desk.type_text(" ");
    assert_eq!(
        desk.harness.state().model().entry.typed(),
        "417-acid-lemon-"
    );
    desk.press(Key::Enter);
    match desk.asked().as_slice() {
        [Command::Start(_, NewTask::Receive { code, options })] => {
            assert_eq!(*code.to_spoken(), "417-acid-lemon");
            assert_eq!(options.destination, PathBuf::from("/home/ada/Downloads"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_word_is_flagged_and_costs_no_attempt() {
    let mut desk = Desk::usual();
    desk.type_text("417-acid-qqq");
    assert!(desk.says("Word 2 is not one of Fardrop's words"));
    desk.press(Key::Enter);
    assert!(desk.asked().is_empty());
}

#[test]
fn where_a_code_with_a_server_leads_stands_beneath_it_before_it_is_used() {
    let mut desk = Desk::usual();
    desk.type_text("417-acid-lemon@ada.example.org:4840");
    assert!(desk.says("This code names a server: ada.example.org:4840."));
    assert!(desk.asked().is_empty());
}

#[test]
fn an_input_method_in_the_middle_of_a_word_submits_nothing() {
    let mut desk = Desk::usual();
    desk.type_text("417-acid-lemon");
    desk.harness.event(Input::Ime(egui::ImeEvent::Preedit {
        text: "ka".to_owned(),
        active_range_chars: None,
    }));
    desk.press(Key::Enter);
    assert!(desk.asked().is_empty());
}

#[test]
fn a_wrong_code_keeps_the_files_and_a_fresh_one_is_one_press_away() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.asked();
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::CodeDead(FailureKind::CodeDead)),
    ));
    desk.run();
    assert!(desk.says("The files are still here"));
    assert!(!desk.says("417 acid lemon"));
    desk.click("Fresh code, same files");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Task(
            TaskNumber(1),
            TaskCommand::Share(ShareCommand::RenewCode)
        )]
    ));
    fresh_code(&desk);
    desk.run();
    assert!(desk.says("582 zebra cable") && desk.says("report"));
    assert!(!desk.says("Fresh code"));
}

#[test]
fn the_code_and_the_link_are_copied() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.click("Copy code");
    desk.click("Copy link");
    assert_eq!(
        desk.requested(),
        [
            DesktopRequest::CopyText("417-acid-lemon".to_owned()),
            DesktopRequest::CopyText("fardrop:417-acid-lemon".to_owned()),
        ]
    );
}

#[test]
fn an_offer_is_accepted_in_part_and_elsewhere() {
    let mut desk = Desk::usual();
    offered(&mut desk);
    assert!(desk.says("Ada's laptop wants to send you files"));
    assert!(desk.says("program"));
    desk.click("Take photos/setup.exe");
    desk.click("Replace the old ones");
    desk.click("Change: Save into");
    assert_eq!(
        desk.requested(),
        [DesktopRequest::ChooseFolder(FolderUse::ReceiveOffer)]
    );
    desk.desktop
        .replies
        .send(DesktopReply::Chosen {
            folder: Some(FolderUse::ReceiveOffer),
            paths: vec![PathBuf::from("/mnt/disk")],
        })
        .expect("sent");
    desk.run();
    assert!(desk.asked().iter().any(|command| matches!(
        command,
        Command::Session(_, SessionCommand::SetDestination(destination)) if destination == Path::new("/mnt/disk")
    )));
    desk.click("Accept");
    assert_eq!(
        decided(&mut desk),
        Decision::Accept {
            on_conflict: ConflictPolicy::Replace,
            selection: Selection::Except([3].into()),
            consent: Consent::default(),
            destination: Some(PathBuf::from("/mnt/disk")),
            room: Room::Needed,
        }
    );
}

#[test]
fn an_offer_that_does_not_fit_or_of_nothing_cannot_be_accepted() {
    let mut desk = Desk::usual();
    looking(&mut desk);
    paired(&mut desk, 1, "Ada");
    desk.tell(offer(1, Some(10)));
    desk.run();
    assert!(desk.says("It does not fit"));
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Session(SessionNumber(1), SessionAction::Accept));
    desk.run();
    let decided = desk
        .asked()
        .iter()
        .any(|command| matches!(command, Command::Session(_, SessionCommand::Decide(_))));
    assert!(!decided);
}

#[test]
fn a_long_offer_is_asked_for_page_by_page_and_searched() {
    let mut desk = Desk::usual();
    looking(&mut desk);
    paired(&mut desk, 1, "Ada");
    desk.tell(offer(1, Some(u64::MAX)));
    desk.run();
    desk.asked();
    let rows = (0..200).map(|at| row(at, &format!("{at}.txt"))).collect();
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::OfferPage {
            search: String::new(),
            matching: 10_000,
            first: 0,
            rows,
        },
    ));
    desk.run();
    // A screen full of ten thousand.
    let drawn = desk
        .nodes()
        .iter()
        .filter(|node| super::name_of(node).starts_with("Take "))
        .count();
    assert!((4..40).contains(&drawn), "{drawn}");
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Session(
            SessionNumber(1),
            SessionAction::SeeRows(5_000..5_020),
        ));
    desk.run();
    assert!(desk.asked().iter().any(|command| matches!(
        command,
        Command::Session(
            _,
            SessionCommand::ShowOffer(PageRequest {
                first: 4_900,
                count: 200,
                ..
            })
        )
    )));
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Session(
            SessionNumber(1),
            SessionAction::Search("beach".to_owned()),
        ));
    desk.run();
    assert!(desk.asked().iter().any(|command| matches!(
        command,
        Command::Session(_, SessionCommand::ShowOffer(PageRequest { search, first: 0, .. })) if search == "beach"
    )));
    // A page of the search before says nothing any more.
    desk.tell(page(vec![row(0, "old.txt")]));
    desk.run();
    assert!(!desk.says("Take old.txt"));
}

#[test]
fn an_offer_scrolls_as_one_and_its_list_has_all_the_room_there_is() {
    for size in [[760.0, 620.0], [360.0, 480.0]] {
        let look = Look {
            size,
            ..Look::usual()
        };
        let mut desk = Desk::new(&look, Settings::default());
        looking(&mut desk);
        paired(&mut desk, 1, "Ada");
        desk.tell(offer(1, Some(u64::MAX)));
        desk.run();
        let rows = (0..200).map(|at| row(at, &format!("{at}.txt"))).collect();
        desk.tell(page(rows));
        desk.run();
        let bars = |desk: &Desk| {
            let nodes = desk.nodes().into_iter();
            nodes
                .filter(|node| node.accesskit_node().role() == Role::ScrollBar)
                .count()
        };
        assert_eq!(bars(&desk), 1, "{size:?}");
        let middle = egui::pos2(size[0] / 2.0, size[1] / 2.0);
        desk.harness.hover_at(middle);
        scroll(&mut desk, 1500.0);
        let tops: Vec<f32> = desk
            .nodes()
            .into_iter()
            .filter(|node| super::name_of(node).starts_with("Take "))
            .map(|node| node.rect().top())
            .collect();
        let step = theme::ROW_HEIGHT + theme::SPACE_TIGHT;
        let seen = tops.iter().filter(|top| (0.0..size[1]).contains(*top));
        // But for the tabs and the answer, the whole window.
        let room = ((size[1] - 160.0) / step) as usize;
        assert!(seen.count() >= room, "{size:?}: {tops:?}");
        assert!(tops.len() < room + 10, "{size:?}: {tops:?}");
        // The last can be reached, and the way there is through all of them.
        for _ in 0..4 {
            scroll(&mut desk, 4000.0);
        }
        let last = desk.harness.get_by_label("Take 199.txt").rect();
        assert!(last.bottom() < size[1] - 40.0, "{size:?}: {last:?}");
    }
}

/// Turns the wheel so far down, in points.
fn scroll(desk: &mut Desk, points: f32) {
    desk.harness.event(Input::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(0.0, -points),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: egui::Modifiers::NONE,
    });
    // It rolls to a stop.
    desk.harness.run_steps(20);
}

#[test]
fn a_transfer_is_paused_resumed_and_cancelled() {
    let mut desk = Desk::usual();
    moving(&mut desk);
    desk.asked();
    desk.click("Pause: From Ada's laptop");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Session(SessionNumber(1), SessionCommand::Pause)]
    ));
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Paused(Who::Here),
    ));
    desk.run();
    desk.click("Resume: From Ada's laptop");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Session(SessionNumber(1), SessionCommand::Resume)]
    ));
    desk.click("Cancel: From Ada's laptop");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Task(TaskNumber(1), TaskCommand::Cancel)]
    ));
}

#[test]
fn what_failed_is_tried_again_with_the_same_code() {
    let mut desk = Desk::usual();
    let state = states::all()
        .into_iter()
        .find(|state| state.name == "failed")
        .expect("a state");
    (state.make)(&mut desk);
    desk.asked();
    assert!(desk.says("are kept"));
    desk.click("Try again: From Ada's laptop");
    match desk.asked().as_slice() {
        [Command::Start(_, NewTask::Receive { code, .. })] => {
            assert_eq!(*code.to_spoken(), "417-acid-lemon")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_share_that_fails_at_once_says_why_what_is_kept_and_what_to_do() {
    let mut desk = Desk::usual();
    states::share_failed(&mut desk, FailureKind::NothingToSend);
    desk.asked();
    assert!(desk.says("Failed") && desk.says("There is nothing to send"));
    assert!(desk.says("Nothing was sent, and the files are as they were."));
    assert!(desk.says("report"));
    // The same again would fail again.
    assert!(!desk.says("Send again"));
    desk.click("Copy details");
    match desk.requested().as_slice() {
        [DesktopRequest::CopyText(copied)] => {
            assert!(copied.contains("nothing to send") && copied.contains("kind: nothing-to-send"));
        }
        other => panic!("{other:?}"),
    }
    desk.click("Choose files: Sending report.pdf and 1 more");
    assert_eq!(desk.requested(), [DesktopRequest::ChooseFiles]);

    let mut desk = Desk::usual();
    states::share_failed(&mut desk, FailureKind::RendezvousUnreachable);
    desk.asked();
    desk.click("Send again: Sending report.pdf and 1 more");
    assert_eq!(shared_paths(&mut desk).len(), 2);
}

#[test]
fn what_seems_not_to_fit_is_taken_where_the_person_wants_to_try() {
    let mut desk = Desk::usual();
    looking(&mut desk);
    paired(&mut desk, 1, "Ada");
    desk.tell(offer(1, Some(0)));
    desk.run();
    desk.asked();
    desk.click("Accept");
    assert!(
        desk.asked()
            .iter()
            .all(|command| !matches!(command, Command::Session(_, SessionCommand::Decide(_))))
    );
    desk.click("Try anyway");
    desk.click("Accept");
    let Decision::Accept { room, .. } = decided(&mut desk) else {
        panic!("declined");
    };
    assert_eq!(room, Room::Ignored);
}

#[test]
fn the_proof_of_what_was_here_is_shown_while_it_goes_on_and_is_no_standstill() {
    let mut desk = Desk::usual();
    states::proving(&mut desk, 3_100_000_000);
    assert!(desk.says("Checking what is here already: 3.1 GB of 3.2 GB"));
    desk.pass(Duration::from_secs(20));
    assert!(!desk.says("Stalled"));
    desk.progress(1, states::progress(7_300_000, 8));
    assert!(!desk.says("Checking"));
    desk.pass(Duration::from_secs(20));
    assert!(desk.says("Stalled"));
}

#[test]
fn a_long_list_is_shown_whole_where_the_person_wants_it() {
    let mut desk = Desk::usual();
    states::renamed(&mut desk, 50_000);
    assert!(desk.says("photos/picture 2:00.jpg: saved as photos/picture 2%3A00.jpg"));
    assert!(desk.says("and 49,997 more"));
    assert!(!desk.says("picture 3"));
    desk.click("Show all 50,000: Changed names");
    assert!(desk.says("picture 3") && desk.says("saved as photos/picture 3%3A00.jpg"));
    let drawn = |desk: &Desk| {
        let nodes = desk.nodes();
        let rows = nodes.iter().map(super::name_of);
        rows.filter(|name| name.starts_with("saved as ")).count()
    };
    assert!((3..40).contains(&drawn(&desk)), "{}", drawn(&desk));
    // To its end, and back over what follows it.
    desk.harness.hover_at(egui::pos2(380.0, 310.0));
    for _ in 0..4 {
        scroll(&mut desk, 800_000.0);
    }
    let last = "picture 49999%3A00.jpg";
    for _ in 0..6 {
        if !desk.says(last) {
            scroll(&mut desk, -200.0);
        }
    }
    assert!(desk.says(last), "the last is not there");
    assert!((1..40).contains(&drawn(&desk)), "{}", drawn(&desk));
    desk.click("Show fewer: Changed names");
    assert!(desk.says("and 49,997 more"));
}

#[test]
fn files_that_failed_are_counted_beyond_those_known_by_name() {
    let mut desk = Desk::usual();
    received(&mut desk, 150);
    assert!(desk.says("150 files are missing") && desk.says("and 147 more"));
}

#[test]
fn what_the_sender_leaves_out_is_said_before_and_after() {
    let left_out = LeftOutCount {
        things: 3,
        closed_folders: 1,
    };
    let mut desk = Desk::usual();
    offered(&mut desk);
    let mut offer = offer(1, Some(50_000_000_000));
    if let Event::Session(_, SessionEvent::Offer(summary)) = &mut offer {
        summary.left_out = left_out;
    }
    desk.tell(offer);
    desk.run();
    let words = "3 things are left out, and what is in 1 folder that cannot be read";
    assert!(desk.says(&format!("Not all of it: {words} on the sender's machine")));

    let mut desk = Desk::usual();
    received_without(&mut desk, left_out);
    assert!(desk.says(&format!("Partly done: {words}")));
    assert!(!desk.says("verified on this disk"));
}

#[test]
fn transfer_in_which_nothing_arrived_says_why_and_is_never_done() {
    let mut desk = Desk::usual();
    states::nothing_arrived(&mut desk, FailureKind::ReadOnly);
    assert!(desk.says("The folder you chose is read-only"));
    assert!(desk.says("the receiving folder is read-only"));
    assert!(!desk.says("Done") && !desk.says("verified"));
}

#[test]
fn what_has_arrived_is_opened_and_shown() {
    let mut desk = Desk::usual();
    received(&mut desk, 0);
    desk.requested();
    assert!(desk.says("verified on this disk"));
    desk.click("Open: From Ada's laptop");
    desk.click("Show in folder: From Ada's laptop");
    let place = PathBuf::from("/home/ada/Downloads/report.pdf");
    assert_eq!(
        desk.requested(),
        [
            DesktopRequest::Open(place.clone()),
            DesktopRequest::ShowInFolder(place),
        ]
    );
}

#[test]
fn two_transfers_and_an_offer_at_once_keep_apart() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    paired(&mut desk, 1, "Ada");
    paired(&mut desk, 2, "Grace");
    show(&mut desk, Screen::Home);
    looking(&mut desk);
    desk.tell(Event::Task(
        TaskNumber(2),
        TaskEvent::Paired {
            session: SessionNumber(3),
            device: "Edsger".to_owned(),
        },
    ));
    show(&mut desk, Screen::Settings);
    desk.tell(offer(3, Some(u64::MAX)));
    desk.run();
    // Whoever is busy elsewhere is told, not taken away.
    assert!(desk.says("1 offer waits"));
    desk.click("1 offer waits");
    assert!(desk.says("Edsger wants to send you files"));
    desk.asked();
    desk.click("Decline");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Session(
            SessionNumber(3),
            SessionCommand::Decide(Decision::Decline)
        )]
    ));
    assert!(desk.says("To Ada") && desk.says("To Grace") && desk.says("From Edsger"));
    path(&mut desk, 2);
    assert!(desk.says("exchanging the list"));
}

#[test]
fn closing_asks_while_bytes_move_and_not_else() {
    let mut desk = Desk::usual();
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Window(WindowAction::Close));
    assert_eq!(desk.harness.state().model().dialog, None);

    let mut desk = Desk::usual();
    moving(&mut desk);
    desk.asked();
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Window(WindowAction::Close));
    desk.run();
    assert!(desk.says("Files are still moving"));
    desk.click("Stop and close");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Task(TaskNumber(1), TaskCommand::Cancel)]
    ));
}

#[test]
fn settings_hold_at_once_and_the_engine_is_told_what_concerns_it() {
    let mut desk = Desk::usual();
    show(&mut desk, Screen::Settings);
    desk.click("Ask routers to open a port");
    match desk.asked().as_slice() {
        [Command::Configure(config)] => assert!(!config.port_mapping),
        other => panic!("{other:?}"),
    }
    desk.click("Dark");
    assert!(desk.asked().is_empty());
    assert!(desk.harness.ctx.global_style().visuals.dark_mode);
}

#[test]
fn a_server_is_added_and_tested() {
    let mut desk = Desk::usual();
    show(&mut desk, Screen::Settings);
    desk.tab_to(crate::text::SERVER_LABEL);
    desk.type_text("rv.example.org:4840");
    desk.press(Key::Enter);
    assert!(matches!(desk.asked().as_slice(), [Command::Configure(_)]));
    desk.click("Test rv.example.org:4840");
    let task = match desk.asked().as_slice() {
        [Command::Start(task, NewTask::TestRendezvous(server))] => {
            assert_eq!(server, "rv.example.org:4840");
            *task
        }
        other => panic!("{other:?}"),
    };
    desk.tell(Event::Task(
        task,
        TaskEvent::RendezvousTested(Ok(Duration::from_millis(23))),
    ));
    desk.run();
    assert!(desk.says("rv.example.org:4840 answers, 23 ms"));
}

#[test]
fn a_window_without_a_rendezvous_says_what_works() {
    let desk = Desk::usual();
    assert!(desk.says("this works on this network"));
    let settings = Settings {
        rendezvous: vec!["rv.example.org:4840".to_owned()],
        ..Settings::default()
    };
    let desk = Desk::new(&Look::usual(), settings);
    assert!(!desk.says("this works on this network"));
}
