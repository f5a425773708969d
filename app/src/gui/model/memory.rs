//! What goes into the history.

use std::path::PathBuf;

use super::{Direction, Effect, Model, Phase, Session, Share, Task};
use crate::engine::event::{Receipt, SessionNumber, Who};
use crate::failure::FailureKind;
use crate::history::{Direction as Way, Ending, Entry};

impl Model {
    /// Has a session that is over put into the history. What ended before there was an offer is not worth
    /// a line.
    pub(super) fn remember(&mut self, number: SessionNumber) {
        let entry = self.tasks.values().find_map(|task| match task {
            Task::Share(share) => share
                .sessions
                .get(&number)
                .and_then(|session| entry(session, sources(share), self.wall)),
            Task::Receive(receive) => receive
                .session
                .as_ref()
                .filter(|session| session.number == number)
                .and_then(|session| entry(session, Vec::new(), self.wall)),
            Task::Diagnose | Task::TestRendezvous => None,
        });
        let Some(session) = self.session_mut(number) else {
            return;
        };
        if let Some(entry) = entry
            && !std::mem::replace(&mut session.recorded, true)
        {
            self.effects.push_back(Effect::Remember(Box::new(entry)));
        }
    }
}

fn sources(share: &Share) -> Vec<PathBuf> {
    match &share.items {
        Some(items) => items.iter().map(|item| item.path.clone()).collect(),
        None => share.named.clone(),
    }
}

fn entry(session: &Session, sources: Vec<PathBuf>, when: u64) -> Option<Entry> {
    let offer = session.offer.as_ref()?;
    let outcome = match &session.phase {
        Phase::Done => Ending::Done,
        Phase::PartlyDone => {
            let missing = |receipt: Receipt| receipt.failed_files + receipt.left_out.things;
            Ending::Partial(session.receipt.map_or(0, missing))
        }
        Phase::Declined(_) => Ending::Failed(FailureKind::Declined),
        Phase::Cancelled(Who::Here) => Ending::Failed(FailureKind::Cancelled),
        Phase::Cancelled(Who::Peer) => Ending::Failed(FailureKind::CancelledByPeer),
        Phase::Failed(failure) => Ending::Failed(failure.kind),
        Phase::Connecting
        | Phase::Preparing
        | Phase::Asking
        | Phase::Deciding
        | Phase::Moving
        | Phase::Stalled
        | Phase::Reconnecting { .. }
        | Phase::Paused(_)
        | Phase::Verifying => return None,
    };
    let (files, bytes, seconds) = match (&session.receipt, &session.progress) {
        (Some(receipt), _) => (receipt.files, receipt.bytes, receipt.elapsed.as_secs_f64()),
        (None, Some(progress)) => (progress.files, progress.bytes, 0.0),
        (None, None) => (0, 0, 0.0),
    };
    Some(Entry {
        when,
        direction: match session.direction {
            Direction::Sending => Way::Sent,
            Direction::Receiving => Way::Received,
        },
        device: session.device.clone(),
        names: offer.top_names.clone(),
        files,
        bytes,
        seconds,
        kind: session.path.map(|path| path.kind),
        link: session.path.map(|path| path.link),
        outcome,
        places: session.places.clone(),
        sources,
    })
}
