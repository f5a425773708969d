//! One session: from two peers that know the same code to a link between them.

pub(super) mod path;
pub(super) mod still;
pub(super) mod view;

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::gbn::Keys;
use fardrop_shared::pairing::{Hello, PeerKey};
use fardrop_shared::path::PathKeys;
use fardrop_shared::transfer::FileReason;
use tokio::sync::watch;

use self::path::{PathWatch, Route};
use self::view::{OfferView, show_pages};
use super::command::PageRequest;
use super::context::Context;
use super::event::{
    Attribute, Listed, Progress, Receipt, Renaming, SessionEvent, SessionNumber, TaskEvent,
    TaskNumber, Transport, Who,
};
use super::failures::{file_failure, link_failure, nothing_arrived, transfer_failure};
use super::report::{Rate, Reporter};
use crate::failure::{Failure, Stage};
use crate::link::{self, CloseCode, Credentials, Identity, Link, LinkHandle};
use crate::net::{LocalEndpoint, NetworkName, Search, SearchConfig};
use crate::transfer::{self, Refusals, Standing, Summary, TransferError};

/// How often the face is given new progress: ten times a second.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How often the rate is looked at while no bytes move: until it is zero, the face is told.
const STILL_INTERVAL: Duration = Duration::from_millis(500);

/// Two peers that know the same code, and all that is needed to connect them.
pub(super) struct Pair {
    pub(super) task: TaskNumber,
    pub(super) session: SessionNumber,
    pub(super) role: Role,
    pub(super) endpoint: LocalEndpoint,
    /// Where the two can meet again.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) identity: Identity,
    pub(super) key: Box<PeerKey>,
    pub(super) peer: Hello,
}

/// Finds a path and makes a link over it, telling how it goes.
pub(super) async fn connect(context: &Context, pair: Pair) -> Result<(Link, PathWatch), Failure> {
    let (task, session) = (pair.task, pair.session);
    let device = pair.peer.device().to_owned();
    context
        .reporter
        .tell_task(task, TaskEvent::Paired { session, device })
        .await;
    let search = Search::begin(SearchConfig {
        role: pair.role,
        same_machine: pair.endpoint.is_same_machine(),
        endpoint: pair.endpoint,
        probe: PathKeys {
            sender: pair.key.probe(Role::Sender).as_bytes(),
            receiver: pair.key.probe(Role::Receiver).as_bytes(),
        },
        resume: pair.key.resume().as_bytes(),
        there: pair.peer.whereabouts(),
        servers: pair.servers,
        patience: context.config.reconnect,
    });
    let mut watch = PathWatch::new(Arc::clone(&context.reporter), session, search);
    let path = watch.find().await?;
    let credentials = Credentials {
        role: pair.role,
        identity: pair.identity,
        peer_fingerprint: *pair.peer.fingerprint(),
        binding_key: *pair.key.quic_binding().as_bytes(),
        go_back_n: Keys::new(&pair.key, pair.role),
        transports: pair.key.agreement().transports,
    };
    let network = path.network.clone();
    let first = first_transport(context, network.clone()).await;
    let connected = tokio::select! {
        connected = link::connect(path, credentials, first) => connected,
        failure = watch.follow(|| None) => return Err(failure),
    };
    let connected = connected.map_err(|error| link_failure(Stage::Link, &error))?;
    if let Some(network) = network.filter(|_| connected.quic_failed) {
        let networks = context.networks.clone();
        // Nobody waits for it.
        drop(tokio::task::spawn_blocking(move || {
            networks.remember(&network);
        }));
    }
    let link = connected.link;
    let transport = link.handle.transport();
    watch.on_link(transport, link.handle.rtt()).await;
    Ok((link, watch))
}

/// What to begin with: QUIC, unless it did not come through in this network lately.
async fn first_transport(context: &Context, network: Option<NetworkName>) -> Transport {
    let Some(network) = network else {
        return Transport::Quic;
    };
    let networks = context.networks.clone();
    let lacks_quic = tokio::task::spawn_blocking(move || networks.lack_quic(&network)).await;
    match lacks_quic {
        Ok(true) => Transport::GoBackN,
        Ok(false) | Err(_) => Transport::Quic,
    }
}

