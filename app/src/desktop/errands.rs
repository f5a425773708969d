//! What is done for the window outside of it, one after the other, each within seconds.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use crate::gui::desktop::{DesktopRequest, FolderUse};

use super::dialog::Dialogs;
use super::open::Opener;
use super::{Outbox, notify};

/// What is to be done.
#[derive(Debug)]
pub(super) enum Errand {
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

/// Does one after the other until the window is gone.
pub(super) fn serve(errands: &Receiver<Errand>, outbox: &Outbox) {
    let dialogs = Dialogs::default();
    let mut opener = Opener::default();
    while let Ok(errand) = errands.recv() {
        let done = match &errand {
            Errand::ChooseFiles => {
                dialogs.choose(None, outbox);
                Ok(())
            }
            Errand::ChooseFolder(folder) => {
                dialogs.choose(Some(*folder), outbox);
                Ok(())
            }
            Errand::Open(path) => opener.open(path),
            Errand::ShowInFolder(path) => opener.show_in_folder(path),
            Errand::Notify { title, body } => notify::show(title, body),
        };
        if let Err(error) = done {
            outbox.failed(errand.into(), &error);
        }
    }
}

impl From<Errand> for DesktopRequest {
    fn from(errand: Errand) -> Self {
        match errand {
            Errand::ChooseFiles => Self::ChooseFiles,
            Errand::ChooseFolder(folder) => Self::ChooseFolder(folder),
            Errand::Open(path) => Self::Open(path),
            Errand::ShowInFolder(path) => Self::ShowInFolder(path),
            Errand::Notify { title, body } => Self::Notify { title, body },
        }
    }
}
