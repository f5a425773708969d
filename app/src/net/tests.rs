//! A share that is listed and receivers that join it, around a real server on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fardrop_rendezvous::{Bounds, Config, Listen, Need, Server};
use fardrop_shared::code::PairingCode;
use fardrop_shared::pairing::{
    Capabilities, Ciphers, Hello, PeerKey, RunFailure, SenderEvent, SenderPairing, Transports,
};
use fardrop_shared::rendezvous::{Announcement, Client, Event};
use fardrop_shared::wire::rendezvous::{OwnerToken, Payload};
use fardrop_shared::{PairingId, Role};

use tokio::sync::mpsc;

use super::path::{ReintroductionEvent, ReintroductionPoint};
use super::socket::{PeerSocket, ask_reflexive, sleep_until};
use super::{
    CodeTries, IntroductionError, Join, Joined, Listing, ListingEvent, LocalEndpoint,
    LocalEndpointOptions, PortMappers,
};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

fn serve() -> String {
    serve_until_aborted().0
}

fn serve_until_aborted() -> (String, tokio::task::AbortHandle) {
    let listen = Listen {
        main: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        second: None,
        need: Need::Required,
    };
    let config = Config {
        listen: vec![listen],
        bounds: Bounds::default(),
    };
    let server = Server::bind(&config).unwrap();
    let address = server.local_addrs().next().unwrap();
    let running = tokio::spawn(server.run(std::future::pending()));
    (address.to_string(), running.abort_handle())
}

fn options() -> LocalEndpointOptions {
    LocalEndpointOptions {
        port: 0,
        ipv6: true,
        port_mapping: false,
        permit: PortMappers::new().permit(),
    }
}

/// So many tries, whatever the code.
#[derive(Debug)]
struct Tries(AtomicUsize);

impl Tries {
    fn new(left: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(left)))
    }
}

impl CodeTries for Tries {
    fn take(&self, _: &PairingCode) -> bool {
        let take = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        self.0.fetch_update(order, order, take).is_ok()
    }

