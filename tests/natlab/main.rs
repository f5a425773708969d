//! Tier 3: the built binaries behind NATs (Linux; root, or a user who may have namespaces).
#![cfg(target_os = "linux")]

mod cell;
mod gateway;
mod kinds;
mod lab;
mod mapping;
mod matrix;
mod reasons;
mod recovery;
mod report;
mod round;
mod special;
