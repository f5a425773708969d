use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::limits::{ANNOUNCEMENT_LIFETIME, COOKIE_SLOT, MAX_RENDEZVOUS_PAYLOAD_BYTES};
use fardrop_shared::wire::quic_probe::QuicProbe;
use fardrop_shared::wire::rendezvous::{
    Announce, Ask, Cookie, Open, OwnerToken, Payload, Peer, Reply, Request, Tag, VersionRange,
};
use fardrop_shared::wire::tcp_check::TcpCheck;
use fardrop_shared::{PairingId, Role};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

const MAIN: usize = 0;
const SECOND: usize = 1;

/// A server and the time it has; clients are numbers.
struct Fixture {
    state: State,
    now: Instant,
}

impl Fixture {
    fn new(bounds: Bounds) -> Self {
        let now = Instant::now();
        let ports = vec![Port::Main { second_port: 4841 }, Port::Second];
        let state = State::new(now, bounds, ports, StdRng::seed_from_u64(1));
        Self { state, now }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn respond(&mut self, from: Route, bytes: &[u8]) -> Vec<Datagram> {
        respond(&mut self.state, self.now, from, bytes)
    }

    fn cookie(&mut self, client: u8) -> Cookie {
        let replies = self.respond(route(client), &Request::Hello.encode(tag(client)));
        let Reply::Cookie(welcome) = read(&replies[0]) else {
            panic!("{replies:?}")
        };
        welcome.cookie
    }

    /// Announces with a fresh cookie, and says who is told what.
    fn announce(&mut self, client: u8, announce: Announce) -> Vec<(u8, Reply)> {
        let cookie = self.cookie(client);
        self.announce_with(client, Announce { cookie, ..announce })
    }

    /// Asks what the sender at a locator says, and what the answer says.
    fn ask(&mut self, client: u8, cookie: Option<Cookie>, locator: u32) -> Option<Option<Payload>> {
        let bytes = Request::Ask(Ask { cookie, locator }).encode(tag(client));
        let replies = self.respond(route(client), &bytes);
        let [reply] = &replies[..] else {
            assert!(replies.is_empty(), "{replies:?}");
            return None;
        };
        assert_eq!((whose(reply), reply.bytes.len()), (client, bytes.len()));
        let Reply::Open(Open { welcome, said }) = read(reply) else {
            panic!("{reply:?}")
        };
        assert_eq!(welcome.address, route(client).address);
        Some(said)
    }

    fn announce_with(&mut self, client: u8, announce: Announce) -> Vec<(u8, Reply)> {
        let bytes = Request::Announce(announce).encode(tag(client));
        let replies = self.respond(route(client), &bytes);
        replies
            .iter()
            .map(|reply| (whose(reply), read(reply)))
            .collect()
    }
}

fn route(client: u8) -> Route {
    Route {
        socket: MAIN,
        // Each in a network of its own.
        address: SocketAddr::from(([198, 51, client, 7], 5000)),
    }
}

fn tag(client: u8) -> Tag {
    Tag([client; 8])
}

/// To whom a datagram goes; it has to bear that client's tag.
fn whose(datagram: &Datagram) -> u8 {
    let (tag, _) = Reply::decode(&datagram.bytes).unwrap();
    assert_eq!(datagram.to, route(tag.0[0]));
    tag.0[0]
}

fn read(datagram: &Datagram) -> Reply {
    Reply::decode(&datagram.bytes).unwrap().1
}

fn pairing(client: u8) -> PairingId {
    PairingId([client; 16])
}

fn owner(client: u8) -> OwnerToken {
    OwnerToken::random(&mut StdRng::seed_from_u64(client.into()))
}

fn payload(words: &str) -> Payload {
    Payload::new(words.into()).unwrap()
}

fn sender(client: u8, to: Option<u8>, revision: u32, words: &str) -> Announce {
    Announce {
        cookie: Cookie([0; 16]),
        locator: 417,
        side: Role::Sender,
        pairing: pairing(client),
        owner: owner(client),
        to: to.map(pairing),
        last: false,
        revision,
        payload: payload(words),
    }
}

fn receiver(client: u8, revision: u32, words: &str) -> Announce {
    Announce {
        side: Role::Receiver,
        ..sender(client, None, revision, words)
    }
}

/// What senders say to anybody in these tests.
const TO_ALL: [&str; 4] = ["open", "closed", "another", "to all"];

fn waiting(client: u8, answers: u32) -> (u8, Reply) {
    (client, Reply::Waiting { answers })
}

fn busy(client: u8) -> Vec<(u8, Reply)> {
    vec![(client, Reply::Busy { answers: 1 })]
}

fn peer(client: u8, answers: Option<u32>, speaker: u8, revision: u32, words: &str) -> (u8, Reply) {
    let reply = Reply::Peer(Peer {
        answers,
        pairing: pairing(speaker),
        directed: !TO_ALL.contains(&words),
        revision,
        payload: payload(words),
    });
    (client, reply)
}

#[test]
fn a_hello_is_told_its_address_and_the_second_port() {
    let mut fixture = Fixture::new(Bounds::default());
    for (socket, second_port) in [(MAIN, 4841), (SECOND, 0)] {
        let from = Route { socket, ..route(1) };
        let replies = fixture.respond(from, &Request::Hello.encode(tag(1)));
        let [Datagram { to, bytes }] = &replies[..] else {
            panic!("{replies:?}")
        };
        let Ok((_, Reply::Cookie(welcome))) = Reply::decode(bytes) else {
            panic!("{bytes:?}")
        };
        assert_eq!((*to, welcome.address), (from, from.address));
        assert_eq!(welcome.second_port, second_port);
    }
}

#[test]
fn two_sides_are_told_what_the_other_says() {
    let mut fixture = Fixture::new(Bounds::default());
    assert_eq!(
        fixture.announce(1, sender(1, None, 1, "open")),
        [waiting(1, 1)]
    );
    assert_eq!(
        fixture.announce(2, receiver(2, 1, "one")),
        [peer(2, Some(1), 1, 1, "open"), peer(1, None, 2, 1, "one")]
    );
    assert_eq!(
        fixture.announce(1, sender(1, Some(2), 2, "two")),
        [peer(1, Some(2), 2, 1, "one"), peer(2, None, 1, 2, "two")]
    );
    assert_eq!(
        fixture.announce(2, receiver(2, 2, "three")),
        [peer(2, Some(2), 1, 2, "two"), peer(1, None, 2, 2, "three")]
    );
}

#[test]
fn a_push_that_was_lost_is_repeated_until_the_sender_has_said_something_new() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    let pushed = [peer(2, Some(1), 1, 1, "open"), peer(1, None, 2, 1, "one")];
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), pushed);
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), pushed);
    fixture.announce(1, sender(1, Some(2), 2, "two"));
    let answered = [peer(2, Some(1), 1, 2, "two")];
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), answered);
    // What the sender merely repeats is no answer to what the receiver says now.
    fixture.announce(2, receiver(2, 2, "three"));
    fixture.announce(1, sender(1, Some(2), 2, "two"));
    assert_eq!(
        fixture.announce(2, receiver(2, 2, "three")),
        [peer(2, Some(2), 1, 2, "two"), peer(1, None, 2, 2, "three")]
    );
}

