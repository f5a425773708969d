//! The rows of the picker: one list to the keyboard, of which only the rows in sight are drawn.

use std::path::Path;

use egui::{
    Color32, CursorIcon, Event, EventFilter, Id, Key, Layout, Modifiers, Rect, Role, ScrollArea,
    Sense, Stroke, StrokeKind, TextStyle, TextWrapMode, Ui, UiBuilder, Vec2, WidgetInfo,
    WidgetText, pos2, vec2,
};

use super::{field_id, pick};
use crate::desktop::request::{EntryKind, FolderEntry};
use crate::gui::action::Pick;
use crate::gui::model::Picker;
use crate::gui::theme::{self, Palette};
use crate::gui::views::Scene;
use crate::gui::widgets::{Icon, icon_ui, move_caret_to_end, name_ui, paint_icon};
use crate::text;

/// Room that a row leaves for a name and its icon, in points.
const NAME_ROOM: f32 = 160.0;

/// Side of a row's mark, in points.
const MARK: f32 = 18.0;

/// Draws the list, that high; `empty` draws what stands there instead of rows.
pub(super) fn show_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    picker: &Picker,
    list: Id,
    height: f32,
    empty: impl FnOnce(&mut Ui),
) {
    let palette = Palette::of(ui);
    let frame = egui::Frame::new()
        .fill(palette.field)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(theme::ROUND)
        .inner_margin(theme::SPACE_TIGHT);
    let inside = vec2(ui.available_width(), height) - frame.total_margin().sum();
    let shown = frame.show(ui, |ui| {
        ui.set_min_size(inside);
        ui.set_max_size(inside);
        if picker.entries.is_empty() {
            empty(ui);
            None
        } else {
            entries_ui(ui, scene, picker)
        }
    });
    let response = ui.interact(shown.response.rect, list, Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::ListBox, true, text::PICKER_LIST));
    if let Some(row) = shown.inner {
        ui.ctx().accesskit_node_builder(list, |node| {
            node.set_active_descendant(row.accesskit_id());
        });
    }
    if response.has_focus() {
        keys(ui, scene, picker, list, height);
    }
}

/// Draws the rows in sight, and says by which name the one is known that keys act on, if it is one of
/// them.
fn entries_ui(ui: &mut Ui, scene: &mut Scene<'_>, picker: &Picker) -> Option<Id> {
    ui.spacing_mut().item_spacing.y = 0.0;
    // The row that keys act on is often the last in sight.
    ui.spacing_mut().scroll.fade.strength = 0.0;
    let height = theme::ROW_HEIGHT;
    let mut pointed = None;
    ScrollArea::vertical()
        .id_salt(&picker.folder)
        .auto_shrink(false)
        .show_rows(ui, height, picker.entries.len(), |ui, range| {
            let top = ui.cursor().top();
            let width = ui.available_width();
            for row in range.clone() {
                let Some(entry) = picker.entries.get(row) else {
                    continue;
                };
                let id = ui
                    .push_id(&entry.path, |ui| row_ui(ui, scene, picker, row, entry))
                    .inner;
                if row == picker.at {
                    pointed = Some(id);
                }
            }
            // Followed when it moves, not when the wheel moves the list away from it.
            let memory = Id::unique("picker row");
            let now = (picker.folder.clone(), picker.at);
            let before: Option<(std::path::PathBuf, usize)> = ui.data(|data| data.get_temp(memory));
            if before.as_ref() != Some(&now) {
                let above = picker.at as f32 - range.start as f32;
                let corner = pos2(ui.min_rect().left(), top + above * height);
                let place = Rect::from_min_size(corner, vec2(width, height));
                ui.scroll_to_rect(place, None);
                ui.data_mut(|data| data.insert_temp(memory, now));
            }
        });
    pointed
}

