//! Go-Back-N, selective: a reliable, encrypted stream each way over datagrams, for paths on which QUIC
//! cannot live. What goes back is only what is missing. It keeps the name of the old scheme and not its
//! waste: that one sends everything anew from the first gap on.
//!
//! A [`Connection`] is one end. Both ends make one and begin at the same time; neither is a client.
//!
//! * `opening`: the first packets. `segment`: all others. `keys`: what seals both.
//! * `outgoing`, `incoming`: the stream's two halves. `sent`, `arrivals`: the packets' records.
//! * `input`: what a datagram does. `transmit`: what is sent next. `ecn`: what routers say meanwhile.
//!
//! The receiver keeps what arrived out of order and says where its holes are (as RFC 2018 and RFC 9000 have
//! it), and what went lost is sent again under a new packet number. How much is sent, and how fast, is up to
//! [`crate::congestion`].
//!
//! What both ends hold to is in [`crate::limits`], what the format fixes beside the format. The other numbers are
//! local: how an end judges losses, sizes and marks, and what it keeps, which the peer need not know.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

mod arrivals;
mod ecn;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod incoming;
mod input;
mod keys;
mod mtu;
mod opening;
mod outgoing;
mod pacer;
mod random;
mod ranges;
mod rtt;
mod segment;
mod sent;
mod statistics;
#[cfg(test)]
mod tests;
mod timer;
mod transmit;

use arrivals::Arrivals;
pub use ecn::Codepoint;
use ecn::Ecn;
use incoming::Incoming;
pub use keys::Keys;
use keys::{Opener, Sealer};
use mtu::Mtu;
use opening::Handshake;
use outgoing::Outgoing;
use pacer::Pacer;
use random::Random;
use rtt::Rtt;
use sent::Sent;
pub use statistics::Statistics;
use timer::{Timer, Timers};

use crate::congestion::{Controller, Settings};
use crate::limits::{
    GBN_ACK_DELAY, GBN_INITIAL_WINDOW, GBN_LEAST_MTU, GBN_MOST_MTU, GBN_PROBE_LONGEST,
};

/// The code of a goodbye that no application says: the peer did what no sound peer does.
pub const CODE_MISBEHAVED: u32 = u32::MAX;

/// Most events that wait to be taken; each kind occurs once at most between two calls.
const MAX_EVENTS: usize = 16;

/// What a connection begins with.
#[derive(Debug, Clone)]
pub struct Config {
    /// From the pairing.
    pub keys: Keys,
    /// The longest datagram that certainly passes, in bytes of UDP payload; at least 508.
    pub initial_mtu: u16,
    /// The longest datagram that is ever tried, in bytes of UDP payload.
    pub max_mtu: u16,
    /// Longest time for which nothing is sent.
    pub keep_alive: Option<Duration>,
    /// Time without a sound from the peer after which the connection is given up.
    pub idle_timeout: Option<Duration>,
    /// Time without an answer after which a connection that is yet to be set up is given up.
    pub connect_timeout: Option<Duration>,
}

impl Config {
    /// With these keys: from 508 bytes up to 1472, and no time-outs of its own.
    #[must_use]
    pub const fn new(keys: Keys) -> Self {
        Self {
            keys,
            initial_mtu: GBN_LEAST_MTU,
            max_mtu: 1472,
            keep_alive: None,
            idle_timeout: None,
            connect_timeout: None,
        }
    }
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It was the peer's, and new.
    Accepted,
    /// It was not, or it made no sense. Nothing has changed.
    Ignored,
}

/// Datagrams to send, one behind the other in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Bytes of all of them.
    pub size: usize,
    /// Bytes of each, the last of which may be shorter; `None` if there is one.
    pub segment_size: Option<usize>,
    /// What all of them carry in their IP headers.
    pub codepoint: Codepoint,
}

/// What the application is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The peer is there.
    Connected,
    /// There is something to read, after there was nothing.
    Readable,
    /// There is room to write, after there was too little.
    Writable,
    /// All that the peer will ever send has arrived, though it may still be to be read.
    PeerFinished,
    /// All that was written has arrived, its end included.
    Delivered,
    /// The connection is over, and not because [`Connection::close`] was called.
    Closed(CloseReason),
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The peer closed it, with this code.
    #[error("closed by the peer with code {0}")]
    Peer(u32),
    /// The peer acknowledged what it cannot have received.
    #[error("the peer acknowledged what it did not receive")]
    Optimistic,
    /// The peer began anew.
    #[error("the peer began anew")]
    Restarted,
    /// The peer was silent for too long.
    #[error("the peer fell silent")]
    Silent,
    /// The peer did not answer.
    #[error("the peer did not answer")]
    NoAnswer,
}

