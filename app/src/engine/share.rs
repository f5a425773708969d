//! A share: an offer under a code, and a session for every receiver that knows it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_shared::pairing::{Hello, PeerKey};
use fardrop_shared::path::Nat;
use fardrop_shared::{Role, SessionId};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cancel::{Cancel, EitherCancel};
use super::command::{ShareLifetime, ShareOptions};
use super::embedded::Embedded;
use super::event::{Event, Outcome, Receipt, ShownCode, TaskNumber};
use super::run::Context;
use super::scan::{Offer, digest, scan};
use super::session::{self, Pair, meet_failure};
use crate::failure::{Failure, FailureKind, Stage};
use crate::files::OfferSource;
use crate::link::Identity;
use crate::net::{Lobby, LobbyEvent, Place};
use crate::transfer;

/// How long a share that has ended goes on telling receivers so: a few repetitions.
const LINGER: Duration = Duration::from_secs(2);

/// Runs a share to its end.
pub(super) async fn share(
    context: Context,
    task: TaskNumber,
    paths: Vec<PathBuf>,
    options: ShareOptions,
    mut stop: Cancel,
) -> Outcome {
    if let Some(failure) = paths.iter().find_map(|path| missing(path)) {
        return fail(&context, task, failure).await;
    }
    let opened = tokio::select! {
        opened = open(&context, options.words) => opened,
        () = stop.cancelled() => return Outcome::Interrupted,
    };
    let (lobby, embedded) = match opened {
        Ok(opened) => opened,
        Err(failure) => return fail(&context, task, failure).await,
    };
    let code = shown(&lobby, embedded.as_ref());
    context.reporter.tell(Event::Code { task, code }).await;
    let mut share = Share {
        offer: scan(context.clone(), task, paths),
        context,
        task,
        options,
        lobby,
        _embedded: embedded,
        spare: None,
        nat: None,
        ending_soon: watch::Sender::new(false),
        preparing: JoinSet::new(),
        ready: Vec::new(),
        proved: Vec::new(),
        sessions: JoinSet::new(),
        stop,
        ending: None,
    };
    share.refill();
    share.run().await
}

struct Share {
    context: Context,
    task: TaskNumber,
    options: ShareOptions,
    lobby: Lobby,
    _embedded: Option<Embedded>,
    offer: watch::Receiver<Offer>,
    /// A socket for the next receiver: its router has had time to open a port.
    spare: Option<Place>,
    /// What the NAT in front of this machine does, where it does the same for all sockets.
    nat: Option<Nat>,
    /// Says that the share has what it was started for.
    ending_soon: watch::Sender<bool>,
    /// Sockets and certificates being made for receivers that have begun to pair.
    preparing: JoinSet<(SessionId, Result<Ready, Failure>)>,
    ready: Vec<(SessionId, Ready)>,
    /// Receivers that proved themselves before their socket was ready.
    proved: Vec<(SessionId, Box<PeerKey>, Hello)>,
    /// Each gives whether it is what `--once` waits for.
    sessions: JoinSet<SessionEnd>,
    stop: Cancel,
    ending: Option<Outcome>,
}

/// What one session of a share came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// Everything wanted is verified on the receiver's disk.
    Complete,
    /// Some files failed for good.
    Partial,
    /// Nothing to count: it may be tried again.
    Failed,
}

/// A socket and a certificate for one receiver.
struct Ready {
    place: Place,
    identity: Identity,
}

enum Step {
    Lobby(LobbyEvent),
    Prepared(SessionId, Result<Ready, Failure>),
    SessionEnded(SessionEnd),
    Scanned,
    Stop,
    Broken(std::io::Error),
}

impl Share {
    async fn run(mut self) -> Outcome {
        loop {
            let step = self.select().await;
            self.apply(step).await;
            if let Some(outcome) = self.ending {
                return self.finish(outcome).await;
            }
        }
    }

