use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use fardrop_shared::name::{BadNames, NameRules, Platform, SafeName};
use fardrop_shared::offer::{
    Entry, EntryKind, ManifestBuilder, ModifiedTime, OfferReader, OthersAccess,
};
use rand::rngs::OsRng;

use super::part::Wish;
use super::*;

const OWNER: PartOwner = PartOwner::new([7; 32]);

const TIME: ModifiedTime = ModifiedTime {
    seconds: -1,
    nanos: 250_000_000,
};

/// A name as it comes from a peer.
fn name(path: &str) -> SafeName<'static> {
    let mut offer = ManifestBuilder::new();
    let entry = Entry {
        path: path.as_bytes(),
        kind: EntryKind::Folder,
        modified: TIME,
        others: OthersAccess::ALL,
    };
    offer.push(entry).unwrap();
    let offer = offer.finish().unwrap();
    let mut reader = OfferReader::new(&mut OsRng);
    for page in offer.pages() {
        reader.push_page(page).unwrap();
    }
    let checked = Arc::new(reader.finish().unwrap());
    let rules = NameRules::new(Platform::HERE);
    let placed = checked.place(rules, BadNames::Skip, &mut OsRng);
    let mut cursor = placed.cursor();
    let (_, entry) = cursor.next(&placed).unwrap();
    entry.place.unwrap().into_owned()
}

fn finished(folders: &mut Folders, path: &str, contents: &[u8], replace: bool) -> Finished {
    let path = name(path);
    let folder = folders.open_or_make(path.parent().as_ref()).unwrap();
    let mut part = PartFile::create(&folder, OWNER, &path).unwrap();
    part.write(contents).unwrap();
    Finished {
        file: 7,
        content: Content::Part {
            part,
            replace,
            modified: TIME,
            executable: true,
            others: OthersAccess::ALL,
        },
        name: path.file_name().into_owned(),
    }
}

#[track_caller]
fn check_commit(batch: Vec<Finished>, touched: Vec<Folder>, names: &[&str]) {
    let committed = commit(batch, touched);
    let got: Vec<_> = committed
        .into_iter()
        .map(|committed| committed.outcome.unwrap().0)
        .collect();
    let names: Vec<_> = names.iter().map(|path| name(path)).collect();
    assert_eq!(got, names);
}

#[test]
fn a_taken_name_is_never_overwritten_unless_replaced() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    for (replace, name) in [
        (false, "f"),
        (false, "f (1)"),
        (true, "f"),
        (false, "f (2)"),
    ] {
        let batch = vec![finished(&mut folders, "a/b/f", name.as_bytes(), replace)];
        check_commit(batch, folders.take_touched(), &[name]);
        let path = root.path().join("a/b").join(name);
        assert_eq!(fs::read(&path).unwrap(), name.as_bytes());
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(ModifiedTime::from(metadata.modified().unwrap()), TIME);
        assert_eq!(metadata.permissions().mode() & 0o100, 0o100);
    }
    assert_eq!(fs::read_dir(root.path().join("a/b")).unwrap().count(), 3);
}

#[test]
fn a_large_batch_keeps_its_order() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let names: Vec<String> = (0..90).map(|index| index.to_string()).collect();
    let paths = names
        .iter()
        .map(|name| format!("folder {}/{name}", name.len()));
    let batch = paths
        .map(|path| finished(&mut folders, &path, path.as_bytes(), false))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check_commit(batch, folders.take_touched(), &names);
}

#[test]
fn a_part_that_lost_its_name_gets_no_other() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let one = finished(&mut folders, "f", b"one", false);
    for entry in fs::read_dir(root.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let committed = commit(vec![one], Vec::new());
    assert!(committed[0].outcome.is_err());
}

#[test]
fn two_receivers_do_not_share_a_part() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let one = finished(&mut folders, "f", b"one", false);
    let two = finished(&mut folders, "f", b"two", false);
    check_commit(vec![one, two], Vec::new(), &["f", "f (1)"]);
    assert_eq!(fs::read(root.path().join("f (1)")).unwrap(), b"two");
}

