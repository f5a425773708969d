//! The real binary on loopback: it serves, ends on a signal, and may be killed at any moment.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fardrop_shared::rendezvous::{AddressQuery, Announcement, Client, Config, Event};
use fardrop_shared::wire::quic_probe::QuicProbe;
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::wire::tcp_check::TcpCheck;
use fardrop_shared::{PairingId, Role};
use rand::rngs::OsRng;

/// Far more than anything here takes on a machine that is busy with other things too.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a socket is listened to before its client's timers are looked at.
const TICK: Duration = Duration::from_millis(2);

/// A running server, killed when dropped.
struct Server {
    child: Child,
    /// Those it says it listens on: the main one, then the second.
    ports: Vec<u16>,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fardrop-rendezvous"))
            .args(arguments)
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ports = lines
            .map(|line| line.unwrap())
            .inspect(|line| assert!(!line.contains("127.0.0.1"), "{line}"))
            .filter_map(|line| {
                let (_, port) = line.split_once("port=")?;
                Some(port.trim().parse().unwrap())
            })
            .take(2)
            .collect();
        Self { child, ports }
    }

    fn main(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A client on a socket of its own.
struct Peer {
    client: Client,
    socket: UdpSocket,
}

impl Peer {
    fn new(server: SocketAddr, side: Role) -> Self {
        let config = Config {
            server,
            locator: 417,
            side,
            pairing: PairingId::random(&mut OsRng),
            owner: OwnerToken::random(&mut OsRng),
            revision: 0,
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(TICK)).unwrap();
        let client = Client::new(Instant::now(), config, &mut OsRng);
        Self { client, socket }
    }

    fn say(&mut self, to: Option<PairingId>, words: &str) {
        let payload = Payload::new(words.into()).unwrap();
        let announcement = Announcement { to, payload };
        self.client.announce(Instant::now(), announcement).unwrap();
    }

    /// Sends what is due, listens for a tick, and says what has happened.
    fn tick(&mut self) -> Vec<Event> {
        self.client.handle_timeout(Instant::now());
        while let Some(transmit) = self.client.poll_transmit(Instant::now()) {
            // Where the server is down, the kernel may say so here.
            let _ = self.socket.send_to(&transmit.bytes, transmit.to);
        }
        let mut buffer = [0; 2048];
        if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let bytes = &buffer[..length];
            self.client.handle_datagram(Instant::now(), from, bytes);
        }
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// Goes on until the other side says that.
    #[track_caller]
    fn hear(&mut self, other: &mut Self, words: &str) -> PairingId {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            for event in self.tick() {
                if let Event::Peer { pairing, payload } = event
                    && payload.as_bytes() == words.as_bytes()
                {
                    return pairing;
                }
            }
            other.tick();
        }
        panic!("never heard {words}");
    }
}

#[test]
fn a_server_killed_in_the_middle_and_started_again_is_not_missed() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let address = server.main();
    let mut sender = Peer::new(address, Role::Sender);
    let mut receiver = Peer::new(address, Role::Receiver);
    sender.say(None, "open");
    receiver.say(None, "one");
    let pairing = sender.hear(&mut receiver, "one");
    drop(server);
    sender.say(Some(pairing), "two");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        sender.tick();
        receiver.tick();
    }
    let second = "127.0.0.1:0";
    let main = address.to_string();
    let _server = Server::start(&["--listen", &main, "--listen-second", second]);
    let pairing = receiver.hear(&mut sender, "two");
    receiver.say(Some(pairing), "three");
    sender.hear(&mut receiver, "three");
}

