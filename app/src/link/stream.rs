//! A link over a stream: the channels of `fardrop_shared::mux` over whatever carries bytes in order both
//! ways.
//!
//! So far the tests of the layers above run over it, inside one process. A close is told beside the stream,
//! once what was said before has left.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use fardrop_shared::Role;
use fardrop_shared::mux::{Channel, Found, Header, Mux};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};

use super::error::{CloseCode, LinkError};

/// What may wait to be written to the stream, in bytes.
const BACKLOG: usize = 512 * 1024;

/// What is read off the stream at once, in bytes.
const READ_LIMIT: usize = 64 * 1024;

/// A stream's end with the channels over it.
#[derive(Debug)]
pub(super) struct StreamCarrier {
    core: Arc<Core>,
    closed: watch::Sender<Option<CloseCode>>,
}

#[derive(Debug)]
struct Core {
    state: Mutex<State>,
    /// Something has arrived, there may be room or credit, or the link is over.
    changed: Notify,
    /// There is something to write, or the link is over.
    waiting: Notify,
}

#[derive(Debug)]
struct State {
    mux: Mux,
    /// What is to be written to the stream.
    out: BytesMut,
    /// Whether a data stream to the peer is open, and whether one from the peer has a reader.
    writing_data: bool,
    reading_data: bool,
    over: Option<LinkError>,
}

impl StreamCarrier {
    /// Begins over a stream, whose other end hears of a close by `closed`.
    pub(super) fn begin(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        role: Role,
        closed: watch::Sender<Option<CloseCode>>,
    ) -> Self {
        let core = Arc::new(Core {
            state: Mutex::new(State {
                mux: Mux::new(role),
                out: BytesMut::new(),
                writing_data: false,
                reading_data: false,
                over: None,
            }),
            changed: Notify::new(),
            waiting: Notify::new(),
        });
        let (reader, writer) = tokio::io::split(stream);
        tokio::spawn(read(Arc::clone(&core), reader, closed.subscribe()));
        tokio::spawn(write(Arc::clone(&core), writer));
        Self { core, closed }
    }

    /// The halves of the control channel; to be taken once.
    pub(super) fn control(&self) -> (Writer, Reader) {
        (
            Writer::new(&self.core, Channel::Control),
            Reader::new(&self.core, Channel::Control),
        )
    }

    pub(super) async fn open_data(&self) -> Result<Writer, LinkError> {
        let open = self.core.until(|state| {
            state.check()?;
            let free = !std::mem::replace(&mut state.writing_data, true);
            Ok(free.then_some(()))
        });
        open.await?;
        Ok(Writer::new(&self.core, Channel::Data))
    }

    pub(super) async fn accept_data(&self) -> Result<Reader, LinkError> {
        let accept = self.core.until(|state| {
            if !state.reading_data && state.mux.has_data() {
                state.reading_data = true;
                return Ok(Some(()));
            }
            state.check()?;
            Ok(None)
        });
        accept.await?;
        Ok(Reader::new(&self.core, Channel::Data))
    }

    pub(super) async fn closed(&self) -> LinkError {
        let over = self.core.until::<Infallible>(|state| {
            state.check()?;
            Ok(None)
        });
        match over.await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    pub(super) fn close(&self, code: CloseCode) {
        self.closed.send_if_modified(|closed| {
            let first = closed.is_none();
            closed.get_or_insert(code);
            first
        });
        self.core.end(LinkError::Closed(code));
    }
}

impl Drop for StreamCarrier {
    fn drop(&mut self) {
        self.close(CloseCode::Done);
    }
}

/// The sending half of a channel.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    channel: Channel,
    ended: bool,
}

impl Writer {
    fn new(core: &Arc<Core>, channel: Channel) -> Self {
        Self {
            core: Arc::clone(core),
            channel,
            ended: false,
        }
    }

    pub(super) async fn write(&self, mut bytes: Bytes) -> Result<(), LinkError> {
        let write = self.core.until(|state| {
            state.check()?;
            while !bytes.is_empty() {
                let room = BACKLOG.saturating_sub(state.out.len());
                let length = state.mux.frame(self.channel, bytes.len(), room);
                if length == 0 {
                    return Ok(None);
                }
                // A frame is no longer than four bytes can say.
                let header = Header::Bytes(self.channel, length as u32);
                state.out.extend_from_slice(&header.encode());
                state.out.extend_from_slice(&bytes.split_to(length));
            }
            Ok(Some(()))
        });
        write.await
    }

