//! Every sentence is one: it ends, it says what to do, and nothing in it can trouble a screen.

use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::Role;

use super::*;
use crate::engine::event::{Attribute, LeftOut};
use crate::failure::{Failure, FailureKind, Stage};

const STAGES: [Stage; 8] = [
    Stage::Files,
    Stage::Rendezvous,
    Stage::Pairing,
    Stage::Path,
    Stage::Link,
    Stage::Offer,
    Stage::Transfer,
    Stage::Disk,
];

const KINDS: [FailureKind; 46] = [
    FailureKind::RendezvousUnreachable,
    FailureKind::RendezvousBusy,
    FailureKind::NoSuchCode,
    FailureKind::NobodyNearby,
    FailureKind::WrongCode,
    FailureKind::CodeDead,
    FailureKind::CodeTaken,
    FailureKind::Version,
    FailureKind::LinkMismatch,
    FailureKind::LinkBlocked,
    FailureKind::UdpBlocked,
    FailureKind::BothNatsSymmetric,
    FailureKind::Firewalled,
    FailureKind::PeerGone,
    FailureKind::PeerMisbehaved,
    FailureKind::Declined,
    FailureKind::NoSpace,
    FailureKind::UnsafeName,
    FailureKind::FileChanged,
    FailureKind::FileUnreadable,
    FailureKind::HashMismatch,
    FailureKind::WriteFailed,
    FailureKind::ReadForbidden,
    FailureKind::SenderTooManyOpen,
    FailureKind::WrongSize,
    FailureKind::ReadOnly,
    FailureKind::WriteForbidden,
    FailureKind::NotAFolder,
    FailureKind::FolderInTheWay,
    FailureKind::NameTooLong,
    FailureKind::NameForbidden,
    FailureKind::FileTooLarge,
    FailureKind::TooManyOpen,
    FailureKind::LinkInTheWay,
    FailureKind::Quota,
    FailureKind::TargetMissing,
    FailureKind::NoLinks,
    FailureKind::TakenOver,
    FailureKind::Crowded,
    FailureKind::Stalled,
    FailureKind::NotAllowed,
    FailureKind::NothingToSend,
    FailureKind::OfferTooLarge,
    FailureKind::Cancelled,
    FailureKind::CancelledByPeer,
    FailureKind::Local,
];

/// Words that tell a person nothing.
const JARGON: [&str; 12] = [
    "NAT",
    "TLS",
    "QUIC",
    "hash",
    "socket",
    "PAKE",
    "handshake",
    "symmetric",
    "candidate",
    "errno",
    "manifest",
    "nonce",
];

#[track_caller]
fn assert_sentence(line: &str) {
    assert!(line.ends_with('.'), "no end: {line}");
    assert!(!line.ends_with(".."), "two ends: {line}");
    assert!(!line.contains(char::is_control), "control: {line:?}");
    assert!(!line.contains("  "), "gap: {line:?}");
    assert!(line.starts_with(char::is_uppercase), "no start: {line}");
    for word in JARGON {
        assert!(!line.contains(word), "jargon {word}: {line}");
    }
}

#[test]
fn every_failure_is_told_in_plain_sentences() {
    for kind in KINDS {
        for stage in STAGES {
            for role in [Role::Sender, Role::Receiver] {
                let line = failure(&Failure::new(stage, kind), role);
                assert_sentence(&line);
                assert!(!line.starts_with("Something went wrong"), "{kind:?}");
                // What happened, and what to do.
                assert!(line.matches(". ").count() >= 1, "no advice: {line}");
            }
        }
        assert_sentence(&file_failed("a.txt", kind));
    }
}

#[test]
fn no_two_kinds_say_the_same() {
    for role in [Role::Sender, Role::Receiver] {
        let told: std::collections::BTreeSet<String> = KINDS
            .iter()
            .map(|kind| failure(&Failure::new(Stage::Transfer, *kind), role))
            .collect();
        assert_eq!(told.len(), KINDS.len());
    }
}

#[test]
fn failure_names_are_distinct_and_kebab_case() {
    let names: std::collections::BTreeSet<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), KINDS.len());
    for name in names {
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{name}"
        );
    }
}

