//! What of a file's time and mode a file system refuses to have set: the bytes are there all the same.

/// What a file system refused to set of one file, folder or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refused {
    /// The modification time.
    pub time: bool,
    /// The mode.
    pub mode: bool,
}
