//! The focus: seen wherever it is, and never out of sight.

use egui::{CornerRadius, Id, Order, Stroke, StrokeKind, Ui};

use crate::gui::theme::{self, Palette};

/// Where it is remembered what was scrolled to.
const FOLLOWED: &str = "followed focus";

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
    let memory = Id::unique(FOLLOWED);
    let followed: Option<Id> = ui.data(|data| data.get_temp(memory));
    if followed != Some(response.id) && response.layer_id == ui.layer_id() {
        ui.data_mut(|data| data.insert_temp(memory, response.id));
        ui.scroll_to_rect(response.rect.expand(theme::SPACE), None);
    }
}

/// Says that what has the focus here is in sight anyway: nothing scrolls for it. Called at the end of
/// what never scrolls, before what does.
pub(crate) fn hold_focus_ui(ui: &Ui) {
    let Some(response) = focused(ui) else {
        return;
    };
    // What lies below, scrolled out of sight, has nothing that can be pressed.
    let rect = response.interact_rect;
    if rect.is_positive() && ui.min_rect().expand(1.0).contains_rect(rect) {
        ui.data_mut(|data| data.insert_temp(Id::unique(FOLLOWED), response.id));
    }
}

/// Whether nothing that has been drawn in this frame has the focus.
pub(crate) fn nothing_focused(ui: &Ui) -> bool {
    focused(ui).is_none()
}

/// What has the focus and is drawn in this frame. What is not loses it only with the frame's end, and
/// there may be no next one for as long as nothing happens.
fn focused(ui: &Ui) -> Option<egui::Response> {
    let id = ui.memory(|memory| memory.focused())?;
    let drawn = ui
        .ctx()
        .viewport(|viewport| viewport.this_pass.widgets.get(id).is_some());
    drawn.then(|| ui.ctx().read_response(id)).flatten()
}
