use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::*;
use crate::Role;
use crate::limits::{MAX_ANNOUNCEMENTS, RENDEZVOUS_HELLO_BYTES};
use crate::wire::rendezvous::{
    Announce, Cookie, Open, OwnerToken, Peer, Reply, Request, Tag, Welcome,
};

const SERVER: &str = "192.0.2.1:4840";

/// A client, and a server that answers as a test wants.
struct Fixture {
    began: Instant,
    now: Instant,
    client: Client,
    tag: Tag,
}

impl Fixture {
    fn new(side: Role) -> Self {
        #[expect(clippy::disallowed_methods, reason = "any instant serves as the first")]
        let now = Instant::now();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let config = Config {
            server: SERVER.parse().unwrap(),
            locator: 417,
            side,
            pairing: PairingId([1; 16]),
            owner: OwnerToken::random(&mut rng),
            revision: 0,
        };
        Self {
            began: now,
            now,
            client: Client::new(now, config, &mut rng),
            tag: Tag([0; 8]),
        }
    }

    /// One that has its first cookie, and announces this.
    fn announced(side: Role, words: &str) -> Self {
        let mut fixture = Self::new(side);
        assert_eq!(fixture.sent(), [Request::Hello]);
        fixture.welcome(1, "198.51.100.7:5000");
        fixture.say(None, words);
        assert_eq!(fixture.said(), [words]);
        while fixture.client.poll_event().is_some() {}
        fixture
    }

    fn say(&mut self, to: Option<PairingId>, words: &str) {
        let payload = payload(words);
        let announcement = Announcement { to, payload };
        self.client.announce(self.now, announcement).unwrap();
    }

    fn welcome(&mut self, cookie: u8, address: &str) {
        self.answer(&Reply::Cookie(Welcome {
            cookie: Cookie([cookie; 16]),
            address: address.parse().unwrap(),
            second_port: 4841,
        }));
    }

    fn open(&mut self, said: Option<&str>) {
        self.answer(&Reply::Open(Open {
            welcome: Welcome {
                cookie: Cookie([1; 16]),
                address: "198.51.100.7:5000".parse().unwrap(),
                second_port: 4841,
            },
            said: said.map(payload),
        }));
    }

    fn answer(&mut self, reply: &Reply) {
        let bytes = reply.encode(self.tag);
        let from = SERVER.parse().unwrap();
        self.client.handle_datagram(self.now, from, &bytes);
    }

    /// All that is due to be sent.
    fn sent(&mut self) -> Vec<Request> {
        let mut all = Vec::new();
        while let Some(transmit) = self.client.poll_transmit(self.now) {
            assert_eq!(transmit.to, SERVER.parse().unwrap());
            let (tag, request) = Request::decode(&transmit.bytes).unwrap();
            self.tag = tag;
            all.push(request);
        }
        all
    }

