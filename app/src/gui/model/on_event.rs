//! What the engine and the desktop say, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

use super::session::InUse;
use super::{
    Closing, Direction, Effect, Found, LETTERS_LIMIT, Model, Moment, OfferView, Pasting, Phase,
    Resumed, Session, Task,
};
use crate::desktop::request::{Clipboard, DesktopReply, DesktopRequest, FolderUse};
use crate::engine::command::{
    Command, ConflictPolicy, OFFER_ROWS_LIMIT, PageRequest, Room, SessionCommand,
};
use crate::engine::event::{
    Event, OfferSummary, Outcome, Progress, SessionEvent, SessionNumber, ShareEvent, TaskEvent,
    TaskNumber,
};
use crate::failure::{Failure, FailureKind, Stage};
use crate::gui::screen::Screen;
use crate::text;

impl Model {
    /// Time passed. Called before anything else of a frame.
    pub(crate) fn handle_time(&mut self, moment: Moment) {
        self.now = self.now.max(moment.running);
        self.wall = moment.wall;
        let now = self.now;
        for task in self.tasks.values_mut() {
            match task {
                Task::Share(share) => share
                    .sessions
                    .values_mut()
                    .for_each(|session| session.handle_time(now)),
                Task::Receive(receive) => {
                    if let Some(session) = &mut receive.session {
                        session.handle_time(now);
                    }
                }
                Task::Diagnose | Task::TestRendezvous => {}
            }
        }
        if self.closing == Closing::WhenDone && !self.busy() {
            self.closing = Closing::Now;
            self.effects.push_back(Effect::Close);
        }
    }

    /// The newest progress of every running session.
    pub(crate) fn handle_progress(&mut self, progress: &BTreeMap<SessionNumber, Progress>) {
        let now = self.now;
        for (number, newest) in progress {
            if let Some(session) = self.session_mut(*number) {
                session.handle_progress(now, newest);
            }
        }
    }

    /// Something happened in the engine.
    pub(crate) fn handle_event(&mut self, event: Event) {
        match event {
            Event::Task(task, event) => self.handle_task_event(task, event),
            Event::Session(session, event) => self.handle_session_event(session, event),
        }
    }

    /// The engine is gone.
    pub(crate) fn handle_engine_gone(&mut self) {
        self.notice = Some(text::ENGINE_GONE.to_owned());
        let gone = Failure::new(Stage::Transfer, FailureKind::Local);
        for task in self.tasks.values_mut() {
            match task {
                Task::Share(share) => {
                    share.ended = true;
                    for session in share.sessions.values_mut() {
                        session.handle_failed(gone.clone());
                    }
                }
                Task::Receive(receive) => {
                    receive.ended = true;
                    if let Some(session) = &mut receive.session {
                        session.handle_failed(gone.clone());
                    }
                }
                Task::Diagnose | Task::TestRendezvous => {}
            }
        }
    }

