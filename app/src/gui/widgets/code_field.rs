//! The field in which a code is typed.

use egui::{Event, Id, ImeEvent, Key, TextEdit, Ui};
use fardrop_shared::code::draft::{self, Draft};
use fardrop_shared::limits::MAX_CODE_BYTES;

use super::button::{Button, Weight};
use super::icon::Icon;
use super::sign_ui;
use crate::gui::action::{Action, CodeAction};
use crate::gui::model::CodeEntry;
use crate::gui::theme::{self, Palette};
use crate::text;

/// Draws the field, what could be typed next, and what is wrong with what is typed. Whether a whole code
/// stands in it, with what was typed in this frame.
pub(crate) fn code_field_ui(
    ui: &mut Ui,
    entry: &CodeEntry,
    take_focus: bool,
    actions: &mut Vec<Action>,
) -> bool {
    let palette = Palette::of(ui);
    let id = Id::unique("code field");
    let mut typed = entry.typed().to_owned();
    let composing = composing(ui, id);
    let width = ui.available_width();
    let output = TextEdit::singleline(&mut typed)
        .id(id)
        .hint_text(egui::RichText::new(text::CODE_HINT).font(theme::code_entry()))
        .font(theme::code_entry())
        .char_limit(MAX_CODE_BYTES)
        .desired_width(width)
        .min_size(egui::vec2(0.0, theme::TARGET_MAIN))
        .align(egui::Align2::LEFT_CENTER)
        .margin(egui::Margin::symmetric(10, 4))
        .show(ui);
    let response = output.response.response.accessible_name(text::CODE_LABEL);
    if take_focus {
        response.request_focus();
    }
    if response.changed() {
        actions.push(Action::Code(CodeAction::Type(typed.clone())));
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if entered && !composing {
        actions.push(Action::Code(CodeAction::Receive));
    }
    match entry.problem() {
        Some(problem) => sign_ui(ui, Icon::Warning, palette.bad, &problem),
        None => completions_ui(ui, entry, id, actions),
    }
    draft::inspect(&typed) == Draft::Whole
}

/// The words that may be meant, as buttons.
fn completions_ui(ui: &mut Ui, entry: &CodeEntry, field: Id, actions: &mut Vec<Action>) {
    let words: Vec<&str> = draft::completions(entry.typed()).collect();
    if words.is_empty() {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for word in words {
            let button = Button::new(word)
                .weight(Weight::Quiet)
                .described(text::complete_word(word));
            if button.show_ui(ui) {
                actions.push(Action::Code(CodeAction::CompleteWord(word)));
                ui.memory_mut(|memory| memory.request_focus(field));
                move_caret_to_end(ui, field);
            }
        }
    });
}

/// The caret stands at the end of what was filled in.
pub(crate) fn move_caret_to_end(ui: &Ui, field: Id) {
    if let Some(mut state) = TextEdit::load_state(ui.ctx(), field) {
        let end = egui::text::CCursor::new(MAX_CODE_BYTES);
        state
            .cursor
            .set_char_range(Some(egui::text::CCursorRange::one(end)));
        TextEdit::store_state(ui.ctx(), field, state);
    }
}

/// Whether an input method is in the middle of a word, in this frame or since an earlier one: Enter is
/// its own then.
fn composing(ui: &Ui, field: Id) -> bool {
    let memory = field.with("composing");
    let before: bool = ui.data(|data| data.get_temp(memory)).unwrap_or_default();
    let mut now = before;
    let mut ever = before;
    ui.input(|input| {
        for event in &input.events {
            if let Event::Ime(event) = event {
                now = matches!(event, ImeEvent::Preedit { text, .. } if !text.is_empty());
                ever |= now;
            }
        }
    });
    ui.data_mut(|data| data.insert_temp(memory, now));
    ever
}
