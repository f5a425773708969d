//! The gateways of the lab, asked by hand: each protocol alone maps a port, and the others are silent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fardrop_tests::namespace::Namespace;

use crate::lab::{
    CarrierAddresses, CarrierPlan, HomePlan, Lab, Line, Nat, Plan, Protocols, Rules, server_address,
};

/// How long an answer may take that has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long silence is waited for. The gateway is a millisecond away.
const SILENCE: Duration = Duration::from_millis(500);

/// The port of NAT-PMP and PCP, and that of UPnP's discovery.
const PMP_PORT: u16 = 5351;
const SSDP_PORT: u16 = 1900;

/// The port inside that is asked for.
const INSIDE: u16 = 7000;

/// A way to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Upnp,
    NatPmp,
    Pcp,
}

/// A machine and its router.
struct Asker<'a> {
    host: &'a Namespace,
    address: Ipv4Addr,
    gateway: Ipv4Addr,
}

impl Asker<'_> {
    /// One datagram to the gateway and its answer; `None` if there is none.
    fn ask(&self, port: u16, request: &[u8], patience: Duration) -> Result<Option<Vec<u8>>> {
        let socket = self.host.bind((self.address, 0).into())?;
        socket.set_read_timeout(Some(patience))?;
        socket.connect((self.gateway, port))?;
        socket.send(request)?;
        let mut answer = vec![0; 2048];
        // Refused or timed out: nobody is there.
        Ok(socket.recv(&mut answer).ok().map(|length| {
            answer.truncate(length);
            answer
        }))
    }

    /// Maps `INSIDE` for so many seconds (0: no more), and gives the outside port. `None`: nobody
    /// answers, or the answer is no.
    fn map(&self, way: Way, seconds: u32, patience: Duration) -> Result<Option<u16>> {
        match way {
            Way::Upnp => self.map_by_upnp(seconds, patience),
            Way::NatPmp => {
                // RFC 6886, section 3.3.
                let mut request = vec![0, 1, 0, 0];
                request.extend(INSIDE.to_be_bytes());
                request.extend(if seconds == 0 { 0 } else { INSIDE }.to_be_bytes());
                request.extend(seconds.to_be_bytes());
                let answer = self.ask(PMP_PORT, &request, patience)?;
                Ok(answer.and_then(|answer| match answer[..] {
                    [0, 129, 0, 0, ..] if answer.len() == 16 => {
                        Some(u16::from_be_bytes([answer[10], answer[11]]))
                    }
                    _ => None,
                }))
            }
            Way::Pcp => {
                // RFC 6887, sections 7.1 and 11.1.
                let mut request = vec![2, 1, 0, 0];
                request.extend(seconds.to_be_bytes());
                request.extend(self.address.to_ipv6_mapped().octets());
                request.extend([7; 12]);
                request.extend([17, 0, 0, 0]);
                request.extend(INSIDE.to_be_bytes());
                request.extend(if seconds == 0 { 0 } else { INSIDE }.to_be_bytes());
                request.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
                let answer = self.ask(PMP_PORT, &request, patience)?;
                Ok(answer.and_then(|answer| match answer[..] {
                    [2, 129, _, 0, ..] if answer.len() == 60 => {
                        Some(u16::from_be_bytes([answer[42], answer[43]]))
                    }
                    _ => None,
                }))
            }
        }
    }

    fn map_by_upnp(&self, seconds: u32, patience: Duration) -> Result<Option<u16>> {
        const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
        let search = format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
            MX: 1\r\nST: {SERVICE}\r\n\r\n"
        );
        let Some(answer) = self.ask(SSDP_PORT, search.as_bytes(), patience)? else {
            return Ok(None);
        };
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        let (_, location) = answer
            .split_once("location: http://")
            .context("no location")?;
        let end = location.find('/').context("no path")?;
        let server: SocketAddr = location[..end].parse()?;
        let map = format!(
            "<NewPortMappingDescription>lab</NewPortMappingDescription>\
            <NewInternalClient>{}</NewInternalClient><NewInternalPort>{INSIDE}</NewInternalPort>\
            <NewEnabled>1</NewEnabled><NewLeaseDuration>{seconds}</NewLeaseDuration>",
            self.address
        );
        let (action, rest) = if seconds == 0 {
            ("DeletePortMapping", "")
        } else {
            ("AddPortMapping", map.as_str())
        };
        let body = format!(
            "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
            s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
            <u:{action} xmlns:u=\"{SERVICE}\"><NewRemoteHost></NewRemoteHost>\
            <NewExternalPort>{INSIDE}</NewExternalPort><NewProtocol>UDP</NewProtocol>{rest}\
            </u:{action}></s:Body></s:Envelope>"
        );
        let request = format!(
            "POST /ctl/IPConn HTTP/1.0\r\nHost: {server}\r\nSOAPAction: \"{SERVICE}#{action}\"\r\n\
            Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self.host.with(move || {
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })?;
        Ok(answer.contains(" 200 OK").then_some(INSIDE))
    }
}

