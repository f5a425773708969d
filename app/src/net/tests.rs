//! A lobby and its visitors around a real server on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fardrop_rendezvous::{Bounds, Config, Listen, Need, Server};
use fardrop_shared::Role;
use fardrop_shared::code::PairingCode;
use fardrop_shared::pairing::{Hello, PeerKey, Transports};

use super::path::{MeetingPlace, Word};
use super::socket::{PeerSocket, look, sleep_until};
use super::{Lobby, LobbyEvent, MeetError, Met, Place, PlaceOptions, PortMappers, Visitor};

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

fn options() -> PlaceOptions {
    PlaceOptions {
        port: 0,
        ipv6: true,
        port_mapping: false,
        permit: PortMappers::new().permit(),
    }
}

async fn visit(code: &PairingCode, servers: &[String]) -> Result<Met, MeetError> {
    let visitor = Visitor {
        code,
        servers,
        fingerprint: [2; 32],
        device: "receiver",
        place: options(),
        mdns: false,
        transports: Transports::ALL,
    };
    visitor.meet().await
}

/// Keeps a lobby going until somebody has paired or it is dead.
async fn host(lobby: &mut Lobby) -> Result<(Box<PeerKey>, Hello), u8> {
    let mut wrong = 0;
    loop {
        match lobby.next().await.unwrap() {
            LobbyEvent::HelloNeeded(run) => {
                let mut place = Place::take(options()).unwrap();
                place.ask(&lobby.server_addresses(), None).await.unwrap();
                assert!(place.is_same_machine());
                let hello = Hello::new([1; 32], place.whereabouts(), "sender".to_owned());
                lobby.provide_hello(run, hello);
            }
            LobbyEvent::Paired { key, peer, .. } => return Ok((key, peer)),
            LobbyEvent::WrongCode { .. } => wrong += 1,
            LobbyEvent::Unpaired(_) => {}
            LobbyEvent::Dead => return Err(wrong),
            LobbyEvent::Silent => {}
            LobbyEvent::Taken => panic!("nobody else is there to take it"),
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
            let seen = look(&socket, ports, until).await.unwrap();
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
        let mut lobby = Lobby::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = lobby.code().clone();
        let (hosted, met) = tokio::join!(host(&mut lobby), visit(&code, &servers));
        let ((key, peer), met) = (hosted.unwrap(), met.unwrap());
        assert_eq!((peer.device(), met.peer.device()), ("receiver", "sender"));
        assert_eq!(
            (peer.fingerprint(), met.peer.fingerprint()),
            (&[2; 32], &[1; 32])
        );
        for role in [Role::Sender, Role::Receiver] {
            assert_eq!(key.probe(role).as_bytes(), met.key.probe(role).as_bytes());
        }
        assert!(met.place.is_same_machine());
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
        let mut lobby = Lobby::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = lobby.code().clone().with_server(Some(&servers[0])).unwrap();
        let (hosted, met) = tokio::join!(host(&mut lobby), visit(&code, &[]));
        assert!(hosted.is_ok() && met.is_ok());
    });
}

#[test]
fn three_wrong_codes_and_the_right_one_is_refused_as_well() {
    run(async {
        let servers = [serve()];
        let mut lobby = Lobby::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let right = lobby.code().clone();
        let rng = &mut rand::thread_rng();
        let guesses = async {
            for _ in 0..3 {
                let guess = PairingCode::generate(right.locator(), 2, rng);
                let met = visit(&guess, &servers).await;
                assert!(
                    matches!(met, Err(MeetError::WrongCode | MeetError::CodeDead)),
                    "{met:?}"
                );
            }
            let met = visit(&right, &servers).await;
            assert!(matches!(met, Err(MeetError::CodeDead)), "{met:?}");
        };
        let hosting = async {
            assert_eq!(host(&mut lobby).await.err(), Some(3));
            // It stays to say so.
            loop {
                lobby.next().await.unwrap();
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
        let met = visit(&code, &[serve()]).await;
        assert!(matches!(met, Err(MeetError::NoSuchCode)), "{met:?}");
    });
}

#[test]
fn a_server_that_does_not_answer_is_passed_over() {
    run(async {
        // A socket that nobody reads.
        let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let servers = [silent.local_addr().unwrap().to_string(), serve()];
        let mut lobby = Lobby::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = lobby.code().clone();
        let (hosted, met) = tokio::join!(host(&mut lobby), visit(&code, &servers));
        assert!(hosted.is_ok() && met.is_ok());
    });
}

#[test]
fn no_server_at_all_is_said() {
    run(async {
        let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let servers = [silent.local_addr().unwrap().to_string()];
        let lobby = Lobby::open(&servers, 2, true, Transports::ALL).await;
        assert!(matches!(lobby, Err(MeetError::Unreachable)), "{lobby:?}");
    });
}

#[test]
fn a_server_that_falls_silent_is_stood_in_for_by_the_next() {
    run(async {
        let both = [serve_until_aborted(), serve_until_aborted()];
        let servers = both.each_ref().map(|(name, _)| name.clone());
        let mut lobby = Lobby::open(&servers, 2, true, Transports::ALL)
            .await
            .unwrap();
        let code = lobby.code().clone();
        let holder = both
            .iter()
            .find(|(name, _)| name == lobby.server())
            .unwrap();
        holder.1.abort();
        let (hosted, met) = tokio::join!(host(&mut lobby), visit(&code, &servers));
        assert!(hosted.is_ok() && met.is_ok(), "{hosted:?} {met:?}");
    });
}

/// Drives both meetings until each has heard what the other says now, and ends them. What it said in the
/// last meeting may be heard before.
async fn meet_again(places: &mut [MeetingPlace; 2], said: [&[u8]; 2]) {
    let sockets = [(); 2].map(|()| PeerSocket::bind(0, true).unwrap());
    let mut meetings = places.each_ref().map(MeetingPlace::enter);
    for (meeting, said) in meetings.iter_mut().zip(said) {
        meeting.announce(said.to_vec());
    }
    let mut heard = [false; 2];
    while heard != [true; 2] {
        let mut due = None;
        for index in 0..2 {
            let (words, next) = meetings[index].turn(&sockets[index]);
            due = [due, next].into_iter().flatten().min();
            for word in words {
                if let Word::Peer(bytes) = word {
                    heard[index] |= bytes == said[1 - index];
                }
            }
        }
        let [left, right] = &mut meetings;
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
    for (place, meeting) in places.iter_mut().zip(&meetings) {
        place.leave(meeting);
    }
}

#[test]
fn a_pair_meets_again_and_again() {
    run(async {
        let server: SocketAddr = serve().parse().unwrap();
        let place = |role| MeetingPlace::new(role, 1 << 31 | 7, vec![server]);
        let mut places = [place(Role::Sender), place(Role::Receiver)];
        for (ours, theirs) in [(&b"one"[..], &b"two"[..]), (b"three", b"four")] {
            let both = meet_again(&mut places, [ours, theirs]);
            let soon = tokio::time::timeout(Duration::from_secs(20), both);
            soon.await.unwrap();
        }
    });
}
