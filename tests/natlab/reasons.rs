//! Where there is no path: the person is told why, and soon.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::peer::{Account, Peer};
use tempfile::TempDir;

use crate::cell::pair;
use crate::lab::{HomePlan, Lab, Nat, Plan, Policy, Rules};
use crate::matrix::LOOSENESS;
use crate::report::table;
use crate::round::{Running, Turn, rounds, small_file};

/// How long it may take until somebody is told.
const BOUND: Duration = Duration::from_secs(5);

/// How long it may take until somebody is told where the reason is known when both have met.
const KNOWN_BOUND: Duration = Duration::from_secs(1);

fn build(test: &str, one: HomePlan, other: HomePlan) -> Result<Option<Lab>> {
    let plan = Plan {
        homes: vec![one, other],
        ..Plan::default()
    };
    Lab::build(test, &plan)
}

/// A lab, and a small file to send between its homes.
struct Scene {
    lab: Lab,
    folder: TempDir,
    file: PathBuf,
}

impl Scene {
    fn build(test: &str, one: HomePlan, other: HomePlan) -> Result<Option<Self>> {
        let Some(lab) = build(test, one, other)? else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let file = small_file(folder.path())?;
        Ok(Some(Self { lab, folder, file }))
    }

    /// After what time both ends told this reason, from when both were ready, in rounds that start afresh.
    fn told_at_both_ends(
        &self,
        arguments: &'static [&'static str],
        reason: &str,
        bound: Duration,
    ) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..rounds() {
            self.lab.forget()?;
            let round = pair(&self.lab, arguments).run(&self.file)?;
            let ready = round.ready().context("they met")?;
            for account in [&round.sender, &round.receiver] {
                times.push(told(account, reason, ready, bound));
            }
        }
        Ok(times)
    }

    /// Both ends, started afresh.
    fn start(&self) -> Result<Running> {
        self.lab.forget()?;
        pair(&self.lab, &[]).start(&self.file, self.folder.path())
    }
}

/// Asserts that a run failed for this reason, and gives how long after `since` it was told.
#[track_caller]
fn told(account: &Account, reason: &str, since: Instant, bound: Duration) -> Duration {
    let events = &account.events;
    let failed = account.last("failed");
    let kind = failed.and_then(|event| event["kind"].as_str());
    assert_eq!(kind, Some(reason), "{events:?}");
    let message = failed.and_then(|event| event["message"].as_str());
    assert!(
        message.is_some_and(|message| !message.is_empty()),
        "{events:?}"
    );
    let at = account.first_at("failed").expect("it was found above");
    let time = at.saturating_duration_since(since);
    assert!(time <= bound * LOOSENESS, "{time:?}: {events:?}");
    time
}

/// Writes down how long it took.
fn record(section: &str, times: &[Duration]) -> Result<()> {
    let median = crate::report::percentile(times, 0.5).context("no rounds")?;
    let most = crate::report::percentile(times, 0.95).context("no rounds")?;
    table(
        section,
        ["rounds", "told after, ms (median / 95 %)"]
            .map(ToOwned::to_owned)
            .to_vec(),
        vec![vec![
            times.len().to_string(),
            format!("{} / {}", median.as_millis(), most.as_millis()),
        ]],
    )
}

#[test]
fn two_symmetric_nats_are_told_so_at_both_ends() -> Result<()> {
    let _turn = Turn::wait();
    let hard = HomePlan::behind(Nat::SymmetricRandom);
    let Some(scene) = Scene::build("two_symmetric_nats_are_told_so_at_both_ends", hard, hard)?
    else {
        return Ok(());
    };
    let times = scene.told_at_both_ends(&["--no-ipv6"], "both-nats-symmetric", KNOWN_BOUND)?;
    record("5a. Reason: both NATs symmetric (both ends)", &times)?;
    scene.lab.close()
}

