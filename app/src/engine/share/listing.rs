//! A share as it is listed at a rendezvous, and the code that leads there. A listing may be lost, and
//! another made, while the share goes on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use fardrop_shared::PairingId;
use fardrop_shared::pairing::{Hello, Transports};
use tokio::task::JoinSet;

use super::embedded::Embedded;
use crate::engine::context::Context;
use crate::engine::event::ShownCode;
use crate::engine::failures::introduction_failure;
use crate::failure::{Failure, FailureKind, Stage};
use crate::net::{Listing, ListingEvent};

/// How long a listing that was given up goes on telling receivers so: a few repetitions.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// Where a share can be found.
pub(super) struct ShareListing {
    /// `None` once nobody can pair there any more.
    listing: Option<Listing>,
    embedded: Option<Embedded>,
    words: u8,
    mdns: bool,
    ipv6: bool,
    transports: Transports,
    servers: Vec<String>,
    /// The code as it was told last.
    code: Option<ShownCode>,
    /// A fresh listing being made.
    moving: JoinSet<Result<Listing, Failure>>,
    /// Listings that were given up, while they tell receivers so.
    left: JoinSet<()>,
}

/// What happens there.
pub(super) enum ShareListingEvent {
    /// At the rendezvous.
    Listing(ListingEvent),
    /// Our own rendezvous may be found elsewhere.
    Outside,
    /// There is a fresh listing, or why there is none.
    Moved(Result<(), Failure>),
}

impl ShareListing {
    /// Lists the share at a rendezvous: a configured one, or our own.
    pub(super) async fn open(context: &Context, words: u8) -> Result<Self, Failure> {
        let config = &context.config;
        let (embedded, servers) = if config.rendezvous.is_empty() {
            let embedded = Embedded::start(&context.endpoint_options()).map_err(|error| {
                Failure::new(Stage::Rendezvous, FailureKind::Local).with_detail(error)
            })?;
            let servers = vec![embedded.here()];
            (Some(embedded), servers)
        } else {
            (None, config.rendezvous.clone())
        };
        let listing = open_listing(servers.clone(), words, config.ipv6, config.transports).await?;
        let mut share_listing = Self {
            listing: None,
            embedded,
            words,
            mdns: config.mdns,
            ipv6: config.ipv6,
            transports: config.transports,
            servers,
            code: None,
            moving: JoinSet::new(),
            left: JoinSet::new(),
        };
        share_listing.move_in(listing);
        Ok(share_listing)
    }

    /// The next thing that happens. Cancel-safe.
    ///
    /// # Errors
    /// What the system says when the socket is of no more use.
    pub(super) async fn next(&mut self) -> io::Result<ShareListingEvent> {
        loop {
            let said = async {
                match &mut self.listing {
                    Some(listing) => listing.next().await,
                    None => std::future::pending().await,
                }
            };
            let outside = async {
                match &mut self.embedded {
                    Some(embedded) => embedded.outside_changed().await,
                    None => std::future::pending().await,
                }
            };
            let moved = tokio::select! {
                said = said => return said.map(ShareListingEvent::Listing),
                () = outside => return Ok(ShareListingEvent::Outside),
                Some(moved) = self.moving.join_next() => moved,
                Some(_) = self.left.join_next() => continue,
            };
            // An error says that it was dropped for another.
            if let Ok(moved) = moved {
                let moved = moved.map(|listing| self.move_in(listing));
                return Ok(ShareListingEvent::Moved(moved));
            }
        }
    }

    /// The code, if it is another than when this was asked last.
    pub(super) fn new_code(&mut self) -> Option<ShownCode> {
        let code = self.listing.as_ref().map(|listing| self.shown(listing))?;
        if self.code.as_ref() == Some(&code) {
            return None;
        }
        self.code = Some(code.clone());
        Some(code)
    }

    /// Begins to make a fresh listing with a fresh code; the present one counts until then.
    pub(super) fn renew(&mut self) {
        self.moving.abort_all();
        let servers = self.servers.clone();
        self.moving.spawn(open_listing(
            servers,
            self.words,
            self.ipv6,
            self.transports,
        ));
    }

    /// Gives up the listing: whoever asks for it in the next half minute is told so.
    pub(super) fn leave(&mut self) {
        self.code = None;
        if let Some(mut listing) = self.listing.take() {
            listing.close();
            self.left.spawn(async move {
                let telling = async { while listing.next().await.is_ok() {} };
                // Until then, it is told again and again.
                let _ = tokio::time::timeout(LINGER, telling).await;
            });
        }
    }

    /// Gives up the place at the end of the share. Receivers are told for as long as [`next`](Self::next) is polled.
    pub(super) fn close(&mut self) {
        self.moving.abort_all();
        if let Some(listing) = &mut self.listing {
            listing.close();
        }
    }

    /// Where the server that answers is.
    pub(super) fn server_addresses(&self) -> Vec<SocketAddr> {
        self.listing
            .as_ref()
            .map_or_else(Vec::new, Listing::server_addresses)
    }

    /// What this side says of itself to one receiver.
    pub(super) fn provide_hello(&mut self, run: PairingId, hello: Hello) {
        if let Some(listing) = &mut self.listing {
            listing.provide_hello(run, hello);
        }
    }

    fn move_in(&mut self, listing: Listing) {
        self.leave();
        if let Some(embedded) = &mut self.embedded
            && self.mdns
        {
            embedded.advertise(listing.code().locator().value());
        }
        self.listing = Some(listing);
    }

    /// The code in all its forms. A rendezvous of our own is named by the port that a router has opened for
    /// it, and until there is one by its address on this network.
    fn shown(&self, listing: &Listing) -> ShownCode {
        let server = match &self.embedded {
            Some(embedded) => match embedded.outside() {
                Some(address) => Some(address.to_string()),
                None => embedded.on_network(),
            },
            None => Some(listing.server().to_owned()),
        };
        let code = listing.code();
        let with_server = server.and_then(|server| code.clone().with_server(Some(&server)).ok());
        ShownCode {
            spoken: code.to_spoken().to_string(),
            uri: with_server.as_ref().unwrap_or(code).to_uri().to_string(),
            with_server: with_server.map(|code| code.to_spoken().to_string()),
        }
    }
}

async fn open_listing(
    servers: Vec<String>,
    words: u8,
    ipv6: bool,
    transports: Transports,
) -> Result<Listing, Failure> {
    Listing::open(&servers, words, ipv6, transports)
        .await
        .map_err(|error| introduction_failure(&error))
}
