//! The words of the history.

use super::account;
use crate::failure::FailureKind;
use crate::history::Ending;
use crate::text::{ago, count, size};

/// On the first screen.
pub const RECENT_TITLE: &str = "Recent";
/// A button there.
pub const ALL_HISTORY: &str = "All of the history";
/// The history, while nothing is in it.
pub const HISTORY_EMPTY: &str = "Nothing was sent or received yet.";
/// A button.
pub const CLEAR_HISTORY: &str = "Clear the history";
/// A dialog.
pub const CLEAR_TITLE: &str = "Clear the history?";
/// What the dialog before the history is cleared asks.
pub const CLEAR_QUESTION: &str = "The files stay where they are; only this list is emptied.";
/// A button.
pub const CLEAR_KEEP: &str = "Keep it";
/// The disk is too slow.
pub const HISTORY_BEHIND: &str = "The history was not changed: the disk is busy.";

/// The history could not be saved or read; `problem` is a file and the system's own error.
#[must_use]
pub fn history_unsaved(problem: &str) -> String {
    format!("The history is not kept: {}.", account(problem))
}

/// What became of a transfer.
#[must_use]
pub fn history_outcome(outcome: Ending) -> String {
    match outcome {
        Ending::Done => "Done, verified".to_owned(),
        Ending::Partial(failed) => {
            format!(
                "Partly done: {} missing",
                count(failed, "file is", "files are")
            )
        }
        Ending::Failed(FailureKind::Declined) => "Declined".to_owned(),
        Ending::Failed(FailureKind::Cancelled) => "Stopped here".to_owned(),
        Ending::Failed(FailureKind::CancelledByPeer) => "Stopped by the other person".to_owned(),
        Ending::Failed(_) => "Failed".to_owned(),
    }
}

/// How much it was, and how long ago; both times in seconds since 1970.
#[must_use]
pub fn history_amount(now: u64, when: u64, files: u64, bytes: u64) -> String {
    format!(
        "{}, {}  ·  {}",
        count(files, "file", "files"),
        size(bytes),
        ago(now, when)
    )
}
