//! What names a receiver can give: its system's rules, and what its destination was found to refuse.

use std::borrow::Cow;

use super::fold::fold;

/// Names that Windows keeps for devices, in lower case; an extension or trailing spaces do not
/// change that. `com` and `lpt` with a digit come on top.
/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Characters that Windows does not allow in a name, the controls aside. A backslash separates, a colon
/// leads to a drive or to a stream.
const NOT_ON_WINDOWS: &str = r#"<>"|?*:\"#;

/// Longest component where nothing else is known: bytes (ext4, APFS) or UTF-16 units (NTFS, FAT).
const USUAL_LENGTH: usize = 255;

/// Length in bytes that every file system in use can hold; encrypting ones (eCryptfs) begin to refuse at 144.
const LENGTH_EVERYWHERE: usize = 140;

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

/// The longest component that can be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLength {
    /// In bytes.
    Bytes(usize),
    /// In UTF-16 units.
    Utf16(usize),
}

impl NameLength {
    fn holds(self, component: &[u8]) -> bool {
        match self {
            Self::Bytes(most) => component.len() <= most,
            Self::Utf16(most) if component.len() <= most => true,
            Self::Utf16(most) => String::from_utf8_lossy(component).encode_utf16().count() <= most,
        }
    }
}

/// What names can be given at one destination.
///
/// It begins with what the system itself allows, and everything that is found out about the destination
/// only takes away from that: no rules let a name through that the system would take for a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRules {
    /// The ASCII characters that are forbidden, a bit each.
    forbidden: u128,
    ascii_only: bool,
    utf8_only: bool,
    drops_trailing: bool,
    has_devices: bool,
    folds_case: bool,
    folds_form: bool,
    length: NameLength,
}

impl NameRules {
    /// What a system allows on a file system of its own.
    #[must_use]
    pub fn new(platform: Platform) -> Self {
        let unix = Self {
            forbidden: 0,
            ascii_only: false,
            utf8_only: false,
            drops_trailing: false,
            has_devices: false,
            folds_case: false,
            folds_form: false,
            length: NameLength::Bytes(USUAL_LENGTH),
        };
        match platform {
            Platform::Unix => unix,
            Platform::Windows => NOT_ON_WINDOWS
                .chars()
                .chain('\0'..' ')
                .fold(unix, Self::without)
                .without_non_utf8()
                .without_trailing()
                .folding_case()
                .with_devices()
                .with_length(NameLength::Utf16(USUAL_LENGTH)),
        }
    }

    /// What can be held everywhere: a name that these allow needs no look at the destination.
    #[must_use]
    pub fn everywhere() -> Self {
        Self::new(Platform::Windows)
            .without('\x7f')
            .without_non_ascii()
            .folding_form()
            .with_length(NameLength::Bytes(LENGTH_EVERYWHERE))
    }

    /// Without an ASCII character; others are ignored.
    #[must_use]
    pub const fn without(mut self, character: char) -> Self {
        if character.is_ascii() {
            self.forbidden |= 1 << character as u32;
        }
        self
    }

    /// Without anything but ASCII.
    #[must_use]
    pub const fn without_non_ascii(mut self) -> Self {
        self.ascii_only = true;
        self
    }

    /// Without names that are not UTF-8.
    #[must_use]
    pub const fn without_non_utf8(mut self) -> Self {
        self.utf8_only = true;
        self
    }

    /// Without dots and spaces at the end, which are dropped there: the name of another file.
    #[must_use]
    pub const fn without_trailing(mut self) -> Self {
        self.drops_trailing = true;
        self
    }

    /// Without the names that Windows keeps for devices.
    const fn with_devices(mut self) -> Self {
        self.has_devices = true;
        self
    }

    /// Where names that differ in case only are the same.
    #[must_use]
    pub const fn folding_case(mut self) -> Self {
        self.folds_case = true;
        self
    }

    /// Where names that differ only in how accents are written are the same.
    #[must_use]
    pub const fn folding_form(mut self) -> Self {
        self.folds_form = true;
        self
    }

    /// With components of this length at most.
    #[must_use]
    pub const fn with_length(mut self, length: NameLength) -> Self {
        self.length = length;
        self
    }

    /// The longest component.
    pub(super) const fn length(&self) -> NameLength {
        self.length
    }

    /// Whether two names that differ may be the same file.
    pub(super) const fn folds(&self) -> bool {
        self.folds_case || self.folds_form
    }

    /// What all spellings of a name have in common that are the same file.
    pub(super) fn fold<'a>(&self, component: &'a [u8]) -> Cow<'a, [u8]> {
        fold(component, self.folds_case, self.folds_form)
    }

    /// Whether a file of that name can be.
    #[must_use]
    pub fn allows(&self, component: &[u8]) -> bool {
        let refused = component.iter().any(|byte| self.forbids(*byte))
            || (self.utf8_only && str::from_utf8(component).is_err())
            || (self.drops_trailing && ends_unseen(component))
            || (self.has_devices && is_device(component));
        !refused && self.length.holds(component)
    }

    /// Whether no name with this byte can be.
    pub(super) const fn forbids(&self, byte: u8) -> bool {
        if byte.is_ascii() {
            self.forbidden >> byte & 1 == 1
        } else {
            self.ascii_only
        }
    }

    /// Whether bytes that are not UTF-8 can be in a name.
    pub(super) const fn takes_any_bytes(&self) -> bool {
        !self.utf8_only
    }

    /// Whether the last character has to give way, and the first.
    pub(super) fn ends(&self, component: &[u8]) -> (bool, bool) {
        (
            self.has_devices && is_device(component),
            self.drops_trailing && ends_unseen(component),
        )
    }
}

fn ends_unseen(component: &[u8]) -> bool {
    matches!(component.last(), Some(b'.' | b' '))
}

fn is_device(component: &[u8]) -> bool {
    let first = component.first().map(u8::to_ascii_lowercase);
    if !matches!(first, Some(b'a' | b'c' | b'l' | b'n' | b'p')) {
        return false;
    }
    let Ok(component) = str::from_utf8(component) else {
        return false;
    };
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
    numbered || DEVICES.contains(&base.as_str())
}
