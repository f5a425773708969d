//! The receiver's side: the offer is read and checked, the person decides, and what is wanted is stored.

mod asking;
mod check;
mod committing;
mod control;
mod decision;
mod folders;
mod job;
mod landed;
mod links;
mod offered;
mod open_files;
mod prove;
mod renamed;
mod runs;
mod scan;
mod selection;
mod silence;
mod state;
mod threads;
mod work;
mod write_loop;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use fardrop_shared::limits::{CLAIMED_LIMIT, FAREWELL_PATIENCE};
use fardrop_shared::transfer::Standing;
use fardrop_shared::wire::peer::{DeclineReason, Message, ReceiverMessage, TRANSFER_VERSION};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use self::asking::{Taken, ask};
use self::check::check;
use self::control::Talk;
use self::job::Job;
use self::landed::Landed;
use self::offered::read_offer;
use self::open_files::Committing;
use self::prove::prove;
use self::renamed::renamed;
use self::silence::{Stop, awaited};
use self::state::ReceiveState;
use self::threads::{Alive, on_thread};
use self::work::{Piece, Work};
use self::write_loop::write_loop;
use super::bounds::BUFFER_LENGTH;
use super::controls::{Controls, Tally};
use super::error::{DestinationError, StopReason, TransferError, with_reason};
use super::outcome::Summary;
use crate::disk::Destination;
use crate::link::{CloseCode, DataReceiver, Link, LinkError, LinkHandle};

pub use self::decision::{
    Answer, Conflict, ConflictMap, Decide, Decision, OnLeftOut, ReceiveOptions, Room, ScannedOffer,
};
pub(crate) use self::selection::folders_of;
pub use self::selection::{ConflictPolicy, Consent, Selection};

/// Local: messages of the threads that wait to be said.
const MESSAGES_WAITING: usize = 64;
/// Local: buffers that wait for the writing thread, beside the one it has and the one being filled.
const PIECES_WAITING: usize = 1;

/// Receives one offer over `link`, into `options.destination`.
///
/// `person` is asked once the whole offer was read, all its names found safe, and before anything
/// is written; again for as long as it names another folder. `stop` ends it when it resolves;
/// dropping the future does the same without telling the other side. In both cases, and when the
/// link fails, what is here is kept.
///
/// The link is closed when this returns. Files that did not make it are in the summary.
///
/// # Errors
/// [`TransferError`] where the transfer ended before its end.
pub async fn receive(
    mut link: Link,
    options: ReceiveOptions,
    mut person: impl Decide,
    controls: Controls,
    stop: impl Future<Output = StopReason>,
) -> Result<Summary, TransferError> {
    let handle = link.handle.clone();
    let (alive, mut ended) = Alive::new();
    // Given up here, not where it is read: a sender whose stream ends before it is told why takes that for a fault.
    let mut data = None;
    let outcome = tokio::select! {
        biased;
        reason = stop => Err(reason.into()),
        outcome = run((&mut link, &mut data), options, &mut person, &controls, &alive) => outcome,
        error = handle.closed() => Err(error.into()),
    };
    let outcome = match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(with_reason(error, &handle).await),
    };
    match &outcome {
        Ok(_) => {
            // The last word of the sender says that it has ours; without it, it will find out.
            let last = timeout(FAREWELL_PATIENCE, link.control_receiver.receive());
            tokio::select! {
                _ = last => {}
                _ = handle.closed() => {}
            }
            handle.close(CloseCode::Done);
        }
        Err(error) => {
            if let Some(reason) = decline_reason(error) {
                let message = ReceiverMessage::Decline(reason).encode();
                let farewell = async {
                    link.control_sender.send(&message).await?;
                    link.control_sender.finish().await
                };
                tokio::select! {
                    _ = timeout(FAREWELL_PATIENCE, farewell) => {}
                    _ = handle.closed() => {}
                }
            }
            handle.close(error.close_code());
        }
    }
    // The next transfer into this folder must not meet files that this one still renames. A disk
    // that takes longer is not waited for.
    drop(alive);
    let _ = timeout(FAREWELL_PATIENCE, ended.recv()).await;
    outcome
}

