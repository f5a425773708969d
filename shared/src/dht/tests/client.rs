//! What a client asks, what it takes for an answer, and what it waits for.

use std::time::{Duration, Instant};

use super::super::{Client, Config, Event, Found, Keeper, Stored, Transmit};
use super::*;
use crate::limits::{
    DHT_KNOWN_NODES, DHT_MAX_TASKS, DHT_WAIT_FIRST, DHT_WAIT_LEAST, DHT_WAIT_MOST,
};

#[expect(clippy::disallowed_methods, reason = "tests have to begin somewhere")]
fn epoch() -> Instant {
    Instant::now()
}

fn client() -> Client {
    let config = Config {
        ipv4: true,
        ipv6: true,
    };
    Client::new(config, &mut ChaCha8Rng::seed_from_u64(7))
}

fn contact(index: u8) -> Contact {
    Contact {
        id: NodeId([index; 20]),
        address: SocketAddr::from(([60, index, 0, 1], 6881)),
    }
}

fn slot() -> Slot {
    example("").slot().clone()
}

fn drain(client: &mut Client) -> Vec<Transmit> {
    std::iter::from_fn(|| client.poll_transmit()).collect()
}

/// The answer to a question, in the question's transaction.
fn answer_to(question: &Transmit, answer: Answer) -> Vec<u8> {
    let transaction = Message::decode(&question.bytes).unwrap().transaction;
    let message = Message {
        transaction,
        body: Body::Answer(Box::new(answer)),
        seen: Some(address("5.5.5.5:555")),
    };
    message.encode()
}

fn with_token(id: NodeId) -> Answer {
    Answer {
        token: Some(b"open".to_vec()),
        ..Answer::new(id)
    }
}

