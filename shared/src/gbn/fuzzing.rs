//! Ways past the seals, for fuzzing: what an authenticated peer could say.

use std::collections::VecDeque;
use std::time::Instant;

use super::ranges::{Account, Run};
use super::segment::{self, Head, decode};
use super::{Codepoint, Connection, Handled};
use crate::limits::GBN_MOST_MTU;

/// Decodes the body of a segment. What was understood, said again and decoded again, is the same.
///
/// # Panics
/// Where it is not.
pub fn decode_segment(packet_number: u64, body: &[u8]) {
    let Some(first) = decode(packet_number, body) else {
        return;
    };
    let runs: VecDeque<Run> = first.acknowledgement.iter().flat_map(downward).collect();
    let runs: VecDeque<Run> = runs.into_iter().rev().collect();
    let head = Head {
        packet_number,
        settled: first.settled,
        proof: first.proof,
        at_once: first.at_once,
        acknowledgement: first.acknowledgement.as_ref().map(|account| Account {
            runs: &runs,
            floor: account.floor,
            delay_us: account.delay_us,
            limit: account.limit,
            counts: account.counts,
            most_runs: 255,
        }),
        close: first.close,
    };
    let mut said = Vec::new();
    let start = segment::write_head(&head, &mut said);
    if let Some(data) = &first.data {
        segment::write_data(start, data.offset, data.finished, &mut said);
        said.extend_from_slice(data.bytes);
    }
    let second = decode(packet_number, &said[segment::NUMBER_LENGTH..])
        // A panic is what tells a fuzzer.
        .expect("what was said is understood");
    assert_eq!(first.settled, second.settled);
    assert_eq!(first.proof, second.proof);
    assert_eq!(first.at_once, second.at_once);
    assert_eq!(first.close, second.close);
    assert_eq!(first.data, second.data);
    let accounts = [first.acknowledgement, second.acknowledgement].map(|account| {
        account.map(|account| {
            let runs: Vec<_> = account.runs().collect();
            (
                account.newest,
                account.floor,
                account.delay_us,
                account.limit,
                account.digest,
                account.counts,
                runs,
            )
        })
    });
    assert_eq!(accounts[0], accounts[1]);
}

/// The runs of an acknowledgement, the whole digest on the first of them.
fn downward(account: &segment::Acknowledgement<'_>) -> Vec<Run> {
    let mut left = account.digest;
    let runs = account.runs().map(|run| Run {
        start: run.start,
        end: run.end,
        sum: std::mem::take(&mut left),
    });
    runs.collect()
}

/// Takes in the body of a segment, with its packet number, as if its seal had been opened.
pub fn handle_body(
    connection: &mut Connection,
    now: Instant,
    (packet_number, body): (u64, &[u8]),
    codepoint: Codepoint,
) -> Handled {
    let longest = body.len().min(usize::from(GBN_MOST_MTU));
    match decode(packet_number, &body[..longest]) {
        Some(segment) if connection.arrivals.is_new(packet_number) => {
            connection.take_segment(now, &segment, codepoint)
        }
        Some(_) | None => Handled::Ignored,
    }
}
