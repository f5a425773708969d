//! A code as people give it: aloud, by a pipe, mistyped, guessed, or of nobody at all.

use std::fs;

use anyhow::Result;
use fardrop_tests::hostile::crowd::crowd;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous, last};
use serde_json::Value;

use super::{Share, assert_done, assert_failed, assert_identical, workplace, wrong};

#[test]
fn code_comes_from_stdin_or_the_environment() -> Result<()> {
    let share = Share::open(&[])?;
    let (piped_into, variable_into) = (
        share.work.path().join("piped"),
        share.work.path().join("variable"),
    );
    // In capitals, with spaces: as a person would write what they heard.
    let heard = share.code.replace('-', " ").to_uppercase();
    let piped = share
        .receive_with_nothing(&piped_into)?
        .args(["--yes", "--allow-programs"])
        .start_with_input(&format!("{heard}\n"))?;
    assert_done(&piped.finish()?);
    let variable = share
        .receive_with_nothing(&variable_into)?
        .args(["--yes", "--allow-programs"])
        .env("FARDROP_CODE", &share.code)
        .start()?;
    assert_done(&variable.finish()?);
    assert_identical(&piped_into, &variable_into);
    Ok(())
}

#[test]
fn three_wrong_codes_kill_the_code() -> Result<()> {
    let mut share = Share::open(&[])?;
    let folder = share.folder();
    for left in [2, 1, 0] {
        let guess =
            PeerCommand::receive(&share.rendezvous, &wrong(&share.code)?, &folder)?.start()?;
        assert_failed(&guess.finish()?, "wrong-code");
        assert_eq!(share.sender.event("wrong-guess")?["attempts_left"], left);
    }
    let right = share.receive()?.start()?.finish()?;
    assert_failed(&right, "code-dead");
    assert!(last(&right.1, "paired").is_none(), "{right:?}");
    assert_failed(&share.sender.finish()?, "code-dead");
    assert!(fs::read_dir(&folder)?.next().is_none());
    Ok(())
}

/// A crowd that fills the number of a code, from one machine; gives what the sender said of it.
pub(super) fn crowd_at(code: &str, rendezvous: &Rendezvous, sender: &mut Peer) -> Result<Value> {
    let locator = code.split('-').next().unwrap_or_default().parse()?;
    crowd(rendezvous.server().parse()?, locator, 100)?;
    sender.event("crowded")
}

#[test]
fn strangers_who_fill_a_number_do_not_keep_the_right_code_out() -> Result<()> {
    let mut share = Share::open(&[])?;
    crowd_at(&share.code, &share.rendezvous, &mut share.sender)?;
    let right = share.receive()?.start()?.finish()?;
    assert_done(&right);
    Ok(())
}

#[test]
fn unknown_code_is_told_apart_from_wrong_words() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let receiver = PeerCommand::receive(&rendezvous, "999-acid-lemon", work.path())?.start()?;
    assert_failed(&receiver.finish()?, "no-such-code");
    Ok(())
}

#[test]
fn unknown_code_without_a_rendezvous_says_where_it_looked() -> Result<()> {
    let work = workplace()?;
    let receiver = PeerCommand::new("receive")?
        .into_folder(work.path())
        .args(["--yes", "--allow-programs"])
        .arg("999-acid-lemon")
        .start()?;
    assert_failed(&receiver.finish()?, "nobody-nearby");
    Ok(())
}

#[test]
fn silent_rendezvous_is_told() -> Result<()> {
    let work = workplace()?;
    let mut rendezvous = Rendezvous::start()?;
    rendezvous.kill();
    let receiver = PeerCommand::receive(&rendezvous, "417-acid-lemon", work.path())?.start()?;
    assert_failed(&receiver.finish()?, "rendezvous-unreachable");
    Ok(())
}
