//! The search for a path: probes all of the peer's addresses, and agrees with the peer on one that works.

mod choice;

use std::collections::VecDeque;
use std::net::{SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use rand_core::{CryptoRng, RngCore};

use choice::Nomination;

use super::budget::ProbeBudget;
use super::candidate::{Candidate, CandidateKind, PathKind};
use super::checklist::{Checklist, Evidence, Order};
use super::found::{PathEvent, PathFailure};
use super::many_port::{ManyPort, Plan};
use super::probe::ProbeKind;
use super::prober::{Pair, Prober, Received};
use super::{Nat, PathKeys, PathTransmit, SocketId, Whereabouts};
use crate::Role;
use crate::limits::{
    CHECK_PACE, HOPELESS_DEADLINE, MANY_PORT_DELAY, MAX_LINK_SCOPES, PATH_DEADLINE, PREDICTED_PORTS,
};

/// What a [`PathFinder`] is made with.
#[derive(Debug, Clone)]
pub struct FinderConfig {
    /// Which side this is.
    pub role: Role,
    /// What this side has said of itself.
    pub here: Whereabouts,
    /// Whether both are on one machine, as far as this side can tell: loopback is tried only then.
    pub same_machine: bool,
    /// The scopes of the links that this machine is on (RFC 4007): a peer's link-local address is tried
    /// on each of the first [`MAX_LINK_SCOPES`].
    pub link_scopes: Vec<u32>,
}

/// A search for a path to one peer.
///
/// Nothing is sent before [`handle_remote`](Self::handle_remote), but the peer is answered. After any
/// call, drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), then read
/// [`poll_timeout`](Self::poll_timeout). At most [`MAX_CHECKS`](crate::limits::MAX_CHECKS) checks are sent, and
/// [`MANY_PORT_PROBES`](crate::limits::MANY_PORT_PROBES) of many-port punching to the peer's own NAT,
/// whatever the peer says.
#[derive(Debug)]
pub struct PathFinder {
    config: FinderConfig,
    prober: Prober,
    checklist: Checklist,
    there: Whereabouts,
    /// When the search began.
    started_at: Option<Instant>,
    budget: ProbeBudget,
    next_check_at: Instant,
    /// When the peer was first heard.
    heard_at: Option<Instant>,
    many_port: Option<ManyPort>,
    /// What the sender has nominated, each pair with its newest number: as many as there are pairs
    /// that were learned, at most.
    nominations: Vec<Nomination>,
    /// The pair of the nomination that was followed last.
    followed: Option<Pair>,
    stage: Stage,
    events: VecDeque<PathEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Searching,
    /// The sender has chosen and repeats itself until the receiver is heard to know.
    Nominating {
        remote: usize,
        sent: usize,
        next_at: Instant,
    },
    Settled,
    Failed,
}

impl PathFinder {
    /// A search whose peer may be anywhere.
    #[must_use]
    pub fn new(mut config: FinderConfig, keys: &PathKeys<'_>, now: Instant) -> Self {
        config.link_scopes.truncate(MAX_LINK_SCOPES);
        Self {
            prober: Prober::new(config.role, keys),
            config,
            checklist: Checklist::default(),
            there: Whereabouts::default(),
            started_at: None,
            budget: ProbeBudget::full(),
            next_check_at: now,
            heard_at: None,
            many_port: None,
            nominations: Vec::new(),
            followed: None,
            stage: Stage::Searching,
            events: VecDeque::new(),
        }
    }

    /// Where the peer says it is. With the first of these the search begins; another adds what is new.
    ///
    /// Candidates that no packet may go to are left out.
    pub fn handle_remote(&mut self, now: Instant, there: &Whereabouts) {
        self.started_at.get_or_insert(now);
        for candidate in there.candidates() {
            let kind = PathKind::of(candidate.address, Some(candidate.kind));
            for address in self.targets(candidate) {
                self.checklist.add(now, address, kind);
            }
        }
        let predicted: Vec<SocketAddr> = there.nat().predicted(PREDICTED_PORTS).collect();
        for address in predicted {
            let candidate = Candidate::new(CandidateKind::Reflexive, address);
            if candidate.usable(false) {
                self.checklist.add(now, address, PathKind::Punched);
            }
        }
        self.there = there.clone();
    }

    /// What this side has found out about itself since.
    pub fn set_here(&mut self, here: Whereabouts) {
        self.config.here = here;
    }

    /// Takes in that `count` of the sockets that were asked for are open, numbered from 1.
    pub fn handle_sockets(&mut self, count: u16) {
        if let Some(many_port) = &mut self.many_port {
            many_port.handle_sockets(count);
        }
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
        self.receive(now, pair, bytes, rng).is_some()
    }

    /// Takes in a datagram that came by `pair`, and returns what it was; `None` if it is not a probe of this
    /// peer's: nothing has changed then.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        pair: Pair,
        bytes: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Option<Received> {
        let received = self.prober.receive(now, pair, bytes, rng)?;
        match received {
            Received::Check(pair, kind) => self.on_check(now, pair, kind, rng),
            Received::Nomination {
                pair,
                kind,
                sequence,
            } => self.on_nomination(now, Nomination::new(now, sequence, pair, kind), rng),
            Received::Answer { pair, kind, rtt } => self.on_answer(now, pair, kind, rtt, rng),
            Received::KeepAlive { .. } | Received::Distress(_) | Received::Nothing => {}
        }
        Some(received)
    }

    /// Does what has become due. Calling it early or twice does nothing.
    pub fn handle_timeout(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        match self.stage {
            Stage::Searching => self.search(now, rng),
            Stage::Nominating {
                remote,
                sent,
                next_at,
            } => {
                if now >= next_at && !self.reconsider(now, remote, sent, rng) {
                    self.send_nomination(now, remote, sent, rng);
                }
                // What was only heard may come to nothing.
                if self.is_unproved() {
                    self.check_when_due(now, rng);
                    self.punch_many_ports(now, rng);
                }
            }
            Stage::Settled => self.check_nominee(now, rng),
            Stage::Failed => {}
        }
    }

    /// The peer was heard on the chosen path by other means: the nomination need not be repeated.
    pub fn confirm(&mut self) {
        if matches!(self.stage, Stage::Nominating { .. }) {
            self.stage = Stage::Settled;
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<PathTransmit> {
        self.prober.poll_transmit()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<PathEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Searching => {
                let started_at = self.started_at?;
                [
                    Some(self.deadline(started_at)),
                    self.next_check_due(),
                    self.nomination_due(),
                    self.many_port_at(),
                    self.nominee_check_due(),
                ]
                .into_iter()
                .flatten()
                .min()
            }
            Stage::Nominating { next_at, .. } => {
                let others = [self.next_check_due(), self.many_port_at()];
                let others = others.into_iter().flatten().filter(|_| self.is_unproved());
                Some(others.fold(next_at, Instant::min))
            }
            Stage::Settled => self.nominee_check_due(),
            Stage::Failed => None,
        }
    }

    /// Takes the budget out: this search sends no more to where nobody has proved to be.
    pub(super) fn take_budget(&mut self) -> ProbeBudget {
        std::mem::take(&mut self.budget)
    }

    /// Gives the search another budget than a whole one.
    pub(super) const fn set_budget(&mut self, budget: ProbeBudget) {
        self.budget = budget;
    }

    pub(super) const fn prober(&mut self) -> &mut Prober {
        &mut self.prober
    }

    /// The addresses that a candidate stands for: one, or with a link-local one as many as there are
    /// links; none where no packet may go.
    fn targets(&self, candidate: &Candidate) -> Vec<SocketAddr> {
        match candidate.address {
            SocketAddr::V6(address) if address.ip().is_unicast_link_local() => {
                let scopes = self.config.link_scopes.iter();
                scopes
                    .filter(|_| address.port() != 0)
                    .map(|scope| SocketAddrV6::new(*address.ip(), address.port(), 0, *scope).into())
                    .collect()
            }
            address if candidate.usable(self.config.same_machine) => vec![address],
            SocketAddr::V4(_) | SocketAddr::V6(_) => Vec::new(),
        }
    }

    fn on_check(
        &mut self,
        now: Instant,
        pair: Pair,
        kind: PathKind,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if self.stage != Stage::Searching && !self.is_unproved() {
            return;
        }
        let own_kind = self.kind_of_stranger(pair);
        let Some(index) =
            self.checklist
                .learn(now, pair, own_kind, Evidence::Check(kind), self.chosen())
        else {
            return;
        };
        self.checklist.on_check(now, index, kind);
        self.heard_at.get_or_insert(now);
        self.next_check_at = now;
        if self.stage == Stage::Searching {
            self.nominate_when_due(now, rng);
        }
        if self.stage == Stage::Searching || self.is_unproved() {
            self.check_when_due(now, rng);
        }
    }

    fn kind_of_stranger(&self, pair: Pair) -> PathKind {
        match (PathKind::of(pair.remote, None), &self.many_port) {
            (PathKind::Punched, Some(many_port)) if many_port.concerns(pair) => PathKind::ManyPort,
            (kind, _) => kind,
        }
    }

    fn on_answer(
        &mut self,
        now: Instant,
        pair: Pair,
        kind: ProbeKind,
        rtt: Duration,
        rng: &mut (impl RngCore + CryptoRng),
    ) {
        if !matches!(kind, ProbeKind::Check(_) | ProbeKind::Nomination(_)) {
            return;
        }
        self.on_nominee_answer(pair, rtt);
        // Many-port probes go to pairs that are kept only once they are answered.
        let own_kind = self.kind_of_stranger(pair);
        let Some(index) =
            self.checklist
                .learn(now, pair, own_kind, Evidence::Answer, self.chosen())
        else {
            return;
        };
        if self.checklist.on_answer(index, rtt) && self.stage == Stage::Searching {
            let kind = self.checklist.at(index).kind();
            self.events.push_back(PathEvent::Works(kind, rtt));
        }
        match self.stage {
            Stage::Searching => {
                self.heard_at.get_or_insert(now);
                self.nominate_when_due(now, rng);
            }
            Stage::Nominating { remote, sent, .. } => {
                if matches!(kind, ProbeKind::Nomination(_))
                    && self.checklist.at(remote).pair == pair
                {
                    self.stage = Stage::Settled;
                } else {
                    self.reconsider(now, remote, sent, rng);
                }
            }
            Stage::Settled | Stage::Failed => {}
        }
    }

    fn search(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        let Some(started_at) = self.started_at else {
            return;
        };
        if now >= self.deadline(started_at) {
            let failure = if self.hopeless() {
                PathFailure::BothNatsSymmetric
            } else {
                PathFailure::Firewalled
            };
            self.stage = Stage::Failed;
            self.events.push_back(PathEvent::Failed(failure));
            return;
        }
        self.nominate_when_due(now, rng);
        if self.stage == Stage::Searching {
            self.check_nominee(now, rng);
            self.check_when_due(now, rng);
            self.punch_many_ports(now, rng);
        }
    }

    fn deadline(&self, started_at: Instant) -> Instant {
        let patience = if self.heard_at.is_none() && self.hopeless() {
            HOPELESS_DEADLINE
        } else {
            PATH_DEADLINE
        };
        started_at + patience
    }

    /// Whether, as far as is known, only machines of one network can come together here.
    fn hopeless(&self) -> bool {
        let sides = [&self.config.here, &self.there];
        let predictable = |side: &Whereabouts| matches!(side.nat(), Nat::Sequential { .. });
        let open = |side: &Whereabouts| {
            let mut addresses = side.candidates().iter();
            addresses.any(|candidate| {
                PathKind::of(candidate.address, Some(candidate.kind)) == PathKind::Mapped
            })
        };
        let another_way = sides.into_iter().all(predictable)
            || sides.into_iter().any(open)
            || sides.into_iter().all(Whereabouts::has_global_ipv6);
        let both_hard = sides
            .into_iter()
            .all(|side| side.nat().maps_per_destination());
        both_hard && !another_way
    }

    /// When the next check may go out, if any is left to send.
    fn next_check_due(&self) -> Option<Instant> {
        if !self.budget.has_check() || self.started_at.is_none() {
            return None;
        }
        let next = self.checklist.next_check_at()?;
        Some(next.max(self.next_check_at))
    }

    fn check_when_due(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        if self.next_check_due().is_none_or(|due| now < due) {
            return;
        }
        let order = match self.config.here.nat() {
            Nat::Sequential { .. } => Order::FarthestFirst,
            Nat::Unknown | Nat::EndpointIndependent | Nat::PerDestination => Order::BestFirst,
        };
        let Some(index) = self.checklist.due(now, order) else {
            return;
        };
        let remote = self.checklist.at(index);
        let (pair, kind) = (remote.pair, remote.own_kind);
        if !self.budget.take_check() {
            return;
        }
        if !self.checklist.tried(kind) {
            self.events.push_back(PathEvent::Trying(kind));
        }
        self.prober.send(now, pair, ProbeKind::Check(kind), rng);
        self.next_check_at = now + CHECK_PACE;
        self.checklist.on_check_sent(now, index);
    }

    /// What many-port punching would be here, unless it is under way or something works already.
    fn plan(&self) -> Option<Plan> {
        if self.many_port.is_some()
            || self.checklist.best_proved().is_some()
            || !self.budget.has_many_port()
        {
            return None;
        }
        Plan::for_pair(&self.config.here, &self.there)
    }

    /// When many-port punching goes on, or begins: a peer that was heard gets time to be answered.
    fn many_port_at(&self) -> Option<Instant> {
        match &self.many_port {
            Some(many_port) => many_port.next_at().filter(|_| self.budget.has_many_port()),
            None => {
                let due = self.started_at? + self.plan()?.delay();
                Some(
                    self.heard_at
                        .map_or(due, |at| due.max(at + MANY_PORT_DELAY)),
                )
            }
        }
    }

    fn punch_many_ports(&mut self, now: Instant, rng: &mut (impl RngCore + CryptoRng)) {
        if self.many_port_at().is_none_or(|at| now < at) {
            return;
        }
        if let Some(plan) = self.plan() {
            let many_port = ManyPort::new(now, plan);
            self.events.push_back(PathEvent::Trying(PathKind::ManyPort));
            let sockets = many_port.sockets_wanted();
            if sockets > 0 {
                self.events.push_back(PathEvent::SocketsNeeded(sockets));
            }
            self.many_port = Some(many_port);
        }
        let Some(many_port) = &mut self.many_port else {
            return;
        };
        for pair in many_port.due(now, rng) {
            if !self.budget.take_many_port() {
                return;
            }
            let kind = ProbeKind::Check(PathKind::ManyPort);
            self.prober.send(now, pair, kind, rng);
        }
    }
}
