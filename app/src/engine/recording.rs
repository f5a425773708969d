//! Writing a receive down, from its acceptance to its end, so that what it leaves behind is known if it is cut off.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fardrop_shared::name::{BadNames, lossy};
use fardrop_shared::offer::{EntryKind, PlacedManifest};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::command::{ConflictPolicy, OnLeftOut, ReceiveOptions};
use super::event::Receipt;
use super::session::view::TOP_NAMES;
use crate::disk::PartOwner;
use crate::failure::FailureKind;
use crate::leftovers::{Begun, Options, Places, Recorded};
use crate::transfer::{ScannedOffer, Standing, Tally};

/// How often it is written down how far a receive is: what a killed one had is known to within that.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is written down of one receive.
#[derive(Debug)]
pub(super) struct Recording {
    memory: Option<PathBuf>,
    bad_names: BadNames,
    on_left_out: OnLeftOut,
    device: String,
    seen: SeenOffer,
    transfer: Option<(watch::Receiver<Standing>, watch::Receiver<Tally>)>,
    begun: Option<JoinHandle<Option<Recorded>>>,
}

/// The offer that a person has seen last, and what they answered.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenOffer(Arc<Mutex<Option<Seen>>>);

#[derive(Debug, Clone)]
struct Seen {
    folder: PathBuf,
    manifest: Arc<PlacedManifest>,
    owner: PartOwner,
    on_conflict: ConflictPolicy,
}

impl SeenOffer {
    /// The offer was scanned for another folder, or for the first.
    pub(super) fn see(&self, offer: &ScannedOffer) {
        let mut seen = self.lock();
        let on_conflict = seen.as_ref().map(|seen| seen.on_conflict);
        *seen = Some(Seen {
            folder: offer.destination.clone(),
            manifest: Arc::clone(&offer.manifest),
            owner: offer.owner,
            on_conflict: on_conflict.unwrap_or(ConflictPolicy::Skip),
        });
    }

    /// It was accepted like this.
    pub(super) fn accept(&self, on_conflict: ConflictPolicy) {
        if let Some(seen) = self.lock().as_mut() {
            seen.on_conflict = on_conflict;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seen>> {
        // A panic elsewhere leaves nothing half-written in there.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    /// One of a receive that is not accepted yet; without a folder for the memory nothing is written.
    pub(super) fn new(memory: Option<PathBuf>, options: &ReceiveOptions) -> Self {
        Self {
            memory,
            bad_names: options.bad_names,
            on_left_out: options.on_left_out,
            device: String::new(),
            seen: SeenOffer::default(),
            transfer: None,
            begun: None,
        }
    }

    /// Takes in what the sender's machine calls itself.
    pub(super) fn meet(&mut self, device: &str) {
        device.clone_into(&mut self.device);
    }

    /// Where the offer that is seen last is kept.
    pub(super) fn seen(&self) -> SeenOffer {
        self.seen.clone()
    }

    /// Takes in what tells how the transfer is.
    pub(super) fn watch(
        &mut self,
        standing: watch::Receiver<Standing>,
        progress: watch::Receiver<Tally>,
    ) {
        self.transfer = Some((standing, progress));
    }

    /// Writes down that the receive was accepted, and how far it is, for as long as it is polled.
    pub(super) async fn follow(&mut self) -> Infallible {
        if let Some((mut standing, mut progress)) = self.transfer.clone() {
            let accepted = standing.wait_for(|standing| standing.accepted.is_some());
            if accepted.await.is_ok() {
                self.begin();
                while progress.changed().await.is_ok() {
                    tokio::time::sleep(INTERVAL).await;
                    let kept = progress.borrow_and_update().bytes;
                    self.keep(kept).await;
                }
            }
        }
        std::future::pending().await
    }

    /// Writes down what the receive came to. One that was taken over is recorded as another by now.
    pub(super) async fn settle(mut self, received: Result<Receipt, FailureKind>) {
        let taken_over = received == Err(FailureKind::TakenOver);
        let whole = received.is_ok_and(|receipt| receipt.failed_files == receipt.refused_names);
        let kept = self
            .transfer
            .as_ref()
            .map_or(0, |(_, progress)| progress.borrow().bytes);
        let left = !whole && !taken_over && kept > 0;
        if left && self.begun.is_none() {
            self.begin();
        }
        let Some(recorded) = self.recorded().await else {
            return;
        };
        let written = tokio::task::spawn_blocking(move || {
            if left {
                recorded.leave(kept)
            } else {
                recorded.end()
            }
        });
        if let Ok(Err(error)) = written.await {
            tracing::warn!(%error, "it is not recorded how a receive ended");
        }
    }

    /// Begins to write down that the receive was accepted.
    fn begin(&mut self) {
        let accepted = self.transfer.as_ref();
        let accepted = accepted.and_then(|(standing, _)| standing.borrow().accepted);
        let seen = self.seen.lock().take();
        let (Some(memory), Some((files, bytes)), Some(seen)) = (&self.memory, accepted, seen)
        else {
            return;
        };
        let (memory, device) = (memory.clone(), self.device.clone());
        let options = Options {
            on_conflict: seen.on_conflict,
            rename_bad_names: self.bad_names == BadNames::Rename,
            allow_missing: self.on_left_out == OnLeftOut::Allow,
        };
        self.begun = Some(tokio::task::spawn_blocking(move || {
            let (names, places) = outline(&seen.manifest, seen.owner);
            let begun = Begun {
                folder: seen.folder,
                device,
                names,
                files: files.into(),
                bytes,
                options,
                places,
            };
            Recorded::begin(Some(&memory), begun).unwrap_or_else(|error| {
                tracing::warn!(%error, "a receive is not recorded");
                None
            })
        }));
    }

    async fn keep(&mut self, kept: u64) {
        let Some(recorded) = self.recorded().await else {
            return;
        };
        self.begun = Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = recorded.keep(kept) {
                tracing::debug!(%error, "it is not recorded how far a receive is");
            }
            Some(recorded)
        }));
    }

    /// The record, once it is written; it is to be given back as one that is begun.
    async fn recorded(&mut self) -> Option<Recorded> {
        let recorded = self.begun.as_mut()?.await;
        self.begun = None;
        recorded.ok().flatten()
    }
}

/// The names at the top of an offer, and where its part files will be.
fn outline(manifest: &PlacedManifest, owner: PartOwner) -> (Vec<String>, Places) {
    let (mut names, mut places) = (Vec::new(), Places::default());
    let mut cursor = manifest.cursor();
    // The rest of a million entries says nothing more.
    while !(places.anywhere() && names.len() >= TOP_NAMES)
        && let Some((_, entry)) = cursor.next(manifest)
    {
        let top = entry.path.split(|byte| *byte == b'/').next();
        let top = lossy(top.unwrap_or_default());
        if names.len() < TOP_NAMES && names.last().is_none_or(|last| *last != top) {
            names.push(top.into_owned());
        }
        let Some(place) = entry.place else {
            continue;
        };
        let is_folder = entry.kind == EntryKind::Folder;
        match place.components().next() {
            Some(top) if is_folder || place.parent().is_some() => places.add_folder(top.as_path()),
            Some(_) | None => places.add_part(owner.part_name(&place)),
        }
    }
    (names, places)
}
