//! Every state in every size and theme: nothing is cut off, nothing is without a name, and nothing
//! changes unseen.

use std::fmt::Write as _;
use std::path::PathBuf;

use egui::accesskit::Role;
use egui_kittest::kittest::NodeT as _;
use egui_kittest::{Node, SnapshotOptions, SnapshotResults};

use super::states::{self, State};
use super::{Desk, Look, name_of};
use crate::config::{Settings, Theme};
use crate::desktop::request::{Appearance, DesktopReply, Looks};
use crate::gui::action::{Action, SettingsAction};
use crate::gui::theme::{self, DARK, LIGHT};

/// Sizes that a window has to do with: a narrow one, the usual one, and the usual one for weak eyes.
const SIZES: [([f32; 2], u16); 3] = [
    ([360.0, 480.0], 100),
    ([760.0, 620.0], 100),
    ([760.0, 620.0], 200),
];

/// States of which pictures are kept.
const PICTURES: [&str; 4] = ["home", "ready-to-send", "offer", "moving"];

/// Set to have the snapshots written anew.
const UPDATE: &str = "UPDATE_SNAPSHOTS";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/gui/tests/snapshots")
}

fn desk_in(state: &State, look: &Look) -> Desk {
    let mut desk = Desk::new(look, Settings::default());
    (state.make)(&mut desk);
    desk.run();
    desk
}

