//! A bar of progress.

use egui::{Color32, CornerRadius, Rect, Role, Sense, Ui, WidgetInfo, vec2};

use crate::gui::theme::{self, Palette};

/// What a bar shows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar<'a> {
    /// How much is done, 0 to 1.
    pub(crate) part: f32,
    /// Its colour.
    pub(crate) color: Color32,
    /// What a screen reader calls it.
    pub(crate) name: &'a str,
}

/// Draws a bar as wide as there is room.
pub(crate) fn bar_ui(ui: &mut Ui, bar: &Bar<'_>) {
    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), theme::BAR_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let part = bar.part.clamp(0.0, 1.0);
    response.widget_info(|| WidgetInfo {
        value: Some(f64::from((part * 100.0).floor())),
        ..WidgetInfo::labeled(Role::ProgressIndicator, true, bar.name)
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(100.0);
    });
    if !ui.is_rect_visible(rect) {
        return;
    }
    let round = CornerRadius::from(theme::BAR_HEIGHT / 2.0);
    ui.painter().rect_filled(rect, round, palette.trough);
    if part > 0.0 {
        let width = (rect.width() * part).max(theme::BAR_HEIGHT);
        let filled = Rect::from_min_size(rect.min, vec2(width, rect.height()));
        ui.painter().rect_filled(filled, round, bar.color);
    }
}
