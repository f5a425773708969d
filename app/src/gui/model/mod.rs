//! What the window knows. It is changed by what the engine and the desktop say and by what the person
//! does, and by nothing else; it knows nothing of egui, and time is an argument.

mod entry;
mod leftovers;
mod memory;
mod network;
mod offer;
mod on_action;
mod on_event;
mod picker;
mod rate;
mod receive;
mod session;
mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fardrop_shared::code::PairingCode;
use fardrop_shared::rendezvous::is_configured;

pub(super) use entry::{CodeEntry, code_in};
pub(super) use leftovers::Resumed;
pub(super) use network::{Network, ServerTest};
pub(super) use offer::OfferView;
pub(super) use picker::{Picker, Reading};
pub(super) use rate::{RATES_KEPT, RateHistory};
pub(super) use receive::Receive;
pub(super) use session::{Direction, Phase, Session};
pub(super) use share::{Found, Share};

use crate::args::CommonArgs;
use crate::config::{Settings, Theme, received_folder};
use crate::desktop::request::{Appearance, DesktopRequest, FoundFont, Looks};
use crate::engine::command::Command;
use crate::engine::event::{SessionNumber, TaskNumber};
use crate::gui::screen::Screen;
use crate::history::{Entry, EntryNumber};
use crate::leftovers::{Kept, Listing};
use crate::text;

/// Transfers that are over and still shown; the oldest makes way.
const ENDED_KEPT: usize = 20;

/// Letters that fonts are looked for. A thousandth of what Unicode has, and more than people use whose
/// script our own fonts know; names made to tire the search out are then drawn without.
const LETTERS_LIMIT: usize = 4096;

/// A question that has to be answered before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialog {
    /// The window is to be closed while bytes move.
    Close,
    /// The history is to be cleared.
    ClearHistory,
    /// What a receive has left is to be removed: [`Model::removing`].
    RemoveLeftover,
    /// A share is to be stopped while somebody receives it.
    StopShare(TaskNumber),
    /// Files or a folder are to be chosen, on a desktop that has no dialog for it: [`Model::picker`].
    Choose,
}

/// Something that the person started.
#[derive(Debug)]
pub(super) enum Task {
    /// Files are offered.
    Share(Box<Share>),
    /// A code was typed.
    Receive(Box<Receive>),
    /// The network is looked at.
    Diagnose,
    /// A rendezvous is tested.
    TestRendezvous,
}

/// Something to be done outside the model.
#[derive(Debug)]
pub(super) enum Effect {
    /// Ask the engine.
    Engine(Command),
    /// Ask the desktop.
    Desktop(DesktopRequest),
    /// Save the settings.
    Save(Box<Settings>),
    /// Put a transfer into the history.
    Remember(Box<Entry>),
    /// Take one out of it.
    ForgetEntry(EntryNumber),
    /// Take all out of it.
    ClearHistory,
    /// Look for what was received in part.
    LookForLeftovers,
    /// Remove what one receive has left.
    RemoveLeftover(Box<Kept>),
    /// Draw with these fonts too.
    AddFonts(Vec<FoundFont>),
    /// Bring the window to the front.
    Forward,
    /// Ask for the person's attention if the window is not in front.
    Attention,
    /// Hide the window; it closes when nothing moves any more.
    Hide,
    /// Close the window.
    Close,
}

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Time since the window opened.
    pub(super) running: Duration,
    /// Seconds since 1970, by the clock on the wall.
    pub(super) wall: u64,
}

/// Folders of the person's.
#[derive(Debug)]
pub(super) struct Folders {
    /// Their own, where paths are written with `~` for it.
    pub(super) home: Option<PathBuf>,
    /// For received files, where the settings name none.
    pub(super) downloads: PathBuf,
    /// Whether that is no folder for downloads, so that each offer gets one of its own in it.
    pub(super) each_its_own: bool,
}

