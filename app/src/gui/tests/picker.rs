//! The window's own picker, as a person without a pointer uses it.

use std::path::{Path, PathBuf};

use egui::Key;

use super::Desk;
use super::states::{offered, shared, show};
use crate::desktop::request::{
    DesktopReply, DesktopRequest, EntryKind, FolderAnswer, FolderContents, FolderEntry,
    FolderQuestion, FolderUse, Hidden, Kinds, Place, PlaceKind,
};
use crate::engine::command::{Command, NewTask, SessionCommand, ShareCommand, TaskCommand};
use crate::gui::action::{Action, WindowAction};
use crate::gui::screen::Screen;

/// What lies in every folder of these tests.
fn entries(folder: &Path) -> Vec<FolderEntry> {
    let entry = |name: &str, kind, bytes, changed| FolderEntry {
        path: folder.join(name),
        kind,
        bytes,
        changed: Some(1_700_000_000_u64 - changed),
    };
    vec![
        entry("letters", EntryKind::Folder, 0, 90_000),
        entry("photos", EntryKind::Folder, 0, 400_000),
        entry(
            "a very long name that no row of a small window has room for.jpg",
            EntryKind::File,
            4_200_000,
            700,
        ),
        entry("page 2.txt", EntryKind::File, 1_200, 9_000),
        entry("page 10.txt", EntryKind::File, 12, 40),
        entry("socket", EntryKind::Other, 0, 40),
        entry("\u{202e}gpj.exe", EntryKind::File, 66_000, 100_000_000),
    ]
}

/// The question that the window asks, which is all that it asks.
#[track_caller]
fn question(desk: &Desk) -> FolderQuestion {
    match desk.requested().pop() {
        Some(DesktopRequest::ReadFolder(question)) => question,
        other => panic!("{other:?}"),
    }
}

fn answer(desk: &mut Desk, question: &FolderQuestion, contents: Result<FolderContents, String>) {
    let home = Path::new("/home/ada");
    let folder = match question.folder.strip_prefix("~") {
        Ok(rest) if rest.as_os_str().is_empty() => home.to_owned(),
        Ok(rest) => home.join(rest),
        Err(_) => question.folder.clone(),
    };
    let place = |kind, path: PathBuf| Place { kind, path };
    let answer = FolderAnswer {
        number: question.number,
        folder,
        places: vec![
            place(PlaceKind::Home, home.to_owned()),
            place(PlaceKind::Desktop, home.join("Desktop")),
            place(PlaceKind::Downloads, home.join("Downloads")),
            place(PlaceKind::Drive, PathBuf::from("/media/ada/STICK")),
        ],
        contents,
    };
    reply(desk, DesktopReply::Folder(Box::new(answer)));
}

fn reply(desk: &mut Desk, reply: DesktopReply) {
    desk.desktop
        .replies
        .send(reply)
        .expect("the window listens");
    desk.run();
}

/// Answers the question that is open with what lies in every folder.
fn fill(desk: &mut Desk) -> FolderQuestion {
    let question = question(desk);
    let home = Path::new("/home/ada");
    let folder = match question.folder.strip_prefix("~") {
        Ok(rest) => home.join(rest),
        Err(_) => question.folder.clone(),
    };
    let mut entries = entries(&folder);
    if question.kinds == Kinds::Folders {
        entries.retain(|entry| entry.kind == EntryKind::Folder);
    }
    let contents = FolderContents {
        entries,
        more: 0,
        named: None,
    };
    answer(desk, &question, Ok(contents));
    question
}

/// Opens the picker by the button that is there for it.
fn open(desk: &mut Desk, button: &str, folder: Option<FolderUse>) {
    desk.click(button);
    desk.requested();
    reply(desk, DesktopReply::NoDialog { folder });
}

/// Files to send are being chosen, and two are marked.
pub(super) fn files(desk: &mut Desk) {
    open(desk, "Choose files", None);
    fill(desk);
    for _ in 0..3 {
        desk.press(Key::ArrowDown);
    }
    desk.press(Key::Space);
    desk.press(Key::ArrowDown);
    desk.press(Key::Space);
}

