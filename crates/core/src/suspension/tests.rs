//! Outages open, are probed and end; pauses and outages at one target do not end each other.

use super::*;
use crate::config::rate_limit::RateLimit;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn chat() -> SuspensionTarget {
    SuspensionTarget::Connection("chat".into())
}

fn breaker() -> Breaker {
    Breaker {
        failures: 5,
        probe: Duration::from_secs(30),
        resume: RateLimit {
            limit: 10,
            within: Duration::from_secs(1),
        },
    }
}

fn down() -> Suspension {
    let streak = FailureStreak {
        since: at(0),
        failures: 5,
        message: "answered 503".into(),
    };
    Suspension::default().opened(&streak, None, at(10), &breaker())
}

fn failed() -> ReceiverSignal {
    ReceiverSignal::Failed {
        message: "answered 502".into(),
        retry_after: None,
    }
}

fn works(second: i64) -> ReceiverSignal {
    ReceiverSignal::Succeeded {
        started: at(second),
    }
}

#[test]
fn a_receiver_that_is_down_blocks_all_runs_but_the_probe() {
    let down = down();
    assert_eq!(
        down.blocks(&chat(), RunId(1), at(0)).unwrap().why,
        "waits for connection `chat`, failing since 2023-11-14T22:13:20Z"
    );
    assert_eq!(down.due(at(39), &breaker()), DueAction::Nothing);
    assert_eq!(
        down.due(at(40), &breaker()),
        DueAction::Probe { after: None }
    );
    let probing = down.probing(RunId(7), at(40));
    assert_eq!(probing.blocks(&chat(), RunId(7), at(0)), None);
    assert!(probing.blocks(&chat(), RunId(8), at(0)).is_some());
    let probe = Probe {
        run: 7,
        since: at(40),
    };
    assert_eq!(probing.due(at(41), &breaker()), DueAction::Watch(probe));
}

#[test]
fn after_a_failed_probe_the_next_run_is_the_next_probe() {
    let probing = down().probing(RunId(7), at(40));
    let again = probing
        .after(&failed(), RunId(7), at(45), &breaker())
        .unwrap();
    let outage = again.outage.as_ref().unwrap();
    assert_eq!((outage.since, outage.failures), (at(0), 6));
    assert_eq!(outage.message, "answered 502");
    assert_eq!(again.due(at(74), &breaker()), DueAction::Nothing);
    let next = DueAction::Probe {
        after: Some(RunId(7)),
    };
    assert_eq!(again.due(at(75), &breaker()), next);
    // Attempts that began before the breaker opened say nothing new.
    assert_eq!(probing.after(&failed(), RunId(8), at(45), &breaker()), None);
    assert_eq!(
        probing.after(&works(-1), RunId(8), at(45), &breaker()),
        None
    );
}

#[test]
fn after_a_success_runs_are_released_at_the_rate() {
    let probing = down().probing(RunId(7), at(40));
    let works = probing
        .after(&works(40), RunId(7), at(41), &breaker())
        .unwrap();
    // What was queued before waits for its turn, and what was released or is new does not.
    let before = works.blocks(&chat(), RunId(8), at(40)).unwrap();
    assert_eq!(before.cause, BlockCause::Recovery);
    assert_eq!(works.blocks(&chat(), RunId(8), at(41)), None);
    assert_eq!(works.due(at(41), &breaker()), DueAction::Release(0));
    assert_eq!(works.due(at(42), &breaker()), DueAction::Release(10));
    // Not all at once after the daemon was stopped for a while.
    assert_eq!(works.due(at(9_000), &breaker()), DueAction::Release(10));
    let slow = Breaker {
        resume: RateLimit {
            limit: 6,
            within: Duration::from_secs(60),
        },
        ..breaker()
    };
    assert_eq!(works.due(at(50), &slow), DueAction::Release(0));
    assert_eq!(works.due(at(51), &slow), DueAction::Release(1));
    let released = works.released(at(42));
    assert_eq!(released.due(at(42), &breaker()), DueAction::Release(0));
    assert!(!released.is_over() && released.drained().is_over());
}

