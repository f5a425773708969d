//! Fardrop: the engine, and the faces that drive it.

pub mod link;
