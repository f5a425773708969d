//! What a person does, as the screens tell it, nested by what it concerns. No types of egui.

use std::ops::Range;
use std::path::PathBuf;

use super::screen::Screen;
use crate::config::Settings;
use crate::desktop::request::{FolderUse, Hidden};
use crate::engine::command::{ConflictPolicy, Consent};
use crate::engine::event::{ItemNumber, SessionNumber, TaskNumber};
use crate::history::EntryNumber;
use crate::leftovers::Kept;

/// Something that the person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Go to a screen.
    Show(Screen),
    /// Something with the code field.
    Code(CodeAction),
    /// Something with files and folders of this machine.
    Files(FilesAction),
    /// Something with the clipboard.
    Clipboard(ClipboardAction),
    /// Something in the window's own picker.
    Pick(Pick),
    /// Something with a share.
    Share(TaskNumber, ShareAction),
    /// Something with a share or with receiving, whichever the task is.
    Task(TaskNumber, TaskAction),
    /// Something with an offer that is here, or with its transfer.
    Session(SessionNumber, SessionAction),
    /// Something with the settings.
    Settings(SettingsAction),
    /// Something with the network.
    Network(NetworkAction),
    /// Something with the history.
    History(HistoryAction),
    /// Something with what was received in part.
    Leftovers(LeftoversAction),
    /// Something with the window itself.
    Window(WindowAction),
}

/// Something that the person did with the code field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CodeAction {
    /// Change what is in it.
    Type(String),
    /// Make its last word whole.
    CompleteWord(&'static str),
    /// Receive under the code in it.
    Receive,
}

/// Something that the person did with files and folders of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FilesAction {
    /// Choose files to send.
    Choose,
    /// Choose a folder.
    ChooseFolder(FolderUse),
    /// Files and folders were dropped on the window.
    Drop(Vec<PathBuf>),
    /// Open a file or folder.
    Open(PathBuf),
    /// Show a file or folder in the folder that it is in.
    ShowInFolder(PathBuf),
}

/// Something that the person did with the clipboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ClipboardAction {
    /// Look into it.
    Paste,
    /// Look into it for files only: its text, if there is any, has gone its own way.
    PasteFiles,
    /// Its text was pasted where no field took it.
    PasteText(String),
    /// Put text into it.
    Copy(String),
}

/// Something that the person did in the picker. Rows are counted from the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pick {
    /// Go to a folder.
    Open(PathBuf),
    /// Go to the folder that this one is in.
    Up,
    /// Change what is in the field: a part of a name, or a path.
    Type(String),
    /// Go where the path in the field leads.
    Go,
    /// Show what is hidden, or leave it out.
    SetHidden(Hidden),
    /// Turn to a row.
    Point(usize),
    /// Mark a row's file or folder, or take the mark away.
    Toggle(usize),
    /// Open a row's folder; choose its file.
    Enter(usize),
    /// Change a new folder's name; `None` to make none.
    NameFolder(Option<String>),
    /// Make the new folder.
    MakeFolder,
    /// Choose what is marked, or the folder itself.
    Choose,
}

/// Something that the person did with a share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShareAction {
    /// Take something out of it.
    RemoveItem(ItemNumber),
    /// Give it a fresh code.
    RenewCode,
    /// Stop it; asks first if somebody receives.
    Stop,
    /// Stop it, asked and answered.
    ConfirmStop,
}

/// Something that the person did with a task: a share, or receiving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TaskAction {
    /// Stop looking for a sender.
    Cancel,
    /// Start a task that is over once more.
    Retry,
    /// Take a task that is over off the screen.
    Forget,
}

/// Something that the person did with an offer that is here, or with its transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SessionAction {
    /// Search the offer.
    Search(String),
    /// These rows of the offer are in sight.
    SeeRows(Range<u64>),
    /// Take the entry of this index, or leave it.
    SetWanted(u32, bool),
    /// What to do where names are taken.
    SetConflict(ConflictPolicy),
    /// Say yes or no to what needs a yes of its own.
    SetConsent(Consent),
    /// Try even if there seems to be too little room.
    IgnoreRoom,
    /// Accept the offer.
    Accept,
    /// Decline the offer.
    Decline,
    /// Let the transfer's bytes stand still.
    Pause,
    /// Let them move again.
    Resume,
    /// Stop the transfer.
    Cancel,
}

/// Something that the person did with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SettingsAction {
    /// Change them.
    Change(Box<Settings>),
    /// Change what is in the field for a server's name.
    TypeServer(String),
    /// Add the server in that field.
    AddServer,
}

/// Something that the person did with the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NetworkAction {
    /// Look at it.
    Diagnose,
    /// Find out whether a server answers.
    TestServer(String),
}

/// Something that the person did with the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HistoryAction {
    /// Send what was sent before.
    SendAgain(EntryNumber),
    /// Take a transfer out of it.
    Forget(EntryNumber),
    /// Take all out of it; asks first.
    Clear,
    /// Take all out of it, asked and answered.
    ConfirmClear,
}

/// Something that the person did with what was received in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeftoversAction {
    /// Go on with the receive of this number: the next code is for it.
    Resume(u32),
    /// Leave that: the next code is for something else.
    LeaveResume,
    /// Remove what one has left; asks first.
    Remove(Box<Kept>),
    /// Remove it, asked and answered.
    ConfirmRemove,
}

/// Something that the person did with the window itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WindowAction {
    /// The notice has been seen.
    DismissNotice,
    /// Leave the question in front.
    DismissDialog,
    /// Close the window; asks first if bytes move.
    Close,
    /// Close it and stop what moves.
    CloseNow,
    /// Hide it, and close it when nothing moves any more.
    CloseWhenDone,
}
