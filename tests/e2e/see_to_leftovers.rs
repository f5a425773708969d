//! What a receive that was cut off leaves behind: it is listed, gone on with, removed, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous, last};
use fardrop_tests::{tools, tree};
use serde_json::Value;

use super::{assert_done, assert_identical};

/// Bytes of the file that is in mid-transfer when its receiver is killed.
const LARGE: usize = 300_000_000;

/// Files of a few bytes that cross before it.
const SMALL: usize = 20;

/// A machine that remembers, and one that sends to it.
struct Place {
    work: tempfile::TempDir,
    rendezvous: Rendezvous,
}

impl Place {
    fn new() -> Result<Self> {
        let work = tempfile::tempdir()?;
        fs::create_dir_all(work.path().join("photos"))?;
        for number in 0..SMALL {
            let file = work.path().join(format!("photos/{number:02}.jpg"));
            fs::write(file, tree::noise(number as u64, 10_000))?;
        }
        fs::write(work.path().join("photos/film.mkv"), tree::noise(99, LARGE))?;
        Ok(Self {
            work,
            rendezvous: Rendezvous::start()?,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn memory(&self) -> String {
        self.path("memory").to_string_lossy().into_owned()
    }

    /// A sender, and the code that it shows.
    fn send(&self) -> Result<(Peer, String)> {
        let command = PeerCommand::send(&self.rendezvous, &self.path("photos"))?;
        let command = command.arg("--name").arg("Ada's laptop");
        // A sender that remembers is known again when it is started anew.
        let memory = self.path("memory of the sender");
        let command = command.env("FARDROP_MEMORY", &memory.to_string_lossy());
        let mut sender = command.start()?;
        let code = sender.code()?;
        Ok((sender, code))
    }

    /// A receiver in mid-transfer, whose sender stands still.
    fn receiving(&self, folder: &str) -> Result<(Peer, Peer)> {
        let (sender, code) = self.send()?;
        let receive = PeerCommand::receive(&self.rendezvous, &code, &self.path(folder))?;
        let mut receiver = receive.env("FARDROP_MEMORY", &self.memory()).start()?;
        let begun = |progress: &Value| progress["bytes"].as_u64() > Some(1_000_000);
        receiver.event_where("progress", begun)?;
        sender.freeze()?;
        Ok((sender, receiver))
    }

    /// Leaves a receive into `folder` behind, as a killed one does.
    fn cut_off(&self, folder: &str) -> Result<()> {
        let (_sender, receiver) = self.receiving(folder)?;
        receiver.kill()?;
        let (exit, events) = receiver.finish()?;
        assert_eq!(exit, None, "it was over before it was killed: {events:?}");
        assert!(!self.parts(folder)?.is_empty(), "{events:?}");
        Ok(())
    }

    /// `fardrop leftovers` with these arguments, and what it printed.
    fn leftovers(&self, arguments: &[&str]) -> Result<(Option<i32>, Vec<Value>)> {
        self.leftovers_with(&self.memory(), arguments)
    }

    fn leftovers_with(
        &self,
        memory: &str,
        arguments: &[&str],
    ) -> Result<(Option<i32>, Vec<Value>)> {
        let command = PeerCommand::new("leftovers")?.env("FARDROP_MEMORY", memory);
        let command = command.server(&self.rendezvous);
        command.args(arguments.iter().copied()).start()?.finish()
    }

    /// What is listed.
    fn listed(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let (exit, events) = self.leftovers(arguments)?;
        assert_eq!(exit, Some(0), "{events:?}");
        assert_documented(&events);
        let listed = events.into_iter();
        Ok(listed
            .filter(|event| event["event"] == "leftover")
            .collect())
    }

    /// The part files in `folder`.
    fn parts(&self, folder: &str) -> Result<Vec<PathBuf>> {
        let names = tree::snapshot(&self.path(folder))?.into_keys();
        let is_part = |name: &PathBuf| {
            let name = name.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(".fardrop-") && name.ends_with(".part")
        };
        Ok(names.filter(is_part).collect())
    }
}

/// Fields of each event that the README names.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let words = |cell: &str| {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let readme = include_str!("../../README.md");
    let table = readme.split_once("| `event` of `leftovers` | fields | when |");
    let (_, table) = table.expect("the README has the table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let rows = rows.map(|row| row.split('|').skip(1).collect::<Vec<_>>());
    rows.map(|row| (words(row[0]).pop_first().expect("a name"), words(row[1])))
        .collect()
}

/// Asserts that what was printed is what the README says; `ended` is the last line.
#[track_caller]
fn assert_documented(events: &[Value]) {
    let documented = documented();
    let (ended, events) = events.split_last().expect("a line");
    assert_eq!(ended["event"], "ended");
    for event in events {
        let name = event["event"].as_str().expect("a name");
        let mut fields = documented.get(name).cloned().unwrap_or_default();
        if name == "leftover" && event["number"].is_null() {
            for field in ["number", "device", "top_names", "files", "bytes", "when"] {
                fields.remove(field);
            }
        }
        fields.insert("event".to_owned());
        let there = event.as_object().expect("an object").keys().cloned();
        assert_eq!(there.collect::<BTreeSet<_>>(), fields, "{event}");
    }
}

/// The one `removed` event of a run that removed all that it should.
#[track_caller]
fn assert_removed(run: &(Option<i32>, Vec<Value>)) -> &Value {
    let (exit, events) = run;
    assert_eq!(*exit, Some(0), "{events:?}");
    assert_documented(events);
    last(events, "removed").expect("something was removed")
}

#[test]
fn a_killed_receive_is_listed_resumed_and_removed() -> Result<()> {
    let place = Place::new()?;
    place.cut_off("in")?;
    let listed = place.listed(&[])?;
    let [left] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(left["number"], 1, "{left}");
    assert_eq!(left["device"], "Ada's laptop", "{left}");
    assert_eq!(left["top_names"], serde_json::json!(["photos"]), "{left}");
    assert_eq!(left["folder"], place.path("in").to_string_lossy().as_ref());
    assert_eq!(
        (&left["running"], &left["files"]),
        (&false.into(), &(SMALL + 1).into())
    );
    let kept = left["kept"].as_u64().context("a number")?;
    assert!(
        kept > 0 && kept < LARGE as u64 && left["parts"] == 1,
        "{left}"
    );
    // Another run of the same sender: another code.
    let (_sender, code) = place.send()?;
    let resumed = place.leftovers(&["resume", "1", &code, "--yes"])?;
    let done = assert_done(&resumed);
    assert!(done["resumed"].as_u64() >= Some(kept), "{done}");
    assert_identical(&place.path("photos"), &place.path("in/photos"));
    assert!(place.listed(&[])?.is_empty());
    place.cut_off("other")?;
    let whole = tree::snapshot(&place.path("other"))?.len();
    let removed = place.leftovers(&["remove", "1", "--yes"])?;
    let removed = assert_removed(&removed);
    assert!(
        removed["parts"] == 1 && removed["bytes"].as_u64() > Some(0),
        "{removed}"
    );
    assert!(place.parts("other")?.is_empty());
    assert_eq!(tree::snapshot(&place.path("other"))?.len(), whole - 1);
    assert!(place.listed(&[])?.is_empty());
    Ok(())
}

#[test]
fn a_receive_is_not_resumed_with_another_share() -> Result<()> {
    let place = Place::new()?;
    place.cut_off("in")?;
    let other = place.path("other.txt");
    fs::write(&other, "not of it")?;
    let mut sender = PeerCommand::send(&place.rendezvous, &other)?.start()?;
    let code = sender.code()?;
    let (exit, events) = place.leftovers(&["resume", "1", &code, "--yes"])?;
    assert_eq!(exit, Some(2), "{events:?}");
    assert!(!place.path("in/other.txt").exists());
    assert_eq!(place.listed(&[])?.len(), 1);
    Ok(())
}

#[test]
fn a_receive_that_its_person_stopped_is_listed_with_what_it_has() -> Result<()> {
    let place = Place::new()?;
    let (_sender, receiver) = place.receiving("in")?;
    receiver.interrupt()?;
    let (exit, _) = receiver.finish()?;
    assert_eq!(exit, Some(130));
    let listed = place.listed(&[])?;
    assert!(listed[0]["kept"].as_u64() > Some(1_000_000), "{listed:?}");
    assert_eq!(listed[0]["running"], false);
    Ok(())
}

#[test]
fn where_the_record_is_lost_parts_are_found_in_their_folder() -> Result<()> {
    let place = Place::new()?;
    place.cut_off("in")?;
    fs::remove_dir_all(place.memory())?;
    assert!(place.listed(&[])?.is_empty());
    // The disk was connected elsewhere, and is looked through from above.
    fs::create_dir(place.path("disk"))?;
    fs::rename(place.path("in"), place.path("disk/in"))?;
    let disk = place.path("disk").to_string_lossy().into_owned();
    let listed = place.listed(&[&disk])?;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(
        listed[0]["number"].is_null() && listed[0]["parts"] == 1,
        "{listed:?}"
    );
    assert!(listed[0]["parts_bytes"].as_u64() > Some(0), "{listed:?}");
    // It is gone on with without a record, too.
    let (_sender, code) = place.send()?;
    let receive = PeerCommand::receive(&place.rendezvous, &code, &place.path("disk/in"))?;
    let received = receive.start()?.finish()?;
    assert!(assert_done(&received)["resumed"].as_u64() > Some(0));
    assert!(place.listed(&[&disk])?.is_empty());
    Ok(())
}

#[test]
fn a_damaged_record_is_set_aside_and_the_next_receive_is_recorded() -> Result<()> {
    let place = Place::new()?;
    place.cut_off("in")?;
    let record = place.path("memory/unfinished-receives");
    let mut text = fs::read(&record)?;
    let middle = text.len() / 2;
    text[middle] ^= 1;
    fs::write(&record, &text)?;
    let _ = place.listed(&[])?;
    assert_eq!(
        fs::read(place.path("memory/unfinished-receives.damaged"))?,
        text
    );
    let folder = place.path("in").to_string_lossy().into_owned();
    assert_eq!(place.listed(&[&folder])?.len(), 1);
    place.cut_off("other")?;
    let listed = place.listed(&[])?;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        listed[0]["folder"],
        place.path("other").to_string_lossy().as_ref()
    );
    assert_removed(&place.leftovers(&["remove", &folder, "--yes"])?);
    assert!(place.parts("in")?.is_empty() && !place.parts("other")?.is_empty());
    Ok(())
}

#[test]
fn the_parts_of_a_running_receive_are_not_removed() -> Result<()> {
    let place = Place::new()?;
    let (sender, receiver) = place.receiving("in")?;
    let listed = place.listed(&[])?;
    assert_eq!(listed[0]["running"], true, "{listed:?}");
    let folder = place.path("in").to_string_lossy().into_owned();
    // Where nothing is remembered, the lock alone tells.
    for (memory, what) in [
        (place.memory(), "--all"),
        (place.memory(), "1"),
        (place.memory(), &*folder),
        (String::new(), &*folder),
    ] {
        let (exit, events) = place.leftovers_with(&memory, &["remove", what, "--yes"])?;
        assert_eq!(exit, Some(1), "{what}: {events:?}");
        assert_documented(&events);
        let stayed = last(&events, "stayed").context("something stayed")?;
        assert_eq!(stayed["reason"], "in-use", "{what}: {stayed}");
        assert_eq!(place.parts("in")?.len(), 1, "{what}: {events:?}");
    }
    let (exit, events) = place.leftovers(&["resume", "1", "417-acid-lemon", "--yes"])?;
    assert_eq!(exit, Some(1), "{events:?}");
    sender.wake()?;
    assert_done(&receiver.finish()?);
    assert_identical(&place.path("photos"), &place.path("in/photos"));
    assert!(place.listed(&[])?.is_empty());
    Ok(())
}

#[test]
fn where_nothing_can_be_locked_only_what_lay_untouched_for_a_day_is_removed() -> Result<()> {
    let test = "where_nothing_can_be_locked";
    if !tools::are_here(test, &["strace"])? {
        return Ok(());
    }
    let place = Place::new()?;
    let named = place.path("in").to_string_lossy().into_owned();
    fs::create_dir(place.path("in"))?;
    let part = part_in(&place.path("in"));
    for error in ["ENOSYS", "ENOLCK", "EOPNOTSUPP"] {
        let wrapper = tools::failing("flock", error);
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        let remove = || {
            let command = PeerCommand::new("leftovers")?.env("FARDROP_MEMORY", &place.memory());
            let command = command.args(["remove", &named, "--yes"]).under(&wrapper);
            command.start()?.finish()
        };
        fs::write(&part, "kept")?;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o600))?;
        let (exit, events) = remove()?;
        assert_eq!(exit, Some(1), "{error}: {events:?}");
        let stayed = last(&events, "stayed").context("it stayed")?;
        assert_eq!(stayed["reason"], "fresh", "{error}: {events:?}");
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        let old = std::time::SystemTime::now() - day;
        fs::File::open(&part)?.set_modified(old)?;
        assert_eq!(assert_removed(&remove()?)["parts"], 1, "{error}");
        assert!(!part.exists());
    }
    Ok(())
}

