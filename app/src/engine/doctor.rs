//! Finding out what this network allows.

use super::cancel::Cancel;
use super::event::{Event, Outcome, TaskNumber};
use super::run::Context;
use crate::failure::{Failure, FailureKind, Stage};
use crate::net::{Examination, diagnose as examine};

/// Runs one diagnosis to its end: it succeeds if something gets out, or nobody was named to be asked.
pub(super) async fn diagnose(context: Context, task: TaskNumber, mut stop: Cancel) -> Outcome {
    let config = &context.config;
    let examination = Examination {
        servers: &config.rendezvous,
        port: config.port.unwrap_or(0),
        ipv6: config.ipv6,
    };
    let examined = tokio::select! {
        // Routers are not asked for ports by this build, in transfers neither.
        examined = examine(examination, async |_| None) => examined,
        () = stop.cancelled() => return Outcome::Interrupted,
    };
    match examined {
        Ok(diagnosis) => {
            let outcome = if diagnosis.is_conclusive() {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            };
            let diagnosis = Box::new(diagnosis);
            let event = Event::Diagnosis { task, diagnosis };
            context.reporter.tell(event).await;
            outcome
        }
        Err(error) => {
            let failure = Failure::new(Stage::Rendezvous, FailureKind::Local).with_detail(error);
            let event = Event::Failed {
                task,
                session: None,
                failure,
            };
            context.reporter.tell(event).await;
            Outcome::Failed
        }
    }
}
