//! Every state that the window can be in, each made the way it comes about.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::diagnosis::{
    Diagnosis, Hairpin, InterfaceKind, InterfaceReport, Ipv6, Mapping, NatReport, PortSequence,
    Quic,
};
use fardrop_shared::offer::{Classifier, EntryKind};

use super::{Desk, picker};
use crate::disk::leftovers::{Leftover, LeftoverKind};
use crate::engine::event::{
    Attribute, Conflict, Event, ItemNumber, LeftOut, LeftOutCount, LeftOutReason, Listed, OfferRow,
    OfferSummary, Outcome, PathKind, PeerLeftOut, Progress, Proving, Receipt, Renaming, RungState,
    SessionEvent, SessionNumber, ShareEvent, ShareItem, ShownCode, TaskEvent, TaskNumber,
    Transport, Who,
};
use crate::failure::{Failure, FailureKind, Stage};
use crate::gui::action::{Action, FilesAction, WindowAction};
use crate::gui::screen::Screen;
use crate::leftovers::{Kept, Listing, Unfinished};

/// A state: what it is called, and how it comes about.
pub(super) struct State {
    /// Its name.
    pub(super) name: &'static str,
    /// Brings a fresh window into it.
    pub(super) make: fn(&mut Desk),
    /// Whether bytes move: then frames may be asked for.
    pub(super) moving: bool,
}

const fn still(name: &'static str, make: fn(&mut Desk)) -> State {
    State {
        name,
        make,
        moving: false,
    }
}

/// All of them.
pub(super) fn all() -> Vec<State> {
    let mut all = before_bytes_move();
    all.extend(while_bytes_move());
    all.extend(when_it_is_over());
    all.extend(elsewhere());
    all
}

fn before_bytes_move() -> Vec<State> {
    vec![
        still("home", |_| {}),
        still("code-completed", |desk| desk.type_text("417-ac")),
        still("code-unknown-word", |desk| desk.type_text("417-xq")),
        still("looking-for-sender", looking),
        still("ready-to-send", shared),
        still("wrong-guess", |desk| {
            shared(desk);
            desk.tell(Event::Task(
                TaskNumber(1),
                TaskEvent::Share(ShareEvent::WrongGuess { attempts_left: 2 }),
            ));
        }),
        still("code-dead", |desk| {
            shared(desk);
            desk.tell(Event::Task(
                TaskNumber(1),
                TaskEvent::Share(ShareEvent::CodeDead(FailureKind::CodeDead)),
            ));
        }),
        still("two-receivers", |desk| {
            shared(desk);
            paired(desk, 1, "Ada's laptop");
            paired(desk, 2, "Grace's desktop");
            desk.tell(offer(1, None));
        }),
        still("offer", offered),
        still("offer-under-other-names", |desk| renamed(desk, 40)),
        still("offer-without-some", left_out_there),
        still("offer-without-some-names", |desk| unnamed(desk, 40)),
        still("offer-too-large", |desk| {
            looking(desk);
            paired(desk, 1, "Ada's laptop");
            path(desk, 1);
            desk.tell(offer(1, Some(1_000)));
        }),
    ]
}

fn while_bytes_move() -> Vec<State> {
    vec![
        still("connecting", |desk| {
            looking(desk);
            paired(desk, 1, "Ada's laptop");
            for (rung, state) in [
                (PathKind::Local, RungState::Failed),
                (PathKind::Ipv6, RungState::Failed),
                (PathKind::Mapped, RungState::Trying),
            ] {
                desk.tell(Event::Session(
                    SessionNumber(1),
                    SessionEvent::Rung {
                        rung,
                        state,
                        detail: String::new(),
                    },
                ));
            }
        }),
        still("preparing", |desk| {
            looking(desk);
            paired(desk, 1, "Ada's laptop");
            path(desk, 1);
        }),
        State {
            name: "moving",
            make: moving,
            moving: true,
        },
        State {
            name: "proving",
            make: |desk| proving(desk, 3_100_000_000),
            moving: true,
        },
        still("stalled", |desk| {
            moving(desk);
            desk.pass(Duration::from_secs(6));
        }),
        still("reconnecting", |desk| {
            moving(desk);
            desk.tell(Event::Session(
                SessionNumber(1),
                SessionEvent::Interrupted { kept: 7_700_000 },
            ));
        }),
        still("paused", |desk| {
            moving(desk);
            desk.tell(paused(Who::Here));
        }),
        still("paused-by-peer", |desk| {
            moving(desk);
            desk.tell(paused(Who::Peer));
        }),
        still("verifying", |desk| {
            moving(desk);
            desk.progress(1, progress(12_000_000, 11));
        }),
    ]
}

