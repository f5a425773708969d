//! The screen that says what Fardrop is.

use egui::Ui;

use super::{card_ui, page_ui};
use crate::gui::screen::Screen;
use crate::gui::theme;
use crate::gui::widgets::{card_title_ui, text_ui, title_ui, weak_ui};
use crate::text;

/// Draws the screen that says what Fardrop is.
pub(super) fn show_ui(ui: &mut Ui) {
    page_ui(ui, Screen::About, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        title_ui(ui, text::APP_NAME);
        card_ui(ui, |ui| {
            text_ui(ui, text::ABOUT_WHAT);
            weak_ui(ui, &text::version());
        });
        card_ui(ui, |ui| {
            card_title_ui(ui, text::LICENCES_TITLE);
            for licence in text::LICENCES {
                weak_ui(ui, licence);
            }
        });
    });
}
