//! When an entry was last modified.

use std::time::{Duration, SystemTime};

/// A modification time: seconds and nanoseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ModifiedTime {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds past `seconds`, below 1,000,000,000.
    pub nanos: u32,
}

impl ModifiedTime {
    /// The system's form of it; `None` outside the years that it can say.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole = if self.seconds >= 0 {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        };
        whole?.checked_add(Duration::from_nanos(self.nanos.into()))
    }
}

impl From<SystemTime> for ModifiedTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self {
                seconds: after.as_secs().try_into().unwrap_or(i64::MAX),
                nanos: after.subsec_nanos(),
            },
            Err(before) => {
                let before = before.duration();
                let seconds = i64::try_from(before.as_secs()).map_or(i64::MIN, |seconds| -seconds);
                match before.subsec_nanos() {
                    0 => Self { seconds, nanos: 0 },
                    nanos => Self {
                        seconds: seconds.saturating_sub(1),
                        nanos: 1_000_000_000 - nanos,
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_the_system() {
        for seconds in [i64::MIN, -1, 0, 1, 1 << 40, i64::MAX] {
            for nanos in [0, 1, 999_999_999] {
                let time = ModifiedTime { seconds, nanos };
                if let Some(system) = time.to_system_time() {
                    assert_eq!(ModifiedTime::from(system), time);
                }
            }
        }
    }
}
