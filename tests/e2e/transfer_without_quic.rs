//! Go-Back-N: on request, and by itself where QUIC does not come through.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::namespace::Namespace;
use fardrop_tests::peer::{Account, Peer, PeerCommand, Rendezvous, last};
use fardrop_tests::tree;
use socket2::{Domain, Protocol, Socket, Type};

use super::{assert_done, assert_failed, assert_identical, workplace, wrong};

/// How much later than otherwise a transfer may start where QUIC is dropped.
const LATER: Duration = Duration::from_secs(2);

/// Drops the long headers of both versions of QUIC, which every handshake needs (RFC 8999).
const NO_QUIC: &str = "table inet lab {
  chain in {
    type filter hook input priority filter
    meta l4proto udp @th,64,8 & 0xc0 == 0xc0 @th,72,32 { 0x00000001, 0x6b3343cf } drop
  }
}
";

/// Drops every packet of more than 1,000 bytes, and says nothing.
const BLACK_HOLE: &str = "table inet lab {
  chain in {
    type filter hook input priority filter
    meta l4proto udp meta length > 1000 drop
  }
}
";

/// Drops every packet of more than 576 bytes, the rendezvous's included, and says nothing.
const NARROW_BLACK_HOLE: &str = "table inet lab {
  chain in {
    type filter hook input priority filter
    meta l4proto udp meta length > 576 drop
  }
}
";

/// What gathers packets on their way, so that filters and captures would see many as one.
const OFFLOADS: &str = "tx-udp-segmentation off gso off tso off gro off";

/// Both ends on Go-Back-N, with the offer on its way.
fn begin(rendezvous: &Rendezvous, work: &Path) -> Result<(Peer, Peer)> {
    let memory = work.join("memory of the sender");
    let mut sender = PeerCommand::send(rendezvous, &work.join("out"))?
        .args(["--once", "--link", "gbn"])
        // A sender that remembers is known again when it is started anew.
        .env("FARDROP_MEMORY", &memory.to_string_lossy())
        .start()?;
    let code = sender.code()?;
    let mut receiver = PeerCommand::receive(rendezvous, &code, &work.join("in"))?
        .args(["--link", "gbn"])
        .start()?;
    receiver.event("offer")?;
    Ok((sender, receiver))
}

#[test]
fn asked_for_at_one_end_carries_the_whole_tree() -> Result<()> {
    let rendezvous = Rendezvous::start()?;
    for (ours, theirs) in [("gbn", "gbn"), ("gbn", "auto"), ("auto", "gbn")] {
        let work = workplace()?;
        let out = work.path().join("out");
        let mut sender = PeerCommand::send(&rendezvous, &out)?
            .args(["--once", "--link", ours])
            .start()?;
        let code = sender.code()?;
        let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?
            .args(["--link", theirs])
            .start()?;
        let (received, sent) = (receiver.finish()?, sender.finish()?);
        for run in [&received, &sent] {
            assert_eq!(assert_done(run)["link"], "gbn");
            let path = last(&run.1, "path").context("no path")?;
            assert_eq!(path["link"], "gbn");
        }
        assert_identical(&out, &work.path().join("in/out"));
    }
    Ok(())
}

#[test]
fn twenty_transfers_of_the_tree_are_identical() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?
        .args(["--link", "gbn"])
        .start()?;
    let code = sender.code()?;
    for number in 0..20 {
        let folder = work.path().join(number.to_string());
        let receiver = PeerCommand::receive(&rendezvous, &code, &folder)?.start()?;
        assert_eq!(assert_done(&receiver.finish()?)["link"], "gbn");
        assert_identical(&out, &folder.join("out"));
    }
    Ok(())
}

#[test]
fn ends_that_rule_each_other_out_are_told_so() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?
        .args(["--link", "quic"])
        .start()?;
    let code = sender.code()?;
    let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?
        .args(["--link", "gbn"])
        .start()?;
    assert_failed(&receiver.finish()?, "link-mismatch");
    // It was no guess: the share is as it was.
    let receiver = PeerCommand::receive(&rendezvous, &code, &work.path().join("in"))?.start()?;
    assert_eq!(assert_done(&receiver.finish()?)["link"], "quic");
    Ok(())
}

#[test]
fn receivers_of_one_share_have_links_of_their_own() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    std::fs::write(out.join("huge.bin"), tree::noise(99, 100_000_000))?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &out)?.start()?;
    let code = sender.code()?;
    let mut receivers = Vec::new();
    for (number, link) in ["gbn", "quic", "gbn"].iter().enumerate() {
        let folder = work.path().join(number.to_string());
        let command = PeerCommand::receive(&rendezvous, &code, &folder)?;
        receivers.push((command.args(["--link", link]).start()?, *link, folder));
    }
    for (receiver, link, folder) in receivers {
        assert_eq!(assert_done(&receiver.finish()?)["link"], link);
        assert_identical(&out, &folder.join("out"));
    }
    Ok(())
}

