//! What a receiver does with its parts while nothing arrives: another receive of the same files may have them, so that
//! what is here need not cross again. It takes them again once something arrives.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::time::Duration;

use fardrop_shared::transfer::Violation;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::runs::{Current, EmptyFile, Held, Sink};
use super::state::ReceiveState;
use super::work::Work;
use crate::disk::PartFile;

/// Local: how long nothing has to arrive before the parts are let go. Longer than a line that works is silent, and
/// sooner than a person has typed another code.
const SILENCE: Duration = Duration::from_secs(2);

/// Why the writing thread ended before everything had come.
#[derive(Debug)]
pub(super) enum Stop {
    /// The sender broke the protocol.
    Violation(Violation),
    /// Another receive has taken a part over.
    TakenOver,
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

/// Waits for something of the sender's, and tells the writing thread for as long as there is nothing.
pub(super) async fn awaited<T>(
    to_writer: &mpsc::Sender<Work>,
    something: impl Future<Output = T>,
) -> T {
    let mut something = pin!(something);
    loop {
        match timeout(SILENCE, &mut something).await {
            Ok(arrived) => return arrived,
            // A writing thread that has not done yet what it was given before is told the next time.
            Err(_) => drop(to_writer.try_send(Work::Silence)),
        }
    }
}

/// Lets go of every part.
pub(super) fn let_go(
    current: &mut Option<Current>,
    held: &mut HashMap<u32, Held>,
    state: &ReceiveState,
) {
    for_each_part(current, held, state, |file, part| {
        if let Err(error) = part.let_go() {
            tracing::debug!(%error, file, "a part stays locked");
        }
    });
}

/// Whether another has done something to a part that was let go: there is no need to wait for the sender then.
pub(super) fn is_touched(
    current: &mut Option<Current>,
    held: &mut HashMap<u32, Held>,
    state: &ReceiveState,
) -> bool {
    let mut touched = false;
    for_each_part(current, held, state, |_, part| touched |= part.is_touched());
    touched
}

/// Takes every part again that was let go. Gives the files whose parts are not to be had, and why: nothing is held of
/// them any more.
///
/// # Errors
/// [`Stop::TakenOver`] if another receive has one of them, or has had it. Nothing is held of any file then.
pub(super) fn take_again(
    current: &mut Option<Current>,
    held: &mut HashMap<u32, Held>,
    state: &ReceiveState,
) -> Result<Vec<(u32, io::Error)>, Stop> {
    let (mut lost, mut taken_over) = (Vec::new(), false);
    for_each_part(current, held, state, |file, part| match part.take_again() {
        Ok(again) => taken_over |= !again,
        Err(error) => lost.push((file, error)),
    });
    if taken_over {
        *current = None;
        held.clear();
        state.requests().drop_kept();
        return Err(Stop::TakenOver);
    }
    for (file, _) in &lost {
        if let Some(current) = current.as_mut().filter(|current| current.file == *file) {
            current.sink = Sink::Nowhere;
        }
        held.remove(file);
        state.requests().take_kept(*file);
    }
    Ok(lost)
}

fn for_each_part(
    current: &mut Option<Current>,
    held: &mut HashMap<u32, Held>,
    state: &ReceiveState,
    mut take: impl FnMut(u32, &mut PartFile),
) {
    if let Some(Current { file, sink, .. }) = current {
        match sink {
            Sink::Part { part, .. }
            | Sink::There(EmptyFile {
                part: Some(part), ..
            }) => take(*file, part),
            Sink::There(EmptyFile { part: None, .. }) | Sink::Nowhere => {}
        }
    }
    let parts = held.iter_mut();
    let parts = parts.filter_map(|(file, held)| Some((*file, held.part.as_mut()?)));
    parts.for_each(|(file, part)| take(file, part));
    state.requests().for_each_part(take);
}
