//! What the ends of a link's channels share with the task that drives it: the connection, and the channels
//! over it.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::gbn::{Config, Connection, Handled, Keys, Transmit};
use fardrop_shared::mux::{Channel, Found, Mux};
use quinn::udp::RecvMeta;
use tokio::sync::Notify;

use super::ecn;
use super::state::{Standing, State, WORTH_WAKING};
use crate::link::error::{CloseCode, LinkError};

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

/// What is waited for.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Standing,
    Arrived,
    Room,
}

impl Core {
    /// An end that has sent nothing yet. It never tries datagrams of more than `payload_limit` bytes.
    pub(in crate::link) fn new(role: Role, keys: Keys, payload_limit: u16) -> Arc<Self> {
        let mut config = Config::new(keys);
        config.max_mtu = payload_limit;
        let connection = Connection::new(config, rand::random(), Instant::now());
        Arc::new(Self {
            state: Mutex::new(State::new(connection, Mux::new(role))),
            arrived: Notify::new(),
            room: Notify::new(),
            turned: Notify::new(),
        })
    }

    /// Takes in datagrams that came together, as `meta` says; whether any of them was the peer's. They are
    /// decrypted where they lie, so the buffer's content is of no use to anybody else afterwards.
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
        let wakes_reader = state.reader_waits && (settled.arrived || settled.turned);
        let wakes_writer = state.writer_waits
            && (settled.arrived || settled.turned || state.data_room() >= WORTH_WAKING);
        state.reader_waits &= !wakes_reader;
        state.writer_waits &= !wakes_writer;
        drop(state);
        if settled.turned {
            self.turned.notify_waiters();
        }
        if wakes_reader {
            self.arrived.notify_waiters();
        }
        if wakes_writer {
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

    /// Takes in that the connection is over, and why: nothing is sent or heard any more.
    pub(super) fn handle_end(&self, error: LinkError) {
        let mut state = self.state();
        state.drained = true;
        state.end(error);
        drop(state);
        self.wake_all();
    }

    /// Waits until the peer is there.
    pub(in crate::link) async fn connected(&self) -> Result<(), LinkError> {
        self.until(Turn::Standing, |state| match &state.standing {
            Standing::Opening => Ok(None),
            Standing::Open => Ok(Some(())),
            Standing::Over(error) => Err(error.clone()),
        })
        .await
    }

    /// Waits until the link is over.
    pub(super) async fn closed(&self) -> LinkError {
        let over = self.until::<Infallible>(Turn::Standing, |state| {
            state.check()?;
            Ok(None)
        });
        match over.await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    /// Waits until the driver has ended.
    pub(super) async fn drained(&self) {
        let drained = self.until(Turn::Standing, |state| Ok(state.drained.then_some(())));
        // It looks at nothing that fails.
        let _ = drained.await;
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
        self.until(Turn::Room, |state| {
            state.check()?;
            state.put(channel, &mut bytes);
            state.wake_driver();
            Ok(bytes.is_empty().then_some(()))
        })
        .await
    }

    /// Reads what has arrived; `None` at the end.
    pub(super) async fn read(
        &self,
        channel: Channel,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, LinkError> {
        self.until(Turn::Arrived, |state| {
            match state.mux.read(channel, buffer) {
                Found::Bytes(length) => {
                    state.wake_driver_for_credit();
                    return Ok(Some(Some(length)));
                }
                Found::End => {
                    if channel == Channel::Data {
                        state.reading_data = false;
                    }
                    return Ok(Some(None));
                }
                Found::Nothing => {}
            }
            state.check()?;
            Ok(None)
        })
        .await
    }

    /// Begins a data stream, once the one before has ended.
    pub(super) async fn open_data(&self) -> Result<(), LinkError> {
        self.until(Turn::Room, |state| {
            state.check()?;
            let free = !std::mem::replace(&mut state.writing_data, true);
            Ok(free.then_some(()))
        })
        .await
    }

    /// Waits for a data stream of the peer's, once the one before has been read.
    pub(super) async fn accept_data(&self) -> Result<(), LinkError> {
        self.until(Turn::Arrived, |state| {
            if !state.reading_data && state.mux.has_data() {
                state.reading_data = true;
                return Ok(Some(()));
            }
            state.check()?;
            Ok(None)
        })
        .await
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
        self.until(Turn::Arrived, |state| {
            if state.mux.is_control_heard() {
                return Ok(Some(()));
            }
            state.check()?;
            Ok(None)
        })
        .await
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

    /// Looks at the state, and again at every such turn, until there is something to say.
    async fn until<T>(
        &self,
        turn: Turn,
        mut look: impl FnMut(&mut State) -> Result<Option<T>, LinkError>,
    ) -> Result<T, LinkError> {
        let notify = match turn {
            Turn::Standing => &self.turned,
            Turn::Arrived => &self.arrived,
            Turn::Room => &self.room,
        };
        loop {
            let notified = notify.notified();
            {
                let mut state = self.state();
                if let Some(found) = look(&mut state)? {
                    return Ok(found);
                }
                match turn {
                    Turn::Standing => {}
                    Turn::Arrived => state.reader_waits = true,
                    Turn::Room => state.writer_waits = true,
                }
            }
            notified.await;
        }
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