#[test]
fn what_two_receivers_of_one_file_left_is_found_again_and_the_longest_is_gone_on_with() {
    for longest in [0, 1, 2] {
        let root = tempfile::tempdir().unwrap();
        let folder = Destination::open(root.path()).unwrap().folders().open(None);
        let (folder, path) = (folder.unwrap(), name("f"));
        // Killed one after the other, all of them having been there at once.
        let mut parts: Vec<_> = (0..3)
            .map(|_| PartFile::create(&folder, OWNER, &path).unwrap())
            .collect();
        assert!(parts.iter().all(PartFile::is_findable));
        for (index, part) in parts.iter_mut().enumerate() {
            let contents = if index == longest { "longer" } else { "short" };
            part.write(contents.as_bytes()).unwrap();
        }
        drop(parts);
        let found = PartNames::default().longest(&folder, OWNER, &path);
        assert_eq!(found, Some(6));
        let part = reopened(&folder);
        assert_eq!(part.length().unwrap(), 6);
        // What is shorter stays until better bytes have their name.
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3);
        let wish = Wish {
            name: &path,
            replace: false,
            executable: false,
            others: OthersAccess::ALL,
        };
        part.rename(&wish).unwrap();
        let names = fs::read_dir(root.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["f"]);
    }
}

#[test]
fn a_part_that_another_receiver_holds_is_not_removed_as_a_shorter_one() {
    let root = tempfile::tempdir().unwrap();
    let folder = Destination::open(root.path()).unwrap().folders().open(None);
    let (folder, path) = (folder.unwrap(), name("f"));
    let create = || PartFile::create(&folder, OWNER, &path).unwrap();
    let (one, mut two) = (create(), create());
    two.write(b"two").unwrap();
    drop((one, two));
    let longest = reopened(&folder);
    // The shorter one is another's by now.
    let other = create();
    longest.discard_with_shorter().unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    assert!(other.length().unwrap() == 0 && other.is_findable());
}

#[test]
fn only_a_few_receivers_of_one_file_are_found_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = Destination::open(root.path()).unwrap().folders().open(None);
    let (folder, path) = (folder.unwrap(), name("f"));
    let parts = (0..6).map(|_| PartFile::create(&folder, OWNER, &path).unwrap());
    let parts: Vec<_> = parts.collect();
    let findable = parts.iter().map(PartFile::is_findable);
    let findable: Vec<_> = findable.collect();
    assert_eq!(findable, [true, true, true, true, false, false]);
}

#[test]
fn parts_are_found_in_every_folder_of_a_walk() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let mut find = |paths: &[&str]| {
        let mut names = PartNames::default();
        let found = paths.iter().map(|path| {
            let path = name(path);
            let folder = folders.open_or_make(path.parent().as_ref()).unwrap();
            names.longest(&folder, OWNER, &path)
        });
        found.collect::<Vec<_>>()
    };
    let walk = ["a", "b/a", "b/c/a", "b/d", "bc/a", "e"];
    assert_eq!(find(&walk), [None; 6]);
    for path in ["a", "b/a", "b/d", "bc/a"] {
        drop(finished(
            &mut Destination::open(root.path()).unwrap().folders(),
            path,
            b"x",
            false,
        ));
    }
    assert_eq!(
        find(&walk),
        [Some(1), Some(1), None, Some(1), Some(1), None]
    );
}

/// A part file that was let go, and the folder it is in.
fn part_let_go(root: &Path) -> (Folder, PartFile) {
    let folder = Destination::open(root).unwrap().folders().open(None);
    let folder = folder.unwrap();
    let mut part = PartFile::create(&folder, OWNER, &name("f")).unwrap();
    part.write(b"half").unwrap();
    part.let_go().unwrap();
    (folder, part)
}

fn reopened(folder: &Folder) -> PartFile {
    let reopened = PartFile::reopen(folder, OWNER, &name("f")).unwrap();
    reopened.part.unwrap()
}

#[test]
fn a_part_that_was_let_go_is_taken_again_if_nobody_has_had_it() {
    let root = tempfile::tempdir().unwrap();
    let (folder, mut part) = part_let_go(root.path());
    // Another looks at it only.
    drop(reopened(&folder));
    // And something that is no receiver changes what it is like, not what is in it.
    fs::set_permissions(part_in(root.path()), fs::Permissions::from_mode(0o400)).unwrap();
    assert!(part.take_again().unwrap());
    let found = PartFile::reopen(&folder, OWNER, &name("f")).unwrap();
    assert!(found.part.is_none() && found.held.is_some(), "{found:?}");
    part.write(b" and half").unwrap();
    let kept = fs::read(part_in(root.path())).unwrap();
    assert_eq!(kept, b"half and half");
}