/// Why nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The stream was ended by [`Connection::finish`].
    #[error("the stream has ended")]
    Finished,
    /// The connection is over.
    #[error("the connection is closed")]
    Closed,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until the peer has proved that it is there.
    Opening,
    Open,
    /// We said goodbye.
    Closing,
    /// The peer did, or did not answer any more; late packets are answered with a goodbye.
    Draining,
    Drained,
}

/// One end of a connection.
///
/// After any call, take what [`Self::poll_transmit`] and [`Self::poll_event`] give until they give nothing,
/// then read [`Self::poll_timeout`]. A spurious [`Self::handle_timeout`] does nothing.
#[derive(Debug)]
pub struct Connection {
    config: Config,
    random: Random,
    stage: Stage,
    handshake: Handshake,
    sealer: Option<Sealer>,
    opener: Option<Opener>,
    /// Whether the peer is known to have our salt, since it sealed with it.
    confirmed: bool,
    outgoing: Outgoing,
    incoming: Incoming,
    sent: Sent,
    arrivals: Arrivals,
    /// The number of the newest packet whose acknowledgement was looked at.
    newest_account: Option<u64>,
    rtt: Rtt,
    mtu: Mtu,
    ecn: Ecn,
    controller: Controller,
    pacer: Pacer,
    timers: Timers,
    events: VecDeque<Event>,
    /// Packets to send whatever the window says, to get an answer.
    probes: u8,
    /// Probe time-outs in a row.
    probe_count: u32,
    last_eliciting_at: Instant,
    /// A packet without data is to be sent.
    ping: bool,
    opening_due: bool,
    goodbye: Option<Goodbye>,
    app_limited: bool,
    statistics: Statistics,
}

/// The goodbye that is said.
#[derive(Debug, Clone, Copy)]
struct Goodbye {
    code: u32,
    due: bool,
    interval: Duration,
}

