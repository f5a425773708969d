//! NAT-PMP and PCP: servers that answer, and datagrams that are no answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::router::Router;
use super::{PATIENCE, PORT, run};
use crate::net::mapping::exchange::Standing;
use crate::net::mapping::{
    AttemptState, LEASE, MappingError, MappingProtocol, PortMapper, PortMappers, RELEASE_TIME,
};

const EXTERNAL: [u8; 4] = [11, 0, 1, 2];

/// A router whose NAT-PMP and PCP port answers each datagram with those that `answer` makes, and a
/// channel of the requests to delete that it got.
async fn server(
    answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> (Router, mpsc::Receiver<Vec<u8>>) {
    let (mut router, ssdp, pcp) = Router::silent(Ipv4Addr::LOCALHOST.into()).await;
    let (deleted, deletions) = mpsc::channel(16);
    router.spawn(async move {
        let _held = ssdp;
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = pcp.recv_from(&mut buffer).await.unwrap();
            let request = &buffer[..length];
            let lifetime = match request {
                [2, 1, _, _, lifetime @ ..] => Some(&lifetime[..4]),
                [0, 1, ..] => Some(&request[8..12]),
                _ => None,
            };
            if lifetime == Some(&[0; 4]) {
                deleted.send(request.to_vec()).await.unwrap();
            }
            for datagram in answer(request) {
                pcp.send_to(&datagram, from).await.unwrap();
            }
        }
    });
    (router, deletions)
}

/// The answer of an honest PCP server to a `MAP`; nothing to anything else.
fn pcp(request: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = request.to_vec();
    if bytes.len() != 60 || bytes[0] != 2 {
        return None;
    }
    bytes[1] |= 0x80;
    bytes[3] = 0;
    bytes[8..24].fill(0);
    bytes[54..56].fill(0xff);
    bytes[56..60].copy_from_slice(&EXTERNAL);
    Some(bytes)
}

/// The answer of an honest NAT-PMP server; nothing to anything else.
fn nat_pmp(request: &[u8]) -> Option<Vec<u8>> {
    let mut answer = vec![0, request[1] | 0x80, 0, 0, 0, 0, 0, 9];
    match request {
        [0, 0] => answer.extend(EXTERNAL),
        [0, 1, ..] => answer.extend(&request[4..12]),
        _ => return None,
    }
    Some(answer)
}

/// Passes over the other protocol's, which cannot know whether there is something to take back.
async fn deletion_of_version(version: u8, deletions: &mut mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    let deletion = async {
        loop {
            let deletion = deletions.recv().await.unwrap();
            if deletion[0] == version {
                return deletion;
            }
        }
    };
    tokio::time::timeout(PATIENCE, deletion).await.unwrap()
}

fn mapped() -> AttemptState {
    AttemptState::Mapped {
        external: (Ipv4Addr::from(EXTERNAL), PORT).into(),
        lease: LEASE,
    }
}

#[tokio::test]
async fn a_pcp_server_opens_the_port_and_closes_it_again() {
    let (router, mut deletions) = server(|request| pcp(request).into_iter().collect()).await;
    let state = run(router.gateway.clone(), MappingProtocol::Pcp).await;
    assert_eq!(state, mapped());
    let deletion = deletion_of_version(2, &mut deletions).await;
    assert_eq!(deletion.len(), 60);
}

