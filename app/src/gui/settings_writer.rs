//! Writes the settings on a thread of its own, so that no frame waits for a disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::config::Settings;

/// Settings that may wait to be written. Only the newest matters, but a person cannot outrun this.
const QUEUE: usize = 32;

/// What came of writing the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Written {
    /// The settings are not saved; why.
    Unsaved(String),
}

/// Has the settings written; dropping it waits until they are.
#[derive(Debug)]
pub(super) struct SettingsWriter {
    settings: SyncSender<Settings>,
    told: Receiver<Written>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl SettingsWriter {
    /// Starts the thread. It writes `file`, or nothing where there is none; `wake` is called when there
    /// is something to say.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        file: Option<PathBuf>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> std::io::Result<Self> {
        let (settings, wanted) = sync_channel::<Settings>(QUEUE);
        let (tell, told) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("settings".to_owned())
            .spawn(move || {
                while let Ok(mut newest) = wanted.recv() {
                    while let Ok(newer) = wanted.try_recv() {
                        newest = newer;
                    }
                    let Some(file) = &file else { continue };
                    if let Err(error) = newest.save(file) {
                        // A window that does not look has other troubles.
                        let _ = tell.try_send(Written::Unsaved(error.to_string()));
                        wake();
                    }
                }
            })?;
        Ok(Self {
            settings,
            told,
            thread: Some(thread),
        })
    }

    /// Has the settings written.
    pub(super) fn save(&self, settings: Settings) {
        // The thread takes the newest of what waits, so that this only waits for a disk that is stuck
        // for dozens of changes; then the change holds for this run only.
        let _ = self.settings.try_send(settings);
    }

    /// What came of the last writing, if it is something to tell.
    pub(super) fn poll(&self) -> Option<Written> {
        self.told.try_recv().ok()
    }
}

impl Drop for SettingsWriter {
    fn drop(&mut self) {
        // The sender goes first, or the thread would wait for more.
        let (closed, _) = sync_channel(1);
        self.settings = closed;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