fn asker(lab: &Lab, home: usize) -> Result<Asker<'_>> {
    let gateway = lab.homes[home].router.inside();
    let [first, second, third, _] = gateway.octets();
    Ok(Asker {
        host: lab.host(home),
        address: Ipv4Addr::new(first, second, third, 10),
        gateway,
    })
}

/// Whether a packet of a stranger's gets in through an outside port.
fn reachable(lab: &Lab, home: usize, port: u16, socket: &UdpSocket) -> Result<bool> {
    let stranger = lab.server().bind((server_address().ip(), 0).into())?;
    stranger.send_to(b"in", (lab.homes[home].router.outside(), port))?;
    socket.set_read_timeout(Some(SILENCE))?;
    Ok(socket.recv(&mut [0; 16]).is_ok())
}

#[test]
fn each_protocol_maps_what_it_is_asked_for_and_the_others_are_silent() -> Result<()> {
    let ways = [
        (Way::Upnp, Protocols::UPNP),
        (Way::NatPmp, Protocols::NAT_PMP),
        (Way::Pcp, Protocols::PCP),
    ];
    let home = |(_, protocols)| HomePlan::behind(Nat::SymmetricRandom).with_gateway(protocols);
    let plan = Plan {
        line: Line {
            round_trip: Duration::from_millis(2),
            ..Line::default()
        },
        homes: ways.map(home).to_vec(),
        ..Plan::default()
    };
    let test = "each_protocol_maps_what_it_is_asked_for_and_the_others_are_silent";
    let Some(lab) = Lab::build(test, &plan)? else {
        return Ok(());
    };
    for (home, (own, _)) in ways.into_iter().enumerate() {
        let asker = asker(&lab, home)?;
        let router = &lab.homes[home].router;
        let inside = asker.host.bind((asker.address, INSIDE).into())?;
        ensure!(
            !reachable(&lab, home, INSIDE, &inside)?,
            "{own:?}: open already"
        );
        for (way, _) in ways.into_iter().filter(|(way, _)| *way != own) {
            let mapped = asker.map(way, 600, SILENCE)?;
            ensure!(
                mapped.is_none(),
                "{own:?} alone, but {way:?} maps {mapped:?}"
            );
        }
        let Some(port) = asker.map(own, 600, PATIENCE)? else {
            bail!("{own:?} maps nothing");
        };
        assert_eq!(router.mapped_ports()?, 1, "{own:?}");
        ensure!(
            reachable(&lab, home, port, &inside)?,
            "{own:?}: still closed"
        );
        asker.map(own, 0, PATIENCE)?;
        assert_eq!(router.mapped_ports()?, 0, "{own:?}");
    }
    lab.close()
}

#[test]
fn gateway_behind_a_carrier_maps_only_where_it_believes_in_its_address() -> Result<()> {
    let carrier = |addresses| CarrierPlan {
        rules: Rules::of(Nat::PortRestricted),
        addresses,
    };
    let home = HomePlan::behind(Nat::PortRestricted).with_gateway(Protocols::ALL);
    let plan = Plan {
        carriers: vec![
            carrier(CarrierAddresses::Shared),
            carrier(CarrierAddresses::Squatted),
        ],
        homes: vec![home.behind_carrier(0), home.behind_carrier(1)],
        ..Plan::default()
    };
    let test = "gateway_behind_a_carrier_maps_only_where_it_believes_in_its_address";
    let Some(lab) = Lab::build(test, &plan)? else {
        return Ok(());
    };
    for (home, believes) in [(0, false), (1, true)] {
        let asker = asker(&lab, home)?;
        let mapped = asker.map(Way::Pcp, 600, PATIENCE)?;
        assert_eq!(mapped.is_some(), believes, "{mapped:?}");
        asker.map(Way::Pcp, 0, PATIENCE)?;
    }
    lab.close()
}
