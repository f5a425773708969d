//! Finding a rendezvous on this network without being told: multicast DNS (RFC 6762, RFC 6763).
//!
//! A sender without a configured rendezvous serves its own and announces it under its locator, which
//! is public. A receiver believes nothing of what it hears here: an address is only somewhere to ask.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use rand::Rng;

/// The service type (RFC 6763, section 7).
const SERVICE: &str = "_fardrop._udp.local.";

/// The TXT key under which the locator stands.
const LOCATOR_KEY: &str = "locator";

/// Addresses of one announcement that are asked at most: a machine has a few, a liar many.
const ADDRESSES_LIMIT: usize = 6;

/// A rendezvous of our own, announced while this lives.
pub struct Advertisement {
    daemon: ServiceDaemon,
    name: String,
}

impl Advertisement {
    /// Announces the rendezvous on `port` that has `locator`. `None` where multicast is not to be had:
    /// people can still type the address.
    #[must_use]
    pub fn start(locator: u32, port: u16, ipv6: bool) -> Option<Self> {
        let daemon = daemon(ipv6)?;
        let label = format!("{:016x}", rand::thread_rng().r#gen::<u64>());
        let host = format!("fardrop-{label}.local.");
        let properties = [(LOCATOR_KEY, locator.to_string())];
        let mut service = ServiceInfo::new(SERVICE, &label, &host, "", port, &properties[..])
            .ok()?
            .enable_addr_auto();
        // The label is random: nobody else has it, and asking around would cost a second.
        service.set_requires_probe(false);
        let name = service.get_fullname().to_owned();
        if let Err(error) = daemon.register(service) {
            tracing::debug!(%error, "not announced on this network");
            shut_down(&daemon);
            return None;
        }
        Some(Self { daemon, name })
    }
}

impl fmt::Debug for Advertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Advertisement")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Drop for Advertisement {
    fn drop(&mut self) {
        // The goodbye packet (RFC 6762, section 10.1) is sent by the daemon's own thread, which takes
        // requests in order.
        let _ = self.daemon.unregister(&self.name);
        shut_down(&self.daemon);
    }
}

/// A search of this network (RFC 6763, section 4) for the rendezvous that has a locator.
pub(in crate::net) struct Browse {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
    locator: String,
}

impl Browse {
    /// Begins to ask. `None` where multicast is not to be had.
    #[must_use]
    pub(in crate::net) fn start(locator: u32, ipv6: bool) -> Option<Self> {
        let daemon = daemon(ipv6)?;
        let events = daemon.browse(SERVICE).ok()?;
        Some(Self {
            daemon,
            events,
            locator: locator.to_string(),
        })
    }

    /// Addresses of the next rendezvous that claims to have the locator. Never ends if there is none.
    /// Cancel-safe.
    pub(in crate::net) async fn next(&self) -> Vec<SocketAddr> {
        loop {
            match self.events.recv_async().await {
                Ok(ServiceEvent::ServiceResolved(service)) => {
                    if service.get_property_val_str(LOCATOR_KEY) == Some(&self.locator) {
                        return addresses(&service);
                    }
                }
                Ok(_) => {}
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl fmt::Debug for Browse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browse")
            .field("locator", &self.locator)
            .finish_non_exhaustive()
    }
}

impl Drop for Browse {
    fn drop(&mut self) {
        shut_down(&self.daemon);
    }
}

fn daemon(ipv6: bool) -> Option<ServiceDaemon> {
    let daemon = ServiceDaemon::new()
        .inspect_err(|error| tracing::debug!(%error, "no mDNS"))
        .ok()?;
    if !ipv6 {
        let _ = daemon.disable_interface(IfKind::IPv6);
    }
    Some(daemon)
}

fn shut_down(daemon: &ServiceDaemon) {
    // A daemon that has ended already has nothing to shut down.
    let _ = daemon.shutdown();
}

/// Where the service says it is, IPv4 first; link-local IPv6 needs a scope and is left out.
fn addresses(service: &ResolvedService) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = service
        .get_addresses()
        .iter()
        .map(|ip| SocketAddr::new(ip.to_ip_addr(), service.get_port()))
        .filter(|address| match address.ip() {
            IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
            IpAddr::V6(ip) => {
                !ip.is_unspecified() && !ip.is_multicast() && !ip.is_unicast_link_local()
            }
        })
        .collect();
    addresses.sort();
    addresses.truncate(ADDRESSES_LIMIT);
    addresses
}
