//! NATs that forget: a transfer goes on by itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fardrop_tests::peer::{Account, Peer};
use serde_json::Value;

use crate::cell::pair;
use crate::lab::{HomePlan, Lab, Nat, Plan, Rules};
use crate::matrix::LOOSENESS;
use crate::report::table;
use crate::round::{Running, Transport, Turn, file, long_rounds, small_file};

/// Bytes that cross while the NATs rebind.
const BYTES: usize = 200_000_000;

/// Rebindings in one transfer, evenly spread.
const REBINDINGS: u64 = 3;

/// How long a transfer may stand still after a rebinding, at 100 ms.
const BOUND: Duration = Duration::from_secs(2);

/// How long the mappings live, and how long the person thinks.
const MAPPING_SECONDS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(20);

/// How long a machine sleeps.
const SLEEP: Duration = Duration::from_secs(60);

/// Memory that either program may take, in bytes: half of it is for the link.
const MOST_MEMORY: u64 = 64 << 20;

/// How long each third of a transfer may take on a machine that is busy otherwise; a third takes some
/// seconds. Longer, and a path that is never mended would hold up everything else.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whose router rebinds.
#[derive(Debug, Clone, Copy)]
enum Side {
    Sender,
    Receiver,
}

impl Side {
    const ALL: [Self; 2] = [Self::Sender, Self::Receiver];

    /// What it is called in tables.
    const fn name(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }
}

/// What became of transfers that were disturbed.
#[derive(Debug, Default)]
struct Recovered {
    /// The longest that the receiver's bytes stood still after each disturbance.
    stalls: Vec<Duration>,
    /// Times that the receiver said that it was interrupted.
    interrupted: usize,
}

/// Heads of what [`Recovered::cells`] gives.
const STALLS: &str = "stood still, ms (median / longest of so many)";
const INTERRUPTIONS: &str = "interruptions told";

impl Recovered {
    /// Holds it to the bound, the disturbance itself left out.
    #[track_caller]
    fn check(&self, disturbance: Duration, case: &str) {
        for stall in &self.stalls {
            let after = stall.saturating_sub(disturbance);
            assert!(after <= BOUND * LOOSENESS, "{case}: {self:?}");
        }
    }

    /// A row of a table: these names, and [`Self::cells`].
    fn row(&self, names: &[&str], disturbance: Duration) -> Vec<String> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        [names, self.cells(disturbance)].concat()
    }

    /// What it comes to in a table; what the disturbance itself takes is left out.
    fn cells(&self, disturbance: Duration) -> Vec<String> {
        let mut stalls: Vec<u128> = self
            .stalls
            .iter()
            .map(|stall| stall.saturating_sub(disturbance).as_millis())
            .collect();
        stalls.sort_unstable();
        let [median, longest] = [stalls.len() / 2, stalls.len().saturating_sub(1)]
            .map(|index| stalls.get(index).copied().unwrap_or_default());
        vec![
            format!("{median} / {longest} of {}", stalls.len()),
            self.interrupted.to_string(),
        ]
    }
}

/// One transfer after the other. `None` where there can be no lab.
fn all_rounds(mut round: impl FnMut() -> Result<Option<Recovered>>) -> Result<Option<Recovered>> {
    let mut all = Recovered::default();
    for _ in 0..long_rounds() {
        let Some(one) = round()? else {
            return Ok(None);
        };
        all.stalls.extend(one.stalls);
        all.interrupted += one.interrupted;
    }
    Ok(Some(all))
}

#[test]
fn transfer_goes_on_after_rebindings_at_either_side() -> Result<()> {
    let mut rows = Vec::new();
    for (index, nat) in Nat::MATRIX.into_iter().enumerate() {
        // Against a symmetric NAT one that filters by port would need luck each time.
        let other = if nat.is_cone() {
            Nat::PortRestricted
        } else {
            Nat::AddressRestricted
        };
        for (number, side) in Side::ALL.into_iter().enumerate() {
            for transport in Transport::of_case(index + number) {
                let case = format!("{nat:?} at {side:?} over {transport:?}");
                let all = all_rounds(|| rebind(nat, other, side, transport));
                let Some(recovered) = all.with_context(|| case.clone())? else {
                    return Ok(());
                };
                recovered.check(Duration::ZERO, &case);
                let names = [nat.name(), side.name(), other.name(), transport.name()];
                rows.push(recovered.row(&names, Duration::ZERO));
            }
        }
    }
    let heads = [
        "NAT that rebinds",
        "of the",
        "other NAT",
        "link",
        STALLS,
        INTERRUPTIONS,
    ];
    let section = "6b. Three rebindings in a transfer of 200 MB, 100 ms";
    table(section, heads.map(ToOwned::to_owned).to_vec(), rows)
}

