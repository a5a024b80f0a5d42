//! The times that the charts of the overview cover, and minutes summed up to their columns.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde::Serialize;

use crate::store::{Minute, Percentiles};

/// How far back the charts go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChartRange {
    #[default]
    Hour,
    SixHours,
    Day,
    Week,
}

/// One column: what happened in its minutes, and how many runs were in each state at its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChartColumn {
    /// The beginning of its first minute.
    pub from: Timestamp,
    /// Minutes that were counted. A daemon that does not run counts none.
    pub minutes: usize,
    pub matched: u64,
    pub unmatched: u64,
    pub redelivered: u64,
    pub rejected: u64,
    pub succeeded: u64,
    pub failed: u64,
    /// In microseconds: the median of the medians, and the highest of the 99th percentiles.
    pub attempts: Option<Percentiles>,
    pub commits: Option<Percentiles>,
    pub runs: BTreeMap<String, u64>,
}

impl ChartRange {
    pub const ALL: [Self; 4] = [Self::Hour, Self::SixHours, Self::Day, Self::Week];

    /// The value of the parameter `range`.
    pub fn value(self) -> &'static str {
        match self {
            ChartRange::Hour => "1h",
            ChartRange::SixHours => "6h",
            ChartRange::Day => "24h",
            ChartRange::Week => "7d",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            ChartRange::Hour => "1 hour",
            ChartRange::SixHours => "6 hours",
            ChartRange::Day => "24 hours",
            ChartRange::Week => "7 days",
        }
    }

    /// What a column covers, in words.
    pub fn column_name(self) -> &'static str {
        match self {
            ChartRange::Hour => "one minute",
            ChartRange::SixHours => "5 minutes",
            ChartRange::Day => "15 minutes",
            ChartRange::Week => "2 hours",
        }
    }

    fn columns(self) -> i64 {
        match self {
            ChartRange::Hour => 60,
            ChartRange::SixHours => 72,
            ChartRange::Day => 96,
            ChartRange::Week => 84,
        }
    }

    fn minutes_per_column(self) -> i64 {
        match self {
            ChartRange::Hour => 1,
            ChartRange::SixHours => 5,
            ChartRange::Day => 15,
            ChartRange::Week => 120,
        }
    }

    /// The label of a column in UTC; a week needs the day.
    pub fn label(self, from: Timestamp) -> String {
        let format = match self {
            ChartRange::Hour | ChartRange::SixHours | ChartRange::Day => "%H:%M",
            ChartRange::Week => "%a %H:%M",
        };
        from.strftime(format).to_string()
    }

    /// The first minute that is shown. The last one is the current one, as far as it is counted.
    fn first_minute(self, now: Timestamp) -> i64 {
        Minute::number_of(now) + 1 - self.columns() * self.minutes_per_column()
    }

    /// The time from which minutes are needed.
    pub fn since(self, now: Timestamp) -> Timestamp {
        start(self.first_minute(now))
    }

    /// The minutes from the first one that was counted to the current one.
    pub fn covered_minutes(self, columns: &[ChartColumn]) -> u64 {
        let mut rest = columns.iter().skip_while(|column| column.minutes == 0);
        let first = rest.next().map_or(0, |column| column.minutes as u64);
        first + rest.count() as u64 * self.minutes_per_column().unsigned_abs()
    }

    /// Sums up minutes, the oldest first.
    pub fn sum_up(self, minutes: &[Minute], now: Timestamp) -> Vec<ChartColumn> {
        let (first, step) = (self.first_minute(now), self.minutes_per_column());
        let column = |number: i64| {
            let from = first + number * step;
            let start_at = minutes.partition_point(|minute| minute.minute < from);
            let end_at = minutes.partition_point(|minute| minute.minute < from + step);
            ChartColumn::of(start(from), minutes.get(start_at..end_at).unwrap_or(&[]))
        };
        (0..self.columns()).map(column).collect()
    }
}

impl FromStr for ChartRange {
    type Err = UnknownRange;

