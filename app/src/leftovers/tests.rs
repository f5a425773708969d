use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use super::*;
use crate::transfer::ConflictPolicy;

const PART: &str = ".fardrop-0123456789abcdef0123456789abcdef.part";
const SPARE: &str = ".fardrop-fedcba9876543210fedcba9876543210.part";

/// A folder for the memory and one to receive into.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("in")).unwrap();
        Self { root }
    }

    fn memory(&self) -> PathBuf {
        self.root.path().join("memory/not there yet")
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("in").canonicalize().unwrap()
    }

    fn leftovers(&self) -> Leftovers {
        Leftovers::new(Some(self.memory()))
    }

    /// A receive of a folder, that has begun.
    fn begin(&self, name: &str) -> Recorded {
        let mut places = Places::default();
        places.add_folder(Path::new(name));
        self.begin_at(name, places)
    }

    fn begin_at(&self, name: &str, places: Places) -> Recorded {
        let begun = Begun {
            folder: self.folder(),
            device: "Ada's laptop".to_owned(),
            names: vec![name.to_owned()],
            files: 3,
            bytes: 1_000,
            options: Options {
                on_conflict: ConflictPolicy::Skip,
                rename_bad_names: false,
                allow_missing: false,
            },
            places,
        };
        let recorded = Recorded::begin(Some(&self.memory()), begun).unwrap();
        recorded.expect("it is recorded")
    }

    fn part(&self, below: &str, bytes: usize) -> PathBuf {
        let path = self.folder().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, vec![7; bytes]).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    fn numbers(&self) -> Vec<Option<u32>> {
        let listing = self.leftovers().list();
        listing.kept.iter().map(Kept::number).collect()
    }
}

#[test]
fn a_receive_is_known_from_its_begin_and_runs_until_it_is_dropped() {
    let place = Place::new();
    assert_eq!(place.leftovers().list(), Listing::default());
    let recorded = place.begin("photos");
    place.part(&format!("photos/{PART}"), 300);
    let runs = place.leftovers().list();
    assert!(runs.kept[0].running && !runs.kept[0].is_interrupted());
    recorded.keep(700).unwrap();
    drop(recorded);
    let left = &place.leftovers().list().kept[0];
    assert!(!left.running && left.is_interrupted());
    assert_eq!(
        (left.number(), left.bytes(), left.found_bytes()),
        (Some(1), 700, 300)
    );
    let again = place.begin("photos");
    assert_eq!(place.numbers(), [Some(1)]);
    again.end().unwrap();
    assert_eq!(place.leftovers().list(), Listing::default());
    let left = place.leftovers().look_into(&place.folder()).unwrap();
    assert_eq!(
        left.kept[0].receive, None,
        "a part that is nobody's any more"
    );
}

#[test]
fn the_files_are_private_and_none_is_left_of_a_receive_that_ended() {
    let place = Place::new();
    place.begin("photos").end().unwrap();
    let entries = fs::read_dir(place.memory())
        .unwrap()
        .map(|entry| entry.unwrap());
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.file_name().into_string().unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{names:?}");
        }
    }
    names.sort();
    assert_eq!(names, ["unfinished-receives", "unfinished-receives.lock"]);
}

#[test]
fn where_nothing_is_remembered_parts_are_found_all_the_same() {
    let place = Place::new();
    let part = place.part(&format!("a/{PART}"), 10);
    let nowhere = Leftovers::new(None);
    assert_eq!(nowhere.list(), Listing::default());
    let listing = nowhere.look_into(&place.folder()).unwrap();
    assert_eq!(listing.kept.len(), 1);
    assert_eq!(listing.kept[0].found[0].path, part);
    let removed = nowhere.remove(&listing, |_| true);
    assert_eq!((removed.things, removed.bytes), (1, 10));
    assert!(!part.exists() && removed.is_complete());
    assert!(nowhere.look_into(&place.folder().join("none")).is_err());
}

#[test]
fn a_damaged_record_is_set_aside_and_what_is_whole_in_it_is_kept() {
    let place = Place::new();
    drop(place.begin("photos"));
    drop(place.begin("films"));
    let file = place.memory().join("unfinished-receives");
    let mut text = fs::read(&file).unwrap();
    let last = text.len() - 10;
    text[last] ^= 1;
    fs::write(&file, &text).unwrap();
    assert_eq!(place.numbers(), [Some(1)]);
    let aside = place.memory().join("unfinished-receives.damaged");
    assert_eq!(fs::read(aside).unwrap(), text);
    assert_eq!(place.numbers(), [Some(1)], "what is there now is whole");
    for content in [&b""[..], b"\xff\n", b"0123456789abcdef {}\n"] {
        fs::write(&file, content).unwrap();
        assert_eq!(place.numbers(), []);
        drop(place.begin("photos"));
        assert_eq!(place.numbers(), [Some(1)]);
    }
    fs::remove_dir_all(place.memory()).unwrap();
    assert_eq!(place.numbers(), []);
}

