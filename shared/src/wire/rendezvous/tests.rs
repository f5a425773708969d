use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_PAIRING_DATAGRAM_BYTES, MAX_PAIRING_PAYLOAD_BYTES};

const TAG: Tag = Tag([7; 8]);

fn announce(to: Option<PairingId>, payload: Vec<u8>) -> Announce {
    Announce {
        cookie: Cookie([1; 16]),
        locator: 417,
        side: Role::Receiver,
        pairing: PairingId([2; 16]),
        owner: OwnerToken([3; 16]),
        to,
        last: false,
        revision: 300,
        payload: Payload::new(payload).unwrap(),
    }
}

fn requests() -> Vec<Request> {
    vec![
        Request::Hello,
        Request::Announce(announce(None, vec![])),
        Request::Announce(announce(Some(PairingId([4; 16])), b"hello".to_vec())),
        Request::Ask(Ask {
            cookie: None,
            locator: 417,
        }),
        Request::Ask(Ask {
            cookie: Some(Cookie([1; 16])),
            locator: u32::MAX,
        }),
        Request::Announce(Announce {
            last: true,
            locator: u32::MAX,
            side: Role::Sender,
            revision: u32::MAX,
            ..announce(
                Some(PairingId([4; 16])),
                vec![5; MAX_RENDEZVOUS_PAYLOAD_BYTES],
            )
        }),
    ]
}

