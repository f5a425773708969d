//! Receives that were cut off: which are shown, and what is done about them.

use std::path::PathBuf;

use super::{Dialog, Effect, Model, Phase, Task};
use crate::engine::command::ConflictPolicy;
use crate::engine::event::SessionNumber;
use crate::gui::action::LeftoversAction;
use crate::gui::screen::Screen;
use crate::leftovers::{Kept, Removed, Unfinished};
use crate::text;

/// A receive that is gone on with: how it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// What is recorded of it.
    pub(crate) receive: Unfinished,
}

impl Resumed {
    /// The folder that it saves into.
    pub(crate) fn folder(&self) -> PathBuf {
        self.receive.folder.clone()
    }

    /// What it does where a name is taken.
    pub(crate) const fn on_conflict(&self) -> ConflictPolicy {
        self.receive.options.on_conflict
    }
}

impl Model {
    /// What was cut off and is not being received in this window now, the newest first; what nothing is recorded
    /// of at the end.
    pub(crate) fn interrupted(&self) -> impl Iterator<Item = &Kept> {
        let kept = self.leftovers.kept.iter();
        kept.filter(|kept| match &kept.receive {
            Some(receive) => kept.is_interrupted() && !self.receives_now(receive),
            None => !kept.found.is_empty(),
        })
    }

    /// How many receives were cut off, and how many bytes of them are here; what nothing is recorded of is not a
    /// receive, but its bytes count.
    pub(crate) fn interrupted_in_all(&self) -> (u64, u64) {
        self.interrupted().fold((0, 0), |(receives, bytes), kept| {
            let receive = u64::from(kept.receive.is_some());
            (receives + receive, bytes + kept.bytes())
        })
    }

    /// A removal is over.
    pub(crate) fn handle_removed(&mut self, removed: &Removed) {
        let stayed = removed.stayed.iter();
        let mut told = vec![text::leftovers_removed(removed)];
        told.extend(stayed.take(1).map(text::leftover_stayed));
        self.notice = Some(told.join(" "));
    }

    /// What a session goes on with, if that was chosen.
    pub(super) fn resumed_in(&self, number: SessionNumber) -> Option<&Resumed> {
        self.tasks.values().find_map(|task| match task {
            Task::Receive(receive) => {
                let session = receive.session.as_ref();
                let resumed = receive.resumed.as_ref();
                resumed.filter(|_| session.is_some_and(|session| session.number == number))
            }
            Task::Share(_) | Task::Diagnose | Task::TestRendezvous => None,
        })
    }

    pub(super) fn handle_leftovers_action(&mut self, action: LeftoversAction) {
        match action {
            LeftoversAction::Resume(number) => {
                let kept = self.leftovers.kept.iter();
                let mut receives = kept.filter_map(|kept| kept.receive.as_ref());
                let receive = receives.find(|receive| receive.number == number);
                self.resuming = receive.map(|receive| Resumed {
                    receive: receive.clone(),
                });
                self.screen = Screen::Home;
            }
            LeftoversAction::LeaveResume => self.resuming = None,
            LeftoversAction::Remove(kept) => {
                self.removing = Some(kept);
                self.dialog = Some(Dialog::RemoveLeftover);
            }
            LeftoversAction::ConfirmRemove => {
                self.dialog = None;
                if let Some(kept) = self.removing.take() {
                    if self.resuming.as_ref().map(|resumed| &resumed.receive)
                        == kept.receive.as_ref()
                    {
                        self.resuming = None;
                    }
                    self.effects.push_back(Effect::RemoveLeftover(kept));
                }
            }
        }
    }

    /// Whether a receive of this window is this one, gone on with.
    fn receives_now(&self, recorded: &Unfinished) -> bool {
        self.tasks.values().any(|task| match task {
            Task::Receive(receive) => {
                let session = receive.session.as_ref();
                let session = session.filter(|session| {
                    let taken = session.phase == Phase::Preparing || session.phase.under_way();
                    taken && !receive.ended
                });
                let offer = session.and_then(|session| session.offer.as_ref());
                offer.is_some_and(|offer| {
                    recorded.is_of(offer.destination.as_deref(), &offer.top_names)
                })
            }
            Task::Share(_) | Task::Diagnose | Task::TestRendezvous => false,
        })
    }
}