    fn give_back(&self, _: &PairingCode) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn join(code: &PairingCode, servers: &[String]) -> Result<Joined, IntroductionError> {
    join_within(code, servers, &Tries::new(100)).await
}

async fn join_within(
    code: &PairingCode,
    servers: &[String],
    tries: &Arc<Tries>,
) -> Result<Joined, IntroductionError> {
    let wish = Join {
        code,
        servers,
        may_lead: |_| true,
        fingerprint: [2; 32],
        device: "receiver",
        endpoint: options(),
        mdns: false,
        transports: Transports::ALL,
        tries: tries.clone(),
    };
    wish.meet().await
}

/// Keeps a listing going until somebody has paired or it is dead.
async fn host(listing: &mut Listing) -> Result<(Box<PeerKey>, Hello), u8> {
    let mut wrong = 0;
    loop {
        match listing.next().await.unwrap() {
            ListingEvent::Pairing(SenderEvent::HelloNeeded { run }) => {
                let mut endpoint = LocalEndpoint::take(options()).unwrap();
                endpoint
                    .ask(&listing.server_addresses(), None)
                    .await
                    .unwrap();
                assert!(endpoint.is_same_machine());
                let hello = Hello::new([1; 32], endpoint.whereabouts(), "sender".to_owned());
                listing.provide_hello(run, hello);
            }
            ListingEvent::Pairing(SenderEvent::Paired { key, peer, .. }) => return Ok((key, peer)),
            ListingEvent::Pairing(SenderEvent::WrongCode { .. }) => wrong += 1,
            ListingEvent::Pairing(SenderEvent::RunFailed {
                reason: RunFailure::HelloMissing | RunFailure::Disturbed,
                ..
            }) => {}
            ListingEvent::Pairing(SenderEvent::Dead) => return Err(wrong),
            ListingEvent::Silent | ListingEvent::Crowded => {}
            ListingEvent::Taken => panic!("nobody else is there to take it"),
        }
    }
}

#[test]
fn a_second_port_that_is_named_as_well_is_asked_once() {
    run(async {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listen = Listen {
            main: local,
            second: Some(local),
            need: Need::Required,
        };
        let config = Config {
            listen: vec![listen],
            bounds: Bounds::default(),
        };
        let server = Server::bind(&config).unwrap();
        let main: Vec<SocketAddr> = server.local_addrs().collect();
        tokio::spawn(server.run(std::future::pending()));
        let ask = async |ports: &[SocketAddr]| -> Vec<SocketAddr> {
            let socket = PeerSocket::bind(0, false).unwrap();
            let until = Instant::now() + Duration::from_secs(10);
            let seen = ask_reflexive(&socket, ports, until).await.unwrap();
            seen.iter().map(|each| each.server).collect()
        };
        let both = ask(&main).await;
        assert_eq!(both.len(), 2);
        let mut again = ask(&both).await;
        again.sort_by_key(|port| *port != both[0]);
        assert_eq!(again, both);
    });
}

#[test]
fn two_who_know_the_code_meet() {
    run(async {
        let servers = [serve()];
        let mut listing = Listing::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = listing.code().clone();
        let (hosted, met) = tokio::join!(host(&mut listing), join(&code, &servers));
        let ((key, peer), met) = (hosted.unwrap(), met.unwrap());
        assert_eq!((peer.device(), met.peer.device()), ("receiver", "sender"));
        assert_eq!(
            (peer.fingerprint(), met.peer.fingerprint()),
            (&[2; 32], &[1; 32])
        );
        for role in [Role::Sender, Role::Receiver] {
            assert_eq!(key.probe(role).as_bytes(), met.key.probe(role).as_bytes());
        }
        assert!(met.endpoint.is_same_machine());
        assert!(
            !peer.whereabouts().candidates().is_empty()
                && !met.peer.whereabouts().candidates().is_empty()
        );
    });
}

#[test]
fn a_code_that_names_its_server_needs_no_other() {
    run(async {
        let servers = [serve()];
        let mut listing = Listing::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = listing
            .code()
            .clone()
            .with_server(Some(&servers[0]))
            .unwrap();
        let (hosted, met) = tokio::join!(host(&mut listing), join(&code, &[]));
        assert!(hosted.is_ok() && met.is_ok());
    });
}

#[test]
fn three_wrong_codes_and_the_right_one_is_refused_as_well() {
    run(async {
        let servers = [serve()];
        let mut listing = Listing::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let right = listing.code().clone();
        let rng = &mut rand::thread_rng();
        let guesses = async {
            for _ in 0..3 {
                let guess = PairingCode::generate(right.locator(), 2, rng);
                let met = join(&guess, &servers).await;
                assert!(
                    matches!(
                        met,
                        Err(IntroductionError::WrongCode | IntroductionError::CodeDead)
                    ),
                    "{met:?}"
                );
            }
            let met = join(&right, &servers).await;
            assert!(matches!(met, Err(IntroductionError::CodeDead)), "{met:?}");
        };
        let hosting = async {
            assert_eq!(host(&mut listing).await.err(), Some(3));
            // It stays to say so.
            loop {
                listing.next().await.unwrap();
            }
        };
        tokio::select! {
            () = guesses => {}
            () = hosting => {}
        }
    });
}

#[test]
fn a_code_that_nobody_has_is_said_to_be_none() {
    run(async {
        let code = PairingCode::parse("417-acid-lemon").unwrap();
        let met = join(&code, &[serve()]).await;
        assert!(matches!(met, Err(IntroductionError::NoSuchCode)), "{met:?}");
    });
}

#[test]
fn a_server_that_does_not_answer_is_passed_over() {
    run(async {
        // A socket that nobody reads.
        let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let servers = [silent.local_addr().unwrap().to_string(), serve()];
        let mut listing = Listing::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = listing.code().clone();
        let (hosted, met) = tokio::join!(host(&mut listing), join(&code, &servers));
        assert!(hosted.is_ok() && met.is_ok());
    });
}

#[test]
fn no_server_at_all_is_said() {
    run(async {
        let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let servers = [silent.local_addr().unwrap().to_string()];
        let listing = Listing::open(&servers, 2, true, Transports::ALL).await;
        assert!(
            matches!(listing, Err(IntroductionError::Unreachable)),
            "{listing:?}"
        );
    });
}

#[test]
fn a_server_that_falls_silent_is_stood_in_for_by_the_next() {
    run(async {
        let both = [serve_until_aborted(), serve_until_aborted()];
        let servers = both.each_ref().map(|(name, _)| name.clone());
        let mut listing = Listing::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = listing.code().clone();
        let holder = both
            .iter()
            .find(|(name, _)| name == listing.server())
            .unwrap();
        holder.1.abort();
        let (hosted, met) = tokio::join!(host(&mut listing), join(&code, &servers));
        assert!(hosted.is_ok() && met.is_ok(), "{hosted:?} {met:?}");
    });
}

/// Drives both reintroductions until each has heard what the other says now, and ends them. What it said in the
/// last reintroduction may be heard before.
async fn meet_again(points: &mut [ReintroductionPoint; 2], said: [&[u8]; 2]) {
    let sockets = [(); 2].map(|()| PeerSocket::bind(0, true).unwrap());
    let mut reintroductions = points.each_ref().map(ReintroductionPoint::enter);
    for (reintroduction, said) in reintroductions.iter_mut().zip(said) {
        reintroduction.announce(said.to_vec());
    }
    let mut heard = [false; 2];
    while heard != [true; 2] {
        let mut due = None;
        for index in 0..2 {
            let (events, next) = reintroductions[index].turn(&sockets[index]);
            due = [due, next].into_iter().flatten().min();
            for event in events {
                if let ReintroductionEvent::Peer(bytes) = event {
                    heard[index] |= bytes == said[1 - index];
                }
            }
        }
        let [left, right] = &mut reintroductions;
        tokio::select! {
            received = sockets[0].receive(|from, datagram| left.handle_datagram(from, datagram)) => {
                received.unwrap();
            }
            received = sockets[1].receive(|from, datagram| right.handle_datagram(from, datagram)) => {
                received.unwrap();
            }
            () = sleep_until(due) => {}
        }
    }
    for (point, reintroduction) in points.iter_mut().zip(&reintroductions) {
        point.leave(reintroduction);
    }
}

#[test]
fn a_pair_meets_again_and_again() {
    run(async {
        let server: SocketAddr = serve().parse().unwrap();
        let point = |role| ReintroductionPoint::new(role, 1 << 31 | 7, vec![server]);
        let mut points = [point(Role::Sender), point(Role::Receiver)];
        for (ours, theirs) in [(&b"one"[..], &b"two"[..]), (b"three", b"four")] {
            let both = meet_again(&mut points, [ours, theirs]);
            let soon = tokio::time::timeout(Duration::from_secs(20), both);
            soon.await.unwrap();
        }
    });
}

/// A sender that guesses at the words, another guess for each receiver, and says no more to one when it has its
/// proof, by which it can tell whether it was right; tells of each proof.
async fn false_sender(server: SocketAddr, guesses: [&str; 4], proofs: mpsc::Sender<()>) {
    let rng = &mut rand::thread_rng();
    let socket = PeerSocket::bind(0, false).unwrap();
    let mut guesses = guesses
        .map(|guess| PairingCode::parse(guess).unwrap())
        .into_iter();
    let mut next = || {
        let capabilities = Capabilities::new(Transports::ALL, Ciphers::of_this_processor());
        let rng = &mut rand::thread_rng();
        SenderPairing::new(guesses.next().unwrap(), capabilities, rng)
    };
    let mut pairing = next();
    let config = fardrop_shared::rendezvous::Config {
        server,
        locator: 417,
        side: Role::Sender,
        pairing: PairingId::random(rng),
        owner: OwnerToken::random(rng),
        revision: 0,
    };
    let mut client = Client::new(Instant::now(), config, rng);
    let say = |client: &mut Client, to, payload| {
        let payload = Payload::new(payload).unwrap();
        let announcement = Announcement { to, payload };
        client.announce(Instant::now(), announcement).unwrap();
    };
    say(&mut client, None, pairing.standing_payload());
    loop {
        let now = Instant::now();
        while let Some(event) = client.poll_event() {
            if let Event::Peer {
                pairing: from,
                payload,
            } = event
            {
                let rng = &mut rand::thread_rng();
                pairing.handle_payload(now, from, payload.as_bytes(), rng);
            }
        }
        let mut tested = false;
        while let Some(event) = pairing.poll_event() {
            tested |= matches!(
                event,
                SenderEvent::WrongCode { .. } | SenderEvent::HelloNeeded { .. }
            );
        }
        if tested {
            pairing = next();
            say(&mut client, None, pairing.standing_payload());
            // Before the next receiver asks.
            while let Some(transmit) = client.poll_transmit(Instant::now()) {
                socket.send(transmit.to, &transmit.bytes);
            }
            proofs.send(()).await.unwrap();
        }
        while let Some(transmit) = client.poll_transmit(now) {
            socket.send(transmit.to, &transmit.bytes);
        }
        let due = client.poll_timeout();
        let receive = socket.receive(|from, datagram| {
            client.handle_datagram(Instant::now(), from, datagram);
        });
        tokio::select! {
            received = receive => received.unwrap(),
            () = sleep_until(due) => {}
        }
        client.handle_timeout(Instant::now());
    }
}

#[test]
fn a_false_sender_that_stops_after_the_proof_gets_no_fourth_one() {
    run(async {
        let servers = [serve()];
        let code = PairingCode::parse("417-acid-lemon").unwrap();
        let guesses = [
            "417-acid-acid",
            "417-lemon-lemon",
            "417-lemon-acid",
            "417-acid-lemon",
        ];
        let (tell, mut proofs) = mpsc::channel(1);
        let attack = false_sender(servers[0].parse().unwrap(), guesses, tell);
        let tries = Tries::new(3);
        let receive = async {
            for _ in 0..3 {
                // Nothing more comes, and the person tries again.
                tokio::select! {
                    proof = proofs.recv() => assert!(proof.is_some()),
                    met = join_within(&code, &servers, &tries) => panic!("{met:?}"),
                }
            }
            let met = join_within(&code, &servers, &tries).await;
            assert!(matches!(met, Err(IntroductionError::CodeDead)), "{met:?}");
            proofs.try_recv().unwrap_err();
        };
        tokio::select! {
            () = attack => {}
            () = receive => {}
        }
    });
}
