//! What of an offer is shown, a page at a time. The names stay in the form in which they crossed, so that a
//! million of them cost nothing more.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use fardrop_shared::name::lossy;
use fardrop_shared::offer::{Classifier, Entry, EntryKind, Manifest, PlacedManifest, Survey};
use tokio::sync::watch;

use crate::engine::command::{OFFER_ROWS_LIMIT, PageRequest};
use crate::engine::event::{LeftOutCount, OfferRow, OfferSummary, SessionEvent, SessionNumber};
use crate::engine::report::Reporter;
use crate::files::OfferSource;
use crate::transfer::{ConflictMap, ScannedOffer, folders_of};

/// Names at the top of an offer that are shown.
pub(in crate::engine) const TOP_NAMES: usize = 10;

/// An offer to look at.
#[derive(Debug)]
pub(in crate::engine) enum OfferView {
    /// As its sender has it.
    Sent(Arc<OfferSource>),
    /// As it arrived, what is in its way, and what tells of each entry what a person should know.
    Received(Arc<PlacedManifest>, ConflictMap, Arc<Classifier>),
}

/// What an offer is, in short, but for where it would go.
pub(in crate::engine) fn offer_summary(manifest: &Manifest, survey: Arc<Survey>) -> OfferSummary {
    let totals = manifest.totals();
    let mut top_names: Vec<String> = Vec::new();
    manifest.for_each(|_, entry| {
        let top = entry.path.split(|byte| *byte == b'/').next();
        let top = lossy(top.unwrap_or_default());
        if top_names.len() < TOP_NAMES && !top_names.iter().any(|name| *name == top) {
            top_names.push(top.into_owned());
        }
    });
    OfferSummary {
        files: totals.files.into(),
        folders: totals.folders.into(),
        links: totals.links.into(),
        bytes: totals.bytes,
        holes: totals.holes,
        left_out: LeftOutCount::default(),
        survey,
        top_names,
        kept: 0,
        conflicts: 0,
        unnamed: 0,
        free: None,
        destination: None,
    }
}

/// Shows what is asked for, one request after the other, for as long as it is polled. Looking through a
/// large offer takes a moment, so it is done beside the network's thread.
pub(in crate::engine) async fn show_pages(
    reporter: &Reporter,
    session: SessionNumber,
    view: &watch::Sender<Option<Arc<OfferView>>>,
    requests: &mut watch::Receiver<Option<PageRequest>>,
) -> Infallible {
    let mut views = view.subscribe();
    loop {
        if requests.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let Some(request) = requests.borrow_and_update().clone() else {
            continue;
        };
        // What is asked for before there is an offer is shown once there is.
        let Ok(view) = views
            .wait_for(Option::is_some)
            .await
            .map(|view| view.clone())
        else {
            continue;
        };
        let asked = request.clone();
        let looking = tokio::task::spawn_blocking(move || view.map(|view| view.page(&asked)));
        let Ok(Some((matching, rows))) = looking.await else {
            continue;
        };
        reporter
            .tell_session(
                session,
                SessionEvent::OfferPage {
                    search: request.search,
                    matching,
                    first: request.first,
                    rows,
                },
            )
            .await;
    }
}

impl OfferView {
    /// What a receiver is shown before it decides.
    pub(in crate::engine) fn received(offer: &ScannedOffer) -> Self {
        let classifier = Arc::clone(&offer.classifier);
        Self::Received(Arc::clone(&offer.manifest), offer.conflicts(), classifier)
    }

    fn manifest(&self) -> &Manifest {
        match self {
            Self::Sent(source) => source.manifest(),
            Self::Received(manifest, ..) => manifest.manifest(),
        }
    }

    /// How many entries match, and the rows asked for.
    fn page(&self, request: &PageRequest) -> (u64, Vec<OfferRow>) {
        let manifest = self.manifest();
        let count = request.count.min(OFFER_ROWS_LIMIT) as usize;
        let mut rows = Vec::new();
        let matching = if request.search.is_empty() {
            let matching = manifest.totals().entries();
            let mut cursor = manifest.cursor();
            let wanted = (request.first..matching.into()).take(count);
            rows.extend(wanted.filter_map(|index| {
                // It is below the number of entries.
                let index = index as u32;
                Some(self.row(index, cursor.entry(manifest, index)?))
            }));
            matching.into()
        } else {
            let search = request.search.to_lowercase();
            let mut matching: u64 = 0;
            manifest.for_each(|index, entry| {
                if lossy(entry.path).to_lowercase().contains(&search) {
                    if matching >= request.first && rows.len() < count {
                        rows.push(self.row(index, entry));
                    }
                    matching += 1;
                }
            });
            matching
        };
        add_up_folders(manifest, &mut rows);
        (matching, rows)
    }