#[test]
fn what_was_overtaken_on_its_way_is_no_news() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 2, "to all"));
    fixture.announce(1, sender(1, None, 1, "older"));
    fixture.announce(2, receiver(2, 2, "newer"));
    fixture.announce(2, receiver(2, 1, "older"));
    assert_eq!(
        fixture.announce(2, receiver(2, 2, "newer")),
        [
            peer(2, Some(2), 1, 2, "to all"),
            peer(1, None, 2, 2, "newer")
        ]
    );
}

#[test]
fn a_receiver_that_came_first_is_pushed_when_the_sender_comes() {
    let mut fixture = Fixture::new(Bounds::default());
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), [waiting(2, 1)]);
    assert_eq!(
        fixture.announce(1, sender(1, None, 1, "open")),
        [
            waiting(1, 1),
            peer(2, None, 1, 1, "open"),
            peer(1, None, 2, 1, "one")
        ]
    );
}

#[test]
fn last_words_stay_until_they_expire() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(1, sender(1, None, 2, "closed"));
    fixture.pass(ANNOUNCEMENT_LIFETIME - Duration::from_millis(1));
    let heard = fixture.announce(2, receiver(2, 1, "one"));
    assert_eq!(heard[0], peer(2, Some(1), 1, 2, "closed"));
    fixture.pass(Duration::from_millis(1));
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), [waiting(2, 1)]);
}

#[test]
fn a_locator_is_its_owners_until_it_expires() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    let taken = [(3, Reply::Taken { answers: 1 })];
    assert_eq!(fixture.announce(3, sender(3, None, 1, "mine")), taken);
    fixture.pass(ANNOUNCEMENT_LIFETIME);
    assert_eq!(
        fixture.announce(3, sender(3, None, 1, "mine")),
        [waiting(3, 1)]
    );
}

