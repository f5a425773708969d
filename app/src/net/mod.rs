//! Sockets, the rendezvous, and the way to a [`Path`]: the one thing that leaves this module.
//!
//! Five rooms, each of which uses those before it and none after it (`tests/tidy` holds that): `socket`,
//! `mapping`, `path`, `introduction`, `doctor`.

mod doctor;
mod introduction;
mod mapping;
mod path;
mod socket;
#[cfg(test)]
mod tests;

pub use doctor::{Examination, FarExamination, diagnose, diagnose_far};
pub use introduction::{
    Advertisement, CodeTries, IntroductionError, Join, Joined, Listing, ListingEvent, ping,
};
pub use mapping::{
    Attempt, AttemptState, MappingError, MappingPermit, MappingProtocol, PortMapper, PortMappers,
};
pub use path::{
    FoundPath, LocalEndpoint, LocalEndpointOptions, Path, PathError, PathFollower, PathNews,
    PathSocket, Search, SearchConfig,
};
pub use socket::{Interfaces, NetworkName, PeerSocket};
