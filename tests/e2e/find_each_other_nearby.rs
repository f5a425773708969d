//! Finding one another with no rendezvous named.

use std::path::Path;

use anyhow::Result;
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Peer, PeerCommand};

use super::{assert_done, assert_identical, workplace};

/// Two machines on one cable.
fn two_machines(test: &str) -> Result<Option<(Namespace, Namespace)>> {
    let (Some(one), Some(other)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
        return Ok(None);
    };
    one.join("10.77.0.1/24", &other, "10.77.0.2/24")?;
    Ok(Some((one, other)))
}

/// `fardrop send` of `out` on one of them, with or without multicast.
fn send(machine: &Namespace, multicast: &[&str], work: &Path) -> Result<Peer> {
    let command = PeerCommand::with_mdns("send")?.arg("--once");
    let command = command.args(multicast.iter().copied());
    command.arg(work.join("out")).within(machine).start()
}

#[test]
fn other_machine_of_the_network_is_found_by_multicast() -> Result<()> {
    let Some((one, other)) = two_machines("other_machine_is_found_by_multicast")? else {
        return Ok(());
    };
    let work = workplace()?;
    let mut sender = send(&one, &[], work.path())?;
    let code = sender.code()?;
    let received = PeerCommand::with_mdns("receive")?
        .into_folder(&work.path().join("in"))
        .args(["--yes", "--allow-programs", &code])
        .within(&other)
        .start()?
        .finish()?;
    assert_eq!(assert_done(&received)["kind"], "local");
    assert_done(&sender.finish()?);
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    Ok(())
}

#[test]
fn whole_code_finds_another_machine_without_multicast() -> Result<()> {
    let Some((one, other)) = two_machines("whole_code_finds_another_machine")? else {
        return Ok(());
    };
    let work = workplace()?;
    let mut sender = send(&one, &["--no-mdns"], work.path())?;
    let uri = sender.event("code")?["uri"].clone();
    let received = PeerCommand::new("receive")?
        .into_folder(&work.path().join("in"))
        .args([
            "--yes",
            "--allow-programs",
            uri.as_str().unwrap_or_default(),
        ])
        .within(&other)
        .start()?
        .finish()?;
    assert_done(&received);
    assert_done(&sender.finish()?);
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    Ok(())
}
