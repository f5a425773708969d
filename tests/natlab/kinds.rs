//! The lab itself: each kind of NAT is what it says, and the core keeps its times.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use fardrop_tests::lab::{
    CarrierAddresses, CarrierPlan, Hairpin, HomePlan, Lab, Line, Nat, Plan, Protocols, Rules,
    Uplink, observe, round_trip,
};

use crate::report::say;

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
        let before = fardrop_tests::lab::seen_from(&lab, lab.host(home), port)?;
        lab.homes[home].router.rebind()?;
        let after = fardrop_tests::lab::seen_from(&lab, lab.host(home), port)?;
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
fn carrier_adds_its_own_nat() -> Result<()> {
    let mut home = HomePlan::behind(Nat::EndpointIndependent);
    home.uplink = Uplink::Carrier(0);
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
        assert_eq!(seen.filtering, fardrop_tests::lab::Filtering::OtherPorts);
        assert_eq!(seen.seen[0].ip(), lab.carriers[0].outside());
    }
    lab.close()
}

#[test]
fn gateway_starts_with_each_protocol() -> Result<()> {
    let home = |protocols| HomePlan::behind(Nat::SymmetricRandom).with_gateway(protocols);
    let homes = [
        Protocols::ALL,
        Protocols::UPNP,
        Protocols::NAT_PMP,
        Protocols::PCP,
    ];
    let homes = homes.into_iter().map(home).collect();
    let Some(lab) = lab("gateway_starts_with_each_protocol", homes)? else {
        return Ok(());
    };
    for home in &lab.homes {
        assert_eq!(home.router.mapped_ports()?, 0);
    }
    lab.close()
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
    let server = lab
        .server()
        .bind((std::net::Ipv4Addr::new(11, 0, 0, 2), 0).into())?;
    let host = lab
        .host(0)
        .bind((std::net::Ipv4Addr::UNSPECIFIED, 0).into())?;
    let sent = 4000;
    for _ in 0..sent {
        host.send_to(b"?", server.local_addr()?)?;
    }
    server.set_read_timeout(Some(Duration::from_secs(1)))?;
    // A socket drops what it has no room for, so the core's own books are what counts.
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