#[test]
fn an_answer_does_not_outlive_who_gave_it() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "one"));
    fixture.announce(1, sender(1, Some(2), 2, "two"));
    for _ in 0..3 {
        fixture.pass(ANNOUNCEMENT_LIFETIME / 3);
        fixture.announce(2, receiver(2, 1, "one"));
    }
    assert_eq!(
        fixture.announce(3, sender(3, None, 1, "another")),
        [
            waiting(3, 1),
            peer(2, None, 3, 1, "another"),
            peer(3, None, 2, 1, "one")
        ]
    );
}

#[test]
fn a_pairing_id_alone_does_not_make_it_ones_own() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "one"));
    let thief = owner(9);
    let stolen = Announce {
        owner: thief,
        ..sender(1, None, 2, "stolen")
    };
    assert_eq!(
        fixture.announce(9, stolen),
        [(9, Reply::Taken { answers: 2 })]
    );
    let stolen = Announce {
        owner: thief,
        ..receiver(2, 2, "stolen")
    };
    assert_eq!(
        fixture.announce(9, stolen),
        [(9, Reply::Taken { answers: 2 })]
    );
}

#[test]
fn a_party_that_moved_is_reached_where_it_is_now() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "one"));
    // The same party from another client's address: it is pushed what it may have missed.
    assert_eq!(
        fixture.announce(5, sender(1, None, 1, "open")),
        [waiting(5, 1), peer(5, None, 2, 1, "one")]
    );
    let heard = fixture.announce(2, receiver(2, 2, "three"));
    assert_eq!(heard[1], peer(5, None, 2, 2, "three"));
}

#[test]
fn only_a_cookie_of_ones_own_and_of_these_minutes_is_answered() {
    let mut fixture = Fixture::new(Bounds::default());
    let good = fixture.cookie(1);
    let others = fixture.cookie(2);
    let with = |cookie| Announce {
        cookie,
        ..sender(1, None, 1, "open")
    };
    assert_eq!(fixture.announce_with(1, with(Cookie([7; 16]))), []);
    assert_eq!(fixture.announce_with(1, with(others)), []);
    let mut flipped = good;
    flipped.0[15] ^= 1;
    assert_eq!(fixture.announce_with(1, with(flipped)), []);
    assert_eq!(fixture.state.parties(), 0);

    assert_eq!(fixture.announce_with(1, with(good)), [waiting(1, 1)]);
    fixture.pass(COOKIE_SLOT);
    assert_eq!(fixture.announce_with(1, with(good)), [waiting(1, 1)]);
    fixture.pass(COOKIE_SLOT);
    assert_eq!(fixture.announce_with(1, with(good)), []);
    assert_eq!(fixture.state.counters().bad_cookies, 4);
}

#[test]
fn a_cookie_is_stale_after_a_long_silence() {
    let mut fixture = Fixture::new(Bounds::default());
    let cookie = fixture.cookie(1);
    fixture.pass(COOKIE_SLOT * 2);
    let announce = Announce {
        cookie,
        ..sender(1, None, 1, "open")
    };
    assert_eq!(fixture.announce_with(1, announce), []);
}

#[test]
fn the_second_port_takes_no_announcements() {
    let mut fixture = Fixture::new(Bounds::default());
    let cookie = fixture.cookie(1);
    let announce = Announce {
        cookie,
        ..sender(1, None, 1, "open")
    };
    let from = Route {
        socket: SECOND,
        ..route(1)
    };
    let bytes = Request::Announce(announce).encode(tag(1));
    assert_eq!(fixture.respond(from, &bytes), []);
}

#[test]
fn a_full_table_serves_those_it_has_and_no_others() {
    let bounds = Bounds {
        parties: 2,
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "one"));
    assert_eq!(fixture.announce(3, receiver(3, 1, "one")), busy(3));
    let elsewhere = Announce {
        locator: 500,
        ..sender(3, None, 1, "open")
    };
    assert_eq!(fixture.announce(3, elsewhere.clone()), busy(3));
    assert_eq!(
        fixture.announce(1, sender(1, Some(2), 2, "two")),
        [peer(1, Some(2), 2, 1, "one"), peer(2, None, 1, 2, "two")]
    );
    assert_eq!(fixture.state.parties(), 2);
    fixture.pass(ANNOUNCEMENT_LIFETIME);
    assert_eq!(fixture.announce(3, elsewhere), [waiting(3, 1)]);
    assert_eq!(fixture.state.parties(), 1);
}

