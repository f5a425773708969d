//! The record of receives that have not ended whole: a text that proves of itself what of it is as it was written.
//!
//! ```text
//! check {"version":1,"rest":check}      of all that follows
//! check {"number":1,"folder":...}       a receive, the one begun last at the end
//! ```
//!
//! `check` is 16 hexadecimal digits of a hash of what follows the space. A line that does not fit its check is
//! not believed, the others are. Everything in here is pure; `store` reads and writes it.

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use fardrop_shared::name::display_safe;
use serde::{Deserialize, Serialize};

use crate::disk::is_part_for;
use crate::transfer::ConflictPolicy;

/// Receives that are recorded; the oldest make way.
const RECEIVES_LIMIT: usize = 100;

/// For how long a receive is recorded after it was last heard of, in seconds: a year.
const REMEMBERED: u64 = 365 * 24 * 60 * 60;

/// Names at the top of an offer that are recorded: enough to know it by.
const NAMES_LIMIT: usize = 5;

/// Longest name or device that is recorded, in characters as they are shown.
const NAME_LIMIT: usize = 120;

/// Folders at the top of an offer, and part files beside them, that are recorded of one receive.
const PLACES_LIMIT: usize = 10;

/// Longest line, in bytes: a path of 4096 bytes and [`PLACES_LIMIT`] names of 255, each byte as three, and the rest
/// well below that.
const LINE_LIMIT: usize = 32 * 1024;

/// Largest record, in bytes.
pub(super) const RECORD_LIMIT: usize = (RECEIVES_LIMIT + 1) * (LINE_LIMIT + CHECK_LENGTH + 2);

/// Digits of a check.
const CHECK_LENGTH: usize = 16;

/// The version of the form of the lines.
const VERSION: u32 = 1;

/// A receive that has not ended whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// What a person calls it by; no two that are recorded at one time share it.
    pub number: u32,
    /// What it is known by from begin to end, in whatever process.
    pub(super) id: u64,
    /// The folder that it saves into.
    #[serde(with = "path_text")]
    pub folder: PathBuf,
    /// What the sender's machine calls itself; escaped to be shown.
    pub device: String,
    /// Names at the top of the offer, the first five; escaped to be shown.
    pub names: Vec<String>,
    /// Files that are wanted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of these bytes were here when that was last written down.
    pub kept: u64,
    /// When it was last heard of, in seconds since 1970.
    pub when: u64,
    /// How the person wanted it.
    pub options: Options,
    /// Where its part files are.
    pub places: Places,
}

/// How a person wanted something received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Where names are taken.
    pub on_conflict: ConflictPolicy,
    /// Whether names that cannot be there are changed.
    pub rename_bad_names: bool,
    /// Whether it is fine that the sender leaves something out.
    pub allow_missing: bool,
}

/// Where the part files of a receive are, below its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// In or below these folders.
    #[serde(with = "path_texts")]
    pub(super) folders: Vec<PathBuf>,
    /// These themselves, in the folder that it saves into.
    pub(super) parts: Vec<String>,
    /// Anywhere: there are too many of the above.
    pub(super) anywhere: bool,
}

impl Places {
    /// Whether they may be anywhere below that folder: more is not to be told of them.
    #[must_use]
    pub const fn anywhere(&self) -> bool {
        self.anywhere
    }

    /// Has them be in or below this folder, too.
    pub fn add_folder(&mut self, folder: &Path) {
        if self.folders.iter().any(|known| known == folder) {
            return;
        }
        if self.folders.len() < PLACES_LIMIT {
            self.folders.push(folder.to_owned());
        } else {
            self.anywhere = true;
        }
    }

    /// Has this be one of them.
    pub fn add_part(&mut self, name: String) {
        if self.parts.len() < PLACES_LIMIT {
            self.parts.push(name);
        } else {
            self.anywhere = true;
        }
    }
}

