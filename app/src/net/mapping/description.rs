//! What a router says of itself (UPnP Device Architecture 1.1, section 2.3): which of the services that
//! are wanted it has, and where each is controlled.
//!
//! The document is hostile input: it is read without recursion and without a tree, nothing but the
//! wanted services is kept, and a document type, which could define entities, is refused.

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use quick_xml::reader::Reader;
use url::Url;

use super::MappingError;
use super::gateway::Gateway;
use super::http::Target;

/// Deepest nesting of elements. Services stand at the tenth level.
const DEPTH_LIMIT: usize = 32;

/// Services that are kept: one of each kind, some routers having several connections.
const SERVICES_LIMIT: usize = 6;

/// A service that ports can be opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServiceKind {
    /// IPv4 port mapping, of IGD version 2.
    IpConnection2,
    /// IPv4 port mapping, of IGD version 1.
    IpConnection1,
    /// IPv4 port mapping at routers that dial (PPPoE), of IGD version 1.
    PppConnection1,
    /// Pinholes in an IPv6 firewall, of IGD version 2.
    Ipv6Firewall1,
}

impl ServiceKind {
    const ALL: [Self; 4] = [
        Self::IpConnection2,
        Self::IpConnection1,
        Self::PppConnection1,
        Self::Ipv6Firewall1,
    ];

    /// The service's name in the protocol.
    pub(super) const fn urn(self) -> &'static str {
        match self {
            Self::IpConnection2 => "urn:schemas-upnp-org:service:WANIPConnection:2",
            Self::IpConnection1 => "urn:schemas-upnp-org:service:WANIPConnection:1",
            Self::PppConnection1 => "urn:schemas-upnp-org:service:WANPPPConnection:1",
            Self::Ipv6Firewall1 => "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
        }
    }
}

/// A service of a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    /// Which.
    pub(super) kind: ServiceKind,
    /// Where requests to it go.
    pub(super) control: Target,
}

/// The wanted services that a description names, in its order.
///
/// # Errors
/// [`MappingError::Malformed`] for what is no description, [`MappingError::Elsewhere`] if it leads to
/// another address, [`MappingError::NoService`] if it names none of those wanted.
pub(super) fn services(
    gateway: &Gateway,
    location: &Url,
    xml: &str,
) -> Result<Vec<Service>, MappingError> {
    let named = read(xml)?;
    let base = match &named.base {
        Some(base) => location.join(base).map_err(|_| MappingError::Malformed)?,
        None => location.clone(),
    };
    let mut services = Vec::new();
    let mut problem = MappingError::NoService;
    for (kind, control) in named.services {
        let control = base
            .join(&control)
            .map_err(|_| MappingError::Malformed)
            .and_then(|url| Target::new(gateway, &url));
        match control {
            Ok(control) => services.push(Service { kind, control }),
            Err(error) => problem = error,
        }
    }
    if services.is_empty() {
        return Err(problem);
    }
    Ok(services)
}

/// What a description says, unchecked.
#[derive(Default)]
struct Named {
    base: Option<String>,
    services: Vec<(ServiceKind, String)>,
}

/// An element whose text is wanted.
#[derive(Clone, Copy)]
enum Field {
    Base,
    Kind,
    Control,
}

fn read(xml: &str) -> Result<Named, MappingError> {
    let mut reader = Reader::from_str(xml);
    let mut named = Named::default();
    let mut depth = 0;
    let mut field: Option<(Field, String)> = None;
    let (mut kind, mut control) = (None, None);
    loop {
        match reader.read_event().map_err(|_| MappingError::Malformed)? {
            Event::Start(element) => {
                depth += 1;
                if depth > DEPTH_LIMIT {
                    return Err(MappingError::Malformed);
                }
                let name = element.local_name();
                let wanted = match name.as_ref() {
                    "service" => {
                        (kind, control) = (None, None);
                        None
                    }
                    "URLBase" => Some(Field::Base),
                    "serviceType" => Some(Field::Kind),
                    "controlURL" => Some(Field::Control),
                    _ => None,
                };
                field = wanted.map(|field| (field, String::new()));
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                match field.take() {
                    Some((Field::Base, text)) => named.base = Some(text.trim().to_owned()),
                    Some((Field::Kind, text)) => kind = known(text.trim()),
                    Some((Field::Control, text)) => control = Some(text.trim().to_owned()),
                    None => {}
                }
                if element.local_name().as_ref() == "service"
                    && let (Some(kind), Some(control)) = (kind.take(), control.take())
                    && named.services.len() < SERVICES_LIMIT
                {
                    named.services.push((kind, control));
                }
            }
            Event::Text(text) => append(&mut field, &text.xml10_content()),
            Event::CData(text) => append(&mut field, &text.xml10_content()),
            Event::GeneralRef(reference) => append(&mut field, &resolve(&reference)?),
            Event::DocType(_) => return Err(MappingError::Malformed),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    // Cut off, or no XML at all.
    if depth > 0 {
        return Err(MappingError::Malformed);
    }
    Ok(named)
}

fn known(urn: &str) -> Option<ServiceKind> {
    ServiceKind::ALL.into_iter().find(|kind| kind.urn() == urn)
}

fn append(field: &mut Option<(Field, String)>, text: &str) {
    if let Some((_, so_far)) = field {
        so_far.push_str(text);
    }
}

/// The five entities that XML has without defining them, and characters by number.
fn resolve(reference: &BytesRef<'_>) -> Result<String, MappingError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(&reference.xml10_content())
            .map(str::to_owned)
            .ok_or(MappingError::Malformed),
        Err(_) => Err(MappingError::Malformed),
    }
}
