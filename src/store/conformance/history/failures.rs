//! Dead and held runs with what they sent last, receivers of the last hour, the activity of rules, and totals of runs.

use std::time::Duration;

use jiff::Timestamp;

use super::{claimed, exchange, failed, later, live_rule, now, of_ticket, submit, three, to};
use crate::store::history::{
    ACTIVITY_DAYS, FailedState, LastAttempt, Page, RECEIVER_COLUMNS, ReceiverColumn, RuleActivity,
    RunFilter,
};
use crate::store::{History, Store};
use flowtrigger_core::run::exchange::{AttemptEnd, RecordedExchange};
use flowtrigger_core::run::{RunId, RunState};

async fn dead<S: Store>(store: &S, id: &str, urls: &[&str]) -> RunId {
    dead_of(store, id, "step `one` failed: Not Found", urls).await
}

/// The requests are those of the step `one`.
async fn dead_of<S: Store>(store: &S, id: &str, why: &str, urls: &[&str]) -> RunId {
    let run = submit(store, of_ticket(id, id, &live_rule("a"), 0)).await;
    claimed(store, now()).await;
    let state = RunState::Dead { why: why.into() };
    let log = vec![failed("Not Found")];
    store.advance(run, log, Some(state)).await.unwrap();
    for (second, url) in urls.iter().enumerate() {
        store.record_exchange(RecordedExchange {
            step: "one".into(),
            ..exchange(run, second as i64, url)
        });
    }
    run
}

pub async fn dead_and_held_runs_are_read_with_their_last_request<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert_eq!(history.failed_runs(9).unwrap().runs, []);
    let first = dead(
        &store,
        "1",
        &["https://old.example/x", "https://a.example/tickets/1"],
    )
    .await;
    let without = dead(&store, "2", &[]).await;
    let held = submit(&store, of_ticket("3", "3", &live_rule("b"), 0)).await;
    let why = "check it".to_owned();
    claimed(&store, now()).await;
    to(&store, held, RunState::Held { why }).await;
    let retried = dead(&store, "4", &[]).await;
    store.retry(retried, now()).await.unwrap();
    store.flush().await.unwrap();
    let found = history.failed_runs(9).unwrap();
    let runs: Vec<(RunId, &str, FailedState)> = found
        .runs
        .iter()
        .map(|run| (run.id, run.rule.as_str(), run.state))
        .collect();
    let expected = [
        (held, "b", FailedState::Held),
        (without, "a", FailedState::Dead),
        (first, "a", FailedState::Dead),
    ];
    assert_eq!(
        (runs.as_slice(), found.is_cut),
        (expected.as_slice(), false)
    );
    let last = &found.runs[2];
    assert_eq!(last.why, "step `one` failed: Not Found");
    assert_eq!(last.error.as_deref(), Some("Not Found"));
    let sent_to = last.sent_to.as_ref().expect("a request");
    assert_eq!(sent_to.url, "https://a.example/tickets/1");
    assert_eq!(sent_to.origin().as_deref(), Some("https://a.example"));
    assert_eq!(found.runs[1].sent_to, None);
    dead_of(&store, "5", "it is odd", &["https://a.example/x"]).await;
    store.flush().await.unwrap();
    let ended = history.failed_runs(1).unwrap();
    assert_eq!(ended.runs[0].sent_to, None, "a `fail` step sends nothing");
    let cut = history.failed_runs(2).unwrap();
    assert_eq!((cut.runs.len(), cut.is_cut), (2, true));
    assert_eq!(cut.runs[1], found.runs[0]);
}

fn attempt(run: RunId, seconds: i64, millis: u64, status: u16) -> RecordedExchange {
    RecordedExchange {
        end: Some(AttemptEnd {
            took: Duration::from_millis(millis),
            succeeded: status == 200,
            status: Some(status),
        }),
        ..exchange(run, seconds, "https://a.example/x?secret=1")
    }
}

