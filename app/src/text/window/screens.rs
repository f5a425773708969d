//! The words of the screens.

use std::path::Path;

use fardrop_shared::diagnosis::{Hint, Prospect};

use super::{account, device};
use crate::engine::event::{LeftOutCount, OfferSummary, PathKind, ShownCode};
use crate::text::{count, shown, size};

/// Longest path of this machine that is shown, in characters.
const PATH_LIMIT: usize = 80;

/// The tab of the first screen.
pub const TAB_HOME: &str = "Home";
/// The tab of the settings.
pub const TAB_SETTINGS: &str = "Settings";
/// The tab of the history.
pub const TAB_HISTORY: &str = "History";
/// The tab of the network.
pub const TAB_NETWORK: &str = "Network";
/// The tab that says what this program is.
pub const TAB_ABOUT: &str = "About";

/// Sending, on the first screen.
pub const SEND_TITLE: &str = "Send";
/// What can be done there, where files can be dropped.
pub const DROP_HINT: &str = "Drop files or folders anywhere here";
/// What can be done there, where the window is not told of drops.
pub const CHOOSE_HINT: &str = "Choose what to send; you get a code to read out";
/// While files are held over the window.
pub const DROP_NOW: &str = "Drop to send";
/// A button.
pub const CHOOSE_FILES: &str = "Choose files";
/// A button.
pub const CHOOSE_FOLDER: &str = "Choose folder";
/// A button.
pub const PASTE: &str = "Paste";
/// Receiving, on the first screen.
pub const RECEIVE_TITLE: &str = "Receive";
/// Above the code field.
pub const CODE_LABEL: &str = "Code that the other person reads out";
/// In the code field.
pub const CODE_HINT: &str = "417-acid-lemon";
/// A button.
pub const RECEIVE: &str = "Receive";
/// What goes on.
pub const TRANSFERS_TITLE: &str = "Transfers";
/// No rendezvous is configured.
pub const NO_RENDEZVOUS: &str = "No rendezvous server is set: this works on this network, and beyond \
     it where your router opens a port.";
/// A button beside that.
pub const SET_ONE: &str = "Set one";

/// A code's number is none.
pub const CODE_NUMBER_BAD: &str = "A code begins with its number, of three to nine digits.";
/// A code that cannot become one.
pub const CODE_MALFORMED: &str = "That is not a code: it is too long, or what follows the @ is no \
     server.";

/// The clipboard holds nothing to send or to type.
pub const CLIPBOARD_EMPTY: &str = "The clipboard holds no files and no code.";
/// Text went into the clipboard.
pub const COPIED: &str = "Copied.";
/// A button on a notice.
pub const DISMISS: &str = "Dismiss";
/// A button.
pub const BACK: &str = "Back";

/// A button on a row.
pub const REMOVE_ITEM: &str = "Remove";
/// An offer that is gone.
pub const OFFER_OVER: &str = "This offer is over";
/// Too much was asked of the engine at once.
pub const ENGINE_BUSY: &str = "Fardrop is busy; do that again in a moment.";
/// Too much was asked of the desktop at once.
pub const DESKTOP_BUSY: &str = "The desktop does not answer; do that again in a moment.";

/// A share's screen.
pub const READY_TITLE: &str = "Ready to send";
/// The share is over.
pub const SHARE_OVER: &str = "This share is over";
/// While there is no code yet.
pub const CODE_COMING: &str = "The code is being made...";
/// Above the code.
pub const READ_OUT: &str = "Read this code out to the other person";
/// A button.
pub const COPY_CODE: &str = "Copy code";
/// A button.
pub const COPY_LINK: &str = "Copy link";
/// The QR code, to a screen reader.
pub const QR_NAME: &str = "QR code of the link";
/// What is offered.
pub const OFFERED_TITLE: &str = "What is offered";
/// A button.
pub const ADD_FILES: &str = "Add files";
/// A button.
pub const ADD_FOLDER: &str = "Add folder";
/// While files are looked through.
pub const LOOKING_THROUGH: &str = "Looking through the files...";
/// A share ended before they were.
pub const NOT_LOOKED_THROUGH: &str = "The files were not looked through.";
/// Who receives.
pub const RECEIVERS_TITLE: &str = "Receivers";
/// The list of receivers, while nobody receives.
pub const NOBODY_YET: &str = "Waiting for the other person to type the code.";
/// A button.
pub const STOP_SHARING: &str = "Stop sharing";
/// A button.
pub const FRESH_CODE: &str = "Fresh code, same files";
/// While a fresh code is made.
pub const RENEWING: &str = "A fresh code is being made...";
/// Somebody guessed at the code.
pub const WRONG_CODE_TRIED: &str = "Someone tried a wrong code.";
/// The code is dead by guesses.
pub const CODE_DEAD: &str = "Someone tried wrong codes too often, so this one is dead. The files are \
     still here.";
/// The code's number was given away.
pub const CODE_TAKEN: &str =
    "The rendezvous gave this code's number away. The files are still here.";

