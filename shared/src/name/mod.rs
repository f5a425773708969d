//! File names from a stranger.
//!
//! [`SafeName`] is the only way from a peer's bytes to a path. It holds a relative path whose every
//! component means the same on Linux, macOS and Windows, whoever runs the receiver: what one system
//! takes for a plain name, another takes for a device, a stream or a way out of the folder.

mod display;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use display::display_safe;
pub use set::{EntryKind, NameSet};

use crate::limits::{MAX_COMPONENT_BYTES, MAX_NAME_BYTES, MAX_NAME_DEPTH};

/// What the names of our own files beside a destination begin with.
pub const PART_PREFIX: &str = ".fardrop-";

/// What the names of files still to be finished end with.
pub const PART_SUFFIX: &str = ".part";

/// Names that Windows keeps for devices, in lower case; an extension or trailing spaces do not
/// change that. `com` and `lpt` with a digit come on top.
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A relative path of one or more components, separated by `/`, that stays where it is put.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SafeName(String);

impl SafeName {
    /// Reads a name as a peer sends it: UTF-8, components separated by `/`.
    ///
    /// # Errors
    ///
    /// One [`NameError`] per rule, the first one that is broken.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        Self::check(
            str::from_utf8(bytes)
                .map_err(|_| NameError::NotUtf8)?
                .to_owned(),
        )
    }

    /// Builds a name out of the components of a path on this machine.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse); also [`NameError::Separator`] for a component with `/` in it.
    pub fn from_components<'a>(
        components: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NameError> {
        let mut name = String::new();
        for component in components {
            if component.contains('/') {
                return Err(NameError::Separator);
            }
            if component.is_empty() {
                return Err(NameError::Empty);
            }
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(component);
        }
        Self::check(name)
    }

    /// The name as it travels, components separated by `/`. To be escaped where it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, outermost first; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, last)| last)
    }

    /// All but the last component; `None` if there is only one.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (parent, _) = self.0.rsplit_once('/')?;
        Some(Self(parent.to_owned()))
    }

    /// The name inside `root`. Links that are already there may still lead out of it: whoever opens
    /// the path must not follow them.
    #[must_use]
    pub fn under(&self, root: &Path) -> PathBuf {
        let mut path = root.to_owned();
        path.extend(self.components());
        path
    }

    /// The `number`th other name beside this one: `name (1).ext`. The stem is cut where the whole
    /// would be too long.
    ///
    /// # Errors
    ///
    /// [`NameError::TooLong`] if the whole path has no room for it.
    pub fn numbered(&self, number: u32) -> Result<Self, NameError> {
        let last = self.file_name();
        let (stem, extension) = split_extension(last);
        let addition = format!(" ({number})");
        let room = MAX_COMPONENT_BYTES.saturating_sub(addition.len() + extension.len());
        let mut end = stem.len().min(room);
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        let folders = &self.0[..self.0.len() - last.len()];
        Self::check(format!("{folders}{}{addition}{extension}", &stem[..end]))
    }

    /// Whether `platform` can have a file of that name.
    ///
    /// Windows cannot have `< > " | ? *`, which people on Linux and macOS do use. They are no
    /// danger, since nothing there gives them a meaning inside a path, so an offer with them is
    /// sound; only a receiver on Windows has to refuse it, before the first byte.
    ///
    /// # Errors
    ///
    /// [`NameError::NotOnWindows`].
    pub fn check_on(&self, platform: Platform) -> Result<(), NameError> {
        match platform {
            Platform::Unix => Ok(()),
            Platform::Windows => match self.0.chars().find(|c| r#"<>"|?*"#.contains(*c)) {
                Some(_) => Err(NameError::NotOnWindows),
                None => Ok(()),
            },
        }
    }

    fn check(name: String) -> Result<Self, NameError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong);
        }
        if name.starts_with('/') {
            return Err(NameError::Absolute);
        }
        if name.split('/').count() > MAX_NAME_DEPTH {
            return Err(NameError::TooDeep);
        }
        name.split('/').try_for_each(check_component)?;
        Ok(Self(name))
    }
}

impl AsRef<str> for SafeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SafeName {
    /// Escaped, whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_safe(&self.0, usize::MAX))
    }
}

impl From<SafeName> for String {
    fn from(name: SafeName) -> Self {
        name.0
    }
}

impl TryFrom<String> for SafeName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        Self::check(name)
    }
}

impl TryFrom<&str> for SafeName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        Self::check(name.to_owned())
    }
}

