//! Kinds of NAT as data, in the words of RFC 4787, and the packet filter rules that make Linux one.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The table that this module owns in a router.
const TABLE: &str = "nat_lab";

/// How long a mapping lives unless a test says otherwise, in seconds (RFC 4787, REQ-5, wants two
/// minutes or more; no test waits for either).
const MAPPING_SECONDS: u32 = 120;

/// Ports that a sequential NAT gives out, one after another.
const SEQUENCE: std::ops::Range<u32> = 40_000..44_096;

/// How a router maps and filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nat {
    /// No NAT at all: addresses of its own, everything gets in.
    None,
    /// Endpoint-independent mapping and filtering; ports kept. The full cone.
    EndpointIndependent,
    /// Endpoint-independent mapping, address-dependent filtering; ports kept.
    AddressRestricted,
    /// Endpoint-independent mapping, address-and-port-dependent filtering; ports kept. What Linux does.
    PortRestricted,
    /// Endpoint-independent mapping, address-and-port-dependent filtering; other ports outside than inside.
    PortRestrictedMoving,
    /// Address-and-port-dependent mapping and filtering, random ports.
    SymmetricRandom,
    /// Address-and-port-dependent mapping and filtering, one port after another.
    SymmetricSequential,
    /// Address-and-port-dependent mapping and filtering, random ports out of 1024 (carriers; RFC 7422).
    SymmetricBlock,
}

impl Nat {
    /// Both columns and rows of the matrix.
    pub(crate) const MATRIX: [Self; 5] = [
        Self::EndpointIndependent,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::PortRestrictedMoving,
        Self::SymmetricRandom,
    ];

    /// Every kind that translates.
    pub(crate) const ALL: [Self; 7] = [
        Self::EndpointIndependent,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::PortRestrictedMoving,
        Self::SymmetricRandom,
        Self::SymmetricSequential,
        Self::SymmetricBlock,
    ];

    /// What it is called in tables.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::PortRestrictedMoving => "port-restricted, other ports",
            Self::SymmetricRandom => "symmetric, random",
            Self::SymmetricSequential => "symmetric, sequential",
            Self::SymmetricBlock => "symmetric, block of 1024",
        }
    }

    /// Whether one socket has the same outside address towards everybody.
    #[must_use]
    pub(crate) const fn is_cone(self) -> bool {
        match self {
            Self::None
            | Self::EndpointIndependent
            | Self::AddressRestricted
            | Self::PortRestricted
            | Self::PortRestrictedMoving => true,
            Self::SymmetricRandom | Self::SymmetricSequential | Self::SymmetricBlock => false,
        }
    }

    /// Who gets in through a mapping.
    #[must_use]
    pub(crate) const fn filtering(self) -> Filtering {
        match self {
            Self::None | Self::EndpointIndependent => Filtering::Nobody,
            Self::AddressRestricted => Filtering::OtherAddresses,
            Self::PortRestricted
            | Self::PortRestrictedMoving
            | Self::SymmetricRandom
            | Self::SymmetricSequential
            | Self::SymmetricBlock => Filtering::OtherPorts,
        }
    }
}

/// Whom a NAT keeps out of a mapping (RFC 4787, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filtering {
    /// Endpoint-independent: nobody.
    Nobody,
    /// Address-dependent: addresses to which nothing was sent.
    OtherAddresses,
    /// Address-and-port-dependent: ports to which nothing was sent.
    OtherPorts,
}

/// Whether a router answers a packet to its own outside address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum WanInput {
    /// Drops what no connection of its own asked for: nearly all do.
    #[default]
    Dropped,
    /// Takes it in, and so makes a connection of it that stands in the way of a mapping.
    Accepted,
}

/// What a router lets out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Policy {
    /// Everything.
    #[default]
    Open,
    /// No UDP.
    NoUdp,
    /// No UDP but to the rendezvous: a firewall with a list of what is allowed.
    OnlyRendezvous,
    /// No long headers of QUIC (RFC 9000 and RFC 9369); everything else.
    NoQuic,
}

impl Policy {
    /// Lines for a chain that forwards.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::NoUdp => "  meta l4proto udp drop\n",
            // The server's own network, which is always the same one.
            Self::OnlyRendezvous => {
                "  meta l4proto udp ip daddr != 11.0.0.0/24 ip saddr != 11.0.0.0/24 drop\n"
            }
            Self::NoQuic => {
                "  meta l4proto udp @th,64,8 & 0xc0 == 0xc0 @th,72,32 { 0x00000001, 0x6b3343cf } drop\n"
            }
        }
    }
}

/// Whether two hosts of one LAN reach one another by their outside addresses (RFC 4787, REQ-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Hairpin {
    /// Packets from inside to the router's outside address end there.
    #[default]
    Missing,
    /// They come back in, from the outside address of the sender.
    Works,
}

/// How a router treats packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// How it maps and filters.
    pub(crate) nat: Nat,
    /// Whether it turns packets around.
    pub(crate) hairpin: Hairpin,
    /// Seconds of silence after which a mapping is forgotten; `None`: far longer than any test.
    pub(crate) mapping_seconds: Option<u32>,
    /// What it does with packets to itself.
    pub(crate) wan_input: WanInput,
    /// What it lets out.
    pub(crate) policy: Policy,
}

