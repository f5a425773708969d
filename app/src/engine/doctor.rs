//! Finding out what this network allows.

use std::io;

use fardrop_shared::dht::Verdict;
use fardrop_shared::diagnosis::{Diagnosis, RouterAnswer, RouterProtocol, RouterState};

use super::cancel::Cancel;
use super::context::Context;
use super::dht_nodes;
use super::event::{Outcome, TaskEvent, TaskNumber};
use super::failures::introduction_failure;
use crate::failure::{Failure, FailureKind, Stage};
use crate::net::{
    Attempt, AttemptState, Examination, FarExamination, MappingProtocol, PortMapper,
    diagnose as examine, diagnose_far as examine_far, ping,
};

/// Runs one diagnosis to its end: it succeeds if something gets out, or nobody was named to be asked.
pub(super) async fn diagnose(context: Context, task: TaskNumber, mut stop: Cancel) -> Outcome {
    let config = &context.config;
    let examination = Examination {
        servers: &config.rendezvous,
        port: config.port.unwrap_or(0),
        ipv6: config.ipv6,
    };
    let options = context.endpoint_options();
    let ask_routers = async |port| {
        if !options.port_mapping {
            return None;
        }
        // What a router opens is closed again when this is dropped; the engine waits for that.
        let mapper = PortMapper::start(port, options.ipv6, &options.permit);
        mapper.settled().await;
        let attempts = mapper.attempts();
        let answers = attempts.borrow().iter().map(answer).collect();
        Some(answers)
    };
    let examined = tokio::select! {
        examined = examine(examination, ask_routers) => Some(examined),
        () = stop.cancelled() => None,
    };
    match examined {
        Some(examined) => tell(&context, task, examined).await,
        None => Outcome::Interrupted,
    }
}

/// Tries the DHT out: it succeeds if two would meet there nearly every time. Nodes that answered are remembered.
pub(super) async fn diagnose_far(context: Context, task: TaskNumber, mut stop: Cancel) -> Outcome {
    let config = &context.config;
    let remembered = dht_nodes::load(config.memory.as_deref());
    let examination = FarExamination {
        hosts: &config.dht_bootstrap,
        ipv6: config.ipv6,
        remembered: &remembered,
    };
    let examined = tokio::select! {
        examined = examine_far(examination) => examined,
        () = stop.cancelled() => return Outcome::Interrupted,
    };
    match examined {
        Ok((report, known)) => {
            dht_nodes::save(config.memory.as_deref(), &known);
            let outcome = match report.verdict() {
                Verdict::Works => Outcome::Succeeded,
                Verdict::Sometimes
                | Verdict::KeepsNothing
                | Verdict::Silent
                | Verdict::NoEntrance => Outcome::Failed,
            };
            let event = TaskEvent::DiagnosedFar(Box::new(report));
            context.reporter.tell_task(task, event).await;
            outcome
        }
        Err(error) => fail(&context, task, error).await,
    }
}

/// Finds out whether one rendezvous answers.
pub(super) async fn test_rendezvous(
    context: Context,
    task: TaskNumber,
    server: String,
    mut stop: Cancel,
) -> Outcome {
    let tested = tokio::select! {
        tested = ping(&server, context.config.ipv6) => tested,
        () = stop.cancelled() => return Outcome::Interrupted,
    };
    let result = tested.map_err(|error| introduction_failure(&error).kind);
    let outcome = if result.is_ok() {
        Outcome::Succeeded
    } else {
        Outcome::Failed
    };
    context
        .reporter
        .tell_task(task, TaskEvent::RendezvousTested(result))
        .await;
    outcome
}

/// Tells what was found, or why nothing was.
async fn tell(context: &Context, task: TaskNumber, examined: io::Result<Diagnosis>) -> Outcome {
    match examined {
        Ok(diagnosis) => {
            let outcome = if diagnosis.is_conclusive() {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            };
            let diagnosis = Box::new(diagnosis);
            context
                .reporter
                .tell_task(task, TaskEvent::Diagnosed(diagnosis))
                .await;
            outcome
        }
        Err(error) => fail(context, task, error).await,
    }
}

/// Tells that this machine refuses a socket.
async fn fail(context: &Context, task: TaskNumber, error: io::Error) -> Outcome {
    let failure = Failure::new(Stage::Rendezvous, FailureKind::Local).with_detail(error);
    let event = TaskEvent::Failed {
        session: None,
        failure,
    };
    context.reporter.tell_task(task, event).await;
    Outcome::Failed
}

/// One attempt as the diagnosis has it. What is still being asked has not answered.
fn answer(attempt: &Attempt) -> RouterAnswer {
    RouterAnswer {
        protocol: match attempt.protocol {
            MappingProtocol::UpnpIgd => RouterProtocol::Upnp,
            MappingProtocol::Pcp => RouterProtocol::Pcp,
            MappingProtocol::NatPmp => RouterProtocol::NatPmp,
            MappingProtocol::PcpPinhole => RouterProtocol::PcpPinhole,
            MappingProtocol::IgdPinhole => RouterProtocol::UpnpPinhole,
        },
        gateway: attempt.gateway,
        state: match attempt.state {
            AttemptState::Asking | AttemptState::Silent => RouterState::Silent,
            AttemptState::Mapped { external, .. } => RouterState::Opened(external.ip()),
            AttemptState::Refused(error) => RouterState::Refused(error.to_string()),
        },
    }
}
