//! Asking one router whether it is a UPnP device, and where it describes itself (SSDP: UPnP Device
//! Architecture 1.1, section 1.3).
//!
//! Anybody on the network hears a search by multicast and may answer it. Only answers that come from
//! the router's own address count, and only if they lead to that address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};
use url::Url;

use super::MappingError;
use super::gateway::Gateway;
use super::http::Target;

/// What is searched for: whole gateways of either version, and the services that are wanted, since
/// some routers answer to one and not to the other.
const TARGETS: [&str; 6] = [
    "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
    "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
    "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
];

/// Where devices listen together (for IPv6, annex A).
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);

/// How long a device may hold back its answer to a multicast search, in seconds: the least that the
/// standard allows (`MX`, section 1.3.2). One asked by unicast answers at once.
const HOLD_BACK_SECONDS: u32 = 1;

/// When searches go out, counted from the first: twice, as datagrams get lost.
const REPEATED_AFTER: Duration = Duration::from_millis(500);

/// How long answers are waited for: `MX`, and as long again as the repetition is late.
const SEARCH_TIME: Duration = Duration::from_millis(1500);

/// Longest answer that is read, in bytes: a packet of an ordinary link.
const ANSWER_LIMIT: usize = 1500;

/// Datagrams that are looked at in one search: a network has a few dozen devices, a liar many.
const DATAGRAMS_LIMIT: usize = 256;

/// Descriptions of one router that are read: some have one for each version of the standard, and some
/// one for each thing they are.
const LOCATIONS_LIMIT: usize = 4;

/// One search under way.
#[derive(Debug)]
pub(super) struct Search {
    gateway: Gateway,
    socket: UdpSocket,
    repeat_at: Option<Instant>,
    ends_at: Instant,
    datagrams: usize,
    seen: Vec<String>,
}

impl Search {
    /// Sends the first searches.
    pub(super) async fn start(gateway: &Gateway) -> Result<Self, MappingError> {
        let socket = socket(gateway)
            .await
            .map_err(|error| MappingError::Network(error.kind()))?;
        let now = Instant::now();
        let search = Self {
            gateway: gateway.clone(),
            socket,
            repeat_at: Some(now + REPEATED_AFTER),
            ends_at: now + SEARCH_TIME,
            datagrams: 0,
            seen: Vec::new(),
        };
        search.send().await;
        Ok(search)
    }

    /// The next description that the router names, or why what it names is none; `None` when there
    /// are no more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<Url, MappingError>> {
        let mut buffer = [0; ANSWER_LIMIT];
        while self.datagrams < DATAGRAMS_LIMIT && self.seen.len() < LOCATIONS_LIMIT {
            // What has arrived while a description was read counts, however long that took.
            let received = match self.socket.try_recv_from(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= self.ends_at {
                        return None;
                    }
                    let repeat_at = self.repeat_at;
                    tokio::select! {
                        received = self.socket.recv_from(&mut buffer) => received,
                        () = sleep_until(self.ends_at) => return None,
                        () = sleep_until(repeat_at.unwrap_or(self.ends_at)), if repeat_at.is_some() => {
                            self.repeat_at = None;
                            self.send().await;
                            continue;
                        }
                    }
                }
                received => received,
            };
            self.datagrams += 1;
            // Errors tell of one datagram: too long, or an earlier one that reached nobody.
            let Ok((length, from)) = received else {
                continue;
            };
            if from.ip() != self.gateway.ip {
                tracing::trace!(%from, "search answered by somebody else");
                continue;
            }
            let Some(location) = location(&buffer[..length]) else {
                continue;
            };
            if self.seen.iter().any(|seen| seen == location) {
                continue;
            }
            self.seen.push(location.to_owned());
            return Some(check(&self.gateway, location));
        }
        None
    }

    async fn send(&self) {
        let port = self.gateway.ports.ssdp;
        let group: Option<SocketAddr> = match self.gateway.ip {
            // Nobody else can be there.
            ip if ip.is_loopback() => None,
            IpAddr::V4(_) => Some((GROUP_V4, port).into()),
            IpAddr::V6(_) => {
                let scope = self.gateway.interface;
                Some(SocketAddrV6::new(GROUP_V6, port, 0, scope).into())
            }
        };
        for destination in [Some(self.gateway.at(port)), group].into_iter().flatten() {
            for target in TARGETS {
                let message = message(destination, target);
                if let Err(error) = self.socket.send_to(message.as_bytes(), destination).await {
                    tracing::trace!(%destination, %error, "search not sent");
                }
            }
        }
    }
}

async fn socket(gateway: &Gateway) -> io::Result<UdpSocket> {
    match gateway.local {
        IpAddr::V4(local) => {
            let socket = UdpSocket::bind((local, 0)).await?;
            // Else the system sends multicast by its default route only.
            socket2::SockRef::from(&socket).set_multicast_if_v4(&local)?;
            Ok(socket)
        }
        // Not bound to the address that the pinhole is for: a router answers a global address from a
        // global one of its own, and it is asked at the one that the route names.
        IpAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await,
    }
}

fn message(destination: SocketAddr, target: &str) -> String {
    // A scope means nothing to the other side.
    let host = SocketAddr::new(destination.ip(), destination.port());
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {host}\r\nMAN: \"ssdp:discover\"\r\nMX: {HOLD_BACK_SECONDS}\r\n\
         ST: {target}\r\n\r\n"
    )
}

/// The `LOCATION` of an answer to a search.
fn location(answer: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(answer).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?;
    if !status.starts_with("HTTP/1.") || status.split(' ').nth(1) != Some("200") {
        return None;
    }
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map(|(_, value)| value.trim())
}

fn check(gateway: &Gateway, location: &str) -> Result<Url, MappingError> {
    let url = Url::parse(location).map_err(|_| MappingError::Malformed)?;
    Target::new(gateway, &url)?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_names_whom_it_asks() {
        let text = message("[fe80::1%3]:1900".parse().unwrap(), TARGETS[0]);
        assert!(text.starts_with("M-SEARCH * HTTP/1.1\r\nHOST: [fe80::1]:1900\r\n"));
        assert!(text.ends_with("ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"));
    }

    #[test]
    fn the_location_is_found_whatever_its_case() {
        for name in ["LOCATION", "Location", "location"] {
            let answer = format!("HTTP/1.1 200 OK\r\nST: x\r\n{name}: http://10.0.0.1/d\r\n\r\n");
            assert_eq!(location(answer.as_bytes()), Some("http://10.0.0.1/d"));
        }
    }

    #[test]
    fn what_answers_no_search_has_no_location() {
        let cases: [&[u8]; 5] = [
            b"",
            b"\xff\xfe",
            b"NOTIFY * HTTP/1.1\r\nLOCATION: http://10.0.0.1/d\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLOCATION: http://10.0.0.1/d\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nLOCATION: http://10.0.0.1/d\r\n",
        ];
        for case in cases {
            assert_eq!(location(case), None, "{}", case.escape_ascii());
        }
    }
}