    /// The announcements that are due, by their words.
    fn said(&mut self) -> Vec<String> {
        let announces = self.sent().into_iter().filter_map(announce_of);
        announces.map(|announce| words(&announce)).collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// Goes from timeout to timeout, and says at what millisecond what was sent.
    fn run(&mut self, time: Duration) -> Vec<(u128, Request)> {
        let end = self.now + time;
        let mut all = Vec::new();
        while let Some(next) = self.client.poll_timeout().filter(|&next| next <= end) {
            assert!(next >= self.now);
            self.now = next;
            self.client.handle_timeout(next);
            let at = (next - self.began).as_millis();
            all.extend(self.sent().into_iter().map(|request| (at, request)));
        }
        self.now = end;
        all
    }
}

fn payload(words: &str) -> Payload {
    Payload::new(words.into()).unwrap()
}

fn words(announce: &Announce) -> String {
    String::from_utf8(announce.payload.as_bytes().to_vec()).unwrap()
}

fn announce_of(request: Request) -> Option<Announce> {
    match request {
        Request::Announce(announce) => Some(announce),
        Request::Hello | Request::Ask(_) => None,
    }
}

fn peer(pairing: u8, revision: u32, words: &str) -> Reply {
    Reply::Peer(Peer {
        answers: None,
        pairing: PairingId([pairing; 16]),
        directed: false,
        revision,
        payload: payload(words),
    })
}

fn heard(pairing: u8, words: &str) -> Event {
    Event::Peer {
        pairing: PairingId([pairing; 16]),
        payload: payload(words),
    }
}

#[test]
fn the_first_announcement_goes_out_with_the_cookie_and_not_before() {
    let mut fixture = Fixture::new(Role::Sender);
    fixture.say(None, "open");
    assert_eq!(fixture.sent(), [Request::Hello]);
    fixture.welcome(1, "198.51.100.7:5000");
    let reflexive = Event::Reflexive {
        address: "198.51.100.7:5000".parse().unwrap(),
        second_port: Some(4841),
    };
    assert_eq!(fixture.events(), [reflexive]);
    let announce = announce_of(fixture.sent().remove(0)).unwrap();
    assert_eq!(announce.cookie, Cookie([1; 16]));
    assert_eq!((announce.locator, announce.side), (417, Role::Sender));
    assert_eq!((announce.revision, words(&announce)), (1, "open".into()));
}

#[test]
fn hellos_are_repeated_quickly_at_first_and_then_each_second() {
    let mut fixture = Fixture::new(Role::Sender);
    let sent = fixture.run(Duration::from_secs(6));
    assert!(sent.iter().all(|(_, request)| *request == Request::Hello));
    let times: Vec<_> = sent.iter().map(|&(at, _)| at).collect();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [200, 400, 800, 1000, 1000];
    for (&wait, nominal) in waits.iter().zip(expected) {
        assert!(
            (nominal * 9 / 10..=nominal * 11 / 10).contains(&wait),
            "{waits:?}"
        );
    }
    assert!(waits.len() >= expected.len());
}

#[test]
fn what_is_answered_is_repeated_each_second() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    for _ in 0..20 {
        fixture.answer(&Reply::Waiting { answers: 1 });
        let pause = fixture.client.poll_timeout().unwrap() - fixture.now;
        assert!((900..=1100).contains(&pause.as_millis()), "{pause:?}");
        assert_eq!(fixture.run(pause).len(), 1);
    }
    assert_eq!(fixture.events(), [Event::Held]);
}

#[test]
fn what_changes_is_said_at_once_and_what_does_not_is_not() {
    let mut fixture = Fixture::announced(Role::Receiver, "one");
    fixture.say(None, "one");
    assert!(fixture.sent().is_empty());
    fixture.say(None, "two");
    let announce = announce_of(fixture.sent().remove(0)).unwrap();
    assert_eq!((announce.revision, words(&announce)), (2, "two".into()));
    // The answer to what was said before is none to this.
    fixture.answer(&Reply::Waiting { answers: 1 });
    let sent = fixture.run(Duration::from_millis(220));
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].1, Request::Announce(announce));
}

#[test]
fn a_sender_says_a_thing_of_its_own_to_each() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.say(Some(PairingId([2; 16])), "to two");
    fixture.say(Some(PairingId([3; 16])), "to three");
    assert_eq!(fixture.said(), ["to two", "to three"]);
    fixture.client.withdraw(Some(PairingId([2; 16])));
    let sent = fixture.run(Duration::from_secs(1));
    let said = |wanted: &str| {
        let announces = sent
            .iter()
            .filter_map(|(_, request)| announce_of(request.clone()));
        announces
            .filter(|announce| words(announce) == wanted)
            .count()
    };
    assert_eq!(said("to two"), 0);
    assert!(said("open") > 0 && said("to three") > 0);
}

#[test]
fn a_receiver_says_one_thing() {
    let mut fixture = Fixture::announced(Role::Receiver, "one");
    fixture.say(Some(PairingId([2; 16])), "two");
    assert_eq!(fixture.said(), ["two"]);
}

#[test]
fn announcements_are_bounded() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    for index in 1..MAX_ANNOUNCEMENTS {
        let to = PairingId([u8::try_from(index).unwrap(); 16]);
        fixture.say(Some(to), "x");
    }
    let announcement = Announcement {
        to: Some(PairingId([255; 16])),
        payload: payload("x"),
    };
    assert_eq!(
        fixture.client.announce(fixture.now, announcement),
        Err(TooManyAnnouncements)
    );
    fixture.say(None, "still changes");
}

