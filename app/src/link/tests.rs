//! Links between two sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fardrop_shared::gbn::Keys;
use fardrop_shared::limits::CONTROL_MESSAGE_LIMIT;
use fardrop_shared::pairing::Cipher;
use fardrop_shared::path::{Candidate, CandidateKind, Nat, PathKeys, Whereabouts};
use fardrop_shared::{Role, Transport, Transports};
use quinn::crypto::rustls::QuicServerConfig;

use super::{CloseCode, Connected, Credentials, Identity, Link, LinkError, connect};
use crate::net::{
    LocalEndpoint, LocalEndpointOptions, Path, PathNews, PortMappers, Search, SearchConfig,
};

const KEYS: PathKeys<'static> = PathKeys {
    sender: &[1; 32],
    receiver: &[2; 32],
};

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// A socket on loopback, and where it is.
fn endpoint() -> (LocalEndpoint, Whereabouts) {
    let endpoint = LocalEndpoint::take(LocalEndpointOptions {
        port: 0,
        ipv6: true,
        port_mapping: false,
        permit: PortMappers::new().permit(),
    });
    let endpoint = endpoint.unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, endpoint.port()));
    let host = Candidate::new(CandidateKind::Host, address);
    (endpoint, Whereabouts::new(vec![host], Nat::Unknown))
}

async fn path(role: Role, endpoint: LocalEndpoint, there: &Whereabouts) -> (Search, Path) {
    let mut search = Search::begin(SearchConfig {
        role,
        endpoint,
        same_machine: true,
        probe: KEYS,
        resume: &[3; 32],
        there,
        servers: Vec::new(),
        patience: Duration::from_secs(5),
    });
    loop {
        if let PathNews::Found(report) = search.next().await.unwrap() {
            let path = search.path(&report).unwrap();
            return (search, path);
        }
    }
}

async fn paths() -> (Path, Path) {
    let ((left, left_at), (right, right_at)) = (endpoint(), endpoint());
    let ((_, left), (_, right)) = tokio::join!(
        path(Role::Sender, left, &right_at),
        path(Role::Receiver, right, &left_at),
    );
    (left, right)
}

fn credentials(role: Role, identity: Identity, peer_fingerprint: [u8; 32]) -> Credentials {
    Credentials {
        role,
        identity,
        peer_fingerprint,
        binding_key: [7; 32],
        go_back_n: Keys::from_roots([8; 32], [9; 32], role, Cipher::ChaCha20Poly1305),
        transports: Transports::QUIC,
    }
}

/// Both ends, each allowing these transports and beginning with its own.
async fn connected(transports: Transports, firsts: [Transport; 2]) -> (Connected, Connected) {
    let (left, right) = paths().await;
    let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (pin_a, pin_b) = (a.fingerprint(), b.fingerprint());
    let end = |role, identity, pin| Credentials {
        transports,
        ..credentials(role, identity, pin)
    };
    let (left, right) = tokio::join!(
        connect(left, end(Role::Sender, a, pin_b), firsts[0]),
        connect(right, end(Role::Receiver, b, pin_a), firsts[1]),
    );
    (left.unwrap(), right.unwrap())
}

/// The sender's and the receiver's end over either transport.
async fn links(kind: Transport) -> (Link, Link) {
    let transports = match kind {
        Transport::Quic => Transports::QUIC,
        Transport::GoBackN => Transports::GO_BACK_N,
    };
    let (left, right) = connected(transports, [Transport::Quic; 2]).await;
    assert_eq!(left.link.handle.transport(), kind);
    (left.link, right.link)
}

/// Runs a check over both transports.
fn over_both(check: impl AsyncFn(Transport)) {
    for kind in [Transport::Quic, Transport::GoBackN] {
        run(check(kind));
    }
}

