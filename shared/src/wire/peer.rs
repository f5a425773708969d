//! Control messages between the two peers of a transfer, over the link's control channel.
//!
//! ```text
//! receiver                                   sender
//!                                            Hello, Offer, Page*, LeftOut*, OfferEnd
//! Hello
//! (asks the person)
//! Accept, Renamed*, Failed*, Want*, WantFrom*, WantEnd (data streams: see transfer::frame)
//!                                            Prefix*
//! Proved*
//! Progress*, Skip*, Failed*
//! Done                                       Done
//! ```
//!
//! or, instead of `Accept`, `Decline`. Either side may say `Pause` and `Resume` at any time after its
//! hello and, for the sender, the offer; the data stands still while one of them has paused it.
//!
//! A message is its kind and its fields in postcard's encoding, which is versioned by `Hello`; the variants'
//! order is the wire form, so new ones go last. A kind that is not known here, or bytes left over, are a
//! [`MessageError`].

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::offer::{LeftOutCount, LeftOutName};

/// The version of everything said between peers after the pairing.
pub const TRANSFER_VERSION: u16 = 3;

/// What a sender says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SenderMessage {
    /// First of all.
    Hello {
        /// [`TRANSFER_VERSION`] of this side.
        version: u16,
    },
    /// What the pages that follow add up to.
    Offer {
        /// Regular files.
        files: u32,
        /// Folders.
        folders: u32,
        /// Links, and second names of files.
        links: u32,
        /// Bytes in all files together.
        bytes: u64,
        /// How many pages follow.
        pages: u32,
        /// What is not offered of what the sender named.
        left_out: LeftOutCount,
        /// A value that the sender's installation gives to what is shared, the same each time: what a receiver
        /// keeps of a transfer is gone on with by an offer of the same origin only. Nobody else can guess it.
        origin: [u8; 32],
    },
    /// One page of the manifest (see `offer`).
    Page(#[serde(with = "page_bytes")] Vec<u8>),
    /// All pages were sent.
    OfferEnd,
    /// Everything was said: the receiver may close the link.
    Done,
    /// The sender sends nothing for now; once more is as good as once.
    Pause,
    /// The sender would go on.
    Resume,
    /// What is not offered of what the sender named, a page of it: as many as come to
    /// [`LEFT_OUT_BYTES_LIMIT`](crate::limits::LEFT_OUT_BYTES_LIMIT) in all pages.
    LeftOut(Vec<LeftOutName>),
    /// What a file of [`ReceiverMessage::WantFrom`] begins with, said once for each that the sender does not give up.
    Prefix {
        /// Index of the entry.
        file: u32,
        /// The BLAKE3 of the sender's own file up to each of the lengths, in their order.
        hashes: Vec<[u8; 32]>,
    },
}

/// What a receiver says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiverMessage {
    /// First of all.
    Hello {
        /// [`TRANSFER_VERSION`] of this side.
        version: u16,
    },
    /// The offer, or part of it, is taken: files and bytes in that part.
    Accept {
        /// Files in the part that is taken.
        files: u32,
        /// Their bytes together.
        bytes: u64,
    },
    /// The offer is not taken.
    Decline(DeclineReason),
    /// Entries `first` to `last`, both included, are wanted from their start; folders and links among them
    /// are passed over. Each file may be wanted once in a transfer.
    Want {
        /// Index of the first entry.
        first: u32,
        /// Index of the last entry.
        last: u32,
    },
    /// A file of which something is here already, which may or may not be what the sender has. A receiver says how
    /// long it is and never what it hashes to: whoever knows a hash can look for the content.
    WantFrom {
        /// Index of the entry.
        file: u32,
        /// Lengths of prefixes that are here, longest first, at most
        /// [`CLAIMS_LIMIT`](crate::limits::CLAIMS_LIMIT), each more than 0 and at most the file's size. What is
        /// behind the longest is sent at once. If that is the size, nothing is.
        lengths: Vec<u64>,
    },
    /// Nothing more will be wanted.
    WantEnd,
    /// The rest of this file is of no use any more.
    Skip {
        /// Index of the entry.
        file: u32,
    },
    /// Where the transfer stands; at most ten times a second.
    Progress(Acknowledged),
    /// This file did not make it.
    Failed {
        /// Index of the entry.
        file: u32,
        /// Why.
        reason: FileReason,
    },
    /// Every file is verified on disk or has failed.
    Done(Acknowledged),
    /// The sender is to send nothing for now; once more is as good as once.
    Pause,
    /// The receiver would go on.
    Resume,
    /// Entries that get other names than they have in the offer, in rising order; said in as many pages as
    /// it takes, and before anything is wanted.
    Renamed {
        /// Of them the next; those of all pages come to [`RENAMED_BYTES_LIMIT`](crate::limits::RENAMED_BYTES_LIMIT)
        /// at most.
        names: Vec<NewName>,
        /// How many more there are, which are not told by name: this is the last page then.
        more: u32,
    },
    /// The answer to [`SenderMessage::Prefix`], said once for each file that has not failed: how much of what is
    /// here the sender has as well. It sends what is between that and the longest of the lengths.
    Proved {
        /// Index of the entry.
        file: u32,
        /// The longest of the lengths whose hash is that of what is here, or 0.
        length: u64,
    },
}

