//! The window's own picker of files and folders: a dialog for desktops that have none.

mod rows;

use egui::{Checkbox, Id, Key, Margin, Modal, Modifiers, ScrollArea, TextEdit, Ui, vec2};

use super::{Scene, row_with_end_ui};
use crate::desktop::request::{FolderUse, Hidden, Place, PlaceKind};
use crate::gui::action::{Action, Pick, WindowAction};
use crate::gui::model::{Picker, Reading};
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{Button, Icon, Weight, card_title_ui, follow_focus_ui, sign_ui, weak_ui};
use crate::text;

/// Widest picker, in points.
const WIDTH: f32 = 560.0;

/// Longest text that is typed into the field, in characters: Linux knows no longer path.
const FIELD_LIMIT: usize = 4096;

/// Longest name of a new folder, in characters. Disks take 255 bytes.
const NAME_LIMIT: usize = 255;

/// Parents of a folder that are shown beside it, nearest first; those between them and the top are left
/// out.
const PARENTS_SHOWN: usize = 4;

/// Height of what surrounds the list on most desktops, in points, without lines that come and go.
const AROUND_LIST: f32 = 330.0;

/// Rows that are seen at once: at least, and at most.
const ROWS_SEEN: (f32, f32) = (4.0, 12.0);

/// Draws the picker, while it is open.
pub(super) fn show_ui(ui: &Ui, scene: &mut Scene<'_>) {
    let Some(picker) = &scene.model.picker else {
        return;
    };
    let room = ui.ctx().content_rect().shrink(f32::from(theme::EDGE));
    let frame = theme::card(Palette::of(ui));
    let inner = room.size() - frame.total_margin().sum();
    let response = Modal::new(Id::unique("picker"))
        .frame(frame)
        .show(ui.ctx(), |ui| {
            ui.set_width(inner.x.min(WIDTH));
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            let list = Id::unique("picker list");
            card_title_ui(ui, title(picker.purpose));
            let below = theme::TARGET_MAIN * 2.0 + theme::SPACE * 3.0;
            let most = inner.y - ui.min_rect().height() - below;
            ScrollArea::vertical()
                .id_salt("picker")
                .max_height(most)
                .show(ui, |ui| {
                    places_ui(ui, scene, picker);
                    crumbs_ui(ui, scene, picker);
                    field_ui(ui, scene, picker, list);
                    list_ui(ui, scene, picker, list, inner.y);
                    below_list_ui(ui, scene, picker);
                    follow_focus_ui(ui);
                });
            ui.separator();
            answers_ui(ui, scene, picker);
            keep_focus(ui, list);
        });
    if response.should_close() {
        scene
            .actions
            .push(Action::Window(WindowAction::DismissDialog));
    }
}

const fn title(purpose: Option<FolderUse>) -> &'static str {
    match purpose {
        None => text::CHOOSE_FILES_TITLE,
        Some(FolderUse::Send) => text::CHOOSE_FOLDERS_TITLE,
        Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => text::CHOOSE_DESTINATION_TITLE,
    }
}

/// The list has the focus unless something else in the dialog has it.
fn keep_focus(ui: &Ui, list: Id) {
    let focused = ui.memory(|memory| memory.focused());
    let within = focused.is_some_and(|id| {
        // The name's field may only be drawn in the next frame.
        let response = ui.ctx().read_response(id);
        id == name_id() || response.is_some_and(|response| response.layer_id == ui.layer_id())
    });
    if !within {
        ui.memory_mut(|memory| memory.request_focus(list));
    }
}

fn places_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker) {
    if picker.places.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_TIGHT, theme::SPACE_TIGHT);
        ui.spacing_mut().button_padding.x = theme::TAB_PADDING;
        for place in &picker.places {
            let name = place_name(place);
            let weight = Weight::Tab(place.path == picker.folder);
            let button = Button::new(&name).known_by(("place", &place.path));
            if button.weight(weight).show_ui(ui) {
                pick(scene, Pick::Open(place.path.clone()));
            }
        }
    });
}

