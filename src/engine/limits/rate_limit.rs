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
    turns: HashMap<RunId, Reservation>,
}

/// A limit and how many daemons share it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedRate {
    pub rate: RateLimit,
    pub daemons: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct Reservation {
    connection: String,
    turn: Duration,
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
        shared: SharedRate,
        now: Duration,
    ) -> Option<Duration> {
        let rate = shared.rate;
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.turns.len() >= MAX_RESERVATIONS {
            // Long expired reservations are of runs that were cancelled.
            let gone = now.saturating_sub(rate.within);
            inner.turns.retain(|_, reserved| reserved.turn >= gone);
        }
        let reserved = inner.turns.get(&run).map(|reserved| reserved.turn);
        let turn = match reserved {
            Some(turn) => turn,
            None if shared.daemons > 1 && inner.take_over_turn(connection, rate, now) => now,
            None => {
                let pace = inner.pace(connection, rate);
                pace.turn(shared.daemons.max(1), now)
            }
        };
        if turn <= now {
            inner.turns.remove(&run);
            return None;
        }
        let connection = connection.to_owned();
        inner.turns.insert(run, Reservation { connection, turn });
        Some(turn - now)
    }
}

impl RateLimiterInner {
    /// Uses the oldest reservation whose time has come: its run may continue on another daemon, where it does the same.
    /// Reservations that are older than the period of the limit have expired.
    fn take_over_turn(&mut self, connection: &str, rate: RateLimit, now: Duration) -> bool {
        let period = now.saturating_sub(rate.within)..=now;
        let of_connection = self.turns.iter().filter(|(_, reserved)| {
            reserved.connection == connection && period.contains(&reserved.turn)
        });
        let oldest = of_connection.min_by_key(|(run, reserved)| (reserved.turn, **run));
        match oldest.map(|(run, _)| *run) {
            Some(run) => self.turns.remove(&run).is_some(),
            None => false,
        }
    }

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
    /// When one more request may be sent: evenly spread, with bursts of a tenth of the limit. Each daemon sends its part
    /// of them.
    fn turn(&mut self, daemons: usize, now: Duration) -> Duration {
        let daemons = u32::try_from(daemons).unwrap_or(u32::MAX);
        let between = (self.rate.within / self.rate.limit).saturating_mul(daemons);
        let at_once = between * (self.rate.limit / 10 / daemons);
        let even = self.even.max(now);
        self.even = even + between;
        even.saturating_sub(at_once).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(limit: u32) -> SharedRate {
        among(1, limit)
    }

    fn among(daemons: usize, limit: u32) -> SharedRate {
        let rate = RateLimit {
            limit,
            within: SECOND * 60,
        };
        SharedRate { rate, daemons }
    }

    #[test]
    fn daemons_together_send_no_more_than_the_limit() {
        for (daemons, limit) in [(3, 60), (4, 7), (5, 2)] {
            let limiters: Vec<RateLimiter> = (0..daemons).map(|_| RateLimiter::default()).collect();
            let (mut sent, mut run) = (Vec::new(), 0);
            for second in 0..600 {
                for limiter in &limiters {
                    for _ in 0..3 {
                        run += 1;
                        let rate = among(daemons, limit);
                        let wait = limiter.wait(RunId(run), "desk", rate, SECOND * second);
                        if wait.is_none() {
                            sent.push(second);
                        }
                    }
                }
            }
            // Each daemon may begin with a request of its own.
            let most = limit as usize + limit as usize / 10 + daemons;
            for start in 0..540 {
                let within = sent.iter().filter(|at| (start..start + 60).contains(*at));
                assert!(within.count() <= most, "{daemons} daemons, limit {limit}");
            }
            let least = 9 * limit as usize * 8 / 10;
            assert!(sent.len() >= least, "{} of {daemons} daemons", sent.len());
        }
    }

    #[test]
    fn a_reserved_turn_is_used_by_a_run_that_waited_on_another_daemon() {
        let rates = RateLimiter::default();
        let wait = |run, now| rates.wait(RunId(run), "desk", among(2, 6), now);
        assert_eq!(wait(1, Duration::ZERO), None);
        assert_eq!(wait(2, Duration::ZERO), Some(SECOND * 20));
        assert_eq!(wait(9, SECOND * 20), None, "in place of run 2");
        assert_eq!(wait(2, SECOND * 20), Some(SECOND * 20), "its turn was used");
        let rates = RateLimiter::default();
        let alone = |run, now| rates.wait(RunId(run), "desk", rate(6), now);
        assert_eq!(alone(1, Duration::ZERO), None);
        assert_eq!(alone(2, Duration::ZERO), Some(SECOND * 10));
        assert!(alone(9, SECOND * 10).is_some());
        assert_eq!(alone(2, SECOND * 10), None, "its turn is its own");
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