#[test]
fn one_question_brings_the_address_and_what_the_sender_says() {
    let mut fixture = Fixture::new(Role::Receiver);
    fixture.client.ask(fixture.now);
    assert!(matches!(fixture.sent()[..], [Request::Ask(ask)] if ask.cookie.is_none()));
    fixture.open(Some("open"));
    let heard = Event::Open {
        payload: payload("open"),
    };
    let [Event::Reflexive { .. }, open] = &fixture.events()[..] else {
        panic!("the address first")
    };
    assert_eq!(*open, heard);
    // It is asked again each second, with the cookie, and only news are reported.
    let sent = fixture.run(Duration::from_secs(5));
    assert!((4..=6).contains(&sent.len()), "{sent:?}");
    assert!(
        sent.iter()
            .all(|(_, request)| matches!(request, Request::Ask(ask) if ask.cookie.is_some()))
    );
    fixture.open(Some("open"));
    assert_eq!(fixture.events(), [Event::Silent, Event::Answering]);
    fixture.open(None);
    assert_eq!(fixture.events(), [Event::NobodyThere]);
    fixture.open(Some("another"));
    assert_eq!(fixture.events().len(), 1);
    // Until something is announced.
    fixture.say(None, "attempt");
    assert_eq!(fixture.said(), ["attempt"]);
    fixture.open(Some("late"));
    assert_eq!(fixture.events(), []);
    let sent = fixture.run(Duration::from_secs(3));
    assert!(
        sent.iter()
            .all(|(_, request)| !matches!(request, Request::Ask(_)))
    );
}

#[test]
fn where_questions_go_unanswered_a_cookie_is_asked_for() {
    let mut fixture = Fixture::new(Role::Receiver);
    fixture.client.ask(fixture.now);
    fixture.sent();
    let sent = fixture.run(Duration::from_millis(230));
    assert!(sent.iter().any(|(_, request)| *request == Request::Hello));
    fixture.welcome(1, "198.51.100.7:5000");
    let sent = fixture.run(Duration::from_secs(1));
    assert!(
        sent.iter()
            .any(|(_, request)| matches!(request, Request::Ask(ask) if ask.cookie.is_some())),
        "{sent:?}"
    );
}

#[test]
fn an_answer_is_said_until_the_server_has_it_and_whoever_asks_again_is_heard_again() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.answer(&Reply::Waiting { answers: 1 });
    fixture.answer(&peer(2, 1, "attempt"));
    fixture.answer(&peer(2, 1, "attempt"));
    assert_eq!(fixture.events(), [Event::Held, heard(2, "attempt")]);
    let answer = Announcement {
        to: Some(PairingId([2; 16])),
        payload: payload("answer"),
    };
    let answered = |sent: &[(u128, Request)]| {
        let announces = sent
            .iter()
            .filter_map(|(_, request)| announce_of(request.clone()));
        announces.filter(|announce| announce.last).count()
    };
    for revision in [2, 3] {
        fixture.client.answer(fixture.now, answer.clone()).unwrap();
        let sent = fixture.run(Duration::from_millis(700));
        assert!(answered(&sent) >= 1, "{sent:?}");
        fixture.answer(&Reply::Waiting { answers: revision });
        assert_eq!(answered(&fixture.run(Duration::from_secs(3))), 0);
        fixture.welcome(1, "198.51.100.7:5000");
        // It has not heard, and says the same again.
        fixture.answer(&peer(2, 1, "attempt"));
        assert!(fixture.events().contains(&heard(2, "attempt")));
    }
}

#[test]
fn a_receiver_that_ends_gives_up_its_place() {
    let mut fixture = Fixture::new(Role::Receiver);
    assert_eq!(fixture.client.leave(), None);
    let mut fixture = Fixture::announced(Role::Receiver, "attempt");
    let transmit = fixture.client.leave().unwrap();
    let (_, request) = Request::decode(&transmit.bytes).unwrap();
    let announce = announce_of(request).unwrap();
    assert!(announce.last && announce.revision == 2);
    assert_eq!(fixture.client.leave(), None);
    // A sender's last words stay.
    assert_eq!(
        Fixture::announced(Role::Sender, "open").client.leave(),
        None
    );
}

#[test]
fn what_is_for_one_is_not_taken_for_older_than_what_is_for_all() {
    let mut fixture = Fixture::announced(Role::Receiver, "attempt");
    fixture.answer(&peer(2, 9, "to all"));
    let Reply::Peer(mut directed) = peer(2, 8, "to one") else {
        panic!("it is one")
    };
    directed.directed = true;
    fixture.answer(&Reply::Peer(directed));
    assert_eq!(fixture.events(), [heard(2, "to all"), heard(2, "to one")]);
}

