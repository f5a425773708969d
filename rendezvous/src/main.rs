//! The rendezvous binary.
fn main() {}