    /// The desktop answered.
    pub(crate) fn handle_reply(&mut self, reply: DesktopReply) {
        match reply {
            DesktopReply::Looks(looks) => self.looks = looks,
            DesktopReply::Fonts(fonts) => self.effects.push_back(Effect::AddFonts(fonts)),
            DesktopReply::Chosen { folder, paths } => self.handle_chosen(folder, paths),
            DesktopReply::Pasted(Clipboard::Files(paths)) => self.send(paths),
            DesktopReply::Pasted(Clipboard::Text(_) | Clipboard::Empty)
                if self.pasting == Pasting::Files => {}
            DesktopReply::Pasted(Clipboard::Text(pasted)) => self.handle_pasted(&pasted),
            DesktopReply::Pasted(Clipboard::Empty) => {
                self.notice = Some(text::CLIPBOARD_EMPTY.to_owned());
            }
            DesktopReply::Copied => self.notice = Some(text::COPIED.to_owned()),
            DesktopReply::NoDialog { folder } => self.open_picker(folder),
            DesktopReply::Folder(answer) => {
                self.change_picker(|picker| picker.handle_folder(*answer));
            }
            DesktopReply::FolderMade(folder) => {
                self.change_picker(|picker| picker.handle_made(folder));
            }
            DesktopReply::Failed {
                request: DesktopRequest::ReadFolder(_),
                problem,
            } => self.change_picker(|picker| picker.handle_unreadable(problem)),
            DesktopReply::Failed {
                request: DesktopRequest::MakeFolder { .. },
                problem,
            } => self.change_picker(|picker| picker.handle_unmade(problem)),
            // No person asked for these; that there is none troubles nobody.
            DesktopReply::Failed {
                request:
                    DesktopRequest::Notify { .. }
                    | DesktopRequest::FollowLooks
                    | DesktopRequest::FindFonts(_),
                ..
            } => {}
            DesktopReply::Failed { problem, .. } => {
                self.notice = Some(text::desktop_failed(&problem));
            }
        }
    }

    /// No font here draws these letters. Each is looked for once.
    pub(crate) fn handle_missing(&mut self, letters: BTreeSet<char>) {
        let room = LETTERS_LIMIT.saturating_sub(self.searched.len());
        let new: String = letters
            .into_iter()
            .filter(|letter| !self.searched.contains(letter))
            .take(room)
            .collect();
        if !new.is_empty() {
            self.searched.extend(new.chars());
            self.request(DesktopRequest::FindFonts(new));
        }
    }

    /// Text was pasted: a code goes into the field, paths of files that a file manager copied as text
    /// are not guessed at.
    pub(crate) fn handle_pasted(&mut self, pasted: &str) {
        self.entry.fill(pasted);
        if !self.entry.typed().is_empty() {
            self.screen = Screen::Home;
        }
    }

    pub(super) fn handle_chosen(&mut self, folder: Option<FolderUse>, paths: Vec<PathBuf>) {
        match folder {
            None | Some(FolderUse::Send) => self.send(paths),
            Some(FolderUse::ReceiveAlways) => {
                if let Some(path) = paths.into_iter().next() {
                    let mut settings = self.settings.clone();
                    settings.download = Some(path);
                    self.set(settings);
                }
            }
            Some(FolderUse::ReceiveOffer) => {
                let Screen::Offer(number) = self.screen else {
                    return;
                };
                let Some(destination) = paths.into_iter().next() else {
                    return;
                };
                if let Some(view) = self.view_mut(number) {
                    view.destination = Some(destination.clone());
                    view.room = Room::Needed;
                    view.forget_rows();
                    self.ask(Command::Session(
                        number,
                        SessionCommand::SetDestination(destination),
                    ));
                }
            }
        }
    }

    fn handle_task_event(&mut self, task: TaskNumber, event: TaskEvent) {
        match event {
            TaskEvent::Share(event) => self.handle_share_event(task, event),
            TaskEvent::Refused(failure) => self.with_share(task, |share| {
                share.renewing = false;
                share.refused = Some(failure);
            }),
            // The code field has said so.
            TaskEvent::NamesServer { .. } => {}
            TaskEvent::Paired { session, device } => self.handle_paired(task, session, device),
            TaskEvent::Diagnosed(diagnosis) => self.network.diagnosis = Some(diagnosis),
            // A window does not ask for it.
            TaskEvent::DiagnosedFar(_) => {}
            TaskEvent::RendezvousTested(result) => {
                if let Some(test) = self.network.test_mut(task) {
                    test.result = Some(result);
                }
            }
            TaskEvent::Failed { session, failure } => self.handle_failed(task, session, failure),
            TaskEvent::Ended(outcome) => self.handle_ended(task, outcome),
        }
    }

