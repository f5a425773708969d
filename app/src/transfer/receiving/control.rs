//! The control channel of a receiver while data flows.

use std::convert::Infallible;
use std::pin::pin;

use fardrop_shared::limits::ACKNOWLEDGE_INTERVAL;
use fardrop_shared::transfer::Wish;
use fardrop_shared::wire::peer::{Message, ReceiverMessage, SenderMessage};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::job::Job;
use crate::link::{ControlReceiver, ControlSender};
use crate::transfer::controls::{Controls, Tally};
use crate::transfer::error::TransferError;
use crate::transfer::hear::hear;

/// The control channel while data flows.
pub(super) struct Talk<'a> {
    pub(super) sender: &'a mut ControlSender,
    pub(super) receiver: &'a mut ControlReceiver,
    pub(super) messages: mpsc::Receiver<ReceiverMessage>,
    pub(super) job: &'a Job,
    pub(super) total: Tally,
    pub(super) controls: &'a Controls,
}

impl Talk<'_> {
    /// Says what the threads and the person have to say, and how far they are, until `settled` resolves.
    pub(super) async fn until(
        self,
        settled: impl Future<Output = Result<(), TransferError>>,
    ) -> Result<(), TransferError> {
        let Self {
            sender,
            receiver,
            mut messages,
            job,
            total,
            controls,
        } = self;
        let mut pause = controls.pause.clone();
        let mut settled = pin!(settled);
        let mut listening = pin!(listen(receiver, job, controls));
        let mut ticks = interval(ACKNOWLEDGE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = job.state.acknowledged();
        loop {
            if let Some(wish) = controls.obey(&mut pause) {
                sender.send(&ReceiverMessage::from(wish).encode()).await?;
            }
            tokio::select! {
                Some(message) = messages.recv() => sender.send(&message.encode()).await?,
                outcome = &mut settled => {
                    outcome?;
                    break;
                }
                heard = &mut listening => match heard {
                    Err(error) => return Err(error),
                    Ok(never) => match never {},
                },
                // Once nobody can wish it any more, it stays as it is.
                Ok(()) = pause.changed() => {}
                _ = ticks.tick() => {
                    let now = job.state.acknowledged();
                    // What the threads have said before they counted it: the sender holds the figures against that.
                    while let Ok(message) = messages.try_recv() {
                        sender.send(&message.encode()).await?;
                    }
                    controls.show(job.state.progress(total));
                    if now != said {
                        said = now;
                        sender.send(&ReceiverMessage::Progress(now).encode()).await?;
                    }
                }
            }
        }
        // What the threads said last.
        while let Ok(message) = messages.try_recv() {
            sender.send(&message.encode()).await?;
        }
        Ok(())
    }
}

/// Hears the sender while data flows: that it stands still, or goes on, and what its files begin with.
async fn listen(
    control: &mut ControlReceiver,
    job: &Job,
    controls: &Controls,
) -> Result<Infallible, TransferError> {
    loop {
        let wish = match hear(control).await? {
            SenderMessage::Pause => Wish::Pause,
            SenderMessage::Resume => Wish::Resume,
            SenderMessage::Prefix { file, hashes } => {
                job.state.take_prefix(file, hashes)?;
                continue;
            }
            SenderMessage::Hello { .. }
            | SenderMessage::Offer { .. }
            | SenderMessage::Page(_)
            | SenderMessage::OfferEnd
            | SenderMessage::LeftOut(_)
            | SenderMessage::Done => {
                return Err(TransferError::Protocol("a message out of turn"));
            }
        };
        controls.hear(wish);
    }
}
