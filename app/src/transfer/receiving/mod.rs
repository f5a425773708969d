//! Receiving: the offer is read and checked, the person decides, and what is wanted is stored.

mod check;
mod offered;
mod scan;
mod state;
mod threads;
mod write_loop;

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Instant,
};

use fardrop_shared::{
    offer::Manifest,
    transfer::Violation,
    wire::peer::{DeclineReason, Message, ReceiverMessage, SenderMessage, TRANSFER_VERSION},
};
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    BUFFER_LENGTH, Controls, Decide, Decision, FAREWELL_TIMEOUT, PROGRESS_INTERVAL, Progress,
    ReceiveOptions, ScannedOffer, Standing, Summary, TransferError, with_reason,
};
use crate::{
    disk::{Destination, free_space},
    link::{CloseCode, ControlReceiver, ControlSender, Link, LinkError, LinkHandle},
};

use check::check;
use offered::{hear, read_offer};
use scan::Selection;
pub(super) use scan::Survey;
use state::Ledger;
use threads::{Alive, on_thread};
use write_loop::{Job, Piece, store};

/// Messages of the threads that wait to be said.
const MESSAGES_WAITING: usize = 64;
/// Buffers that wait for the writing thread, beside the one it has and the one being filled.
const PIECES_WAITING: usize = 1;

/// Receives one offer over `link`, into `options.destination`.
///
/// `person` is asked once the whole offer was read, all its names found safe, and before anything
/// is written; again for as long as it names another folder. `cancel` ends it when it resolves; dropping the future does the same without
/// telling the other side. In both cases, and when the link fails, what is here is kept.
///
/// The link is closed when this returns. Files that did not make it are in the summary.
pub async fn receive(
    mut link: Link,
    options: ReceiveOptions,
    mut person: impl Decide,
    controls: Controls,
    cancel: impl Future<Output = ()>,
) -> Result<Summary, TransferError> {
    let handle = link.handle.clone();
    let (alive, mut ended) = Alive::new();
    let outcome = tokio::select! {
        biased;
        () = cancel => Err(TransferError::Cancelled),
        outcome = run(&mut link, options, &mut person, &controls, &alive) => outcome,
        error = handle.closed() => Err(error.into()),
    };
    let outcome = match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => Err(with_reason(error, &handle).await),
    };
    match &outcome {
        Ok(_) => {
            // The last word of the sender says that it has ours; without it, it will find out.
            let last = timeout(FAREWELL_TIMEOUT, link.control_receiver.receive());
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
                    _ = timeout(FAREWELL_TIMEOUT, farewell) => {}
                    _ = handle.closed() => {}
                }
            }
            handle.close(error.close_code());
        }
    }
    // The next transfer into this folder must not meet files that this one still renames. A disk
    // that takes longer is not waited for.
    drop(alive);
    let _ = timeout(FAREWELL_TIMEOUT, ended.recv()).await;
    outcome
}

const fn decline_reason(error: &TransferError) -> Option<DeclineReason> {
    match error {
        TransferError::Declined(reason) => Some(*reason),
        TransferError::NoSpace { .. } => Some(DeclineReason::NoSpace),
        TransferError::UnsafeName { .. } => Some(DeclineReason::UnsafeName),
        TransferError::Destination(_) => Some(DeclineReason::Destination),
        TransferError::Cancelled
        | TransferError::CancelledByPeer
        | TransferError::Version { .. }
        | TransferError::PeerGone(_)
        | TransferError::Protocol(_)
        | TransferError::Local(_) => None,
    }
}

async fn run(
    link: &mut Link,
    options: ReceiveOptions,
    person: &mut impl Decide,
    controls: &Controls,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let hello = ReceiverMessage::Hello {
        version: TRANSFER_VERSION,
    };
    link.control_sender.send(&hello.encode()).await?;
    let manifest = Arc::new(read_offer(&mut link.control_receiver).await?);
    let taken = ask(manifest, options.destination, person, alive).await?;
    let needed = taken.survey.needed(&taken.manifest, &taken.selection);
    if let Some(free) = taken.free_space.filter(|free| *free < needed) {
        return Err(TransferError::NoSpace { needed, free });
    }
    let path = taken.destination.clone();
    let destination = on_thread("fardrop-destination", alive, move || {
        Destination::make(&path)
    });
    let destination = destination.await?.map_err(TransferError::Destination)?;
    take(link, taken, &destination, controls, alive).await
}

