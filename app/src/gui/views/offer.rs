//! An offer: who, how much, what exactly, where to; and yes or no.

use egui::{Checkbox, Margin, Panel, Rect, RichText, TextEdit, Ui, UiBuilder, vec2};

use super::concerns::{concerns_ui, marks_ui};
use super::list::{left_out_there_ui, renamed_ui, unnamed_ui};
use super::{Column, Scene, back_title_ui, card_ui, page_ui, tall_row_with_end_ui};
use crate::desktop::request::FolderUse;
use crate::engine::command::{ConflictPolicy, Room};
use crate::engine::event::{Conflict, OfferRow, OfferSummary, SessionNumber};
use crate::gui::action::{Action, FilesAction, SessionAction};
use crate::gui::model::{OfferView, Phase, Session};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, hold_focus_ui, icon_ui, name_ui, safe, sign_ui, text_ui,
    weak_ui,
};
use crate::text;

/// Longest text that is searched for, in characters.
const SEARCH_LIMIT: usize = 100;

/// What the conflicts may become, with their words.
pub(super) const POLICIES: [(ConflictPolicy, &str); 3] = [
    (ConflictPolicy::Skip, text::CONFLICT_SKIP),
    (ConflictPolicy::Rename, text::CONFLICT_RENAME),
    (ConflictPolicy::Replace, text::CONFLICT_REPLACE),
];

/// An offer that waits for an answer.
#[derive(Clone, Copy)]
struct OpenOffer<'a> {
    /// Its session.
    number: SessionNumber,
    /// What it comes to.
    summary: &'a OfferSummary,
    /// What is seen and chosen of it.
    view: &'a OfferView,
}

/// Draws the screen of an offer.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>, number: SessionNumber) {
    let model = scene.model;
    let open = model
        .session(number)
        .filter(|session| session.phase == Phase::Deciding)
        .and_then(|session| Some((session, session.offer.as_ref()?, session.view.as_ref()?)));
    let Some((session, summary, view)) = open else {
        page_ui(ui, Screen::Offer(number), |ui| {
            back_title_ui(ui, scene, text::OFFER_OVER);
        });
        return;
    };
    let offer = OpenOffer {
        number,
        summary,
        view,
    };
    answer_ui(ui, scene, offer);
    page_ui(ui, Screen::Offer(number), |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        back_title_ui(ui, scene, &text::offer_title(&session.device));
        place_ui(ui, scene, offer, session);
        list_ui(ui, scene, offer);
    });
}

/// Yes or no, always in sight. The focus begins on no.
fn answer_ui(ui: &mut Ui, scene: &mut Scene<'_>, offer: OpenOffer<'_>) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.card)
        .inner_margin(Margin::symmetric(0, 8));
    Panel::bottom("answer").frame(frame).show(ui, |ui| {
        let something = offer.view.takes_something(offer.summary);
        let fits = offer.view.may_go(offer.summary);
        Column::of(ui).show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                let decline = Button::new(text::DECLINE).icon(Icon::Cross).response_ui(ui);
                if scene.fresh {
                    decline.request_focus();
                }
                if decline.clicked() {
                    scene
                        .actions
                        .push(Action::Session(offer.number, SessionAction::Decline));
                }
                let accept = Button::new(text::ACCEPT)
                    .icon(Icon::Check)
                    .weight(Weight::Main)
                    .enabled(something && fits);
                if accept.show_ui(ui) {
                    scene
                        .actions
                        .push(Action::Session(offer.number, SessionAction::Accept));
                }
                if !something {
                    weak_ui(ui, text::NOTHING_CHOSEN);
                }
            })
        });
        hold_focus_ui(ui);
    });
}

/// Where to, and what about what is there already: before the list, which may be long.
fn place_ui(ui: &mut Ui, scene: &mut Scene<'_>, offer: OpenOffer<'_>, session: &Session) {
    let palette = Palette::of(ui);
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        card_title_ui(ui, &text::offer_amount(offer.summary));
        concerns_ui(ui, scene, offer.number, offer.summary, offer.view.consent);
        let folder = offer
            .view
            .destination
            .clone()
            .or_else(|| offer.summary.destination.clone())
            .unwrap_or_else(|| scene.model.destination());
        tall_row_with_end_ui(
            ui,
            |ui| {
                let change = Button::new(text::CHANGE)
                    .icon(Icon::Folder)
                    .described(text::button_of(text::CHANGE, text::SAVE_INTO));
                if change.show_ui(ui) {
                    scene.actions.push(Action::Files(FilesAction::ChooseFolder(
                        FolderUse::ReceiveOffer,
                    )));
                }
            },
            |ui| {
                ui.vertical(|ui| {
                    weak_ui(ui, text::SAVE_INTO);
                    text_ui(ui, &scene.model.path_shown(&folder));
                });
            },
        );
        if !offer.summary.left_out.is_none() {
            let words = text::left_out_by_sender(offer.summary.left_out);
            sign_ui(ui, Icon::Warning, palette.warning, &words);
            left_out_there_ui(ui, &session.left_out);
        }
        renamed_ui(ui, &session.renamed);
        unnamed_ui(ui, &session.unnamed);
        if let (Some(free), Some(fits)) = (offer.summary.free, offer.view.fits(offer.summary)) {
            let (icon, color) = if fits {
                (Icon::Check, palette.good)
            } else {
                (Icon::Warning, palette.bad)
            };
            sign_ui(ui, icon, color, &text::room(free, fits));
            if !fits && offer.view.room == Room::Needed {
                let anyway = Button::new(text::TRY_ANYWAY).weight(Weight::Plain);
                if anyway.show_ui(ui) {
                    scene
                        .actions
                        .push(Action::Session(offer.number, SessionAction::IgnoreRoom));
                }
            }
        }
        if offer.summary.kept > 0 {
            sign_ui(
                ui,
                Icon::Check,
                palette.good,
                &text::kept_here(offer.summary.kept),
            );
        }
        if offer.summary.conflicts > 0 {
            conflicts_ui(ui, scene, offer);
        }
    });
}

