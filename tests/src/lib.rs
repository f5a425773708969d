//! Helpers shared by the test tiers.

pub mod namespace;
pub mod peer;
pub mod sim;
pub mod tree;
