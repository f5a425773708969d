//! What a client says and believes, word by word.

mod client;
mod lookup;

use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::bencode::Value;
use super::contact::{decode_address, encode_address, may_be_named};
use super::item::signed_bytes;
use super::krpc::{Answer, Body, Message, Put, Question};
use super::node_id::crc32c;
use super::votes::Votes;
use super::{Contact, Item, NodeId, SigningKey, Slot, UncheckedItem};
use crate::limits::{DHT_MAX_DEPTH, DHT_MAX_VOTERS};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let digits: String = hex.split_whitespace().collect();
    assert_eq!(digits.len(), 2 * N);
    std::array::from_fn(|index| u8::from_str_radix(&digits[2 * index..][..2], 16).unwrap())
}

#[test]
fn bencode_is_taken_in_one_form_only() {
    for good in [
        "0:",
        "4:spam",
        "i0e",
        "i-3e",
        "i9223372036854775807e",
        "le",
        "de",
        "l4:spami7ee",
        "d1:ai1e1:b0:e",
        "d0:0:1:a0:e",
    ] {
        let value = Value::parse(good.as_bytes());
        assert_eq!(value.map(Value::encoded), Ok(good.as_bytes()), "{good}");
    }
    for bad in [
        "",
        "4:spa",
        "4:spamx",
        "04:spam",
        "-1:",
        "i-0e",
        "i01e",
        "i+1e",
        "ie",
        "i-e",
        "i1",
        "l",
        "d",
        "d1:b0:1:a0:e",
        "d1:a0:1:a0:e",
        "di1e0:e",
        "d1:ae",
        "e",
        "99999999999999999999:",
        "i1x",
        "i111111111111111111111e",
        "18446744073709551616:",
    ] {
        assert!(Value::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn bencode_too_deep_is_refused_without_recursion_to_its_end() {
    let nested = |depth| "l".repeat(depth) + &"e".repeat(depth);
    assert!(Value::parse(nested(DHT_MAX_DEPTH).as_bytes()).is_ok());
    assert!(Value::parse(nested(DHT_MAX_DEPTH + 1).as_bytes()).is_err());
    assert!(Value::parse("l".repeat(1_000_000).as_bytes()).is_err());
    assert!(Value::parse("d1:a".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn a_number_that_64_bits_do_not_hold_is_none() {
    let value = Value::parse(b"i9223372036854775808e").unwrap();
    assert_eq!(value.integer(), None);
    assert_eq!(Value::parse(b"i-12e").unwrap().integer(), Some(-12));
}

/// The examples of BEP 5, byte for byte.
#[test]
fn the_examples_of_bep_5_are_said_and_understood() {
    let asker = NodeId(*b"abcdefghij0123456789");
    let target = NodeId(*b"mnopqrstuvwxyz123456");
    let question = |question| Body::Question {
        id: asker,
        read_only: false,
        question,
    };
    let find_node = Question::FindNode {
        target,
        both_families: false,
    };
    for (body, expected) in [
        (
            question(Question::Ping),
            "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
        ),
        (
            question(find_node),
            "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe",
        ),
        (
            Body::Answer(Box::new(Answer::new(target))),
            "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
        ),
    ] {
        let message = Message {
            transaction: b"aa".to_vec(),
            body,
            seen: None,
        };
        assert_eq!(String::from_utf8_lossy(&message.encode()), expected);
        assert_eq!(Message::decode(expected.as_bytes()), Ok(message));
    }
    let error = b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";
    let decoded = Message::decode(error).unwrap();
    assert_eq!(decoded.body, Body::Error { code: 201 });
}

/// The ids of BEP 42's table, and one for IPv6 made and recognised.
#[test]
fn ids_suit_addresses_as_bep_42_has_it() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    for (ip, id) in [
        ("124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"),
        ("21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"),
        ("65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"),
        ("84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"),
        ("43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        let id = NodeId(bytes(id));
        assert!(id.suits(ip), "{ip}");
        assert_eq!(id.made_to_suit(ip), id);
        let mut other = id;
        other.0[1] ^= 1;
        assert!(!other.suits(ip), "{ip}");
        assert_eq!(other.made_to_suit(ip), id);
    }
    let far: IpAddr = "2001:db8::1".parse().unwrap();
    let id = NodeId([7; 20]);
    assert!(!id.suits(far));
    assert!(id.made_to_suit(far).suits(far));
    for near in [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "172.16.0.1",
        "fe80::1",
    ] {
        assert!(id.suits(near.parse().unwrap()), "{near}");
    }
}

/// The key and the item of BEP 44's examples, with a salt or without.
fn example(salt: &str) -> Item {
    let key: [u8; 32] = bytes("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548");
    let signature = if salt.is_empty() {
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff \
         1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
    } else {
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d \
         df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
    };
    let slot = Slot::new(key, salt.as_bytes().to_vec()).unwrap();
    let item = UncheckedItem {
        key,
        seq: 1,
        value: b"Hello World!".to_vec(),
        signature: bytes(signature),
    };
    Item::verify(&slot, item).expect("BEP 44 has signed it")
}

#[test]
fn the_examples_of_bep_44_hold() {
    for (salt, target, signed) in [
        (
            "",
            "4a533d47ec9c7d95b1ad75f576cffc641853b750",
            "3:seqi1e1:v12:Hello World!",
        ),
        (
            "foobar",
            "411eba73b6f087ca51a3795d9c8c938d365e32c1",
            "4:salt6:foobar3:seqi1e1:v12:Hello World!",
        ),
    ] {
        let item = example(salt);
        assert_eq!(item.slot().target(), NodeId(bytes(target)));
        let bytes = signed_bytes(item.slot(), item.seq(), item.value());
        assert_eq!(String::from_utf8_lossy(&bytes), signed);
    }
}

#[test]
fn an_item_is_one_only_under_its_own_key_salt_number_and_value() {
    let item = example("foobar");
    let put = Put::new(&item, Vec::new(), None);
    let check = |change: &dyn Fn(&mut Slot, &mut UncheckedItem)| {
        let (mut slot, mut unchecked) = (item.slot().clone(), put.item.clone());
        change(&mut slot, &mut unchecked);
        Item::verify(&slot, unchecked)
    };
    assert_eq!(check(&|_, _| {}).as_ref(), Some(&item));
    assert_eq!(check(&|_, item| item.seq = 2), None);
    assert_eq!(check(&|_, item| item.value.push(b'!')), None);
    assert_eq!(check(&|_, item| item.signature[5] ^= 1), None);
    assert_eq!(check(&|_, item| item.key[0] ^= 1), None);
    let other = Slot::new(*item.slot().key(), b"foobaz".to_vec()).unwrap();
    assert_eq!(check(&|slot, _| *slot = other.clone()), None);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let stranger = SigningKey::random(&mut rng).unwrap().public();
    let other = Slot::new(stranger, b"foobar".to_vec()).unwrap();
    assert_eq!(
        check(&|slot, item| (*slot, item.key) = (other.clone(), stranger)),
        None
    );
}

#[test]
fn what_is_too_long_is_not_signed() {
    let key = SigningKey::from_seed(&[3; 32]).unwrap();
    assert!(Item::sign(&key, b"", 1, vec![0; 996]).is_ok());
    assert!(Item::sign(&key, b"", 1, vec![0; 997]).is_err());
    assert!(Item::sign(&key, &[1; 65], 1, Vec::new()).is_err());
    let key = format!("{key:?}");
    assert_eq!(key, "SigningKey(<secret>)");
}

/// The longest put there can be is one datagram that an Ethernet carries, and that we would read.
#[test]
fn the_longest_put_fits_a_datagram() {
    let key = SigningKey::from_seed(&[3; 32]).unwrap();
    let item = Item::sign(&key, &[1; 64], u32::MAX, vec![0; 996]).unwrap();
    let put = Put::new(&item, vec![2; 64], Some(i64::MAX));
    let message = Message {
        transaction: vec![1; 4],
        body: Body::Question {
            id: NodeId([1; 20]),
            read_only: true,
            question: Question::Put(Box::new(put)),
        },
        seen: None,
    };
    let bytes = message.encode();
    assert!(bytes.len() <= 1472, "{}", bytes.len());
    assert_eq!(Message::decode(&bytes), Ok(message));
}

#[test]
fn nobody_far_away_names_a_place_in_this_network() {
    let far: IpAddr = "8.8.4.4".parse().unwrap();
    let near: IpAddr = "192.168.1.7".parse().unwrap();
    for (named, by_far, by_near) in [
        ("9.9.9.9:1", true, true),
        ("127.0.0.1:6881", false, true),
        ("192.168.1.1:53", false, true),
        ("100.64.1.1:53", false, true),
        ("[fe80::1]:53", false, true),
        ("[fd00::1]:53", false, true),
        ("9.9.9.9:0", false, false),
        ("0.0.0.0:1", false, false),
        ("255.255.255.255:1", false, false),
        ("224.0.0.251:5353", false, false),
        ("[ff02::fb]:5353", false, false),
        ("[::]:5", false, false),
        ("[::ffff:127.0.0.1]:5", false, false),
        ("[2606:4700::1]:5", true, true),
    ] {
        assert_eq!(may_be_named(address(named), far), by_far, "{named}");
        assert_eq!(may_be_named(address(named), near), by_near, "{named}");
    }
}

#[test]
fn two_have_to_agree_on_where_we_are() {
    let mut votes = Votes::default();
    let (right, wrong) = (address("5.6.7.8:1000"), address("9.9.9.9:9"));
    votes.add(address("1.0.0.1:1"), right);
    assert_eq!(votes.winner(), None);
    // Neighbours have one vote, and whoever votes again has changed it.
    votes.add(address("1.0.0.2:1"), right);
    votes.add(address("1.0.0.1:7"), right);
    assert_eq!(votes.winner(), None);
    votes.add(address("2.0.0.1:1"), wrong);
    assert_eq!(votes.winner(), None);
    votes.add(address("3.0.0.1:1"), right);
    let winner = votes.winner().unwrap();
    assert_eq!((winner.address, winner.votes, winner.voters), (right, 2, 3));
    votes.add(address("4.0.0.1:1"), wrong);
    assert_eq!(votes.winner(), None, "a tie is nobody's");
    for voter in 0..200_u8 {
        votes.add(SocketAddr::from(([50, voter, 1, 1], 5)), right);
    }
    let winner = votes.winner().unwrap();
    assert_eq!((winner.address, winner.voters), (right, DHT_MAX_VOTERS));
}

fn contacts() -> impl Strategy<Value = Vec<Contact>> {
    let id = any::<[u8; 20]>().prop_map(NodeId);
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ];
    let contact = (id, ip, any::<u16>()).prop_map(|(id, ip, port)| Contact {
        id,
        address: SocketAddr::new(ip, port),
    });
    proptest::collection::vec(contact, 0..6)
}

proptest! {
    #[test]
    fn answers_come_back_as_they_were(
        id in any::<[u8; 20]>(),
        mut nodes in contacts(),
        token in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..65)),
        seq in proptest::option::of(any::<i64>()),
        port in any::<u16>(),
        transaction in proptest::collection::vec(any::<u8>(), 0..17),
    ) {
        // Each family has its own list, and IPv4's comes first.
        nodes.sort_by_key(|node| node.address.is_ipv6());
        let answer = Answer { id: NodeId(id), nodes, token, seq, item: None };
        let message = Message {
            transaction,
            body: Body::Answer(Box::new(answer)),
            seen: Some(SocketAddr::from(([1, 2, 3, 4], port))),
        };
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
        for length in 0..bytes.len() {
            prop_assert!(Message::decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = Value::parse(&bytes) {
            prop_assert_eq!(value.encoded(), bytes.as_slice());
        }
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn addresses_come_back_as_they_were(ip in any::<[u8; 16]>(), port in any::<u16>()) {
        let address = SocketAddr::new(ip.into(), port);
        prop_assert_eq!(decode_address(&encode_address(address)), Some(address));
    }
}
