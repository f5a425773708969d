//! What is left, from the record and from the disk together, and its removal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::Unfinished;
use super::store::Store;
use crate::disk::leftovers::{self, Leftover, Look, Reach, Removal};

/// What is left on this machine.
#[derive(Debug, Clone)]
pub struct Leftovers {
    store: Store,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The newest receive first; what nothing is recorded of at the end.
    pub kept: Vec<Kept>,
    /// Whether there may be more: something could not be looked at.
    pub incomplete: bool,
}

/// What one receive has left, or what is in a folder and of no receive that is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What is recorded of the receive.
    pub receive: Option<Unfinished>,
    /// The folder that it saves into, or that was looked into.
    pub folder: PathBuf,
    /// Whether the receive is running now.
    pub running: bool,
    /// Whether that folder is not there now: it may be on a disk that is not connected.
    pub missing: bool,
    /// What is there of it, finished files aside.
    pub found: Vec<Leftover>,
}

/// What became of what was to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many things are gone.
    pub things: u64,
    /// How many bytes with them.
    pub bytes: u64,
    /// What is still there.
    pub stayed: Vec<Stayed>,
}

/// Something that was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stayed {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why something was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// A receive that is running uses it.
    InUse,
    /// It cannot be told whether it is in use, and it was touched within a day.
    Fresh,
    /// It may be another receive's that was cut off.
    Shared,
    /// It is not one of ours.
    Foreign,
    /// The system's own error.
    Failed(String),
}

impl Why {
    /// The name in `--json`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InUse => "in-use",
            Self::Fresh => "fresh",
            Self::Shared => "shared",
            Self::Foreign => "foreign",
            Self::Failed(_) => "failed",
        }
    }
}

impl Kept {
    /// Bytes that need not be sent again, as far as that is known.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let written_down = self.receive.as_ref().map_or(0, |receive| receive.kept);
        written_down.max(self.found_bytes())
    }

    /// Bytes of what is there of it, finished files aside.
    #[must_use]
    pub fn found_bytes(&self) -> u64 {
        self.found.iter().map(|found| found.bytes).sum()
    }

    /// What a person calls it by, if it has a number.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.receive.as_ref().map(|receive| receive.number)
    }

    /// Whether the other is the same receive or folder, perhaps looked at later.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let id = |kept: &Self| kept.receive.as_ref().map(|receive| receive.id);
        id(self) == id(other) && self.folder == other.folder
    }

    /// Whether it was cut off and there is something of it.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        !self.running && self.receive.is_some() && self.bytes() > 0
    }
}

impl Leftovers {
    /// What is recorded in `memory`, if there is such a folder, and what is on the disk.
    #[must_use]
    pub const fn new(memory: Option<PathBuf>) -> Self {
        Self {
            store: Store::new(memory),
        }
    }

    /// What the recorded receives have left, and what else is left in their folders. Reads folders, perhaps many.
    #[must_use]
    pub fn list(&self) -> Listing {
        let mut finds = Finds::default();
        let receives = self.recorded();
        for Known {
            receive, folder, ..
        } in &receives
        {
            let Some(folder) = folder else {
                continue;
            };
            if receive.places.anywhere {
                finds.look(folder, folder, Reach::Below);
                continue;
            }
            finds.look(folder, folder, Reach::Here);
            for below in &receive.places.folders {
                finds.look(&folder.join(below), folder, Reach::Below);
            }
        }
        finds.listing(receives, |_| true)
    }

    /// The receive of this number, if it is recorded, without a look at what is there of it.
    #[must_use]
    pub fn find(&self, number: u32) -> Option<Kept> {
        let mut recorded = self.recorded().into_iter();
        let found = recorded.find(|known| known.receive.number == number)?;
        Some(Kept {
            folder: found.receive.folder.clone(),
            running: found.running,
            missing: found.folder.is_none(),
            receive: Some(found.receive),
            found: Vec::new(),
        })
    }

    /// What is left in `folder` and below it, whether or not anything is recorded of it.
    ///
    /// # Errors
    /// When the folder cannot be looked into.
    pub fn look_into(&self, folder: &Path) -> io::Result<Listing> {
        let root = folder.canonicalize()?;
        let mut finds = Finds::default();
        finds.take(leftovers::look(&root, Reach::Below)?, folder);
        let in_there = |of: &Known| of.folder.as_ref().is_some_and(|of| of.starts_with(&root));
        Ok(finds.listing(self.recorded(), in_there))
    }