#[tokio::test]
async fn a_nat_pmp_server_opens_the_port_and_closes_it_again() {
    let (router, mut deletions) = server(|request| nat_pmp(request).into_iter().collect()).await;
    let state = run(router.gateway.clone(), MappingProtocol::NatPmp).await;
    assert_eq!(state, mapped());
    let deletion = deletion_of_version(0, &mut deletions).await;
    assert_eq!(deletion, [0, 1, 0, 0, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn what_is_no_answer_is_passed_over() {
    let (router, _deletions) = server(|request| {
        let Some(right) = pcp(request).or_else(|| nat_pmp(request)) else {
            return Vec::new();
        };
        let mut wrong_nonce_or_port = right.clone();
        let place = if right.len() == 60 { 24 } else { 8 };
        if let Some(byte) = wrong_nonce_or_port.get_mut(place) {
            *byte ^= 1;
        }
        let strays = [
            Vec::new(),
            vec![0xff; 2000],
            request.to_vec(),
            right[..7].to_vec(),
        ];
        // An address answer is tied to nothing: one bit off, it is another address.
        let wrong = (right.len() != 12).then_some(wrong_nonce_or_port);
        strays.into_iter().chain(wrong).chain([right]).collect()
    })
    .await;
    for protocol in [MappingProtocol::Pcp, MappingProtocol::NatPmp] {
        assert_eq!(run(router.gateway.clone(), protocol).await, mapped());
    }
}

#[tokio::test]
async fn a_flood_of_strays_is_cut_short() {
    let (router, _deletions) = server(|_| vec![vec![0xff; 100]; 100]).await;
    for protocol in [MappingProtocol::Pcp, MappingProtocol::NatPmp] {
        let state = run(router.gateway.clone(), protocol).await;
        assert_eq!(state, AttemptState::Refused(MappingError::Malformed));
    }
}

#[tokio::test]
async fn an_answer_from_another_address_is_not_heard() {
    let (mut router, _ssdp, asked) = Router::silent(Ipv4Addr::LOCALHOST.into()).await;
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    router.spawn(async move {
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = asked.recv_from(&mut buffer).await.unwrap();
            if let Some(answer) = pcp(&buffer[..length]) {
                other.send_to(&answer, from).await.unwrap();
            }
        }
    });
    let state = run(router.gateway.clone(), MappingProtocol::Pcp).await;
    assert_eq!(state, AttemptState::Silent);
}

#[tokio::test]
async fn refusals_have_their_reason() {
    let (router, _deletions) = server(|request| {
        let refused = pcp(request).or_else(|| nat_pmp(request)).map(|mut answer| {
            answer[3] = 2;
            answer
        });
        refused.into_iter().collect()
    })
    .await;
    for protocol in [MappingProtocol::Pcp, MappingProtocol::NatPmp] {
        let state = run(router.gateway.clone(), protocol).await;
        assert_eq!(state, AttemptState::Refused(MappingError::Code(2)));
    }
}

#[tokio::test]
async fn mappings_that_cannot_be_are_dropped() {
    for (place, bytes) in [(4, [0; 4]), (42, [0; 4]), (56, [224, 0, 0, 1])] {
        let (router, _deletions) = server(move |request| {
            let mut answer = pcp(request);
            if let Some(answer) = &mut answer {
                answer[place..place + 4].copy_from_slice(&bytes);
            }
            answer.into_iter().collect()
        })
        .await;
        let state = run(router.gateway.clone(), MappingProtocol::Pcp).await;
        assert_eq!(state, AttemptState::Refused(MappingError::Unusable));
    }
}

/// Drops a port mapper when its first PCP request has come, and answers the `answered`th PCP request to
/// delete: how many of those there were when everything was given back, and how long that took.
async fn dropped_while_asking(answered: usize) -> (usize, Duration) {
    let (mut router, ssdp, socket) = Router::silent(Ipv4Addr::LOCALHOST.into()).await;
    let (asking, mut asked) = mpsc::channel(16);
    let deletions = Arc::new(AtomicUsize::new(0));
    let counter = deletions.clone();
    router.spawn(async move {
        let _held = ssdp;
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let request = &buffer[..length];
            if request[0] != 2 {
                continue;
            }
            if request[4..8] != [0; 4] {
                asking.send(()).await.unwrap();
            } else if counter.fetch_add(1, Ordering::SeqCst) + 1 == answered {
                let answer = pcp(request).unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    let mappers = PortMappers::new();
    let gateway = router.gateway.clone();
    let mapper = PortMapper::with_gateways(PORT, &mappers.permit(), move || vec![gateway]);
    tokio::time::timeout(PATIENCE, asked.recv()).await.unwrap();
    let started = Instant::now();
    drop(mapper);
    let released = tokio::time::timeout(PATIENCE, mappers.released()).await;
    assert_eq!(released, Ok(()));
    (deletions.load(Ordering::SeqCst), started.elapsed())
}

#[tokio::test]
async fn a_port_that_a_router_was_about_to_open_is_seen_closed() {
    // A router that is slow, or a datagram that is lost: the first request to delete is not answered.
    let (deletions, took) = dropped_while_asking(2).await;
    assert_eq!(deletions, 2);
    assert!(took < RELEASE_TIME, "{took:?}");
}

#[tokio::test]
async fn a_router_that_is_silent_delays_the_end_by_less_than_a_second() {
    let (deletions, took) = dropped_while_asking(usize::MAX).await;
    assert_eq!(deletions, 2);
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn what_is_known_of_a_mapping_follows_from_what_was_heard() {
    let refused = Err(MappingError::Code(2));
    let (silent, cut_off) = (Err(MappingError::Silent), Err(MappingError::Stopped));
    let cases: [(&[Result<(), MappingError>], Standing); 7] = [
        (&[Ok(())], Standing::Open),
        (&[refused], Standing::Closed),
        (&[silent], Standing::Unknown),
        (&[cut_off], Standing::Asked),
        (&[silent, cut_off], Standing::Asked),
        // There is a lease, whatever became of its renewal.
        (&[Ok(()), refused], Standing::Open),
        (&[Ok(()), cut_off], Standing::Open),
    ];
    for (outcomes, expected) in cases {
        let mut standing = Standing::Closed;
        for outcome in outcomes {
            standing.on_asked();
            standing.on_outcome(outcome);
        }
        assert_eq!(standing, expected, "{outcomes:?}");
    }
}
