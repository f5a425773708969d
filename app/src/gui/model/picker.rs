//! The window's own picker of files and folders, for desktops that have none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Dialog, Model};
use crate::desktop::request::{
    DesktopRequest, EntryKind, FolderAnswer, FolderEntry, FolderQuestion, FolderUse, Hidden, Kinds,
    Place,
};
use crate::gui::action::Pick;
use crate::gui::screen::Screen;

/// The person's own folder, as the desktop is asked for it.
const HOME: &str = "~";

/// What is known of the folder that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Nothing yet.
    Coming,
    /// What is in it.
    Here,
    /// That it cannot be read; the system's own word.
    Failed(String),
}

/// A folder that lies open, for something to be chosen in it.
#[derive(Debug)]
pub(crate) struct Picker {
    /// What is to be chosen; `None` for files and folders to send.
    pub(crate) purpose: Option<FolderUse>,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// What is known of it.
    pub(crate) reading: Reading,
    /// Where else files are usually.
    pub(crate) places: Vec<Place>,
    /// What is in it and matches, in order.
    pub(crate) entries: Vec<FolderEntry>,
    /// How many more match.
    pub(crate) more: u64,
    /// What is being typed: a part of a name, or a path.
    pub(crate) field: String,
    /// Whether hidden names are shown.
    pub(crate) hidden: Hidden,
    /// What is to be sent.
    pub(crate) marked: BTreeSet<PathBuf>,
    /// The row that keys act on.
    pub(crate) at: usize,
    /// A new folder's name, while one is being made.
    pub(crate) new_folder: Option<String>,
    /// Why there is no new folder.
    pub(crate) problem: Option<String>,
    /// Whether nothing has been shown yet; then a folder that cannot be read makes way for the one that
    /// it is in.
    opening: bool,
    /// The row to be turned to once the folder is here.
    sought: Option<PathBuf>,
    asked: u64,
}

/// What an action comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing but what is shown.
    Shown,
    /// The desktop is to be asked.
    Asks(DesktopRequest),
    /// Something was chosen, which ends it.
    Chosen(Vec<PathBuf>),
}

impl Picker {
    /// One that opens in a folder, or in the nearest one above it that is there.
    pub(super) fn new(purpose: Option<FolderUse>, folder: PathBuf) -> (Self, DesktopRequest) {
        let mut picker = Self {
            purpose,
            folder,
            reading: Reading::Coming,
            places: Vec::new(),
            entries: Vec::new(),
            more: 0,
            field: String::new(),
            hidden: Hidden::LeftOut,
            marked: BTreeSet::new(),
            at: 0,
            new_folder: None,
            problem: None,
            opening: true,
            sought: None,
            asked: 0,
        };
        let question = picker.question();
        (picker, question)
    }

    /// Whether something that is in the folder can be marked.
    pub(crate) const fn can_mark(&self, entry: &FolderEntry) -> bool {
        match self.purpose {
            None => matches!(entry.kind, EntryKind::Folder | EntryKind::File),
            Some(FolderUse::Send) => matches!(entry.kind, EntryKind::Folder),
            Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => false,
        }
    }

