//! UPnP: the honest device, and every lie that was thought of.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use tokio::sync::mpsc;

use super::router::{Asked, Reply, Router};
use super::{PATIENCE, PORT, run, running, together};
use crate::net::mapping::igd::{IgdClient, IgdPinholeClient};
use crate::net::mapping::{
    AttemptState, LEASE, Mapping, MappingError, MappingProtocol, PortMapper, PortMappers,
    RELEASE_TIME,
};

const CONNECTION: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
const FIREWALL: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";

/// A description with one service, as deep as in real ones.
fn description(service: &str, control: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><deviceList>\
         <device><deviceList><device><serviceList><service><serviceType>{service}</serviceType>\
         <controlURL>{control}</controlURL><SCPDURL>/x.xml</SCPDURL></service></serviceList></device>\
         </deviceList></device></deviceList></device></root>"
    )
}

fn soap(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn done(action: &str, arguments: &str) -> Reply {
    Reply::ok(&soap(&format!(
        "<u:{action}Response xmlns:u=\"{CONNECTION}\">{arguments}</u:{action}Response>"
    )))
}

fn fault(code: u16) -> Reply {
    let body = soap(&format!(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>\
         <UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode>\
         <errorDescription>no</errorDescription></UPnPError></detail></s:Fault>"
    ));
    Reply::status("500 Internal Server Error", &body)
}

/// What a device answers that does as it is told.
pub(super) fn honest(asked: &Asked) -> Reply {
    match asked.action.as_deref() {
        None => Reply::ok(&description(CONNECTION, "/ctl")),
        Some("GetExternalIPAddress") => done(
            "GetExternalIPAddress",
            "<NewExternalIPAddress>11.0.1.2</NewExternalIPAddress>",
        ),
        Some(action) => done(action, ""),
    }
}

/// A device that answers `action` with `reply` and is honest otherwise.
async fn failing_at(action: &'static str, reply: Reply) -> Router {
    Router::honest(move |asked| {
        if asked.action.as_deref() == Some(action) {
            reply.clone()
        } else {
            honest(asked)
        }
    })
    .await
}

/// What becomes of a device with this description.
async fn described_as(reply: Reply) -> (AttemptState, Vec<String>) {
    let router = Router::honest(move |asked| match asked.action {
        None => reply.clone(),
        Some(_) => honest(asked),
    })
    .await;
    let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
    (state, router.actions())
}

/// Checks that routers described in each of these ways, at once, are refused for `reason` and asked for nothing.
async fn check_described_as(xmls: &[String], reason: MappingError) {
    let all = xmls.iter().map(|xml| described_as(Reply::ok(xml)));
    for (xml, (state, actions)) in xmls.iter().zip(together(all).await) {
        let start = &xml[..400.min(xml.len())];
        assert_eq!(state, AttemptState::Refused(reason), "{start}");
        assert!(actions.is_empty(), "{start}");
    }
}

fn argument(asked: &Asked, name: &str) -> String {
    let (_, rest) = asked.body.split_once(&format!("<{name}>")).unwrap();
    let (value, _) = rest.split_once("</").unwrap();
    value.to_owned()
}

#[tokio::test]
async fn an_honest_device_opens_the_port_and_closes_it_again() {
    let router = Router::honest(honest).await;
    let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
    let external = (Ipv4Addr::new(11, 0, 1, 2), PORT).into();
    let lease = LEASE;
    assert_eq!(state, AttemptState::Mapped { external, lease });
    let asked = router.asked();
    let added = asked
        .iter()
        .find(|each| each.action.as_deref() == Some("AddPortMapping"))
        .unwrap();
    for (name, value) in [
        ("NewRemoteHost", ""),
        ("NewExternalPort", "4000"),
        ("NewProtocol", "UDP"),
        ("NewInternalPort", "4000"),
        ("NewInternalClient", "127.0.0.1"),
        ("NewEnabled", "1"),
        ("NewPortMappingDescription", "Fardrop"),
        ("NewLeaseDuration", "600"),
    ] {
        assert_eq!(argument(added, name), value, "{name}");
    }
    let last = asked.last().unwrap();
    assert_eq!(last.action.as_deref(), Some("DeletePortMapping"));
    assert_eq!(argument(last, "NewExternalPort"), "4000");
    assert_eq!(argument(last, "NewProtocol"), "UDP");
}

#[tokio::test]
async fn a_renewal_asks_for_the_same_port_without_a_new_search() {
    let router = Router::honest(honest).await;
    let (_running, stop) = running();
    let mut client = IgdClient::new(router.gateway.clone(), PORT, stop);
    let first = client.map().await.unwrap();
    assert_eq!(client.map().await, Ok(first));
    let gets = router
        .asked()
        .iter()
        .filter(|each| each.action.is_none())
        .count();
    assert_eq!(gets, 1);
}

#[tokio::test]
async fn a_location_elsewhere_is_not_followed() {
    let other = Router::honest(honest).await;
    let port = other.http.port();
    let locations = [
        format!("http://127.0.0.2:{port}/rootDesc.xml"),
        format!("http://localhost:{port}/rootDesc.xml"),
        format!("https://127.0.0.1:{port}/rootDesc.xml"),
        format!("http://me@127.0.0.1:{port}/rootDesc.xml"),
    ];
    let all = locations.map(|location| async move {
        let place = Ipv4Addr::LOCALHOST.into();
        let router = Router::upnp(place, |_| location.clone(), honest).await;
        let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
        let elsewhere = AttemptState::Refused(MappingError::Elsewhere);
        assert_eq!(state, elsewhere, "{location}");
    });
    together(all).await;
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Router::honest(honest).await;
    let target = other.http;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{target}/rootDesc.xml\r\nContent-Length: 0\r\n\r\n"
    );
    let (state, _) = described_as(Reply::Bytes(moved)).await;
    assert_eq!(state, AttemptState::Refused(MappingError::Malformed));
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn endless_answers_have_an_end() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let body = Reply::Endless(format!("{ok}\r\n<root>"), "<a>text</a>".repeat(1000));
    let head = Reply::Endless(ok.to_owned(), "X-Filler: filler\r\n".repeat(100));
    let line = Reply::Endless(format!("{ok}X-Filler: "), "filler".repeat(1000));
    let outcomes = together([body, head, line].map(described_as)).await;
    let states: Vec<_> = outcomes.into_iter().map(|(state, _)| state).collect();
    let reasons = [
        MappingError::TooLarge,
        MappingError::Malformed,
        MappingError::Malformed,
    ];
    assert_eq!(states, reasons.map(AttemptState::Refused));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up() {
    let (state, _) = described_as(Reply::Never).await;
    assert_eq!(state, AttemptState::Refused(MappingError::Slow));
}

#[tokio::test]
async fn descriptions_that_are_none_are_refused() {
    let whole = description(CONNECTION, "/ctl");
    let deep = "<a>".repeat(20_000);
    let entities = "<!DOCTYPE root [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">\
                    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;\">]><root>&c;</root>";
    let none = [
        "no markup at all < or > too much".to_owned(),
        whole[..whole.len() - 10].to_owned(),
        deep,
        entities.to_owned(),
        description(CONNECTION, "&undefined;"),
    ];
    check_described_as(&none, MappingError::Malformed).await;
    let other = [description("urn:other", "/ctl"), "<root/>".to_owned()];
    check_described_as(&other, MappingError::NoService).await;
}

#[tokio::test]
async fn a_control_url_elsewhere_is_not_asked() {
    let other = Router::honest(honest).await;
    let port = other.http.port();
    let controls = [
        format!("http://127.0.0.2:{port}/ctl"),
        format!("//127.0.0.2:{port}/ctl"),
        format!("https://127.0.0.1:{port}/ctl"),
        "http://example.org/ctl".to_owned(),
    ];
    let xmls = controls.map(|control| description(CONNECTION, &control));
    check_described_as(&xmls, MappingError::Elsewhere).await;
    assert!(other.asked().is_empty());
}

#[tokio::test]
async fn a_path_that_looks_like_a_host_stays_a_path() {
    let router = Router::honest(|asked| match asked.action {
        None => {
            let base = description(CONNECTION, "/.//127.0.0.2/ctl?a=1&amp;b=2");
            Reply::ok(&base)
        }
        Some(_) => honest(asked),
    })
    .await;
    let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
    assert!(matches!(state, AttemptState::Mapped { .. }), "{state:?}");
    let last = router.asked().pop().unwrap();
    assert_eq!(last.line, "POST //127.0.0.2/ctl?a=1&b=2");
}

#[tokio::test]
async fn a_taken_port_leads_to_another_one() {
    let router = Router::honest(|asked| {
        let add = asked.action.as_deref() == Some("AddPortMapping");
        if add && argument(asked, "NewExternalPort") == PORT.to_string() {
            fault(718)
        } else {
            honest(asked)
        }
    })
    .await;
    let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
    let AttemptState::Mapped { external, .. } = state else {
        panic!("{state:?}");
    };
    assert_ne!(external.port(), PORT);
    let last = router.asked().pop().unwrap();
    assert_eq!(last.action.as_deref(), Some("DeletePortMapping"));
    let deleted = argument(&last, "NewExternalPort");
    assert_eq!(deleted, external.port().to_string(), "and no other");
}

#[tokio::test]
async fn refusals_have_their_reason_and_leave_nothing_to_take_back() {
    for (code, reason) in [
        (606, MappingError::Code(606)),
        (718, MappingError::Code(718)),
        (725, MappingError::OnlyPermanent),
        (501, MappingError::Code(501)),
    ] {
        let router = failing_at("AddPortMapping", fault(code)).await;
        let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
        assert_eq!(state, AttemptState::Refused(reason));
        let actions = router.actions();
        assert!(!actions.contains(&"DeletePortMapping".to_owned()));
        let tries = actions.iter().filter(|each| *each == "AddPortMapping");
        assert!(tries.count() <= 4);
    }
}

#[tokio::test]
async fn a_port_that_may_have_been_opened_is_closed() {
    let router = failing_at("AddPortMapping", Reply::Never).await;
    let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
    assert_eq!(state, AttemptState::Refused(MappingError::Slow));
    let last = router.asked().pop().unwrap();
    assert_eq!(last.action.as_deref(), Some("DeletePortMapping"));
    assert_eq!(argument(&last, "NewExternalPort"), PORT.to_string());
}

#[tokio::test]
async fn a_port_that_a_slow_device_is_opening_is_closed_within_the_bound() {
    let (adding, mut added) = mpsc::channel(16);
    let router = Router::honest(move |asked| match asked.action.as_deref() {
        Some("AddPortMapping") => {
            adding.try_send(()).unwrap();
            Reply::Never
        }
        _ => honest(asked),
    })
    .await;
    let mappers = PortMappers::new();
    let gateway = router.gateway.clone();
    let mapper = PortMapper::with_gateways(PORT, &mappers.permit(), move || vec![gateway]);
    tokio::time::timeout(PATIENCE, added.recv()).await.unwrap();
    let started = Instant::now();
    drop(mapper);
    let released = tokio::time::timeout(PATIENCE, mappers.released()).await;
    assert_eq!(released, Ok(()));
    assert!(started.elapsed() < RELEASE_TIME, "{:?}", started.elapsed());
    let last = router.asked().pop().unwrap();
    assert_eq!(last.action.as_deref(), Some("DeletePortMapping"));
}

#[tokio::test]
async fn answers_to_requests_that_are_none_are_refused() {
    let deep = soap(&"<a>".repeat(15_000));
    for reply in ["nonsense", "<root/>", &deep] {
        let router = failing_at("GetExternalIPAddress", Reply::ok(reply)).await;
        let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
        assert_eq!(state, AttemptState::Refused(MappingError::Malformed));
    }
}

#[tokio::test]
async fn addresses_that_cannot_be_are_dropped() {
    let addresses = ["", "0.0.0.0", "224.0.0.1", "255.255.255.255", "127.0.0.1"];
    let all = addresses.map(|address| async move {
        let element = format!("<NewExternalIPAddress>{address}</NewExternalIPAddress>");
        let reply = done("GetExternalIPAddress", &element);
        let router = failing_at("GetExternalIPAddress", reply).await;
        let state = run(router.gateway.clone(), MappingProtocol::UpnpIgd).await;
        let unusable = AttemptState::Refused(MappingError::Unusable);
        assert_eq!(state, unusable, "{address}");
    });
    together(all).await;
}

/// Loopback is nowhere to be reached at, so the pinhole is not offered; but it is opened, renewed and
/// closed like any other.
#[tokio::test]
async fn a_pinhole_is_opened_renewed_and_closed() {
    let place = Ipv6Addr::LOCALHOST.into();
    let location = |http: std::net::SocketAddr| {
        // Another address of the same router; the port is what counts.
        format!("http://[2001:db8::1]:{}/rootDesc.xml", http.port())
    };
    let router = Router::upnp(place, location, |asked| match asked.action.as_deref() {
        None => Reply::ok(&description(FIREWALL, "/ctl")),
        Some("AddPinhole") => done("AddPinhole", "<UniqueID>7</UniqueID>"),
        Some(action) => done(action, ""),
    })
    .await;
    let (_running, stop) = running();
    let mut client = IgdPinholeClient::new(router.gateway.clone(), None, PORT, stop);
    for _ in 0..2 {
        let mapped: Result<Mapping, _> = client.map().await;
        assert_eq!(mapped, Err(MappingError::Unusable));
    }
    client.release().await;
    let actions = router.actions();
    assert_eq!(actions, ["AddPinhole", "UpdatePinhole", "DeletePinhole"]);
    let asked = router.asked();
    let added = asked.iter().find(|each| each.action.is_some()).unwrap();
    for (name, value) in [
        ("InternalClient", "::1"),
        ("InternalPort", "4000"),
        ("Protocol", "17"),
        ("LeaseTime", "600"),
    ] {
        assert_eq!(argument(added, name), value, "{name}");
    }
    assert_eq!(argument(asked.last().unwrap(), "UniqueID"), "7");
}

#[tokio::test]
async fn a_pinhole_that_the_router_forgot_is_opened_anew() {
    let place = Ipv6Addr::LOCALHOST.into();
    let location = |http| format!("http://{http}/rootDesc.xml");
    let router = Router::upnp(place, location, |asked| match asked.action.as_deref() {
        None => Reply::ok(&description(FIREWALL, "/ctl")),
        Some("UpdatePinhole") => fault(704),
        Some(_) => done("AddPinhole", "<UniqueID>7</UniqueID>"),
    })
    .await;
    let (_running, stop) = running();
    let mut client = IgdPinholeClient::new(router.gateway.clone(), None, PORT, stop);
    for _ in 0..2 {
        let mapped = tokio::time::timeout(PATIENCE, client.map()).await;
        assert_eq!(mapped, Ok(Err(MappingError::Unusable)));
    }
    let actions = router.actions();
    assert_eq!(actions, ["AddPinhole", "UpdatePinhole", "AddPinhole"]);
}

/// As after a restart that kept the pinhole, the HTTP port being another one.
#[tokio::test]
async fn a_pinhole_is_closed_where_it_was_renewed_last() {
    let place = Ipv6Addr::LOCALHOST.into();
    let location = |http| format!("http://{http}/rootDesc.xml");
    let (mut described, mut updates) = (0, 0);
    let router = Router::upnp(place, location, move |asked| {
        match asked.action.as_deref() {
            None => {
                described += 1;
                Reply::ok(&description(FIREWALL, &format!("/ctl{described}")))
            }
            Some("UpdatePinhole") if updates == 0 => {
                updates += 1;
                Reply::Bytes(String::new())
            }
            Some(_) => done(asked.action.as_deref().unwrap(), "<UniqueID>7</UniqueID>"),
        }
    })
    .await;
    let (_running, stop) = running();
    let mut client = IgdPinholeClient::new(router.gateway.clone(), None, PORT, stop);
    let unusable = Err(MappingError::Unusable);
    assert_eq!(client.map().await, unusable);
    assert_eq!(client.map().await, Err(MappingError::Malformed));
    assert_eq!(client.map().await, unusable);
    client.release().await;
    let asked = router.asked();
    let lines: Vec<_> = asked
        .iter()
        .filter(|each| each.action.is_some())
        .map(|each| each.line.as_str())
        .collect();
    assert_eq!(
        lines,
        ["POST /ctl1", "POST /ctl1", "POST /ctl2", "POST /ctl2"]
    );
    let last = asked.last().unwrap();
    assert_eq!(last.action.as_deref(), Some("DeletePinhole"));
}
