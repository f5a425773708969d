//! What this network allows, as a picture of the ladder; and a report to copy.

use egui::{Label, RichText, Ui};
use fardrop_shared::Role;
use fardrop_shared::diagnosis::{Diagnosis, Prospect};

use super::{Scene, card_ui, page_ui};
use crate::engine::event::PathKind;
use crate::gui::action::{Action, ClipboardAction, NetworkAction};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, extended_width, icon_ui, sign_ui, text_ui, title_ui,
    weak_ui,
};
use crate::text::{self, Disclosure};

/// Columns of a report that is copied.
const REPORT_COLUMNS: usize = 100;

/// Draws the screen of the network.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    page_ui(ui, Screen::Network, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        title_ui(ui, text::NETWORK_TITLE);
        let network = &scene.model.network;
        card_ui(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            weak_ui(ui, text::NETWORK_HELP);
            ladder_ui(ui, network.diagnosis.as_deref());
            if let Some(diagnosis) = &network.diagnosis {
                text_ui(ui, text::verdict(diagnosis.verdict()));
                let palette = Palette::of(ui);
                for hint in diagnosis.hints() {
                    sign_ui(
                        ui,
                        Icon::Unknown,
                        palette.text_weak,
                        text::window_hint(hint),
                    );
                }
            }
            if let Some(failure) = &network.failure {
                let palette = Palette::of(ui);
                let sentence = text::failure(failure, Role::Receiver);
                sign_ui(ui, Icon::Warning, palette.bad, &sentence);
            }
            let label = if network.looking {
                text::EXAMINING
            } else if network.diagnosis.is_some() {
                text::LOOK_AGAIN
            } else {
                text::LOOK
            };
            let look = Button::new(label)
                .known_by("look")
                .icon(Icon::Radio)
                .weight(Weight::Main)
                .enabled(!network.looking);
            if look.show_ui(ui) {
                scene.actions.push(Action::Network(NetworkAction::Diagnose));
            }
        });
        if let Some(diagnosis) = &network.diagnosis {
            report_ui(ui, scene, diagnosis);
        }
    });
}

/// The ladder from its top: a rung a line, joined by a rail.
fn ladder_ui(ui: &mut Ui, diagnosis: Option<&Diagnosis>) {
    let palette = Palette::of(ui);
    let ladder = diagnosis.map(Diagnosis::ladder);
    let prospect = |of: fn(&fardrop_shared::diagnosis::Ladder) -> Prospect| {
        ladder.as_ref().map_or(Prospect::Untested, of)
    };
    let rungs = [
        (PathKind::Local, prospect(|ladder| ladder.local)),
        (PathKind::Ipv6, prospect(|ladder| ladder.ipv6)),
        (PathKind::Mapped, prospect(|ladder| ladder.mapped)),
        (PathKind::Punched, prospect(|ladder| ladder.punched)),
    ];
    let mut above: Option<egui::Pos2> = None;
    for (rung, prospect) in rungs {
        let (icon, color) = match prospect {
            Prospect::Open => (Icon::Check, palette.good),
            Prospect::Depends => (Icon::Warning, palette.warning),
            Prospect::Closed => (Icon::Cross, palette.bad),
            Prospect::Untested => (Icon::Unknown, palette.text_weak),
        };
        let row = ui.horizontal(|ui| {
            let start = ui.cursor().left_center();
            icon_ui(ui, icon, theme::ICON, color);
            let shown = RichText::new(text::prospect(prospect)).color(color);
            let room = extended_width(ui, shown.clone()) + ui.spacing().item_spacing.x;
            let width = (ui.available_width() - room).max(0.0);
            ui.scope(|ui| {
                ui.set_max_width(width);
                ui.add(Label::new(text::rung_name(rung)).wrap());
            });
            ui.add(Label::new(shown).extend());
            start.x + theme::ICON / 2.0
        });
        let center = egui::pos2(row.inner, row.response.rect.center().y);
        if let Some(above) = above {
            let half = egui::vec2(0.0, theme::ICON / 2.0 + 2.0);
            if above.y + half.y < center.y - half.y {
                ui.painter().line_segment(
                    [above + half, center - half],
                    egui::Stroke::new(1.0, palette.edge),
                );
            }
        }
        above = Some(center);
    }
}

fn report_ui(ui: &mut Ui, scene: &mut Scene<'_>, diagnosis: &Diagnosis) {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, text::REPORT_TITLE);
        weak_ui(ui, text::REPORT_HELP);
        for (label, value) in text::diagnosis_rows(diagnosis, Disclosure::Hidden) {
            weak_ui(ui, &text::report_row(&label, &value));
        }
        let copy = Button::new(text::COPY_REPORT).icon(Icon::Clipboard);
        if copy.show_ui(ui) {
            let lines = text::diagnosis(diagnosis, Disclosure::Hidden, REPORT_COLUMNS);
            scene
                .actions
                .push(Action::Clipboard(ClipboardAction::Copy(lines.join("\n"))));
        }
    });
}
