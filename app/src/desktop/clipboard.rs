//! The clipboard, on a thread of its own: its owner may answer slowly, and on X11 the text that was
//! copied is served from here for as long as the window runs.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use arboard::{Clipboard, Error};

use super::{DesktopError, Outbox};
use crate::desktop::request::{self, DesktopReply, DesktopRequest};

/// Most text that is taken, in bytes. Codes and links have less than a hundredth of it.
const TEXT_LIMIT: usize = 64 * 1024;

/// What is done with the clipboard.
#[derive(Debug)]
pub(super) enum Job {
    /// Put text into the clipboard.
    Copy(String),
    /// Read what is in the clipboard.
    Paste,
}

/// Does what is asked of the clipboard, one after the other, until the window is gone.
pub(super) fn serve(jobs: &Receiver<Job>, outbox: &Outbox) {
    // Opened with the first use: a desktop without a clipboard is told of when it matters.
    let mut clipboard: Option<Clipboard> = None;
    while let Ok(job) = jobs.recv() {
        let done = open(&mut clipboard).and_then(|clipboard| match &job {
            Job::Copy(text) => clipboard
                .set_text(text.as_str())
                .map(|()| DesktopReply::Copied),
            Job::Paste => paste(clipboard).map(DesktopReply::Pasted),
        });
        match done {
            Ok(reply) => outbox.put(reply),
            Err(error) => outbox.failed(job.into(), &DesktopError::Clipboard(error.to_string())),
        }
    }
}

fn open(slot: &mut Option<Clipboard>) -> Result<&mut Clipboard, Error> {
    Ok(match slot.take() {
        Some(clipboard) => slot.insert(clipboard),
        None => slot.insert(Clipboard::new()?),
    })
}

/// Files before text: a file manager offers their names as text as well.
fn paste(clipboard: &mut Clipboard) -> Result<request::Clipboard, Error> {
    if let Some(files) = present(clipboard.get().file_list())? {
        // Files of another machine come without a path here.
        let files: Vec<PathBuf> = files
            .into_iter()
            .filter(|file| file.is_absolute())
            .collect();
        if !files.is_empty() {
            return Ok(request::Clipboard::Files(files));
        }
    }
    Ok(match present(clipboard.get().text())? {
        Some(text) if !text.is_empty() => request::Clipboard::Text(cut(text)),
        Some(_) | None => request::Clipboard::Empty,
    })
}

/// `None` where the clipboard holds nothing of this kind, which is no failure.
fn present<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(Error::ContentNotAvailable | Error::ConversionFailure) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cuts text at the limit, between two characters.
pub(super) fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_LIMIT));
    text
}

impl From<Job> for DesktopRequest {
    fn from(job: Job) -> Self {
        match job {
            Job::Copy(text) => Self::CopyText(text),
            Job::Paste => Self::Paste,
        }
    }
}
