//! Numbers as people read them: sizes, rates, times, counts.

use std::time::Duration;

/// Decimal units, a thousand apart.
const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// A size: `1 byte`, `999 bytes`, `12.4 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    if bytes < 1000 {
        return if bytes == 1 {
            "1 byte".to_owned()
        } else {
            format!("{bytes} bytes")
        };
    }
    // Tenths of the unit, rounded half up in whole numbers: no float can print 1000.0 kB.
    let mut divisor: u64 = 100;
    for unit in UNITS {
        let tenths = bytes / divisor + u64::from(bytes % divisor >= divisor / 2);
        if tenths < 10_000 || unit == "EB" {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        divisor *= 1000;
    }
    format!("{bytes} bytes")
}

/// A rate, from bytes per second: `3.2 MB/s`.
#[must_use]
pub fn rate(bytes_per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and a negative rate is shown as none"
    )]
    let whole = bytes_per_second.round() as u64;
    format!("{}/s", size(whole))
}

/// A time: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 days`.
#[must_use]
pub fn duration(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// What is left at this rate, or `None` while nobody can tell.
#[must_use]
pub fn time_left(bytes_left: u64, bytes_per_second: f64) -> Option<Duration> {
    if bytes_per_second < 1.0 {
        return None;
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate, shown to the second"
    )]
    let seconds = bytes_left as f64 / bytes_per_second;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A round trip: `0.4 ms`, `38 ms`.
#[must_use]
pub fn round_trip(rtt: Duration) -> String {
    let ms = rtt.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// A number of things: `1 file`, `12,345 files`.
#[must_use]
pub fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", grouped(number))
}

/// How many links there are, behind a count of other things; nothing if there are none.
#[must_use]
pub fn and_links(links: u64) -> String {
    match links {
        0 => String::new(),
        links => format!(" and {}", count(links, "link", "links")),
    }
}

/// A whole number with its thousands set apart: `12,345`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// How long ago something was; both times in seconds since 1970.
#[must_use]
pub fn ago(now: u64, when: u64) -> String {
    let minutes = now.saturating_sub(when) / 60;
    let (hours, days) = (minutes / 60, minutes / 60 / 24);
    let ago = match (days, hours, minutes) {
        (0, 0, 0) => return "just now".to_owned(),
        (0, 0, _) => count(minutes, "minute", "minutes"),
        (0 | 1, ..) => count(hours, "hour", "hours"),
        (2..60, ..) => count(days, "day", "days"),
        (60..730, ..) => count(days / 30, "month", "months"),
        (730.., ..) => count(days / 365, "year", "years"),
    };
    format!("{ago} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_and_never_show_a_thousand_of_a_unit() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (1049, "1.0 kB"),
            (1050, "1.1 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_400_000, "12.4 MB"),
            (4_294_967_296, "4.3 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn rates_survive_any_float() {
        assert_eq!(rate(3_200_000.0), "3.2 MB/s");
        assert_eq!(rate(-1.0), "0 bytes/s");
        assert_eq!(rate(f64::NAN), "0 bytes/s");
        assert_eq!(rate(f64::INFINITY), "18.4 EB/s");
    }

    #[test]
    fn durations_use_the_two_largest_units() {
        for (ms, expected) in [
            (0, "0.0 s"),
            (420, "0.4 s"),
            (12_900, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (259_200_000, "3 days"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), expected, "{ms}");
        }
    }

    #[test]
    fn time_left_is_unknown_at_a_standstill() {
        assert_eq!(time_left(1000, 0.0), None);
        assert_eq!(time_left(1000, f64::NAN), None);
        assert_eq!(time_left(u64::MAX, 1e-300), None);
        assert_eq!(time_left(1000, 100.0), Some(Duration::from_secs(10)));
    }

    #[test]
    fn round_trips_keep_one_decimal_where_it_matters() {
        assert_eq!(round_trip(Duration::from_micros(420)), "0.4 ms");
        assert_eq!(round_trip(Duration::from_millis(38)), "38 ms");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(12_345, "file", "files"), "12,345 files");
    }
}
