//! What names a destination can hold, found out by trying.
//!
//! Which file system it is, and how it was mounted, says too little: the same one folds case or not, and takes
//! bytes that are not UTF-8 or not, as it was made. So a folder of our own is made there, a few empty files are
//! made in it, and what is there afterwards is looked at.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use fardrop_shared::name::{NameLength, NameRules, PART_PREFIX, Platform};

/// Characters that file systems of Windows forbid, the controls aside.
const DOUBTFUL: &str = r#"<>"|?*:\"#;

/// Letters of two, three and four bytes that are written in one way only.
const NOT_ASCII: &str = "ж文👍";

/// Longest component that file systems have, in bytes or in UTF-16 units.
const LONGEST: usize = 255;

/// What names can be at `destination`, or where it would be made: on the file system of the nearest folder above
/// it. Where nothing can be tried, what this system allows in general.
#[must_use]
pub fn name_rules(destination: &Path) -> NameRules {
    let rules = NameRules::new(Platform::HERE);
    let there = destination.ancestors().find(|folder| folder.is_dir());
    // The last ancestor of a relative path is empty.
    let there = there.filter(|folder| !folder.as_os_str().is_empty());
    match Probe::begin(there.unwrap_or_else(|| Path::new("."))) {
        Ok(probe) if probe.holds("a") => probe.rules(rules),
        Ok(_) => rules,
        Err(error) => {
            tracing::debug!(%error, "names could not be tried out at the destination");
            rules
        }
    }
}

/// A folder of our own to try names in. Dropping it removes it.
struct Probe {
    parent: Dir,
    name: String,
    folder: Dir,
}

impl Probe {
    fn begin(parent: &Path) -> io::Result<Self> {
        let parent = Dir::open_ambient_dir(parent, ambient_authority())?;
        let name = format!("{PART_PREFIX}{:032x}.names", rand::random::<u128>());
        parent.create_dir(&name)?;
        match parent.open_dir(&name) {
            Ok(folder) => Ok(Self {
                parent,
                name,
                folder,
            }),
            Err(error) => {
                parent.remove_dir(&name)?;
                Err(error)
            }
        }
    }

    fn rules(&self, mut rules: NameRules) -> NameRules {
        let doubtful: String = DOUBTFUL
            .chars()
            .chain('\x01'..' ')
            .chain(['\x7f'])
            .collect();
        if !self.holds(format!("a{doubtful}a")) {
            for character in doubtful.chars() {
                if !self.holds(format!("a{character}a")) {
                    rules = rules.without(character);
                }
            }
        }
        if !self.holds("a.") || !self.holds("a ") {
            rules = rules.without_trailing();
        }
        if !self.holds(NOT_ASCII) {
            rules = rules.without_non_ascii();
        }
        if !self.holds_non_utf8() {
            rules = rules.without_non_utf8();
        }
        if self.takes_for_the_same("case", "CASE") {
            rules = rules.folding_case();
        }
        if self.takes_for_the_same("\u{e9}", "e\u{301}") {
            rules = rules.folding_form();
        }
        rules.with_length(self.longest())
    }

    /// Whether a file of this name can be made, and has exactly this name afterwards.
    fn holds(&self, name: impl AsRef<OsStr>) -> bool {
        let name = name.as_ref();
        let held = self.make(name).is_ok() && self.names().is_ok_and(|names| names == [name]);
        self.clear();
        held
    }

    fn holds_non_utf8(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            self.holds(OsStr::from_bytes(b"a\xffa"))
        }
        #[cfg(not(unix))]
        {
            false
        }
    }

    /// Whether what is made under one name is there under the other.
    fn takes_for_the_same(&self, one: &str, other: &str) -> bool {
        let same = self.make(one.as_ref()).is_ok() && self.folder.symlink_metadata(other).is_ok();
        self.clear();
        same
    }

    fn longest(&self) -> NameLength {
        if self.holds("文".repeat(LONGEST)) {
            return NameLength::Utf16(LONGEST);
        }
        // The first length that is too much, between what is held and what is not.
        let (mut held, mut refused) = (1, LONGEST + 1);
        let mut tried = LONGEST;
        while refused - held > 1 {
            if self.holds("a".repeat(tried)) {
                held = tried;
            } else {
                refused = tried;
            }
            tried = held.midpoint(refused);
        }
        NameLength::Bytes(held)
    }

    fn make(&self, name: &OsStr) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        self.folder.open_with(name, &options).map(drop)
    }

    fn names(&self) -> io::Result<Vec<OsString>> {
        let entries = self.folder.entries()?;
        entries.map(|entry| Ok(entry?.file_name())).collect()
    }

    fn clear(&self) {
        for name in self.names().unwrap_or_default() {
            if let Err(error) = self.folder.remove_file(name) {
                tracing::debug!(%error, "a name that was tried out could not be removed");
            }
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Err(error) = self.parent.remove_dir(&self.name) {
            tracing::debug!(%error, "the folder in which names were tried out could not be removed");
        }
    }
}
