//! What the window asks of the desktop around it, and what it is answered: plain values over bounded
//! channels, so that no frame waits for a dialog and tests play the desktop.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

/// Requests that may wait for the desktop. A person cannot outrun this; what does not fit is dropped,
/// and the person presses again.
pub const REQUEST_QUEUE: usize = 32;

/// Replies that may wait for the window; the desktop waits when they are not fetched.
pub const REPLY_QUEUE: usize = 32;

/// Something that only the desktop can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesktopRequest {
    /// Tell how the desktop looks, now and whenever that changes. Answered by [`DesktopReply::Looks`],
    /// any number of times; not at all where nobody knows.
    FollowLooks,
    /// Look for installed fonts that draw these letters. Answered by [`DesktopReply::Fonts`]; not at all
    /// where there is none.
    FindFonts(String),
    /// Let the person choose files to send. Answered by [`DesktopReply::Chosen`].
    ChooseFiles,
    /// Let the person choose a folder. Answered by [`DesktopReply::Chosen`].
    ChooseFolder(FolderUse),
    /// Read a folder for the window's own picker. Answered by [`DesktopReply::Folder`], unless a newer
    /// question comes before it is begun with.
    ReadFolder(FolderQuestion),
    /// Make a folder in a folder. Answered by [`DesktopReply::FolderMade`].
    MakeFolder {
        /// The folder that it is made in.
        parent: PathBuf,
        /// What it is to be called.
        name: String,
    },
    /// Put text into the clipboard.
    CopyText(String),
    /// Read the clipboard: files if there are any, else text. Answered by [`DesktopReply::Pasted`].
    Paste,
    /// Open a file or folder with the program that the person has for it.
    Open(PathBuf),
    /// Show it in its folder.
    ShowInFolder(PathBuf),
    /// Tell the person something while the window is not in front.
    Notify {
        /// What it is about.
        title: String,
        /// What there is to know.
        body: String,
    },
}

/// What the person has set for all windows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks {
    /// Light or dark; `None` if neither was set.
    pub appearance: Option<Appearance>,
    /// Whether nothing is to move that does not have to.
    pub reduced_motion: bool,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appearance {
    /// Dark letters.
    Light,
    /// Light letters.
    Dark,
}

/// An installed font.
#[derive(Clone)]
pub struct FoundFont {
    /// What no other is called.
    pub name: String,
    /// Its file, mapped into memory.
    pub file: Arc<dyn AsRef<[u8]> + Send + Sync>,
    /// Which of the file's fonts it is.
    pub index: u32,
}

/// What a folder is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderUse {
    /// To be sent.
    Send,
    /// To receive what is offered now.
    ReceiveOffer,
    /// To receive from now on.
    ReceiveAlways,
}

/// What is to be known of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderQuestion {
    /// Comes back with the answer, which may be late.
    pub number: u64,
    /// The folder, as a whole path or below `~`. Of anything else than a folder, the one that it is in.
    pub folder: PathBuf,
    /// Only names with this in them, in whatever case; empty for all.
    pub search: String,
    /// Whether what is hidden is wanted.
    pub hidden: Hidden,
    /// What is wanted.
    pub kinds: Kinds,
}

/// What becomes of names that begin with a dot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// They are not there.
    LeftOut,
    /// They are like any other.
    Shown,
}

/// What a folder is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Everything in it.
    All,
    /// The folders in it.
    Folders,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderAnswer {
    /// The question's.
    pub number: u64,
    /// The folder that was meant.
    pub folder: PathBuf,
    /// Where files are usually, whatever folder it is.
    pub places: Vec<Place>,
    /// What is in it, or the system's own word for why nobody can tell.
    pub contents: Result<FolderContents, String>,
}

/// What is in a folder: folders first, then as people count and spell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderContents {
    /// The first of them.
    pub entries: Vec<FolderEntry>,
    /// How many more there are.
    pub more: u64,
    /// Which of them was named by the question, if it named no folder.
    pub named: Option<PathBuf>,
}

/// Something in a folder. A symbolic link is what it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// The whole path.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes in a file.
    pub bytes: u64,
    /// When it was changed, in seconds since 1970, where the system tells.
    pub changed: Option<u64>,
}

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// Nothing that can be sent: a device, a socket, a link to nothing.
    Other,
}

/// A folder that people look for files in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which folder it is.
    pub kind: PlaceKind,
    /// Where it is.
    pub path: PathBuf,
}

/// Which folder a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// The person's own.
    Home,
    /// What lies on the desktop.
    Desktop,
    /// What was written.
    Documents,
    /// What was downloaded.
    Downloads,
    /// A drive that can be taken out.
    Drive,
}

/// What a request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesktopReply {
    /// How the desktop looks from now on.
    Looks(Looks),
    /// Fonts for letters that the window's own have not; none comes twice.
    Fonts(Vec<FoundFont>),
    /// What the person chose; nothing if the dialog was closed.
    Chosen {
        /// What it was chosen for; `None` for files to send.
        folder: Option<FolderUse>,
        /// The paths.
        paths: Vec<PathBuf>,
    },
    /// There is no dialog on this desktop: the window shows its own picker.
    NoDialog {
        /// What should have been chosen; `None` for files to send.
        folder: Option<FolderUse>,
    },
    /// What a folder holds.
    Folder(Box<FolderAnswer>),
    /// A folder was made.
    FolderMade(PathBuf),
    /// What the clipboard holds.
    Pasted(Clipboard),
    /// Text is in the clipboard.
    Copied,
    /// A request came to nothing; why, in words for the person.
    Failed {
        /// The request.
        request: DesktopRequest,
        /// The system's own error.
        problem: String,
    },
}

impl fmt::Debug for FoundFont {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("FoundFont")
            .field(&self.name)
            .finish()
    }
}

/// By name.
impl PartialEq for FoundFont {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for FoundFont {}

/// What a clipboard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clipboard {
    /// Files and folders.
    Files(Vec<PathBuf>),
    /// Text.
    Text(String),
    /// Nothing that can be pasted here.
    Empty,
}

/// The window's end of the two channels.
#[derive(Debug)]
pub struct Desktop {
    /// Where requests go.
    pub requests: SyncSender<DesktopRequest>,
    /// Where replies come from. Whoever sends one wakes the window afterwards.
    pub replies: Receiver<DesktopReply>,
}

/// The desktop's end of the two channels.
#[derive(Debug)]
pub struct DesktopService {
    /// Where requests come from.
    pub requests: Receiver<DesktopRequest>,
    /// Where replies go.
    pub replies: SyncSender<DesktopReply>,
}

/// The two ends.
#[must_use]
pub fn channels() -> (Desktop, DesktopService) {
    let (requests, asked) = std::sync::mpsc::sync_channel(REQUEST_QUEUE);
    let (replies, told) = std::sync::mpsc::sync_channel(REPLY_QUEUE);
    (
        Desktop {
            requests,
            replies: told,
        },
        DesktopService {
            requests: asked,
            replies,
        },
    )
}