/// Whose rules for file names hold at the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux, macOS and their like.
    Unix,
    /// Windows.
    Windows,
}

impl Platform {
    /// Where this code runs.
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else {
        Self::Unix
    };
}

/// Why a name, or an offer of names, is refused. The name itself is left out: whoever shows the error
/// has it, and knows how to escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not UTF-8.
    #[error("the name is not UTF-8")]
    NotUtf8,
    /// Nothing, or nothing between two slashes or after the last.
    #[error("the name has an empty part")]
    Empty,
    /// It begins with `/`.
    #[error("the name is an absolute path")]
    Absolute,
    /// `.` or `..`.
    #[error("the name leads to another folder")]
    Dots,
    /// A backslash, which is a separator on Windows.
    #[error("the name has a backslash")]
    Backslash,
    /// A colon: a drive or a stream on Windows, a separator in parts of macOS.
    #[error("the name has a colon")]
    Colon,
    /// A slash inside a component.
    #[error("the name has a slash")]
    Separator,
    /// NUL or another control character.
    #[error("the name has a control character")]
    Control,
    /// A dot or a space at the end, which Windows drops: the name of another file there.
    #[error("a part of the name ends with a dot or a space")]
    TrailingDotOrSpace,
    /// A device on Windows.
    #[error("the name is reserved on Windows")]
    Reserved,
    /// One of the characters `< > " | ? *`, for a receiver on Windows.
    #[error("the name has a character that Windows does not allow")]
    NotOnWindows,
    /// One of ours, as of part files.
    #[error("the name is one of Fardrop's own")]
    OurOwn,
    /// A component of more than [`MAX_COMPONENT_BYTES`].
    #[error("a part of the name is too long")]
    ComponentTooLong,
    /// More than [`MAX_NAME_BYTES`].
    #[error("the name is too long")]
    TooLong,
    /// More than [`MAX_NAME_DEPTH`] components.
    #[error("the name has too many folders")]
    TooDeep,
    /// The same name as another of the offer, or one that some systems take for the same.
    #[error("two names are the same, or differ only in case or in how accents are written")]
    Collision,
    /// More than [`MAX_OFFER_NAMES`](crate::limits::MAX_OFFER_NAMES).
    #[error("there are too many files and folders")]
    TooMany,
}

/// Whether `component` is the name of one of our own files, which nobody may send and which is not
/// offered: anything with [`PART_PREFIX`] in front, part file or journal, in any case.
#[must_use]
pub fn is_part_name(component: &str) -> bool {
    component
        .get(..PART_PREFIX.len())
        .is_some_and(|front| front.eq_ignore_ascii_case(PART_PREFIX))
}

fn check_component(component: &str) -> Result<(), NameError> {
    match component {
        "" => return Err(NameError::Empty),
        "." | ".." => return Err(NameError::Dots),
        _ => {}
    }
    // As long in UTF-16 as it is in UTF-8, at most.
    if component.len() > MAX_COMPONENT_BYTES {
        return Err(NameError::ComponentTooLong);
    }
    for c in component.chars() {
        match c {
            '\\' => return Err(NameError::Backslash),
            ':' => return Err(NameError::Colon),
            c if c.is_control() => return Err(NameError::Control),
            _ => {}
        }
    }
    if component.ends_with(['.', ' ']) {
        return Err(NameError::TrailingDotOrSpace);
    }
    if is_reserved(component) {
        return Err(NameError::Reserved);
    }
    if is_part_name(component) {
        return Err(NameError::OurOwn);
    }
    Ok(())
}

fn is_reserved(component: &str) -> bool {
    let base = component
        .split_once('.')
        .map_or(component, |(base, _)| base);
    let base = base.trim_end_matches(' ').to_ascii_lowercase();
    let digit = base
        .strip_prefix("com")
        .or_else(|| base.strip_prefix("lpt"));
    let numbered = digit.is_some_and(|digit| {
        let mut digits = digit.chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    });
    numbered || RESERVED.contains(&base.as_str())
}

/// The stem and the extension with its dot. A dot in front is no extension, nor is one so long that
/// it is no kind of file.
fn split_extension(component: &str) -> (&str, &str) {
    match component.rfind('.') {
        Some(at) if at > 0 && component.len() - at <= MAX_EXTENSION_BYTES => component.split_at(at),
        Some(_) | None => (component, ""),
    }
}

/// Longest ending, in bytes with its dot, that is kept apart as an extension.
const MAX_EXTENSION_BYTES: usize = 24;