/// What the person takes of an offer, and into which folder.
struct Taken {
    manifest: Arc<Manifest>,
    survey: Arc<Survey>,
    selection: Selection,
    destination: PathBuf,
    free_space: Option<u64>,
}

/// Looks at the destination and asks the person, until that is settled.
async fn ask(
    manifest: Arc<Manifest>,
    destination: PathBuf,
    person: &mut impl Decide,
    alive: &Alive,
) -> Result<Taken, TransferError> {
    let mut destination = destination;
    let looked = look(&manifest, &destination, alive).await?;
    let (mut survey, mut free_space) = looked.map_err(TransferError::Destination)?;
    let mut refused = None;
    loop {
        let decision = person.decide(ScannedOffer {
            manifest: Arc::clone(&manifest),
            destination: destination.clone(),
            refused: refused.take(),
            free_space,
            conflicts: survey.taken.count(),
            kept_bytes: survey.kept_bytes,
            survey: Arc::clone(&survey),
        });
        match decision.await {
            Decision::Accept {
                on_conflict,
                selection,
            } => {
                return Ok(Taken {
                    manifest,
                    survey,
                    selection: Selection::new(on_conflict, selection),
                    destination,
                    free_space,
                });
            }
            Decision::Elsewhere(other) => match look(&manifest, &other, alive).await? {
                Ok(looked) => {
                    (survey, free_space) = looked;
                    destination = other;
                }
                Err(error) => refused = Some(error),
            },
            Decision::Decline => return Err(TransferError::Declined(DeclineReason::Person)),
        }
    }
}

/// What is in the folder `path` already, and how much fits there.
async fn look(
    manifest: &Arc<Manifest>,
    path: &Path,
    alive: &Alive,
) -> Result<io::Result<(Arc<Survey>, Option<u64>)>, TransferError> {
    let (manifest, path) = (Arc::clone(manifest), path.to_owned());
    let looking = on_thread("fardrop-survey", alive, move || {
        let survey = match Destination::open(&path) {
            Ok(destination) => Survey::look(&manifest, &mut destination.folders()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Survey::nothing(manifest.totals().entries())
            }
            Err(error) => return Err(error),
        };
        Ok((Arc::new(survey), free_space(&path).ok()))
    });
    looking.await
}

