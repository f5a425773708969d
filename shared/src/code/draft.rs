//! A code while it is being typed: what could come next, and what can be no word.

use zeroize::Zeroizing;

use super::{PairingCode, URI_SCHEME, is_separator, normalize};
use crate::limits::{MAX_CODE_BYTES, MAX_LOCATOR_DIGITS, MAX_WORDS, MIN_LOCATOR_DIGITS};
use crate::wordlist::{self, Lookup, PREFIX_LETTERS};

/// What can be said of a code that may not be finished yet. Looking at it costs no attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draft {
    /// Nothing is wrong so far, and it is not a code yet.
    Unfinished,
    /// It is a code.
    Whole,
    /// The number in front cannot be one: none, more than nine digits, or a 0 in front.
    BadNumber,
    /// This word, counted from 1, is none of the list, and no word begins with it.
    UnknownWord(usize),
    /// This word, counted from 1, is one slip away from several.
    AmbiguousWord(usize),
    /// It is too long, has too many words, or what follows the `@` is no server.
    Malformed,
}

/// Looks at what is typed so far. The last word may be half of one; every other has to be a word.
#[must_use]
pub fn inspect(typed: &str) -> Draft {
    if typed.len() > MAX_CODE_BYTES {
        return Draft::Malformed;
    }
    let text = normalize(typed);
    let text = text.trim_start();
    // The scheme itself may be half typed.
    if !text.is_empty() && URI_SCHEME.starts_with(text) {
        return Draft::Unfinished;
    }
    let text = text.strip_prefix(URI_SCHEME).unwrap_or(text);
    let (spoken, server) = match text.split_once('@') {
        Some((spoken, server)) => (spoken, Some(server)),
        None => (text, None),
    };
    let spoken = spoken.trim_start_matches(is_separator);
    let digits = spoken
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(spoken.len());
    let (number, words) = spoken.split_at(digits);
    if !number_may_become_one(number, words) {
        return Draft::BadNumber;
    }
    match inspect_words(words, server.is_some()) {
        Draft::Unfinished if PairingCode::parse(typed).is_ok() => Draft::Whole,
        Draft::Unfinished if server.is_none() => Draft::Unfinished,
        // A server is typed letter by letter too.
        Draft::Unfinished if server.is_some_and(|server| !server.contains(':')) => {
            Draft::Unfinished
        }
        Draft::Unfinished => Draft::Malformed,
        problem @ (Draft::Whole
        | Draft::BadNumber
        | Draft::UnknownWord(_)
        | Draft::AmbiguousWord(_)
        | Draft::Malformed) => problem,
    }
}

/// The words of the list that the last word of `typed` may become; none if it is one already.
pub fn completions(typed: &str) -> impl Iterator<Item = &'static str> {
    let text = normalize(typed);
    let last = last_word(&text).map(|(_, word)| Zeroizing::new(word.to_owned()));
    let whole = last
        .as_ref()
        .is_some_and(|word| wordlist::complete(word).any(|found| found == word.as_str()));
    let prefix = match last {
        Some(word) if !whole => word,
        Some(_) | None => Zeroizing::default(),
    };
    wordlist::complete(&prefix).collect::<Vec<_>>().into_iter()
}

/// `typed` with its last word made whole as `word`.
#[must_use]
pub fn complete_with(typed: &str, word: &str) -> Zeroizing<String> {
    let text = normalize(typed);
    let mut whole = Zeroizing::new(String::with_capacity(text.len() + word.len() + 1));
    match last_word(&text) {
        Some((start, _)) => whole.push_str(&text[..start]),
        None => whole.push_str(&text),
    }
    // `417acid` is a code too; written out it has its hyphen.
    if whole.ends_with(|c: char| c.is_ascii_digit()) {
        whole.push('-');
    }
    whole.push_str(word);
    whole
}

/// The word that enough of is typed at the end of `typed` to be no other; `None` if it is whole.
#[must_use]
pub fn only_completion(typed: &str) -> Option<&'static str> {
    let text = normalize(typed);
    let (_, last) = last_word(&text)?;
    if last.chars().count() < PREFIX_LETTERS {
        return None;
    }
    let mut found = wordlist::complete(last);
    match (found.next(), found.next()) {
        (Some(word), None) if word != last => Some(word),
        (_, _) => None,
    }
}

fn number_may_become_one(number: &str, rest: &str) -> bool {
    let finished = rest.chars().any(|c| !is_separator(c));
    if number.starts_with('0') || number.len() > MAX_LOCATOR_DIGITS as usize {
        return false;
    }
    !finished || number.len() >= MIN_LOCATOR_DIGITS as usize
}

