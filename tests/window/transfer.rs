//! Two windows on one machine: files go from one into the other, found and driven as a person would.

use std::fs;
use std::io::{self, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fardrop_tests::tree;

use super::accessible::Role;
use super::clipboard::CopiedFiles;
use super::input::Key;
use super::instance::{Instance, Person, Stage};
use super::on_a_desktop;
use crate::say;

/// Length of a file that takes seconds to cross, in bytes.
pub(crate) const LARGE: u64 = 2 << 30;

/// Name of that file.
const LARGE_FILE: &str = "large.bin";

/// The code that a window shows to be read out.
pub(crate) fn code(sender: &Instance<'_>) -> Result<String> {
    sender.wait("code", |parts| {
        parts.iter().find_map(|part| spoken(&part.name))
    })
}

/// A name that is a code: a number and words, whatever stands between them.
fn spoken(name: &str) -> Option<String> {
    let words: Vec<&str> = name
        .split(['-', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let number = words
        .first()
        .is_some_and(|word| word.chars().all(|letter| letter.is_ascii_digit()));
    let others = words.get(1..)?;
    let plain =
        |word: &&str| word.len() >= 3 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    (number && others.len() >= 2 && others.iter().all(plain))
        .then(|| words.join("-").to_lowercase())
}

/// Types a code into the field that has the caret from the start, and takes what is offered.
pub(crate) fn receive(receiver: &Instance<'_>, code: &str) -> Result<()> {
    type_code(receiver, code)?;
    receiver.press("Accept")
}

fn type_code(receiver: &Instance<'_>, code: &str) -> Result<()> {
    receiver.find(Role::ENTRY, "Code")?;
    receiver.type_text(code)?;
    receiver.tap(Key::Enter)
}

/// Ada sends a large file to Bob, of which some is there and most is not. Both, and the code.
pub(crate) fn moving<'a>(stage: &'a Stage<'a>) -> Result<(Instance<'a>, Instance<'a>, String)> {
    let ada = Instance::start(stage, Person::Ada, &[])?;
    let bob = Instance::start(stage, Person::Bob, &[])?;
    let large = ada.home(LARGE_FILE);
    make_file(&large, LARGE)?;
    ada.drop_files(&[&large])?;
    let code = code(&ada)?;
    receive(&bob, &code)?;
    bob.read("Transferring")?;
    Ok((ada, bob, code))
}

/// Makes a file of so many bytes. They are zeros, and written: a hole would not cross at all.
pub(crate) fn make_file(path: &Path, bytes: u64) -> Result<()> {
    let mut zeros = BufReader::with_capacity(1 << 20, io::repeat(0).take(bytes));
    io::copy(&mut zeros, &mut fs::File::create(path)?)?;
    Ok(())
}

/// Whether Bob has the large file as Ada has it.
pub(crate) fn large_arrived(ada: &Instance<'_>, bob: &Instance<'_>) -> Result<bool> {
    let received = bob.home("Downloads").join(LARGE_FILE);
    same(&ada.home(LARGE_FILE), &received)
}

/// Fills a folder with files of every kind, and gives what was named: each of its top level.
fn made(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    fs::create_dir_all(folder)?;
    tree::varied(folder)?;
    let mut named = Vec::new();
    for entry in fs::read_dir(folder)? {
        named.push(entry?.path());
    }
    named.sort();
    Ok(named)
}

/// Ada sends in whatever way `offer` does it, Bob receives; both are told that all is verified.
fn check(
    stage: &Stage<'_>,
    prepare: impl FnOnce(&mut Command) -> Result<()>,
    offer: impl FnOnce(&Instance<'_>, &[&Path]) -> Result<()>,
) -> Result<()> {
    let ada = Instance::start_with(stage, Person::Ada, &[], prepare)?;
    let bob = Instance::start(stage, Person::Bob, &[])?;
    let folder = ada.home("out");
    let named = made(&folder)?;
    let named: Vec<&Path> = named.iter().map(AsRef::as_ref).collect();
    offer(&ada, &named)?;
    type_code(&bob, &code(&ada)?)?;
    bob.press_part(Role::CHECK_BOX, "Let programs be run here")?;
    bob.press("Accept")?;
    bob.read("verified on this disk")?;
    ada.read("verified on Bob's disk")?;
    let sent = tree::snapshot(&folder)?;
    let received = tree::snapshot(&bob.home("Downloads"))?;
    ensure!(sent == received, "{sent:?}\n{received:?}");
    Ok(())
}

#[test]
fn dropped_files_arrive() -> Result<()> {
    on_a_desktop(|stage| check(stage, |_| Ok(()), |ada, files| ada.drop_files(files)))
}

#[test]
fn chosen_files_arrive() -> Result<()> {
    on_a_desktop(|stage| {
        // Stands in for the person in the dialog: it prints what would have been chosen.
        let folder = stage.screen.folder()?.join("bin");
        let dialog = |command: &mut Command| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let all = std::iter::once(folder.clone()).chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(all)?);
            Ok(())
        };
        check(stage, dialog, |ada, files| {
            fs::create_dir_all(&folder)?;
            let chosen = folder.join("chosen");
            let answer: Vec<&[u8]> = files
                .iter()
                .map(|file| file.as_os_str().as_bytes())
                .collect();
            fs::write(&chosen, answer.join(&b"//"[..]))?;
            let script = format!("#!/bin/sh\nexec cat '{}'\n", chosen.display());
            let zenity = folder.join("zenity");
            fs::write(&zenity, script)?;
            fs::set_permissions(&zenity, fs::Permissions::from_mode(0o755))?;
            ada.press("Choose files")
        })
    })
}

#[test]
fn pasted_files_arrive() -> Result<()> {
    on_a_desktop(|stage| {
        let mut copied = None;
        check(
            stage,
            |_| Ok(()),
            |ada, files| {
                copied = Some(CopiedFiles::new(stage.screen, files)?);
                // The caret is in the field for the code, which takes text; the files are sent all the same.
                ada.find(Role::ENTRY, "Code")?;
                stage.keyboard.face(ada.window)?;
                stage.keyboard.tap_with(Key::Control, 'v')
            },
        )
    })
}

#[test]
fn a_killed_receiver_is_missed_and_goes_on() -> Result<()> {
    on_a_desktop(|stage| {
        let (ada, bob, code) = moving(stage)?;
        let killed = Instant::now();
        bob.kill()?;
        ada.read("Connection lost")?;
        let missed = killed.elapsed();
        say(format_args!("missed after {missed:.1?}"));
        ensure!(missed < Duration::from_secs(5), "only after {missed:?}");

        let bob = Instance::start(stage, Person::Bob, &[])?;
        receive(&bob, &code)?;
        bob.read("verified on this disk")?;
        ada.read("verified on Bob's disk")?;
        ensure!(large_arrived(&ada, &bob)?);
        Ok(())
    })
}

#[test]
fn an_interrupted_receive_is_shown_resumed_and_then_gone() -> Result<()> {
    on_a_desktop(|stage| {
        let (ada, bob, code) = moving(stage)?;
        bob.kill()?;
        let bob = Instance::start(stage, Person::Bob, &[])?;
        bob.read("1 transfer was interrupted")?;
        bob.press("Show")?;
        bob.press("Resume")?;
        bob.read("Going on with large.bin from Ada")?;
        receive(&bob, &code)?;
        bob.read("verified on this disk")?;
        ensure!(large_arrived(&ada, &bob)?);
        bob.wait("nothing is interrupted any more", |parts| {
            let said = parts.iter().any(|part| part.name.contains("interrupted"));
            (!said).then_some(())
        })
    })
}

/// Whether two files hold the same.
fn same(one: &Path, other: &Path) -> Result<bool> {
    let hash = |path: &Path| -> Result<blake3::Hash> {
        Ok(blake3::Hasher::new()
            .update_reader(fs::File::open(path)?)?
            .finalize())
    };
    Ok(hash(one)? == hash(other)?)
}
