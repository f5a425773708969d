//! Making the links and second names of an offer, last of all: what they lead to is there by then, and nothing is
//! written any more that could go through one.

use std::io;

use fardrop_shared::name::SafeName;
use fardrop_shared::offer::{EntryKind, ModifiedTime, OthersAccess, PlacedCursor, PlacedEntry};
use fardrop_shared::wire::peer::FileReason;

use super::job::Job;
use super::landed::target_of;
use super::scan::SameSize;
use super::selection::ConflictPolicy;
use crate::disk::{
    Content, Finished, Folder, Folders, Origin, Spot, commit, copy, is_second_name,
    is_without_links, make_link, make_second_name, same_content, sync_folders, write_reason,
};

/// Local: folders with new links that are held open until they are synced together.
const FOLDERS_HELD: usize = 16;

/// Makes all that were taken, and puts them on disk; says which failed.
pub(super) fn make_links(job: &Job, folders: &mut Folders) {
    if job.manifest.totals().links == 0 {
        return;
    }
    let mut maker = LinkMaker {
        job,
        folders,
        cursor: job.manifest.cursor(),
        parent: None,
        unsynced: Vec::new(),
        touched: Vec::new(),
    };
    job.manifest.for_each(|index, entry| {
        if job.acceptance.contains(index) && !job.state.over() {
            maker.entry(index, &entry);
        }
    });
    maker.sync();
}

struct LinkMaker<'a> {
    job: &'a Job,
    folders: &'a mut Folders,
    /// Goes to what links lead to.
    cursor: PlacedCursor,
    /// The folder of the last link, reached by no link.
    parent: Option<(Option<SafeName<'static>>, Folder)>,
    /// Links that were made and may not be on disk, and their folders.
    unsynced: Vec<u32>,
    touched: Vec<Folder>,
}

/// A file that something leads to.
struct TargetFile {
    place: SafeName<'static>,
    size: u64,
    modified: ModifiedTime,
    executable: bool,
    others: OthersAccess,
}

/// What a link leads to.
enum Target {
    File(TargetFile),
    Folder(SafeName<'static>),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "a link cannot be made");
        Self(write_reason(&error))
    }
}

/// Why there is no link.
struct Failed(FileReason);