/// Above the list of an offer.
pub const SEARCH_OFFER: &str = "Search the files";
/// While the list is made.
pub const LIST_COMING: &str = "The list is being made...";
/// A search that nothing matches.
pub const NOTHING_MATCHES: &str = "Nothing matches.";
/// A mark: there is one of this name and size already.
pub const SAME_SIZE: &str = "there already?";
/// A mark: there is another one of this name.
pub const NAME_TAKEN: &str = "name taken";
/// A folder is named.
pub const SAVE_INTO: &str = "Save into";
/// A button.
pub const CHANGE: &str = "Change";
/// What becomes of a file whose name is taken.
pub const CONFLICT_SKIP: &str = "Skip what is identical, keep both where they differ";
/// What becomes of a file whose name is taken.
pub const CONFLICT_RENAME: &str = "Keep both, always";
/// What becomes of a file whose name is taken.
pub const CONFLICT_REPLACE: &str = "Replace the old ones";
/// A button.
pub const ACCEPT: &str = "Accept";
/// A button.
pub const DECLINE: &str = "Decline";
/// A picker in which nothing is chosen.
pub const NOTHING_CHOSEN: &str = "Nothing is chosen.";

/// The network's screen.
pub const NETWORK_TITLE: &str = "What this network allows";
/// What the network's screen is for.
pub const NETWORK_HELP: &str = "Fardrop tries these ways to another machine, from the top. Looking \
     takes up to five seconds and needs no other person.";
/// A button.
pub const LOOK: &str = "Look at this network";
/// A button.
pub const LOOK_AGAIN: &str = "Look again";
/// A button.
pub const COPY_REPORT: &str = "Copy report";
/// The report below.
pub const REPORT_TITLE: &str = "Report";
/// What is not in it.
pub const REPORT_HELP: &str = "It names no address, server or interface: anybody may see it.";

/// What this is.
pub const ABOUT_WHAT: &str = "Files straight from one machine to another, encrypted from end to end. No \
     upload to a third party, no account, no size limit.";
/// Licences.
pub const LICENCES_TITLE: &str = "Licences";
/// The licences, a paragraph each.
pub const LICENCES: [&str; 4] = [
    "Fardrop: MIT or Apache-2.0, as you like.",
    "The words of the codes: EFF short word list 2, Electronic Frontier Foundation, CC BY 3.0 US; one \
     word is spelled otherwise.",
    "The letters of this window: Ubuntu font, Ubuntu Font Licence 1.0; Hack, MIT and Bitstream Vera \
     licences.",
    "Built with egui, quinn, rustls, tokio and other free software, under MIT, Apache-2.0, ISC, BSD and \
     like licences; Cargo.lock in the source names each.",
];

/// A dialog.
pub const CLOSE_TITLE: &str = "Files are still moving";
/// What the dialog before the window closes asks, while files move.
pub const CLOSE_QUESTION: &str = "What has crossed is kept: after a new start with a new code, only the \
     rest is sent.";
/// A button.
pub const CLOSE_KEEP: &str = "Keep the window open";
/// A button.
pub const CLOSE_NOW: &str = "Stop and close";
/// A button.
pub const CLOSE_WHEN_DONE: &str = "Close when done";
/// A dialog.
pub const STOP_TITLE: &str = "Somebody is receiving";
/// What the dialog before a transfer is stopped asks.
pub const STOP_QUESTION: &str =
    "Stopping the share stops that too. What has crossed is kept over there.";
/// A button.
pub const STOP_KEEP: &str = "Keep sharing";

/// The version.
#[must_use]
pub fn version() -> String {
    format!("Version {}", env!("CARGO_PKG_VERSION"))
}

/// A word of the code field is none.
#[must_use]
pub fn word_unknown(position: usize) -> String {
    format!("Word {position} is not one of Fardrop's words; nothing was tried.")
}

/// A word of the code field may be several.
#[must_use]
pub fn word_ambiguous(position: usize) -> String {
    format!("Word {position} could be several of Fardrop's words.")
}

/// A completion, to a screen reader.
#[must_use]
pub fn complete_word(word: &str) -> String {
    format!("Complete the word: {word}")
}

/// The desktop did not do what was asked.
#[must_use]
pub fn desktop_failed(problem: &str) -> String {
    format!("The desktop did not do that: {}.", account(problem))
}

/// The settings could not be saved.
#[must_use]
pub fn settings_unsaved(problem: &str) -> String {
    format!(
        "The settings hold until the window is closed; they could not be saved: {}.",
        account(problem)
    )
}

/// A code spelled: `417, A C I D, L E M O N`.
#[must_use]
pub fn spelled(code: &ShownCode) -> String {
    code.spoken
        .split('-')
        .map(|part| {
            if part.bytes().all(|b| b.is_ascii_digit()) {
                return part.to_owned();
            }
            let letters: Vec<String> = part.to_uppercase().chars().map(String::from).collect();
            letters.join(" ")
        })
        .collect::<Vec<_>>()
        .join("   ")
}