#[test]
fn a_part_that_another_receiver_has_is_neither_taken_again_nor_removed() {
    let root = tempfile::tempdir().unwrap();
    let (folder, mut part) = part_let_go(root.path());
    let other = reopened(&folder);
    assert!(!part.take_again().unwrap());
    part.discard().unwrap();
    drop(other);
    assert_eq!(fs::read(part_in(root.path())).unwrap(), b"half");
}

#[test]
fn a_part_that_another_receiver_has_written_to_is_not_taken_again() {
    let root = tempfile::tempdir().unwrap();
    let (folder, mut part) = part_let_go(root.path());
    let mut other = reopened(&folder);
    let modified = || fs::metadata(part_in(root.path())).unwrap().modified();
    let before = modified().unwrap();
    // Until the system's clock has moved on: those who take a part over come seconds later.
    while modified().unwrap() == before {
        other.seek(0);
        other.write(b"HALF").unwrap();
    }
    drop(other);
    assert!(!part.take_again().unwrap());
    part.discard().unwrap();
    assert_eq!(fs::read(part_in(root.path())).unwrap(), b"HALF");
}

#[test]
fn a_part_that_another_receiver_has_finished_gets_no_second_name() {
    let root = tempfile::tempdir().unwrap();
    let (folder, mut part) = part_let_go(root.path());
    let (wished, wish) = (name("f"), |name| Wish {
        name,
        replace: false,
        executable: false,
        others: OthersAccess::ALL,
    });
    reopened(&folder).rename(&wish(&wished)).unwrap();
    assert!(!part.take_again().unwrap());
    assert!(part.rename(&wish(&wished)).is_err());
    let names = fs::read_dir(root.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["f"]);
}

#[test]
fn a_part_that_was_removed_is_told_from_one_that_another_receiver_has() {
    let root = tempfile::tempdir().unwrap();
    let (_, mut part) = part_let_go(root.path());
    fs::remove_file(part_in(root.path())).unwrap();
    let error = part.take_again().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

/// The only part in `root`.
fn part_in(root: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(root).unwrap();
    let part = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    part
}

#[test]
fn a_part_is_closed_to_others_and_the_finished_file_is_as_wide_as_the_umask_lets_it_be() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let one = finished(&mut folders, "f", b"one", false);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&part_in(root.path())), 0o600);
    check_commit(vec![one], Vec::new(), &["f"]);
    let ordinary = root.path().join("ordinary");
    fs::write(&ordinary, "").unwrap();
    let wished = mode(&ordinary) | (mode(&ordinary) & 0o444) >> 2;
    assert_eq!(mode(&root.path().join("f")), wished);
}

#[test]
fn a_file_that_takes_the_place_of_a_narrower_one_is_no_wider() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let path = root.path().join("f");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let one = finished(&mut folders, "f", b"one", true);
    check_commit(vec![one], Vec::new(), &["f"]);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Leaves a part with `content`, has `spoil` change something about it, given its path, and expects the next
/// receiver to begin another. Gives the folder.
#[track_caller]
fn check_not_taken_for_a_part(spoil: impl FnOnce(&Path)) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    drop(finished(&mut folders, "f", b"kept", false));
    let part = part_in(root.path());
    spoil(&part);
    let folder = folders.open(None).unwrap();
    let found = PartFile::reopen(&folder, OWNER, &name("f")).unwrap();
    assert!(found.part.is_none() && found.held.is_none(), "{found:?}");
    let one = finished(&mut folders, "f", b"one", false);
    let committed = commit(vec![one], Vec::new());
    let (name, _) = committed[0].outcome.as_ref().unwrap();
    assert_eq!(fs::read(root.path().join(name)).unwrap(), b"one");
    assert!(!part.exists());
    root
}

