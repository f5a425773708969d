//! An offer of pictures that brings something else behind them, and where it goes if nobody says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use fardrop_tests::peer::{Peer, PeerCommand, Rendezvous, last};
use serde_json::Value;

use super::assert_done;

/// What starts by itself, or would among what is in a home folder.
const STARTLING: [&str; 3] = [
    ".bash_profile",
    ".config/autostart/x.desktop",
    ".ssh/authorized_keys",
];

/// Ten pictures, and behind them what starts by itself and a program; shared, with its code.
fn startling(folder: &Path, rendezvous: &Rendezvous) -> Result<(Peer, String)> {
    let mut named: Vec<String> = (0..10).map(|number| format!("{number}.jpg")).collect();
    named.extend([".bash_profile", ".config", ".ssh", "viewer"].map(str::to_owned));
    for name in named[..10]
        .iter()
        .map(String::as_str)
        .chain(STARTLING)
        .chain(["viewer"])
    {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, name)?;
    }
    fs::set_permissions(folder.join("viewer"), fs::Permissions::from_mode(0o755))?;
    let mut command = PeerCommand::new("send")?.server(rendezvous).arg("--once");
    for name in named {
        command = command.arg(folder.join(name));
    }
    let mut sender = command.start()?;
    let code = sender.code()?;
    Ok((sender, code))
}

/// What a run says that it left out for want of a yes.
fn not_allowed(events: &[Value]) -> Vec<&str> {
    let failed = events
        .iter()
        .filter(|event| event["event"] == "file-failed" && event["reason"] == "not-allowed");
    let mut names: Vec<&str> = failed.filter_map(|event| event["name"].as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn ten_pictures_do_not_bring_what_starts_by_itself_behind_them() -> Result<()> {
    let work = tempfile::tempdir()?;
    let rendezvous = Rendezvous::start()?;
    let (sender, code) = startling(&work.path().join("out"), &rendezvous)?;
    let home = work.path().join("home");
    let receiver = PeerCommand::new("receive")?
        .server(&rendezvous)
        .into_folder(&home)
        .args(["--yes", &code])
        .start()?;
    let received = receiver.finish()?;
    let offer = last(&received.1, "offer");
    let offer = offer.unwrap_or_else(|| panic!("no offer: {received:?}"));
    assert_eq!(
        (&offer["programs"], &offer["executable"]),
        (&2.into(), &1.into()),
        "{offer}"
    );
    assert_eq!(
        (&offer["self_starting"], &offer["more_top_names"]),
        (&3.into(), &4.into())
    );
    let warned: Vec<&str> = offer["concerns"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|concern| concern["name"].as_str())
        .collect();
    assert_eq!(warned[..3], STARTLING, "{offer}");
    for (exit, events) in [&received, &sender.finish()?] {
        assert_eq!(not_allowed(events), STARTLING, "{events:?}");
        assert_eq!(*exit, Some(1), "{events:?}");
    }
    for name in [".bash_profile", ".config", ".ssh"] {
        assert!(
            fs::symlink_metadata(home.join(name)).is_err(),
            "{name} came"
        );
    }
    assert_eq!(fs::read_dir(&home)?.count(), 11);
    let mode = fs::metadata(home.join("viewer"))?.permissions().mode();
    assert_eq!(
        mode & 0o111,
        0,
        "a program may be run without a yes to it: {mode:o}"
    );
    Ok(())
}

#[test]
fn what_starts_by_itself_and_programs_come_with_a_yes_to_them() -> Result<()> {
    let work = tempfile::tempdir()?;
    let rendezvous = Rendezvous::start()?;
    let (sender, code) = startling(&work.path().join("out"), &rendezvous)?;
    let home = work.path().join("home");
    let receiver = PeerCommand::receive(&rendezvous, &code, &home)?
        .arg("--allow-hidden")
        .start()?;
    assert_done(&receiver.finish()?);
    assert_done(&sender.finish()?);
    for name in STARTLING {
        assert_eq!(fs::read_to_string(home.join(name))?, name);
    }
    let mode = fs::metadata(home.join("viewer"))?.permissions().mode();
    assert_ne!(mode & 0o100, 0, "{mode:o}");
    Ok(())
}

/// Receives a file as a person would who stands in their home folder and names no other; gives where it went.
fn received_at_home(home: &Path) -> Result<(String, String)> {
    let work = tempfile::tempdir()?;
    let file = work.path().join("1.jpg");
    fs::write(&file, "a picture")?;
    let mut sender = PeerCommand::new("send")?.arg("--once").arg(&file).start()?;
    let code = sender.code()?;
    let home_text = home.to_string_lossy();
    let run = PeerCommand::new("receive")?
        .args(["--yes", &code])
        .env("HOME", &home_text)
        .env("XDG_CONFIG_HOME", &home_text)
        .under(&["env", "-C", &home_text])
        .start()?
        .finish()?;
    assert_done(&run);
    assert_done(&sender.finish()?);
    let offer = last(&run.1, "offer").map(|offer| offer["destination"].clone());
    let into = offer.as_ref().and_then(Value::as_str).unwrap_or_default();
    assert!(Path::new(into).join("1.jpg").is_file(), "{into}");
    assert!(!home.join("1.jpg").exists());
    let number = code.split('-').next().unwrap_or_default();
    Ok((into.to_owned(), number.to_owned()))
}

#[test]
fn downloads_are_where_it_goes_and_never_the_home_folder_itself() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (into, number) = received_at_home(home.path())?;
    assert_eq!(
        Path::new(&into),
        home.path().join(format!("Fardrop {number}"))
    );

    fs::create_dir(home.path().join("Downloads"))?;
    let (into, _) = received_at_home(home.path())?;
    assert_eq!(Path::new(&into), home.path().join("Downloads"));

    // What a system says where somebody has no folder for downloads.
    fs::remove_dir_all(home.path().join("Downloads"))?;
    fs::write(
        home.path().join("user-dirs.dirs"),
        "XDG_DOWNLOAD_DIR=\"$HOME/\"\n",
    )?;
    let (into, number) = received_at_home(home.path())?;
    assert_eq!(
        Path::new(&into),
        home.path().join(format!("Fardrop {number}"))
    );

    fs::create_dir(home.path().join("got"))?;
    fs::write(
        home.path().join("user-dirs.dirs"),
        "XDG_DOWNLOAD_DIR=\"$HOME/got\"\n",
    )?;
    let (into, _) = received_at_home(home.path())?;
    assert_eq!(Path::new(&into), home.path().join("got"));
    Ok(())
}
