//! What is fuzzed: each target takes bytes, and panics where something does not hold.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::dht::krpc::Message;
use fardrop_shared::dht::{self, Slot};
use fardrop_shared::gbn::{Codepoint, Config, Connection, Event, Handled, Keys, fuzzing};
use fardrop_shared::limits::{DHT_MAX_ASKED, GBN_MOST_MTU, GBN_RECEIVE_WINDOW, GBN_SEND_BUFFER};
use fardrop_shared::pairing::Cipher;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Most steps of one script, so that each input is done with soon.
const MOST_STEPS: usize = 300;

/// The key of BEP 44's examples.
const BEP_44_KEY: [u8; 32] = [
    0x77, 0xff, 0x84, 0x90, 0x5a, 0x91, 0x93, 0x63, 0x67, 0xc0, 0x13, 0x60, 0x80, 0x31, 0x04, 0xf9,
    0x24, 0x32, 0xfc, 0xd9, 0x04, 0xa4, 0x35, 0x11, 0x87, 0x6d, 0xf5, 0xcd, 0xf3, 0xe7, 0xe5, 0x48,
];

/// Most entries in the records of one end: see `tests/sim/gbn/world.rs`.
const MOST_ENTRIES: usize = 2 * 60_000 + 8192;

/// The decoder of Go-Back-N's segments: six bytes of packet number, then a body.
pub fn gbn_segment(input: &[u8]) {
    let Some((number, body)) = input.split_first_chunk::<6>() else {
        return;
    };
    let [a, b, c, d, e, f] = *number;
    let packet_number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    fuzzing::decode_segment(packet_number, body);
}

/// One end of a connection, driven by a script: steps of a kind and a codepoint (1 byte), a length (2 bytes,
/// little-endian) and so many bytes.
pub fn gbn_connection(input: &[u8]) {
    let mut script = Script::new();
    let mut rest = input;
    for _ in 0..MOST_STEPS {
        let Some((&[kind, low, high], after)) = rest.split_first_chunk::<3>() else {
            break;
        };
        let length = usize::from(u16::from_le_bytes([low, high])).min(after.len());
        let (bytes, after) = after.split_at(length);
        rest = after;
        script.step(kind, bytes);
    }
}

struct Script {
    connection: Connection,
    peer: Connection,
    now: Instant,
    /// The peer's next packet number, if the fuzzer chooses none.
    next: u64,
    buffer: Vec<u8>,
}

impl Script {
    fn new() -> Self {
        let now = Instant::now();
        let end = |role, seed| {
            let keys = Keys::from_roots([1; 32], [2; 32], role, Cipher::ChaCha20Poly1305);
            Connection::new(Config::new(keys), [seed; 32], now)
        };
        let mut script = Self {
            connection: end(Role::Sender, 3),
            peer: end(Role::Receiver, 4),
            now,
            next: 1000,
            buffer: Vec::new(),
        };
        // Set up by the book, so that what follows meets an open connection.
        for _ in 0..4 {
            script.exchange();
        }
        assert_eq!(script.connection.poll_event(), Some(Event::Connected));
        script
    }

    fn exchange(&mut self) {
        let ends = [&mut self.connection, &mut self.peer];
        let [one, other] = ends;
        for _ in 0..2 {
            self.buffer.clear();
            while let Some(transmit) = one.poll_transmit(self.now, 1, &mut self.buffer) {
                let start = self.buffer.len() - transmit.size;
                other.handle_datagram(self.now, &mut self.buffer[start..], transmit.codepoint);
                if self.buffer.len() > 100_000 {
                    break;
                }
            }
            self.buffer.clear();
            while let Some(transmit) = other.poll_transmit(self.now, 1, &mut self.buffer) {
                let start = self.buffer.len() - transmit.size;
                one.handle_datagram(self.now, &mut self.buffer[start..], transmit.codepoint);
                if self.buffer.len() > 100_000 {
                    break;
                }
            }
        }
    }

