//! Every kind of NAT against every other: which pairs meet, how, and how soon.

use std::time::Duration;

use anyhow::Result;

use crate::cell::{Cell, run};
use crate::lab::{HomePlan, Line, Nat, Plan};
use crate::report::{Row, tallies};

/// Wall clocks of shared machines are asserted this much more loosely than the figures aimed at; the
/// figures themselves are in the tables.
pub(crate) const LOOSENESS: u32 = 10;

/// What may be expected of a pair without any help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Always, by hole punching.
    Punched,
    /// By trying many ports: nineteen times of twenty.
    ManyPort,
    /// Never: both map per destination.
    Nothing,
}

fn expected(one: Nat, other: Nat) -> Expected {
    let hard = |nat: Nat| !nat.is_cone();
    let restricted = |nat: Nat| matches!(nat, Nat::PortRestricted | Nat::PortRestrictedMoving);
    if hard(one) && hard(other) {
        Expected::Nothing
    } else if (hard(one) && restricted(other)) || (restricted(one) && hard(other)) {
        Expected::ManyPort
    } else {
        Expected::Punched
    }
}

fn cell(one: Nat, other: Nat, line: Line) -> Cell {
    Cell {
        names: vec![one.name().to_owned(), other.name().to_owned()],
        plan: Plan {
            line,
            homes: vec![HomePlan::behind(one), HomePlan::behind(other)],
            ..Plan::default()
        },
        arguments: &["--no-ipv6"],
    }
}

#[track_caller]
fn check(row: &Row, one: Nat, other: Nat) {
    let Row { names, tally } = row;
    let (connected, rounds) = (tally.connected(), tally.rounds());
    match expected(one, other) {
        Expected::Punched => {
            assert_eq!(connected, rounds, "{names:?}: {tally:?}");
            assert_eq!(tally.by_rung("punched"), rounds, "{names:?}: {tally:?}");
            if one.is_cone() && other.is_cone() {
                // Three round trips and 150 ms from both ready to an encrypted connection.
                let limit = Duration::from_millis(450) * LOOSENESS;
                assert_eq!(tally.within(limit), rounds, "{names:?}: {tally:?}");
            }
        }
        Expected::ManyPort => {
            assert!(connected * 20 >= rounds * 19, "{names:?}: {tally:?}");
            let limit = Duration::from_secs(3) * LOOSENESS;
            assert!(
                tally.within(limit) * 20 >= rounds * 19,
                "{names:?}: {tally:?}"
            );
        }
        Expected::Nothing => assert_eq!(connected, 0, "{names:?}: {tally:?}"),
    }
}

#[test]
fn every_pair_meets_that_can() -> Result<()> {
    let pairs: Vec<(Nat, Nat)> = Nat::MATRIX
        .into_iter()
        .flat_map(|one| Nat::MATRIX.map(|other| (one, other)))
        .collect();
    let cells: Vec<Cell> = pairs
        .iter()
        .map(|(one, other)| cell(*one, *other, Line::default()))
        .collect();
    let Some(results) = run(&cells)? else {
        return Ok(());
    };
    tallies(
        "1. No help: IPv4, no port mapping, 100 ms",
        &["sender", "receiver"],
        &results,
    )?;
    for (row, (one, other)) in results.iter().zip(pairs) {
        check(row, one, other);
    }
    Ok(())
}
