//! One session: from two peers that know the same code to a link between them.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::pairing::{Hello, PeerKey};
use fardrop_shared::path::{PathKeys, PathKind};
use fardrop_shared::transfer::FileReason;
use fardrop_shared::wire::peer::DeclineReason;
use tokio::sync::{mpsc, watch};

use super::event::{
    Event, LinkName, Progress, Receipt, Rung, RungState, SessionNumber, TaskNumber,
};
use super::report::{Rate, Reporter};
use super::run::Context;
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::{self, CloseCode, Credentials, Identity, Link, LinkError, LinkHandle, LinkKind};
use crate::net::{MeetError, PathError, PathNews, PeerSocket, find_path};
use crate::transfer::{self, Summary, TransferError};

/// How often the face is given new progress: ten times a second.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// News of the search for a path that may wait for the face.
const NEWS_QUEUE: usize = 64;

/// Two peers that know the same code, and all that is needed to connect them.
pub(super) struct Pair {
    pub(super) task: TaskNumber,
    pub(super) session: SessionNumber,
    pub(super) role: Role,
    pub(super) socket: PeerSocket,
    pub(super) same_machine: bool,
    pub(super) identity: Identity,
    pub(super) key: Box<PeerKey>,
    pub(super) peer: Hello,
}

/// What a session runs over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) kind: Rung,
    pub(super) link: LinkName,
}

/// Finds a path and makes a link over it, telling how it goes.
pub(super) async fn connect(context: &Context, pair: Pair) -> Result<(Link, Route), Failure> {
    let (task, session) = (pair.task, pair.session);
    let device = pair.peer.device().to_owned();
    let event = Event::Paired {
        task,
        session,
        device,
    };
    context.reporter.tell(event).await;
    let keys = PathKeys {
        sender: pair.key.probe(Role::Sender).as_bytes(),
        receiver: pair.key.probe(Role::Receiver).as_bytes(),
    };
    let (news, told) = mpsc::channel(NEWS_QUEUE);
    let search = find_path(
        pair.socket,
        pair.role,
        &keys,
        pair.peer.candidates(),
        pair.same_machine,
        // Only what is shown is lost if the face is that far behind.
        move |item| {
            let _ = news.try_send(item);
        },
    );
    let (found, ()) = tokio::join!(search, tell_rungs(&context.reporter, session, told));
    let path = found.map_err(|error| match error {
        PathError::NothingAnswered => Failure::new(Stage::Path, FailureKind::Firewalled),
        PathError::Socket(error) => {
            Failure::new(Stage::Path, FailureKind::Local).with_detail(error)
        }
    })?;
    let (kind, peer) = (rung(path.kind), path.remote);
    let credentials = Credentials {
        role: pair.role,
        identity: pair.identity,
        peer_fingerprint: *pair.peer.fingerprint(),
        binding_key: *pair.key.quic_binding().as_bytes(),
    };
    let connected = link::connect(path, credentials).await;
    let link = connected.map_err(|error| link_failure(Stage::Link, &error))?;
    let route = Route {
        kind,
        link: match link.handle.kind() {
            LinkKind::Quic => LinkName::Quic,
            LinkKind::GoBackN => LinkName::Gbn,
        },
    };
    let event = Event::Path {
        session,
        kind,
        link: route.link,
        rtt: link.handle.rtt(),
        peer,
    };
    context.reporter.tell(event).await;
    Ok((link, route))
}

async fn tell_rungs(
    reporter: &Reporter,
    session: SessionNumber,
    mut told: mpsc::Receiver<PathNews>,
) {
    while let Some(item) = told.recv().await {
        reporter.tell(rung_event(session, item)).await;
    }
}

