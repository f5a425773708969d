//! A tree as text: everything that a transfer promises to keep.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result};

/// The line of every file and folder under `folder`, in the order of their paths.
///
/// Links are followed, as a transfer does. A folder's own times are not part of its line: only
/// files keep theirs.
pub(crate) fn lines(folder: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(current) = waiting.pop() {
        for entry in fs::read_dir(&current).with_context(|| current.display().to_string())? {
            let path = entry?.path();
            let line = entry_line(&path).with_context(|| path.display().to_string())?;
            let Some((is_folder, line)) = line else {
                continue;
            };
            let name = path.strip_prefix(folder)?.to_owned();
            lines.push((name.clone(), format!("{line} {}", name.display())));
            if is_folder {
                waiting.push(path);
            }
        }
    }
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

/// Whether it is a folder, and what is to be said of it but its name; `None` if it is gone: a
/// receiver may be giving its part files their names at this moment.
fn entry_line(path: &Path) -> io::Result<Option<(bool, String)>> {
    let read = || -> io::Result<(bool, String)> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            Ok((true, "folder".to_owned()))
        } else {
            Ok((false, file_line(path, &metadata)?))
        }
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn file_line(path: &Path, metadata: &Metadata) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    // Only the user's bit is kept; the others follow the receiver's umask.
    let executable = metadata.permissions().mode() & 0o100 != 0;
    Ok(format!(
        "{} {} {}.{:09} {}",
        hasher.finalize(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        if executable { "x" } else { "-" },
    ))
}
