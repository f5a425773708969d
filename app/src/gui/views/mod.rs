//! The screens. They read the model, draw, and say what the person did.

mod about;
mod card;
mod concerns;
mod dialog;
mod history;
mod home;
mod leftovers;
mod list;
mod network;
mod offer;
mod picker;
mod settings;
mod share;

use egui::{
    Align, CentralPanel, Id, Key, Layout, Margin, Panel, ScrollArea, Ui, UiBuilder, UiKind,
    UiStackInfo,
};

use super::action::{Action, WindowAction};
use super::model::Model;
use super::screen::Screen;
use super::theme::{self, Palette};
use super::widgets::{
    Button, Icon, Weight, follow_focus_ui, hold_focus_ui, ring_ui, text_ui, title_ui,
};
use crate::text;

/// Whether the window is told of files that are dropped on it; on Wayland it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropping {
    /// Drops reach the window, and it invites to them.
    Told,
    /// A drop would not reach the window, so it does not invite to one.
    Untold,
}

/// What a screen draws from, and where it puts what the person did.
pub(super) struct Scene<'a> {
    /// What there is to show.
    pub(super) model: &'a Model,
    /// What the person did in this frame.
    pub(super) actions: Vec<Action>,
    /// Whether the screen has just been turned to: it may choose what has the focus.
    pub(super) fresh: bool,
    /// Whether files can be dropped.
    pub(super) dropping: Dropping,
}

/// Draws the window.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    top_ui(ui, scene);
    match scene.model.screen {
        Screen::Home => home::show_ui(ui, scene),
        Screen::Share(task) => share::show_ui(ui, scene, task),
        Screen::Offer(session) => offer::show_ui(ui, scene, session),
        Screen::History => history::show_ui(ui, scene),
        Screen::Leftovers => leftovers::show_ui(ui, scene),
        Screen::Settings => settings::show_ui(ui, scene),
        Screen::Network => network::show_ui(ui, scene),
        Screen::About => about::show_ui(ui),
    }
    dialog::show_ui(ui, scene);
    held_files_ui(ui);
    ring_ui(ui);
    let away = matches!(
        scene.model.screen,
        Screen::Share(_) | Screen::Offer(_) | Screen::Leftovers
    );
    let escaped = scene.model.dialog.is_none() && ui.input(|input| input.key_pressed(Key::Escape));
    if away && escaped && !ui.ctx().any_popup_open() {
        scene.actions.push(Action::Show(Screen::Home));
    }
}

/// The tabs, offers that wait, and what has just happened beside.
fn top_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.card)
        .inner_margin(Margin::symmetric(0, 6));
    Panel::top("tabs").frame(frame).show(ui, |ui| {
        // The words of the first tab, not its edge, stand above the content's edge.
        let column = Column::of(ui).wider(theme::TAB_PADDING);
        column.show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = egui::vec2(theme::SPACE_TIGHT, theme::SPACE_TIGHT);
                ui.spacing_mut().button_padding.x = theme::TAB_PADDING;
                for (screen, label) in [
                    (Screen::Home, text::TAB_HOME),
                    (Screen::History, text::TAB_HISTORY),
                    (Screen::Network, text::TAB_NETWORK),
                    (Screen::Settings, text::TAB_SETTINGS),
                    (Screen::About, text::TAB_ABOUT),
                ] {
                    let weight = Weight::Tab(scene.model.screen == screen);
                    if Button::new(label).weight(weight).show_ui(ui) {
                        scene.actions.push(Action::Show(screen));
                    }
                }
                let here = scene.model.screen;
                let waiting = scene
                    .model
                    .open_offers()
                    .filter(|number| here != Screen::Offer(*number));
                let waiting: Vec<_> = waiting.collect();
                if let Some(first) = waiting.first() {
                    let label = text::offers_wait(waiting.len());
                    let button = Button::new(&label)
                        .known_by("offers that wait")
                        .icon(Icon::Down)
                        .weight(Weight::Main);
                    if button.show_ui(ui) {
                        scene.actions.push(Action::Show(Screen::Offer(*first)));
                    }
                }
            })
        });
        if let Some(notice) = &scene.model.notice {
            Column::of(ui).show(ui, |ui| {
                theme::notice(palette).show(ui, |ui| {
                    row_with_end_ui(
                        ui,
                        |ui| {
                            let dismiss = Button::icon_only(Icon::Cross, text::DISMISS);
                            if dismiss.show_ui(ui) {
                                scene
                                    .actions
                                    .push(Action::Window(WindowAction::DismissNotice));
                            }
                        },
                        |ui| {
                            text_ui(ui, notice);
                        },
                    );
                })
            });
        }
        hold_focus_ui(ui);
    });
}

