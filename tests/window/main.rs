//! Tier 4: real windows on a display without a monitor, found through the accessibility tree and
//! driven as a person does it: keys, drops, the clipboard.
#![cfg(target_os = "linux")]

mod accessible;
mod clipboard;
mod closing;
mod drag;
mod figures;
mod input;
mod instance;
mod picker;
mod portal;
mod screen;
mod screenshots;
mod transfer;

use accessible::Reader;
use anyhow::Result;
use input::Keyboard;
use instance::Stage;
use screen::Screen;

/// Runs a test on a desktop of its own; says so and does nothing where there can be none.
fn on_a_desktop(test: impl FnOnce(&Stage<'_>) -> Result<()>) -> Result<()> {
    let Some(screen) = Screen::start()? else {
        return Ok(());
    };
    let reader = Reader::start(&screen)?;
    let keyboard = Keyboard::new(&screen)?;
    test(&Stage {
        screen: &screen,
        reader: &reader,
        keyboard: &keyboard,
    })
}

/// Says something where the harness shows it only with `--nocapture` or when a test fails.
#[expect(
    clippy::print_stdout,
    reason = "the harness keeps what is printed, and nothing else"
)]
fn say(text: std::fmt::Arguments<'_>) {
    println!("{text}");
}
