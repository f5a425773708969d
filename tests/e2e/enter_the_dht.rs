//! Our client of the DHT among nodes of the crate `mainline`, which is not ours: sixty of them in this process, on
//! loopback.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fardrop_shared::dht::{Client, Config, Event, Found, Item, SigningKey, Slot, Stored, TaskId};
use fardrop_shared::limits::DHT_MAX_DATAGRAM_BYTES;
use fardrop_tests::peer::PeerCommand;
use mainline::{Dht, MutableItem, Testnet};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

/// Nodes, each with a thread and a socket.
const NODES: usize = 60;

/// Nodes that are handed to those who know nobody.
const ENTRANCES: usize = 5;

/// How long a search or a put may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn testnet() -> Result<Testnet> {
    let testnet = Testnet::builder(NODES).build()?;
    assert_eq!(testnet.nodes.len(), NODES);
    Ok(testnet)
}

/// A client of ours with a socket.
struct Ours {
    client: Client,
    socket: UdpSocket,
}

impl Ours {
    fn enter(testnet: &Testnet) -> Result<Self> {
        let config = Config {
            ipv4: true,
            ipv6: false,
        };
        let mut ours = Self {
            client: Client::new(config, &mut ChaCha8Rng::seed_from_u64(1)),
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
        };
        let entrances: Vec<SocketAddr> = testnet
            .bootstrap
            .iter()
            .take(ENTRANCES)
            .map(|address| address.parse())
            .collect::<Result<_, _>>()?;
        let task = ours.client.find_nodes(Instant::now(), &entrances)?;
        let found = ours.found(task)?;
        assert!(found.answered >= 8, "{found:?}");
        Ok(ours)
    }

    fn find(&mut self, slot: &Slot) -> Result<Found> {
        let task = self.client.find_item(Instant::now(), slot.clone(), None)?;
        self.found(task)
    }

    fn put(&mut self, item: &Item, replaces: Option<i64>) -> Result<Stored> {
        let keepers = self.find(item.slot())?.keepers;
        assert!(keepers.len() >= 8, "{keepers:?}");
        let task = self
            .client
            .put(Instant::now(), item.clone(), replaces, &keepers)?;
        loop {
            if let Event::Stored(of, stored) = self.event()?
                && of == task
            {
                return Ok(stored);
            }
        }
    }

    fn found(&mut self, task: TaskId) -> Result<Found> {
        loop {
            if let Event::Found(of, found) = self.event()?
                && of == task
            {
                return Ok(found);
            }
        }
    }

    fn event(&mut self) -> Result<Event> {
        let until = Instant::now() + PATIENCE;
        let mut buffer = [0; DHT_MAX_DATAGRAM_BYTES];
        while Instant::now() < until {
            while let Some(transmit) = self.client.poll_transmit() {
                self.socket.send_to(&transmit.bytes, transmit.to)?;
            }
            if let Some(event) = self.client.poll_event() {
                return Ok(event);
            }
            let due = self.client.poll_timeout().context("it waits for nothing")?;
            let wait = due.saturating_duration_since(Instant::now());
            self.socket
                .set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
            // Nothing came, or a node that is gone was written to.
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.client
                    .handle_datagram(Instant::now(), from, &buffer[..length]);
            }
            self.client.handle_timeout(Instant::now());
        }
        bail!("nothing is learned");
    }
}

/// A client of theirs.
fn theirs(testnet: &Testnet) -> Result<Dht> {
    let dht = Dht::builder()
        .bootstrap(&testnet.bootstrap[..ENTRANCES])
        .bind_address(Ipv4Addr::LOCALHOST)
        .build()?;
    Ok(dht)
}

fn their_newest(testnet: &Testnet, key: &[u8; 32], salt: Option<&[u8]>) -> Result<MutableItem> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let dht = theirs(testnet)?.as_async();
    let newest = runtime.block_on(dht.get_mutable_most_recent(key, salt));
    newest.context("they found nothing")
}

fn they_put(testnet: &Testnet, item: MutableItem, cas: Option<i64>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let dht = theirs(testnet)?.as_async();
    runtime.block_on(dht.put_mutable(item, cas))?;
    Ok(())
}

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    ChaCha8Rng::seed_from_u64(7).fill_bytes(&mut seed);
    seed
}

#[test]
fn what_we_put_others_get() -> Result<()> {
    let testnet = testnet()?;
    let key = SigningKey::from_seed(&seed()).context("a key")?;
    let mut ours = Ours::enter(&testnet)?;
    for salt in [b"".as_slice(), b"run 3"] {
        let longest: Vec<u8> = (0..996_u32).map(|byte| byte as u8).collect();
        for (seq, value) in [(1, b"first".to_vec()), (2, longest)] {
            let item = Item::sign(&key, salt, seq, value.clone())?;
            let replaces = (seq > 1).then_some(1);
            let stored = ours.put(&item, replaces)?;
            assert!(stored.stored >= 8, "{stored:?}");
            let theirs = their_newest(
                &testnet,
                &key.public(),
                Some(salt).filter(|salt| !salt.is_empty()),
            )?;
            assert_eq!((theirs.seq(), theirs.value()), (i64::from(seq), &value[..]));
        }
        let late = Item::sign(&key, salt, 1, b"late".to_vec())?;
        let stored = ours.put(&late, None)?;
        assert!(stored.outdated >= 8 && stored.stored == 0, "{stored:?}");
        let other = Item::sign(&key, salt, 9, b"other".to_vec())?;
        let stored = ours.put(&other, Some(7))?;
        assert!(stored.mismatched >= 8 && stored.stored == 0, "{stored:?}");
    }
    Ok(())
}

