//! What a person should know of an offer before they take it, and what of it needs a yes of its own.

use egui::{RichText, Ui};

use super::Scene;
use crate::engine::command::Consent;
use crate::engine::event::{Concerns, OfferSummary, SessionNumber};
use crate::gui::action::{Action, SessionAction};
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{Icon, icon_ui, sign_ui};
use crate::text;

/// Draws what to know of an offer, the worst first, and the boxes for what needs a yes of its own.
pub(super) fn concerns_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    number: SessionNumber,
    summary: &OfferSummary,
    consent: Consent,
) {
    let bad = Palette::of(ui).bad;
    for line in text::concerns(&summary.survey) {
        sign_ui(ui, Icon::Warning, bad, &line);
    }
    let mut wanted = consent;
    if summary.survey.needs_yes > 0 {
        ui.checkbox(&mut wanted.hidden, text::TAKE_HIDDEN);
    }
    if cfg!(unix) && summary.survey.executable > 0 {
        ui.checkbox(&mut wanted.programs, text::ALLOW_PROGRAMS);
    }
    if wanted != consent {
        let action = SessionAction::SetConsent(wanted);
        scene.actions.push(Action::Session(number, action));
    }
}

/// Draws the marks of a row, from the right.
pub(super) fn marks_ui(ui: &mut Ui, concerns: Concerns) {
    let bad = Palette::of(ui).bad;
    for mark in text::marks(concerns) {
        ui.label(RichText::new(mark).small().color(bad));
    }
    if concerns.any() {
        icon_ui(ui, Icon::Warning, theme::ICON, bad);
    }
}
