//! The retry policy of a step: number of attempts, exponential backoff with jitter, and a description.
//! Needs no clock: a delay counts from the end of the previous attempt.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::run::call_result::CallFailure;
use crate::run::{Attempt, hash};

/// How often and after which delays a failed step is attempted again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// The maximum number of attempts, the first included.
    pub attempts: u32,
    pub backoff: Duration,
    pub max_delay: Duration,
}

/// The longest delay that `Retry-After` of a server can set.
const MAX_SERVER_DELAY: Duration = Duration::from_secs(3_600);

impl RetryPolicy {
    /// The default of HTTP steps. Retries have the same idempotency key, so a receiver can detect them.
    pub fn of_requests() -> Self {
        Self {
            attempts: 5,
            backoff: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
        }
    }

    /// The default of commands: no retry.
    pub fn of_commands() -> Self {
        Self {
            attempts: 1,
            ..Self::of_requests()
        }
    }

    /// When the next attempt is due after `attempts` failed ones.
    pub fn due(&self, last: &Attempt, attempts: u32, seed: &str) -> Timestamp {
        let requested = match &last.outcome {
            Err(CallFailure { retry_after, .. }) => retry_after.unwrap_or_default(),
            Ok(_) => Duration::ZERO,
        };
        let backoff = self
            .delay(attempts)
            .mul_f64(jitter(seed, &last.step, last.number));
        let delay = backoff.max(requested.min(MAX_SERVER_DELAY));
        let due = SignedDuration::try_from(last.took.saturating_add(delay))
            .ok()
            .and_then(|after| last.started.checked_add(after).ok());
        due.unwrap_or(Timestamp::MAX)
    }

    /// The delay after `attempts` attempts, without jitter. Doubles each time.
    fn delay(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.backoff
            .saturating_mul(1 << doublings)
            .min(self.max_delay)
    }

    /// Describes the policy: `5 attempts, delays ~1s 2s 4s 8s (jitter; or a longer Retry-After)`.
    pub fn describe(&self) -> String {
        if self.attempts <= 1 {
            return "1 attempt, no retry".into();
        }
        let delays: Vec<String> = (1..self.attempts)
            .map(|attempts| format_delay(self.delay(attempts)))
            .collect();
        let shown = match delays.as_slice() {
            [first @ .., last] if delays.len() > 8 => format!("{} … {last}", first[..6].join(" ")),
            delays => delays.join(" "),
        };
        format!(
            "{} attempts, delays ~{shown} (jitter; or a longer Retry-After)",
            self.attempts
        )
    }
}

fn format_delay(delay: Duration) -> String {
    let (millis, seconds) = (delay.as_millis(), delay.as_secs());
    match () {
        () if millis % 1_000 != 0 => format!("{millis}ms"),
        () if seconds >= 3_600 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        () if seconds >= 60 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        () => format!("{seconds}s"),
    }
}

/// A factor from 0.8 to 1.2, so that runs that failed together are not retried together. The same for the
/// same attempt of the same run, because decisions must be repeatable.
fn jitter(seed: &str, step: &str, number: u32) -> f64 {
    let hash = hash(&[seed, step, &number.to_string()]);
    let part = u16::from_be_bytes([hash[0], hash[1]]);
    0.8 + 0.4 * f64::from(part) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(number: u32, retry_after: Option<Duration>) -> Attempt {
        Attempt {
            step: "page".into(),
            number,
            started: Timestamp::UNIX_EPOCH,
            took: Duration::from_secs(2),
            outcome: Err(CallFailure {
                retry_after,
                ..CallFailure::transient("reach it")
            }),
        }
    }

    fn wait(retry: &RetryPolicy, attempt: &Attempt, seed: &str) -> f64 {
        let due = retry.due(attempt, attempt.number, seed);
        due.duration_since(attempt.started).as_secs_f64() - attempt.took.as_secs_f64()
    }

    #[test]
    fn delays_double_up_to_the_maximum_with_20_percent_jitter() {
        let retry = RetryPolicy {
            max_delay: Duration::from_secs(5),
            ..RetryPolicy::of_requests()
        };
        for (number, delay) in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (40, 5.0)] {
            let waits: Vec<f64> = (0..50)
                .map(|seed| wait(&retry, &failed(number, None), &seed.to_string()))
                .collect();
            let (low, high) = (delay * 0.8 - 0.001, delay * 1.2 + 0.001);
            assert!(
                waits.iter().all(|w| (low..=high).contains(w)),
                "{number}: {waits:?}"
            );
            assert!(waits.iter().any(|w| *w < delay) && waits.iter().any(|w| *w > delay));
            let again = wait(&retry, &failed(number, None), "7");
            assert_eq!(again.to_bits(), waits[7].to_bits());
        }
    }

    #[test]
    fn a_longer_retry_after_takes_precedence_up_to_its_limit() {
        let retry = RetryPolicy::of_requests();
        let with = |seconds| wait(&retry, &failed(1, Some(Duration::from_secs(seconds))), "s");
        assert!(with(0) > 0.7);
        assert!((with(30) - 30.0).abs() < 0.001);
        assert!((with(1_000_000) - 3_600.0).abs() < 0.001);
    }

    #[test]
    fn the_policy_is_described() {
        assert_eq!(
            RetryPolicy::of_requests().describe(),
            "5 attempts, delays ~1s 2s 4s 8s (jitter; or a longer Retry-After)"
        );
        assert_eq!(RetryPolicy::of_commands().describe(), "1 attempt, no retry");
        let long = RetryPolicy {
            attempts: 20,
            backoff: Duration::from_millis(500),
            max_delay: Duration::from_secs(300),
        };
        assert_eq!(
            long.describe(),
            "20 attempts, delays ~500ms 1s 2s 4s 8s 16s … 5m (jitter; or a longer Retry-After)"
        );
    }
}
