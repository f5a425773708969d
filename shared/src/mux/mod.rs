//! The channels of a link, multiplexed over one ordered stream each way: who may send how much, and what has
//! arrived and is not read yet. The bytes are those of `frame`.
//!
//! Each channel has a credit of its own, which its reader gives back by reading. So all that comes off the
//! ordered stream has a place to go, and is taken at once: a reader that stands still stops its own channel
//! and no other, and no end ever waits for what is stuck behind something else.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};

pub use self::frame::{Channel, HEADER_LENGTH, Header, Violation};
use self::frame::{Parser, Part};
use crate::Role;
use crate::limits::{
    MUX_CONTROL_WINDOW, MUX_DATA_WINDOW, MUX_DATA_WINDOW_BACK, MUX_END_COST, MUX_FRAME_LIMIT,
};

mod frame;
#[cfg(test)]
mod tests;

/// Part of the window that is worth giving back, as a divisor. Local: the peer takes any.
const WORTH_A_FRAME: u32 = 8;

/// Pieces of data that are shorter, in bytes, are gathered: a queue of them would be longer than what is
/// in it. Local: nobody else sees it.
const SHORT: usize = 512;

/// What a reader finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// So many bytes.
    Bytes(usize),
    /// The end of the channel, or of the stream on it.
    End,
    /// Nothing so far.
    Nothing,
}

/// What of data waits to be read.
#[derive(Debug)]
enum Item {
    /// As it arrived.
    Bytes(Bytes),
    /// Short pieces, copied.
    Gathered(BytesMut),
    /// The end of a stream.
    End,
}

#[derive(Debug)]
struct Incoming {
    window: u32,
    /// What the peer may still send.
    allowance: u32,
    /// What was read, and not given back yet.
    owed: u32,
}

#[derive(Debug)]
struct Outgoing {
    window: u32,
    credit: u32,
    end_due: bool,
}

/// One end of a shared stream: both channels, each in both directions.
#[derive(Debug)]
pub struct Mux {
    parser: Parser,
    incoming: [Incoming; 2],
    outgoing: [Outgoing; 2],
    messages: BytesMut,
    messages_ended: bool,
    data: VecDeque<Item>,
    /// The reader of the stream at the front has gone: the rest of it is for nobody.
    discarding: bool,
    control_heard_due: bool,
    control_heard: bool,
}

