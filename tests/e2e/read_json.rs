//! `--json` is a contract: what is printed is what the README says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context, Result};
use fardrop_tests::peer::{PeerCommand, Rendezvous, last};
use fardrop_tests::tree;
use serde_json::Value;

use super::give_a_code::crowd_at;
use super::{workplace, wrong};

/// Fields that the README says may be absent: with their event.
const OPTIONAL: [(&str, &str); 23] = [
    ("offer", "programs"),
    ("offer", "executable"),
    ("offer", "hidden"),
    ("offer", "self_starting"),
    ("offer", "need_yes"),
    ("offer", "concerns"),
    ("offer", "destination"),
    ("offer", "more_top_names"),
    ("offer", "unnamed"),
    ("progress", "proving"),
    ("offer", "free"),
    ("failed", "session"),
    ("failed", "reason"),
    ("file-failed", "reason"),
    ("scanned", "closed_folders"),
    ("scanned", "links"),
    ("offer", "links"),
    ("offer", "left_out"),
    ("offer", "closed_folders"),
    ("done", "left_out"),
    ("done", "closed_folders"),
    ("done", "renamed"),
    ("left-out", "session"),
];

/// The words in backquotes of one cell of a table.
fn words(cell: &str) -> BTreeSet<String> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.map(ToOwned::to_owned).collect()
}

/// What the README says.
struct Contract {
    /// The fields of each event.
    events: BTreeMap<String, BTreeSet<String>>,
    /// The kinds of failures.
    kinds: BTreeSet<String>,
    /// The reasons of failures, and the kinds that they are of.
    reasons: BTreeMap<String, BTreeSet<String>>,
}

fn documented() -> Result<Contract> {
    let readme = include_str!("../../README.md");
    let table = |heading: &str| -> Result<Vec<Vec<&str>>> {
        let (_, table) = readme.split_once(heading).context("a table is missing")?;
        let rows = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        Ok(rows.map(|row| row.split('|').skip(1).collect()).collect())
    };
    let mut events = BTreeMap::new();
    for row in table("| `event` | fields | when |")? {
        let event = words(row[0]).pop_first().context("an event's name")?;
        events.insert(event, words(row[1]));
    }
    let mut kinds = BTreeSet::new();
    for row in table("| `kind` | means |")? {
        kinds.extend(words(row[0]));
    }
    let mut reasons = BTreeMap::new();
    for row in table("| `reason` | of `kind` | means |")? {
        reasons.extend(
            words(row[0])
                .into_iter()
                .map(|reason| (reason, words(row[1]))),
        );
    }
    Ok(Contract {
        events,
        kinds,
        reasons,
    })
}

/// Asserts that `events` are what the README says, and gives the names of those that came.
#[track_caller]
fn check(events: &[Value], seconds: f64) -> BTreeSet<String> {
    let contract = documented().expect("the README has its tables");
    let mut seen = BTreeSet::new();
    for event in events {
        let name = event["event"].as_str().expect("a name");
        let expected = contract
            .events
            .get(name)
            .unwrap_or_else(|| panic!("not in the README: {event}"));
        let object = event.as_object().expect("an object");
        let there: BTreeSet<String> = object.keys().cloned().collect();
        for field in &there {
            let known = field == "event" || expected.contains(field);
            assert!(known, "{field} is not in the README: {event}");
        }
        for field in expected.difference(&there) {
            let optional = OPTIONAL.contains(&(name, field));
            assert!(optional, "{field} is in the README but not here: {event}");
        }
        if name == "failed" || name == "file-failed" {
            let kind = event["kind"].as_str().expect("a kind");
            assert!(contract.kinds.contains(kind), "not in the README: {event}");
            if let Some(reason) = event.get("reason") {
                let reason = reason.as_str().expect("a reason");
                let of = contract.reasons.get(reason);
                let documented = of.is_some_and(|kinds| kinds.contains(kind));
                assert!(documented, "not in the README: {event}");
            }
        }
        seen.insert(name.to_owned());
    }
    assert_eq!(events.last().expect("an event")["event"], "ended");
    let mut progress: BTreeMap<String, f64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event"] == "progress") {
        *progress.entry(event["session"].to_string()).or_default() += 1.0;
    }
    for count in progress.into_values() {
        assert!(count <= seconds * 10.0 + 1.0, "{count} in {seconds} s");
    }
    seen
}

#[test]
fn every_line_is_as_the_readme_says() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let (out, folder) = (work.path().join("out"), work.path().join("in"));
    std::fs::write(out.join("huge.bin"), tree::noise(99, 300_000_000))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink("/", out.join("link"))?;
    let started = Instant::now();
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .arg("--once")
        .start()?;
    let code = sender.code()?;
    sender.event("scanned")?;
    std::fs::remove_file(out.join("large.bin"))?;
    crowd_at(&code, &rendezvous, &mut sender)?;
    let guess = PeerCommand::receive(&rendezvous, &wrong(&code)?, &folder)?;
    let (_, guessed) = guess.start()?.finish()?;
    // Led to this very machine by a code, it says so, and does not go there.
    let led = PeerCommand::new("receive")?
        .into_folder(&folder)
        .args(["--yes", "417-acid-lemon@127.0.0.1:9"]);
    let (_, led) = led.start()?.finish()?;
    let failed = last(&led, "failed").context("no failure")?;
    assert_eq!(failed["kind"], "server-refused");
    let receiver = PeerCommand::receive(&rendezvous, &code, &folder)?.start()?;
    let (_, received) = receiver.finish()?;
    let (_, sent) = sender.finish()?;
    let seconds = started.elapsed().as_secs_f64();
    let mut seen = check(&guessed, seconds);
    seen.extend(check(&led, seconds));
    seen.extend(check(&received, seconds));
    seen.extend(check(&sent, seconds));
    let mut events = documented()?.events;
    // They take a link that is lost, a person at a window, or a folder that cannot hold every name, or every time.
    for event in [
        "interrupted",
        "paused",
        "resumed",
        "renamed",
        "unnamed",
        "warning",
    ] {
        events.remove(event);
    }
    let all: BTreeSet<String> = events.into_keys().collect();
    assert_eq!(seen, all, "an event of the README did not come");
    Ok(())
}