#[test]
fn what_others_put_we_get() -> Result<()> {
    let testnet = testnet()?;
    let key = mainline::SigningKey::from_bytes(&seed());
    let public = key.verifying_key().to_bytes();
    for salt in [None, Some(b"run 3".as_slice())] {
        let slot = Slot::new(public, salt.unwrap_or_default().to_vec())?;
        let mut ours = Ours::enter(&testnet)?;
        assert_eq!(ours.find(&slot)?.item, None);
        they_put(
            &testnet,
            MutableItem::new(key.clone(), b"first", 4, salt),
            None,
        )?;
        let found = ours.find(&slot)?;
        let item = found.item.context("nothing was found")?;
        assert_eq!((item.seq(), item.value()), (4, b"first".as_slice()));
        they_put(
            &testnet,
            MutableItem::new(key.clone(), b"second", 5, salt),
            Some(4),
        )?;
        // The nodes that kept the first keep the second.
        let task = ours
            .client
            .ask_keepers(Instant::now(), slot, Some(4), &found.keepers)?;
        let newer = ours.found(task)?.item.context("nothing newer was found")?;
        assert_eq!((newer.seq(), newer.value()), (5, b"second".as_slice()));
    }
    Ok(())
}

/// Nodes that vanish are asked in vain, and the others have it.
#[test]
fn an_item_outlives_half_of_the_nodes() -> Result<()> {
    let mut testnet = testnet()?;
    let key = SigningKey::from_seed(&seed()).context("a key")?;
    let item = Item::sign(&key, b"", 1, b"still here".to_vec())?;
    Ours::enter(&testnet)?.put(&item, None)?;
    let mut ours = Ours::enter(&testnet)?;
    let keepers = ours.find(item.slot())?.keepers;
    let one_keeper = keepers
        .last()
        .context("a keeper")?
        .contact
        .address
        .to_string();
    // Every other one, and none of those that we enter by; whoever is next to the item may go, the last that keeps
    // it may not.
    let nodes = std::mem::take(&mut testnet.nodes);
    let kept = nodes.into_iter().enumerate();
    let kept = kept.filter(|(index, _)| {
        let keeps_it = testnet.bootstrap[*index] == one_keeper;
        *index < ENTRANCES || index % 2 == 0 || keeps_it
    });
    testnet.nodes = kept.map(|(_, node)| node).collect();
    let found = ours.find(item.slot())?;
    assert_eq!(found.item, Some(item));
    Ok(())
}

/// Runs `doctor --far` with these hosts: the exit code, and the one object that it prints.
fn doctor(hosts: &[String], memory: &Path) -> Result<(Option<i32>, Value)> {
    let settings = memory.join("settings.ron");
    std::fs::write(&settings, format!("(dht_bootstrap: {hosts:?})"))?;
    let command = PeerCommand::new("doctor")?
        .arg("--far")
        .env("FARDROP_CONFIG", &settings.to_string_lossy())
        .env("FARDROP_MEMORY", &memory.to_string_lossy());
    let (exit, mut events) = command.start()?.finish()?;
    assert_eq!(events.len(), 1, "{events:?}");
    Ok((exit, events.pop().context("an event")?))
}

#[test]
fn the_doctor_says_that_it_works_and_remembers_the_nodes() -> Result<()> {
    let testnet = testnet()?;
    let memory = tempfile::tempdir()?;
    let (exit, far) = doctor(&testnet.bootstrap[..ENTRANCES], memory.path())?;
    assert_eq!((exit, &far["verdict"]), (Some(0), &"works".into()), "{far}");
    assert_eq!(
        (&far["entrances"]["named"], &far["remembered"]),
        (&5.into(), &0.into()),
        "{far}"
    );
    let tries = far["tries"].as_array().context("tries")?;
    assert_eq!(tries.len(), 10, "{far}");
    for each in tries {
        assert_eq!(each["found"], true, "{far}");
        assert!(each["stored"].as_u64() >= Some(8), "{far}");
        for time in ["bootstrap_ms", "put_ms", "get_ms"] {
            assert!(each[time].is_f64(), "{far}");
        }
    }
    assert_eq!(far["outside"][0]["scope"], "loopback", "{far}");
    assert!(far["outside"][0]["votes"].as_u64() >= Some(2), "{far}");
    assert!(!far.to_string().contains("127.0.0.1"), "{far}");

    // By what it remembers it enters without a host: nobody listens on the discard port.
    let (exit, again) = doctor(&["127.0.0.1:9".to_owned()], memory.path())?;
    assert_eq!(
        (exit, &again["verdict"]),
        (Some(0), &"works".into()),
        "{again}"
    );
    assert_eq!(again["remembered"], far["known"], "{again}");
    Ok(())
}

#[test]
fn the_doctor_says_that_nobody_answers() -> Result<()> {
    let memory = tempfile::tempdir()?;
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (exit, far) = doctor(&[silent.local_addr()?.to_string()], memory.path())?;
    assert_eq!(
        (exit, &far["verdict"]),
        (Some(1), &"silent".into()),
        "{far}"
    );
    assert!(!memory.path().join("dht-nodes").exists());
    let (exit, far) = doctor(&["host.invalid:6881".to_owned()], memory.path())?;
    assert_eq!(
        (exit, &far["verdict"]),
        (Some(1), &"no-entrance".into()),
        "{far}"
    );

    let readme = include_str!("../../README.md");
    let (_, table) = readme
        .split_once("| field of `--far` | means |")
        .context("the table")?;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let documented: Vec<&str> = cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let object = far.as_object().context("an object")?;
    let mut printed: Vec<&str> = object.keys().map(String::as_str).collect();
    assert_eq!(printed.len(), documented.len());
    printed.retain(|field| !documented.contains(field));
    assert!(printed.is_empty(), "{printed:?} is not in the README");
    Ok(())
}
