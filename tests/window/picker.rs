//! A desktop without a portal and without `zenity`: the window's own picker.

use std::fs;

use anyhow::{Result, ensure};
use fardrop_tests::tree;

use super::accessible::Role;
use super::instance::{Instance, Person};
use super::on_a_desktop;
use super::transfer::{code, receive};

#[test]
fn files_picked_where_the_desktop_has_no_dialog_arrive() -> Result<()> {
    on_a_desktop(|stage| {
        // Nothing is on the bus of these tests but what they put there, and nothing is on this path.
        let nothing = stage.screen.folder()?.join("nothing");
        fs::create_dir(&nothing)?;
        let ada = Instance::start_with(stage, Person::Ada, &[], |command| {
            command.env("PATH", &nothing);
            Ok(())
        })?;
        let bob = Instance::start(stage, Person::Bob, &[])?;
        let folder = ada.home("to Bob");
        fs::create_dir_all(folder.join("photos/empty"))?;
        fs::write(folder.join("photos/beach.jpg"), vec![7; 300_000])?;
        fs::write(folder.join("letter.txt"), "Dear Bob")?;
        fs::write(folder.join("not this one.txt"), "No")?;

        ada.press("Choose files")?;
        ada.press_part(Role::ITEM, "to Bob, folder")?;
        ada.press_part(Role::ITEM, "letter.txt")?;
        ada.press_part(Role::CHECK_BOX, "Mark photos")?;
        ada.press("Choose 2 items")?;
        receive(&bob, &code(&ada)?)?;
        bob.read("verified on this disk")?;
        ada.read("verified on Bob's disk")?;

        fs::remove_file(folder.join("not this one.txt"))?;
        let sent = tree::snapshot(&folder)?;
        let received = tree::snapshot(&bob.home("Downloads"))?;
        ensure!(sent == received, "{sent:?}\n{received:?}");
        Ok(())
    })
}