#[test]
fn killed_receiver_goes_on_where_it_ended() -> Result<()> {
    let work = workplace()?;
    let out = work.path().join("out");
    std::fs::write(out.join("huge.bin"), tree::noise(99, 400_000_000))?;
    let rendezvous = Rendezvous::start()?;
    let (_sender, mut receiver) = begin(&rendezvous, work.path())?;
    receiver.event_where("progress", |event| {
        event["bytes"].as_u64() > Some(20_000_000)
    })?;
    receiver.kill()?;
    receiver.finish()?;
    let (sender, receiver) = begin(&rendezvous, work.path())?;
    let received = receiver.finish()?;
    let done = assert_done(&received);
    assert!(done["resumed"].as_u64() > Some(10_000_000), "{done}");
    assert_eq!(done["link"], "gbn");
    assert_done(&sender.finish()?);
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

#[test]
fn stopping_either_end_is_told_to_the_other() -> Result<()> {
    let rendezvous = Rendezvous::start()?;
    for sender_stops in [true, false] {
        let work = workplace()?;
        let huge = work.path().join("out/huge.bin");
        std::fs::write(huge, tree::noise(99, 400_000_000))?;
        let (sender, mut receiver) = begin(&rendezvous, work.path())?;
        receiver.event("progress")?;
        let (stopping, told) = if sender_stops {
            (sender, receiver)
        } else {
            (receiver, sender)
        };
        stopping.interrupt()?;
        let stopped = Instant::now();
        assert_eq!(stopping.finish()?.0, Some(130));
        if sender_stops {
            assert_failed(&told.finish()?, "cancelled-by-peer");
        } else {
            // The share waits for another receiver.
            let mut told = told;
            assert_eq!(told.event("failed")?["kind"], "cancelled-by-peer");
        }
        assert!(stopped.elapsed() < Duration::from_secs(10));
    }
    Ok(())
}

#[test]
fn declining_and_guessing_are_told_as_ever() -> Result<()> {
    let work = workplace()?;
    let rendezvous = Rendezvous::start()?;
    let mut sender = PeerCommand::send(&rendezvous, &work.path().join("out"))?
        .args(["--link", "gbn"])
        .start()?;
    let code = sender.code()?;
    let guess = PeerCommand::receive(&rendezvous, &wrong(&code)?, &work.path().join("in"))?;
    assert_failed(&guess.start()?.finish()?, "wrong-code");
    let decline = PeerCommand::new("receive")?
        .server(&rendezvous)
        .into_folder(&work.path().join("in"))
        .arg(&code)
        .start()?;
    assert_eq!(decline.finish()?.0, Some(2));
    assert_eq!(sender.event("failed")?["kind"], "declined");
    let written = std::fs::read_dir(work.path().join("in"))?.count();
    assert_eq!(written, 0);
    Ok(())
}

/// Two machines with a cable between them, the second with a rendezvous.
pub(super) struct Cable {
    pub(super) near: Namespace,
    far: Arc<Namespace>,
    rendezvous: Rendezvous,
}

impl Cable {
    /// `None` where this user may not.
    pub(super) fn lay(test: &str, mtu: u16) -> Result<Option<Self>> {
        let (Some(near), Some(far)) = (Namespace::enter(test)?, Namespace::enter(test)?) else {
            return Ok(None);
        };
        let far = Arc::new(far);
        near.join("10.78.0.1/24", &far, "10.78.0.2/24")?;
        for end in [&near, &far] {
            end.run(&format!("ip link set cable mtu {mtu}"))?;
            end.run(&format!("ethtool -K cable {OFFLOADS}"))?;
        }
        let rendezvous = Rendezvous::start_within(Arc::clone(&far), "10.78.0.2:4840".parse()?)?;
        Ok(Some(Self {
            near,
            far,
            rendezvous,
        }))
    }

    /// Sends `work/out` from the far end to the near one, into `folder`.
    pub(super) fn transfer(&self, work: &Path, folder: &str, link: &str) -> Result<[Account; 2]> {
        let memory = work.join("memory");
        let memory = memory.to_str().context("an odd folder")?;
        let mut sender = PeerCommand::send(&self.rendezvous, &work.join("out"))?
            .args(["--once", "--no-port-mapping", "--link", link])
            .within(&self.far)
            .start()?;
        let code = sender.code()?;
        let receiver = PeerCommand::receive(&self.rendezvous, &code, &work.join(folder))?
            .args(["--no-port-mapping", "--link", link])
            .env("FARDROP_MEMORY", memory)
            .within(&self.near)
            .start()?;
        let received = receiver.account()?;
        if received.exit != Some(0) {
            sender.interrupt()?;
        }
        Ok([received, sender.account()?])
    }
}

/// Asserts that both ends are done over `link`, and gives how long the receiver took from its pairing to its
/// path.
#[track_caller]
pub(super) fn assert_carried_by(accounts: &[Account; 2], link: &str) -> Duration {
    for account in accounts {
        let done = account.last("done");
        let done = done.unwrap_or_else(|| panic!("not done: {:?}", account.events));
        assert_eq!(done["link"], link, "{:?}", account.events);
        let path = account.last("path").expect("a path");
        assert_eq!(path["link"], link);
    }
    let at = |name| accounts[0].first_at(name).expect("an event");
    at("path").saturating_duration_since(at("paired"))
}

#[test]
fn dropped_quic_is_gone_around_and_remembered() -> Result<()> {
    let Some(cable) = Cable::lay("dropped_quic_is_gone_around_and_remembered", 1500)? else {
        return Ok(());
    };
    let work = workplace()?;
    let out = work.path().join("out");
    let usual = cable.transfer(work.path(), "one", "auto")?;
    let usual = assert_carried_by(&usual, "quic");
    // Beside what is remembered of codes.
    let networks = work.path().join("memory/networks-without-quic");
    assert!(!networks.exists(), "there was nothing to remember");
    cable.near.filter(NO_QUIC)?;
    let blocked = cable.transfer(work.path(), "two", "auto")?;
    let blocked = assert_carried_by(&blocked, "gbn");
    assert!(blocked < usual + LATER, "{blocked:?} instead of {usual:?}");
    assert_identical(&out, &work.path().join("two/out"));
    let file = std::fs::metadata(&networks).context("no memory")?;
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let remembered = cable.transfer(work.path(), "three", "auto")?;
    let remembered = assert_carried_by(&remembered, "gbn");
    let second = Duration::from_secs(1);
    assert!(
        remembered + second / 2 < blocked,
        "{remembered:?} and {blocked:?}"
    );
    assert_identical(&out, &work.path().join("three/out"));
    let [received, sent] = cable.transfer(work.path(), "four", "quic")?;
    for account in [received, sent] {
        let failed = account.last("failed").context("no failure")?;
        assert_eq!(failed["kind"], "link-blocked", "{:?}", account.events);
    }
    Ok(())
}

#[test]
fn short_packets_are_enough() -> Result<()> {
    for mtu in [1000, 576] {
        let Some(cable) = Cable::lay("short_packets_are_enough", mtu)? else {
            return Ok(());
        };
        let work = workplace()?;
        let accounts = cable.transfer(work.path(), "in", "auto")?;
        let took = assert_carried_by(&accounts, "gbn");
        assert!(
            took < LATER,
            "what the interface says costs no time: {took:?}"
        );
        assert_identical(&work.path().join("out"), &work.path().join("in/out"));
        let [received, _] = cable.transfer(work.path(), "again", "quic")?;
        let failed = received.last("failed").context("no failure")?;
        assert_eq!(failed["kind"], "link-blocked", "{:?}", received.events);
    }
    Ok(())
}

#[test]
fn silent_black_hole_is_gone_around() -> Result<()> {
    let Some(cable) = Cable::lay("silent_black_hole_is_gone_around", 1500)? else {
        return Ok(());
    };
    cable.near.filter(BLACK_HOLE)?;
    cable.far.filter(BLACK_HOLE)?;
    let work = workplace()?;
    let accounts = cable.transfer(work.path(), "in", "auto")?;
    assert_carried_by(&accounts, "gbn");
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    Ok(())
}

/// A router that drops what is longer than 576 bytes without a word is no obstacle to pairing, nor to what follows.
#[test]
fn pairing_fits_a_path_that_drops_more_than_576_bytes_silently() -> Result<()> {
    let test = "pairing_fits_a_path_that_drops_more_than_576_bytes_silently";
    let Some(cable) = Cable::lay(test, 1500)? else {
        return Ok(());
    };
    cable.near.filter(NARROW_BLACK_HOLE)?;
    cable.far.filter(NARROW_BLACK_HOLE)?;
    let work = workplace()?;
    let accounts = cable.transfer(work.path(), "in", "auto")?;
    assert_carried_by(&accounts, "gbn");
    assert_identical(&work.path().join("out"), &work.path().join("in/out"));
    // Nobody has waited for a message that was too long.
    let at = |name| accounts[0].first_at(name).expect("an event");
    let paired = at("paired").saturating_duration_since(accounts[0].times[0]);
    assert!(paired < LATER, "{paired:?}");
    Ok(())
}

/// Lets through some 20 MB a second, so that there is a middle of a transfer.
const SLOW: &str = "table inet lab {
  chain in {
    type filter hook input priority filter
    udp sport != 4840 limit rate over 20 mbytes/second burst 200 kbytes drop
  }
}
";