fn rebind(nat: Nat, other: Nat, side: Side, transport: Transport) -> Result<Option<Recovered>> {
    let _turn = Turn::alone();
    let (rebinding, steady) = (HomePlan::behind(nat), HomePlan::behind(other));
    let (index, homes) = match side {
        Side::Sender => (0, vec![rebinding, steady]),
        Side::Receiver => (1, vec![steady, rebinding]),
    };
    let test = "transfer_goes_on_after_rebindings_at_either_side";
    disturb(test, homes, transport, REBINDINGS, |lab, _| {
        lab.homes[index].router.rebind()
    })
}

/// A transfer of `BYTES` between two homes, disturbed so many times, evenly spread. Both ends have to
/// end well by themselves, with everything there, over the link that was asked for. `None` where there
/// can be no lab.
fn disturb(
    test: &str,
    homes: Vec<HomePlan>,
    transport: Transport,
    times: u64,
    mut disturbance: impl FnMut(&mut Lab, &mut Running) -> Result<()>,
) -> Result<Option<Recovered>> {
    let plan = Plan {
        homes,
        ..Plan::default()
    };
    let Some(mut lab) = Lab::build(test, &plan)? else {
        return Ok(None);
    };
    let folder = tempfile::tempdir()?;
    let source = file(folder.path(), BYTES)?;
    let arrived = folder.path().join("arrived");
    std::fs::create_dir(&arrived)?;
    let mut running = pair(&lab, transport.arguments()).start(&source, &arrived)?;
    running.receiver.be_patient(PATIENCE);
    running.sender.be_patient(PATIENCE);
    let mut disturbed = Vec::new();
    for number in 1..=times {
        let share = BYTES as u64 / (times + 1) * number;
        wait_for_bytes(&mut running.receiver, share)
            .with_context(|| format!("before number {number}"))?;
        for peer in [&running.sender, &running.receiver] {
            let memory = peer.peak_memory()?;
            ensure!(
                memory <= MOST_MEMORY,
                "{memory} bytes before number {number}"
            );
        }
        disturbed.push(Instant::now());
        disturbance(&mut lab, &mut running)?;
    }
    let receiver = running.receiver.account()?;
    ensure!(
        receiver.exit == Some(0),
        "receiver: {:?}",
        last_few(&receiver)
    );
    let sender = running.sender.account()?;
    ensure!(sender.exit == Some(0), "sender: {:?}", last_few(&sender));
    for account in [&receiver, &sender] {
        let done = account.last("done").context("it is done")?;
        ensure!(done["link"] == transport.word(), "{done}");
    }
    let name = source.file_name().context("a file's name")?;
    let same = std::fs::read(arrived.join(name))? == std::fs::read(&source)?;
    ensure!(same, "what arrived is not what was sent");
    lab.close()?;
    Ok(Some(Recovered {
        stalls: stalls(&receiver, &disturbed),
        interrupted: interruptions(&receiver),
    }))
}

#[test]
fn laptop_may_move_from_cable_to_wifi() -> Result<()> {
    let _turn = Turn::alone();
    let home = HomePlan::behind(Nat::PortRestricted);
    let test = "laptop_may_move_from_cable_to_wifi";
    let mut rows = Vec::new();
    for (index, side) in Side::ALL.into_iter().enumerate() {
        for transport in Transport::of_case(index) {
            let case = format!("{side:?} over {transport:?}");
            let moved = all_rounds(|| {
                disturb(test, vec![home, home], transport, 1, |lab, _| {
                    lab.homes[index].move_to_wifi(0)
                })
            });
            let Some(recovered) = moved.with_context(|| case.clone())? else {
                return Ok(());
            };
            recovered.check(Duration::ZERO, &case);
            let names = [side.name(), transport.name()];
            rows.push(recovered.row(&names, Duration::ZERO));
        }
    }
    let heads = ["who moves", "link", STALLS, INTERRUPTIONS];
    let section = "6c. From cable to Wi-Fi in the middle of 200 MB";
    table(section, heads.map(ToOwned::to_owned).to_vec(), rows)
}

#[test]
fn machine_may_sleep_for_a_minute() -> Result<()> {
    let _turn = Turn::wait();
    let home = HomePlan::with(Rules {
        mapping_seconds: Some(MAPPING_SECONDS),
        ..Rules::of(Nat::PortRestricted)
    });
    let test = "machine_may_sleep_for_a_minute";
    let mut rows = Vec::new();
    // Mostly asleep, so that both links cost the tier little time.
    for transport in Transport::ALL {
        let slept = all_rounds(|| {
            disturb(test, vec![home, home], transport, 1, |_, running| {
                running.receiver.freeze()?;
                // What the sender says meanwhile is of no matter; that the other sleeps is the test.
                running.sender.run_until(SLEEP);
                running.receiver.wake()
            })
        });
        let Some(recovered) = slept.with_context(|| transport.name())? else {
            return Ok(());
        };
        recovered.check(SLEEP, transport.name());
        rows.push(recovered.row(&[transport.name()], SLEEP));
    }
    let heads = ["link", STALLS, INTERRUPTIONS];
    let section =
        "6d. A receiver that sleeps for a minute in the middle of 200 MB (the minute left out)";
    table(section, heads.map(ToOwned::to_owned).to_vec(), rows)
}

