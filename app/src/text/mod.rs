//! Every sentence a user reads, for the command line and the window alike.
//!
//! Whatever a peer has chosen (names, devices, details) passes [`shown`] on its way into a sentence,
//! so that it can neither steer a terminal nor pass for something else. The bounds here are local: they say
//! how much of it fits a line on this screen, not what may be sent.

mod concerns;
#[cfg(feature = "gui")]
mod desktop;
mod diagnosis;
mod failure;
mod far;
mod left_out;
mod leftovers;
mod names;
mod units;
#[cfg(feature = "gui")]
mod window;
mod wrap;

use fardrop_shared::Role;
use fardrop_shared::name::display_safe;

use crate::engine::event::{
    LeftOutCount, OfferSummary, Outcome, PathKind, Progress, Proving, Receipt, ShownCode,
    Transport, Who,
};

pub use concerns::*;
#[cfg(feature = "gui")]
pub use desktop::*;
pub use diagnosis::{Disclosure, diagnosis, diagnosis_rows, hint, verdict};
pub use failure::{failure, file_cause, file_failed};
pub use far::{EXAMINING_FAR, far_report, far_verdict};
pub use left_out::*;
pub use leftovers::*;
pub use names::{list_goes_on, refused, renamed, renaming, unnamed, unnamed_line};
pub use units::{ago, and_links, count, duration, grouped, rate, round_trip, size, time_left};
#[cfg(feature = "gui")]
pub use window::*;
pub use wrap::wrapped;

/// Longest name that is shown, in characters; the rest is cut.
const NAME_LIMIT: usize = 120;

/// Longest account of a problem with the settings, in characters: it holds a path of this machine.
const SETTINGS_LIMIT: usize = 1000;

/// Asks for the code.
pub const CODE_PROMPT: &str = "Code: ";

/// Asks for consent, before anything is written.
pub const ACCEPT_PROMPT: &str = "Accept? [y/N, l lists all] ";

/// Asks what to do about taken names; one answer holds for all.
pub const CONFLICT_PROMPT: &str =
    "[S]kip what is identical, [r]ename all the new ones, or re[p]lace the old ones? ";

/// An answer that is none of those asked for.
pub const CONFLICT_AGAIN: &str = "Type s, r or p, or n to decline; Enter alone means s.";

/// Codes in arguments are seen by everyone on the machine.
pub const CODE_ARGUMENT_WARNING: &str = "Note: on a machine that others use too, they can see \
     commands and so this code; there, type it at the prompt instead.";

/// An error: there is nothing to read a code from.
pub const CODE_MISSING: &str = "No code was given: type it at the prompt, pipe it in, set \
     FARDROP_CODE, or name it as an argument.";

/// Wrong words for one code, three times.
pub const CODE_TRIES_SPENT: &str = "That was the third wrong try for this code; ask for a new one.";

/// An offer, and nobody who could accept it.
pub const CONSENT_MISSING: &str = "The files were declined: nobody can be asked here. Add --yes to \
     accept them without a question.";

/// A share has its code and stays open for any number of receivers.
pub const SHARE_OPEN: &str = "Waiting for receivers; Ctrl-C ends the share.";

/// A share has its code and ends with its first receiver.
pub const SHARE_ONCE: &str = "Waiting for the receiver; Ctrl-C ends the share.";

/// Between the code and the first word from the sender.
pub const CONNECTING: &str = "Looking for the sender...";

/// The connection was lost; more may follow on the same line.
pub const INTERRUPTED: &str = "The connection was lost; looking for the other machine again.";

/// A line: nobody wishes any more that the bytes stand still.
pub const RESUMED: &str = "Going on.";

/// A window was asked for, and there is none in this program.
pub const NO_WINDOW: &str =
    "This Fardrop was built without its window; `fardrop --help` says what it can do here.";

/// Ctrl-C was seen.
pub const STOPPING: &str = "Stopping; the other side is being told. Ctrl-C again quits at once.";

/// While this network is examined.
pub const EXAMINING: &str = "Looking at this network; it takes up to five seconds...";

/// The person stopped it, and that is all there is to say.
pub const STOPPED: &str = "Stopped.";

/// The engine ended without saying how.
pub const ENGINE_GONE: &str = "Fardrop stopped because of a fault of its own; run it again with -v, \
     and please report what it prints.";

/// Makes a peer's text harmless, and cuts it to `max_chars`.
#[must_use]
pub fn shown(text: &str, max_chars: usize) -> String {
    display_safe(text, max_chars).into_owned()
}

/// A file's or device's name, harmless.
#[must_use]
pub fn name(name: &str) -> String {
    shown(name, NAME_LIMIT)
}

/// The code in a box, letters apart so that it can be read out. One string for each line.
#[must_use]
pub fn code_box(code: &ShownCode) -> Vec<String> {
    let spaced = code
        .spoken
        .split('-')
        .collect::<Vec<_>>()
        .join("  -  ")
        .to_uppercase();
    let edge = "─".repeat(spaced.chars().count() + 6);
    vec![
        format!("┌{edge}┐"),
        format!("│   {spaced}   │"),
        format!("└{edge}┘"),
    ]
}

