//! What gets another name at a destination than it has in the offer, or none, for a person to see.

use fardrop_shared::name::lossy;
use fardrop_shared::offer::{EntryKind, PlacedManifest};

use super::selection::Acceptance;
use crate::transfer::outcome::{Listed, Renaming};

/// Local: most entries that are shown by name: some ten megabytes. The rest are counted.
const NAMES_KEPT: usize = 100_000;

/// Everything in `manifest` that gets another name; with `acceptance`, only what is taken.
pub(super) fn renamed(
    manifest: &PlacedManifest,
    acceptance: Option<&Acceptance>,
) -> Listed<Renaming> {
    let mut listed = Listed::default();
    let mut cursor = manifest.cursor();
    for index in manifest.renamed() {
        if acceptance.is_some_and(|acceptance| !acceptance.contains(index)) {
            continue;
        }
        listed.count += 1;
        if listed.first.len() < NAMES_KEPT
            && let Some(entry) = cursor.entry(manifest, index)
            && let Some(place) = entry.place
        {
            listed.first.push(Renaming {
                name: lossy(entry.path).into_owned(),
                place: lossy(place.as_bytes()).into_owned(),
            });
        }
    }
    listed
}

/// Everything in `manifest` that cannot be here under any name that is wished: every file and link, and every folder
/// with nothing in it.
pub(super) fn unnamed(manifest: &PlacedManifest) -> Listed<String> {
    let mut listed = Listed::default();
    for_each_unnamed(
        manifest,
        |_| true,
        |_, path| {
            listed.count += 1;
            if listed.first.len() < NAMES_KEPT {
                listed.first.push(lossy(path).into_owned());
            }
        },
    );
    listed
}

/// Shows the index and the path of every file and link of those that are taken that cannot be here under any name that
/// is wished, and of every folder with nothing in it.
pub(super) fn for_each_unnamed(
    manifest: &PlacedManifest,
    takes: impl Fn(u32) -> bool,
    mut visit: impl FnMut(u32, &[u8]),
) {
    let mut cursor = manifest.cursor();
    let mut folder: Option<(u32, Vec<u8>)> = None;
    for index in manifest.left_out() {
        let Some(entry) = cursor.entry(manifest, index) else {
            continue;
        };
        if !takes(index) {
            continue;
        }
        if let Some((index, path)) = folder.take()
            && !(entry.path.starts_with(&path) && entry.path.get(path.len()) == Some(&b'/'))
        {
            visit(index, &path);
        }
        if entry.kind == EntryKind::Folder {
            folder = Some((index, entry.path.to_owned()));
        } else {
            visit(index, entry.path);
        }
    }
    if let Some((index, path)) = folder {
        visit(index, &path);
    }
}