/// Starts a receiver of a code that nobody has, and reads to its end.
fn receive_nothing(lab: &Lab) -> Result<(Instant, Account)> {
    let folder = tempfile::tempdir()?;
    let command = pair(lab, &[]).receive("123-acid-lemon", folder.path())?;
    let started = Instant::now();
    let account = command
        .arg("--yes")
        .within(lab.host(1))
        .start()?
        .account()?;
    Ok((started, account))
}

/// Starts a sender that cannot meet anybody, and reads to its end.
fn send_nowhere(lab: &Lab) -> Result<(Instant, Account)> {
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let started = Instant::now();
    let mut sender = pair(lab, &[]).send(&file)?.within(lab.host(0)).start()?;
    // A sender goes on trying; that it has said why is enough.
    sender.event("failed")?;
    sender.interrupt()?;
    Ok((started, sender.account()?))
}

/// How long after their start receivers and senders told this reason, one after the other.
fn meet_nobody(lab: &Lab, reason: &str) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    for _ in 0..rounds() {
        for end in [receive_nothing, send_nowhere] {
            let (started, account) = end(lab)?;
            times.push(told(&account, reason, started, BOUND));
        }
    }
    Ok(times)
}

#[test]
fn blocked_udp_is_told() -> Result<()> {
    let _turn = Turn::wait();
    let blocked = HomePlan::with(Rules {
        policy: Policy::NoUdp,
        ..Rules::of(Nat::PortRestricted)
    });
    let Some(lab) = build("blocked_udp_is_told", blocked, blocked)? else {
        return Ok(());
    };
    let times = meet_nobody(&lab, "udp-blocked")?;
    record("5b. Reason: UDP blocked (either end)", &times)?;
    lab.close()
}

#[test]
fn missing_rendezvous_is_told() -> Result<()> {
    let _turn = Turn::wait();
    let home = HomePlan::behind(Nat::PortRestricted);
    let Some(mut lab) = build("missing_rendezvous_is_told", home, home)? else {
        return Ok(());
    };
    // Its machine is there, and says that nobody listens.
    lab.rendezvous.kill();
    let times = meet_nobody(&lab, "rendezvous-unreachable")?;
    record("5c. Reason: no rendezvous (either end)", &times)?;
    lab.close()
}

#[test]
fn firewall_that_lets_only_the_rendezvous_through_is_told() -> Result<()> {
    let _turn = Turn::wait();
    let home = HomePlan::behind(Nat::PortRestricted);
    let walled = HomePlan::with(Rules {
        policy: Policy::OnlyRendezvous,
        ..Rules::of(Nat::PortRestricted)
    });
    let test = "firewall_that_lets_only_the_rendezvous_through_is_told";
    let Some(scene) = Scene::build(test, home, walled)? else {
        return Ok(());
    };
    let times = scene.told_at_both_ends(&[], "firewalled", BOUND)?;
    record(
        "5d. Reason: a firewall lets nothing else through (both ends)",
        &times,
    )?;
    scene.lab.close()
}

#[test]
fn peer_that_vanishes_is_told() -> Result<()> {
    let _turn = Turn::wait();
    let home = HomePlan::behind(Nat::PortRestricted);
    let Some(scene) = Scene::build("peer_that_vanishes_is_told", home, home)? else {
        return Ok(());
    };
    // At 100 ms it takes three times as long to a path as to kill a process.
    let vanish = |mut going: Peer, mut staying: Peer| -> Result<Duration> {
        going.event("paired")?;
        going.kill()?;
        let since = Instant::now();
        staying.event("failed")?;
        staying.interrupt()?;
        Ok(told(&staying.account()?, "peer-gone", since, BOUND))
    };
    let mut times = Vec::new();
    for _ in 0..rounds() {
        let running = scene.start()?;
        times.push(vanish(running.receiver, running.sender)?);
        let running = scene.start()?;
        times.push(vanish(running.sender, running.receiver)?);
    }
    record("5e. Reason: the peer is gone (either end)", &times)?;
    scene.lab.close()
}
