//! Layers of NAT, one LAN, and other arrangements that homes come in.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Result;

use crate::cell::{Cell, run};
use crate::lab::{
    CarrierAddresses, CarrierPlan, GatewayPlan, Hairpin, HomePlan, Line, Nat, Plan, Protocols,
    Rules, WanInput,
};
use crate::matrix::LOOSENESS;
use crate::report::{Row, tallies};

/// Rounds of twenty that must succeed where luck has a part.
const LUCKY: usize = 19;

/// An arrangement, and what is to come of it.
struct Meeting {
    cell: Cell,
    /// By which rungs.
    by: &'static [&'static str],
    /// How many rounds of twenty, at least.
    of_twenty: usize,
}

impl Meeting {
    /// One that comes about always.
    fn always(name: &str, plan: Plan, by: &'static [&'static str]) -> Self {
        Self {
            cell: Cell {
                names: vec![name.to_owned()],
                plan,
                arguments: &[],
            },
            by,
            of_twenty: 20,
        }
    }

    /// One that takes luck.
    fn mostly(name: &str, plan: Plan, by: &'static [&'static str], of_twenty: usize) -> Self {
        Self {
            of_twenty,
            ..Self::always(name, plan, by)
        }
    }
}

fn homes(homes: impl Into<Vec<HomePlan>>) -> Plan {
    Plan {
        homes: homes.into(),
        ..Plan::default()
    }
}

fn with_carriers(carriers: impl Into<Vec<CarrierPlan>>, all: impl Into<Vec<HomePlan>>) -> Plan {
    Plan {
        carriers: carriers.into(),
        ..homes(all)
    }
}

fn carrier(nat: Nat, hairpin: Hairpin, addresses: CarrierAddresses) -> CarrierPlan {
    CarrierPlan {
        rules: Rules {
            hairpin,
            ..Rules::of(nat)
        },
        addresses,
    }
}

/// Runs arrangements side by side, and holds them to what they promise.
fn check(section: &str, meetings: &[Meeting]) -> Result<Option<Vec<Row>>> {
    let cells: Vec<Cell> = meetings
        .iter()
        .map(|meeting| meeting.cell.clone())
        .collect();
    let Some(results) = run(&cells)? else {
        return Ok(None);
    };
    tallies(section, &["arrangement"], &results)?;
    for (row, meeting) in results.iter().zip(meetings) {
        let tally = &row.tally;
        let enough = tally.connected() * 20 >= tally.rounds() * meeting.of_twenty;
        assert!(enough, "{row:?}");
        let met: usize = meeting.by.iter().map(|rung| tally.by_rung(rung)).sum();
        assert_eq!(met, tally.connected(), "by {:?}: {row:?}", meeting.by);
    }
    Ok(Some(results))
}

#[test]
fn homes_behind_carriers_meet() -> Result<()> {
    let shared = |nat| carrier(nat, Hairpin::Missing, CarrierAddresses::Shared);
    let restricted = shared(Nat::PortRestricted);
    let home = HomePlan::behind(Nat::PortRestricted);
    let open = home.with_gateway(Protocols::ALL);
    // The address that this gateway would map a port of is nobody's.
    let mut lying = open;
    lying.router.gateway = Some(GatewayPlan {
        protocols: Protocols::ALL,
        claims: Some(Ipv4Addr::new(11, 0, 77, 2)),
    });
    let meetings = [
        Meeting::always(
            "two layers at the sender, one at the receiver",
            with_carriers([restricted], [home.behind_carrier(0), home]),
            &["punched"],
        ),
        Meeting::always(
            "two layers on both sides",
            with_carriers(
                [restricted, shared(Nat::AddressRestricted)],
                [home.behind_carrier(0), home.behind_carrier(1)],
            ),
            &["punched"],
        ),
        Meeting::always(
            "carrier with a block of ports, receiver filters by address",
            with_carriers(
                [shared(Nat::SymmetricBlock)],
                [
                    home.behind_carrier(0),
                    HomePlan::behind(Nat::AddressRestricted),
                ],
            ),
            &["punched"],
        ),
        Meeting::always(
            "gateway behind a carrier, which knows that it is",
            with_carriers([restricted], [open.behind_carrier(0), home]),
            &["punched"],
        ),
        Meeting::always(
            "gateway behind a carrier, which claims an address that is nobody's",
            with_carriers([restricted], [lying.behind_carrier(0), home]),
            &["punched"],
        ),
    ];
    check("3d. Two layers of NAT", &meetings)?;
    Ok(())
}

