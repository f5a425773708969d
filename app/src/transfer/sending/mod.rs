//! The sender's side: the offer is told, and what the receiver wants of it is read into the link.

mod pool;
mod prove_loop;
mod read_loop;
mod sources;
mod state;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fardrop_shared::limits::ACKNOWLEDGE_INTERVAL;
use fardrop_shared::name::lossy;
use fardrop_shared::offer::EntryKind;
use fardrop_shared::transfer::{HeardNames, Wish};
use fardrop_shared::wire::peer::{Message, ReceiverMessage, SenderMessage, TRANSFER_VERSION};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use self::prove_loop::{longest, prove_loop};
use self::read_loop::read_loop;
use self::state::SendState;
use super::controls::{Controls, Tally};
use super::error::{StopReason, TransferError, with_reason};
use super::hear::hear;
use super::outcome::{FileFailure, Listed, Renaming, Summary};
use crate::files::OfferSource;
use crate::link::{ControlReceiver, ControlSender, Link, LinkHandle};

/// Local: full buffers between the reading thread and the link.
const BUFFERS_WAITING: usize = 2;
/// Local: hashes of files that wait to be told.
const MESSAGES_WAITING: usize = 64;

/// Sends `offer` to the receiver at the other end of `link`; it may take part of it, or decline.
///
/// `stop` ends it when it resolves; dropping the future does the same without telling the other
/// side. Progress is what the receiver acknowledged. When this succeeds, the last word to the
/// receiver may still be under way: see [`LinkHandle::wind_down`].
///
/// # Errors
/// [`TransferError`] where the transfer ended before its end.
pub async fn send(
    mut link: Link,
    offer: Arc<OfferSource>,
    controls: Controls,
    stop: impl Future<Output = StopReason>,
) -> Result<Summary, TransferError> {
    let handle = link.handle.clone();
    let (say, messages) = mpsc::channel(MESSAGES_WAITING);
    let state = StopOnDrop(Arc::new(SendState::new(offer.manifest().totals(), say)));
    let outcome = tokio::select! {
        biased;
        reason = stop => Err(reason.into()),
        outcome = run(&mut link, &offer, (&state.0, messages), controls) => outcome,
        error = handle.closed() => Err(error.into()),
    };
    let outcome = match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(with_reason(error, &handle).await),
    };
    match &outcome {
        // The receiver closes the link when it has this, and does without it after a while.
        Ok(_) => drop(
            link.control_sender
                .send(&SenderMessage::Done.encode())
                .await,
        ),
        Err(error) => handle.close(error.close_code()),
    }
    outcome.map(|elapsed| summary(&offer, &state.0, elapsed))
}