/// What the window knows.
#[derive(Debug)]
pub(super) struct Model {
    /// Which screen is shown.
    pub(super) screen: Screen,
    /// The question in front of it.
    pub(super) dialog: Option<Dialog>,
    /// The picker, as long as it is open; another question may lie before it.
    pub(super) picker: Option<Picker>,
    /// Something that the person is to know whatever screen is shown (a text was copied, the settings were
    /// not saved), until they have dismissed it.
    pub(super) notice: Option<String>,
    /// The code field.
    pub(super) entry: CodeEntry,
    /// What was started, newest last.
    pub(super) tasks: BTreeMap<TaskNumber, Task>,
    /// How everything is set.
    pub(super) settings: Settings,
    /// A server's name as it is being typed.
    pub(super) server_draft: String,
    /// What was sent and received, oldest first.
    pub(super) history: Arc<Vec<(EntryNumber, Entry)>>,
    /// What was received in part, as it was found last.
    pub(super) leftovers: Arc<Listing>,
    /// The receive that the next code is for, if it is for one that was begun.
    pub(super) resuming: Option<Resumed>,
    /// What [`Dialog::RemoveLeftover`] is about.
    pub(super) removing: Option<Box<Kept>>,
    /// What is known of the network.
    pub(super) network: Network,
    /// What the person has set for all windows.
    looks: Looks,
    /// Letters that fonts have been looked for.
    searched: BTreeSet<char>,
    folders: Folders,
    /// The folder in which something was picked last.
    picked: Option<PathBuf>,
    /// Whether the window has the keyboard.
    in_front: bool,
    /// What the clipboard was last looked into for.
    pasting: Pasting,
    /// What holds for this run, over the settings.
    common: CommonArgs,
    now: Duration,
    wall: u64,
    next_task: u64,
    effects: VecDeque<Effect>,
    closing: Closing,
}

/// What the clipboard is looked into for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pasting {
    /// Files, or a code in text.
    Anything,
    /// Files only: its text went into a field, or was nothing.
    Files,
}

/// Whether the window is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// No.
    Open,
    /// As soon as nothing moves any more.
    WhenDone,
    /// Now.
    Now,
}

impl Model {
    /// What a window knows when it opens. `common` holds for this run, over the settings.
    pub(super) fn new(settings: Settings, folders: Folders, common: CommonArgs) -> Self {
        Self {
            screen: Screen::Home,
            dialog: None,
            picker: None,
            notice: None,
            entry: CodeEntry::default(),
            tasks: BTreeMap::new(),
            settings,
            server_draft: String::new(),
            history: Arc::default(),
            leftovers: Arc::default(),
            resuming: None,
            removing: None,
            network: Network::default(),
            looks: Looks::default(),
            searched: BTreeSet::new(),
            folders,
            picked: None,
            in_front: true,
            pasting: Pasting::Anything,
            common,
            now: Duration::ZERO,
            wall: 0,
            next_task: 1,
            effects: VecDeque::new(),
            closing: Closing::Open,
        }
    }

