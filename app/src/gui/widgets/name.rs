//! Names that strangers chose, shown so that they can pass for nothing else.

use egui::{Label, RichText, TextStyle, Ui};

use super::letters::{read_as, safe};
use crate::gui::theme::Palette;
use crate::text;

/// Draws a file's name on one line: its stem, cut if it must be, and its extension apart, whole, at the
/// right, whatever letters the stem is of.
pub(crate) fn name_ui(ui: &mut Ui, name: &str) {
    let palette = Palette::of(ui);
    let (said_stem, said_extension) = text::name_and_type(name);
    let stem = safe(ui, &said_stem);
    let extension = safe(ui, &said_extension);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let label = RichText::new(&extension).color(palette.accent_text);
        let room = if extension.is_empty() {
            0.0
        } else {
            extended_width(ui, label.clone())
        };
        let width = (ui.available_width() - room).max(0.0);
        ui.scope(|ui| {
            ui.set_max_width(width);
            let shown = RichText::new(&stem).color(palette.text);
            let drawn = ui.add(Label::new(shown).truncate());
            read_as(&drawn, &said_stem, &stem);
        });
        if !extension.is_empty() {
            let drawn = ui.add(Label::new(label).extend());
            read_as(&drawn, &said_extension, &extension);
        }
    });
}

/// How wide a text is on one line, in points.
pub(crate) fn extended_width(ui: &Ui, text: RichText) -> f32 {
    egui::WidgetText::from(text)
        .into_galley(
            ui,
            Some(egui::TextWrapMode::Extend),
            f32::INFINITY,
            TextStyle::Body,
        )
        .size()
        .x
}
