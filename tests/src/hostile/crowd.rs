//! Strangers who know a number and no words, all at once.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use fardrop_shared::wire::rendezvous::{
    Announce, Cookie, OwnerToken, Payload, Reply, Request, Tag,
};
use fardrop_shared::{PairingId, Role};

/// Has so many receivers come to a locator, from this machine, that say nothing of use.
///
/// # Errors
/// Where the server does not answer.
pub fn crowd(server: SocketAddr, locator: u32, count: usize) -> Result<()> {
    let rng = &mut rand::thread_rng();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let tag = Tag::random(rng);
    socket.send_to(&Request::Hello.encode(tag), server)?;
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).context("no cookie")?;
    let cookie: Cookie = match Reply::decode(&buffer[..length]) {
        Ok((_, Reply::Cookie(welcome))) => welcome.cookie,
        other => bail!("{other:?}"),
    };
    let strangers: Vec<Vec<u8>> = (0..count)
        .map(|_| {
            let announce = Announce {
                cookie,
                locator,
                side: Role::Receiver,
                pairing: PairingId::random(rng),
                owner: OwnerToken::random(rng),
                to: None,
                last: false,
                revision: 1,
                payload: Payload::default(),
            };
            Request::Announce(announce).encode(tag)
        })
        .collect();
    for stranger in strangers {
        socket.send_to(&stranger, server)?;
    }
    Ok(())
}
