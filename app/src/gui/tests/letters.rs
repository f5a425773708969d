//! Names in letters that the window's own fonts have not.

use std::time::Duration;

use egui::{Color32, FontId};

use super::Desk;
use super::font::font_of;
use super::states::offered_file;
use crate::desktop::request::{DesktopReply, DesktopRequest};
use crate::gui::theme;
use crate::gui::widgets::safe;

/// Of Hebrew: alef, bet, gimel and dalet.
const LETTERS: &str = "\u{5d0}\u{5d1}\u{5d2}\u{5d3}";

/// A window with an offer of one file.
fn desk_with(name: &str) -> Desk {
    let mut desk = Desk::usual();
    offered_file(&mut desk, name);
    desk
}

/// `text` as it would be drawn.
fn shown(desk: &Desk, text: &str) -> String {
    let mut shown = String::new();
    let output = desk.harness.ctx.run_ui(egui::RawInput::default(), |ui| {
        shown = safe(ui, text);
    });
    output.drop_without_applying_deltas();
    shown
}

#[test]
fn letters_without_a_font_are_looked_for_once_and_drawn_once_there_is_one() {
    let name = format!("{LETTERS}.txt");
    let mut desk = desk_with(&name);
    let wanted = DesktopRequest::FindFonts(LETTERS.to_owned());
    assert_eq!(desk.requested(), [wanted]);
    desk.harness.step();
    assert_eq!(desk.requested(), []);
    assert_eq!(desk.rests(), Duration::MAX);
    assert!(!shown(&desk, &name).contains(LETTERS));

    let found = DesktopReply::Fonts(vec![font_of(LETTERS)]);
    desk.desktop
        .replies
        .send(found)
        .expect("the window listens");
    desk.run();
    assert_eq!(desk.requested(), []);
    assert_eq!(desk.rests(), Duration::MAX);
    assert_eq!(shown(&desk, &name), name);
}

#[test]
fn a_search_for_fonts_that_failed_is_not_spoken_of_and_not_repeated() {
    let mut desk = desk_with(&format!("{LETTERS}.txt"));
    let request = desk.requested().pop().expect("letters are looked for");
    let failed = DesktopReply::Failed {
        request,
        problem: "the desktop does not answer".to_owned(),
    };
    desk.desktop
        .replies
        .send(failed)
        .expect("the window listens");
    desk.run();
    assert!(!desk.says("the desktop does not answer"));
    assert_eq!(desk.requested(), []);
    assert_eq!(desk.rests(), Duration::MAX);
}

#[test]
fn a_reader_is_told_letters_that_no_font_has() {
    let desk = desk_with(&format!("{LETTERS} plain.txt"));
    assert!(desk.says(LETTERS));
}

#[test]
fn words_from_right_to_left_stand_as_they_are_read() {
    let desk = Desk::usual();
    theme::add_font(&desk.harness.ctx, font_of(LETTERS));
    let logical = "to \u{5d0}\u{5d1} \u{5d2}\u{5d3}, on";
    let drawn = shown(&desk, logical);
    let galley = desk.harness.ctx.fonts_mut(|fonts| {
        let font = FontId::proportional(14.0);
        fonts.layout_no_wrap(drawn, font, Color32::BLACK)
    });
    let mut glyphs = galley.rows[0].glyphs.clone();
    glyphs.sort_by(|one, other| one.pos.x.total_cmp(&other.pos.x));
    let seen: String = glyphs
        .iter()
        .filter(|glyph| glyph.advance_width > 0.0)
        .map(|glyph| glyph.chr)
        .collect();
    assert_eq!(seen, "to \u{5d3}\u{5d2} \u{5d1}\u{5d0}, on");
}