    fn step(&mut self, kind: u8, bytes: &[u8]) {
        let codepoint = match kind / 8 % 4 {
            0 => Codepoint::NotEct,
            1 => Codepoint::Ect0,
            2 => Codepoint::Ect1,
            _ => Codepoint::Ce,
        };
        match kind % 8 {
            0 => {
                let handled =
                    self.connection
                        .handle_datagram(self.now, &mut bytes.to_vec(), codepoint);
                assert_eq!(handled, Handled::Ignored, "nobody sealed this");
            }
            1 => {
                self.next += 1;
                let body = (self.next, bytes);
                fuzzing::handle_body(&mut self.connection, self.now, body, codepoint);
            }
            2 => {
                if let Some((number, body)) = bytes.split_first_chunk::<6>() {
                    let [a, b, c, d, e, f] = *number;
                    let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
                    let body = (number, body);
                    fuzzing::handle_body(&mut self.connection, self.now, body, codepoint);
                }
            }
            3 => {
                let mut micros = [0; 4];
                let length = bytes.len().min(4);
                micros[..length].copy_from_slice(&bytes[..length]);
                self.now += Duration::from_micros(u64::from(u32::from_le_bytes(micros)));
                self.connection.handle_timeout(self.now);
            }
            4 => {
                // Over, or ended: that nothing is taken then is as it should be.
                let _ = self.connection.write(Bytes::copy_from_slice(bytes));
            }
            5 => while self.connection.read(10_000).is_some() {},
            6 => self.command(bytes.first().copied().unwrap_or(0)),
            _ => self.exchange(),
        }
        self.drain();
    }

    fn command(&mut self, which: u8) {
        match which % 4 {
            0 => self.connection.finish(),
            1 => self.connection.path_changed(self.now),
            2 => self.connection.close(self.now, 1),
            _ => {
                let zeros = Bytes::from(vec![0; 300_000]);
                // As above.
                let _ = self.connection.write(zeros);
            }
        }
    }

    /// What must hold after each step.
    fn drain(&mut self) {
        let mut bytes = 0;
        loop {
            self.buffer.clear();
            let Some(transmit) = self
                .connection
                .poll_transmit(self.now, 44, &mut self.buffer)
            else {
                break;
            };
            let each = transmit.segment_size.unwrap_or(transmit.size);
            assert!(each <= usize::from(GBN_MOST_MTU));
            assert_eq!(transmit.size, self.buffer.len());
            bytes += transmit.size;
            assert!(bytes < 64 << 20, "it never stops");
        }
        for _ in 0..100 {
            if self.connection.poll_event().is_none() {
                break;
            }
        }
        assert_eq!(self.connection.poll_event(), None);
        let statistics = self.connection.statistics();
        let most = GBN_RECEIVE_WINDOW + GBN_SEND_BUFFER + 2 * 65_536;
        assert!(statistics.held_bytes <= most, "{statistics:?}");
        assert!(statistics.entries <= MOST_ENTRIES, "{statistics:?}");
    }
}

/// Where an answer to a client of the DHT comes from at most; each is asked but twice.
const MOST_DHT_DATAGRAMS: usize = 4 * DHT_MAX_ASKED;

/// Bytes as a datagram of the DHT: read, written and read again; and as the answer to everything that a client asks.
///
/// # Panics
/// Where what was read is not what was written, or a client does not come to an end.
pub fn dht(input: &[u8]) {
    let Ok(message) = Message::decode(input) else {
        return;
    };
    let again = Message::decode(&message.encode());
    assert_eq!(again.as_ref(), Ok(&message));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let config = dht::Config {
        ipv4: true,
        ipv6: true,
    };
    let mut client = dht::Client::new(config, &mut rng);
    client.remember(dht::Contact {
        id: dht::NodeId([3; 20]),
        address: SocketAddr::from(([60, 1, 0, 1], 6881)),
    });
    // Any instant serves as the first.
    let mut now = Instant::now();
    let slot = Slot::new(BEP_44_KEY, Vec::new()).expect("a slot without a salt");
    let searches = client.find_item(now, slot, None).is_ok();
    assert!(searches, "one search is not too many");
    let mut datagrams = 0;
    let mut ended = false;
    while !ended {
        while let Some(transmit) = client.poll_transmit() {
            datagrams += 1;
            assert!(datagrams <= MOST_DHT_DATAGRAMS, "it asks without end");
            let question = Message::decode(&transmit.bytes).expect("a client speaks KRPC");
            let answer = Message {
                transaction: question.transaction,
                ..message.clone()
            };
            client.handle_datagram(now, transmit.to, &answer.encode());
        }
        while let Some(event) = client.poll_event() {
            ended |= matches!(event, dht::Event::Found(..));
        }
        match client.poll_timeout() {
            Some(due) => now = due,
            None => assert!(ended, "it waits for nothing"),
        }
        client.handle_timeout(now);
    }
}
