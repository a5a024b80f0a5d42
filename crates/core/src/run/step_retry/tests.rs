//! Tests of the next attempt after failed ones: two policies, time, outages, and any sequence of failures.

use std::time::Duration;

use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::strategy::Just;

use super::*;
use crate::run::call_result::CallFailure;

const HOUR: u64 = 3_600;

/// A failed attempt, and how long after its due time it starts.
#[derive(Debug, Clone, Copy)]
struct Failure {
    status: Option<u16>,
    during_outage: bool,
    late: u64,
}

const REFUSED: Failure = Failure {
    status: None,
    during_outage: false,
    late: 0,
};
const CONFLICT: Failure = Failure {
    status: Some(409),
    ..REFUSED
};
const PROBE: Failure = Failure {
    during_outage: true,
    late: 30,
    ..REFUSED
};

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
}

fn default_retry() -> StepRetry {
    StepRetry {
        outages: Some(RetryPolicy::of_outages()),
        ..StepRetry::of_all(RetryPolicy::of_requests())
    }
}

fn attempt(number: usize, started: Timestamp, failure: Failure) -> Attempt {
    Attempt {
        step: "page".into(),
        number: u32::try_from(number).unwrap(),
        started,
        took: Duration::ZERO,
        outcome: Err(CallFailure {
            status: failure.status,
            during_outage: failure.during_outage,
            ..CallFailure::transient("reach it")
        }),
    }
}

/// The attempts that are made if each one fails as given, until the policy permits no further one; and the due time of the
/// next one.
fn made(
    retry: &StepRetry,
    failures: impl IntoIterator<Item = Failure>,
) -> (Vec<Attempt>, Option<Timestamp>) {
    let (mut attempts, mut due) = (Vec::new(), Some(at(0)));
    for failure in failures {
        let Some(start) = due else { break };
        let start = start + SignedDuration::from_secs(i64::try_from(failure.late).unwrap());
        attempts.push(attempt(attempts.len() + 1, start, failure));
        let failed: Vec<&Attempt> = attempts.iter().collect();
        due = retry.due(&failed, "seed");
    }
    (attempts, due)
}

fn count(retry: &StepRetry, failures: impl IntoIterator<Item = Failure>) -> usize {
    let (attempts, due) = made(retry, failures);
    assert_eq!(due, None, "{} attempts did not end it", attempts.len());
    attempts.len()
}

fn repeated(failure: Failure) -> impl Iterator<Item = Failure> {
    std::iter::repeat_n(failure, 20_000)
}

#[test]
fn an_outage_has_hours_and_another_failure_five_attempts() {
    assert_eq!(count(&default_retry(), repeated(CONFLICT)), 5);
    let (attempts, due) = made(&default_retry(), repeated(REFUSED));
    assert_eq!(due, None);
    assert!((90..130).contains(&attempts.len()), "{}", attempts.len());
    let last = attempts.last().unwrap().started;
    assert!(last <= at(8 * HOUR) && last > at(8 * HOUR - 400), "{last}");
}

#[test]
fn the_two_kinds_are_counted_on_their_own() {
    let failures = std::iter::repeat_n(REFUSED, 10).chain(repeated(CONFLICT));
    assert_eq!(count(&default_retry(), failures), 15);
    let failures = std::iter::repeat_n(CONFLICT, 4).chain(std::iter::repeat_n(REFUSED, 9));
    let (_, due) = made(&default_retry(), failures.chain([CONFLICT]));
    assert_eq!(due, None);
}

#[test]
fn a_policy_of_the_step_counts_all_failures() {
    let retry = StepRetry::of_all(RetryPolicy {
        attempts: Some(3),
        ..RetryPolicy::of_requests()
    });
    assert_eq!(count(&retry, [REFUSED, CONFLICT, REFUSED]), 3);
    let either = |attempts, seconds| {
        StepRetry::of_all(RetryPolicy {
            attempts: Some(attempts),
            max_time: Some(Duration::from_secs(seconds)),
            ..RetryPolicy::of_requests()
        })
    };
    assert_eq!(count(&either(2, HOUR), repeated(REFUSED)), 2);
    // Attempts at about 0, 1, 3 and 7 s.
    assert_eq!(count(&either(100, 10), repeated(REFUSED)), 4);
}

#[test]
fn a_failure_that_no_attempt_fixes_has_none() {
    let mut failed = attempt(1, at(0), REFUSED);
    failed.outcome = Err(CallFailure {
        during_outage: true,
        ..CallFailure::permanent("no such path")
    });
    assert_eq!(default_retry().due(&[&failed], "seed"), None);
}

#[test]
fn attempts_during_an_outage_do_not_count_and_the_time_starts_again_after_them() {
    let retry = StepRetry::of_all(RetryPolicy {
        attempts: Some(3),
        ..RetryPolicy::of_requests()
    });
    let failures = [REFUSED, REFUSED].into_iter();
    let failures = failures.chain(std::iter::repeat_n(PROBE, 50));
    assert_eq!(count(&retry, failures.chain([REFUSED])), 53);
    // 30 s apart for more than 8 hours, and then as if it were the first failure.
    let outage = [REFUSED]
        .into_iter()
        .chain(std::iter::repeat_n(PROBE, 2_000));
    let (before, _) = made(&default_retry(), outage.clone());
    let resumed = before.last().unwrap().started;
    let (attempts, due) = made(&default_retry(), outage.chain(repeated(REFUSED)));
    assert_eq!(due, None);
    let time = attempts.last().unwrap().started.duration_since(resumed);
    assert!(time > SignedDuration::from_hours(7), "{time}");
    let delay = attempts[2_002]
        .started
        .duration_since(attempts[2_001].started);
    assert!(delay < SignedDuration::from_secs(2), "{delay}");
}