/// The name of a part that nobody asked for.
fn part_in(folder: &Path) -> PathBuf {
    folder.join(".fardrop-0123456789abcdef0123456789abcdef.part")
}

#[test]
fn a_file_of_that_name_that_is_not_ours_is_not_removed() -> Result<()> {
    let place = Place::new()?;
    let folder = place.path("shared");
    let named = folder.to_string_lossy().into_owned();
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))?;
    let theirs = part_in(&folder);
    let keep = |what: &str| -> Result<()> {
        assert!(place.listed(&[&named])?.is_empty(), "{what}");
        let (exit, events) = place.leftovers(&["remove", &named, "--yes"])?;
        assert_eq!(exit, Some(0), "{what}: {events:?}");
        assert!(theirs.symlink_metadata().is_ok(), "{what}: {events:?}");
        Ok(())
    };
    fs::write(place.path("whole"), "mine")?;
    fs::hard_link(place.path("whole"), &theirs)?;
    keep("a finished file's second name")?;
    fs::remove_file(&theirs)?;
    symlink(place.path("whole"), &theirs)?;
    keep("a link")?;
    fs::remove_file(&theirs)?;
    fs::create_dir(&theirs)?;
    keep("a folder")?;
    fs::remove_dir(&theirs)?;
    assert_eq!(fs::read_to_string(place.path("whole"))?, "mine");
    if Namespace::enter("a_file_of_that_name_that_is_not_ours")?.is_some() {
        const NOBODY: u32 = 65534;
        fs::write(&theirs, "theirs")?;
        chown(&theirs, Some(NOBODY), Some(NOBODY))?;
        keep("another user's file")?;
        assert_eq!(fs::read_to_string(&theirs)?, "theirs");
    }
    Ok(())
}