    /// What is to be done next outside, until there is nothing.
    pub(super) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When something changes by itself that nobody tells of: a transfer that nothing is heard of is
    /// stalled after a while. `None` if all that is shown stays as it is.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.sessions()
            .filter_map(|(_, session)| session.changes_at())
            .filter(|at| *at > self.now)
            .min()
            .map(|at| at - self.now)
    }

    /// The moment of this frame.
    pub(super) const fn moment(&self) -> Moment {
        Moment {
            running: self.now,
            wall: self.wall,
        }
    }

    /// Where received files go unless an offer says otherwise.
    pub(super) fn destination(&self) -> PathBuf {
        let resumed = self.resuming.as_ref().map(Resumed::folder);
        resumed
            .or_else(|| self.settings.download.clone())
            .unwrap_or_else(|| self.folders.downloads.clone())
    }

    /// Where what is received under this code goes unless an offer says otherwise.
    fn destination_of(&self, code: &PairingCode) -> PathBuf {
        if self.settings.download.is_none() && self.folders.each_its_own {
            return received_folder(&code.locator().to_string());
        }
        self.destination()
    }

    /// A path of this machine as people write it.
    pub(super) fn path_shown(&self, path: &Path) -> String {
        text::path_shown(path, self.folders.home.as_deref())
    }

    /// Light or dark: as it is set for this window, else as for all. `None` if nothing is known of either.
    pub(super) const fn appearance(&self) -> Option<Appearance> {
        match self.settings.window.theme {
            Theme::System => self.looks.appearance,
            Theme::Light => Some(Appearance::Light),
            Theme::Dark => Some(Appearance::Dark),
        }
    }

    /// Whether nothing is to move that does not have to: as it is set for this window or for all.
    pub(super) const fn reduced_motion(&self) -> bool {
        self.settings.window.reduced_motion || self.looks.reduced_motion
    }

    /// The server to which the typed code leads, if that is none that the person has set.
    pub(crate) fn strange_server(&self) -> Option<String> {
        let server = self.entry.server()?;
        let is_set = |servers: &[String]| is_configured(&server, servers);
        let strange = !is_set(&self.settings.rendezvous) && !is_set(&self.common.rendezvous);
        strange.then_some(server)
    }

    /// Whether a rendezvous beyond this network is named.
    pub(super) fn has_rendezvous(&self) -> bool {
        !self.settings.rendezvous.is_empty() || !self.common.rendezvous.is_empty()
    }

    /// Every session, with its task.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (TaskNumber, &Session)> {
        self.tasks.iter().flat_map(|(number, task)| {
            let sessions: Box<dyn Iterator<Item = &Session>> = match task {
                Task::Share(share) => Box::new(share.sessions.values()),
                Task::Receive(receive) => Box::new(receive.session.iter()),
                Task::Diagnose | Task::TestRendezvous => Box::new(std::iter::empty()),
            };
            sessions.map(|session| (*number, session))
        })
    }

    /// One session.
    pub(super) fn session(&self, number: SessionNumber) -> Option<&Session> {
        self.sessions()
            .map(|(_, session)| session)
            .find(|session| session.number == number)
    }

    /// A share.
    pub(super) fn share(&self, task: TaskNumber) -> Option<&Share> {
        match self.tasks.get(&task) {
            Some(Task::Share(share)) => Some(share),
            Some(Task::Receive(_) | Task::Diagnose | Task::TestRendezvous) | None => None,
        }
    }

    /// Whether bytes have been agreed on somewhere and are not all there.
    pub(super) fn busy(&self) -> bool {
        self.sessions()
            .any(|(_, session)| session.phase.under_way())
    }

    /// Offers that wait for an answer, oldest first.
    pub(super) fn open_offers(&self) -> impl Iterator<Item = SessionNumber> {
        self.sessions()
            .filter(|(_, session)| session.phase == Phase::Deciding)
            .map(|(_, session)| session.number)
    }

    /// What is shown of an offer that waits for an answer.
    fn view_mut(&mut self, number: SessionNumber) -> Option<&mut OfferView> {
        self.session_mut(number)?.view.as_mut()
    }

    fn session_mut(&mut self, number: SessionNumber) -> Option<&mut Session> {
        self.tasks.values_mut().find_map(|task| match task {
            Task::Share(share) => share.sessions.get_mut(&number),
            Task::Receive(receive) => receive
                .session
                .as_mut()
                .filter(|session| session.number == number),
            Task::Diagnose | Task::TestRendezvous => None,
        })
    }

    fn share_mut(&mut self, task: TaskNumber) -> Option<&mut Share> {
        match self.tasks.get_mut(&task) {
            Some(Task::Share(share)) => Some(share),
            Some(Task::Receive(_) | Task::Diagnose | Task::TestRendezvous) | None => None,
        }
    }

    fn start(&mut self, task: Task) -> TaskNumber {
        let number = TaskNumber(self.next_task);
        self.next_task += 1;
        self.tasks.insert(number, task);
        self.forget_old();
        number
    }

    /// Lets go of the oldest transfers that are over, so that a window that is open for months does not
    /// grow.
    fn forget_old(&mut self) {
        let over: Vec<TaskNumber> = self
            .tasks
            .iter()
            .filter(|(number, task)| match task {
                Task::Share(share) => share.ended && self.screen != Screen::Share(**number),
                Task::Receive(receive) => receive.ended,
                Task::Diagnose | Task::TestRendezvous => false,
            })
            .map(|(number, _)| *number)
            .collect();
        for number in over.iter().take(over.len().saturating_sub(ENDED_KEPT)) {
            self.tasks.remove(number);
        }
    }

    fn ask(&mut self, command: Command) {
        self.effects.push_back(Effect::Engine(command));
    }

    fn request(&mut self, request: DesktopRequest) {
        self.effects.push_back(Effect::Desktop(request));
    }
}
