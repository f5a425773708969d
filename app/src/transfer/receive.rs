//! Receiving: the offer is read and checked, the person decides, and what is wanted is stored.

use std::{io, pin::pin, sync::Arc, thread, time::Instant};

use fardrop_shared::{
    name::NameError,
    offer::{Entry, Manifest, ManifestBuilder, NameChecker, OfferError},
    transfer::Violation,
    wire::peer::{DeclineReason, Message, ReceiverMessage, SenderMessage, TRANSFER_VERSION},
};
use rand::rngs::OsRng;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    BUFFER_LENGTH, Decision, FAREWELL_TIMEOUT, OfferSummary, PROGRESS_INTERVAL, Progress,
    ReceiveOptions, Summary, TransferError,
    check::check,
    ledger::Ledger,
    store::{Job, Piece, store},
    survey::{Selection, Survey},
    with_reason,
};
use crate::{
    disk::{Destination, free_space},
    link::{CloseCode, ControlReceiver, ControlSender, Link, LinkError, LinkHandle},
};

/// Messages of the threads that wait to be said.
const MESSAGES_WAITING: usize = 64;
/// Buffers that wait for the writing thread, beside the one it has and the one being filled.
const PIECES_WAITING: usize = 1;

/// Held by every thread of a transfer for as long as it runs.
#[derive(Debug, Clone)]
struct Alive {
    _held: mpsc::Sender<()>,
}

