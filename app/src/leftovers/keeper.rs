//! Looks for what is left behind on a thread of its own, so that nobody who draws waits for a disk.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Kept, Leftovers, Listing, Removed};

/// Requests that may wait for the disk. A person cannot outrun this; a look that does not fit is had by another.
const REQUESTS_WAITING: usize = 16;

/// Whoever looks and removes. Dropping it leaves the thread to end by itself: what it does can be cut off anywhere.
#[derive(Debug)]
pub struct LeftoversKeeper {
    requests: SyncSender<Request>,
    shown: Arc<Mutex<Shown>>,
}

/// What can be seen at any time.
#[derive(Debug, Default)]
struct Shown {
    listing: Arc<Listing>,
    removed: Option<Removed>,
}

#[derive(Debug)]
enum Request {
    Look,
    Remove(Box<Kept>),
}

impl LeftoversKeeper {
    /// Looks once, and then when it is asked to; `wake` is called after each look. `memory` is the folder for what
    /// is remembered, if there is one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(memory: Option<PathBuf>, wake: Arc<dyn Fn() + Send + Sync>) -> io::Result<Self> {
        let (requests, asked) = sync_channel(REQUESTS_WAITING);
        let shown = Arc::new(Mutex::new(Shown::default()));
        let board = Arc::clone(&shown);
        std::thread::Builder::new()
            .name("leftovers".to_owned())
            .spawn(move || keep(&Leftovers::new(memory), &asked, &board, &*wake))?;
        Ok(Self { requests, shown })
    }

    /// What was found last.
    #[must_use]
    pub fn listing(&self) -> Arc<Listing> {
        Arc::clone(&self.look_at().listing)
    }

    /// What a removal came to, told once.
    #[must_use]
    pub fn take_removed(&self) -> Option<Removed> {
        self.look_at().removed.take()
    }

    /// Looks again.
    pub fn look(&self) {
        // Where the queue is full, there will be a look.
        let _ = self.requests.try_send(Request::Look);
    }

    /// Removes what one receive has left, or what is in a folder and nobody's. `false` if the disk is too far behind.
    pub fn remove(&self, kept: Kept) -> bool {
        let request = Request::Remove(Box::new(kept));
        self.requests.try_send(request).is_ok()
    }

    fn look_at(&self) -> std::sync::MutexGuard<'_, Shown> {
        // A panic elsewhere leaves nothing half-written in there.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(leftovers: &Leftovers, asked: &Receiver<Request>, board: &Mutex<Shown>, wake: &dyn Fn()) {
    let mut request = Ok(Request::Look);
    while let Ok(next) = request {
        let removed = match next {
            Request::Look => None,
            // With what is there now, not with what was there when the person looked.
            Request::Remove(kept) => Some(leftovers.remove(&leftovers.list(), |now| kept.is(now))),
        };
        let listing = Arc::new(leftovers.list());
        let mut shown = board.lock().unwrap_or_else(PoisonError::into_inner);
        shown.listing = listing;
        if removed.is_some() {
            shown.removed = removed;
        }
        drop(shown);
        wake();
        request = asked.recv();
    }
}
