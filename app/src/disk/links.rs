//! Making links and second names at the destination. None leads out of it, none takes another's name unasked, and
//! none is ever written through.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::ModifiedTime;

use super::folders::Folder;
use super::part::PartFile;
use super::place::PartOwner;
use super::platform::{self, Access};
use super::refused::Refused;
use super::{place, system_links};

/// Bytes read at once where two files are compared.
const COMPARED_AT_ONCE: usize = 64 * 1024;
/// Bytes copied between two looks at whether to go on.
const COPIED_AT_ONCE: u64 = 64 << 20;
/// Numbers tried before giving up.
const NUMBERS: u32 = 10_000;

/// A name in a folder of the destination.
#[derive(Debug, Clone, Copy)]
pub struct Spot<'a> {
    /// The folder.
    pub folder: &'a Folder,
    /// The name in it.
    pub name: &'a SafeName<'a>,
}

/// Makes a symbolic link of this name that says `text`, and gives the name it has, another where that is taken, as
/// with files; and what of it the file system refuses. One that is there already and says the same is left alone.
///
/// # Errors
/// One for which [`is_without_links`] holds where there can be no links; else what the system says.
pub fn make_link(
    at: Spot<'_>,
    text: &Path,
    replace: bool,
    modified: ModifiedTime,
) -> io::Result<(SafeName<'static>, Refused)> {
    let dir = at.folder.dir();
    let mut refused = Refused::default();
    if system_links::link_text(dir, at.name.as_path()).is_some_and(|there| there == text) {
        return Ok((at.name.clone().into_owned(), refused));
    }
    let name = give_name(at, replace, |name| system_links::make_link(dir, text, name))?;
    if let Err(error) = system_links::set_link_modified(dir, name.as_path(), modified) {
        tracing::debug!(%error, "a link keeps the time at which it was made");
        refused.time = true;
    }
    Ok((name, refused))
}

/// Gives the file `first` a second name, and says which: another where that is taken, as with files.
///
/// # Errors
/// One for which [`is_without_links`] holds where it can have none; else what the system says.
pub fn make_second_name(
    first: Spot<'_>,
    at: Spot<'_>,
    replace: bool,
) -> io::Result<SafeName<'static>> {
    // A link in its place would be given the name itself.
    open(first)?;
    let (from, into) = (first.folder.dir(), at.folder.dir());
    give_name(at, replace, |name| from.hard_link(first.name, into, name))
}

/// Whether `at` is a name of the file `first` already, as far as the system can tell.
#[must_use]
pub fn is_second_name(first: Spot<'_>, at: Spot<'_>) -> bool {
    let (Ok(file), Ok(there)) = (open(first), at.folder.look_at(at.name)) else {
        return false;
    };
    cfg!(unix) && platform::same_file(&file, &there).unwrap_or(false)
}

/// Whether a link or a second name failed since there can be none: the file system has none, or this one has as
/// many as it may, or this user may make none.
#[must_use]
pub fn is_without_links(error: &io::Error) -> bool {
    system_links::is_without_links(error)
}

/// Copies the file `from` into a part for the entry with the path `place`, in the folder `into`.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
pub fn copy(
    from: Spot<'_>,
    into: &Folder,
    (owner, place): (PartOwner, &SafeName<'_>),
    go_on: &dyn Fn() -> bool,
) -> io::Result<PartFile> {
    let mut file = open(from)?;
    let mut part = PartFile::create(into, owner, place)?;
    loop {
        if !go_on() {
            part.discard()?;
            return Err(io::ErrorKind::Interrupted.into());
        }
        match part.copy_from(&mut (&mut file).take(COPIED_AT_ONCE)) {
            Ok(0) => return Ok(part),
            Ok(_) => {}
            Err(error) => {
                part.discard()?;
                return Err(error);
            }
        }
    }
}

/// Whether both are regular files of the same content.
///
/// # Errors
/// What the system says; [`io::ErrorKind::Interrupted`] soon after `go_on` says no.
pub fn same_content(one: Spot<'_>, other: Spot<'_>, go_on: &dyn Fn() -> bool) -> io::Result<bool> {
    if !other.folder.look_at(other.name)?.is_file() {
        return Ok(false);
    }
    let (mut one, mut other) = (open(one)?, open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut pieces = [vec![0; COMPARED_AT_ONCE], vec![0; COMPARED_AT_ONCE]];
    loop {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let [left, right] = &mut pieces;
        let length = one.read(left)?;
        if length == 0 {
            return Ok(other.read(right)? == 0);
        }
        other.read_exact(&mut right[..length])?;
        if left[..length] != right[..length] {
            return Ok(false);
        }
    }
}

/// Opens a regular file, itself.
fn open(spot: Spot<'_>) -> io::Result<File> {
    let file = platform::open_in(spot.folder.dir(), spot.name.as_path(), Access::Read)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::ErrorKind::InvalidInput.into())
    }
}

/// Has something made under the first of `name`, `name (1)`, `name (2)` … that is free; or in the place of what has
/// the name, if that is wished and it is no folder.
fn give_name(
    at: Spot<'_>,
    replace: bool,
    make: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<SafeName<'static>> {
    let taken = |outcome: &io::Result<()>| {
        outcome
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
    };
    let plain = make(at.name.as_path());
    if !taken(&plain) {
        return plain.map(|()| at.name.clone().into_owned());
    }
    if replace {
        let (dir, spare) = (at.folder.dir(), place::spare_part_name());
        make(Path::new(&spare))?;
        return match dir.rename(&spare, dir, at.name) {
            Ok(()) => Ok(at.name.clone().into_owned()),
            Err(error) => {
                dir.remove_file(&spare)?;
                Err(error)
            }
        };
    }
    for number in 1..NUMBERS {
        let name = at.name.numbered(number);
        let outcome = make(name.as_path());
        if !taken(&outcome) {
            return outcome.map(|()| name);
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
