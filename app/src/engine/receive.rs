//! Taking what is offered under a code.

use fardrop_shared::Role;
use fardrop_shared::code::PairingCode;
use tokio::sync::{oneshot, watch};

use super::cancel::{Cancel, EitherCancel};
use super::command::{ConflictPolicy, Decision, ReceiveOptions, TypedCode};
use super::event::{Event, OfferDigest, Outcome, Receipt, SessionNumber, TaskNumber};
use super::path::PathWatch;
use super::run::Context;
use super::scan::digest;
use super::session::{self, Pair};
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::{Identity, Link};
use crate::net::Visitor;
use crate::transfer;

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
    let mut cancel = EitherCancel(stop.clone(), controls.cancel);
    let receive = Receive {
        context: &context,
        task,
        session,
        options,
    };
    let received = receive.run(code, controls.decision, &mut cancel).await;
    context.unregister(session).await;
    let (event, outcome) = match received {
        Ok(receipt) if receipt.failed_files == 0 => {
            (Event::Done { session, receipt }, Outcome::Succeeded)
        }
        Ok(receipt) => (Event::Done { session, receipt }, Outcome::Failed),
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
        decision: oneshot::Receiver<Decision>,
        cancel: &mut EitherCancel,
    ) -> Result<Receipt, Failure> {
        let paired = cancel.unless(self.pair(code)).await;
        let pair = paired.unwrap_or_else(|| Err(session::cancelled(Stage::Pairing)))?;
        let connected = cancel.unless(session::connect(self.context, pair)).await;
        let (link, path) = connected.unwrap_or_else(|| Err(session::cancelled(Stage::Path)))?;
        self.take(link, path, decision, cancel).await
    }

    /// Finds the sender, and proves to it and has proved that both know the code.
    async fn pair(&self, code: TypedCode) -> Result<Pair, Failure> {
        let code = PairingCode::parse(&code.0)
            .map_err(|_| Failure::new(Stage::Pairing, FailureKind::NoSuchCode))?;
        let identity =
            Identity::generate().map_err(|error| session::link_failure(Stage::Link, &error))?;
        let config = &self.context.config;
        let visitor = Visitor {
            code: &code,
            servers: &config.rendezvous,
            fingerprint: identity.fingerprint(),
            device: &config.device,
            place: self.context.place_options(),
            mdns: config.mdns,
            transports: config.transports,
        };
        let met = visitor
            .meet()
            .await
            .map_err(|error| session::meet_failure(&error))?;
        Ok(Pair {
            task: self.task,
            session: self.session,
            role: Role::Receiver,
            place: met.place,
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
        decision: oneshot::Receiver<Decision>,
        cancel: &mut EitherCancel,
    ) -> Result<Receipt, Failure> {
        let (reporter, session) = (&self.context.reporter, self.session);
        let handle = link.handle.clone();
        let (progress, watched) = watch::channel(transfer::Progress::default());
        let options = transfer::ReceiveOptions {
            destination: self.options.destination.clone(),
        };
        let decide = async |summary: transfer::OfferSummary<'_>| {
            let offer = OfferDigest {
                kept: summary.kept_bytes,
                conflicts: summary.conflicts.into(),
                free: summary.free_space,
                ..digest(summary.manifest)
            };
            reporter.tell(Event::Offer { session, offer }).await;
            match decision.await {
                Ok(Decision::Accept { on_conflict }) => transfer::Decision::Accept {
                    on_conflict: policy(on_conflict),
                    selection: None,
                },
                // Whoever should have decided is gone.
                Ok(Decision::Decline) | Err(_) => transfer::Decision::Decline,
            }
        };
        let work = transfer::receive(link, options, decide, progress, cancel.cancelled());
        let summary = session::transfer(self.context, &mut path, &handle, work, watched).await?;
        session::tell_failures(self.context, session, &summary).await;
        Ok(session::receipt(&summary, path.route()))
    }
}

const fn policy(policy: ConflictPolicy) -> transfer::OnConflict {
    match policy {
        ConflictPolicy::Skip => transfer::OnConflict::Skip,
        ConflictPolicy::Rename => transfer::OnConflict::Rename,
        ConflictPolicy::Replace => transfer::OnConflict::Replace,
    }
}