    fn handle_share_event(&mut self, task: TaskNumber, event: ShareEvent) {
        if let ShareEvent::WrongGuess { .. } = event {
            self.effects.push_back(Effect::Attention);
        }
        self.with_share(task, |share| match event {
            ShareEvent::Code(code) => share.handle_code(code),
            ShareEvent::Scanned {
                files,
                bytes,
                links,
                left_out,
            } => {
                share.scanned = Some(Found {
                    files,
                    bytes,
                    links,
                    left_out,
                });
            }
            ShareEvent::LeftOut { name, reason } => share.handle_left_out(name, reason),
            ShareEvent::Contents(items) => {
                share.refused = None;
                share.items = Some(items);
            }
            ShareEvent::CodeDead(reason) => share.dead = Some(reason),
            ShareEvent::WrongGuess { attempts_left } => share.wrong_guess = Some(attempts_left),
            ShareEvent::Crowded => share.crowded = true,
        });
    }

    fn handle_session_event(&mut self, number: SessionNumber, event: SessionEvent) {
        let now = self.now;
        match event {
            SessionEvent::Offer(offer) => self.handle_offer(number, offer),
            SessionEvent::Done { receipt, places } => self.handle_done(number, receipt, places),
            SessionEvent::Rung {
                rung,
                state,
                detail,
            } => self.with_session(number, |session| session.handle_rung(rung, state, detail)),
            SessionEvent::Path {
                kind, link, rtt, ..
            } => self.with_session(number, |session| {
                session.handle_path(now, InUse { kind, link, rtt });
            }),
            SessionEvent::Interrupted { kept } => {
                self.with_session(number, |session| session.handle_interrupted(kept));
            }
            SessionEvent::OfferPage {
                search,
                matching,
                first,
                rows,
            } => self.with_session(number, |session| {
                if let Some(view) = &mut session.view {
                    view.handle_page(&search, matching, first, rows);
                }
            }),
            SessionEvent::LeftOut(left_out) => {
                self.with_session(number, |session| session.left_out = left_out);
            }
            SessionEvent::Renamed(renamed) => {
                self.with_session(number, |session| session.renamed = renamed);
            }
            SessionEvent::Unnamed(unnamed) => {
                self.with_session(number, |session| session.unnamed = unnamed);
            }
            SessionEvent::Accepted { .. } => {
                self.with_session(number, |session| session.handle_accepted(now));
            }
            SessionEvent::Paused(by) => {
                self.with_session(number, |session| session.handle_pause(now, Some(by)));
            }
            SessionEvent::Resumed => {
                self.with_session(number, |session| session.handle_pause(now, None));
            }
            SessionEvent::Refused {
                attribute,
                count,
                first,
            } => self.with_session(number, |session| {
                session.refused.push((attribute, count, first));
            }),
            SessionEvent::FileFailed { name, reason } => {
                self.with_session(number, |session| session.handle_file_failed(name, reason));
            }
        }
    }

    fn handle_paired(&mut self, task: TaskNumber, number: SessionNumber, device: String) {
        let now = self.now;
        match self.tasks.get_mut(&task) {
            Some(Task::Share(share)) => {
                let session = Session::new(number, Direction::Sending, device, now);
                share.sessions.insert(number, session);
            }
            Some(Task::Receive(receive)) => {
                let session = Session::new(number, Direction::Receiving, device, now);
                receive.session = Some(session);
            }
            Some(Task::Diagnose | Task::TestRendezvous) | None => {}
        }
    }

