//! Help from the router or from IPv6: then every pair meets.

use std::time::Duration;

use anyhow::{Context, Result};
use fardrop_tests::peer::{PeerCommand, last};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::cell::{Cell, pair, run};
use crate::lab::{HomePlan, Lab, Nat, Plan, Protocols};
use crate::report::tallies;
use crate::round::{Turn, small_file};

/// When programs are stopped, counted from their start: until some time after their router has opened
/// the port in every protocol.
const MOMENTS_MS: std::ops::Range<u64> = 0..1500;

/// How many of them there are, half for a sender and half for a receiver.
const MOMENTS: usize = 16;

fn cell(names: &[&str], homes: [HomePlan; 2]) -> Cell {
    Cell {
        names: names.iter().map(ToString::to_string).collect(),
        plan: Plan {
            homes: homes.to_vec(),
            ..Plan::default()
        },
        arguments: &[],
    }
}

#[test]
fn gateway_at_one_side_makes_every_pair_meet() -> Result<()> {
    let mut cells = Vec::new();
    for one in Nat::MATRIX {
        for other in Nat::MATRIX {
            let sender = HomePlan::behind(one).with_gateway(Protocols::ALL);
            let homes = [sender, HomePlan::behind(other)];
            cells.push(cell(&[one.name(), other.name()], homes));
        }
    }
    let Some(results) = run(&cells)? else {
        return Ok(());
    };
    let of = ["sender, with a gateway", "receiver"];
    tallies(
        "3a. A gateway with UPnP, NAT-PMP and PCP at the sender",
        &of,
        &results,
    )?;
    for row in &results {
        let tally = &row.tally;
        assert_eq!(tally.connected(), tally.rounds(), "{row:?}");
        // Where punching works as well, whichever is there first may win.
        let known = tally.by_rung("mapped") + tally.by_rung("punched");
        assert_eq!(known, tally.rounds(), "{row:?}");
    }
    Ok(())
}

#[test]
fn each_protocol_alone_helps_two_symmetric_nats() -> Result<()> {
    let protocols = [
        ("UPnP", Protocols::UPNP),
        ("NAT-PMP", Protocols::NAT_PMP),
        ("PCP", Protocols::PCP),
    ];
    let hard = HomePlan::behind(Nat::SymmetricRandom);
    let mut cells = Vec::new();
    for (name, protocols) in protocols {
        let open = hard.with_gateway(protocols);
        cells.push(cell(&[name, "sender"], [open, hard]));
        cells.push(cell(&[name, "receiver"], [hard, open]));
    }
    let Some(results) = run(&cells)? else {
        return Ok(());
    };
    tallies(
        "3b. One protocol alone, symmetric NATs on both sides",
        &["protocol", "at the"],
        &results,
    )?;
    for row in &results {
        assert_eq!(row.tally.by_rung("mapped"), row.tally.rounds(), "{row:?}");
    }
    Ok(())
}

#[test]
fn ipv6_makes_every_pair_meet() -> Result<()> {
    let home = |nat| HomePlan::behind(nat).with_ipv6();
    let mut cells = Vec::new();
    for one in Nat::MATRIX {
        for other in Nat::MATRIX {
            cells.push(cell(&[one.name(), other.name()], [home(one), home(other)]));
        }
    }
    let Some(results) = run(&cells)? else {
        return Ok(());
    };
    tallies(
        "3c. IPv6 with a firewall on both sides",
        &["sender", "receiver"],
        &results,
    )?;
    for row in &results {
        let tally = &row.tally;
        assert_eq!(tally.connected(), tally.rounds(), "{row:?}");
        // A better kind of path is waited for a few milliseconds only, which a busy machine may sleep over.
        assert!(tally.by_rung("ipv6") + 1 >= tally.rounds(), "{row:?}");
    }
    Ok(())
}

