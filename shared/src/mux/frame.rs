//! Frames: how the channels of a link share the one ordered stream that a transport gives each way.
//!
//! ```text
//!  0      1               5             5 + amount
//!  +------+---------------+-------------+
//!  | kind | amount        | bytes       |     the amount is little-endian
//!  +------+---------------+-------------+
//!
//!  kind  amount           bytes
//!  0     their number     the next of the control channel
//!  1     their number     the next of the data stream; the first begins a stream
//!  2     0                none: the control channel ends
//!  3     0                none: the data stream ends
//!  4     credit, bytes    none: so much more may be sent on the control channel
//!  5     credit, bytes    none: so much more may be sent on data streams
//!  6     0                none: the end of the control channel has arrived
//! ```

use bytes::Bytes;

use crate::limits::MUX_FRAME_LIMIT;

/// Length of a frame's header, in bytes.
pub const HEADER_LENGTH: usize = 5;

/// What shares the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Messages.
    Control,
    /// Data streams, one after another.
    Data,
}

impl Channel {
    /// Both channels.
    pub const ALL: [Self; 2] = [Self::Control, Self::Data];
}

/// The peer broke the rules of this file or of the channels' credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation(pub &'static str);

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// So many bytes of a channel follow, at least one and at most [`MUX_FRAME_LIMIT`].
    Bytes(Channel, u32),
    /// A channel, or the stream on it, ends.
    End(Channel),
    /// So many more bytes may be sent on a channel.
    Credit(Channel, u32),
    /// The end of the control channel has arrived.
    ControlHeard,
}

impl Header {
    /// The header as it is on the wire.
    pub fn encode(self) -> [u8; HEADER_LENGTH] {
        let (kind, amount) = match self {
            Self::Bytes(Channel::Control, length) => (0, length),
            Self::Bytes(Channel::Data, length) => (1, length),
            Self::End(Channel::Control) => (2, 0),
            Self::End(Channel::Data) => (3, 0),
            Self::Credit(Channel::Control, credit) => (4, credit),
            Self::Credit(Channel::Data, credit) => (5, credit),
            Self::ControlHeard => (6, 0),
        };
        let mut bytes = [kind; HEADER_LENGTH];
        bytes[1..].copy_from_slice(&u32::to_le_bytes(amount));
        bytes
    }

    fn decode(bytes: [u8; HEADER_LENGTH]) -> Result<Self, Violation> {
        let [kind, amount @ ..] = bytes;
        let amount = u32::from_le_bytes(amount);
        match (kind, amount) {
            (0 | 1, 0) => Err(Violation("a frame without content")),
            (0 | 1, length) if length as usize > MUX_FRAME_LIMIT => {
                Err(Violation("a frame too long"))
            }
            (0, length) => Ok(Self::Bytes(Channel::Control, length)),
            (1, length) => Ok(Self::Bytes(Channel::Data, length)),
            (2, 0) => Ok(Self::End(Channel::Control)),
            (3, 0) => Ok(Self::End(Channel::Data)),
            (4, credit) => Ok(Self::Credit(Channel::Control, credit)),
            (5, credit) => Ok(Self::Credit(Channel::Data, credit)),
            (6, 0) => Ok(Self::ControlHeard),
            (_, _) => Err(Violation("not a frame")),
        }
    }
}

/// What a stream of frames is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Bytes of a channel: a frame's, or what is here of them.
    Bytes(Channel, Bytes),
    /// A channel, or the stream on it, ends.
    End(Channel),
    /// So many more bytes may be sent on a channel.
    Credit(Channel, u32),
    /// The end of the control channel has arrived.
    ControlHeard,
}

/// Takes a stream apart, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(super) struct Parser {
    header: [u8; HEADER_LENGTH],
    filled: usize,
    /// What is yet to come of a frame.
    left: Option<(Channel, usize)>,
}

impl Parser {
    /// The next part, taken off the front of `bytes`; `None` when they are used up.
    pub(super) fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Part>, Violation> {
        while !bytes.is_empty() {
            if let Some((channel, left)) = self.left {
                let part = bytes.split_to(left.min(bytes.len()));
                let left = left - part.len();
                self.left = (left > 0).then_some((channel, left));
                return Ok(Some(Part::Bytes(channel, part)));
            }
            let more = (HEADER_LENGTH - self.filled).min(bytes.len());
            let end = self.filled + more;
            self.header[self.filled..end].copy_from_slice(&bytes.split_to(more));
            self.filled = end;
            if self.filled < HEADER_LENGTH {
                return Ok(None);
            }
            self.filled = 0;
            match Header::decode(self.header)? {
                Header::Bytes(channel, length) => self.left = Some((channel, length as usize)),
                Header::End(channel) => return Ok(Some(Part::End(channel))),
                Header::Credit(channel, credit) => return Ok(Some(Part::Credit(channel, credit))),
                Header::ControlHeard => return Ok(Some(Part::ControlHeard)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Header; 7] = [
        Header::Bytes(Channel::Control, 3),
        Header::Bytes(Channel::Data, MUX_FRAME_LIMIT as u32),
        Header::End(Channel::Control),
        Header::End(Channel::Data),
        Header::Credit(Channel::Control, 0),
        Header::Credit(Channel::Data, u32::MAX),
        Header::ControlHeard,
    ];

    #[test]
    fn headers_are_as_they_always_were() {
        let bytes: Vec<[u8; 5]> = ALL.iter().map(|header| header.encode()).collect();
        let expected: [[u8; 5]; 7] = [
            [0, 3, 0, 0, 0],
            [1, 0, 0, 4, 0],
            [2, 0, 0, 0, 0],
            [3, 0, 0, 0, 0],
            [4, 0, 0, 0, 0],
            [5, 255, 255, 255, 255],
            [6, 0, 0, 0, 0],
        ];
        assert_eq!(bytes, expected);
        for header in ALL {
            assert_eq!(Header::decode(header.encode()), Ok(header));
        }
    }

    #[test]
    fn what_is_no_frame_is_a_violation() {
        let wrong: [[u8; 5]; 7] = [
            [0, 0, 0, 0, 0],
            [1, 0, 0, 0, 0],
            [1, 1, 0, 4, 0],
            [2, 1, 0, 0, 0],
            [3, 0, 0, 0, 1],
            [6, 9, 0, 0, 0],
            [7, 0, 0, 0, 0],
        ];
        for bytes in wrong {
            assert!(Header::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_stream_comes_in_any_pieces() {
        let mut stream = Vec::new();
        for (channel, content) in [(Channel::Data, "many bytes"), (Channel::Control, "few")] {
            let length = u32::try_from(content.len()).unwrap();
            stream.extend_from_slice(&Header::Bytes(channel, length).encode());
            stream.extend_from_slice(content.as_bytes());
        }
        stream.extend_from_slice(&Header::End(Channel::Data).encode());
        for piece in 1..=stream.len() {
            let mut parser = Parser::default();
            let mut content = [Vec::new(), Vec::new()];
            let mut ends = 0;
            for bytes in stream.chunks(piece) {
                let mut bytes = Bytes::copy_from_slice(bytes);
                while let Some(part) = parser.next(&mut bytes).unwrap() {
                    match part {
                        Part::Bytes(channel, bytes) => content[channel as usize].extend(bytes),
                        Part::End(_) => ends += 1,
                        Part::Credit(..) | Part::ControlHeard => panic!("{part:?}"),
                    }
                }
                assert!(bytes.is_empty());
            }
            assert_eq!(content[Channel::Data as usize], b"many bytes");
            assert_eq!(content[Channel::Control as usize], b"few");
            assert_eq!(ends, 1);
        }
    }
}
