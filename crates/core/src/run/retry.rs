//! A retry policy: number of attempts, time, exponential backoff with jitter, and a description.
//! Needs no clock: a delay counts from the end of the previous attempt.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::run::call_result::CallFailure;
use crate::run::{Attempt, hash};
use crate::schedule::{During, ScheduledDuration};

/// How often and after which delays a failed step is attempted again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetryPolicy {
    /// The maximum number of attempts, the first included. `None` is no maximum.
    pub attempts: Option<u32>,
    /// How long further attempts are made, from the first one on. `None` is no maximum.
    pub max_time: Option<Duration>,
    pub backoff: Duration,
    pub max_delay: Duration,
    /// The hours in which further attempts are made, and which count for `max_time`. `None` is always.
    pub during: Option<During>,
}

/// The longest delay that `Retry-After` of a server can set.
const MAX_SERVER_DELAY: Duration = Duration::from_secs(3_600);

impl RetryPolicy {
    /// The default of HTTP steps. Retries have the same idempotency key, so a receiver can detect them.
    pub fn of_requests() -> Self {
        Self {
            attempts: Some(5),
            max_time: None,
            backoff: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
            during: None,
        }
    }

    /// The default of HTTP steps for failures that an outage of the receiver explains.
    pub fn of_outages() -> Self {
        Self {
            attempts: None,
            max_time: Some(Duration::from_secs(8 * 3_600)),
            ..Self::of_requests()
        }
    }

    /// The default of commands: no retry.
    pub fn of_commands() -> Self {
        Self {
            attempts: Some(1),
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
        let due = due.unwrap_or(Timestamp::MAX);
        match &self.during {
            Some(during) => during.next(due).unwrap_or(Timestamp::MAX),
            None => due,
        }
    }

    /// Until when attempts are made, the first of which was made at a time. `None` is without end.
    pub fn deadline(&self, since: Timestamp) -> Option<Timestamp> {
        let time = ScheduledDuration {
            time: self.max_time?,
            during: self.during.clone(),
        };
        Some(time.after(since))
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
        match self.limits() {
            Some(limits) => format!("{limits} (jitter; or a longer Retry-After)"),
            None => "1 attempt, no retry".into(),
        }
    }

    /// Describes this policy for outages beside that for other failures: `for 8h in an outage, otherwise 5 attempts, delays …`.
    pub fn describe_beside(&self, other: &RetryPolicy) -> String {
        const NOTE: &str = "(jitter; or a longer Retry-After)";
        let [own, others] =
            [self, other].map(|policy| policy.limit().unwrap_or_else(|| "1 attempt".into()));
        let delays = |policy: &RetryPolicy| match policy.limit() {
            Some(_) => format!(", delays ~{}", policy.delays()),
            None => String::new(),
        };
        let is_shared = (self.backoff, self.max_delay) == (other.backoff, other.max_delay);
        match is_shared && self.limit().is_some() {
            true => format!(
                "{own} in an outage, otherwise {others}{} {NOTE}",
                delays(self)
            ),
            false => format!(
                "{own} in an outage{}; otherwise {others}{} {NOTE}",
                delays(self),
                delays(other)
            ),
        }
    }

    /// The maximum of attempts and of time, and the delays; `None` if there is no retry.
    fn limits(&self) -> Option<String> {
        Some(format!("{}, delays ~{}", self.limit()?, self.delays()))
    }

    /// The maximum of attempts and of time; `None` if there is no retry.
    fn limit(&self) -> Option<String> {
        let time = self.max_time.map(format_delay);
        let limit = match (self.attempts, time) {
            (Some(0 | 1), _) => return None,
            (Some(attempts), None) => format!("{attempts} attempts"),
            (Some(attempts), Some(time)) => format!("{attempts} attempts within {time}"),
            (None, Some(time)) => format!("for {time}"),
            (None, None) => "without end".into(),
        };
        Some(match &self.during {
            Some(during) => format!("{limit} during {}", during.text()),
            None => limit,
        })
    }

    /// The delays as a text, shortened in the middle.
    fn delays(&self) -> String {
        let attempts = self.attempts.unwrap_or(u32::MAX);
        let delays = (1..attempts).map(|attempts| self.delay(attempts));
        // Those of many attempts end with the maximum, which is repeated.
        let mut delays: Vec<Duration> = delays.take(40).collect();
        let is_cut = attempts > 40;
        if is_cut {
            delays.dedup();
        }
        let shown: Vec<String> = delays.into_iter().map(format_delay).collect();
        match shown.as_slice() {
            [first @ .., last] if shown.len() > 8 => format!("{} … {last}", first[..6].join(" ")),
            shown if is_cut => format!("{} …", shown.join(" ")),
            shown => shown.join(" "),
        }
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
            attempts: Some(20),
            max_time: None,
            backoff: Duration::from_millis(500),
            max_delay: Duration::from_secs(300),
            during: None,
        };
        assert_eq!(
            long.describe(),
            "20 attempts, delays ~500ms 1s 2s 4s 8s 16s … 5m (jitter; or a longer Retry-After)"
        );
        assert_eq!(
            RetryPolicy::of_outages().describe(),
            "for 8h, delays ~1s 2s 4s 8s 16s 32s … 5m (jitter; or a longer Retry-After)"
        );
        let short = RetryPolicy {
            max_delay: Duration::from_secs(4),
            attempts: Some(100),
            ..RetryPolicy::of_outages()
        };
        assert_eq!(
            short.describe(),
            "100 attempts within 8h, delays ~1s 2s 4s … (jitter; or a longer Retry-After)"
        );
    }
}
