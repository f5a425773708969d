//! The channels over one stream that carries everything in order.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Channel, Found, Header, Mux};
use crate::Role;

/// Two ends, and what has been said and not taken in yet, each way.
struct Pair {
    sender: Mux,
    receiver: Mux,
}

impl Pair {
    fn new() -> Self {
        Self {
            sender: Mux::new(Role::Sender),
            receiver: Mux::new(Role::Receiver),
        }
    }

    /// Lets `from` say what it may of `bytes`, and `to` take it in; what is left.
    fn say(from: &mut Mux, to: &mut Mux, channel: Channel, mut bytes: Bytes) -> Bytes {
        while !bytes.is_empty() {
            let length = from.frame(channel, bytes.len(), usize::MAX);
            if length == 0 {
                break;
            }
            let header = Header::Bytes(channel, u32::try_from(length).unwrap());
            to.take_in(Bytes::copy_from_slice(&header.encode()))
                .unwrap();
            to.take_in(bytes.split_to(length)).unwrap();
        }
        bytes
    }

    /// Lets both say what has no content.
    fn serve(&mut self) {
        for _ in 0..2 {
            Self::serve_one(&mut self.sender, &mut self.receiver);
            Self::serve_one(&mut self.receiver, &mut self.sender);
        }
    }

    fn serve_one(from: &mut Mux, to: &mut Mux) {
        while let Some(header) = from.poll_service() {
            to.take_in(Bytes::copy_from_slice(&header.encode()))
                .unwrap();
        }
    }
}

