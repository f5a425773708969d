//! Ready to send: the code, what is offered, who receives.

use egui::{Label, Response, RichText, Ui};
use fardrop_shared::Role;

use super::list::List;
use super::{Scene, back_title_ui, card, card_ui, page_ui, row_with_end_ui, tall_row_with_end_ui};
use crate::desktop::request::FolderUse;
use crate::engine::event::{ShareItem, ShownCode, TaskNumber};
use crate::gui::action::{Action, ClipboardAction, FilesAction, ShareAction};
use crate::gui::model::Share;
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, icon_ui, name_ui, nothing_focused, qr_ui, sign_ui,
    text_ui, weak_ui,
};
use crate::text;

/// Draws the screen of a share.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber) {
    page_ui(ui, Screen::Share(task), |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        let Some(share) = scene.model.share(task) else {
            back_title_ui(ui, scene, text::SHARE_OVER);
            return;
        };
        let title = if share.ended {
            text::SHARE_OVER
        } else {
            text::READY_TITLE
        };
        back_title_ui(ui, scene, title);
        let mut main = None;
        if !share.ended {
            main = code_card_ui(ui, scene, task, share);
        } else if let Some(failure) = &share.failure {
            card_ui(ui, |ui| {
                ui.spacing_mut().item_spacing.y = theme::SPACE;
                card::share_failure_ui(ui, scene, share, failure);
                let title = card::share_title(share);
                card::next_button_ui(ui, scene, task, share, &title);
            });
        }
        receivers_ui(ui, scene, task, share);
        offered_ui(ui, scene, task, share);
        if !share.ended {
            let stop = Button::new(text::STOP_SHARING).icon(Icon::Cross);
            if stop.show_ui(ui) {
                scene.actions.push(Action::Share(task, ShareAction::Stop));
            }
        }
        // Also when what had the focus went with the code.
        let free = scene.model.dialog.is_none() && (scene.fresh || nothing_focused(ui));
        if let Some(main) = main.filter(|_| free) {
            main.request_focus();
        }
    });
}

/// Draws it, and gives the button that it is about: what has the focus unless something else has.
fn code_card_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    task: TaskNumber,
    share: &Share,
) -> Option<Response> {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        let mut main = None;
        match &share.code {
            Some(code) if share.dead.is_none() => {
                if ui.available_width() < theme::NARROW {
                    main = Some(code_ui(ui, scene, code));
                    qr_row_ui(ui, code);
                } else {
                    tall_row_with_end_ui(
                        ui,
                        |ui| qr_ui(ui, &code.uri, theme::QR_SIDE, text::QR_NAME),
                        |ui| {
                            main = Some(ui.vertical(|ui| code_ui(ui, scene, code)).inner);
                        },
                    );
                }
            }
            Some(_) => {}
            None => {
                text_ui(ui, text::CODE_COMING);
            }
        }
        card::notices_ui(ui, share);
        if share.renewing {
            text_ui(ui, text::RENEWING);
        } else if share.dead.is_some() || share.wrong_guess.is_some() || share.crowded {
            let weight = if share.dead.is_some() {
                Weight::Main
            } else {
                Weight::Plain
            };
            let fresh = Button::new(text::FRESH_CODE)
                .icon(Icon::Again)
                .weight(weight)
                .response_ui(ui);
            if fresh.clicked() {
                scene
                    .actions
                    .push(Action::Share(task, ShareAction::RenewCode));
            }
            main = main.or(Some(fresh));
        }
        if let Some(failure) = share.failure.as_ref().or(share.refused.as_ref()) {
            let palette = Palette::of(ui);
            sign_ui(ui, Icon::Warning, palette.bad, text::NOT_DONE);
            card::failure_ui(ui, scene, failure, Role::Sender);
        }
        main
    })
}

fn qr_row_ui(ui: &mut Ui, code: &ShownCode) {
    let side = theme::QR_SIDE.min(ui.available_width());
    ui.vertical_centered(|ui| qr_ui(ui, &code.uri, side, text::QR_NAME));
}