    fn row(&self, index: u32, entry: Entry<'_>) -> OfferRow {
        let (folder, files, bytes) = match entry.kind {
            EntryKind::File { size, .. } => (false, 1, size),
            EntryKind::Folder => (true, 0, 0),
            EntryKind::Link { .. } | EntryKind::SameFile { .. } => (false, 0, 0),
        };
        let (conflict, concerns) = match self {
            Self::Sent(_) => {
                let anywhere = Classifier::default();
                (None, anywhere.concerns(entry.path, entry.kind))
            }
            Self::Received(_, conflicts, classifier) => (
                conflicts.conflict(index),
                classifier.concerns(entry.path, entry.kind),
            ),
        };
        OfferRow {
            index,
            name: lossy(entry.path).into_owned(),
            folder,
            link: !folder && files == 0,
            concerns,
            files,
            bytes,
            conflict,
        }
    }
}

/// Gives every folder among `rows` what is in it.
fn add_up_folders(manifest: &Manifest, rows: &mut [OfferRow]) {
    let mut cursor = manifest.cursor();
    let mut path = |row: &OfferRow| Some(cursor.entry(manifest, row.index)?.path.to_owned());
    let mut totals: HashMap<Vec<u8>, (u64, u64)> = rows
        .iter()
        .filter(|row| row.folder)
        .filter_map(|row| Some((path(row)?, (0, 0))))
        .collect();
    if totals.is_empty() {
        return;
    }
    manifest.for_each(|_, entry| {
        if let EntryKind::File { size, .. } = entry.kind {
            for folder in folders_of(entry.path) {
                if let Some((files, bytes)) = totals.get_mut(folder) {
                    *files += 1;
                    *bytes = bytes.saturating_add(size);
                }
            }
        }
    });
    for row in rows.iter_mut().filter(|row| row.folder) {
        let total = path(row).and_then(|path| totals.remove(&path));
        (row.files, row.bytes) = total.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::files::scan;

    fn view(paths: &[&str]) -> (tempfile::TempDir, OfferView) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("tree");
        for path in paths {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            std::fs::write(path, "four").expect("it writes");
        }
        let scanned = scan(&[root], &AtomicBool::new(false)).expect("it scans");
        (folder, OfferView::Sent(Arc::new(scanned.source)))
    }

    #[track_caller]
    fn check(view: &OfferView, search: &str, first: u64, count: u32, expected: (u64, &[&str])) {
        let (matching, rows) = view.page(&PageRequest {
            search: search.to_owned(),
            first,
            count,
        });
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!((matching, names.as_slice()), expected);
    }

    #[test]
    fn pages_are_parts_of_what_matches() {
        let (_folder, view) = view(&["a.txt", "b/A.TXT", "b/c", "d"]);
        let all = [
            "tree",
            "tree/a.txt",
            "tree/b",
            "tree/b/A.TXT",
            "tree/b/c",
            "tree/d",
        ];
        check(&view, "", 0, 10, (6, &all));
        check(&view, "", 2, 3, (6, &all[2..5]));
        check(&view, "", 6, 3, (6, &[]));
        check(&view, "", u64::MAX, u32::MAX, (6, &[]));
        check(&view, "a.TXT", 0, 10, (2, &["tree/a.txt", "tree/b/A.TXT"]));
        check(&view, "a.txt", 1, 10, (2, &["tree/b/A.TXT"]));
        check(&view, "nothing", 0, 10, (0, &[]));
    }

    #[test]
    fn a_page_has_a_bound() {
        let names: Vec<String> = (0..300).map(|name| name.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_folder, view) = view(&names);
        for search in ["", "tree"] {
            let (matching, rows) = view.page(&PageRequest {
                search: search.to_owned(),
                first: 0,
                count: u32::MAX,
            });
            assert_eq!((matching, rows.len()), (301, 200));
        }
    }

    #[test]
    fn folders_have_the_size_of_what_is_in_them() {
        let (_folder, view) = view(&["a", "b/c", "b/d/e"]);
        let (_, rows) = view.page(&PageRequest {
            search: String::new(),
            first: 0,
            count: 10,
        });
        let sizes: Vec<_> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.files, row.bytes))
            .collect();
        let expected = [
            ("tree", 3, 12),
            ("tree/a", 1, 4),
            ("tree/b", 2, 8),
            ("tree/b/c", 1, 4),
            ("tree/b/d", 1, 4),
            ("tree/b/d/e", 1, 4),
        ];
        assert_eq!(sizes, expected);
    }
}
