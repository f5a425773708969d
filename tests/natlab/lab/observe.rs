//! What a NAT does, found out with sockets from both sides of it: whether a lab is what it says.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fardrop_tests::namespace::Namespace;

use super::nat::Filtering;
use super::{Lab, SERVER};

/// How long a packet may take that has to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A second address of the server's, for what depends on addresses.
const SECOND_ADDRESS: Ipv4Addr = Ipv4Addr::new(11, 0, 0, 3);

/// What was found out about the way from a host to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// The port inside.
    pub(crate) inside: u16,
    /// Where one socket is seen by four destinations: two ports of one address, then of another.
    pub(crate) seen: Vec<SocketAddr>,
    /// Who gets in that was not sent to.
    pub(crate) filtering: Filtering,
}

impl Observation {
    /// Whether all destinations see one and the same address.
    #[must_use]
    pub(crate) fn is_endpoint_independent(&self) -> bool {
        self.seen.iter().all(|address| *address == self.seen[0])
    }

    /// Whether the port outside is the one inside.
    #[must_use]
    pub(crate) fn keeps_ports(&self) -> bool {
        self.seen[0].port() == self.inside
    }
}

/// Looks at the NATs between a home's first machine and the server.
pub(crate) fn observe(lab: &Lab, home: usize) -> Result<Observation> {
    let server = lab.server();
    // It stays; a second look finds it there.
    let _ = server.run(&format!("ip address add {SECOND_ADDRESS}/24 dev wan"));
    let mut ends = Vec::new();
    for address in [SERVER.0, SERVER.0, SECOND_ADDRESS, SECOND_ADDRESS] {
        ends.push(server.bind((address, 0).into())?);
    }
    let host = lab.host(home).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let mut seen = Vec::new();
    for end in &ends {
        seen.push(send(&host, end.local_addr()?, end)?);
    }
    let filtering = filtering(lab, home)?;
    Ok(Observation {
        inside: host.local_addr()?.port(),
        seen,
        filtering,
    })
}

/// Who gets in through a mapping that was made by sending to one port of one address.
fn filtering(lab: &Lab, home: usize) -> Result<Filtering> {
    let server = lab.server();
    let asked = server.bind((SERVER.0, 0).into())?;
    let other_port = server.bind((SERVER.0, 0).into())?;
    let other_address = server.bind((SECOND_ADDRESS, 0).into())?;
    let host = lab.host(home).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let outside = send(&host, asked.local_addr()?, &asked)?;
    other_address.send_to(b"address", outside)?;
    other_port.send_to(b"port", outside)?;
    // Sent last and let in for certain, so what has not come before it never will: nothing on the
    // way changes the order.
    asked.send_to(b"asked", outside)?;
    let (mut port, mut address) = (false, false);
    host.set_read_timeout(Some(PATIENCE))?;
    loop {
        let mut packet = [0; 16];
        let (length, _) = host.recv_from(&mut packet).context("no answer")?;
        match &packet[..length] {
            b"address" => address = true,
            b"port" => port = true,
            b"asked" => break,
            other => bail!("a stranger's packet: {other:?}"),
        }
    }
    Ok(match (address, port) {
        (true, true) => Filtering::Nobody,
        (false, true) => Filtering::OtherAddresses,
        (false, false) => Filtering::OtherPorts,
        (true, false) => bail!("an address gets in and a port does not"),
    })
}

/// Round-trip time between a home's first machine and the server.
pub(crate) fn round_trip(lab: &Lab, home: usize) -> Result<Duration> {
    let end = lab.server().bind((SERVER.0, 0).into())?;
    let host: UdpSocket = lab.host(home).bind((Ipv4Addr::UNSPECIFIED, 0).into())?;
    let started = Instant::now();
    let outside = send(&host, end.local_addr()?, &end)?;
    end.send_to(b"back", outside)?;
    host.set_read_timeout(Some(PATIENCE))?;
    host.recv(&mut [0; 16]).context("no answer")?;
    Ok(started.elapsed())
}

/// Sends to a socket, and gives where that sees the packet come from.
fn send(from: &UdpSocket, to: SocketAddr, end: &UdpSocket) -> Result<SocketAddr> {
    from.send_to(b"?", to)?;
    end.set_read_timeout(Some(PATIENCE))?;
    let (_, seen) = end.recv_from(&mut [0; 16]).context("nothing arrived")?;
    Ok(seen)
}

/// Where a host's packets to the server come from, from a socket at `port`.
pub(crate) fn seen_from(lab: &Lab, host: &Namespace, port: u16) -> Result<SocketAddr> {
    let end = lab.server().bind((SERVER.0, 0).into())?;
    let socket = host.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    send(&socket, end.local_addr()?, &end)
}
