//! Tests that further attempts are made in open hours, and only these count for the time of a policy.

use std::time::Duration;

use jiff::Timestamp;

use crate::run::Attempt;
use crate::run::call_result::CallFailure;
use crate::run::retry::RetryPolicy;
use crate::run::step_retry::StepRetry;
use crate::schedule::longest::tests::office;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn failed(number: u32, started: &str) -> Attempt {
    Attempt {
        step: "tell".into(),
        number,
        started: time(started),
        took: Duration::from_secs(1),
        outcome: Err(CallFailure::transient("reach it")),
    }
}

fn due(policy: &RetryPolicy, started: &[&str]) -> Option<Timestamp> {
    let failed: Vec<Attempt> = (1..)
        .zip(started)
        .map(|(number, started)| failed(number, started))
        .collect();
    let failed: Vec<&Attempt> = failed.iter().collect();
    StepRetry::of_all(policy.clone()).due(&failed, "seed")
}

fn in_office() -> RetryPolicy {
    RetryPolicy {
        backoff: Duration::from_secs(60),
        during: Some(office(&[])),
        ..RetryPolicy::of_requests()
    }
}

#[test]
fn an_attempt_waits_for_open_hours() {
    let policy = in_office();
    // Friday, before the end of work, and at its end.
    let soon = due(&policy, &["2027-01-15T16:30:00Z"]).expect("an attempt");
    assert!(soon < time("2027-01-15T16:32:00Z"), "{soon}");
    let monday = Some(time("2027-01-18T09:00:00Z"));
    assert_eq!(due(&policy, &["2027-01-15T16:59:50Z"]), monday);
    // The first attempt was made in the night.
    assert_eq!(due(&policy, &["2027-01-16T02:00:00Z"]), monday);
    assert_eq!(
        policy.describe(),
        "5 attempts during office, delays ~1m 2m 4m 5m (jitter; or a longer Retry-After)"
    );
}

#[test]
fn only_open_hours_count_for_the_time_of_a_policy() {
    let policy = RetryPolicy {
        attempts: None,
        max_time: Some(Duration::from_secs(2 * 3_600)),
        ..in_office()
    };
    // Half an hour on Friday, and an hour and a half on Monday.
    let friday = "2027-01-15T16:30:00Z";
    let due = |last| due(&policy, &[friday, last]);
    assert!(due("2027-01-15T16:59:00Z").is_some());
    let monday = due("2027-01-18T09:00:00Z").expect("an attempt");
    assert!(monday > time("2027-01-18T09:01:00Z"), "{monday}");
    // The run waited for something else since the time at which the attempt was due.
    let always = RetryPolicy {
        during: None,
        ..policy.clone()
    };
    assert!(
        StepRetry::of_all(always)
            .due(&[&failed(1, friday)], "seed")
            .is_some()
    );
    assert_eq!(
        policy.deadline(time(friday)),
        Some(time("2027-01-18T10:30:00Z"))
    );
}
