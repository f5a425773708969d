//! The disk: reading what is offered, and writing what is received so that a final name stands for
//! a whole, verified file or for nothing.
//!
//! The numbers in here are local: how this machine reads, hashes and syncs.

mod commit;
#[cfg(test)]
pub(crate) mod exfat;
mod existing;
mod folders;
mod handles;
mod holes;
pub mod leftovers;
mod links;
mod lock;
mod mode;
mod part;
mod place;
mod platform;
mod probe;
mod reader;
mod reason;
mod refused;
mod system_links;
#[cfg(test)]
mod tests;

pub use commit::{Committed, Content, Finished, Origin, commit, sync_folders};
pub use existing::{ExistingFile, KeptBytes};
pub use folders::{Destination, Folder, Folders, is_narrow};
pub use handles::file_handles;
pub use holes::{Run, hash_zeros};
pub use links::{
    Spot, copy, is_second_name, is_without_links, make_link, make_second_name, same_content,
};
pub use lock::Look;
pub use part::{PartFile, Reopened};
pub use place::{PartNames, PartOwner, free_space, is_part_for};
pub(crate) use platform::is_without_locks;
pub use probe::name_rules;
pub use reader::{Source, SourceReader};
pub use reason::write_reason;
pub use refused::Refused;
