//! The way from one peer to the other: this side's socket and its candidates, the search for a path, and the
//! driver that looks after the path for as long as it is used.
//!
//! What is decided about a path is decided in `shared::path`. The numbers in here are local: how much this side
//! keeps and how long it waits, which no peer has to know.

mod driver;
mod error;
mod local_endpoint;
mod nat;
mod path_socket;
mod reintroduction;
mod search;
mod sockets;

pub use error::PathError;
pub use fardrop_shared::path::{FoundPath, PathNews};
pub use local_endpoint::{LocalEndpoint, LocalEndpointOptions};
pub(in crate::net) use nat::observe_nat;
pub use path_socket::PathSocket;
#[cfg(test)]
pub(in crate::net) use reintroduction::{ReintroductionEvent, ReintroductionPoint};
pub use search::{Path, PathFollower, Search, SearchConfig};
