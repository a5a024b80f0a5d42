//! When a failed step is tried again: how often, after which waits, and the same schedule in words.
//! It refuses to look at a clock: the wait counts from the try before.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Attempt, CallFailure, hash};

/// When a failed step is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Retry {
    /// Tries in all, the first included.
    pub attempts: u32,
    pub backoff: Duration,
    pub max_delay: Duration,
}

/// No wait is longer than this, whatever a server asks for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

impl Retry {
    /// Requests are repeated under one key, so that a receiver can tell a repeat.
    pub fn of_requests() -> Self {
        Self {
            attempts: 5,
            backoff: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
        }
    }

    /// Commands are not repeated unless their author says so.
    pub fn of_commands() -> Self {
        Self {
            attempts: 1,
            ..Self::of_requests()
        }
    }

    /// When the last of so many failed tries may be followed by the next one.
    pub fn due(&self, last: &Attempt, tries: u32, seed: &str) -> Timestamp {
        let asked = match &last.outcome {
            Err(CallFailure { retry_after, .. }) => retry_after.unwrap_or_default(),
            Ok(_) => Duration::ZERO,
        };
        let own = self
            .delay(tries)
            .mul_f64(spread(seed, &last.step, last.number));
        let wait = own.max(asked.min(LONGEST_RETRY_AFTER));
        let due = SignedDuration::try_from(last.took.saturating_add(wait))
            .ok()
            .and_then(|after| last.started.checked_add(after).ok());
        due.unwrap_or(Timestamp::MAX)
    }

    /// How long to wait after so many tries, without jitter: twice as long after each.
    fn delay(&self, tries: u32) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        self.backoff
            .saturating_mul(1 << doublings)
            .min(self.max_delay)
    }

    /// The schedule for people: `5 tries, waiting ~1s 2s 4s 8s (jitter; a longer Retry-After wins)`.
    pub fn words(&self) -> String {
        if self.attempts <= 1 {
            return "1 try, not repeated".into();
        }
        let waits: Vec<String> = (1..self.attempts)
            .map(|tries| words(self.delay(tries)))
            .collect();
        let shown = match waits.as_slice() {
            [first @ .., last] if waits.len() > 8 => format!("{} … {last}", first[..6].join(" ")),
            waits => waits.join(" "),
        };
        format!(
            "{} tries, waiting ~{shown} (jitter; a longer Retry-After wins)",
            self.attempts
        )
    }
}

fn words(wait: Duration) -> String {
    let (millis, seconds) = (wait.as_millis(), wait.as_secs());
    match () {
        () if millis % 1_000 != 0 => format!("{millis}ms"),
        () if seconds >= 3_600 && seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        () if seconds >= 60 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        () => format!("{seconds}s"),
    }
}

/// Between 0.8 and 1.2, the same for the same try of the same run: runs that failed together do not
/// all come back together, and a decision made again is made alike.
fn spread(seed: &str, step: &str, tries: u32) -> f64 {
    let hash = hash(&[seed, step, &tries.to_string()]);
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

    fn wait(retry: &Retry, attempt: &Attempt, seed: &str) -> f64 {
        let due = retry.due(attempt, attempt.number, seed);
        due.duration_since(attempt.started).as_secs_f64() - attempt.took.as_secs_f64()
    }

    #[test]
    fn waits_double_up_to_the_longest_with_a_fifth_of_jitter() {
        let retry = Retry {
            max_delay: Duration::from_secs(5),
            ..Retry::of_requests()
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
    fn retry_after_wins_when_it_is_longer_but_not_without_end() {
        let retry = Retry::of_requests();
        let of = |seconds| wait(&retry, &failed(1, Some(Duration::from_secs(seconds))), "s");
        assert!(of(0) > 0.7);
        assert!((of(30) - 30.0).abs() < 0.001);
        assert!((of(1_000_000) - 3_600.0).abs() < 0.001);
    }

    #[test]
    fn the_schedule_reads_well() {
        assert_eq!(
            Retry::of_requests().words(),
            "5 tries, waiting ~1s 2s 4s 8s (jitter; a longer Retry-After wins)"
        );
        assert_eq!(Retry::of_commands().words(), "1 try, not repeated");
        let long = Retry {
            attempts: 20,
            backoff: Duration::from_millis(500),
            max_delay: Duration::from_secs(300),
        };
        assert_eq!(
            long.words(),
            "20 tries, waiting ~500ms 1s 2s 4s 8s 16s … 5m (jitter; a longer Retry-After wins)"
        );
    }
}
