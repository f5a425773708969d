//! A QR code, painted.

use egui::{Color32, Rect, Role, Sense, Ui, Vec2, WidgetInfo, vec2};
use qrcode::{Color, EcLevel, QrCode};

/// Modules of light around a code: ISO/IEC 18004 asks for four.
const QUIET: f32 = 4.0;

/// Draws `text` as a QR code of that side, always dark on light so that every reader takes it. Nothing
/// is drawn of a text that is too long for one.
pub(crate) fn qr_ui(ui: &mut Ui, text: &str, side: f32, name: &str) {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
        return;
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    if !ui.is_rect_visible(rect) {
        return;
    }
    let painter = ui.painter();
    painter.rect_filled(rect, 4, Color32::WHITE);
    let width = code.width();
    let module = {
        let exact = rect.width() / (width as f32 + 2.0 * QUIET);
        // Whole pixels: what is smeared is read badly.
        let pixels = ui.ctx().pixels_per_point();
        (exact * pixels).floor().max(1.0) / pixels
    };
    let start = rect.center() - Vec2::splat(module * width as f32 / 2.0);
    let start = egui::emath::GuiRounding::round_to_pixels(start, ui.ctx().pixels_per_point());
    for (row, line) in code.to_colors().chunks(width).enumerate() {
        for (column, color) in line.iter().enumerate() {
            if *color == Color::Dark {
                let place = start + vec2(column as f32, row as f32) * module;
                let square = Rect::from_min_size(place, Vec2::splat(module));
                painter.rect_filled(square, 0, Color32::BLACK);
            }
        }
    }
}
