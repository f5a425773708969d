//! The datagrams between nodes of the DHT: KRPC (BEP 5), with items (BEP 44).
//!
//! One bencoded dictionary each; `?` is what may be missing:
//!
//! ```text
//! question  a { id, ... }  q name  ro? 1  t transaction  y "q"
//!   ping       id
//!   find_node  id, target, want?
//!   get        id, seq?, target, want?
//!   put        cas?, id, k, salt?, seq, sig, target, token, v
//! answer    ip?  r { id, k?, nodes?, nodes6?, seq?, sig?, token?, v? }  t transaction  y "r"
//! error     e [ code, words ]  ip?  t transaction  y "e"
//! ```
//!
//! BEP 44 has no `target` in a put, since key and salt say it; nodes of the crate `mainline` take no put without,
//! and others pass over it.
//!
//! `ip` is where the one who answers sees the one who asks (BEP 42), `ro` that the one who asks answers nobody
//! (BEP 43), `want` of which family nodes are wished (BEP 32).

use std::net::SocketAddr;

use super::bencode::{Value, Writer};
use super::contact::{Contact, Family, canonical, decode_address, encode_address};
use super::item::{Item, Slot, UncheckedItem};
use super::node_id::NodeId;
use crate::limits::{
    DHT_MAX_DATAGRAM_BYTES, DHT_MAX_NAMED, DHT_MAX_TOKEN_BYTES, DHT_MAX_VALUE_BYTES,
};

/// Bytes of a transaction's name that are kept: those in use have two to four.
const MOST_TRANSACTION_BYTES: usize = 16;

/// A datagram that is not KRPC, or nothing that is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a KRPC message")]
pub struct NotKrpc;

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What ties an answer to its question.
    pub transaction: Vec<u8>,
    /// What it says.
    pub body: Body,
    /// Of an answer: where the one who answers sees the one who asked.
    pub seen: Option<SocketAddr>,
}

/// What a datagram says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Somebody asks.
    Question {
        /// Who.
        id: NodeId,
        /// Whether that one answers nobody.
        read_only: bool,
        /// What.
        question: Question,
    },
    /// Somebody answers.
    Answer(Box<Answer>),
    /// Somebody refuses.
    Error {
        /// Why, by its number.
        code: i64,
    },
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Are you there?
    Ping,
    /// Which nodes are next to this place?
    FindNode {
        /// The place.
        target: NodeId,
        /// Nodes of both families are wished, and not only of the one that it is asked over.
        both_families: bool,
    },
    /// What is at this place?
    Get {
        /// The place.
        target: NodeId,
        /// The value is wished only if its number is above this.
        newer_than: Option<i64>,
    },
    /// Keep this.
    Put(Box<Put>),
}

/// An item to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// What the node gave for this.
    pub token: Vec<u8>,
    /// The salt of its slot.
    pub salt: Vec<u8>,
    /// The item.
    pub item: UncheckedItem,
    /// Keep it only in place of the one with this number.
    pub replaces: Option<i64>,
}

impl Put {
    /// Of a signed item.
    #[must_use]
    pub fn new(item: &Item, token: Vec<u8>, replaces: Option<i64>) -> Self {
        Self {
            token,
            salt: item.slot().salt().to_vec(),
            item: UncheckedItem {
                key: *item.slot().key(),
                seq: item.seq(),
                value: item.value().to_vec(),
                signature: *item.signature(),
            },
            replaces,
        }
    }

    /// The slot that it is for; `None` if it may not have that salt.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        Slot::new(self.item.key, self.salt.clone()).ok()
    }
}

/// What a node answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who answers.
    pub id: NodeId,
    /// Nodes that it names, at most [`DHT_MAX_NAMED`] of each family.
    pub nodes: Vec<Contact>,
    /// What it wants to be shown in a put.
    pub token: Option<Vec<u8>>,
    /// The number of the item that it has.
    pub seq: Option<i64>,
    /// The item that it has.
    pub item: Option<UncheckedItem>,
}

