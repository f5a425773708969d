//! Clients of rendezvous servers: drives those of `shared::rendezvous` over one socket.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use fardrop_shared::rendezvous::{Client, Event};

use crate::net::socket::{PeerSocket, sleep_until};

/// One socket, and its standing with one or more servers.
#[derive(Debug)]
pub(in crate::net) struct RendezvousClients {
    pub(in crate::net) socket: Arc<PeerSocket>,
    pub(in crate::net) clients: Vec<Client>,
}

impl RendezvousClients {
    pub(in crate::net) const fn new(socket: Arc<PeerSocket>) -> Self {
        Self {
            socket,
            clients: Vec::new(),
        }
    }

    /// Sends what is due.
    pub(in crate::net) fn flush(&mut self) {
        let now = Instant::now();
        for client in &mut self.clients {
            while let Some(transmit) = client.poll_transmit(now) {
                self.socket.send(transmit.to, &transmit.bytes);
            }
        }
    }

    /// The next thing that a server says, and the index of the client it said it to. Cancel-safe.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn next(&mut self) -> io::Result<(usize, Event)> {
        loop {
            self.flush();
            for (index, client) in self.clients.iter_mut().enumerate() {
                if let Some(event) = client.poll_event() {
                    return Ok((index, event));
                }
            }
            let due = self.clients.iter().filter_map(Client::poll_timeout).min();
            let Self { socket, clients } = self;
            let receive = socket.receive(|from, datagram| {
                let now = Instant::now();
                for client in clients.iter_mut() {
                    client.handle_datagram(now, from, datagram);
                }
            });
            let received = tokio::select! {
                received = receive => Some(received),
                () = sleep_until(due) => None,
            };
            if let Some(received) = received {
                received?;
            }
            let now = Instant::now();
            for client in &mut self.clients {
                client.handle_timeout(now);
            }
        }
    }
}

impl Drop for RendezvousClients {
    /// Gives up the places of receivers at once, however they have ended.
    fn drop(&mut self) {
        for transmit in self.clients.iter_mut().filter_map(Client::leave) {
            self.socket.send(transmit.to, &transmit.bytes);
        }
    }
}
