//! The window's loop: drains what happened, draws what is, does what the person asked for.

use super::Opening;
use super::{theme, views};

/// The window's state.
pub(super) struct App {
    opening: Opening,
}

impl App {
    /// A window on a context, with what it begins with.
    pub(super) fn new(context: &egui::Context, opening: Opening) -> Self {
        theme::apply(context);
        Self { opening }
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        views::show_ui(ui, &self.opening.settings);
    }
}
