//! The two kinds of channel of a link: framed control messages, and streams of data.
//!
//! A control message on the wire is its length (4 bytes, little-endian) and its bytes.

use bytes::Bytes;
use fardrop_shared::limits::CONTROL_MESSAGE_LIMIT;

use super::error::LinkError;
use super::gbn::{Reader, Writer};
#[cfg(test)]
use super::stream;

/// The sending half of the control channel.
#[derive(Debug)]
pub struct ControlSender {
    stream: DataSender,
}

impl ControlSender {
    pub(super) const fn new(stream: DataSender) -> Self {
        Self { stream }
    }

    /// Sends one message of at most [`CONTROL_MESSAGE_LIMIT`] bytes; waits for room, not for the peer.
    ///
    /// Not cancel-safe: a dropped call may have sent half a frame.
    ///
    /// # Errors
    /// When the message is longer, and why the link is over, if it is.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), LinkError> {
        let length = u32::try_from(message.len())
            .ok()
            .filter(|_| message.len() <= CONTROL_MESSAGE_LIMIT)
            .ok_or(LinkError::Protocol("a control message is too long"))?;
        let mut frame = Vec::with_capacity(4 + message.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(message);
        self.stream.write(frame.into()).await
    }

    /// Says that no more messages follow, and waits until the peer has received them all.
    ///
    /// # Errors
    /// Why the link is over, if it ended before that was certain.
    pub async fn finish(&mut self) -> Result<(), LinkError> {
        self.stream.finish_delivered().await
    }
}

/// The receiving half of the control channel.
#[derive(Debug)]
pub struct ControlReceiver {
    stream: DataReceiver,
}

impl ControlReceiver {
    pub(super) const fn new(stream: DataReceiver) -> Self {
        Self { stream }
    }

    /// The next message; `None` when the peer finished.
    ///
    /// Not cancel-safe: keep the future across a `select!`, or give the receiver a task of its own.
    ///
    /// # Errors
    /// When the peer announced too long a message or broke off inside one, and why the link is over, if it
    /// is.
    pub async fn receive(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let mut length = [0; 4];
        if !self.stream.read_exact(&mut length).await? {
            return Ok(None);
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > CONTROL_MESSAGE_LIMIT {
            return Err(LinkError::Protocol("a control message is too long"));
        }
        let mut message = vec![0; length];
        if length > 0 && !self.stream.read_exact(&mut message).await? {
            return Err(LinkError::Protocol(
                "the control channel ended inside a message",
            ));
        }
        Ok(Some(message))
    }
}

/// One data stream, towards the peer.
#[derive(Debug)]
pub struct DataSender {
    stream: SendHalf,
}

#[derive(Debug)]
enum SendHalf {
    Quic(quinn::SendStream),
    GoBackN(Writer),
    #[cfg(test)]
    Stream(stream::Writer),
}

impl DataSender {
    pub(super) const fn quic(stream: quinn::SendStream) -> Self {
        Self {
            stream: SendHalf::Quic(stream),
        }
    }

    pub(super) const fn go_back_n(stream: Writer) -> Self {
        Self {
            stream: SendHalf::GoBackN(stream),
        }
    }

    #[cfg(test)]
    pub(super) const fn stream(stream: stream::Writer) -> Self {
        Self {
            stream: SendHalf::Stream(stream),
        }
    }

    /// Hands `bytes` to the transport without copying them, as soon as it has room.
    ///
    /// # Errors
    /// When the peer stopped the stream, and why the link is over, if it is.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), LinkError> {
        match &mut self.stream {
            SendHalf::Quic(stream) => stream.write_chunk(bytes).await.map_err(from_write_error),
            SendHalf::GoBackN(stream) => stream.write(bytes).await,
            #[cfg(test)]
            SendHalf::Stream(stream) => stream.write(bytes).await,
        }
    }

