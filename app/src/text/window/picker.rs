//! The words of the window's own picker.

use std::path::Path;

use super::account;
use crate::text::{ago, count, grouped, shown, size};

/// Longest name of a folder on a button, in characters.
const CRUMB_LIMIT: usize = 24;

/// A button.
pub const PARENT_FOLDER: &str = "Parent folder";
/// The field above the list.
pub const PICKER_FIELD: &str = "Search this folder, or type a path";
/// The list.
pub const PICKER_LIST: &str = "What is in the folder";
/// While a folder is read.
pub const FOLDER_COMING: &str = "Reading the folder...";
/// A folder in which there is nothing.
pub const FOLDER_EMPTY: &str = "Nothing is in this folder.";
/// No folder is in it, and nothing else was looked for.
pub const NO_FOLDERS: &str = "No folder is in this folder.";
/// Names that begin with a dot.
pub const SHOW_HIDDEN: &str = "Show hidden files";
/// A button.
pub const NEW_FOLDER: &str = "New folder";
/// The field for its name.
pub const NEW_FOLDER_NAME: &str = "Name of the new folder";
/// A button.
pub const MAKE_FOLDER: &str = "Create";
/// A button.
pub const CHOOSE_THIS: &str = "Choose this folder";
/// A button while nothing is marked.
pub const CHOOSE_NOTHING: &str = "Choose";
/// A place.
pub const PLACE_HOME: &str = "Home folder";
/// A place.
pub const PLACE_DESKTOP: &str = "Desktop";
/// A place.
pub const PLACE_DOCUMENTS: &str = "Documents";
/// A place.
pub const PLACE_DOWNLOADS: &str = "Downloads";
/// Where a path leaves parents out.
pub const PARENTS_LEFT_OUT: &str = "...";
/// What an entry is, where its name does not say it.
pub const A_FOLDER: &str = "folder";
/// A device, a socket, a link to nothing.
pub const NOT_SENDABLE: &str = "cannot be sent";

/// What a folder is called on a button: its name, or its path where that is all it has.
#[must_use]
pub fn crumb(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    shown(&name.to_string_lossy(), CRUMB_LIMIT)
}

/// A folder cannot be read; the system's own word.
#[must_use]
pub fn folder_unreadable(problem: &str) -> String {
    format!("This folder cannot be read: {}.", account(problem))
}

/// A folder was not made; the system's own word.
#[must_use]
pub fn folder_not_made(problem: &str) -> String {
    format!("There is no new folder: {}.", account(problem))
}

/// A folder holds more than is shown.
#[must_use]
pub fn folder_has_more(listed: usize, more: u64) -> String {
    let all = more.saturating_add(listed as u64);
    format!(
        "The first {} of {}. Search for the others.",
        grouped(listed as u64),
        grouped(all)
    )
}

/// A file's size and age, both in seconds since 1970.
#[must_use]
pub fn file_facts(bytes: u64, now: u64, changed: Option<u64>) -> String {
    match changed {
        Some(changed) => format!("{}  ·  {}", size(bytes), ago(now, changed)),
        None => size(bytes),
    }
}

/// A row, to a screen reader; `facts` are what stands at its end.
#[must_use]
pub fn entry_row(name: &str, facts: &str) -> String {
    format!("{}, {facts}", crate::text::name(name))
}

/// A row's mark, to a screen reader.
#[must_use]
pub fn mark_row(name: &str) -> String {
    format!("Mark {}", crate::text::name(name))
}

/// Chooses what is marked.
#[must_use]
pub fn choose_marked(marked: usize) -> String {
    format!("Choose {}", count(marked as u64, "item", "items"))
}
