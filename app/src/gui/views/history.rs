//! The screen of the history: what was sent and received.

use egui::Ui;

use super::{Scene, card_ui, page_ui, row_with_end_ui};
use crate::gui::action::{Action, FilesAction, HistoryAction};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, icon_ui, name_ui, sign_ui, title_ui, weak_ui,
};
use crate::history::{Direction, Ending, Entry, EntryNumber};
use crate::text;

/// Entries on the first screen.
pub(super) const RECENT: usize = 4;

/// Names of an entry that are shown; the rest is counted.
const NAMES_SHOWN: usize = 3;

/// Draws the screen of the history.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    page_ui(ui, Screen::History, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        title_ui(ui, text::TAB_HISTORY);
        let entries = &scene.model.history;
        if entries.is_empty() {
            weak_ui(ui, text::HISTORY_EMPTY);
            return;
        }
        if Button::new(text::CLEAR_HISTORY)
            .icon(Icon::Cross)
            .show_ui(ui)
        {
            scene.actions.push(Action::History(HistoryAction::Clear));
        }
        for (number, entry) in entries.iter().rev() {
            ui.push_id(number.0, |ui| entry_ui(ui, scene, *number, entry));
        }
    });
}

/// An entry.
pub(super) fn entry_ui(ui: &mut Ui, scene: &mut Scene<'_>, number: EntryNumber, entry: &Entry) {
    let palette = Palette::of(ui);
    let title = match entry.direction {
        Direction::Sent => text::to_device(&entry.device),
        Direction::Received => text::from_device(&entry.device),
    };
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_TIGHT;
        row_with_end_ui(
            ui,
            |ui| {
                let forget = Button::icon_only(Icon::Cross, text::REMOVE)
                    .described(text::button_of(text::REMOVE, &title));
                if forget.show_ui(ui) {
                    scene
                        .actions
                        .push(Action::History(HistoryAction::Forget(number)));
                }
            },
            |ui| {
                let icon = match entry.direction {
                    Direction::Sent => Icon::Up,
                    Direction::Received => Icon::Down,
                };
                icon_ui(ui, icon, theme::ICON, palette.text_weak);
                card_title_ui(ui, &title);
            },
        );
        for name in entry.names.iter().take(NAMES_SHOWN) {
            name_ui(ui, name);
        }
        let more = entry.names.len().saturating_sub(NAMES_SHOWN);
        if more > 0 {
            weak_ui(ui, &text::more_failed(more as u64));
        }
        let (icon, color) = match entry.outcome {
            Ending::Done => (Icon::Check, palette.good),
            Ending::Partial(_) => (Icon::Warning, palette.warning),
            Ending::Failed(_) => (Icon::Cross, palette.text_weak),
        };
        sign_ui(ui, icon, color, &text::history_outcome(entry.outcome));
        weak_ui(
            ui,
            &text::history_amount(
                scene.model.moment().wall,
                entry.when,
                entry.files,
                entry.bytes,
            ),
        );
        buttons_ui(ui, scene, number, entry, &title);
    });
}

fn buttons_ui(ui: &mut Ui, scene: &mut Scene<'_>, number: EntryNumber, entry: &Entry, title: &str) {
    if entry.places.is_empty() && entry.sources.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let mut button = |ui: &mut Ui, icon: Icon, label: &str, action: Action| {
            let button = Button::new(label)
                .icon(icon)
                .weight(Weight::Plain)
                .described(text::button_of(label, title));
            if button.show_ui(ui) {
                scene.actions.push(action);
            }
        };
        if let Some(place) = entry.places.first() {
            button(
                ui,
                Icon::File,
                text::OPEN,
                Action::Files(FilesAction::Open(place.clone())),
            );
            let show = Action::Files(FilesAction::ShowInFolder(place.clone()));
            button(ui, Icon::Folder, text::SHOW_IN_FOLDER, show);
        }
        if !entry.sources.is_empty() {
            button(
                ui,
                Icon::Again,
                text::SEND_AGAIN,
                Action::History(HistoryAction::SendAgain(number)),
            );
        }
    });
}
