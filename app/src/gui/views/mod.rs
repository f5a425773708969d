//! The screens.

use crate::config::Settings;
use crate::text;

/// Draws the window.
pub(super) fn show_ui(ui: &mut egui::Ui, _settings: &Settings) {
    egui::CentralPanel::default().show(ui, |ui| {
        ui.heading(text::APP_NAME);
    });
}
