use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::limits::{MTU_ROUNDS, MTU_SIZES_AT_ONCE};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn sighting(local: u16, server: &str, seen: &str) -> Sighting {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    Sighting {
        local: SocketAddr::new(ip("192.168.1.2"), local),
        server: address(server),
        seen: address(seen),
    }
}

#[test]
fn mappings_are_told_apart() {
    let main = |seen| sighting(5000, "203.0.113.1:4840", seen);
    let second = |seen| sighting(5000, "203.0.113.1:4841", seen);
    let elsewhere = |seen| sighting(5000, "203.0.113.9:4840", seen);
    let own = "192.168.1.2:5000";
    let (one, other) = ("198.51.100.1:5000", "198.51.100.1:5001");
    for (sightings, expected) in [
        (vec![], Mapping::Unknown),
        (vec![main(own)], Mapping::NoNat),
        (vec![main(own), second(own)], Mapping::NoNat),
        (vec![main(one)], Mapping::Unknown),
        (vec![main(one), second(one)], Mapping::EndpointIndependent),
        (
            vec![main(one), elsewhere(one)],
            Mapping::EndpointIndependent,
        ),
        (
            vec![main(one), second(other)],
            Mapping::AddressAndPortDependent,
        ),
        (
            vec![main(one), second(one), elsewhere(other)],
            Mapping::AddressDependent,
        ),
        (
            vec![main(one), elsewhere(other)],
            Mapping::AddressAndPortDependent,
        ),
    ] {
        assert_eq!(mapping(&sightings), expected, "{sightings:?}");
    }
}

#[test]
fn port_sequences_are_told_apart() {
    let check = |ports: &[(u16, u16)], expected| {
        let sightings: Vec<Sighting> = ports
            .iter()
            .map(|(local, seen)| {
                sighting(*local, "203.0.113.1:4840", &format!("198.51.100.1:{seen}"))
            })
            .collect();
        assert_eq!(port_sequence(&sightings), expected, "{ports:?}");
    };
    check(&[], PortSequence::Unknown);
    check(&[(5000, 5000), (5000, 5000)], PortSequence::Preserved);
    check(&[(5000, 40_000), (5000, 40_000)], PortSequence::Unknown);
    check(&[(5000, 40_000), (5000, 40_001)], PortSequence::Unknown);
    let sequential = [
        (5000, 40_000),
        (5000, 40_001),
        (6000, 40_004),
        (6000, 40_005),
    ];
    check(&sequential, PortSequence::Sequential);
    check(&sequential[..2], PortSequence::Unknown);
    let downwards = [
        (5000, 40_009),
        (5000, 40_007),
        (6000, 40_006),
        (6000, 40_005),
    ];
    check(&downwards, PortSequence::Sequential);
    let to_and_fro = [(5000, 40_000), (5000, 40_002), (6000, 40_001)];
    check(&to_and_fro, PortSequence::Other);
    let far = [(5000, 40_000), (5000, 40_001), (6000, 40_018)];
    check(&far, PortSequence::Other);
}

/// Searches on a path that takes datagrams of at most `limit` bytes.
fn search(works: u16, interface: u16, limit: u16) -> (u16, usize) {
    let mut search = PathMtuSearch::new(works, interface);
    let mut sent = 0;
    for _ in 0..MTU_ROUNDS {
        let sizes = search.sizes().to_vec();
        assert!(
            sizes.len() <= MTU_SIZES_AT_ONCE && sizes.is_sorted(),
            "{sizes:?}"
        );
        sent += sizes.len();
        for size in sizes.into_iter().filter(|size| *size <= limit) {
            search.handle_answer(size);
        }
        search.end_round();
    }
    assert!(search.sizes().is_empty());
    (search.best(), sent)
}

#[test]
fn path_mtu_is_found_to_the_byte_on_common_networks() {
    for limit in 64..=1472 {
        let (found, sent) = search(64, 1472, limit);
        assert!(found <= limit && limit - found <= 1, "{limit}: {found}");
        assert!(sent <= MTU_SIZES_AT_ONCE * MTU_ROUNDS);
        if limit >= 972 {
            assert_eq!(found, limit);
        }
    }
}

