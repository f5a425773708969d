//! Text in letters that may be of any script.
//!
//! egui shapes the letters of one font as their script wants them, those that run from right to left
//! included, but sets what stands in several fonts from left to right, words of Hebrew as well. So that
//! their order is made here, and each of them has a font's run for itself.

use std::collections::BTreeSet;

use egui::{Context, Id, Response, TextStyle, Ui};
use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};

/// What stands for a character that no font here can draw.
const NO_GLYPH: char = '\u{25a1}';

/// What stands for such a character where [`NO_GLYPH`] cannot be drawn either.
const NO_GLYPH_PLAIN: char = '?';

/// Asks for the look of an emoji, in fonts that have several. It is nothing to be seen.
const EMOJI_STYLE: char = '\u{fe0f}';

/// Keeps two runs apart: nothing to be seen, and the first font has it. Names hold none, it is escaped
/// in them.
const APART: char = '\u{200e}';

/// Letters that may be missing in one frame; more are missed again in the next.
const MISSING_LIMIT: usize = 256;

/// `text` as it is drawn: everything replaced that our fonts cannot draw, and in the order in which it
/// stands on a line that runs from left to right.
///
/// The replaced letters are noted, see [`take_missing`].
pub(crate) fn safe(ui: &Ui, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let font = TextStyle::Body.resolve(ui.style());
    let mut missing = BTreeSet::new();
    let shown: String = ui.ctx().fonts_mut(|fonts| {
        let stand_in = if fonts.has_glyph(&font, NO_GLYPH) {
            NO_GLYPH
        } else {
            NO_GLYPH_PLAIN
        };
        text.chars()
            .filter(|letter| *letter != EMOJI_STYLE)
            .map(|letter| {
                if letter == '\n' || fonts.has_glyph(&font, letter) {
                    letter
                } else {
                    missing.insert(letter);
                    stand_in
                }
            })
            .collect()
    });
    if !missing.is_empty() {
        note_missing(ui.ctx(), missing);
    }
    in_visual_order(&shown)
}

/// Lets a screen reader have the text as it is read, not as it is drawn.
pub(crate) fn read_as(response: &Response, text: &str, shown: &str) {
    if text != shown {
        response.ctx.accesskit_node_builder(response.id, |node| {
            node.set_value(text.to_owned());
        });
    }
}

/// The letters that were to be drawn since the last call and are in no font here.
pub(crate) fn take_missing(context: &Context) -> BTreeSet<char> {
    context
        .data_mut(|data| data.remove_temp(missing_id()))
        .unwrap_or_default()
}

fn note_missing(context: &Context, letters: BTreeSet<char>) {
    context.data_mut(|data| {
        let noted: &mut BTreeSet<char> = data.get_temp_mut_or_default(missing_id());
        let room = MISSING_LIMIT.saturating_sub(noted.len());
        noted.extend(letters.into_iter().take(room));
    });
}

fn missing_id() -> Id {
    Id::unique("missing letters")
}

/// What a line from left to right shows of `text`, piece by piece: UAX #9, as far as it goes without
/// turning letters round, which the fonts' shaper does.
fn in_visual_order(text: &str) -> String {
    if !text.chars().any(|letter| turns(bidi_class(letter))) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    let order = BidiInfo::new(text, Some(Level::ltr()));
    for paragraph in &order.paragraphs {
        let (levels, runs) = order.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let backwards = levels[run.start].is_rtl();
            let mut pieces = pieces(&text[run], backwards);
            if backwards {
                pieces.reverse();
            }
            for piece in pieces {
                let foreign =
                    |letter: Option<char>| letter.is_some_and(|letter| !letter.is_ascii());
                if foreign(line.chars().next_back()) && foreign(piece.chars().next()) {
                    line.push(APART);
                }
                line.push_str(&piece);
            }
        }
    }
    line
}

/// Cuts a run into what egui lays out by itself: words, which are turned round by the shaper, and
/// everything else, which is not and stands one by one where the run is to be turned round. Digits of
/// scripts that run the other way would be turned round with a neighbour.
fn pieces(run: &str, backwards: bool) -> Vec<String> {
    let mut pieces: Vec<(Kind, String)> = Vec::new();
    for letter in run.chars() {
        let kind = Kind::of(letter, backwards);
        match (kind, pieces.last_mut()) {
            (Kind::Mark, Some((_, piece))) => piece.push(letter),
            (Kind::Word | Kind::Plain, Some((last, piece))) if *last == kind => piece.push(letter),
            _ if backwards => pieces.push((kind, mirrored(letter).to_string())),
            _ => pieces.push((kind, letter.to_string())),
        }
    }
    pieces.into_iter().map(|(_, piece)| piece).collect()
}

/// How a letter is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With its neighbours of the same kind, from right to left.
    Word,
    /// With its neighbours of the same kind, from left to right.
    Plain,
    /// By itself.
    Alone,
    /// With what comes before it.
    Mark,
}

impl Kind {
    fn of(letter: char, backwards: bool) -> Self {
        let class = bidi_class(letter);
        if matches!(class, BidiClass::R | BidiClass::AL) {
            Self::Word
        } else if class == BidiClass::NSM {
            Self::Mark
        } else if backwards || is_number(class) && !letter.is_ascii() {
            Self::Alone
        } else {
            Self::Plain
        }
    }
}

const fn is_number(class: BidiClass) -> bool {
    matches!(class, BidiClass::AN | BidiClass::EN)
}

/// Whether a letter of this class has others run from right to left.
const fn turns(class: BidiClass) -> bool {
    matches!(class, BidiClass::R | BidiClass::AL | BidiClass::AN)
}

/// What a bracket looks like from behind.
const fn mirrored(letter: char) -> char {
    match letter {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of Hebrew are written in capitals here, and those of Arabic digits as they are.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let letters = |text: &str| -> String {
            text.chars()
                .map(|letter| match letter {
                    'A'..='Z' => char::from_u32(0x5d0 + u32::from(letter) - u32::from('A'))
                        .expect("a letter of Hebrew"),
                    other => other,
                })
                .collect()
        };
        let shown = in_visual_order(&letters(text)).replace(APART, "|");
        assert_eq!(shown, letters(expected), "{text}");
    }

    #[test]
    fn words_that_run_the_other_way_are_put_in_order_and_left_to_be_turned() {
        check("plain text", "plain text");
        check("ABC", "ABC");
        check("ABC DEF", "DEF ABC");
        check("to ABC DEF, and on", "to DEF ABC, and on");
        check("ABC 12 DEF", "DEF 12 ABC");
        check("A (B) C", "C (B) A");
        check("one\nAB CD\ntwo", "one\nCD AB\ntwo");
        check("AB, 3.5 CD", "CD 3.5 ,AB");
    }

    #[test]
    fn runs_of_one_font_are_kept_apart() {
        // A comma and digits of Arabic, which would be turned round with the word.
        check("AB\u{60c}", "AB|\u{60c}");
        check("AB\u{60c} CD", "CD \u{60c}|AB");
        check("\u{6f1}\u{6f2}", "\u{6f1}\u{6f2}");
        check("AB \u{6f1}\u{6f2}", "\u{6f1}|\u{6f2} AB");
        check("AB\u{661}\u{662}", "\u{661}|\u{662}|AB");
    }

    #[test]
    fn a_mark_stays_with_its_letter() {
        check("AB\u{5b8} C", "C AB\u{5b8}");
    }
}