impl Unfinished {
    /// Whether a leftover at `below` in its folder can be one of this receive's.
    pub(super) fn claims(&self, below: &Path) -> bool {
        let name = below.to_str();
        self.places.anywhere
            || name.is_some_and(|name| {
                let mut parts = self.places.parts.iter();
                parts.any(|part| is_part_for(part, name))
            })
            || self.places.folders.iter().any(|folder| {
                !folder.as_os_str().is_empty() && below != folder && below.starts_with(folder)
            })
    }

    /// Whether it is one into this folder of an offer with these names at the top.
    #[must_use]
    pub fn is_of(&self, folder: Option<&Path>, names: &[String]) -> bool {
        let names = names.iter().take(NAMES_LIMIT);
        let names = names.map(|name| display_safe(name, NAME_LIMIT));
        folder == Some(self.folder.as_path()) && names.eq(self.names.iter().map(String::as_str))
    }

    /// Whether any of these names at the top of an offer is one of its own.
    #[must_use]
    pub fn has_one_of(&self, names: &[String]) -> bool {
        let mut names = names.iter().map(|name| display_safe(name, NAME_LIMIT));
        names.any(|name| self.names.iter().any(|own| **own == *name))
    }

    /// One for a test of a face: so many of a gigabyte's bytes are here.
    #[cfg(test)]
    pub(crate) fn example(number: u32, device: &str, names: &[&str], kept: u64) -> Self {
        Self {
            number,
            id: number.into(),
            folder: PathBuf::from("/home/ada/Downloads"),
            device: device.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            files: 12,
            bytes: 1_000_000_000,
            kept,
            when: 1_699_990_000,
            options: Options {
                on_conflict: ConflictPolicy::Replace,
                rename_bad_names: false,
                allow_missing: false,
            },
            places: Places::default(),
        }
    }

    /// Whether the other is the same receive, begun once more.
    fn is_again(&self, other: &Self) -> bool {
        (&self.folder, &self.device, &self.names) == (&other.folder, &other.device, &other.names)
    }

    fn bounded(mut self) -> Self {
        let shown = |name: &str| display_safe(name, NAME_LIMIT).into_owned();
        self.device = shown(&self.device);
        self.names.truncate(NAMES_LIMIT);
        self.names = self.names.iter().map(|name| shown(name)).collect();
        self
    }
}

/// All that is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The one begun last at the end.
    receives: Vec<Unfinished>,
}

/// A record as it was read.
#[derive(Debug)]
pub(super) struct Decoded {
    /// What of it can be believed.
    pub(super) record: Record,
    /// Whether that is all of it.
    pub(super) whole: bool,
}

/// What is written before the receives.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// The check of all the lines that follow.
    rest: String,
}

impl Record {
    /// The receives, the one begun last at the end.
    pub(super) fn receives(&self) -> &[Unfinished] {
        &self.receives
    }

    /// Adds a receive that begins now. One that is done again takes its own place; the oldest make way. Its number
    /// is given, unless it is too long to be recorded.
    pub(super) fn begin(&mut self, receive: Unfinished) -> Option<u32> {
        let now = receive.when;
        let mut receive = receive.bounded();
        let line = serde_json::to_string(&receive).ok()?;
        if line.len() > LINE_LIMIT {
            return None;
        }
        let again = self.receives.iter().position(|old| old.is_again(&receive));
        let again = again.map(|place| self.receives.remove(place).number);
        self.receives
            .retain(|old| now.saturating_sub(old.when) < REMEMBERED);
        let surplus = (self.receives.len() + 1).saturating_sub(RECEIVES_LIMIT);
        self.receives.drain(..surplus);
        receive.number = again.unwrap_or_else(|| self.free_number());
        let number = receive.number;
        self.receives.push(receive);
        Some(number)
    }

    /// Writes down how much of a receive is here, if it is recorded.
    pub(super) fn keep(&mut self, id: u64, kept: u64, now: u64) {
        let receive = self.receives.iter_mut().find(|receive| receive.id == id);
        if let Some(receive) = receive {
            (receive.kept, receive.when) = (kept, now);
        }
    }

