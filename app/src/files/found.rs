//! What a walk through the given paths found, and what is left out of it.

use std::io;
use std::path::PathBuf;

use fardrop_shared::name::NameError;
use fardrop_shared::offer::OfferError;
use thiserror::Error;

use super::OfferSource;

/// Something that is left out of an offer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanWarning {
    /// A link that leads out of the offer.
    LinkOutside(PathBuf),
    /// A link that leads nowhere.
    LinkBroken(PathBuf),
    /// A link that leads back to a folder it is in.
    LinkLoop(PathBuf),
    /// A link to something that is left out.
    LinkLeftOut(PathBuf),
    /// Neither a file nor a folder: a pipe, a socket, a device.
    Special(PathBuf),
    /// A name that only this system can have: on Windows, one that is not Unicode.
    NameNotUnicode(PathBuf),
    /// A name that a receiver would refuse, with the reason.
    NameRefused(PathBuf, NameError),
    /// Something that cannot be read.
    Unreadable(PathBuf, io::ErrorKind),
    /// A folder that cannot be listed, and so what is in it, which cannot be counted.
    FolderUnreadable(PathBuf, io::ErrorKind),
    /// Something in a folder that is left out, with the reason for the folder.
    InLeftOut(PathBuf, NameError),
}

/// Why there is no offer.
#[derive(Debug, Error)]
pub enum ScanError {
    /// One of the paths given cannot be sent at all.
    #[error("cannot read {path}: {error}", path = .path.display())]
    Argument {
        /// The path as given.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// One of the paths given has no name to send it under.
    #[error("{} has no name that can be sent", .0.display())]
    ArgumentName(PathBuf),
    /// A bound was passed.
    #[error(
        "{limit}: {found} were found, {there} of them in {folder}",
        folder = .folder.display()
    )]
    TooLarge {
        /// Which bound.
        limit: OfferError,
        /// Files, folders and links up to there.
        found: u32,
        /// The folder in which most of them are.
        folder: PathBuf,
        /// How many are in it.
        there: u32,
    },
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// What a walk found.
#[derive(Debug)]
pub struct Scanned {
    /// The offer.
    pub source: OfferSource,
    /// What was left out, each thing by itself, the first hundred thousand.
    pub warnings: Vec<ScanWarning>,
    /// What came of each of the paths given, in their order.
    pub items: Vec<ScannedItem>,
}

/// What came of one of the paths given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedItem {
    /// The name it is offered under.
    pub name: String,
    /// Whether it is a folder.
    pub folder: bool,
    /// Regular files that are offered of it.
    pub files: u32,
    /// Their bytes together.
    pub bytes: u64,
    /// How many things in it are left out.
    pub left_out: u64,
}