#[test]
fn control_messages_and_data_cross() {
    over_both(async |kind| {
        let (mut sender, mut receiver) = links(kind).await;
        sender.control_sender.send(b"offer").await.unwrap();
        assert_eq!(
            receiver.control_receiver.receive().await.unwrap().unwrap(),
            b"offer"
        );
        receiver.control_sender.send(b"").await.unwrap();
        assert_eq!(
            sender.control_receiver.receive().await.unwrap().unwrap(),
            b""
        );
        let content: Bytes = vec![42; 5_000_000].into();
        let write = async {
            let mut data = sender.handle.open_data().await.unwrap();
            data.write(content.clone()).await.unwrap();
            data.finish().unwrap();
        };
        let read = async {
            let mut data = receiver.handle.accept_data().await.unwrap();
            let mut got = Vec::new();
            let mut buffer = vec![0; 100_000];
            while let Some(length) = data.read(&mut buffer).await.unwrap() {
                got.extend_from_slice(&buffer[..length]);
            }
            got
        };
        let ((), got) = tokio::join!(write, read);
        assert!(got == content);
        receiver.handle.close(CloseCode::Declined);
        let error = sender.handle.closed().await;
        assert!(
            matches!(error, LinkError::Closed(CloseCode::Declined)),
            "{error}"
        );
    });
}

#[test]
fn another_certificate_is_refused() {
    run(async {
        let (left, right) = paths().await;
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let pin_b = b.fingerprint();
        let (left, right) = tokio::join!(
            connect(left, credentials(Role::Sender, a, pin_b), Transport::Quic),
            connect(
                right,
                credentials(Role::Receiver, b, [0; 32]),
                Transport::Quic
            ),
        );
        assert!(matches!(left, Err(LinkError::Unauthenticated)), "{left:?}");
        assert!(
            matches!(right, Err(LinkError::Unauthenticated)),
            "{right:?}"
        );
    });
}

#[test]
fn the_right_certificate_with_another_pairing_key_is_refused() {
    run(async {
        let (left, right) = paths().await;
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let (pin_a, pin_b) = (a.fingerprint(), b.fingerprint());
        let mut wrong = credentials(Role::Receiver, b, pin_a);
        wrong.binding_key = [8; 32];
        let (left, right) = tokio::join!(
            connect(left, credentials(Role::Sender, a, pin_b), Transport::Quic),
            connect(right, wrong, Transport::Quic)
        );
        assert!(matches!(left, Err(LinkError::Unauthenticated)), "{left:?}");
        assert!(right.is_err());
    });
}

#[test]
fn a_control_message_over_the_limit_is_not_sent() {
    over_both(async |kind| {
        let (mut sender, _receiver) = links(kind).await;
        let long = vec![0; CONTROL_MESSAGE_LIMIT + 1];
        assert!(matches!(
            sender.control_sender.send(&long).await,
            Err(LinkError::Protocol(_))
        ));
    });
}

#[test]
fn a_close_in_the_middle_of_data_is_heard_at_once() {
    /// Well under the idle time-out, after which a silent peer counts as gone.
    const SOON: Duration = Duration::from_secs(5);
    over_both(async |kind| {
        let content: Bytes = vec![42; 1_000_000].into();
        for megabytes in 1..=8 {
            let (sender, receiver) = links(kind).await;
            let write = async {
                let mut data = sender.handle.open_data().await.unwrap();
                for _ in 0..megabytes {
                    data.write(content.clone()).await.unwrap();
                }
                // The windows are full of what was written last.
                sender.handle.close(CloseCode::Cancelled);
                sender.handle.wind_down().await;
            };
            let read = async {
                let mut buffer = vec![0; 100_000];
                // The close may have come before the stream.
                if let Ok(mut data) = receiver.handle.accept_data().await {
                    while data.read(&mut buffer).await.is_ok() {}
                }
                receiver.handle.closed().await
            };
            let both = async { tokio::join!(write, read).1 };
            let error = tokio::time::timeout(SOON, both).await.unwrap();
            assert!(
                matches!(error, LinkError::Closed(CloseCode::Cancelled)),
                "{error}"
            );
        }
    });
}