/// Runs a transfer over a link, passing its progress on. The peer is told how it ended while others
/// are told as well.
pub(super) async fn transfer(
    context: &Context,
    session: SessionNumber,
    handle: &LinkHandle,
    work: impl Future<Output = Result<Summary, TransferError>>,
    progress: watch::Receiver<transfer::Progress>,
) -> Result<Summary, Failure> {
    let newest = progress.clone();
    let result = tokio::select! {
        result = work => result,
        // Progress never ends by itself before the work does.
        never = watch_progress(&context.reporter, session, progress) => match never {},
    };
    context.drain(handle.clone()).await;
    let error = match result {
        Ok(summary) => return Ok(summary),
        Err(error) => error,
    };
    let failure = transfer_failure(&error);
    let kept = newest.borrow().bytes;
    if matches!(error, TransferError::PeerGone(_)) && kept > 0 {
        let failure = failure.clone();
        let event = Event::Interrupted {
            session,
            kept,
            failure,
        };
        context.reporter.tell(event).await;
    }
    Err(failure)
}

/// Names the files that did not make it.
pub(super) async fn tell_failures(context: &Context, session: SessionNumber, summary: &Summary) {
    for failure in &summary.failures {
        let event = Event::FileFailed {
            session,
            name: failure.name.clone(),
            reason: file_failure(failure.reason),
        };
        context.reporter.tell(event).await;
    }
}

/// Passes a transfer's progress on for as long as it is polled.
async fn watch_progress(
    reporter: &Reporter,
    session: SessionNumber,
    mut source: watch::Receiver<transfer::Progress>,
) -> Infallible {
    let mut rate = Rate::default();
    // Nothing so far, now: the first progress has a rate as well.
    rate.sample(Instant::now(), source.borrow().bytes);
    loop {
        if source.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let newest = *source.borrow_and_update();
        reporter.progress(session, progress(newest, &mut rate));
        tokio::time::sleep(PROGRESS_INTERVAL).await;
    }
}

fn progress(newest: transfer::Progress, rate: &mut Rate) -> Progress {
    Progress {
        bytes: newest.bytes,
        total: newest.total_bytes,
        files: newest.files.into(),
        files_total: newest.total_files.into(),
        rate: rate.sample(Instant::now(), newest.bytes),
    }
}

/// What a finished transfer came to.
pub(super) fn receipt(summary: &Summary, route: Route) -> Receipt {
    Receipt {
        files: summary.files.into(),
        failed_files: summary.failure_count.into(),
        bytes: summary.bytes,
        sent: summary.sent,
        resumed: summary.resumed,
        elapsed: summary.elapsed,
        kind: route.kind,
        link: route.link,
    }
}

/// What a link's end means to a person.
pub(super) fn link_failure(stage: Stage, error: &LinkError) -> Failure {
    let kind = match error {
        LinkError::Closed(CloseCode::Declined) => FailureKind::Declined,
        LinkError::Closed(CloseCode::Cancelled) => FailureKind::CancelledByPeer,
        LinkError::Closed(CloseCode::Done | CloseCode::Other(_))
        | LinkError::TimedOut
        | LinkError::Transport(_) => FailureKind::PeerGone,
        LinkError::Closed(CloseCode::ProtocolViolation)
        | LinkError::Unauthenticated
        | LinkError::Protocol(_) => FailureKind::PeerMisbehaved,
    };
    let failure = Failure::new(stage, kind);
    match error {
        LinkError::Protocol(what) => failure.with_detail(what),
        LinkError::Transport(what) => failure.with_detail(what),
        LinkError::Closed(_) | LinkError::TimedOut | LinkError::Unauthenticated => failure,
    }
}

/// The person stopped it.
pub(super) const fn cancelled(stage: Stage) -> Failure {
    Failure::new(stage, FailureKind::Cancelled)
}

