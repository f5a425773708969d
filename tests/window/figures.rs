//! What a window costs: time to the first picture, work while nothing happens, work while files move,
//! memory, and a long list that is scrolled.
//!
//! The figures are printed. What is asserted is wide enough for a slow machine and a build without
//! optimisation, and narrow enough to notice a window that draws all the time.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::damage::{ConnectionExt as _, ReportLevel};

use super::accessible::Role;
use super::drag::next_event;
use super::instance::{Instance, Person, Stage};
use super::on_a_desktop;
use super::screen::Screen;
use super::transfer::{code, moving};
use crate::say;

/// How long nothing is done to a window that should do nothing either.
const IDLE: Duration = Duration::from_secs(10);

/// Files in the long list.
const FILES: usize = 10_000;

/// Turns of the wheel.
const TURNS: usize = 60;

/// Sees every picture that a window shows.
pub(crate) struct Pictures(Screen);

impl Pictures {
    /// From now on.
    pub(crate) fn of(screen: &Screen, window: &Instance<'_>) -> Result<Self> {
        let own = screen.again()?;
        own.x.damage_query_version(1, 1)?.reply()?;
        let damage = own.x.generate_id()?;
        own.x
            .damage_create(damage, window.window, ReportLevel::RAW_RECTANGLES)?;
        own.x.flush()?;
        Ok(Self(own))
    }

    /// Waits until none has come for `quiet`, or until `limit` is over, and counts them.
    pub(crate) fn count(&self, quiet: Duration, limit: Duration) -> Result<usize> {
        let end = Instant::now() + limit;
        let mut times = Vec::new();
        while Instant::now() < end {
            match next_event(&self.0, end.min(Instant::now() + quiet)) {
                Ok(Event::DamageNotify(_)) => times.push(Instant::now()),
                Ok(_) => {}
                // Nothing for so long.
                Err(_) => break,
            }
        }
        // One picture may be told of in several pieces, one right after the other.
        times.dedup_by(|later, earlier| later.duration_since(*earlier) < Duration::from_millis(1));
        Ok(times.len())
    }
}

#[test]
fn a_window_is_there_at_once_and_rests_when_nothing_happens() -> Result<()> {
    on_a_desktop(|stage| {
        // The second start finds the files of the first in memory.
        drop(Instance::start(stage, Person::Ada, &[])?);
        let ada = Instance::start(stage, Person::Ada, &[])?;
        say(format_args!(
            "first picture, to a screen reader: {:.0?}",
            ada.first_frame
        ));
        ensure!(ada.first_frame < Duration::from_secs(10));
        let pictures = Pictures::of(stage.screen, &ada)?;
        stage.keyboard.face(ada.window)?;
        pictures.count(Duration::from_secs(2), Duration::from_secs(30))?;

        let before = ada.cpu()?;
        let drawn = pictures.count(IDLE, IDLE)?;
        let used = (ada.cpu()? - before).as_secs_f64() / IDLE.as_secs_f64();
        say(format_args!(
            "idle: {drawn} pictures in {IDLE:?}, {:.2} % of a core",
            used * 100.0
        ));
        ensure!(drawn <= 2 && used < 0.05);
        let memory = ada.memory()?;
        say(format_args!("memory: {} MB", memory / 1_000_000));
        ensure!(memory < 500_000_000);
        Ok(())
    })
}

#[test]
fn a_transfer_is_drawn_ten_times_a_second_at_most() -> Result<()> {
    on_a_desktop(|stage| {
        let (_ada, bob, _) = moving(stage)?;
        let pictures = Pictures::of(stage.screen, &bob)?;
        let (started, before) = (Instant::now(), bob.drawing()?);
        let drawn = pictures.count(Duration::from_secs(2), Duration::from_secs(3))?;
        let seconds = started.elapsed().as_secs_f64();
        let used = (bob.drawing()? - before).as_secs_f64() / seconds;
        say(format_args!(
            "moving: {:.1} pictures/s, {:.1} % of a core to draw",
            drawn as f64 / seconds,
            used * 100.0
        ));
        ensure!(drawn as f64 / seconds < 15.0 && used < 1.0);
        say(format_args!("memory: {} MB", bob.memory()? / 1_000_000));
        Ok(())
    })
}

#[test]
fn a_list_of_ten_thousand_files_scrolls() -> Result<()> {
    on_a_desktop(|stage| {
        let ada = Instance::start(stage, Person::Ada, &[])?;
        let bob = Instance::start(stage, Person::Bob, &[])?;
        let folder = ada.home("many");
        fs::create_dir(&folder)?;
        for number in 0..FILES {
            fs::write(folder.join(format!("{number:05}.txt")), "x")?;
        }
        ada.drop_files(&[&folder])?;
        bob.find(Role::ENTRY, "Code")?;
        bob.type_text(&code(&ada)?)?;
        bob.press("Receive")?;
        bob.read("00003")?;
        let median = scroll(stage, &bob)?;
        say(format_args!(
            "{FILES} files: {median:.1?} of a core for a picture, at the median of {TURNS} turns"
        ));
        ensure!(median < Duration::from_millis(160));
        Ok(())
    })
}

/// Turns the wheel over the list, and gives what a picture costs at the median.
fn scroll(stage: &Stage<'_>, window: &Instance<'_>) -> Result<Duration> {
    let row = window.wait("row", |parts| {
        parts
            .iter()
            .find(|part| part.name.contains("00003"))
            .cloned()
    })?;
    let (left, top, width, height) = stage.reader.extent(&row)?;
    stage.screen.point(
        i16::try_from(left + width / 2)?,
        i16::try_from(top + height / 2)?,
    )?;
    let pictures = Pictures::of(stage.screen, window)?;
    let quiet = Duration::from_millis(300);
    pictures.count(quiet, Duration::from_secs(5))?;
    let mut costs = Vec::new();
    for _ in 0..TURNS {
        let before = window.drawing()?;
        stage.screen.scroll_down()?;
        let drawn = pictures.count(quiet, Duration::from_secs(2))?;
        let used = window.drawing()? - before;
        if let Some(each) = u32::try_from(drawn)?
            .checked_sub(1)
            .map(|more| used / (more + 1))
        {
            costs.push(each);
        }
    }
    costs.sort();
    costs
        .get(costs.len() / 2)
        .copied()
        .context("the list does not move")
}