/// Draws a row, and says by which name it is known.
fn row_ui(
    ui: &mut Ui,
    scene: &mut Scene<'_>,
    picker: &Picker,
    row: usize,
    entry: &FolderEntry,
) -> Id {
    let palette = Palette::of(ui);
    let size = vec2(ui.available_width(), theme::ROW_HEIGHT);
    // The list has the keyboard; its rows are for the pointer and for screen readers.
    let (place, response) = ui.allocate_exact_size(size, Sense::CLICK);
    let name = shown_name(&entry.path);
    let facts = match entry.kind {
        EntryKind::Folder => text::A_FOLDER.to_owned(),
        EntryKind::File => text::file_facts(entry.bytes, scene.model.moment().wall, entry.changed),
        EntryKind::Other => text::NOT_SENDABLE.to_owned(),
    };
    let can_mark = picker.can_mark(entry);
    let marked = picker.marked.contains(&entry.path);
    let usable = can_mark || entry.kind == EntryKind::Folder;
    response.widget_info(|| {
        let label = text::entry_row(&name, &facts);
        WidgetInfo::selected(Role::ListBoxOption, usable, marked, label)
    });
    let mut beside = palette.text_weak;
    if row == picker.at {
        let painter = ui.painter();
        painter.rect_filled(place, theme::ROUND, palette.selection);
        beside = palette.text;
    }
    let mut inside = place.shrink2(vec2(theme::SPACE_TIGHT, 0.0));
    if picker.can_mark_any() {
        let mark = Rect::from_min_size(inside.min, Vec2::splat(theme::ROW_HEIGHT));
        inside.min.x = mark.right() + theme::SPACE_TIGHT;
        if can_mark {
            mark_ui(ui, scene, row, mark, &name, marked);
        }
    }
    let size = text::size(entry.bytes);
    let drawn: &[&str] = match entry.kind {
        EntryKind::Folder => &[],
        EntryKind::File => &[&facts, &size],
        EntryKind::Other => &[&facts],
    };
    inside.max.x -= facts_ui(ui, inside, drawn, beside);
    let line = Layout::left_to_right(egui::Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(inside).layout(line), |ui| {
        let icon = match entry.kind {
            EntryKind::Folder => Icon::Folder,
            EntryKind::File => Icon::File,
            EntryKind::Other => Icon::Unknown,
        };
        icon_ui(ui, icon, theme::ICON, beside);
        name_ui(ui, &name);
    });
    let response = response.on_hover_cursor(CursorIcon::PointingHand);
    if response.clicked() {
        pick(scene, Pick::Point(row));
        pick(
            scene,
            match entry.kind {
                EntryKind::Folder => Pick::Enter(row),
                EntryKind::File | EntryKind::Other => Pick::Toggle(row),
            },
        );
    }
    response.id
}

/// Draws the first of these that leaves room for a name at the end of a row, and says how wide it is.
fn facts_ui(ui: &Ui, row: Rect, facts: &[&str], color: Color32) -> f32 {
    for fact in facts {
        let galley = WidgetText::from(*fact).into_galley(
            ui,
            Some(TextWrapMode::Extend),
            f32::INFINITY,
            TextStyle::Small,
        );
        let (width, height) = (galley.size().x, galley.size().y);
        if row.width() - width >= NAME_ROOM {
            let corner = pos2(row.right() - width, row.center().y - height / 2.0);
            ui.painter().galley(corner, galley, color);
            return width + theme::SPACE;
        }
    }
    0.0
}

fn mark_ui(ui: &Ui, scene: &mut Scene<'_>, row: usize, place: Rect, name: &str, marked: bool) {
    let palette = Palette::of(ui);
    let response = ui.interact(place, ui.scope_id().with("mark"), Sense::CLICK);
    response
        .widget_info(|| WidgetInfo::selected(Role::CheckBox, true, marked, text::mark_row(name)));
    let square = Rect::from_center_size(place.center(), Vec2::splat(MARK));
    let (fill, edge) = if marked {
        (palette.accent, palette.accent)
    } else {
        (palette.field, palette.text_weak)
    };
    ui.painter().rect(
        square,
        theme::ROUND / 2,
        fill,
        Stroke::new(1.0, edge),
        StrokeKind::Inside,
    );
    if marked {
        paint_icon(
            ui.painter(),
            Icon::Check,
            square.shrink(2.0),
            palette.on_accent,
        );
    }
    if response.clicked() {
        pick(scene, Pick::Point(row));
        pick(scene, Pick::Toggle(row));
    }
}

/// What the keyboard does to the list.
fn keys(ui: &Ui, scene: &mut Scene<'_>, picker: &Picker, list: Id, height: f32) {
    let filter = EventFilter {
        vertical_arrows: true,
        ..EventFilter::default()
    };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(list, filter));
    let page = ((height / theme::ROW_HEIGHT) as usize)
        .saturating_sub(1)
        .max(1);
    let at = picker.at;
    let moves = [
        (Key::ArrowUp, at.saturating_sub(1)),
        (Key::ArrowDown, at + 1),
        (Key::PageUp, at.saturating_sub(page)),
        (Key::PageDown, at + page),
        (Key::Home, 0),
        (Key::End, usize::MAX),
    ];
    let deeds = [
        (Key::Enter, Pick::Enter(at)),
        (Key::Space, Pick::Toggle(at)),
        (Key::Backspace, Pick::Up),
    ];
    let moves = moves.map(|(key, row)| (key, Pick::Point(row)));
    for (key, deed) in moves.into_iter().chain(deeds) {
        if ui.input_mut(|input| input.consume_key(Modifiers::NONE, key)) {
            pick(scene, deed);
        }
    }
    // Whoever types searches.
    let mut typed = String::new();
    ui.input(|input| {
        for event in &input.events {
            if let Event::Text(text) = event
                && !text.trim().is_empty()
            {
                typed.push_str(text);
            }
        }
    });
    if !typed.is_empty() {
        pick(scene, Pick::Type(format!("{}{typed}", picker.field)));
        ui.memory_mut(|memory| memory.request_focus(field_id()));
        move_caret_to_end(ui, field_id());
    }
}

/// A path's last part, as well as it can be read.
fn shown_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
