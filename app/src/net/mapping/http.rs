//! HTTP, as much as UPnP needs towards one router: small, bounded in size and time, no redirects.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;
use url::{Host, Url};

use super::MappingError;
use super::gateway::Gateway;

/// How long one exchange may take, from the connection to the last byte: several times what the slowest
/// home router was built to take, and little enough for a person who waits.
const EXCHANGE_TIME: Duration = Duration::from_secs(2);

/// Longest head of an answer, in bytes; the least that hyper can be told.
const HEAD_LIMIT: usize = 8192;

/// Most header lines of an answer.
const HEADERS_LIMIT: usize = 64;

/// Longest body of an answer, in bytes: descriptions have some 10 000.
const BODY_LIMIT: usize = 64 * 1024;

/// Something to ask one router for: there is no way to make one that leads elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    address: SocketAddr,
    /// Path and query.
    path: String,
}

impl Target {
    /// What `url` names, if that is on the gateway.
    ///
    /// An IPv6 router has several addresses, and names in its URLs whichever it likes. The one that
    /// our route names is used in any case; only port and path are taken from the URL.
    ///
    /// # Errors
    /// [`MappingError::Elsewhere`] for another host, a host name or another scheme.
    pub(super) fn new(gateway: &Gateway, url: &Url) -> Result<Self, MappingError> {
        let here = match (url.host(), gateway.ip) {
            (Some(Host::Ipv4(host)), IpAddr::V4(ip)) => host == ip,
            (Some(Host::Ipv6(_)), IpAddr::V6(_)) => true,
            (None | Some(Host::Ipv4(_) | Host::Ipv6(_) | Host::Domain(_)), _) => false,
        };
        let plain = url.scheme() == "http" && url.username().is_empty() && url.password().is_none();
        let port = url.port_or_known_default().filter(|port| *port != 0);
        match port {
            Some(port) if here && plain => Ok(Self {
                address: gateway.at(port),
                path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            }),
            _ => Err(MappingError::Elsewhere),
        }
    }

    /// The router's address and the port there.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Fetches a document, by a connection from our address `local`.
///
/// # Errors
/// [`MappingError::Malformed`] for any answer but a 200 and for one that is no HTTP or has an endless
/// head, [`MappingError::TooLarge`] for a longer body, [`MappingError::Slow`] over the time, or
/// [`MappingError::Network`].
pub(super) async fn get(local: IpAddr, target: &Target) -> Result<String, MappingError> {
    let (status, body) = exchange(local, target, Method::GET, HeaderMap::new(), "").await?;
    match status {
        StatusCode::OK => Ok(body),
        // A redirect among others: where it leads would have to be judged anew.
        _ => Err(MappingError::Malformed),
    }
}

/// Sends a SOAP request (UPnP Device Architecture 1.1, section 3) and returns the answer's body, be it
/// an answer or a fault.
///
/// # Errors
/// As for [`get`], except that a fault comes with status 500.
pub(super) async fn post(
    local: IpAddr,
    target: &Target,
    action: &str,
    body: &str,
) -> Result<String, MappingError> {
    let mut headers = HeaderMap::new();
    let action = HeaderValue::from_str(action).map_err(|_| MappingError::Malformed)?;
    headers.insert("soapaction", action);
    let kind = HeaderValue::from_static("text/xml; charset=\"utf-8\"");
    headers.insert(CONTENT_TYPE, kind);
    let (status, body) = exchange(local, target, Method::POST, headers, body).await?;
    match status {
        StatusCode::OK | StatusCode::INTERNAL_SERVER_ERROR => Ok(body),
        _ => Err(MappingError::Malformed),
    }
}

async fn exchange(
    local: IpAddr,
    target: &Target,
    method: Method,
    headers: HeaderMap,
    body: &str,
) -> Result<(StatusCode, String), MappingError> {
    let work = async {
        let stream = connect(local, target.address)
            .await
            .map_err(|error| MappingError::Network(error.kind()))?;
        // Routers compare header names by the letter oftener than they should.
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .max_headers(HEADERS_LIMIT)
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| MappingError::Malformed)?;
        let answer = async move {
            let answer = sender
                .send_request(request(target, method, headers, body)?)
                .await
                .map_err(|_| MappingError::Malformed)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), BODY_LIMIT);
            let body = body.collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    MappingError::TooLarge
                } else {
                    MappingError::Malformed
                }
            })?;
            // Names and numbers are ASCII; what else may be there is not used.
            Ok((
                status,
                String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            ))
        };
        let driven = async {
            // What goes wrong there, the exchange learns as well.
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            answer = answer => answer,
            never = driven => never,
        }
    };
    tokio::time::timeout(EXCHANGE_TIME, work)
        .await
        .unwrap_or(Err(MappingError::Slow))
}

async fn connect(local: IpAddr, to: SocketAddr) -> io::Result<tokio::net::TcpStream> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(local, 0))?;
    socket.connect(to).await
}

fn request(
    target: &Target,
    method: Method,
    headers: HeaderMap,
    body: &str,
) -> Result<Request<Full<Bytes>>, MappingError> {
    // Without a scope, which means nothing to the other side.
    let host = SocketAddr::new(target.address.ip(), target.address.port()).to_string();
    let mut request = Request::builder()
        .method(method)
        .uri(&target.path)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .map_err(|_| MappingError::Malformed)?;
    request.headers_mut().extend(headers);
    Ok(request)
}
