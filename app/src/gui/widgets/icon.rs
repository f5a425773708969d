//! Icons of a few lines each, drawn rather than set in a font: sharp at every size, and nothing to
//! ship. None stands alone: words are beside it, or it names itself to screen readers.

use egui::{Color32, Painter, Pos2, Rect, Sense, Shape, Stroke, Ui, Vec2, pos2};

use crate::gui::theme;
use Part::{Circle, Dot, Line, Ring, Turn};

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

/// A part of an icon, in a square of 16 by 16.
enum Part {
    /// Lines from point to point.
    Line(&'static [(f32, f32)]),
    /// Lines from point to point, and back to the first.
    Ring(&'static [(f32, f32)]),
    /// A circle: its middle and its radius.
    Circle(f32, f32, f32),
    /// A filled circle: its middle and its radius.
    Dot(f32, f32, f32),
    /// Most of a circle, open where an arrow's head is.
    Turn,
}

const UP: &[Part] = &[
    Line(&[(8.0, 13.0), (8.0, 3.0)]),
    Line(&[(3.5, 7.5), (8.0, 3.0), (12.5, 7.5)]),
];
const DOWN: &[Part] = &[
    Line(&[(8.0, 3.0), (8.0, 13.0)]),
    Line(&[(3.5, 8.5), (8.0, 13.0), (12.5, 8.5)]),
];
const FILE: &[Part] = &[
    Ring(&[
        (3.5, 1.5),
        (9.5, 1.5),
        (12.5, 4.5),
        (12.5, 14.5),
        (3.5, 14.5),
    ]),
    Line(&[(9.5, 1.5), (9.5, 4.5), (12.5, 4.5)]),
];
const FOLDER: &[Part] = &[Ring(&[
    (1.5, 3.5),
    (6.0, 3.5),
    (7.5, 5.5),
    (14.5, 5.5),
    (14.5, 13.0),
    (1.5, 13.0),
])];
const CLIPBOARD: &[Part] = &[
    Ring(&[(3.0, 3.0), (13.0, 3.0), (13.0, 14.5), (3.0, 14.5)]),
    Line(&[(6.0, 1.5), (10.0, 1.5)]),
    Line(&[(5.5, 7.0), (10.5, 7.0)]),
    Line(&[(5.5, 10.5), (10.5, 10.5)]),
];
const CHECK: &[Part] = &[Line(&[(2.5, 8.5), (6.5, 12.5), (13.5, 4.0)])];
const CROSS: &[Part] = &[
    Line(&[(3.5, 3.5), (12.5, 12.5)]),
    Line(&[(12.5, 3.5), (3.5, 12.5)]),
];
const PLUS: &[Part] = &[
    Line(&[(8.0, 2.5), (8.0, 13.5)]),
    Line(&[(2.5, 8.0), (13.5, 8.0)]),
];
const WARNING: &[Part] = &[
    Ring(&[(8.0, 1.8), (15.0, 14.0), (1.0, 14.0)]),
    Line(&[(8.0, 6.0), (8.0, 9.8)]),
    Dot(8.0, 11.9, 0.9),
];
const CLOCK: &[Part] = &[
    Circle(8.0, 8.0, 6.3),
    Line(&[(8.0, 4.5), (8.0, 8.0), (10.8, 9.8)]),
];
const RADIO: &[Part] = &[
    Dot(8.0, 8.0, 1.5),
    Circle(8.0, 8.0, 3.9),
    Circle(8.0, 8.0, 6.9),
];
const PAUSE: &[Part] = &[
    Line(&[(5.5, 3.0), (5.5, 13.0)]),
    Line(&[(10.5, 3.0), (10.5, 13.0)]),
];
const PLAY: &[Part] = &[Ring(&[(4.5, 2.8), (13.0, 8.0), (4.5, 13.2)])];
const AGAIN: &[Part] = &[Turn, Line(&[(13.2, 1.8), (13.2, 5.6), (9.4, 5.6)])];
const BACK: &[Part] = &[Line(&[(10.5, 3.0), (5.5, 8.0), (10.5, 13.0)])];
const UNKNOWN: &[Part] = &[Circle(8.0, 8.0, 6.3), Line(&[(4.8, 8.0), (11.2, 8.0)])];

const fn parts(icon: Icon) -> &'static [Part] {
    match icon {
        Icon::Up => UP,
        Icon::Down => DOWN,
        Icon::File => FILE,
        Icon::Folder => FOLDER,
        Icon::Clipboard => CLIPBOARD,
        Icon::Check => CHECK,
        Icon::Cross => CROSS,
        Icon::Plus => PLUS,
        Icon::Warning => WARNING,
        Icon::Clock => CLOCK,
        Icon::Radio => RADIO,
        Icon::Pause => PAUSE,
        Icon::Play => PLAY,
        Icon::Again => AGAIN,
        Icon::Back => BACK,
        Icon::Unknown => UNKNOWN,
    }
}

/// Paints an icon into a square.
pub(crate) fn paint_icon(painter: &Painter, icon: Icon, rect: Rect, color: Color32) {
    let unit = rect.width() / 16.0;
    let stroke = Stroke::new((rect.width() * theme::ICON_LINE).max(1.2), color);
    let at = |(x, y): (f32, f32)| -> Pos2 { pos2(rect.left() + x * unit, rect.top() + y * unit) };
    let placed = |points: &[(f32, f32)]| points.iter().map(|point| at(*point)).collect();
    for part in parts(icon) {
        match part {
            Line(points) => {
                painter.add(Shape::line(placed(points), stroke));
            }
            Ring(points) => {
                painter.add(Shape::closed_line(placed(points), stroke));
            }
            Circle(x, y, radius) => {
                painter.circle_stroke(at((*x, *y)), radius * unit, stroke);
            }
            Dot(x, y, radius) => {
                painter.circle_filled(at((*x, *y)), radius * unit, color);
            }
            Turn => {
                painter.add(Shape::line(placed(&turn()), stroke));
            }
        }
    }
}

fn turn() -> Vec<(f32, f32)> {
    (0..=20_u8)
        .map(|step| {
            let angle = (-35.0 - f32::from(step) * 14.5).to_radians();
            (8.0 + 5.8 * angle.cos(), 8.0 + 5.8 * angle.sin())
        })
        .collect()
}
