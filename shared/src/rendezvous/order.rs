//! Which of several servers has a locator.

use std::cmp::Reverse;

/// The servers in the order in which to ask them for a locator: the first that answers has it.
///
/// Highest random weight (Thaler and Ravishankar 1998) of a hash over the locator and the server's name
/// as it was configured (`host:port`; ASCII case aside). Both sides come to one order, whatever
/// order their lists are in, and a server that joins or leaves moves no locator but its own. Servers must
/// be written alike on both sides.
#[must_use]
pub fn order<S: AsRef<str>>(servers: &[S], locator: u32) -> Vec<&S> {
    let mut ordered: Vec<&S> = servers.iter().collect();
    ordered.sort_by_cached_key(|server| {
        let name = server.as_ref().to_ascii_lowercase();
        (Reverse(weight(&name, locator)), name)
    });
    ordered
}

fn weight(name: &str, locator: u32) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("fardrop rendezvous order v1");
    hasher.update(&locator.to_le_bytes());
    hasher.update(name.as_bytes());
    let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7])
}