/// Shows every state in every size; fails with all that `wrong` finds in one, in a window so wide in points.
fn check_everywhere(wrong: impl Fn(&Desk, f32) -> Vec<String>) {
    let mut problems = String::new();
    for state in states::all() {
        for (size, percent) in SIZES {
            let look = Look {
                size,
                percent,
                ..Look::usual()
            };
            let desk = desk_in(&state, &look);
            for problem in wrong(&desk, size[0] * 100.0 / f32::from(percent)) {
                let _ = writeln!(
                    problems,
                    "{} at {size:?}, {percent} %: {problem}",
                    state.name
                );
            }
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

/// The texts that are painted.
fn galleys(desk: &Desk) -> impl Iterator<Item = &egui::Galley> {
    let shapes = desk.harness.output().shapes.iter();
    shapes.filter_map(|clipped| {
        let egui::Shape::Text(text) = &clipped.shape else {
            return None;
        };
        Some(text.galley.as_ref())
    })
}

#[test]
fn nothing_is_cut_off_and_nothing_is_without_a_name() {
    check_everywhere(|desk, width| {
        let nodes = desk.nodes();
        nodes
            .iter()
            .filter_map(|node| problem_of(node, width))
            .collect()
    });
}

/// What is wrong with a node in a window so wide, in points.
fn problem_of(node: &Node<'_>, width: f32) -> Option<String> {
    let inner = node.accesskit_node();
    let role = inner.role();
    let pressed = matches!(
        role,
        Role::Button | Role::CheckBox | Role::RadioButton | Role::Tab | Role::TextInput
    );
    let name = name_of(node);
    if pressed && inner.label().unwrap_or_default().trim().is_empty() {
        return Some(format!("{role:?} without a name"));
    }
    let drawn = pressed
        || matches!(
            role,
            Role::Label | Role::Heading | Role::ProgressIndicator | Role::Image
        );
    if !drawn {
        return None;
    }
    let rect = node.rect();
    if rect.left() < -0.5 || rect.right() > width + 0.5 {
        return Some(format!("{role:?} {name:?} is cut off: {rect:?}"));
    }
    if pressed && rect.width().min(rect.height()) < theme::TARGET_MIN - 0.5 {
        return Some(format!("{role:?} {name:?} is too small to press: {rect:?}"));
    }
    let main = [
        "Accept",
        "Decline",
        "Choose files",
        "Copy code",
        "Receive",
        crate::text::CODE_LABEL,
    ];
    let is_main = pressed && role != Role::Label && main.contains(&name.as_str());
    if is_main && rect.height() < theme::TARGET_MAIN - 0.5 {
        return Some(format!("{role:?} {name:?} is too low: {rect:?}"));
    }
    None
}

#[test]
fn content_stands_in_the_middle_of_a_wide_window() {
    let width = 1920.0;
    let look = Look {
        size: [width, 1080.0],
        ..Look::usual()
    };
    let mut desk = Desk::new(&look, Settings::default());
    desk.run();
    let place = |role: Role, label: &str| {
        desk.nodes()
            .into_iter()
            .find(|node| node.accesskit_node().role() == role && name_of(node) == label)
            .expect("it is there")
            .rect()
    };
    let left = place(Role::Heading, "Send").left();
    let right = place(Role::Button, "Receive").right();
    assert!((left + right - width).abs() < 2.0, "{left} {right}");
    assert!(right - left < 700.0, "{left} {right}");
}

#[test]
fn no_screen_paints_the_ground_that_the_window_is_cleared_in() {
    for state in states::all() {
        let desk = desk_in(&state, &Look::usual());
        let window = desk.harness.ctx.content_rect();
        let ground = desk.harness.ctx.global_style().visuals.panel_fill;
        for shape in &desk.harness.output().shapes {
            if let egui::Shape::Rect(rect) = &shape.shape {
                let covers = rect.rect.area() > 0.5 * window.area();
                assert!(!(covers && rect.fill == ground), "{}: {rect:?}", state.name);
            }
        }
    }
}

#[test]
fn no_word_on_a_button_is_broken() {
    check_everywhere(|desk, _| {
        let words: Vec<String> = desk
            .nodes()
            .iter()
            .filter(|node| matches!(node.accesskit_node().role(), Role::Button | Role::Tab))
            .map(name_of)
            .filter(|name| !name.contains(' '))
            .collect();
        galleys(desk)
            .filter(|galley| galley.rows.len() > 1)
            .map(|galley| galley.text().to_owned())
            .filter(|text| words.contains(text))
            .collect()
    });
}

/// Letters of a name that are seen at least, however long it is and however narrow its row.
const LETTERS_SEEN: usize = 10;

#[test]
fn a_name_that_is_cut_short_is_still_known_by_its_beginning() {
    check_everywhere(|desk, _| {
        galleys(desk)
            .filter(|galley| galley.elided)
            .filter_map(|galley| {
                let seen: usize = galley.rows.iter().map(|row| row.glyphs.len()).sum();
                (seen < LETTERS_SEEN).then(|| format!("{seen} letters of {:?}", galley.text()))
            })
            .collect()
    });
}

#[test]
fn yes_and_no_are_in_sight_in_every_size() {
    for (size, percent) in SIZES {
        let look = Look {
            size,
            percent,
            ..Look::usual()
        };
        let mut desk = Desk::new(&look, Settings::default());
        states::offered(&mut desk);
        for label in ["Accept", "Decline"] {
            let rect = desk
                .nodes()
                .into_iter()
                .find(|node| name_of(node) == label)
                .expect("a button")
                .rect();
            let height = size[1] / (f32::from(percent) / 100.0);
            assert!(
                rect.top() >= 0.0 && rect.bottom() <= height,
                "{label} at {size:?}, {percent} %: {rect:?}"
            );
        }
    }
}

#[test]
fn what_is_said_is_as_it_was() {
    let mut changed = Vec::new();
    for state in states::all() {
        let desk = desk_in(&state, &Look::usual());
        let text = described(&desk);
        let file = folder().join(format!("{}.txt", state.name));
        if std::env::var_os(UPDATE).is_some() {
            std::fs::create_dir_all(folder()).expect("a folder");
            std::fs::write(&file, &text).expect("written");
        }
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        if known != text {
            changed.push(format!("--- {}\n{text}", state.name));
        }
    }
    assert!(
        changed.is_empty(),
        "not as kept; look at it, then run again with {UPDATE}=1\n{}",
        changed.join("\n")
    );
}

/// The accessibility tree, as a screen reader would go through it.
fn described(desk: &Desk) -> String {
    let mut text = String::new();
    for node in desk.nodes() {
        let inner = node.accesskit_node();
        let name = name_of(&node);
        if name.is_empty() {
            continue;
        }
        let _ = write!(text, "{:?}: {name}", inner.role());
        if inner.role() == Role::TextInput
            && let Some(value) = inner.value().filter(|value| !value.is_empty())
        {
            let _ = write!(text, " = {value}");
        }
        if let Some(value) = inner.numeric_value() {
            let _ = write!(text, " = {value}");
        }
        if let Some(toggled) = inner.toggled() {
            let _ = write!(text, " ({toggled:?})");
        }
        if inner.is_disabled() {
            text.push_str(" (disabled)");
        }
        if inner.is_focused() {
            text.push_str(" (focus)");
        }
        text.push('\n');
    }
    text
}

#[test]
fn pictures_are_as_they_were() {
    let folder = folder();
    let mut results = SnapshotResults::new();
    for state in states::all() {
        if !PICTURES.contains(&state.name) {
            continue;
        }
        for (theme, suffix) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
            let look = Look {
                theme,
                ..Look::usual()
            };
            let mut desk = desk_in(&state, &look);
            let options = SnapshotOptions::new().output_path(&folder);
            desk.harness
                .snapshot_options(format!("{}-{suffix}", state.name), &options);
            results.extend_harness(&mut desk.harness);
        }
    }
    results.unwrap();
}

/// Writes a picture of every state into the folder that `FARDROP_PICTURES` names, to be looked at.
#[test]
fn pictures_of_everything_can_be_taken() {
    let Some(folder) = std::env::var_os("FARDROP_PICTURES").map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).expect("a folder");
    for state in states::all() {
        for (theme, suffix) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
            for (at, (size, percent)) in SIZES.into_iter().enumerate() {
                let look = Look {
                    size,
                    percent,
                    theme,
                    pixels: 1.0,
                };
                let mut desk = desk_in(&state, &look);
                let picture = desk.harness.render().expect("a picture");
                let file = folder.join(format!("{}-{at}-{suffix}.png", state.name));
                picture.save(file).expect("saved");
            }
        }
    }
}

