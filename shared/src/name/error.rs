//! Why a name is refused.

/// Why a name, or an offer of names, is refused wherever it is received. The name itself is left out: whoever
/// shows the error has it, and knows how to escape it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or nothing between two slashes or after the last.
    #[error("the name has an empty part")]
    Empty,
    /// It begins with `/`.
    #[error("the name is an absolute path")]
    Absolute,
    /// `.` or `..`.
    #[error("the name leads to another folder")]
    Dots,
    /// A NUL, which ends a name early wherever names are strings of C.
    #[error("the name has a NUL in it")]
    Nul,
    /// One of ours, as of part files.
    #[error("the name is one of Fardrop's own")]
    OurOwn,
    /// A component of more than [`MAX_COMPONENT_BYTES`](crate::limits::MAX_COMPONENT_BYTES).
    #[error("a part of the name is too long")]
    ComponentTooLong,
    /// More than [`MAX_NAME_BYTES`](crate::limits::MAX_NAME_BYTES).
    #[error("the name is too long")]
    TooLong,
    /// More than [`MAX_NAME_DEPTH`](crate::limits::MAX_NAME_DEPTH) components.
    #[error("the name has too many folders")]
    TooDeep,
    /// The name of another file of the offer, or of a folder that is also a file.
    #[error("two things have the same name")]
    Collision,
    /// More than [`MAX_OFFER_NAMES`](crate::limits::MAX_OFFER_NAMES).
    #[error("there are too many files and folders")]
    TooMany,
}