    pub(super) fn finish(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        let mut state = self.core.state();
        state.mux.end(self.channel);
        if self.channel == Channel::Data {
            state.writing_data = false;
        }
        state.say_service();
        drop(state);
        self.core.wake_all();
    }

    /// Ends the control channel, and waits until the peer has all of it.
    pub(super) async fn finish_delivered(&mut self) -> Result<(), LinkError> {
        self.finish();
        let heard = self.core.until(|state| {
            if state.mux.is_control_heard() {
                return Ok(Some(()));
            }
            state.check()?;
            Ok(None)
        });
        heard.await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The receiving half of a channel.
#[derive(Debug)]
pub(super) struct Reader {
    core: Arc<Core>,
    channel: Channel,
    ended: bool,
}

impl Reader {
    fn new(core: &Arc<Core>, channel: Channel) -> Self {
        Self {
            core: Arc::clone(core),
            channel,
            ended: false,
        }
    }

    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, LinkError> {
        if self.ended || buffer.is_empty() {
            return Ok(None);
        }
        let channel = self.channel;
        let read = self.core.until(|state| {
            match state.mux.read(channel, buffer) {
                Found::Bytes(length) => return Ok(Some(Some(length))),
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
        });
        let read = read.await?;
        self.ended = read.is_none();
        if self.ended {
            self.core.changed.notify_waiters();
        }
        Ok(read)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.channel == Channel::Data && !self.ended {
            let mut state = self.core.state();
            state.reading_data = false;
            state.mux.discard();
            state.say_service();
            drop(state);
            self.core.wake_all();
        }
    }
}

impl Core {
    /// Looks at the state, and again at every change, until there is something to say.
    async fn until<T>(
        &self,
        mut look: impl FnMut(&mut State) -> Result<Option<T>, LinkError>,
    ) -> Result<T, LinkError> {
        loop {
            let changed = self.changed.notified();
            let found = {
                let mut state = self.state();
                let found = look(&mut state);
                state.say_service();
                found
            };
            self.waiting.notify_one();
            if let Some(found) = found? {
                return Ok(found);
            }
            changed.await;
        }
    }

    fn end(&self, error: LinkError) {
        self.state().over.get_or_insert(error);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.changed.notify_waiters();
        self.waiting.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere has ended the task that was at it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Fails with what ended the link, if it is over.
    fn check(&self) -> Result<(), LinkError> {
        self.over.clone().map_or(Ok(()), Err)
    }

    /// Says what the channels have to say without content.
    fn say_service(&mut self) {
        while self.out.len() < BACKLOG
            && let Some(header) = self.mux.poll_service()
        {
            self.out.extend_from_slice(&header.encode());
        }
    }
}

/// Takes in what comes off the stream, to its end.
async fn read(
    core: Arc<Core>,
    mut stream: impl AsyncRead + Unpin,
    closed: watch::Receiver<Option<CloseCode>>,
) {
    let mut buffer = vec![0; READ_LIMIT];
    let error = loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                let code = *closed.borrow();
                break code.map_or(LinkError::TimedOut, LinkError::Closed);
            }
            Ok(length) => {
                let mut state = core.state();
                let taken = state.mux.take_in(Bytes::copy_from_slice(&buffer[..length]));
                state.say_service();
                drop(state);
                core.wake_all();
                if let Err(violation) = taken {
                    break LinkError::Protocol(violation.0);
                }
            }
        }
    };
    core.end(error);
}

/// Writes what there is to say to the stream, until the link is over and all of it has left.
async fn write(core: Arc<Core>, mut stream: impl AsyncWrite + Unpin) {
    loop {
        let (mut out, over) = {
            let mut state = core.state();
            (state.out.split(), state.over.is_some())
        };
        if !out.is_empty() {
            // Whoever waits for room finds it again.
            core.changed.notify_waiters();
            if stream.write_all_buf(&mut out).await.is_err() {
                return;
            }
        } else if over {
            // An end that is gone needs no goodbye.
            let _ = stream.shutdown().await;
            return;
        } else {
            core.waiting.notified().await;
        }
    }
}
