//! The words of the history.

use std::time::Duration;

use crate::failure::FailureKind;
use crate::history::Ending;
use crate::text::{count, duration, shown, size};

/// Longest account of a problem that is shown, in characters.
const PROBLEM_LIMIT: usize = 300;

/// On the first screen.
pub const RECENT_TITLE: &str = "Recent";
/// A button there.
pub const ALL_HISTORY: &str = "All of the history";
/// There is none.
pub const HISTORY_EMPTY: &str = "Nothing was sent or received yet.";
/// A button.
pub const CLEAR_HISTORY: &str = "Clear the history";
/// A dialog.
pub const CLEAR_TITLE: &str = "Clear the history?";
/// What it asks.
pub const CLEAR_QUESTION: &str = "The files stay where they are; only this list is emptied.";
/// A button.
pub const CLEAR_KEEP: &str = "Keep it";
/// The disk is too slow.
pub const HISTORY_BEHIND: &str = "The history was not changed: the disk is busy.";

/// The history could not be saved or read; `problem` is a file and the system's own error.
#[must_use]
pub fn history_unsaved(problem: &str) -> String {
    format!(
        "The history is not kept: {}.",
        shown(problem.trim_end_matches('.'), PROBLEM_LIMIT)
    )
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
    let ago = now.saturating_sub(when);
    let ago = match ago {
        0..60 => "just now".to_owned(),
        60..172_800 => {
            // Whole minutes, and whole hours after the first.
            let unit = if ago < 3600 { 60 } else { 3600 };
            format!("{} ago", duration(Duration::from_secs(ago / unit * unit)))
        }
        _ => format!("{} ago", count(ago / 86_400, "day", "days")),
    };
    format!(
        "{}, {}  ·  {ago}",
        count(files, "file", "files"),
        size(bytes)
    )
}
