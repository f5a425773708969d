//! The rate of the last minute: a line and what is below it.

use egui::{Color32, Mesh, Role, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::gui::theme::{self, Palette};

/// Part of the accent's strength below the line.
const SHADE: f32 = 0.18;

/// Draws rates, oldest first, against the largest of them; `room` is how many fit in all, so that the
/// line grows from the left and then moves.
pub(crate) fn graph_ui(ui: &mut Ui, rates: &[f32], room: usize, name: &str) {
    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), theme::GRAPH_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    if !ui.is_rect_visible(rect) {
        return;
    }
    ui.painter().line_segment(
        [rect.left_bottom(), rect.right_bottom()],
        Stroke::new(1.0, palette.line),
    );
    let top = rates.iter().copied().fold(0.0, f32::max);
    if rates.len() < 2 || room < 2 || top <= 0.0 {
        return;
    }
    let step = rect.width() / (room - 1) as f32;
    let mut points = Vec::with_capacity(rates.len());
    let mut x = rect.left();
    for rate in rates {
        let height = (rate / top).clamp(0.0, 1.0) * (rect.height() - 2.0);
        points.push(pos2(x.min(rect.right()), rect.bottom() - height));
        x += step;
    }
    let shade = palette.accent.gamma_multiply(SHADE);
    ui.painter().add(below(&points, rect.bottom(), shade));
    ui.painter()
        .add(Shape::line(points, Stroke::new(1.5, palette.accent)));
}

fn below(points: &[egui::Pos2], bottom: f32, color: Color32) -> Shape {
    let mut mesh = Mesh::default();
    for point in points {
        mesh.colored_vertex(*point, color);
        mesh.colored_vertex(pos2(point.x, bottom), color);
    }
    let last = u32::try_from(points.len()).unwrap_or(u32::MAX);
    for at in 0..last.saturating_sub(1) {
        mesh.add_triangle(at * 2, at * 2 + 1, at * 2 + 2);
        mesh.add_triangle(at * 2 + 1, at * 2 + 2, at * 2 + 3);
    }
    Shape::mesh(mesh)
}