#[test]
fn another_address_in_mid_transfer_is_followed() -> Result<()> {
    let Some(cable) = Cable::lay("another_address_in_mid_transfer_is_followed", 1500)? else {
        return Ok(());
    };
    cable.near.filter(SLOW)?;
    let work = workplace()?;
    let out = work.path().join("out");
    std::fs::write(out.join("huge.bin"), tree::noise(99, 80_000_000))?;
    let mut sender = PeerCommand::send(&cable.rendezvous, &out)?
        .args(["--once", "--no-port-mapping", "--link", "gbn"])
        .within(&cable.far)
        .start()?;
    let code = sender.code()?;
    let mut receiver = PeerCommand::receive(&cable.rendezvous, &code, &work.path().join("in"))?
        .args(["--no-port-mapping"])
        .within(&cable.near)
        .start()?;
    for address in ["10.78.0.11", "10.78.0.12"] {
        receiver.event_where("progress", |event| {
            event["bytes"].as_u64() > Some(1_000_000)
        })?;
        cable.near.run("ip address flush dev cable")?;
        let add = format!("ip address add {address}/24 dev cable");
        cable.near.run(&add)?;
        sender.event_where("path", |event| {
            event["peer"]
                .as_str()
                .is_some_and(|peer| peer.starts_with(address))
        })?;
    }
    let (received, sent) = (receiver.finish()?, sender.finish()?);
    for run in [&received, &sent] {
        assert_eq!(assert_done(run)["link"], "gbn");
    }
    assert_identical(&out, &work.path().join("in/out"));
    Ok(())
}