/// How often it was said that the path was lost.
fn interruptions(account: &Account) -> usize {
    let events = account.events.iter();
    events
        .filter(|event| event["event"] == "interrupted")
        .count()
}

/// How it ended: everything else is progress.
fn last_few(account: &Account) -> &[Value] {
    let events = &account.events;
    &events[events.len().saturating_sub(8)..]
}

fn wait_for_bytes(receiver: &mut Peer, bytes: u64) -> Result<()> {
    let enough = |event: &Value| event["bytes"].as_u64().is_some_and(|got| got >= bytes);
    receiver.event_where("progress", enough)?;
    Ok(())
}

/// How long the bytes stood still at most after each rebinding, until the next one or the end. What was
/// on its way when it happened still arrives, so the next progress alone says nothing.
fn stalls(receiver: &Account, rebound: &[Instant]) -> Vec<Duration> {
    let mut grew = Vec::new();
    let mut most = 0;
    for (event, at) in receiver.events.iter().zip(&receiver.times) {
        let got = match event["event"].as_str() {
            Some("progress") => event["bytes"].as_u64().unwrap_or(0),
            Some("done") => u64::MAX,
            Some(_) | None => 0,
        };
        if got > most {
            most = got;
            grew.push(*at);
        }
    }
    let ends = rebound.iter().skip(1).map(|next| Some(*next)).chain([None]);
    let stall = |(from, until): (&Instant, Option<Instant>)| {
        let within = |at: &&Instant| **at > *from && until.is_none_or(|until| **at <= until);
        let mut last = *from;
        let mut longest = Duration::ZERO;
        for at in grew.iter().filter(within).copied().chain(until) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    };
    rebound.iter().zip(ends).map(stall).collect()
}

#[test]
fn person_may_think_longer_than_a_mapping_lives() -> Result<()> {
    let pairs = [
        (Nat::PortRestricted, Nat::PortRestrictedMoving),
        (Nat::AddressRestricted, Nat::SymmetricRandom),
    ];
    let mut rows = Vec::new();
    for (one, other) in pairs {
        let _turn = Turn::wait();
        let home = |nat| {
            HomePlan::with(Rules {
                mapping_seconds: Some(MAPPING_SECONDS),
                ..Rules::of(nat)
            })
        };
        let plan = Plan {
            homes: vec![home(one), home(other)],
            ..Plan::default()
        };
        let Some(lab) = Lab::build("person_may_think_longer_than_a_mapping_lives", &plan)? else {
            return Ok(());
        };
        let mut all = Recovered::default();
        for _ in 0..long_rounds() {
            lab.forget()?;
            let (time, interrupted) = think(&lab).with_context(|| format!("{one:?} {other:?}"))?;
            all.stalls.push(time);
            all.interrupted += interrupted;
        }
        lab.close()?;
        let names = [one, other].map(|nat| nat.name().to_owned());
        rows.push([names.to_vec(), all.cells(Duration::ZERO)].concat());
    }
    let times = "answer to done, ms (median / longest of so many)";
    let heads = ["sender", "receiver", times, INTERRUPTIONS];
    let section = "6a. Mappings that live 5 s, a receiver who thinks for 20 s";
    table(section, heads.map(ToOwned::to_owned).to_vec(), rows)
}

/// A transfer whose receiver lets the sender wait: how long it took from the answer on, and how often the
/// receiver said that it was interrupted.
fn think(lab: &Lab) -> Result<(Duration, usize)> {
    let folder = tempfile::tempdir()?;
    let source = small_file(folder.path())?;
    let pair = pair(lab, &[]);
    let mut sender = pair.send(&source)?.within(pair.sender).start()?;
    let code = sender.code()?;
    let arrived = folder.path().join("arrived");
    std::fs::create_dir(&arrived)?;
    let command = pair.receive(&code, &arrived)?.within(pair.receiver);
    let mut receiver = command.start_at_terminal()?;
    receiver.event("offer")?;
    // The person is away; it is the silence that is tested.
    receiver.run_until(PAUSE);
    let answered = Instant::now();
    receiver.answer("y")?;
    let received = receiver.account()?;
    ensure!(received.exit == Some(0), "{:?}", received.events);
    let sent = sender.account()?;
    ensure!(sent.exit == Some(0), "{:?}", sent.events);
    let done = received.first_at("done").context("it is done")?;
    Ok((
        done.saturating_duration_since(answered),
        interruptions(&received),
    ))
}
