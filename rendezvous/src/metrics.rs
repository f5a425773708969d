//! The counters as Prometheus text over HTTP/1.0: how much, never who.
//!
//! Whatever is asked is answered with the counters, to one asker at a time and within a second.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::serve::Monitor;

/// How long one asker may take over everything.
const ASKER_TIME: Duration = Duration::from_secs(1);

/// How much of a request is read, in bytes: its content makes no difference.
const REQUEST_BYTES: usize = 4096;

/// How long to rest after an asker could not be taken, so that a lasting failure does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Answers askers, one after the other, until dropped.
pub async fn serve_metrics(listener: TcpListener, monitor: Monitor) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = tokio::time::timeout(ASKER_TIME, answer(stream, &monitor)).await;
                match answered {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "metrics asker lost"),
                    Err(_) => tracing::debug!("metrics asker too slow"),
                }
            }
            Err(error) => {
                tracing::debug!(%error, "cannot take metrics asker");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, monitor: &Monitor) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 512];
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES {
        match stream.read(&mut chunk).await? {
            0 => break,
            length => request.extend_from_slice(&chunk[..length]),
        }
    }
    let body = render(monitor);
    let head = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The counters in the text format, version 0.0.4.
fn render(monitor: &Monitor) -> String {
    let (counters, sessions) = monitor.read();
    let rows = [
        ("received", counters.received),
        ("sent", counters.sent),
        ("hellos", counters.hellos),
        ("announcements", counters.announcements),
        ("malformed", counters.malformed),
        ("unknown_versions", counters.unknown_versions),
        ("bad_cookies", counters.bad_cookies),
        ("over_rate", counters.over_rate),
        ("busy", counters.busy),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        let name = format!("fardrop_rendezvous_{name}_total");
        // Writing to a String does not fail.
        let _ = write!(text, "# TYPE {name} counter\n{name} {value}\n");
    }
    let name = "fardrop_rendezvous_sessions";
    let _ = write!(text, "# TYPE {name} gauge\n{name} {sessions}\n");
    text
}
