//! What the person does, and what becomes of it.

use std::path::PathBuf;

use fardrop_shared::code::PairingCode;
use fardrop_shared::name::BadNames;

use super::{
    Closing, Dialog, Effect, Model, Pasting, Phase, Receive, Resumed, ServerTest, Share, Task,
};
use crate::config::{OnClose, Settings};
use crate::desktop::request::DesktopRequest;
use crate::engine::command::{
    Command, Decision, NewTask, OnDeadCode, OnLeftOut, OnMissing, ReceiveOptions, Room,
    SessionCommand, ShareCommand, ShareLifetime, ShareOptions, TaskCommand,
};
use crate::engine::event::{SessionNumber, TaskNumber};
use crate::gui::action::{
    Action, ClipboardAction, CodeAction, FilesAction, HistoryAction, NetworkAction, SessionAction,
    SettingsAction, ShareAction, TaskAction, WindowAction,
};
use crate::gui::screen::Screen;
use crate::history::EntryNumber;
use crate::instance::StartRequest;

impl Model {
    /// The person did something.
    pub(crate) fn handle_action(&mut self, action: Action) {
        match action {
            Action::Show(screen) => self.show(screen),
            Action::Code(action) => self.handle_code_action(action),
            Action::Files(action) => self.handle_files_action(action),
            Action::Clipboard(action) => self.handle_clipboard_action(action),
            Action::Pick(pick) => self.handle_pick(pick),
            Action::Share(task, action) => self.handle_share_action(task, action),
            Action::Task(task, action) => self.handle_task_action(task, action),
            Action::Session(number, action) => self.handle_session_action(number, action),
            Action::Settings(action) => self.handle_settings_action(action),
            Action::Network(action) => self.handle_network_action(action),
            Action::History(action) => self.handle_history_action(action),
            Action::Leftovers(action) => self.handle_leftovers_action(action),
            Action::Window(action) => self.handle_window_action(action),
        }
    }

    fn show(&mut self, screen: Screen) {
        self.screen = screen;
        if screen == Screen::Leftovers {
            // Another program may have gone on with some of it.
            self.effects.push_back(Effect::LookForLeftovers);
        }
    }

    /// The window came to the front, or is not there any more.
    pub(crate) const fn handle_front(&mut self, in_front: bool) {
        self.in_front = in_front;
    }

    /// What this or another start of the program was for.
    pub(crate) fn handle_start(&mut self, request: StartRequest) {
        if let Some(link) = &request.link {
            self.handle_pasted(link.as_str());
        }
        if !request.paths.is_empty() {
            // Not more of the share that happens to be looked at.
            self.screen = Screen::Home;
            self.send(request.paths);
        }
    }

