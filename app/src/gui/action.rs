//! What a person does, as the screens tell it. No types of egui.

use std::ops::Range;
use std::path::PathBuf;

use super::model::Screen;
use crate::config::Settings;
use crate::desktop::request::{FolderUse, Hidden};
use crate::engine::command::ConflictPolicy;
use crate::engine::event::{ItemNumber, SessionNumber, TaskNumber};
use crate::history::EntryNumber;

/// Something that the person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Go to a screen.
    Show(Screen),
    /// Change what is in the code field.
    TypeCode(String),
    /// Make the last word of the code field whole.
    CompleteWord(&'static str),
    /// Receive under the code in the field.
    Receive,
    /// Choose files to send.
    ChooseFiles,
    /// Choose a folder.
    ChooseFolder(FolderUse),
    /// Do something in the window's own picker.
    Pick(Pick),
    /// Look into the clipboard.
    Paste,
    /// Look into the clipboard for files only: its text, if there is any, has gone its own way.
    PasteFiles,
    /// Text was pasted where no field took it.
    PasteText(String),
    /// Files and folders were dropped on the window.
    Drop(Vec<PathBuf>),
    /// Put text into the clipboard.
    Copy(String),
    /// Take something out of a share.
    RemoveItem(TaskNumber, ItemNumber),
    /// Give a share a fresh code.
    RenewCode(TaskNumber),
    /// Stop a share; asks first if somebody receives.
    StopShare(TaskNumber),
    /// Stop it, asked and answered.
    ConfirmStopShare(TaskNumber),
    /// Search an offer.
    SearchOffer(SessionNumber, String),
    /// These rows of an offer are in sight.
    SeeRows(SessionNumber, Range<u64>),
    /// Take an entry of an offer, or leave it.
    SetWanted(SessionNumber, u32, bool),
    /// What to do where names are taken.
    SetConflict(SessionNumber, ConflictPolicy),
    /// Accept an offer.
    Accept(SessionNumber),
    /// Decline it.
    Decline(SessionNumber),
    /// Let bytes stand still.
    Pause(SessionNumber),
    /// Let them move again.
    Resume(SessionNumber),
    /// Stop a transfer.
    Cancel(SessionNumber),
    /// Stop looking for a sender.
    CancelTask(TaskNumber),
    /// The same once more.
    Retry(TaskNumber),
    /// Take a transfer that is over off the screen.
    Forget(TaskNumber),
    /// Open a file or folder.
    Open(PathBuf),
    /// Show it in its folder.
    ShowInFolder(PathBuf),
    /// Change the settings.
    Set(Box<Settings>),
    /// Change what is in the field for a server's name.
    TypeServer(String),
    /// Add the server in that field.
    AddServer,
    /// Find out whether a server answers.
    TestServer(String),
    /// Look at the network.
    Diagnose,
    /// Send what was sent before.
    SendAgain(EntryNumber),
    /// Take a transfer out of the history.
    ForgetEntry(EntryNumber),
    /// Take all out of the history; asks first.
    ClearHistory,
    /// Do so, asked and answered.
    ConfirmClearHistory,
    /// The notice has been seen.
    DismissNotice,
    /// Close the window; asks first if bytes move.
    Close,
    /// Close it and stop what moves.
    CloseNow,
    /// Hide it, and close it when nothing moves any more.
    CloseWhenDone,
    /// Leave the question.
    DismissDialog,
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