/// Starts the threads, moves what arrives to them, and says what they have to say.
async fn take(
    link: &mut Link,
    taken: Taken,
    destination: &Destination,
    controls: &Controls,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let accepted_at = Instant::now();
    let Taken {
        manifest,
        survey,
        selection,
        destination: place,
        ..
    } = taken;
    let (total_files, total_bytes) = selection.totals(&manifest);
    let total = Progress {
        total_bytes,
        total_files,
        ..Progress::default()
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
    let ledger = Ledger::new(manifest.totals().entries(), say);
    let job = Arc::new(Job {
        manifest,
        survey,
        selection,
        ledger,
    });
    let checking = start_checking(&job, destination, alive);
    let (to_store, pieces) = mpsc::channel(PIECES_WAITING);
    let (back, spares) = mpsc::channel(PIECES_WAITING + 2);
    let storing = on_thread("fardrop-write", alive, {
        let (job, folders) = (Arc::clone(&job), destination.folders());
        move || store(&job, folders, pieces, &back)
    });
    let held = controls.standing.subscribe();
    let stored = fill_store(storing, &link.handle, to_store, spares, held);
    let talk = Talk {
        sender: &mut link.control_sender,
        receiver: &mut link.control_receiver,
        messages,
        job: &job,
        total,
        controls,
    };
    talk.until(async {
        stored.await?;
        checking.await
    })
    .await?;
    controls.progress.send_replace(job.ledger.progress(total));
    let done = ReceiverMessage::Done(job.ledger.acknowledged());
    link.control_sender.send(&done.encode()).await?;
    Ok(Summary {
        elapsed: accepted_at.elapsed(),
        ..job.ledger.summary(&place)
    })
}

/// Starts to hash what is here already, and to ask for the rest.
fn start_checking(
    job: &Arc<Job>,
    destination: &Destination,
    alive: &Alive,
) -> impl Future<Output = Result<(), TransferError>> + use<> {
    let (job, folders) = (Arc::clone(job), destination.folders());
    on_thread("fardrop-check", alive, move || {
        check(
            &job.manifest,
            &job.survey,
            &job.selection,
            folders,
            &job.ledger,
        )
    })
}

/// Feeds the writing thread; resolves when everything that was wanted is settled.
async fn fill_store(
    storing: impl Future<Output = Result<io::Result<Result<(), Violation>>, TransferError>>,
    handle: &LinkHandle,
    to_store: mpsc::Sender<Piece>,
    spares: mpsc::Receiver<Vec<u8>>,
    held: watch::Receiver<Standing>,
) -> Result<(), TransferError> {
    let mut stored = pin!(storing);
    let mut pump = pin!(pump(handle, to_store, spares, held));
    let settle = |outcome: Result<io::Result<Result<(), Violation>>, TransferError>| {
        Ok::<_, TransferError>(outcome?.map_err(TransferError::Local)??)
    };
    tokio::select! {
        // It ends first only because of what it was given.
        outcome = &mut stored => settle(outcome),
        outcome = &mut pump => match outcome {
            Ok(()) => settle(stored.await),
            Err(error) => Err(error.into()),
        },
    }
}

/// Moves what arrives on the data stream into buffers. A buffer goes on when it is full, or when
/// nothing more has arrived and the writing thread has room: a slow line costs no delay, and a fast
/// one no small pieces. Nothing is taken in while this side has paused; what the sender has said by then
/// waits in the link.
async fn pump(
    handle: &LinkHandle,
    to_store: mpsc::Sender<Piece>,
    mut spares: mpsc::Receiver<Vec<u8>>,
    mut held: watch::Receiver<Standing>,
) -> Result<(), LinkError> {
    let mut stream = handle.accept_data().await?;
    let mut ended = false;
    while !ended {
        // An error says that the transfer is ending.
        let _ = held.wait_for(|standing| !standing.paused_here).await;
        let spare = spares.try_recv();
        let mut buffer = spare.unwrap_or_else(|_| vec![0; BUFFER_LENGTH]);
        let mut filled = 0;
        let permit = loop {
            if filled == 0 {
                match stream.read(&mut buffer).await? {
                    Some(length) => filled = length,
                    None => ended = true,
                }
            }
            if ended || filled == buffer.len() {
                break to_store.reserve().await;
            }
            tokio::select! {
                biased;
                read = stream.read(&mut buffer[filled..]) => match read? {
                    Some(length) => filled += length,
                    None => ended = true,
                },
                permit = to_store.reserve() => break permit,
            }
        };
        // The writing thread ended; why, it says itself.
        let Ok(permit) = permit else {
            return Ok(());
        };
        if filled > 0 {
            permit.send(Piece { buffer, filled });
        }
    }
    let end = Piece {
        buffer: Vec::new(),
        filled: 0,
    };
    // As above.
    let _ = to_store.send(end).await;
    Ok(())
}

/// The control channel while data flows.
struct Talk<'a> {
    sender: &'a mut ControlSender,
    receiver: &'a mut ControlReceiver,
    messages: mpsc::Receiver<ReceiverMessage>,
    job: &'a Job,
    total: Progress,
    controls: &'a Controls,
}

impl Talk<'_> {
    /// Says what the threads and the person have to say, and how far they are, until `settled` resolves.
    async fn until(
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
        let Controls {
            progress, standing, ..
        } = controls;
        let mut pause = controls.pause.clone();
        let mut settled = pin!(settled);
        let mut listening = pin!(listen(receiver, standing));
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = job.ledger.acknowledged();
        loop {
            let paused = *pause.borrow_and_update();
            if paused != standing.borrow().paused_here {
                standing.send_modify(|standing| standing.paused_here = paused);
                sender.send(&wish(paused).encode()).await?;
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
                    let now = job.ledger.acknowledged();
                    if now != said {
                        said = now;
                        progress.send_replace(job.ledger.progress(total));
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

const fn wish(paused: bool) -> ReceiverMessage {
    if paused {
        ReceiverMessage::Pause
    } else {
        ReceiverMessage::Resume
    }
}

/// Hears the sender while data flows: all it may say is that it stands still, or goes on.
async fn listen(
    control: &mut ControlReceiver,
    standing: &watch::Sender<Standing>,
) -> Result<Infallible, TransferError> {
    loop {
        let paused = match hear(control).await? {
            SenderMessage::Pause => true,
            SenderMessage::Resume => false,
            SenderMessage::Hello { .. }
            | SenderMessage::Offer { .. }
            | SenderMessage::Page(_)
            | SenderMessage::OfferEnd
            | SenderMessage::Done => {
                return Err(TransferError::Protocol("a message out of turn"));
            }
        };
        standing.send_if_modified(|standing| {
            std::mem::replace(&mut standing.paused_by_peer, paused) != paused
        });
    }
}
