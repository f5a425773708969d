//! The screen of the settings.

use egui::{Margin, TextEdit, Ui, vec2};
use fardrop_shared::name::BadNames;

use super::offer::POLICIES;
use super::{Scene, card_ui, page_ui, row_with_end_ui, tall_row_with_end_ui};
use crate::config::{
    DEVICE_LIMIT, OnClose, Settings, TEXT_PERCENT_MAX, TEXT_PERCENT_MIN, Theme, WORDS_MAX,
    WORDS_MIN, host_name,
};
use crate::desktop::request::FolderUse;
use crate::gui::action::{Action, FilesAction, NetworkAction, SettingsAction};
use crate::gui::screen::Screen;
use crate::gui::theme::{self, Palette};
use crate::gui::widgets::{
    Button, Icon, Weight, card_title_ui, sign_ui, text_ui, title_ui, weak_ui,
};
use crate::text;

/// Longest name of a server, in characters: a host's name and a port.
const SERVER_LETTERS: usize = 260;

/// A step of the size of everything, in percent.
const PERCENT_STEP: u16 = 25;

/// Draws the screen of the settings.
pub(super) fn show_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    page_ui(ui, Screen::Settings, |ui| {
        ui.spacing_mut().item_spacing.y = theme::SPACE_WIDE;
        title_ui(ui, text::TAB_SETTINGS);
        let mut settings = scene.model.settings.clone();
        card_ui(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            card_title_ui(ui, text::GROUP_TRANSFERS);
            transfers_ui(ui, scene, &mut settings);
        });
        card_ui(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            card_title_ui(ui, text::GROUP_NETWORK);
            servers_ui(ui, scene, &mut settings);
            check_ui(ui, &mut settings.port_mapping, text::MAPPING_LABEL);
        });
        card_ui(ui, |ui| {
            ui.spacing_mut().item_spacing.y = theme::SPACE;
            card_title_ui(ui, text::GROUP_WINDOW);
            window_ui(ui, &mut settings);
        });
        if settings != scene.model.settings {
            scene
                .actions
                .push(Action::Settings(SettingsAction::Change(Box::new(settings))));
        }
    });
}

fn transfers_ui(ui: &mut Ui, scene: &mut Scene<'_>, settings: &mut Settings) {
    text_ui(ui, text::DEVICE_LABEL);
    let device = settings.device.clone().unwrap_or_default();
    let default = host_name();
    let words = (text::DEVICE_LABEL, default.as_str());
    if let Some(name) = draft_ui(ui, "device", &device, DEVICE_LIMIT, words) {
        let name = name.trim().to_owned();
        settings.device = (!name.is_empty()).then_some(name);
    }
    tall_row_with_end_ui(
        ui,
        |ui| {
            let change = Button::new(text::CHANGE)
                .icon(Icon::Folder)
                .described(text::button_of(text::CHANGE, text::FOLDER_LABEL));
            if change.show_ui(ui) {
                scene.actions.push(Action::Files(FilesAction::ChooseFolder(
                    FolderUse::ReceiveAlways,
                )));
            }
        },
        |ui| {
            ui.vertical(|ui| {
                text_ui(ui, text::FOLDER_LABEL);
                weak_ui(ui, &scene.model.path_shown(&scene.model.destination()));
            });
        },
    );
    label_ui(ui, text::WORDS_LABEL);
    let words = settings.words;
    let fewer = words > WORDS_MIN;
    let more = words < WORDS_MAX;
    match steps_ui(
        ui,
        text::WORDS_LABEL,
        &text::words_worth(words),
        fewer,
        more,
    ) {
        Some(StepBy::Less) => settings.words = words.saturating_sub(1).max(WORDS_MIN),
        Some(StepBy::More) => settings.words = words.saturating_add(1).min(WORDS_MAX),
        None => {}
    }
    check_ui(ui, &mut settings.once, text::ONCE_LABEL);
    label_ui(ui, text::CONFLICTS_LABEL);
    let ask = (None, text::CONFLICT_ASK);
    let policies = POLICIES.map(|(policy, label)| (Some(policy), label));
    for (policy, label) in std::iter::once(ask).chain(policies) {
        if ui.radio(settings.on_conflict == policy, label).clicked() {
            settings.on_conflict = policy;
        }
    }
    label_ui(ui, text::BAD_NAMES_LABEL);
    for (policy, label) in [
        (BadNames::Rename, text::BAD_NAMES_RENAME),
        (BadNames::Skip, text::BAD_NAMES_SKIP),
    ] {
        if ui.radio(settings.bad_names == policy, label).clicked() {
            settings.bad_names = policy;
        }
    }
}