    /// Whether anything in any folder can be marked.
    pub(crate) const fn can_mark_any(&self) -> bool {
        match self.purpose {
            None | Some(FolderUse::Send) => true,
            Some(FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => false,
        }
    }

    /// Whether there is something to choose.
    pub(crate) fn can_choose(&self) -> bool {
        match self.purpose {
            None => !self.marked.is_empty(),
            Some(FolderUse::Send | FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => {
                !self.marked.is_empty() || self.reading == Reading::Here
            }
        }
    }

    /// Whether what is being typed is a path, and no part of a name.
    pub(crate) fn typed_path(&self) -> bool {
        self.field.starts_with(HOME) || Path::new(&self.field).is_absolute()
    }

    /// The person did something.
    pub(super) fn handle_pick(&mut self, pick: Pick) -> Outcome {
        match pick {
            Pick::Open(folder) => self.open(folder),
            Pick::Up => match self.folder.parent().map(Path::to_owned) {
                Some(parent) => self.open(parent),
                None => Outcome::Shown,
            },
            Pick::Type(typed) => self.type_in(typed),
            Pick::Go if self.typed_path() => {
                let folder = PathBuf::from(std::mem::take(&mut self.field));
                self.open(folder)
            }
            Pick::Go => Outcome::Shown,
            Pick::SetHidden(hidden) => {
                self.hidden = hidden;
                Outcome::Asks(self.question())
            }
            Pick::Point(row) => {
                self.at = row.min(self.entries.len().saturating_sub(1));
                Outcome::Shown
            }
            Pick::Toggle(row) => {
                self.toggle(row);
                Outcome::Shown
            }
            Pick::Enter(row) => self.enter(row),
            Pick::NameFolder(name) => {
                self.problem = None;
                self.new_folder = name;
                Outcome::Shown
            }
            Pick::MakeFolder => self.make_folder(),
            Pick::Choose => self.choose(),
        }
    }

    /// The desktop told what a folder holds. Of an older question it says nothing.
    pub(super) fn handle_folder(&mut self, answer: FolderAnswer) -> Outcome {
        if answer.number != self.asked {
            return Outcome::Shown;
        }
        self.places = answer.places;
        let contents = match answer.contents {
            Ok(contents) => contents,
            Err(problem) => {
                if self.opening
                    && let Some(parent) = answer.folder.parent()
                {
                    self.folder = parent.to_owned();
                    return Outcome::Asks(self.question());
                }
                self.opening = false;
                self.folder = answer.folder;
                self.entries.clear();
                self.more = 0;
                self.reading = Reading::Failed(problem);
                return Outcome::Shown;
            }
        };
        let pointed = contents
            .named
            .or_else(|| self.sought.take())
            .or_else(|| self.entries.get(self.at).map(|entry| entry.path.clone()));
        self.opening = false;
        self.sought = None;
        self.folder = answer.folder;
        self.entries = contents.entries;
        self.more = contents.more;
        self.reading = Reading::Here;
        self.at = pointed
            .and_then(|path| self.entries.iter().position(|entry| entry.path == path))
            .unwrap_or_default();
        Outcome::Shown
    }

    /// A folder was made: it is turned to.
    pub(super) fn handle_made(&mut self, folder: PathBuf) -> Outcome {
        self.new_folder = None;
        self.open(folder)
    }

    /// The desktop could not read the folder.
    pub(super) fn handle_unreadable(&mut self, problem: String) -> Outcome {
        self.reading = Reading::Failed(problem);
        Outcome::Shown
    }

    /// The desktop could not make the new folder.
    pub(super) fn handle_unmade(&mut self, problem: String) -> Outcome {
        self.problem = Some(problem);
        Outcome::Shown
    }

    fn open(&mut self, folder: PathBuf) -> Outcome {
        // On the way up, the row that leads back.
        self.sought = self
            .folder
            .starts_with(&folder)
            .then(|| {
                let below = self.folder.strip_prefix(&folder).ok()?;
                Some(folder.join(below.components().next()?))
            })
            .flatten();
        self.folder = folder;
        self.reading = Reading::Coming;
        self.entries.clear();
        self.more = 0;
        self.at = 0;
        self.field.clear();
        self.marked.clear();
        self.problem = None;
        self.new_folder = None;
        Outcome::Asks(self.question())
    }

    fn type_in(&mut self, typed: String) -> Outcome {
        let searched = self.search().to_owned();
        self.field = typed;
        if self.search() == searched {
            Outcome::Shown
        } else {
            Outcome::Asks(self.question())
        }
    }

    fn toggle(&mut self, row: usize) {
        let Some(entry) = self.entries.get(row) else {
            return;
        };
        if self.can_mark(entry) && !self.marked.remove(&entry.path) {
            self.marked.insert(entry.path.clone());
        }
    }

    /// Opens a folder; chooses a file, with what else is marked.
    fn enter(&mut self, row: usize) -> Outcome {
        let Some(entry) = self.entries.get(row) else {
            return Outcome::Shown;
        };
        let path = entry.path.clone();
        match entry.kind {
            EntryKind::Folder => self.open(path),
            EntryKind::File if self.can_mark(entry) => {
                self.marked.insert(path);
                self.choose()
            }
            EntryKind::File | EntryKind::Other => Outcome::Shown,
        }
    }

    fn choose(&mut self) -> Outcome {
        if !self.can_choose() {
            return Outcome::Shown;
        }
        let marked = std::mem::take(&mut self.marked);
        Outcome::Chosen(if marked.is_empty() {
            vec![self.folder.clone()]
        } else {
            marked.into_iter().collect()
        })
    }

    fn make_folder(&self) -> Outcome {
        match self.new_folder.as_deref().map(str::trim) {
            Some(name) if !name.is_empty() => Outcome::Asks(DesktopRequest::MakeFolder {
                parent: self.folder.clone(),
                name: name.to_owned(),
            }),
            Some(_) | None => Outcome::Shown,
        }
    }

    /// What is searched for.
    fn search(&self) -> &str {
        if self.typed_path() { "" } else { &self.field }
    }

    fn question(&mut self) -> DesktopRequest {
        self.asked += 1;
        DesktopRequest::ReadFolder(FolderQuestion {
            number: self.asked,
            folder: self.folder.clone(),
            search: self.search().to_owned(),
            hidden: self.hidden,
            kinds: match self.purpose {
                None => Kinds::All,
                Some(FolderUse::Send | FolderUse::ReceiveOffer | FolderUse::ReceiveAlways) => {
                    Kinds::Folders
                }
            },
        })
    }
}

impl Model {
    /// The desktop has no dialog: the window shows its own.
    pub(super) fn open_picker(&mut self, purpose: Option<FolderUse>) {
        let folder = match purpose {
            None | Some(FolderUse::Send) => self.picked.clone(),
            Some(FolderUse::ReceiveAlways) => Some(self.destination()),
            Some(FolderUse::ReceiveOffer) => {
                let Screen::Offer(number) = self.screen else {
                    return;
                };
                let session = self.session(number);
                let wished = session.and_then(|session| session.view.as_ref()?.destination.clone());
                let told = session.and_then(|session| session.offer.as_ref()?.destination.clone());
                wished.or(told).or_else(|| Some(self.destination()))
            }
        };
        let (picker, question) = Picker::new(purpose, folder.unwrap_or_else(|| HOME.into()));
        self.picker = Some(picker);
        self.dialog.get_or_insert(Dialog::Choose);
        self.request(question);
    }

    /// The person did something in the picker.
    pub(super) fn handle_pick(&mut self, pick: Pick) {
        self.change_picker(|picker| picker.handle_pick(pick));
    }

    /// Changes the picker, if it is still open, and does what comes of that.
    pub(super) fn change_picker(&mut self, change: impl FnOnce(&mut Picker) -> Outcome) {
        let Some(picker) = &mut self.picker else {
            return;
        };
        match change(picker) {
            Outcome::Shown => {}
            Outcome::Asks(request) => self.request(request),
            Outcome::Chosen(paths) => {
                if let Some(picker) = self.picker.take() {
                    self.dialog = None;
                    self.picked = Some(picker.folder);
                    self.handle_chosen(picker.purpose, paths);
                }
            }
        }
    }

    /// Leaves the question in front; the picker may lie below it.
    pub(super) fn leave_dialog(&mut self) {
        if self.dialog == Some(Dialog::Choose) {
            self.picker = None;
        }
        self.dialog = self.picker.is_some().then_some(Dialog::Choose);
    }
}
