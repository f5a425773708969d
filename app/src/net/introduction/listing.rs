//! The sender's side of the rendezvous: holds a locator there, and lets receivers pair one after the other
//! or at once, for as long as the share runs.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fardrop_shared::code::{Locator, PairingCode};
use fardrop_shared::limits::MIN_LOCATOR_DIGITS;
use fardrop_shared::pairing::{Hello, SenderEvent, SenderPairing, Transports};
use fardrop_shared::rendezvous::{Announcement, Client, Config, Event, order};
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::{PairingId, Role};
use tokio::task::JoinSet;

use super::capabilities;
use super::clients::RendezvousClients;
use super::error::IntroductionError;
use super::servers::{SILENCE_PATIENCE, resolve, resolve_all};
use super::tcp_check::TcpChecks;
use crate::net::socket::{PeerSocket, sleep_until};

/// Locators of one length that are tried before longer ones: with a tenth of the short ones taken, one
/// share in a thousand gets a longer code.
const TRIES_PER_LENGTH: u32 = 3;

/// Digits of a locator, to begin with and at most: a million of them are never all taken.
const DIGITS: std::ops::RangeInclusive<u32> = MIN_LOCATOR_DIGITS..=6;

/// How long one server may be silent at most and at least: four tries, and two.
const ONE_SERVER_PATIENCE: (Duration, Duration) =
    (Duration::from_millis(1500), Duration::from_millis(500));

/// What happens to a share at the rendezvous.
#[derive(Debug)]
pub enum ListingEvent {
    /// A receiver is pairing, or somebody guesses. [`SenderEvent::HelloNeeded`] is answered with [`Listing::provide_hello`], soon.
    Pairing(SenderEvent),
    /// The rendezvous has given the locator to somebody else.
    Taken,
    /// The rendezvous does not answer; others, if there are any, are asked as well.
    Silent,
    /// Receivers find no place at the rendezvous, since others have taken all that there are for this locator.
    Crowded,
}

/// A share as it is listed at the rendezvous, under the locator of its code.
#[derive(Debug)]
pub struct Listing {
    rendezvous: RendezvousClients,
    pairing: SenderPairing,
    code: PairingCode,
    pairing_id: PairingId,
    owner: OwnerToken,
    /// What is said to anybody.
    open: Option<Payload>,
    /// Servers that would be asked next, the likeliest last.
    reserve: Vec<String>,
    server: String,
    ipv6: bool,
    /// Addresses of servers that are asked since another fell silent.
    resolving: JoinSet<Vec<SocketAddr>>,
    events: VecDeque<ListingEvent>,
}

impl Listing {
    /// Takes a place at one of `servers` and a code of that many words; links may run over `transports`.
    ///
    /// # Errors
    /// [`IntroductionError`] when no server gives one.
    pub async fn open(
        servers: &[String],
        words: u8,
        ipv6: bool,
        transports: Transports,
    ) -> Result<Self, IntroductionError> {
        let mut worst = IntroductionError::Unreachable;
        for digits in DIGITS {
            for _ in 0..TRIES_PER_LENGTH {
                let locator = Locator::random(digits, &mut rand::thread_rng());
                match Self::open_at(servers, locator, words, ipv6, transports).await {
                    Ok(listing) => return Ok(listing),
                    Err(IntroductionError::Taken) => worst = IntroductionError::Taken,
                    Err(error) => return Err(error),
                }
            }
        }
        Err(worst)
    }

    /// The code to read out.
    #[must_use]
    pub const fn code(&self) -> &PairingCode {
        &self.code
    }

    /// The server that has the place, as it was configured.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Where the server that answers is: to ask it for other sockets' addresses.
    #[must_use]
    pub fn server_addresses(&self) -> Vec<SocketAddr> {
        self.rendezvous
            .clients
            .iter()
            .map(|client| client.config().server)
            .collect()
    }

    /// What this side says of itself to one receiver.
    pub fn provide_hello(&mut self, run: PairingId, hello: Hello) {
        self.pairing.provide_hello(Instant::now(), run, &hello);
        self.drain_pairing();
    }

