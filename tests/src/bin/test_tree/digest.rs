//! A tree as text: everything that a transfer promises to keep.

use std::fs::{self, File, Metadata};
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
            let metadata = fs::metadata(&path).with_context(|| path.display().to_string())?;
            let name = path.strip_prefix(folder)?;
            if metadata.is_dir() {
                lines.push((name.to_owned(), format!("folder {}", name.display())));
                waiting.push(path);
            } else {
                let line = file_line(&path, &metadata)?;
                lines.push((name.to_owned(), format!("{line} {}", name.display())));
            }
        }
    }
    lines.sort();
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

fn file_line(path: &Path, metadata: &Metadata) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(File::open(path)?)
        .with_context(|| path.display().to_string())?;
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
