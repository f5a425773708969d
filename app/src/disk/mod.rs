//! The disk: reading what is offered, and writing what is received so that a final name stands for
//! a whole, verified file or for nothing.

mod commit;
mod folders;
mod part;
mod place;
mod platform;
mod reader;
#[cfg(test)]
mod tests;

pub use commit::{Committed, Finished, commit};
pub use folders::{Destination, Folders};
pub use part::{PartFile, claim_existing};
pub use place::{free_space, has_part};
pub(crate) use place::{numbered, split_path};
pub(crate) use reader::modified;
pub use reader::{Source, SourceReader};
