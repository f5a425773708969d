//! One of the two that look for each other.

use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::limits::{MANY_PORT_PROBES, MAX_CHECKS, MAX_NOMINATIONS};
use fardrop_shared::path::{
    FinderConfig, FoundPath, PROBE_LENGTH, PathEvent, PathFailure, PathFinder, PathKeys, SocketId,
    Whereabouts,
};
use fardrop_tests::sim::world::{Machine, Transmit};
use rand_chacha::ChaCha8Rng;
use std::net::SocketAddr;

const KEYS: PathKeys<'static> = PathKeys {
    sender: &[1; 32],
    receiver: &[2; 32],
};

/// A path finder, and what became of it.
#[derive(Debug)]
pub(super) struct Peer {
    finder: PathFinder,
    /// What it will learn; the first of it starts the search.
    news: Vec<News>,
    began_at: Instant,
    outcome: Option<(Instant, Outcome)>,
    sent: usize,
    /// Datagrams that were the other's.
    authentic: usize,
    found: usize,
}

/// What a peer learns.
#[derive(Debug)]
pub(super) struct News {
    pub(super) at: Instant,
    /// Where it is itself.
    pub(super) here: Whereabouts,
    /// Where the other one is.
    pub(super) there: Whereabouts,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Found(FoundPath),
    Failed(PathFailure),
}

impl Peer {
    /// One that will learn this, in this order.
    pub(super) fn new(role: Role, news: Vec<News>, now: Instant) -> Self {
        let config = FinderConfig {
            role,
            here: news[0].here.clone(),
            same_machine: false,
            link_scopes: Vec::new(),
        };
        Self {
            finder: PathFinder::new(config, &KEYS, now),
            began_at: news[0].at,
            news,
            outcome: None,
            sent: 0,
            authentic: 0,
            found: 0,
        }
    }

    /// What it came to last.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.outcome.map(|(_, outcome)| outcome)
    }

    /// The path that it uses.
    pub(super) fn path(&self) -> Option<FoundPath> {
        match self.outcome()? {
            Outcome::Found(path) => Some(path),
            Outcome::Failed(_) => None,
        }
    }

    /// How long it took to come to that.
    pub(super) fn took(&self) -> Option<Duration> {
        let (at, _) = self.outcome?;
        Some(at.saturating_duration_since(self.began_at))
    }

    /// When it came to that.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        self.outcome.map(|(at, _)| at)
    }

    fn drain(&mut self, now: Instant) {
        while let Some(event) = self.finder.poll_event() {
            match event {
                PathEvent::SocketsNeeded(count) => self.finder.handle_sockets(count),
                PathEvent::Found(path) => {
                    self.found += 1;
                    self.outcome = Some((now, Outcome::Found(path)));
                }
                PathEvent::Failed(failure) => {
                    self.outcome = Some((now, Outcome::Failed(failure)));
                }
                PathEvent::Trying(_) | PathEvent::Works(..) => {}
            }
        }
    }

    /// What it may have sent by now: its checks, its guesses at ports, what it said of each choice,
    /// and one answer for each of the other's.
    const fn bound(&self) -> usize {
        MAX_CHECKS + MANY_PORT_PROBES + self.found * MAX_NOMINATIONS + self.authentic
    }
}

impl Machine for Peer {
    fn handle_datagram(
        &mut self,
        now: Instant,
        socket: u16,
        from: SocketAddr,
        bytes: &[u8],
        rng: &mut ChaCha8Rng,
    ) {
        if now < self.began_at {
            return;
        }
        if self
            .finder
            .handle_datagram(now, SocketId(socket), from, bytes, rng)
        {
            self.authentic += 1;
        } else {
            assert_eq!(self.finder.poll_transmit(), None, "a stranger was answered");
        }
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant, rng: &mut ChaCha8Rng) {
        while self.news.first().is_some_and(|news| news.at <= now) {
            let news = self.news.remove(0);
            self.finder.set_here(news.here);
            self.finder.handle_remote(now, &news.there);
        }
        self.finder.handle_timeout(now, rng);
        self.drain(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.finder.poll_transmit()?;
        assert_eq!(transmit.bytes.len(), PROBE_LENGTH);
        self.sent += 1;
        assert!(self.sent <= self.bound(), "{} probes", self.sent);
        Some(Transmit {
            socket: transmit.socket.0,
            to: transmit.to,
            bytes: transmit.bytes,
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let news = self.news.first().map(|news| news.at);
        news.into_iter().chain(self.finder.poll_timeout()).min()
    }
}