fn when_it_is_over() -> Vec<State> {
    vec![
        still("received", |desk| received(desk, 0)),
        still("received-without-times", received_without_times),
        still("partly-done", |desk| received(desk, 2)),
        still("sent", sent),
        still("declined-by-peer", |desk| {
            shared(desk);
            paired(desk, 1, "Ada's laptop");
            failed(desk, FailureKind::Declined);
        }),
        still("cancelled-by-peer", |desk| {
            moving(desk);
            failed(desk, FailureKind::CancelledByPeer);
            ended(desk, Outcome::Failed);
        }),
        still("failed", |desk| {
            moving(desk);
            failed(desk, FailureKind::PeerGone);
            ended(desk, Outcome::Failed);
        }),
        still("share-failed", |desk| {
            share_failed(desk, FailureKind::NothingToSend);
        }),
        still("share-failed-at-home", |desk| {
            share_failed(desk, FailureKind::RendezvousUnreachable);
            show(desk, Screen::Home);
        }),
        still("share-refused", |desk| {
            shared(desk);
            desk.tell(Event::Task(
                TaskNumber(1),
                TaskEvent::Refused(Failure::new(
                    Stage::Rendezvous,
                    FailureKind::RendezvousUnreachable,
                )),
            ));
        }),
        still("code-is-dead", |desk| {
            looking(desk);
            desk.tell(Event::Task(
                TaskNumber(1),
                TaskEvent::Failed {
                    // The engine numbers it before anybody is paired.
                    session: Some(SessionNumber(1)),
                    failure: Failure::new(Stage::Pairing, FailureKind::CodeDead),
                },
            ));
            ended(desk, Outcome::Failed);
        }),
        still("no-such-code", |desk| {
            looking(desk);
            desk.tell(Event::Task(
                TaskNumber(1),
                TaskEvent::Failed {
                    // The engine numbers it before anybody is paired.
                    session: Some(SessionNumber(1)),
                    failure: Failure::new(Stage::Rendezvous, FailureKind::NoSuchCode),
                },
            ));
            ended(desk, Outcome::Failed);
        }),
    ]
}

fn elsewhere() -> Vec<State> {
    vec![
        still("history", |desk| show(desk, Screen::History)),
        still("interrupted-before", interrupted),
        still("interrupted-transfers", |desk| {
            interrupted(desk);
            show(desk, Screen::Leftovers);
        }),
        still("interrupted-none", |desk| show(desk, Screen::Leftovers)),
        still("resuming", resuming),
        still("remove-leftover", |desk| {
            interrupted(desk);
            show(desk, Screen::Leftovers);
            desk.click("Remove: report.pdf and more from Ada's laptop");
        }),
        still("settings", |desk| show(desk, Screen::Settings)),
        still("network", |desk| show(desk, Screen::Network)),
        still("network-known", |desk| {
            desk.tell(Event::Task(
                TaskNumber(9),
                TaskEvent::Diagnosed(Box::new(diagnosis())),
            ));
            show(desk, Screen::Network);
        }),
        still("about", |desk| show(desk, Screen::About)),
        still("picker-files", picker::files),
        still("picker-destination", picker::destination),
        still("picker-unreadable", picker::unreadable),
        still("picker-crowded", picker::crowded),
        State {
            name: "closing",
            make: |desk| {
                moving(desk);
                desk.harness
                    .state_mut()
                    .model_mut()
                    .handle_action(Action::Window(WindowAction::Close));
            },
            moving: true,
        },
    ]
}

/// Two receives were cut off, and something is left of one that is not recorded.
pub(super) fn interrupted(desk: &mut Desk) {
    let part = |name: &str, bytes| Leftover {
        path: PathBuf::from("/home/ada/Downloads").join(name),
        kind: LeftoverKind::Part,
        bytes,
    };
    let kept = |receive: Option<Unfinished>, found: Vec<Leftover>| Kept {
        folder: PathBuf::from("/home/ada/Downloads"),
        running: false,
        missing: false,
        receive,
        found,
    };
    let names = [
        "report.pdf",
        "photos",
        "a film with a rather long name, as films have.mkv",
    ];
    let mut listing = Listing {
        kept: vec![
            kept(
                Some(Unfinished::example(2, "Ada's laptop", &names, 700_000_000)),
                vec![part(".fardrop-1.part", 600_000_000)],
            ),
            kept(
                Some(Unfinished::example(
                    1,
                    "Grace\\u{202e}",
                    &["a.iso"],
                    2_400_000,
                )),
                Vec::new(),
            ),
            kept(None, vec![part(".fardrop-2.part", 5_000)]),
        ],
        incomplete: false,
    };
    listing.kept[1].missing = true;
    desk.harness.state_mut().model_mut().leftovers = Arc::new(listing);
    desk.run();
}

