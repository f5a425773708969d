//! The words of a transfer, in every state that it can be in.

use std::time::Duration;

use fardrop_shared::Role;

use super::device;
use crate::engine::event::{PathKind, Progress, Proving, Receipt, Transport, Who};
use crate::failure::Failure;
use crate::text::{count, duration, grouped, rate, round_trip, size};

/// State of a transfer: a path is looked for.
pub const STATE_CONNECTING: &str = "Connecting";
/// State of a transfer: there is a path, and not yet an offer.
pub const STATE_PREPARING: &str = "Connected; exchanging the list of files";
/// State of a transfer: the bytes move.
pub const STATE_MOVING: &str = "Transferring";
/// State of a transfer: for a while no bytes have moved.
pub const STATE_STALLED: &str = "Stalled: nothing has arrived for a few seconds";
/// State of a transfer: this person paused it.
pub const STATE_PAUSED: &str = "Paused";
/// State of a transfer: the last files are checked.
pub const STATE_VERIFYING: &str = "Verifying on disk";
/// State of a transfer: this person said no.
pub const STATE_DECLINED: &str = "You declined";
/// State of a transfer: this person stopped it.
pub const STATE_CANCELLED: &str = "You stopped it";
/// State of a transfer: this person asked to stop it.
pub const STATE_STOPPING: &str = "Stopping";
/// State of a transfer: it failed.
pub const STATE_FAILED: &str = "Failed";
/// A wish that could not be done; the rest stays as it was.
pub const NOT_DONE: &str = "That was not done";
/// What is left of a share that failed before anybody received it.
pub const SHARE_KEPT: &str = "Nothing was sent, and the files are as they were.";
/// What is left of a share that failed after somebody began to receive it.
pub const SHARE_KEPT_THERE: &str = "The files are as they were, and receivers keep what they have.";
/// State of a transfer: this person is asked.
pub const STATE_DECIDING: &str = "Waiting for your answer";
/// The sender is looked for.
pub const LOOKING_FOR_SENDER: &str = "Looking for the sender";

/// A button.
pub const PAUSE: &str = "Pause";
/// A button.
pub const RESUME: &str = "Resume";
/// A button.
pub const CANCEL: &str = "Cancel";
/// A button.
pub const RETRY: &str = "Try again";
/// A button.
pub const SEND_AGAIN: &str = "Send again";
/// A button.
pub const REMOVE: &str = "Remove from this list";
/// A button.
pub const OPEN: &str = "Open";
/// A button.
pub const SHOW_IN_FOLDER: &str = "Show in folder";
/// A button.
pub const LOOK_AT_OFFER: &str = "Look at the offer";
/// A button.
pub const SHOW_CODE: &str = "Code and files";
/// A button.
pub const COPY_DETAILS: &str = "Copy details";
/// The graph, to a screen reader.
pub const RATE_GRAPH: &str = "Rate in the last minute";
/// State of a rung: it is tried.
pub const RUNG_TRYING: &str = "trying";
/// State of a rung: it works.
pub const RUNG_WORKS: &str = "works";
/// State of a rung: it leads nowhere.
pub const RUNG_FAILED: &str = "no way";

/// A card's title, for what goes out.
#[must_use]
pub fn to_device(name: &str) -> String {
    format!("To {}", device(name))
}

/// A card's title, for what comes in.
#[must_use]
pub fn from_device(name: &str) -> String {
    format!("From {}", device(name))
}

/// A share's card.
#[must_use]
pub fn share_title(names: &[String], more: usize) -> String {
    let first = names.first().map_or("", String::as_str);
    let first = crate::text::shown(first, 40);
    match more {
        0 => format!("Sending {first}"),
        more => format!("Sending {first} and {}", count(more as u64, "more", "more")),
    }
}

/// State of a transfer: the other person is asked.
#[must_use]
pub fn state_asking(name: &str) -> String {
    format!("Waiting for {} to accept", device(name))
}

/// State of a transfer: the connection was lost.
#[must_use]
pub fn state_reconnecting(kept: u64) -> String {
    if kept == 0 {
        "Connection lost; looking for the other machine again".to_owned()
    } else {
        format!(
            "Connection lost; looking for the other machine again (kept {})",
            size(kept)
        )
    }
}

/// State of a transfer: somebody paused it.
#[must_use]
pub fn state_paused(by: Who, name: &str) -> String {
    match by {
        Who::Here => STATE_PAUSED.to_owned(),
        Who::Peer => format!("Paused by {}", device(name)),
    }
}

/// State of a transfer: sent, and verified over there.
#[must_use]
pub fn state_sent(name: &str) -> String {
    format!("Done, verified on {}'s disk", device(name))
}

/// State of a transfer: received, and verified here.
pub const STATE_RECEIVED: &str = "Done, verified on this disk";

/// State of a transfer: some files are missing.
#[must_use]
pub fn state_partly(receipt: &Receipt) -> String {
    let mut words = "Partly done: ".to_owned();
    if receipt.failed_files > 0 {
        words.push_str(&count(receipt.failed_files, "file is", "files are"));
        words.push_str(" missing");
    }
    if !receipt.left_out.is_none() {
        if receipt.failed_files > 0 {
            words.push_str("; ");
        }
        words.push_str(&crate::text::left_out_in_all(receipt.left_out));
    }
    words
}

