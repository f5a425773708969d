//! Showing what a stranger wrote.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How many characters of an ending are shown whole where the middle is left out: `.tar.gz` and the
/// like, with a little of the name before them.
const TAIL_CHARS: usize = 12;

/// `text` with everything escaped, as `\u{202e}`, that does something other than being seen: control
/// characters (ANSI sequences with them), bidirectional overrides and isolates, zero-width and other
/// invisible characters, line separators, tags. Of more than `max_chars` characters, the middle gives
/// way to `…`, and the end stays, where the kind of a file is told.
///
/// Nothing is said of characters that look like others.
#[must_use]
pub fn display_safe(text: &str, max_chars: usize) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) && text.chars().count() <= max_chars {
        return Cow::Borrowed(text);
    }
    let shown: Vec<Shown> = text.chars().map(Shown::of).collect();
    let total: usize = shown.iter().map(Shown::width).sum();
    if total <= max_chars {
        return shown.iter().map(|shown| shown.text()).collect();
    }
    // One for the ellipsis, and a third of the rest at most for the end.
    let room = max_chars.saturating_sub(1);
    let tail_room = TAIL_CHARS.min(room / 3);
    let tail = fitting(shown.iter().rev(), tail_room);
    let tail_width: usize = shown[shown.len() - tail..].iter().map(Shown::width).sum();
    let head = fitting(shown.iter(), room - tail_width);
    let mut cut = String::new();
    cut.extend(shown[..head].iter().map(|shown| shown.text()));
    if max_chars > 0 {
        cut.push('…');
    }
    cut.extend(shown[shown.len() - tail..].iter().map(|shown| shown.text()));
    Cow::Owned(cut)
}

/// The text of a name: what is not UTF-8 in it appears as `\xff`. For people only: two names may have the same
/// text.
#[must_use]
pub fn lossy(name: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(name) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(name.len() + 8);
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a String does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    Cow::Owned(text)
}

/// A character as it is shown. An escape is never cut in two.
enum Shown {
    Plain(char),
    Escaped(char),
}

impl Shown {
    fn of(c: char) -> Self {
        if is_unseen(c) {
            Self::Escaped(c)
        } else {
            Self::Plain(c)
        }
    }

    /// In characters.
    fn width(&self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Escaped(c) => c.escape_unicode().count(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Plain(c) => c.to_string(),
            Self::Escaped(c) => c.escape_unicode().to_string(),
        }
    }
}

/// How many of `shown`, from its beginning, fit `room` characters.
fn fitting<'a>(shown: impl Iterator<Item = &'a Shown>, room: usize) -> usize {
    shown
        .scan(0, |width, shown| {
            *width += shown.width();
            Some(*width)
        })
        .take_while(|width| *width <= room)
        .count()
}

/// Characters that change how others are seen, or are not seen themselves: the controls, and of
/// Unicode's Default_Ignorable_Code_Point, Bidi_Control and the separators all but U+FE0F, which
/// emoji have.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
            | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            // A blank, though it counts as a pattern of dots.
            | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}