/// A column of content that scrolls, in the middle of the window and not too wide.
fn page_ui<R>(ui: &mut Ui, screen: Screen, content: impl FnOnce(&mut Ui) -> R) -> R {
    // The window is cleared in the ground's colour: what stands on it is told so, and nothing is painted.
    let ground = egui::Frame::new().fill(Palette::of(ui).ground);
    let on_ground = UiStackInfo::new(UiKind::CentralPanel).with_frame(ground);
    CentralPanel::default()
        .frame(egui::Frame::new())
        .show(ui, |ui| {
            // Of the whole window: a scroll bar takes of the margin, and moves nothing when it comes.
            let column = Column::of(ui);
            ui.scope_builder(UiBuilder::new().ui_stack_info(on_ground), |ui| {
                ScrollArea::vertical()
                    .id_salt(Id::unique(("page", format!("{screen:?}"))))
                    .auto_shrink(false)
                    .show(ui, |ui| {
                        ui.add_space(f32::from(theme::EDGE));
                        let result = column.show(ui, |ui| {
                            let result = content(ui);
                            follow_focus_ui(ui);
                            result
                        });
                        ui.add_space(f32::from(theme::EDGE));
                        result
                    })
                    .inner
            })
            .inner
        })
        .inner
}

/// Where content stands: in the middle of the window, and not too wide.
#[derive(Clone, Copy)]
struct Column {
    left: f32,
    width: f32,
}

impl Column {
    /// The column of a region that is as wide as the window.
    fn of(ui: &Ui) -> Self {
        let edge = f32::from(theme::EDGE);
        let room = (ui.available_width() - edge * 2.0).max(0.0);
        let width = room.min(theme::CONTENT_WIDTH);
        Self {
            left: edge + (room - width) / 2.0,
            width,
        }
    }

    /// Wider by so much at both sides, in points.
    fn wider(self, by: f32) -> Self {
        Self {
            left: self.left - by,
            width: self.width + by * 2.0,
        }
    }

    /// Draws into it.
    fn show<R>(self, ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
        let mut place = ui.available_rect_before_wrap();
        place.min.x += self.left;
        place.max.x = place.min.x + self.width;
        let place = UiBuilder::new().max_rect(place);
        ui.scope_builder(place, content).inner
    }
}

/// A line with something at its right end, which keeps its place, and the rest before it. What is at
/// the right end comes first in the tab order.
fn row_with_end_ui(ui: &mut Ui, end: impl FnOnce(&mut Ui), rest: impl FnOnce(&mut Ui)) {
    aligned_row_ui(ui, Align::Center, end, rest);
}

/// A row of more than a line with something at its right end; both parts begin at the top.
fn tall_row_with_end_ui(ui: &mut Ui, end: impl FnOnce(&mut Ui), rest: impl FnOnce(&mut Ui)) {
    aligned_row_ui(ui, Align::Min, end, rest);
}

fn aligned_row_ui(
    ui: &mut Ui,
    align: Align,
    end: impl FnOnce(&mut Ui),
    rest: impl FnOnce(&mut Ui),
) {
    // As low as its content lets it be: a layout by itself takes all the height there is.
    let size = egui::vec2(ui.available_width(), theme::TARGET_MIN);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(align), |ui| {
        end(ui);
        ui.with_layout(Layout::left_to_right(align), rest);
    });
}

/// A title with a way back before it.
fn back_title_ui(ui: &mut Ui, scene: &mut Scene<'_>, title: &str) {
    ui.horizontal(|ui| {
        if Button::icon_only(Icon::Back, text::BACK).show_ui(ui) {
            scene.actions.push(Action::Show(Screen::Home));
        }
        title_ui(ui, title);
    });
}

/// A card.
fn card_ui<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    theme::card(Palette::of(ui))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            // Columns fill their width, which would spread the words of a line that is broken.
            ui.vertical(content).inner
        })
        .inner
}

/// Says what happens when files that are held over the window are let go.
fn held_files_ui(ui: &Ui) {
    if ui.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let palette = Palette::of(ui);
    let screen = ui.ctx().content_rect();
    let layer = egui::LayerId::new(egui::Order::Foreground, Id::unique("held files"));
    let painter = ui.ctx().layer_painter(layer);
    painter.rect_filled(screen, 0, palette.ground.gamma_multiply(0.92));
    painter.rect_stroke(
        screen.shrink(theme::SPACE),
        theme::CARD_ROUND,
        egui::Stroke::new(theme::FOCUS_LINE, palette.accent),
        egui::StrokeKind::Inside,
    );
    painter.text(
        screen.center(),
        egui::Align2::CENTER_CENTER,
        text::DROP_NOW,
        egui::TextStyle::Heading.resolve(ui.style()),
        palette.text,
    );
}
