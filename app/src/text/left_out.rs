//! What is said of things that are named and not offered.

use crate::engine::event::{LeftOut, LeftOutCount, LeftOutReason, PeerLeftOut};
use crate::text::{count, name};

/// How much is left out, without an end.
#[must_use]
pub fn left_out_in_all(left_out: LeftOutCount) -> String {
    let mut words = count(left_out.things, "thing is", "things are");
    words.push_str(" left out");
    if left_out.closed_folders > 0 {
        words.push_str(", and what is in ");
        words.push_str(&count(left_out.closed_folders, "folder", "folders"));
        words.push_str(" that cannot be read");
    }
    words
}

/// How much the sender leaves out, to the one who receives.
#[must_use]
pub fn left_out_by_sender(left_out: LeftOutCount) -> String {
    format!(
        "Not all of it: {} on the sender's machine, which lists it.",
        left_out_in_all(left_out)
    )
}

/// More is left out than was listed.
#[must_use]
pub fn left_out_more(more: u64) -> String {
    format!(
        "And {} left out: --verbose lists all.",
        count(more, "more thing is", "more things are")
    )
}

/// Why something is not offered.
#[must_use]
pub fn left_out(found: &str, reason: &LeftOut) -> String {
    format!("Left out: {}: {}.", name(found), left_out_cause(reason))
}

/// Why something is not offered, without its name.
#[must_use]
pub fn left_out_cause(reason: &LeftOut) -> String {
    match reason {
        LeftOut::LinkOutside => "it is a link to something outside what you send".to_owned(),
        LeftOut::LinkLoop => "it is a link back to a folder it is in".to_owned(),
        LeftOut::LinkLeftOut => "it is a link to something that is left out".to_owned(),
        LeftOut::LinkBroken => "it is a link to nothing".to_owned(),
        LeftOut::Special => "it is not a file or a folder".to_owned(),
        LeftOut::NotUnicode => "its name is not Unicode text".to_owned(),
        LeftOut::UnsafeName(reason) => format!(
            "its name could do harm on another machine ({})",
            name(reason)
        ),
        LeftOut::Unreadable(error) => format!("it cannot be read ({})", name(error)),
        LeftOut::FolderUnreadable(error) => {
            format!("it cannot be read ({}), and what is in it", name(error))
        }
        LeftOut::InLeftOut(reason) => {
            format!("a folder that it is in is left out ({})", name(reason))
        }
    }
}

/// Heads the list of what the sender leaves out, to the one who receives.
pub const LEFT_OUT_BY_SENDER: &str = "The sender leaves out of what it named:";

/// What the sender leaves out and why, in a list.
#[must_use]
pub fn left_out_there(left_out: &PeerLeftOut) -> String {
    format!(
        "    {}: {}",
        name(&left_out.name),
        left_out_there_cause(left_out.reason)
    )
}

/// Why the sender leaves something out.
#[must_use]
pub const fn left_out_there_cause(reason: LeftOutReason) -> &'static str {
    match reason {
        LeftOutReason::LinkOutside => "it is a link to something outside what is sent",
        LeftOutReason::LinkBroken => "it is a link to nothing",
        LeftOutReason::LinkLoop => "it is a link back to a folder it is in",
        LeftOutReason::LinkLeftOut => "it is a link to something that is left out",
        LeftOutReason::Special => "it is not a file or a folder",
        LeftOutReason::Name => "its name cannot be sent",
        LeftOutReason::Unreadable => "it cannot be read",
        LeftOutReason::FolderUnreadable => "it cannot be read, and what is in it",
        LeftOutReason::InLeftOut => "a folder that it is in is left out",
    }
}