/// The place of an entry that is not saved under its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewName {
    /// Index of the entry.
    pub file: u32,
    /// Its relative path at the receiver, components separated by `/`.
    #[serde(with = "page_bytes")]
    pub place: Vec<u8>,
}

/// Why one file did not make it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileReason {
    /// It is no longer as it was offered.
    FileChanged,
    /// The sender could not read it.
    FileUnreadable,
    /// What arrived is not what was sent.
    HashMismatch,
    /// The receiver could not write it.
    WriteFailed,
    /// The receiver's disk is full.
    NoSpace,
    /// The receiver asked for the rest not to be sent.
    Skipped,
    /// Whoever runs the sender may not read it.
    ReadForbidden,
    /// The sender's machine has as many files open as it may.
    SenderTooManyOpen,
    /// It has more bytes than the sender's system says.
    WrongSize,
    /// The receiver's file system, or the folder, is read-only.
    ReadOnly,
    /// Whoever runs the receiver may not write there.
    WriteForbidden,
    /// A folder of its path is no folder at the receiver's.
    NotAFolder,
    /// A folder has its name at the receiver's.
    FolderInTheWay,
    /// Its name is longer than the receiver's file system has them.
    NameTooLong,
    /// The receiver's file system cannot have such a name, or takes it for that of another file: said before
    /// anything is wanted, as far as that is known then, and the file is not wanted.
    NameForbidden,
    /// It is larger than the receiver's file system, or a limit there, lets a file be.
    FileTooLarge,
    /// The receiver's machine has as many files open as it may.
    TooManyOpen,
    /// A link in the receiver's folder is in its way, and would lead elsewhere.
    LinkInTheWay,
    /// Whoever runs the receiver has used up what they may have on the disk.
    Quota,
    /// What it leads to, or is another name of, is not at the receiver's.
    TargetMissing,
    /// It is a link to a folder, and the receiver's file system has no links.
    NoLinks,
    /// The receiver said no to what is hidden, and to what would start by itself there: said before anything is wanted.
    NotAllowed,
}

impl FileReason {
    /// Every reason, in the order of their wire form.
    pub(crate) const ALL: [Self; 22] = [
        Self::FileChanged,
        Self::FileUnreadable,
        Self::HashMismatch,
        Self::WriteFailed,
        Self::NoSpace,
        Self::Skipped,
        Self::ReadForbidden,
        Self::SenderTooManyOpen,
        Self::WrongSize,
        Self::ReadOnly,
        Self::WriteForbidden,
        Self::NotAFolder,
        Self::FolderInTheWay,
        Self::NameTooLong,
        Self::NameForbidden,
        Self::FileTooLarge,
        Self::TooManyOpen,
        Self::LinkInTheWay,
        Self::Quota,
        Self::TargetMissing,
        Self::NoLinks,
        Self::NotAllowed,
    ];

