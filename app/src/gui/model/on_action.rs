//! What the person does, and what becomes of it.

use std::path::PathBuf;

use super::{Closing, Dialog, Effect, Model, Phase, Receive, Screen, ServerTest, Share, Task};
use crate::config::{OnClose, Settings};
use crate::desktop::request::DesktopRequest;
use crate::engine::command::{
    Command, Decision, OnDeadCode, OnMissing, ReceiveOptions, ShareLifetime, ShareOptions,
    TypedCode,
};
use crate::engine::event::{SessionNumber, TaskNumber};
use crate::gui::action::Action;
use crate::history::EntryNumber;
use crate::instance::StartRequest;

impl Model {
    /// The person did something.
    pub(crate) fn handle_action(&mut self, action: Action) {
        match action {
            Action::Show(screen) => self.screen = screen,
            Action::TypeCode(typed) => self.entry.set(typed),
            Action::CompleteWord(word) => self.entry.complete(word),
            Action::Receive => self.receive(),
            Action::ChooseFiles => self.request(DesktopRequest::ChooseFiles),
            Action::ChooseFolder(folder) => self.request(DesktopRequest::ChooseFolder(folder)),
            Action::Paste => {
                self.files_only = false;
                self.request(DesktopRequest::Paste);
            }
            Action::PasteFiles => {
                self.files_only = true;
                self.request(DesktopRequest::Paste);
            }
            Action::PasteText(pasted) => self.handle_pasted(&pasted),
            Action::Drop(paths) => self.send(paths),
            Action::Copy(copied) => self.request(DesktopRequest::CopyText(copied)),
            Action::RemoveItem(task, item) => self.ask(Command::EditShare {
                task,
                add: Vec::new(),
                remove: vec![item],
            }),
            Action::RenewCode(task) => self.renew_code(task),
            Action::StopShare(task) => self.stop_share(task),
            Action::ConfirmStopShare(task) => {
                self.dialog = None;
                self.end_share(task);
            }
            Action::CancelTask(task) => self.ask(Command::CancelTask(task)),
            Action::Retry(task) => self.retry(task),
            Action::Forget(task) => self.forget(task),
            Action::Open(path) => self.request(DesktopRequest::Open(path)),
            Action::ShowInFolder(path) => self.request(DesktopRequest::ShowInFolder(path)),
            Action::DismissNotice => self.notice = None,
            Action::Close => self.close(),
            Action::CloseNow => self.close_now(),
            Action::CloseWhenDone => {
                self.dialog = None;
                self.picker = None;
                self.closing = Closing::WhenDone;
                self.effects.push_back(Effect::Hide);
            }
            Action::DismissDialog => self.leave_dialog(),
            Action::Pick(pick) => self.handle_pick(pick),
            action @ (Action::SearchOffer(..)
            | Action::SeeRows(..)
            | Action::SetWanted(..)
            | Action::SetConflict(..)
            | Action::Accept(_)
            | Action::Decline(_)
            | Action::Pause(_)
            | Action::Resume(_)
            | Action::Cancel(_)) => self.handle_session_action(action),
            action @ (Action::Set(_)
            | Action::TypeServer(_)
            | Action::AddServer
            | Action::TestServer(_)
            | Action::Diagnose
            | Action::SendAgain(_)
            | Action::ForgetEntry(_)
            | Action::ClearHistory
            | Action::ConfirmClearHistory) => self.handle_other_action(action),
        }
    }

    /// The window came to the front, or is not there any more.
    pub(crate) const fn handle_front(&mut self, in_front: bool) {
        self.in_front = in_front;
    }

    /// What this or another start of the program was for.
    pub(crate) fn handle_start(&mut self, request: StartRequest) {
        if let Some(link) = &request.link {
            self.handle_pasted(&link.0);
        }
        if !request.paths.is_empty() {
            // Not more of the share that happens to be looked at.
            self.screen = Screen::Home;
            self.send(request.paths);
        }
    }

    /// Another start of the program wants the window to be seen.
    pub(crate) fn come_forward(&mut self) {
        self.closing = Closing::Open;
        self.effects.push_back(Effect::Forward);
    }

