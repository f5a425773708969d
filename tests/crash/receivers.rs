//! A receiver that is killed at each call by which it changes the disk, and the power cut there.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use fardrop_tests::tracer::Verdict;

use super::places::{KINDS, Kind};
use super::plan::{Point, Victim, allowed, check_points, points};
use super::share::Share;

const RECEIVER: Victim = Victim {
    name: "receiver",
    count,
    check,
};

fn count(share: &mut Share<'_>) -> Result<u32> {
    share.place.reset()?;
    let whole = share.received(|_| Verdict::Go)?;
    whole.sent()?;
    share.contents.check_whole(&share.place.seen(), false)?;
    Ok(whole.calls)
}

/// Kills a receiver at this call, cuts the power there at every other where that can be, and has the next one finish.
fn check(share: &mut Share<'_>, point: Point) -> Result<Option<&'static str>> {
    share.place.reset()?;
    let (tell, at) = sync_channel(1);
    let killed = share.received(move |call| {
        if call.number != point.call {
            return Verdict::Go;
        }
        let _ = tell.try_send(call.name);
        Verdict::Kill
    })?;
    let Ok(name) = at.try_recv() else {
        killed.sent()?;
        return Ok(None);
    };
    recover(share, point).with_context(|| format!("killed at {name}"))?;
    Ok(Some(name))
}

/// What is there after a receiver was killed at this point, and after the next one finished.
fn recover(share: &mut Share<'_>, point: Point) -> Result<()> {
    let (place, contents) = (share.place, share.contents);
    let power_cut = (point.seed + u64::from(point.call)).is_multiple_of(2) && place.power_cut()?;
    let mut here = contents.check(&place.seen())?;
    if power_cut {
        place.power_up()?;
        here = contents
            .check(&place.seen())
            .context("after the power cut")?;
    }
    let next = share.received(|_| Verdict::Go)?;
    let sent = next.sent().context("the next run")?;
    // What another's part holds cannot be told without locks; and a power cut may leave holes in one.
    if place.kind.without.is_none() && !power_cut {
        let allowed = allowed(contents, here);
        ensure!(
            sent <= allowed,
            "sent {sent} where {here} of {} were there",
            contents.bytes
        );
    }
    contents.check_whole(&place.seen(), place.kind.without.is_some())
}

/// Tries the points of one kind of file system.
fn check_kind(name: &str) -> Result<()> {
    check_points(Kind::named(name)?, RECEIVER, points(KINDS.len() as u32)?)
}

#[test]
fn killed_receiver_leaves_whole_files_only_on_ext4() -> Result<()> {
    check_kind("ext4")
}

#[test]
fn killed_receiver_leaves_whole_files_only_on_xfs() -> Result<()> {
    check_kind("xfs")
}

#[test]
fn killed_receiver_leaves_whole_files_only_on_btrfs() -> Result<()> {
    check_kind("btrfs")
}

#[test]
fn killed_receiver_leaves_whole_files_only_on_tmpfs() -> Result<()> {
    check_kind("tmpfs")
}

#[test]
fn killed_receiver_leaves_whole_files_only_on_exfat() -> Result<()> {
    check_kind("exfat")
}

#[test]
fn killed_receiver_leaves_whole_files_only_without_a_rename_that_never_replaces() -> Result<()> {
    check_kind("bindfs")
}

#[test]
fn killed_receiver_leaves_whole_files_only_without_locks() -> Result<()> {
    check_kind("no-locks")
}