fn place_name(place: &Place) -> String {
    match place.kind {
        PlaceKind::Home => text::PLACE_HOME.to_owned(),
        PlaceKind::Desktop => text::PLACE_DESKTOP.to_owned(),
        PlaceKind::Documents => text::PLACE_DOCUMENTS.to_owned(),
        PlaceKind::Downloads => text::PLACE_DOWNLOADS.to_owned(),
        PlaceKind::Drive => text::crumb(&place.path),
    }
}

/// The folder and those that it is in, from the top down.
fn crumbs_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker) {
    let parents: Vec<_> = picker
        .folder
        .ancestors()
        .skip(1)
        // Before the first folder is here there is only a name.
        .filter(|parent| !parent.as_os_str().is_empty())
        .collect();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(theme::SPACE_TIGHT, theme::SPACE_TIGHT);
        ui.spacing_mut().button_padding.x = theme::TAB_PADDING;
        let up = Button::icon_only(Icon::Up, text::PARENT_FOLDER).enabled(!parents.is_empty());
        if up.show_ui(ui) {
            pick(scene, Pick::Up);
        }
        for (at, parent) in parents.iter().enumerate().rev() {
            // The top is always there.
            if at >= PARENTS_SHOWN && at + 1 < parents.len() {
                continue;
            }
            if at + 1 == PARENTS_SHOWN && parents.len() > PARENTS_SHOWN + 1 {
                weak_ui(ui, text::PARENTS_LEFT_OUT);
            }
            let name = text::crumb(parent);
            let button = Button::new(&name).known_by(("parent", parent));
            if button.weight(Weight::Quiet).show_ui(ui) {
                pick(scene, Pick::Open((*parent).to_owned()));
            }
        }
        card_title_ui(ui, &text::crumb(&picker.folder));
    });
}

/// What is searched for, or a path to go to.
fn field_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker, list: Id) {
    let mut typed = picker.field.clone();
    let field = line(&mut typed, field_id(), text::PICKER_FIELD, FIELD_LIMIT);
    let response = ui.add(field).accessible_name(text::PICKER_FIELD);
    if response.changed() {
        pick(scene, Pick::Type(typed));
    }
    // Taken, so that the list does nothing for the same key.
    let taken = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    let entered = response.lost_focus() && taken(Key::Enter);
    let down = response.has_focus() && taken(Key::ArrowDown);
    if entered && picker.typed_path() {
        pick(scene, Pick::Go);
    }
    if entered || down {
        ui.memory_mut(|memory| memory.request_focus(list));
    }
}

fn field_id() -> Id {
    Id::unique("picker field")
}

fn line<'a>(typed: &'a mut String, id: Id, hint: &'static str, limit: usize) -> TextEdit<'a> {
    TextEdit::singleline(typed)
        .id(id)
        .hint_text(hint)
        .char_limit(limit)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, theme::TARGET_MAIN))
        .align(egui::Align2::LEFT_CENTER)
        .margin(Margin::symmetric(10, 4))
}

/// The rows, or why there are none.
fn list_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker, list: Id, room: f32) {
    let (least, most) = ROWS_SEEN;
    let lines = [
        picker.more > 0,
        picker.new_folder.is_some(),
        picker.problem.is_some(),
    ];
    let lines = lines.into_iter().filter(|line| *line).count();
    let around = AROUND_LIST + (theme::TARGET_MAIN + theme::SPACE) * lines as f32;
    let height = (room - around).clamp(theme::ROW_HEIGHT * least, theme::ROW_HEIGHT * most);
    rows::show_ui(ui, scene, picker, list, height, |ui| {
        let palette = Palette::of(ui);
        match &picker.reading {
            Reading::Coming => {
                weak_ui(ui, text::FOLDER_COMING);
            }
            Reading::Failed(problem) => {
                let sentence = text::folder_unreadable(problem);
                sign_ui(ui, Icon::Warning, palette.bad, &sentence);
            }
            Reading::Here if !picker.field.is_empty() => {
                weak_ui(ui, text::NOTHING_MATCHES);
            }
            Reading::Here => {
                let sentence = match picker.purpose {
                    None => text::FOLDER_EMPTY,
                    Some(_) => text::NO_FOLDERS,
                };
                weak_ui(ui, sentence);
            }
        }
    });
    if picker.more > 0 {
        let palette = Palette::of(ui);
        let sentence = text::folder_has_more(picker.entries.len(), picker.more);
        sign_ui(ui, Icon::Warning, palette.warning, &sentence);
    }
}

