//! What gets another name at a destination than it has in the offer, for a person to see.

use fardrop_shared::name::lossy;
use fardrop_shared::offer::PlacedManifest;

use super::selection::Acceptance;
use crate::transfer::outcome::{Listed, Renaming};

/// Local: most entries that are shown by name: some ten megabytes. The rest are counted.
const RENAMED_KEPT: usize = 100_000;

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
        if listed.first.len() < RENAMED_KEPT
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
