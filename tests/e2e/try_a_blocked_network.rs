//! Networks that let nothing through: the right reason, soon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{PeerCommand, Rendezvous, last};

use super::{assert_failed, workplace};

/// Within what time a person is told why there will be no transfer.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

/// Drops UDP on its way in, as a router in between would: the sender is told nothing.
const NO_UDP: &str = "table inet lab {
  chain in {
    type filter hook input priority filter
    iifname \"cable\" meta l4proto udp drop
  }
}
";

/// Sends, and receives, over `server` from within `namespace` if there is one: both ends fail in the way called
/// `kind`, in time.
fn check(kind: &str, server: &str, namespace: Option<&Namespace>) -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    let send = PeerCommand::new("send")?.arg(&out);
    let receive = PeerCommand::new("receive")?
        .into_folder(work.path())
        .args(["--yes", "417-acid-lemon"]);
    for command in [send, receive] {
        let command = command.args(["--rendezvous", server]);
        let command = match namespace {
            Some(namespace) => command.within(namespace),
            None => command,
        };
        let started = Instant::now();
        let run = command.start()?.finish()?;
        let took = started.elapsed();
        assert_failed(&run, kind);
        let failed = last(&run.1, "failed").map(|failed| failed["stage"].clone());
        assert_eq!(failed, Some("rendezvous".into()), "{run:?}");
        assert!(took < TOLD_WITHIN, "{took:?}: {run:?}");
    }
    Ok(())
}

#[test]
fn blocked_udp_is_told_at_both_ends() -> Result<()> {
    let test = "blocked_udp_is_told_at_both_ends";
    let (Some(machine), Some(far)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
        return Ok(());
    };
    let far = Arc::new(far);
    machine.join("10.77.0.1/24", &far, "10.77.0.2/24")?;
    far.filter(NO_UDP)?;
    let rendezvous = Rendezvous::start_within(Arc::clone(&far), "10.77.0.2:4840".parse()?)?;
    check("udp-blocked", &rendezvous.server(), Some(&machine))
}

#[test]
fn unreachable_machine_is_a_silent_rendezvous() -> Result<()> {
    let test = "unreachable_machine_is_a_silent_rendezvous";
    let (Some(machine), Some(far)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
        return Ok(());
    };
    let far = Arc::new(far);
    machine.join("10.77.0.1/24", &far, "10.77.0.2/24")?;
    // Nobody has this address, and nothing says so.
    check("rendezvous-unreachable", "10.77.0.3:4840", Some(&machine))
}

#[test]
fn killed_rendezvous_is_told_at_both_ends() -> Result<()> {
    let mut rendezvous = Rendezvous::start()?;
    rendezvous.kill();
    check("rendezvous-unreachable", &rendezvous.server(), None)
}
