//! Servers that codes named, and at which somebody was met: where such a code leads need not be said again.

use std::path::PathBuf;
use std::time::Duration;

use super::memory::{self, Kind, seconds_now};

/// One line for each server. People have few friends with servers of their own; a year is as long as they are
/// remembered without being met there again.
const SERVERS: Kind = Kind {
    file: "servers-met-at",
    remembered: Duration::from_secs(365 * 24 * 60 * 60),
    lines: 64,
    hash_length: 16,
};

/// The memory in one folder.
#[derive(Debug, Clone)]
pub(super) struct KnownServers {
    folder: Option<PathBuf>,
}

impl KnownServers {
    /// Without a folder nothing is remembered.
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Whether somebody was met at `server`, named like that, within the last year. Reads a file.
    pub(super) fn know(&self, server: &str) -> bool {
        let folder = self.folder.as_ref();
        folder.is_some_and(|folder| {
            memory::knows(&SERVERS, folder, secret(server).as_bytes(), seconds_now())
        })
    }

    /// Remembers that somebody was met at `server`, if that can be. Writes a file.
    pub(super) fn remember(&self, server: &str) {
        let Some(folder) = &self.folder else {
            return;
        };
        let secret = secret(server);
        let remembered = memory::remember(&SERVERS, folder, secret.as_bytes(), seconds_now());
        if let Err(error) = remembered {
            tracing::debug!(%error, "a server is not remembered");
        }
    }
}

/// Names of hosts are the same in any case.
fn secret(server: &str) -> String {
    server.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_once_somebody_was_met_there() {
        let folder = tempfile::tempdir().unwrap();
        let servers = KnownServers::new(Some(folder.path().to_owned()));
        assert!(!servers.know("ada.example.org"));
        servers.remember("Ada.example.org");
        assert!(servers.know("ada.example.org"));
        assert!(!servers.know("ada.example.org:4842") && !servers.know("bob.example.org"));
        let text = std::fs::read_to_string(folder.path().join(SERVERS.file)).unwrap();
        assert!(!text.contains("example"), "{text}");
    }
}
