//! The ECN field of IP headers, as the sockets have it and as Go-Back-N does.

use fardrop_shared::gbn::Codepoint;
use quinn::udp::EcnCodepoint;

/// What came in. A system that does not tell it counts as a path that takes it off.
pub(super) const fn codepoint(field: Option<EcnCodepoint>) -> Codepoint {
    match field {
        None => Codepoint::NotEct,
        Some(EcnCodepoint::Ect0) => Codepoint::Ect0,
        Some(EcnCodepoint::Ect1) => Codepoint::Ect1,
        Some(EcnCodepoint::Ce) => Codepoint::Ce,
    }
}

/// What is to go out.
pub(super) const fn field(codepoint: Codepoint) -> Option<EcnCodepoint> {
    match codepoint {
        Codepoint::NotEct => None,
        Codepoint::Ect0 => Some(EcnCodepoint::Ect0),
        Codepoint::Ect1 => Some(EcnCodepoint::Ect1),
        Codepoint::Ce => Some(EcnCodepoint::Ce),
    }
}
