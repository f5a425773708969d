//! Finding a path: candidates, probes, nomination.
//!
//! The two sides learned each other's candidates from sealed hellos. Each probes the other's, paced,
//! best ones first; a probe that is answered proves that its pair of addresses works both ways. The
//! sender of the files decides which one is used and says so by a nomination (RFC 8445, section
//! 8.1.1, "regular nomination" of the controlling agent).

mod candidate;
mod finder;
mod probe;
mod remote;
mod replay;
#[cfg(test)]
mod tests;

pub use candidate::{Candidate, CandidateKind, PathKind};
pub use finder::{FoundPath, PathEvent, PathFinder, PathKeys, PathTransmit};
pub use probe::PROBE_LENGTH;
