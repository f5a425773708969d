//! Nodes of the DHT that have answered, from one run of the app to the next.
//!
//! ```text
//! hash of what follows (64 hexadecimal digits)
//! id (40 hexadecimal digits), a space, address
//! ```
//!
//! Whatever is wrong with the file, no node is remembered: there are other ways in.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use fardrop_shared::dht::{Contact, NodeId};
use fardrop_shared::limits::DHT_KNOWN_NODES;

use super::memory::write_private;

/// The file's name.
const FILE: &str = "dht-nodes";

/// Nodes of both families.
const LINES: usize = 2 * DHT_KNOWN_NODES;

/// Longest file that is read, in bytes: the hash, and for each node its id and the longest address.
const FILE_LIMIT: u64 = 16 * 1024;

/// The nodes that are remembered in `folder`. Reads a file.
pub(super) fn load(folder: Option<&Path>) -> Vec<Contact> {
    let mut text = String::new();
    let file = folder.and_then(|folder| File::open(folder.join(FILE)).ok());
    let read = file.map(|file| file.take(FILE_LIMIT).read_to_string(&mut text));
    match read {
        Some(Ok(_)) => decode(&text).unwrap_or_default(),
        Some(Err(_)) | None => Vec::new(),
    }
}

/// Remembers these nodes in `folder`, in place of those from before. Writes a file.
pub(super) fn save(folder: Option<&Path>, nodes: &[Contact]) {
    let Some(folder) = folder.filter(|_| !nodes.is_empty()) else {
        return;
    };
    if let Err(error) = write_private(folder, FILE, &encode(nodes)) {
        tracing::warn!(%error, "nodes of the DHT are not remembered");
    }
}

fn encode(nodes: &[Contact]) -> String {
    let mut lines = String::new();
    for node in nodes.iter().take(LINES) {
        for byte in node.id.0 {
            // Writing to a string does not fail.
            let _ = write!(lines, "{byte:02x}");
        }
        let _ = writeln!(lines, " {}", node.address);
    }
    format!("{}\n{lines}", blake3::hash(lines.as_bytes()).to_hex())
}

fn decode(text: &str) -> Option<Vec<Contact>> {
    let (check, lines) = text.split_once('\n')?;
    if blake3::Hash::from_hex(check).ok()? != blake3::hash(lines.as_bytes()) {
        return None;
    }
    lines.lines().take(LINES).map(decode_line).collect()
}

fn decode_line(line: &str) -> Option<Contact> {
    let (digits, address) = line.split_once(' ')?;
    let mut id = NodeId([0; NodeId::LENGTH]);
    for (index, byte) in id.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Contact {
        id,
        address: address.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u16) -> Vec<Contact> {
        let node = |index: u16| {
            let [high, low] = index.to_be_bytes();
            let mut id = NodeId([7; NodeId::LENGTH]);
            id.0[..2].copy_from_slice(&[high, low]);
            let address = if index.is_multiple_of(2) {
                ([60, high, low, 1], 6881).into()
            } else {
                (
                    [
                        0x2a02, 0x1234, index, 0x1234, 0x1234, 0x1234, 0x1234, 0x1234,
                    ],
                    16881,
                )
                    .into()
            };
            Contact { id, address }
        };
        (0..count).map(node).collect()
    }

    #[test]
    fn nodes_are_remembered_for_this_user_only_and_up_to_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("not/there/yet");
        assert_eq!(load(Some(&there)), []);
        save(Some(&there), &nodes(3));
        assert_eq!(load(Some(&there)), nodes(3));
        save(Some(&there), &nodes(500));
        assert_eq!(load(Some(&there)), nodes(128));
        let file = there.join(FILE);
        assert!(file.metadata().unwrap().len() < FILE_LIMIT);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // To know nobody is no reason to forget.
        save(Some(&there), &[]);
        assert_eq!(load(Some(&there)).len(), 128);
        save(None, &nodes(3));
        assert_eq!(load(None), []);
    }

    #[test]
    fn a_file_that_is_damaged_anywhere_is_none() {
        let whole = encode(&nodes(3));
        assert_eq!(decode(&whole), Some(nodes(3)));
        for index in 0..whole.len() {
            let mut damaged = whole.clone().into_bytes();
            damaged[index] ^= 1;
            let damaged = String::from_utf8(damaged).unwrap();
            assert_eq!(decode(&damaged), None, "{index}");
            assert_eq!(decode(&whole[..index]), None, "{index}");
        }
    }

    #[test]
    fn a_file_of_anything_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for bytes in [vec![0xff; 10], vec![b'a'; 100_000], b"\n\n\n".to_vec()] {
            std::fs::write(folder.path().join(FILE), bytes).unwrap();
            assert_eq!(load(Some(folder.path())), []);
        }
    }
}