    fn handle_offer(&mut self, number: SessionNumber, offer: OfferSummary) {
        let resumed = self.resumed_in(number).map(Resumed::on_conflict);
        let on_conflict = resumed.or(self.settings.on_conflict);
        let on_conflict = on_conflict.unwrap_or(ConflictPolicy::Skip);
        let Some(session) = self.session_mut(number) else {
            return;
        };
        let device = session.device.clone();
        session.offer = Some(offer.clone());
        match session.direction {
            Direction::Sending => session.phase = Phase::Asking,
            Direction::Receiving => {
                let again = session.view.is_some();
                session.phase = Phase::Deciding;
                session
                    .view
                    .get_or_insert_with(|| OfferView::new(on_conflict));
                self.ask_for_rows(number, 0..1);
                if again {
                    return;
                }
                if self.screen == Screen::Home {
                    self.screen = Screen::Offer(number);
                }
                self.effects.push_back(Effect::Attention);
                self.notify(text::offer_title(&device), text::offer_amount(&offer));
            }
        }
    }

    fn handle_done(
        &mut self,
        number: SessionNumber,
        receipt: crate::engine::event::Receipt,
        places: Vec<PathBuf>,
    ) {
        let Some(session) = self.session_mut(number) else {
            return;
        };
        session.handle_done(receipt, places);
        let title = match session.direction {
            Direction::Sending => text::sent_title(&session.device),
            Direction::Receiving => text::received_title(&session.device),
        };
        let body = text::receipt_amount(&receipt);
        self.notify(title, body);
        self.remember(number);
    }

    fn handle_failed(
        &mut self,
        task: TaskNumber,
        session: Option<SessionNumber>,
        failure: Failure,
    ) {
        // A receive has a number for its session before there is one to show: until then it has failed as a
        // whole.
        if let Some(number) = session.filter(|number| self.session_mut(*number).is_some()) {
            self.with_session(number, |session| session.handle_failed(failure));
            self.remember(number);
            if self.screen == Screen::Offer(number) {
                self.screen = Screen::Home;
            }
            return;
        }
        match self.tasks.get_mut(&task) {
            Some(Task::Share(share)) => share.failure = Some(failure),
            Some(Task::Receive(receive)) => receive.failure = Some(failure),
            Some(Task::Diagnose) => self.network.failure = Some(failure),
            Some(Task::TestRendezvous) => {
                if let Some(test) = self.network.test_mut(task) {
                    test.result.get_or_insert(Err(failure.kind));
                }
            }
            None => {}
        }
    }

    fn handle_ended(&mut self, task: TaskNumber, outcome: Outcome) {
        match self.tasks.get_mut(&task) {
            Some(Task::Share(share)) => {
                share.ended = true;
                share.code = None;
            }
            Some(Task::Receive(receive)) => {
                receive.ended = true;
                self.effects.push_back(Effect::LookForLeftovers);
                let stopped = outcome == Outcome::Interrupted && receive.session.is_none();
                if stopped && receive.failure.is_none() {
                    receive.failure = Some(Failure::new(Stage::Pairing, FailureKind::Cancelled));
                }
            }
            Some(Task::Diagnose) => {
                self.network.looking = false;
                self.tasks.remove(&task);
            }
            Some(Task::TestRendezvous) => {
                self.tasks.remove(&task);
            }
            None => {}
        }
    }

    /// Asks for the page of an offer around these rows, unless they are here or it is on its way.
    pub(super) fn ask_for_rows(&mut self, number: SessionNumber, rows: Range<u64>) {
        let wanted = self
            .view_mut(number)
            .and_then(|view| Some((view.wanted_page(rows)?, view.search.clone())));
        if let Some((first, search)) = wanted {
            self.ask(Command::Session(
                number,
                SessionCommand::ShowOffer(PageRequest {
                    search,
                    first,
                    count: OFFER_ROWS_LIMIT,
                }),
            ));
        }
    }

    fn notify(&mut self, title: String, body: String) {
        if self.settings.window.notifications && !self.in_front {
            self.request(DesktopRequest::Notify { title, body });
        }
    }

    fn with_share(&mut self, task: TaskNumber, change: impl FnOnce(&mut super::Share)) {
        if let Some(share) = self.share_mut(task) {
            change(share);
        }
    }

    fn with_session(&mut self, number: SessionNumber, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.session_mut(number) {
            change(session);
        }
    }
}
