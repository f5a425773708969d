//! Names that somebody chose to deceive.

use egui_kittest::kittest::NodeT as _;

use super::Desk;
use super::font::font_of;
use super::states::{looking, offer, offered_file, paired};
use crate::desktop::request::FoundFont;
use crate::engine::event::SessionNumber;
use crate::gui::theme;

/// Names and their true types.
fn names() -> Vec<(String, &'static str)> {
    vec![
        ("invoice\u{202e}fdp.exe".to_owned(), ".exe"),
        ("two\nlines.txt".to_owned(), ".txt"),
        (format!("{}.exe", "long ".repeat(819)), ".exe"),
        ("<b>bold</b> & **bold**.html".to_owned(), ".html"),
        ("../../etc/passwd.sh".to_owned(), ".sh"),
        // Letters that run from right to left.
        ("\u{5d0}\u{5d1}\u{5d2}cod.exe".to_owned(), ".exe"),
        ("\u{5d2}\u{5d1} fdp.\u{5d0}\u{5d1}1.exe".to_owned(), ".exe"),
        ("\u{6587}\u{5b57}.png".to_owned(), ".png"),
    ]
}

#[test]
fn hostile_names_are_safe_and_end_in_their_true_type() {
    for (name, ending) in names() {
        check_name(&name, ending, None);
        // The same where a font has all of its letters.
        let foreign = name.chars().filter(|letter| !letter.is_ascii());
        check_name(&name, ending, Some(font_of(&foreign.collect::<String>())));
    }
}

#[track_caller]
fn check_name(name: &str, ending: &str, font: Option<FoundFont>) {
    let mut desk = Desk::usual();
    if let Some(font) = font {
        theme::add_font(&desk.harness.ctx, font);
    }
    offered_file(&mut desk, name);
    // The type is a label of its own, to the right of the rest, whole and in sight.
    let labels: Vec<(String, egui::Rect)> = desk
        .nodes()
        .iter()
        .filter(|node| node.accesskit_node().raw_bounds().is_some())
        .map(|node| (super::name_of(node), node.rect()))
        .collect();
    let (_, place) = labels
        .iter()
        .find(|(label, _)| label == ending)
        .unwrap_or_else(|| panic!("{name:?}: {labels:?}"));
    assert!(place.right() <= 760.0, "{name:?}");
    for (label, _) in &labels {
        assert!(harmless(label), "{name:?}: {label:?}");
    }
}

#[test]
fn hostile_device_names_are_safe_everywhere() {
    for device in [
        "A\u{202e}da",
        "Ada\nDecline",
        &"x".repeat(4096),
        "",
        "\u{5d0}\u{5d1}",
    ] {
        let mut desk = Desk::usual();
        looking(&mut desk);
        paired(&mut desk, 1, device);
        desk.tell(offer(1, Some(u64::MAX)));
        desk.run();
        for node in desk.nodes() {
            let label = super::name_of(&node);
            assert!(harmless(&label), "{device:?}: {label:?}");
            assert!(label.chars().count() < 200, "{device:?}: {label:?}");
        }
        let model = desk.harness.state().model();
        assert!(model.session(SessionNumber(1)).is_some());
    }
}

#[test]
fn letters_without_a_glyph_are_replaced_on_the_screen() {
    let desk = Desk::usual();
    theme::apply(&desk.harness.ctx);
    let mut shown = String::new();
    let context = desk.harness.ctx.clone();
    let _ = context.run_ui(egui::RawInput::default(), |ui| {
        shown = crate::gui::widgets::safe(ui, "ab\u{5d0}\u{5d1}é");
    });
    assert!(!shown.contains('\u{5d0}'), "{shown}");
    assert!(shown.starts_with("ab") && shown.ends_with('é'), "{shown}");
}

/// Nothing that does something other than being seen.
fn harmless(label: &str) -> bool {
    !label.chars().any(|letter| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}