impl Answer {
    /// One that says who answers, and nothing else.
    #[must_use]
    pub const fn new(id: NodeId) -> Self {
        Self {
            id,
            nodes: Vec::new(),
            token: None,
            seq: None,
            item: None,
        }
    }
}

impl Message {
    /// The message of a datagram.
    ///
    /// # Errors
    /// [`NotKrpc`] if it is none, or something that is not asked here.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotKrpc> {
        if bytes.len() > DHT_MAX_DATAGRAM_BYTES {
            return Err(NotKrpc);
        }
        let message = Value::parse(bytes).map_err(|_| NotKrpc)?;
        Self::read(message).ok_or(NotKrpc)
    }

    /// The datagram of it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let seen = self.seen.map(encode_address);
        let write_seen = |writer: &mut Writer| {
            if let Some(seen) = &seen {
                writer.bytes(b"ip").bytes(seen);
            }
        };
        writer.dictionary();
        let kind = match &self.body {
            Body::Question {
                id,
                read_only,
                question,
            } => {
                writer.bytes(b"a");
                question.write(id, &mut writer);
                writer.bytes(b"q").bytes(question.name());
                if *read_only {
                    writer.bytes(b"ro").integer(1);
                }
                b"q"
            }
            Body::Answer(answer) => {
                write_seen(&mut writer);
                writer.bytes(b"r");
                answer.write(&mut writer);
                b"r"
            }
            Body::Error { code } => {
                writer.bytes(b"e").list().integer(*code).bytes(b"").end();
                write_seen(&mut writer);
                b"e"
            }
        };
        writer.bytes(b"t").bytes(&self.transaction);
        writer.bytes(b"y").bytes(kind).end();
        writer.into_bytes()
    }

    fn read(message: Value<'_>) -> Option<Self> {
        let transaction = message.get(b"t")?.bytes()?;
        if transaction.len() > MOST_TRANSACTION_BYTES {
            return None;
        }
        let body = match message.get(b"y")?.bytes()? {
            b"q" => {
                let arguments = message.get(b"a")?;
                Body::Question {
                    id: node_id(arguments, b"id")?,
                    read_only: integer(message, b"ro") == Some(1),
                    question: Question::read(message.get(b"q")?.bytes()?, arguments)?,
                }
            }
            b"r" => Body::Answer(Box::new(Answer::read(message.get(b"r")?)?)),
            b"e" => Body::Error {
                code: message.get(b"e")?.first()?.integer()?,
            },
            _ => return None,
        };
        let seen = message.get(b"ip").and_then(Value::bytes);
        Some(Self {
            transaction: transaction.to_vec(),
            body,
            seen: seen.and_then(decode_address).map(canonical),
        })
    }
}

impl Question {
    const fn name(&self) -> &'static [u8] {
        match self {
            Self::Ping => b"ping",
            Self::FindNode { .. } => b"find_node",
            Self::Get { .. } => b"get",
            Self::Put(_) => b"put",
        }
    }

    fn read(name: &[u8], arguments: Value<'_>) -> Option<Self> {
        match name {
            b"ping" => Some(Self::Ping),
            b"find_node" => {
                let wanted = arguments.get(b"want");
                let families = wanted.map_or(0, |wanted| wanted.strings().take(2).count());
                Some(Self::FindNode {
                    target: node_id(arguments, b"target")?,
                    both_families: families == 2,
                })
            }
            b"get" => Some(Self::Get {
                target: node_id(arguments, b"target")?,
                newer_than: integer(arguments, b"seq"),
            }),
            b"put" => {
                let salt = arguments.get(b"salt").and_then(Value::bytes);
                Some(Self::Put(Box::new(Put {
                    token: token(arguments)?,
                    salt: salt.unwrap_or_default().to_vec(),
                    item: item(arguments)?,
                    replaces: integer(arguments, b"cas"),
                })))
            }
            _ => None,
        }
    }

    fn write(&self, id: &NodeId, writer: &mut Writer) {
        writer.dictionary();
        match self {
            Self::Ping => {
                writer.bytes(b"id").bytes(&id.0);
            }
            Self::FindNode {
                target,
                both_families,
            } => {
                writer.bytes(b"id").bytes(&id.0);
                writer.bytes(b"target").bytes(&target.0);
                if *both_families {
                    writer.bytes(b"want").list();
                    writer.bytes(b"n4").bytes(b"n6").end();
                }
            }
            Self::Get { target, newer_than } => {
                writer.bytes(b"id").bytes(&id.0);
                if let Some(seq) = newer_than {
                    writer.bytes(b"seq").integer(*seq);
                }
                writer.bytes(b"target").bytes(&target.0);
            }
            Self::Put(put) => {
                if let Some(replaces) = put.replaces {
                    writer.bytes(b"cas").integer(replaces);
                }
                writer.bytes(b"id").bytes(&id.0);
                writer.bytes(b"k").bytes(&put.item.key);
                if !put.salt.is_empty() {
                    writer.bytes(b"salt").bytes(&put.salt);
                }
                writer.bytes(b"seq").integer(put.item.seq);
                writer.bytes(b"sig").bytes(&put.item.signature);
                let target = NodeId::of(&[put.item.key.as_slice(), &put.salt].concat());
                writer.bytes(b"target").bytes(&target.0);
                writer.bytes(b"token").bytes(&put.token);
                writer.bytes(b"v").bytes(&put.item.value);
            }
        }
        writer.end();
    }
}

