//! What the desktop around the window does for it: file dialogs, folders for the window's own picker, the
//! clipboard, opening what has arrived, notifications, light or dark, fonts.
//!
//! The window's requests come over a bounded channel and are answered over another: any of this may
//! take seconds, and a frame waits for nothing. Nothing here knows egui. The bounds of these modules are
//! local: they hold between a window and its own desktop, and no peer has a part in them.

mod bus;
mod clipboard;
mod dialog;
pub mod display;
mod folder;
mod fonts;
mod notify;
mod open;
mod programs;
pub mod request;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::Builder;

use thiserror::Error;

use fonts::Search;
use programs::ProgramRequest;
use request::{DesktopReply, DesktopRequest, DesktopService};

/// Requests that may wait for the clipboard, as many for folders, for fonts, and for the rest. A person
/// cannot click faster than they are answered, unless the desktop hangs.
const REQUEST_QUEUE: usize = 16;

/// What the desktop would not do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DesktopError {
    /// There is no clipboard, or another program holds it.
    #[error("{0}")]
    Clipboard(String),
    /// No program opens it.
    #[error("{reason}")]
    Open {
        /// What was to be opened.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A folder cannot be read or made.
    #[error("{0}")]
    Folder(String),
    /// Nothing shows notifications.
    #[error("{0}")]
    Notify(String),
    /// Sixteen requests before this one are not answered yet.
    #[error("the desktop does not answer")]
    Hangs,
}

/// Wakes the window once a reply is there.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Serves the window until it is gone, on threads of its own; `wake` is called from them after each
/// reply. A dialog that is open when the window goes stays until the process ends.
///
/// # Errors
/// When the system gives no thread.
pub fn serve(service: DesktopService, wake: Wake) -> io::Result<()> {
    let DesktopService { requests, replies } = service;
    let outbox = Outbox { replies, wake };
    let (clipboard, jobs) = sync_channel(REQUEST_QUEUE);
    let (folders, questions) = sync_channel(REQUEST_QUEUE);
    let (programs, orders) = sync_channel(REQUEST_QUEUE);
    let (fonts, searches) = sync_channel(REQUEST_QUEUE);
    let queues = Queues {
        clipboard,
        folders,
        programs,
        fonts,
    };
    let answers = outbox.clone();
    Builder::new()
        .name("clipboard".to_owned())
        .spawn(move || clipboard::serve(&jobs, &answers))?;
    let answers = outbox.clone();
    Builder::new()
        .name("fonts".to_owned())
        .spawn(move || fonts::serve(&searches, &answers))?;
    let answers = outbox.clone();
    Builder::new()
        .name("folders".to_owned())
        .spawn(move || folder::serve(&questions, &answers))?;
    let answers = outbox.clone();
    Builder::new()
        .name("programs".to_owned())
        .spawn(move || programs::serve(&orders, &answers))?;
    Builder::new()
        .name("desktop".to_owned())
        .spawn(move || hand_on(&requests, &queues, &outbox))?;
    Ok(())
}

/// The queues of the threads that answer requests.
struct Queues {
    clipboard: SyncSender<clipboard::Job>,
    folders: SyncSender<folder::Job>,
    programs: SyncSender<ProgramRequest>,
    fonts: SyncSender<Search>,
}

/// Gives each request to whom it concerns.
fn hand_on(requests: &Receiver<DesktopRequest>, queues: &Queues, outbox: &Outbox) {
    let Queues {
        clipboard,
        folders,
        programs,
        fonts,
    } = queues;
    while let Ok(request) = requests.recv() {
        let refused = match request {
            DesktopRequest::FollowLooks => {
                follow_looks(outbox.clone());
                None
            }
            DesktopRequest::FindFonts(letters) => refused(fonts, Search(letters)),
            DesktopRequest::CopyText(text) => refused(clipboard, clipboard::Job::Copy(text)),
            DesktopRequest::Paste => refused(clipboard, clipboard::Job::Paste),
            DesktopRequest::ChooseFiles => refused(programs, ProgramRequest::ChooseFiles),
            DesktopRequest::ChooseFolder(folder) => {
                refused(programs, ProgramRequest::ChooseFolder(folder))
            }
            DesktopRequest::ReadFolder(question) => refused(folders, folder::Job::Read(question)),
            DesktopRequest::MakeFolder { parent, name } => {
                refused(folders, folder::Job::Make { parent, name })
            }
            DesktopRequest::Open(path) => refused(programs, ProgramRequest::Open(path)),
            DesktopRequest::ShowInFolder(path) => {
                refused(programs, ProgramRequest::ShowInFolder(path))
            }
            DesktopRequest::Notify { title, body } => {
                refused(programs, ProgramRequest::Notify { title, body })
            }
        };
        if let Some(request) = refused {
            outbox.failed(request, &DesktopError::Hangs);
        }
    }
}

/// Tells the window how the desktop looks for as long as there is a window, on a thread of its own.
/// Where there is no portal and no thread, the window looks as it is set.
#[cfg(all(unix, not(target_os = "macos")))]
fn follow_looks(outbox: Outbox) {
    let followed = Builder::new().name("looks".to_owned()).spawn(move || {
        let told = bus::follow_looks(|looks| outbox.tell(DesktopReply::Looks(looks)));
        if let Err(error) = told {
            tracing::debug!(%error, "nobody tells how the desktop looks");
        }
    });
    if let Err(error) = followed {
        tracing::debug!(%error, "no thread to follow the desktop's looks");
    }
}

/// The window's own library is told by these systems.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn follow_looks(_outbox: Outbox) {}

/// Queues something, or gives it back as it was asked for.
fn refused<T: Into<DesktopRequest>>(queue: &SyncSender<T>, job: T) -> Option<DesktopRequest> {
    match queue.try_send(job) {
        Ok(()) => None,
        Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => Some(job.into()),
    }
}

/// Whether there still is a window to reply to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// It took the reply.
    There,
    /// It has closed, and needs no replies.
    Gone,
}

/// Where the threads put their replies.
#[derive(Clone)]
struct Outbox {
    replies: SyncSender<DesktopReply>,
    wake: Wake,
}

impl Outbox {
    /// Puts a reply where the window fetches it, if there still is a window.
    fn put(&self, reply: DesktopReply) {
        self.tell(reply);
    }

    /// Puts a reply where the window fetches it, and wakes the window. Waits while the window has not
    /// fetched what is there.
    fn tell(&self, reply: DesktopReply) -> Window {
        if self.replies.send(reply).is_err() {
            return Window::Gone;
        }
        (self.wake)();
        Window::There
    }

    fn failed(&self, request: DesktopRequest, error: &DesktopError) {
        self.put(DesktopReply::Failed {
            request,
            problem: error.to_string(),
        });
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Outbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
