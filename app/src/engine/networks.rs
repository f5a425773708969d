//! Networks in which QUIC did not come through, remembered for a day: that costs a second less at the next
//! transfer there. What is known of a network is kept as a hash, so that the file tells nobody at a glance
//! where this machine has been.

use std::path::PathBuf;
use std::time::Duration;

use super::memory::{self, Kind, seconds_now};
use crate::net::NetworkName;

/// One line for each network: networks are mended, and machines move; 32 are more than a day has.
const NETWORKS: Kind = Kind {
    file: "networks-without-quic",
    remembered: Duration::from_secs(24 * 60 * 60),
    lines: 32,
    hash_length: 16,
};

/// The memory in one folder.
#[derive(Debug, Clone)]
pub(super) struct Networks {
    folder: Option<PathBuf>,
}

impl Networks {
    /// Without a folder nothing is remembered.
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Whether QUIC did not come through in `network` within the last day. Reads a file.
    pub(super) fn lack_quic(&self, network: &NetworkName) -> bool {
        let folder = self.folder.as_ref();
        folder.is_some_and(|folder| {
            memory::knows(&NETWORKS, folder, network.as_bytes(), seconds_now())
        })
    }

    /// Remembers that QUIC did not come through in `network`, if that can be. Writes a file.
    pub(super) fn remember(&self, network: &NetworkName) {
        let Some(folder) = &self.folder else {
            return;
        };
        let remembered = memory::remember(&NETWORKS, folder, network.as_bytes(), seconds_now());
        if let Err(error) = remembered {
            tracing::debug!(%error, "a network without QUIC is not remembered");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::path::Path;

    use super::*;

    const NOW: u64 = 1_700_000_000;
    const DAY: u64 = 24 * 60 * 60;

    fn network(number: u8) -> NetworkName {
        NetworkName::new(vec![number; 20])
    }

    fn knows(folder: &Path, number: u8, now: u64) -> bool {
        memory::knows(&NETWORKS, folder, network(number).as_bytes(), now)
    }

    fn remember(folder: &Path, network: &NetworkName, now: u64) -> io::Result<()> {
        memory::remember(&NETWORKS, folder, network.as_bytes(), now)
    }

    #[test]
    fn a_network_is_remembered_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("not/there/yet");
        assert!(!knows(&folder, 1, NOW));
        remember(&folder, &network(1), NOW).unwrap();
        assert!(knows(&folder, 1, NOW));
        assert!(!knows(&folder, 2, NOW));
        assert!(knows(&folder, 1, NOW + DAY - 1));
        assert!(!knows(&folder, 1, NOW + DAY));
        assert!(!knows(&folder, 1, NOW - 1), "the clock was put back");
        remember(&folder, &network(2), NOW + 10).unwrap();
        assert!(knows(&folder, 1, NOW + 10) && knows(&folder, 2, NOW + 10));
    }

    #[test]
    fn the_file_stays_small_and_private() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=255 {
            remember(folder.path(), &network(number), NOW).unwrap();
        }
        assert!(knows(folder.path(), 255, NOW) && knows(folder.path(), 224, NOW));
        assert!(!knows(folder.path(), 223, NOW));
        let entries = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(entries, 1, "nothing is left beside it");
        let metadata = fs::metadata(folder.path().join(NETWORKS.file)).unwrap();
        assert!(metadata.len() < 4096);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_is_not_ours_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "\n", "x", "salt 5\n", "\u{fffd}\u{1}"] {
            fs::write(folder.path().join(NETWORKS.file), content).unwrap();
            assert!(!knows(folder.path(), 1, NOW));
            remember(folder.path(), &network(1), NOW).unwrap();
            assert!(knows(folder.path(), 1, NOW));
        }
        let nowhere = Networks::new(None);
        nowhere.remember(&network(1));
        assert!(!nowhere.lack_quic(&network(1)));
    }
}