#[test]
fn a_receiver_can_ask_for_a_later_probe() {
    let streak = FailureStreak {
        since: at(0),
        failures: 5,
        message: "answered 429".into(),
    };
    for (requested, next) in [(5, 40), (600, 610), (999_999, 3_610)] {
        let retry_after = Some(Duration::from_secs(requested));
        let down = Suspension::default().opened(&streak, retry_after, at(10), &breaker());
        assert_eq!(down.outage.unwrap().next_probe, at(next), "{requested}");
    }
}

#[test]
fn pause_and_outage_end_apart() {
    let pause = Pause {
        since: at(5),
        by: "ines, on the page".into(),
        note: "maintenance".into(),
    };
    let both = down().paused(pause);
    assert_eq!(
        both.blocks(&chat(), RunId(1), at(0)).unwrap().why,
        "connection `chat` is paused since 2023-11-14T22:13:25Z by ines, on the page: maintenance"
    );
    assert_eq!(both.due(at(99), &breaker()), DueAction::Nothing);
    let resumed = both.resumed(at(60));
    assert!(resumed.pause.is_none() && resumed.recovery.is_none() && resumed.is_blocking());
    let works = both
        .after(&works(50), RunId(7), at(60), &breaker())
        .unwrap();
    assert!(works.outage.is_none() && works.is_blocking());
    assert_eq!(works.due(at(99), &breaker()), DueAction::Nothing);
    let resumed = works.resumed(at(70));
    assert!(!resumed.is_blocking() && !resumed.is_over());
    assert_eq!(resumed.due(at(71), &breaker()), DueAction::Release(10));
}

#[test]
fn a_second_pause_changes_only_the_note() {
    let pause = |second: i64, by: &str, note: &str| Pause {
        since: at(second),
        by: by.into(),
        note: note.into(),
    };
    let (outcome, paused) = down().paused_again(pause(5, "ines", "maintenance"));
    assert_eq!(outcome, PauseOutcome::Paused);
    assert!(paused.outage.is_some());
    for note in ["", "maintenance"] {
        let again = paused.paused_again(pause(9, "tom", note));
        assert_eq!(again, (PauseOutcome::Unchanged, paused.clone()));
    }
    let (outcome, noted) = paused.paused_again(pause(9, "tom", "until noon"));
    assert_eq!(outcome, PauseOutcome::Noted);
    assert_eq!(noted.pause, Some(pause(5, "tom", "until noon")));
}

#[test]
fn a_probe_without_a_result_is_given_up() {
    let probing = down().probing(RunId(7), at(40));
    let probe = probing.outage.as_ref().unwrap().probe.unwrap();
    assert!(!probe.is_overdue(at(40 + 900)) && probe.is_overdue(at(40 + 901)));
    let next = DueAction::Probe {
        after: Some(RunId(7)),
    };
    assert_eq!(probing.without_probe().due(at(41), &breaker()), next);
}

#[test]
fn targets_are_read_as_they_are_written() {
    for key in [
        "everything",
        "rule a b",
        "connection chat",
        "host api.example:443",
    ] {
        let target: SuspensionTarget = key.parse().unwrap();
        assert_eq!(target.key(), key);
    }
    for text in ["", "rule", "rule ", "Connection chat", "everything else"] {
        let error = text.parse::<SuspensionTarget>().unwrap_err();
        assert_eq!(error, UnknownTarget(text.into()));
    }
}

#[test]
fn a_receiver_that_nobody_needs_is_forgotten() {
    let down = down();
    assert!(!down.is_forgotten(at(40 + 600)) && down.is_forgotten(at(40 + 601)));
    assert!(!down.probing(RunId(7), at(40)).is_forgotten(at(9_000)));
    let works = down.recovered(at(50));
    assert!(!works.is_blocking() && works.recovery.is_some());
}
