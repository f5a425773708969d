//! A name that may reach the file system.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use super::check::components;
use super::{display_safe, lossy};

/// A relative path that may be written at the destination it was made for: it stays where it is put, and the
/// system there can hold each of its components.
///
/// A [`PlacedManifest`](crate::offer::PlacedManifest) makes the first, and others are parts of it or numbered
/// beside it. Links
/// that are already at the destination may still lead out of it: whoever opens the path must not follow them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeName<'a>(Cow<'a, [u8]>);

impl<'a> SafeName<'a> {
    /// A name of components that were checked and are possible, with `/` between them.
    pub(super) const fn new(path: Cow<'a, [u8]>) -> Self {
        Self(path)
    }

    /// The bytes, components separated by `/`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as the system takes it.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        #[cfg(unix)]
        {
            use std::ffi::OsStr;
            use std::os::unix::ffi::OsStrExt;
            Path::new(OsStr::from_bytes(&self.0))
        }
        #[cfg(not(unix))]
        {
            // The rules of other systems allow UTF-8 only; nothing is found under an empty path.
            Path::new(str::from_utf8(&self.0).unwrap_or_default())
        }
    }

    /// The components of the name, outermost first; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = SafeName<'_>> {
        components(&self.0).map(|component| SafeName(Cow::Borrowed(component)))
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> SafeName<'_> {
        let start = self.last_separator().map_or(0, |separator| separator + 1);
        SafeName(Cow::Borrowed(&self.0[start..]))
    }

    /// All but the last component; `None` if there is only one.
    #[must_use]
    pub fn parent(&self) -> Option<SafeName<'_>> {
        let separator = self.last_separator()?;
        Some(SafeName(Cow::Borrowed(&self.0[..separator])))
    }

    /// Whether the name is that of `folder` or of something in it.
    #[must_use]
    pub fn is_in(&self, folder: &SafeName<'_>) -> bool {
        self.0
            .strip_prefix(folder.as_bytes())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    }

    /// Another name in the same folder: that of what `name` ends in.
    #[must_use]
    pub fn beside(&self, name: &SafeName<'_>) -> SafeName<'static> {
        let start = self.last_separator().map_or(0, |separator| separator + 1);
        let name = name.file_name();
        SafeName(Cow::Owned([&self.0[..start], name.as_bytes()].concat()))
    }

    /// The relative path that leads here from `folder`, or from the destination itself without one.
    #[must_use]
    pub fn path_from(&self, folder: Option<&SafeName<'_>>) -> PathBuf {
        let mut here = self.components().peekable();
        let mut there = folder
            .iter()
            .flat_map(|folder| folder.components())
            .peekable();
        while let (Some(one), Some(other)) = (here.peek(), there.peek())
            && one == other
        {
            here.next();
            there.next();
        }
        let mut path: PathBuf = there.map(|_| "..").collect();
        for component in here {
            path.push(component.as_path());
        }
        if path.as_os_str().is_empty() {
            path.push(".");
        }
        path
    }

    /// The `number`th other name beside this one: `name (1).ext`. The name itself is number 0.
    #[must_use]
    pub fn numbered(&self, number: u32) -> SafeName<'static> {
        if number == 0 {
            return self.by_ref().into_owned();
        }
        let start = self.last_separator().map_or(0, |separator| separator + 1);
        let (folders, last) = self.0.split_at(start);
        SafeName(Cow::Owned([folders, &numbered(last, number)].concat()))
    }

    /// The name as a value that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> SafeName<'static> {
        SafeName(Cow::Owned(self.0.into_owned()))
    }

    /// The name as a value that borrows this one.
    #[must_use]
    pub fn by_ref(&self) -> SafeName<'_> {
        SafeName(Cow::Borrowed(&self.0))
    }

    fn last_separator(&self) -> Option<usize> {
        self.0.iter().rposition(|byte| *byte == b'/')
    }
}

impl AsRef<Path> for SafeName<'_> {
    fn as_ref(&self) -> &Path {
        self.as_path()
    }
}

impl fmt::Display for SafeName<'_> {
    /// Escaped, whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&display_safe(&lossy(&self.0), usize::MAX))
    }
}

/// The `number`th other name beside the component `name`: `name (1).ext`. A long one is no longer than it was,
/// in bytes and in characters, so that what has room for one has room for the other.
#[must_use]
pub fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let (stem, extension) = split_extension(name);
    let addition = format!(" ({number})");
    let mut end = stem.len();
    if name.len() + addition.len() > SHORT_BYTES {
        // One character for each of the addition, of however many bytes.
        for _ in 0..addition.len() {
            end = floor_boundary(stem, end.saturating_sub(1));
        }
    }
    [&stem[..end], addition.as_bytes(), extension].concat()
}

/// Length in bytes up to which a name may grow by a number: every file system has room for it.
const SHORT_BYTES: usize = 128;

/// Longest ending, in bytes with its dot, that is kept apart as an extension.
const MAX_EXTENSION_BYTES: usize = 24;

/// The stem and the extension with its dot. A dot in front is no extension, nor is one so long that
/// it is no kind of file.
pub(super) fn split_extension(component: &[u8]) -> (&[u8], &[u8]) {
    match component.iter().rposition(|byte| *byte == b'.') {
        Some(at) if at > 0 && component.len() - at <= MAX_EXTENSION_BYTES => component.split_at(at),
        Some(_) | None => (component, b""),
    }
}

/// The last place, `end` at most, that is not inside a character of UTF-8.
pub(super) fn floor_boundary(bytes: &[u8], mut end: usize) -> usize {
    let lowest = end.saturating_sub(3);
    while end > lowest && bytes.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    end
}
