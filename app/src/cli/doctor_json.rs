//! A diagnosis as one JSON object. The README documents it; it is a contract.

use std::net::IpAddr;

use fardrop_shared::diagnosis::{
    ClockSkew, Diagnosis, Hint, Ladder, NatReport, RouterAnswer, RouterState, Scope,
};
use serde::Serialize;

use super::json::rounded;
use crate::text::{self, Disclosure};

/// The object; the fields are serialised in this order.
#[derive(Serialize)]
pub(super) struct DiagnosisLine<'a> {
    event: &'static str,
    verdict: &'static str,
    message: String,
    hints: Vec<HintPart>,
    ladder: LadderPart,
    udp: &'static str,
    ipv6: &'static str,
    nat: NatPart,
    quic: &'static str,
    path_mtu: Option<u16>,
    clock: Option<ClockPart>,
    interfaces: Vec<InterfacePart<'a>>,
    gateways: Vec<AddressPart>,
    port_mapping: Option<Vec<RouterPart<'a>>>,
    servers: Vec<ServerPart<'a>>,
}

#[derive(Serialize)]
struct HintPart {
    kind: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct LadderPart {
    local: &'static str,
    ipv6: &'static str,
    mapped: &'static str,
    punched: &'static str,
}

#[derive(Serialize)]
struct NatPart {
    mapping: &'static str,
    ports: &'static str,
    hairpin: &'static str,
    outside: Option<AddressPart>,
}

#[derive(Serialize)]
struct ClockPart {
    ahead_ms: i64,
    give_or_take_ms: u64,
}

#[derive(Serialize)]
struct InterfacePart<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    addresses: Vec<AddressPart>,
}

/// An address: of what kind, and only if the person asked for it, which.
#[derive(Serialize)]
pub(super) struct AddressPart {
    family: &'static str,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

#[derive(Serialize)]
struct RouterPart<'a> {
    protocol: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external: Option<AddressPart>,
    gateway: AddressPart,
}

#[derive(Serialize)]
struct ServerPart<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    address: Option<AddressPart>,
    udp: bool,
    tcp: bool,
    rtt_ms: Option<f64>,
}

impl<'a> DiagnosisLine<'a> {
    /// With addresses and names, or without.
    pub(super) fn new(diagnosis: &'a Diagnosis, disclosure: Disclosure) -> Self {
        let verdict = diagnosis.verdict();
        Self {
            event: "diagnosis",
            verdict: verdict.name(),
            message: text::verdict(verdict).to_owned(),
            hints: diagnosis.hints().into_iter().map(hint).collect(),
            ladder: ladder(diagnosis.ladder()),
            udp: diagnosis.udp().name(),
            ipv6: diagnosis.ipv6.name(),
            nat: nat(&diagnosis.nat, disclosure),
            quic: diagnosis.quic.name(),
            path_mtu: diagnosis.path_mtu,
            clock: diagnosis.clock.map(clock),
            interfaces: diagnosis
                .interfaces
                .iter()
                .map(|interface| InterfacePart {
                    kind: interface.kind.name(),
                    name: shown(disclosure, interface.name.as_str()),
                    addresses: interface
                        .addresses
                        .iter()
                        .map(|ip| address(*ip, disclosure))
                        .collect(),
                })
                .collect(),
            gateways: diagnosis
                .gateways
                .iter()
                .map(|ip| address(*ip, disclosure))
                .collect(),
            port_mapping: diagnosis.routers.as_ref().map(|routers| {
                routers
                    .iter()
                    .map(|each| router(each, disclosure))
                    .collect()
            }),
            servers: servers(diagnosis, disclosure),
        }
    }
}

fn servers(diagnosis: &Diagnosis, disclosure: Disclosure) -> Vec<ServerPart<'_>> {
    let asked = diagnosis.servers.iter().map(|server| ServerPart {
        name: shown(disclosure, server.name.as_str()),
        address: Some(address(server.address, disclosure)),
        udp: server.udp,
        tcp: server.tcp,
        rtt_ms: server
            .round_trip
            .map(|time| rounded(time.as_secs_f64() * 1000.0, 10.0)),
    });
    let unresolved = diagnosis.unresolved.iter().map(|name| ServerPart {
        name: shown(disclosure, name.as_str()),
        address: None,
        udp: false,
        tcp: false,
        rtt_ms: None,
    });
    asked.chain(unresolved).collect()
}

const fn hint(hint: Hint) -> HintPart {
    HintPart {
        kind: hint.name(),
        message: text::hint(hint),
    }
}

const fn ladder(ladder: Ladder) -> LadderPart {
    LadderPart {
        local: ladder.local.name(),
        ipv6: ladder.ipv6.name(),
        mapped: ladder.mapped.name(),
        punched: ladder.punched.name(),
    }
}

fn nat(nat: &NatReport, disclosure: Disclosure) -> NatPart {
    NatPart {
        mapping: nat.mapping.name(),
        ports: nat.ports.name(),
        hairpin: nat.hairpin.name(),
        outside: nat.outside.map(|ip| address(ip, disclosure)),
    }
}

const fn clock(clock: ClockSkew) -> ClockPart {
    ClockPart {
        ahead_ms: clock.ahead_ms,
        give_or_take_ms: clock.give_or_take_ms,
    }
}

fn router(router: &RouterAnswer, disclosure: Disclosure) -> RouterPart<'_> {
    let (state, reason, external) = match &router.state {
        RouterState::Opened(external) => ("opened", None, Some(address(*external, disclosure))),
        RouterState::Refused(reason) => ("refused", Some(reason.as_str()), None),
        RouterState::Silent => ("silent", None, None),
    };
    RouterPart {
        protocol: router.protocol.name(),
        state,
        reason,
        external,
        gateway: address(router.gateway, disclosure),
    }
}

fn shown<T>(disclosure: Disclosure, value: T) -> Option<T> {
    match disclosure {
        Disclosure::Shown => Some(value),
        Disclosure::Hidden => None,
    }
}

pub(super) fn address(ip: IpAddr, disclosure: Disclosure) -> AddressPart {
    let ip = ip.to_canonical();
    AddressPart {
        family: if ip.is_ipv4() { "ipv4" } else { "ipv6" },
        scope: Scope::of(ip).name(),
        address: shown(disclosure, ip),
    }
}