/// Packets that a byte position must have been seen in.
const CAPTURED: usize = 10_000;

/// Most that chi-square over the 256 values of a byte may be: 255 on average with a standard deviation of
/// 22.6, so that none of a hundred positions exceeds it by chance in a million runs.
const CHI_SQUARE_MOST: f64 = 430.0;

/// How unevenly a byte's values are spread.
fn chi_square(values: impl Iterator<Item = u8>) -> f64 {
    let mut counts = [0_u32; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let expected = f64::from(counts.iter().sum::<u32>()) / 256.0;
    let deviations = counts.map(|count| (f64::from(count) - expected).powi(2));
    deviations.iter().sum::<f64>() / expected
}

#[test]
fn captured_packets_look_like_noise() -> Result<()> {
    /// Length of the path's probes, in bytes.
    const PROBE: usize = 61;
    const HEADERS: usize = 28;
    let Some(cable) = Cable::lay("captured_packets_look_like_noise", 1500)? else {
        return Ok(());
    };
    let work = workplace()?;
    std::fs::write(
        work.path().join("out/huge.bin"),
        tree::noise(99, 30_000_000),
    )?;
    // A copy of every datagram that comes to the near end, with its headers.
    let tap = cable.near.with(|| {
        let tap = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
        tap.set_recv_buffer_size(64 << 20)?;
        tap.set_read_timeout(Some(Duration::from_millis(100)))?;
        Ok(tap)
    })?;
    let over = Arc::new(AtomicBool::new(false));
    let reader = std::thread::Builder::new().name("tap".to_owned()).spawn({
        let over = Arc::clone(&over);
        move || {
            let mut packets: Vec<Vec<u8>> = Vec::new();
            let mut buffer = [0; 2048];
            loop {
                match (&tap).read(&mut buffer) {
                    Ok(length) => packets.push(buffer[..length].to_vec()),
                    Err(_) if over.load(Ordering::Relaxed) => return packets,
                    Err(_) => {}
                }
            }
        }
    })?;
    let accounts = cable.transfer(work.path(), "in", "gbn")?;
    assert_carried_by(&accounts, "gbn");
    over.store(true, Ordering::Relaxed);
    let packets = reader.join().ok().context("the tap panicked")?;
    let payloads: Vec<&[u8]> = packets
        .iter()
        .filter(|packet| packet.len() > HEADERS && packet[20..22] != 4840_u16.to_be_bytes())
        .map(|packet| &packet[HEADERS..])
        .filter(|payload| payload.len() != PROBE)
        .collect();
    for position in 0..100 {
        let seen: Vec<u8> = payloads
            .iter()
            .filter_map(|payload| payload.get(position).copied())
            .collect();
        assert!(seen.len() >= CAPTURED, "only {} at {position}", seen.len());
        let chi_square = chi_square(seen.into_iter());
        assert!(chi_square < CHI_SQUARE_MOST, "{chi_square} at {position}");
    }
    Ok(())
}
