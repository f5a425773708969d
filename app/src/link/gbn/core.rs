//! What the ends of a link's channels share with the task that drives it: the connection, and the channels
//! over it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::gbn::{
    CODE_MISBEHAVED, CloseReason, Config, Connection, Event, Handled, Keys, Transmit,
};
use fardrop_shared::limits::GBN_SEND_BUFFER;
use quinn::udp::RecvMeta;
use tokio::sync::Notify;

use super::ecn;
use super::frame::{Channel, HEADER_LENGTH, Header};
use super::mux::{Found, Mux};
use crate::link::{CloseCode, LinkError};

/// What is taken off the ordered stream at once, in bytes.
const READ_LIMIT: usize = 256 * 1024;

/// Data that may wait to be sent, in bytes, and at least what the congestion window holds: what a control
/// message waits behind.
const BACKLOG: u64 = 512 * 1024;

/// Room, in bytes, for which a writer of data is woken.
const WORTH_WAKING: usize = 64 * 1024;

/// One end of a link over Go-Back-N.
#[derive(Debug)]
pub(in crate::link) struct Core {
    state: Mutex<State>,
    /// Something may have arrived on either channel, or the link is over.
    arrived: Notify,
    /// There may be room or credit to write, or the link is over.
    room: Notify,
    /// The link has come into being, or is over, or the peer knows of that.
    turned: Notify,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    mux: Mux,
    standing: Standing,
    driver: Option<Waker>,
    /// Whether a data stream to the peer is open.
    writing_data: bool,
    /// Whether a data stream from the peer has a reader.
    reading_data: bool,
    /// Whether everything was said when this side closed the link.
    orderly: bool,
    drained: bool,
}

#[derive(Debug)]
enum Standing {
    Opening,
    Open,
    Over(LinkError),
}

impl Core {
    /// An end that has sent nothing yet. It never tries datagrams of more than `payload_limit` bytes.
    pub(in crate::link) fn new(role: Role, keys: Keys, payload_limit: u16) -> Arc<Self> {
        let mut config = Config::new(keys);
        config.max_mtu = payload_limit;
        Arc::new(Self {
            state: Mutex::new(State {
                connection: Connection::new(config, rand::random(), Instant::now()),
                mux: Mux::new(role),
                standing: Standing::Opening,
                driver: None,
                writing_data: false,
                reading_data: false,
                orderly: false,
                drained: false,
            }),
            arrived: Notify::new(),
            room: Notify::new(),
            turned: Notify::new(),
        })
    }

    /// Takes in datagrams that came together, as `meta` says; whether any of them was the peer's. They are
    /// not what they were afterwards.
    pub(in crate::link) fn handle_datagrams(
        &self,
        now: Instant,
        datagrams: &mut [u8],
        meta: &RecvMeta,
    ) -> bool {
        let codepoint = ecn::codepoint(meta.ecn);
        let mut state = self.state();
        let mut accepted = false;
        for datagram in datagrams.chunks_mut(meta.stride.max(1)) {
            let handled = state.connection.handle_datagram(now, datagram, codepoint);
            accepted |= handled == Handled::Accepted;
        }
        accepted
    }

    /// Does what is due.
    pub(in crate::link) fn handle_timeout(&self, now: Instant) {
        self.state().connection.handle_timeout(now);
    }

    /// The path leads elsewhere now.
    pub(in crate::link) fn handle_path_change(&self, now: Instant) {
        self.state().connection.path_changed(now);
    }

    /// Moves what has arrived to its readers, and what they give back to the peer. To be called after every
    /// input.
    pub(in crate::link) fn settle(&self, now: Instant) {
        let mut state = self.state();
        let settled = state.settle(now);
        let roomy = settled.credited || state.data_room() >= WORTH_WAKING;
        drop(state);
        if settled.turned {
            self.turned.notify_waiters();
        }
        if settled.arrived || settled.turned {
            self.arrived.notify_waiters();
        }
        if roomy || settled.turned {
            self.room.notify_waiters();
        }
    }

