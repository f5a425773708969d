//! What the ends of a link's channels and the task that drives it work on, under one lock.

use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use fardrop_shared::gbn::{CODE_MISBEHAVED, CloseReason, Connection, Event};
use fardrop_shared::mux::{Channel, HEADER_LENGTH, Header, Mux};

use crate::link::error::{CloseCode, LinkError};

/// What is taken off the ordered stream at once, in bytes.
const READ_LIMIT: usize = 256 * 1024;

/// Data that may wait to be sent, in bytes, and at least what the congestion window holds: what a control
/// message waits behind.
const BACKLOG: u64 = 512 * 1024;

/// Room, in bytes, for which a writer of data is woken: half of what may wait, so that the other half is
/// there to be sent meanwhile.
pub(super) const WORTH_WAKING: usize = BACKLOG as usize / 2;

/// A connection, the channels over it, and who waits for them.
#[derive(Debug)]
pub(super) struct State {
    pub(super) connection: Connection,
    pub(super) mux: Mux,
    pub(super) standing: Standing,
    pub(super) driver: Option<Waker>,
    /// Whether a data stream to the peer is open.
    pub(super) writing_data: bool,
    /// Whether a data stream from the peer has a reader.
    pub(super) reading_data: bool,
    /// Whether somebody waits for what may arrive, or for room: a wake-up has the whole transfer
    /// looked through.
    pub(super) reader_waits: bool,
    pub(super) writer_waits: bool,
    /// Whether everything was said when this side closed the link.
    pub(super) orderly: bool,
    pub(super) drained: bool,
}

/// Where the link stands.
#[derive(Debug)]
pub(super) enum Standing {
    Opening,
    Open,
    Over(LinkError),
}

/// What [`State::settle`] changed.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) turned: bool,
    /// Credit, too, comes by what arrives.
    pub(super) arrived: bool,
}

impl State {
    /// The state of a link that is yet to come about.
    pub(super) const fn new(connection: Connection, mux: Mux) -> Self {
        Self {
            connection,
            mux,
            standing: Standing::Opening,
            driver: None,
            writing_data: false,
            reading_data: false,
            reader_waits: false,
            writer_waits: false,
            orderly: false,
            drained: false,
        }
    }

    /// Fails with what ended the link, if it is over.
    pub(super) fn check(&self) -> Result<(), LinkError> {
        match &self.standing {
            Standing::Opening | Standing::Open => Ok(()),
            Standing::Over(error) => Err(error.clone()),
        }
    }

    pub(super) fn settle(&mut self, now: Instant) -> Settled {
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
    pub(super) fn put(&mut self, channel: Channel, bytes: &mut Bytes) {
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
            // At most MUX_FRAME_LIMIT.
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
    pub(super) fn data_room(&self) -> usize {
        let most = BACKLOG.max(self.connection.window());
        let room = most.saturating_sub(self.connection.unsent());
        self.connection.writable().min(room as usize)
    }

    pub(super) fn end(&mut self, error: LinkError) {
        if !matches!(self.standing, Standing::Over(_)) {
            self.standing = Standing::Over(error);
        }
    }

    pub(super) fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    pub(super) fn wake_driver_for_credit(&mut self) {
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