    /// Takes a receive out.
    pub(super) fn end(&mut self, id: u64) {
        self.receives.retain(|receive| receive.id != id);
    }

    /// The text of the record.
    pub(super) fn encode(&self) -> String {
        let mut rest = String::new();
        for receive in &self.receives {
            push_line(&mut rest, receive);
        }
        let mut text = String::new();
        let header = Header {
            version: VERSION,
            rest: check(rest.as_bytes()),
        };
        push_line(&mut text, &header);
        text + &rest
    }

    /// What can be believed of a text.
    pub(super) fn decode(text: &[u8]) -> Decoded {
        let mut lines = text.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let header: Option<Header> = read_line(first);
        let rest = check(&text[first.len()..]);
        let mut whole = header.is_some_and(|told| told.version == VERSION && told.rest == rest);
        let mut record = Self::default();
        for line in lines.take(RECEIVES_LIMIT + 1) {
            match read_line::<Unfinished>(line) {
                Some(receive) if record.fits(&receive) => record.receives.push(receive),
                Some(_) | None => whole = false,
            }
        }
        Decoded { record, whole }
    }

    /// Whether it has room for a receive that was written down, beside the others.
    fn fits(&self, receive: &Unfinished) -> bool {
        let taken = |old: &Unfinished| old.number == receive.number || old.id == receive.id;
        self.receives.len() < RECEIVES_LIMIT && !self.receives.iter().any(taken)
    }

    /// One more than the highest: a number that was read a moment ago does not come to mean another receive.
    fn free_number(&self) -> u32 {
        let highest = self.receives.iter().map(|receive| receive.number).max();
        let next = highest.unwrap_or(0).checked_add(1);
        // Below as many numbers as there are receives, and one more, one is free.
        let free =
            || (1..=u32::MAX).find(|number| self.receives.iter().all(|old| old.number != *number));
        next.or_else(free).unwrap_or(u32::MAX)
    }
}

fn push_line(text: &mut String, content: &impl Serialize) {
    // Plain data with text for keys can always be written.
    let line = serde_json::to_string(content).unwrap_or_default();
    text.push_str(&check(line.as_bytes()));
    text.push(' ');
    text.push_str(&line);
    text.push('\n');
}

fn read_line<T: for<'de> Deserialize<'de>>(line: &[u8]) -> Option<T> {
    let line = line.strip_suffix(b"\n")?;
    let (told, rest) = line.split_at_checked(CHECK_LENGTH)?;
    let content = rest.strip_prefix(b" ")?;
    if content.len() > LINE_LIMIT || told != check(content).as_bytes() {
        return None;
    }
    serde_json::from_slice(content).ok()
}

fn check(content: &[u8]) -> String {
    blake3::hash(content).to_hex()[..CHECK_LENGTH].to_owned()
}

/// A path as text: every byte that is not part of UTF-8, and `%`, as `%` and two hexadecimal digits.
fn to_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    text
}

fn from_text(text: &str) -> Option<PathBuf> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(OsStr::from_bytes(&bytes).into())
    }
    #[cfg(not(unix))]
    {
        // What no text can say is not gone on with by its path.
        let text = String::from_utf8(bytes).ok()?;
        Some(OsStr::new(&text).into())
    }
}

mod path_text {
    use std::path::{Path, PathBuf};

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{from_text, to_text};

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&to_text(path))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(from)?;
        from_text(&text).ok_or_else(|| D::Error::custom("no path"))
    }
}

mod path_texts {
    use std::path::PathBuf;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{from_text, to_text};

    pub(super) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(paths.iter().map(|path| to_text(path)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let paths = texts.iter().map(|text| from_text(text));
        let paths: Option<_> = paths.collect();
        paths.ok_or_else(|| D::Error::custom("no path"))
    }
}
