//! A share: an offer under a code, and a session for every receiver that knows it.

mod contents;
mod embedded;
mod listing;
mod scan;
mod secret;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;

use fardrop_shared::pairing::{Hello, PeerKey, RunFailure, SenderEvent};
use fardrop_shared::path::Nat;
use fardrop_shared::{PairingId, Role};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::contents::{Contents, ItemsScan, first_missing};
use self::listing::{LINGER, ShareListing, ShareListingEvent};
use self::serve::{SessionEnd, serve};
use super::cancel::Cancel;
use super::command::{OnDeadCode, OnMissing, ShareCommand, ShareLifetime, ShareOptions};
use super::context::Context;
use super::event::{Outcome, ShareEvent, TaskEvent, TaskNumber};
use super::failures;
use super::session::Pair;
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::Identity;
use crate::net::{ListingEvent, LocalEndpoint};

/// Runs a share to its end.
pub(super) async fn share(
    context: Context,
    task: TaskNumber,
    paths: Vec<PathBuf>,
    options: ShareOptions,
    commands: mpsc::Receiver<ShareCommand>,
    mut stop: Cancel,
) -> Outcome {
    if options.on_missing == OnMissing::Fail
        && let Some(failure) = first_missing(&paths).await
    {
        return fail(&context, task, failure).await;
    }
    let opened = tokio::select! {
        opened = ShareListing::open(&context, options.words) => opened,
        () = stop.cancelled() => return Outcome::Interrupted,
    };
    let listing = match opened {
        Ok(listing) => listing,
        Err(failure) => return fail(&context, task, failure).await,
    };
    let mut share = Share {
        contents: Contents::begin(context.clone(), task, paths),
        context,
        task,
        options,
        listing,
        commands,
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
    share.tell_code().await;
    share.refill();
    share.run().await
}

struct Share {
    context: Context,
    task: TaskNumber,
    options: ShareOptions,
    listing: ShareListing,
    contents: Contents,
    commands: mpsc::Receiver<ShareCommand>,
    /// A socket for the next receiver: its router has had time to open a port.
    spare: Option<LocalEndpoint>,
    /// What the NAT in front of this machine does, where it does the same for all sockets.
    nat: Option<Nat>,
    /// Says that the share has what it was started for.
    ending_soon: watch::Sender<bool>,
    /// Sockets and certificates being made for receivers that have begun to pair.
    preparing: JoinSet<(PairingId, Result<Ready, Failure>)>,
    ready: Vec<(PairingId, Ready)>,
    /// Receivers that proved themselves before their socket was ready.
    proved: Vec<(PairingId, Box<PeerKey>, Hello)>,
    /// Each gives whether it is what `--once` waits for.
    sessions: JoinSet<SessionEnd>,
    stop: Cancel,
    ending: Option<Outcome>,
}

/// A socket and a certificate for one receiver.
struct Ready {
    endpoint: LocalEndpoint,
    identity: Identity,
}

enum Step {
    Listing(ShareListingEvent),
    Prepared(PairingId, Result<Ready, Failure>),
    SessionEnded(SessionEnd),
    Scanned(ItemsScan),
    Commanded(ShareCommand),
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
                said = self.listing.next() => {
                    return said.map_or_else(Step::Broken, Step::Listing);
                }
                Some(prepared) = self.preparing.join_next() => {
                    if let Ok((run, ready)) = prepared {
                        return Step::Prepared(run, ready);
                    }
                }
                Some(ended) = self.sessions.join_next() => {
                    return Step::SessionEnded(ended.unwrap_or(SessionEnd::Failed));
                }
                scan = self.contents.next() => return Step::Scanned(scan),
                Some(command) = self.commands.recv() => return Step::Commanded(command),
            }
        }
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Stop => self.ending = Some(Outcome::Interrupted),
            Step::Listing(ShareListingEvent::Listing(event)) => self.on_listing_event(event).await,
            Step::Listing(ShareListingEvent::Outside) => self.tell_code().await,
            Step::Listing(ShareListingEvent::Moved(Ok(()))) => {
                // Those who were pairing under the old code are told that it has ended.
                self.ready.clear();
                self.proved.clear();
                self.preparing.abort_all();
                self.tell_code().await;
            }
            Step::Listing(ShareListingEvent::Moved(Err(failure))) => {
                self.context
                    .reporter
                    .tell_task(self.task, TaskEvent::Refused(failure))
                    .await;
            }
            Step::Prepared(run, Ok(ready)) => {
                let hello = Hello::new(
                    ready.identity.fingerprint(),
                    ready.endpoint.whereabouts(),
                    self.context.config.device.clone(),
                );
                self.listing.provide_hello(run, hello);
                if ready.endpoint.nat() == Nat::EndpointIndependent {
                    self.nat = Some(Nat::EndpointIndependent);
                }
                self.ready.push((run, ready));
                self.start_proved();
            }
            Step::Prepared(_, Err(failure)) => self.tell_failed(failure).await,
            Step::SessionEnded(end) => self.on_session_end(end),
            Step::Scanned(scan) => {
                if let Err(failure) = self.contents.settle(scan).await {
                    self.tell_failed(failure).await;
                    self.ending = Some(Outcome::Failed);
                }
            }
            Step::Commanded(ShareCommand::Edit { add, remove }) => self.contents.edit(add, &remove),
            Step::Commanded(ShareCommand::RenewCode) => self.listing.renew(),
            Step::Broken(error) => {
                let failure = Failure::new(Stage::Rendezvous, FailureKind::Local);
                self.tell_failed(failure.with_detail(error)).await;
                self.ending = Some(Outcome::Failed);
            }
        }
    }

    async fn on_listing_event(&mut self, event: ListingEvent) {
        match event {
            ListingEvent::Pairing(event) => self.on_pairing(event).await,
            ListingEvent::Taken => {
                self.on_dead_code(Stage::Rendezvous, FailureKind::CodeTaken)
                    .await;
            }
            ListingEvent::Silent => tracing::info!("the rendezvous does not answer for now"),
        }
    }

    async fn on_pairing(&mut self, event: SenderEvent) {
        match event {
            SenderEvent::HelloNeeded { run } => self.prepare(run),
            SenderEvent::Paired { run, key, peer } => {
                self.proved.push((run, key, peer));
                self.start_proved();
            }
            SenderEvent::RunFailed {
                run,
                reason: RunFailure::HelloMissing | RunFailure::Disturbed,
            } => self.ready.retain(|(other, _)| *other != run),
            // Whoever vanishes before it could be told may have tried wrong words.
            SenderEvent::WrongCode { run, attempts_left }
            | SenderEvent::RunFailed {
                run,
                reason: RunFailure::Vanished { attempts_left },
            } => {
                self.ready.retain(|(other, _)| *other != run);
                let task = self.task;
                self.context
                    .reporter
                    .tell_share(task, ShareEvent::WrongGuess { attempts_left })
                    .await;
            }
            SenderEvent::Dead => {
                self.on_dead_code(Stage::Pairing, FailureKind::CodeDead)
                    .await;
            }
        }
    }

    /// Handles that nobody can pair under the code any more: the share ends, or waits for a fresh one.
    async fn on_dead_code(&mut self, stage: Stage, reason: FailureKind) {
        match self.options.on_dead_code {
            OnDeadCode::End => {
                self.tell_failed(Failure::new(stage, reason)).await;
                self.ending = Some(Outcome::Failed);
            }
            OnDeadCode::Wait => {
                self.listing.leave();
                self.context
                    .reporter
                    .tell_share(self.task, ShareEvent::CodeDead(reason))
                    .await;
            }
        }
    }

    /// Tells the code, if it is another than before.
    async fn tell_code(&mut self) {
        if let Some(code) = self.listing.new_code() {
            self.context
                .reporter
                .tell_share(self.task, ShareEvent::Code(code))
                .await;
        }
    }

    fn prepare(&mut self, run: PairingId) {
        let servers: Vec<SocketAddr> = self.listing.server_addresses();
        let options = self.context.endpoint_options();
        let (spare, nat) = (self.spare.take(), self.nat);
        self.preparing.spawn(async move {
            let endpoint = match spare.map_or_else(|| LocalEndpoint::take(options), Ok) {
                Ok(mut endpoint) => endpoint.ask(&servers, nat).await.map(|()| endpoint),
                Err(error) => Err(error),
            };
            let ready = match endpoint {
                Ok(endpoint) => Identity::generate()
                    .map(|identity| Ready { endpoint, identity })
                    .map_err(|error| failures::link_failure(Stage::Link, &error)),
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
        self.spare = LocalEndpoint::take(self.context.endpoint_options()).ok();
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
                endpoint: ready.endpoint,
                servers: self.listing.server_addresses(),
                identity: ready.identity,
                key,
                peer,
            };
            let served = serve(
                self.context.clone(),
                pair,
                self.contents.offer(),
                self.stop.clone(),
                self.ending_soon.subscribe(),
                self.options.on_left_out,
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
        self.context
            .reporter
            .tell_task(
                self.task,
                TaskEvent::Failed {
                    session: None,
                    failure,
                },
            )
            .await;
    }

    /// Tells the rendezvous that the share has ended, and lets running sessions end: they see the
    /// person's wish themselves.
    async fn finish(mut self, outcome: Outcome) -> Outcome {
        self.listing.close();
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
                said = self.listing.next() => if said.is_err() { linger = None },
                () = tokio::time::sleep_until(linger.unwrap_or_else(Instant::now).into()),
                    if linger.is_some() => linger = None,
            }
        }
        outcome
    }
}

/// Ends a share that did not begin.
async fn fail(context: &Context, task: TaskNumber, failure: Failure) -> Outcome {
    let session = None;
    context
        .reporter
        .tell_task(task, TaskEvent::Failed { session, failure })
        .await;
    Outcome::Failed
}
