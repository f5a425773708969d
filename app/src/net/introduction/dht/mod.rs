//! Asking BitTorrent's DHT over a socket of its own: what to ask and what to believe is decided in `shared::dht`.

mod entrances;

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use fardrop_shared::dht::{
    Client, Config, Contact, Event, Found, Item, Keeper, Outside, Slot, Stored, TaskId,
};

use crate::net::socket::{PeerSocket, sleep_until};

pub(in crate::net) use entrances::{Entrances, entrances};

/// A client and its socket. It does one thing at a time.
#[derive(Debug)]
pub(in crate::net) struct Dht {
    socket: PeerSocket,
    client: Client,
}

impl Dht {
    /// One that knows these nodes.
    ///
    /// # Errors
    /// What the system says when it refuses a socket.
    pub(in crate::net) fn bind(ipv6: bool, known: &[Contact]) -> io::Result<Self> {
        let socket = PeerSocket::bind(0, ipv6)?;
        let config = Config {
            ipv4: true,
            ipv6: socket.speaks_ipv6(),
        };
        let mut client = Client::new(config, &mut rand::thread_rng());
        known.iter().for_each(|contact| client.remember(*contact));
        Ok(Self { socket, client })
    }

    /// Gets to know nodes, from those that it knows and by these addresses.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn enter(&mut self, entrances: &[SocketAddr]) -> io::Result<Found> {
        let task = self.client.find_nodes(Instant::now(), entrances);
        self.found(task.map_err(io::Error::other)?, |_| false).await
    }

    /// Searches for an item, and for those that can keep it.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn find(&mut self, slot: Slot) -> io::Result<Found> {
        let task = self.client.find_item(Instant::now(), slot, None);
        self.found(task.map_err(io::Error::other)?, |_| false).await
    }

    /// Searches for an item that is the first and only one of its slot: the search ends with it.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn find_first(&mut self, slot: Slot) -> io::Result<Option<Item>> {
        let task = self.client.find_item(Instant::now(), slot, None);
        let found = self
            .found(task.map_err(io::Error::other)?, |_| true)
            .await?;
        Ok(found.item)
    }

    /// Puts an item at those that a search for its slot has found.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(in crate::net) async fn put(
        &mut self,
        item: Item,
        keepers: &[Keeper],
    ) -> io::Result<Stored> {
        let task = self.client.put(Instant::now(), item, None, keepers);
        let task = task.map_err(io::Error::other)?;
        loop {
            if let Event::Stored(ended, stored) = self.event().await?
                && ended == task
            {
                return Ok(stored);
            }
        }
    }

    /// Where the socket is seen from outside.
    pub(in crate::net) fn outside(&self) -> Vec<Outside> {
        self.client.outside().collect()
    }

    /// The nodes that it knows.
    pub(in crate::net) fn known(&self) -> Vec<Contact> {
        self.client.known_nodes().collect()
    }

    /// Waits for the end of a search, or for an item that is `enough`.
    async fn found(&mut self, task: TaskId, enough: fn(&Item) -> bool) -> io::Result<Found> {
        loop {
            match self.event().await? {
                Event::Item(of, item) if of == task && enough(&item) => {
                    self.client.cancel(Instant::now(), task);
                    return Ok(Found {
                        item: Some(item),
                        ..Found::default()
                    });
                }
                Event::Found(of, found) if of == task => return Ok(found),
                Event::Item(..) | Event::Found(..) | Event::Stored(..) | Event::Outside(_) => {}
            }
        }
    }

    /// The next thing that the client learns.
    async fn event(&mut self) -> io::Result<Event> {
        loop {
            while let Some(transmit) = self.client.poll_transmit() {
                self.socket.send(transmit.to, &transmit.bytes);
            }
            if let Some(event) = self.client.poll_event() {
                return Ok(event);
            }
            let due = self.client.poll_timeout();
            let Self { socket, client } = self;
            let receive = socket.receive(|from, datagram| {
                client.handle_datagram(Instant::now(), from, datagram);
            });
            tokio::select! {
                received = receive => received?,
                () = sleep_until(due) => {}
            }
            client.handle_timeout(Instant::now());
        }
    }
}