    /// The next datagrams to send, `most` of them at most.
    pub(in crate::link) fn poll_transmit(
        &self,
        now: Instant,
        most: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<Transmit> {
        self.state().connection.poll_transmit(now, most, buffer)
    }

    /// When something is due.
    pub(in crate::link) fn poll_timeout(&self) -> Option<Instant> {
        self.state().connection.poll_timeout()
    }

    /// Has `waker` woken whenever there may be something to send.
    pub(super) fn set_driver(&self, waker: &Waker) {
        let mut state = self.state();
        match &mut state.driver {
            Some(known) if known.will_wake(waker) => {}
            driver => *driver = Some(waker.clone()),
        }
    }

    /// Whether the link is over and the peer knows, or will not hear of it.
    pub(super) fn is_drained(&self) -> bool {
        self.state().connection.is_drained()
    }

    /// Nothing is sent or heard any more.
    pub(super) fn handle_end(&self, error: LinkError) {
        let mut state = self.state();
        state.drained = true;
        state.end(error);
        drop(state);
        self.wake_all();
    }

    /// Waits until the peer is there.
    pub(in crate::link) async fn connected(&self) -> Result<(), LinkError> {
        loop {
            let turned = self.turned.notified();
            match &self.state().standing {
                Standing::Opening => {}
                Standing::Open => return Ok(()),
                Standing::Over(error) => return Err(error.clone()),
            }
            turned.await;
        }
    }

    /// Waits until the link is over.
    pub(super) async fn closed(&self) -> LinkError {
        loop {
            let turned = self.turned.notified();
            if let Standing::Over(error) = &self.state().standing {
                return error.clone();
            }
            turned.await;
        }
    }

    /// Waits until the driver has ended.
    pub(super) async fn drained(&self) {
        loop {
            let turned = self.turned.notified();
            if self.state().drained {
                return;
            }
            turned.await;
        }
    }

    /// Whether this side closed the link with everything said.
    pub(super) fn is_orderly(&self) -> bool {
        self.state().orderly
    }

    /// Whether the link is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().standing, Standing::Over(_))
    }

    /// Ends the link at once.
    pub(in crate::link) fn close(&self, code: CloseCode) {
        let mut state = self.state();
        if matches!(state.standing, Standing::Over(_)) {
            return;
        }
        let statistics = state.connection.statistics();
        let (rtt, mtu) = (state.connection.rtt(), state.connection.mtu());
        tracing::debug!(?code, ?rtt, mtu, ?statistics, "closing");
        state.orderly = code == CloseCode::Done;
        state.connection.close(Instant::now(), code.to_wire());
        // As QUIC has it: whoever waits here knows who closed it.
        state.end(LinkError::Closed(CloseCode::Cancelled));
        state.wake_driver();
        drop(state);
        self.wake_all();
    }

