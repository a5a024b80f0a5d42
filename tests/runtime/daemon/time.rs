//! Changes of the wall clock, and waits that a test clock shortens.

use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{Clock, Perform};
use flowtrigger::store::{AnyStore, RunStatus, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{
    TestDaemon, daemon_with_performer_and_options, event, telling, until,
};
use flowtrigger_testing::test_store::empty_store_by_callers;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

/// Fails until its time has come.
struct Until(ManualClock, Timestamp);

impl Perform for Until {
    async fn perform(&self, _: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        match self.0.now() < self.1 {
            // No sign of an outage, in which the run would wait for its receiver.
            true => Err(CallFailure {
                status: Some(409),
                ..CallFailure::transient("answered 409")
            }),
            false => Ok(Reply { value: json!({}) }),
        }
    }
}

async fn failing(
    retry: &str,
    recovers: SignedDuration,
) -> (TestDaemon<AnyStore, Until>, ManualClock) {
    let clock = ManualClock::default();
    let options = clock.options();
    let until = Until(clock.clone(), clock.now() + recovers);
    let rules = telling("tell", "127.0.0.1:9".parse().unwrap(), retry);
    let daemon =
        daemon_with_performer_and_options(&rules, empty_store_by_callers(), until, options).await;
    (daemon, clock)
}

async fn state(daemon: &TestDaemon<AnyStore, Until>, run: &RunStatus) -> RunState {
    daemon
        .engine
        .store()
        .run(run.id)
        .await
        .unwrap()
        .unwrap()
        .state
}

/// Lets a lease be renewed that ended when the clock was advanced during a beat.
fn beats(daemon: &TestDaemon<AnyStore, Until>, clock: &ManualClock) {
    if daemon.engine.store().is_shared() {
        clock.advance(Duration::from_millis(50));
    }
}

async fn parks(
    daemon: &TestDaemon<AnyStore, Until>,
    run: &RunStatus,
    clock: &ManualClock,
) -> Timestamp {
    until("the run waits for its next try", || async {
        beats(daemon, clock);
        matches!(state(daemon, run).await, RunState::Retrying { .. })
    })
    .await;
    match state(daemon, run).await {
        RunState::Retrying { until } => until,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_receiver_that_fails_for_an_hour_gets_its_request_afterwards() {
    let retry = "  retry: { attempts: 100, backoff: 1s, max_delay: 1m }\n";
    let hour = SignedDuration::from_secs(3_600);
    let (daemon, clock) = failing(retry, hour).await;
    let start = clock.now();
    let run = daemon.accepted(&event(1, "a")).await.remove(0);
    while clock.now() < start + hour {
        let due = parks(&daemon, &run, &clock).await;
        let wait = due.duration_since(clock.now());
        clock.advance(Duration::try_from(wait).unwrap_or_default());
        until("it is tried when it is due", || async {
            beats(&daemon, &clock);
            state(&daemon, &run).await != RunState::Retrying { until: due }
        })
        .await;
    }
    until("the run ends", || async {
        beats(&daemon, &clock);
        state(&daemon, &run).await.is_final()
    })
    .await;
    let record = daemon.settled(&[run]).await.remove(0);
    assert_eq!(record.state, RunState::Done);
    let attempts: Vec<_> = record.log.iter().filter_map(LogEntry::attempt).collect();
    // 63 s for the first six tries, then between 48 s and 72 s each, and a little for beats.
    assert!((50..=85).contains(&attempts.len()), "{}", attempts.len());
    let last = attempts.last().unwrap().started.duration_since(start);
    assert!(last >= hour && last < hour + SignedDuration::from_secs(90));
}

#[tokio::test]
async fn an_hour_back_delays_no_try_by_an_hour() {
    let retry = "  retry: { attempts: 3, backoff: 10s, max_delay: 10s }\n";
    let (daemon, clock) = failing(retry, SignedDuration::from_secs(-3_500)).await;
    clock.set_by(SignedDuration::from_secs(-3_550));
    let run = daemon.accepted(&event(1, "a")).await.remove(0);
    let before = parks(&daemon, &run, &clock).await;
    let hour = SignedDuration::from_secs(-3_600);
    clock.set_by(hour);
    // It is noticed at the next look at the clock, which comes with any event.
    daemon.accepted(&event(2, "b")).await;
    until("what waits is moved", || async {
        state(&daemon, &run).await
            == RunState::Retrying {
                until: before + hour,
            }
    })
    .await;
    clock.set_by(-hour + SignedDuration::from_secs(60));
    for _ in 0..12 {
        clock.advance(SECOND);
    }
    assert_eq!(daemon.settled(&[run]).await[0].state, RunState::Done);
}

#[tokio::test]
async fn an_hour_ahead_makes_a_try_early() {
    let retry = "  retry: { attempts: 2, backoff: 30m, max_delay: 30m }\n";
    let (daemon, clock) = failing(retry, SignedDuration::from_secs(60)).await;
    let run = daemon.accepted(&event(1, "a")).await.remove(0);
    let due = parks(&daemon, &run, &clock).await;
    clock.set_by(SignedDuration::from_secs(3_600));
    // The dispatcher looks at the wall clock at least every 30 seconds.
    let steady = clock.elapsed();
    until("the attempt is made", || async {
        clock.advance(SECOND);
        state(&daemon, &run).await != RunState::Retrying { until: due }
    })
    .await;
    let waited = clock.elapsed() - steady;
    assert!(waited < Duration::from_secs(20 * 60), "{waited:?}");
    until("the run ends", || async {
        beats(&daemon, &clock);
        state(&daemon, &run).await.is_final()
    })
    .await;
    assert_eq!(state(&daemon, &run).await, RunState::Done);
}