#[test]
fn a_server_that_lost_the_cookies_key_gets_a_new_hello() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.answer(&Reply::Waiting { answers: 1 });
    let sent = fixture.run(Duration::from_millis(1500));
    let hello = sent.iter().find(|(_, request)| *request == Request::Hello);
    let (at, _) = hello.expect("a Hello after an unanswered repetition");
    assert!(*at <= 1350, "{at}");
    fixture.welcome(2, "198.51.100.7:5000");
    let again = announce_of(fixture.sent().remove(0)).unwrap();
    assert_eq!(again.cookie, Cookie([2; 16]));
}

#[test]
fn a_server_that_gives_cookies_and_no_answers_is_not_hurried() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    let mut sent = 0;
    for _ in 0..100 {
        let requests = fixture.run(Duration::from_millis(100));
        sent += requests.len();
        if requests
            .iter()
            .any(|(_, request)| *request == Request::Hello)
        {
            fixture.welcome(1, "198.51.100.7:5000");
        }
    }
    assert!(sent <= 24, "{sent} in 10 s");
}

#[test]
fn silence_is_reported_once_and_so_is_its_end() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.answer(&Reply::Waiting { answers: 1 });
    assert_eq!(fixture.events(), [Event::Held]);
    fixture.run(Duration::from_millis(2300));
    assert_eq!(fixture.events(), []);
    fixture.run(Duration::from_millis(400));
    assert_eq!(fixture.events(), [Event::Silent]);
    fixture.run(Duration::from_secs(20));
    assert_eq!(fixture.events(), []);
    fixture.answer(&Reply::Waiting { answers: 1 });
    assert_eq!(fixture.events(), [Event::Answering]);
}

#[test]
fn what_a_peer_says_is_reported_once_and_never_after_something_newer() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.answer(&peer(2, 1, "one"));
    fixture.answer(&peer(2, 1, "one"));
    fixture.answer(&peer(3, 1, "one"));
    fixture.answer(&peer(2, 3, "three"));
    fixture.answer(&peer(2, 2, "two"));
    let expected = [heard(2, "one"), heard(3, "one"), heard(2, "three")];
    assert_eq!(fixture.events(), expected);
}

#[test]
fn events_and_memory_of_parties_are_bounded() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    for pairing in 0..=255 {
        fixture.answer(&peer(pairing, 1, "one"));
    }
    assert_eq!(fixture.events().len(), 64);
    // What found no room is heard when it is said again.
    fixture.answer(&peer(255, 1, "one"));
    assert_eq!(fixture.events(), [heard(255, "one")]);
}

#[test]
fn how_things_stand_is_reported_when_it_changes() {
    let mut fixture = Fixture::announced(Role::Receiver, "one");
    let nobody = Reply::Waiting { answers: 1 };
    fixture.answer(&nobody);
    fixture.answer(&nobody);
    fixture.answer(&peer(2, 1, "open"));
    fixture.answer(&nobody);
    fixture.answer(&Reply::Busy { answers: 1 });
    fixture.answer(&Reply::Busy { answers: 1 });
    fixture.answer(&Reply::Taken { answers: 1 });
    fixture.answer(&Reply::Taken { answers: 99 });
    fixture.answer(&Reply::Version(VersionRange::OURS));
    assert_eq!(
        fixture.events(),
        [
            Event::NobodyThere,
            heard(2, "open"),
            Event::NobodyThere,
            Event::Busy,
            Event::Taken,
            Event::Version(VersionRange::OURS)
        ]
    );
}

#[test]
fn a_server_of_another_version_is_asked_slowly() {
    let mut fixture = Fixture::announced(Role::Receiver, "one");
    fixture.answer(&Reply::Version(VersionRange::OURS));
    assert_eq!(fixture.run(Duration::from_secs(8)), []);
    let sent = fixture.run(Duration::from_secs(3));
    assert!(!sent.is_empty());
}

