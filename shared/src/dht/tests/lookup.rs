//! Whom a search asks, and when it is over.

use super::super::contact::Family;
use super::super::lookup::Lookup;
use super::*;
use crate::limits::{
    DHT_ABREAST, DHT_MAX_ASKED, DHT_MAX_PER_ADDRESS, DHT_NEAREST, DHT_SEARCH_CALLS,
};

const TARGET: NodeId = NodeId([0; 20]);

/// Who names the nodes here.
const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8));

/// A node at that distance, at an address of its own.
fn node(distance: u8) -> Contact {
    let mut id = NodeId([0; 20]);
    id.0[0] = distance;
    Contact {
        id,
        address: SocketAddr::from(([20, distance, 1, 1], 1)),
    }
}

/// That node under an id that suits its address.
fn sound(mut node: Contact) -> Contact {
    node.id = node.id.made_to_suit(node.address.ip());
    node
}

fn lookup(known: &[Contact]) -> Lookup {
    Lookup::new(Family::V4, TARGET, true, known.iter().copied())
}

fn answer(lookup: &mut Lookup, node: Contact) {
    lookup.on_answer(node, Some(b"token".to_vec()), None);
}

fn ask_all(lookup: &mut Lookup) -> Vec<SocketAddr> {
    std::iter::from_fn(|| lookup.poll_ask()).collect()
}

#[test]
fn the_nearest_are_asked_first_and_three_abreast() {
    let known: Vec<Contact> = [9, 3, 7, 1, 5].map(node).to_vec();
    let mut lookup = lookup(&known);
    let expected: Vec<SocketAddr> = [1, 3, 5].map(|distance| node(distance).address).to_vec();
    assert_eq!(ask_all(&mut lookup), expected);
    assert_eq!(expected.len(), DHT_ABREAST);
    answer(&mut lookup, node(3));
    assert_eq!(ask_all(&mut lookup), [node(7).address]);
    lookup.on_late(node(1).address);
    assert_eq!(ask_all(&mut lookup), [node(9).address]);
    assert!(!lookup.is_over());
}

#[test]
fn it_is_over_when_the_nearest_have_answered() {
    let known: Vec<Contact> = (1..=40).map(node).collect();
    let mut lookup = lookup(&known);
    let mut asked = 0;
    while !lookup.is_over() {
        for address in ask_all(&mut lookup) {
            asked += 1;
            let at = known.iter().find(|node| node.address == address).unwrap();
            // Every other one is silent.
            if at.id.0[0] % 2 == 0 {
                answer(&mut lookup, *at);
            } else {
                lookup.on_silence(address);
            }
        }
    }
    let keepers: Vec<u8> = lookup
        .keepers()
        .map(|keeper| keeper.contact.id.0[0])
        .collect();
    let expected: Vec<u8> = (1..=8).map(|index| 2 * index).collect();
    assert_eq!(keepers, expected);
    assert_eq!(asked, 2 * DHT_NEAREST);
}

#[test]
fn no_address_is_asked_twice_whoever_names_it() {
    let mut lookup = lookup(&[node(9)]);
    assert_eq!(ask_all(&mut lookup), [node(9).address]);
    answer(&mut lookup, node(9));
    let again = Contact {
        id: node(1).id,
        address: node(9).address,
    };
    lookup.on_named(&[again, node(2), node(2)], FAR);
    assert_eq!(ask_all(&mut lookup), [node(2).address]);
    lookup.on_silence(node(2).address);
    lookup.on_named(&[node(2), again], FAR);
    assert_eq!(ask_all(&mut lookup), []);
    assert!(lookup.is_over());
    // Nor one that is asked as an entrance, whose id is not known yet.
    lookup.enter_by([node(5).address].into_iter());
    assert_eq!(ask_all(&mut lookup), [node(5).address]);
    lookup.on_named(&[node(5)], FAR);
    assert_eq!(ask_all(&mut lookup), []);
}

#[test]
fn who_answers_is_who_they_say_and_not_who_others_say() {
    let mut lookup = lookup(&[node(9)]);
    ask_all(&mut lookup);
    answer(&mut lookup, node(9));
    let slandered = Contact {
        id: node(1).id,
        address: node(200).address,
    };
    lookup.on_named(&[slandered], FAR);
    assert_eq!(ask_all(&mut lookup), [slandered.address]);
    answer(&mut lookup, node(200));
    let ids: Vec<NodeId> = lookup.keepers().map(|keeper| keeper.contact.id).collect();
    assert_eq!(ids, [node(9).id, node(200).id]);
}