fn servers_ui(ui: &mut Ui, scene: &mut Scene<'_>, settings: &mut Settings) {
    label_ui(ui, text::SERVERS_LABEL);
    weak_ui(ui, text::SERVERS_HELP);
    let mut removed = None;
    for (at, server) in settings.rendezvous.iter().enumerate() {
        ui.push_id(at, |ui| {
            row_with_end_ui(
                ui,
                |ui| {
                    let remove = Button::icon_only(Icon::Cross, text::REMOVE_ITEM)
                        .described(text::remove_server(server));
                    if remove.show_ui(ui) {
                        removed = Some(at);
                    }
                    let test = Button::new(text::TEST).described(text::test_server(server));
                    if test.show_ui(ui) {
                        scene
                            .actions
                            .push(Action::Network(NetworkAction::TestServer(server.clone())));
                    }
                },
                |ui| {
                    text_ui(ui, &text::name(server));
                },
            );
        });
    }
    if let Some(at) = removed {
        settings.rendezvous.remove(at);
    }
    if let Some(test) = &scene.model.network.test {
        let palette = Palette::of(ui);
        match test.result {
            None => sign_ui(ui, Icon::Radio, palette.accent_text, text::TESTING),
            Some(result) => {
                let (icon, color) = match result {
                    Ok(_) => (Icon::Check, palette.good),
                    Err(_) => (Icon::Warning, palette.bad),
                };
                sign_ui(ui, icon, color, &text::server_tested(&test.server, result));
            }
        }
    }
    add_server_ui(ui, scene);
}

fn add_server_ui(ui: &mut Ui, scene: &mut Scene<'_>) {
    let filled = !scene.model.server_draft.trim().is_empty();
    let mut added = false;
    row_with_end_ui(
        ui,
        |ui| {
            let add = Button::new(text::ADD)
                .enabled(filled)
                .described(text::button_of(text::ADD, text::SERVER_LABEL));
            added = add.show_ui(ui);
        },
        |ui| {
            let mut typed = scene.model.server_draft.clone();
            let field = field(&mut typed, SERVER_LETTERS)
                .id(egui::Id::unique("server"))
                .hint_text(text::SERVER_HINT);
            let field = ui.add(field).accessible_name(text::SERVER_LABEL);
            if field.changed() {
                scene
                    .actions
                    .push(Action::Settings(SettingsAction::TypeServer(typed)));
            }
            if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                scene
                    .actions
                    .push(Action::Settings(SettingsAction::AddServer));
            }
        },
    );
    if added {
        scene
            .actions
            .push(Action::Settings(SettingsAction::AddServer));
    }
}