    /// The smoothed round-trip time, once there is one.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.state().connection.measured_rtt()
    }

    /// Hands bytes to the connection, all of them.
    pub(super) async fn write(&self, channel: Channel, mut bytes: Bytes) -> Result<(), LinkError> {
        loop {
            let room = self.room.notified();
            {
                let mut state = self.state();
                if let Standing::Over(error) = &state.standing {
                    return Err(error.clone());
                }
                state.put(channel, &mut bytes);
                state.wake_driver();
                if bytes.is_empty() {
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// Reads what has arrived; `None` at the end.
    pub(super) async fn read(
        &self,
        channel: Channel,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, LinkError> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.state();
                match state.mux.read(channel, buffer) {
                    Found::Bytes(length) => {
                        state.wake_driver_for_credit();
                        return Ok(Some(length));
                    }
                    Found::End => {
                        if channel == Channel::Data {
                            state.reading_data = false;
                        }
                        return Ok(None);
                    }
                    Found::Nothing => {}
                }
                if let Standing::Over(error) = &state.standing {
                    return Err(error.clone());
                }
            }
            arrived.await;
        }
    }

    /// Begins a data stream, once the one before has ended.
    pub(super) async fn open_data(&self) -> Result<(), LinkError> {
        loop {
            let room = self.room.notified();
            {
                let mut state = self.state();
                if let Standing::Over(error) = &state.standing {
                    return Err(error.clone());
                }
                if !state.writing_data {
                    state.writing_data = true;
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// Waits for a data stream of the peer's, once the one before has been read.
    pub(super) async fn accept_data(&self) -> Result<(), LinkError> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.state();
                if !state.reading_data && state.mux.has_data() {
                    state.reading_data = true;
                    return Ok(());
                }
                if let Standing::Over(error) = &state.standing {
                    return Err(error.clone());
                }
            }
            arrived.await;
        }
    }

    /// Ends a channel, or the stream on it.
    pub(super) fn end(&self, channel: Channel) {
        let mut state = self.state();
        state.mux.end(channel);
        if channel == Channel::Data {
            state.writing_data = false;
        }
        state.wake_driver();
        drop(state);
        self.room.notify_waiters();
    }

    /// Waits until all that was said on the control channel has arrived.
    pub(super) async fn heard(&self) -> Result<(), LinkError> {
        loop {
            let arrived = self.arrived.notified();
            {
                let state = self.state();
                if state.mux.is_control_heard() {
                    return Ok(());
                }
                if let Standing::Over(error) = &state.standing {
                    return Err(error.clone());
                }
            }
            arrived.await;
        }
    }

    /// The reader of a data stream leaves before its end.
    pub(super) fn leave_data(&self) {
        let mut state = self.state();
        state.reading_data = false;
        state.mux.discard();
        state.wake_driver_for_credit();
        drop(state);
        self.arrived.notify_waiters();
    }

    fn wake_all(&self) {
        self.turned.notify_waiters();
        self.arrived.notify_waiters();
        self.room.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere has ended the task that was at it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What [`State::settle`] changed.
#[derive(Debug, Default)]
struct Settled {
    turned: bool,
    arrived: bool,
    credited: bool,
}

impl State {
    fn settle(&mut self, now: Instant) -> Settled {
        let mut settled = Settled::default();
        let mut over = None;
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Connected => {
                    self.standing = Standing::Open;
                    settled.turned = true;
                }
                Event::Closed(reason) => over = Some(closed(reason)),
                // The stream is read below whatever is told, and writers look for room themselves. Neither
                // end ever ends its stream: channels have ends of their own.
                Event::Readable | Event::Writable | Event::PeerFinished | Event::Delivered => {}
            }
        }
        while let Some(bytes) = self.connection.read(READ_LIMIT) {
            settled.arrived = true;
            let taken = self.mux.take_in(bytes);
            if let Err(violation) = taken {
                let code = CloseCode::ProtocolViolation.to_wire();
                self.connection.close(now, code);
                over = Some(LinkError::Protocol(violation.0));
                break;
            }
        }
        settled.credited = settled.arrived;
        self.say_service();
        if let Some(error) = over {
            self.end(error);
            settled.turned = true;
        }
        settled
    }

    /// Says what the channels have to say without content.
    fn say_service(&mut self) {
        while self.connection.writable() >= HEADER_LENGTH
            && let Some(header) = self.mux.poll_service()
        {
            self.say(Bytes::copy_from_slice(&header.encode()));
        }
    }

    /// Moves as much of `bytes` to the connection as may go now.
    fn put(&mut self, channel: Channel, bytes: &mut Bytes) {
        while !bytes.is_empty() {
            self.say_service();
            let room = match channel {
                Channel::Control => self.connection.writable(),
                Channel::Data => self.data_room(),
            };
            let length = self.mux.frame(channel, bytes.len(), room);
            if length == 0 {
                return;
            }
            // At most FRAME_LIMIT.
            let header = Header::Bytes(channel, length as u32);
            self.say(Bytes::copy_from_slice(&header.encode()));
            self.say(bytes.split_to(length));
        }
    }

    /// Writes to the stream what there is room for.
    fn say(&mut self, bytes: Bytes) {
        let length = bytes.len();
        let written = self.connection.write(bytes);
        // A connection that is over takes nothing, and says so as an event.
        debug_assert!(written.is_err() || written == Ok(length), "there was room");
    }

    /// Room for data, in bytes: less than the connection's own, so that control messages do not wait behind
    /// all that fits into its buffer.
    fn data_room(&self) -> usize {
        let writable = self.connection.writable();
        let statistics = self.connection.statistics();
        let held = GBN_SEND_BUFFER.saturating_sub(writable as u64);
        let backlog = held.saturating_sub(statistics.in_flight);
        let most = BACKLOG.max(statistics.window);
        writable.min(most.saturating_sub(backlog) as usize)
    }

    fn end(&mut self, error: LinkError) {
        if !matches!(self.standing, Standing::Over(_)) {
            self.standing = Standing::Over(error);
        }
    }

    fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    fn wake_driver_for_credit(&mut self) {
        if self.mux.owes_credit() {
            self.wake_driver();
        }
    }
}

/// What the end of a connection means.
fn closed(reason: CloseReason) -> LinkError {
    match reason {
        CloseReason::Peer(CODE_MISBEHAVED) => {
            LinkError::Protocol("the peer says that this side broke it")
        }
        CloseReason::Peer(code) => LinkError::Closed(CloseCode::from_wire(code)),
        CloseReason::Optimistic => LinkError::Protocol("it acknowledged what it did not receive"),
        CloseReason::Restarted => LinkError::Transport(reason.to_string()),
        CloseReason::Silent | CloseReason::NoAnswer => LinkError::TimedOut,
    }
}
