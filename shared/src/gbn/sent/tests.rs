//! The table of what was sent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Refused, Rtt, Sending, Sent, State};
use crate::gbn::ecn::Counts;
use crate::gbn::ranges::{Account, Run};
use crate::gbn::segment::{Head, decode, write_head};
use crate::limits::GBN_MAX_RECORDS;

#[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

/// Packets 0 to 4, each with a proof of its own.
fn five(now: Instant) -> Sent {
    let mut sent = Sent::new();
    for proof in [1, 10, 100, 1000, 10_000] {
        let sending = Sending {
            proof: Some(proof),
            ..Sending::default()
        };
        sent.insert(now, &sending, 100);
    }
    sent
}

/// The body of a segment that acknowledges these runs.
fn body(runs: &[(u64, u64, u32)]) -> Vec<u8> {
    let runs: VecDeque<Run> = runs
        .iter()
        .map(|&(start, end, sum)| Run { start, end, sum })
        .collect();
    let head = Head {
        packet_number: 9,
        settled: 0,
        proof: None,
        at_once: false,
        acknowledgement: Some(Account {
            runs: &runs,
            floor: 0,
            delay_us: 0,
            limit: 0,
            counts: Counts::default(),
            most_runs: 9,
        }),
        close: None,
    };
    let mut buffer = Vec::new();
    write_head(&head, &mut buffer);
    buffer.split_off(8)
}

#[track_caller]
fn check(runs: &[(u64, u64, u32)], expected: Result<(), Refused>) {
    let body = body(runs);
    let account = decode(9, &body).unwrap().acknowledgement.unwrap();
    assert_eq!(five(epoch()).check(&account), expected);
}

#[test]
fn only_the_sum_of_the_right_proofs_is_one() {
    check(&[(0, 5, 11_111)], Ok(()));
    check(&[(1, 3, 110), (4, 5, 10_000)], Ok(()));
    check(&[(1, 3, 110), (4, 5, 10_001)], Err(Refused::Unproved));
    check(&[(0, 5, 10_111)], Err(Refused::Unproved));
    check(&[(3, 6, 11_000)], Err(Refused::Unproved));
}

#[test]
fn what_was_overtaken_is_lost_and_what_is_forgotten_is_not_waited_for() {
    let now = epoch();
    let mut sent = five(now);
    let mut rtt = Rtt::default();
    rtt.handle_sample(Duration::from_millis(10), Duration::ZERO);
    let body = body(&[(4, 5, 10_000)]);
    let account = decode(9, &body).unwrap().acknowledgement.unwrap();
    let heard = now + Duration::from_millis(10);
    let mut acked = Vec::new();
    sent.handle_acknowledgement(heard, &account, |number, _, late| {
        acked.push((number, late))
    });
    assert_eq!(acked, [(4, false)]);
    let mut lost = Vec::new();
    let again = sent.detect_losses(heard, &rtt, |number, _| lost.push(number));
    assert_eq!(lost, [0, 1]);
    // A quarter of the round trip later.
    assert_eq!(again, Some(heard + Duration::from_micros(2500)));
    let again = sent.detect_losses(again.unwrap(), &rtt, |number, _| lost.push(number));
    assert_eq!((lost, again), (vec![0, 1, 2, 3], None));
    assert_eq!((sent.in_flight(), sent.settled()), (0, 0));
    // A peer that never says anything makes room by force.
    for _ in 0..GBN_MAX_RECORDS + 10 {
        sent.insert(heard, &Sending::default(), 50);
    }
    assert_eq!(sent.len(), GBN_MAX_RECORDS);
    assert!(sent.settled() >= sent.base);
    assert!(
        sent.records
            .iter()
            .all(|record| record.state == State::Unasked)
    );
}