fn decline_reason(error: &TransferError) -> Option<DeclineReason> {
    match error {
        TransferError::Declined(reason) => Some(*reason),
        TransferError::NoSpace { .. } => Some(DeclineReason::NoSpace),
        TransferError::UnsafeName { .. } => Some(DeclineReason::UnsafeName),
        TransferError::Destination(error) => Some(DeclineReason::Destination(error.reason())),
        TransferError::TakenOver => Some(DeclineReason::TakenOver),
        TransferError::Cancelled
        | TransferError::CancelledByPeer
        | TransferError::Crowded
        | TransferError::Stalled
        | TransferError::Version { .. }
        | TransferError::PeerGone(_)
        | TransferError::Protocol(_)
        | TransferError::Local(_) => None,
    }
}

async fn run(
    (link, data): (&mut Link, &mut Option<DataReceiver>),
    options: ReceiveOptions,
    person: &mut impl Decide,
    controls: &Controls,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let hello = ReceiverMessage::Hello {
        version: TRANSFER_VERSION,
    };
    link.control_sender.send(&hello.encode()).await?;
    let offered = read_offer(&mut link.control_receiver).await?;
    let left_out = offered.left_out;
    let taken = ask(offered, options, person, alive).await?;
    let needed = taken.scan.needed(&taken.manifest, &taken.acceptance);
    if let Some(free) = taken.free_space.filter(|free| *free < needed) {
        return Err(TransferError::NoSpace { needed, free });
    }
    let path = taken.destination.clone();
    let destination = on_thread("fardrop-destination", alive, move || {
        Destination::make(&path)
    });
    let destination = destination.await?.map_err(|error| DestinationError {
        path: taken.destination.clone(),
        error,
    })?;
    let summary = take((link, data), taken, &destination, controls, alive).await?;
    Ok(Summary {
        left_out,
        ..summary
    })
}

/// Starts the threads, moves what arrives to them, and says what they have to say.
async fn take(
    (link, data): (&mut Link, &mut Option<DataReceiver>),
    taken: Taken,
    destination: &Destination,
    controls: &Controls,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let accepted_at = Instant::now();
    let Taken {
        manifest,
        owner,
        scan,
        acceptance,
        destination: place,
        ..
    } = taken;
    let (total_files, total_bytes) = acceptance.totals(&manifest);
    let total = Tally {
        total_bytes,
        total_files,
        ..Tally::default()
    };
    let accept = ReceiverMessage::Accept {
        files: total_files,
        bytes: total_bytes,
    };
    link.control_sender.send(&accept.encode()).await?;
    let accepted = Some((total_files, total_bytes));
    controls
        .standing
        .send_modify(|standing| standing.accepted = accepted);
    let (say, messages) = mpsc::channel(MESSAGES_WAITING);
    let state = ReceiveState::new(manifest.totals().entries(), say);
    let job = Arc::new(Job {
        committing: Committing::default(),
        landed: Landed::new(&manifest),
        manifest,
        scan,
        acceptance,
        state,
        owner,
        waits: AtomicU32::new(0),
    });
    let (to_writer, work) = mpsc::channel(PIECES_WAITING);
    let checking = start_checking(&job, destination, to_writer.clone(), alive);
    let (back, spares) = mpsc::channel(PIECES_WAITING + 2);
    let writing = on_thread("fardrop-write", alive, {
        let (job, folders) = (Arc::clone(&job), destination.folders());
        move || write_loop(&job, folders, work, &back)
    });
    let held = controls.standing.subscribe();
    let pump = pump((&link.handle, data), to_writer, spares, held);
    let written = fill_write_loop(writing, pump);
    let talk = Talk {
        sender: &mut link.control_sender,
        receiver: &mut link.control_receiver,
        messages,
        job: &job,
        total,
        controls,
    };
    talk.until(async {
        written.await?;
        checking.await
    })
    .await?;
    controls.progress.send_replace(job.state.progress(total));
    let done = ReceiverMessage::Done(job.state.acknowledged());
    link.control_sender.send(&done.encode()).await?;
    Ok(Summary {
        elapsed: accepted_at.elapsed(),
        renamed: renamed(&job.manifest, Some(&job.acceptance)),
        ..job.state.summary(&place)
    })
}

