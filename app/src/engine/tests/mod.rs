//! Two engines in one process, around a real server on loopback.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for one event and passes over all others"
)]

mod named_server;
mod steered;
mod tries;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_rendezvous::{Bounds, Config, Listen, Need, Server};
use fardrop_shared::code::PairingCode;
use fardrop_shared::name::BadNames;
use fardrop_shared::pairing::Transports;
use tempfile::TempDir;

use super::command::{
    Command, ConflictPolicy, Consent, Decision, NewTask, OnDeadCode, OnLeftOut, OnMissing,
    ReceiveOptions, SessionCommand, ShareLifetime, ShareOptions, TaskCommand,
};
use super::event::{Event, Outcome, Receipt, SessionEvent, ShareEvent, TaskEvent, TaskNumber};
use super::handle::Wait;
use super::{EngineConfig, EngineHandle, start};
use crate::failure::FailureKind;

const TASK: TaskNumber = TaskNumber(1);

/// Longest time that anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a thread of its own, for as long as the test runs.
fn serve() -> String {
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("rendezvous".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listen = Listen {
                    main: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                    second: None,
                    need: Need::Required,
                };
                let bounds = Bounds::default();
                let server = Server::bind(&Config {
                    listen: vec![listen],
                    bounds,
                })
                .unwrap();
                tell.send(server.local_addrs().next().unwrap().to_string())
                    .unwrap();
                server.run(std::future::pending()).await;
            });
        })
        .unwrap();
    told.recv().unwrap()
}

fn engine(server: &str, device: &str) -> EngineHandle {
    let config = EngineConfig {
        rendezvous: vec![server.to_owned()],
        ..config(device)
    };
    start(config, Arc::new(|| {})).unwrap()
}

fn config(device: &str) -> EngineConfig {
    EngineConfig {
        dht_bootstrap: Vec::new(),
        rendezvous: Vec::new(),
        device: device.to_owned(),
        port: None,
        ipv6: true,
        mdns: false,
        port_mapping: false,
        reconnect: Duration::from_secs(5),
        transports: Transports::ALL,
        memory: None,
    }
}

/// Two people, each with a folder and an engine, who know the same server.
fn two() -> (TempDir, TempDir, EngineHandle, EngineHandle) {
    let server = serve();
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    (from, to, engine(&server, "Ada"), engine(&server, "Bob"))
}

/// Puts a file into a folder.
fn file_in(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    file
}

fn options(lifetime: ShareLifetime) -> ShareOptions {
    ShareOptions {
        words: 2,
        lifetime,
        on_dead_code: OnDeadCode::End,
        on_missing: OnMissing::Fail,
        on_left_out: OnLeftOut::default(),
    }
}

fn share(engine: &EngineHandle, path: &Path, lifetime: ShareLifetime) -> String {
    let options = options(lifetime);
    let paths = vec![path.to_owned()];
    assert!(engine.send(Command::Start(TASK, NewTask::Share { paths, options })));
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Share(ShareEvent::Code(code))) => Some(code.spoken.clone()),
        _ => None,
    })
}

fn receive(engine: &EngineHandle, code: &str, destination: &Path) {
    receive_as(engine, TASK, code, destination);
}

fn receive_as(engine: &EngineHandle, task: TaskNumber, code: &str, destination: &Path) {
    let command = Command::Start(
        task,
        NewTask::Receive {
            code: PairingCode::parse(code).unwrap(),
            options: ReceiveOptions {
                destination: destination.to_owned(),
                bad_names: BadNames::default(),
                on_left_out: OnLeftOut::default(),
            },
        },
    );
    assert!(engine.send(command));
}

/// Waits for the event that `pick` picks.
#[track_caller]
fn until<T>(engine: &EngineHandle, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        match engine.wait(Duration::from_secs(1)) {
            Wait::Event(event) => {
                seen.push(format!("{event:?}"));
                if let Some(picked) = pick(event) {
                    return picked;
                }
            }
            Wait::TimedOut => {}
            Wait::Ended => break,
        }
    }
    panic!("did not come; what came: {seen:#?}");
}