/// State of a transfer: the other person said no.
#[must_use]
pub fn state_declined_by(name: &str) -> String {
    format!("{} declined", device(name))
}

/// State of a transfer: the other person stopped it.
#[must_use]
pub fn state_cancelled_by(name: &str) -> String {
    format!("{} stopped it", device(name))
}

/// A step of the ladder, as it stands; `detail` is what was found.
#[must_use]
pub fn rung_line(rung: PathKind, state: &str, detail: &str) -> String {
    let name = super::rung_name(rung);
    if detail.is_empty() {
        format!("{name}: {state}")
    } else {
        format!("{name}: {state} ({})", crate::text::name(detail))
    }
}

/// A failure as it is copied, for whoever is asked for help. It names no code.
#[must_use]
pub fn failure_details(failure: &Failure, sentence: &str) -> String {
    format!(
        "Fardrop {}\n{sentence}\nstage: {}\nkind: {}",
        env!("CARGO_PKG_VERSION"),
        failure.stage.name(),
        failure.kind.name()
    )
}

/// How far it is.
#[must_use]
pub fn progress_bytes(progress: &Progress) -> String {
    format!("{} of {}", size(progress.bytes), size(progress.total))
}

/// How many files are there.
#[must_use]
pub fn progress_files(progress: &Progress) -> String {
    format!(
        "{} of {}",
        grouped(progress.files),
        count(progress.files_total, "file", "files")
    )
}

/// How fast.
#[must_use]
pub fn progress_rate(progress: &Progress) -> String {
    rate(progress.rate)
}

/// How far the proof of what was there before is.
#[must_use]
pub fn progress_proving(role: Role, proving: Proving) -> String {
    let what = match role {
        Role::Sender => "Checking what is there already",
        Role::Receiver => "Checking what is here already",
    };
    format!("{what}: {} of {}", size(proving.done), size(proving.total))
}

/// How long still.
#[must_use]
pub fn progress_left(left: Duration) -> String {
    format!("{} left", duration(left))
}

/// The bar, to a screen reader.
#[must_use]
pub fn bar_name(title: &str) -> String {
    format!("Progress: {title}")
}

/// Over which path, in plain words.
#[must_use]
pub fn path_in_words(kind: PathKind, link: Transport, rtt: Duration) -> String {
    let way = match kind {
        PathKind::Local => "straight over your own network",
        PathKind::Ipv6 => "straight over IPv6",
        PathKind::Mapped => "straight through a port that a router opened",
        PathKind::Punched => "straight through both routers",
        PathKind::ManyPort => "straight through both routers, over many ports",
    };
    let protocol = match link {
        Transport::Quic => "",
        Transport::GoBackN => ", fallback protocol",
    };
    format!("{way}{protocol}, {} there and back", round_trip(rtt))
}

/// What has come of it.
#[must_use]
pub fn receipt_amount(receipt: &Receipt) -> String {
    let mut amount = format!(
        "{}, {} in {}",
        count(receipt.files, "file", "files"),
        size(receipt.bytes),
        duration(receipt.elapsed)
    );
    if receipt.resumed > 0 {
        amount.push_str("; ");
        amount.push_str(&size(receipt.resumed));
        amount.push_str(" were there already");
    }
    amount
}

/// What was kept of something that failed.
#[must_use]
pub fn kept(kept: u64) -> String {
    format!(
        "{} are kept: the same again sends only the rest.",
        size(kept)
    )
}

/// Heads the list of the files that failed.
#[must_use]
pub fn failed_files(files: u64) -> String {
    count(
        files,
        "file was not transferred",
        "files were not transferred",
    )
}

/// The list of what failed, to a screen reader.
pub const FAILED_LIST: &str = "Files that failed";
/// The list of what has other names, to a screen reader.
pub const RENAMED_LIST: &str = "Changed names";
/// The list of what is not saved for its name, to a screen reader.
pub const UNNAMED_LIST: &str = "Names that cannot be";
/// Said of something in that list.
pub const LEFT_OUT_FOR_ITS_NAME: &str = "left out";
/// The list of what is not offered, to a screen reader.
pub const LEFT_OUT_LIST: &str = "Left out";
/// A button.
pub const SHOW_FEWER: &str = "Show fewer";

/// A button.
#[must_use]
pub fn show_all(things: u64) -> String {
    format!("Show all {}", grouped(things))
}

/// One thing of a list, and what is to be said of it.
#[must_use]
pub fn listed(name: &str, words: &str) -> String {
    format!("{}: {words}", crate::text::name(name))
}

/// Under which other name something is saved.
#[must_use]
pub fn saved_as(place: &str) -> String {
    format!("saved as {}", crate::text::name(place))
}

/// More there are than are named.
#[must_use]
pub fn more_failed(more: u64) -> String {
    format!("and {} more", grouped(more))
}

/// A notification.
#[must_use]
pub fn sent_title(name: &str) -> String {
    format!("Sent to {}", device(name))
}

/// A notification.
#[must_use]
pub fn received_title(name: &str) -> String {
    format!("Received from {}", device(name))
}

/// What a button is about, to a screen reader: `Pause: To Ada's laptop`.
#[must_use]
pub fn button_of(button: &str, title: &str) -> String {
    format!("{button}: {title}")
}
