//! Fardrop: the engine, and the faces that drive it.

pub mod args;
pub mod cli;
pub mod config;
pub mod engine;
pub mod failure;
pub mod link;
pub mod signals;
pub mod text;