    /// Sends files: more of the share that is looked at, or a share of their own. What is named twice is
    /// offered once.
    pub(crate) fn send(&mut self, paths: Vec<PathBuf>) {
        let mut named: Vec<PathBuf> = Vec::with_capacity(paths.len());
        for path in paths {
            if !named.contains(&path) {
                named.push(path);
            }
        }
        if named.is_empty() {
            return;
        }
        if let Screen::Share(task) = self.screen
            && self.share(task).is_some_and(|share| !share.ended)
        {
            self.ask(Command::EditShare {
                task,
                add: named,
                remove: Vec::new(),
            });
            return;
        }
        let task = self.start(Task::Share(Box::new(Share::new(named.clone()))));
        self.ask(Command::Share {
            task,
            paths: named,
            options: ShareOptions {
                words: self.settings.words,
                lifetime: if self.settings.once {
                    ShareLifetime::Once
                } else {
                    ShareLifetime::UntilStopped
                },
                on_dead_code: OnDeadCode::Wait,
                on_missing: OnMissing::LeaveOut,
            },
        });
        self.screen = Screen::Share(task);
    }

    pub(super) fn set(&mut self, settings: Settings) {
        if settings == self.settings {
            return;
        }
        let before = self.settings.engine_config(&self.common);
        let after = settings.engine_config(&self.common);
        self.settings = settings;
        self.effects
            .push_back(Effect::Save(Box::new(self.settings.clone())));
        if before != after {
            self.ask(Command::Configure(Box::new(after)));
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller names what comes here, and breaks when there is more"
    )]
    fn handle_session_action(&mut self, action: Action) {
        match action {
            Action::SearchOffer(number, search) => {
                if let Some(view) = self
                    .session_mut(number)
                    .and_then(|session| session.view.as_mut())
                {
                    view.search_for(search);
                }
                self.ask_for_rows(number, 0);
            }
            Action::SeeRows(number, rows) => self.see_rows(number, rows),
            Action::SetWanted(number, index, wanted) => {
                if let Some(view) = self
                    .session_mut(number)
                    .and_then(|session| session.view.as_mut())
                {
                    view.set_wanted(index, wanted);
                }
            }
            Action::SetConflict(number, policy) => {
                if let Some(view) = self
                    .session_mut(number)
                    .and_then(|session| session.view.as_mut())
                {
                    view.on_conflict = policy;
                }
            }
            Action::Accept(number) => self.accept(number),
            Action::Decline(number) => self.answer(number, Decision::Decline),
            Action::Pause(number) => self.ask(Command::Pause(number)),
            Action::Resume(number) => self.ask(Command::Resume(number)),
            Action::Cancel(number) => {
                if let Some(session) = self.session_mut(number) {
                    session.stopping = true;
                    self.ask(Command::CancelSession(number));
                }
            }
            // `handle_action` hands on no other.
            _ => {}
        }
    }

