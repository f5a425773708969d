//! QUIC between two sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use fardrop_shared::Role;
use fardrop_shared::path::{Candidate, CandidateKind, Nat, PathKeys, Whereabouts};

use super::{CloseCode, Credentials, Identity, Link, LinkError, connect};
use crate::net::{Acquainted, Path, PathNews, Place, PlaceOptions, PortMappers, Search};

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
fn place() -> (Place, Whereabouts) {
    let place = Place::take(PlaceOptions {
        port: 0,
        ipv6: true,
        port_mapping: false,
        permit: PortMappers::new().permit(),
    });
    let place = place.unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, place.port()));
    let host = Candidate::new(CandidateKind::Host, address);
    (place, Whereabouts::new(vec![host], Nat::Unknown))
}

async fn path(role: Role, place: Place, there: &Whereabouts) -> (Search, Path) {
    let mut search = Search::begin(Acquainted {
        role,
        place,
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
    let ((left, left_at), (right, right_at)) = (place(), place());
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
    }
}

async fn links() -> (Link, Link) {
    let (left, right) = paths().await;
    let (a, b) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let (pin_a, pin_b) = (a.fingerprint(), b.fingerprint());
    let (left, right) = tokio::join!(
        connect(left, credentials(Role::Sender, a, pin_b)),
        connect(right, credentials(Role::Receiver, b, pin_a)),
    );
    (left.unwrap(), right.unwrap())
}

#[test]
fn control_messages_and_data_cross() {
    run(async {
        let (mut sender, mut receiver) = links().await;
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
            connect(left, credentials(Role::Sender, a, pin_b)),
            connect(right, credentials(Role::Receiver, b, [0; 32])),
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
            connect(left, credentials(Role::Sender, a, pin_b)),
            connect(right, wrong)
        );
        assert!(matches!(left, Err(LinkError::Unauthenticated)), "{left:?}");
        assert!(right.is_err());
    });
}

#[test]
fn a_control_message_over_the_limit_is_not_sent() {
    run(async {
        let (mut sender, _receiver) = links().await;
        let long = vec![0; super::CONTROL_MESSAGE_LIMIT + 1];
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
    run(async {
        let content: Bytes = vec![42; 1_000_000].into();
        for megabytes in 1..=8 {
            let (sender, receiver) = links().await;
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