/// Ends the threads with the transfer.
struct StopOnDrop(Arc<SendState>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Gives how long it took from the receiver's yes.
async fn run(
    link: &mut Link,
    offer: &Arc<OfferSource>,
    (state, messages): (&Arc<SendState>, mpsc::Receiver<SenderMessage>),
    controls: Controls,
) -> Result<Duration, TransferError> {
    tell_offer(&mut link.control_sender, offer).await?;
    let ReceiverMessage::Hello { version } = hear(&mut link.control_receiver).await? else {
        return Err(TransferError::Protocol("no hello"));
    };
    if version != TRANSFER_VERSION {
        return Err(TransferError::Version { theirs: version });
    }
    let accepted = loop {
        let message = hear(&mut link.control_receiver).await?;
        take_in(state, &controls, message, |_| None)?;
        let accepted = state.sending().accepted();
        if accepted.is_some() {
            break accepted;
        }
    };
    controls
        .standing
        .send_modify(|standing| standing.accepted = accepted);
    let accepted_at = Instant::now();
    let mut pause = controls.pause.clone();
    obey(&mut link.control_sender, state, &controls, &mut pause).await?;
    let (out, buffers) = mpsc::channel(BUFFERS_WAITING);
    start_thread("fardrop-read", offer, state, move |offer, state| {
        read_loop(offer, state, out);
    })?;
    start_thread("fardrop-prove", offer, state, prove_loop)?;
    let (settled, over) = oneshot::channel();
    let work = async {
        let listen = listen(&mut link.control_receiver, offer, state, &controls);
        tokio::try_join!(pump(&link.handle, buffers), listen)?;
        // The other half is there for as long as this is.
        let _ = settled.send(());
        Ok(())
    };
    let steering = Steering {
        pause,
        messages,
        over,
    };
    let steer = steer(&mut link.control_sender, state, &controls, steering);
    tokio::try_join!(work, steer)?;
    Ok(accepted_at.elapsed())
}

/// Starts a thread of the transfer; it ends with it.
fn start_thread(
    name: &str,
    offer: &Arc<OfferSource>,
    state: &Arc<SendState>,
    work: impl FnOnce(&OfferSource, &Arc<SendState>) + Send + 'static,
) -> Result<(), TransferError> {
    let (offer, state) = (Arc::clone(offer), Arc::clone(state));
    let started = thread::Builder::new()
        .name(name.into())
        .spawn(move || work(&offer, &state));
    started.map(|_| ()).map_err(TransferError::Local)
}

/// Says hello and the whole offer, without waiting for an answer.
async fn tell_offer(control: &mut ControlSender, offer: &OfferSource) -> Result<(), TransferError> {
    let manifest = offer.manifest();
    let totals = manifest.totals();
    let hello = SenderMessage::Hello {
        version: TRANSFER_VERSION,
    };
    let header = SenderMessage::Offer {
        files: totals.files,
        folders: totals.folders,
        links: totals.links,
        bytes: totals.bytes,
        // A manifest has fewer pages than entries, and those are counted in a u32.
        pages: manifest.pages().len() as u32,
        left_out: offer.left_out(),
        origin: offer.origin(),
    };
    control.send(&hello.encode()).await?;
    control.send(&header.encode()).await?;
    for page in manifest.pages() {
        control
            .send(&SenderMessage::Page(page.to_vec()).encode())
            .await?;
    }
    for page in offer.left_out_names().pages() {
        control
            .send(&SenderMessage::LeftOut(page.to_vec()).encode())
            .await?;
    }
    Ok(control.send(&SenderMessage::OfferEnd.encode()).await?)
}

/// Moves full buffers into the data stream, to its end.
async fn pump(
    handle: &LinkHandle,
    mut buffers: mpsc::Receiver<Bytes>,
) -> Result<(), TransferError> {
    let mut stream = handle.open_data().await?;
    while let Some(buffer) = buffers.recv().await {
        stream.write(buffer).await?;
    }
    // The receiver's last word says that all of it arrived.
    Ok(stream.finish()?)
}

/// Hears the receiver until it is done. Always takes in what is said: were this to wait for the
/// data, and the data for it, both sides would wait for ever.
async fn listen(
    control: &mut ControlReceiver,
    offer: &OfferSource,
    state: &SendState,
    controls: &Controls,
) -> Result<(), TransferError> {
    let mut cursor = offer.manifest().cursor();
    let mut told_renamed = false;
    loop {
        let message = hear(control).await?;
        let size_of = |file| match cursor.entry(offer.manifest(), file)?.kind {
            EntryKind::File { size, .. } => Some(size),
            EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => None,
        };
        let wants = is_want(&message);
        take_in(state, controls, message, size_of)?;
        if wants && !told_renamed {
            // All new names are told before anything is asked for.
            told_renamed = true;
            let renamed = renamed(offer, state.sending().renamed());
            if renamed.count > 0 {
                controls.renamed.send_replace(Arc::new(renamed));
            }
        }
        let (now, done) = {
            let sending = state.sending();
            let (total_files, total_bytes) = sending.accepted().unwrap_or_default();
            let acknowledged = sending.acknowledged();
            let now = Tally {
                bytes: acknowledged.bytes,
                kept: sending.resumed().saturating_add(sending.holes()),
                total_bytes,
                files: acknowledged.files,
                total_files,
                proving: state.proving().newest(),
            };
            (now, sending.done())
        };
        controls.show(now);
        if done {
            return Ok(());
        }
    }
}

/// What steers a transfer, and what its threads have to say.
struct Steering {
    pause: watch::Receiver<bool>,
    messages: mpsc::Receiver<SenderMessage>,
    over: oneshot::Receiver<()>,
}

/// Lets the bytes stand still, and go on, as is wished here, and tells the receiver, with what the threads have to
/// say; until it is over.
async fn steer(
    control: &mut ControlSender,
    state: &SendState,
    controls: &Controls,
    steering: Steering,
) -> Result<(), TransferError> {
    let Steering {
        mut pause,
        mut messages,
        mut over,
    } = steering;
    let mut ticks = interval(ACKNOWLEDGE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        obey(control, state, controls, &mut pause).await?;
        tokio::select! {
            biased;
            _ = &mut over => return Ok(()),
            Some(message) = messages.recv() => control.send(&message.encode()).await?,
            // Once nobody can wish it any more, it stays as it is.
            Ok(()) = pause.changed() => {}
            _ = ticks.tick() => {
                let now = *controls.progress.borrow();
                controls.show(Tally {
                    proving: state.proving().newest(),
                    ..now
                });
            }
        }
    }
}

/// Does as is wished here now, and tells the receiver if that is another thing than before.
async fn obey(
    control: &mut ControlSender,
    state: &SendState,
    controls: &Controls,
    pause: &mut watch::Receiver<bool>,
) -> Result<(), TransferError> {
    let Some(wish) = controls.obey(pause) else {
        return Ok(());
    };
    rest_if_paused(state, controls);
    Ok(control.send(&SenderMessage::from(wish).encode()).await?)
}

fn take_in(
    state: &SendState,
    controls: &Controls,
    message: ReceiverMessage,
    size_of: impl FnOnce(u32) -> Option<u64>,
) -> Result<(), TransferError> {
    let wish = match message {
        ReceiverMessage::Decline(reason) => return Err(TransferError::Declined(reason)),
        ReceiverMessage::Pause => Some(Wish::Pause),
        ReceiverMessage::Resume => Some(Wish::Resume),
        ReceiverMessage::Hello { .. }
        | ReceiverMessage::Accept { .. }
        | ReceiverMessage::Want { .. }
        | ReceiverMessage::WantFrom { .. }
        | ReceiverMessage::Proved { .. }
        | ReceiverMessage::WantEnd
        | ReceiverMessage::Renamed { .. }
        | ReceiverMessage::Skip { .. }
        | ReceiverMessage::Progress(_)
        | ReceiverMessage::Failed { .. }
        | ReceiverMessage::Done(_) => None,
    };
    if let Some(wish) = wish {
        controls.hear(wish);
        rest_if_paused(state, controls);
    }
    let to_prove = if let ReceiverMessage::WantFrom { lengths, .. } = &message {
        longest(lengths)
    } else {
        0
    };
    {
        let mut sending = state.sending();
        sending.handle_message(message, size_of)?;
        // Nobody looks for it before it is counted.
        state.proving().plan(to_prove);
    }
    state.wake();
    Ok(())
}

/// Whether the receiver asks for something, or for no more.
const fn is_want(message: &ReceiverMessage) -> bool {
    matches!(
        message,
        ReceiverMessage::Want { .. } | ReceiverMessage::WantFrom { .. } | ReceiverMessage::WantEnd
    )
}

/// Lets the reading thread rest while anybody wishes it.
fn rest_if_paused(state: &SendState, controls: &Controls) {
    state.pause(controls.standing.borrow().is_paused());
}

fn summary(offer: &OfferSource, state: &SendState, elapsed: Duration) -> Summary {
    let sending = state.sending();
    let (failures, failure_count) = sending.failures();
    let mut cursor = offer.manifest().cursor();
    let failures = failures.into_iter().filter_map(|(file, reason)| {
        let entry = cursor.entry(offer.manifest(), file)?;
        let name = lossy(entry.path).into_owned();
        Some(FileFailure { name, reason })
    });
    Summary {
        left_out: offer.left_out(),
        renamed: renamed(offer, sending.renamed()),
        failures: failures.collect(),
        failure_count,
        files: sending.acknowledged().files,
        bytes: sending.acknowledged().bytes,
        sent: sending.sent(),
        resumed: sending.resumed(),
        elapsed,
        ..Summary::default()
    }
}

/// What the receiver says that it saves under another name.
fn renamed(offer: &OfferSource, heard: &HeardNames) -> Listed<Renaming> {
    let mut cursor = offer.manifest().cursor();
    let first = heard.names().iter().filter_map(|renamed| {
        let entry = cursor.entry(offer.manifest(), renamed.file)?;
        Some(Renaming {
            name: lossy(entry.path).into_owned(),
            place: lossy(&renamed.place).into_owned(),
        })
    });
    Listed {
        first: first.collect(),
        count: heard.count().into(),
    }
}
