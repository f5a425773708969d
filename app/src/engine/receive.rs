//! Taking what is offered under a code.

use std::time::Instant;

use fardrop_shared::Role;
use fardrop_shared::code::PairingCode;
use tokio::sync::{oneshot, watch};

use super::cancel::Cancel;
use super::command::{Decision, ReceiveOptions, TypedCode};
use super::event::{Event, OfferDigest, Outcome, SessionNumber, TaskNumber};
use super::run::Context;
use super::session::{self, Pair, Route};
use crate::failure::{Failure, FailureKind, Stage};
use crate::link::{Identity, Link};
use crate::net::{Met, Visitor};
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
    let work = receive_patiently(&context, task, session, code, options, controls.decision);
    let received = session::unless_cancelled([stop.clone(), controls.cancel], work).await;
    context.unregister(session).await;
    match received {
        Ok(outcome) => outcome,
        Err(failure) => {
            let cancelled_here = stop.is_cancelled();
            let session = Some(session);
            context
                .reporter
                .tell(Event::Failed {
                    task,
                    session,
                    failure,
                })
                .await;
            if cancelled_here {
                Outcome::Interrupted
            } else {
                Outcome::Failed
            }
        }
    }
}

async fn receive_patiently(
    context: &Context,
    task: TaskNumber,
    session: SessionNumber,
    code: TypedCode,
    options: ReceiveOptions,
    decision: oneshot::Receiver<Decision>,
) -> Result<Outcome, Failure> {
    let code = PairingCode::parse(&code.0)
        .map_err(|_| Failure::new(Stage::Pairing, FailureKind::NoSuchCode))?;
    let identity =
        Identity::generate().map_err(|error| session::link_failure(Stage::Link, &error))?;
    let config = &context.config;
    let visitor = Visitor {
        code: &code,
        servers: &config.rendezvous,
        fingerprint: identity.fingerprint(),
        device: &config.device,
        port: config.port.unwrap_or(0),
        ipv6: config.ipv6,
        mdns: config.mdns,
    };
    let Met {
        socket,
        key,
        peer,
        same_machine,
    } = visitor
        .meet()
        .await
        .map_err(|error| session::meet_failure(&error))?;
    let pair = Pair {
        task,
        session,
        role: Role::Receiver,
        socket,
        same_machine,
        identity,
        key,
        peer,
    };
    let (link, route) = session::connect(context, pair).await?;
    take(context, session, link, route, options, decision).await
}