#[test]
fn share_with_a_server_of_its_own_is_found_through_a_mapped_port() -> Result<()> {
    let _turn = Turn::wait();
    let open = HomePlan::behind(Nat::PortRestricted).with_gateway(Protocols::ALL);
    let plan = Plan {
        homes: vec![open, HomePlan::behind(Nat::SymmetricRandom)],
        ..Plan::default()
    };
    let test = "share_with_a_server_of_its_own_is_found_through_a_mapped_port";
    let Some(lab) = Lab::build(test, &plan)? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let send = PeerCommand::new("send")?.arg(&file).arg("--once");
    let mut sender = send.within(lab.host(0)).start()?;
    let outside = format!("@{}:", lab.homes[0].router.outside());
    let told = |event: &Value| {
        event["uri"]
            .as_str()
            .is_some_and(|uri| uri.contains(&outside))
    };
    let code = sender.event_where("code", told)?;
    let link = code["uri"].as_str().context("a link")?;
    let arrived = folder.path().join("arrived");
    let receive = PeerCommand::new("receive")?.into_folder(&arrived);
    let receive = receive
        .arg(link)
        .args(["--yes", "--allow-programs"])
        .within(lab.host(1));
    let received = receive.start()?.account()?;
    assert_eq!(received.exit, Some(0), "{:?}", received.events);
    let path = received.last("path").context("a path")?;
    assert_eq!(path["kind"].as_str(), Some("mapped"), "{path}");
    assert_eq!(sender.account()?.exit, Some(0));
    assert_eq!(lab.homes[0].router.mapped_ports()?, 0);
    lab.close()
}

#[test]
fn no_mapping_is_left_after_ctrl_c() -> Result<()> {
    let _turn = Turn::wait();
    let hard = HomePlan::behind(Nat::SymmetricRandom);
    let plan = Plan {
        homes: vec![hard.with_gateway(Protocols::ALL), hard],
        ..Plan::default()
    };
    let Some(lab) = Lab::build("no_mapping_is_left_after_ctrl_c", &plan)? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let pair = pair(&lab, &[]);
    let mut sender = pair.send(&file)?.within(pair.sender).start()?;
    let code = sender.code()?;
    let command = pair.receive(&code, folder.path())?.within(pair.receiver);
    let mut receiver = command.start_at_terminal()?;
    // The person there never answers.
    receiver.event("offer")?;
    assert!(lab.homes[0].router.mapped_ports()? > 0);
    sender.interrupt()?;
    let (exit, events) = sender.finish()?;
    assert_eq!(exit, Some(130), "{events:?}");
    let (_, events) = receiver.finish()?;
    let failed = last(&events, "failed").map(|event| &event["kind"]);
    assert_eq!(
        failed.and_then(|kind| kind.as_str()),
        Some("cancelled-by-peer"),
        "{events:?}"
    );
    assert_eq!(lab.homes[0].router.mapped_ports()?, 0);
    lab.close()
}

#[test]
fn no_mapping_is_left_whenever_a_program_is_stopped() -> Result<()> {
    const SEED: u64 = 3;
    let _turn = Turn::wait();
    let open = HomePlan::behind(Nat::PortRestricted);
    let plan = Plan {
        homes: vec![open.with_gateway(Protocols::ALL), open],
        ..Plan::default()
    };
    let test = "no_mapping_is_left_whenever_a_program_is_stopped";
    let Some(lab) = Lab::build(test, &plan)? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let send = || PeerCommand::send(&lab.rendezvous, &file);
    let mut other = send()?.within(lab.host(1)).start()?;
    let code = other.code()?;
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for number in 0..MOMENTS {
        let command = if number < MOMENTS / 2 {
            send()?
        } else {
            PeerCommand::receive(&lab.rendezvous, &code, tempfile::tempdir()?.path())?
        };
        let command = command.args(["--reconnect", "60"]);
        let moment = Duration::from_millis(random.gen_range(MOMENTS_MS));
        let mut stopped = command.within(lab.host(0)).start()?;
        stopped.run_until(moment);
        // A receiver may have ended by itself; it is waited for all the same.
        if number % 2 == 0 {
            stopped.interrupt()?;
        } else {
            stopped.terminate()?;
        }
        let (exit, events) = stopped.finish()?;
        let left = lab.homes[0].router.mapped_ports()?;
        assert_eq!(
            left, 0,
            "seed {SEED}, number {number}, {moment:?}: {exit:?}, {events:?}"
        );
    }
    drop(other);
    lab.close()
}

#[test]
fn no_port_mapping_asks_no_gateway() -> Result<()> {
    let _turn = Turn::wait();
    let hard = HomePlan::behind(Nat::SymmetricRandom);
    let plan = Plan {
        homes: vec![hard.with_gateway(Protocols::ALL), hard],
        ..Plan::default()
    };
    let Some(lab) = Lab::build("no_port_mapping_asks_no_gateway", &plan)? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let file = small_file(folder.path())?;
    let round = pair(&lab, &["--no-port-mapping"]).run(&file)?;
    assert_eq!(round.failure(), Some("both-nats-symmetric"), "{round:?}");
    lab.close()
}
