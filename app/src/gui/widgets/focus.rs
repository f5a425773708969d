//! The focus: seen wherever it is, and never out of sight.

use egui::{CornerRadius, Id, Order, Stroke, StrokeKind, Ui};

use crate::gui::theme::{self, Palette};

/// Draws a ring around what has the focus. Called once a frame, last.
pub(crate) fn ring_ui(ui: &Ui) {
    let Some(response) = focused(ui) else {
        return;
    };
    let palette = Palette::of(ui);
    let rect = response.interact_rect;
    if rect.is_positive() {
        let layer = egui::LayerId::new(Order::Tooltip, Id::unique("focus ring"));
        ui.ctx().layer_painter(layer).rect_stroke(
            rect,
            CornerRadius::same(theme::ROUND),
            Stroke::new(theme::FOCUS_LINE, palette.accent),
            StrokeKind::Outside,
        );
    }
}

/// Scrolls what has just got the focus into sight. Called at the end of what scrolls.
pub(crate) fn follow_focus_ui(ui: &Ui) {
    let Some(response) = focused(ui) else {
        return;
    };
    let memory = Id::unique("followed focus");
    let followed: Option<Id> = ui.data(|data| data.get_temp(memory));
    if followed != Some(response.id) && response.layer_id == ui.layer_id() {
        ui.data_mut(|data| data.insert_temp(memory, response.id));
        ui.scroll_to_rect(response.rect.expand(theme::SPACE), None);
    }
}

fn focused(ui: &Ui) -> Option<egui::Response> {
    let id = ui.memory(|memory| memory.focused())?;
    ui.ctx().read_response(id)
}