/// Starts to ask for everything, and to prove what is here already.
fn start_checking(
    job: &Arc<Job>,
    destination: &Destination,
    proofs: mpsc::Sender<Work>,
    alive: &Alive,
) -> impl Future<Output = Result<(), TransferError>> + use<> {
    let (unproved, to_prove) = sync_channel(CLAIMED_LIMIT);
    let proving = on_thread("fardrop-prove", alive, {
        let (job, folders) = (Arc::clone(job), destination.folders());
        move || prove(&job, folders, &to_prove, &proofs)
    });
    let checking = on_thread("fardrop-check", alive, {
        let (job, folders) = (Arc::clone(job), destination.folders());
        move || check(&job, folders, unproved)
    });
    async move {
        checking.await?;
        proving.await
    }
}

/// Gives the writing thread what arrives; resolves when everything that was wanted is settled.
async fn fill_write_loop(
    writing: impl Future<Output = Result<io::Result<Result<(), Stop>>, TransferError>>,
    pump: impl Future<Output = Result<(), LinkError>>,
) -> Result<(), TransferError> {
    let mut written = pin!(writing);
    let mut pump = pin!(pump);
    let settle = |outcome: Result<io::Result<Result<(), Stop>>, TransferError>| match outcome?
        .map_err(TransferError::Local)?
    {
        Ok(()) => Ok(()),
        Err(Stop::Violation(violation)) => Err(violation.into()),
        Err(Stop::TakenOver) => Err(TransferError::TakenOver),
    };
    tokio::select! {
        // It ends first only because of what it was given.
        outcome = &mut written => settle(outcome),
        outcome = &mut pump => match outcome {
            Ok(()) => settle(written.await),
            Err(error) => Err(error.into()),
        },
    }
}

/// Moves what arrives on the data stream into buffers. A buffer goes on when it is full, or when
/// nothing more has arrived and the writing thread has room: a slow line costs no delay, and a fast
/// one no small pieces. Nothing is taken in while this side has paused; what the sender has said by then
/// waits in the link. The writing thread is told of a silence.
async fn pump(
    (handle, data): (&LinkHandle, &mut Option<DataReceiver>),
    to_writer: mpsc::Sender<Work>,
    mut spares: mpsc::Receiver<Vec<u8>>,
    mut held: watch::Receiver<Standing>,
) -> Result<(), LinkError> {
    let stream = data.insert(awaited(&to_writer, handle.accept_data()).await?);
    let mut ended = false;
    while !ended {
        // An error says that the transfer is ending.
        let _ = awaited(&to_writer, held.wait_for(|standing| !standing.paused_here)).await;
        let spare = spares.try_recv();
        let mut buffer = spare.unwrap_or_else(|_| vec![0; BUFFER_LENGTH]);
        let mut filled = 0;
        let permit = loop {
            if filled == 0 {
                match awaited(&to_writer, stream.read(&mut buffer)).await? {
                    Some(length) => filled = length,
                    None => ended = true,
                }
            }
            if ended || filled == buffer.len() {
                break to_writer.reserve().await;
            }
            tokio::select! {
                biased;
                read = stream.read(&mut buffer[filled..]) => match read? {
                    Some(length) => filled += length,
                    None => ended = true,
                },
                permit = to_writer.reserve() => break permit,
            }
        };
        // The writing thread ended; why, it says itself.
        let Ok(permit) = permit else {
            return Ok(());
        };
        if filled > 0 {
            permit.send(Work::Piece(Piece { buffer, filled }));
        }
    }
    let end = Piece {
        buffer: Vec::new(),
        filled: 0,
    };
    // A writing thread that ended says itself why.
    let _ = to_writer.send(Work::Piece(end)).await;
    Ok(())
}
