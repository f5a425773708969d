//! Making the folders of an offer: the closed ones before anything is put into them, the others with it or last.

use fardrop_shared::offer::EntryKind;

use super::job::Job;
use super::links::make_links;
use crate::disk::{Folders, Refused, is_narrow, sync_folders, write_reason};

/// Makes the folders that are closed to others at the sender's, before anything is put into one.
pub(super) fn make_narrow_folders(job: &Job, folders: &mut Folders) {
    job.manifest.for_each(|index, entry| {
        if entry.kind == EntryKind::Folder
            && is_narrow(entry.others)
            && job.acceptance.contains(index)
            && let Some(place) = entry.place
            && let Err(error) = folders.open_or_make_for(&place, entry.others)
        {
            // It is tried again, and told, when all the folders are made.
            tracing::debug!(%error, name = %place, "a folder could not be made");
        }
    });
}

/// Makes the folders that no file made, and sets the times of those that were not there before:
/// last of all, since everything put into a folder changes its time.
pub(super) fn finish_folders(job: &Job, folders: &mut Folders) {
    job.manifest.for_each(|index, entry| {
        let Some(place) = entry.place else {
            return;
        };
        if entry.kind != EntryKind::Folder || !job.acceptance.contains(index) {
            return;
        }
        match folders.open_or_make_for(&place, entry.others) {
            Ok(_) => job.state.note_place(&place, &place),
            Err(error) => job.state.fail(index, entry.path, write_reason(&error)),
        }
    });
    make_links(job, folders);
    let synced = sync_folders(&folders.take_touched());
    job.manifest.for_each(|index, entry| {
        let new = entry.kind == EntryKind::Folder
            && job.acceptance.contains(index)
            && !job.scan.folders.contains(index);
        let Some(place) = entry.place.filter(|_| new) else {
            return;
        };
        // Which of them are not on disk cannot be told. One that could not be made has failed already, and the
        // sender takes a second word of it for a lie.
        if let Err(error) = &synced
            && folders.open(Some(&place)).is_ok()
        {
            job.state.fail(index, entry.path, write_reason(error));
        }
        if let Err(error) = folders.set_modified(&place, entry.modified) {
            tracing::debug!(%error, name = %place, "a folder's time could not be set");
            // One that could not be made has failed.
            if folders.open(Some(&place)).is_ok() {
                let refused = Refused {
                    time: true,
                    mode: false,
                };
                job.state.note_refused(&place, refused);
            }
        }
    });
}
