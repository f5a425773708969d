//! Names that some file systems take for the same.

use std::borrow::Cow;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// What all spellings have in common that a file system may take for the same name, where it looks neither
/// at case (`case`) nor at how accents are written (`form`).
///
/// With both it is canonical caseless matching (Unicode, section 3.13, D145). No file system is known to take
/// more for the same; some take less. What is not UTF-8 stays as it is.
#[must_use]
pub fn fold(component: &[u8], case: bool, form: bool) -> Cow<'_, [u8]> {
    if !case && (!form || component.is_ascii()) {
        return Cow::Borrowed(component);
    }
    if component.is_ascii() {
        return if component.iter().any(u8::is_ascii_uppercase) {
            Cow::Owned(component.to_ascii_lowercase())
        } else {
            Cow::Borrowed(component)
        };
    }
    let mut folded = Vec::with_capacity(component.len());
    for chunk in component.utf8_chunks() {
        folded.extend(fold_text(chunk.valid(), case, form).bytes());
        folded.extend(chunk.invalid());
    }
    Cow::Owned(folded)
}

/// Lower case on top of folding makes up for letters that are newer than the folding table (Unicode 16).
fn fold_text(text: &str, case: bool, form: bool) -> String {
    match (case, form) {
        (false, false) => text.to_owned(),
        (false, true) => text.nfd().collect(),
        (true, false) => {
            let folded = text.chars().default_case_fold();
            folded.flat_map(char::to_lowercase).collect()
        }
        (true, true) => {
            let folded = text.nfd().default_case_fold();
            folded.flat_map(char::to_lowercase).nfd().collect()
        }
    }
}
