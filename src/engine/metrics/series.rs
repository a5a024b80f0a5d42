//! Counts what happens in the current minute, and keeps the last day of minutes in memory. Counting takes no lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::EventOutcome;
use crate::store::{Minute, Percentiles};
use flowtrigger_core::run::Attempt;

/// Minutes that are kept in memory: one day.
pub const MINUTES_IN_MEMORY: usize = 1_440;
/// Minutes that wait for a store which does not take them. Beyond that the oldest is lost for it.
pub const MAX_UNSTORED: usize = 60;

/// The minutes of the last day, and the current one.
#[derive(Debug, Default)]
pub struct Series {
    current: CurrentMinute,
    /// By the minute's number.
    past: Mutex<BTreeMap<i64, Minute>>,
    /// Ended minutes that the store has not taken, the oldest first.
    unstored: Mutex<VecDeque<Minute>>,
}

#[derive(Debug, Default)]
struct CurrentMinute {
    matched: AtomicU64,
    unmatched: AtomicU64,
    redelivered: AtomicU64,
    rejected: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    attempts: Durations,
    commits: Durations,
    /// Events that were lost before, of those that the store has counted since its start.
    lost_before: AtomicU64,
}

impl Series {
    pub fn count_event(&self, outcome: EventOutcome) {
        let counter = match outcome {
            EventOutcome::Accepted => &self.current.matched,
            EventOutcome::Unmatched => &self.current.unmatched,
            EventOutcome::Redelivered => &self.current.redelivered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_rejected(&self) {
        self.current.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub fn observe_attempt(&self, attempt: &Attempt) {
        let counter = match attempt.outcome {
            Ok(_) => &self.current.succeeded,
            Err(_) => &self.current.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.current.attempts.observe(attempt.took);
    }

    pub fn observe_commit(&self, took: Duration) {
        self.current.commits.observe(took);
    }

    /// Ends the minute with this number, and returns it. `runs` are the unfinished runs by state, `lost` is how many events
    /// were not archived since the start.
    pub fn end_minute(
        &self,
        minute: i64,
        runs: impl IntoIterator<Item = (String, u64)>,
        lost: u64,
    ) -> Minute {
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let current = &self.current;
        let ended = Minute {
            minute,
            matched: take(&current.matched),
            unmatched: take(&current.unmatched),
            redelivered: take(&current.redelivered),
            rejected: take(&current.rejected),
            lost: Some(lost.saturating_sub(current.lost_before.swap(lost, Ordering::Relaxed))),
            succeeded: take(&current.succeeded),
            failed: take(&current.failed),
            attempts: current.attempts.take(),
            commits: current.commits.take(),
            runs: runs.into_iter().collect(),
        };
        self.keep(ended.clone());
        ended
    }

    /// What was counted so far in the minute with this number, without the states of runs.
    pub fn current(&self, minute: i64) -> Minute {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let current = &self.current;
        Minute {
            minute,
            matched: read(&current.matched),
            unmatched: read(&current.unmatched),
            redelivered: read(&current.redelivered),
            rejected: read(&current.rejected),
            lost: None,
            succeeded: read(&current.succeeded),
            failed: read(&current.failed),
            attempts: current.attempts.read(),
            commits: current.commits.read(),
            runs: BTreeMap::new(),
        }
    }

    /// Takes minutes that an earlier process counted.
    pub fn load(&self, minutes: Vec<Minute>) {
        minutes.into_iter().for_each(|minute| self.keep(minute));
    }

    /// Takes minutes that have the numbers of this process and of others in place of its own.
    pub fn replace(&self, minutes: Vec<Minute>) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.extend(minutes.into_iter().map(|minute| (minute.minute, minute)));
        while past.len() > MINUTES_IN_MEMORY {
            past.pop_first();
        }
    }

    fn keep(&self, mut minute: Minute) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        // The rest of a minute after a restart, or the clock was set back.
        if let Some(earlier) = past.get(&minute.minute) {
            minute.add_earlier(earlier);
        }
        past.insert(minute.minute, minute);
        while past.len() > MINUTES_IN_MEMORY {
            past.pop_first();
        }
    }

    /// Adds an ended minute to those that the store has not taken.
    pub fn add_unstored(&self, minute: Minute) {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.push_back(minute);
        if unstored.len() > MAX_UNSTORED {
            unstored.pop_front();
        }
    }

    /// Takes the oldest minute that the store has not taken.
    pub fn take_unstored(&self) -> Option<Minute> {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.pop_front()
    }

    /// Puts it back if the store still does not take it.
    pub fn put_back(&self, minute: Minute) {
        let mut unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner);
        unstored.push_front(minute);
    }

    /// The minutes from this one on, the oldest first.
    pub fn since(&self, minute: i64) -> Vec<Minute> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        past.range(minute..).map(|(_, kept)| kept.clone()).collect()
    }
}

/// Two buckets for each doubling, from 1 µs to more than an hour: a percentile is at most 41 % too high.
const BUCKETS: usize = 64;

/// How long things took, as counts in buckets.
#[derive(Debug)]
struct Durations([AtomicU64; BUCKETS]);