/// What a transfer's end means to a person.
fn transfer_failure(error: &TransferError) -> Failure {
    let (stage, kind) = match error {
        TransferError::Cancelled => (Stage::Transfer, FailureKind::Cancelled),
        TransferError::CancelledByPeer => (Stage::Transfer, FailureKind::CancelledByPeer),
        TransferError::Declined(reason) => (Stage::Offer, declined(*reason)),
        TransferError::NoSpace { .. } => (Stage::Offer, FailureKind::NoSpace),
        TransferError::UnsafeName { .. } => (Stage::Offer, FailureKind::UnsafeName),
        TransferError::Destination(_) => (Stage::Disk, FailureKind::WriteFailed),
        TransferError::Version { .. } => (Stage::Transfer, FailureKind::Version),
        TransferError::PeerGone(error) => return link_failure(Stage::Transfer, error),
        TransferError::Protocol(_) => (Stage::Transfer, FailureKind::PeerMisbehaved),
        TransferError::Local(_) => (Stage::Transfer, FailureKind::Local),
    };
    let failure = Failure::new(stage, kind);
    match error {
        TransferError::NoSpace { .. }
        | TransferError::UnsafeName { .. }
        | TransferError::Destination(_)
        | TransferError::Protocol(_)
        | TransferError::Local(_) => failure.with_detail(error),
        TransferError::Cancelled
        | TransferError::CancelledByPeer
        | TransferError::Declined(_)
        | TransferError::Version { .. }
        | TransferError::PeerGone(_) => failure,
    }
}

const fn declined(reason: DeclineReason) -> FailureKind {
    match reason {
        DeclineReason::Person => FailureKind::Declined,
        DeclineReason::NoSpace => FailureKind::NoSpace,
        DeclineReason::UnsafeName => FailureKind::UnsafeName,
        DeclineReason::Destination => FailureKind::WriteFailed,
    }
}

/// What one file's failure means to a person.
const fn file_failure(reason: FileReason) -> FailureKind {
    match reason {
        FileReason::FileChanged => FailureKind::FileChanged,
        FileReason::FileUnreadable => FailureKind::FileUnreadable,
        FileReason::HashMismatch => FailureKind::HashMismatch,
        FileReason::WriteFailed => FailureKind::WriteFailed,
        FileReason::NoSpace => FailureKind::NoSpace,
        FileReason::Skipped => FailureKind::Cancelled,
    }
}

/// What not meeting at the rendezvous means to a person.
pub(super) fn meet_failure(error: &MeetError) -> Failure {
    let (stage, kind) = match error {
        MeetError::Unreachable => (Stage::Rendezvous, FailureKind::RendezvousUnreachable),
        MeetError::UdpBlocked => (Stage::Rendezvous, FailureKind::UdpBlocked),
        MeetError::Busy | MeetError::Taken => (Stage::Rendezvous, FailureKind::RendezvousBusy),
        MeetError::NoSuchCode => (Stage::Rendezvous, FailureKind::NoSuchCode),
        MeetError::NobodyNearby => (Stage::Rendezvous, FailureKind::NobodyNearby),
        MeetError::WrongCode => (Stage::Pairing, FailureKind::WrongCode),
        MeetError::CodeDead => (Stage::Pairing, FailureKind::CodeDead),
        MeetError::Version => (Stage::Pairing, FailureKind::Version),
        MeetError::SenderSilent => (Stage::Pairing, FailureKind::PeerGone),
        MeetError::Socket(_) => (Stage::Rendezvous, FailureKind::Local),
    };
    let failure = Failure::new(stage, kind);
    match error {
        MeetError::Socket(error) => failure.with_detail(error),
        MeetError::Unreachable
        | MeetError::UdpBlocked
        | MeetError::Busy
        | MeetError::Taken
        | MeetError::NoSuchCode
        | MeetError::NobodyNearby
        | MeetError::WrongCode
        | MeetError::CodeDead
        | MeetError::Version
        | MeetError::SenderSilent => failure,
    }
}

const fn rung(kind: PathKind) -> Rung {
    match kind {
        PathKind::Local => Rung::Local,
        PathKind::Ipv6 => Rung::Ipv6,
        PathKind::Mapped => Rung::Mapped,
        PathKind::Punched => Rung::Punched,
    }
}

fn rung_event(session: SessionNumber, news: PathNews) -> Event {
    match news {
        PathNews::Trying(kind) => Event::Rung {
            session,
            rung: rung(kind),
            state: RungState::Trying,
            detail: String::new(),
        },
        PathNews::Works(kind, rtt) => Event::Rung {
            session,
            rung: rung(kind),
            state: RungState::Works,
            detail: format!("{:.1} ms", rtt.as_secs_f64() * 1000.0),
        },
    }
}
