//! Whether the DHT can be used from here, in words.

use std::time::Duration;

use fardrop_shared::dht::{Report, Try, Verdict};

use super::diagnosis::Disclosure;
use super::{round_trip, wrapped};

/// Said while the DHT is tried.
pub const EXAMINING_FAR: &str = "Trying BitTorrent's DHT ten times; this takes a minute or two. Strangers' machines see \
                                 this one's address meanwhile.";

/// Whether two people would meet by it, in a sentence.
#[must_use]
pub const fn far_verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Works => {
            "BitTorrent's DHT can be used from here: what one puts there another finds."
        }
        Verdict::Sometimes => {
            "BitTorrent's DHT can be used from here, but not every time: some of what was put \
             there was not found."
        }
        Verdict::KeepsNothing => {
            "BitTorrent's DHT answers, but keeps nothing for this machine: a network may let only \
             short packets through, or those who answer may be none of its nodes."
        }
        Verdict::Silent => {
            "BitTorrent's DHT does not answer: UDP may not get out of this network, or somebody \
             may block it here."
        }
        Verdict::NoEntrance => {
            "No way into BitTorrent's DHT was found: none of its hosts has an address here. Check \
             this machine's DNS, or name others in the settings (dht_bootstrap)."
        }
    }
}

/// The whole report, in lines of at most that many columns where that can be.
#[must_use]
pub fn far_report(report: &Report, disclosure: Disclosure, columns: usize) -> Vec<String> {
    let mut lines = vec![wrapped(far_verdict(report.verdict()), columns)];
    lines.push(String::new());
    lines.push(format!(
        "Hosts to enter by: {}, {} of them without an address.",
        report.names, report.unresolved
    ));
    lines.push(format!(
        "Nodes known: {} from earlier, {} now.",
        report.remembered, report.known
    ));
    for (number, each) in (1..).zip(&report.tries) {
        lines.push(format!("{number:>3}. {}", one_try(each)));
    }
    if report.tries.len() > 1 {
        lines.push(format!(
            "Median: bootstrap {}, put {}, get {}.",
            time(report.median(Try::entered)),
            time(report.median(Try::put)),
            time(report.median(|each| each.got)),
        ));
    }
    if report.outside.is_empty() {
        lines.push("No two nodes agree on this machine's address outside.".to_owned());
    }
    for seen in &report.outside {
        let family = if seen.address.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        };
        let address = match disclosure {
            Disclosure::Shown => format!(": {}", seen.address),
            Disclosure::Hidden => String::new(),
        };
        lines.push(format!(
            "{} of {} nodes agree on this machine's {family} address outside{address}.",
            seen.votes, seen.voters
        ));
    }
    lines
}

fn one_try(each: &Try) -> String {
    let found = match each.got {
        Some(took) => format!("get {}", round_trip(took)),
        None => "not found".to_owned(),
    };
    format!(
        "bootstrap {} ({} answered), put {} (at {} nodes), {found}",
        time(each.entered()),
        each.answered,
        time(each.put()),
        each.stored,
    )
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), round_trip)
}

#[cfg(test)]
mod tests {
    use fardrop_shared::dht::Outside;

    use super::*;

    #[test]
    fn a_report_names_no_address_unless_asked() {
        let each = Try {
            entered: Duration::from_millis(400),
            answered: 9,
            put: Duration::from_millis(900),
            stored: 8,
            got: Some(Duration::from_millis(350)),
        };
        let missed = Try { got: None, ..each };
        let report = Report {
            names: 6,
            unresolved: 1,
            remembered: 0,
            known: 40,
            tries: vec![each, missed],
            outside: vec![Outside {
                address: "198.51.100.7:4000".parse().unwrap(),
                votes: 7,
                voters: 8,
            }],
        };
        let hidden = far_report(&report, Disclosure::Hidden, 80).join("\n");
        assert!(hidden.contains("7 of 8 nodes agree"), "{hidden}");
        assert!(hidden.contains("not found"), "{hidden}");
        assert!(!hidden.contains("198.51"), "{hidden}");
        let shown = far_report(&report, Disclosure::Shown, 80).join("\n");
        assert!(shown.contains("198.51.100.7:4000"), "{shown}");
        let columns = hidden.lines().map(|line| line.chars().count()).max();
        assert!(columns <= Some(80), "{hidden}");
    }
}