/// One of them is chosen to be gone on with.
pub(super) fn resuming(desk: &mut Desk) {
    interrupted(desk);
    show(desk, Screen::Leftovers);
    desk.click("Resume: report.pdf and more from Ada's laptop");
}

/// Turns to a screen.
pub(super) fn show(desk: &mut Desk, screen: Screen) {
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Show(screen));
    desk.run();
}

/// A code was typed; the sender is looked for.
pub(super) fn looking(desk: &mut Desk) {
    desk.type_text("417-acid-lemon");
    desk.press(egui::Key::Enter);
}

/// Two things are shared, and there is a code.
pub(super) fn shared(desk: &mut Desk) {
    let paths = vec![
        PathBuf::from("/home/bob/report.pdf"),
        PathBuf::from("/home/bob/photos"),
    ];
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Files(FilesAction::Drop(paths)));
    code(desk);
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::Scanned {
            files: 12,
            bytes: 12_000_000,
            links: 0,
            left_out: LeftOutCount {
                things: 1,
                closed_folders: 0,
            },
        }),
    ));
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::LeftOut {
            name: "photos/socket".to_owned(),
            reason: LeftOut::Special,
        }),
    ));
    let item = |number, name: &str, folder, files, bytes| ShareItem {
        number: ItemNumber(number),
        name: name.to_owned(),
        path: PathBuf::from("/home/bob").join(name),
        folder,
        files,
        bytes,
        left_out: 0,
    };
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::Contents(vec![
            item(1, "report.pdf", false, 1, 1_200_000),
            item(2, "photos", true, 11, 10_800_000),
        ])),
    ));
    desk.run();
}

/// The share has a code.
pub(super) fn code(desk: &Desk) {
    show_code(desk, "417-acid-lemon");
}

/// The share has a fresh code.
pub(super) fn fresh_code(desk: &Desk) {
    show_code(desk, "582-zebra-cable");
}

fn show_code(desk: &Desk, code: &str) {
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Share(ShareEvent::Code(ShownCode {
            spoken: code.to_owned(),
            with_server: None,
            uri: format!("fardrop:{code}"),
        })),
    ));
}

/// A peer knows the code.
pub(super) fn paired(desk: &mut Desk, session: u64, device: &str) {
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Paired {
            session: SessionNumber(session),
            device: device.to_owned(),
        },
    ));
    desk.run();
}

/// There is a path.
pub(super) fn path(desk: &mut Desk, session: u64) {
    desk.tell(Event::Session(
        SessionNumber(session),
        SessionEvent::Path {
            kind: PathKind::Local,
            link: Transport::Quic,
            rtt: Duration::from_millis(3),
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        },
    ));
    desk.run();
}

/// What is offered: twelve files.
pub(super) fn offer(session: u64, free: Option<u64>) -> Event {
    Event::Session(
        SessionNumber(session),
        SessionEvent::Offer(OfferSummary {
            left_out: LeftOutCount::default(),
            files: 12,
            folders: 1,
            bytes: 12_000_000,
            holes: 0,
            links: 0,
            survey: Arc::default(),
            top_names: vec!["report.pdf".to_owned(), "photos".to_owned()],
            kept: 0,
            conflicts: 2,
            unnamed: 0,
            free,
            destination: free.map(|_| PathBuf::from("/home/ada/Downloads")),
        }),
    )
}

/// An offer lies open, with its list.
pub(super) fn offered(desk: &mut Desk) {
    looking(desk);
    paired(desk, 1, "Ada's laptop");
    path(desk, 1);
    desk.tell(offer(1, Some(50_000_000_000)));
    desk.run();
    desk.tell(page(rows()));
    desk.run();
}

