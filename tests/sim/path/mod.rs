//! Two peers who look for each other, in thousands of worlds: NATs of every kind, one behind another or
//! shared, IPv6 firewalls, routers that open ports and routers that lie about it, loss, delay, and people
//! who listen in. An oracle says who can come together.

mod oracle;
mod peer;
mod scenario;

use std::time::Duration;

use fardrop_shared::limits::{HOPELESS_DEADLINE, PATH_DEADLINE};
use fardrop_shared::path::{FoundPath, PathFailure, PathKind};
use fardrop_tests::sim::nat::{Dependence, Hairpin, NatConfig, PortAssignment, Refresh};
use fardrop_tests::sim::world::Isolation;

use oracle::{Verdict, Why, verdict};
use peer::{Outcome, Peer};
use scenario::{DEPENDENCES, Meet, Meeting, Moment, Opening, Scenario, Side};

/// Worlds from seeds.
const SEEDS: u64 = 3_000;

/// How long after its deadline a search may still be waiting for what it chose last: the eight
/// nominations of [`MAX_NOMINATIONS`](fardrop_shared::limits::MAX_NOMINATIONS), at growing intervals.
const LAST_CHOICE: Duration = Duration::from_secs(3);

/// What one world came to.
#[derive(Debug)]
struct Report {
    verdict: Verdict,
    /// The sender's path, and how long the later of the two took to have one.
    path: Option<(FoundPath, Duration)>,
}

/// Lets two look for each other and checks everything that must hold whatever comes of it.
#[track_caller]
fn run(scenario: &Scenario) -> Report {
    let Meet {
        mut world,
        hosts,
        began_at,
    } = scenario.build();
    let seed = scenario.seed;
    // To the end, though they have mostly found each other long before: another choice may follow.
    world.run(scenario.skew + PATH_DEADLINE + LAST_CHOICE, |_| false);
    let [one, other] = hosts.map(|host| world.machine(host).path());
    if let (Some(one), Some(other)) = (one, other) {
        let there = world.carry(hosts[0], one.socket.0, one.remote);
        let there = there.map(|arrival| (arrival.host, arrival.socket, arrival.from));
        let expected = (hosts[1], other.socket.0, other.remote);
        assert_eq!(there, Some(expected), "seed {seed}: the way there");
        let back = world.carry(hosts[1], other.socket.0, other.remote);
        let back = back.map(|arrival| (arrival.host, arrival.socket, arrival.from));
        let expected = (hosts[0], one.socket.0, one.remote);
        assert_eq!(back, Some(expected), "seed {seed}: the way back");
    }
    for host in hosts {
        let ended = world.machine(host).outcome().is_some();
        assert!(ended, "seed {seed}: {host:?} never came to an end");
    }
    let ended_at = hosts.map(|host| world.machine(host).ended_at());
    let latest = ended_at.into_iter().flatten().max();
    let took = latest.map(|at| at.saturating_duration_since(began_at));
    check_verdict(scenario, hosts.map(|host| world.machine(host)));
    Report {
        verdict: verdict(scenario),
        path: one.filter(|_| other.is_some()).zip(took),
    }
}

#[track_caller]
fn check_verdict(scenario: &Scenario, peers: [&Peer; 2]) {
    let seed = scenario.seed;
    let paths = peers.map(Peer::path);
    match verdict(scenario) {
        Verdict::Certain(kind) => {
            // Nothing else begins so late.
            for took in peers.iter().filter_map(|peer| peer.took()) {
                assert!(took <= PATH_DEADLINE, "seed {seed}: {took:?}");
            }
            assert!(
                paths.iter().all(Option::is_some),
                "seed {seed}: no path, though {kind:?} must work: {scenario:#?}"
            );
        }
        Verdict::Likely | Verdict::Open => {}
        Verdict::Impossible(why) => {
            for peer in peers {
                check_failure(seed, peer, why);
            }
        }
    }
}

