//! What the screens are made of: a few things egui has not, in this window's looks.

mod bar;
mod button;
mod code_field;
mod focus;
mod graph;
mod icon;
mod letters;
mod name;
mod qr;

pub(super) use bar::{Bar, bar_ui};
pub(super) use button::{Button, Weight};
pub(super) use code_field::{code_field_ui, move_caret_to_end};
pub(super) use focus::{follow_focus_ui, hold_focus_ui, nothing_focused, ring_ui};
pub(super) use graph::graph_ui;
pub(super) use icon::{Icon, icon_ui, paint_icon};
pub(super) use letters::{safe, take_missing};
pub(super) use name::{extended_width, name_ui};
pub(super) use qr::qr_ui;

use egui::{Label, RichText, Ui};

use super::theme::{self, Palette};
use letters::read_as;

/// A screen's title.
pub(super) fn title_ui(ui: &mut Ui, text: &str) {
    heading(ui, text, egui::TextStyle::Heading);
}

/// A card's title.
pub(super) fn card_title_ui(ui: &mut Ui, text: &str) {
    heading(ui, text, theme::subheading());
}

/// Text that says something beside, over as many lines as it needs.
pub(super) fn weak_ui(ui: &mut Ui, text: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let shown = safe(ui, text);
    let drawn = RichText::new(&shown).color(palette.text_weak);
    let response = ui.add(Label::new(drawn).wrap());
    read_as(&response, text, &shown);
    response
}

/// Text, over as many lines as it needs.
pub(super) fn text_ui(ui: &mut Ui, text: &str) -> egui::Response {
    let shown = safe(ui, text);
    let response = ui.add(Label::new(&shown).wrap());
    read_as(&response, text, &shown);
    response
}

/// An icon with a sentence beside it: no state is told by colour alone.
pub(super) fn sign_ui(ui: &mut Ui, icon: Icon, color: egui::Color32, text: &str) {
    ui.horizontal(|ui| {
        icon_ui(ui, icon, theme::ICON, color);
        let shown = safe(ui, text);
        let response = ui.add(Label::new(RichText::new(&shown).color(color)).wrap());
        read_as(&response, text, &shown);
    });
}

fn heading(ui: &mut Ui, text: &str, style: egui::TextStyle) {
    let palette = Palette::of(ui);
    let shown = RichText::new(safe(ui, text))
        .text_style(style)
        .color(palette.text)
        .strong();
    let response = ui.add(Label::new(shown).wrap());
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_role(egui::accesskit::Role::Heading);
        node.set_label(text.to_owned());
    });
}