/// An offer lies open, of which so many names cannot be in the folder.
pub(super) fn renamed(desk: &mut Desk, names: u32) {
    offered(desk);
    let first = (0..names).map(|at| Renaming {
        name: format!("photos/picture {at}:00.jpg"),
        place: format!("photos/picture {at}%3A00.jpg"),
    });
    let renamed = Listed {
        first: first.collect(),
        count: names.into(),
    };
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Renamed(Arc::new(renamed)),
    ));
    desk.run();
}

/// An offer lies open, of which so much is left out since its name cannot be in the folder.
pub(super) fn unnamed(desk: &mut Desk, names: u32) {
    offered(desk);
    let first = (0..names).map(|at| format!("photos/picture {at}:00.jpg"));
    let unnamed = Listed {
        first: first.collect(),
        count: names.into(),
    };
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Unnamed(Arc::new(unnamed)),
    ));
    desk.run();
}

/// An offer lies open of which the sender leaves something out.
fn left_out_there(desk: &mut Desk) {
    offered(desk);
    let names = [
        ("photos/locked", LeftOutReason::FolderUnreadable),
        ("photos/pipe", LeftOutReason::Special),
    ];
    let first = names.map(|(name, reason)| PeerLeftOut {
        name: name.to_owned(),
        reason,
    });
    let left_out = Listed {
        first: first.to_vec(),
        count: 2,
    };
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::LeftOut(Arc::new(left_out)),
    ));
    let mut offer = offer(1, Some(50_000_000_000));
    if let Event::Session(_, SessionEvent::Offer(summary)) = &mut offer {
        summary.left_out = LeftOutCount {
            things: 2,
            closed_folders: 1,
        };
    }
    desk.tell(offer);
    desk.run();
}

/// A page with all of its rows.
pub(super) fn page(rows: Vec<OfferRow>) -> Event {
    Event::Session(
        SessionNumber(1),
        SessionEvent::OfferPage {
            search: String::new(),
            matching: rows.len() as u64,
            first: 0,
            rows,
        },
    )
}

/// One file is offered.
pub(super) fn offered_file(desk: &mut Desk, name: &str) {
    looking(desk);
    paired(desk, 1, "Ada");
    desk.tell(offer(1, Some(u64::MAX)));
    desk.run();
    desk.tell(page(vec![row(0, name)]));
    desk.run();
}

/// A row of a file.
pub(super) fn row(index: u32, name: &str) -> OfferRow {
    let file = EntryKind::File {
        size: 1_000_000,
        holes: 0,
        executable: false,
    };
    OfferRow {
        index,
        name: name.to_owned(),
        folder: false,
        link: false,
        concerns: Classifier::default().concerns(name.as_bytes(), file),
        files: 1,
        bytes: 1_000_000,
        conflict: None,
    }
}

fn rows() -> Vec<OfferRow> {
    let mut rows = vec![
        OfferRow {
            conflict: Some(Conflict::SameSize),
            ..row(0, "report.pdf")
        },
        OfferRow {
            folder: true,
            files: 10,
            bytes: 10_000_000,
            ..row(1, "photos")
        },
        OfferRow {
            conflict: Some(Conflict::Differs),
            ..row(2, "photos/2024-07-14 a rather long name of a picture.jpg")
        },
        row(3, "photos/setup.exe"),
    ];
    rows.extend((4..13).map(|index| row(index, &format!("photos/picture {index}.jpg"))));
    rows
}

/// How far: of twelve files and 12 MB.
pub(super) fn progress(bytes: u64, files: u64) -> Progress {
    Progress {
        bytes,
        total: 12_000_000,
        files,
        files_total: 12,
        rate: 1_500_000.0,
        proving: None,
    }
}

/// Files arrive.
pub(super) fn moving(desk: &mut Desk) {
    offered(desk);
    desk.click("Accept");
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Accepted {
            files: 12,
            bytes: 12_000_000,
        },
    ));
    for step in 0..8_u64 {
        desk.pass(Duration::from_millis(600));
        let progress = Progress {
            rate: 1_000_000.0 + 90_000.0 * ((step * 37) % 11) as f64,
            ..progress(900_000 * (step + 1), step)
        };
        desk.progress(1, progress);
    }
}

/// Files arrive, and of what was here before so much has been read to prove it.
pub(super) fn proving(desk: &mut Desk, done: u64) {
    moving(desk);
    let progress = Progress {
        proving: Some(Proving {
            done,
            total: 3_200_000_000,
        }),
        ..progress(7_300_000, 8)
    };
    desk.progress(1, progress);
}

fn paused(by: Who) -> Event {
    Event::Session(SessionNumber(1), SessionEvent::Paused(by))
}

