//! The screen of what was cut off: each receive with what is here of it, to be gone on with or removed.

use egui::Ui;

use super::{Scene, back_title_ui, card_ui, page_ui, row_with_end_ui};
use crate::gui::action::{Action, LeftoversAction};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, icon_ui, name_ui, sign_ui, weak_ui,
};
use crate::leftovers::Kept;
use crate::text;

/// Draws the screen.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    page_ui(ui, Screen::Leftovers, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        back_title_ui(ui, scene, text::LEFTOVERS_TITLE);
        let model = scene.model;
        if model.interrupted().next().is_none() {
            weak_ui(ui, text::LEFTOVERS_EMPTY);
            return;
        }
        weak_ui(ui, text::LEFTOVERS_HINT);
        for (place, kept) in model.interrupted().enumerate() {
            ui.push_id(("leftover", place), |ui| kept_ui(ui, scene, kept));
        }
        if model.leftovers.incomplete {
            weak_ui(ui, text::LEFTOVERS_INCOMPLETE);
        }
    });
}

/// A quiet line on the first screen, and the way to this one; nothing where nothing was cut off.
pub(super) fn line_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let (receives, bytes) = scene.model.interrupted_in_all();
    if receives == 0 {
        return;
    }
    let palette = Palette::of(ui);
    card_ui(ui, |ui| {
        row_with_end_ui(
            ui,
            |ui| {
                let show = Button::new(text::SHOW_LEFTOVERS)
                    .described(text::button_of(text::SHOW_LEFTOVERS, text::LEFTOVERS_TITLE));
                if show.show_ui(ui) {
                    scene.actions.push(Action::Show(Screen::Leftovers));
                }
            },
            |ui| {
                let line = text::leftovers_in_short(receives, bytes);
                sign_ui(ui, Icon::Again, palette.text_weak, &line);
            },
        );
    });
}

/// Says which receive the code is for, where one is gone on with, and lets that be.
pub(super) fn resuming_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let Some(resumed) = &scene.model.resuming else {
        return;
    };
    let palette = Palette::of(ui);
    row_with_end_ui(
        ui,
        |ui| {
            let leave = Button::icon_only(Icon::Cross, text::LEAVE_RESUME);
            if leave.show_ui(ui) {
                let leave = LeftoversAction::LeaveResume;
                scene.actions.push(Action::Leftovers(leave));
            }
        },
        |ui| {
            let line = text::resuming(&resumed.receive);
            sign_ui(ui, Icon::Again, palette.accent_text, &line);
        },
    );
}

/// What one receive has left.
fn kept_ui(ui: &mut Ui, scene: &mut Scene<'_>, kept: &Kept) {
    let palette = Palette::of(ui);
    let title = match &kept.receive {
        Some(receive) => text::from_device(&receive.device),
        None => text::LEFTOVERS_UNKNOWN.to_owned(),
    };
    let called = text::leftover_called(kept);
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_TIGHT;
        ui.horizontal(|ui| {
            icon_ui(ui, Icon::Down, theme::ICON, palette.text_weak);
            card_title_ui(ui, &title);
        });
        if let Some(receive) = &kept.receive {
            for name in &receive.names {
                name_ui(ui, name);
            }
        }
        weak_ui(ui, &text::leftover_amount(kept, scene.model.moment().wall));
        let folder = scene.model.path_shown(&kept.folder);
        weak_ui(ui, &text::leftover_place(kept, &folder));
        ui.add_space(theme::SPACE_TIGHT);
        ui.horizontal_wrapped(|ui| {
            if let Some(number) = kept.number().filter(|_| !kept.missing) {
                let resume = Button::new(text::RESUME)
                    .icon(Icon::Play)
                    .weight(Weight::Plain)
                    .described(text::button_of(text::RESUME, &called));
                if resume.show_ui(ui) {
                    let resume = LeftoversAction::Resume(number);
                    scene.actions.push(Action::Leftovers(resume));
                }
            }
            let remove = Button::new(text::REMOVE_LEFTOVER)
                .icon(Icon::Cross)
                .weight(Weight::Plain)
                .described(text::button_of(text::REMOVE_LEFTOVER, &called));
            if remove.show_ui(ui) {
                let remove = LeftoversAction::Remove(Box::new(kept.clone()));
                scene.actions.push(Action::Leftovers(remove));
            }
        });
    });
}
