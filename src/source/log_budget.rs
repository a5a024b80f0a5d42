//! Limits log lines of one kind that senders can cause, and counts those that are left out.

use std::time::{Duration, Instant};

/// Lines without delay, enough for a person who experiments.
const LOG_BURST: u32 = 10;
/// After the burst, one line per interval: about 5 MB a day at most.
pub const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// The lines that may still be written.
#[derive(Debug)]
pub struct LogBudget {
    left: u32,
    since: Instant,
    omitted: u64,
}

impl LogBudget {
    pub fn new(now: Instant) -> Self {
        Self {
            left: LOG_BURST,
            since: now,
            omitted: 0,
        }
    }

    /// Returns the number of lines omitted since the last one if another line may be written.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        self.refill(now);
        if self.left == 0 {
            self.omitted += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.omitted))
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let more = u32::try_from(passed.as_secs() / LOG_INTERVAL.as_secs()).unwrap_or(LOG_BURST);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(LOG_BURST);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_written_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut budget = LogBudget::new(start);
        let written = (0..1_000).filter_map(|_| budget.admit(start)).count();
        assert_eq!(written, 10);
        assert_eq!(budget.admit(start + LOG_INTERVAL), Some(990));
        assert_eq!(budget.admit(start + LOG_INTERVAL), None);
    }
}
