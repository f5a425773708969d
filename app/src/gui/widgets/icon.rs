//! Icons of a few lines each, drawn rather than set in a font: sharp at every size, and nothing to
//! ship. None stands alone: words are beside it, or it names itself to screen readers.

use egui::{Color32, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2, pos2};

use crate::gui::theme;

/// An icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    /// Sent.
    Up,
    /// Received.
    Down,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A clipboard; copy or paste.
    Clipboard,
    /// Done.
    Check,
    /// Remove, cancel, failed.
    Cross,
    /// More.
    Plus,
    /// Mind this.
    Warning,
    /// Waiting.
    Clock,
    /// Looking for the other machine.
    Radio,
    /// Paused; pause.
    Pause,
    /// Resume.
    Play,
    /// Once more.
    Again,
    /// Back.
    Back,
    /// Nothing known.
    Unknown,
}

/// Draws an icon of that side.
pub(crate) fn icon_ui(ui: &mut Ui, icon: Icon, side: f32, color: Color32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
    if ui.is_rect_visible(rect) {
        paint_icon(ui.painter(), icon, rect, color);
    }
}

/// Paints an icon into a square.
pub(crate) fn paint_icon(painter: &Painter, icon: Icon, rect: Rect, color: Color32) {
    let stroke = Stroke::new((rect.width() * theme::ICON_LINE).max(1.2), color);
    let at = |x: f32, y: f32| -> Pos2 {
        pos2(
            rect.left() + rect.width() * x / 16.0,
            rect.top() + rect.height() * y / 16.0,
        )
    };
    let line = |points: &[(f32, f32)]| {
        let points = points.iter().map(|(x, y)| at(*x, *y)).collect();
        painter.add(Shape::line(points, stroke));
    };
    let ring = |points: &[(f32, f32)]| {
        let points = points.iter().map(|(x, y)| at(*x, *y)).collect();
        painter.add(Shape::closed_line(points, stroke));
    };
    let circle = |x: f32, y: f32, radius: f32| {
        painter.circle_stroke(at(x, y), rect.width() * radius / 16.0, stroke);
    };
    let dot = |x: f32, y: f32, radius: f32| {
        painter.circle_filled(at(x, y), rect.width() * radius / 16.0, color);
    };
    match icon {
        Icon::Up => {
            line(&[(8.0, 13.0), (8.0, 3.0)]);
            line(&[(3.5, 7.5), (8.0, 3.0), (12.5, 7.5)]);
        }
        Icon::Down => {
            line(&[(8.0, 3.0), (8.0, 13.0)]);
            line(&[(3.5, 8.5), (8.0, 13.0), (12.5, 8.5)]);
        }
        Icon::File => {
            ring(&[
                (3.5, 1.5),
                (9.5, 1.5),
                (12.5, 4.5),
                (12.5, 14.5),
                (3.5, 14.5),
            ]);
            line(&[(9.5, 1.5), (9.5, 4.5), (12.5, 4.5)]);
        }
        Icon::Folder => ring(&[
            (1.5, 3.5),
            (6.0, 3.5),
            (7.5, 5.5),
            (14.5, 5.5),
            (14.5, 13.0),
            (1.5, 13.0),
        ]),
        Icon::Clipboard => {
            ring(&[(3.0, 3.0), (13.0, 3.0), (13.0, 14.5), (3.0, 14.5)]);
            line(&[(6.0, 1.5), (10.0, 1.5)]);
            line(&[(5.5, 7.0), (10.5, 7.0)]);
            line(&[(5.5, 10.5), (10.5, 10.5)]);
        }
        Icon::Check => line(&[(2.5, 8.5), (6.5, 12.5), (13.5, 4.0)]),
        Icon::Cross => {
            line(&[(3.5, 3.5), (12.5, 12.5)]);
            line(&[(12.5, 3.5), (3.5, 12.5)]);
        }
        Icon::Plus => {
            line(&[(8.0, 2.5), (8.0, 13.5)]);
            line(&[(2.5, 8.0), (13.5, 8.0)]);
        }
        Icon::Warning => {
            ring(&[(8.0, 1.8), (15.0, 14.0), (1.0, 14.0)]);
            line(&[(8.0, 6.0), (8.0, 9.8)]);
            dot(8.0, 11.9, 0.9);
        }
        Icon::Clock => {
            circle(8.0, 8.0, 6.3);
            line(&[(8.0, 4.5), (8.0, 8.0), (10.8, 9.8)]);
        }
        Icon::Radio => {
            dot(8.0, 8.0, 1.5);
            circle(8.0, 8.0, 3.9);
            circle(8.0, 8.0, 6.9);
        }
        Icon::Pause => {
            line(&[(5.5, 3.0), (5.5, 13.0)]);
            line(&[(10.5, 3.0), (10.5, 13.0)]);
        }
        Icon::Play => ring(&[(4.5, 2.8), (13.0, 8.0), (4.5, 13.2)]),
        Icon::Again => {
            line(&arc());
            line(&[(13.2, 1.8), (13.2, 5.6), (9.4, 5.6)]);
        }
        Icon::Back => line(&[(10.5, 3.0), (5.5, 8.0), (10.5, 13.0)]),
        Icon::Unknown => {
            circle(8.0, 8.0, 6.3);
            line(&[(4.8, 8.0), (11.2, 8.0)]);
        }
    }
}

/// Most of a circle, open where the arrow's head is.
fn arc() -> Vec<(f32, f32)> {
    (0..=20_u8)
        .map(|step| {
            let angle = (-35.0 - f32::from(step) * 14.5).to_radians();
            (8.0 + 5.8 * angle.cos(), 8.0 + 5.8 * angle.sin())
        })
        .collect()
}