impl Answer {
    fn read(values: Value<'_>) -> Option<Self> {
        let mut nodes = Vec::new();
        for (family, key) in [(Family::V4, b"nodes".as_slice()), (Family::V6, b"nodes6")] {
            let list = values.get(key).and_then(Value::bytes).unwrap_or_default();
            nodes.extend(Contact::decode_all(family, list).take(DHT_MAX_NAMED));
        }
        Some(Self {
            id: node_id(values, b"id")?,
            nodes,
            token: token(values),
            seq: integer(values, b"seq"),
            item: item(values),
        })
    }

    fn write(&self, writer: &mut Writer) {
        let compact = |family: Family| {
            let mut list = Vec::new();
            let nodes = self.nodes.iter();
            for node in nodes.filter(|node| Family::of(&node.address) == family) {
                node.encode(&mut list);
            }
            list
        };
        writer.dictionary().bytes(b"id").bytes(&self.id.0);
        if let Some(item) = &self.item {
            writer.bytes(b"k").bytes(&item.key);
        }
        for (family, key) in [(Family::V4, b"nodes".as_slice()), (Family::V6, b"nodes6")] {
            let list = compact(family);
            if !list.is_empty() {
                writer.bytes(key).bytes(&list);
            }
        }
        if let Some(seq) = self.item.as_ref().map(|item| item.seq).or(self.seq) {
            writer.bytes(b"seq").integer(seq);
        }
        if let Some(item) = &self.item {
            writer.bytes(b"sig").bytes(&item.signature);
        }
        if let Some(token) = &self.token {
            writer.bytes(b"token").bytes(token);
        }
        if let Some(item) = &self.item {
            writer.bytes(b"v").bytes(&item.value);
        }
        writer.end();
    }
}

fn node_id(values: Value<'_>, key: &[u8]) -> Option<NodeId> {
    values.get(key)?.array().map(NodeId)
}

fn integer(values: Value<'_>, key: &[u8]) -> Option<i64> {
    values.get(key)?.integer()
}

fn token(values: Value<'_>) -> Option<Vec<u8>> {
    let token = values.get(b"token")?.bytes()?;
    (token.len() <= DHT_MAX_TOKEN_BYTES).then(|| token.to_vec())
}

/// The item, if all of one is there and its value is a byte string, as all of ours are.
fn item(values: Value<'_>) -> Option<UncheckedItem> {
    let value = values.get(b"v")?.bytes()?;
    if value.len() > DHT_MAX_VALUE_BYTES {
        return None;
    }
    Some(UncheckedItem {
        key: values.get(b"k")?.array()?,
        seq: integer(values, b"seq")?,
        value: value.to_vec(),
        signature: values.get(b"sig")?.array()?,
    })
}
