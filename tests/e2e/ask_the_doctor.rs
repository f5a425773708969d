//! `fardrop doctor`: what it finds out in networks that are made for it.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{PeerCommand, Rendezvous};
use serde_json::Value;

/// Five seconds, and what a loaded machine needs to start a process and to end it.
const TIME: Duration = Duration::from_secs(7);

/// Where the far machine is, at an address of the internet as far as anybody here can tell.
const FAR: &str = "11.0.1.2";

/// Runs it, in `namespace` if there is one: the exit code, and the one object that it prints.
fn doctor(arguments: &[&str], namespace: Option<&Namespace>) -> Result<(Option<i32>, Value)> {
    let command = PeerCommand::new("doctor")?.args(arguments.iter().copied());
    let command = match namespace {
        Some(namespace) => command.within(namespace),
        None => command,
    };
    let started = Instant::now();
    let (exit, mut events) = command.start()?.finish()?;
    let took = started.elapsed();
    assert!(took < TIME, "{took:?}");
    assert_eq!(events.len(), 1, "{events:?}");
    Ok((exit, events.pop().context("an event")?))
}

/// Asserts the exit code and some fields, by their JSON pointers.
#[track_caller]
fn assert_found(found: &(Option<i32>, Value), exit: i32, fields: &[(&str, Value)]) {
    let (code, diagnosis) = found;
    for (pointer, expected) in fields {
        let actual = diagnosis.pointer(pointer);
        assert_eq!(actual, Some(expected), "{pointer} of {diagnosis}");
    }
    assert_eq!(*code, Some(exit), "{diagnosis}");
}

fn hints(diagnosis: &Value) -> BTreeSet<&str> {
    let hints = diagnosis["hints"].as_array().into_iter().flatten();
    hints.filter_map(|hint| hint["kind"].as_str()).collect()
}

/// A machine on one cable with a rendezvous. `filter` stands in the far machine's way in.
fn beside_a_server(
    test: &str,
    filter: &str,
) -> Result<Option<(Namespace, Arc<Namespace>, Rendezvous)>> {
    let (Some(machine), Some(far)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
        return Ok(None);
    };
    let far = Arc::new(far);
    machine.join("11.0.1.1/24", &far, &format!("{FAR}/24"))?;
    far.filter(&format!(
        "table inet lab {{\n chain in {{\n  type filter hook input priority filter\n  {filter}\n }}\n}}\n"
    ))?;
    let rendezvous = Rendezvous::start_within(Arc::clone(&far), format!("{FAR}:4840").parse()?)?;
    Ok(Some((machine, far, rendezvous)))
}

/// A machine behind a router that translates by `rule`, and a rendezvous on the other side of it.
fn behind_a_router(test: &str, rule: &str) -> Result<Option<(Vec<Arc<Namespace>>, Rendezvous)>> {
    let namespaces = [test; 3].map(Namespace::enter);
    let mut entered = Vec::new();
    for namespace in namespaces {
        match namespace? {
            Some(namespace) => entered.push(Arc::new(namespace)),
            None => return Ok(None),
        }
    }
    let [machine, router, far] = &entered[..] else {
        unreachable!("three were made")
    };
    router.join_as("lan", "10.77.0.1/24", machine, "10.77.0.2/24")?;
    router.join_as("wan", "11.0.1.1/24", far, &format!("{FAR}/24"))?;
    router.run("sysctl -q -w net.ipv4.ip_forward=1")?;
    machine.run("ip route add default via 10.77.0.1")?;
    router.filter(&format!(
        "table ip lab {{\n chain out {{\n  type nat hook postrouting priority srcnat\n  oifname \"wan\" {rule}\n }}\n \
         chain in {{\n  type filter hook input priority filter\n  ct state established,related accept\n  \
         iifname \"wan\" drop\n }}\n}}\n"
    ))?;
    let rendezvous = Rendezvous::start_within(Arc::clone(far), format!("{FAR}:4840").parse()?)?;
    Ok(Some((entered, rendezvous)))
}

#[test]
fn every_field_is_in_the_readme_and_no_address_is_printed() -> Result<()> {
    let rendezvous = Rendezvous::start()?;
    let server = rendezvous.server();
    let found = doctor(&["--rendezvous", &server], None)?;
    let mut fields = vec![("/udp", "works".into()), ("/quic", "works".into())];
    fields.push(("/nat/mapping", "no-nat".into()));
    fields.push(("/servers/0/udp", true.into()));
    fields.push(("/servers/0/address/scope", "loopback".into()));
    // Another program may have had the TCP port before the server.
    if TcpStream::connect(&server).is_ok() {
        let ahead = found.1["clock"]["ahead_ms"].as_i64().context("a clock")?;
        assert!(ahead.abs() < 1000, "{ahead}");
    }
    assert_found(&found, 0, &fields);

    let readme = include_str!("../../README.md");
    let (_, table) = readme
        .split_once("| field | means |")
        .context("the table of fields")?;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let documented: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let object = found.1.as_object().context("an object")?;
    let printed: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(printed, documented);

    assert!(!found.1.to_string().contains("127.0.0.1"), "{}", found.1);
    let (_, shown) = doctor(&["--rendezvous", &server, "--show-addresses"], None)?;
    assert_eq!(shown["servers"][0]["name"], *server);
    assert_eq!(shown["servers"][0]["address"]["address"], "127.0.0.1");
    Ok(())
}

