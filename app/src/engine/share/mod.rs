//! A share: an offer under a code, and a session for every receiver that knows it.

mod contents;
mod embedded;
mod guests;
mod listing;
mod preparation;
mod scan;
mod secret;
mod serve;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fardrop_shared::pairing::{Hello, PeerKey, RunFailure, SenderEvent};
use fardrop_shared::{PairingId, Role};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::contents::{Contents, ItemsScan, first_missing};
use self::guests::Guests;
use self::listing::{LINGER, ShareListing, ShareListingEvent};
use self::preparation::{Preparation, Ready};
use self::serve::{SessionEnd, serve};
use super::cancel::Cancel;
use super::command::{OnDeadCode, OnMissing, ShareCommand, ShareLifetime, ShareOptions};
use super::context::Context;
use super::event::{Outcome, ShareEvent, TaskEvent, TaskNumber};
use super::session::Pair;
use crate::failure::{Failure, FailureKind, Stage};
use crate::net::ListingEvent;

/// How often a person is told that others take all the places at the rendezvous.
const CROWD_INTERVAL: Duration = Duration::from_secs(60);

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
        preparation: Preparation::default(),
        ready: Vec::new(),
        ending_soon: watch::Sender::new(false),
        guests: Guests::new(),
        sessions: JoinSet::new(),
        crowd_told: None,
        stop,
        ending: None,
    };
    share.tell_code().await;
    share.prepare();
    share.run().await
}

struct Share {
    context: Context,
    task: TaskNumber,
    options: ShareOptions,
    listing: ShareListing,
    contents: Contents,
    commands: mpsc::Receiver<ShareCommand>,
    /// Says that the share has what it was started for.
    ending_soon: watch::Sender<bool>,
    /// Sockets and certificates for those who prove themselves.
    preparation: Preparation,
    /// Given to those who have proved themselves, and are being told that we have as well.
    ready: Vec<(PairingId, Ready)>,
    guests: Guests,
    /// Each gives whether it is what `--once` waits for.
    sessions: JoinSet<SessionEnd>,
    /// When the person was last told of a crowd.
    crowd_told: Option<Instant>,
    stop: Cancel,
    ending: Option<Outcome>,
}

enum Step {
    Listing(ShareListingEvent),
    Prepared(Option<Result<Ready, Failure>>),
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
        tokio::select! {
            () = self.stop.cancelled() => Step::Stop,
            said = self.listing.next() => said.map_or_else(Step::Broken, Step::Listing),
            prepared = self.preparation.next() => Step::Prepared(prepared),
            Some(ended) = self.sessions.join_next() => {
                Step::SessionEnded(ended.unwrap_or(SessionEnd::Failed))
            }
            scan = self.contents.next() => Step::Scanned(scan),
            Some(command) = self.commands.recv() => Step::Commanded(command),
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
                self.preparation.clear();
                self.prepare();
                self.tell_code().await;
            }
            Step::Listing(ShareListingEvent::Moved(Err(failure))) => {
                self.context
                    .reporter
                    .tell_task(self.task, TaskEvent::Refused(failure))
                    .await;
            }
            Step::Prepared(None) => self.prepare(),
            Step::Prepared(Some(Ok(ready))) => {
                self.preparation.keep(ready);
                self.prepare();
            }
            Step::Prepared(Some(Err(failure))) => {
                if self.preparation.on_failure() {
                    self.tell_failed(failure).await;
                }
            }
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
            ListingEvent::Crowded => {
                let now = Instant::now();
                if self.crowd_told.is_none_or(|at| now >= at + CROWD_INTERVAL) {
                    self.crowd_told = Some(now);
                    self.context
                        .reporter
                        .tell_share(self.task, ShareEvent::Crowded)
                        .await;
                }
            }
        }
    }

    async fn on_pairing(&mut self, event: SenderEvent) {
        match event {
            SenderEvent::HelloNeeded { run } => {
                self.preparation.want(run);
                self.prepare();
            }
            SenderEvent::Paired { run, key, peer } => self.start(run, key, peer),
            SenderEvent::RunFailed {
                run,
                reason: RunFailure::HelloMissing | RunFailure::Disturbed,
            } => self.preparation.forget(run),
            SenderEvent::WrongCode { attempts_left, .. } => {
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

    /// Gives those who have proved themselves what is ready, and has more made ready as far as it is needed: for them,
    /// and one for whoever is next. So nobody who has proved nothing makes this machine do anything.
    fn prepare(&mut self) {
        while let Some((run, ready)) = self.preparation.take() {
            let hello = Hello::new(
                ready.identity.fingerprint(),
                ready.endpoint.whereabouts(),
                self.context.config.device.clone(),
            );
            self.ready.push((run, ready));
            self.listing.provide_hello(run, hello);
        }
        let more = match self.options.lifetime {
            ShareLifetime::UntilStopped => true,
            ShareLifetime::Once => self.ready.is_empty() && self.sessions.is_empty(),
        };
        let servers = self.listing.server_addresses();
        let options = self.context.endpoint_options();
        self.preparation.make(usize::from(more), &servers, &options);
    }

    /// Starts the session of a receiver that has proved itself, and to which we do.
    fn start(&mut self, run: PairingId, key: Box<PeerKey>, peer: Hello) {
        let Some(index) = self.ready.iter().position(|(other, _)| *other == run) else {
            return;
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
            (self.contents.offer(), self.guests.admit()),
            self.stop.clone(),
            self.ending_soon.subscribe(),
            self.options.on_left_out,
        );
        self.sessions.spawn(Box::pin(served));
    }

    fn on_session_end(&mut self, end: SessionEnd) {
        if self.options.lifetime == ShareLifetime::Once {
            self.ending = match end {
                SessionEnd::Complete => Some(Outcome::Succeeded),
                SessionEnd::Partial => Some(Outcome::Failed),
                SessionEnd::Failed => None,
            };
            self.prepare();
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
        self.preparation = Preparation::default();
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
