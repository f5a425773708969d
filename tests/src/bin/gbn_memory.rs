//! What Go-Back-N costs without a network: two ends in one process, one thread, no sockets.
//!
//!     cargo run --release -p fardrop-tests --bin gbn_memory -- [MIB] [MTU] [LOST_OF_10000]
//!
//! prints megabytes a second, sealing and opening included, and what each end spent.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::gbn::{Config, Connection, Event, Keys};
use fardrop_shared::pairing::Cipher;

/// What is written at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// Datagrams of one batch: what one call to the kernel carries.
const BATCH: usize = 44;

/// What an end spent.
#[derive(Debug, Default)]
struct Spent {
    sending: Duration,
    receiving: Duration,
}

struct Ends {
    sender: Connection,
    receiver: Connection,
    spent: [Spent; 2],
    lost_of_10000: u64,
    carried: u64,
}

impl Ends {
    /// Carries what one end has to say; whether that was anything.
    fn carry(&mut self, from_sender: bool, buffer: &mut Vec<u8>) -> bool {
        let (from, to) = if from_sender {
            (&mut self.sender, &mut self.receiver)
        } else {
            (&mut self.receiver, &mut self.sender)
        };
        let [sender, receiver] = &mut self.spent;
        let (from_spent, to_spent) = if from_sender {
            (sender, receiver)
        } else {
            (receiver, sender)
        };
        let begun = Instant::now();
        buffer.clear();
        let transmit = from.poll_transmit(begun, BATCH, buffer);
        let sealed = Instant::now();
        from_spent.sending += sealed - begun;
        let Some(transmit) = transmit else {
            return false;
        };
        let each = transmit.segment_size.unwrap_or(transmit.size);
        for datagram in buffer.chunks_mut(each) {
            self.carried += 1;
            // Spread evenly by a multiplication with an odd number.
            if self.carried.wrapping_mul(7919) % 10_000 >= self.lost_of_10000 {
                to.handle_datagram(sealed, datagram, transmit.codepoint);
            }
        }
        to_spent.receiving += sealed.elapsed();
        true
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| -> anyhow::Result<u64> {
        arguments.next().map_or(Ok(default), |argument| {
            argument.parse().context("not a number")
        })
    };
    let total = number(1024)? << 20;
    let mtu = u16::try_from(number(1472)?)?;
    let lost_of_10000 = number(0)?;
    let begun = Instant::now();
    let end = |role, seed| {
        let keys = Keys::from_roots([1; 32], [2; 32], role, Cipher::Aes128Gcm);
        let config = Config {
            max_mtu: mtu,
            ..Config::new(keys)
        };
        Connection::new(config, [seed; 32], begun)
    };
    let mut ends = Ends {
        sender: end(Role::Sender, 1),
        receiver: end(Role::Receiver, 2),
        spent: Default::default(),
        lost_of_10000,
        carried: 0,
    };
    let chunk = Bytes::from(vec![7; CHUNK]);
    let (mut written, mut read) = (0, 0);
    let mut buffer = Vec::with_capacity(65_536);
    while read < total {
        while written < total && ends.sender.writable() >= CHUNK {
            written += ends.sender.write(chunk.clone())? as u64;
        }
        let mut busy = false;
        // A driver takes in a few batches, and then looks at what there is to say.
        for _ in 0..2 {
            busy |= ends.carry(true, &mut buffer);
        }
        while ends.carry(false, &mut buffer) {
            busy = true;
        }
        while let Some(bytes) = ends.receiver.read(CHUNK) {
            read += bytes.len() as u64;
        }
        let now = Instant::now();
        for end in [&mut ends.sender, &mut ends.receiver] {
            end.handle_timeout(now);
            while let Some(event) = end.poll_event() {
                if let Event::Closed(reason) = event {
                    bail!("closed: {reason}");
                }
            }
        }
        if !busy {
            std::hint::spin_loop();
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{:.0} MB/s", read as f64 / 1e6 / seconds);
    let [sender, receiver] = &ends.spent;
    println!("sender: {sender:?}, receiver: {receiver:?}");
    println!(
        "mtu {} rtt {:?} {:?}",
        ends.sender.mtu(),
        ends.sender.rtt(),
        ends.sender.statistics()
    );
    println!("{:?}", ends.receiver.statistics());
    Ok(())
}
