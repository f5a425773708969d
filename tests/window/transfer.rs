//! Two windows on one machine: files go from one into the other, found and driven as a person would.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use fardrop_tests::tree;

use super::accessible::{Part, Role};
use super::instance::{Instance, Stage};

/// The code that a window shows to be read out.
pub(crate) fn code(sender: &Instance<'_>) -> Result<String> {
    sender.wait("code", |parts| parts.iter().find_map(|part| spoken(&part.name)))
}

/// A name that is a code: a number and words, whatever stands between them.
fn spoken(name: &str) -> Option<String> {
    let words: Vec<&str> = name.split(['-', ' ']).filter(|word| !word.is_empty()).collect();
    let number = words.first().is_some_and(|word| word.chars().all(|letter| letter.is_ascii_digit()));
    let others = words.get(1..)?;
    let plain = |word: &&str| word.len() >= 3 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    (number && others.len() >= 2 && others.iter().all(plain)).then(|| words.join("-").to_lowercase())
}

/// Types a code into the field that has the caret from the start, and takes what is offered.
pub(crate) fn receive(receiver: &Instance<'_>, code: &str) -> Result<()> {
    receiver.find(Role::ENTRY, "Code")?;
    receiver.type_text(code)?;
    receiver.press_ready("Receive")?;
    receiver.press("Accept")
}