fn replies() -> Vec<Reply> {
    let seen = |address: &str| Welcome {
        cookie: Cookie([1; 16]),
        address: address.parse().unwrap(),
        second_port: 4841,
    };
    let welcome = |address: &str| Reply::Cookie(seen(address));
    let peer = |answers, bytes| {
        Reply::Peer(Peer {
            answers,
            pairing: PairingId([2; 16]),
            directed: true,
            revision: u32::MAX,
            payload: Payload::new(vec![6; bytes]).unwrap(),
        })
    };
    vec![
        welcome("192.0.2.7:50000"),
        welcome("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
        Reply::Waiting { answers: 3 },
        peer(None, 0),
        peer(Some(u32::MAX), MAX_RENDEZVOUS_PAYLOAD_BYTES),
        Reply::Taken { answers: 4 },
        Reply::Busy { answers: u32::MAX },
        Reply::Version(VersionRange::OURS),
        Reply::Open(Open {
            welcome: seen("192.0.2.7:50000"),
            said: None,
        }),
        Reply::Open(Open {
            welcome: Welcome {
                second_port: u16::MAX,
                ..seen("[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535")
            },
            said: Some(Payload::new(vec![6; MAX_OPEN_PAYLOAD_BYTES]).unwrap()),
        }),
        Reply::Crowded,
    ]
}

#[track_caller]
fn check_request(request: &Request) -> Vec<u8> {
    let bytes = request.encode(TAG);
    assert!(
        bytes.len() <= MAX_RENDEZVOUS_DATAGRAM_BYTES,
        "{} bytes",
        bytes.len()
    );
    assert_eq!(Request::decode(&bytes), Ok((TAG, request.clone())));
    assert!(is_rendezvous(&bytes));
    bytes
}

#[track_caller]
fn check_reply(reply: &Reply) -> Vec<u8> {
    let bytes = reply.encode(TAG);
    assert!(
        bytes.len() <= MAX_RENDEZVOUS_DATAGRAM_BYTES,
        "{} bytes",
        bytes.len()
    );
    assert_eq!(Reply::decode(&bytes), Ok((TAG, reply.clone())));
    bytes
}

#[test]
fn every_message_comes_back_as_it_went() {
    for request in &requests() {
        check_request(request);
    }
    for reply in &replies() {
        check_reply(reply);
    }
}

#[test]
fn every_truncation_is_refused() {
    for bytes in requests().iter().map(|request| request.encode(TAG)) {
        for length in 0..bytes.len() {
            assert!(Request::decode(&bytes[..length]).is_err(), "{length}");
        }
    }
    for bytes in replies().iter().map(|reply| reply.encode(TAG)) {
        for length in 0..bytes.len() {
            assert!(Reply::decode(&bytes[..length]).is_err(), "{length}");
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = requests()[1].encode(TAG);
    bytes.push(0);
    assert_eq!(Request::decode(&bytes), Err(DecodeError::Malformed));
}

#[test]
fn a_datagram_over_the_longest_is_foreign() {
    let mut bytes = Request::Hello.encode(TAG);
    bytes.resize(MAX_RENDEZVOUS_DATAGRAM_BYTES, 0);
    assert!(Request::decode(&bytes).is_ok());
    bytes.push(0);
    assert_eq!(Request::decode(&bytes), Err(DecodeError::Foreign));
}

#[test]
fn a_payload_over_the_longest_is_refused_at_both_ends() {
    assert_eq!(
        Payload::new(vec![0; MAX_RENDEZVOUS_PAYLOAD_BYTES + 1]),
        Err(PayloadTooLong {
            bytes: MAX_RENDEZVOUS_PAYLOAD_BYTES + 1
        })
    );
    let mut bytes =
        Request::Announce(announce(None, vec![0; MAX_RENDEZVOUS_PAYLOAD_BYTES])).encode(TAG);
    let length_at = bytes.len() - MAX_RENDEZVOUS_PAYLOAD_BYTES - 2;
    assert_eq!(bytes[length_at..length_at + 2], [0xe8, 0x07]);
    bytes[length_at] += 1;
    bytes.push(0);
    assert_eq!(Request::decode(&bytes), Err(DecodeError::Malformed));
}

#[test]
fn no_cookie_reply_is_longer_than_a_hello() {
    for reply in &replies()[..2] {
        assert!(check_reply(reply).len() <= RENDEZVOUS_HELLO_BYTES);
    }
    assert_eq!(Request::Hello.encode(TAG).len(), RENDEZVOUS_HELLO_BYTES);
}

#[test]
fn an_answer_is_as_long_as_its_question_whatever_it_says() {
    for request in &requests()[3..5] {
        assert_eq!(check_request(request).len(), QUESTION_BYTES);
    }
    for reply in &replies()[8..10] {
        assert_eq!(check_reply(reply).len(), QUESTION_BYTES);
    }
}

#[test]
fn pairing_fits_a_packet_that_every_host_takes() {
    const { assert!(QUESTION_BYTES <= MAX_PAIRING_DATAGRAM_BYTES) };
    const { assert!(RENDEZVOUS_HELLO_BYTES <= MAX_PAIRING_DATAGRAM_BYTES) };
    let longest = Announce {
        locator: u32::MAX,
        revision: u32::MAX,
        ..announce(Some(PairingId([4; 16])), vec![5; MAX_PAIRING_PAYLOAD_BYTES])
    };
    let bytes = check_request(&Request::Announce(longest));
    assert!(bytes.len() <= MAX_PAIRING_DATAGRAM_BYTES, "{}", bytes.len());
    let pushed = Reply::Peer(Peer {
        answers: Some(u32::MAX),
        pairing: PairingId([2; 16]),
        directed: true,
        revision: u32::MAX,
        payload: Payload::new(vec![6; MAX_PAIRING_PAYLOAD_BYTES]).unwrap(),
    });
    assert!(check_reply(&pushed).len() <= MAX_PAIRING_DATAGRAM_BYTES);
}

#[test]
fn an_unknown_version_is_told_apart_and_its_answer_is_readable_by_all() {
    let mut bytes = Request::Hello.encode(TAG);
    bytes[4] = 9;
    let unknown = DecodeError::Version {
        tag: TAG,
        version: 9,
    };
    assert_eq!(Request::decode(&bytes), Err(unknown));
    assert_eq!(
        Request::decode(&bytes[..VERSION_BYTES - 1]),
        Err(DecodeError::Foreign)
    );
    let reply = Reply::Version(VersionRange {
        oldest: 3,
        newest: 9,
    });
    let mut bytes = reply.encode(TAG);
    assert_eq!(bytes.len(), VERSION_BYTES);
    bytes[4] = 9;
    assert_eq!(Reply::decode(&bytes), Ok((TAG, reply)));
}

#[test]
fn a_reply_is_no_request_in_any_version() {
    for reply in &replies() {
        let mut bytes = reply.encode(TAG);
        assert_eq!(Request::decode(&bytes), Err(DecodeError::Malformed));
        bytes[4] = 200;
        assert_eq!(Request::decode(&bytes), Err(DecodeError::Malformed));
    }
}

#[test]
fn the_bytes_are_these() {
    let golden = |bytes: Vec<u8>| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let announcing = announce(Some(PairingId([4; 16])), b"hi".to_vec());
    assert_eq!(
        golden(check_request(&Request::Announce(announcing))),
        format!(
            "1f46445202020707070707070707{}a10301{}{}01{}00ac02026869",
            "01".repeat(16),
            "02".repeat(16),
            "03".repeat(16),
            "04".repeat(16)
        )
    );
    assert_eq!(
        golden(check_request(&Request::Hello)),
        format!("1f46445202010707070707070707{}", "00".repeat(50))
    );
    let replies = replies();
    assert_eq!(
        golden(check_reply(&replies[0])),
        format!(
            "1f46445202810707070707070707{}00c0000207d08603e925",
            "01".repeat(16)
        )
    );
    assert_eq!(
        golden(check_reply(&replies[2])),
        "1f4644520282070707070707070703"
    );
    assert_eq!(
        golden(check_reply(&replies[3])),
        format!(
            "1f4644520283070707070707070700{}01ffffffff0f00",
            "02".repeat(16)
        )
    );
    assert_eq!(
        golden(check_reply(&replies[5])),
        "1f4644520284070707070707070704"
    );
    assert_eq!(
        golden(check_reply(&replies[6])),
        "1f46445202850707070707070707ffffffff0f"
    );
    assert_eq!(
        golden(check_reply(&replies[7])),
        "1f46445202ff07070707070707070202"
    );
}

#[test]
fn debug_shows_neither_owner_nor_payload() {
    let shown = format!("{:?}", announce(None, b"secret".to_vec()));
    assert!(shown.contains("OwnerToken(..)") && shown.contains("Payload(6 bytes)"));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        kind in any::<u8>(),
        version in prop_oneof![Just(VERSION), any::<u8>()],
        rest in proptest::collection::vec(any::<u8>(), 0..1300),
    ) {
        let _ = Request::decode(&rest);
        let _ = Reply::decode(&rest);
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, kind]);
        bytes.extend(&rest);
        if let Ok((tag, request)) = Request::decode(&bytes) {
            prop_assert_eq!(Request::decode(&request.encode(tag)), Ok((tag, request)));
        }
        if let Ok((tag, reply)) = Reply::decode(&bytes) {
            prop_assert_eq!(Reply::decode(&reply.encode(tag)), Ok((tag, reply)));
        }
    }
}
