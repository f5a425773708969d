//! The words of the settings.

use std::time::Duration;

use crate::failure::FailureKind;
use crate::text::{grouped, round_trip};

/// Settings: what this machine is called.
pub const DEVICE_LABEL: &str = "Name of this computer, as others see it";
/// Settings: where files go.
pub const FOLDER_LABEL: &str = "Folder for received files";
/// Settings: servers.
pub const SERVERS_LABEL: &str = "Rendezvous servers";
/// Settings: what servers are for.
pub const SERVERS_HELP: &str = "Two machines on different networks meet at one. It swaps their \
     addresses and nothing else.";
/// In the field for a server.
pub const SERVER_HINT: &str = "rv.example.org:4840";
/// Settings: the field for another server, to a screen reader.
pub const SERVER_LABEL: &str = "Another server, as host:port";
/// A button.
pub const ADD: &str = "Add";
/// A button.
pub const TEST: &str = "Test";
/// A test runs.
pub const TESTING: &str = "Testing...";
/// Settings: words of a code.
pub const WORDS_LABEL: &str = "Words in a code";
/// Settings: a share's end.
pub const ONCE_LABEL: &str = "End a share with its first receiver";
/// Settings: routers.
pub const MAPPING_LABEL: &str = "Ask routers to open a port";
/// Settings: conflicts.
pub const CONFLICTS_LABEL: &str = "Where the name of a received file is taken";
/// Settings: ask about conflicts.
pub const CONFLICT_ASK: &str = "Ask each time";
/// Settings: names that the folder cannot hold.
pub const BAD_NAMES_LABEL: &str = "Where the folder cannot hold the name of a received file";
/// Settings: such a file gets another name.
pub const BAD_NAMES_RENAME: &str = "Save it under a name near to it, and say so";
/// Settings: such a file is left out.
pub const BAD_NAMES_SKIP: &str = "Leave it out, and say so";
/// Settings: looks.
pub const THEME_LABEL: &str = "Theme";
/// Settings: the look of the window is the system's.
pub const THEME_SYSTEM: &str = "As the system";
/// Settings: the look of the window is light.
pub const THEME_LIGHT: &str = "Light";
/// Settings: the look of the window is dark.
pub const THEME_DARK: &str = "Dark";
/// Settings: size of text.
pub const TEXT_SIZE_LABEL: &str = "Size of everything";
/// Settings: motion.
pub const MOTION_LABEL: &str = "Reduce motion";
/// Settings: notifications.
pub const NOTIFICATIONS_LABEL: &str = "Tell me of offers and ends while the window is not in front";
/// Settings: closing.
pub const CLOSING_LABEL: &str = "Closing the window while files move";
/// Settings: closing the window while files move asks.
pub const CLOSE_ASK: &str = "Ask";
/// Settings: closing the window while files move stops them.
pub const CLOSE_STOP: &str = "Stop the transfers";
/// Settings: closing the window while files move lets them finish out of sight.
pub const CLOSE_FINISH: &str = "Finish them out of sight";
/// Settings: X11.
pub const X11_LABEL: &str =
    "Use X11 rather than Wayland, for files to be dropped (from the next start)";
/// A group of settings.
pub const GROUP_TRANSFERS: &str = "Sending and receiving";
/// Settings: the heading of what concerns the network.
pub const GROUP_NETWORK: &str = "Meeting others";
/// Settings: the heading of what concerns the window.
pub const GROUP_WINDOW: &str = "This window";
/// A button.
pub const LESS: &str = "Less";
/// A button.
pub const MORE: &str = "More";

/// How many words, and what that is worth.
#[must_use]
pub fn words_worth(words: u8) -> String {
    format!(
        "{} words: one guess in {} hits",
        words,
        grouped(1296_u64.saturating_pow(words.into()))
    )
}

/// A size in percent.
#[must_use]
pub fn percent(percent: u16) -> String {
    format!("{percent} %")
}

/// Tests a server.
#[must_use]
pub fn test_server(server: &str) -> String {
    format!("Test {}", crate::text::name(server))
}

/// Removes a server.
#[must_use]
pub fn remove_server(server: &str) -> String {
    format!("Remove {}", crate::text::name(server))
}

/// What a test came to.
#[must_use]
pub fn server_tested(server: &str, result: Result<Duration, FailureKind>) -> String {
    let server = crate::text::name(server);
    match result {
        Ok(time) => format!("{server} answers, {} there and back.", round_trip(time)),
        Err(FailureKind::UdpBlocked) => {
            format!("{server} is there, but UDP does not get through to it.")
        }
        Err(FailureKind::Version) => {
            format!("{server} is there, but of a version that this app does not understand.")
        }
        Err(_) => format!("{server} does not answer: check its name, and that it runs."),
    }
}
