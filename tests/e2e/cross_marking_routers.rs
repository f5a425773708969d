//! Go-Back-N on paths that mark packets, as they should and as they should not.

use anyhow::{Context, Result, ensure};
use fardrop_tests::tree;

use super::transfer_without_quic::{Cable, assert_carried_by};
use super::{assert_identical, workplace};

/// How much is sent beside the tree, in bytes: some 14,000 packets.
const BYTES: usize = 20_000_000;

/// Packets sent as ECT(0) by which a sender that believes in the path is known, and one that does not.
const BELIEVED: u64 = 7_000;
const TRIED: u64 = 500;

/// What is done to the sender's packets on their way; before that the ECT(0) among them are counted.
fn rules(treatment: &str) -> String {
    format!(
        "table inet lab {{
  counter capable {{ }}
  chain in {{
    type filter hook prerouting priority mangle
    udp sport != 4840 ip ecn ect0 counter name capable
    {treatment}
  }}
}}
"
    )
}

/// Transfers over a cable with that treatment; how many packets the sender sent as ECT(0).
fn transfer(test: &str, treatment: &str) -> Result<Option<u64>> {
    let Some(cable) = Cable::lay(test, 1500)? else {
        return Ok(None);
    };
    let work = workplace()?;
    let out = work.path().join("out");
    std::fs::write(out.join("big.bin"), tree::noise(99, BYTES))?;
    cable.near.filter(&rules(treatment))?;
    let accounts = cable.transfer(work.path(), "in", "gbn")?;
    assert_carried_by(&accounts, "gbn");
    assert_identical(&out, &work.path().join("in/out"));
    let listed = cable.near.run("nft list counter inet lab capable")?;
    let mut words = listed.split_whitespace();
    ensure!(words.any(|word| word == "packets"), "{listed}");
    let packets = words.next().context("no number")?.parse()?;
    Ok(Some(packets))
}

#[test]
fn marks_are_asked_for_where_they_come_through() -> Result<()> {
    let test = "marks_are_asked_for_where_they_come_through";
    // That it goes on shows that the receiver counts the marks and says so: the sender checks it.
    for treatment in [
        "",
        "udp sport != 4840 ip ecn ect0 numgen random mod 100 0 ip ecn set ce",
    ] {
        let Some(packets) = transfer(test, treatment)? else {
            return Ok(());
        };
        assert!(packets >= BELIEVED, "{packets} with {treatment:?}");
    }
    Ok(())
}

#[test]
fn a_path_that_meddles_with_marks_is_used_without() -> Result<()> {
    let test = "a_path_that_meddles_with_marks_is_used_without";
    for treatment in [
        "udp sport != 4840 ip ecn set not-ect",
        "udp sport != 4840 ip ecn ect0 ip ecn set ect1",
        "udp sport != 4840 ip ecn ect0 ip ecn set ce",
        "udp sport != 4840 ip ecn ect0 drop",
    ] {
        let Some(packets) = transfer(test, treatment)? else {
            return Ok(());
        };
        assert!(
            (1..TRIED).contains(&packets),
            "{packets} with {treatment:?}"
        );
    }
    Ok(())
}