/// A folder to save into is being chosen, and a new one is being made.
pub(super) fn destination(desk: &mut Desk) {
    offered(desk);
    open(desk, "Change: Save into", Some(FolderUse::ReceiveOffer));
    fill(desk);
    desk.click("New folder");
    desk.type_text("holidays/2024");
    desk.press(Key::Enter);
    let Some(request @ DesktopRequest::MakeFolder { .. }) = desk.requested().pop() else {
        panic!("no folder is to be made");
    };
    reply(
        desk,
        DesktopReply::Failed {
            request,
            problem: "invalid filename".to_owned(),
        },
    );
}

/// A folder cannot be read, deep down.
pub(super) fn unreadable(desk: &mut Desk) {
    open(desk, "Choose folder", Some(FolderUse::Send));
    fill(desk);
    desk.type_text("/srv/backup/2024/machines/laptop/private");
    desk.press(Key::Enter);
    let question = question(desk);
    answer(desk, &question, Err("Permission denied".to_owned()));
}

/// A folder holds more than can be shown.
pub(super) fn crowded(desk: &mut Desk) {
    open(desk, "Choose files", None);
    let question = question(desk);
    let entries = (0..10_000).map(|number| FolderEntry {
        path: PathBuf::from(format!("/home/ada/picture {number}.jpg")),
        kind: EntryKind::File,
        bytes: 1_000 * number,
        changed: None,
    });
    let contents = FolderContents {
        entries: entries.collect(),
        more: 90_000,
        named: None,
    };
    answer(desk, &question, Ok(contents));
}

