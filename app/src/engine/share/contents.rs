//! What a share offers: the things that a person named, looked through in the background, and again
//! whenever they are changed.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::scan::{self, Offer};
use super::secret::share_secret;
use crate::engine::context::Context;
use crate::engine::event::{ItemNumber, LeftOut, ShareEvent, ShareItem, TaskEvent, TaskNumber};
use crate::engine::failures::unreadable;
use crate::failure::{Failure, FailureKind, Stage};
use crate::files::{OfferSource, Scanned};

/// The contents of one share.
pub(super) struct Contents {
    context: Context,
    task: TaskNumber,
    items: Vec<Item>,
    last_number: u64,
    offer: watch::Sender<Offer>,
    /// What was found the last time, and is offered unless there is something better.
    settled: Option<Settled>,
    /// At most one scan; it is dropped, and so ended, when another begins.
    scanning: JoinSet<ItemsScan>,
}

/// One of the things named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    number: ItemNumber,
    path: PathBuf,
}

#[derive(Debug)]
struct Settled {
    items: Vec<Item>,
    source: Arc<OfferSource>,
}

/// What a scan of the items found.
#[derive(Debug)]
pub(super) struct ItemsScan {
    /// Items that are there, each once.
    items: Vec<Item>,
    /// Those that are not.
    missing: Vec<(PathBuf, io::Error)>,
    scanned: Result<Scanned, Failure>,
}

impl Contents {
    /// Starts to scan `paths`.
    pub(super) fn begin(context: Context, task: TaskNumber, paths: Vec<PathBuf>) -> Self {
        let mut contents = Self {
            context,
            task,
            items: Vec::new(),
            last_number: 0,
            offer: watch::Sender::new(Offer::Pending),
            settled: None,
            scanning: JoinSet::new(),
        };
        contents.add(paths);
        contents.begin_scan();
        contents
    }

    /// The offer, for a session that waits for it and then keeps what it got.
    pub(super) fn offer(&self) -> watch::Receiver<Offer> {
        self.offer.subscribe()
    }

    /// Begins to offer other things than before.
    pub(super) fn edit(&mut self, add: Vec<PathBuf>, remove: &[ItemNumber]) {
        self.items.retain(|item| !remove.contains(&item.number));
        self.add(add);
        self.begin_scan();
    }

    /// What the present scan finds; never without one. Cancel-safe.
    pub(super) async fn next(&mut self) -> ItemsScan {
        loop {
            match self.scanning.join_next().await {
                Some(Ok(scan)) => return scan,
                // One that was dropped for another.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Offers what a scan found, and tells. Without anything to offer, what was offered before stays.
    ///
    /// # Errors
    /// When there is nothing to offer, and was nothing before.
    pub(super) async fn settle(&mut self, scan: ItemsScan) -> Result<(), Failure> {
        let ItemsScan {
            items,
            missing,
            scanned,
        } = scan;
        for (path, error) in &missing {
            self.tell_missing(path, error).await;
        }
        match self.judge(scanned, missing.len() as u64).await {
            Ok(scanned) => {
                let source = Arc::new(scanned.source);
                let shown = items.iter().zip(scanned.items);
                let shown = shown.map(|(item, found)| ShareItem {
                    number: item.number,
                    name: found.name,
                    path: item.path.clone(),
                    folder: found.folder,
                    files: found.files.into(),
                    bytes: found.bytes,
                    left_out: found.left_out,
                });
                let contents = ShareEvent::Contents(shown.collect());
                self.items.clone_from(&items);
                self.offer.send_replace(Offer::Ready(Arc::clone(&source)));
                self.settled = Some(Settled { items, source });
                self.context.reporter.tell_share(self.task, contents).await;
                Ok(())
            }
            Err(failure) => {
                let Some(settled) = &self.settled else {
                    self.offer.send_replace(Offer::Failed(failure.clone()));
                    return Err(failure);
                };
                self.items.clone_from(&settled.items);
                let source = Arc::clone(&settled.source);
                self.offer.send_replace(Offer::Ready(source));
                self.context
                    .reporter
                    .tell_task(self.task, TaskEvent::Refused(failure))
                    .await;
                Ok(())
            }
        }
    }

    /// Tells what was found, and whether there is something to offer in it.
    async fn judge(
        &self,
        scanned: Result<Scanned, Failure>,
        missing: u64,
    ) -> Result<Scanned, Failure> {
        let mut scanned = scanned?;
        scanned.source.note_missing(missing);
        scan::tell(&self.context, self.task, &scanned).await;
        let totals = scanned.source.manifest().totals();
        if totals.entries() == 0 {
            return Err(Failure::new(Stage::Files, FailureKind::NothingToSend));
        }
        Ok(scanned)
    }

    async fn tell_missing(&self, path: &Path, error: &io::Error) {
        self.context
            .reporter
            .tell_share(
                self.task,
                ShareEvent::LeftOut {
                    name: path.display().to_string(),
                    reason: LeftOut::Unreadable(error.to_string()),
                },
            )
            .await;
    }

    fn add(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            self.last_number += 1;
            let number = ItemNumber(self.last_number);
            self.items.push(Item { number, path });
        }
    }

    fn begin_scan(&mut self) {
        self.scanning.abort_all();
        self.offer.send_replace(Offer::Pending);
        let items = self.items.clone();
        let memory = self.context.config.memory.clone();
        self.scanning.spawn(async move {
            // Off the network's thread: a disk may be slow, or far away.
            let vetted = tokio::task::spawn_blocking(move || {
                let (items, missing) = vet(items);
                (items, missing, share_secret(memory.as_deref()))
            });
            let (items, missing, secret) = vetted.await.unwrap_or_default();
            let paths = items.iter().map(|item| item.path.clone());
            let mut scanned = scan::scan_items(paths.collect()).await;
            if let (Ok(scanned), Some(secret)) = (&mut scanned, secret) {
                scanned.source.set_secret(&secret);
            }
            ItemsScan {
                items,
                missing,
                scanned,
            }
        });
    }
}

/// The items that are there, each once whatever it was called, and those that are not.
fn vet(items: Vec<Item>) -> (Vec<Item>, Vec<(PathBuf, io::Error)>) {
    let mut seen = HashSet::new();
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for item in items {
        match item.path.canonicalize() {
            Ok(canonical) => {
                if seen.insert(canonical) {
                    there.push(item);
                }
            }
            Err(error) => missing.push((item.path, error)),
        }
    }
    (there, missing)
}

/// What is wrong with the first of these paths that is not there: said before anybody is given a code for
/// it. Looked at beside the network's thread.
pub(super) async fn first_missing(paths: &[PathBuf]) -> Option<Failure> {
    let paths = paths.to_vec();
    let looking = tokio::task::spawn_blocking(move || {
        paths.iter().find_map(|path| {
            let error = path.metadata().err()?;
            let failure = Failure::new(Stage::Files, unreadable(&error));
            Some(failure.with_detail(format_args!("{}: {error}", path.display())))
        })
    });
    looking.await.unwrap_or_default()
}