#[test]
fn the_second_port_tells_the_same_address() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let mut peer = Peer::new(server.main(), Role::Sender);
    let began = Instant::now();
    let reflexive = loop {
        assert!(began.elapsed() < PATIENCE);
        let event = peer.tick().into_iter().next();
        if let Some(Event::Reflexive {
            second_port,
            address,
        }) = event
        {
            assert_eq!(second_port, Some(server.ports[1]));
            break address;
        }
    };
    assert_eq!(reflexive, peer.socket.local_addr().unwrap());
    let second = SocketAddr::from(([127, 0, 0, 1], server.ports[1]));
    let mut query = AddressQuery::new(Instant::now(), second, &mut OsRng);
    let told = loop {
        assert!(began.elapsed() < PATIENCE);
        while let Some(transmit) = query.poll_transmit(Instant::now()) {
            peer.socket.send_to(&transmit.bytes, transmit.to).unwrap();
        }
        let mut buffer = [0; 2048];
        if let Ok((length, from)) = peer.socket.recv_from(&mut buffer) {
            query.handle_datagram(Instant::now(), from, &buffer[..length]);
        }
        if let Some(address) = query.poll_event() {
            break address;
        }
    };
    assert_eq!(told, reflexive);
}

/// What the server says to whoever connects by TCP.
fn line_by_tcp(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    stream.read_to_string(&mut line).unwrap();
    line
}

#[test]
fn a_line_by_tcp_has_the_time_and_holds_up_nobody() {
    // A random UDP port may be another program's TCP port; the next may not.
    let server = (0..20)
        .map(|_| Server::start(&["--listen", "127.0.0.1:0"]))
        .find(|server| TcpStream::connect(server.main()).is_ok())
        .unwrap();
    // Those that neither read nor close are not waited for.
    let _idle: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(server.main()).unwrap())
        .collect();
    let line = line_by_tcp(server.main());
    let check = TcpCheck::decode(line.as_bytes()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let apart = now.abs_diff(Duration::from_millis(check.unix_ms));
    assert!(apart < PATIENCE, "{apart:?}");
}

#[test]
fn a_taken_tcp_port_does_not_keep_it_from_serving() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let server = Server::start(&[
        "--listen",
        &address.to_string(),
        "--listen-second",
        "127.0.0.1:0",
    ]);
    assert_eq!(server.main(), address);
    let mut peer = Peer::new(address, Role::Sender);
    let began = Instant::now();
    while peer.tick().is_empty() {
        assert!(began.elapsed() < PATIENCE);
    }
}

#[test]
fn the_first_packet_of_quic_comes_back() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let probe = QuicProbe::random(&mut OsRng);
    // Longer than any datagram of the rendezvous' own.
    for length in [1200, 1472, 9000] {
        let bytes = probe.encode(length, &mut OsRng);
        socket.send_to(&bytes, server.main()).unwrap();
        let mut buffer = [0; 2048];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!(from, server.main());
        assert!(probe.is_answered_by(&buffer[..length]));
    }
}

#[test]
fn an_address_that_is_in_use_is_an_error() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_fardrop-rendezvous"))
        .args(["--listen", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("cannot listen on"), "{message}");
}

#[test]
fn metrics_count_and_do_not_tell_who() {
    // Whatever port is free now; another program may take it before the server does.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = free.local_addr().unwrap().to_string();
    drop(free);
    let server = Server::start(&["--listen", "127.0.0.1:0", "--metrics", &metrics]);
    let mut sender = Peer::new(server.main(), Role::Sender);
    let mut receiver = Peer::new(server.main(), Role::Receiver);
    sender.say(None, "open");
    receiver.say(None, "one");
    sender.hear(&mut receiver, "one");

    let mut stream = TcpStream::connect(&metrics).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");
    assert!(
        text.contains("\nfardrop_rendezvous_hellos_total 2\n"),
        "{text}"
    );
    assert!(text.contains("\nfardrop_rendezvous_sessions 2\n"), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[cfg(unix)]
#[test]
fn sigterm_and_ctrl_c_end_it_well() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&["--listen", "127.0.0.1:0"]);
        let process = server.child.id().to_string();
        let kill = Command::new("kill").args([signal, &process]).status();
        assert!(kill.unwrap().success());
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
    }
}