#[track_caller]
fn check_failure(seed: u64, peer: &Peer, why: Why) {
    let (Some(Outcome::Failed(failure)), Some(took)) = (peer.outcome(), peer.took()) else {
        panic!("seed {seed}: a path where there is none: {peer:?}");
    };
    match why {
        Why::BothHard => {
            assert_eq!(failure, PathFailure::BothNatsSymmetric, "seed {seed}");
            assert!(took <= HOPELESS_DEADLINE, "seed {seed}: {took:?}");
        }
        Why::Closed => assert!(took <= PATH_DEADLINE, "seed {seed}: {took:?}"),
    }
}

#[test]
fn whoever_can_meet_meets_in_random_worlds() {
    let [mut certain, mut likely, mut met, mut impossible] = [0; 4];
    for seed in 0..SEEDS {
        let report = run(&Scenario::random(seed));
        match report.verdict {
            Verdict::Certain(_) => certain += 1,
            Verdict::Likely => {
                likely += 1;
                met += u32::from(report.path.is_some());
            }
            Verdict::Impossible(_) => impossible += 1,
            Verdict::Open => {}
        }
    }
    assert!(certain > 1_500, "{certain} worlds with a certain path");
    assert!(impossible > 50, "{impossible} worlds without any");
    // The birthday paradox misses once in three thousand times, more often where a fifth is lost.
    assert!(likely > 300, "{likely} worlds with a likely path");
    assert!(met * 100 >= likely * 99, "{met} of {likely} met");
}

/// A NAT with this mapping, filter and ports that does not hairpin.
fn nat(mapping: Dependence, filtering: Dependence, ports: PortAssignment) -> NatConfig {
    NatConfig {
        external: std::net::Ipv4Addr::UNSPECIFIED,
        mapping,
        filtering,
        ports,
        hairpin: Hairpin::Refused,
        expiry: Duration::from_secs(30),
        refresh: Refresh::Outbound,
    }
}

/// One mapping for all.
fn cone(filtering: Dependence) -> NatConfig {
    nat(
        Dependence::EndpointIndependent,
        filtering,
        PortAssignment::Random,
    )
}

/// A mapping for each destination.
fn symmetric(ports: PortAssignment) -> NatConfig {
    let strict = Dependence::AddressAndPortDependent;
    nat(strict, strict, ports)
}

/// The kind of path that two find, and how long after both began.
#[track_caller]
fn found(scenario: &Scenario) -> (PathKind, Duration) {
    let report = run(scenario);
    let Some((path, took)) = report.path else {
        panic!("seed {}: no path: {scenario:#?}", scenario.seed);
    };
    (path.kind, took)
}

#[test]
fn cones_of_every_kind_meet_within_three_round_trips() {
    for (number, (one, other)) in (0..).zip(pairs()) {
        let sides = [one, other].map(|filtering| Side::behind(&[cone(filtering)]));
        let [sender, receiver] = sides;
        let scenario = Scenario::apart(number, sender, receiver);
        let (kind, took) = found(&scenario);
        assert_eq!(kind, PathKind::Punched, "{one:?}, {other:?}");
        let most = scenario.round_trip() * 3 + Duration::from_millis(150);
        assert!(took <= most, "{one:?}, {other:?}: {took:?}");
    }
}

fn pairs() -> impl Iterator<Item = (Dependence, Dependence)> {
    let pair = |one| DEPENDENCES.into_iter().map(move |other| (one, other));
    DEPENDENCES.into_iter().flat_map(pair)
}

/// Runs a pair of NATs both ways round, each fifty times, and says how many were found in time.
fn found_in_time(one: &NatConfig, other: &NatConfig, time: Duration) -> usize {
    let runs = (0..100).filter(|seed| {
        let sides = [one, other].map(|nat| Side::behind(std::slice::from_ref(nat)));
        let [sender, receiver] = sides;
        let scenario = if seed % 4 < 2 {
            Scenario::apart(*seed, sender, receiver)
        } else {
            Scenario::apart(*seed, receiver, sender)
        };
        let path = run(&scenario).path;
        path.is_some_and(|(_, took)| took <= time)
    });
    runs.count()
}

#[test]
fn port_restricted_meets_symmetric_within_three_seconds() {
    let easy = cone(Dependence::AddressAndPortDependent);
    let hard = symmetric(PortAssignment::Random);
    let count = found_in_time(&easy, &hard, Duration::from_secs(3));
    assert!(count >= 95, "{count} of 100");
}

