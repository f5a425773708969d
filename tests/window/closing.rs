//! Windows that are closed, or told to end, while bytes move.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::instance::{Instance, Person};
use super::on_a_desktop;
use super::transfer::{large_arrived, moving, receive};
use crate::say;

/// How long a window may take to end: it tells the other side and keeps what has come.
const END: Duration = Duration::from_secs(10);

#[test]
fn closing_the_window_asks_while_bytes_move() -> Result<()> {
    on_a_desktop(|stage| {
        let (ada, mut bob, _) = moving(stage)?;
        // The bytes would be there before the answer is.
        bob.press("Pause")?;
        ada.read("Paused by Bob")?;
        bob.ask_to_close()?;
        bob.read("Files are still moving")?;
        bob.press("Keep the window open")?;
        bob.press("Resume")?;
        bob.read("verified on this disk")?;
        ensure!(large_arrived(&ada, &bob)?);
        // Nothing moves any more, and nothing is asked.
        bob.ask_to_close()?;
        ensure!(bob.ended(END)?.is_some_and(|status| status.success()));
        Ok(())
    })
}

#[test]
fn a_window_told_to_end_keeps_what_has_come() -> Result<()> {
    on_a_desktop(|stage| {
        let (ada, mut bob, code) = moving(stage)?;
        let told = Instant::now();
        bob.tell_to_end()?;
        let status = bob.ended(END)?;
        say(format_args!("ended after {:.1?}", told.elapsed()));
        ensure!(status.is_some_and(|status| status.success()), "{status:?}");
        let kept = fs::read_dir(bob.home("Downloads"))?
            .filter_map(|entry| entry.ok()?.metadata().ok())
            .map(|metadata| metadata.len())
            .sum::<u64>();
        ensure!(kept > 0, "nothing is kept");
        drop(bob);

        let bob = Instance::start(stage, Person::Bob, &[])?;
        receive(&bob, &code)?;
        bob.read("verified on this disk")?;
        let receipt = bob.read("were there already")?;
        say(format_args!("{receipt}"));
        ada.read("verified on Bob's disk")?;
        ensure!(large_arrived(&ada, &bob)?);
        Ok(())
    })
}
