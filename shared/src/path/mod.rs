//! Finding a path: candidates, probes, nomination.

mod candidate;

pub use candidate::{Candidate, CandidateKind};