/// Where the last word begins, and the word; `None` where there is none, or it is a server's part.
fn last_word(text: &str) -> Option<(usize, &str)> {
    if text.contains('@') || (!text.is_empty() && URI_SCHEME.starts_with(text)) {
        return None;
    }
    let start = text
        .rfind(|c: char| is_separator(c) || c.is_ascii_digit() || c == ':')
        .map_or(0, |at| {
            at + text[at..].chars().next().map_or(0, char::len_utf8)
        });
    let word = &text[start..];
    (!word.is_empty()).then_some((start, word))
}

fn inspect_words(words: &str, finished: bool) -> Draft {
    let ended = finished || words.ends_with(is_separator);
    let mut position = 0;
    let mut tokens = super::tokens(words).peekable();
    while let Some(token) = tokens.next() {
        let last = tokens.peek().is_none();
        position += 1;
        if let Some(joined) = wordlist::split_joined(token) {
            position += joined.len() - 1;
            continue;
        }
        if last && !ended && may_become_words(token) {
            continue;
        }
        // `yo` waits for its other half.
        if last && token == "yo" {
            continue;
        }
        match wordlist::look_up(token) {
            Lookup::Found(_) => {}
            Lookup::Ambiguous => return Draft::AmbiguousWord(position),
            Lookup::Unknown => return Draft::UnknownWord(position),
        }
    }
    if position > MAX_WORDS {
        return Draft::Malformed;
    }
    Draft::Unfinished
}

/// Whether letters are the beginning of a word, or whole words and the beginning of another.
fn may_become_words(letters: &str) -> bool {
    (0..letters.len())
        .filter(|at| letters.is_char_boundary(*at))
        .any(|at| {
            let (front, rest) = letters.split_at(at);
            (front.is_empty() || wordlist::split_joined(front).is_some())
                && wordlist::complete(rest).next().is_some()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(typed: &str, expected: Draft) {
        assert_eq!(inspect(typed), expected, "{typed}");
    }

    #[test]
    fn every_beginning_of_a_code_is_unfinished_and_the_whole_is_whole() {
        for code in ["417-acid-lemon", "fardrop:417-acid-lemon", "417 ACID LEMON"] {
            for end in 0..code.len() {
                let draft = inspect(&code[..end]);
                assert!(
                    matches!(draft, Draft::Unfinished | Draft::Whole),
                    "{}: {draft:?}",
                    &code[..end]
                );
            }
            check(code, Draft::Whole);
        }
    }

    #[test]
    fn an_unknown_word_is_told_as_soon_as_it_can_be_none() {
        check("417-xq", Draft::UnknownWord(1));
        check("417-acid-qqq", Draft::UnknownWord(2));
        check("417-ac", Draft::Unfinished);
        // Two letters may still become a word, unless something follows.
        check("417-ac-", Draft::UnknownWord(1));
    }

    #[test]
    fn numbers_are_held_to_their_digits() {
        check("", Draft::Unfinished);
        check("4", Draft::Unfinished);
        check("41-a", Draft::BadNumber);
        check("0", Draft::BadNumber);
        check("1234567890", Draft::BadNumber);
        check("acid", Draft::BadNumber);
    }

    #[test]
    fn a_server_may_follow() {
        check("417-acid-lemon@", Draft::Unfinished);
        check("417-acid-lemon@example.org", Draft::Unfinished);
        check("417-acid-lemon@example.org:4840", Draft::Whole);
        check("417-acid-lemon@example.org:x", Draft::Malformed);
    }

    #[test]
    fn wide_letters_and_odd_dashes_are_made_plain() {
        check("４１７–ＡＣＩＤ–lemon", Draft::Whole);
        assert_eq!(completions("４１７–ＡＣＩ").collect::<Vec<_>>(), ["acid"]);
    }

    #[test]
    fn the_last_word_is_completed() {
        assert_eq!(completions("417-aci").collect::<Vec<_>>(), ["acid"]);
        assert_eq!(completions("417-acid").count(), 0);
        assert_eq!(completions("417-").count(), 0);
        assert!(completions("417-a").count() > 1);
        assert_eq!(complete_with("417-aci", "acid").as_str(), "417-acid");
        assert_eq!(complete_with("417aci", "acid").as_str(), "417-acid");
        assert_eq!(only_completion("417-aci"), Some("acid"));
        assert_eq!(only_completion("417-acid"), None);
        assert_eq!(only_completion("417-ac"), None);
    }
}
