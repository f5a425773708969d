//! The words of what was cut off, in the window.

use super::ROW_NAME_LIMIT;
use crate::leftovers::{Kept, Unfinished};
use crate::text::{ago, count, shown, size};

/// The title of the screen.
pub const LEFTOVERS_TITLE: &str = "Interrupted transfers";
/// A button on the first screen, beside how many there are.
pub const SHOW_LEFTOVERS: &str = "Show";
/// Over the list.
pub const LEFTOVERS_HINT: &str =
    "What has arrived is not sent again: resume, and type a code of the same person.";
/// The list, while nothing is in it.
pub const LEFTOVERS_EMPTY: &str = "Nothing was interrupted.";
/// What nothing is recorded of.
pub const LEFTOVERS_UNKNOWN: &str = "From transfers that are not recorded";
/// A button.
pub const REMOVE_LEFTOVER: &str = "Remove";
/// A dialog.
pub const REMOVE_LEFTOVER_TITLE: &str = "Remove unfinished files?";
/// A button: the code is for another receive, or for none that was begun.
pub const LEAVE_RESUME: &str = "Receive something else";
/// The disk is too slow.
pub const LEFTOVERS_BEHIND: &str = "Nothing was removed: the disk is busy.";

/// What the dialog asks before something is removed.
#[must_use]
pub fn remove_leftover_question(kept: &Kept, folder: &str) -> String {
    if kept.found.is_empty() {
        return format!(
            "Nothing unfinished is in {folder}; the transfer is taken out of this list."
        );
    }
    format!(
        "{} in {} are removed from {folder}. Finished files stay.",
        size(kept.found_bytes()),
        count(
            kept.found.len() as u64,
            "unfinished file",
            "unfinished files"
        )
    )
}

/// How much of it is here, and how long ago that was; `now` in seconds since 1970.
#[must_use]
pub fn leftover_amount(kept: &Kept, now: u64) -> String {
    match &kept.receive {
        Some(receive) => format!(
            "{} of {} kept  ·  {}",
            size(kept.bytes()),
            size(receive.bytes),
            ago(now, receive.when)
        ),
        None => format!(
            "{}, {}",
            count(
                kept.found.len() as u64,
                "unfinished file",
                "unfinished files"
            ),
            size(kept.found_bytes())
        ),
    }
}

/// Where it is: a folder as it is shown.
#[must_use]
pub fn leftover_place(kept: &Kept, folder: &str) -> String {
    if kept.missing {
        return format!(
            "In {folder}, which is not there now. If it is on another disk, connect that."
        );
    }
    format!("In {folder}")
}

/// What a code is typed for.
#[must_use]
pub fn resuming(receive: &Unfinished) -> String {
    format!("Going on with {}", called(receive))
}

/// What one of the list is called, to a screen reader: two may be from the same machine.
#[must_use]
pub fn leftover_called(kept: &Kept) -> String {
    let unknown = || LEFTOVERS_UNKNOWN.to_owned();
    kept.receive.as_ref().map_or_else(unknown, called)
}

fn called(receive: &Unfinished) -> String {
    let first = receive.names.first();
    let what = first.map_or_else(
        || count(receive.files, "file", "files"),
        |name| shown(name, ROW_NAME_LIMIT),
    );
    let more = receive.names.len().saturating_sub(1);
    let more = if more == 0 { "" } else { " and more" };
    format!("{what}{more} from {}", super::device(&receive.device))
}
