//! The names of what is left out, as a receiver is told them: where each thing would be in the offer.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fardrop_shared::offer::{LeftOutNames, LeftOutReason};

use super::{ScanWarning, to_bytes};

/// The names of what `warnings` are about, under the names that the given paths are offered under. Nothing of
/// where these are on this machine is told.
pub(super) fn left_out_names(
    warnings: &[ScanWarning],
    offered: &HashMap<PathBuf, Vec<u8>>,
) -> LeftOutNames {
    let mut names = LeftOutNames::default();
    for warning in warnings {
        let (path, reason) = reason(warning);
        names.push(path_in_offer(path, offered), reason);
    }
    names
}

fn path_in_offer(path: &Path, offered: &HashMap<PathBuf, Vec<u8>>) -> Vec<u8> {
    let above = path.ancestors().find_map(|root| {
        let name = offered.get(root)?;
        Some((name, path.strip_prefix(root).ok()?))
    });
    let last = Path::new(path.file_name().unwrap_or_default());
    let (mut name, rest) = match above {
        Some((name, rest)) => (name.clone(), rest),
        None => (Vec::new(), last),
    };
    for component in rest.components() {
        let component = component.as_os_str();
        if !name.is_empty() {
            name.push(b'/');
        }
        match to_bytes(component) {
            Some(bytes) => name.extend(bytes),
            None => name.extend(component.to_string_lossy().as_bytes()),
        }
    }
    name
}

fn reason(warning: &ScanWarning) -> (&Path, LeftOutReason) {
    match warning {
        ScanWarning::LinkOutside(path) => (path, LeftOutReason::LinkOutside),
        ScanWarning::LinkBroken(path) => (path, LeftOutReason::LinkBroken),
        ScanWarning::LinkLoop(path) => (path, LeftOutReason::LinkLoop),
        ScanWarning::LinkLeftOut(path) => (path, LeftOutReason::LinkLeftOut),
        ScanWarning::Special(path) => (path, LeftOutReason::Special),
        ScanWarning::NameNotUnicode(path) | ScanWarning::NameRefused(path, _) => {
            (path, LeftOutReason::Name)
        }
        ScanWarning::InLeftOut(path, _) => (path, LeftOutReason::InLeftOut),
        ScanWarning::Unreadable(path, _) => (path, LeftOutReason::Unreadable),
        ScanWarning::FolderUnreadable(path, _) => (path, LeftOutReason::FolderUnreadable),
    }
}