#[test]
fn both_ends_come_to_the_same_transport() {
    use Transport::{GoBackN, Quic};
    let cases = [
        ([Quic, Quic], Some(Quic)),
        ([Quic, GoBackN], Some(GoBackN)),
        // QUIC may be ready before the receiver hears that the sender begins otherwise.
        ([GoBackN, Quic], None),
        ([GoBackN, GoBackN], Some(GoBackN)),
    ];
    for (firsts, expected) in cases {
        run(async {
            let (left, right) = connected(Transports::ALL, firsts).await;
            let kind = left.link.handle.transport();
            assert_eq!(kind, right.link.handle.transport(), "{firsts:?}");
            assert!(
                expected.is_none_or(|expected| expected == kind),
                "{firsts:?}"
            );
            assert!(
                !left.quic_failed && !right.quic_failed,
                "nothing was learned"
            );
            let (mut left, mut right) = (left.link, right.link);
            left.control_sender.send(b"offer").await.unwrap();
            let heard = right.control_receiver.receive().await.unwrap();
            assert_eq!(heard.unwrap(), b"offer");
        });
    }
}

#[test]
fn data_streams_follow_one_another() {
    over_both(async |kind| {
        let (sender, receiver) = links(kind).await;
        for number in 0..5 {
            let mut out = sender.handle.open_data().await.unwrap();
            out.write(vec![number; 100_000].into()).await.unwrap();
            out.finish().unwrap();
            let mut stream = receiver.handle.accept_data().await.unwrap();
            let mut got = Vec::new();
            let mut buffer = [0; 70_000];
            while let Some(length) = stream.read(&mut buffer).await.unwrap() {
                got.extend_from_slice(&buffer[..length]);
            }
            assert_eq!(got, vec![number; 100_000]);
        }
    });
}

#[test]
fn a_reader_that_stands_still_stops_nothing_else_on_go_back_n() {
    run(async {
        let (mut sender, mut receiver) = links(Transport::GoBackN).await;
        let mut out = sender.handle.open_data().await.unwrap();
        let content: Bytes = vec![1; 1 << 20].into();
        let stuck = async {
            // More than all windows together: it never ends.
            for _ in 0..64 {
                out.write(content.clone()).await.unwrap();
            }
        };
        let talk = async {
            for number in 0..1000_u32 {
                let message = number.to_le_bytes();
                sender.control_sender.send(&message).await.unwrap();
                let heard = receiver.control_receiver.receive().await.unwrap();
                assert_eq!(heard.unwrap(), message);
                receiver.control_sender.send(&message).await.unwrap();
                let heard = sender.control_receiver.receive().await.unwrap();
                assert_eq!(heard.unwrap(), message);
            }
        };
        tokio::select! {
            () = stuck => panic!("something has read 64 MiB"),
            () = talk => {}
        }
    });
}

#[test]
fn all_messages_have_arrived_once_the_channel_is_finished() {
    over_both(async |kind| {
        let (mut sender, mut receiver) = links(kind).await;
        for number in 0..100_u8 {
            sender.control_sender.send(&[number; 1000]).await.unwrap();
        }
        sender.control_sender.finish().await.unwrap();
        sender.handle.close(CloseCode::Declined);
        for number in 0..100_u8 {
            let message = receiver.control_receiver.receive().await.unwrap();
            assert_eq!(message.unwrap(), [number; 1000]);
        }
        assert!(receiver.control_receiver.receive().await.unwrap().is_none());
    });
}

#[test]
fn a_link_that_is_dropped_is_closed() {
    over_both(async |kind| {
        let (sender, receiver) = links(kind).await;
        drop(sender);
        let error = receiver.handle.closed().await;
        assert!(
            matches!(error, LinkError::Closed(CloseCode::Done)),
            "{error}"
        );
        let refused = receiver.handle.open_data().await;
        assert!(refused.is_err());
    });
}

