//! A share, its senders and its receivers, on the file system that is tested.

use anyhow::{Context, Result, ensure};
use fardrop_tests::peer::{Peer, PeerCommand, last};
use fardrop_tests::tracer::{Call, Verdict, Watch};
use serde_json::Value;

use super::contents::Contents;
use super::places::Place;

/// Receivers of one share, before another is made: killed ones take up its places for a while.
const RECEIVERS_PER_SHARE: u32 = 8;

/// A share of what is in `out`, renewed now and then.
pub(crate) struct Share<'a> {
    pub(crate) place: &'a Place,
    pub(crate) contents: &'a Contents,
    sender: Option<(Peer, String)>,
    receivers: u32,
}

impl<'a> Share<'a> {
    /// One without a sender yet.
    pub(crate) const fn new(place: &'a Place, contents: &'a Contents) -> Self {
        Self {
            place,
            contents,
            sender: None,
            receivers: 0,
        }
    }

    /// A command that sends everything, from a machine that remembers itself, as a person's does.
    pub(crate) fn send(&self) -> Result<PeerCommand> {
        let command = PeerCommand::new("send")?
            .arg(self.place.out())
            .env("FARDROP_MEMORY", &self.place.memory("sender")?);
        Ok(command.within(&self.place.namespace))
    }

    /// A command that receives under this code.
    pub(crate) fn receive(&self, code: &str) -> Result<PeerCommand> {
        let command = PeerCommand::new("receive")?
            .into_folder(&self.place.folder())
            .env("FARDROP_MEMORY", &self.place.memory("receiver")?);
        Ok(command.arg("--yes").arg(code).within(&self.place.namespace))
    }

    fn code(&mut self) -> Result<String> {
        if self.receivers.is_multiple_of(RECEIVERS_PER_SHARE) {
            let mut sender = self.send()?.start()?;
            let code = sender.code()?;
            self.sender = Some((sender, code));
        }
        self.receivers += 1;
        let (_, code) = self.sender.as_ref().context("a sender")?;
        Ok(code.clone())
    }

    /// Receives; `judge` decides about each call that changes something in the destination.
    pub(crate) fn received(
        &mut self,
        mut judge: impl FnMut(Call) -> Verdict + Send + 'static,
    ) -> Result<Received> {
        let code = self.code()?;
        let without = self.place.kind.without;
        let (receiver, tracer) = self.receive(&code)?.start_traced(
            &self.place.folder(),
            Watch::Changes,
            move |call| match without {
                Some((name, error)) if name == call.name => Verdict::Fail(error),
                _ => judge(call),
            },
        )?;
        let (exit, events) = receiver.finish()?;
        let calls = tracer.calls()?;
        Ok(Received {
            exit,
            events,
            calls,
        })
    }
}

/// How a receiver ended.
pub(crate) struct Received {
    pub(crate) exit: Option<i32>,
    pub(crate) events: Vec<Value>,
    pub(crate) calls: u32,
}

impl Received {
    /// How many bytes were sent to one that is done.
    pub(crate) fn sent(&self) -> Result<u64> {
        ensure!(self.exit == Some(0), "{:?}", self.events);
        last(&self.events, "done")
            .and_then(|done| done["sent"].as_u64())
            .context("bytes sent")
    }
}