#[test]
fn endless_lists_are_asked_up_to_a_bound() {
    let mut lookup = lookup(&[node(255)]);
    let mut asked = 0;
    let mut fresh = 0_u32;
    while !lookup.is_over() {
        let addresses = ask_all(&mut lookup);
        asked += addresses.len();
        assert!(addresses.len() <= DHT_SEARCH_CALLS);
        for address in addresses {
            let mut nodes = Vec::new();
            for _ in 0..8 {
                fresh += 1;
                let [_, a, b, c] = fresh.to_be_bytes();
                let mut named = node(0);
                named.address = SocketAddr::from(([30 + a, b, c, 9], 7));
                // Nearer each time.
                named.id.0[16..].copy_from_slice(&(u32::MAX - fresh).to_be_bytes());
                nodes.push(named);
            }
            lookup.on_named(&nodes, FAR);
            lookup.on_answer(node((address.port() % 200) as u8), None, None);
            lookup.on_silence(address);
        }
    }
    assert_eq!(asked, DHT_MAX_ASKED);
}

#[test]
fn one_address_has_few_names() {
    let mut lookup = lookup(&[]);
    let names: Vec<Contact> = (1..=8)
        .map(|port| {
            let mut named = node(port);
            named.address = SocketAddr::from(([50, 1, 1, 1], u16::from(port)));
            named
        })
        .collect();
    lookup.on_named(&names, FAR);
    assert_eq!(ask_all(&mut lookup).len(), DHT_MAX_PER_ADDRESS);
    // In one's own network addresses are few, and nobody there is a stranger.
    let mut local = self::lookup(&[]);
    let near: Vec<Contact> = (1..=8)
        .map(|port| Contact {
            id: node(port).id,
            address: SocketAddr::from(([127, 0, 0, 1], u16::from(port))),
        })
        .collect();
    local.on_named(&near, "127.0.0.1".parse().unwrap());
    assert_eq!(ask_all(&mut local).len(), DHT_ABREAST);
}

/// The ids nearest to the target are made up, at addresses that they do not suit.
#[test]
fn made_up_ids_do_not_keep_sound_nodes_out() {
    let liars: Vec<Contact> = (1..=20).map(node).collect();
    let honest: Vec<Contact> = (30..60).map(|at| sound(node(at))).collect();
    let all: Vec<Contact> = liars.iter().chain(&honest).copied().collect();
    let mut lookup = lookup(&all);
    while !lookup.is_over() {
        for address in ask_all(&mut lookup) {
            let at = all.iter().find(|node| node.address == address).unwrap();
            answer(&mut lookup, *at);
        }
    }
    let sound = lookup.keepers().filter(|keeper| keeper.contact.is_sound());
    assert_eq!(sound.count(), DHT_NEAREST);
    assert_eq!(lookup.keepers().count(), 2 * DHT_NEAREST);
}

#[test]
fn nodes_that_give_no_token_do_not_count() {
    let known: Vec<Contact> = (1..=20).map(node).collect();
    let mut lookup = lookup(&known);
    while !lookup.is_over() {
        for address in ask_all(&mut lookup) {
            let at = *known.iter().find(|node| node.address == address).unwrap();
            let token = (at.id.0[0] > 10).then(|| b"t".to_vec());
            lookup.on_answer(at, token, None);
        }
    }
    let keepers: Vec<u8> = lookup
        .keepers()
        .map(|keeper| keeper.contact.id.0[0])
        .collect();
    assert_eq!(keepers, (11..=18).collect::<Vec<u8>>());
}

#[test]
fn a_silent_entrance_holds_nobody_up_who_has_heard_others() {
    let mut lookup = Lookup::new(Family::V4, TARGET, false, std::iter::empty());
    let entrances = [200, 201, 202, 203].map(|at| node(at).address);
    lookup.enter_by(entrances.into_iter());
    assert_eq!(ask_all(&mut lookup), entrances[..DHT_ABREAST]);
    lookup.on_late(entrances[0]);
    assert_eq!(ask_all(&mut lookup), entrances[DHT_ABREAST..]);
    lookup.on_late(entrances[1]);
    lookup.on_silence(entrances[2]);
    assert!(!lookup.is_over());
    lookup.on_silence(entrances[3]);
    assert!(!lookup.is_over(), "nobody else was heard");
    lookup.on_answer(node(200), None, None);
    assert!(lookup.is_over(), "one that is late is still under way");
}

/// Whoever is next in line is asked while a late one may still answer.
#[test]
fn a_late_node_is_waited_for_and_another_asked_meanwhile() {
    let known: Vec<Contact> = (1..=9).map(node).collect();
    let mut lookup = lookup(&known);
    for at in 1..=8 {
        let asked = ask_all(&mut lookup);
        assert!(asked.iter().all(|address| *address != node(9).address));
        if at != 5 {
            answer(&mut lookup, node(at));
        }
    }
    assert!(!lookup.is_over());
    lookup.on_late(node(5).address);
    assert_eq!(ask_all(&mut lookup), [node(9).address]);
    answer(&mut lookup, node(5));
    assert!(lookup.is_over(), "the ninth is not needed any more");
}