#[test]
fn processes_that_record_at_once_lose_nothing() {
    let place = Place::new();
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (place, start) = (&place, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..5 {
                    let recorded = place.begin(&format!("{thread} {number}"));
                    recorded.keep(1).unwrap();
                    if number % 2 == 0 {
                        recorded.end().unwrap();
                    }
                }
            });
        }
    });
    let kept = place.leftovers().list().kept;
    assert_eq!(kept.len(), 16);
    assert!(kept.iter().all(|kept| kept.bytes() == 1 && !kept.running));
}

#[test]
fn only_what_a_receive_itself_left_is_removed_with_it() {
    let place = Place::new();
    let loose = |name: &str| {
        let mut places = Places::default();
        places.add_part(name.to_owned());
        places
    };
    drop(place.begin("photos"));
    drop(place.begin_at("film", loose(PART)));
    let in_photos = place.part(&format!("photos/a/{SPARE}"), 10);
    let film = place.part(PART, 20);
    let nobodys = place.part(SPARE, 30);
    let whole = place.part("photos/whole.jpg", 40);
    assert_eq!(place.numbers(), [Some(2), Some(1), None]);
    let leftovers = place.leftovers();
    let removed = leftovers.remove(&leftovers.list(), |kept| kept.number() == Some(1));
    assert_eq!((removed.things, removed.bytes), (1, 10));
    assert!(!in_photos.exists() && film.exists() && nobodys.exists() && whole.exists());
    assert_eq!(place.numbers(), [Some(2), None]);
    let removed = leftovers.remove(&leftovers.list(), |_| true);
    assert_eq!((removed.things, removed.bytes), (2, 50));
    assert!(!film.exists() && !nobodys.exists() && whole.exists());
    assert_eq!(place.numbers(), []);
}

#[test]
fn what_two_receives_may_go_on_with_stays_until_both_are_to_go() {
    let place = Place::new();
    drop(place.begin("photos"));
    let mut places = Places::default();
    places.add_folder(Path::new("photos"));
    drop(place.begin_at("photos of another", places));
    let part = place.part(&format!("photos/{PART}"), 10);
    let leftovers = place.leftovers();
    let removed = leftovers.remove(&leftovers.list(), |kept| kept.number() == Some(1));
    assert_eq!(removed.stayed[0].why, Why::Shared);
    assert!(removed.is_complete() && part.exists());
    assert_eq!(place.numbers(), [Some(2)]);
    let removed = leftovers.remove(&leftovers.list(), |kept| kept.number() == Some(2));
    assert_eq!(removed.things, 1);
    assert!(!part.exists());
}

#[test]
fn what_a_running_receive_may_use_is_not_removed_though_nothing_holds_it() {
    let place = Place::new();
    let recorded = place.begin("photos");
    let part = place.part(&format!("photos/{PART}"), 10);
    let leftovers = place.leftovers();
    for listing in [
        leftovers.list(),
        leftovers.look_into(&place.folder()).unwrap(),
    ] {
        let removed = leftovers.remove(&listing, |_| true);
        assert_eq!(removed.stayed[0].why, Why::InUse);
        assert!(!removed.is_complete() && part.exists());
    }
    assert_eq!(place.numbers(), [Some(1)]);
    drop(recorded);
    let removed = leftovers.remove(&leftovers.list(), |_| true);
    assert!(removed.is_complete() && !part.exists());
    assert_eq!(place.numbers(), []);
}

#[test]
fn whoever_keeps_looking_removes_what_is_there_and_tells_of_it_once() {
    let place = Place::new();
    drop(place.begin("photos"));
    let part = place.part(&format!("photos/{PART}"), 10);
    let (wake, woken) = std::sync::mpsc::sync_channel(8);
    let keeper = LeftoversKeeper::start(
        Some(place.memory()),
        std::sync::Arc::new(move || wake.send(()).unwrap()),
    );
    let keeper = keeper.unwrap();
    woken.recv().unwrap();
    let kept = keeper.listing().kept[0].clone();
    assert!(keeper.remove(kept));
    woken.recv().unwrap();
    assert_eq!(keeper.take_removed().map(|removed| removed.bytes), Some(10));
    assert_eq!(keeper.take_removed(), None);
    assert!(keeper.listing().kept.is_empty() && !part.exists());
    drop(place.begin("films"));
    keeper.look();
    woken.recv().unwrap();
    assert_eq!(keeper.listing().kept.len(), 1);
}

#[test]
fn marks_of_processes_that_were_killed_do_not_pile_up() {
    let place = Place::new();
    drop(place.begin("photos"));
    let stale = place.memory().join("receiving-00000000000000ff");
    fs::write(&stale, "").unwrap();
    drop(place.begin("films"));
    assert!(!stale.exists());
}