    /// Ends the stream. What was written is delivered as long as the link lasts.
    ///
    /// # Errors
    /// When the peer stopped the stream.
    pub fn finish(self) -> Result<(), LinkError> {
        match self.stream {
            SendHalf::Quic(mut stream) => stream
                .finish()
                .map_err(|_| LinkError::Protocol("the peer stopped a stream")),
            SendHalf::GoBackN(mut stream) => {
                stream.finish();
                Ok(())
            }
            #[cfg(test)]
            SendHalf::Stream(mut stream) => {
                stream.finish();
                Ok(())
            }
        }
    }

    /// Ends the stream and waits until the peer has received all of it.
    async fn finish_delivered(&mut self) -> Result<(), LinkError> {
        match &mut self.stream {
            SendHalf::Quic(stream) => {
                stream
                    .finish()
                    .map_err(|_| LinkError::Protocol("a stream was ended twice"))?;
                match stream.stopped().await {
                    Ok(_) => Ok(()),
                    Err(quinn::StoppedError::ConnectionLost(error)) => Err(error.into()),
                    Err(quinn::StoppedError::ZeroRttRejected) => Err(LinkError::Unauthenticated),
                }
            }
            SendHalf::GoBackN(stream) => stream.finish_delivered().await,
            #[cfg(test)]
            SendHalf::Stream(stream) => stream.finish_delivered().await,
        }
    }
}

/// One data stream, from the peer.
#[derive(Debug)]
pub struct DataReceiver {
    stream: ReceiveHalf,
}

#[derive(Debug)]
enum ReceiveHalf {
    Quic(quinn::RecvStream),
    GoBackN(Reader),
    #[cfg(test)]
    Stream(stream::Reader),
}

impl DataReceiver {
    pub(super) const fn quic(stream: quinn::RecvStream) -> Self {
        Self {
            stream: ReceiveHalf::Quic(stream),
        }
    }

    pub(super) const fn go_back_n(stream: Reader) -> Self {
        Self {
            stream: ReceiveHalf::GoBackN(stream),
        }
    }

    #[cfg(test)]
    pub(super) const fn stream(stream: stream::Reader) -> Self {
        Self {
            stream: ReceiveHalf::Stream(stream),
        }
    }

    /// Reads what has arrived, at least one byte; `None` at the end of the stream. Cancel-safe.
    ///
    /// # Errors
    /// When the peer broke the stream off, and why the link is over, if it is.
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, LinkError> {
        match &mut self.stream {
            ReceiveHalf::Quic(stream) => stream.read(buffer).await.map_err(from_read_error),
            ReceiveHalf::GoBackN(stream) => stream.read(buffer).await,
            #[cfg(test)]
            ReceiveHalf::Stream(stream) => stream.read(buffer).await,
        }
    }

    /// Fills `buffer`; `false` when the stream ended before its first byte.
    async fn read_exact(&mut self, buffer: &mut [u8]) -> Result<bool, LinkError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]).await? {
                Some(length) => filled += length,
                None if filled == 0 => return Ok(false),
                None => return Err(LinkError::Protocol("a stream ended inside a message")),
            }
        }
        Ok(true)
    }
}

fn from_write_error(error: quinn::WriteError) -> LinkError {
    match error {
        quinn::WriteError::ConnectionLost(error) => error.into(),
        quinn::WriteError::Stopped(_) => LinkError::Protocol("the peer stopped a stream"),
        quinn::WriteError::ClosedStream => LinkError::Protocol("a stream was used after its end"),
        quinn::WriteError::ZeroRttRejected => LinkError::Unauthenticated,
    }
}

fn from_read_error(error: quinn::ReadError) -> LinkError {
    match error {
        quinn::ReadError::ConnectionLost(error) => error.into(),
        quinn::ReadError::Reset(_) => LinkError::Protocol("the peer reset a stream"),
        quinn::ReadError::ClosedStream => LinkError::Protocol("a stream was used after its end"),
        quinn::ReadError::IllegalOrderedRead => {
            LinkError::Protocol("a stream was read out of order")
        }
        quinn::ReadError::ZeroRttRejected => LinkError::Unauthenticated,
    }
}