    /// Removes what those of `listing` have left that `chosen` wants, but for what other receives may go on with or
    /// use now, and forgets the receives. Finished files stay.
    #[must_use]
    pub fn remove(&self, listing: &Listing, chosen: impl Fn(&Kept) -> bool) -> Removed {
        let (wanted, others): (Vec<&Kept>, Vec<&Kept>) =
            listing.kept.iter().partition(|kept| chosen(kept));
        let running: Vec<_> = self
            .recorded()
            .into_iter()
            .filter(|now| now.running)
            .collect();
        let mut left: BTreeMap<&Path, &Leftover> = BTreeMap::new();
        for kept in &wanted {
            left.extend(kept.found.iter().map(|found| (found.path.as_path(), found)));
        }
        let mut removed = Removed::default();
        for (path, leftover) in left {
            let why = if running.iter().any(|now| now.claims(path)) {
                Some(Why::InUse)
            } else if others
                .iter()
                .any(|kept| kept.receive.is_some() && kept.found.contains(leftover))
            {
                Some(Why::Shared)
            } else {
                removed.count(leftovers::remove(leftover))
            };
            if let Some(why) = why {
                let path = path.to_owned();
                removed.stayed.push(Stayed { path, why });
            }
        }
        let stayed = |kept: &Kept| {
            let stays = |stayed: &Stayed| {
                stayed.why != Why::Shared
                    && kept.found.iter().any(|found| found.path == stayed.path)
            };
            removed.stayed.iter().any(stays)
        };
        let is_running = |kept: &Kept| {
            let runs = |now: &Known| Some(now.receive.number) == kept.number();
            running.iter().any(runs)
        };
        let forgotten: Vec<u64> = wanted
            .iter()
            .filter(|kept| !stayed(kept) && !is_running(kept))
            .filter_map(|kept| Some(kept.receive.as_ref()?.id))
            .collect();
        for kept in wanted
            .iter()
            .filter(|kept| is_running(kept) && kept.found.is_empty())
        {
            removed.stayed.push(Stayed {
                path: kept.folder.clone(),
                why: Why::InUse,
            });
        }
        if let Err(error) = self.store.forget(&forgotten) {
            tracing::warn!(%error, "what was removed is still recorded");
        }
        removed
    }

    /// The receives that are recorded, the one begun last first.
    fn recorded(&self) -> Vec<Known> {
        let receives = self.store.read();
        let recorded = receives.into_iter().rev().map(|receive| Known {
            running: self.store.is_running(&receive),
            folder: receive.folder.canonicalize().ok(),
            receive,
        });
        recorded.collect()
    }
}

/// A receive that is recorded.
struct Known {
    receive: Unfinished,
    /// Its folder without links on the way to it, if it is there.
    folder: Option<PathBuf>,
    running: bool,
}

impl Known {
    fn claims(&self, path: &Path) -> bool {
        let folder = self.folder.as_ref();
        let below = folder.and_then(|folder| path.strip_prefix(folder).ok());
        below.is_some_and(|below| self.receive.claims(below))
    }
}

/// What was found on the disk.
#[derive(Default)]
struct Finds {
    /// With the folder that it was looked for in, each once.
    found: BTreeMap<PathBuf, (Leftover, PathBuf)>,
    incomplete: bool,
}

impl Finds {
    fn look(&mut self, folder: &Path, on_behalf_of: &Path, reach: Reach) {
        match leftovers::look(folder, reach) {
            Ok(look) => self.take(look, on_behalf_of),
            // It was never made, or a file is there.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => {
                tracing::debug!(%error, "a folder is not looked into");
                self.incomplete = true;
            }
        }
    }

    fn take(&mut self, look: Look, on_behalf_of: &Path) {
        self.incomplete |= look.incomplete;
        for found in look.found {
            let path = found.path.clone();
            self.found
                .entry(path)
                .or_insert_with(|| (found, on_behalf_of.to_owned()));
        }
    }

    /// What each receive has left, and what is nobody's. A receive with nothing there is listed if `in_place` holds.
    fn listing(self, receives: Vec<Known>, in_place: impl Fn(&Known) -> bool) -> Listing {
        let mut nobodys: BTreeMap<PathBuf, Vec<Leftover>> = BTreeMap::new();
        for (found, folder) in self.found.values() {
            if !receives.iter().any(|of| of.claims(&found.path)) {
                nobodys
                    .entry(folder.clone())
                    .or_default()
                    .push(found.clone());
            }
        }
        let mut kept = Vec::new();
        for of in receives {
            let found = self.found.values().map(|(found, _)| found);
            let found: Vec<_> = found
                .filter(|found| of.claims(&found.path))
                .cloned()
                .collect();
            if found.is_empty() && !in_place(&of) {
                continue;
            }
            kept.push(Kept {
                folder: of.receive.folder.clone(),
                running: of.running,
                missing: of.folder.is_none(),
                receive: Some(of.receive),
                found,
            });
        }
        kept.extend(nobodys.into_iter().map(|(folder, found)| Kept {
            receive: None,
            folder,
            running: false,
            missing: false,
            found,
        }));
        Listing {
            kept,
            incomplete: self.incomplete,
        }
    }
}

impl Removed {
    /// Counts what was removed; gives why something was not.
    fn count(&mut self, removal: io::Result<Removal>) -> Option<Why> {
        match removal {
            Ok(Removal::Removed(bytes)) => {
                self.things += 1;
                self.bytes += bytes;
                None
            }
            Ok(Removal::Gone) => None,
            Ok(Removal::InUse) => Some(Why::InUse),
            Ok(Removal::Fresh) => Some(Why::Fresh),
            Ok(Removal::Foreign) => Some(Why::Foreign),
            Err(error) => Some(Why::Failed(error.to_string())),
        }
    }

    /// Whether all is gone that may go: what another receive goes on with was not meant.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stayed.iter().all(|stayed| stayed.why == Why::Shared)
    }
}
