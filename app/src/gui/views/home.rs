//! The first screen: send, receive, and what is going on.

use egui::{Sense, Stroke, Ui};

use super::{Dropping, Scene, card, card_ui, history, leftovers, page_ui, row_with_end_ui};
use crate::desktop::request::FolderUse;
use crate::gui::action::{Action, ClipboardAction, CodeAction, FilesAction};
use crate::gui::model::{Model, Task};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, code_field_ui, icon_ui, sign_ui, text_ui, title_ui,
    weak_ui,
};
use crate::text;

/// Draws the first screen.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    page_ui(ui, Screen::Home, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        if ui.available_width() < theme::NARROW {
            receive_ui(ui, scene, 0.0);
            send_ui(ui, scene, theme::SPACE);
        } else {
            // Transfers are to be in sight, too.
            let room = if has_transfers(scene.model) {
                theme::SPACE
            } else {
                theme::DROP_PADDING
            };
            ui.columns_const(|[left, right]| {
                let height = send_ui(left, scene, room);
                receive_ui(right, scene, height);
            });
        }
        transfers_ui(ui, scene);
        leftovers::line_ui(ui, scene);
        if !scene.model.has_rendezvous() {
            without_rendezvous_ui(ui, scene);
        }
        recent_ui(ui, scene);
    });
}

/// Draws it, with so much room in the drop zone, and tells how high its content is, in points.
fn send_ui(ui: &mut Ui, scene: &mut Scene<'_>, room: f32) -> f32 {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, text::SEND_TITLE);
        drop_zone_ui(ui, scene.dropping, room);
        if Button::new(text::CHOOSE_FILES)
            .icon(Icon::File)
            .weight(Weight::Main)
            .wide()
            .show_ui(ui)
        {
            scene.actions.push(Action::Files(FilesAction::Choose));
        }
        ui.horizontal_wrapped(|ui| {
            if Button::new(text::CHOOSE_FOLDER)
                .icon(Icon::Folder)
                .show_ui(ui)
            {
                scene
                    .actions
                    .push(Action::Files(FilesAction::ChooseFolder(FolderUse::Send)));
            }
            if Button::new(text::PASTE).icon(Icon::Clipboard).show_ui(ui) {
                scene
                    .actions
                    .push(Action::Clipboard(ClipboardAction::Paste));
            }
        });
        ui.min_rect().height()
    })
}

/// The whole window takes what is dropped; this says so, with so much room above and below, in points.
fn drop_zone_ui(ui: &mut Ui, dropping: Dropping, room: f32) {
    let palette = Palette::of(ui);
    let hint = match dropping {
        Dropping::Told => text::DROP_HINT,
        Dropping::Untold => text::CHOOSE_HINT,
    };
    let inner = egui::Frame::new()
        .inner_margin(egui::Margin::symmetric(16, 0))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.vertical_centered(|ui| {
                ui.add_space(room);
                icon_ui(ui, Icon::Up, theme::ICON_LARGE, palette.accent);
                weak_ui(ui, hint);
                ui.add_space(room);
            });
        });
    let rect = inner.response.rect;
    ui.interact(rect, ui.scope_id().with("drop zone"), Sense::hover());
    let corners = [
        rect.left_top(),
        rect.right_top(),
        rect.right_bottom(),
        rect.left_bottom(),
        rect.left_top(),
    ];
    ui.painter().extend(egui::Shape::dashed_line(
        &corners,
        Stroke::new(1.5, palette.edge),
        6.0,
        4.0,
    ));
}

/// Draws it, as high as that, in points, or higher.
fn receive_ui(ui: &mut Ui, scene: &mut Scene<'_>, height: f32) {
    card_ui(ui, |ui| {
        ui.set_min_height(height);
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, text::RECEIVE_TITLE);
        text_ui(ui, text::CODE_LABEL);
        let fresh = scene.fresh && scene.model.dialog.is_none();
        let ready = code_field_ui(ui, &scene.model.entry, fresh, &mut scene.actions);
        if let Some(server) = scene.model.strange_server() {
            weak_ui(ui, &text::names_server(&server));
        }
        if Button::new(text::RECEIVE)
            .icon(Icon::Down)
            .weight(Weight::Main)
            .enabled(ready)
            .wide()
            .show_ui(ui)
        {
            scene.actions.push(Action::Code(CodeAction::Receive));
        }
        leftovers::resuming_ui(ui, scene);
        weak_ui(
            ui,
            &text::goes_into(&scene.model.path_shown(&scene.model.destination())),
        );
    });
}

fn without_rendezvous_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let palette = Palette::of(ui);
    card_ui(ui, |ui| {
        row_with_end_ui(
            ui,
            |ui| {
                if Button::new(text::SET_ONE).show_ui(ui) {
                    scene.actions.push(Action::Show(Screen::Settings));
                }
            },
            |ui| sign_ui(ui, Icon::Unknown, palette.text_weak, text::NO_RENDEZVOUS),
        );
    });
}

/// The newest of the history, and the way to all of it.
fn recent_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let entries = &scene.model.history;
    if entries.is_empty() {
        return;
    }
    title_ui(ui, text::RECENT_TITLE);
    for (number, entry) in entries.iter().rev().take(history::RECENT) {
        ui.push_id(("recent", number.0), |ui| {
            history::entry_ui(ui, scene, *number, entry);
        });
    }
    if entries.len() > history::RECENT && Button::new(text::ALL_HISTORY).show_ui(ui) {
        scene.actions.push(Action::Show(Screen::History));
    }
}

fn has_transfers(model: &Model) -> bool {
    model.tasks.values().any(|task| match task {
        Task::Share(_) | Task::Receive(_) => true,
        Task::Diagnose | Task::TestRendezvous => false,
    })
}

fn transfers_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let model = scene.model;
    if !has_transfers(model) {
        return;
    }
    title_ui(ui, text::TRANSFERS_TITLE);
    // Newest first.
    for (number, task) in model.tasks.iter().rev() {
        match task {
            Task::Share(share) => {
                ui.push_id(number.0, |ui| card::share_ui(ui, scene, *number, share));
            }
            Task::Receive(receive) => {
                ui.push_id(number.0, |ui| card::receive_ui(ui, scene, *number, receive));
            }
            Task::Diagnose | Task::TestRendezvous => {}
        }
    }
}
