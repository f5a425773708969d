//! What trying the DHT has shown, as one JSON object. The README documents it; it is a contract.

use std::time::Duration;

use fardrop_shared::dht::{Outside, Report, Try};
use serde::Serialize;

use super::doctor_json::{AddressPart, address};
use super::json::rounded;
use crate::text::{self, Disclosure};

/// The object; the fields are serialised in this order.
#[derive(Serialize)]
pub(super) struct FarLine {
    event: &'static str,
    verdict: &'static str,
    message: &'static str,
    entrances: EntrancesPart,
    remembered: usize,
    known: usize,
    median: TimesPart,
    tries: Vec<TryPart>,
    outside: Vec<OutsidePart>,
}

#[derive(Serialize)]
struct EntrancesPart {
    named: usize,
    unresolved: usize,
}

#[derive(Serialize)]
struct TimesPart {
    bootstrap_ms: Option<f64>,
    put_ms: Option<f64>,
    get_ms: Option<f64>,
}

#[derive(Serialize)]
struct TryPart {
    #[serde(flatten)]
    times: TimesPart,
    answered: usize,
    stored: usize,
    found: bool,
}

#[derive(Serialize)]
struct OutsidePart {
    #[serde(flatten)]
    address: AddressPart,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    votes: usize,
    voters: usize,
}

impl FarLine {
    /// With addresses, or without.
    pub(super) fn new(report: &Report, disclosure: Disclosure) -> Self {
        let verdict = report.verdict();
        Self {
            event: "far",
            verdict: verdict.name(),
            message: text::far_verdict(verdict),
            entrances: EntrancesPart {
                named: report.names,
                unresolved: report.unresolved,
            },
            remembered: report.remembered,
            known: report.known,
            median: TimesPart {
                bootstrap_ms: report.median(Try::entered).map(milliseconds),
                put_ms: report.median(Try::put).map(milliseconds),
                get_ms: report.median(|each| each.got).map(milliseconds),
            },
            tries: report.tries.iter().map(each).collect(),
            outside: report
                .outside
                .iter()
                .map(|seen| outside(seen, disclosure))
                .collect(),
        }
    }
}

fn each(each: &Try) -> TryPart {
    TryPart {
        times: TimesPart {
            bootstrap_ms: each.entered().map(milliseconds),
            put_ms: each.put().map(milliseconds),
            get_ms: each.got.map(milliseconds),
        },
        answered: each.answered,
        stored: each.stored,
        found: each.got.is_some(),
    }
}

fn outside(seen: &Outside, disclosure: Disclosure) -> OutsidePart {
    OutsidePart {
        address: address(seen.address.ip(), disclosure),
        port: match disclosure {
            Disclosure::Shown => Some(seen.address.port()),
            Disclosure::Hidden => None,
        },
        votes: seen.votes,
        voters: seen.voters,
    }
}

fn milliseconds(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0, 10.0)
}