fn noise(length: usize) -> Bytes {
    let mut rng = StdRng::seed_from_u64(length as u64);
    (0..length).map(|_| rng.r#gen::<u8>()).collect()
}

/// Reads until there is nothing or the end.
fn read_all(mux: &mut Mux, channel: Channel, most: usize) -> (Vec<u8>, Found) {
    let mut got = Vec::new();
    let mut buffer = vec![0; most];
    loop {
        match mux.read(channel, &mut buffer) {
            Found::Bytes(length) => got.extend_from_slice(&buffer[..length]),
            other @ (Found::End | Found::Nothing) => return (got, other),
        }
    }
}

#[test]
fn data_stops_at_its_credit_and_goes_on_when_it_is_read() {
    let mut pair = Pair::new();
    let content = noise(30 << 20);
    let mut left = content.clone();
    let mut got = Vec::new();
    let mut rounds = 0;
    while !left.is_empty() {
        let before = left.len();
        left = Pair::say(&mut pair.sender, &mut pair.receiver, Channel::Data, left);
        assert!(before - left.len() <= 12 << 20, "no more than the window");
        got.extend(read_all(&mut pair.receiver, Channel::Data, 100_000).0);
        pair.serve();
        rounds += 1;
    }
    assert!(rounds > 2);
    got.extend(read_all(&mut pair.receiver, Channel::Data, 100_000).0);
    assert!(got == content);
}

#[test]
fn unread_data_leaves_messages_alone() {
    let mut pair = Pair::new();
    let left = Pair::say(
        &mut pair.sender,
        &mut pair.receiver,
        Channel::Data,
        noise(20 << 20),
    );
    assert!(!left.is_empty(), "the data stands still");
    for number in 0..10_000_u32 {
        let message = Bytes::copy_from_slice(&number.to_le_bytes());
        let rest = Pair::say(
            &mut pair.sender,
            &mut pair.receiver,
            Channel::Control,
            message.clone(),
        );
        assert!(rest.is_empty());
        let (got, _) = read_all(&mut pair.receiver, Channel::Control, 64);
        assert_eq!(got, message);
        pair.serve();
    }
}

#[test]
fn unread_messages_leave_data_alone() {
    let mut pair = Pair::new();
    let left = Pair::say(
        &mut pair.sender,
        &mut pair.receiver,
        Channel::Control,
        noise(1 << 20),
    );
    assert!(!left.is_empty(), "the messages stand still");
    for _ in 0..40 {
        let rest = Pair::say(
            &mut pair.sender,
            &mut pair.receiver,
            Channel::Data,
            noise(1 << 20),
        );
        assert!(rest.is_empty());
        let (got, _) = read_all(&mut pair.receiver, Channel::Data, 70_000);
        assert!(got == noise(1 << 20));
        pair.serve();
    }
}

#[test]
fn streams_end_one_after_another() {
    let mut pair = Pair::new();
    for length in [0, 1, 511, 512, 100_000] {
        let content = noise(length);
        let left = Pair::say(
            &mut pair.sender,
            &mut pair.receiver,
            Channel::Data,
            content.clone(),
        );
        assert!(left.is_empty());
        pair.sender.end(Channel::Data);
        assert_eq!(
            pair.sender.frame(Channel::Data, 1, usize::MAX),
            0,
            "the next stream waits until the end is said"
        );
        pair.serve();
        assert!(pair.receiver.has_data());
        let (got, how) = read_all(&mut pair.receiver, Channel::Data, 1000);
        assert!(got == content);
        assert_eq!(how, Found::End);
        assert!(!pair.receiver.has_data());
    }
}

#[test]
fn ends_have_a_bound_as_well() {
    let mut pair = Pair::new();
    let mut ends = 0;
    loop {
        pair.sender.end(Channel::Data);
        let Some(header) = pair.sender.poll_service() else {
            break;
        };
        assert_eq!(header, Header::End(Channel::Data));
        let bytes = Bytes::copy_from_slice(&header.encode());
        pair.receiver.take_in(bytes).unwrap();
        ends += 1;
    }
    assert_eq!(ends, (12 << 20) / 4096);
    let more = Bytes::copy_from_slice(&Header::End(Channel::Data).encode());
    assert!(pair.receiver.take_in(more).is_err());
}

#[test]
fn what_nobody_reads_any_more_gives_its_credit_back() {
    let mut pair = Pair::new();
    let left = Pair::say(
        &mut pair.sender,
        &mut pair.receiver,
        Channel::Data,
        noise(13 << 20),
    );
    assert_eq!(left.len(), 1 << 20);
    pair.receiver.discard();
    pair.serve();
    let left = Pair::say(&mut pair.sender, &mut pair.receiver, Channel::Data, left);
    assert!(left.is_empty());
    assert!(!pair.receiver.has_data(), "the rest is for nobody");
    pair.sender.end(Channel::Data);
    pair.serve();
    let left = Pair::say(
        &mut pair.sender,
        &mut pair.receiver,
        Channel::Data,
        noise(5),
    );
    assert!(left.is_empty());
    assert!(
        pair.receiver.has_data(),
        "the next stream is another matter"
    );
    assert_eq!(read_all(&mut pair.receiver, Channel::Data, 9).0, noise(5));
}

#[test]
fn the_end_of_the_control_channel_is_confirmed() {
    let mut pair = Pair::new();
    let left = Pair::say(
        &mut pair.receiver,
        &mut pair.sender,
        Channel::Control,
        noise(9),
    );
    assert!(left.is_empty());
    pair.receiver.end(Channel::Control);
    assert!(!pair.receiver.is_control_heard());
    pair.serve();
    assert!(pair.receiver.is_control_heard());
    let (got, how) = read_all(&mut pair.sender, Channel::Control, 4);
    assert_eq!((got, how), (noise(9).to_vec(), Found::End));
    let late = Header::Bytes(Channel::Control, 1).encode();
    pair.sender.take_in(Bytes::copy_from_slice(&late)).unwrap();
    assert!(
        pair.sender.take_in(noise(1)).is_err(),
        "a message after the end"
    );
}

#[test]
fn a_peer_that_breaks_the_rules_is_found_out() {
    let check = |headers: &[Header], content: usize| {
        let mut mux = Mux::new(Role::Receiver);
        let mut taken = Ok(());
        for header in headers {
            let bytes = Bytes::copy_from_slice(&header.encode());
            taken = taken.and_then(|()| mux.take_in(bytes));
            if matches!(header, Header::Bytes(..)) {
                taken = taken.and_then(|()| mux.take_in(noise(content)));
            }
        }
        assert!(taken.is_err(), "{:?}", headers.first());
    };
    check(&[Header::Credit(Channel::Data, 1)], 0);
    check(&[Header::Credit(Channel::Control, u32::MAX)], 0);
    let most = 256 * 1024;
    check(&[Header::Bytes(Channel::Data, most); 49], most as usize);
    check(&[Header::Bytes(Channel::Control, most); 2], most as usize);
    // To a sender no files are sent.
    let mut sender = Mux::new(Role::Sender);
    let frame = Bytes::copy_from_slice(&Header::Bytes(Channel::Data, most).encode());
    sender.take_in(frame.clone()).unwrap();
    sender.take_in(noise(most as usize)).unwrap();
    sender.take_in(frame).unwrap();
    assert!(sender.take_in(noise(1)).is_err());
}

#[test]
fn any_schedule_delivers_everything_within_the_windows() {
    for seed in 0..40 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut pair = Pair::new();
        let content = [
            noise(rng.gen_range(0..3 << 20)),
            noise(rng.gen_range(0..30 << 20)),
        ];
        let mut left = content.clone();
        let mut got = [Vec::new(), Vec::new()];
        let mut buffer = vec![0; 300_000];
        let mut idle = 0;
        while got[0].len() < content[0].len() || got[1].len() < content[1].len() {
            for channel in Channel::ALL {
                let (sent, read) = (&mut left[channel as usize], &mut got[channel as usize]);
                let before = (sent.len(), read.len());
                if rng.r#gen() {
                    let part = sent.split_to(rng.gen_range(0..=sent.len().min(1 << 20)));
                    let length = part.len();
                    let rest = Pair::say(&mut pair.sender, &mut pair.receiver, channel, part);
                    let said = before.0 - sent.len() - rest.len();
                    assert_eq!(said + rest.len(), length);
                    let from = content[channel as usize].len() - before.0 + said;
                    *sent = content[channel as usize].slice(from..);
                }
                if rng.r#gen() {
                    let most = rng.gen_range(1..buffer.len());
                    if let Found::Bytes(length) = pair.receiver.read(channel, &mut buffer[..most]) {
                        read.extend_from_slice(&buffer[..length]);
                    }
                }
                idle = if before == (sent.len(), read.len()) {
                    idle + 1
                } else {
                    0
                };
            }
            if rng.gen_bool(0.2) {
                pair.serve();
            }
            assert!(idle < 1000, "seed {seed}: it stands still");
        }
        assert!(got[0] == content[0] && got[1] == content[1], "seed {seed}");
    }
}
