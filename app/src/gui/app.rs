//! The window's loop: drains what happened, draws what is, does what the person asked for.

use eframe::Frame;
use egui::{Context, Event, Key, UserAttentionType, ViewportCommand};

use super::Opening;
use super::action::{Action, ClipboardAction, FilesAction, SessionAction, WindowAction};
use super::model::{Dialog, Effect, Model, Moment, code_in};
use super::screen::Screen;
use super::settings_writer::{SettingsWriter, Written};
use super::views::{self, Dropping, Scene};
use super::{theme, widgets};
use crate::desktop::request::{Appearance, Desktop, DesktopRequest};
use crate::engine::handle::{EngineHandle, Wait};
use crate::history;
use crate::instance::StartRequests;
use crate::leftovers::LeftoversKeeper;
use crate::signals::Stop;
use crate::text;

/// Most events that are taken in before a frame is drawn; the rest waits for the next, so that a busy
/// engine does not keep the window from answering.
const EVENTS_PER_FRAME: usize = 256;

/// Tells the time.
pub(super) type Clock = Box<dyn Fn() -> Moment>;

/// How everything is to look.
#[derive(Clone, Copy, PartialEq)]
struct Style {
    appearance: Option<Appearance>,
    /// The size of everything.
    percent: u16,
    /// Whether nothing moves that does not have to.
    still: bool,
}

/// The window's state.
pub(super) struct App {
    engine: EngineHandle,
    desktop: Desktop,
    settings_writer: SettingsWriter,
    history: Option<history::HistoryWriter>,
    leftovers: Option<LeftoversKeeper>,
    start_requests: Option<StartRequests>,
    stop: Stop,
    model: Model,
    clock: Clock,
    dropping: Dropping,
    /// The trouble with the history that was told last.
    history_problem: Option<String>,
    /// What was shown in the last frame: whether a screen is new.
    shown: Option<(Screen, Option<Dialog>)>,
    styled: Option<Style>,
    closing: bool,
}

impl App {
    /// A window on a context, with what it begins with.
    pub(super) fn new(context: &Context, opening: Opening, clock: Clock) -> Self {
        theme::apply(context);
        let mut model = Model::new(opening.settings, opening.folders, opening.arguments);
        model.notice = opening
            .settings_problem
            .map(|problem| text::settings_broken(&problem));
        model.handle_start(opening.start_request);
        let mut app = Self {
            engine: opening.engine,
            desktop: opening.desktop,
            settings_writer: opening.settings_writer,
            history: opening.history,
            leftovers: opening.leftovers,
            start_requests: opening.start_requests,
            stop: opening.stop,
            model,
            clock,
            dropping: if opening.display.takes_drops() {
                Dropping::Told
            } else {
                Dropping::Untold
            },
            history_problem: None,
            shown: None,
            styled: None,
            closing: false,
        };
        app.request(DesktopRequest::FollowLooks);
        app
    }

    /// What the window knows.
    #[cfg(test)]
    pub(super) const fn model(&self) -> &Model {
        &self.model
    }

    /// What the window knows, for a test to tell it of actions that are not pressed.
    #[cfg(test)]
    pub(super) const fn model_mut(&mut self) -> &mut Model {
        &mut self.model
    }

