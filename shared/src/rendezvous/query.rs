//! One socket's address as a server sees it, and nothing more.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::retry::{Jitter, Retry};
use super::{Transmit, same_endpoint};
use crate::wire::rendezvous::{Reply, Request, Tag};

/// Asks "what is my address seen from there" until it is told; the caller decides when to give up.
///
/// From a second socket, or towards a server's second port: where two ports see two addresses of one
/// socket, its NAT maps per destination (RFC 4787, section 4.1).
///
/// After any input drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event),
/// then read [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct AddressQuery {
    server: SocketAddr,
    tag: Tag,
    jitter: Jitter,
    hello: Retry,
    event: Option<SocketAddr>,
    second_port: Option<u16>,
    round_trip: Option<Duration>,
}

impl AddressQuery {
    /// To be asked at once.
    #[must_use]
    pub fn new(now: Instant, server: SocketAddr, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self {
            server,
            tag: Tag::random(rng),
            jitter: Jitter::new(rng),
            hello: Retry::now(now),
            event: None,
            second_port: None,
            round_trip: None,
        }
    }

    /// Takes a datagram of the socket; what is not the answer changes nothing.
    pub fn handle_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        if !same_endpoint(from, self.server) || self.hello.due().is_none() {
            return;
        }
        if let Ok((tag, Reply::Cookie(welcome))) = Reply::decode(bytes)
            && tag == self.tag
        {
            self.round_trip = self.hello.on_answered(now, None);
            self.second_port = (welcome.second_port != 0).then_some(welcome.second_port);
            self.event = Some(welcome.address);
        }
    }

    /// The next datagram to send, if one is due.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        if !self.hello.is_due(now) {
            return None;
        }
        self.hello.on_asked(now, Duration::ZERO, &mut self.jitter);
        Some(Transmit {
            to: self.server,
            bytes: Request::Hello.encode(self.tag),
        })
    }

    /// The address, once.
    pub const fn poll_event(&mut self) -> Option<SocketAddr> {
        self.event.take()
    }

    /// The server's other port, at the same IP address; known once answered, if there is one.
    #[must_use]
    pub const fn second_port(&self) -> Option<u16> {
        self.second_port
    }

    /// The round trip, once answered, where it is certain.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// When to call [`poll_transmit`](Self::poll_transmit) again; never, once answered.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.hello.due()
    }
}
