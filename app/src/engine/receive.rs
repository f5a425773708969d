//! Taking what is offered under a code.

use std::path::PathBuf;
use std::sync::Arc;

use fardrop_shared::Role;
use fardrop_shared::code::PairingCode;
use tokio::sync::{mpsc, watch};

use super::cancel::{Cancel, EitherCancel};
use super::command::{ConflictPolicy, Decision, ReceiveOptions, TypedCode};
use super::context::{Answer, Context, SessionControls};
use super::event::{Event, OfferSummary, Outcome, Receipt, SessionNumber, TaskNumber};
use super::failures;
use super::report::Reporter;
use super::session::path::PathWatch;
use super::session::view::{self, OfferView, offer_summary};
use super::session::{self, Pair};
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::{Identity, Link};
use crate::net::Join;
use crate::transfer::{self, Decide, ScannedOffer};

/// Runs one receive to its end.
pub(super) async fn receive(
    context: Context,
    task: TaskNumber,
    code: TypedCode,
    options: ReceiveOptions,
    stop: Cancel,
) -> Outcome {
    let session = context.reporter.next_session();
    let controls = context.register(session).await;
    let mut cancel = EitherCancel(stop.clone(), controls.cancel.clone());
    let receive = Receive {
        context: &context,
        task,
        session,
        options,
    };
    let received = receive.run(code, controls, &mut cancel).await;
    context.unregister(session).await;
    let (event, outcome) = match received {
        Ok(Received { receipt, places }) => (
            Event::Done {
                session,
                receipt,
                places,
            },
            if receipt.failed_files == 0 {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            },
        ),
        Err(failure) => (
            Event::Failed {
                task,
                session: Some(session),
                failure,
            },
            Outcome::Failed,
        ),
    };
    context.reporter.tell(event).await;
    if stop.is_cancelled() && outcome == Outcome::Failed {
        Outcome::Interrupted
    } else {
        outcome
    }
}

/// What crossed, and where it is.
struct Received {
    receipt: Receipt,
    places: Vec<PathBuf>,
}

struct Receive<'a> {
    context: &'a Context,
    task: TaskNumber,
    session: SessionNumber,
    options: ReceiveOptions,
}

impl Receive<'_> {
    async fn run(
        &self,
        code: TypedCode,
        controls: SessionControls,
        cancel: &mut EitherCancel,
    ) -> Result<Received, Failure> {
        let paired = cancel.unless(self.pair(code)).await;
        let pair = paired.unwrap_or_else(|| Err(failures::cancelled(Stage::Pairing)))?;
        let connected = cancel.unless(session::connect(self.context, pair)).await;
        let (link, path) = connected.unwrap_or_else(|| Err(failures::cancelled(Stage::Path)))?;
        self.take(link, path, controls, cancel).await
    }

    /// Finds the sender, and proves to it and has proved that both know the code.
    async fn pair(&self, code: TypedCode) -> Result<Pair, Failure> {
        let code = PairingCode::parse(&code.0)
            .map_err(|_| Failure::new(Stage::Pairing, FailureKind::NoSuchCode))?;
        let identity =
            Identity::generate().map_err(|error| failures::link_failure(Stage::Link, &error))?;
        let config = &self.context.config;
        let join = Join {
            code: &code,
            servers: &config.rendezvous,
            fingerprint: identity.fingerprint(),
            device: &config.device,
            endpoint: self.context.endpoint_options(),
            mdns: config.mdns,
            transports: config.transports,
        };
        let met = join
            .meet()
            .await
            .map_err(|error| failures::introduction_failure(&error))?;
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

    /// Takes what is offered over the link, if the person wants it.
    async fn take(
        &self,
        link: Link,
        mut path: PathWatch,
        controls: SessionControls,
        cancel: &mut EitherCancel,
    ) -> Result<Received, Failure> {
        let handle = link.handle.clone();
        let (steering, mut watching) = session::watching(controls.pause, controls.pages);
        let options = transfer::ReceiveOptions {
            destination: self.options.destination.clone(),
        };
        let person = Person {
            reporter: Arc::clone(&self.context.reporter),
            task: self.task,
            session: self.session,
            view: watching.view.clone(),
            answers: controls.answers,
            settled: None,
        };
        let work = transfer::receive(link, options, person, steering, cancel.cancelled());
        let summary =
            session::transfer(self.context, &mut path, &handle, work, &mut watching).await?;
        session::tell_failures(self.context, self.session, &summary).await;
        Ok(Received {
            receipt: session::receipt(&summary, path.route()),
            places: summary.places,
        })
    }
}

/// The person whom an offer is shown to, and who answers it.
struct Person {
    reporter: Arc<Reporter>,
    task: TaskNumber,
    session: SessionNumber,
    view: watch::Sender<Option<Arc<OfferView>>>,
    answers: mpsc::Receiver<Answer>,
    /// An acceptance into another folder, until that has been looked at.
    settled: Option<transfer::Decision>,
}

impl Decide for Person {
    async fn decide(&mut self, offer: ScannedOffer) -> transfer::Decision {
        let view = OfferView::received(&offer);
        self.view.send_replace(Some(Arc::new(view)));
        let settled = self.settled.take();
        if let Some(error) = &offer.refused {
            let task = self.task;
            let failure = Failure::new(Stage::Disk, FailureKind::WriteFailed).with_detail(error);
            self.reporter.tell(Event::Refused { task, failure }).await;
        } else if let Some(decision) = settled {
            return decision;
        }
        self.show(&offer).await;
        let (on_conflict, selection, elsewhere) = match self.answers.recv().await {
            Some(Answer::Elsewhere(folder)) => return transfer::Decision::Elsewhere(folder),
            Some(Answer::Decided(Decision::Accept {
                on_conflict,
                selection,
                destination,
            })) => (on_conflict, selection, destination),
            // Without an answer, whoever should have decided is gone.
            Some(Answer::Decided(Decision::Decline)) | None => return transfer::Decision::Decline,
        };
        let manifest = Arc::clone(&offer.manifest);
        // Beside the network's thread: there may be a million entries.
        let runs = tokio::task::spawn_blocking(move || view::runs(&manifest, &selection));
        let Ok(selection) = runs.await else {
            return transfer::Decision::Decline;
        };
        let accepted = transfer::Decision::Accept {
            on_conflict: policy(on_conflict),
            selection,
        };
        match elsewhere.filter(|folder| *folder != offer.destination) {
            Some(folder) => {
                self.settled = Some(accepted);
                transfer::Decision::Elsewhere(folder)
            }
            None => accepted,
        }
    }
}

impl Person {
    async fn show(&self, offer: &ScannedOffer) {
        let summary = OfferSummary {
            kept: offer.kept_bytes,
            conflicts: offer.conflicts.into(),
            free: offer.free_space,
            destination: Some(offer.destination.clone()),
            ..offer_summary(&offer.manifest)
        };
        let (session, offer) = (self.session, summary);
        self.reporter.tell(Event::Offer { session, offer }).await;
    }
}

const fn policy(policy: ConflictPolicy) -> transfer::OnConflict {
    match policy {
        ConflictPolicy::Skip => transfer::OnConflict::Skip,
        ConflictPolicy::Rename => transfer::OnConflict::Rename,
        ConflictPolicy::Replace => transfer::OnConflict::Replace,
    }
}
