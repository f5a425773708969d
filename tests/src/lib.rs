//! Helpers shared by the test tiers.

pub mod sim;
