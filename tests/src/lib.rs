//! Helpers shared by the test tiers.

pub mod fuzz;
pub mod hostile;
pub mod namespace;
pub mod peer;
pub mod sim;
pub mod tools;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod tracer;
pub mod tree;
