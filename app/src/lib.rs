//! Fardrop: the engine, and the faces that drive it.

pub mod args;
pub mod cli;
pub mod config;
#[cfg(feature = "gui")]
pub mod desktop;
pub mod disk;
pub mod engine;
pub mod failure;
pub mod files;
#[cfg(feature = "gui")]
pub mod gui;
pub mod history;
pub mod instance;
pub mod launch;
pub mod leftovers;
pub mod link;
pub mod net;
pub mod signals;
pub mod text;
pub mod transfer;
