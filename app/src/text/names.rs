//! What is said of what the receiving folder cannot hold: names, times and modes.

use crate::engine::event::{Attribute, Renaming};
use crate::text::{count, grouped, name};

/// Heads the list of what is saved under another name.
#[must_use]
pub fn renamed(names: u64) -> String {
    count(
        names,
        "name cannot be in the receiving folder and is saved as one near to it:",
        "names cannot be in the receiving folder and are saved as others near to them:",
    )
}

/// What is saved under which other name.
#[must_use]
pub fn renaming(renaming: &Renaming) -> String {
    format!("    {} -> {}", name(&renaming.name), name(&renaming.place))
}

/// Heads the list of what is not saved, since the receiving folder cannot have its name.
#[must_use]
pub fn unnamed(names: u64) -> String {
    count(
        names,
        "thing is left out, since its name cannot be in the receiving folder:",
        "things are left out, since their names cannot be in the receiving folder:",
    )
}

/// Something that is not saved, in a list.
#[must_use]
pub fn unnamed_line(path: &str) -> String {
    format!("    {}", name(path))
}

/// A list goes on: `listable` says whether there is a way to see the rest.
#[must_use]
pub fn list_goes_on(more: u64, listable: bool) -> String {
    let advice = if listable {
        ": --verbose lists all"
    } else {
        ""
    };
    format!("    And {} more{advice}.", grouped(more))
}

/// A file system refuses to have times or modes set: for how many things, and which is the first.
#[must_use]
pub fn refused(attribute: Attribute, things: u64, first: &str) -> String {
    let (what, theirs) = match attribute {
        Attribute::Time => ("times", "the time of arrival"),
        Attribute::Mode => ("permissions", "those of its choice"),
    };
    let which = if things == 1 {
        format!("{} has", name(first))
    } else {
        format!(
            "{} files and folders ({} is the first) have",
            grouped(things),
            name(first)
        )
    };
    format!(
        "The receiving file system refuses to have {what} set: {which} {theirs}. The content is whole."
    )
}
