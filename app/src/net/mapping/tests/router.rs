//! A scripted router: SSDP, HTTP and the NAT-PMP and PCP port, each as its test wants it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use crate::net::mapping::gateway::{Gateway, Ports};

/// What a request to the router was, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path, as in `GET /rootDesc.xml`.
    pub(crate) line: String,
    /// The SOAP action, as in `AddPortMapping`.
    pub(crate) action: Option<String>,
    pub(crate) body: String,
}

/// How the router answers a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the end of the connection.
    Bytes(String),
    /// The first, and then the second over and over.
    Endless(String, String),
    /// Nothing, with the connection open.
    Never,
}

impl Reply {
    pub(crate) fn ok(body: &str) -> Self {
        Self::status("200 OK", body)
    }

    pub(crate) fn status(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }
}

/// A running router on loopback; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) gateway: Gateway,
    /// Where it serves HTTP.
    pub(crate) http: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    tasks: JoinSet<()>,
}

impl Router {
    /// One with nothing but the ports: SSDP and NAT-PMP swallow what comes.
    pub(crate) async fn silent(ip: IpAddr) -> (Self, UdpSocket, UdpSocket) {
        let ssdp = UdpSocket::bind((ip, 0)).await.unwrap();
        let pcp = UdpSocket::bind((ip, 0)).await.unwrap();
        let ports = Ports {
            pcp: pcp.local_addr().unwrap().port(),
            ssdp: ssdp.local_addr().unwrap().port(),
        };
        let gateway = Gateway {
            ip,
            scope: 0,
            interface: 1,
            local: ip,
            ports,
        };
        let router = Self {
            gateway,
            http: SocketAddr::new(ip, 0),
            asked: Arc::default(),
            tasks: JoinSet::new(),
        };
        (router, ssdp, pcp)
    }

    /// A UPnP device that names `location` (its own HTTP address given) to every search, and answers
    /// requests as `answer` says. Nobody listens at its NAT-PMP port.
    pub(crate) async fn upnp(
        ip: IpAddr,
        location: impl Fn(SocketAddr) -> String,
        mut answer: impl FnMut(&Asked) -> Reply + Send + 'static,
    ) -> Self {
        let (mut router, ssdp, _closed) = Self::silent(ip).await;
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        router.http = listener.local_addr().unwrap();
        let location = location(router.http);
        let found = format!("HTTP/1.1 200 OK\r\nLOCATION: {location}\r\nST: any\r\n\r\n");
        router.tasks.spawn(async move {
            let mut buffer = [0; 2048];
            loop {
                let (length, from) = ssdp.recv_from(&mut buffer).await.unwrap();
                assert!(buffer[..length].starts_with(b"M-SEARCH * HTTP/1.1\r\n"));
                ssdp.send_to(found.as_bytes(), from).await.unwrap();
            }
        });
        let asked = router.asked.clone();
        router.tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let reply = answer(&request);
                asked.lock().unwrap().push(request);
                open.spawn(say(stream, reply));
            }
        });
        router
    }

    /// A UPnP device on IPv4 loopback that describes itself where it is expected to.
    pub(crate) async fn honest(answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        let location = |http| format!("http://{http}/rootDesc.xml");
        Self::upnp(Ipv4Addr::LOCALHOST.into(), location, answer).await
    }

    /// Runs `work` as long as the router.
    pub(crate) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Requests so far, in their order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// SOAP actions so far, in their order.
    pub(crate) fn actions(&self) -> Vec<String> {
        let asked = self.asked();
        asked.into_iter().filter_map(|each| each.action).collect()
    }
}

async fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let value = |name: &str| {
                head.lines()
                    .filter_map(|line| line.split_once(": "))
                    .find(|(each, _)| each.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_owned())
            };
            let length = value("content-length").map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let mut words = head.split(' ');
                let method = words.next().unwrap();
                return Asked {
                    line: format!("{method} {}", words.next().unwrap()),
                    action: value("soapaction").map(|action| {
                        let (_, name) = action.trim_matches('"').rsplit_once('#').unwrap();
                        name.to_owned()
                    }),
                    body: body.to_owned(),
                };
            }
        }
        let mut buffer = [0; 2048];
        let length = stream.read(&mut buffer).await.unwrap();
        assert_ne!(length, 0, "a whole request");
        bytes.extend(&buffer[..length]);
    }
}

async fn say(mut stream: TcpStream, reply: Reply) {
    match reply {
        Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
        Reply::Endless(first, more) => {
            stream.write_all(first.as_bytes()).await.unwrap();
            // Until the other side has had enough.
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        }
        Reply::Never => std::future::pending().await,
    }
}
