//! Which datagrams get to a server and are answered: those that look like QUIC, and how long ones.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::diagnosis::{PathMtuSearch, Quic};
use fardrop_shared::limits::{MAX_RENDEZVOUS_DATAGRAM_BYTES, RENDEZVOUS_HELLO_BYTES};
use fardrop_shared::wire::quic_probe::{MIN_INITIAL_BYTES, QuicProbe};
use fardrop_shared::wire::rendezvous::{Reply, Request, Tag};

use crate::net::socket::{Fragments, Interfaces, PeerSocket, Reflexive, canonical, sleep_until};

/// The longest datagram tried, as UDP payload in bytes: what jumbo frames of 9000 carry over IPv4.
const LONGEST: u16 = 8972;

/// IP and UDP headers, in bytes.
const HEADERS_V4: u16 = 28;
const HEADERS_V6: u16 = 48;

/// How long an answer is waited for at least, and how much more than two round trips.
const PATIENCE: Duration = Duration::from_millis(250);

/// How often a first packet of QUIC is sent before it counts as dropped.
const QUIC_TRIES: u32 = 4;

/// How often each length is sent in a round of the search.
const LENGTH_TRIES: u32 = 2;

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathReport {
    /// First packets of QUIC.
    pub(super) quic: Quic,
    /// The longest packet that was answered, in bytes with the IP header.
    pub(super) mtu: u16,
}

/// A datagram of some length that the server answers with a short one.
struct Question {
    length: u16,
    shape: Shape,
    answered: bool,
}

enum Shape {
    Hello(Tag),
    Quic(QuicProbe),
}

impl Question {
    fn hello(length: u16) -> Self {
        Self {
            length,
            shape: Shape::Hello(Tag::random(&mut rand::thread_rng())),
            answered: false,
        }
    }

    fn quic(length: u16) -> Self {
        Self {
            length,
            shape: Shape::Quic(QuicProbe::random(&mut rand::thread_rng())),
            answered: false,
        }
    }

    /// Hellos do not come longer than any datagram of the rendezvous.
    fn of_length(length: u16) -> Self {
        if usize::from(length) <= MAX_RENDEZVOUS_DATAGRAM_BYTES {
            Self::hello(length)
        } else {
            Self::quic(length)
        }
    }

    fn encode(&self) -> Vec<u8> {
        match &self.shape {
            Shape::Hello(tag) => Request::long_hello(*tag, self.length.into()),
            Shape::Quic(probe) => probe.encode(self.length.into(), &mut rand::thread_rng()),
        }
    }

    fn handle_datagram(&mut self, bytes: &[u8]) {
        self.answered |= match &self.shape {
            Shape::Hello(tag) => {
                matches!(Reply::decode(bytes), Ok((answered, Reply::Cookie(_))) if answered == *tag)
            }
            Shape::Quic(probe) => probe.is_answered_by(bytes),
        };
    }
}

/// Probes the path to a server that has answered a Hello. Its sockets forbid fragmentation.
///
/// # Errors
/// What the system says when it refuses a socket.
pub(super) async fn probe(
    server: &Reflexive,
    interfaces: &Interfaces,
    ipv6: bool,
    deadline: Instant,
) -> io::Result<PathReport> {
    let socket = PeerSocket::bind(0, ipv6)?;
    socket.set_fragments(Fragments::Forbidden);
    let to = canonical(server.server);
    let prober = Prober {
        socket,
        server: to,
        patience: PATIENCE + 2 * server.round_trip.unwrap_or(PATIENCE),
        deadline,
    };
    let (quic, works) = prober.quic().await?;
    let limit = match quic {
        Quic::Works => interfaces.payload_limit(to).min(LONGEST),
        Quic::Dropped | Quic::TooLong | Quic::Untested => shortest_quic(),
    };
    let mut search = PathMtuSearch::new(works, limit);
    while !search.sizes().is_empty() && Instant::now() < deadline {
        prober.round(&mut search).await?;
    }
    let headers = if to.is_ipv4() { HEADERS_V4 } else { HEADERS_V6 };
    Ok(PathReport {
        quic,
        mtu: search.best() + headers,
    })
}

struct Prober {
    socket: PeerSocket,
    server: SocketAddr,
    /// How long to wait for answers before asking again.
    patience: Duration,
    deadline: Instant,
}

impl Prober {
    /// Whether QUIC's first packets pass, and the longest payload that is known to. A Hello as long
    /// as they are tells whether it is their length or their looks.
    async fn quic(&self) -> io::Result<(Quic, u16)> {
        let length = shortest_quic();
        let mut questions = [Question::quic(length), Question::hello(length)];
        let enough = |questions: &[Question]| questions[0].answered;
        self.ask(&mut questions, QUIC_TRIES, enough).await?;
        Ok(match questions.map(|question| question.answered) {
            [true, _] => (Quic::Works, length),
            [false, true] => (Quic::Dropped, length),
            // The Hello that was answered before was as short as they come.
            [false, false] => (Quic::TooLong, RENDEZVOUS_HELLO_BYTES as u16),
        })
    }

    async fn round(&self, search: &mut PathMtuSearch) -> io::Result<()> {
        let sizes = search.sizes().iter();
        let mut questions: Vec<Question> = sizes.map(|&size| Question::of_length(size)).collect();
        let longest_answered =
            |questions: &[Question]| questions.last().is_some_and(|last| last.answered);
        self.ask(&mut questions, LENGTH_TRIES, longest_answered)
            .await?;
        let answered = questions.iter().filter(|question| question.answered);
        answered.for_each(|question| search.handle_answer(question.length));
        search.end_round();
        Ok(())
    }

    /// Asks all of them that often, until that is `enough`.
    async fn ask(
        &self,
        questions: &mut [Question],
        tries: u32,
        enough: impl Fn(&[Question]) -> bool,
    ) -> io::Result<()> {
        for _ in 0..tries {
            for question in questions.iter().filter(|question| !question.answered) {
                self.socket.send(self.server, &question.encode());
            }
            let until = self.deadline.min(Instant::now() + self.patience);
            while Instant::now() < until {
                let receive = self.socket.receive(|from, datagram| {
                    if from == self.server {
                        questions
                            .iter_mut()
                            .for_each(|question| question.handle_datagram(datagram));
                    }
                });
                tokio::select! {
                    received = receive => received?,
                    () = sleep_until(Some(until)) => {}
                }
                if enough(questions) {
                    return Ok(());
                }
                if questions.iter().all(|question| question.answered) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The length of the shortest first packet of QUIC: 1200 bytes.
const fn shortest_quic() -> u16 {
    MIN_INITIAL_BYTES as u16
}