/// The code, to a screen reader.
#[must_use]
pub fn code_name(code: &ShownCode) -> String {
    format!("Code: {}", code.spoken.replace('-', " "))
}

/// A path of this machine, on one line, with `~` for `home` if that is given.
#[must_use]
pub fn path_shown(path: &Path, home: Option<&Path>) -> String {
    let inside = home.and_then(|home| path.strip_prefix(home).ok());
    match inside {
        // Joined with nothing, it would end in a slash.
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => shown(&Path::new("~").join(rest).to_string_lossy(), PATH_LIMIT),
        None => shown(&path.to_string_lossy(), PATH_LIMIT),
    }
}

/// Where received files go: a folder as it is shown.
#[must_use]
pub fn goes_into(folder: &str) -> String {
    format!("Files go into {folder}")
}

/// A line of the report.
#[must_use]
pub fn report_row(label: &str, value: &str) -> String {
    format!("{label}: {value}")
}

/// What a person should know or could do, in a window.
#[must_use]
pub const fn window_hint(hint: Hint) -> &'static str {
    if matches!(hint, Hint::NameServer) {
        "No rendezvous server is set, so nothing beyond this network was tested: set one under \
         Settings."
    } else {
        super::super::hint(hint)
    }
}

/// What is offered in all.
#[must_use]
pub fn offered_total(files: u64, links: u64, bytes: u64) -> String {
    let files = count(files, "file", "files");
    let links = crate::text::and_links(links);
    format!("{files}{links}, {}", size(bytes))
}

/// Something that was named: what is in it.
#[must_use]
pub fn item_amount(folder: bool, files: u64, bytes: u64) -> String {
    if folder {
        offered_total(files, 0, bytes)
    } else {
        size(bytes)
    }
}

/// Removes something from a share.
#[must_use]
pub fn remove_item(name: &str) -> String {
    format!("Remove {}", crate::text::name(name))
}

/// What was left out.
#[must_use]
pub fn left_out_count(left_out: LeftOutCount) -> String {
    format!("{}:", crate::text::left_out_in_all(left_out))
}

/// Who offers.
#[must_use]
pub fn offer_title(from: &str) -> String {
    format!("{} wants to send you files", device(from))
}

/// What a link is called in a list, where others have their size.
pub const A_LINK: &str = "link";

/// How much is offered.
#[must_use]
pub fn offer_amount(offer: &OfferSummary) -> String {
    let mut amount = count(offer.files, "file", "files");
    if offer.folders > 0 {
        amount.push_str(" in ");
        amount.push_str(&count(offer.folders, "folder", "folders"));
    }
    amount.push_str(&crate::text::and_links(offer.links));
    amount.push_str(", ");
    amount.push_str(&size(offer.bytes));
    amount
}

/// An offer waits, on another screen.
#[must_use]
pub fn offers_wait(number: usize) -> String {
    count(number as u64, "offer waits", "offers wait")
}

/// A button: a disk may have more room than it says.
pub const TRY_ANYWAY: &str = "Try anyway";

/// How much room the destination has, and whether the offer fits.
#[must_use]
pub fn room(free: u64, fits: bool) -> String {
    if fits {
        format!("There is room for {}.", size(free))
    } else {
        format!(
            "It does not fit: there is room for {} only. Choose less, or another folder.",
            size(free)
        )
    }
}

/// What is here already.
#[must_use]
pub fn kept_here(kept: u64) -> String {
    format!("{} are here already from an earlier try.", size(kept))
}

/// How many names are taken.
#[must_use]
pub fn conflicts(number: u64) -> String {
    format!(
        "{} here with the same name.",
        count(number, "file is already", "files are already")
    )
}

/// How many rows match.
#[must_use]
pub fn matching(number: u64) -> String {
    count(number, "entry", "entries")
}

/// A row's checkbox, to a screen reader.
#[must_use]
pub fn take_row(name: &str) -> String {
    format!("Take {}", crate::text::name(name))
}

/// How a rung of the ladder is called, alone.
#[must_use]
pub const fn rung_name(rung: PathKind) -> &'static str {
    match rung {
        PathKind::Local => "On the same network",
        PathKind::Ipv6 => "Over IPv6",
        PathKind::Mapped => "Through a port that a router opens",
        PathKind::Punched => "Through both routers",
        PathKind::ManyPort => "Through both routers, over many ports",
    }
}

/// What can be expected of it.
#[must_use]
pub const fn prospect(prospect: Prospect) -> &'static str {
    match prospect {
        Prospect::Open => "open",
        Prospect::Depends => "depends on the other router",
        Prospect::Closed => "closed",
        Prospect::Untested => "not tested",
    }
}

/// A checkbox: what is hidden at the top, or would start by itself, is taken.
pub const TAKE_HIDDEN: &str = "Take what is hidden or starts by itself as well";

/// A checkbox: programs keep the right to be run.
pub const ALLOW_PROGRAMS: &str = "Let programs be run here";
