//! UPnP Internet Gateway Devices, versions 1 and 2: port mappings for IPv4, pinholes for IPv6.
//!
//! Finding the router and all HTTP are done here, more suspiciously than `igd-next` does it; that crate
//! writes the requests and reads the answers.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use igd_next::aio::{Gateway as Igd, Provider};
use igd_next::{AddPortError, GetExternalIpError, PinholeError, PortMappingProtocol, RequestError};
use rand::Rng;

use super::description::{self, Service, ServiceKind};
use super::gateway::Gateway;
use super::http::{self, Target};
use super::ssdp::Search;
use super::stop::Stop;
use super::{LEASE, Mapping, MappingError, usable};

/// What a router's list of mappings calls ours.
const DESCRIPTION: &str = "Fardrop";

/// External ports that are tried: the internal one's number, then some at random. With few mappings
/// on a router, a single one at random is free almost certainly.
const PORTS_TRIED: usize = 4;

/// Where external ports are chosen at random: those that are nobody's by convention (RFC 6335,
/// section 6).
const RANDOM_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// How long finding one router's service may take in all: a search, and a slow or lying description
/// or two on the way.
const DISCOVERY_TIME: Duration = Duration::from_secs(6);

/// UPnP error codes (WANIPConnection:1, WANIPv6FirewallControl:1).
const NOT_AUTHORIZED: u16 = 606;
const DESCRIPTION_TOO_LONG: u16 = 605;
const SPACE_EXHAUSTED: u16 = 701;
const FIREWALL_DISABLED: u16 = 702;
const PINHOLE_NOT_ALLOWED: u16 = 703;
const NO_SUCH_PINHOLE: u16 = 704;
const CONFLICT: u16 = 718;
const SAME_PORTS_REQUIRED: u16 = 724;

tokio::task_local! {
    /// Where the request in hand goes, and from which address of ours. igd-next calls its provider
    /// without a value, and with a URL that it has put together: this is what was checked.
    static DESTINATION: (IpAddr, Target);
}

/// igd-next's way to the network.
#[derive(Debug, Clone, Copy)]
struct Soap;

impl Provider for Soap {
    async fn send_async(_url: &str, action: &str, body: &str) -> Result<String, RequestError> {
        let sent = match DESTINATION.try_with(Clone::clone) {
            Ok((local, target)) => http::post(local, &target, action, body).await,
            // Only a call outside of `Control::call` comes here.
            Err(_) => Err(MappingError::Elsewhere),
        };
        sent.map_err(|error| RequestError::IoError(io::Error::other(error)))
    }
}

/// A service of a router, ready to be asked.
#[derive(Debug, Clone)]
struct Control {
    local: IpAddr,
    target: Target,
    igd: Igd<Soap>,
}

impl Control {
    fn new(gateway: &Gateway, service: Service) -> Self {
        let igd = Igd {
            addr: service.control.address(),
            root_url: String::new(),
            // `DESTINATION` says where requests really go.
            control_url: "/".to_owned(),
            control_schema_url: String::new(),
            control_schema: schema(),
            service_type: service.kind.urn().to_owned(),
            ipv6_firewall_control_url: Some("/".to_owned()),
            provider: Soap,
        };
        Self {
            local: gateway.local,
            target: service.control,
            igd,
        }
    }

    /// Runs `request`, which is to be one on `igd`.
    async fn call<T>(&self, request: impl Future<Output = T>) -> T {
        let destination = (self.local, self.target.clone());
        DESTINATION.scope(destination, request).await
    }
}