impl Connection {
    /// An end that says its first word at once. `seed` must be new for every connection, and known to
    /// nobody else.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32], now: Instant) -> Self {
        let mut random = Random::new(&config.keys.outgoing, &seed);
        let least = config.initial_mtu.max(GBN_LEAST_MTU);
        let most = config.max_mtu.clamp(least, GBN_MOST_MTU);
        let settings = Settings {
            initial_window: GBN_INITIAL_WINDOW,
            packet_bytes: u64::from(least),
            seed: random.u64(),
        };
        let handshake = Handshake::new(config.keys.clone(), &mut random, now);
        let mut timers = Timers::default();
        timers.set(Timer::Opening, now);
        if let Some(timeout) = config.connect_timeout {
            timers.set(Timer::Idle, now + timeout);
        }
        Self {
            config,
            random,
            stage: Stage::Opening,
            handshake,
            sealer: None,
            opener: None,
            confirmed: false,
            outgoing: Outgoing::new(),
            incoming: Incoming::new(),
            sent: Sent::new(),
            arrivals: Arrivals::default(),
            newest_account: None,
            rtt: Rtt::default(),
            mtu: Mtu::new(least, most),
            ecn: Ecn::new(),
            controller: Controller::new(now, settings),
            pacer: Pacer::new(now),
            timers,
            events: VecDeque::new(),
            probes: 0,
            probe_count: 0,
            last_eliciting_at: now,
            ping: false,
            opening_due: true,
            goodbye: None,
            app_limited: false,
            statistics: Statistics::default(),
        }
    }

    /// When [`Self::handle_timeout`] is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let acknowledge = match self.stage {
            Stage::Open => self.arrivals.due(),
            Stage::Opening | Stage::Closing | Stage::Draining | Stage::Drained => None,
        };
        match (self.timers.next(), acknowledge) {
            (Some(timer), Some(due)) => Some(timer.min(due)),
            (timer, due) => timer.or(due),
        }
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Bytes that [`Self::write`] would take now.
    #[must_use]
    pub fn writable(&self) -> usize {
        match self.stage {
            Stage::Opening | Stage::Open => self.outgoing.room(),
            Stage::Closing | Stage::Draining | Stage::Drained => 0,
        }
    }

    /// Bytes that [`Self::write`] took and that have not been sent yet.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.outgoing.unsent()
    }

    /// What may be in flight, in bytes.
    #[must_use]
    pub fn window(&self) -> u64 {
        self.controller.window()
    }

    /// Sends `bytes`, or as much of them as there is room for; how much that was. If it was not all,
    /// [`Event::Writable`] follows.
    ///
    /// # Errors
    /// After [`Self::finish`], and once the connection is over.
    pub fn write(&mut self, bytes: Bytes) -> Result<usize, WriteError> {
        match self.stage {
            Stage::Opening | Stage::Open => {}
            Stage::Closing | Stage::Draining | Stage::Drained => return Err(WriteError::Closed),
        }
        if self.outgoing.is_finished() {
            return Err(WriteError::Finished);
        }
        Ok(self.outgoing.write(bytes))
    }

    /// Ends the stream: nothing is written after what was written.
    pub const fn finish(&mut self) {
        self.outgoing.finish();
    }

    /// The next bytes of the peer's stream, `limit` at most; they were copied once, from the datagram.
    /// After `None`, [`Event::Readable`] follows. What has arrived can be read after the end, too.
    pub fn read(&mut self, limit: usize) -> Option<Bytes> {
        let bytes = self.incoming.read(limit);
        if self.incoming.is_room_worth_telling() && self.stage == Stage::Open {
            self.arrivals.hurry();
        }
        bytes
    }

    /// Whether all of the peer's stream was read.
    #[must_use]
    pub fn is_read_to_end(&self) -> bool {
        self.incoming.is_finished()
    }

    /// Ends the connection, whatever is under way, and tells the peer `code`. Nothing is to be read or
    /// written any more; [`Self::is_drained`] says when the peer knows, or will not hear of it.
    pub fn close(&mut self, now: Instant, code: u32) {
        match self.stage {
            Stage::Opening => self.drain(),
            Stage::Open => self.say_goodbye(now, code, Stage::Closing),
            Stage::Closing | Stage::Draining | Stage::Drained => {}
        }
    }

    /// Whether the connection is over and has nothing more to send.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.stage == Stage::Drained
    }

    /// The path leads elsewhere now: round-trip time, the longest datagram, whether it marks and the
    /// controller's model are found out anew, and something is sent at once.
    pub fn path_changed(&mut self, now: Instant) {
        self.rtt = Rtt::default();
        self.sent.handle_path_change();
        self.mtu.handle_path_change();
        self.ecn.handle_path_change(self.sent.next_number());
        self.controller.handle_path_change(now);
        self.controller
            .handle_packet_size(u64::from(self.mtu.current()));
        self.pacer = Pacer::new(now);
        self.probe_count = 0;
        match self.stage {
            Stage::Opening => self.opening_due = true,
            Stage::Open => {
                self.opening_due = !self.confirmed;
                self.probes = 1;
                self.ping = true;
            }
            Stage::Closing | Stage::Draining => {
                if let Some(goodbye) = &mut self.goodbye {
                    goodbye.due = true;
                }
            }
            Stage::Drained => {}
        }
        self.set_probe_timer(now);
    }

    /// Smoothed round-trip time.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        self.rtt.smoothed()
    }

    /// Smoothed round-trip time, once there is a sample of this path.
    #[must_use]
    pub fn measured_rtt(&self) -> Option<Duration> {
        self.rtt.is_known().then(|| self.rtt.smoothed())
    }

    /// The longest datagram that is known to pass, in bytes of UDP payload.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu.current()
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS && !self.events.contains(&event) {
            self.events.push_back(event);
        }
    }

    /// Ends the connection with a goodbye.
    fn say_goodbye(&mut self, now: Instant, code: u32, stage: Stage) {
        let interval = self.probe_interval();
        self.stage = stage;
        self.timers.stop_all();
        self.timers.set(Timer::Goodbye, now + interval);
        // Three probe time-outs (RFC 9000, section 10.2).
        self.timers.set(Timer::Drained, now + interval * 3);
        self.goodbye = Some(Goodbye {
            code,
            due: true,
            interval,
        });
    }

    /// Ends the connection without a word.
    fn drain(&mut self) {
        self.stage = Stage::Drained;
        self.timers.stop_all();
        self.goodbye = None;
    }

    /// A probe time-out, without what it has grown by.
    fn probe_interval(&self) -> Duration {
        self.rtt.probe_timeout() + GBN_ACK_DELAY
    }

    fn set_probe_timer(&mut self, now: Instant) {
        let waits = self.sent.has_in_flight() || self.outgoing.is_blocked();
        if !waits || self.stage != Stage::Open {
            self.timers.stop(Timer::Probe);
            return;
        }
        let interval = self.probe_interval();
        let grown = interval.saturating_mul(1 << self.probe_count.min(16));
        let grown = grown.min(GBN_PROBE_LONGEST.max(interval));
        let at = self.last_eliciting_at + grown;
        self.timers.set(Timer::Probe, at.max(now));
    }
}
