//! What is said of what interrupted receives have left behind.

use std::path::Path;

use super::{ago, count, grouped, name, shown, size};
use crate::leftovers::{Kept, Removed, Stayed, Unfinished, Why};

/// Longest path that is shown, in characters.
const PATH_LIMIT: usize = 300;

/// Under a list.
pub const LEFTOVERS_HELP: &str = "`fardrop leftovers resume N` goes on with one, `fardrop leftovers remove N` removes \
     what it left. Finished files stay in any case.";

/// Under a list in which nothing has a number.
pub const LEFTOVERS_HELP_UNKNOWN: &str =
    "`fardrop leftovers remove FOLDER` removes it; a receive into that folder goes on with it.";

/// An empty list.
pub const LEFTOVERS_NONE: &str = "No receive that was cut off is recorded here. `fardrop leftovers FOLDER` looks into a \
     folder for what one has left.";

/// After a list of what was found.
pub const LEFTOVERS_INCOMPLETE: &str = "Not everything could be looked at; there may be more.";

/// Asks before something is removed, after it was listed.
pub const REMOVE_PROMPT: &str = "Remove it? Finished files stay. [y/N] ";

/// Something is to be removed, and nobody can be asked.
pub const REMOVE_CONSENT_MISSING: &str =
    "Nothing was removed: nobody can be asked here. Add --yes to remove it without a question.";

/// The person said no.
pub const REMOVE_DECLINED: &str = "Nothing was removed.";

/// A folder has nothing left over in it.
#[must_use]
pub fn leftovers_none_in(folder: &Path) -> String {
    format!("Nothing is left over in {}.", leftover_path(folder))
}

/// A folder cannot be looked into.
#[must_use]
pub fn leftovers_unreadable(folder: &Path, problem: &str) -> String {
    format!(
        "{} cannot be looked into: {}.",
        leftover_path(folder),
        shown(problem, PATH_LIMIT)
    )
}

/// The folder of a receive is not there, and nothing is begun in its place.
#[must_use]
pub fn leftovers_folder_gone(folder: &Path) -> String {
    format!(
        "{} is not there. If it is on a disk that is not connected, connect it; `fardrop receive` begins anew.",
        leftover_path(folder)
    )
}

/// No receive has this number.
#[must_use]
pub fn leftover_unknown(number: u32) -> String {
    format!("No receive that was cut off has the number {number}; `fardrop leftovers` lists them.")
}

/// What is offered has nothing of what was cut off.
#[must_use]
pub fn leftover_is_another(unfinished: &Unfinished) -> String {
    let number = unfinished.number;
    let names = unfinished.names.join(", ");
    format!(
        "This is not what number {number} was, which had {names}: it would not be gone on with."
    )
}

/// The receive with this number is running.
#[must_use]
pub fn leftover_running(number: u32) -> String {
    format!("Number {number} is being received right now.")
}

/// What one receive has left, or what is left of unknown ones: lines.
#[must_use]
pub fn leftover(kept: &Kept, now: u64) -> Vec<String> {
    let Some(receive) = &kept.receive else {
        return vec![format!(
            "-. {} of receives that are not recorded, {}, in {}",
            things(kept),
            size(kept.found_bytes()),
            leftover_path(&kept.folder)
        )];
    };
    let mut what: Vec<String> = receive.names.iter().map(|each| name(each)).collect();
    if what.is_empty() {
        what.push(count(receive.files, "file", "files"));
    }
    let mut lines = vec![format!(
        "{}. {}, from {}, {}",
        receive.number,
        what.join(", "),
        name(&receive.device),
        ago(now, receive.when)
    )];
    let mut line = format!(
        "   {} of {} in {} kept, in {}",
        size(kept.bytes()),
        size(receive.bytes),
        count(receive.files, "file", "files"),
        leftover_path(&kept.folder)
    );
    if kept.missing {
        line.push_str(", which is not there now");
    } else if kept.running {
        line.push_str("; it is being received right now");
    } else if !kept.found.is_empty() {
        line.push_str(&format!(
            "; {} in {}",
            size(kept.found_bytes()),
            things(kept)
        ));
    }
    lines.push(line);
    lines
}

fn things(kept: &Kept) -> String {
    count(
        kept.found.len() as u64,
        "unfinished file",
        "unfinished files",
    )
}

/// What was removed.
#[must_use]
pub fn leftovers_removed(removed: &Removed) -> String {
    if removed.things == 0 {
        return "No unfinished file was removed.".to_owned();
    }
    format!(
        "Removed {}; {} are free again.",
        count(removed.things, "unfinished file", "unfinished files"),
        size(removed.bytes)
    )
}

/// Something that was not removed.
#[must_use]
pub fn leftover_stayed(stayed: &Stayed) -> String {
    format!(
        "Not removed: {}: {}.",
        leftover_path(&stayed.path),
        stayed_why(&stayed.why)
    )
}

/// Why something was not removed.
#[must_use]
pub fn stayed_why(why: &Why) -> String {
    match why {
        Why::InUse => "it is being received right now".to_owned(),
        Why::Fresh => {
            "it cannot be told here whether it is in use, and it was changed within a day"
                .to_owned()
        }
        Why::Shared => "another receive that was cut off may go on with it".to_owned(),
        Why::Foreign => "it is not Fardrop's".to_owned(),
        Why::Failed(problem) => shown(problem, PATH_LIMIT),
    }
}

/// How many receives were cut off, and how much of them is here: for a line.
#[must_use]
pub fn leftovers_in_short(receives: u64, bytes: u64) -> String {
    let were = if receives == 1 {
        "transfer was"
    } else {
        "transfers were"
    };
    format!(
        "{} {were} interrupted: {} kept",
        grouped(receives),
        size(bytes)
    )
}

/// Where something is that was left over, in a list.
#[must_use]
pub fn leftover_path(path: &Path) -> String {
    shown(&path.to_string_lossy(), PATH_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_in_short() {
        assert_eq!(
            leftovers_in_short(1, 999),
            "1 transfer was interrupted: 999 bytes kept"
        );
        assert_eq!(
            leftovers_in_short(2, 3_100_000_000),
            "2 transfers were interrupted: 3.1 GB kept"
        );
        let removed = Removed {
            things: 2,
            bytes: 1_500,
            stayed: Vec::new(),
        };
        assert_eq!(
            leftovers_removed(&removed),
            "Removed 2 unfinished files; 1.5 kB are free again."
        );
    }
}
