//! The simulated NAT against the definitions of RFC 4787.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_tests::sim::nat::{
    BLOCK, Dependence, Ends, Firewall, Hairpin, Nat, NatConfig, Outbound, PortAssignment, Refresh,
};

const EXPIRY: Duration = Duration::from_secs(30);

const DEPENDENCES: [Dependence; 3] = [
    Dependence::EndpointIndependent,
    Dependence::AddressDependent,
    Dependence::AddressAndPortDependent,
];

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn inside() -> SocketAddr {
    address("192.168.1.10:5000")
}

fn config() -> NatConfig {
    NatConfig {
        external: "203.0.113.1".parse().unwrap(),
        mapping: Dependence::EndpointIndependent,
        filtering: Dependence::EndpointIndependent,
        ports: PortAssignment::Random,
        hairpin: Hairpin::Refused,
        expiry: EXPIRY,
        refresh: Refresh::Outbound,
    }
}

/// Sends out and says where the packet seems to come from.
#[track_caller]
fn seen(nat: &mut Nat, now: Instant, from: SocketAddr, to: SocketAddr) -> SocketAddr {
    match nat.outbound(now, Ends { from, to }) {
        Outbound::Leaves(ends) => {
            assert_eq!(ends.to, to);
            ends.from
        }
        other @ (Outbound::Returns(_) | Outbound::Dropped) => panic!("{other:?}"),
    }
}

fn gets_in(nat: &mut Nat, now: Instant, from: SocketAddr, to: SocketAddr) -> bool {
    nat.inbound(now, Ends { from, to })
        .is_some_and(|ends| ends.from == from)
}

#[test]
fn mapping_is_reused_for_whom_section_4_1_says() {
    let now = Instant::now();
    let first = address("198.51.100.1:1");
    let other_port = address("198.51.100.1:2");
    let other_address = address("198.51.100.2:1");
    for mapping in DEPENDENCES {
        let mut nat = Nat::new(
            NatConfig {
                mapping,
                ..config()
            },
            1,
        );
        let mapped = seen(&mut nat, now, inside(), first);
        assert_eq!(
            seen(&mut nat, now, inside(), first),
            mapped,
            "the same remote end"
        );
        assert_eq!(
            seen(&mut nat, now, inside(), other_port) == mapped,
            mapping < Dependence::AddressAndPortDependent,
            "{mapping:?}"
        );
        assert_eq!(
            seen(&mut nat, now, inside(), other_address) == mapped,
            mapping == Dependence::EndpointIndependent,
            "{mapping:?}"
        );
        let neighbour = address("192.168.1.11:5000");
        assert_ne!(seen(&mut nat, now, neighbour, first), mapped);
    }
}

#[test]
fn filter_admits_whom_section_5_says() {
    let now = Instant::now();
    for filtering in DEPENDENCES {
        let mut nat = Nat::new(
            NatConfig {
                filtering,
                ..config()
            },
            2,
        );
        let contact = address("198.51.100.1:1");
        let mapped = seen(&mut nat, now, inside(), contact);
        assert!(gets_in(&mut nat, now, contact, mapped));
        let same_address = address("198.51.100.1:2");
        let stranger = address("198.51.100.2:1");
        assert_eq!(
            gets_in(&mut nat, now, same_address, mapped),
            filtering < Dependence::AddressAndPortDependent
        );
        assert_eq!(
            gets_in(&mut nat, now, stranger, mapped),
            filtering == Dependence::EndpointIndependent
        );
        let nobodys = SocketAddr::new(mapped.ip(), mapped.port() ^ 1);
        assert!(!gets_in(&mut nat, now, contact, nobodys));
    }
}

#[test]
fn mapping_lives_as_long_as_it_is_refreshed() {
    let remote = address("198.51.100.1:1");
    let most = EXPIRY - Duration::from_millis(1);
    for refresh in [Refresh::Outbound, Refresh::Both] {
        let mut now = Instant::now();
        let mut nat = Nat::new(
            NatConfig {
                refresh,
                ..config()
            },
            3,
        );
        let mapped = seen(&mut nat, now, inside(), remote);
        now += most;
        assert_eq!(
            seen(&mut nat, now, inside(), remote),
            mapped,
            "refreshed from inside"
        );
        now += most;
        assert!(gets_in(&mut nat, now, remote, mapped));
        now += most;
        assert_eq!(
            gets_in(&mut nat, now, remote, mapped),
            refresh == Refresh::Both
        );
        now += EXPIRY;
        assert!(!gets_in(&mut nat, now, remote, mapped), "expired");
        assert_eq!(nat.mappings(now), 0);
        assert_ne!(seen(&mut nat, now, inside(), remote), mapped);
    }
}

