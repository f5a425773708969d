//! Whether two who know nothing of each other but a key meet in the DHT, tried several times.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::dht::{Contact, Item, Report, SigningKey, Try};

use crate::net::introduction::{Dht, Entrances, entrances};

/// How often it is tried.
const TRIES: usize = 10;

/// No try begins later than this: a person waits.
const DEADLINE: Duration = Duration::from_secs(90);

/// What is put. Whoever finds it is told what it is.
const VALUE: &[u8] = b"fardrop doctor --far";

/// What to try.
#[derive(Debug, Clone, Copy)]
pub struct FarExamination<'a> {
    /// Hosts by which to enter, `host:port`; none means those that are built in.
    pub hosts: &'a [String],
    /// Whether IPv6 is used.
    pub ipv6: bool,
    /// Nodes that answered at another time.
    pub remembered: &'a [Contact],
}

/// Tries the DHT out: each time a client puts an item under a key of its own, and another looks for it from a socket
/// of its own. The second and later clients begin at nodes that the first got to know, as an app would that was
/// used before. Gives the nodes that are known at the end as well.
///
/// # Errors
/// What the system says when it refuses a socket.
pub async fn diagnose_far(examination: FarExamination<'_>) -> io::Result<(Report, Vec<Contact>)> {
    let FarExamination {
        hosts,
        ipv6,
        remembered,
    } = examination;
    let deadline = Instant::now() + DEADLINE;
    let Entrances {
        names,
        unresolved,
        addresses,
    } = entrances(hosts, ipv6).await;
    let mut known = remembered.to_vec();
    let mut report = Report {
        names,
        unresolved,
        remembered: remembered.len(),
        ..Report::default()
    };
    while report.tries.len() < TRIES && Instant::now() < deadline {
        // Those whose addresses everybody is given are asked once, and not ten times.
        let first = report.tries.is_empty();
        let entrances: &[SocketAddr] = if first { &addresses } else { &[] };
        let (tried, putter) = try_once(entrances, ipv6, &known).await?;
        report.tries.push(tried);
        report.outside = putter.outside();
        known = putter.known();
        if tried.answered == 0 {
            break;
        }
    }
    report.known = known.len();
    Ok((report, known))
}

/// One item, put and looked for. Gives the client that has put it as well.
async fn try_once(
    entrances: &[SocketAddr],
    ipv6: bool,
    known: &[Contact],
) -> io::Result<(Try, Dht)> {
    let key = SigningKey::random(&mut rand::thread_rng());
    let item = key.and_then(|key| Item::sign(&key, b"", 1, VALUE.to_vec()).ok());
    let item = item.ok_or_else(|| io::Error::other("no key could be made"))?;
    let slot = item.slot().clone();
    let mut putter = Dht::bind(ipv6, known)?;
    let began = Instant::now();
    let entered = putter.enter(entrances).await?;
    let mut tried = Try {
        entered: began.elapsed(),
        answered: entered.answered,
        ..Try::default()
    };
    let began = Instant::now();
    let place = putter.find(slot.clone()).await?;
    tried.stored = putter.put(item, &place.keepers).await?.stored;
    tried.put = began.elapsed();
    if tried.stored > 0 {
        // It knows nodes, and none of those that keep the item more than by chance.
        let mut getter = Dht::bind(ipv6, known)?;
        if known.is_empty() {
            getter.enter(entrances).await?;
        }
        let began = Instant::now();
        let found = getter.find_first(slot).await?;
        tried.got = found.map(|_| began.elapsed());
    }
    Ok((tried, putter))
}
