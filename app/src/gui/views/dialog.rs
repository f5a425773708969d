//! Questions in front of everything else. They keep the focus, and Esc leaves them.

use egui::{Id, Modal, Ui};

use super::{Scene, picker};
use crate::gui::action::{Action, HistoryAction, LeftoversAction, ShareAction, WindowAction};
use crate::gui::model::Dialog;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{Button, Weight, card_title_ui, text_ui};
use crate::text;

/// Widest dialog, in points.
const WIDTH: f32 = 380.0;

/// Draws the question that is open, if one is.
pub(super) fn show_ui(ui: &Ui, scene: &mut Scene<'_>) {
    match scene.model.dialog {
        None => {}
        Some(Dialog::Close) => ask_ui(
            ui,
            scene,
            text::CLOSE_TITLE,
            text::CLOSE_QUESTION,
            (
                text::CLOSE_KEEP,
                Action::Window(WindowAction::DismissDialog),
            ),
            &[
                (
                    text::CLOSE_WHEN_DONE,
                    Action::Window(WindowAction::CloseWhenDone),
                ),
                (text::CLOSE_NOW, Action::Window(WindowAction::CloseNow)),
            ],
        ),
        Some(Dialog::ClearHistory) => ask_ui(
            ui,
            scene,
            text::CLEAR_TITLE,
            text::CLEAR_QUESTION,
            (
                text::CLEAR_KEEP,
                Action::Window(WindowAction::DismissDialog),
            ),
            &[(
                text::CLEAR_HISTORY,
                Action::History(HistoryAction::ConfirmClear),
            )],
        ),
        Some(Dialog::RemoveLeftover) => remove_leftover_ui(ui, scene),
        Some(Dialog::StopShare(task)) => ask_ui(
            ui,
            scene,
            text::STOP_TITLE,
            text::STOP_QUESTION,
            (text::STOP_KEEP, Action::Window(WindowAction::DismissDialog)),
            &[(
                text::STOP_SHARING,
                Action::Share(task, ShareAction::ConfirmStop),
            )],
        ),
        Some(Dialog::Choose) => picker::show_ui(ui, scene),
    }
}

fn remove_leftover_ui(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(kept) = &scene.model.removing else {
        return;
    };
    let folder = scene.model.path_shown(&kept.folder);
    ask_ui(
        ui,
        scene,
        text::REMOVE_LEFTOVER_TITLE,
        &text::remove_leftover_question(kept, &folder),
        (
            text::CLEAR_KEEP,
            Action::Window(WindowAction::DismissDialog),
        ),
        &[(
            text::REMOVE_LEFTOVER,
            Action::Leftovers(LeftoversAction::ConfirmRemove),
        )],
    );
}

/// A question with answers; the focus begins on the one that changes nothing.
fn ask_ui(
    ui: &Ui,
    scene: &mut Scene<'_>,
    title: &str,
    question: &str,
    safe: (&str, Action),
    others: &[(&str, Action)],
) {
    let palette = Palette::of(ui);
    let frame = theme::card(palette);
    let room = ui.ctx().content_rect().width() - 2.0 * f32::from(theme::EDGE) - 32.0;
    let response = Modal::new(Id::unique(("dialog", title)))
        .frame(frame)
        .show(ui.ctx(), |ui| {
            ui.set_width(room.min(WIDTH));
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            card_title_ui(ui, title);
            text_ui(ui, question);
            ui.add_space(theme::SPACE);
            ui.horizontal_wrapped(|ui| {
                let keep = Button::new(safe.0).weight(Weight::Main).response_ui(ui);
                let focused = ui.memory(|memory| memory.focused());
                let within = focused
                    .and_then(|id| ui.ctx().read_response(id))
                    .is_some_and(|response| response.layer_id == ui.layer_id());
                if !within {
                    keep.request_focus();
                }
                if keep.clicked() {
                    scene.actions.push(safe.1.clone());
                }
                for (label, action) in others {
                    if Button::new(label).show_ui(ui) {
                        scene.actions.push(action.clone());
                    }
                }
            });
        });
    if response.should_close() {
        scene
            .actions
            .push(Action::Window(WindowAction::DismissDialog));
    }
}