#[test]
fn homes_behind_one_carrier_meet() -> Result<()> {
    let home = HomePlan::behind(Nat::PortRestricted).behind_carrier(0);
    let open = home.with_gateway(Protocols::ALL);
    let shared = CarrierAddresses::Shared;
    let turning = carrier(Nat::PortRestricted, Hairpin::Works, shared);
    // A gateway maps ports of addresses like these, and so the neighbour's is heard of.
    let squatted = CarrierAddresses::Squatted;
    let not_turning = carrier(Nat::PortRestricted, Hairpin::Missing, squatted);
    let meetings = [
        Meeting::always(
            "one carrier, hairpin",
            with_carriers([turning], [home, home]),
            &["punched"],
        ),
        Meeting::always(
            "one carrier, no hairpin, a gateway at the sender",
            with_carriers([not_turning], [open, home]),
            &["mapped"],
        ),
        Meeting::always(
            "one carrier, no hairpin, a gateway at the receiver",
            with_carriers([not_turning], [home, open]),
            &["mapped"],
        ),
    ];
    check("3e. Two homes behind one carrier", &meetings)?;
    Ok(())
}

#[test]
fn machines_of_one_lan_meet_there() -> Result<()> {
    let mut home = HomePlan::behind(Nat::PortRestricted);
    home.hosts = 2;
    let mut turning = home;
    turning.router.rules.hairpin = Hairpin::Works;
    let meetings = [
        Meeting::always("one LAN, hairpin", homes([turning]), &["local"]),
        Meeting::always("one LAN, no hairpin", homes([home]), &["local"]),
    ];
    check("3f. Two machines of one LAN", &meetings)?;
    Ok(())
}

#[test]
fn awkward_homes_meet() -> Result<()> {
    let home = HomePlan::behind(Nat::PortRestricted);
    // Both machines are 192.168.1.10, and so is the address that each tells the other.
    let mut alike = home;
    alike.lan = Some(1);
    let accepting = HomePlan::with(Rules {
        wan_input: WanInput::Accepted,
        ..Rules::of(Nat::PortRestricted)
    });
    let meetings = [
        Meeting::always(
            "the same addresses in both homes",
            homes([alike, alike]),
            &["punched"],
        ),
        Meeting::always(
            "receiver's router takes in what comes to it, sender filters by address",
            homes([HomePlan::behind(Nat::AddressRestricted), accepting]),
            &["punched"],
        ),
        // Whoever's probe comes first to such a router moves its mapping, out of reach of one that
        // filters by port: luck, and many ports where there is time for them. What is asserted is
        // that each round comes to an end, and that whatever connects is intact.
        Meeting::mostly(
            "receiver's router takes in what comes to it, sender filters by port",
            homes([home, accepting]),
            &["punched", "many-port"],
            0,
        ),
    ];
    check("3g. Awkward homes", &meetings)?;
    Ok(())
}

#[test]
fn predictable_ports_are_predicted() -> Result<()> {
    let restricted = HomePlan::behind(Nat::PortRestricted);
    let sequential = HomePlan::behind(Nat::SymmetricSequential);
    let block = HomePlan::behind(Nat::SymmetricBlock);
    let by_prediction = |name, one, other| Meeting::always(name, homes([one, other]), &["punched"]);
    let mostly = |name, one, other| {
        Meeting::mostly(name, homes([one, other]), &["punched", "many-port"], LUCKY)
    };
    let meetings = [
        by_prediction("sequential at the sender", sequential, restricted),
        by_prediction("sequential at the receiver", restricted, sequential),
        mostly("a block of 1024 at the sender", block, restricted),
        mostly("a block of 1024 at the receiver", restricted, block),
    ];
    let section = "2. Symmetric NATs with predictable ports against one that filters by port";
    let Some(results) = check(section, &meetings)? else {
        return Ok(());
    };
    for row in &results[..2] {
        let soon = row.tally.within(Duration::from_secs(1) * LOOSENESS);
        assert!(soon * 20 >= row.tally.rounds() * LUCKY, "{row:?}");
    }
    Ok(())
}

#[test]
fn cones_meet_over_a_line_that_loses() -> Result<()> {
    let cones = Nat::MATRIX.into_iter().filter(|nat| nat.is_cone());
    let meetings: Vec<Meeting> = (1..)
        .zip(cones)
        .map(|(seed, nat)| {
            let line = Line {
                loss: 0.05,
                seed,
                ..Line::default()
            };
            let plan = Plan {
                line,
                ..homes([HomePlan::behind(nat), HomePlan::behind(nat)])
            };
            Meeting::always(nat.name(), plan, &["punched"])
        })
        .collect();
    let section = "4. Cones on both sides, 5 % of the packets lost each way";
    let Some(results) = check(section, &meetings)? else {
        return Ok(());
    };
    for row in &results {
        let limit = Duration::from_millis(1500) * LOOSENESS;
        assert!(
            row.tally.within(limit) * 20 >= row.tally.rounds() * LUCKY,
            "{row:?}"
        );
    }
    Ok(())
}