    /// Brings the window to the front, as another start of the program wants it.
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
            self.ask(Command::Task(
                task,
                TaskCommand::Share(ShareCommand::Edit {
                    add: named,
                    remove: Vec::new(),
                }),
            ));
            return;
        }
        let task = self.start(Task::Share(Box::new(Share::new(named.clone()))));
        self.ask(Command::Start(
            task,
            NewTask::Share {
                paths: named,
                options: ShareOptions {
                    on_left_out: OnLeftOut::default(),
                    words: self.settings.words,
                    lifetime: if self.settings.once {
                        ShareLifetime::Once
                    } else {
                        ShareLifetime::UntilStopped
                    },
                    on_dead_code: OnDeadCode::Wait,
                    on_missing: OnMissing::LeaveOut,
                },
            },
        ));
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

    fn handle_code_action(&mut self, action: CodeAction) {
        match action {
            CodeAction::Type(typed) => self.entry.set(typed),
            CodeAction::CompleteWord(word) => self.entry.complete(word),
            CodeAction::Receive => self.receive(),
        }
    }

    fn handle_files_action(&mut self, action: FilesAction) {
        match action {
            FilesAction::Choose => self.request(DesktopRequest::ChooseFiles),
            FilesAction::ChooseFolder(folder) => self.request(DesktopRequest::ChooseFolder(folder)),
            FilesAction::Drop(paths) => self.send(paths),
            FilesAction::Open(path) => self.request(DesktopRequest::Open(path)),
            FilesAction::ShowInFolder(path) => self.request(DesktopRequest::ShowInFolder(path)),
        }
    }

    fn handle_clipboard_action(&mut self, action: ClipboardAction) {
        match action {
            ClipboardAction::Paste => {
                self.pasting = Pasting::Anything;
                self.request(DesktopRequest::Paste);
            }
            ClipboardAction::PasteFiles => {
                self.pasting = Pasting::Files;
                self.request(DesktopRequest::Paste);
            }
            ClipboardAction::PasteText(pasted) => self.handle_pasted(&pasted),
            ClipboardAction::Copy(copied) => self.request(DesktopRequest::CopyText(copied)),
        }
    }

    fn handle_share_action(&mut self, task: TaskNumber, action: ShareAction) {
        match action {
            ShareAction::RemoveItem(item) => self.ask(Command::Task(
                task,
                TaskCommand::Share(ShareCommand::Edit {
                    add: Vec::new(),
                    remove: vec![item],
                }),
            )),
            ShareAction::RenewCode => self.renew_code(task),
            ShareAction::Stop => self.stop_share(task),
            ShareAction::ConfirmStop => {
                self.dialog = None;
                self.end_share(task);
            }
        }
    }

    fn handle_task_action(&mut self, task: TaskNumber, action: TaskAction) {
        match action {
            TaskAction::Cancel => self.ask(Command::Task(task, TaskCommand::Cancel)),
            TaskAction::Retry => self.retry(task),
            TaskAction::Forget => self.forget(task),
        }
    }

    fn handle_session_action(&mut self, number: SessionNumber, action: SessionAction) {
        match action {
            SessionAction::Search(search) => {
                if let Some(view) = self.view_mut(number) {
                    view.search_for(search);
                }
                self.ask_for_rows(number, 0..1);
            }
            SessionAction::SeeRows(rows) => self.ask_for_rows(number, rows),
            SessionAction::SetWanted(index, wanted) => {
                if let Some(view) = self.view_mut(number) {
                    view.set_wanted(index, wanted);
                }
            }
            SessionAction::SetConflict(policy) => {
                if let Some(view) = self.view_mut(number) {
                    view.on_conflict = policy;
                }
            }
            SessionAction::SetConsent(consent) => {
                if let Some(view) = self.view_mut(number) {
                    view.consent = consent;
                }
            }
            SessionAction::IgnoreRoom => {
                if let Some(view) = self.view_mut(number) {
                    view.room = Room::Ignored;
                }
            }
            SessionAction::Accept => self.accept(number),
            SessionAction::Decline => self.answer(number, Decision::Decline),
            SessionAction::Pause => self.ask(Command::Session(number, SessionCommand::Pause)),
            SessionAction::Resume => self.ask(Command::Session(number, SessionCommand::Resume)),
            SessionAction::Cancel => {
                if let Some(session) = self.session_mut(number) {
                    session.stopping = true;
                    self.ask(Command::Session(number, SessionCommand::Cancel));
                }
            }
        }
    }

    fn handle_settings_action(&mut self, action: SettingsAction) {
        match action {
            SettingsAction::Change(settings) => self.set(*settings),
            SettingsAction::TypeServer(typed) => self.server_draft = typed,
            SettingsAction::AddServer => self.add_server(),
        }
    }

    fn handle_network_action(&mut self, action: NetworkAction) {
        match action {
            NetworkAction::Diagnose => self.diagnose(),
            NetworkAction::TestServer(server) => self.test_server(server),
        }
    }

    fn handle_history_action(&mut self, action: HistoryAction) {
        match action {
            HistoryAction::SendAgain(number) => self.send_again(number),
            HistoryAction::Forget(number) => {
                self.effects.push_back(Effect::ForgetEntry(number));
            }
            HistoryAction::Clear => self.dialog = Some(Dialog::ClearHistory),
            HistoryAction::ConfirmClear => {
                self.dialog = None;
                self.effects.push_back(Effect::ClearHistory);
            }
        }
    }

    fn handle_window_action(&mut self, action: WindowAction) {
        match action {
            WindowAction::DismissNotice => self.notice = None,
            WindowAction::DismissDialog => self.leave_dialog(),
            WindowAction::Close => self.close(),
            WindowAction::CloseNow => self.close_now(),
            WindowAction::CloseWhenDone => self.close_when_done(),
        }
    }

    fn receive(&mut self) {
        let Some(code) = self.entry.check() else {
            return;
        };
        self.entry.clear();
        let resumed = self.resuming.take();
        self.start_receive(code, resumed);
    }

    fn start_receive(&mut self, code: PairingCode, resumed: Option<Resumed>) {
        let options = self.receive_options(&code, resumed.as_ref());
        let receive = Receive::new(code.clone(), resumed);
        let task = self.start(Task::Receive(Box::new(receive)));
        self.ask(Command::Start(task, NewTask::Receive { code, options }));
    }

    /// How something is received, or was when it was begun.
    fn receive_options(&self, code: &PairingCode, resumed: Option<&Resumed>) -> ReceiveOptions {
        let Some(resumed) = resumed else {
            return ReceiveOptions {
                destination: self.destination_of(code),
                bad_names: self.settings.bad_names,
                on_left_out: OnLeftOut::default(),
            };
        };
        let options = resumed.receive.options;
        ReceiveOptions {
            destination: resumed.folder(),
            bad_names: if options.rename_bad_names {
                BadNames::Rename
            } else {
                BadNames::Skip
            },
            on_left_out: if options.allow_missing {
                OnLeftOut::Allow
            } else {
                OnLeftOut::Fail
            },
        }
    }

    fn accept(&mut self, number: SessionNumber) {
        let Some(session) = self.session(number) else {
            return;
        };
        let (Some(view), Some(summary)) = (&session.view, &session.offer) else {
            return;
        };
        if session.phase != Phase::Deciding
            || !view.takes_something(summary)
            || !view.may_go(summary)
        {
            return;
        }
        let decision = Decision::Accept {
            on_conflict: view.on_conflict,
            selection: view.selection(),
            consent: view.consent,
            destination: view.destination.clone(),
            room: view.room,
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
        self.ask(Command::Session(number, SessionCommand::Decide(decision)));
        if self.screen == Screen::Offer(number) {
            let next = self.open_offers().next();
            self.screen = next.map_or(Screen::Home, Screen::Offer);
        }
    }

    fn renew_code(&mut self, task: TaskNumber) {
        if let Some(share) = self.share_mut(task) {
            share.renewing = true;
            self.ask(Command::Task(
                task,
                TaskCommand::Share(ShareCommand::RenewCode),
            ));
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
        self.ask(Command::Task(task, TaskCommand::Cancel));
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
            Some(Task::Receive(receive)) => self.start_receive(receive.code, receive.resumed),
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
        self.ask(Command::Start(task, NewTask::TestRendezvous(server)));
    }

    fn diagnose(&mut self) {
        if self.network.looking {
            return;
        }
        self.network.looking = true;
        self.network.failure = None;
        let task = self.start(Task::Diagnose);
        self.ask(Command::Start(task, NewTask::Diagnose));
    }

    fn close(&mut self) {
        if self.closing == Closing::Now || !self.busy() {
            self.close_now();
            return;
        }
        match self.settings.window.on_close {
            OnClose::Ask => self.dialog = Some(Dialog::Close),
            OnClose::Stop => self.close_now(),
            OnClose::Finish => self.close_when_done(),
        }
    }

    fn close_when_done(&mut self) {
        self.dialog = None;
        self.picker = None;
        self.closing = Closing::WhenDone;
        self.effects.push_back(Effect::Hide);
    }

    fn close_now(&mut self) {
        self.dialog = None;
        self.closing = Closing::Now;
        let tasks: Vec<TaskNumber> = self.tasks.keys().copied().collect();
        for task in tasks {
            self.ask(Command::Task(task, TaskCommand::Cancel));
        }
        self.effects.push_back(Effect::Close);
    }
}