/// The arguments of the actions that are used, in the order of the standard (WANIPConnection:1). A
/// router's own list of them would be one more document to read.
fn schema() -> HashMap<String, Vec<String>> {
    let add = [
        "NewRemoteHost",
        "NewExternalPort",
        "NewProtocol",
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    HashMap::from([
        ("AddPortMapping".to_owned(), named(&add)),
        ("DeletePortMapping".to_owned(), named(&add[..3])),
    ])
}

/// The services of a router that `wanted` wants, from the first of its descriptions that has any.
async fn discover(
    gateway: &Gateway,
    wanted: impl Fn(ServiceKind) -> bool,
) -> Result<Vec<Service>, MappingError> {
    let work = async {
        let mut search = Search::start(gateway).await?;
        let mut problem = MappingError::Silent;
        while let Some(location) = search.next().await {
            match described(gateway, location, &wanted).await {
                Ok(services) => return Ok(services),
                Err(error) => {
                    tracing::debug!(gateway = %gateway.ip, %error, "description of no use");
                    problem = error;
                }
            }
        }
        Err(problem)
    };
    tokio::time::timeout(DISCOVERY_TIME, work)
        .await
        .unwrap_or(Err(MappingError::Slow))
}

async fn described(
    gateway: &Gateway,
    location: Result<url::Url, MappingError>,
    wanted: &impl Fn(ServiceKind) -> bool,
) -> Result<Vec<Service>, MappingError> {
    let location = location?;
    let target = Target::new(gateway, &location)?;
    let xml = http::get(gateway.local, &target).await?;
    let mut services = description::services(gateway, &location, &xml)?;
    services.retain(|service| wanted(service.kind));
    services.sort_by_key(|service| service.kind);
    if services.is_empty() {
        return Err(MappingError::NoService);
    }
    Ok(services)
}

/// One IPv4 port mapping at one router, or the wish for it.
#[derive(Debug)]
pub(super) struct IgdClient {
    gateway: Gateway,
    port: u16,
    /// Whom to ask next; found anew after a failure.
    control: Option<Control>,
    /// The external port that we have or may have, and who gave it.
    held: Option<(Control, u16)>,
    stop: Stop,
}

impl IgdClient {
    pub(super) const fn new(gateway: Gateway, port: u16, stop: Stop) -> Self {
        Self {
            gateway,
            port,
            control: None,
            held: None,
            stop,
        }
    }

    /// Asks for the mapping, or renews it. A router that fails is looked for anew the next time.
    ///
    /// Requests that change something are not cut off by [`Stop`] at once, so that the router has done
    /// with them before it is asked to undo them.
    pub(super) async fn map(&mut self) -> Result<Mapping, MappingError> {
        let control = match self.control.take() {
            Some(control) => control,
            None => self.stop.or(connected(&self.gateway)).await?,
        };
        let address = self.stop.or(external_address(&control)).await?;
        let port = self.open(&control).await?;
        self.control = Some(control);
        usable(Mapping {
            external: SocketAddr::new(address, port),
            lease: LEASE,
        })
    }

    async fn open(&mut self, control: &Control) -> Result<u16, MappingError> {
        let local = SocketAddr::new(self.gateway.local, self.port);
        let lease = lease_seconds();
        let mut wish = self.held.as_ref().map_or(self.port, |(_, port)| *port);
        for _ in 0..PORTS_TRIED {
            let before = self.held.replace((control.clone(), wish));
            let udp = PortMappingProtocol::UDP;
            let request = control.igd.add_port(udp, wish, local, lease, DESCRIPTION);
            let adding = async { control.call(request).await.map_err(add_port_error) };
            let added = self.stop.soon_or(adding).await;
            let error = match added {
                Ok(()) => return Ok(wish),
                Err(error) => error,
            };
            if matches!(error, MappingError::Code(_) | MappingError::OnlyPermanent) {
                // What there was before is there until its lease ends.
                self.held = before;
            }
            if error != MappingError::Code(CONFLICT) {
                return Err(error);
            }
            wish = rand::thread_rng().gen_range(RANDOM_PORTS);
        }
        Err(MappingError::Code(CONFLICT))
    }

    /// Gives the mapping back.
    pub(super) async fn release(&mut self) {
        let Some((control, external)) = self.held.take() else {
            return;
        };
        let udp = PortMappingProtocol::UDP;
        if let Err(error) = control.call(control.igd.remove_port(udp, external)).await {
            tracing::debug!(gateway = %self.gateway.ip, %error, "mapping not taken back, its lease ends it");
        }
    }
}

/// The connection of a router that is up: those that are not have no address.
async fn connected(gateway: &Gateway) -> Result<Control, MappingError> {
    let services = discover(gateway, |kind| kind != ServiceKind::Ipv6Firewall1).await?;
    let mut problem = MappingError::NoService;
    for service in services {
        let control = Control::new(gateway, service);
        match external_address(&control).await {
            Ok(_) => return Ok(control),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

async fn external_address(control: &Control) -> Result<IpAddr, MappingError> {
    let asked = control.call(control.igd.get_external_ip()).await;
    let address = asked.map_err(|error| match error {
        GetExternalIpError::ActionNotAuthorized => MappingError::Code(NOT_AUTHORIZED),
        // An answer without an address: what a router says that has none, or (miniupnpd) a private one.
        GetExternalIpError::RequestError(RequestError::InvalidResponse(text))
            if text.contains("GetExternalIPAddressResponse") =>
        {
            MappingError::Unusable
        }
        GetExternalIpError::RequestError(error) => request_error(error),
    })?;
    if address.is_unspecified() {
        return Err(MappingError::Unusable);
    }
    Ok(address)
}

/// One pinhole in one router's IPv6 firewall, or the wish for it.
#[derive(Debug)]
pub(super) struct IgdPinholeClient {
    gateway: Gateway,
    /// What seems to be this router, reached by IPv4: many are found that way only.
    over_ipv4: Option<Gateway>,
    port: u16,
    /// Whom to ask next; found anew after a failure.
    control: Option<Control>,
    /// The router's number for the pinhole, and who gave it.
    held: Option<(Control, u16)>,
    stop: Stop,
}

impl IgdPinholeClient {
    pub(super) const fn new(
        gateway: Gateway,
        over_ipv4: Option<Gateway>,
        port: u16,
        stop: Stop,
    ) -> Self {
        Self {
            gateway,
            over_ipv4,
            port,
            control: None,
            held: None,
            stop,
        }
    }

    /// Asks for the pinhole, or renews it. Requests that change something are cut off as in [`IgdClient::map`].
    pub(super) async fn map(&mut self) -> Result<Mapping, MappingError> {
        let IpAddr::V6(local) = self.gateway.local else {
            return Err(MappingError::NoService);
        };
        let control = match self.control.take() {
            Some(control) => control,
            None => self.stop.or(self.discover()).await?,
        };
        if !self.renew(&control).await? {
            // Not cut off: only the answer says what there is to take back.
            let client = SocketAddrV6::new(local, self.port, 0, 0);
            let udp = PortMappingProtocol::UDP;
            let id = control
                .call(control.igd.add_pinhole(udp, client, lease_seconds()))
                .await
                .map_err(pinhole_error)?;
            self.held = Some((control.clone(), id));
        }
        self.control = Some(control);
        usable(Mapping {
            external: SocketAddr::new(self.gateway.local, self.port),
            lease: LEASE,
        })
    }

    /// Whether there was a pinhole to renew, and it was.
    async fn renew(&mut self, control: &Control) -> Result<bool, MappingError> {
        let Some((_, id)) = self.held else {
            return Ok(false);
        };
        let request = control.igd.update_pinhole(id, lease_seconds());
        let renewing = async { control.call(request).await.map_err(pinhole_error) };
        match self.stop.soon_or(renewing).await {
            Ok(()) => {
                // It may have been found anew, at another port since.
                self.held = Some((control.clone(), id));
                Ok(true)
            }
            Err(MappingError::Code(_)) => {
                self.held = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives the pinhole back.
    pub(super) async fn release(&mut self) {
        let Some((control, id)) = self.held.take() else {
            return;
        };
        if let Err(error) = control.call(control.igd.remove_pinhole(id)).await {
            tracing::debug!(gateway = %self.gateway.ip, %error, "pinhole not taken back, its lease ends it");
        }
    }

    /// By IPv6 if possible: miniupnpd, for one, grants a pinhole only to the very address that asks for
    /// it, and answers 606 to anybody else.
    async fn discover(&self) -> Result<Control, MappingError> {
        let wanted = |kind| kind == ServiceKind::Ipv6Firewall1;
        let over_ipv4 = async {
            match &self.over_ipv4 {
                Some(gateway) => discover(gateway, wanted)
                    .await
                    .map(|found| (gateway, found)),
                None => Err(MappingError::Silent),
            }
        };
        let (over_ipv6, over_ipv4) = tokio::join!(discover(&self.gateway, wanted), over_ipv4);
        let (gateway, services) = match (over_ipv6, over_ipv4) {
            (Ok(services), _) => (&self.gateway, services),
            (Err(_), Ok(found)) => found,
            (Err(error), Err(_)) => return Err(error),
        };
        let service = services.into_iter().next().ok_or(MappingError::NoService)?;
        Ok(Control::new(gateway, service))
    }
}

fn lease_seconds() -> u32 {
    u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX)
}

fn add_port_error(error: AddPortError) -> MappingError {
    match error {
        AddPortError::ActionNotAuthorized => MappingError::Code(NOT_AUTHORIZED),
        AddPortError::DescriptionTooLong => MappingError::Code(DESCRIPTION_TOO_LONG),
        AddPortError::PortInUse => MappingError::Code(CONFLICT),
        AddPortError::SamePortValuesRequired => MappingError::Code(SAME_PORTS_REQUIRED),
        // A crash would leave the port open for good, and the person with no idea of it.
        AddPortError::OnlyPermanentLeasesSupported => MappingError::OnlyPermanent,
        // Neither port is ever 0.
        AddPortError::InternalPortZeroInvalid | AddPortError::ExternalPortZeroInvalid => {
            MappingError::Unusable
        }
        AddPortError::RequestError(error) => request_error(error),
    }
}

fn pinhole_error(error: PinholeError) -> MappingError {
    match error {
        PinholeError::FirewallControlUnavailable | PinholeError::InvalidLeaseDuration => {
            MappingError::NoService
        }
        PinholeError::ActionNotAuthorized => MappingError::Code(NOT_AUTHORIZED),
        PinholeError::PinholeSpaceExhausted => MappingError::Code(SPACE_EXHAUSTED),
        PinholeError::FirewallDisabled => MappingError::Code(FIREWALL_DISABLED),
        PinholeError::InboundPinholeNotAllowed => MappingError::Code(PINHOLE_NOT_ALLOWED),
        PinholeError::NoSuchEntry => MappingError::Code(NO_SUCH_PINHOLE),
        PinholeError::RequestError(error) => request_error(error),
    }
}

fn request_error(error: RequestError) -> MappingError {
    match error {
        RequestError::ErrorCode(code, _) => MappingError::Code(code),
        RequestError::IoError(error) => match error.downcast::<MappingError>() {
            Ok(error) => error,
            Err(error) => MappingError::Network(error.kind()),
        },
        RequestError::InvalidResponse(_)
        | RequestError::UnsupportedAction(_)
        // These belong to igd-next's own provider.
        | RequestError::HyperError(_)
        | RequestError::HyperClientError(_)
        | RequestError::HttpError(_)
        | RequestError::Utf8Error(_) => MappingError::Malformed,
    }
}
