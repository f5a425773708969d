//! The TCP check: the one line that a rendezvous says over TCP, unasked, before it closes.
//!
//! ```text
//!   FDR 1 1764041974000\n
//!    |  |  `- the server's clock: milliseconds since 1970, UTC
//!    |  `---- the version of the datagrams that it speaks
//!    `------- always the same
//! ```
//!
//! Who gets this line and no answer to a datagram knows that UDP is what does not pass, rather than the
//! server being down; and how far the two clocks are apart.

use super::rendezvous::VERSION;

const MAGIC: &str = "FDR";

/// The line of a server that answers a TCP check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpCheck {
    /// The version that it speaks; a client need not speak it to read this.
    pub version: u8,
    /// Its clock, in milliseconds since 1970, UTC.
    pub unix_ms: u64,
}

impl TcpCheck {
    /// The line of this build, at `unix_ms`.
    #[must_use]
    pub const fn at(unix_ms: u64) -> Self {
        Self {
            version: VERSION,
            unix_ms,
        }
    }

    /// The line, with its end.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let Self { version, unix_ms } = self;
        format!("{MAGIC} {version} {unix_ms}\n").into_bytes()
    }

    /// Reads a line with its end; `None` for anything else, since anything may listen at a TCP port.
    #[must_use]
    pub fn decode(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let mut words = line.split(' ');
        let (magic, version, unix_ms) = (words.next()?, words.next()?, words.next()?);
        let check = Self {
            version: version.parse().ok()?,
            unix_ms: unix_ms.parse().ok()?,
        };
        let as_written = magic == MAGIC && words.next().is_none();
        as_written.then_some(check)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::MAX_TCP_CHECK_BYTES;

    #[test]
    fn a_line_has_this_form() {
        let check = TcpCheck::at(1_764_041_974_000);
        assert_eq!(check.encode(), b"FDR 2 1764041974000\n");
        assert_eq!(TcpCheck::decode(&check.encode()), Some(check));
    }

    #[test]
    fn the_longest_line_fits() {
        let longest = TcpCheck {
            version: u8::MAX,
            unix_ms: u64::MAX,
        };
        assert_eq!(longest.encode().len(), 29);
        assert!(longest.encode().len() <= MAX_TCP_CHECK_BYTES);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "\n",
            "FDR 1 2",
            "FDR 1\n",
            "FDR 1 2 3\n",
            "FDR 256 2\n",
            "FDR 1 -2\n",
            "fdr 1 2\n",
            "SSH-2.0-OpenSSH_9.2\n",
            "FDR 1 99999999999999999999\n",
        ] {
            assert_eq!(TcpCheck::decode(line.as_bytes()), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = TcpCheck::decode(&bytes);
        }
    }
}
