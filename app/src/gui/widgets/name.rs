//! Names that strangers chose, shown so that they can pass for nothing else.

use egui::{Label, RichText, TextStyle, Ui};

use crate::gui::theme::Palette;
use crate::text;

/// What stands for a character that no font here can draw.
const NO_GLYPH: char = '\u{25a1}';

/// The same where even that has no glyph.
const NO_GLYPH_PLAIN: char = '?';

/// `text` with everything replaced that our fonts cannot draw.
///
/// egui draws letters in the order in which they come, so a name of letters that run the other way
/// would show its end first; such letters are replaced too where their font is not here, and a file's
/// extension has a label of its own in any case.
pub(crate) fn safe(ui: &Ui, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let font = TextStyle::Body.resolve(ui.style());
    ui.ctx().fonts_mut(|fonts| {
        let stand_in = if fonts.has_glyph(&font, NO_GLYPH) {
            NO_GLYPH
        } else {
            NO_GLYPH_PLAIN
        };
        text.chars()
            .map(|letter| {
                if letter == '\n' || fonts.has_glyph(&font, letter) {
                    letter
                } else {
                    stand_in
                }
            })
            .collect()
    })
}

/// Draws a file's name on one line: its stem, cut if it must be, and its extension apart, whole.
pub(crate) fn name_ui(ui: &mut Ui, name: &str) {
    let palette = Palette::of(ui);
    let (stem, extension) = text::name_and_type(name);
    let stem = safe(ui, &stem);
    let extension = safe(ui, &extension);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let label = RichText::new(&extension).color(palette.accent_text);
        let room = if extension.is_empty() {
            0.0
        } else {
            egui::WidgetText::from(label.clone())
                .into_galley(
                    ui,
                    Some(egui::TextWrapMode::Extend),
                    f32::INFINITY,
                    TextStyle::Body,
                )
                .size()
                .x
        };
        let width = (ui.available_width() - room).max(0.0);
        ui.scope(|ui| {
            ui.set_max_width(width);
            ui.add(Label::new(RichText::new(stem).color(palette.text)).truncate());
        });
        if !extension.is_empty() {
            ui.add(Label::new(label).extend());
        }
    });
}
