//! The port mappers of a process: told to end together, and waited for.

use std::convert::Infallible;

use tokio::sync::{mpsc, watch};

/// Held by whoever ends the process: knows when no router has a port open for it any more.
///
/// A port mapper belongs to a socket, and a socket can outlive the work that it was for: a transport keeps
/// it until its peer has had time to hear of the end. The port is given back without waiting for that.
#[derive(Debug)]
pub struct PortMappers {
    alive: mpsc::Sender<Infallible>,
    released: mpsc::Receiver<Infallible>,
    ending: watch::Sender<bool>,
}

impl PortMappers {
    /// None so far.
    #[must_use]
    pub fn new() -> Self {
        let (alive, released) = mpsc::channel(1);
        Self {
            alive,
            released,
            ending: watch::Sender::new(false),
        }
    }

    /// Leave to start some. Holding it keeps nothing alive.
    #[must_use]
    pub fn permit(&self) -> MappingPermit {
        MappingPermit {
            alive: self.alive.downgrade(),
            ending: self.ending.subscribe(),
        }
    }

    /// Has all of them give back what they have, as if they were dropped; none starts after this.
    pub fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Waits until each that was started has been dropped or told to [`end`](Self::end), and has then given
    /// everything back or used up its 2 s. None starts after this.
    pub async fn released(self) {
        let Self {
            alive,
            mut released,
            ending: _ending,
        } = self;
        drop(alive);
        // Nobody sends anything: it ends with the last of them.
        let _ = released.recv().await;
    }
}

impl Default for PortMappers {
    fn default() -> Self {
        Self::new()
    }
}

/// Leave to start port mappers; see [`PortMappers`].
#[derive(Debug, Clone)]
pub struct MappingPermit {
    alive: mpsc::WeakSender<Infallible>,
    ending: watch::Receiver<bool>,
}

impl MappingPermit {
    /// What a new port mapper holds until it has given everything back, and what becomes true when it is
    /// to do so. `None`: it is too late to start one.
    pub(super) fn take(&self) -> Option<(mpsc::Sender<Infallible>, watch::Receiver<bool>)> {
        let alive = self.alive.upgrade()?;
        (!*self.ending.borrow()).then(|| (alive, self.ending.clone()))
    }
}