impl Default for Durations {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Durations {
    fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.0[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> Option<Percentiles> {
        let counts = self.0.iter();
        percentiles(
            &counts
                .map(|count| count.swap(0, Ordering::Relaxed))
                .collect::<Vec<_>>(),
        )
    }

    fn read(&self) -> Option<Percentiles> {
        let counts = self.0.iter();
        percentiles(
            &counts
                .map(|count| count.load(Ordering::Relaxed))
                .collect::<Vec<_>>(),
        )
    }
}

/// The percentiles of counts in buckets; `None` if nothing was counted.
fn percentiles(counts: &[u64]) -> Option<Percentiles> {
    let total: u64 = counts.iter().sum();
    let percentile = |percent: u64| {
        let rank = (total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        upper_limit(found.unwrap_or(BUCKETS - 1))
    };
    (total > 0).then(|| Percentiles {
        p50: percentile(50),
        p99: percentile(99),
    })
}

/// The bucket of a time: twice its base-2 logarithm.
fn bucket(micros: u64) -> usize {
    let whole = micros.ilog2();
    let half = micros as f64 >= 2f64.powi(whole as i32) * std::f64::consts::SQRT_2;
    (2 * whole as usize + usize::from(half)).min(BUCKETS - 1)
}

/// The longest time of a bucket.
fn upper_limit(bucket: usize) -> u64 {
    2f64.powf((bucket as f64 + 1.0) / 2.0).round() as u64
}

#[cfg(test)]
mod tests {
    use flowtrigger_core::run::call_result::{CallFailure, Reply};
    use jiff::Timestamp;

    use super::*;

    fn attempt(took: Duration, outcome: Result<Reply, CallFailure>) -> Attempt {
        Attempt {
            step: "page".into(),
            number: 1,
            started: Timestamp::UNIX_EPOCH,
            took,
            outcome,
        }
    }

    #[test]
    fn a_minute_has_its_counts_and_percentiles() {
        let series = Series::default();
        series.count_event(EventOutcome::Accepted);
        series.count_rejected();
        for _ in 0..99 {
            let value = serde_json::Value::Null;
            series.observe_attempt(&attempt(Duration::from_millis(10), Ok(Reply { value })));
        }
        let failure = CallFailure::permanent("answered 404");
        series.observe_attempt(&attempt(Duration::from_secs(3), Err(failure)));
        let minute = series.end_minute(7, [("queued".to_owned(), 3)], 4);
        assert_eq!((minute.matched, minute.rejected), (1, 1));
        assert_eq!((minute.succeeded, minute.failed), (99, 1));
        let attempts = minute.attempts.unwrap();
        assert!((10_000..=14_200).contains(&attempts.p50), "{attempts:?}");
        assert!((10_000..=14_200).contains(&attempts.p99), "{attempts:?}");
        assert_eq!(minute.commits, None);
        assert_eq!(minute.lost, Some(4));
        let next = series.end_minute(8, [], 5);
        assert_eq!((next.matched, next.attempts), (0, None));
        assert_eq!(next.lost, Some(1), "the others were lost before");
        assert_eq!(series.since(8), [next]);
    }

    #[test]
    fn the_last_day_is_kept() {
        let series = Series::default();
        for minute in 0..=MINUTES_IN_MEMORY as i64 {
            series.end_minute(minute, [], 0);
        }
        let kept = series.since(0);
        assert_eq!((kept.len(), kept[0].minute), (MINUTES_IN_MEMORY, 1));
    }

    #[test]
    fn a_minute_that_ends_twice_is_one() {
        let series = Series::default();
        series.load(vec![Minute {
            minute: 7,
            matched: 2,
            ..Minute::default()
        }]);
        series.count_event(EventOutcome::Accepted);
        let rest = series.end_minute(7, [], 0);
        assert_eq!(rest.matched, 1, "the store adds them up itself");
        let kept = series.since(0);
        assert_eq!((kept.len(), kept[0].matched), (1, 3));
    }

    #[test]
    fn minutes_of_all_daemons_replace_those_of_one() {
        let series = Series::default();
        series.end_minute(7, [], 0);
        let all = Minute {
            minute: 7,
            matched: 5,
            ..Minute::default()
        };
        series.replace(vec![all.clone()]);
        series.replace(vec![all]);
        assert_eq!(series.since(0)[0].matched, 5);
    }

    #[test]
    fn the_last_hour_waits_for_the_store() {
        let series = Series::default();
        for minute in 0..=MAX_UNSTORED as i64 {
            series.add_unstored(series.end_minute(minute, [], 0));
        }
        let oldest = series.take_unstored().unwrap();
        assert_eq!(oldest.minute, 1);
        series.put_back(oldest);
        let all = std::iter::from_fn(|| series.take_unstored());
        let all: Vec<i64> = all.map(|minute| minute.minute).collect();
        assert_eq!(all, (1..=MAX_UNSTORED as i64).collect::<Vec<_>>());
    }

    #[test]
    fn buckets_hold_their_times() {
        for micros in [1, 2, 3, 5, 1_000, 1_000_000, u64::MAX] {
            let limit = upper_limit(bucket(micros));
            assert!(limit >= micros || bucket(micros) == BUCKETS - 1, "{micros}");
        }
    }
}
