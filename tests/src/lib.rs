//! Helpers shared by the test tiers.

pub mod fuzz;
pub mod hostile;
pub mod namespace;
pub mod peer;
pub mod sim;
pub mod tools;
pub mod tree;
