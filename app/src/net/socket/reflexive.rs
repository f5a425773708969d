//! Reflexive addresses (RFC 8445, section 4): where servers see a socket.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::rendezvous::AddressQuery;

use super::peer_socket::{PeerSocket, canonical};
use super::sleep::sleep_until;

/// How long the others are waited for once one has answered.
const STRAGGLERS_TIME: Duration = Duration::from_millis(600);

/// A socket as one port of a server sees it.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct Reflexive {
    /// The server's port.
    pub(in crate::net) server: SocketAddr,
    /// What it sees.
    pub(in crate::net) address: SocketAddr,
    /// Round trip, where it is certain.
    pub(in crate::net) round_trip: Option<Duration>,
}

struct Question {
    server: SocketAddr,
    query: AddressQuery,
    answered: bool,
    /// Whether it is only likely that anybody listens there.
    guessed: bool,
}

impl Question {
    fn new(server: SocketAddr, guessed: bool) -> Self {
        Self {
            server,
            query: AddressQuery::new(Instant::now(), server, &mut rand::thread_rng()),
            answered: false,
            guessed,
        }
    }
}

/// Each server, and behind it the port at which its second one is mostly.
fn first_questions(servers: &[SocketAddr]) -> Vec<Question> {
    let mut questions = Vec::new();
    for server in servers {
        questions.push(Question::new(*server, false));
        let next = next_port(*server).filter(|next| !servers.contains(next));
        questions.extend(next.map(|next| Question::new(next, true)));
    }
    questions
}

/// The server has its second port elsewhere, or none.
fn drop_wrong_guess(questions: &mut Vec<Question>, server: SocketAddr, second: Option<SocketAddr>) {
    let next = next_port(server);
    questions.retain(|other| {
        let is_guess = other.guessed && !other.answered && Some(other.server) == next;
        !is_guess || Some(other.server) == second
    });
}

fn next_port(server: SocketAddr) -> Option<SocketAddr> {
    let next = server.port().checked_add(1);
    next.map(|port| SocketAddr::new(server.ip(), port))
}

/// Asks each server, and the second port of each that has one: the next port at once, since most have it there, and
/// another as soon as that is known. What was seen comes in
/// the order in which it was answered; those that did not answer are left out.
///
/// # Errors
/// What the system says when the socket is of no more use.
pub(in crate::net) async fn ask_reflexive(
    socket: &PeerSocket,
    servers: &[SocketAddr],
    until: Instant,
) -> io::Result<Vec<Reflexive>> {
    let mut questions = first_questions(servers);
    let mut seen = Vec::new();
    let mut until = until;
    while seen.len() < questions.len() && Instant::now() < until {
        for question in &mut questions {
            while let Some(transmit) = question.query.poll_transmit(Instant::now()) {
                socket.send(transmit.to, &transmit.bytes);
            }
        }
        let unanswered = questions.iter().filter(|question| !question.answered);
        let due = unanswered
            .filter_map(|question| question.query.poll_timeout())
            .min();
        let due = due.map_or(until, |due| due.min(until));
        let receive = socket.receive(|from, datagram| {
            for question in &mut questions {
                question
                    .query
                    .handle_datagram(Instant::now(), from, datagram);
            }
        });
        tokio::select! {
            received = receive => received?,
            () = sleep_until(Some(due)) => {}
        }
        let mut seconds = Vec::new();
        for question in &mut questions {
            let Some(address) = question.query.poll_event() else {
                continue;
            };
            question.answered = true;
            seen.push(Reflexive {
                server: question.server,
                address: canonical(address),
                round_trip: question.query.round_trip(),
            });
            until = until.min(Instant::now() + STRAGGLERS_TIME);
            // Only ports that were asked because they are configured lead to another.
            if servers.contains(&question.server) {
                seconds.push((question.server, question.query.second_port()));
            }
        }
        for (server, port) in seconds {
            let second = port.map(|port| SocketAddr::new(server.ip(), port));
            drop_wrong_guess(&mut questions, server, second);
            // It may be asked already.
            if let Some(second) = second
                && questions.iter().all(|question| question.server != second)
            {
                questions.push(Question::new(second, false));
            }
        }
    }
    Ok(seen)
}
