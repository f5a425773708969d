//! The life of a path: found, kept, lost, found again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use super::budget::ProbeBudget;
use super::finder::{FinderConfig, PathFinder};
use super::found::{
    AgentEvent, AgentFailure, FoundPath, PathEvent, PathFailure, PathNews, Traffic,
};
use super::probe::ProbeKind;
use super::prober::{Pair, Received};
use super::reintroduction::{ReintroductionKeys, Update};
use super::upkeep::{Due, Peer, Upkeep};
use super::{PathKeys, PathTransmit, SocketId, Whereabouts};
use crate::backoff::doubled;
use crate::limits::{BUDGET_RENEWED_AFTER, ROUND_PAUSE_FIRST, ROUND_PAUSE_LAST, TRICKLE_AFTER};

/// What a [`PathAgent`] is made with.
#[derive(Debug)]
pub struct AgentConfig {
    /// How the search for a path begins; what is said there of this side stands in its hello.
    pub finder: FinderConfig,
    /// Where the peer is, by its hello.
    pub there: Whereabouts,
    /// How long a path that was lost is looked for again before the peer counts as gone.
    pub patience: Duration,
}

/// One search for a path, with the number that both sides know it by.
#[derive(Debug)]
struct Round {
    number: u32,
    finder: PathFinder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The search that follows the pairing.
    Seeking {
        since: Instant,
    },
    Connected,
    /// The path does not carry any more. Where `next_round_at` is set, the latest search has failed, and the
    /// next begins then.
    Lost {
        since: Instant,
        /// Whether the peer is heard there, by its probes.
        peer: Peer,
        /// When it is tried again.
        probe_at: Instant,
        next_round_at: Option<Instant>,
    },
    Over,
}

/// Finds a path to one peer, keeps it, and finds another one when it is lost.
///
/// After any call, drain [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event) and
/// [`poll_update`](Self::poll_update), then read [`poll_timeout`](Self::poll_timeout). The bounds on what
/// is sent are those of [`PathFinder`], for all rounds together, until a path that was proved has carried for
/// [`BUDGET_RENEWED_AFTER`]: a peer that asks for round after round gains nothing by it.
#[derive(Debug)]
pub struct PathAgent {
    config: FinderConfig,
    patience: Duration,
    keys: ReintroductionKeys,
    /// The newest search for a path.
    round: Round,
    /// The search that found the path in use, while a newer one is under way.
    previous: Option<Round>,
    path: Option<FoundPath>,
    upkeep: Upkeep,
    /// Searches in a row that came to nothing.
    failed_rounds: u32,
    stage: Stage,
    reintroduction: Reintroduction,
    update: Option<Vec<u8>>,
    /// Since when the update that is announced has been out of date.
    update_due: Option<Instant>,
    events: VecDeque<AgentEvent>,
}

/// How far a reintroduction at the rendezvous has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Reintroduction {
    asked_for: bool,
    /// Whether the server answers.
    rendezvous_answered: bool,
    /// Whether the peer was heard there.
    peer_heard: bool,
}

impl PathAgent {
    /// Begins to look for a path. `probe` are the pairing's keys for the first round, `resume` its key
    /// for what follows.
    #[must_use]
    pub fn new(config: AgentConfig, probe: &PathKeys<'_>, resume: &[u8; 32], now: Instant) -> Self {
        let mut finder = PathFinder::new(config.finder.clone(), probe, now);
        finder.handle_remote(now, &config.there);
        Self {
            config: config.finder,
            patience: config.patience,
            keys: ReintroductionKeys::new(resume),
            round: Round { number: 0, finder },
            previous: None,
            path: None,
            upkeep: Upkeep::new(now),
            failed_rounds: 0,
            stage: Stage::Seeking { since: now },
            reintroduction: Reintroduction::default(),
            update: None,
            update_due: None,
            events: VecDeque::new(),
        }
    }

    /// Where at the rendezvous the two meet again.
    #[must_use]
    pub fn locator(&self) -> u32 {
        self.keys.locator()
    }

