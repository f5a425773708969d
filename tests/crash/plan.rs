//! Which points are tried: so many, spread over all there are, or the one that is asked for.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result, ensure};

use super::contents::Contents;
use super::places::{Kind, Place};
use super::share::Share;

/// How many points at which a receiver is killed, on all kinds of file systems together. With 10000 all there are
/// are tried again and again, with other files each time.
const POINTS_VARIABLE: &str = "FARDROP_CRASH_POINTS";
const POINTS: u32 = 525;

/// `SEED:CALL`: this point alone.
const POINT_VARIABLE: &str = "FARDROP_CRASH_POINT";

/// Points that fail before a test gives up: one that fails is told at once, and does not hide the next.
const MOST_FAILED: u32 = 20;

/// After how many points it is said how far a test is.
const TOLD: u32 = 100;

/// What may be sent twice, in parts of the whole.
const SENT_TWICE: f64 = 0.03;

/// A point at which a program is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// What the files are made from.
    pub(crate) seed: u64,
    /// The call that does not come about, from 1.
    pub(crate) call: u32,
}

/// How many points are tried, of so many tests of this kind.
pub(crate) fn points(tests: u32) -> Result<u32> {
    let points = match std::env::var(POINTS_VARIABLE) {
        Ok(points) => points.parse().context(POINTS_VARIABLE)?,
        Err(_) => POINTS,
    };
    Ok(points.div_ceil(tests))
}

/// The only point to be tried, if one was named.
fn only() -> Result<Option<Point>> {
    let Ok(point) = std::env::var(POINT_VARIABLE) else {
        return Ok(None);
    };
    let (seed, call) = point
        .split_once(':')
        .with_context(|| format!("{POINT_VARIABLE} is SEED:CALL"))?;
    Ok(Some(Point {
        seed: seed.parse()?,
        call: call.parse()?,
    }))
}

/// An end that is killed.
#[derive(Clone, Copy)]
pub(crate) struct Victim {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Runs to the end, and gives how many calls there were.
    pub(crate) count: fn(&mut Share<'_>) -> Result<u32>,
    /// Kills it at this call, has the next run finish, and gives what the call is called. `None` when it made fewer
    /// calls than were counted, since what comes together is up to the machine.
    pub(crate) check: fn(&mut Share<'_>, Point) -> Result<Option<&'static str>>,
}

/// Tries so many points on a file system of this kind.
pub(crate) fn check_points(kind: Kind, victim: Victim, points: u32) -> Result<()> {
    let case = format!("{} on {}", victim.name, kind.name);
    let Some(place) = Place::new(kind, &case)? else {
        return Ok(());
    };
    if let Some(point) = only()? {
        let contents = Contents::make(&place, point.seed)?;
        let name = (victim.check)(&mut Share::new(&place, &contents), point)?;
        return tell(&format!("{case}: killed at {}", name.unwrap_or("no call")));
    }
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut total, mut failed, mut seed) = (0, 0, 0);
    while total < points {
        let contents = Contents::make(&place, seed)?;
        let mut share = Share::new(&place, &contents);
        let all = (victim.count)(&mut share).with_context(|| format!("{case}, seed {seed}"))?;
        ensure!(all > 0, "no call was seen");
        let wanted = (points - total).min(all);
        for index in 0..wanted {
            let call = 1 + u32::try_from(u64::from(index) * u64::from(all) / u64::from(wanted))?;
            let checked = (victim.check)(&mut share, Point { seed, call });
            match checked {
                Ok(Some(name)) => {
                    *names.entry(name).or_default() += 1;
                    let killed = names.values().sum::<u32>();
                    if killed.is_multiple_of(TOLD) {
                        tell(&format!("{case}: {killed} of {points} so far, seed {seed}"))?;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tell(&format!(
                        "{case}: killed at call {call} of {all}: {POINT_VARIABLE}={seed}:{call}: {error:#}"
                    ))?;
                    failed += 1;
                    ensure!(failed < MOST_FAILED, "{case}: {failed} points failed");
                }
            }
        }
        let killed = failed + names.values().sum::<u32>();
        ensure!(killed > total, "{case}, seed {seed}: never killed");
        total = killed;
        seed += 1;
    }
    ensure!(failed == 0, "{case}: {failed} of {total} points failed");
    tell(&format!(
        "{case}: killed at {total} calls, seeds 0 to {}: {names:?}",
        seed - 1
    ))
}

/// How much may be sent where so much is missing.
pub(crate) fn allowed(contents: &Contents, here: u64) -> u64 {
    contents.bytes.saturating_sub(here) + (SENT_TWICE * contents.bytes as f64) as u64
}

/// Says what was covered. Not `println!`: the harness would hide it.
pub(crate) fn tell(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "{line}")?)
}
