//! The lab itself: each kind of NAT is what it says, and the core keeps its times.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use crate::lab::{
    CarrierAddresses, CarrierPlan, Filtering, Hairpin, HomePlan, Lab, Line, Nat, Plan, Policy,
    Rules, observe, round_trip, seen_from, server_address,
};
use crate::report::say;

/// How long a packet may take that has to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long is waited for one that must not. It would take five milliseconds.
const SILENCE: Duration = Duration::from_millis(300);

fn lab(test: &str, homes: Vec<HomePlan>) -> Result<Option<Lab>> {
    let line = Line {
        round_trip: Duration::from_millis(10),
        ..Line::default()
    };
    let plan = Plan {
        line,
        homes,
        ..Plan::default()
    };
    Lab::build(test, &plan)
}

#[test]
fn every_kind_maps_and_filters_as_it_says() -> Result<()> {
    let homes = Nat::ALL.into_iter().map(HomePlan::behind).collect();
    let Some(lab) = lab("every_kind_maps_and_filters_as_it_says", homes)? else {
        return Ok(());
    };
    for (home, nat) in Nat::ALL.into_iter().enumerate() {
        let seen = observe(&lab, home)?;
        let cone = nat.is_cone();
        assert_eq!(seen.is_endpoint_independent(), cone, "{nat:?}: {seen:?}");
        assert_eq!(seen.filtering, nat.filtering(), "{nat:?}: {seen:?}");
        let keeps = cone && nat != Nat::PortRestrictedMoving;
        assert_eq!(seen.keeps_ports(), keeps, "{nat:?}: {seen:?}");
        let ports: Vec<u16> = seen.seen.iter().map(|address| address.port()).collect();
        match nat {
            Nat::SymmetricSequential => {
                assert!(
                    ports.windows(2).all(|two| two[1] == two[0] + 1),
                    "{ports:?}"
                );
            }
            Nat::SymmetricBlock => {
                assert!(
                    ports.iter().all(|port| (30_000..=31_023).contains(port)),
                    "{ports:?}"
                );
            }
            Nat::None
            | Nat::EndpointIndependent
            | Nat::AddressRestricted
            | Nat::PortRestricted
            | Nat::PortRestrictedMoving
            | Nat::SymmetricRandom => {}
        }
    }
    lab.close()
}

#[test]
fn rebinding_gives_every_kind_another_outside_port() -> Result<()> {
    let homes = Nat::ALL.into_iter().map(HomePlan::behind).collect();
    let Some(mut lab) = lab("rebinding_gives_every_kind_another_outside_port", homes)? else {
        return Ok(());
    };
    for (home, nat) in Nat::ALL.into_iter().enumerate() {
        let port = 20_000;
        let before = seen_from(&lab, lab.host(home), port)?;
        lab.homes[home].router.rebind()?;
        let after = seen_from(&lab, lab.host(home), port)?;
        assert_eq!(before.ip(), after.ip(), "{nat:?}");
        assert_ne!(before.port(), after.port(), "{nat:?}");
        // It is the kind that it was.
        let seen = observe(&lab, home)?;
        assert_eq!(
            seen.is_endpoint_independent(),
            nat.is_cone(),
            "{nat:?}: {seen:?}"
        );
        assert_eq!(seen.filtering, nat.filtering(), "{nat:?}: {seen:?}");
    }
    lab.close()
}

#[test]
fn machine_that_moved_is_online_again() -> Result<()> {
    let home = HomePlan::behind(Nat::PortRestrictedMoving);
    let Some(mut lab) = lab("machine_that_moved_is_online_again", vec![home])? else {
        return Ok(());
    };
    let before = seen_from(&lab, lab.host(0), 20_000)?;
    lab.homes[0].move_to_wifi(0)?;
    let after = seen_from(&lab, lab.host(0), 20_000)?;
    // Another address inside, and so another port outside.
    assert_eq!(before.ip(), after.ip());
    assert_ne!(before.port(), after.port());
    lab.close()
}

#[test]
fn carrier_adds_its_own_nat() -> Result<()> {
    let home = HomePlan::behind(Nat::EndpointIndependent).behind_carrier(0);
    let rules = Rules {
        hairpin: Hairpin::Works,
        ..Rules::of(Nat::SymmetricBlock)
    };
    let plan = Plan {
        carriers: vec![CarrierPlan {
            rules,
            addresses: CarrierAddresses::Shared,
        }],
        homes: vec![home, home],
        ..Plan::default()
    };
    let Some(lab) = Lab::build("carrier_adds_its_own_nat", &plan)? else {
        return Ok(());
    };
    for home in [0, 1] {
        let seen = observe(&lab, home)?;
        assert!(!seen.is_endpoint_independent(), "{seen:?}");
        assert_eq!(seen.filtering, Filtering::OtherPorts);
        assert_eq!(seen.seen[0].ip(), lab.carriers[0].outside());
    }
    lab.close()
}

