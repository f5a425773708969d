//! What a run cost: CPU time, peak memory, and what the connection counted.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Clock ticks per second in `/proc`; every Linux architecture reports 100 to user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// The line that an end prints.
pub(crate) fn report(
    role: &str,
    bytes: u64,
    elapsed: Duration,
    handshake: Option<Duration>,
    connection: &quinn::Connection,
) -> Result<Value> {
    let path = connection.stats().path;
    let seconds = elapsed.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate in three digits")]
    let megabytes = bytes as f64 / 1e6;
    Ok(json!({
        "role": role,
        "bytes": bytes,
        "seconds": round(seconds),
        "mb_per_s": round(megabytes / seconds),
        "handshake_ms": handshake.map(|time| round(time.as_secs_f64() * 1e3)),
        "cpu_seconds": cpu_seconds()?,
        "peak_kib": peak_kib()?,
        "mtu": path.current_mtu,
        "rtt_ms": round(path.rtt.as_secs_f64() * 1e3),
        "window": path.cwnd,
        "lost_packets": path.lost_packets,
        "sent_packets": path.sent_packets,
        "black_holes": path.black_holes_detected,
    }))
}

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// User and system time of this process so far.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The command name is in parentheses and may hold spaces; the fields after it are numbers.
    let (_, fields) = stat.rsplit_once(')').context("an odd /proc/self/stat")?;
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS_PER_SECOND)
}

/// Peak resident memory of this process (`VmHWM`), in KiB.
fn peak_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM in /proc/self/status")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