/// What to do with a code: lines for the one who reads it out.
#[must_use]
pub fn code_help(code: &ShownCode) -> Vec<String> {
    let mut lines = vec![
        "Read this code out to the other person, or send them this line:".to_owned(),
        String::new(),
    ];
    match &code.with_server {
        None => lines.push(format!("    fardrop receive {}", code.spoken)),
        Some(whole) => {
            lines.push(format!("    fardrop receive {}", code.spoken));
            lines.push(String::new());
            lines.push(
                "If their machine cannot find yours by that, they need the whole of it:".to_owned(),
            );
            lines.push(String::new());
            lines.push(format!("    fardrop receive {whole}"));
        }
    }
    lines
}

/// What to do with a code that was shown before, now that it has a form that is good from anywhere.
#[must_use]
pub fn code_elsewhere(code: &ShownCode) -> Vec<String> {
    let whole = code.with_server.as_ref().unwrap_or(&code.spoken);
    vec![
        "Your router has opened a port. Somebody on another network types:".to_owned(),
        String::new(),
        format!("    fardrop receive {whole}"),
        String::new(),
    ]
}

/// What a share holds.
#[must_use]
pub fn scanned(files: u64, bytes: u64, links: u64, left_out: LeftOutCount) -> String {
    let mut line = format!("Sharing {}", count(files, "file", "files"));
    line.push_str(&and_links(links));
    line.push_str(", ");
    line.push_str(&size(bytes));
    if !left_out.is_none() {
        line.push_str("; ");
        line.push_str(&left_out_in_all(left_out));
    }
    line.push('.');
    line
}

/// Others take all the places of a code's number at the rendezvous.
pub const CROWDED: &str = "So many come to the number of this code that there may be no room for the person it is for. \
                           A fresh code has another number.";

/// Somebody guessed.
#[must_use]
pub fn wrong_guess(attempts_left: u8) -> String {
    match attempts_left {
        0 => "Somebody typed wrong words once more; this code is dead now.".to_owned(),
        1 => "Somebody typed the right number with wrong words; one more time and this code is \
              dead."
            .to_owned(),
        left => format!(
            "Somebody typed the right number with wrong words; after {left} more times this code \
             is dead."
        ),
    }
}

/// Where a code leads that names a server which the person has not set.
#[must_use]
pub fn names_server(server: &str) -> String {
    format!("This code names a server: {}.", name(server))
}

/// A peer proved that it knows the code.
#[must_use]
pub fn paired(device: &str) -> String {
    format!("Paired with {}.", name(device))
}

/// How a step of the ladder is called.
#[must_use]
pub const fn rung(rung: PathKind) -> &'static str {
    match rung {
        PathKind::Local => "on this network",
        PathKind::Ipv6 => "over IPv6",
        PathKind::Mapped => "through a port that a router opened",
        PathKind::Punched => "through both routers",
        PathKind::ManyPort => "through both routers, over many ports",
    }
}

/// How a transport is called.
#[must_use]
pub const fn link(link: Transport) -> &'static str {
    match link {
        Transport::Quic => "QUIC",
        Transport::GoBackN => "fallback protocol",
    }
}

/// A direct path is in use.
#[must_use]
pub fn path(kind: PathKind, name: Transport, rtt: std::time::Duration) -> String {
    format!(
        "Connected directly, {} ({}, {} there and back).",
        rung(kind),
        link(name),
        round_trip(rtt)
    )
}

/// What is offered, for the one who is asked to accept it: lines, and first of all what they should know.
#[must_use]
pub fn offer(device: &str, offer: &OfferSummary) -> Vec<String> {
    let mut what = count(offer.files, "file", "files");
    if offer.folders > 0 {
        what.push_str(" in ");
        what.push_str(&count(offer.folders, "folder", "folders"));
    }
    what.push_str(&and_links(offer.links));
    let mut lines = concerns(&offer.survey);
    lines.push(format!(
        "{} offers {what}, {}:",
        name(device),
        size(offer.bytes)
    ));
    lines.extend(
        offer
            .top_names
            .iter()
            .map(|top| format!("    {}", name(top))),
    );
    lines.extend(more_top_names(offer));
    if !offer.left_out.is_none() {
        lines.push(left_out_by_sender(offer.left_out));
    }
    lines.extend(offer_goes_into(offer));
    if let Some(free) = offer.free {
        lines.push(format!("There is room for {}.", size(free)));
    }
    if offer.kept > 0 {
        lines.push(format!(
            "{} are here already from an earlier try.",
            size(offer.kept)
        ));
    }
    if offer.conflicts > 0 {
        lines.push(format!(
            "{} here with the same name.",
            count(offer.conflicts, "file is already", "files are already")
        ));
    }
    lines
}

/// A code that does not parse; `problem` is the parser's own words, without a period.
#[must_use]
pub fn code_unreadable(problem: &str) -> String {
    format!("That is not a code: {}.", shown(problem, NAME_LIMIT))
}

