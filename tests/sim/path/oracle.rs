//! What can be, by what the two sides truly are: worked out from the kinds of their NATs, not by
//! sending packets through them.

use fardrop_shared::path::PathKind;
use fardrop_tests::sim::nat::{Dependence, Hairpin, PortAssignment};
use fardrop_tests::sim::world::{Isolation, Udp};

use super::scenario::{Ipv6, Meeting, Opening, Scenario, Side};

/// Whether two peers can come together, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They must, by a path of this kind or a better one.
    Certain(PathKind),
    /// They do, unless chance is against them: many ports, or a sequence that was predicted.
    Likely,
    /// No claim: they may by luck or by a NAT's oddity.
    Open,
    /// They cannot.
    Impossible(Why),
}

/// Why two peers cannot come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Both NATs map per destination, at ports that nobody can know, and nothing else was even said to
    /// be open: both know so at once.
    BothHard,
    /// Something else, which they find out by trying.
    Closed,
}

/// All that punching depends on, for a peer behind all its NATs together.
#[derive(Debug, Clone, Copy)]
struct Nature {
    mapping: Dependence,
    filtering: Dependence,
    predictable: bool,
}

/// What can be.
pub(super) fn verdict(scenario: &Scenario) -> Verdict {
    let [sender, receiver] = &scenario.sides;
    if scenario.meeting == Meeting::OneNetwork(Isolation::Open) {
        return Verdict::Certain(PathKind::Local);
    }
    if [sender, receiver]
        .iter()
        .any(|side| side.udp == Udp::Blocked)
    {
        return Verdict::Impossible(Why::Closed);
    }
    let have_ipv6 = sender.ipv6 != Ipv6::Missing && receiver.ipv6 != Ipv6::Missing;
    if have_ipv6 && !matches!(scenario.meeting, Meeting::OneNetwork(_)) {
        return Verdict::Certain(PathKind::Ipv6);
    }
    if is_reachable(scenario, sender) || is_reachable(scenario, receiver) {
        return Verdict::Certain(PathKind::Mapped);
    }
    if !turns_back(scenario) {
        return Verdict::Open;
    }
    by_punching(scenario)
}

/// Whether anybody who may send at all gets through to this side, at an address that it names.
fn is_reachable(scenario: &Scenario, side: &Side) -> bool {
    let Some(nearest) = side.nats.first() else {
        return true;
    };
    let opened = matches!(side.opening, Opening::Opened(_));
    opened
        && match scenario.meeting {
            Meeting::Apart => side.nats.len() == 1,
            // Its port is open at the address that its router has in the carrier's network.
            Meeting::OneCarrier => true,
            Meeting::OneNetwork(_) => nearest.hairpin == Hairpin::ExternalSource,
        }
}

/// Whether packets between the two sides' outside addresses arrive as from there: not a question
/// unless both have the same.
fn turns_back(scenario: &Scenario) -> bool {
    match scenario.meeting {
        Meeting::Apart => true,
        Meeting::OneNetwork(_) | Meeting::OneCarrier => {
            let outermost = scenario.sides[0].nats.last();
            outermost.is_some_and(|nat| nat.hairpin == Hairpin::ExternalSource)
        }
    }
}

fn by_punching(scenario: &Scenario) -> Verdict {
    use Dependence::{AddressAndPortDependent, AddressDependent, EndpointIndependent};

    let natures = scenario.sides.each_ref().map(nature);
    let [one, other] = natures;
    let (easy, hard) = if one.mapping <= other.mapping {
        (one, other)
    } else {
        (other, one)
    };
    match (easy.mapping, hard.mapping) {
        (EndpointIndependent, EndpointIndependent) => Verdict::Certain(PathKind::Punched),
        // The easy side has sent to the hard one's address, if not to the right port: a filter by
        // address lets the hard one in, and then shows where it is.
        (EndpointIndependent, _) if easy.filtering < AddressAndPortDependent => {
            Verdict::Certain(PathKind::Punched)
        }
        (EndpointIndependent, AddressAndPortDependent) => Verdict::Likely,
        (AddressAndPortDependent, AddressAndPortDependent) => both_hard(scenario, natures),
        // Two ports of one address cannot tell a mapping by address from one mapping for all.
        (EndpointIndependent | AddressDependent | AddressAndPortDependent, _) => Verdict::Open,
    }
}

fn both_hard(scenario: &Scenario, natures: [Nature; 2]) -> Verdict {
    if natures.iter().any(|nature| nature.predictable) {
        return Verdict::Open;
    }
    let strict = |nature: &Nature| nature.filtering == Dependence::AddressAndPortDependent;
    let alone = scenario
        .sides
        .iter()
        .all(|side| side.opening == Opening::Refused);
    if natures.iter().all(strict) && scenario.meeting == Meeting::Apart && alone {
        Verdict::Impossible(Why::BothHard)
    } else {
        Verdict::Open
    }
}

/// The strictest of all that a packet comes through.
fn nature(side: &Side) -> Nature {
    let nats = side.nats.iter();
    Nature {
        mapping: nats
            .clone()
            .map(|nat| nat.mapping)
            .max()
            .unwrap_or(Dependence::EndpointIndependent),
        filtering: nats
            .clone()
            .map(|nat| nat.filtering)
            .max()
            .unwrap_or(Dependence::EndpointIndependent),
        // The ports that come next of one that preserves them are the neighbours, too.
        predictable: nats.clone().any(|nat| {
            matches!(
                nat.ports,
                PortAssignment::Sequential(_) | PortAssignment::Preserving
            )
        }),
    }
}
