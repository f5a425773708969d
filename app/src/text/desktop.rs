//! The titles of the desktop's own dialogs, and what is said where there is no desktop.

/// Files to send.
pub const CHOOSE_FILES_TITLE: &str = "Choose files to send";

/// Folders to send.
pub const CHOOSE_FOLDERS_TITLE: &str = "Choose folders to send";

/// Where files are saved.
pub const CHOOSE_DESTINATION_TITLE: &str = "Choose where to save";

/// Neither an X server nor a Wayland compositor.
pub const NO_DISPLAY: &str = "There is no display here that could show the window. `fardrop send` and \
     `fardrop receive` do the same in a terminal.";
