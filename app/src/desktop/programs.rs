//! Requests that another program fulfils: dialogs, opening what has arrived, notifications. They are done one
//! after the other, each within seconds.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use super::dialog::Dialogs;
use super::open::Opener;
use super::{Outbox, notify};
use crate::desktop::request::{DesktopRequest, FolderUse};

/// What is to be done.
#[derive(Debug)]
pub(super) enum ProgramRequest {
    /// Show a dialog for files.
    ChooseFiles,
    /// Show a dialog for a folder.
    ChooseFolder(FolderUse),
    /// Open something.
    Open(PathBuf),
    /// Show something in its folder.
    ShowInFolder(PathBuf),
    /// Show a notification.
    Notify {
        /// What it is about.
        title: String,
        /// What there is to know.
        body: String,
    },
}

/// Does what is requested, one after the other, until the window is gone.
pub(super) fn serve(requests: &Receiver<ProgramRequest>, outbox: &Outbox) {
    let dialogs = Dialogs::default();
    let mut opener = Opener::default();
    while let Ok(request) = requests.recv() {
        let done = match &request {
            ProgramRequest::ChooseFiles => {
                dialogs.choose(None, outbox);
                Ok(())
            }
            ProgramRequest::ChooseFolder(folder) => {
                dialogs.choose(Some(*folder), outbox);
                Ok(())
            }
            ProgramRequest::Open(path) => opener.open(path),
            ProgramRequest::ShowInFolder(path) => opener.show_in_folder(path),
            ProgramRequest::Notify { title, body } => notify::show(title, body),
        };
        if let Err(error) = done {
            outbox.failed(request.into(), &error);
        }
    }
}

impl From<ProgramRequest> for DesktopRequest {
    fn from(request: ProgramRequest) -> Self {
        match request {
            ProgramRequest::ChooseFiles => Self::ChooseFiles,
            ProgramRequest::ChooseFolder(folder) => Self::ChooseFolder(folder),
            ProgramRequest::Open(path) => Self::Open(path),
            ProgramRequest::ShowInFolder(path) => Self::ShowInFolder(path),
            ProgramRequest::Notify { title, body } => Self::Notify { title, body },
        }
    }
}