#[test]
fn path_mtu_of_large_interfaces_is_found_and_never_exceeded() {
    for limit in (1200..=65_000).step_by(61) {
        let (found, _) = search(64, 65_000, limit);
        assert!(
            found <= limit && found >= limit.min(972),
            "{limit}: {found}"
        );
    }
    assert_eq!(search(64, 65_000, 65_000).0, 65_000);
    assert_eq!(search(64, 8972, 8972).0, 8972);
    assert_eq!(search(1200, 1200, 1200).0, 1200);
    assert_eq!(search(1200, 100, 1200).0, 1200);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut search = PathMtuSearch::new(64, 1472);
    search.handle_answer(60_000);
    search.handle_answer(1471);
    assert_eq!(search.best(), 64);
}

#[test]
fn clock_skew_allows_for_the_way() {
    let skew = ClockSkew::new(1_000_000, 1_000_150, Duration::from_millis(300));
    assert_eq!((skew.ahead_ms, skew.give_or_take_ms), (0, 150));
    let skew = ClockSkew::new(u64::MAX, 0, Duration::MAX);
    assert_eq!(skew.ahead_ms, i64::MIN);
    let skew = ClockSkew::new(0, u64::MAX, Duration::ZERO);
    assert_eq!(skew.ahead_ms, i64::MAX);
}

fn server(udp: bool, tcp: bool) -> ServerReport {
    ServerReport {
        name: "rv.example.org".to_owned(),
        address: ip("203.0.113.1"),
        udp,
        tcp,
        round_trip: None,
    }
}

fn opened(external: &str) -> Option<Vec<RouterAnswer>> {
    Some(vec![RouterAnswer {
        protocol: RouterProtocol::NatPmp,
        gateway: ip("192.168.1.1"),
        state: RouterState::Opened(ip(external)),
    }])
}

/// Every combination of what decides a verdict.
fn all() -> Vec<Diagnosis> {
    let networks = [None, Some("192.168.1.2")];
    let servers = [
        vec![],
        vec![server(true, true)],
        vec![server(true, false)],
        vec![server(false, true)],
        vec![server(false, false)],
        vec![server(false, false), server(true, true)],
    ];
    let mappings = [
        Mapping::NoNat,
        Mapping::EndpointIndependent,
        Mapping::AddressDependent,
        Mapping::AddressAndPortDependent,
        Mapping::Unknown,
    ];
    let outsides = [None, Some("198.51.100.1"), Some("10.0.0.7")];
    let ipv6s = [
        Ipv6::Works,
        Ipv6::NoAddress,
        Ipv6::NoWayOut,
        Ipv6::Untested,
        Ipv6::Off,
    ];
    let routers = [
        None,
        Some(vec![]),
        opened("198.51.100.1"),
        opened("198.51.100.2"),
        opened("100.64.0.1"),
    ];
    let mut all = Vec::new();
    for network in networks {
        for servers in &servers {
            for mapping in mappings {
                for outside in outsides {
                    for ipv6 in ipv6s {
                        for routers in &routers {
                            all.push(Diagnosis {
                                interfaces: vec![InterfaceReport {
                                    name: "eth0".to_owned(),
                                    kind: InterfaceKind::Wired,
                                    addresses: network.map(ip).into_iter().collect(),
                                }],
                                servers: servers.clone(),
                                routers: routers.clone(),
                                nat: NatReport {
                                    mapping,
                                    outside: outside.map(ip),
                                    ..NatReport::default()
                                },
                                ipv6,
                                ..Diagnosis::default()
                            });
                        }
                    }
                }
            }
        }
    }
    all
}

