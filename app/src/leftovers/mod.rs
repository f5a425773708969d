//! What receives that did not end whole have left behind: listed, gone on with, removed.
//!
//! Two things tell of it. A record says what a receive was, so that people know it again; it is begun when an
//! offer is accepted and ended when everything is there. The disk says which part files there are. Whatever
//! becomes of the record, the parts are found in the folders that a person names, and a receive into such a
//! folder goes on with them.

mod keeper;
mod listing;
mod record;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use store::{Running, Store, Weight, seconds_now};

pub use keeper::LeftoversKeeper;
pub use listing::{Kept, Leftovers, Listing, Removed, Stayed, Why};
pub use record::{Options, Places, Unfinished};

/// What there is to write down of a receive that begins.
#[derive(Debug, Clone)]
pub struct Begun {
    /// The folder that it saves into, as it was named.
    pub folder: PathBuf,
    /// What the sender's machine calls itself.
    pub device: String,
    /// Names at the top of the offer.
    pub names: Vec<String>,
    /// Files that are wanted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How the person wants it.
    pub options: Options,
    /// Where its part files will be.
    pub places: Places,
}

/// A receive that is running and recorded. Dropping it leaves it recorded, as one that was cut off.
#[derive(Debug)]
pub struct Recorded {
    store: Store,
    id: u64,
    _running: Option<Running>,
}

impl Recorded {
    /// Writes down that a receive begins; `None` where nothing is remembered. Writes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(memory: Option<&Path>, begun: Begun) -> io::Result<Option<Self>> {
        let Some(memory) = memory else {
            return Ok(None);
        };
        let store = Store::new(Some(memory.to_owned()));
        let id = rand::random();
        let folder = std::path::absolute(&begun.folder)?;
        let mut running = None;
        let number = store.change(Weight::Heavy, |record| {
            // Before anybody can read of it, so that nobody takes it for one that was killed.
            running = store.run(id, record);
            record.begin(Unfinished {
                number: 0,
                id,
                folder,
                device: begun.device,
                names: begun.names,
                files: begun.files,
                bytes: begun.bytes,
                kept: 0,
                when: seconds_now(),
                options: begun.options,
                places: begun.places,
            })
        })?;
        let recorded = number.flatten().map(|_| Self {
            store: store.clone(),
            id,
            _running: running,
        });
        Ok(recorded)
    }

    /// Writes down how many of its bytes are here so far. Writes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep(&self, kept: u64) -> io::Result<()> {
        self.write_down(Weight::Light, kept)
    }

    /// Leaves it as one that was cut off, with so many bytes here. Writes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn leave(self, kept: u64) -> io::Result<()> {
        self.write_down(Weight::Heavy, kept)
    }

    /// Takes it out of the record: everything is there, or nothing is. Writes files.
    ///
    /// # Errors
    /// What the system says.
    pub fn end(self) -> io::Result<()> {
        self.store.forget(&[self.id])
    }

    fn write_down(&self, weight: Weight, kept: u64) -> io::Result<()> {
        let now = seconds_now();
        self.store
            .change(weight, |record| record.keep(self.id, kept, now))
            .map(drop)
    }
}