fn list_ui(ui: &mut Ui, scene: &mut Scene<'_>, offer: OpenOffer<'_>) {
    card_ui(ui, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE;
        let many = offer.summary.files.saturating_add(offer.summary.folders) > 1;
        if many {
            let mut search = offer.view.search.clone();
            let field = TextEdit::singleline(&mut search)
                .id(egui::Id::unique(("search offer", offer.number.0)))
                .hint_text(text::SEARCH_OFFER)
                .char_limit(SEARCH_LIMIT)
                .desired_width(f32::INFINITY)
                .min_size(vec2(0.0, theme::TARGET_MAIN))
                .align(egui::Align2::LEFT_CENTER)
                .margin(Margin::symmetric(10, 4));
            let field = ui.add(field).accessible_name(text::SEARCH_OFFER);
            // Letters without a font are missed here as well.
            let _ = safe(ui, &search);
            if field.changed() {
                scene
                    .actions
                    .push(Action::Session(offer.number, SessionAction::Search(search)));
            }
        }
        match offer.view.matching {
            None => {
                weak_ui(ui, text::LIST_COMING);
            }
            Some(0) => {
                weak_ui(ui, text::NOTHING_MATCHES);
            }
            Some(matching) => {
                if many {
                    weak_ui(ui, &text::matching(matching));
                }
                rows_ui(ui, scene, offer.number, offer.view, matching);
            }
        }
    });
}

/// The rows are part of the page and scroll with it: the list has all the room there is. Only those in sight
/// are drawn, and only the pages around them are here.
fn rows_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    number: SessionNumber,
    view: &OfferView,
    matching: u64,
) {
    let step = theme::ROW_HEIGHT + theme::SPACE_TIGHT;
    let size = vec2(ui.available_width(), step * matching as f32);
    let (_, list) = ui.allocate_space(size);
    let sight = ui.clip_rect();
    // One more at either end is there for the focus to go to, which then scrolls.
    let above = ((sight.top() - list.top()) / step).floor() - 1.0;
    let below = ((sight.bottom() - list.top()) / step).ceil() + 1.0;
    let rows = (above as u64).min(matching)..(below as u64).min(matching);
    for at in rows.clone() {
        let here = at
            .checked_sub(view.first)
            .and_then(|at| view.rows.get(usize::try_from(at).ok()?));
        if let Some(row) = here {
            let corner = list.min + vec2(0.0, step * at as f32);
            let place = Rect::from_min_size(corner, vec2(list.width(), theme::ROW_HEIGHT));
            // A row stays itself wherever it has been scrolled to.
            let id = ui.scope_id().with(("row", row.index));
            let mut place = ui.new_child(UiBuilder::new().max_rect(place).scope_id(id));
            row_ui(&mut place, scene, number, view, row);
        }
    }
    scene
        .actions
        .push(Action::Session(number, SessionAction::SeeRows(rows)));
}

fn row_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    number: SessionNumber,
    view: &OfferView,
    row: &OfferRow,
) {
    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    let layout = egui::Layout::right_to_left(egui::Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_height(theme::ROW_HEIGHT);
        let amount = if row.link {
            text::A_LINK.to_owned()
        } else {
            text::item_amount(row.folder, row.files, row.bytes)
        };
        ui.label(RichText::new(amount).small().color(palette.text_weak));
        if let Some(mark) = conflict_mark(row.conflict) {
            ui.label(RichText::new(mark).small().color(palette.warning));
        }
        marks_ui(ui, row.concerns);
        ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
            let mut wanted = view.wanted(row);
            let free = !view.inside_unwanted(row);
            let check = ui
                .add_enabled(free, Checkbox::without_text(&mut wanted))
                .accessible_name(text::take_row(&row.name));
            if check.changed() {
                scene.actions.push(Action::Session(
                    number,
                    SessionAction::SetWanted(row.index, wanted),
                ));
            }
            let icon = if row.folder { Icon::Folder } else { Icon::File };
            icon_ui(ui, icon, theme::ICON, palette.text_weak);
            name_ui(ui, &row.name);
        });
    });
}

const fn conflict_mark(conflict: Option<Conflict>) -> Option<&'static str> {
    match conflict {
        Some(Conflict::SameSize) => Some(text::SAME_SIZE),
        Some(Conflict::Differs) => Some(text::NAME_TAKEN),
        None => None,
    }
}

fn conflicts_ui(ui: &mut Ui, scene: &mut Scene<'_>, offer: OpenOffer<'_>) {
    text_ui(ui, &text::conflicts(offer.summary.conflicts));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = theme::SPACE_WIDE;
        for (policy, label) in POLICIES {
            if ui.radio(offer.view.on_conflict == policy, label).clicked() {
                scene.actions.push(Action::Session(
                    offer.number,
                    SessionAction::SetConflict(policy),
                ));
            }
        }
    });
}