fn accept(engine: &EngineHandle) {
    let session = until(engine, |event| match event {
        Event::Session(session, SessionEvent::Offer(_)) => Some(session),
        _ => None,
    });
    let decision = Decision::accept_all(ConflictPolicy::Rename);
    assert!(engine.send(Command::Session(session, SessionCommand::Decide(decision))));
}

#[track_caller]
fn done(engine: &EngineHandle) -> Receipt {
    until(engine, |event| match event {
        Event::Session(_, SessionEvent::Done { receipt, .. }) => Some(receipt),
        Event::Task(_, TaskEvent::Failed { failure, .. }) => panic!("{failure:?}"),
        _ => None,
    })
}

#[track_caller]
fn ended(engine: &EngineHandle) -> Outcome {
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Ended(outcome)) => Some(outcome),
        _ => None,
    })
}

fn failed(engine: &EngineHandle) -> FailureKind {
    until(engine, |event| match event {
        Event::Task(_, TaskEvent::Failed { failure, .. }) => Some(failure.kind),
        _ => None,
    })
}

#[test]
fn a_folder_crosses() {
    let (from, to, sender, receiver) = two();
    let tree = from.path().join("tree");
    fs::create_dir_all(tree.join("empty")).unwrap();
    fs::write(tree.join("one"), b"1").unwrap();
    fs::write(tree.join("large"), vec![7; 3_000_000]).unwrap();
    let code = share(&sender, &tree, ShareLifetime::Once);
    receive(&receiver, &code, to.path());
    accept(&receiver);
    let receipt = done(&receiver);
    assert_eq!(
        (receipt.files, receipt.bytes, receipt.failed_files),
        (2, 3_000_001, 0)
    );
    assert_eq!(done(&sender).files, 2);
    assert_eq!(
        (ended(&sender), ended(&receiver)),
        (Outcome::Succeeded, Outcome::Succeeded)
    );
    assert_eq!(
        fs::read(to.path().join("tree/large")).unwrap(),
        vec![7; 3_000_000]
    );
    assert!(to.path().join("tree/empty").is_dir());
}

#[test]
fn a_declined_offer_is_told_and_leaves_nothing() {
    let (from, to, sender, receiver) = two();
    fs::write(from.path().join("file"), b"x").unwrap();
    let code = share(
        &sender,
        &from.path().join("file"),
        ShareLifetime::UntilStopped,
    );
    receive(&receiver, &code, to.path());
    let session = until(&receiver, |event| match event {
        Event::Session(session, SessionEvent::Offer(_)) => Some(session),
        _ => None,
    });
    assert!(receiver.send(Command::Session(
        session,
        SessionCommand::Decide(Decision::Decline)
    )));
    assert_eq!(failed(&sender), FailureKind::Declined);
    assert_eq!(ended(&receiver), Outcome::Failed);
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    // The share goes on.
    receive_as(&receiver, TaskNumber(2), &code, to.path());
    accept(&receiver);
    done(&receiver);
    assert!(sender.send(Command::Task(TASK, TaskCommand::Cancel)));
    assert_eq!(ended(&sender), Outcome::Interrupted);
}

#[test]
fn a_receiver_that_stops_is_told_to_the_sender() {
    let (from, to, sender, receiver) = two();
    fs::write(from.path().join("file"), b"x").unwrap();
    let code = share(
        &sender,
        &from.path().join("file"),
        ShareLifetime::UntilStopped,
    );
    receive(&receiver, &code, to.path());
    until(&receiver, |event| {
        matches!(event, Event::Session(_, SessionEvent::Offer(_))).then_some(())
    });
    assert!(receiver.send(Command::Task(TASK, TaskCommand::Cancel)));
    assert_eq!(ended(&receiver), Outcome::Interrupted);
    assert_eq!(failed(&sender), FailureKind::CancelledByPeer);
}

#[test]
fn what_is_not_there_gets_no_code() {
    let server = serve();
    let sender = engine(&server, "Ada");
    let options = options(ShareLifetime::Once);
    let paths = vec!["/nothing/here".into()];
    assert!(sender.send(Command::Start(TASK, NewTask::Share { paths, options })));
    assert_eq!(failed(&sender), FailureKind::FileUnreadable);
    assert_eq!(ended(&sender), Outcome::Failed);
}
