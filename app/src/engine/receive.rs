//! Taking what is offered under a code.

use std::path::PathBuf;
use std::sync::Arc;

use fardrop_shared::Role;
use fardrop_shared::code::PairingCode;
use fardrop_shared::name::lossy;
use fardrop_shared::rendezvous::may_be_named;
use tokio::sync::{mpsc, watch};

use super::cancel::{Cancel, EitherCancel};
use super::command::{Decision, ReceiveOptions};
use super::context::{Context, SessionControls};
use super::event::{
    Listed, OfferSummary, Outcome, PeerLeftOut, Receipt, SessionEvent, SessionNumber, TaskEvent,
    TaskNumber,
};
use super::failures;
use super::recording::{Recording, SeenOffer};
use super::report::Reporter;
use super::session::path::PathWatch;
use super::session::still::{StillLimits, stalled};
use super::session::view::{OfferView, offer_summary};
use super::session::{self, Pair};
use crate::failure::{Failure, Stage};
use crate::link::{Identity, Link};
use crate::net::{IntroductionError, Join};
use crate::transfer::{self, Answer, Decide, ScannedOffer, StopReason};

/// Runs one receive to its end.
pub(super) async fn receive(
    context: Context,
    task: TaskNumber,
    code: PairingCode,
    options: ReceiveOptions,
    stop: Cancel,
) -> Outcome {
    let session = context.reporter.next_session();
    let controls = context.register(session).await;
    let mut cancel = EitherCancel(stop.clone(), controls.cancel.clone());
    let on_left_out = options.on_left_out;
    let mut recording = Recording::new(context.config.memory.clone(), &options);
    let receive = Receive {
        context: &context,
        task,
        session,
        options,
    };
    let received = receive.run(code, controls, &mut cancel, &mut recording);
    let received = received.await;
    context.unregister(session).await;
    let receipt = received.as_ref().map(|(receipt, _)| *receipt);
    let receipt = receipt.map_err(|failure| failure.kind);
    context.reporter.tell_end(task, session, received).await;
    recording.settle(receipt).await;
    let whole = receipt.is_ok_and(|receipt| receipt.is_whole(on_left_out));
    if whole {
        Outcome::Succeeded
    } else if stop.is_cancelled() {
        Outcome::Interrupted
    } else {
        Outcome::Failed
    }
}

/// What crossed, and where it is.
type Received = (Receipt, Vec<PathBuf>);

struct Receive<'a> {
    context: &'a Context,
    task: TaskNumber,
    session: SessionNumber,
    options: ReceiveOptions,
}

impl Receive<'_> {
    async fn run(
        &self,
        code: PairingCode,
        controls: SessionControls,
        cancel: &mut EitherCancel,
        recording: &mut Recording,
    ) -> Result<Received, Failure> {
        let paired = cancel.unless(self.pair(code)).await;
        let pair = paired.unwrap_or_else(|| Err(failures::cancelled(Stage::Pairing)))?;
        recording.meet(pair.peer.device());
        let connected = cancel.unless(session::connect(self.context, pair)).await;
        let (link, path) = connected.unwrap_or_else(|| Err(failures::cancelled(Stage::Path)))?;
        self.take(link, path, controls, cancel, recording).await
    }

    /// Finds the sender, and proves to it and has proved that both know the code.
    async fn pair(&self, code: PairingCode) -> Result<Pair, Failure> {
        let tries = Arc::clone(&self.context.tries);
        let turn = tokio::task::spawn_blocking(move || tries.take_turn()).await;
        if !self.tries_are_left(&code).await {
            return Err(failures::introduction_failure(&IntroductionError::CodeDead));
        }
        let identity =
            Identity::generate().map_err(|error| failures::link_failure(Stage::Link, &error))?;
        let config = &self.context.config;
        let join = Join {
            code: &code,
            servers: &config.rendezvous,
            may_lead: may_be_named,
            fingerprint: identity.fingerprint(),
            device: &config.device,
            endpoint: self.context.endpoint_options(),
            mdns: config.mdns,
            transports: config.transports,
            tries: self.context.tries.clone(),
        };
        let strange = code.server().filter(|_| join.names_strange_server());
        if let Some(server) = strange {
            self.tell_server(server).await;
        }
        let met = match join.meet().await {
            Ok(met) => met,
            // What would come of another try is known.
            Err(IntroductionError::SenderSilent) if !self.tries_are_left(&code).await => {
                return Err(failures::introduction_failure(&IntroductionError::CodeDead));
            }
            Err(error) => return Err(failures::introduction_failure(&error)),
        };
        drop(turn);
        if let Some(server) = strange {
            let (servers, server) = (self.context.known_servers.clone(), server.to_owned());
            // It writes a file; whether that succeeds changes nothing here.
            let _ = tokio::task::spawn_blocking(move || servers.remember(&server)).await;
        }
        Ok(Pair {
            task: self.task,
            session: self.session,
            role: Role::Receiver,
            endpoint: met.endpoint,
            servers: met.server.into_iter().collect(),
            identity,
            key: met.key,
            peer: met.peer,
        })
    }

    /// Says where the code leads, before anything is sent there.
    async fn tell_server(&self, server: &str) {
        let (servers, name) = (self.context.known_servers.clone(), server.to_owned());
        let known = tokio::task::spawn_blocking(move || servers.know(&name)).await;
        let event = TaskEvent::NamesServer {
            server: server.to_owned(),
            known: known.unwrap_or(false),
        };
        self.context.reporter.tell_task(self.task, event).await;
    }

    /// Whether the code may be tried again on this machine.
    async fn tries_are_left(&self, code: &PairingCode) -> bool {
        let (tries, code) = (Arc::clone(&self.context.tries), code.clone());
        let left = tokio::task::spawn_blocking(move || tries.are_left(&code)).await;
        left.unwrap_or(false)
    }

    /// Takes what is offered over the link, if the person wants it.
    async fn take(
        &self,
        link: Link,
        mut path: PathWatch,
        controls: SessionControls,
        cancel: &mut EitherCancel,
        recording: &mut Recording,
    ) -> Result<Received, Failure> {
        let handle = link.handle.clone();
        let (steering, mut watching) = session::watching(controls.pause, controls.pages);
        let person = Person {
            reporter: Arc::clone(&self.context.reporter),
            task: self.task,
            session: self.session,
            view: watching.view.clone(),
            told_renamed: false,
            told_unnamed: false,
            told_left_out: false,
            answers: controls.answers,
            seen: recording.seen(),
        };
        recording.watch(steering.standing.subscribe(), steering.progress.subscribe());
        let still = stalled(
            steering.standing.subscribe(),
            steering.progress.subscribe(),
            StillLimits::RECEIVER,
            || {},
        );
        let ended = async {
            tokio::select! {
                () = still => StopReason::Stalled,
                () = cancel.cancelled() => StopReason::Cancelled,
            }
        };
        let receive = transfer::receive(link, self.options.clone(), person, steering, ended);
        let work = async {
            tokio::select! {
                result = receive => result,
                never = recording.follow() => match never {},
            }
        };
        let summary =
            session::transfer(self.context, &mut path, &handle, work, &mut watching).await?;
        let receipt = session::settle(self.context, self.session, &summary, path.route()).await?;
        Ok((receipt, summary.places))
    }
}