fn below_list_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker) {
    ui.horizontal_wrapped(|ui| {
        let mut shown = picker.hidden == Hidden::Shown;
        if ui
            .add(Checkbox::new(&mut shown, text::SHOW_HIDDEN))
            .changed()
        {
            let hidden = if shown {
                Hidden::Shown
            } else {
                Hidden::LeftOut
            };
            pick(scene, Pick::SetHidden(hidden));
        }
        let may_make = matches!(
            picker.purpose,
            Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways)
        );
        if may_make && picker.new_folder.is_none() {
            let new = Button::new(text::NEW_FOLDER).icon(Icon::Plus);
            if new.show_ui(ui) {
                pick(scene, Pick::NameFolder(Some(String::new())));
                ui.memory_mut(|memory| memory.request_focus(name_id()));
            }
        }
    });
    if let Some(name) = &picker.new_folder {
        new_folder_ui(ui, scene, name);
    }
    if let Some(problem) = &picker.problem {
        let palette = Palette::of(ui);
        let sentence = text::folder_not_made(problem);
        sign_ui(ui, Icon::Warning, palette.bad, &sentence);
    }
}

fn name_id() -> Id {
    Id::unique("new folder")
}

fn new_folder_ui(ui: &mut Ui, scene: &mut Scene<'_>, name: &str) {
    let (mut typed, mut make, mut entered) = (name.to_owned(), false, false);
    row_with_end_ui(
        ui,
        |ui| {
            let leave = Button::icon_only(Icon::Cross, text::CANCEL)
                .described(text::button_of(text::CANCEL, text::NEW_FOLDER));
            if leave.show_ui(ui) {
                pick(scene, Pick::NameFolder(None));
            }
            let button = Button::new(text::MAKE_FOLDER).enabled(!name.trim().is_empty());
            make = button.show_ui(ui);
        },
        |ui| {
            let field = line(&mut typed, name_id(), text::NEW_FOLDER_NAME, NAME_LIMIT);
            let response = ui.add(field).accessible_name(text::NEW_FOLDER_NAME);
            entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        },
    );
    if typed != name {
        pick(scene, Pick::NameFolder(Some(typed)));
    }
    if make || entered {
        pick(scene, Pick::MakeFolder);
        // For another name, where this one will not do.
        ui.memory_mut(|memory| memory.request_focus(name_id()));
    }
}

fn answers_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker) {
    ui.horizontal_wrapped(|ui| {
        if Button::new(text::CANCEL).show_ui(ui) {
            scene
                .actions
                .push(Action::Window(WindowAction::DismissDialog));
        }
        let marked = picker.marked.len();
        let label = match (marked, picker.purpose) {
            (0, None) => text::CHOOSE_NOTHING.to_owned(),
            (0, Some(_)) => text::CHOOSE_THIS.to_owned(),
            (_, _) => text::choose_marked(marked),
        };
        let choose = Button::new(&label)
            .known_by("choose")
            .icon(Icon::Check)
            .weight(Weight::Main)
            .enabled(picker.can_choose());
        if choose.show_ui(ui) {
            pick(scene, Pick::Choose);
        }
    });
}

fn pick(scene: &mut Scene<'_>, pick: Pick) {
    scene.actions.push(Action::Pick(pick));
}