fn window_ui(ui: &mut Ui, settings: &mut Settings) {
    let window = &mut settings.window;
    label_ui(ui, text::THEME_LABEL);
    for (theme, label) in [
        (Theme::System, text::THEME_SYSTEM),
        (Theme::Light, text::THEME_LIGHT),
        (Theme::Dark, text::THEME_DARK),
    ] {
        if ui.radio(window.theme == theme, label).clicked() {
            window.theme = theme;
        }
    }
    label_ui(ui, text::TEXT_SIZE_LABEL);
    let percent = window.text_percent;
    let smaller = percent > TEXT_PERCENT_MIN;
    let larger = percent < TEXT_PERCENT_MAX;
    match steps_ui(
        ui,
        text::TEXT_SIZE_LABEL,
        &text::percent(percent),
        smaller,
        larger,
    ) {
        Some(StepBy::Less) => {
            window.text_percent = percent.saturating_sub(PERCENT_STEP).max(TEXT_PERCENT_MIN);
        }
        Some(StepBy::More) => {
            window.text_percent = percent.saturating_add(PERCENT_STEP).min(TEXT_PERCENT_MAX);
        }
        None => {}
    }
    check_ui(ui, &mut window.reduced_motion, text::MOTION_LABEL);
    check_ui(ui, &mut window.notifications, text::NOTIFICATIONS_LABEL);
    label_ui(ui, text::CLOSING_LABEL);
    for (on_close, label) in [
        (OnClose::Ask, text::CLOSE_ASK),
        (OnClose::Stop, text::CLOSE_STOP),
        (OnClose::Finish, text::CLOSE_FINISH),
    ] {
        if ui.radio(window.on_close == on_close, label).clicked() {
            window.on_close = on_close;
        }
    }
    if cfg!(all(unix, not(target_os = "macos"))) {
        check_ui(ui, &mut window.prefer_x11, text::X11_LABEL);
    }
}

/// A field whose text counts once it is left: half a name is nobody's name.
fn draft_ui(
    ui: &mut Ui,
    id: &str,
    value: &str,
    letters: usize,
    (label, hint): (&str, &str),
) -> Option<String> {
    let id = egui::Id::unique(("draft", id));
    let mut typed: String = ui
        .data(|data| data.get_temp(id))
        .unwrap_or_else(|| value.to_owned());
    let field = field(&mut typed, letters)
        .id(id.with("field"))
        .hint_text(hint);
    let response = ui.add(field).accessible_name(label);
    if response.lost_focus() {
        ui.data_mut(|data| data.remove::<String>(id));
        return (typed != value).then_some(typed);
    }
    if response.changed() {
        ui.data_mut(|data| data.insert_temp(id, typed));
    }
    None
}

fn field(typed: &mut String, letters: usize) -> TextEdit<'_> {
    TextEdit::singleline(typed)
        .char_limit(letters)
        .desired_width(f32::INFINITY)
        .min_size(vec2(0.0, theme::TARGET_MAIN))
        .align(egui::Align2::LEFT_CENTER)
        .margin(Margin::symmetric(10, 4))
}

/// What a setting is, a little apart from the one before.
fn label_ui(ui: &mut Ui, label: &str) {
    ui.add_space(theme::SPACE_TIGHT);
    text_ui(ui, label);
}

fn check_ui(ui: &mut Ui, value: &mut bool, label: &str) {
    ui.checkbox(value, label);
}

/// Which way a value goes.
enum StepBy {
    Less,
    More,
}

/// Two buttons, and beside them or below what they come to.
fn steps_ui(ui: &mut Ui, what: &str, value: &str, less: bool, more: bool) -> Option<StepBy> {
    let mut step = None;
    let beside = ui.available_width() >= theme::NARROW;
    ui.horizontal_wrapped(|ui| {
        let minus = Button::new(text::LESS)
            .known_by((text::LESS, what))
            .weight(Weight::Plain)
            .enabled(less)
            .described(text::button_of(text::LESS, what));
        if minus.show_ui(ui) {
            step = Some(StepBy::Less);
        }
        let plus = Button::new(text::MORE)
            .known_by((text::MORE, what))
            .weight(Weight::Plain)
            .enabled(more)
            .described(text::button_of(text::MORE, what));
        if plus.show_ui(ui) {
            step = Some(StepBy::More);
        }
        if beside {
            text_ui(ui, value);
        }
    });
    if !beside {
        text_ui(ui, value);
    }
    step
}