    async fn select(&mut self) -> Step {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Step::Stop,
                said = self.lobby.next() => {
                    return said.map_or_else(Step::Broken, Step::Lobby);
                }
                Some(prepared) = self.preparing.join_next() => {
                    if let Ok((run, ready)) = prepared {
                        return Step::Prepared(run, ready);
                    }
                }
                Some(ended) = self.sessions.join_next() => {
                    return Step::SessionEnded(ended.unwrap_or(SessionEnd::Failed));
                }
                Ok(()) = self.offer.changed() => return Step::Scanned,
            }
        }
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Stop => self.ending = Some(Outcome::Interrupted),
            Step::Lobby(event) => self.on_lobby(event).await,
            Step::Prepared(run, Ok(ready)) => {
                let hello = Hello::new(
                    ready.identity.fingerprint(),
                    ready.place.whereabouts(),
                    self.context.config.device.clone(),
                );
                self.lobby.provide_hello(run, hello);
                if ready.place.nat() == Nat::EndpointIndependent {
                    self.nat = Some(Nat::EndpointIndependent);
                }
                self.ready.push((run, ready));
                self.start_proved();
            }
            Step::Prepared(_, Err(failure)) => self.tell_failed(failure).await,
            Step::SessionEnded(end) => self.on_session_end(end),
            Step::Scanned => {
                let failure = match &*self.offer.borrow_and_update() {
                    Offer::Failed(failure) => Some(failure.clone()),
                    Offer::Pending | Offer::Ready(_) => None,
                };
                if let Some(failure) = failure {
                    self.tell_failed(failure).await;
                    self.ending = Some(Outcome::Failed);
                }
            }
            Step::Broken(error) => {
                let failure = Failure::new(Stage::Rendezvous, FailureKind::Local);
                self.tell_failed(failure.with_detail(error)).await;
                self.ending = Some(Outcome::Failed);
            }
        }
    }

    async fn on_lobby(&mut self, event: LobbyEvent) {
        match event {
            LobbyEvent::HelloNeeded(run) => self.prepare(run),
            LobbyEvent::Paired { run, key, peer } => {
                self.proved.push((run, key, peer));
                self.start_proved();
            }
            LobbyEvent::Unpaired(run) => self.ready.retain(|(other, _)| *other != run),
            LobbyEvent::WrongCode { run, attempts_left } => {
                self.ready.retain(|(other, _)| *other != run);
                let task = self.task;
                self.context
                    .reporter
                    .tell(Event::WrongGuess {
                        task,
                        attempts_left,
                    })
                    .await;
            }
            LobbyEvent::Dead => {
                self.tell_failed(Failure::new(Stage::Pairing, FailureKind::CodeDead))
                    .await;
                self.ending = Some(Outcome::Failed);
            }
            LobbyEvent::Taken => {
                self.tell_failed(Failure::new(Stage::Rendezvous, FailureKind::CodeTaken))
                    .await;
                self.ending = Some(Outcome::Failed);
            }
            LobbyEvent::Silent => tracing::info!("the rendezvous does not answer for now"),
        }
    }

    fn prepare(&mut self, run: SessionId) {
        let servers: Vec<SocketAddr> = self.lobby.server_addresses();
        let options = self.context.place_options();
        let (spare, nat) = (self.spare.take(), self.nat);
        self.preparing.spawn(async move {
            let place = match spare.map_or_else(|| Place::take(options), Ok) {
                Ok(mut place) => place.ask(&servers, nat).await.map(|()| place),
                Err(error) => Err(error),
            };
            let ready = match place {
                Ok(place) => Identity::generate()
                    .map(|identity| Ready { place, identity })
                    .map_err(|error| session::link_failure(Stage::Link, &error)),
                Err(error) => Err(Failure::new(Stage::Path, FailureKind::Local).with_detail(error)),
            };
            (run, ready)
        });
        if self.options.lifetime == ShareLifetime::UntilStopped {
            self.refill();
        }
    }

    /// Has a socket ready for the next receiver, if one is to be expected. Without one it is made when it is
    /// needed, and what is wrong is said then.
    fn refill(&mut self) {
        self.spare = Place::take(self.context.place_options()).ok();
    }

    /// Starts the sessions of receivers that have proved themselves and whose socket is there.
    fn start_proved(&mut self) {
        for (run, key, peer) in std::mem::take(&mut self.proved) {
            let Some(index) = self.ready.iter().position(|(other, _)| *other == run) else {
                self.proved.push((run, key, peer));
                continue;
            };
            let (_, ready) = self.ready.swap_remove(index);
            let pair = Pair {
                task: self.task,
                session: self.context.reporter.next_session(),
                role: Role::Sender,
                place: ready.place,
                servers: self.lobby.server_addresses(),
                identity: ready.identity,
                key,
                peer,
            };
            let served = serve(
                self.context.clone(),
                pair,
                self.offer.clone(),
                self.stop.clone(),
                self.ending_soon.subscribe(),
            );
            self.sessions.spawn(Box::pin(served));
        }
    }

    fn on_session_end(&mut self, end: SessionEnd) {
        if self.options.lifetime == ShareLifetime::Once {
            self.ending = match end {
                SessionEnd::Complete => Some(Outcome::Succeeded),
                SessionEnd::Partial => Some(Outcome::Failed),
                SessionEnd::Failed => None,
            };
        }
    }

    async fn tell_failed(&self, failure: Failure) {
        let event = Event::Failed {
            task: self.task,
            session: None,
            failure,
        };
        self.context.reporter.tell(event).await;
    }

    /// Tells the rendezvous that the share has ended, and lets running sessions end: they see the
    /// person's wish themselves.
    async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.lobby.close();
        self.spare = None;
        self.ending_soon.send_replace(true);
        let mut stop = self.stop.clone();
        // Whoever made the last wrong guess is told so by repetition.
        let mut linger = (outcome == Outcome::Failed).then(|| Instant::now() + LINGER);
        let mut outcome = outcome;
        while !self.sessions.is_empty() || linger.is_some() {
            tokio::select! {
                () = stop.cancelled(), if outcome != Outcome::Interrupted => {
                    outcome = Outcome::Interrupted;
                    linger = None;
                }
                Some(_) = self.sessions.join_next() => {}
                said = self.lobby.next() => if said.is_err() { linger = None },
                () = tokio::time::sleep_until(linger.unwrap_or_else(Instant::now).into()),
                    if linger.is_some() => linger = None,
            }
        }
        outcome
    }
}