/// Receives one offer over `link`, into `options.destination`.
///
/// `decide` is asked once the whole offer was read, all its names found safe, and before anything
/// is written. `cancel` ends it when it resolves; dropping the future does the same without
/// telling the other side. In both cases, and when the link fails, what is here is kept.
///
/// The link is closed when this returns. Files that did not make it are in the summary.
pub async fn receive(
    mut link: Link,
    options: ReceiveOptions,
    decide: impl AsyncFnOnce(OfferSummary<'_>) -> Decision,
    progress: watch::Sender<Progress>,
    cancel: impl Future<Output = ()>,
) -> Result<Summary, TransferError> {
    let handle = link.handle.clone();
    // Nobody sends anything: it ends when the last thread does.
    let (held, mut ended) = mpsc::channel(1);
    let alive = Alive { _held: held };
    let outcome = tokio::select! {
        biased;
        () = cancel => Err(TransferError::Cancelled),
        outcome = run(&mut link, options, decide, &progress, &alive) => outcome,
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
    decide: impl AsyncFnOnce(OfferSummary<'_>) -> Decision,
    progress: &watch::Sender<Progress>,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let hello = ReceiverMessage::Hello {
        version: TRANSFER_VERSION,
    };
    link.control_sender.send(&hello.encode()).await?;
    let manifest = read_offer(&mut link.control_receiver).await?;
    let path = options.destination.clone();
    let surveyed = on_thread("fardrop-survey", alive, move || {
        let survey = match Destination::open(&path) {
            Ok(destination) => Survey::look(&manifest, &mut destination.folders()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Survey::nothing(manifest.totals().entries())
            }
            Err(error) => return Err(error),
        };
        Ok((manifest, survey, free_space(&path).ok()))
    });
    let surveyed: io::Result<_> = surveyed.await?;
    let (manifest, survey, free_space) = surveyed.map_err(TransferError::Destination)?;
    let decision = decide(OfferSummary {
        manifest: &manifest,
        free_space,
        conflicts: survey.taken.count(),
        kept_bytes: survey.kept_bytes,
    });
    let Decision::Accept {
        on_conflict,
        selection,
    } = decision.await
    else {
        return Err(TransferError::Declined(DeclineReason::Person));
    };
    let selection = Selection::new(on_conflict, selection);
    let needed = survey.needed(&manifest, &selection);
    if let Some(free) = free_space.filter(|free| *free < needed) {
        return Err(TransferError::NoSpace { needed, free });
    }
    let destination = on_thread("fardrop-destination", alive, move || {
        Destination::make(&options.destination)
    });
    let destination = destination.await?.map_err(TransferError::Destination)?;
    take(
        link,
        manifest,
        &destination,
        survey,
        selection,
        progress,
        alive,
    )
    .await
}

/// Starts the threads, moves what arrives to them, and says what they have to say.
async fn take(
    link: &mut Link,
    manifest: Manifest,
    destination: &Destination,
    survey: Survey,
    selection: Selection,
    progress: &watch::Sender<Progress>,
    alive: &Alive,
) -> Result<Summary, TransferError> {
    let accepted_at = Instant::now();
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
    let (say, messages) = mpsc::channel(MESSAGES_WAITING);
    let ledger = Ledger::new(manifest.totals().entries(), say);
    let job = Arc::new(Job {
        manifest,
        survey,
        selection,
        ledger,
    });
    let checking = on_thread("fardrop-check", alive, {
        let (job, folders) = (Arc::clone(&job), destination.folders());
        move || {
            check(
                &job.manifest,
                &job.survey,
                &job.selection,
                folders,
                &job.ledger,
            )
        }
    });
    let (to_store, pieces) = mpsc::channel(PIECES_WAITING);
    let (back, spares) = mpsc::channel(PIECES_WAITING + 2);
    let storing = on_thread("fardrop-write", alive, {
        let (job, folders) = (Arc::clone(&job), destination.folders());
        move || store(&job, folders, pieces, &back)
    });
    let stored = fill_store(storing, &link.handle, to_store, spares);
    let talk = Talk {
        sender: &mut link.control_sender,
        receiver: &mut link.control_receiver,
        messages,
        job: &job,
        total,
        progress,
    };
    talk.until(async {
        stored.await?;
        checking.await
    })
    .await?;
    progress.send_replace(job.ledger.progress(total));
    let done = ReceiverMessage::Done(job.ledger.acknowledged());
    link.control_sender.send(&done.encode()).await?;
    Ok(Summary {
        elapsed: accepted_at.elapsed(),
        ..job.ledger.summary()
    })
}

/// Feeds the writing thread; resolves when everything that was wanted is settled.
async fn fill_store(
    storing: impl Future<Output = Result<io::Result<Result<(), Violation>>, TransferError>>,
    handle: &LinkHandle,
    to_store: mpsc::Sender<Piece>,
    spares: mpsc::Receiver<Vec<u8>>,
) -> Result<(), TransferError> {
    let mut stored = pin!(storing);
    let mut pump = pin!(pump(handle, to_store, spares));
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
/// one no small pieces.
async fn pump(
    handle: &LinkHandle,
    to_store: mpsc::Sender<Piece>,
    mut spares: mpsc::Receiver<Vec<u8>>,
) -> Result<(), LinkError> {
    let mut stream = handle.accept_data().await?;
    let mut ended = false;
    while !ended {
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
    progress: &'a watch::Sender<Progress>,
}

impl Talk<'_> {
    /// Says what the threads have to say, and how far they are, until `settled` resolves.
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
            progress,
        } = self;
        let mut settled = pin!(settled);
        let mut heard = pin!(receiver.receive());
        let mut ticks = interval(PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = job.ledger.acknowledged();
        loop {
            tokio::select! {
                Some(message) = messages.recv() => sender.send(&message.encode()).await?,
                outcome = &mut settled => {
                    outcome?;
                    break;
                }
                heard = &mut heard => return Err(match heard? {
                    Some(_) => TransferError::Protocol("a message out of turn"),
                    None => TransferError::PeerGone(LinkError::TimedOut),
                }),
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

/// Reads the whole offer. One name that must not become a path refuses all of it.
async fn read_offer(control: &mut ControlReceiver) -> Result<Manifest, TransferError> {
    let SenderMessage::Hello { version } = hear(control).await? else {
        return Err(TransferError::Protocol("no hello"));
    };
    if version != TRANSFER_VERSION {
        return Err(TransferError::Version { theirs: version });
    }
    let SenderMessage::Offer {
        files,
        folders,
        bytes,
        pages,
    } = hear(control).await?
    else {
        return Err(TransferError::Protocol("no offer"));
    };
    let mut builder = ManifestBuilder::new();
    let mut names = NameChecker::new(&mut OsRng);
    for _ in 0..pages {
        let SenderMessage::Page(page) = hear(control).await? else {
            return Err(TransferError::Protocol("a page is missing"));
        };
        let checked: Result<(), PageError> = builder.push_page(&page, |entry| {
            names
                .check_here(entry)
                .map_err(|refused| PageError::of(entry, refused))
        });
        checked.map_err(TransferError::from)?;
    }
    if hear(control).await? != SenderMessage::OfferEnd {
        return Err(TransferError::Protocol("the offer does not end"));
    }
    let totals = builder.totals();
    if (totals.files, totals.folders, totals.bytes) != (files, folders, bytes) {
        return Err(TransferError::Protocol("the offer does not add up"));
    }
    Ok(builder.finish()?)
}

/// What is wrong with a page.
enum PageError {
    Offer(OfferError),
    Name(String, NameError),
}

impl PageError {
    fn of(entry: Entry<'_>, refused: NameError) -> Self {
        Self::Name(entry.path.to_owned(), refused)
    }
}

impl From<OfferError> for PageError {
    fn from(error: OfferError) -> Self {
        Self::Offer(error)
    }
}

impl From<PageError> for TransferError {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Offer(error) => error.into(),
            PageError::Name(name, refused) => Self::UnsafeName {
                name,
                reason: refused,
            },
        }
    }
}

async fn hear(control: &mut ControlReceiver) -> Result<SenderMessage, TransferError> {
    let message = control.receive().await?;
    let message = message.ok_or(TransferError::PeerGone(LinkError::TimedOut))?;
    Ok(SenderMessage::decode(&message)?)
}

/// Runs `work` on a thread of its own, started at once. Dropping the future does not stop it.
fn on_thread<T: Send + 'static>(
    name: &str,
    alive: &Alive,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, TransferError>> {
    let (sender, receiver) = oneshot::channel();
    let alive = alive.clone();
    let started = thread::Builder::new().name(name.into()).spawn(move || {
        // Nobody waits any more if this fails.
        let _ = sender.send(work());
        drop(alive);
    });
    async move {
        started.map_err(TransferError::Local)?;
        let outcome = receiver.await;
        outcome.map_err(|_| TransferError::Local(io::Error::other("a thread panicked")))
    }
}