#[test]
fn details_are_harmless_and_bounded() {
    let nasty = format!("\u{1b}]0;gone\u{7}\u{202e}fdp.exe\n{}", "x".repeat(5000));
    let line = failure(
        &Failure::new(Stage::Disk, FailureKind::WriteFailed).with_detail(&nasty),
        Role::Receiver,
    );
    assert_sentence(&line);
    assert!(line.chars().count() < 600, "{}", line.len());

    let line = failure(
        &Failure::new(Stage::Disk, FailureKind::WriteFailed).with_detail("report.pdf: disk full."),
        Role::Receiver,
    );
    assert!(line.contains("(report.pdf: disk full). "), "{line}");
}

#[test]
fn names_from_a_peer_are_harmless_wherever_they_are_shown() {
    let nasty = "a\u{1b}[2Jb\nc";
    let offer_lines = offer(
        nasty,
        &OfferSummary {
            left_out: LeftOutCount::default(),
            files: 1,
            folders: 0,
            bytes: 1,
            holes: 0,
            links: 0,
            survey: Arc::default(),
            top_names: vec![nasty.to_owned()],
            kept: 0,
            conflicts: 0,
            unnamed: 0,
            free: Some(1),
            destination: None,
        },
    );
    let lines = [
        left_out(nasty, &LeftOut::UnsafeName(nasty.to_owned())),
        left_out(nasty, &LeftOut::Unreadable(nasty.to_owned())),
        file_failed(nasty, FailureKind::NoSpace),
        paired(nasty),
        refused(Attribute::Time, 2, nasty),
        done_sending(nasty, &receipt()),
        code_unreadable(nasty),
        settings_broken(nasty),
    ];
    for line in offer_lines.iter().chain(&lines) {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn other_lines_are_sentences() {
    for reason in [
        LeftOut::LinkOutside,
        LeftOut::LinkLoop,
        LeftOut::LinkLeftOut,
        LeftOut::LinkBroken,
        LeftOut::Special,
        LeftOut::NotUnicode,
        LeftOut::UnsafeName("a colon".to_owned()),
        LeftOut::Unreadable("permission denied".to_owned()),
        LeftOut::FolderUnreadable("permission denied".to_owned()),
        LeftOut::InLeftOut("the path is too deep".to_owned()),
    ] {
        assert_sentence(&left_out("x", &reason));
    }
    for left in 0..3 {
        assert_sentence(&wrong_guess(left));
    }
    for line in [
        scanned(3, 12_400_000, 0, left_out_count(2, 0)),
        scanned(3, 12_400_000, 0, left_out_count(2, 1)),
        scanned(3, 12_400_000, 1, left_out_count(0, 0)),
        left_out_by_sender(left_out_count(1, 1)),
        left_out_more(7),
        refused(Attribute::Time, 1, "a"),
        refused(Attribute::Mode, 12_000, "tree/a"),
        paired("Ada's laptop"),
        done_receiving(&receipt()),
        done_sending("Ada's laptop", &receipt()),
        interrupted(7_700_000),
        code_unreadable("the code is too long"),
        CODE_ARGUMENT_WARNING.to_owned(),
        CODE_MISSING.to_owned(),
        CODE_TRIES_SPENT.to_owned(),
        CONSENT_MISSING.to_owned(),
        SHARE_OPEN.to_owned(),
        SHARE_ONCE.to_owned(),
        STOPPING.to_owned(),
        ENGINE_GONE.to_owned(),
        CONFLICT_AGAIN.to_owned(),
    ] {
        assert_sentence(&line);
    }
}

#[test]
fn code_is_boxed_and_the_line_to_type_is_whole() {
    let mut code = ShownCode {
        spoken: "417-acid-lemon".to_owned(),
        with_server: None,
        uri: String::new(),
    };
    assert_eq!(
        code_box(&code),
        [
            "┌────────────────────────────┐",
            "│   417  -  ACID  -  LEMON   │",
            "└────────────────────────────┘",
        ]
    );
    assert!(code_help(&code).contains(&"    fardrop receive 417-acid-lemon".to_owned()));
    code.with_server = Some("417-acid-lemon@10.0.0.1:4840".to_owned());
    let help = code_help(&code);
    assert!(help.contains(&"    fardrop receive 417-acid-lemon".to_owned()));
    assert!(help.contains(&"    fardrop receive 417-acid-lemon@10.0.0.1:4840".to_owned()));
}

#[test]
fn progress_says_how_much_how_fast_how_long_and_which_file() {
    let mut progress_now = Progress {
        proving: None,
        bytes: 1_000_000,
        total: 11_000_000,
        files: 2,
        files_total: 12,
        rate: 1e6,
    };
    assert_eq!(
        progress(&progress_now),
        "1.0 MB of 11.0 MB, 1.0 MB/s, 10 s left, file 3 of 12"
    );
    progress_now.bytes = progress_now.total;
    progress_now.files = 12;
    assert_eq!(
        progress(&progress_now),
        "11.0 MB of 11.0 MB, 1.0 MB/s, all 12 there"
    );
}

#[test]
fn path_is_told_in_plain_words() {
    assert_eq!(
        path(PathKind::Local, Transport::Quic, Duration::from_micros(420)),
        "Connected directly, on this network (QUIC, 0.4 ms there and back)."
    );
}

#[test]
fn offer_names_count_size_room_and_conflicts() {
    let lines = offer(
        "Ada's laptop",
        &OfferSummary {
            left_out: LeftOutCount::default(),
            files: 3,
            folders: 1,
            bytes: 12_400_000,
            holes: 0,
            links: 0,
            survey: Arc::default(),
            top_names: vec!["holiday".to_owned()],
            kept: 1000,
            conflicts: 2,
            unnamed: 0,
            free: Some(5_000_000_000),
            destination: None,
        },
    );
    assert_eq!(
        lines,
        [
            "Ada's laptop offers 3 files in 1 folder, 12.4 MB:",
            "    holiday",
            "There is room for 5.0 GB.",
            "1.0 kB are here already from an earlier try.",
            "2 files are already here with the same name.",
        ]
    );
}

const fn left_out_count(things: u64, closed_folders: u64) -> LeftOutCount {
    LeftOutCount {
        things,
        closed_folders,
    }
}

#[test]
fn what_did_not_arrive_is_said_first_with_its_count_and_cause() {
    let complete = receipt();
    assert!(done_receiving(&complete).starts_with("Done: 3 files, "));
    let partly = Receipt {
        failed_files: 2,
        cause: Some(FailureKind::ReadOnly),
        left_out: left_out_count(5, 1),
        ..receipt()
    };
    for line in [
        done_receiving(&partly),
        done_sending("Ada's laptop", &partly),
    ] {
        assert_sentence(&line);
        let first = "Not all of it: 2 files failed (mostly: the receiving folder is read-only); \
                     5 things are left out, and what is in 1 folder that cannot be read. \
                     The rest: 3 files, 12.4 MB, verified on ";
        assert!(line.starts_with(first), "{line}");
        assert!(!line.contains("Done"), "{line}");
    }
    let offer = OfferSummary {
        files: 3,
        folders: 1,
        bytes: 12_400_000,
        holes: 0,
        links: 0,
        left_out: left_out_count(1, 0),
        survey: Arc::default(),
        top_names: vec!["holiday".to_owned()],
        kept: 0,
        conflicts: 0,
        unnamed: 0,
        free: None,
        destination: None,
    };
    assert_eq!(
        super::offer("Ada's laptop", &offer)[2],
        "Not all of it: 1 thing is left out on the sender's machine, which lists it."
    );
}

fn receipt() -> Receipt {
    Receipt {
        files: 3,
        failed_files: 0,
        refused_names: 0,
        cause: None,
        renamed: 0,
        left_out: LeftOutCount::default(),
        bytes: 12_400_000,
        sent: 12_400_000,
        resumed: 0,
        elapsed: Duration::from_millis(1500),
        kind: PathKind::Local,
        link: Transport::Quic,
    }
}

#[test]
fn links_are_counted_beside_files_where_there_are_any() {
    assert_eq!(offered_total(24, 72, 1000), "24 files and 72 links, 1.0 kB");
    assert_eq!(offered_total(1, 0, 1000), "1 file, 1.0 kB");
    let line = scanned(24, 1000, 1, left_out_count(0, 0));
    assert_eq!(line, "Sharing 24 files and 1 link, 1.0 kB.");
}
