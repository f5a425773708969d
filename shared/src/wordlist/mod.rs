//! The words of pairing codes: the EFF short word list 2.
//!
//! 1296 words chosen to be remembered, no two of them sharing their first three letters, and all at
//! least three edits apart: so three letters name a word, and one slip of a finger can be undone.
//!
//! The list is "EFF Short Wordlist 2.0" by the Electronic Frontier Foundation
//! (<https://www.eff.org/dice>), under the Creative Commons Attribution 3.0 United States licence
//! (<https://creativecommons.org/licenses/by/3.0/us/>). One word is changed: `yo-yo` is written
//! `yoyo`, because the hyphen separates words in a code.

#[cfg(test)]
mod tests;

use diceware_wordlists::EFF_SHORT_WORDLIST_2_0 as EFF_WORDS;
use zeroize::Zeroizing;

use crate::limits::MAX_COMPLETIONS;

/// Words in the list: 6^4, four throws of a die, 10.3 bits.
pub const WORD_COUNT: u16 = 1296;

/// How many letters are enough to name a word.
pub const PREFIX_LETTERS: usize = 3;

/// What became of looking up something that a person typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// It is this word, or enough of its beginning, or one slip of a finger away from it alone.
    Found(u16),
    /// One slip of a finger away from several words.
    Ambiguous,
    /// Like no word in the list.
    Unknown,
}

/// The word at `index`, counted from 0; `None` from [`WORD_COUNT`] up.
#[must_use]
pub fn word(index: u16) -> Option<&'static str> {
    EFF_WORDS.get(usize::from(index)).copied().map(spelled)
}

/// The words that begin with `prefix` (any case), in alphabetical order: at most
/// [`MAX_COMPLETIONS`], and none for an empty prefix.
pub fn complete(prefix: &str) -> impl Iterator<Item = &'static str> {
    let prefix = Zeroizing::new(prefix.trim().to_lowercase());
    let limit = if prefix.is_empty() {
        0
    } else {
        MAX_COMPLETIONS
    };
    EFF_WORDS
        .iter()
        .copied()
        .map(spelled)
        .filter(move |word| word.starts_with(prefix.as_str()))
        .take(limit)
}

/// Finds the word meant by `typed`, which is in lower case: the word itself, its first three letters
/// or more, or the only word that is one substitution, insertion, deletion or swap of neighbours
/// away.
#[must_use]
pub fn look_up(typed: &str) -> Lookup {
    if let Some(index) = position(|word| word == typed) {
        return Lookup::Found(index);
    }
    if typed.chars().count() < PREFIX_LETTERS {
        return Lookup::Unknown;
    }
    if let Some(index) = position(|word| word.starts_with(typed)) {
        return Lookup::Found(index);
    }
    let mut close = (0..)
        .zip(EFF_WORDS.iter().copied().map(spelled))
        .filter(|(_, word)| one_slip_apart(typed, word));
    match (close.next(), close.next()) {
        (Some((index, _)), None) => Lookup::Found(index),
        (Some(_), Some(_)) => Lookup::Ambiguous,
        (None, _) => Lookup::Unknown,
    }
}

/// Splits words typed without anything between them; `None` unless the whole of `typed` is made of
/// words. There is at most one way, since no word is the beginning of another.
#[must_use]
pub fn split_joined(typed: &str) -> Option<Zeroizing<Vec<u16>>> {
    let mut rest = typed;
    // Room for as many words as there are letters, so that no copy is left behind by growing.
    let mut indices = Zeroizing::new(Vec::with_capacity(typed.len()));
    while !rest.is_empty() {
        let index = position(|word| rest.starts_with(word))?;
        rest = &rest[word(index)?.len()..];
        indices.push(index);
    }
    Some(indices)
}

/// The list's word as it is written in a code.
fn spelled(word: &'static str) -> &'static str {
    match word {
        "yo-yo" => "yoyo",
        plain => plain,
    }
}

fn position(matches: impl Fn(&str) -> bool) -> Option<u16> {
    (0..)
        .zip(EFF_WORDS.iter().copied().map(spelled))
        .find(|(_, word)| matches(word))
        .map(|(index, _)| index)
}

/// The letters of a word that may be of a code, wiped when dropped.
fn letters(word: &str) -> Zeroizing<Vec<char>> {
    let mut letters = Zeroizing::new(Vec::with_capacity(word.len()));
    letters.extend(word.chars());
    letters
}

/// Whether one letter substituted, inserted, deleted or swapped with its neighbour turns one into
/// the other (optimal string alignment distance of exactly 1).
fn one_slip_apart(typed: &str, word: &str) -> bool {
    let typed = letters(typed);
    let word = letters(word);
    let shared_front = typed
        .iter()
        .zip(word.iter())
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (&typed[shared_front..], &word[shared_front..]);
    match (a, b) {
        ([], []) => false,
        ([_, rest @ ..], _) if rest == b => true,
        (_, [_, rest @ ..]) if rest == a => true,
        ([_, a_rest @ ..], [_, b_rest @ ..]) if a_rest == b_rest => true,
        ([a0, a1, a_rest @ ..], [b0, b1, b_rest @ ..]) => a0 == b1 && a1 == b0 && a_rest == b_rest,
        (_, _) => false,
    }
}
