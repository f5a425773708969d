//! Fardrop: the engine, and the faces that drive it.

pub mod disk;
pub mod files;
pub mod link;
pub mod transfer;
