//! The offer of a share: looked through once, in the background, while the code is already shown.

use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::context::Context;
use crate::engine::event::{LeftOut, ShareEvent, TaskNumber};
use crate::engine::failures::scan_failure;
use crate::failure::{Failure, FailureKind, Stage};
use crate::files::{OfferSource, ScanWarning, Scanned, scan_in_background};

/// How far the scan of the files is.
#[derive(Debug, Clone)]
pub(super) enum Offer {
    /// Under way.
    Pending,
    /// What is offered.
    Ready(Arc<OfferSource>),
    /// There is nothing to offer.
    Failed(Failure),
}

/// Scans `paths`. Dropping it stops the walk.
pub(super) async fn scan_items(paths: Vec<PathBuf>) -> Result<Scanned, Failure> {
    let local =
        |error: std::io::Error| Failure::new(Stage::Files, FailureKind::Local).with_detail(error);
    match scan_in_background(paths).map_err(local)?.await {
        Ok(scanned) => scanned.map_err(|error| scan_failure(&error)),
        Err(_) => Err(local(std::io::ErrorKind::Interrupted.into())),
    }
}

/// Tells what was found.
pub(super) async fn tell(context: &Context, task: TaskNumber, scanned: &Scanned) {
    for warning in &scanned.warnings {
        let (path, reason) = left_out(warning);
        let name = path.display().to_string();
        context
            .reporter
            .tell_share(task, ShareEvent::LeftOut { name, reason })
            .await;
    }
    let totals = scanned.source.manifest().totals();
    context
        .reporter
        .tell_share(
            task,
            ShareEvent::Scanned {
                files: totals.files.into(),
                bytes: totals.bytes,
                links: totals.links.into(),
                left_out: scanned.source.left_out(),
            },
        )
        .await;
}

fn left_out(warning: &ScanWarning) -> (&PathBuf, LeftOut) {
    match warning {
        ScanWarning::LinkOutside(path) => (path, LeftOut::LinkOutside),
        ScanWarning::LinkBroken(path) => (path, LeftOut::LinkBroken),
        ScanWarning::LinkLoop(path) => (path, LeftOut::LinkLoop),
        ScanWarning::LinkLeftOut(path) => (path, LeftOut::LinkLeftOut),
        ScanWarning::Special(path) => (path, LeftOut::Special),
        ScanWarning::NameNotUnicode(path) => (path, LeftOut::NotUnicode),
        ScanWarning::NameRefused(path, reason) => (path, LeftOut::UnsafeName(reason.to_string())),
        ScanWarning::InLeftOut(path, reason) => (path, LeftOut::InLeftOut(reason.to_string())),
        ScanWarning::FolderUnreadable(path, kind) => {
            (path, LeftOut::FolderUnreadable(kind.to_string()))
        }
        ScanWarning::Unreadable(path, kind) => (path, LeftOut::Unreadable(kind.to_string())),
    }
}
