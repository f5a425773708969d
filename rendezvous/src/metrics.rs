//! The counters as OpenMetrics text over HTTP/1.0: how much, never who.
//!
//! Whatever is asked is answered with the counters, to one asker at a time and within a second. The bounds in
//! this file are local: no client of the rendezvous comes here.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
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
    let mut registry = Registry::with_prefix("fardrop_rendezvous");
    registry.register_collector(Box::new(monitor));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = tokio::time::timeout(ASKER_TIME, answer(stream, &registry)).await;
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

async fn answer(mut stream: TcpStream, registry: &Registry) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 512];
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES {
        match stream.read(&mut chunk).await? {
            0 => break,
            length => request.extend_from_slice(&chunk[..length]),
        }
    }
    let body = render(registry);
    let head = format!(
        "HTTP/1.0 200 OK\r\n\
         Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The counters, in the OpenMetrics text format.
fn render(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String does not fail, and no more does the collector.
    if let Err(error) = encode(&mut text, registry) {
        tracing::debug!(%error, "cannot write metrics");
    }
    text
}

impl Collector for Monitor {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (counters, parties) = self.read();
        let rows = [
            ("received", "Datagrams that came", counters.received),
            ("sent", "Datagrams sent", counters.sent),
            ("hellos", "Hellos answered", counters.hellos),
            (
                "quic_probes",
                "First packets of QUIC answered",
                counters.quic_probes,
            ),
            ("greetings", "TCP connections answered", counters.tcp_checks),
            ("questions", "Questions answered", counters.questions),
            (
                "announcements",
                "Announcements served",
                counters.announcements,
            ),
            (
                "malformed",
                "Datagrams that are none of ours",
                counters.malformed,
            ),
            (
                "unknown_versions",
                "Requests in a version not spoken here",
                counters.unknown_versions,
            ),
            (
                "bad_cookies",
                "Announcements without a good cookie",
                counters.bad_cookies,
            ),
            (
                "over_rate",
                "Requests left unanswered because their network asks too much",
                counters.over_rate,
            ),
            ("busy", "Sessions refused for want of room", counters.busy),
        ];
        for (name, help, value) in rows {
            let counter = ConstCounter::new(value);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        let gauge = ConstGauge::new(u64::try_from(parties).unwrap_or(u64::MAX));
        let kind = gauge.metric_type();
        gauge.encode(encoder.encode_descriptor("sessions", "Sessions held", None, kind)?)
    }
}