/// Takes a place at a rendezvous: a configured one, or our own.
async fn open(context: &Context, words: u8) -> Result<(Lobby, Option<Embedded>), Failure> {
    let config = &context.config;
    if !config.rendezvous.is_empty() {
        let lobby = Lobby::open(&config.rendezvous, words, config.ipv6, config.transports).await;
        return lobby
            .map(|lobby| (lobby, None))
            .map_err(|error| meet_failure(&error));
    }
    let mut embedded = Embedded::start(config.ipv6)
        .map_err(|error| Failure::new(Stage::Rendezvous, FailureKind::Local).with_detail(error))?;
    let lobby = Lobby::open(&[embedded.here()], words, config.ipv6, config.transports)
        .await
        .map_err(|error| meet_failure(&error))?;
    if config.mdns {
        embedded.advertise(lobby.code().locator().value());
    }
    Ok((lobby, Some(embedded)))
}

/// The code in all its forms. A rendezvous of our own is named by its address on this network.
fn shown(lobby: &Lobby, embedded: Option<&Embedded>) -> ShownCode {
    let server = match embedded {
        Some(embedded) => embedded.on_network(),
        None => Some(lobby.server().to_owned()),
    };
    let code = lobby.code();
    let with_server = server.and_then(|server| code.clone().with_server(Some(&server)).ok());
    ShownCode {
        spoken: code.to_spoken().to_string(),
        uri: with_server.as_ref().unwrap_or(code).to_uri().to_string(),
        with_server: with_server.map(|code| code.to_spoken().to_string()),
    }
}

/// One receiver, from its proof to the last file on its disk.
async fn serve(
    context: Context,
    pair: Pair,
    offer: watch::Receiver<Offer>,
    stop: Cancel,
    ending_soon: watch::Receiver<bool>,
) -> SessionEnd {
    let (task, session) = (pair.task, pair.session);
    let controls = context.register(session).await;
    let mut cancel = EitherCancel(stop, controls.cancel);
    let served = serve_to_the_end(&context, pair, offer, &mut cancel, ending_soon).await;
    context.unregister(session).await;
    let (event, end) = match served {
        Ok(receipt) => (
            Event::Done { session, receipt },
            if receipt.failed_files == 0 {
                SessionEnd::Complete
            } else {
                SessionEnd::Partial
            },
        ),
        Err(failure) => {
            let session = Some(session);
            (
                Event::Failed {
                    task,
                    session,
                    failure,
                },
                SessionEnd::Failed,
            )
        }
    };
    context.reporter.tell(event).await;
    end
}

async fn serve_to_the_end(
    context: &Context,
    pair: Pair,
    offer: watch::Receiver<Offer>,
    cancel: &mut EitherCancel,
    ending_soon: watch::Receiver<bool>,
) -> Result<Receipt, Failure> {
    let session = pair.session;
    let connected = cancel.unless(session::connect(context, pair)).await;
    let (link, mut path) = connected.unwrap_or_else(|| Err(session::cancelled(Stage::Path)))?;
    let source = cancel.unless(offered(offer)).await;
    let source = source.unwrap_or_else(|| Err(session::cancelled(Stage::Offer)))?;
    let offer = digest(source.manifest());
    context.reporter.tell(Event::Offer { session, offer }).await;
    path.give_up_once(ending_soon);
    let handle = link.handle.clone();
    let (progress, watched) = watch::channel(transfer::Progress::default());
    let work = transfer::send(link, source, progress, cancel.cancelled());
    let summary = session::transfer(context, &mut path, &handle, work, watched).await?;
    session::tell_failures(context, session, &summary).await;
    Ok(session::receipt(&summary, path.route()))
}

/// The offer, once the files have been looked through.
async fn offered(mut offer: watch::Receiver<Offer>) -> Result<Arc<OfferSource>, Failure> {
    let settled = offer
        .wait_for(|offer| !matches!(offer, Offer::Pending))
        .await;
    match settled.map(|offer| offer.clone()) {
        Ok(Offer::Ready(source)) => Ok(source),
        Ok(Offer::Failed(failure)) => Err(failure),
        // The share is ending.
        Ok(Offer::Pending) | Err(_) => Err(session::cancelled(Stage::Offer)),
    }
}

/// What is wrong with a path that is not there: said before anybody is given a code for it.
fn missing(path: &Path) -> Option<Failure> {
    let error = path.metadata().err()?;
    let failure = Failure::new(Stage::Files, FailureKind::FileUnreadable);
    Some(failure.with_detail(format_args!("{}: {error}", path.display())))
}

/// Ends a share that did not begin.
async fn fail(context: &Context, task: TaskNumber, failure: Failure) -> Outcome {
    let session = None;
    context
        .reporter
        .tell(Event::Failed {
            task,
            session,
            failure,
        })
        .await;
    Outcome::Failed
}