fn receipt(failed_files: u64) -> Receipt {
    Receipt {
        files: 12_u64.saturating_sub(failed_files),
        failed_files,
        refused_names: 0,
        cause: None,
        renamed: 0,
        left_out: LeftOutCount::default(),
        bytes: 12_000_000,
        sent: 9_000_000,
        resumed: 3_000_000,
        elapsed: Duration::from_secs(8),
        kind: PathKind::Local,
        link: Transport::Quic,
    }
}

/// Everything has arrived, or some of it.
pub(super) fn received(desk: &mut Desk, failed_files: u64) {
    received_but(desk, failed_files, |desk| {
        for at in 0..failed_files {
            desk.tell(Event::Session(
                SessionNumber(1),
                SessionEvent::FileFailed {
                    name: format!("photos/picture {at}.jpg"),
                    reason: FailureKind::FileChanged,
                },
            ));
        }
    });
}

/// What arrives has arrived, with all but so many files, and before the end something is told.
fn received_but(desk: &mut Desk, failed_files: u64, tell: impl FnOnce(&mut Desk)) {
    moving(desk);
    tell(desk);
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Done {
            receipt: receipt(failed_files),
            places: vec![PathBuf::from("/home/ada/Downloads/report.pdf")],
        },
    ));
    ended(desk, Outcome::Succeeded);
}

/// Everything has arrived, onto a file system that lets no times be set.
fn received_without_times(desk: &mut Desk) {
    received_but(desk, 0, |desk| {
        desk.tell(Event::Session(
            SessionNumber(1),
            SessionEvent::Refused {
                attribute: Attribute::Time,
                count: 13,
                first: "report.pdf".to_owned(),
            },
        ));
    });
}

/// All that was offered has arrived, and something was not offered.
pub(super) fn received_without(desk: &mut Desk, left_out: LeftOutCount) {
    moving(desk);
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Done {
            receipt: Receipt {
                left_out,
                ..receipt(0)
            },
            places: Vec::new(),
        },
    ));
    ended(desk, Outcome::Failed);
}

/// The only file has failed for this reason.
pub(super) fn nothing_arrived(desk: &mut Desk, reason: FailureKind) {
    moving(desk);
    let name = "report.pdf".to_owned();
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::FileFailed { name, reason },
    ));
    failed(desk, reason);
    ended(desk, Outcome::Failed);
}

fn sent(desk: &mut Desk) {
    shared(desk);
    paired(desk, 1, "Ada's laptop");
    path(desk, 1);
    desk.tell(offer(1, None));
    desk.tell(Event::Session(
        SessionNumber(1),
        SessionEvent::Done {
            receipt: receipt(0),
            places: Vec::new(),
        },
    ));
    desk.run();
}

/// A share fails before there is a code.
pub(super) fn share_failed(desk: &mut Desk, kind: FailureKind) {
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Files(FilesAction::Drop(vec![
            PathBuf::from("/home/bob/report.pdf"),
            PathBuf::from("/home/bob/photos"),
        ])));
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Failed {
            session: None,
            failure: Failure::new(Stage::Files, kind),
        },
    ));
    ended(desk, Outcome::Failed);
}

fn failed(desk: &Desk, kind: FailureKind) {
    desk.tell(Event::Task(
        TaskNumber(1),
        TaskEvent::Failed {
            session: Some(SessionNumber(1)),
            failure: Failure::new(Stage::Transfer, kind),
        },
    ));
}

fn ended(desk: &mut Desk, outcome: Outcome) {
    desk.tell(Event::Task(TaskNumber(1), TaskEvent::Ended(outcome)));
    desk.run();
}

fn diagnosis() -> Diagnosis {
    Diagnosis {
        interfaces: vec![InterfaceReport {
            name: "eth0".to_owned(),
            kind: InterfaceKind::Wired,
            addresses: vec![Ipv4Addr::new(192, 168, 7, 23).into()],
        }],
        gateways: vec![Ipv4Addr::new(192, 168, 7, 1).into()],
        servers: Vec::new(),
        unresolved: Vec::new(),
        routers: Some(Vec::new()),
        nat: NatReport {
            mapping: Mapping::EndpointIndependent,
            ports: PortSequence::Preserved,
            outside: None,
            hairpin: Hairpin::Untested,
        },
        ipv6: Ipv6::NoAddress,
        quic: Quic::Untested,
        path_mtu: None,
        clock: None,
    }
}