#[test]
fn hole_in_the_filter_expires_by_itself() {
    let mut now = Instant::now();
    let filtering = Dependence::AddressAndPortDependent;
    let mut nat = Nat::new(
        NatConfig {
            filtering,
            ..config()
        },
        4,
    );
    let (old, new) = (address("198.51.100.1:1"), address("198.51.100.2:1"));
    let mapped = seen(&mut nat, now, inside(), old);
    now += EXPIRY / 2;
    assert_eq!(seen(&mut nat, now, inside(), new), mapped);
    now += EXPIRY / 2;
    assert!(!gets_in(&mut nat, now, old, mapped));
    assert!(gets_in(&mut nat, now, new, mapped));
}

/// The ports that five sockets of a machine get, all of them towards one remote end.
fn assigned(ports: PortAssignment, seed: u64) -> Vec<u16> {
    let now = Instant::now();
    let mut nat = Nat::new(NatConfig { ports, ..config() }, seed);
    let remote = address("198.51.100.1:1");
    let sockets = (0..5).map(|i| SocketAddr::new(inside().ip(), 5000 + i));
    sockets
        .map(|from| seen(&mut nat, now, from, remote).port())
        .collect()
}

#[test]
fn ports_are_assigned_as_configured() {
    assert_eq!(
        assigned(PortAssignment::Preserving, 5),
        [5000, 5001, 5002, 5003, 5004]
    );
    let sequence = assigned(PortAssignment::Sequential(-3), 5);
    assert!(sequence.windows(2).all(|pair| pair[0] - 3 == pair[1]));
    let random = assigned(PortAssignment::Random, 5);
    assert!(random.iter().all(|port| *port >= 1024));
    assert_ne!(random, assigned(PortAssignment::Random, 6));
    let block = assigned(PortAssignment::RandomInBlock(30_000), 5);
    assert!(
        block
            .iter()
            .all(|port| (30_000..30_000 + BLOCK).contains(port))
    );
    let hashed = assigned(PortAssignment::Hashed, 5);
    assert_ne!(hashed, assigned(PortAssignment::Hashed, 6));
}

#[test]
fn hashed_port_comes_back_after_expiry_and_goes_with_a_rebinding() {
    let mut now = Instant::now();
    let ports = PortAssignment::Hashed;
    let mut nat = Nat::new(NatConfig { ports, ..config() }, 7);
    let remote = address("198.51.100.1:1");
    let mapped = seen(&mut nat, now, inside(), remote);
    now += EXPIRY * 2;
    assert_eq!(seen(&mut nat, now, inside(), remote), mapped);
    nat.rebind("203.0.113.9".parse().unwrap());
    assert!(!gets_in(&mut nat, now, remote, mapped));
    let rebound = seen(&mut nat, now, inside(), remote);
    assert_eq!(rebound.ip(), address("203.0.113.9:0").ip());
    assert_ne!(rebound.port(), mapped.port());
}

#[test]
fn two_machines_never_share_a_port_and_a_full_block_takes_no_more() {
    let mut now = Instant::now();
    let ports = PortAssignment::RandomInBlock(2048);
    let mut nat = Nat::new(NatConfig { ports, ..config() }, 8);
    let remote = address("198.51.100.1:1");
    let sockets = |i| SocketAddr::new(inside().ip(), 10_000 + i);
    let mut taken: Vec<_> = (0..BLOCK)
        .map(|i| seen(&mut nat, now, sockets(i), remote))
        .collect();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), usize::from(BLOCK));
    let one_more = Ends {
        from: sockets(BLOCK),
        to: remote,
    };
    assert_eq!(nat.outbound(now, one_more), Outbound::Dropped);
    now += EXPIRY;
    assert!(matches!(nat.outbound(now, one_more), Outbound::Leaves(_)));
    assert_eq!(nat.mappings(now), 1);
}

#[test]
fn hairpin_returns_from_the_address_that_is_configured() {
    let now = Instant::now();
    let neighbour = address("192.168.1.11:6000");
    let remote = address("198.51.100.1:1");
    for hairpin in [
        Hairpin::Refused,
        Hairpin::InternalSource,
        Hairpin::ExternalSource,
    ] {
        let mut nat = Nat::new(
            NatConfig {
                hairpin,
                ..config()
            },
            9,
        );
        let mine = seen(&mut nat, now, inside(), remote);
        let theirs = seen(&mut nat, now, neighbour, remote);
        let packet = Ends {
            from: inside(),
            to: theirs,
        };
        let expected = match hairpin {
            Hairpin::Refused => Outbound::Dropped,
            Hairpin::InternalSource => Outbound::Returns(Ends {
                from: inside(),
                to: neighbour,
            }),
            Hairpin::ExternalSource => Outbound::Returns(Ends {
                from: mine,
                to: neighbour,
            }),
        };
        assert_eq!(nat.outbound(now, packet), expected);
    }
}