    /// Whether it is about where a file would go rather than about its bytes: it may be known, and is said then,
    /// before the file is wanted.
    #[must_use]
    pub const fn is_of_the_place(self) -> bool {
        match self {
            Self::ReadOnly
            | Self::WriteForbidden
            | Self::NotAFolder
            | Self::FolderInTheWay
            | Self::NameTooLong
            | Self::NameForbidden
            | Self::LinkInTheWay
            | Self::NotAllowed
            | Self::WriteFailed
            | Self::TooManyOpen => true,
            Self::FileChanged
            | Self::FileUnreadable
            | Self::HashMismatch
            | Self::NoSpace
            | Self::Skipped
            | Self::ReadForbidden
            | Self::SenderTooManyOpen
            | Self::WrongSize
            | Self::FileTooLarge
            | Self::Quota
            | Self::TargetMissing
            | Self::NoLinks => false,
        }
    }

    /// The byte in an abort or refuse frame.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        self as u8
    }

    /// The reason an abort or refuse frame gives; `None` for one of a later version.
    #[must_use]
    pub fn from_wire(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// What a receiver has, cumulative; only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Bytes that are at the receiver, those that were there before among them.
    pub bytes: u64,
    /// Files that carry their final name, verified and on disk.
    pub files: u32,
}

/// Why an offer is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeclineReason {
    /// The person said no.
    Person,
    /// It does not fit on the receiver's disk.
    NoSpace,
    /// A name in it is not safe.
    UnsafeName,
    /// The folder to put it in cannot be used, and why.
    Destination(FileReason),
    /// It was accepted, and another receive has taken it over since: it goes on there.
    TakenOver,
}

/// Bytes that are no message of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a control message of version {TRANSFER_VERSION}")]
pub struct MessageError;

/// A control message, to bytes and back.
pub trait Message: Sized {
    /// The bytes on the wire.
    fn encode(&self) -> Vec<u8>;
    /// The message in `bytes`, which must be used up.
    ///
    /// # Errors
    /// [`MessageError`] where the kind is not known, a field is cut off, or bytes are left over.
    fn decode(bytes: &[u8]) -> Result<Self, MessageError>;
}

macro_rules! message {
    ($name:ty) => {
        impl Message for $name {
            fn encode(&self) -> Vec<u8> {
                // Serialising into a Vec fails only for types of unknown length, and there are none.
                postcard::to_stdvec(self).unwrap_or_default()
            }

            fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
                match postcard::take_from_bytes(bytes) {
                    Ok((message, [])) => Ok(message),
                    Ok(_) | Err(_) => Err(MessageError),
                }
            }
        }
    };
}

message!(SenderMessage);
message!(ReceiverMessage);

/// Pages as one slice rather than number by number.
pub(crate) mod page_bytes {
    use serde::{Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl de::Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_the_wire_and_no_truncation_does() {
        let lengths = vec![1 << 40, 7];
        let message = ReceiverMessage::WantFrom { file: 300, lengths };
        let bytes = message.encode();
        assert_eq!(ReceiverMessage::decode(&bytes), Ok(message));
        for length in 0..bytes.len() {
            assert_eq!(ReceiverMessage::decode(&bytes[..length]), Err(MessageError));
        }
        let page = SenderMessage::Page(vec![1, 2, 3]);
        assert_eq!(page.encode(), [2, 3, 1, 2, 3]);
        assert_eq!(SenderMessage::decode(&page.encode()), Ok(page));
        assert_eq!(SenderMessage::Pause.encode(), [5]);
        assert_eq!(ReceiverMessage::Resume.encode(), [11]);
    }

    #[test]
    fn unknown_kinds_and_left_over_bytes_are_refused() {
        assert_eq!(SenderMessage::decode(&[200]), Err(MessageError));
        assert_eq!(SenderMessage::decode(&[3, 0]), Err(MessageError));
        assert_eq!(SenderMessage::decode(&[]), Err(MessageError));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = SenderMessage::decode(&bytes);
            let _ = ReceiverMessage::decode(&bytes);
        }
    }
}