#[test]
fn port_restricted_meets_sequential_within_one_second() {
    let easy = cone(Dependence::AddressAndPortDependent);
    let hard = symmetric(PortAssignment::Sequential(1));
    let count = found_in_time(&easy, &hard, Duration::from_secs(1));
    assert!(count >= 95, "{count} of 100");
}

#[test]
fn opened_port_brings_symmetric_ones_together() {
    let hard = symmetric(PortAssignment::Random);
    for moment in [Moment::Before, Moment::After, Moment::Late] {
        for index in 0..2 {
            let mut sides = [&hard, &hard].map(|nat| Side::behind(std::slice::from_ref(nat)));
            sides[index].opening = Opening::Opened(moment);
            let [sender, receiver] = sides;
            let (kind, _) = found(&Scenario::apart(1, sender, receiver));
            assert_eq!(kind, PathKind::Mapped, "{moment:?}");
        }
    }
}

#[test]
fn homes_behind_one_carrier_without_hairpin_meet_if_a_router_tells_its_address() {
    let home = cone(Dependence::AddressAndPortDependent);
    let carrier = symmetric(PortAssignment::RandomInBlock(30_720));
    let mut sides = [(), ()].map(|()| Side::behind(&[home.clone(), carrier.clone()]));
    sides[1].opening = Opening::Opened(Moment::Before);
    let [sender, receiver] = sides;
    let scenario = Scenario {
        meeting: Meeting::OneCarrier,
        ..Scenario::apart(1, sender, receiver)
    };
    assert_eq!(found(&scenario).0, PathKind::Mapped);
}

#[test]
fn machines_of_one_network_meet_there_with_and_without_hairpin() {
    for hairpin in [
        Hairpin::Refused,
        Hairpin::InternalSource,
        Hairpin::ExternalSource,
    ] {
        let nat = NatConfig {
            hairpin,
            ..cone(Dependence::AddressAndPortDependent)
        };
        let [sender, receiver] = [&nat, &nat].map(|nat| Side::behind(std::slice::from_ref(nat)));
        let scenario = Scenario {
            meeting: Meeting::OneNetwork(Isolation::Open),
            ..Scenario::apart(1, sender, receiver)
        };
        assert_eq!(found(&scenario).0, PathKind::Local, "{hairpin:?}");
    }
}

#[test]
fn symmetric_ones_are_told_at_once() {
    let [sender, receiver] = [(), ()].map(|()| Side::behind(&[symmetric(PortAssignment::Random)]));
    let scenario = Scenario::apart(1, sender, receiver);
    assert_eq!(verdict(&scenario), Verdict::Impossible(Why::BothHard));
    assert!(run(&scenario).path.is_none());
}

#[test]
fn probe_repeated_by_a_stranger_does_not_hold_up_the_sender() {
    for seed in [675, 745, 1093, 1626, 2080, 2147, 2532, 2655] {
        run(&Scenario::random(seed));
    }
}

#[test]
fn nomination_repeated_by_a_stranger_does_not_divert_the_receiver() {
    for seed in [661, 2381, 2539, 2680] {
        run(&Scenario::random(seed));
    }
}

#[test]
fn pair_that_was_only_heard_gives_way_to_one_that_is_proved() {
    for seed in [21, 201, 356, 436, 516, 1557, 1646, 2357] {
        run(&Scenario::random(seed));
    }
}

#[test]
fn side_that_was_heard_but_not_answered_still_tries_many_ports() {
    for seed in [204, 321, 358, 422, 441] {
        found(&Scenario::random(seed));
    }
}

#[test]
fn nomination_counts_though_there_is_no_room_for_its_pair() {
    for seed in [4754, 11_023] {
        run(&Scenario::random(seed));
    }
}

#[test]
fn newest_nomination_is_checked_until_it_is_proved() {
    for seed in [4121, 6833] {
        run(&Scenario::random(seed));
    }
}

#[test]
fn pair_that_stands_out_finds_room_among_all_that_were_learned() {
    for seed in [6187, 7654, 12_178] {
        found(&Scenario::random(seed));
    }
}

#[test]
fn only_pair_that_works_is_tried_again_after_it_was_nominated_in_vain() {
    found(&Scenario::random(5316));
}
