//! How fast a replay starts runs: `10/s`, `600/m`, `3600/h`. The pacer spaces them evenly.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// Runs per second, at most.
const MAX_PER_SECOND: u64 = 1_000;

/// A number of runs in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayRate {
    runs: u32,
    unit: RateUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RateUnit {
    Second,
    Minute,
    Hour,
}

impl Default for ReplayRate {
    fn default() -> Self {
        Self {
            runs: 10,
            unit: RateUnit::Second,
        }
    }
}

impl RateUnit {
    fn seconds(self) -> u64 {
        match self {
            RateUnit::Second => 1,
            RateUnit::Minute => 60,
            RateUnit::Hour => 3_600,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            RateUnit::Second => "s",
            RateUnit::Minute => "m",
            RateUnit::Hour => "h",
        }
    }
}

impl FromStr for ReplayRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help =
            || "write a number of runs and a unit, up to 1000/s: 10/s, 600/m, 3600/h".to_owned();
        let (runs, unit) = text.split_once('/').ok_or_else(help)?;
        let unit = match unit {
            "s" => RateUnit::Second,
            "m" => RateUnit::Minute,
            "h" => RateUnit::Hour,
            _ => return Err(help()),
        };
        let runs: u32 = runs.parse().map_err(|_| help())?;
        let is_valid = runs > 0 && u64::from(runs) <= MAX_PER_SECOND * unit.seconds();
        is_valid.then_some(Self { runs, unit }).ok_or_else(help)
    }
}

impl std::fmt::Display for ReplayRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.runs, self.unit.as_str())
    }
}

impl ReplayRate {
    /// How long so many runs take.
    pub fn time_for(self, runs: usize) -> Duration {
        let runs = u32::try_from(runs).unwrap_or(u32::MAX);
        Duration::from_secs(self.unit.seconds()).saturating_mul(runs) / self.runs
    }
}

/// When the next run may start.
#[derive(Debug)]
pub struct Pacer {
    rate: ReplayRate,
    next: Instant,
}

impl Pacer {
    pub fn new(rate: ReplayRate, now: Instant) -> Self {
        Self { rate, next: now }
    }

    pub fn next(&self) -> Instant {
        self.next
    }

    /// So many runs were started now. Time that was not used is not made up for later.
    pub fn started(&mut self, runs: usize, now: Instant) {
        self.next = self.next.max(now) + self.rate.time_for(runs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_unit_and_a_limit() {
        for (text, seconds) in [("10/s", 1), ("600/m", 1), ("3600/h", 10), ("1/m", 600)] {
            let rate: ReplayRate = text.parse().unwrap();
            assert_eq!(rate.time_for(10), Duration::from_secs(seconds), "{text}");
            assert_eq!(rate.to_string(), text);
        }
        for text in [
            "10", "0/s", "-1/s", "1001/s", "60001/m", "10/d", "1.5/s", "/s", "",
        ] {
            assert!(text.parse::<ReplayRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn runs_are_spaced_evenly_and_never_made_up_for() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut pacer = Pacer::new("10/s".parse().unwrap(), start);
        assert_eq!(pacer.next(), start);
        pacer.started(1, at(0));
        assert_eq!(pacer.next(), at(100));
        // Three rules matched one event.
        pacer.started(3, at(100));
        assert_eq!(pacer.next(), at(400));
        // The daemon was busy for a while.
        pacer.started(1, at(5_000));
        assert_eq!(pacer.next(), at(5_100));
        pacer.started(0, at(5_100));
        assert_eq!(pacer.next(), at(5_100));
    }
}