#[test]
fn what_others_send_changes_nothing() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    let good = peer(2, 1, "one").encode(fixture.tag);
    let from_server = SERVER.parse().unwrap();
    let elsewhere = "192.0.2.1:4841".parse().unwrap();
    let now = fixture.now;
    fixture.client.handle_datagram(now, elsewhere, &good);
    let untagged = peer(2, 1, "one").encode(Tag([9; 8]));
    fixture.client.handle_datagram(now, from_server, &untagged);
    for length in 0..good.len() {
        fixture
            .client
            .handle_datagram(now, from_server, &good[..length]);
    }
    assert_eq!(fixture.events(), []);
    // A socket for both families shows the server's address like this.
    let mapped = "[::ffff:192.0.2.1]:4840".parse().unwrap();
    fixture.client.handle_datagram(now, mapped, &good);
    assert_eq!(fixture.events(), [heard(2, "one")]);
}

#[test]
fn a_new_address_is_reported_and_an_old_one_is_not() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    fixture.welcome(1, "198.51.100.7:5000");
    assert_eq!(fixture.events(), []);
    fixture.welcome(2, "198.51.100.7:5001");
    assert_eq!(fixture.events().len(), 1);
}

#[test]
fn a_spurious_timeout_does_nothing() {
    let mut fixture = Fixture::announced(Role::Sender, "open");
    let before = fixture.client.poll_timeout();
    fixture.client.handle_timeout(fixture.now);
    assert_eq!(fixture.client.poll_timeout(), before);
    assert!(fixture.sent().is_empty() && fixture.events().is_empty());
}

#[test]
fn an_address_query_asks_until_it_is_told() {
    let now = Fixture::new(Role::Sender).now;
    let server = SERVER.parse().unwrap();
    let mut query = AddressQuery::new(now, server, &mut ChaCha8Rng::seed_from_u64(2));
    let hello = query.poll_transmit(now).unwrap();
    assert_eq!(
        (hello.to, hello.bytes.len()),
        (server, RENDEZVOUS_HELLO_BYTES)
    );
    assert_eq!(query.poll_transmit(now), None);
    let next = query.poll_timeout().unwrap();
    assert!(next - now <= Duration::from_millis(220));
    let (tag, _) = Request::decode(&query.poll_transmit(next).unwrap().bytes).unwrap();
    let address = "198.51.100.7:5000".parse().unwrap();
    let reply = Reply::Cookie(Welcome {
        cookie: Cookie([1; 16]),
        address,
        second_port: 0,
    });
    query.handle_datagram(next, server, &reply.encode(Tag([9; 8])));
    assert_eq!(query.poll_event(), None);
    query.handle_datagram(next, server, &reply.encode(tag));
    query.handle_datagram(next, server, &reply.encode(tag));
    assert_eq!(query.poll_event(), Some(address));
    assert_eq!((query.poll_event(), query.poll_timeout()), (None, None));
}

#[test]
fn the_order_of_servers_is_the_same_for_both_sides() {
    let servers = ["a.example:4840", "b.example:4840", "c.example:4840"];
    let shuffled = ["C.example:4840", "a.EXAMPLE:4840", "b.example:4840"];
    for locator in 0..1000 {
        let names = |servers: &[&str]| -> Vec<String> {
            let ordered = order(servers, locator).into_iter();
            ordered.map(|name| name.to_ascii_lowercase()).collect()
        };
        assert_eq!(names(&servers), names(&shuffled));
    }
    assert_eq!(order::<String>(&[], 417), Vec::<&String>::new());
}

#[test]
fn locators_are_spread_over_servers_and_a_server_that_leaves_moves_only_its_own() {
    let servers = ["a.example:4840", "b.example:4840", "c.example:4840"];
    let mut first = [0; 3];
    for locator in 0..3000 {
        let all = order(&servers, locator);
        let index = servers.iter().position(|server| server == all[0]).unwrap();
        first[index] += 1;
        let two = order(&servers[..2], locator);
        let left: Vec<_> = all
            .into_iter()
            .filter(|&server| *server != servers[2])
            .collect();
        assert_eq!(left, two);
    }
    assert!(
        first.iter().all(|count| (900..1100).contains(count)),
        "{first:?}"
    );
}

#[test]
fn the_order_of_servers_is_pinned() {
    // Old and new builds have to agree: this changes only with the hash's label.
    let servers = ["a.example:4840", "b.example:4840", "c.example:4840"];
    let firsts: String = (100..120)
        .map(|locator| &order(&servers, locator)[0][..1])
        .collect();
    assert_eq!(firsts, "bcaaacacccbcacbabccb");
}
