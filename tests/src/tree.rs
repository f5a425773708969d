//! Trees of files to send, and the proof that they arrived.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What must be the same at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// BLAKE3 of its content.
        hash: blake3::Hash,
        /// Its size in bytes.
        bytes: u64,
        /// Its modification time.
        modified: SystemTime,
        /// Whether its owner may run it.
        executable: bool,
    },
}

/// Everything below `folder`, by path.
///
/// # Errors
/// What the system says.
pub fn snapshot(folder: &Path) -> io::Result<BTreeMap<PathBuf, Node>> {
    let mut nodes = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            let metadata = fs::metadata(&path)?;
            let name = path.strip_prefix(folder).map_err(io::Error::other)?;
            if metadata.is_dir() {
                nodes.insert(name.to_owned(), Node::Folder);
                folders.push(path);
            } else {
                nodes.insert(name.to_owned(), file_node(&path, &metadata)?);
            }
        }
    }
    Ok(nodes)
}

/// Writes a tree with what is easily lost: empty folders and files, modes, times, names in any script, a
/// name of 255 bytes.
///
/// # Errors
/// What the system says.
pub fn varied(folder: &Path) -> io::Result<()> {
    let long = "n".repeat(255);
    let files: [(&str, usize); 8] = [
        ("empty.txt", 0),
        ("one byte", 1),
        ("deep/er/still/file.bin", 100_000),
        ("deep/er/中文文件.txt", 5000),
        ("deep/ملف.txt", 5001),
        ("🚀 launch.md", 17),
        (&long, 33),
        ("large.bin", 3_000_000),
    ];
    for (index, (name, bytes)) in files.iter().enumerate() {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, noise(index as u64, *bytes))?;
        let when = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + index as u64);
        fs::File::options()
            .write(true)
            .open(&path)?
            .set_modified(when)?;
    }
    fs::create_dir_all(folder.join("empty/inside"))?;
    let script = folder.join("run.sh");
    fs::write(&script, "#!/bin/sh\n")?;
    set_executable(&script)
}

/// Bytes that do not compress and are the same for the same seed.
#[must_use]
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut content);
    content
}

fn file_node(path: &Path, metadata: &fs::Metadata) -> io::Result<Node> {
    let mut hasher = blake3::Hasher::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
    }
    Ok(Node::File {
        hash: hasher.finalize(),
        bytes: metadata.len(),
        modified: metadata.modified()?,
        executable: is_executable(metadata),
    })
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
const fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn set_executable(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
}

#[cfg(not(unix))]
fn set_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