#[test]
fn policies_stop_what_they_say_and_nothing_else() -> Result<()> {
    let policies = [
        Policy::Open,
        Policy::NoUdp,
        Policy::OnlyRendezvous,
        Policy::NoQuic,
    ];
    let home = |policy| {
        HomePlan::with(Rules {
            policy,
            ..Rules::of(Nat::EndpointIndependent)
        })
    };
    let homes = policies.into_iter().map(home).collect();
    let Some(lab) = lab("policies_stop_what_they_say_and_nothing_else", homes)? else {
        return Ok(());
    };
    // What each lets out to the server, in the order of these datagrams, and to another home.
    let datagrams: [&[u8]; 4] = [
        // A long header of QUIC version 1, of version 2, a short header, and something else.
        &[0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4],
        &[0xd3, 0x6b, 0x33, 0x43, 0xcf, 8, 1, 2, 3, 4],
        &[0x43, 0, 0, 0, 1, 8, 1, 2, 3, 4],
        &[0xc3, 0, 0, 0, 9, 8, 1, 2, 3, 4],
    ];
    for (home, policy) in policies.into_iter().enumerate() {
        let to_server = match policy {
            Policy::Open | Policy::OnlyRendezvous => [true; 4],
            Policy::NoUdp => [false; 4],
            Policy::NoQuic => [false, false, true, true],
        };
        let server = lab.server().bind((server_address().ip(), 0).into())?;
        for (datagram, arrives) in datagrams.into_iter().zip(to_server) {
            let arrived = crosses(&lab, home, datagram, &server)?;
            assert_eq!(arrived, arrives, "{policy:?}: {datagram:?}");
        }
        // The open home's own mapping, made by sending to the server, is somebody to send to.
        let neighbour = lab.host(0).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        neighbour.send_to(b"out", server.local_addr()?)?;
        server.set_read_timeout(Some(PATIENCE))?;
        let (_, outside) = server.recv_from(&mut [0; 16])?;
        let host = lab.host(home).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
        host.send_to(b"in", outside)?;
        neighbour.set_read_timeout(Some(SILENCE))?;
        // The open home is its own neighbour, and its router turns nothing around.
        let arrives = matches!(policy, Policy::NoQuic);
        assert_eq!(neighbour.recv(&mut [0; 16]).is_ok(), arrives, "{policy:?}");
    }
    lab.close()
}

/// Whether a datagram gets from a home to a socket elsewhere.
fn crosses(lab: &Lab, home: usize, datagram: &[u8], end: &UdpSocket) -> Result<bool> {
    let host = lab.host(home).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    host.send_to(datagram, end.local_addr()?)?;
    end.set_read_timeout(Some(SILENCE))?;
    Ok(end.recv(&mut [0; 64]).is_ok())
}

#[test]
fn core_keeps_its_times_and_its_share_of_losses() -> Result<()> {
    let line = Line {
        loss: 0.05,
        ..Line::default()
    };
    let plan = Plan {
        line,
        homes: vec![HomePlan::behind(Nat::PortRestricted)],
        ..Plan::default()
    };
    let Some(lab) = Lab::build("core_keeps_its_times_and_its_share_of_losses", &plan)? else {
        return Ok(());
    };
    let server = lab.server().bind((server_address().ip(), 0).into())?;
    let host = lab.host(0).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let sent = 4000;
    for _ in 0..sent {
        host.send_to(b"?", server.local_addr()?)?;
    }
    server.set_read_timeout(Some(Duration::from_secs(1)))?;
    // A socket drops what it has no room for, so the core's own records are what counts.
    while server.recv(&mut [0; 16]).is_ok() {}
    let lost = lab.traffic().lost.load(Ordering::Relaxed);
    let carried = lab.traffic().carried.load(Ordering::Relaxed);
    assert_eq!(lost + carried, sent);
    // Five per cent of 4000 is 200, with a deviation of 14.
    assert!((120..=280).contains(&lost), "{lost} of {sent} lost");
    lab.close()?;

    let plan = Plan {
        homes: vec![HomePlan::behind(Nat::PortRestricted)],
        ..Plan::default()
    };
    let Some(lab) = Lab::build("core_keeps_its_times_and_its_share_of_losses", &plan)? else {
        return Ok(());
    };
    for _ in 0..3 {
        let time = round_trip(&lab, 0)?;
        // Never sooner than it says; how much later is the machine's business.
        assert!(time >= Duration::from_millis(99), "{time:?}");
        assert!(time < Duration::from_secs(1), "{time:?}");
        say(&format!("round trip {time:?}"));
    }
    lab.close()
}