    /// What is not about what goes on now: settings, the network, the history.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the caller names what comes here, and breaks when there is more"
    )]
    fn handle_other_action(&mut self, action: Action) {
        match action {
            Action::Set(settings) => self.set(*settings),
            Action::TypeServer(typed) => self.server_draft = typed,
            Action::AddServer => self.add_server(),
            Action::TestServer(server) => self.test_server(server),
            Action::Diagnose => self.diagnose(),
            Action::SendAgain(number) => self.send_again(number),
            Action::ForgetEntry(number) => {
                self.effects.push_back(Effect::ForgetEntry(number));
            }
            Action::ClearHistory => self.dialog = Some(Dialog::ClearHistory),
            Action::ConfirmClearHistory => {
                self.dialog = None;
                self.effects.push_back(Effect::ClearHistory);
            }
            // `handle_action` hands on no other.
            _ => {}
        }
    }

    fn see_rows(&mut self, number: SessionNumber, rows: std::ops::Range<u64>) {
        let wanted = self
            .session_mut(number)
            .and_then(|session| session.view.as_mut())
            .and_then(|view| Some((view.wanted_page(rows)?, view.search.clone())));
        if let Some((first, search)) = wanted {
            self.ask(Command::ShowOffer {
                session: number,
                search,
                first,
                count: crate::engine::command::OFFER_ROWS_LIMIT,
            });
        }
    }

    fn receive(&mut self) {
        if self.entry.check().is_none() {
            return;
        }
        let code = TypedCode(self.entry.typed().trim().to_owned());
        self.entry.clear();
        self.start_receive(code);
    }

    fn start_receive(&mut self, code: TypedCode) {
        let destination = self.destination();
        let task = self.start(Task::Receive(Box::new(Receive::new(code.clone()))));
        self.ask(Command::Receive {
            task,
            code,
            options: ReceiveOptions { destination },
        });
    }

    fn accept(&mut self, number: SessionNumber) {
        let Some(session) = self.session(number) else {
            return;
        };
        let (Some(view), Some(digest)) = (&session.view, &session.offer) else {
            return;
        };
        if session.phase != Phase::Deciding
            || !view.takes_something(digest)
            || view.fits(digest) == Some(false)
        {
            return;
        }
        let decision = Decision::Accept {
            on_conflict: view.on_conflict,
            selection: view.selection(),
            destination: view.destination.clone(),
        };
        self.answer(number, decision);
    }

    fn answer(&mut self, number: SessionNumber, decision: Decision) {
        let Some(session) = self.session_mut(number) else {
            return;
        };
        if session.phase != Phase::Deciding {
            return;
        }
        session.phase = match decision {
            Decision::Accept { .. } => Phase::Preparing,
            Decision::Decline => Phase::Declined(crate::engine::event::Who::Here),
        };
        session.view = None;
        self.ask(Command::Decide {
            session: number,
            decision,
        });
        if self.screen == Screen::Offer(number) {
            let next = self.open_offers().next();
            self.screen = next.map_or(Screen::Home, Screen::Offer);
        }
    }

    fn renew_code(&mut self, task: TaskNumber) {
        if let Some(share) = self.share_mut(task) {
            share.renewing = true;
            self.ask(Command::RenewCode(task));
        }
    }

    fn stop_share(&mut self, task: TaskNumber) {
        if self.share(task).is_some_and(Share::busy) {
            self.dialog = Some(Dialog::StopShare(task));
        } else {
            self.end_share(task);
        }
    }

    fn end_share(&mut self, task: TaskNumber) {
        self.ask(Command::CancelTask(task));
        if self.screen == Screen::Share(task) {
            self.screen = Screen::Home;
        }
    }

    fn retry(&mut self, task: TaskNumber) {
        match self.tasks.remove(&task) {
            Some(Task::Share(share)) => {
                let paths = match share.items {
                    Some(items) => items.into_iter().map(|item| item.path).collect(),
                    None => share.named,
                };
                self.screen = Screen::Home;
                self.send(paths);
            }
            Some(Task::Receive(receive)) => self.start_receive(receive.code),
            Some(other @ (Task::Diagnose | Task::TestRendezvous)) => {
                self.tasks.insert(task, other);
            }
            None => {}
        }
    }

    fn send_again(&mut self, number: EntryNumber) {
        let sources = self
            .history
            .iter()
            .find(|(each, _)| *each == number)
            .map(|(_, entry)| entry.sources.clone());
        if let Some(sources) = sources {
            self.send(sources);
        }
    }

    fn forget(&mut self, task: TaskNumber) {
        let over = match self.tasks.get(&task) {
            Some(Task::Share(share)) => share.ended,
            Some(Task::Receive(receive)) => receive.ended,
            Some(Task::Diagnose | Task::TestRendezvous) | None => false,
        };
        if over {
            self.tasks.remove(&task);
            if self.screen == Screen::Share(task) {
                self.screen = Screen::Home;
            }
        }
    }

    fn add_server(&mut self) {
        let server = self.server_draft.trim().to_owned();
        if server.is_empty() || self.settings.rendezvous.contains(&server) {
            return;
        }
        self.server_draft.clear();
        let mut settings = self.settings.clone();
        settings.rendezvous.push(server);
        self.set(settings);
    }

    fn test_server(&mut self, server: String) {
        let task = self.start(Task::TestRendezvous);
        self.network.test = Some(ServerTest {
            task,
            server: server.clone(),
            result: None,
        });
        self.ask(Command::TestRendezvous { task, server });
    }

    fn diagnose(&mut self) {
        if self.network.looking {
            return;
        }
        self.network.looking = true;
        self.network.failure = None;
        let task = self.start(Task::Diagnose);
        self.ask(Command::Diagnose { task });
    }

    fn close(&mut self) {
        if self.closing == Closing::Now || !self.busy() {
            self.close_now();
            return;
        }
        match self.settings.window.on_close {
            OnClose::Ask => self.dialog = Some(Dialog::Close),
            OnClose::Stop => self.close_now(),
            OnClose::Finish => self.handle_action(Action::CloseWhenDone),
        }
    }

    fn close_now(&mut self) {
        self.dialog = None;
        self.closing = Closing::Now;
        let tasks: Vec<TaskNumber> = self.tasks.keys().copied().collect();
        for task in tasks {
            self.ask(Command::CancelTask(task));
        }
        self.effects.push_back(Effect::Close);
    }
}