#[track_caller]
fn shared_paths(desk: &mut Desk) -> Vec<PathBuf> {
    match desk.asked().pop() {
        Some(Command::Start(_, NewTask::Share { paths, .. })) => paths,
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_are_chosen_by_keys_alone() {
    let mut desk = Desk::usual();
    desk.tab_to("Choose files");
    desk.press(Key::Enter);
    assert_eq!(desk.requested(), [DesktopRequest::ChooseFiles]);
    reply(&mut desk, DesktopReply::NoDialog { folder: None });
    assert!(desk.says("Reading the folder"));
    let asked = fill(&mut desk);
    assert_eq!(asked.folder, Path::new("~"));
    assert_eq!((asked.hidden, asked.kinds), (Hidden::LeftOut, Kinds::All));
    assert_eq!(desk.focused().as_deref(), Some("letters, folder"));
    // Into a folder and back: the row is where it was left.
    desk.press(Key::ArrowDown);
    desk.press(Key::Enter);
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada/photos"));
    desk.press(Key::Backspace);
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada"));
    assert_eq!(desk.focused().as_deref(), Some("photos, folder"));
    // A folder and a file, one marked, the other entered.
    desk.press(Key::Space);
    assert!(desk.says("Choose 1 item"));
    desk.press(Key::End);
    desk.press(Key::ArrowUp);
    // What cannot be sent is passed over by neither key, and chosen by none.
    desk.press(Key::Space);
    desk.press(Key::Enter);
    assert!(desk.asked().is_empty());
    desk.press(Key::ArrowUp);
    desk.press(Key::Enter);
    assert_eq!(
        shared_paths(&mut desk),
        [
            PathBuf::from("/home/ada/page 10.txt"),
            PathBuf::from("/home/ada/photos")
        ]
    );
    assert!(desk.harness.state().model().dialog.is_none());
    // The next time it opens where the last one ended.
    desk.click("Add files");
    desk.requested();
    reply(&mut desk, DesktopReply::NoDialog { folder: None });
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada"));
}

#[test]
fn several_marked_files_are_chosen_and_an_unmarked_one_is_not() {
    let mut desk = Desk::usual();
    files(&mut desk);
    desk.press(Key::Space);
    desk.press(Key::Space);
    desk.tab_to("Choose 2 items");
    desk.press(Key::Enter);
    assert_eq!(
        shared_paths(&mut desk),
        [
            PathBuf::from("/home/ada/page 10.txt"),
            PathBuf::from("/home/ada/page 2.txt")
        ]
    );
}

#[test]
fn rows_are_pressed_by_whoever_does_not_use_keys() {
    let mut desk = Desk::usual();
    open(&mut desk, "Choose files", None);
    fill(&mut desk);
    desk.click("page 2.txt, 1.2 kB  ·  2 hours ago");
    desk.click("Mark photos");
    desk.click("letters, folder");
    // Another folder, and nothing is marked in it.
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada/letters"));
    desk.click("Mark page 2.txt");
    desk.click("Choose 1 item");
    assert_eq!(
        shared_paths(&mut desk),
        [PathBuf::from("/home/ada/letters/page 2.txt")]
    );
}

#[test]
fn whoever_types_searches_and_a_path_is_gone_to() {
    let mut desk = Desk::usual();
    open(&mut desk, "Choose files", None);
    let first = fill(&mut desk);
    desk.type_text("pa");
    desk.type_text("ge");
    let asked = question(&desk);
    assert_eq!(asked.search, "page");
    answer(
        &mut desk,
        &asked,
        Ok(FolderContents {
            entries: entries(Path::new("/home/ada")).split_off(3),
            more: 0,
            named: None,
        }),
    );
    // What comes too late says nothing any more.
    answer(&mut desk, &first, Err("Input/output error".to_owned()));
    assert!(desk.says("page 10.txt") && !desk.says("Input/output"));
    desk.press(Key::ArrowDown);
    assert!(
        desk.focused()
            .is_some_and(|name| name.starts_with("page 2.txt"))
    );

    let mut desk = Desk::usual();
    unreadable(&mut desk);
    assert!(desk.says("This folder cannot be read: Permission denied."));
    // From there the parents lead back.
    desk.click("laptop");
    let asked = fill(&mut desk);
    assert_eq!(asked.folder, Path::new("/srv/backup/2024/machines/laptop"));
    assert_eq!(asked.search, "");
    desk.click("Desktop");
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada/Desktop"));
    desk.click("Show hidden files");
    assert_eq!(fill(&mut desk).hidden, Hidden::Shown);
}

#[test]
fn a_file_whose_path_is_typed_is_turned_to() {
    let mut desk = Desk::usual();
    open(&mut desk, "Choose files", None);
    fill(&mut desk);
    desk.type_text("~/page 10.txt");
    assert!(desk.requested().is_empty(), "a path is searched for");
    desk.press(Key::Enter);
    let mut asked = question(&desk);
    assert_eq!(asked.folder, Path::new("~/page 10.txt"));
    asked.folder = PathBuf::from("/home/ada");
    answer(
        &mut desk,
        &asked,
        Ok(FolderContents {
            entries: entries(Path::new("/home/ada")),
            more: 0,
            named: Some(PathBuf::from("/home/ada/page 10.txt")),
        }),
    );
    assert!(
        desk.focused()
            .is_some_and(|name| name.starts_with("page 10.txt"))
    );
}

#[test]
fn folders_are_sent_and_the_one_that_lies_open_is_one() {
    let mut desk = Desk::usual();
    open(&mut desk, "Choose folder", Some(FolderUse::Send));
    assert_eq!(fill(&mut desk).kinds, Kinds::Folders);
    desk.tab_to("Choose this folder");
    desk.press(Key::Enter);
    assert_eq!(shared_paths(&mut desk), [PathBuf::from("/home/ada")]);
}

#[test]
fn a_destination_is_a_folder_that_is_there_or_is_made() {
    let mut desk = Desk::usual();
    offered(&mut desk);
    open(
        &mut desk,
        "Change: Save into",
        Some(FolderUse::ReceiveOffer),
    );
    // The folder of the offer is not there yet: the one above it is shown.
    let asked = question(&desk);
    assert_eq!(asked.folder, Path::new("/home/ada/Downloads"));
    answer(
        &mut desk,
        &asked,
        Err("No such file or directory".to_owned()),
    );
    assert_eq!(fill(&mut desk).folder, Path::new("/home/ada"));
    assert!(!desk.says("Mark photos"), "one folder is enough");
    desk.tab_to("New folder");
    desk.press(Key::Enter);
    desk.type_text("holidays");
    desk.press(Key::Enter);
    let made = DesktopRequest::MakeFolder {
        parent: PathBuf::from("/home/ada"),
        name: "holidays".to_owned(),
    };
    assert_eq!(desk.requested(), [made]);
    let folder = PathBuf::from("/home/ada/holidays");
    reply(&mut desk, DesktopReply::FolderMade(folder.clone()));
    assert_eq!(fill(&mut desk).folder, folder);
    desk.asked();
    desk.click("Choose this folder");
    assert!(desk.asked().iter().any(|command| matches!(
        command,
        Command::Session(_, SessionCommand::SetDestination(destination)) if *destination == folder
    )));

    let mut desk = Desk::usual();
    destination(&mut desk);
    assert!(desk.says("There is no new folder: invalid filename."));
}

#[test]
fn the_picker_keeps_the_focus_and_escape_leaves_it() {
    let mut desk = Desk::usual();
    files(&mut desk);
    let order = super::keyboard::tab_order(&mut desk);
    assert_eq!(
        order,
        [
            "page 10.txt, 12 bytes  ·  just now",
            "Show hidden files",
            "Cancel",
            "Choose 2 items",
            "Home folder",
            "Desktop",
            "Downloads",
            "STICK",
            "Parent folder",
            "/",
            "home",
            "Search this folder, or type a path",
        ]
    );
    desk.press(Key::Escape);
    assert!(desk.harness.state().model().picker.is_none());
    assert!(desk.asked().is_empty());
    // An answer that nobody waits for any more.
    let late = FolderQuestion {
        number: 1,
        folder: PathBuf::from("/"),
        search: String::new(),
        hidden: Hidden::Shown,
        kinds: Kinds::All,
    };
    answer(&mut desk, &late, Err("late".to_owned()));
    assert!(!desk.says("late"));
}

#[test]
fn closing_asks_before_the_picker_which_is_still_there_then() {
    let mut desk = Desk::usual();
    super::states::moving(&mut desk);
    show(&mut desk, Screen::Settings);
    desk.requested();
    reply(
        &mut desk,
        DesktopReply::NoDialog {
            folder: Some(FolderUse::ReceiveAlways),
        },
    );
    fill(&mut desk);
    desk.harness
        .state_mut()
        .model_mut()
        .handle_action(Action::Window(WindowAction::Close));
    desk.run();
    assert!(desk.says("Files are still moving") && !desk.says("Choose this folder"));
    desk.press(Key::Escape);
    desk.run();
    assert!(desk.says("Choose this folder"));
    desk.click("Choose this folder");
    let settings = &desk.harness.state().model().settings;
    assert_eq!(
        settings.download.as_deref(),
        Some(Path::new("/home/ada/Downloads"))
    );
}

#[test]
fn a_folder_of_many_is_drawn_in_part_and_says_so() {
    let mut desk = Desk::usual();
    crowded(&mut desk);
    assert!(desk.says("The first 10,000 of 100,000"));
    let drawn = |desk: &Desk| {
        let names: Vec<String> = desk.nodes().iter().map(super::name_of).collect();
        names
            .iter()
            .filter(|name| name.starts_with("picture "))
            .count()
    };
    assert!((4..40).contains(&drawn(&desk)), "{}", drawn(&desk));
    desk.press(Key::End);
    assert_eq!(desk.focused().as_deref(), Some("picture 9999.jpg, 10.0 MB"));
    desk.press(Key::PageUp);
    desk.press(Key::Home);
    assert_eq!(desk.focused().as_deref(), Some("picture 0.jpg, 0 bytes"));
}

#[test]
fn files_chosen_for_a_share_are_added_to_it() {
    let mut desk = Desk::usual();
    shared(&mut desk);
    desk.asked();
    open(&mut desk, "Add files", None);
    fill(&mut desk);
    desk.press(Key::Space);
    desk.click("Choose 1 item");
    assert!(matches!(
        desk.asked().as_slice(),
        [Command::Task(_, TaskCommand::Share(ShareCommand::Edit { add, .. }))] if *add == [PathBuf::from("/home/ada/letters")]
    ));
}
