//! The desktop's own file dialogs.
//!
//! On Linux they are the portal's, or `zenity`'s where there is no portal. Without either there are
//! none, which is found out before: a dialog that never opens cannot be told from one that was closed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use crate::gui::desktop::{DesktopReply, FolderUse};
use crate::text;

use super::{Outbox, bus};

/// Opens dialogs, one at a time.
#[derive(Default)]
pub(super) struct Dialogs {
    open: Arc<AtomicBool>,
}

impl Dialogs {
    /// Shows a dialog for files, or for a folder, on a thread of its own, which waits for as long as
    /// the person takes. While one is open nothing more is shown, and nothing is answered.
    pub(super) fn choose(&self, folder: Option<FolderUse>, outbox: &Outbox) {
        if self.open.swap(true, Ordering::AcqRel) {
            return;
        }
        if self.start(folder, outbox.clone()).is_err() {
            self.open.store(false, Ordering::Release);
            outbox.put(DesktopReply::NoDialog { folder });
        }
    }

    fn start(&self, folder: Option<FolderUse>, outbox: Outbox) -> io::Result<()> {
        let open = Arc::clone(&self.open);
        Builder::new()
            .name("file dialog".to_owned())
            .spawn(move || {
                let reply = if available() {
                    let paths = shown(folder);
                    DesktopReply::Chosen { folder, paths }
                } else {
                    DesktopReply::NoDialog { folder }
                };
                open.store(false, Ordering::Release);
                outbox.put(reply);
            })
            .map(drop)
    }
}

fn available() -> bool {
    cfg!(any(windows, target_os = "macos")) || bus::portal_has_dialogs() || zenity_installed()
}

fn zenity_installed() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join("zenity").is_file())
}

fn shown(folder: Option<FolderUse>) -> Vec<PathBuf> {
    let dialog = rfd::FileDialog::new();
    match folder {
        None => dialog.set_title(text::CHOOSE_FILES_TITLE).pick_files(),
        Some(FolderUse::Send) => dialog.set_title(text::CHOOSE_FOLDERS_TITLE).pick_folders(),
        Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => dialog
            .set_title(text::CHOOSE_DESTINATION_TITLE)
            .pick_folder()
            .map(|folder| vec![folder]),
    }
    .unwrap_or_default()
}
