//! The code field: what is typed, and what can be said of it before it costs an attempt.

use std::fmt;

use fardrop_shared::code::PairingCode;
use fardrop_shared::code::draft::{self, Draft};

use crate::text;

/// What is typed into the code field. It is a secret: `Debug` does not show it.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct CodeEntry {
    typed: String,
    /// What was wrong when it was sent off, until it is changed.
    refused: Option<String>,
}

impl fmt::Debug for CodeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeEntry").finish_non_exhaustive()
    }
}

impl CodeEntry {
    /// Takes what the person typed or pasted. A separator behind enough letters of a word makes the word
    /// whole, unless the person is taking letters away.
    pub(crate) fn set(&mut self, typed: String) {
        let grown = typed.len() > self.typed.len();
        let ended = typed.strip_suffix(['-', ' ']);
        self.typed = match ended {
            Some(before) if grown => match draft::only_completion(before) {
                Some(word) => format!("{}-", draft::complete_with(before, word).as_str()),
                None => typed,
            },
            Some(_) | None => typed,
        };
        self.refused = None;
    }

    /// Puts a whole code or link into the field, without what surrounds it in a pasted line.
    pub(crate) fn fill(&mut self, pasted: &str) {
        self.typed = code_in(pasted).unwrap_or(pasted).trim().to_owned();
        self.refused = None;
    }

    /// Makes the last word whole.
    pub(crate) fn complete(&mut self, word: &str) {
        self.typed = draft::complete_with(&self.typed, word).to_string();
        if draft::inspect(&self.typed) != Draft::Whole {
            self.typed.push('-');
        }
    }

    /// The field is empty again.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The code is looked at as a whole; what is wrong with it is said from now on.
    pub(crate) fn check(&mut self) -> Option<PairingCode> {
        match PairingCode::parse(&self.typed) {
            Ok(code) => Some(code),
            Err(error) => {
                if !self.typed.trim().is_empty() {
                    self.refused = Some(text::code_unreadable(&error.to_string()));
                }
                None
            }
        }
    }

    /// The server that a whole code names.
    pub(crate) fn server(&self) -> Option<String> {
        let code = PairingCode::parse(&self.typed).ok()?;
        code.server().map(ToOwned::to_owned)
    }

    /// What is typed.
    pub(crate) fn typed(&self) -> &str {
        &self.typed
    }

    /// What is wrong with it, in a sentence.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(refused) = &self.refused {
            return Some(refused.clone());
        }
        match draft::inspect(&self.typed) {
            Draft::Unfinished | Draft::Whole => None,
            Draft::BadNumber => Some(text::CODE_NUMBER_BAD.to_owned()),
            Draft::UnknownWord(position) => Some(text::word_unknown(position)),
            Draft::AmbiguousWord(position) => Some(text::word_ambiguous(position)),
            Draft::Malformed => Some(text::CODE_MALFORMED.to_owned()),
        }
    }
}

/// The code in a text that holds one: the text itself, or the one word of it that is a link or a code
/// with hyphens.
pub(crate) fn code_in(text: &str) -> Option<&str> {
    let text = text.trim();
    if PairingCode::parse(text).is_ok() {
        return Some(text);
    }
    text.split_whitespace()
        .filter(|word| word.contains('-'))
        .find(|word| PairingCode::parse(word).is_ok())
}