#[test]
fn hairpin_is_filtered_like_everybody_else() {
    let now = Instant::now();
    let mut nat = Nat::new(
        NatConfig {
            hairpin: Hairpin::ExternalSource,
            filtering: Dependence::AddressAndPortDependent,
            ..config()
        },
        10,
    );
    let neighbour = address("192.168.1.11:6000");
    let remote = address("198.51.100.1:1");
    let mine = seen(&mut nat, now, inside(), remote);
    let theirs = seen(&mut nat, now, neighbour, remote);
    let here = Ends {
        from: inside(),
        to: theirs,
    };
    let there = Ends {
        from: neighbour,
        to: mine,
    };
    assert_eq!(nat.outbound(now, here), Outbound::Dropped);
    assert!(matches!(nat.outbound(now, there), Outbound::Returns(_)));
    assert!(matches!(nat.outbound(now, here), Outbound::Returns(_)));
}

#[test]
fn opened_port_lets_everybody_in_and_answers_leave_by_it() {
    let now = Instant::now();
    for mapping in DEPENDENCES {
        let filtering = Dependence::AddressAndPortDependent;
        let mut nat = Nat::new(
            NatConfig {
                mapping,
                filtering,
                ..config()
            },
            11,
        );
        let opened = nat.forward(now, inside()).unwrap();
        assert_eq!(opened.port(), inside().port());
        let stranger = address("198.51.100.2:1");
        assert!(gets_in(&mut nat, now, stranger, opened));
        assert_eq!(seen(&mut nat, now, inside(), stranger), opened);
        // Who was not let in by it is reached through it only if one mapping serves all.
        let other = seen(&mut nat, now, inside(), address("198.51.100.3:1"));
        assert_eq!(
            other == opened,
            mapping == Dependence::EndpointIndependent,
            "{mapping:?}"
        );
        let late = now + EXPIRY * 100;
        assert!(
            gets_in(&mut nat, late, stranger, opened),
            "an opened port stays"
        );
    }
}

#[test]
fn newcomer_by_an_opened_port_is_told_apart_from_an_old_contact() {
    let now = Instant::now();
    let mapping = Dependence::AddressAndPortDependent;
    let mut nat = Nat::new(
        NatConfig {
            mapping,
            ..config()
        },
        12,
    );
    let remote = address("198.51.100.1:1");
    let mapped = seen(&mut nat, now, inside(), remote);
    let opened = nat.forward(now, inside()).unwrap();
    let by_opened = Ends {
        from: remote,
        to: opened,
    };
    let newcomer = nat.inbound(now, by_opened).unwrap().from;
    assert_ne!(newcomer, remote);
    assert_eq!(
        nat.inbound(now, by_opened).unwrap().from,
        newcomer,
        "and stays it"
    );
    let answer = Ends {
        from: inside(),
        to: newcomer,
    };
    let expected = Ends {
        from: opened,
        to: remote,
    };
    assert_eq!(nat.outbound(now, answer), Outbound::Leaves(expected));
    assert_eq!(seen(&mut nat, now, inside(), remote), mapped);
}

#[test]
fn firewall_admits_answers_only() {
    let mut now = Instant::now();
    let inside = address("[2001:db8:1::10]:5000");
    let contact = address("[2001:db8:2::1]:1");
    let same_address = address("[2001:db8:2::1]:2");
    let stranger = address("[2001:db8:3::1]:1");
    for filtering in DEPENDENCES {
        let mut firewall = Firewall::new(filtering, EXPIRY);
        let admits = |firewall: &mut Firewall, now, from| {
            let packet = Ends { from, to: inside };
            firewall.admits(now, packet)
        };
        assert!(!admits(&mut firewall, now, contact));
        let packet = Ends {
            from: inside,
            to: contact,
        };
        firewall.outbound(now, packet);
        assert!(admits(&mut firewall, now, contact));
        assert_eq!(
            admits(&mut firewall, now, same_address),
            filtering < Dependence::AddressAndPortDependent
        );
        assert_eq!(
            admits(&mut firewall, now, stranger),
            filtering == Dependence::EndpointIndependent
        );
        now += EXPIRY;
        assert!(!admits(&mut firewall, now, contact));
        firewall.open(inside);
        assert!(admits(&mut firewall, now, stranger), "{filtering:?}");
    }
}
