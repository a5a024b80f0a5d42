//! Where a claim begins to search for ready runs while a transaction elsewhere keeps old rows: behind those that were claimed
//! long ago, so that a claim does not read them all again.
//!
//! A run before that position is found by the next search of all runs: one that waited in its lane, or for a time.

use std::time::{Duration, Instant};

/// An older transaction than this keeps so many old rows that they matter.
const OLD_SNAPSHOT: Duration = Duration::from_secs(5);
/// Runs that were queued within this time may not be visible yet, although later ones are.
const UNSEEN: Duration = Duration::from_secs(3);
/// The shortest time between two searches of all runs.
const SEARCH_ALL: Duration = Duration::from_secs(1);
/// They take at most this part of the time.
const SEARCH_PART: u32 = 20;

/// Before all positions.
const ALL: i64 = i64::MIN;

#[derive(Debug, Default)]
pub struct LowWater {
    /// No run is ready before it, as far as is known.
    mark: Option<i64>,
    /// The next mark, and when it was seen.
    next: Option<(i64, Instant)>,
    /// The last search of all runs, and how long it took.
    searched: Option<(Instant, Duration)>,
}

impl LowWater {
    /// The position at which a search begins; `oldest` is the age of the oldest transaction of the server.
    pub fn first(&mut self, oldest: Duration, now: Instant) -> i64 {
        if oldest < OLD_SNAPSHOT {
            *self = Self::default();
            return ALL;
        }
        if let Some((next, seen)) = self.next
            && now.duration_since(seen) >= UNSEEN
        {
            self.mark = Some(next);
            self.next = None;
        }
        let is_time = self
            .searched
            .is_none_or(|(at, took)| now.duration_since(at) >= SEARCH_ALL.max(took * SEARCH_PART));
        match self.mark {
            Some(mark) if !is_time => mark,
            Some(_) | None => ALL,
        }
    }

    /// A search that began at `first` has ended. `before` is a position before which no run was ready; `None` if that is not
    /// known.
    pub fn found(&mut self, first: i64, before: Option<i64>, began: Instant, now: Instant) {
        if first == ALL {
            self.searched = Some((now, now.duration_since(began)));
        }
        if let (None, Some(before)) = (self.next, before) {
            self.next = Some((before.max(self.mark.unwrap_or(ALL)), began));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Duration = Duration::from_secs(60);

    fn after(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn a_search_begins_before_all_runs_without_an_old_transaction() {
        let (mut low, begin) = (LowWater::default(), Instant::now());
        low.found(ALL, Some(100), begin, after(begin, 1));
        assert_eq!(low.first(Duration::from_secs(1), after(begin, 3_500)), ALL);
    }

    #[test]
    fn a_search_begins_where_nothing_was_ready_before_some_time() {
        let (mut low, begin) = (LowWater::default(), Instant::now());
        assert_eq!(low.first(OLD, begin), ALL);
        low.found(ALL, Some(100), begin, after(begin, 1));
        // Runs with lower positions may become visible.
        assert_eq!(low.first(OLD, after(begin, 500)), ALL);
        low.found(ALL, Some(200), after(begin, 2_900), after(begin, 2_901));
        assert_eq!(low.first(OLD, after(begin, 3_100)), 100);
    }

    #[test]
    fn all_runs_are_searched_again_and_again() {
        let (mut low, begin) = (LowWater::default(), Instant::now());
        low.first(OLD, begin);
        low.found(ALL, Some(100), begin, after(begin, 1));
        low.first(OLD, after(begin, 3_000));
        low.found(ALL, None, after(begin, 3_000), after(begin, 3_100));
        // Twenty times the tenth of a second that it took.
        assert_eq!(low.first(OLD, after(begin, 5_000)), 100);
        assert_eq!(low.first(OLD, after(begin, 5_200)), ALL);
    }

    #[test]
    fn a_mark_does_not_move_back() {
        let (mut low, begin) = (LowWater::default(), Instant::now());
        low.first(OLD, begin);
        low.found(ALL, Some(100), begin, after(begin, 1));
        low.first(OLD, after(begin, 3_000));
        low.found(ALL, Some(50), after(begin, 3_000), after(begin, 3_001));
        assert_eq!(low.first(OLD, after(begin, 3_900)), 100);
        low.found(100, Some(300), after(begin, 3_900), after(begin, 3_901));
        low.first(OLD, after(begin, 6_100));
        low.found(ALL, None, after(begin, 6_100), after(begin, 6_101));
        assert_eq!(low.first(OLD, after(begin, 6_200)), 100);
    }
}
