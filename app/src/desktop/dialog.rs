//! The desktop's own file dialogs.
//!
//! On Linux they are the portal's, or `zenity`'s where there is no portal. Without either there are
//! none, which is found out before: a dialog that never opens cannot be told from one that was closed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

use super::Outbox;
use crate::desktop::request::{DesktopReply, FolderUse};
use crate::text;

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
                let reply = match available() {
                    Some(kind) => DesktopReply::Chosen {
                        folder,
                        paths: shown(&kind, folder),
                    },
                    None => DesktopReply::NoDialog { folder },
                };
                open.store(false, Ordering::Release);
                outbox.put(reply);
            })
            .map(drop)
    }
}

/// Which dialogs there are.
enum Kind {
    /// The system's own, or the portal's.
    Native,
    /// `zenity`'s.
    #[cfg(all(unix, not(target_os = "macos")))]
    Zenity,
}

#[cfg(any(windows, target_os = "macos"))]
fn available() -> Option<Kind> {
    Some(Kind::Native)
}

#[cfg(all(unix, not(target_os = "macos")))]
fn available() -> Option<Kind> {
    if super::bus::portal_has_dialogs() {
        return Some(Kind::Native);
    }
    zenity::installed().then_some(Kind::Zenity)
}

fn shown(kind: &Kind, folder: Option<FolderUse>) -> Vec<PathBuf> {
    let title = match folder {
        None => text::CHOOSE_FILES_TITLE,
        Some(FolderUse::Send) => text::CHOOSE_FOLDERS_TITLE,
        Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => text::CHOOSE_DESTINATION_TITLE,
    };
    match kind {
        Kind::Native => {
            let dialog = rfd::FileDialog::new().set_title(title);
            match folder {
                None => dialog.pick_files(),
                Some(FolderUse::Send) => dialog.pick_folders(),
                Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => {
                    dialog.pick_folder().map(|folder| vec![folder])
                }
            }
            .unwrap_or_default()
        }
        #[cfg(all(unix, not(target_os = "macos")))]
        Kind::Zenity => zenity::shown(title, folder),
    }
}

/// `zenity`, asked directly: rfd would read its answer with a separator that names may hold.
#[cfg(all(unix, not(target_os = "macos")))]
pub(super) mod zenity {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use crate::desktop::request::FolderUse;

    /// Stands between two paths. None of them has an empty part, so that no name can hold it.
    const SEPARATOR: &str = "//";

    pub(super) fn installed() -> bool {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).any(|folder| folder.join("zenity").is_file())
    }

    /// Shows its dialog and waits for the answer. Nothing was chosen where it fails.
    pub(super) fn shown(title: &str, folder: Option<FolderUse>) -> Vec<PathBuf> {
        let mut command = Command::new("zenity");
        command.args(["--file-selection", "--title", title]);
        match folder {
            None => command.args(["--multiple", "--separator", SEPARATOR]),
            Some(FolderUse::Send) => {
                command.args(["--directory", "--multiple", "--separator", SEPARATOR])
            }
            Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => command.arg("--directory"),
        };
        let answer = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
        match answer {
            Ok(answer) if answer.status.success() => paths(&answer.stdout),
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// The paths of an answer: whole ones, the separator between them, a line's end after the last.
    pub(in crate::desktop) fn paths(answer: &[u8]) -> Vec<PathBuf> {
        let mut rest = answer.strip_suffix(b"\n").unwrap_or(answer);
        let mut paths = Vec::new();
        // Each path begins with a slash, and so does the one after a separator.
        while rest.first() == Some(&b'/') {
            let end = rest.windows(3).position(|bytes| bytes == b"///");
            let (path, others) =
                end.map_or((rest, &[][..]), |end| (&rest[..end], &rest[end + 2..]));
            paths.push(PathBuf::from(OsString::from_vec(path.to_vec())));
            rest = others;
        }
        paths
    }
}