    /// The next thing that happens. Cancel-safe.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub async fn next(&mut self) -> io::Result<ListingEvent> {
        loop {
            self.drain_pairing();
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let due = self.pairing.poll_timeout();
            tokio::select! {
                said = self.rendezvous.next() => {
                    let (index, event) = said?;
                    self.on_server_event(index, event);
                }
                Some(addresses) = self.resolving.join_next() => {
                    if let Some(address) = addresses.unwrap_or_default().first() {
                        self.add_client(*address);
                    }
                }
                () = sleep_until(due) => self.pairing.handle_timeout(Instant::now()),
            }
        }
    }

    /// Ends the share at the rendezvous: whoever asks in the next half minute is told that it has
    /// ended.
    pub fn close(&mut self) {
        self.pairing.close(Instant::now());
        self.drain_pairing();
    }

    async fn open_at(
        servers: &[String],
        locator: Locator,
        words: u8,
        ipv6: bool,
        transports: Transports,
    ) -> Result<Self, IntroductionError> {
        // Not kept in a variable: it may not cross an await.
        let rng = rand::thread_rng;
        let code = PairingCode::generate(locator, usize::from(words), &mut rng());
        let pairing = SenderPairing::new(code.clone(), capabilities(transports), &mut rng());
        let mut listing = Self {
            rendezvous: RendezvousClients::new(Arc::new(PeerSocket::bind(0, ipv6)?)),
            open: None,
            pairing,
            code,
            pairing_id: PairingId::random(&mut rng()),
            owner: OwnerToken::random(&mut rng()),
            reserve: order(servers, locator.value())
                .into_iter()
                .rev()
                .cloned()
                .collect(),
            server: String::new(),
            ipv6,
            resolving: JoinSet::new(),
            events: VecDeque::new(),
        };
        listing.drain_pairing();
        let give_up_at = Instant::now() + SILENCE_PATIENCE;
        let likeliest_first = listing.reserve.iter().rev().cloned();
        let resolved = resolve_all(likeliest_first.collect(), ipv6).await;
        let count = resolved.iter().map(|(_, each)| each.len()).sum::<usize>();
        let mut left = u32::try_from(count).unwrap_or(u32::MAX);
        let mut by_tcp = TcpChecks::default();
        let mut worst = IntroductionError::Unreachable;
        for (server, addresses) in resolved {
            listing.reserve.pop();
            for address in addresses {
                listing.rendezvous.clients.clear();
                listing.add_client(address);
                by_tcp.expect_from(address);
                let patience = give_up_at.saturating_duration_since(Instant::now()) / left;
                let (most, least) = ONE_SERVER_PATIENCE;
                let held = tokio::time::timeout(patience.clamp(least, most), listing.hold()).await;
                left -= 1;
                match held.unwrap_or(Err(IntroductionError::Unreachable)) {
                    Ok(()) => {
                        listing.server = server;
                        return Ok(listing);
                    }
                    Err(IntroductionError::Taken) => return Err(IntroductionError::Taken),
                    Err(IntroductionError::Unreachable) => {}
                    Err(error) => worst = error,
                }
            }
        }
        if matches!(worst, IntroductionError::Unreachable) && by_tcp.settle(give_up_at).await {
            worst = IntroductionError::UdpBlocked;
        }
        Err(worst)
    }

    /// Waits until the only server says how it stands.
    async fn hold(&mut self) -> Result<(), IntroductionError> {
        loop {
            match self.rendezvous.next().await?.1 {
                Event::Held | Event::Peer { .. } => return Ok(()),
                Event::Taken => return Err(IntroductionError::Taken),
                Event::Busy => return Err(IntroductionError::Busy),
                Event::Version(_) => return Err(IntroductionError::Version),
                Event::Silent => return Err(IntroductionError::Unreachable),
                Event::Reflexive { .. }
                | Event::Open { .. }
                | Event::Crowded
                | Event::NobodyThere
                | Event::Answering => {}
            }
        }
    }

    fn add_client(&mut self, server: SocketAddr) {
        let now = Instant::now();
        let config = Config {
            server,
            locator: self.code.locator().value(),
            side: Role::Sender,
            pairing: self.pairing_id,
            owner: self.owner,
            revision: 0,
        };
        let mut client = Client::new(now, config, &mut rand::thread_rng());
        if let Some(open) = self.open.clone() {
            announce(&mut client, now, open);
        }
        self.rendezvous.clients.push(client);
    }

    fn on_server_event(&mut self, index: usize, event: Event) {
        match event {
            Event::Peer { pairing, payload } => {
                let (now, rng) = (Instant::now(), &mut rand::thread_rng());
                self.pairing
                    .handle_payload(now, pairing, payload.as_bytes(), rng);
            }
            Event::Taken if index == 0 => self.events.push_back(ListingEvent::Taken),
            Event::Taken => {
                self.rendezvous.clients.remove(index);
            }
            Event::Silent => {
                self.events.push_back(ListingEvent::Silent);
                if let Some(server) = self.reserve.pop() {
                    let ipv6 = self.ipv6;
                    self.resolving
                        .spawn(async move { resolve(&server, ipv6).await });
                }
            }
            Event::Crowded => self.events.push_back(ListingEvent::Crowded),
            Event::Reflexive { .. }
            | Event::Open { .. }
            | Event::Held
            | Event::NobodyThere
            | Event::Busy
            | Event::Version(_)
            | Event::Answering => {}
        }
    }

    /// What pairing wants said is said at every server, and what it found out is queued.
    fn drain_pairing(&mut self) {
        let now = Instant::now();
        let open = Payload::new(self.pairing.standing_payload()).ok();
        if self.open != open {
            for client in &mut self.rendezvous.clients {
                open.iter()
                    .for_each(|open| announce(client, now, open.clone()));
            }
            self.open = open;
        }
        while let Some(transmit) = self.pairing.poll_transmit() {
            let Ok(payload) = Payload::new(transmit.payload) else {
                tracing::error!("a pairing message did not fit its datagram");
                continue;
            };
            for client in &mut self.rendezvous.clients {
                let answer = Announcement {
                    to: Some(transmit.to),
                    payload: payload.clone(),
                };
                // Over the bound the receiver goes unanswered for now; it asks again every second.
                if client.answer(now, answer).is_err() {
                    tracing::debug!("too many receivers at once");
                }
            }
        }
        while let Some(event) = self.pairing.poll_event() {
            self.events.push_back(ListingEvent::Pairing(event));
        }
        // At once: the caller may be busy with the event for a while.
        self.rendezvous.flush();
    }
}

fn announce(client: &mut Client, now: Instant, payload: Payload) {
    // One is far from too many, and answers give up their room as soon as the server has them.
    if client
        .announce(now, Announcement { to: None, payload })
        .is_err()
    {
        tracing::error!("no room to say that a share is there");
    }
}