#[test]
fn without_a_server_it_does_the_rest() -> Result<()> {
    let found = doctor(&[], None)?;
    let fields = [("/udp", "untested"), ("/quic", "untested")];
    let fields = fields.map(|(pointer, value)| (pointer, value.into()));
    let Some(namespace) = Namespace::enter("without_a_server_it_does_the_rest")? else {
        return Ok(());
    };
    assert_found(&found, 0, &fields);
    assert!(hints(&found.1).contains("name-server"), "{}", found.1);
    // With loopback alone there is nobody to send to.
    let found = doctor(&[], Some(&namespace))?;
    assert_found(&found, 1, &[("/verdict", "nobody".into())]);
    Ok(())
}

#[test]
fn a_silent_server_is_told() -> Result<()> {
    let mut rendezvous = Rendezvous::start()?;
    rendezvous.kill();
    let found = doctor(&["--rendezvous", &rendezvous.server()], None)?;
    assert_found(&found, 1, &[("/udp", "silent".into())]);
    Ok(())
}

#[test]
fn blocked_udp_is_told_apart() -> Result<()> {
    let rule = "iifname \"cable\" meta l4proto udp drop";
    let Some((machine, _far, rendezvous)) = beside_a_server("blocked_udp_is_told_apart", rule)?
    else {
        return Ok(());
    };
    let found = doctor(&["--rendezvous", &rendezvous.server()], Some(&machine))?;
    let fields = [
        ("/udp", "blocked".into()),
        ("/verdict", "this-network-only".into()),
        ("/quic", "untested".into()),
        ("/ladder/punched", "closed".into()),
        ("/servers/0/tcp", true.into()),
    ];
    assert_found(&found, 1, &fields);
    assert!(hints(&found.1).contains("udp-blocked"), "{}", found.1);
    Ok(())
}

#[test]
fn dropped_quic_is_told_from_long_datagrams() -> Result<()> {
    // Long headers of any version; everything else passes.
    let rule = "meta l4proto udp @th,64,8 & 0xc0 == 0xc0 drop";
    let test = "dropped_quic_is_told_from_long_datagrams";
    let Some((machine, _far, rendezvous)) = beside_a_server(test, rule)? else {
        return Ok(());
    };
    let found = doctor(&["--rendezvous", &rendezvous.server()], Some(&machine))?;
    let fields = [
        ("/udp", "works".into()),
        ("/quic", "dropped".into()),
        ("/path_mtu", 1228.into()),
    ];
    assert_found(&found, 0, &fields);
    assert!(hints(&found.1).contains("quic-dropped"), "{}", found.1);
    Ok(())
}

#[test]
fn path_mtu_is_found_to_the_byte() -> Result<()> {
    for (limit, quic) in [(1100, "too-long"), (1411, "works"), (1500, "works")] {
        let rule = format!("meta l4proto udp meta length > {limit} drop");
        let test = "path_mtu_is_found_to_the_byte";
        let Some((machine, _far, rendezvous)) = beside_a_server(test, &rule)? else {
            return Ok(());
        };
        let found = doctor(&["--rendezvous", &rendezvous.server()], Some(&machine))?;
        let fields = [("/quic", quic.into()), ("/path_mtu", limit.into())];
        assert_found(&found, 0, &fields);
    }
    Ok(())
}

#[test]
fn a_public_address_is_for_almost_everyone() -> Result<()> {
    let test = "a_public_address_is_for_almost_everyone";
    let Some((machine, _far, rendezvous)) = beside_a_server(test, "accept")? else {
        return Ok(());
    };
    let found = doctor(&["--rendezvous", &rendezvous.server()], Some(&machine))?;
    let fields = [
        ("/verdict", "almost-everyone".into()),
        ("/nat/mapping", "no-nat".into()),
        ("/ladder/mapped", "open".into()),
        ("/port_mapping", Value::Array(Vec::new())),
    ];
    assert_found(&found, 0, &fields);
    Ok(())
}

#[test]
fn a_cone_is_told_from_a_symmetric_nat() -> Result<()> {
    let test = "a_cone_is_told_from_a_symmetric_nat";
    let check = |rule: &str, fields: &[(&str, Value)]| -> Result<Option<Value>> {
        let Some((namespaces, rendezvous)) = behind_a_router(test, rule)? else {
            return Ok(None);
        };
        let found = doctor(
            &["--rendezvous", &rendezvous.server()],
            namespaces.first().map(Arc::as_ref),
        )?;
        assert_found(&found, 0, fields);
        Ok(Some(found.1))
    };
    let cone = [
        ("/verdict", "almost-everyone".into()),
        ("/nat/mapping", "endpoint-independent".into()),
        ("/nat/ports", "preserved".into()),
        ("/nat/hairpin", "fails".into()),
        ("/nat/outside/scope", "global".into()),
        ("/ladder/punched", "open".into()),
    ];
    check("meta l4proto udp masquerade", &cone)?;
    let symmetric = [
        ("/verdict", "some-routers".into()),
        ("/nat/mapping", "address-and-port-dependent".into()),
        ("/nat/ports", "other".into()),
        ("/nat/hairpin", "untested".into()),
        ("/ladder/punched", "depends".into()),
    ];
    let found = check("meta l4proto udp masquerade fully-random", &symmetric)?;
    if let Some(found) = found {
        assert!(hints(&found).contains("open-ports"), "{found}");
    }
    Ok(())
}