/// Draws it, and gives the button that copies the code.
fn code_ui(ui: &mut Ui, scene: &mut Scene<'_>, code: &ShownCode) -> Response {
    let palette = Palette::of(ui);
    weak_ui(ui, text::READ_OUT);
    // As large as one line allows: a code that breaks in two is read out wrong.
    let style = theme::code_style();
    let mut font = style.resolve(ui.style());
    let letters = code.spoken.chars().count().max(1);
    let per_letter = ui.available_width() / letters as f32;
    // A letter of the fixed-width font is 0.6 of its size wide.
    font.size = font.size.min(per_letter / 0.62).max(theme::CODE_MIN);
    let shown = RichText::new(&code.spoken)
        .font(font)
        .color(palette.text)
        .strong();
    let _ = ui
        .add(Label::new(shown).wrap().selectable(true))
        .accessible_name(text::code_name(code));
    weak_ui(ui, &text::spelled(code));
    ui.horizontal_wrapped(|ui| {
        let copy = Button::new(text::COPY_CODE)
            .icon(Icon::Clipboard)
            .weight(Weight::Main)
            .response_ui(ui);
        if copy.clicked() {
            let whole = code.with_server.as_ref().unwrap_or(&code.spoken);
            scene
                .actions
                .push(Action::Clipboard(ClipboardAction::Copy(whole.clone())));
        }
        if Button::new(text::COPY_LINK)
            .icon(Icon::Clipboard)
            .show_ui(ui)
        {
            scene
                .actions
                .push(Action::Clipboard(ClipboardAction::Copy(code.uri.clone())));
        }
        copy
    })
    .inner
}

fn receivers_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, share: &Share) {
    if share.ended && share.sessions.is_empty() {
        return;
    }
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, text::RECEIVERS_TITLE);
        if share.sessions.is_empty() {
            let palette = Palette::of(ui);
            sign_ui(ui, Icon::Clock, palette.text_weak, text::NOBODY_YET);
            return;
        }
        for session in share.sessions.values() {
            ui.push_id(session.number.0, |ui| {
                ui.separator();
                card::session_ui(ui, scene, task, session);
            });
        }
    });
}

fn offered_ui(ui: &mut Ui, scene: &mut Scene<'_>, task: TaskNumber, share: &Share) {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, text::OFFERED_TITLE);
        match share.scanned {
            Some(found) => {
                let total = text::offered_total(found.files, found.links, found.bytes);
                weak_ui(ui, &total)
            }
            None if share.ended => weak_ui(ui, text::NOT_LOOKED_THROUGH),
            None => weak_ui(ui, text::LOOKING_THROUGH),
        };
        match &share.items {
            Some(items) => {
                let removable = items.len() > 1 && !share.ended;
                for item in items {
                    ui.push_id(item.number.0, |ui| {
                        item_ui(ui, scene, task, item, removable);
                    });
                }
            }
            None => {
                for name in share.first_names() {
                    name_ui(ui, &name);
                }
            }
        }
        left_out_ui(ui, share);
        if !share.ended {
            ui.horizontal_wrapped(|ui| {
                if Button::new(text::ADD_FILES).icon(Icon::Plus).show_ui(ui) {
                    scene.actions.push(Action::Files(FilesAction::Choose));
                }
                if Button::new(text::ADD_FOLDER).icon(Icon::Plus).show_ui(ui) {
                    scene
                        .actions
                        .push(Action::Files(FilesAction::ChooseFolder(FolderUse::Send)));
                }
            });
        }
    });
}

fn item_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    task: TaskNumber,
    item: &ShareItem,
    removable: bool,
) {
    let palette = Palette::of(ui);
    row_with_end_ui(
        ui,
        |ui| {
            if removable {
                let remove = Button::icon_only(Icon::Cross, text::REMOVE_ITEM)
                    .described(text::remove_item(&item.name));
                if remove.show_ui(ui) {
                    scene
                        .actions
                        .push(Action::Share(task, ShareAction::RemoveItem(item.number)));
                }
            }
            let amount = text::item_amount(item.folder, item.files, item.bytes);
            ui.label(RichText::new(amount).color(palette.text_weak));
        },
        |ui| {
            let icon = if item.folder {
                Icon::Folder
            } else {
                Icon::File
            };
            icon_ui(ui, icon, theme::ICON, palette.text_weak);
            name_ui(ui, &item.name);
        },
    );
}

fn left_out_ui(ui: &mut Ui, share: &Share) {
    let counted = share.scanned.map(|found| found.left_out);
    let mut left_out = counted.unwrap_or_default();
    left_out.things = left_out.things.max(share.left_out.len() as u64);
    if left_out.is_none() {
        return;
    }
    let palette = Palette::of(ui);
    let count = text::left_out_count(left_out);
    sign_ui(ui, Icon::Warning, palette.warning, &count);
    let list = List {
        title: text::LEFT_OUT_LIST,
        items: &share.left_out,
        count: left_out.things,
    };
    list.show_ui(ui, |(name, reason)| {
        (name.clone(), text::left_out_cause(reason))
    });
}