#[test]
fn a_part_that_is_also_a_finished_file_is_not_written_to() {
    // What a kill between a link and an unlink leaves.
    let root = check_not_taken_for_a_part(|part| {
        fs::hard_link(part, part.with_file_name("f")).unwrap();
    });
    assert_eq!(fs::read(root.path().join("f")).unwrap(), b"kept");
    assert_eq!(fs::read(root.path().join("f (1)")).unwrap(), b"one");
}

#[test]
fn a_link_in_a_parts_place_is_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("target");
    fs::write(&target, "kept").unwrap();
    check_not_taken_for_a_part(|part| {
        fs::remove_file(part).unwrap();
        std::os::unix::fs::symlink(&target, part).unwrap();
    });
    assert_eq!(fs::read(&target).unwrap(), b"kept");
}

#[test]
fn a_pipe_in_a_parts_place_is_not_waited_for() {
    check_not_taken_for_a_part(|part| {
        fs::remove_file(part).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, part, rustix::fs::Mode::RWXU).unwrap();
    });
}

#[test]
fn a_part_that_others_may_open_is_not_gone_on_with() {
    check_not_taken_for_a_part(|part| {
        fs::set_permissions(part, fs::Permissions::from_mode(0o666)).unwrap();
    });
}

#[test]
fn a_part_of_another_user_is_not_gone_on_with() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    check_not_taken_for_a_part(|part| {
        std::os::unix::fs::chown(part, Some(65_534), Some(65_534)).unwrap();
    });
}

/// Whether files that are made in `folder` keep these names.
fn keeps(folder: &Path, names: &[&[u8]]) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let paths = names
        .iter()
        .map(|name| folder.join(std::ffi::OsStr::from_bytes(name)));
    let kept = paths.map(|path| fs::write(&path, "").is_ok() && fs::remove_file(path).is_ok());
    !kept.collect::<Vec<_>>().contains(&false)
}

#[test]
fn what_a_folder_can_hold_is_found_by_trying_and_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    let names: [&[u8]; 6] = [b"a:b", b"a\\b", b"aux.c", b"a. ", b"a\t\x1b", b"\xff"];
    let unmade = root.path().join("not/there/yet");
    for folder in [root.path(), &unmade] {
        let rules = name_rules(folder);
        if keeps(root.path(), &names) {
            assert!(names.iter().all(|name| rules.allows(name)), "{rules:?}");
            assert!(rules.allows(&[b'x'; 255]) && !rules.allows(&[b'x'; 256]));
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
    let absent = name_rules(Path::new("/proc/self/no/such/folder"));
    assert_eq!(absent, NameRules::new(Platform::HERE));
}

#[test]
fn what_exfat_cannot_hold_is_found_by_trying() {
    let Some(exfat) = exfat::Exfat::mount() else {
        return;
    };
    let rules = name_rules(&exfat.folder());
    assert_eq!(fs::read_dir(exfat.folder()).unwrap().count(), 0);
    for name in ["what?", "a:b", "a\\b", "a*", "a|b", "a<b", "a\"b", "tab\t"] {
        assert!(!rules.allows(name.as_bytes()), "{name:?}: {rules:?}");
    }
    assert!(!rules.allows(b"\xff"));
    assert!(rules.allows("文".repeat(255).as_bytes()), "{rules:?}");
    assert_eq!(rules, rules.clone().folding_case());
    assert_ne!(rules, rules.clone().folding_form());
}

/// How many files this process has open.
fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn many_new_folders_are_not_held_open() {
    let root = tempfile::tempdir().unwrap();
    let mut folders = Destination::open(root.path()).unwrap().folders();
    let before = open_files();
    for index in 0..500 {
        let path = format!("tree/{index}/deep/er");
        folders.open_or_make(Some(&name(&path))).unwrap();
    }
    // Other tests run beside this one.
    let held = open_files().saturating_sub(before);
    assert!(held < 300, "{held}");
    sync_folders(&folders.take_touched()).unwrap();
    assert_eq!(fs::read_dir(root.path().join("tree")).unwrap().count(), 500);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_system_that_keeps_no_account_of_its_room_has_as_much_as_it_takes() {
    assert_eq!(free_space(Path::new("/proc")), None);
    assert!(free_space(Path::new("/")).is_some_and(|free| free > 0));
}
