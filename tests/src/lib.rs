//! Helpers shared by the test tiers.

pub mod fuzz;
#[cfg(target_os = "linux")]
pub mod lab;
pub mod namespace;
pub mod peer;
pub mod sim;
pub mod tools;
pub mod tree;
