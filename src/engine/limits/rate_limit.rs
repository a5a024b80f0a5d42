//! Rate limit per connection: when a run's next request may be sent. Requests are sent in the order in which
//! they were reserved, and each run keeps its reservation.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use flowtrigger_core::config::rate_limit::RateLimit;
use flowtrigger_core::run::RunId;

/// Above this number, expired reservations are dropped.
const MAX_RESERVATIONS: usize = 10_000;

/// All times are of the monotonic clock.
#[derive(Debug, Default)]
pub struct RateLimiter(Mutex<RateLimiterInner>);

#[derive(Debug, Default)]
struct RateLimiterInner {
    paces: HashMap<String, ConnectionPace>,
    /// The reserved times of runs that wait.
    turns: HashMap<RunId, Duration>,
}

/// The requests of one connection, spread evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ConnectionPace {
    rate: RateLimit,
    /// When the next request would be sent if all were spread evenly.
    even: Duration,
}

impl RateLimiter {
    /// None if the request may be sent now, else the wait. The time is reserved for the run.
    pub fn wait(
        &self,
        run: RunId,
        connection: &str,
        rate: RateLimit,
        now: Duration,
    ) -> Option<Duration> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.turns.len() >= MAX_RESERVATIONS {
            // Long expired reservations are of runs that were cancelled.
            let gone = now.saturating_sub(rate.within);
            inner.turns.retain(|_, turn| *turn >= gone);
        }
        let turn = match inner.turns.get(&run) {
            Some(turn) => *turn,
            None => inner.pace(connection, rate).turn(now),
        };
        if turn <= now {
            inner.turns.remove(&run);
            return None;
        }
        inner.turns.insert(run, turn);
        Some(turn - now)
    }
}

impl RateLimiterInner {
    fn pace(&mut self, connection: &str, rate: RateLimit) -> &mut ConnectionPace {
        let fresh = ConnectionPace {
            rate,
            even: Duration::ZERO,
        };
        let pace = self.paces.entry(connection.to_owned()).or_insert(fresh);
        if pace.rate != rate {
            *pace = fresh;
        }
        pace
    }
}

impl ConnectionPace {
    /// When one more request may be sent: evenly spread, with bursts of a tenth of the limit.
    fn turn(&mut self, now: Duration) -> Duration {
        let between = self.rate.within / self.rate.limit;
        let at_once = between * (self.rate.limit / 10);
        let even = self.even.max(now);
        self.even = even + between;
        even.saturating_sub(at_once).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(limit: u32) -> RateLimit {
        RateLimit {
            limit,
            within: SECOND * 60,
        }
    }

    #[test]
    fn requests_are_spread_and_each_keeps_its_reservation() {
        let rates = RateLimiter::default();
        let wait = |run, now| rates.wait(RunId(run), "desk", rate(6), now);
        assert_eq!(wait(1, Duration::ZERO), None);
        assert_eq!(wait(2, Duration::ZERO), Some(SECOND * 10));
        assert_eq!(wait(3, Duration::ZERO), Some(SECOND * 20));
        assert_eq!(wait(2, SECOND * 4), Some(SECOND * 6));
        assert_eq!(wait(2, SECOND * 10), None);
        assert_eq!(wait(2, SECOND * 10), Some(SECOND * 20), "its next request");
        assert_eq!(wait(3, SECOND * 20), None);
    }

    #[test]
    fn a_tenth_goes_at_once_and_never_much_more_than_the_limit() {
        let rates = RateLimiter::default();
        let mut gone = Vec::new();
        for second in 0..180 {
            let now = SECOND * second;
            for run in 0..5 {
                let run = u64::from(second) * 5 + run;
                if rates.wait(RunId(run), "desk", rate(60), now).is_none() {
                    gone.push(second);
                }
            }
        }
        assert_eq!(gone.iter().filter(|at| **at == 0).count(), 5);
        for start in 0..120 {
            let within = gone.iter().filter(|at| (start..start + 60).contains(*at));
            assert!(within.count() <= 67, "{gone:?}");
        }
    }

    #[test]
    fn each_connection_has_its_own_pace_and_a_new_rate_starts_again() {
        let rates = RateLimiter::default();
        let wait = |run, name: &str, limit| rates.wait(RunId(run), name, rate(limit), SECOND);
        assert_eq!(wait(1, "a", 1), None);
        assert_eq!(wait(2, "b", 1), None);
        assert!(wait(3, "a", 1).is_some());
        assert_eq!(wait(4, "a", 2), None);
    }
}
