//! Stopping: work in flight ends, new events are rejected, and unfinished runs are reported.

use std::time::Duration;

use flowtrigger::engine::{EngineOptions, UnfinishedWork};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::Store;
use flowtrigger_core::run::RunState;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{answered, daemon, daemon_with, event, soon, telling};

#[tokio::test]
async fn work_in_flight_ends_and_new_work_is_refused() {
    let receiver = Receiver::ok();
    receiver.hold("held");
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let runs = daemon.accepted(&event(1, "held")).await;
    let behind = daemon.accepted(&event(1, "behind it")).await;
    receiver.wait_for_async(1).await;
    let is_durable = daemon.engine.store().is_durable();
    let engine = daemon.engine.clone();
    let drained = tokio::spawn(async move { engine.drain().await });
    let refusing = async {
        while answered(daemon.request("GET", "/readyz")).await.status == 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("the daemon says that it is not ready", refusing).await;
    assert_eq!(
        answered(daemon.request("GET", "/healthz")).await.status,
        200
    );
    let refused = daemon.post(&event(2, "new")).await;
    assert_eq!(refused.status, 503);
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((5..=30).contains(&seconds), "{seconds}");
    assert!(!drained.is_finished());
    receiver.release(1);
    let left = soon("it drains", drained).await.unwrap();
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    if is_durable {
        let left: Vec<_> = left.runs.iter().map(|run| run.id).collect();
        assert_eq!(left, [behind[0].id], "what waits is left to another start");
        assert_eq!(receiver.received().len(), 1);
    } else {
        assert_eq!(left, UnfinishedWork::default());
        assert_eq!(daemon.settled(&behind).await[0].state, RunState::Done);
        assert_eq!(receiver.received().len(), 2);
    }
}

#[tokio::test]
async fn what_does_not_end_in_time_is_named() {
    let receiver = Receiver::ok();
    receiver.hold("held");
    let options = EngineOptions {
        grace: Duration::from_millis(1),
        ..EngineOptions::default()
    };
    let daemon = daemon_with(
        &telling("tell", receiver.address, ""),
        options,
        HttpLimits::default(),
    )
    .await;
    daemon.accepted(&event(1, "held")).await;
    daemon.accepted(&event(1, "behind it")).await;
    receiver.wait_for_async(1).await;
    let left = soon("it stops waiting", daemon.engine.drain()).await;
    let states: Vec<&str> = left.runs.iter().map(|run| run.state.as_str()).collect();
    let cut_off = match daemon.engine.store().is_durable() {
        true => "queued",
        false => "running",
    };
    assert_eq!(states, [cut_off, "queued"]);
    assert_eq!(&*left.runs[0].rule, "tell");
}

#[tokio::test]
async fn a_try_that_comes_too_late_is_not_waited_for() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[503]);
    let slowly = "  retry: { attempts: 2, backoff: 1h, max_delay: 1h }\n";
    let daemon = daemon(&telling("tell", receiver.address, slowly)).await;
    daemon.accepted(&event(1, "a")).await;
    receiver.wait_for_async(1).await;
    let left = soon("it does not wait", daemon.engine.drain()).await;
    assert_eq!(left.runs[0].state.as_str(), "retrying");
}