    /// Takes in what happened since the last frame.
    fn drain(&mut self, now: Moment) {
        self.model.handle_time(now);
        for _ in 0..EVENTS_PER_FRAME {
            match self.engine.poll() {
                Wait::Event(event) => self.model.handle_event(event),
                Wait::TimedOut => break,
                Wait::Ended => {
                    if !self.closing {
                        self.model.handle_engine_gone();
                    }
                    break;
                }
            }
        }
        self.model.handle_progress(&self.engine.progress());
        while let Ok(reply) = self.desktop.replies.try_recv() {
            self.model.handle_reply(reply);
        }
        while let Some(request) = self.start_requests.as_ref().and_then(StartRequests::poll) {
            self.model.handle_start(request);
            self.model.come_forward();
        }
        if let Some(history) = &self.history {
            self.model.history = history.entries();
            if let Some(problem) = history.problem()
                && self.history_problem.as_ref() != Some(&problem)
            {
                self.model.notice = Some(text::history_unsaved(&problem));
                self.history_problem = Some(problem);
            }
        }
        if let Some(leftovers) = &self.leftovers {
            self.model.leftovers = leftovers.listing();
            if let Some(removed) = leftovers.take_removed() {
                self.model.handle_removed(&removed);
            }
        }
        while let Some(written) = self.settings_writer.poll() {
            match written {
                Written::Unsaved(problem) => {
                    self.model.notice = Some(text::settings_unsaved(&problem));
                }
            }
        }
    }

    /// Does what the model wants done outside.
    fn carry_out(&mut self, context: &Context) {
        while let Some(effect) = self.model.poll_effect() {
            match effect {
                Effect::Engine(command) => {
                    if !self.engine.send(command) {
                        self.model.notice = Some(text::ENGINE_BUSY.to_owned());
                    }
                }
                Effect::Desktop(request) => self.request(request),
                Effect::Save(settings) => self.settings_writer.save(*settings),
                Effect::Remember(entry) => {
                    self.change_history(|history| history.add(*entry));
                }
                Effect::ForgetEntry(number) => {
                    self.change_history(|history| history.remove(number));
                }
                Effect::ClearHistory => self.change_history(history::HistoryWriter::clear),
                Effect::LookForLeftovers => {
                    if let Some(leftovers) = &self.leftovers {
                        leftovers.look();
                    }
                }
                Effect::RemoveLeftover(kept) => {
                    let leftovers = self.leftovers.as_ref();
                    if leftovers.is_some_and(|leftovers| !leftovers.remove(*kept)) {
                        self.model.notice = Some(text::LEFTOVERS_BEHIND.to_owned());
                    }
                }
                Effect::AddFonts(fonts) => {
                    for font in fonts {
                        theme::add_font(context, font);
                    }
                }
                Effect::Forward => {
                    context.send_viewport_cmd(ViewportCommand::Visible(true));
                    context.send_viewport_cmd(ViewportCommand::Minimized(false));
                    context.send_viewport_cmd(ViewportCommand::Focus);
                }
                Effect::Attention => {
                    let attention = UserAttentionType::Informational;
                    context.send_viewport_cmd(ViewportCommand::RequestUserAttention(attention));
                }
                Effect::Hide => context.send_viewport_cmd(ViewportCommand::Visible(false)),
                Effect::Close => {
                    self.closing = true;
                    context.send_viewport_cmd(ViewportCommand::Close);
                }
            }
        }
    }

    fn change_history(&mut self, change: impl FnOnce(&history::HistoryWriter) -> bool) {
        if let Some(history) = &self.history
            && !change(history)
        {
            self.model.notice = Some(text::HISTORY_BEHIND.to_owned());
        }
    }

    fn request(&mut self, request: DesktopRequest) {
        if self.desktop.requests.try_send(request).is_err() {
            self.model.notice = Some(text::DESKTOP_BUSY.to_owned());
        }
    }

    /// Takes from the input what is not for a field: files that are dropped or pasted, a pasted code,
    /// and the wish to close.
    fn take_input(&mut self, context: &Context) {
        let mut actions = Vec::new();
        let files_here = matches!(self.model.screen, Screen::Home | Screen::Share(_))
            && self.model.dialog.is_none();
        context.input_mut(|input| {
            let dropped: Vec<_> = input
                .raw
                .dropped_files
                .iter()
                .map(|file| file.path().to_path_buf())
                .collect();
            if !dropped.is_empty() {
                actions.push(Action::Files(FilesAction::Drop(dropped)));
            }
            if files_here {
                take_pasted(&mut input.events, &mut actions);
            }
            if input.viewport().close_requested() && !self.closing {
                actions.push(Action::Window(WindowAction::Close));
            }
            self.model.handle_front(input.focused);
        });
        if actions.contains(&Action::Window(WindowAction::Close)) {
            context.send_viewport_cmd(ViewportCommand::CancelClose);
        }
        for action in actions {
            self.model.handle_action(action);
        }
    }

