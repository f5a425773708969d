//! Lists of names, each with what there is to say of it: a few at first, and all where the person wants to see
//! them.

use egui::{Id, Label, Rect, RichText, Ui, UiBuilder, vec2};

use crate::engine::event::{Listed, PeerLeftOut, Renaming};
use crate::gui::model::Session;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{Button, Icon, Weight, name_ui, safe, sign_ui, weak_ui};
use crate::text;

/// Things of a list that are shown before all of them are asked for.
const FEW: usize = 3;

/// Height of a row, which has the name on one line and what there is to say on the next.
const HEIGHT: f32 = theme::ROW_HEIGHT * 2.0;

/// A list of which the beginning is known.
pub(super) struct List<'a, T> {
    /// What it is a list of: one on a screen is told by it from another.
    pub(super) title: &'a str,
    /// What is known of it.
    pub(super) items: &'a [T],
    /// How many things it has in all.
    pub(super) count: u64,
}

impl<T> List<'_, T> {
    /// Draws it; `line` gives a name and what is to be said of it.
    pub(super) fn show_ui(&self, ui: &mut Ui, line: impl Fn(&T) -> (String, String)) {
        let id = ui.scope_id().with(("list", self.title));
        let longer = self.items.len() > FEW;
        let all = longer && ui.data(|data| data.get_temp(id).unwrap_or(false));
        // Before the list, so that it stays where it is pressed.
        if longer {
            let label = if all {
                text::SHOW_FEWER.to_owned()
            } else {
                text::show_all(self.items.len() as u64)
            };
            let toggle = Button::new(&label)
                .known_by(("list", self.title))
                .weight(Weight::Plain)
                .described(text::button_of(&label, self.title));
            if toggle.show_ui(ui) {
                ui.data_mut(|data| data.insert_temp(id, !all));
            }
        }
        let shown = if all {
            self.items.len()
        } else {
            self.items.len().min(FEW)
        };
        if all {
            self.rows_ui(ui, id, &line);
        } else {
            for item in &self.items[..shown] {
                let (name, words) = line(item);
                weak_ui(ui, &text::listed(&name, &words));
            }
        }
        let hidden = self.count.saturating_sub(shown as u64);
        if hidden > 0 {
            weak_ui(ui, &text::more_failed(hidden));
        }
    }

    /// All of it. The rows are part of the page and scroll with it; only those in sight are drawn.
    fn rows_ui(&self, ui: &mut Ui, id: Id, line: &impl Fn(&T) -> (String, String)) {
        let step = HEIGHT + theme::SPACE_TIGHT;
        let size = vec2(ui.available_width(), step * self.items.len() as f32);
        let (_, list) = ui.allocate_space(size);
        let sight = ui.clip_rect();
        let above = ((sight.top() - list.top()) / step).floor().max(0.0) as usize;
        let below = ((sight.bottom() - list.top()) / step).ceil().max(0.0) as usize;
        let last = below.min(self.items.len());
        for at in above.min(last)..last {
            let corner = list.min + vec2(0.0, step * at as f32);
            let place = Rect::from_min_size(corner, vec2(list.width(), HEIGHT));
            // A row stays itself wherever it has been scrolled to.
            let place = UiBuilder::new().max_rect(place).scope_id(id.with(at));
            let mut row = ui.new_child(place);
            row.spacing_mut().item_spacing.y = 0.0;
            let (name, words) = line(&self.items[at]);
            name_ui(&mut row, &name);
            let words = RichText::new(safe(&row, &words));
            let words = words.small().color(Palette::of(&row).text_weak);
            row.add(Label::new(words).truncate());
        }
    }
}

/// What of a transfer failed.
pub(super) fn failed_files_ui(ui: &mut Ui, session: &Session) {
    let palette = Palette::of(ui);
    // Not all of them are known by name.
    let failed = session.receipt.map_or(0, |receipt| receipt.failed_files);
    let count = failed.max(session.failed.len() as u64);
    if count == 0 {
        return;
    }
    let title = text::failed_files(count);
    sign_ui(ui, Icon::Warning, palette.warning, &title);
    let list = List {
        title: text::FAILED_LIST,
        items: &session.failed,
        count,
    };
    list.show_ui(ui, |(name, reason)| {
        (name.clone(), text::file_cause(*reason).to_owned())
    });
}

/// What the file system refuses to have set of what is there.
pub(super) fn refused_ui(ui: &mut Ui, session: &Session) {
    let palette = Palette::of(ui);
    for (attribute, count, first) in &session.refused {
        let words = text::refused(*attribute, *count, first);
        sign_ui(ui, Icon::Warning, palette.warning, &words);
    }
}

/// What the sender leaves out.
pub(super) fn left_out_there_ui(ui: &mut Ui, left_out: &Listed<PeerLeftOut>) {
    // Without names, the count has been said.
    if left_out.first.is_empty() {
        return;
    }
    let list = List {
        title: text::LEFT_OUT_LIST,
        items: &left_out.first,
        count: left_out.count,
    };
    list.show_ui(ui, |left_out| {
        let cause = text::left_out_there_cause(left_out.reason);
        (left_out.name.clone(), cause.to_owned())
    });
}

/// What is saved under another name than it was offered under.
pub(super) fn renamed_ui(ui: &mut Ui, renamed: &Listed<Renaming>) {
    if renamed.count == 0 {
        return;
    }
    let palette = Palette::of(ui);
    sign_ui(ui, Icon::File, palette.text, &text::renamed(renamed.count));
    let list = List {
        title: text::RENAMED_LIST,
        items: &renamed.first,
        count: renamed.count,
    };
    list.show_ui(ui, |renaming| {
        (renaming.name.clone(), text::saved_as(&renaming.place))
    });
}

/// What is not saved for its name.
pub(super) fn unnamed_ui(ui: &mut Ui, unnamed: &Listed<String>) {
    if unnamed.count == 0 {
        return;
    }
    let palette = Palette::of(ui);
    let words = text::unnamed(unnamed.count);
    sign_ui(ui, Icon::Warning, palette.warning, &words);
    let list = List {
        title: text::UNNAMED_LIST,
        items: &unnamed.first,
        count: unnamed.count,
    };
    list.show_ui(ui, |path| {
        (path.clone(), text::LEFT_OUT_FOR_ITS_NAME.to_owned())
    });
}