/// The newest progress, in one line.
#[must_use]
pub fn progress(progress: &Progress) -> String {
    let mut line = format!(
        "{} of {}, {}",
        size(progress.bytes),
        size(progress.total),
        rate(progress.rate)
    );
    let left = progress.total.saturating_sub(progress.bytes);
    if let Some(time) = time_left(left, progress.rate)
        && left > 0
    {
        line.push_str(", ");
        line.push_str(&duration(time));
        line.push_str(" left");
    }
    line.push_str(", ");
    line.push_str(&file_of(progress));
    line
}

/// How far the proof of what the receiver had before is, in the middle of a line.
#[must_use]
pub fn proving(role: Role, proving: Proving) -> String {
    let what = match role {
        Role::Sender => "checking what is there",
        Role::Receiver => "checking what is here",
    };
    format!("{what}: {} of {}", size(proving.done), size(proving.total))
}

/// Which file a transfer is at: `file 3 of 12`.
fn file_of(progress: &Progress) -> String {
    let current = progress
        .files
        .saturating_add(1)
        .min(progress.files_total.max(1));
    if progress.files >= progress.files_total {
        format!("all {} there", grouped(progress.files_total))
    } else {
        format!(
            "file {} of {}",
            grouped(current),
            grouped(progress.files_total)
        )
    }
}

/// The connection was lost in mid-transfer, and another path is looked for.
#[must_use]
pub fn interrupted(kept: u64) -> String {
    if kept == 0 {
        return INTERRUPTED.to_owned();
    }
    format!("{INTERRUPTED} {} need not be sent again.", size(kept))
}

/// Something on the command line is neither an action, nor there, nor a link.
#[must_use]
pub fn cannot_open(name: &str) -> String {
    format!(
        "{} is not there, and no action of Fardrop's; `fardrop --help` lists them.",
        shown(name, NAME_LIMIT)
    )
}

/// An error: another start holds the lock of the only window, and does not answer.
#[must_use]
pub fn window_silent(error: &str) -> String {
    format!(
        "Fardrop is running already and does not answer ({}). End it, and start again.",
        shown(error, NAME_LIMIT)
    )
}

/// The bytes stand still because somebody wishes it.
#[must_use]
pub const fn paused(by: Who) -> &'static str {
    match by {
        Who::Here => "Paused.",
        Who::Peer => "Paused by the other side.",
    }
}

/// What arrived; for the one who sent it. What did not arrive is said first.
#[must_use]
pub fn done_sending(device: &str, receipt: &Receipt) -> String {
    format!(
        "{} {} verified on {}'s disk. {}",
        what_is_missing(receipt),
        what_crossed(receipt),
        name(device),
        how_it_went(receipt)
    )
}

/// What arrived; for the one who received it. What did not arrive is said first.
#[must_use]
pub fn done_receiving(receipt: &Receipt) -> String {
    format!(
        "{} {} verified on this disk. {}",
        what_is_missing(receipt),
        what_crossed(receipt),
        how_it_went(receipt)
    )
}

/// What failed and what was left out, with why; or that nothing was.
fn what_is_missing(receipt: &Receipt) -> String {
    let mut missing = Vec::new();
    if receipt.failed_files > 0 {
        let mut failed = count(receipt.failed_files, "file", "files");
        failed.push_str(" failed");
        if let Some(cause) = receipt.cause {
            let mostly = if receipt.failed_files > 1 {
                "mostly: "
            } else {
                ""
            };
            failed.push_str(&format!(" ({mostly}{})", file_cause(cause)));
        }
        missing.push(failed);
    }
    if !receipt.left_out.is_none() {
        missing.push(left_out_in_all(receipt.left_out));
    }
    if missing.is_empty() {
        return "Done:".to_owned();
    }
    format!("Not all of it: {}. The rest:", missing.join("; "))
}

fn what_crossed(receipt: &Receipt) -> String {
    let mut words = format!(
        "{}, {},",
        count(receipt.files, "file", "files"),
        size(receipt.bytes)
    );
    if receipt.renamed > 0 {
        words.push_str(&format!(
            " {} changed,",
            count(receipt.renamed, "name", "names")
        ));
    }
    words
}

fn how_it_went(receipt: &Receipt) -> String {
    let mut line = format!(
        "{} crossed in {}",
        size(receipt.sent),
        duration(receipt.elapsed)
    );
    if receipt.resumed > 0 {
        line.push_str(", ");
        line.push_str(&size(receipt.resumed));
        line.push_str(" were there already");
    }
    line.push('.');
    line
}

/// A task is over and nothing else says how.
#[must_use]
pub const fn ended(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Succeeded | Outcome::Failed => None,
        Outcome::Interrupted => Some(STOPPED),
    }
}

/// A settings file that cannot be used; `problem` names it, with the place in it.
#[must_use]
pub fn settings_broken(problem: &str) -> String {
    format!(
        "The settings file cannot be used: {}. It was left as it is; correct it, or move it away to \
         start afresh.",
        shown(problem, SETTINGS_LIMIT)
    )
}

#[cfg(test)]
mod tests;