#[test]
fn a_full_locator_serves_those_it_has_and_others_are_served_elsewhere() {
    let bounds = Bounds {
        receivers: 1,
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    fixture.announce(2, receiver(2, 1, "one"));
    assert_eq!(fixture.announce(3, receiver(3, 1, "one")), busy(3));
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")), [waiting(2, 1)]);
    assert_eq!(fixture.announce(1, sender(1, None, 1, "open")).len(), 3);
    let elsewhere = Announce {
        locator: 500,
        ..receiver(3, 1, "one")
    };
    assert_eq!(fixture.announce(3, elsewhere), [waiting(3, 1)]);
}

#[test]
fn a_network_begins_only_so_many_parties_and_others_begin_theirs() {
    let bounds = Bounds {
        parties_begun: Rate {
            per_second: 1,
            burst: 3,
        },
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    let nth = |client: u8, nth: u8| Announce {
        locator: nth.into(),
        pairing: pairing(nth),
        ..sender(client, None, 1, "open")
    };
    for index in 0..3 {
        assert_eq!(fixture.announce(1, nth(1, index)), [waiting(1, 1)]);
    }
    assert_eq!(fixture.announce(1, nth(1, 3)), busy(1));
    assert_eq!(fixture.announce(1, nth(1, 0)), [waiting(1, 1)]);
    assert_eq!(fixture.announce(2, nth(2, 4)), [waiting(2, 1)]);
    fixture.pass(Duration::from_secs(1));
    assert_eq!(fixture.announce(1, nth(1, 3)), [waiting(1, 1)]);
}

/// How many of `count` hellos from these addresses are answered.
fn hellos_answered(
    fixture: &mut Fixture,
    count: usize,
    address: impl Fn(usize) -> String,
) -> usize {
    let answered = |index| {
        let from = Route {
            socket: MAIN,
            address: address(index).parse().unwrap(),
        };
        let bytes = Request::Hello.encode(tag(1));
        fixture.respond(from, &bytes).len()
    };
    (0..count).map(answered).sum()
}

#[test]
fn a_network_is_held_to_its_rate_of_hellos() {
    let bounds = Bounds {
        hellos: Rate {
            per_second: 10,
            burst: 20,
        },
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    let v4 = |index| format!("198.51.100.{}:{}", index % 200, 1000 + index);
    assert_eq!(hellos_answered(&mut fixture, 100, v4), 20);
    let v6 = |index| format!("[2001:db8:0:7:{index:x}::1]:5000");
    assert_eq!(hellos_answered(&mut fixture, 100, v6), 20);
    assert_eq!(
        hellos_answered(&mut fixture, 5, |_| "198.51.101.1:5".into()),
        5
    );
    fixture.pass(Duration::from_secs(1));
    assert_eq!(hellos_answered(&mut fixture, 100, v4), 10);
    fixture.pass(Duration::from_secs(100));
    assert_eq!(hellos_answered(&mut fixture, 100, v4), 20);
}

#[test]
fn forged_hellos_do_not_use_up_what_announcements_need() {
    let mut fixture = Fixture::new(Bounds::default());
    let cookie = fixture.cookie(1);
    let same_network = |_| "198.51.1.200:9".to_owned();
    assert!(hellos_answered(&mut fixture, 1000, same_network) < 1000);
    let announce = Announce {
        cookie,
        ..sender(1, None, 1, "open")
    };
    assert_eq!(fixture.announce_with(1, announce), [waiting(1, 1)]);
}

#[test]
fn announcements_cost_what_they_cause() {
    let bounds = Bounds {
        announcements: Rate {
            per_second: 1,
            burst: 4,
        },
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    fixture.announce(1, sender(1, None, 1, "open"));
    // Each is answered and pushed to the sender: two at a time.
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")).len(), 2);
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")).len(), 2);
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")).len(), 0);
    assert_eq!(fixture.announce(3, receiver(3, 1, "one")).len(), 2);
    fixture.pass(Duration::from_secs(2));
    assert_eq!(fixture.announce(2, receiver(2, 1, "one")).len(), 2);
}

#[test]
fn an_unknown_version_is_told_ours() {
    let mut fixture = Fixture::new(Bounds::default());
    let mut bytes = Request::Hello.encode(tag(1));
    bytes[4] = 77;
    let replies = fixture.respond(route(1), &bytes);
    assert_eq!(replies.len(), 1);
    assert_eq!(read(&replies[0]), Reply::Version(VersionRange::OURS));
}

#[test]
fn one_announcement_makes_a_bounded_number_of_replies() {
    let mut fixture = Fixture::new(Bounds::default());
    let receivers = Bounds::default().receivers;
    for client in 10..=10 + u8::try_from(receivers).unwrap() {
        fixture.announce(client, receiver(client, 1, "one"));
    }
    assert_eq!(fixture.state.parties(), receivers);
    let replies = fixture.announce(1, sender(1, None, 1, "open"));
    assert_eq!(replies.len(), 1 + 2 * receivers);
}

#[test]
fn memory_is_bounded_whoever_asks() {
    let bounds = Bounds {
        parties: 50,
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    for index in 0..2000_u32 {
        let client = u8::try_from(index % 200).unwrap();
        let mut announce = sender(client, None, 1, "open");
        announce.payload = Payload::new(vec![0; MAX_RENDEZVOUS_PAYLOAD_BYTES]).unwrap();
        announce.locator = index;
        if index % 2 == 0 {
            announce.side = Role::Receiver;
        }
        fixture.announce(client, announce);
        fixture.pass(Duration::from_millis(100));
        assert!(fixture.state.parties() <= 50);
    }
}

#[derive(Debug, Clone)]
enum Bytes {
    Any(Vec<u8>),
    /// A request with some bytes changed, cut to a length.
    Bent(Request, Vec<(usize, u8)>, usize),
    /// What follows the first byte of a long header of QUIC.
    Quic(Vec<u8>),
}

fn any_request() -> impl Strategy<Value = Request> {
    let announce = (any::<bool>(), 0..3_u8, 0..3_u32, 0..40_usize).prop_map(
        |(sends, to, revision, length)| {
            let mut announce = sender(1, (to > 0).then_some(to), revision, "");
            announce.payload = Payload::new(vec![1; length]).unwrap();
            if sends {
                announce.side = Role::Receiver;
            }
            Request::Announce(announce)
        },
    );
    prop_oneof![Just(Request::Hello), announce]
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    let changes = proptest::collection::vec((0..80_usize, any::<u8>()), 0..4);
    let cut = prop_oneof![Just(usize::MAX), 0..200_usize];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..1300).prop_map(Bytes::Any),
        (any_request(), changes, cut)
            .prop_map(|(request, changes, cut)| Bytes::Bent(request, changes, cut)),
        (proptest::collection::vec(0..30_u8, 1190..1300)).prop_map(Bytes::Quic),
    ]
}

proptest! {
    #[test]
    fn no_reply_to_an_unproved_address_is_longer_than_the_request(
        all in proptest::collection::vec(any_bytes(), 1..30)
    ) {
        let mut fixture = Fixture::new(Bounds::default());
        // Somebody proved is there to be spoken to, and must hear nothing of all this.
        fixture.announce(1, sender(1, None, 1, "open"));
        for bytes in all {
            let bytes = match bytes {
                Bytes::Any(bytes) => bytes,
                Bytes::Quic(mut bytes) => {
                    bytes.insert(0, 0xc3);
                    bytes
                }
                Bytes::Bent(request, changes, cut) => {
                    let mut bytes = request.encode(tag(3));
                    for (at, byte) in changes {
                        if let Some(place) = bytes.get_mut(at) {
                            *place = byte;
                        }
                    }
                    bytes.truncate(cut);
                    bytes
                }
            };
            let replies = fixture.respond(route(3), &bytes);
            prop_assert!(replies.len() <= 1);
            for reply in replies {
                prop_assert_eq!(reply.to, route(3));
                prop_assert!(reply.bytes.len() <= bytes.len());
            }
            prop_assert_eq!(fixture.state.parties(), 1);
        }
    }

    #[test]
    fn whatever_proved_clients_say_the_state_stays_within_its_bounds(
        all in proptest::collection::vec(
            (1..8_u8, any_request(), 0..3_u32, 0..20_u64), 1..60)
    ) {
        let bounds = Bounds { parties: 5, receivers: 2, ..Bounds::default() };
        let mut fixture = Fixture::new(bounds);
        for (client, request, locator, seconds) in all {
            fixture.pass(Duration::from_secs(seconds));
            if let Request::Announce(mut announce) = request {
                announce.locator = locator;
                announce.pairing = pairing(client);
                announce.owner = owner(client);
                let replies = fixture.announce(client, announce);
                prop_assert!((1..=5).contains(&replies.len()));
            }
            prop_assert!(fixture.state.parties() <= 5);
        }
    }
}

#[test]
fn the_first_packet_of_quic_is_answered_within_the_rate_and_by_less() {
    let bounds = Bounds {
        hellos: Rate {
            per_second: 1,
            burst: 3,
        },
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    let mut rng = StdRng::seed_from_u64(1);
    let probe = QuicProbe::random(&mut rng);
    for length in [1200, 1472, 9000] {
        let replies = fixture.respond(route(1), &probe.encode(length, &mut rng));
        let [Datagram { to, bytes }] = &replies[..] else {
            panic!("{replies:?}")
        };
        assert_eq!(*to, route(1));
        assert!(probe.is_answered_by(bytes) && bytes.len() < 64);
    }
    let initial = probe.encode(1200, &mut rng);
    assert_eq!(fixture.respond(route(1), &initial), []);
    assert_eq!(fixture.respond(route(2), &initial).len(), 1);
    assert_eq!(fixture.respond(route(2), &initial[..1199]), []);
    let counters = fixture.state.counters();
    assert_eq!((counters.quic_probes, counters.over_rate), (4, 1));
    assert_eq!(counters.malformed, 1);
}

#[test]
fn a_network_is_answered_by_tcp_only_so_often_and_others_are_answered() {
    let bounds = Bounds {
        tcp_checks: Rate {
            per_second: 1,
            burst: 2,
        },
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    let check = |fixture: &mut Fixture, client| {
        let line = fixture.state.answer_tcp_check(
            fixture.now,
            1_764_041_974_000,
            route(client).address,
        )?;
        Some(TcpCheck::decode(&line).unwrap().unix_ms)
    };
    for _ in 0..2 {
        assert_eq!(check(&mut fixture, 1), Some(1_764_041_974_000));
    }
    assert_eq!(check(&mut fixture, 1), None);
    assert!(check(&mut fixture, 2).is_some());
    fixture.pass(Duration::from_secs(1));
    assert!(check(&mut fixture, 1).is_some());
    assert_eq!(fixture.state.counters().tcp_checks, 4);
    assert_eq!(fixture.state.counters().received, 0);
}

/// Somebody at this address, whose names are made from a number.
#[derive(Clone, Copy)]
struct Somebody {
    address: SocketAddr,
    number: u64,
}

impl Somebody {
    fn request(self, fixture: &mut Fixture, announce: Announce) -> Vec<Datagram> {
        let from = Route {
            socket: MAIN,
            address: self.address,
        };
        let replies = fixture.respond(from, &Request::Hello.encode(tag(1)));
        let [reply] = &replies[..] else {
            return Vec::new();
        };
        let Reply::Cookie(welcome) = read(reply) else {
            panic!("{reply:?}")
        };
        let announce = Announce {
            cookie: welcome.cookie,
            owner: OwnerToken::random(&mut StdRng::seed_from_u64(self.number)),
            pairing: self.pairing(),
            ..announce
        };
        fixture.respond(from, &Request::Announce(announce).encode(tag(1)))
    }

    fn pairing(self) -> PairingId {
        PairingId(u128::from(self.number).to_be_bytes())
    }
}

/// Whether two who have done nothing else meet, on a server to which `flood` happens between any two of their steps.
fn meet(fixture: &mut Fixture, number: u64, mut flood: impl FnMut(&mut Fixture)) -> bool {
    let [_, _, high, low] = (number as u32).to_be_bytes();
    let ada = Somebody {
        address: SocketAddr::from(([81, high, low, 7], 5000)),
        number: number * 2,
    };
    let bob = Somebody {
        address: format!("[2a02:{number:x}::7]:5000").parse().unwrap(),
        number: number * 2 + 1,
    };
    let locator = 100_000 + u32::try_from(number).unwrap();
    let at = |announce: Announce| Announce {
        locator,
        ..announce
    };
    flood(fixture);
    ada.request(fixture, at(sender(1, None, 1, "open")));
    flood(fixture);
    let heard = bob.request(fixture, at(receiver(2, 1, "one")));
    let pushed = heard
        .iter()
        .any(|datagram| datagram.to.address == ada.address);
    flood(fixture);
    let answer = Announce {
        to: Some(bob.pairing()),
        ..at(sender(1, None, 2, "two"))
    };
    let answered = ada.request(fixture, answer);
    // Once they have met, nobody takes their places.
    flood(fixture);
    let again = bob.request(fixture, at(receiver(2, 1, "one")));
    let met = again.iter().any(|datagram| {
        datagram.to.address == bob.address
            && matches!(read(datagram), Reply::Peer(peer) if peer.revision == 2)
    });
    pushed && answered.len() == 2 && met
}

/// Floods from one IPv6 /48 and sixteen IPv4 /24s, as fast as it is let: how many of 200 pairs meet all the same.
fn pairs_that_meet_in_a_flood(bounds: Bounds) -> usize {
    let mut fixture = Fixture::new(bounds);
    let mut number = 1_u64 << 32;
    let mut flood = |fixture: &mut Fixture| {
        fixture.pass(Duration::from_millis(25));
        for step in 0..64_u16 {
            number += 1;
            let [.., high, low] = number.to_be_bytes();
            let address = if step % 4 == 0 {
                format!("[2001:db8:1:{high:02x}{low:02x}::1]:{}", 1024 + step).parse()
            } else {
                // Each of the sixteen in a network of its own provider.
                format!("198.{}.1.{low}:{}", step % 16, 1024 + step).parse()
            };
            let flooder = Somebody {
                address: address.unwrap(),
                number,
            };
            let announce = Announce {
                locator: (number % 50_000) as u32,
                ..match step % 2 {
                    0 => sender(1, None, 1, "mine"),
                    _ => receiver(1, 1, "mine"),
                }
            };
            flooder.request(fixture, announce);
        }
    };
    // Until it has taken all that it can.
    for _ in 0..400 {
        flood(&mut fixture);
    }
    (0..200)
        .filter(|pair| meet(&mut fixture, *pair, &mut flood))
        .count()
}

#[test]
fn floods_from_a_site_and_sixteen_networks_do_not_keep_others_from_meeting() {
    let met = pairs_that_meet_in_a_flood(Bounds::default());
    assert!(met >= 198, "{met} of 200");
}

#[test]
fn a_table_that_a_flood_has_filled_still_has_room_for_others() {
    let bounds = Bounds {
        parties: 512,
        ..Bounds::default()
    };
    let met = pairs_that_meet_in_a_flood(bounds);
    assert!(met >= 198, "{met} of 200");
}

#[test]
fn one_site_gets_what_four_of_its_networks_get() {
    let mut fixture = Fixture::new(Bounds::default());
    let mut begun = 0;
    for number in 0..10_000_u64 {
        let site = Somebody {
            address: format!("[2001:db8:1:{number:x}::1]:5000").parse().unwrap(),
            number,
        };
        let announce = Announce {
            locator: number as u32,
            ..sender(1, None, 1, "mine")
        };
        let replies = site.request(&mut fixture, announce);
        begun += usize::from(
            replies
                .iter()
                .any(|reply| matches!(read(reply), Reply::Waiting { .. })),
        );
    }
    let burst = Bounds::default().parties_begun.burst as usize;
    assert_eq!(begun, 4 * burst);
    assert_eq!(fixture.state.parties(), begun);
}

#[test]
fn one_site_never_holds_all_of_a_locator() {
    let mut fixture = Fixture::new(Bounds::default());
    let most = Bounds::default().receivers_in_one_network;
    fixture.announce(1, sender(1, None, 1, "open"));
    for number in 0..100_u64 {
        let address = format!("[2001:db8:1:{number:x}::1]:5000");
        let receivers = Somebody {
            address: address.parse().unwrap(),
            number: 1000 + number,
        };
        receivers.request(&mut fixture, receiver(2, 1, "mine"));
    }
    assert_eq!(fixture.state.parties(), 1 + most);
    assert_eq!(fixture.announce(3, receiver(3, 1, "one")).len(), 2);
}

#[test]
fn a_question_is_answered_and_leaves_no_trace() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    assert_eq!(fixture.ask(2, None, 417), Some(Some(payload("open"))));
    fixture.announce(1, sender(1, None, 2, "another"));
    assert_eq!(fixture.ask(2, None, 417), Some(Some(payload("another"))));
    // Alike, whether anybody has the locator or not; nobody is told, and nothing is held.
    assert_eq!(fixture.ask(2, None, 418), Some(None));
    assert_eq!(fixture.state.parties(), 1);
    assert_eq!(fixture.state.counters().questions, 3);
    // What is too long for the answer is not said there.
    let mut update = sender(1, None, 3, "");
    update.payload = Payload::new(vec![0; 161]).unwrap();
    fixture.announce(1, update);
    assert_eq!(fixture.ask(2, None, 417), Some(None));
    fixture.pass(ANNOUNCEMENT_LIFETIME);
    assert_eq!(fixture.ask(2, None, 417), Some(None));
}

#[test]
fn numbers_are_tried_out_only_so_fast_from_one_network() {
    let mut fixture = Fixture::new(Bounds::default());
    let rate = Bounds::default().questions;
    let burst = rate.burst as usize;
    let asked = |fixture: &mut Fixture, client, cookie| {
        (100..1000)
            .filter(|locator| fixture.ask(client, cookie, *locator).is_some())
            .count()
    };
    assert_eq!(asked(&mut fixture, 2, None), burst);
    // Forged sources do not use up what their owners need.
    let cookie = fixture.cookie(2);
    assert_eq!(asked(&mut fixture, 2, Some(cookie)), burst);
    assert_eq!(asked(&mut fixture, 2, Some(Cookie([7; 16]))), 0);
    assert_eq!(asked(&mut fixture, 3, None), burst);
    fixture.pass(Duration::from_secs(1));
    assert_eq!(asked(&mut fixture, 2, None), rate.per_second as usize);
}

#[test]
fn numbers_are_tried_out_no_faster_by_announcing_than_places_are_taken() {
    let mut fixture = Fixture::new(Bounds::default());
    let at = |client, locator| Announce {
        locator,
        ..sender(client, None, 1, "open")
    };
    for client in 10..100 {
        fixture.announce(client, at(client, 500 + u32::from(client)));
    }
    let cookie = fixture.cookie(2);
    let told = |replies: &[(u8, Reply)]| match replies {
        [] | [(2, Reply::Busy { .. })] => false,
        [(2, Reply::Taken { .. } | Reply::Waiting { .. })] => true,
        other => panic!("{other:?}"),
    };
    let numbers = (500..1000).chain(100..500);
    let numbers = numbers.filter(|locator| {
        let announce = Announce {
            cookie,
            ..at(2, *locator)
        };
        told(&fixture.announce_with(2, announce))
    });
    let most = Bounds::default().parties_begun.burst as usize;
    assert_eq!(numbers.count(), most);
}

#[test]
fn an_answer_that_is_the_last_gives_up_the_place() {
    let bounds = Bounds {
        receivers: 1,
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    fixture.announce(1, sender(1, None, 1, "open"));
    let mut revision = 1;
    // However many come, and whatever they are told.
    for client in 2..40 {
        fixture.announce(client, receiver(client, 1, "attempt"));
        assert_eq!(fixture.state.parties(), 2);
        revision += 1;
        let answer = Announce {
            last: true,
            ..sender(1, Some(client), revision, "wrong")
        };
        assert_eq!(
            fixture.announce(1, answer.clone()),
            [
                peer(1, Some(revision), client, 1, "attempt"),
                peer(client, None, 1, revision, "wrong")
            ]
        );
        assert_eq!(fixture.state.parties(), 1);
        assert_eq!(fixture.announce(1, answer), [waiting(1, revision)]);
    }
    // One that has not heard comes back, and is pushed to the sender as at first.
    assert_eq!(
        fixture.announce(39, receiver(39, 1, "attempt")),
        [
            peer(39, Some(1), 1, 1, "open"),
            peer(1, None, 39, 1, "attempt")
        ]
    );
}

#[test]
fn a_receiver_that_leaves_gives_up_its_place_and_nobody_elses() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "attempt"));
    let leaves = |owner_of| Announce {
        last: true,
        owner: owner(owner_of),
        ..receiver(2, 2, "")
    };
    assert_eq!(fixture.announce(3, leaves(3)), [waiting(3, 2)]);
    assert_eq!(fixture.state.parties(), 2);
    assert_eq!(fixture.announce(2, leaves(2)), [waiting(2, 2)]);
    assert_eq!(fixture.announce(2, leaves(2)), [waiting(2, 2)]);
    assert_eq!(fixture.state.parties(), 1);
}

#[test]
fn a_sender_hears_of_a_crowd_but_not_more_than_once_a_second() {
    let bounds = Bounds {
        receivers: 1,
        ..Bounds::default()
    };
    let mut fixture = Fixture::new(bounds);
    fixture.announce(1, sender(1, None, 1, "open"));
    fixture.announce(2, receiver(2, 1, "one"));
    let told = [(3, Reply::Busy { answers: 1 }), (1, Reply::Crowded)];
    for _ in 0..2 {
        assert_eq!(fixture.announce(3, receiver(3, 1, "one")), told);
        assert_eq!(fixture.announce(3, receiver(3, 1, "one")), busy(3));
        fixture.pass(Duration::from_secs(1));
    }
}

#[test]
fn thirty_receivers_that_were_killed_do_not_keep_the_next_one_out() {
    let mut fixture = Fixture::new(Bounds::default());
    fixture.announce(1, sender(1, None, 1, "open"));
    let most = u8::try_from(2 * Bounds::default().receivers).unwrap();
    for client in 2..most {
        assert!(fixture.ask(client, None, 417).is_some());
        let heard = fixture.announce(client, receiver(client, 1, "one"));
        assert_eq!(heard[0], peer(client, Some(1), 1, 1, "open"));
        let answer = Announce {
            last: true,
            ..sender(1, Some(client), client.into(), "two")
        };
        fixture.announce(1, answer);
    }
    let heard = fixture.announce(200, receiver(200, 1, "one"));
    assert_eq!(heard[0], peer(200, Some(1), 1, 1, "open"));
}