#[test]
fn one_attempt_is_one_attempt_also_during_an_outage() {
    let retry = StepRetry::of_all(RetryPolicy::of_commands());
    assert_eq!(count(&retry, [PROBE]), 1);
}

#[test]
fn a_step_with_a_catch_fails_soon_also_during_an_outage() {
    let retry = default_retry().caught();
    assert_eq!(count(&retry, repeated(REFUSED)), 5);
    assert_eq!(count(&retry, repeated(PROBE)), 5);
}

#[test]
fn time_in_which_the_run_does_not_wait_for_its_attempt_does_not_count() {
    let parked = Failure {
        late: 10 * HOUR,
        ..REFUSED
    };
    let (attempts, due) = made(&default_retry(), [REFUSED, parked, REFUSED]);
    assert!(due.is_some(), "{attempts:?}");
    let (attempts, due) = made(
        &default_retry(),
        [REFUSED, parked].into_iter().chain(repeated(REFUSED)),
    );
    let last = attempts.last().unwrap().started;
    assert!(due.is_none() && last <= at(18 * HOUR), "{last}");
}

#[test]
fn only_requests_that_never_arrived_or_were_put_off_are_like_an_outage() {
    let is_outage = |status| {
        let failure = CallFailure {
            status,
            ..CallFailure::transient("reach it")
        };
        failure.is_outage()
    };
    for status in [None, Some(408), Some(429), Some(500), Some(503), Some(599)] {
        assert!(is_outage(status), "{status:?}");
    }
    for status in [Some(409), Some(425), Some(404), Some(200)] {
        assert!(!is_outage(status), "{status:?}");
    }
    assert!(!CallFailure::permanent("no").is_outage());
}

#[test]
fn both_policies_are_described_in_a_line() {
    assert_eq!(
        default_retry().describe(),
        "for 8h in an outage, otherwise 5 attempts, delays ~1s 2s 4s 8s 16s 32s … 5m (jitter; or a longer Retry-After)"
    );
    let own = |outages| StepRetry {
        outages: Some(outages),
        ..default_retry()
    };
    let quick = RetryPolicy {
        max_time: Some(Duration::from_secs(90)),
        max_delay: Duration::from_secs(2),
        ..RetryPolicy::of_outages()
    };
    assert_eq!(
        own(quick).describe(),
        "for 90s in an outage, delays ~1s 2s …; otherwise 5 attempts, delays ~1s 2s 4s 8s (jitter; or a longer Retry-After)"
    );
    assert_eq!(
        own(RetryPolicy::of_commands()).describe(),
        "1 attempt in an outage; otherwise 5 attempts, delays ~1s 2s 4s 8s (jitter; or a longer Retry-After)"
    );
}

fn failures() -> impl Strategy<Value = Failure> {
    let status = prop_oneof![
        Just(None),
        Just(Some(503)),
        Just(Some(429)),
        Just(Some(409))
    ];
    let late = prop_oneof![4 => Just(0), 1 => 0..20 * HOUR];
    (status, any::<bool>(), late).prop_map(|(status, during_outage, late)| Failure {
        status,
        during_outage,
        late,
    })
}

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let attempts = proptest::option::of(1..8_u32);
    let time = proptest::option::of(1..2 * HOUR);
    (attempts, time, 1..100_u64).prop_map(|(attempts, time, backoff)| RetryPolicy {
        attempts,
        max_time: time.map(Duration::from_secs),
        backoff: Duration::from_secs(backoff),
        max_delay: Duration::from_secs(300),
        during: None,
    })
}

/// Checks the attempts of one kind against the policy of that kind.
fn check_limits(attempts: &[Attempt], policy: &RetryPolicy, is_of_kind: impl Fn(&Attempt) -> bool) {
    let counted = |attempt: &&Attempt| {
        let failure = attempt.outcome.as_ref().unwrap_err();
        is_of_kind(attempt) && !failure.during_outage
    };
    let number = attempts.iter().filter(counted).count();
    let most = policy.attempts.map_or(usize::MAX, |most| most as usize);
    assert!(number <= most, "{number} of {most}: {attempts:?}");
}

proptest! {
    #[test]
    fn counted_attempts_never_exceed_the_policy(
        policy in policies(),
        outages in proptest::option::of(policies()),
        failures in proptest::collection::vec(failures(), 0..60),
    ) {
        let retry = StepRetry { outages, ..StepRetry::of_all(policy) };
        let (attempts, _) = made(&retry, failures);
        let is_outage = |attempt: &Attempt| attempt.outcome.as_ref().unwrap_err().is_outage();
        match &retry.outages {
            None => check_limits(&attempts, &retry.policy, |_| true),
            Some(outages) => {
                check_limits(&attempts, outages, is_outage);
                check_limits(&attempts, &retry.policy, |attempt| !is_outage(attempt));
            }
        }
    }

    #[test]
    fn no_attempt_is_due_after_the_time(
        policy in policies(),
        failures in proptest::collection::vec(failures(), 0..60),
    ) {
        let retry = StepRetry::of_all(policy);
        let punctual = failures.into_iter().map(|failure| Failure { late: 0, ..failure });
        let (attempts, _) = made(&retry, punctual);
        let time = retry.policy.max_time.unwrap_or(Duration::from_secs(1_000 * HOUR));
        let mut since = None;
        for attempt in &attempts {
            let failure = attempt.outcome.as_ref().unwrap_err();
            let waited = attempt.started.duration_since(since.unwrap_or(attempt.started));
            assert!(waited.unsigned_abs() <= time, "{waited:?}: {attempts:?}");
            match failure.during_outage {
                true => since = None,
                false => since = since.or(Some(attempt.started)),
            }
        }
    }
}
