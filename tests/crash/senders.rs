//! A sender that is killed at each call by which it reads what it sends.

use std::sync::mpsc::sync_channel;

use anyhow::{Context, Result, ensure};
use fardrop_tests::peer::last;
use fardrop_tests::tracer::{Verdict, Watch};

use super::places::Kind;
use super::plan::{Point, Victim, allowed, check_points, points};
use super::share::Share;

/// Fewer than of the receiver: a call that reads changes nothing, it says only how far the other end is.
const OF_THE_RECEIVERS: u32 = 10;

const SENDER: Victim = Victim {
    name: "sender",
    count,
    check,
};

fn count(share: &mut Share<'_>) -> Result<u32> {
    share.place.reset()?;
    let command = share.send()?.arg("--once");
    let (mut sender, tracer) =
        command.start_traced(&share.place.out(), Watch::Reads, |_| Verdict::Go)?;
    let code = sender.code()?;
    let (exit, events) = share.receive(&code)?.start()?.finish()?;
    ensure!(exit == Some(0), "{events:?}");
    let (exit, events) = sender.finish()?;
    ensure!(exit == Some(0), "{events:?}");
    share.contents.check_whole(&share.place.seen(), false)?;
    tracer.calls()
}

/// Kills a sender at this call, asks the receiver to end, and has two others finish.
fn check(share: &mut Share<'_>, point: Point) -> Result<Option<&'static str>> {
    let (place, contents) = (share.place, share.contents);
    place.reset()?;
    let (tell, at) = sync_channel(1);
    let command = share.send()?.arg("--once");
    let (mut sender, _tracer) = command.start_traced(&place.out(), Watch::Reads, move |call| {
        if call.number != point.call {
            return Verdict::Go;
        }
        let _ = tell.try_send(call.name);
        Verdict::Kill
    })?;
    // It may have ended before it told one.
    if let Ok(code) = sender.code() {
        let receiver = share.receive(&code)?.start()?;
        sender.finish()?;
        // As a person does who hears that the other's machine went down.
        receiver.interrupt()?;
        receiver.finish()?;
    }
    let Ok(name) = at.try_recv() else {
        contents.check_whole(&place.seen(), false)?;
        return Ok(None);
    };
    let here = contents.check(&place.seen())?;
    let mut sender = share.send()?.arg("--once").start()?;
    let code = sender.code()?;
    let (exit, events) = share.receive(&code)?.start()?.finish()?;
    ensure!(exit == Some(0), "the next run: {events:?}");
    let done = last(&events, "done").context("it is done")?;
    let sent = done["sent"].as_u64().context("bytes sent")?;
    ensure!(
        sent <= allowed(contents, here),
        "sent {sent} where {here} of {} were there",
        contents.bytes
    );
    contents.check_whole(&place.seen(), false)?;
    Ok(Some(name))
}

#[test]
fn killed_sender_leaves_whole_files_only() -> Result<()> {
    check_points(Kind::named("tmpfs")?, SENDER, points(OF_THE_RECEIVERS)?)
}