#[test]
fn a_window_looks_as_the_desktop_does_unless_it_is_set_otherwise() {
    let mut desk = Desk::new(
        &Look {
            theme: Theme::System,
            ..Look::usual()
        },
        Settings::default(),
    );
    desk.run();
    let looks = |desk: &Desk| {
        let still = desk.harness.ctx.global_style().scroll_animation;
        let still = still == egui::style::ScrollAnimation::none();
        (desk.harness.ctx.theme(), still)
    };
    assert_eq!(looks(&desk), (egui::Theme::Light, false));
    let dark = DesktopReply::Looks(Looks {
        appearance: Some(Appearance::Dark),
        reduced_motion: true,
    });
    desk.desktop.replies.send(dark).expect("the window listens");
    desk.run();
    assert_eq!(looks(&desk), (egui::Theme::Dark, true));
    assert_eq!(desk.rests(), std::time::Duration::MAX);
    let mut settings = desk.harness.state().model().settings.clone();
    settings.window.theme = Theme::Light;
    let set = Action::Settings(SettingsAction::Change(Box::new(settings)));
    desk.harness.state_mut().model_mut().handle_action(set);
    desk.run();
    assert_eq!(looks(&desk), (egui::Theme::Light, true));
}

#[test]
fn colours_that_meet_can_be_told_apart() {
    for (name, palette) in [("light", LIGHT), ("dark", DARK)] {
        check_pairs(name, &palette.text_pairs(), 4.5);
        check_pairs(name, &palette.edge_pairs(), 3.0);
    }
}

#[track_caller]
fn check_pairs(theme: &str, pairs: &[(&'static str, egui::Color32, egui::Color32)], least: f64) {
    for (what, front, back) in pairs {
        let found = contrast(*front, *back);
        assert!(found >= least, "{theme}: {what}: {found:.2}, not {least}");
    }
}

/// WCAG 2.2, "contrast ratio".
fn contrast(a: egui::Color32, b: egui::Color32) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// WCAG 2.2, "relative luminance".
fn luminance(color: egui::Color32) -> f64 {
    let linear = |channel: u8| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
}

#[test]
fn the_contrast_is_measured_as_wcag_does() {
    let black_on_white = contrast(egui::Color32::BLACK, egui::Color32::WHITE);
    assert!((black_on_white - 21.0).abs() < 0.01);
    let grey = contrast(egui::Color32::from_gray(0x77), egui::Color32::WHITE);
    assert!((grey - 4.48).abs() < 0.01, "{grey}");
}
