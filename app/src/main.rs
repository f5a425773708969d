//! The `fardrop` binary.
fn main() {}
