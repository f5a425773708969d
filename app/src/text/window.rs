//! What the window says.

/// The program's name, as it stands in a title.
pub const APP_NAME: &str = "Fardrop";

/// There is no window to be had.
#[must_use]
pub fn window_failed(problem: &str) -> String {
    format!(
        "The window cannot be opened ({problem}). `fardrop send` and `fardrop receive` do the same \
         in a terminal."
    )
}