impl Mux {
    /// The channels at one end of a link, on which nothing has been said yet.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            parser: Parser::default(),
            incoming: windows(role).map(|window| Incoming {
                window,
                allowance: window,
                owed: 0,
            }),
            outgoing: windows(role.peer()).map(|window| Outgoing {
                window,
                credit: window,
                end_due: false,
            }),
            messages: BytesMut::new(),
            messages_ended: false,
            data: VecDeque::new(),
            discarding: false,
            control_heard_due: false,
            control_heard: false,
        }
    }

    /// Takes in what came off the ordered stream.
    ///
    /// # Errors
    /// Where the peer broke the rules of frames or of credit: it ends the link.
    pub fn take_in(&mut self, mut bytes: Bytes) -> Result<(), Violation> {
        while let Some(part) = self.parser.next(&mut bytes)? {
            match part {
                Part::Bytes(channel, bytes) => self.on_bytes(channel, bytes)?,
                Part::End(channel) => self.on_end(channel)?,
                Part::Credit(channel, credit) => self.outgoing[channel as usize].give(credit)?,
                Part::ControlHeard => self.control_heard = true,
            }
        }
        Ok(())
    }

    /// Copies what has arrived into `buffer`, which is not empty.
    pub fn read(&mut self, channel: Channel, buffer: &mut [u8]) -> Found {
        match channel {
            Channel::Control => self.read_messages(buffer),
            Channel::Data => self.read_data(buffer),
        }
    }

    /// Whether a data stream has begun that nobody reads yet.
    pub fn has_data(&self) -> bool {
        !self.discarding && !self.data.is_empty()
    }

    /// The reader of the data stream leaves before its end.
    pub fn discard(&mut self) {
        self.discarding = true;
        self.discard_some();
    }

    /// How many of `length` bytes may go into the next frame of a channel, where the stream has `room`: none
    /// without credit, or while the end of the stream before is yet to be said. They count as sent.
    pub fn frame(&mut self, channel: Channel, length: usize, room: usize) -> usize {
        let outgoing = &mut self.outgoing[channel as usize];
        if outgoing.end_due {
            return 0;
        }
        let most = length.min(MUX_FRAME_LIMIT).min(outgoing.credit as usize);
        let amount = most.min(room.saturating_sub(HEADER_LENGTH));
        // A frame of a few bytes is not worth its header, unless that is all there is.
        if amount < most.min(SHORT) {
            return 0;
        }
        // At most MUX_FRAME_LIMIT.
        outgoing.credit -= amount as u32;
        amount
    }

    /// Ends the channel, or the stream on it.
    pub const fn end(&mut self, channel: Channel) {
        self.outgoing[channel as usize].end_due = true;
    }

    /// Whether all of the control channel, its end included, has arrived at the peer.
    pub const fn is_control_heard(&self) -> bool {
        self.control_heard
    }

    /// Whether there is credit to give back.
    pub fn owes_credit(&self) -> bool {
        self.incoming.iter().any(Incoming::is_worth_a_frame)
    }

    /// A frame without content that is to be sent, if there is one.
    pub fn poll_service(&mut self) -> Option<Header> {
        for channel in Channel::ALL {
            let incoming = &mut self.incoming[channel as usize];
            if incoming.is_worth_a_frame() {
                let credit = std::mem::take(&mut incoming.owed);
                incoming.allowance += credit;
                return Some(Header::Credit(channel, credit));
            }
            let outgoing = &mut self.outgoing[channel as usize];
            if outgoing.end_due && outgoing.credit >= MUX_END_COST {
                outgoing.end_due = false;
                outgoing.credit -= MUX_END_COST;
                return Some(Header::End(channel));
            }
        }
        std::mem::take(&mut self.control_heard_due).then_some(Header::ControlHeard)
    }

    fn on_bytes(&mut self, channel: Channel, bytes: Bytes) -> Result<(), Violation> {
        // No longer than a frame.
        self.incoming[channel as usize].charge(bytes.len() as u32)?;
        match channel {
            Channel::Control => {
                if self.messages_ended {
                    return Err(Violation("a message after the end"));
                }
                self.messages.extend_from_slice(&bytes);
            }
            Channel::Data => {
                if bytes.len() >= SHORT {
                    self.data.push_back(Item::Bytes(bytes));
                } else if let Some(Item::Gathered(gathered)) = self.data.back_mut() {
                    gathered.extend_from_slice(&bytes);
                } else {
                    self.data
                        .push_back(Item::Gathered(BytesMut::from(&bytes[..])));
                }
                self.discard_some();
            }
        }
        Ok(())
    }

    fn on_end(&mut self, channel: Channel) -> Result<(), Violation> {
        self.incoming[channel as usize].charge(MUX_END_COST)?;
        match channel {
            Channel::Control => {
                self.messages_ended = true;
                self.control_heard_due = true;
            }
            Channel::Data => {
                self.data.push_back(Item::End);
                self.discard_some();
            }
        }
        Ok(())
    }

    fn read_messages(&mut self, buffer: &mut [u8]) -> Found {
        let length = self.messages.len().min(buffer.len());
        if length == 0 {
            return if self.messages_ended {
                Found::End
            } else {
                Found::Nothing
            };
        }
        self.messages.copy_to_slice(&mut buffer[..length]);
        // No longer than the window.
        self.incoming[Channel::Control as usize].owed += length as u32;
        Found::Bytes(length)
    }

    fn read_data(&mut self, buffer: &mut [u8]) -> Found {
        let mut filled = 0;
        while filled < buffer.len() {
            let length = match self.data.front_mut() {
                Some(Item::Bytes(bytes)) => copy_off(bytes, &mut buffer[filled..]),
                Some(Item::Gathered(bytes)) => copy_off(bytes, &mut buffer[filled..]),
                Some(Item::End) if filled == 0 => {
                    self.data.pop_front();
                    self.incoming[Channel::Data as usize].owed += MUX_END_COST;
                    return Found::End;
                }
                Some(Item::End) | None => break,
            };
            filled += length;
            if self.data.front().is_some_and(Item::is_used_up) {
                self.data.pop_front();
            }
        }
        if filled == 0 {
            return Found::Nothing;
        }
        // No longer than the window.
        self.incoming[Channel::Data as usize].owed += filled as u32;
        Found::Bytes(filled)
    }

    /// Gives back the credit of what nobody reads.
    fn discard_some(&mut self) {
        while self.discarding
            && let Some(item) = self.data.pop_front()
        {
            let cost = match item {
                Item::Bytes(bytes) => bytes.len() as u32,
                Item::Gathered(bytes) => bytes.len() as u32,
                Item::End => {
                    self.discarding = false;
                    MUX_END_COST
                }
            };
            self.incoming[Channel::Data as usize].owed += cost;
        }
    }
}

impl Item {
    fn is_used_up(&self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Gathered(bytes) => bytes.is_empty(),
            Self::End => false,
        }
    }
}

impl Incoming {
    const fn is_worth_a_frame(&self) -> bool {
        self.owed >= self.window / WORTH_A_FRAME
    }

    /// The peer has used so much of its credit.
    fn charge(&mut self, cost: u32) -> Result<(), Violation> {
        let left = self.allowance.checked_sub(cost);
        self.allowance = left.ok_or(Violation("more than there was credit for"))?;
        Ok(())
    }
}

impl Outgoing {
    /// The peer gives so much back.
    fn give(&mut self, credit: u32) -> Result<(), Violation> {
        let sum = self.credit.checked_add(credit);
        let sum = sum.filter(|sum| *sum <= self.window);
        self.credit = sum.ok_or(Violation("more credit than was used"))?;
        Ok(())
    }
}

/// What may be unread on each channel at this side, in bytes.
fn windows(role: Role) -> [u32; 2] {
    Channel::ALL.map(|channel| match (channel, role) {
        (Channel::Control, _) => MUX_CONTROL_WINDOW,
        (Channel::Data, Role::Receiver) => MUX_DATA_WINDOW,
        (Channel::Data, Role::Sender) => MUX_DATA_WINDOW_BACK,
    })
}

/// Moves bytes from the front of one to the other, as many as there are or fit.
fn copy_off(from: &mut impl Buf, to: &mut [u8]) -> usize {
    let length = from.remaining().min(to.len());
    from.copy_to_slice(&mut to[..length]);
    length
}