    /// Takes in a datagram. `false` if it is not a probe of this peer's: nothing has changed then.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        bytes: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> bool {
        let pair = Pair::new(socket, from);
        if let Some(previous) = &mut self.previous
            && let Some(received) = previous.finder.receive(now, pair, bytes, rng)
        {
            // What it would have found is what is in use.
            while previous.finder.poll_event().is_some() {}
            self.on_received(now, received, rng);
            return true;
        }
        let Some(received) = self.round.finder.receive(now, pair, bytes, rng) else {
            return false;
        };
        if self.previous.is_none() {
            self.on_received(now, received, rng);
        }
        self.drain_finder(now);
        true
    }

    /// Takes what the peer has announced at the rendezvous; anything else changes nothing.
    pub fn handle_update(&mut self, now: Instant, sealed: &[u8]) {
        let Some(update) = self.keys.open(self.config.role.peer(), sealed) else {
            return;
        };
        self.reintroduction.peer_heard = true;
        if self.stage == Stage::Over || update.round < self.round.number {
            return;
        }
        if update.round > self.round.number {
            self.lose(now, Peer::Heard);
            self.begin_round(now, update.round);
        }
        self.round.finder.handle_remote(now, &update.whereabouts);
        self.drain_finder(now);
    }

    /// Takes note that the rendezvous answers this side.
    pub const fn handle_rendezvous_answered(&mut self) {
        self.reintroduction.rendezvous_answered = true;
    }

    /// Takes where this side is now, for the peer to be told.
    pub fn set_here(&mut self, now: Instant, here: Whereabouts) {
        if self.config.here == here || self.stage == Stage::Over {
            return;
        }
        self.config.here = here.clone();
        self.round.finder.set_here(here);
        self.update_due = Some(now);
        if matches!(self.stage, Stage::Seeking { .. }) {
            self.ask_for_reintroduction(now);
        }
    }

    /// Takes note that `count` of the sockets that were asked for are there, numbered from 1.
    pub fn handle_sockets(&mut self, count: u16) {
        self.round.finder.handle_sockets(count);
    }

    /// Takes note that the link heard the peer on the path, so that both sides use it.
    pub fn confirm(&mut self) {
        self.round.finder.confirm();
    }

    /// Does what has become due, knowing what the link has heard and said. Calling it early or twice
    /// does nothing.
    pub fn handle_timeout(
        &mut self,
        now: Instant,
        traffic: Traffic,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        self.upkeep.on_traffic(now, traffic);
        match self.stage {
            Stage::Seeking { since } => {
                if now >= since + TRICKLE_AFTER {
                    self.ask_for_reintroduction(now);
                }
            }
            Stage::Connected => self.keep_up(now, rng),
            Stage::Lost { .. } => self.search_again(now, rng),
            Stage::Over => return,
        }
        self.round.finder.handle_timeout(now, rng);
        self.drain_finder(now);
        self.seal_update(rng);
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<PathTransmit> {
        let previous = self.previous.as_mut();
        previous
            .and_then(|round| round.finder.poll_transmit())
            .or_else(|| self.round.finder.poll_transmit())
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<AgentEvent> {
        self.events.pop_front()
    }

    /// What to announce at the rendezvous from now on, if it has changed.
    pub fn poll_update(&mut self) -> Option<Vec<u8>> {
        self.update.take()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next; `None` when it is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.stage {
            Stage::Seeking { since } => {
                (!self.reintroduction.asked_for).then_some(since + TRICKLE_AFTER)
            }
            Stage::Connected => Some(self.upkeep.due_at()),
            Stage::Lost {
                since,
                probe_at,
                next_round_at,
                ..
            } => {
                let due = probe_at.min(since + self.patience);
                Some(next_round_at.map_or(due, |at| due.min(at)))
            }
            Stage::Over => return None,
        };
        [own, self.update_due, self.round.finder.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Acts on a probe of the search that found the path in use.
    fn on_received(
        &mut self,
        now: Instant,
        received: Received,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let Some(path) = self.path else { return };
        let in_use = path.pair();
        if received.pair() == Some(in_use) {
            self.on_heard(now);
        }
        match received {
            Received::KeepAlive { pair, sequence } => {
                if pair != in_use && self.upkeep.on_heard_elsewhere(pair, sequence) {
                    self.send_on_path(now, pair, ProbeKind::KeepAlive, rng);
                }
            }
            Received::Answer { pair, rtt, .. } => {
                if pair == in_use {
                    self.upkeep.on_answer(now, rtt);
                    self.revive(path);
                } else if self.upkeep.moves_to(pair) {
                    self.upkeep.on_answer(now, rtt);
                    self.connect(FoundPath {
                        socket: pair.socket,
                        remote: pair.remote,
                        rtt: Some(rtt),
                        ..path
                    });
                }
            }
            Received::Distress(pair) => {
                let believed = pair == in_use && !self.upkeep.is_fresh(now);
                if believed && self.stage == Stage::Connected {
                    self.lose(now, Peer::Heard);
                    self.begin_round(now, self.round.number + 1);
                }
            }
            Received::Check(..) | Received::Nomination { .. } | Received::Nothing => {}
        }
    }

    /// Takes note that a probe of the peer's came by the path in use.
    fn on_heard(&mut self, now: Instant) {
        self.upkeep.on_heard(now);
        if let Stage::Lost { peer, .. } = &mut self.stage {
            *peer = Peer::Heard;
        }
    }

    /// Takes a lost path into use again, since a probe of ours on it was answered: it carries both ways. To
    /// hear the peer is not enough, because what is heard may be its distress probes, which say that it does
    /// not hear us.
    fn revive(&mut self, path: FoundPath) {
        if let Stage::Lost { .. } = self.stage {
            self.connect(path);
        }
    }

    /// Takes `path` into use.
    fn connect(&mut self, path: FoundPath) {
        self.path = Some(path);
        self.stage = Stage::Connected;
        self.reintroduction = Reintroduction::default();
        self.failed_rounds = 0;
        self.tell(PathNews::Found(path));
    }

    fn keep_up(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Some(path) = self.path else { return };
        match self.upkeep.due(now) {
            Due::Nothing => {}
            Due::KeepAlive => {
                let pair = path.pair();
                self.send_on_path(now, pair, ProbeKind::KeepAlive, rng);
            }
            Due::Lost => {
                self.lose(now, Peer::NotHeard);
                self.begin_round(now, self.round.number + 1);
            }
        }
    }

    fn search_again(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Stage::Lost {
            since,
            peer,
            probe_at,
            next_round_at,
        } = self.stage
        else {
            return;
        };
        if now >= since + self.patience {
            self.stage = Stage::Over;
            self.events
                .push_back(AgentEvent::Failed(AgentFailure::PeerGone));
            return;
        }
        if next_round_at.is_some_and(|at| now >= at) {
            self.begin_round(now, self.round.number + 1);
        }
        if let (true, Some(path)) = (now >= probe_at, self.path) {
            self.send_on_path(now, path.pair(), peer.probe(), rng);
            let next_at = now + self.upkeep.probe_pause(now, since);
            if let Stage::Lost { probe_at, .. } = &mut self.stage {
                *probe_at = next_at;
            }
        }
    }

    fn send_on_path(
        &mut self,
        now: Instant,
        pair: Pair,
        kind: ProbeKind,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        let round = self.previous.as_mut().unwrap_or(&mut self.round);
        round.finder.prober().send(now, pair, kind, rng);
        self.upkeep.on_sent(now);
    }

    /// Gives up the path in use: it does not carry, or the peer says so.
    fn lose(&mut self, now: Instant, peer: Peer) {
        if self.stage == Stage::Connected {
            self.failed_rounds = 0;
            if self.upkeep.on_lost(now) >= BUDGET_RENEWED_AFTER {
                self.round.finder.set_budget(ProbeBudget::full());
            }
            self.stage = Stage::Lost {
                since: now,
                peer,
                probe_at: now,
                next_round_at: None,
            };
            self.tell(PathNews::Lost);
        }
    }

    fn begin_round(&mut self, now: Instant, number: u32) {
        let keys = self.keys.round(number);
        let mut finder = PathFinder::new(self.config.clone(), &keys.as_path_keys(), now);
        finder.set_budget(self.round.finder.take_budget());
        let before = std::mem::replace(&mut self.round, Round { number, finder });
        if self.path.is_some() && self.previous.is_none() {
            self.previous = Some(before);
        }
        if let Stage::Lost { next_round_at, .. } = &mut self.stage {
            *next_round_at = None;
        }
        self.update_due = Some(now);
        self.ask_for_reintroduction(now);
    }

    fn ask_for_reintroduction(&mut self, now: Instant) {
        if !self.reintroduction.asked_for {
            self.reintroduction.asked_for = true;
            self.update_due = Some(now);
            self.events.push_back(AgentEvent::ReintroductionNeeded);
        }
    }

    fn seal_update(&mut self, rng: &mut (impl RngCore + CryptoRng)) {
        if self.update_due.take().is_some() {
            let update = Update {
                round: self.round.number,
                whereabouts: self.config.here.clone(),
            };
            self.update = Some(self.keys.seal(self.config.role, &update, rng));
        }
    }

    /// Takes in what the newest search has found out.
    fn drain_finder(&mut self, now: Instant) {
        while let Some(event) = self.round.finder.poll_event() {
            match event {
                PathEvent::Trying(kind) => self.tell(PathNews::Trying(kind)),
                PathEvent::Works(kind, rtt) => self.tell(PathNews::Works(kind, rtt)),
                PathEvent::SocketsNeeded(count) => {
                    self.events.push_back(AgentEvent::SocketsNeeded(count));
                }
                PathEvent::Found(path) => self.on_found(now, path),
                PathEvent::Failed(failure) => self.on_round_failed(now, failure),
            }
        }
    }

    fn tell(&mut self, news: PathNews) {
        self.events.push_back(AgentEvent::News(news));
    }

    fn on_found(&mut self, now: Instant, path: FoundPath) {
        self.previous = None;
        self.upkeep.on_path(now, path.rtt);
        self.connect(path);
    }

    fn on_round_failed(&mut self, now: Instant, failure: PathFailure) {
        match &mut self.stage {
            Stage::Seeking { .. } => {
                let Reintroduction {
                    rendezvous_answered,
                    peer_heard,
                    ..
                } = self.reintroduction;
                let gone = failure == PathFailure::Firewalled && rendezvous_answered && !peer_heard;
                let failure = if gone {
                    AgentFailure::PeerGone
                } else {
                    AgentFailure::NotFound(failure)
                };
                self.stage = Stage::Over;
                self.events.push_back(AgentEvent::Failed(failure));
            }
            Stage::Lost { next_round_at, .. } => {
                let pause = doubled(ROUND_PAUSE_FIRST, self.failed_rounds, ROUND_PAUSE_LAST);
                *next_round_at = Some(now + pause);
                self.failed_rounds += 1;
            }
            // A path that was chosen does not hold, and it has not been missed so far.
            Stage::Connected if self.previous.is_none() => {
                self.lose(now, Peer::NotHeard);
                self.begin_round(now, self.round.number + 1);
            }
            Stage::Connected | Stage::Over => {}
        }
    }
}
