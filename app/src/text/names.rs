//! What is said of names that the receiving folder cannot hold.

use crate::engine::event::Renaming;
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