impl LinkMaker<'_> {
    fn entry(&mut self, index: u32, entry: &PlacedEntry<'_>) {
        let (Some(place), Some(target)) = (&entry.place, target_of(entry.kind)) else {
            return;
        };
        let made = match (self.target(target), entry.kind) {
            (Ok(Target::File(file)), EntryKind::SameFile { .. }) => {
                self.second_name(index, place, &file)
            }
            (Ok(target), _) => self.link(index, place, &target, entry.modified),
            (Err(failed), _) => Err(failed),
        };
        match made {
            Ok(name) => self.job.state.note_place(place, &name),
            Err(Failed(reason)) => self.job.state.fail(index, entry.path, reason),
        }
    }

    /// What has this index, if it is here.
    fn target(&mut self, index: u32) -> Result<Target, Failed> {
        let missing = || Failed(FileReason::TargetMissing);
        let entry = self.cursor.entry(&self.job.manifest, index);
        let entry = entry.ok_or_else(missing)?;
        let place = entry.place.ok_or_else(missing)?;
        match entry.kind {
            EntryKind::File {
                size, executable, ..
            } => {
                let place = self.job.landed.place(index, place);
                Ok(Target::File(TargetFile {
                    place: place.ok_or_else(missing)?,
                    size,
                    modified: entry.modified,
                    executable: executable && self.job.acceptance.programs,
                    others: entry.others,
                }))
            }
            EntryKind::Folder if self.job.acceptance.contains(index) => {
                Ok(Target::Folder(place.into_owned()))
            }
            EntryKind::Folder | EntryKind::Link { .. } | EntryKind::SameFile { .. } => {
                Err(missing())
            }
        }
    }

    fn link(
        &mut self,
        index: u32,
        place: &SafeName<'_>,
        target: &Target,
        modified: ModifiedTime,
    ) -> Result<SafeName<'static>, Failed> {
        if let Target::File(file) = target
            && let Some(name) = self.is_there(place, file)?
        {
            return Ok(name);
        }
        let made = self.plain_link(index, place, target, modified);
        match (made, target) {
            (Err(error), Target::File(file)) if leads_to_a_copy(&error) => {
                self.copy(index, place, file)
            }
            (Err(error), Target::Folder(_)) if is_without_links(&error) => {
                Err(Failed(FileReason::NoLinks))
            }
            (made, _) => Ok(made?),
        }
    }

    /// A link in a folder, to something, both of them reached by no link: so it leads where it seems to.
    fn plain_link(
        &mut self,
        index: u32,
        place: &SafeName<'_>,
        target: &Target,
        modified: ModifiedTime,
    ) -> io::Result<SafeName<'static>> {
        let above = place.parent();
        let folder = self.plain_parent(place)?;
        let text = match target {
            Target::Folder(path) => {
                self.folders.open_plain(Some(path))?;
                path.path_from(above.as_ref())
            }
            Target::File(file) => {
                self.folders.open_plain(file.place.parent().as_ref())?;
                file.place.path_from(above.as_ref())
            }
        };
        let at = Spot {
            folder: &folder,
            name: &place.file_name(),
        };
        let (name, refused) = make_link(at, &text, self.replaces(), modified)?;
        self.job.state.note_refused(place, refused);
        self.note_made(index, folder);
        Ok(name)
    }

    fn second_name(
        &mut self,
        index: u32,
        place: &SafeName<'_>,
        file: &TargetFile,
    ) -> Result<SafeName<'static>, Failed> {
        let folder = self.folders.open_or_make(place.parent().as_ref())?;
        let first = self.folders.open(file.place.parent().as_ref())?;
        let first = Spot {
            folder: &first,
            name: &file.place.file_name(),
        };
        let at = Spot {
            folder: &folder,
            name: &place.file_name(),
        };
        if is_second_name(first, at) {
            return Ok(place.file_name().into_owned());
        }
        if let Some(name) = self.is_there(place, file)? {
            return Ok(name);
        }
        match make_second_name(first, at, self.replaces()) {
            Err(error) if is_without_links(&error) => self.copy(index, place, file),
            made => {
                let name = made?;
                self.note_made(index, folder);
                Ok(name)
            }
        }
    }

    /// The name of a file of the same content that is there already, this name or one with a number, by the rule for
    /// files that cross; it is then left alone.
    fn is_there(
        &mut self,
        place: &SafeName<'_>,
        file: &TargetFile,
    ) -> Result<Option<SafeName<'static>>, Failed> {
        let folder = self.folders.open_or_make(place.parent().as_ref())?;
        let Ok(taken) = folder.look_at(&place.file_name()) else {
            return Ok(None);
        };
        let found = SameSize::look(&folder, place, &taken, (file.size, file.modified));
        let candidates = found.candidates(self.job.acceptance.on_conflict);
        let first = self.folders.open(file.place.parent().as_ref())?;
        let first = Spot {
            folder: &first,
            name: &file.place.file_name(),
        };
        for number in (0..u32::BITS).filter(|number| candidates & (1 << number) != 0) {
            let name = place.file_name().numbered(number);
            let at = Spot {
                folder: &folder,
                name: &name,
            };
            match same_content(first, at, &|| !self.job.state.over()) {
                Ok(true) => return Ok(Some(name)),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                Err(error) => tracing::debug!(%error, "what is here cannot be read"),
            }
        }
        Ok(None)
    }

    /// A copy of the file that arrived, where there can be no link to it.
    fn copy(
        &mut self,
        index: u32,
        place: &SafeName<'_>,
        file: &TargetFile,
    ) -> Result<SafeName<'static>, Failed> {
        let into = self.folders.open_or_make(place.parent().as_ref())?;
        let from = self.folders.open(file.place.parent().as_ref())?;
        let from = Spot {
            folder: &from,
            name: &file.place.file_name(),
        };
        let owned = (self.job.owner, place);
        let part = copy(from, &into, owned, &|| !self.job.state.over())?;
        let content = Content::Part {
            part,
            replace: self.replaces(),
            modified: file.modified,
            executable: file.executable,
            others: file.others,
        };
        let finished = Finished {
            file: index,
            content,
            name: place.file_name().into_owned(),
        };
        let committed = commit(vec![finished], Vec::new()).into_iter().next();
        // There is one for each.
        let outcome = committed.map(|committed| committed.outcome);
        let (name, origin) = outcome.unwrap_or_else(|| Err(io::ErrorKind::Other.into()))?;
        if let Origin::Received { refused } = origin {
            self.job.state.note_refused(place, refused);
        }
        Ok(name)
    }

    fn replaces(&self) -> bool {
        self.job.acceptance.on_conflict == ConflictPolicy::Replace
    }

    /// The folder that something goes into, made if it is not there, and reached by no link.
    fn plain_parent(&mut self, place: &SafeName<'_>) -> io::Result<Folder> {
        let path = place.parent();
        if let Some((known, folder)) = &self.parent
            && *known == path
        {
            return Ok(folder.clone());
        }
        self.folders.open_or_make(path.as_ref())?;
        let folder = self.folders.open_plain(path.as_ref())?;
        self.parent = Some((path.map(SafeName::into_owned), folder.clone()));
        Ok(folder)
    }

    fn note_made(&mut self, index: u32, folder: Folder) {
        self.unsynced.push(index);
        if !self.touched.last().is_some_and(|last| last.is(&folder)) {
            self.touched.push(folder);
        }
        if self.touched.len() >= FOLDERS_HELD {
            self.sync();
        }
    }

    /// Puts what was made on disk; what may not be has failed.
    fn sync(&mut self) {
        let made = std::mem::take(&mut self.unsynced);
        let Err(error) = sync_folders(&std::mem::take(&mut self.touched)) else {
            return;
        };
        for index in made {
            if let Some(entry) = self.cursor.entry(&self.job.manifest, index) {
                self.job.state.fail(index, entry.path, write_reason(&error));
            }
        }
    }
}

/// Whether a link to a file that cannot be made is replaced by a copy: there can be none, or a link on the way would
/// have it lead elsewhere.
fn leads_to_a_copy(error: &io::Error) -> bool {
    is_without_links(error) || write_reason(error) == FileReason::LinkInTheWay
}