/// What a running transfer is watched by, and what the person wants of it.
pub(super) struct Watching {
    progress: watch::Receiver<transfer::Tally>,
    standing: watch::Receiver<Standing>,
    renamed: watch::Receiver<Arc<Listed<Renaming>>>,
    /// The offer, once there is one to be seen.
    pub(super) view: watch::Sender<Option<Arc<OfferView>>>,
    pages: watch::Receiver<Option<PageRequest>>,
}

/// Connects a transfer with those who watch and steer it.
pub(super) fn watching(
    pause: watch::Receiver<bool>,
    pages: watch::Receiver<Option<PageRequest>>,
) -> (transfer::Controls, Watching) {
    let (progress, progressed) = watch::channel(transfer::Tally::default());
    let (standing, stands) = watch::channel(Standing::default());
    let (renamed, new_names) = watch::channel(Arc::default());
    let controls = transfer::Controls {
        progress,
        standing,
        renamed,
        pause,
    };
    let watching = Watching {
        progress: progressed,
        standing: stands,
        renamed: new_names,
        view: watch::Sender::new(None),
        pages,
    };
    (controls, watching)
}

/// Runs a transfer over a link, passing on how it stands and what becomes of the path. The peer is told
/// how it ended while others are told as well.
pub(super) async fn transfer(
    context: &Context,
    path: &mut PathWatch,
    handle: &LinkHandle,
    work: impl Future<Output = Result<Summary, TransferError>>,
    watching: &mut Watching,
) -> Result<Summary, Failure> {
    let (session, reporter) = (path.session(), &context.reporter);
    let Watching {
        progress,
        standing,
        renamed,
        view,
        pages,
    } = watching;
    let newest = progress.clone();
    let mut told = Told {
        reporter,
        session,
        standing: Standing::default(),
        renamed: false,
    };
    let result = tokio::select! {
        result = work => result.map_err(|error| transfer_failure(&error)),
        // None of these ends by itself before the work does.
        never = watch_progress(reporter, session, progress.clone()) => match never {},
        never = told.watch(standing.clone(), renamed.clone()) => match never {},
        never = show_pages(reporter, session, view, pages) => match never {},
        failure = path.follow(|| Some(newest.borrow().bytes)) => {
            handle.close(CloseCode::Abandoned);
            Err(Failure {
                stage: Stage::Transfer,
                ..failure
            })
        }
    };
    context.drain(handle.clone()).await;
    if result.is_ok() {
        // A small one may be over before anybody looked.
        let now = *standing.borrow();
        told.tell_accepted(now).await;
        let new_names = Arc::clone(&renamed.borrow());
        told.tell_renamed(new_names).await;
    }
    result
}

/// Names the files that did not make it.
async fn tell_failures(context: &Context, session: SessionNumber, summary: &Summary) {
    for failure in &summary.failures {
        context
            .reporter
            .tell_session(
                session,
                SessionEvent::FileFailed {
                    name: failure.name.clone(),
                    reason: file_failure(failure.reason),
                },
            )
            .await;
    }
}

/// Says what the file system refused to set of what is there.
async fn tell_refusals(context: &Context, session: SessionNumber, refusals: &Refusals) {
    let Refusals { times, modes } = refusals;
    for (attribute, list) in [(Attribute::Time, times), (Attribute::Mode, modes)] {
        if let Some(first) = list.first.first() {
            let event = SessionEvent::Refused {
                attribute,
                count: list.count,
                first: first.clone(),
            };
            context.reporter.tell_session(session, event).await;
        }
    }
}

/// Passes a transfer's progress on for as long as it is polled. When no bytes move any more, the rate falls
/// to zero, and then there is nothing new.
async fn watch_progress(
    reporter: &Reporter,
    session: SessionNumber,
    mut source: watch::Receiver<transfer::Tally>,
) -> Infallible {
    let mut rate = Rate::default();
    // Nothing so far, now: the first progress has a rate as well.
    rate.sample(Instant::now(), source.borrow().crossed());
    let mut moving = false;
    loop {
        let changed = tokio::time::timeout(STILL_INTERVAL, source.changed()).await;
        if matches!(changed, Ok(Err(_))) {
            std::future::pending::<()>().await;
        }
        let newest = progress(*source.borrow_and_update(), &mut rate);
        // Sampled even while nothing moves, or the first rate after that would be the mean over all of it.
        if changed.is_ok() || moving {
            moving = newest.rate > 0.0;
            reporter.progress(session, newest);
        }
        tokio::time::sleep(PROGRESS_INTERVAL).await;
        reporter.catch_up(Instant::now());
    }
}

