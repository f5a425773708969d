//! A server that a code names: whether the person has set it already, and whether a code may lead there.

use std::net::{IpAddr, SocketAddr};

/// Whether a server is one of those that the person has set.
#[must_use]
pub fn is_configured(server: &str, configured: &[String]) -> bool {
    configured
        .iter()
        .any(|other| other.eq_ignore_ascii_case(server))
}

/// Whether a code may name a server at this address. Codes and links come from strangers, and this machine,
/// link-local addresses and groups of machines are not for them to reach: services there trust whoever can.
#[must_use]
pub fn may_be_named(address: SocketAddr) -> bool {
    let usual = match address.ip().to_canonical() {
        IpAddr::V4(v4) => {
            !(v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast())
        }
    };
    usual && address.port() != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_set_however_its_name_is_written() {
        let set = ["ada.example.org:4842".to_owned()];
        assert!(is_configured("ADA.example.org:4842", &set));
        assert!(!is_configured("ada.example.org", &set));
    }

    #[test]
    fn a_code_names_no_server_on_this_machine_or_at_a_link_local_address() {
        for refused in [
            "127.0.0.1:4840",
            "127.8.9.10:22",
            "0.0.0.0:4840",
            "169.254.169.254:80",
            "224.0.0.251:5353",
            "255.255.255.255:9",
            "[::1]:4840",
            "[::]:4840",
            "[::ffff:127.0.0.1]:4840",
            "[fe80::1]:4840",
            "[ff02::fb]:5353",
            "198.51.100.1:0",
        ] {
            assert!(!may_be_named(refused.parse().unwrap()), "{refused}");
        }
        // Behind the same router, or where a whole company is one network.
        for fine in [
            "198.51.100.1:4840",
            "192.168.1.7:4840",
            "[2001:db8::1]:4840",
        ] {
            assert!(may_be_named(fine.parse().unwrap()), "{fine}");
        }
    }
}
