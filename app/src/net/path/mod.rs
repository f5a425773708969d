//! The way from one peer to the other: this side's socket and its addresses, the search for a path, and
//! whoever looks after the path for as long as it is used.

mod driver;
mod error;
mod local_endpoint;
mod path_socket;
mod reintroduction;
mod search;
mod sockets;

pub use error::PathError;
pub use fardrop_shared::path::{FoundPath, PathNews};
pub(in crate::net) use local_endpoint::observe_nat;
pub use local_endpoint::{LocalEndpoint, LocalEndpointOptions};
pub use path_socket::PathSocket;
#[cfg(test)]
pub(in crate::net) use reintroduction::{ReintroductionEvent, ReintroductionPoint};
pub use search::{Acquainted, Path, PathFollower, Search};