#[test]
fn every_question_is_read_only_and_named_unlike_the_last() {
    let mut client = client();
    let now = epoch();
    (1..4).for_each(|index| client.remember(contact(index)));
    client.find_item(now, slot(), Some(4)).unwrap();
    let questions = drain(&mut client);
    assert_eq!(questions.len(), 3);
    let mut names = Vec::new();
    for question in &questions {
        let message = Message::decode(&question.bytes).unwrap();
        let Body::Question {
            read_only,
            question,
            ..
        } = message.body
        else {
            panic!("a question");
        };
        assert!(read_only);
        let target = slot().target();
        assert_eq!(
            question,
            Question::Get {
                target,
                newer_than: Some(4)
            }
        );
        names.push(message.transaction);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn an_answer_comes_from_where_the_question_went() {
    let mut client = client();
    let now = epoch();
    client.remember(contact(1));
    client.find_item(now, slot(), None).unwrap();
    let question = drain(&mut client).pop().unwrap();
    let answer = answer_to(&question, with_token(contact(1).id));
    let elsewhere = SocketAddr::from(([60, 1, 0, 1], 6882));
    assert!(!client.handle_datagram(now, elsewhere, &answer));
    assert!(!client.handle_datagram(now, contact(2).address, &answer));
    assert_eq!(client.poll_event(), None);
    // A socket for both families shows an IPv4 address in its IPv6 form.
    let mapped = address("[::ffff:60.1.0.1]:6881");
    assert!(client.handle_datagram(now, mapped, &answer));
    assert!(
        matches!(client.poll_event(), Some(Event::Found(_, found)) if found.keepers.len() == 1)
    );
    assert!(
        !client.handle_datagram(now, mapped, &answer),
        "it has had its answer"
    );
}

#[test]
fn a_question_of_others_is_left_alone() {
    let mut client = client();
    let now = epoch();
    let ping = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    assert!(!client.handle_datagram(now, contact(1).address, ping));
    assert_eq!(drain(&mut client), []);
    assert_eq!(client.known_nodes().count(), 0);
}

#[test]
fn a_silent_node_is_asked_once_more_and_then_given_up() {
    let mut client = client();
    let mut now = epoch();
    client.remember(contact(1));
    client.find_item(now, slot(), None).unwrap();
    let first = drain(&mut client);
    assert_eq!(first.len(), 1);
    client.handle_timeout(now + DHT_WAIT_FIRST / 2);
    assert_eq!(drain(&mut client), []);
    now = client.poll_timeout().unwrap();
    assert!(now - epoch() <= DHT_WAIT_FIRST);
    client.handle_timeout(now);
    let second = drain(&mut client);
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].to, first[0].to);
    assert_eq!(client.poll_event(), None);
    now = client.poll_timeout().unwrap();
    client.handle_timeout(now);
    assert_eq!(drain(&mut client), []);
    assert!(matches!(
        client.poll_event(),
        Some(Event::Found(
            _,
            Found {
                asked: 1,
                answered: 0,
                ..
            }
        ))
    ));
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn an_answer_to_either_question_counts_and_is_timed_by_its_own() {
    for late in [0, 1] {
        let mut client = client();
        let began = epoch();
        client.remember(contact(1));
        client.find_item(began, slot(), None).unwrap();
        let mut asked = drain(&mut client);
        let again = client.poll_timeout().unwrap();
        client.handle_timeout(again);
        asked.extend(drain(&mut client));
        let now = again + Duration::from_millis(100);
        let answer = answer_to(&asked[late], with_token(contact(1).id));
        assert!(client.handle_datagram(now, contact(1).address, &answer));
        while client.poll_event().is_some() {}
        // The next wait is three times the one sample, within the bounds.
        client.find_item(now, slot(), None).unwrap();
        let wait = client.poll_timeout().unwrap() - now;
        let expected = [
            (3 * (DHT_WAIT_FIRST + Duration::from_millis(100))).min(DHT_WAIT_MOST),
            Duration::from_millis(300).max(DHT_WAIT_LEAST),
        ];
        assert_eq!(wait, expected[late]);
    }
}

#[test]
fn forged_and_old_items_are_not_told() {
    let mut client = client();
    let now = epoch();
    (1..4).for_each(|index| client.remember(contact(index)));
    client.find_item(now, slot(), None).unwrap();
    let right = Put::new(&example(""), Vec::new(), None).item;
    let mut forged = right.clone();
    forged.seq = 99;
    let mut events = Vec::new();
    let items = [forged, right.clone(), right];
    for (question, item) in drain(&mut client).iter().zip(items) {
        let answer = Answer {
            item: Some(item),
            ..with_token(NodeId([question.to.port() as u8; 20]))
        };
        client.handle_datagram(now, question.to, &answer_to(question, answer));
        events.extend(std::iter::from_fn(|| client.poll_event()));
    }
    let items = events
        .iter()
        .filter(|event| matches!(event, Event::Item(_, item) if item.seq() == 1));
    assert_eq!(items.count(), 1);
    let Some(Event::Found(_, found)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!((found.forged, found.answered), (1, 3));
    assert_eq!(found.item.as_ref().map(Item::seq), Some(1));
}

#[test]
fn a_put_says_what_became_of_it_everywhere() {
    let mut client = client();
    let now = epoch();
    let keepers: Vec<Keeper> = (1..=5)
        .map(|index| Keeper {
            contact: contact(index),
            token: vec![index],
            seq: (index < 3).then_some(1),
        })
        .collect();
    client.put(now, example(""), Some(0), &keepers).unwrap();
    let questions = drain(&mut client);
    assert_eq!(questions.len(), 5);
    for question in &questions {
        let Body::Question {
            question: Question::Put(put),
            ..
        } = Message::decode(&question.bytes).unwrap().body
        else {
            panic!("a put");
        };
        let [_, index, ..] = match question.to.ip() {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(_) => panic!("IPv4"),
        };
        assert_eq!(put.token, [index]);
        // Where there was nothing, nothing is replaced.
        assert_eq!(put.replaces, (index < 3).then_some(0));
        let refuse = |code| {
            let message = Message {
                transaction: Message::decode(&question.bytes).unwrap().transaction,
                body: Body::Error { code },
                seen: None,
            };
            message.encode()
        };
        let answer = match index {
            1 => refuse(301),
            2 => refuse(302),
            3 => refuse(203),
            4 => answer_to(question, Answer::new(contact(4).id)),
            _ => continue,
        };
        assert!(client.handle_datagram(now, question.to, &answer));
    }
    let mut last = None;
    while let Some(due) = client.poll_timeout() {
        client.handle_timeout(due);
        last = client.poll_event().or(last);
    }
    let expected = Stored {
        stored: 1,
        outdated: 1,
        mismatched: 1,
        refused: 1,
        silent: 1,
    };
    assert!(
        matches!(last, Some(Event::Stored(_, stored)) if stored == expected),
        "{last:?}"
    );
}

#[test]
fn keepers_are_asked_all_at_once_and_nobody_else() {
    let mut client = client();
    let now = epoch();
    client.remember(contact(200));
    let keepers: Vec<Keeper> = (1..=8)
        .map(|index| Keeper {
            contact: contact(index),
            token: vec![index],
            seq: None,
        })
        .collect();
    client.ask_keepers(now, slot(), None, &keepers).unwrap();
    let questions = drain(&mut client);
    assert_eq!(questions.len(), 8);
    for question in &questions {
        let answer = Answer {
            nodes: vec![contact(100), contact(101)],
            ..with_token(NodeId([question.to.port() as u8; 20]))
        };
        client.handle_datagram(now, question.to, &answer_to(question, answer));
    }
    assert_eq!(drain(&mut client), []);
    let events: Vec<Event> = std::iter::from_fn(|| client.poll_event()).collect();
    assert!(matches!(events.last(), Some(Event::Found(_, found)) if found.keepers.len() == 8));
    assert!(matches!(events.first(), Some(Event::Outside(outside)) if outside.votes == 2));
}

#[test]
fn a_client_that_knows_nobody_says_so_at_once() {
    let mut client = client();
    client.find_item(epoch(), slot(), None).unwrap();
    assert!(
        matches!(client.poll_event(), Some(Event::Found(_, found)) if found == Found::default())
    );
    assert_eq!(client.poll_timeout(), None);
}

#[test]
fn everything_has_its_bound() {
    let mut client = client();
    let now = epoch();
    for index in 0..=u8::MAX {
        let mut other = contact(index);
        other.address.set_port(7000);
        client.remember(contact(index));
        client.remember(other);
    }
    assert_eq!(client.known_nodes().count(), DHT_KNOWN_NODES);
    for _ in 0..DHT_MAX_TASKS {
        client.find_item(now, slot(), None).unwrap();
    }
    assert!(client.find_item(now, slot(), None).is_err());
    assert!(drain(&mut client).len() <= crate::limits::DHT_MAX_CALLS);
}

#[test]
fn what_is_cancelled_is_heard_of_no_more() {
    let mut client = client();
    let now = epoch();
    client.remember(contact(1));
    let task = client.find_item(now, slot(), None).unwrap();
    let question = drain(&mut client).pop().unwrap();
    client.cancel(now, task);
    assert_eq!(client.poll_timeout(), None);
    let answer = answer_to(&question, with_token(contact(1).id));
    assert!(!client.handle_datagram(now, question.to, &answer));
    assert_eq!(client.poll_event(), None);
}

#[test]
fn a_client_that_is_named_to_itself_does_not_ask_itself() {
    let mut client = client();
    let now = epoch();
    client.remember(contact(1));
    client.find_nodes(now, &[]).unwrap();
    let question = drain(&mut client).pop().unwrap();
    let Body::Question { id, .. } = Message::decode(&question.bytes).unwrap().body else {
        panic!("a question");
    };
    let myself = Contact {
        id,
        address: address("5.5.5.5:555"),
    };
    let answer = Answer {
        nodes: vec![myself, contact(2)],
        ..Answer::new(contact(1).id)
    };
    client.handle_datagram(now, question.to, &answer_to(&question, answer));
    let asked: Vec<SocketAddr> = drain(&mut client)
        .iter()
        .map(|transmit| transmit.to)
        .collect();
    assert_eq!(asked, [contact(2).address]);
}