#[test]
fn a_verdict_promises_no_more_than_was_seen() {
    let mut seen = Vec::new();
    for diagnosis in all() {
        let (ladder, verdict) = (diagnosis.ladder(), diagnosis.verdict());
        let rungs = [ladder.mapped, ladder.punched];
        let expected = match verdict {
            Verdict::AlmostEveryone => rungs.contains(&Prospect::Open),
            Verdict::SomeRouters => {
                !rungs.contains(&Prospect::Open)
                    && ladder.punched == Prospect::Depends
                    && diagnosis.nat.mapping.depends_on_destination()
            }
            Verdict::Ipv6Only => {
                diagnosis.ipv6 == Ipv6::Works
                    && !rungs.contains(&Prospect::Open)
                    && ladder.punched != Prospect::Depends
            }
            Verdict::ThisNetworkAtLeast => {
                ladder.local == Prospect::Open && diagnosis.udp() != Udp::Blocked
            }
            Verdict::ThisNetworkOnly => {
                ladder.local == Prospect::Open && diagnosis.udp() == Udp::Blocked
            }
            Verdict::Nobody => ladder.local == Prospect::Closed,
        };
        assert!(expected, "{verdict:?} of {diagnosis:?}");
        if diagnosis.udp() == Udp::Blocked {
            assert!(verdict >= Verdict::Ipv6Only, "{verdict:?} of {diagnosis:?}");
            assert!(!diagnosis.is_conclusive());
        }
        if ladder.punched != Prospect::Untested && diagnosis.udp() == Udp::Works {
            assert_eq!(diagnosis.nat.outside, Some(ip("198.51.100.1")));
        }
        let hints = diagnosis.hints();
        let mut once = hints.clone();
        once.dedup();
        assert_eq!(hints, once);
        let unhelped = matches!(verdict, Verdict::Nobody | Verdict::ThisNetworkOnly)
            || verdict == Verdict::SomeRouters;
        assert!(!unhelped || !hints.is_empty(), "no hint: {diagnosis:?}");
        seen.push(verdict);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "a verdict that nothing leads to: {seen:?}");
}

#[test]
fn a_port_behind_a_second_nat_is_no_open_port() {
    let behind = |external| Diagnosis {
        servers: vec![server(true, true)],
        routers: opened(external),
        nat: NatReport {
            mapping: Mapping::AddressAndPortDependent,
            outside: Some(ip("198.51.100.1")),
            ..NatReport::default()
        },
        ..Diagnosis::default()
    };
    for external in ["198.51.100.2", "100.64.0.1", "192.168.0.2"] {
        assert_eq!(behind(external).ladder().mapped, Prospect::Closed);
        assert!(behind(external).hints().contains(&Hint::SecondNat));
        assert_eq!(behind(external).verdict(), Verdict::SomeRouters);
    }
    let direct = behind("198.51.100.1");
    assert_eq!(direct.ladder().mapped, Prospect::Open);
    assert!(!direct.hints().contains(&Hint::SecondNat));
}

#[test]
fn what_only_one_thing_causes_is_hinted_at() {
    let hints = |diagnosis: Diagnosis| diagnosis.hints();
    let skew = |ahead_ms| Diagnosis {
        clock: Some(ClockSkew {
            ahead_ms,
            give_or_take_ms: 100,
        }),
        ..Diagnosis::default()
    };
    assert!(hints(skew(-60_101)).contains(&Hint::Clock));
    assert!(!hints(skew(60_100)).contains(&Hint::Clock));
    assert!(hints(skew(i64::MIN)).contains(&Hint::Clock));
    for (quic, hint) in [
        (Quic::Dropped, Hint::QuicDropped),
        (Quic::TooLong, Hint::PathTooNarrow),
    ] {
        let diagnosis = Diagnosis {
            quic,
            ..Diagnosis::default()
        };
        assert!(hints(diagnosis).contains(&hint));
    }
}

#[test]
fn scopes_are_told_apart() {
    for (address, scope) in [
        ("127.0.0.1", Scope::Loopback),
        ("::1", Scope::Loopback),
        ("169.254.3.4", Scope::LinkLocal),
        ("fe80::1", Scope::LinkLocal),
        ("10.1.2.3", Scope::Private),
        ("172.31.2.3", Scope::Private),
        ("fd00::1", Scope::Private),
        ("::ffff:192.168.1.1", Scope::Private),
        ("100.64.0.1", Scope::Carrier),
        ("100.127.255.255", Scope::Carrier),
        ("100.128.0.1", Scope::Global),
        ("8.8.8.8", Scope::Global),
        ("2001:db8::1", Scope::Global),
    ] {
        assert_eq!(Scope::of(ip(address)), scope, "{address}");
    }
}