impl Rules {
    /// A router that is nothing but this kind of NAT.
    #[must_use]
    pub(crate) fn of(nat: Nat) -> Self {
        Self {
            nat,
            hairpin: Hairpin::default(),
            mapping_seconds: None,
            wan_input: WanInput::default(),
            policy: Policy::default(),
        }
    }

    /// Seconds that a mapping lives.
    pub(super) fn lifetime(&self) -> u32 {
        self.mapping_seconds.unwrap_or(MAPPING_SECONDS)
    }

    /// Rules for `nft -f -` that replace what this gave before. `generation` counts the rebindings:
    /// each gives a cone other outside ports than the one before.
    pub(super) fn text(&self, outside: Ipv4Addr, generation: u32) -> String {
        let mut rules = format!("table ip {TABLE}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n");
        self.translation(&mut rules, outside, generation);
        self.filter(&mut rules);
        rules.push_str("}\n");
        rules
    }

    fn translation(&self, rules: &mut String, outside: Ipv4Addr, generation: u32) {
        if self.nat == Nat::None {
            return;
        }
        let seconds = self.lifetime();
        let back = "dnat ip to udp dport map @mappings";
        let pre = match self.nat {
            Nat::EndpointIndependent => format!("  iifname \"wan\" meta l4proto udp {back}\n"),
            Nat::AddressRestricted => {
                format!("  iifname \"wan\" udp dport . ip saddr @peers {back}\n")
            }
            Nat::None
            | Nat::PortRestricted
            | Nat::PortRestrictedMoving
            | Nat::SymmetricRandom
            | Nat::SymmetricSequential
            | Nat::SymmetricBlock => String::new(),
        };
        let (pre, turned) = match self.hairpin {
            Hairpin::Missing => (pre, String::new()),
            Hairpin::Works => (
                format!("{pre}  iifname \"lan\" ip daddr {outside} meta l4proto udp {back}\n"),
                // The same outside port as towards everybody else, so that the two see one another as
                // the world does.
                format!(
                    "  iifname \"lan\" oifname \"lan\" ct status dnat meta l4proto udp snat to {outside}\n"
                ),
            ),
        };
        let ports = self.ports(generation);
        // The maps learn from what goes out which inside address has a port, and whom it sent to.
        let _ = write!(
            rules,
            r#" map mappings {{
  type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout {seconds}s; size 65535;
 }}
 set peers {{
  type inet_service . ipv4_addr; flags dynamic,timeout; timeout {seconds}s; size 65535;
 }}
 chain pre {{
  type nat hook prerouting priority dstnat
{pre} }}
 chain post {{
  type nat hook postrouting priority srcnat
{turned}  oifname "wan" meta l4proto udp masquerade{ports}
  oifname "wan" masquerade
 }}
 chain learn {{
  type filter hook postrouting priority 150
  oifname "wan" meta l4proto udp ct direction original update @mappings {{ udp sport : ct original ip saddr . ct original proto-src }}
  oifname "wan" meta l4proto udp ct direction reply update @mappings {{ udp sport : ct reply ip saddr . ct reply proto-src }}
  oifname "wan" meta l4proto udp update @peers {{ udp sport . ip daddr }}
 }}
"#
        );
    }

    /// Which outside port a packet gets.
    fn ports(&self, generation: u32) -> String {
        // A hash of the inside address and port is the same towards everybody.
        let hashed = |seed: u32| {
            format!(" to :jhash ip saddr . udp sport mod 60000 seed {seed:#x} offset 2000")
        };
        match self.nat {
            Nat::None => String::new(),
            Nat::EndpointIndependent | Nat::AddressRestricted | Nat::PortRestricted => {
                if generation == 0 {
                    String::new()
                } else {
                    hashed(0xb0b0 + generation)
                }
            }
            Nat::PortRestrictedMoving => hashed(0x5eed + generation),
            Nat::SymmetricRandom => " fully-random".to_owned(),
            Nat::SymmetricSequential => {
                // Through a map: a number straight into a port comes out with its bytes swapped.
                let length = SEQUENCE.end - SEQUENCE.start;
                let ports: Vec<String> = (0..length)
                    .map(|index| {
                        let port = SEQUENCE.start + (index + 100 * generation) % length;
                        format!("{index} : {port}")
                    })
                    .collect();
                format!(
                    " to :numgen inc mod {length} map {{ {} }}",
                    ports.join(", ")
                )
            }
            Nat::SymmetricBlock => " to :30000-31023 random".to_owned(),
        }
    }

    fn filter(&self, rules: &mut String) {
        let input = match self.wan_input {
            WanInput::Dropped => "  iifname \"wan\" drop\n",
            WanInput::Accepted => "",
        };
        let policy = self.policy.text();
        let unasked = match self.nat {
            Nat::None => "accept",
            Nat::EndpointIndependent
            | Nat::AddressRestricted
            | Nat::PortRestricted
            | Nat::PortRestrictedMoving
            | Nat::SymmetricRandom
            | Nat::SymmetricSequential
            | Nat::SymmetricBlock => "drop",
        };
        let _ = write!(
            rules,
            r#" chain input {{
  type filter hook input priority filter
  ct state established,related accept
{input} }}
 chain forward {{
  type filter hook forward priority filter
{policy}  ct state established,related accept
  iifname "lan" accept
  ct status dnat accept
  {unasked}
 }}
"#
        );
    }
}