    fn from_str(text: &str) -> Result<Self, UnknownRange> {
        let mut ranges = Self::ALL.into_iter();
        ranges
            .find(|range| range.value() == text)
            .ok_or(UnknownRange)
    }
}

/// A text that names no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownRange;

impl ChartColumn {
    fn of(from: Timestamp, minutes: &[Minute]) -> Self {
        let sum = |count: fn(&Minute) -> u64| minutes.iter().map(count).sum();
        Self {
            from,
            minutes: minutes.len(),
            matched: sum(|minute| minute.matched),
            unmatched: sum(|minute| minute.unmatched),
            redelivered: sum(|minute| minute.redelivered),
            rejected: sum(|minute| minute.rejected),
            succeeded: sum(|minute| minute.succeeded),
            failed: sum(|minute| minute.failed),
            attempts: joined(minutes.iter().filter_map(|minute| minute.attempts)),
            commits: joined(minutes.iter().filter_map(|minute| minute.commits)),
            runs: minutes
                .last()
                .map(|minute| minute.runs.clone())
                .unwrap_or_default(),
        }
    }

    /// Events that were accepted.
    pub fn events(&self) -> u64 {
        self.matched + self.unmatched + self.redelivered
    }

    /// A value of a counted column; `None` if no daemon ran.
    pub fn counted(&self, value: u64) -> Option<f64> {
        (self.minutes > 0).then_some(value as f64)
    }

    /// Runs in this state at the end.
    pub fn runs_in(&self, states: &[&str]) -> u64 {
        let counts = states.iter().filter_map(|state| self.runs.get(*state));
        counts.sum()
    }
}

fn joined(all: impl Iterator<Item = Percentiles>) -> Option<Percentiles> {
    let all: Vec<Percentiles> = all.collect();
    let mut medians: Vec<u64> = all.iter().map(|one| one.p50).collect();
    medians.sort_unstable();
    Some(Percentiles {
        p50: *medians.get(medians.len() / 2)?,
        p99: all.iter().map(|one| one.p99).max()?,
    })
}

fn start(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn minute(ago: i64, matched: u64, p50: u64) -> Minute {
        Minute {
            minute: NOW / 60 - ago,
            matched,
            attempts: Some(Percentiles { p50, p99: 10 * p50 }),
            runs: [("dead".to_owned(), matched)].into(),
            ..Minute::default()
        }
    }

    #[test]
    fn minutes_are_summed_up_to_columns() {
        let now = Timestamp::from_second(NOW + 30).unwrap();
        let minutes = [
            minute(400, 99, 1),
            minute(4, 2, 30),
            minute(3, 3, 10),
            minute(1, 4, 20),
            minute(0, 99, 1),
        ];
        let columns = ChartRange::SixHours.sum_up(&minutes, now);
        assert_eq!(columns.len(), 72);
        let last = &columns[71];
        assert_eq!(
            (last.minutes, last.matched),
            (4, 108),
            "the current minute is the last one"
        );
        assert_eq!(last.attempts, Some(Percentiles { p50: 20, p99: 300 }));
        assert_eq!(last.runs_in(&["dead", "held"]), 99, "at its end");
        assert_eq!(last.from, Timestamp::from_second(NOW - 240).unwrap());
        assert_eq!(columns[70].counted(0), None);
        let all: u64 = columns.iter().map(ChartColumn::events).sum();
        assert_eq!(all, 108, "what is older is left out");
    }

    #[test]
    fn every_range_has_its_parameter() {
        for range in ChartRange::ALL {
            assert_eq!(range.value().parse(), Ok(range));
        }
        assert_eq!("2h".parse::<ChartRange>(), Err(UnknownRange));
        let now = Timestamp::from_second(NOW).unwrap();
        assert_eq!(
            ChartRange::Week.since(now),
            Timestamp::from_second(NOW + 60 - 7 * 86_400).unwrap()
        );
        assert_eq!(ChartRange::Week.label(now), "Fri 08:00");
    }
}