#[test]
fn other_keys_make_no_go_back_n() {
    run(async {
        let (left, right) = paths().await;
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let mut ours = credentials(Role::Sender, a, [0; 32]);
        ours.transports = Transports::GO_BACK_N;
        let mut theirs = credentials(Role::Receiver, b, [0; 32]);
        theirs.transports = Transports::GO_BACK_N;
        theirs.go_back_n =
            Keys::from_roots([1; 32], [9; 32], Role::Receiver, Cipher::ChaCha20Poly1305);
        let (left, right) = tokio::join!(
            connect(left, ours, Transport::Quic),
            connect(right, theirs, Transport::Quic),
        );
        assert!(matches!(left, Err(LinkError::TimedOut)), "{left:?}");
        assert!(matches!(right, Err(LinkError::TimedOut)), "{right:?}");
    });
}

/// A handshake that somebody else answers in the sender's place, from the sender's address, then the sender itself;
/// the receiver all the while. Checks that they come to Go-Back-N.
fn somebody_else_answers(forger: rustls::ServerConfig) {
    run(async {
        let (left, right) = paths().await;
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let (pin_a, pin_b) = (a.fingerprint(), b.fingerprint());
        let end = |role, identity, pin| Credentials {
            transports: Transports::ALL,
            ..credentials(role, identity, pin)
        };
        let sender = async {
            let crypto = QuicServerConfig::try_from(forger).unwrap();
            let endpoint = quinn::Endpoint::new_with_abstract_socket(
                quinn::EndpointConfig::default(),
                Some(quinn::ServerConfig::with_crypto(Arc::new(crypto))),
                left.socket(),
                Arc::new(quinn::TokioRuntime),
            )
            .unwrap();
            let incoming = endpoint.accept().await.unwrap();
            if let Ok(connecting) = incoming.accept() {
                assert!(connecting.await.is_err());
            }
            // It takes packets for as long as it is there.
            endpoint.wait_idle().await;
            drop(endpoint);
            connect(left, end(Role::Sender, a, pin_b), Transport::Quic).await
        };
        let (left, right) = tokio::join!(
            sender,
            connect(right, end(Role::Receiver, b, pin_a), Transport::Quic)
        );
        assert_eq!(left.unwrap().link.handle.transport(), Transport::GoBackN);
        assert_eq!(right.unwrap().link.handle.transport(), Transport::GoBackN);
    });
}

#[test]
fn a_handshake_answered_by_somebody_else_leads_on_to_go_back_n() {
    let forger = Identity::generate().unwrap();
    somebody_else_answers(forger.server_config([0; 32]).unwrap());
}

#[test]
fn a_handshake_closed_by_somebody_else_leads_on_to_go_back_n() {
    let forger = Identity::generate().unwrap();
    let mut forger = forger.server_config([0; 32]).unwrap();
    // Without a certificate to show it closes with a TLS alert, before there are keys.
    forger.cert_resolver = Arc::new(NoCertificate);
    somebody_else_answers(forger);
}

#[test]
fn an_impostor_without_the_keys_is_told_as_one_in_the_end() {
    run(async {
        let (left, right) = paths().await;
        let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let both = Transports::ALL;
        let mut impostor = credentials(Role::Sender, a, b.fingerprint());
        impostor.transports = both;
        impostor.go_back_n =
            Keys::from_roots([1; 32], [9; 32], Role::Sender, Cipher::ChaCha20Poly1305);
        let mut receiver = credentials(Role::Receiver, b, [0; 32]);
        receiver.transports = both;
        let (_, right) = tokio::join!(
            connect(left, impostor, Transport::Quic),
            connect(right, receiver, Transport::Quic),
        );
        assert!(
            matches!(right, Err(LinkError::Unauthenticated)),
            "{right:?}"
        );
    });
}

/// Resolves to none.
#[derive(Debug)]
struct NoCertificate;

impl rustls::server::ResolvesServerCert for NoCertificate {
    fn resolve(
        &self,
        _: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
}