pub async fn receivers_are_read_with_their_attempts_of_the_last_hour<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert_eq!(history.receivers(now()).unwrap(), []);
    let run = dead(&store, "1", &[]).await;
    let waits = dead(&store, "2", &["http://b.example:8080/x"]).await;
    dead_of(&store, "3", "it is odd", &["http://b.example:8080/x"]).await;
    let stopped = RecordedExchange {
        end: None,
        ..attempt(run, 3_599, 9, 200)
    };
    let command = RecordedExchange {
        target: None,
        ..attempt(run, 3_599, 9, 200)
    };
    let outbox = exchange(run, 3_599, "outbox:paper");
    let attempts = [
        attempt(run, 0, 1, 200),
        attempt(run, 100, 30, 200),
        attempt(run, 3_500, 10, 503),
        RecordedExchange {
            step: "one".into(),
            ..attempt(run, 3_600, 20, 404)
        },
    ];
    for recorded in attempts.into_iter().chain([stopped, command, outbox]) {
        store.record_exchange(recorded);
    }
    store.flush().await.unwrap();
    let found = history.receivers(later(3_650)).unwrap();
    let origins: Vec<&str> = found
        .iter()
        .map(|receiver| receiver.origin.as_str())
        .collect();
    assert_eq!(origins, ["http://b.example:8080", "https://a.example"]);
    assert_eq!(
        (found[0].attempts, found[0].dead, &found[0].last),
        (0, 1, &None)
    );
    let a = &found[1];
    assert_eq!((a.attempts, a.succeeded, a.is_cut), (3, 1, false));
    assert_eq!(a.median, Some(Duration::from_millis(20)));
    assert_eq!(a.failing_since, Some(later(3_500)));
    let last = LastAttempt {
        started: later(3_600),
        status: Some(404),
        error: Some("Not Found".into()),
    };
    assert_eq!(a.last, Some(last));
    let (mut columns, column) = (
        [ReceiverColumn::default(); RECEIVER_COLUMNS],
        ReceiverColumn::default(),
    );
    columns[0] = ReceiverColumn {
        succeeded: 1,
        ..column
    };
    columns[RECEIVER_COLUMNS - 1] = ReceiverColumn {
        failed: 2,
        ..column
    };
    assert_eq!(a.columns, columns);
    // Its last written exchange has no receiver.
    assert_eq!((a.dead, a.retrying), (0, 0));
    store.retry(waits, now()).await.unwrap();
    claimed(&store, now()).await;
    let until = later(9_999);
    to(&store, waits, RunState::Retrying { until }).await;
    let found = history.receivers(later(3_650)).unwrap();
    assert_eq!((found[0].dead, found[0].retrying), (0, 1));
    assert_eq!(history.receivers(later(9_999)).unwrap().len(), 1);
}

pub async fn the_activity_of_rules_is_counted_by_day_and_state<S: Store, H: History>(
    (store, history): (S, H),
) {
    assert_eq!(history.activity(now()).unwrap(), []);
    const DAY: i64 = 86_400;
    three(&store).await;
    submit(&store, of_ticket("fourth", "9", &live_rule("a"), 2 * DAY)).await;
    let at = later(2 * DAY + 60);
    let counts = |activity: &RuleActivity| {
        let days = activity.days.iter().map(|day| {
            let runs = day
                .runs
                .iter()
                .map(|(state, count)| format!("{count} {state}"));
            runs.collect::<Vec<_>>().join(", ")
        });
        days.collect::<Vec<_>>()
    };
    let both = history.activity(at).unwrap();
    let names: Vec<&str> = both.iter().map(|activity| activity.rule.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        counts(&both[0]),
        ["", "", "", "", "1 dead, 1 done", "", "1 queued"]
    );
    assert_eq!(counts(&both[1]), ["", "", "", "", "1 queued", "", ""]);
    assert_eq!(
        (both[0].total(), both[0].last_planned),
        (3, Some(later(2 * DAY)))
    );
    assert_eq!(
        (both[1].total(), both[1].last_planned),
        (1, Some(later(20)))
    );
    assert_eq!(both[0].days.len(), ACTIVITY_DAYS);
    let midnight: Timestamp = "2027-01-17T00:00:00Z".parse().unwrap();
    assert_eq!(both[0].days[ACTIVITY_DAYS - 1].start, midnight);
    assert_eq!(history.activity_of("b", at).unwrap(), both[1]);
    let none = history.activity_of("none", at).unwrap();
    assert_eq!(
        (none.total(), none.days.len(), none.last_planned),
        (0, ACTIVITY_DAYS, None)
    );
    let later_on = history.activity_of("a", later(30 * DAY)).unwrap();
    assert_eq!(
        (later_on.total(), later_on.last_planned),
        (0, Some(later(2 * DAY)))
    );
}

pub async fn totals_count_the_runs_of_a_filter_by_state<S: Store, H: History>(
    (store, history): (S, H),
) {
    let totals = |filter: &RunFilter, cap| {
        let totals = history.run_totals(filter, cap).unwrap();
        let states = totals.by_state.iter();
        let states: Vec<String> = states
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        assert_eq!(totals.all(), totals.by_state.values().sum::<u64>());
        (states.join(", "), totals.is_capped)
    };
    let any = RunFilter::default();
    assert_eq!(totals(&any, 9), (String::new(), false));
    three(&store).await;
    assert_eq!(totals(&any, 9), ("1 dead, 1 done, 1 queued".into(), false));
    assert_eq!(totals(&any, 2), ("1 dead, 1 queued".into(), true));
    let of_rule = RunFilter {
        rule: Some("a".into()),
        ..any
    };
    assert_eq!(totals(&of_rule, 9), ("1 dead, 1 done".into(), false));
    assert_eq!(history.runs(&of_rule, Page::first(9)).unwrap().len(), 2);
}