    /// Makes the context look as it is set.
    fn style(&mut self, context: &Context) {
        let percent = self.model.settings.window.text_percent;
        let wanted = Style {
            appearance: self.model.appearance(),
            percent,
            still: self.model.reduced_motion(),
        };
        if self.styled == Some(wanted) {
            return;
        }
        self.styled = Some(wanted);
        // What nobody has set is left to what the system tells egui itself.
        context.set_theme(match wanted.appearance {
            None => egui::ThemePreference::System,
            Some(Appearance::Light) => egui::ThemePreference::Light,
            Some(Appearance::Dark) => egui::ThemePreference::Dark,
        });
        context.set_zoom_factor(f32::from(percent) / 100.0);
        theme::set_motion(context, !wanted.still);
    }

    /// When the next frame is due though nobody does anything.
    fn schedule(&self, context: &Context) {
        if let Some(wait) = self.model.poll_timeout() {
            context.request_repaint_after(wait);
        }
    }
}

impl eframe::App for App {
    /// The ground that everything stands on. No screen paints it again: where software draws, that would
    /// cost as much as all the rest.
    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn logic(&mut self, context: &Context, _frame: &mut Frame) {
        if self.stop.requested() && !self.closing {
            self.model
                .handle_action(Action::Window(WindowAction::CloseNow));
        }
        self.drain((self.clock)());
        self.carry_out(context);
        self.schedule(context);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        let context = ui.ctx().clone();
        self.style(&context);
        self.take_input(&context);
        let shown = (self.model.screen, self.model.dialog);
        let mut scene = Scene {
            fresh: self.shown.is_none_or(|(screen, _)| screen != shown.0),
            model: &self.model,
            actions: Vec::new(),
            dropping: self.dropping,
        };
        views::show_ui(ui, &mut scene);
        let actions = scene.actions;
        self.model.handle_missing(widgets::take_missing(&context));
        self.shown = Some(shown);
        let before = (self.model.screen, self.model.dialog);
        let acted = actions
            .iter()
            .any(|action| !matches!(action, Action::Session(_, SessionAction::SeeRows(_))));
        for action in actions {
            self.model.handle_action(action);
        }
        self.carry_out(&context);
        if acted || before != (self.model.screen, self.model.dialog) {
            context.request_repaint();
        }
        self.schedule(&context);
    }
}

/// What was pasted and is no text for a field: a code inside a message, or the paths that a file manager
/// gives as text beside the files. Where only files were copied there is no event at all, but the key
/// is let go.
fn take_pasted(events: &mut Vec<Event>, actions: &mut Vec<Action>) {
    let mut pasted = false;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other input goes its way"
    )]
    events.retain(|event| match event {
        Event::Paste(pasted_text) => {
            pasted = true;
            if let Some(code) = code_in(pasted_text) {
                actions.push(Action::Clipboard(ClipboardAction::PasteText(
                    code.to_owned(),
                )));
                false
            } else if looks_like_paths(pasted_text) {
                actions.push(Action::Clipboard(ClipboardAction::Paste));
                false
            } else {
                true
            }
        }
        Event::Key {
            key: Key::V,
            pressed: false,
            modifiers,
            ..
        } if modifiers.command && !pasted => {
            actions.push(Action::Clipboard(ClipboardAction::PasteFiles));
            true
        }
        _ => true,
    });
}

fn looks_like_paths(pasted: &str) -> bool {
    pasted.lines().next().is_some_and(|line| {
        line.starts_with('/') || line.starts_with("file:") || line.get(1..3) == Some(":\\")
    })
}