/// What was told of how a transfer stands.
struct Told<'a> {
    reporter: &'a Reporter,
    session: SessionNumber,
    standing: Standing,
    /// Whether it was told what the receiver saves under other names.
    renamed: bool,
}

impl Told<'_> {
    /// Tells whether a transfer was accepted, under which names, and stands still, for as long as it is polled.
    async fn watch(
        &mut self,
        mut standing: watch::Receiver<Standing>,
        mut renamed: watch::Receiver<Arc<Listed<Renaming>>>,
    ) -> Infallible {
        loop {
            let now = *standing.borrow_and_update();
            self.tell_accepted(now).await;
            let new_names = Arc::clone(&renamed.borrow_and_update());
            self.tell_renamed(new_names).await;
            if paused_by(now) != paused_by(self.standing) {
                let event = match paused_by(now) {
                    Some(by) => SessionEvent::Paused(by),
                    None => SessionEvent::Resumed,
                };
                self.tell(event).await;
            }
            self.standing = now;
            let changed = tokio::select! {
                changed = standing.changed() => changed,
                changed = renamed.changed() => changed,
            };
            if changed.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn tell_accepted(&mut self, now: Standing) {
        if let Some((files, bytes)) = now.accepted
            && self.standing.accepted.is_none()
        {
            let files = files.into();
            self.tell(SessionEvent::Accepted { files, bytes }).await;
            self.standing.accepted = now.accepted;
        }
    }

    async fn tell_renamed(&mut self, renamed: Arc<Listed<Renaming>>) {
        if renamed.count > 0 && !self.renamed {
            self.renamed = true;
            self.tell(SessionEvent::Renamed(renamed)).await;
        }
    }

    async fn tell(&self, event: SessionEvent) {
        self.reporter.tell_session(self.session, event).await;
    }
}

const fn paused_by(standing: Standing) -> Option<Who> {
    if standing.paused_here {
        Some(Who::Here)
    } else if standing.paused_by_peer {
        Some(Who::Peer)
    } else {
        None
    }
}

fn progress(newest: transfer::Tally, rate: &mut Rate) -> Progress {
    Progress {
        bytes: newest.bytes,
        total: newest.total_bytes,
        files: newest.files.into(),
        files_total: newest.total_files.into(),
        rate: rate.sample(Instant::now(), newest.crossed()),
        proving: newest.proving,
    }
}

/// Tells what a transfer that came to its end came to: what failed first and what is not as it was, and then that it
/// is done, or has failed if nothing arrived.
///
/// # Errors
/// The failure of the whole, where no file arrived and at least one failed.
pub(super) async fn settle(
    context: &Context,
    session: SessionNumber,
    summary: &Summary,
    route: Route,
) -> Result<Receipt, Failure> {
    tell_failures(context, session, summary).await;
    tell_refusals(context, session, &summary.refusals).await;
    match most_common(summary) {
        Some(reason) if summary.files == 0 => {
            Err(nothing_arrived(file_failure(reason), summary.failure_count))
        }
        Some(_) | None => Ok(receipt(summary, route)),
    }
}

/// How many of the files that failed, as far as they are known one by one, have a name that cannot be there, or may
/// not.
fn refused_names(summary: &Summary) -> u64 {
    let refused = summary.failures.iter().filter(|failure| {
        matches!(
            failure.reason,
            FileReason::NameForbidden | FileReason::NameTooLong | FileReason::NotAllowed
        )
    });
    refused.count() as u64
}

/// Why most of the files failed that did, as far as they are known one by one.
fn most_common(summary: &Summary) -> Option<FileReason> {
    let mut counts: HashMap<FileReason, usize> = HashMap::new();
    for failure in &summary.failures {
        *counts.entry(failure.reason).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    // Of several, that of the first file.
    let reasons = summary.failures.iter().map(|failure| failure.reason);
    reasons
        .into_iter()
        .find(|reason| counts.get(reason) == Some(&most))
}

/// What a finished transfer came to.
fn receipt(summary: &Summary, route: Route) -> Receipt {
    Receipt {
        files: summary.files.into(),
        failed_files: summary.failure_count.into(),
        refused_names: refused_names(summary),
        cause: most_common(summary).map(file_failure),
        renamed: summary.renamed.count,
        left_out: summary.left_out,
        bytes: summary.bytes,
        sent: summary.sent,
        resumed: summary.resumed,
        elapsed: summary.elapsed,
        kind: route.kind,
        link: route.link,
    }
}