/// The person whom an offer is shown to, and who answers it.
struct Person {
    reporter: Arc<Reporter>,
    task: TaskNumber,
    session: SessionNumber,
    view: watch::Sender<Option<Arc<OfferView>>>,
    /// Whether the face knows of anything that would be saved under another name.
    told_renamed: bool,
    /// Whether it knows of anything that would not be saved for its name.
    told_unnamed: bool,
    /// Whether it was told what the sender leaves out.
    told_left_out: bool,
    answers: mpsc::Receiver<Answer>,
    seen: SeenOffer,
}

impl Decide for Person {
    fn see(&mut self, offer: &ScannedOffer) {
        let view = OfferView::received(offer);
        self.view.send_replace(Some(Arc::new(view)));
        self.seen.see(offer);
    }

    async fn decide(&mut self, offer: ScannedOffer) -> Answer {
        if let Some(error) = &offer.refused {
            let task = self.task;
            let kind = failures::file_failure(error.reason());
            let failure = Failure::new(Stage::Disk, kind).with_detail(error);
            self.reporter
                .tell_task(task, TaskEvent::Refused(failure))
                .await;
        }
        self.show(&offer).await;
        // Without an answer, whoever should have decided is gone.
        let gone = Answer::Decided(Decision::Decline);
        let answer = self.answers.recv().await.unwrap_or(gone);
        if let Answer::Decided(Decision::Accept { on_conflict, .. }) = &answer {
            self.seen.accept(*on_conflict);
        }
        answer
    }
}

impl Person {
    async fn show(&mut self, offer: &ScannedOffer) {
        if !self.told_left_out && !offer.left_out.is_none() {
            self.told_left_out = true;
            let left_out = SessionEvent::LeftOut(Arc::new(left_out(offer)));
            self.reporter.tell_session(self.session, left_out).await;
        }
        let renames = offer.renamed.count > 0;
        if renames || self.told_renamed {
            let renamed = SessionEvent::Renamed(Arc::clone(&offer.renamed));
            self.reporter.tell_session(self.session, renamed).await;
            self.told_renamed = renames;
        }
        let unnamed = offer.unnamed.count > 0;
        if unnamed || self.told_unnamed {
            let event = SessionEvent::Unnamed(Arc::clone(&offer.unnamed));
            self.reporter.tell_session(self.session, event).await;
            self.told_unnamed = unnamed;
        }
        let summary = OfferSummary {
            left_out: offer.left_out,
            unnamed: offer.unnamed.count,
            kept: offer.kept_bytes,
            conflicts: offer.conflicts.into(),
            free: offer.free_space,
            destination: Some(offer.destination.clone()),
            ..offer_summary(offer.manifest.manifest(), Arc::clone(&offer.survey))
        };
        let (session, offer) = (self.session, summary);
        self.reporter
            .tell_session(session, SessionEvent::Offer(offer))
            .await;
    }
}

/// What the sender does not offer of what it named.
fn left_out(offer: &ScannedOffer) -> Listed<PeerLeftOut> {
    let names = offer.left_out_names.names().iter();
    let first = names.map(|name| PeerLeftOut {
        name: lossy(&name.path).into_owned(),
        reason: name.reason,
    });
    Listed {
        first: first.collect(),
        count: offer.left_out.things,
    }
}
