//! Results of steps are stored with the next state, also if the store fails or the daemon stops.

use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{EngineOptions, Perform};
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::{RunStatus, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::CallResult;
use flowtrigger_core::run::{LogEntry, RunState};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{
    TestDaemon, daemon_on_store, daemon_with_performer_and_options, event, soon, telling, until,
};

use super::durable::Durable;

async fn daemon<P>(
    store: &Durable,
    rules: &str,
    options: P,
) -> TestDaemon<Durable, flowtrigger::engine::ReloadablePerformer>
where
    P: Into<Option<EngineOptions>>,
{
    let options = options.into().unwrap_or_default();
    daemon_on_store(store.clone(), rules, options, HttpLimits::default()).await
}

fn at_once() -> EngineOptions {
    EngineOptions {
        grace: Duration::from_millis(1),
        ..EngineOptions::default()
    }
}

const SLEEPING: &str = "name: sleeper\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- name: long\n  exec: [sleep, \"60\"]\n";

#[tokio::test]
async fn the_last_attempt_and_the_end_are_kept_together() {
    let receiver = Receiver::ok();
    let store = Durable::default();
    let more = "- name: note\n  set: { seen: 1 }\n- name: again\n  exec: [\"true\"]\n";
    let daemon = daemon(&store, &telling("tell", receiver.address, more), None).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    // What was posted, set and is about to start; then the outcome, with the end of the run.
    assert_eq!(store.advanced(), [(3, None), (1, Some("done"))]);
}

#[tokio::test]
async fn an_outcome_is_kept_once_the_store_takes_it() {
    let receiver = Receiver::ok();
    let (store, clock) = (Durable::default(), ManualClock::default());
    let rules = telling("tell", receiver.address, "");
    let daemon = daemon(&store, &rules, clock.options()).await;
    store.fails(3);
    let runs = daemon.accepted(&event(1, "a")).await;
    receiver.wait_for_async(1).await;
    until("the store has failed", || async {
        clock.advance(Duration::from_secs(1));
        store.failures_left() == 0
    })
    .await;
    until("it is kept", || async {
        clock.advance(Duration::from_secs(1));
        store.advanced() == [(1, Some("done"))]
    })
    .await;
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_cut_off_by_a_stop_is_made_again_with_its_key() {
    let receiver = Receiver::ok();
    receiver.hold("held");
    let store = Durable::default();
    let rules = telling("tell", receiver.address, "");
    let first = daemon(&store, &rules, at_once()).await;
    let runs = first.accepted(&event(1, "held")).await;
    receiver.wait_for_async(1).await;
    let left = soon("it stops", first.engine.drain()).await;
    assert_eq!(left.runs[0].state, RunState::Queued);
    receiver.release(2);
    let second = daemon(&store, &rules, None).await;
    let record = second.settled(&runs).await.remove(0);
    assert_eq!((record.state, record.log.len()), (RunState::Done, 1));
    let got = receiver.received();
    assert_eq!((got.len(), &got[0].key), (2, &got[1].key));
}

#[tokio::test]
async fn a_command_that_is_cut_off_by_a_stop_is_held_by_the_next_start() {
    let store = Durable::default();
    let first = daemon(&store, SLEEPING, at_once()).await;
    let runs = first.accepted(&event(1, "a")).await;
    until("the command is about to start", || async {
        !store.advanced().is_empty()
    })
    .await;
    let left = soon("it stops", first.engine.drain()).await;
    assert_eq!(left.runs[0].state, RunState::Queued);
    let second = daemon(&store, SLEEPING, None).await;
    let record = second.settled(&runs).await.remove(0);
    assert_eq!(record.state.as_str(), "held");
    assert!(matches!(record.log[..], [LogEntry::Started { .. }]));
}

#[tokio::test]
async fn a_run_at_work_is_stopped_before_it_is_cancelled() {
    let receiver = Receiver::ok();
    receiver.hold("held");
    let store = Durable::default();
    let daemon = daemon(&store, &telling("tell", receiver.address, ""), None).await;
    let runs = daemon.accepted(&event(1, "held")).await;
    let behind = daemon.accepted(&event(1, "behind it")).await;
    receiver.wait_for_async(1).await;
    let cancelled = soon("it is cancelled", daemon.engine.cancel(runs[0].id)).await;
    assert_eq!(cancelled.unwrap().state, RunState::Cancelled);
    assert_eq!(daemon.settled(&behind).await[0].state, RunState::Done);
    let record = daemon.settled(&runs).await.remove(0);
    assert_eq!((record.state, record.log.len()), (RunState::Cancelled, 0));
    assert!(daemon.engine.cancel(runs[0].id).await.is_err());
}

#[tokio::test]
async fn a_command_dies_with_the_run_that_is_cancelled() {
    let store = Durable::default();
    let folder = tempfile::tempdir().unwrap();
    let (pid, end) = (folder.path().join("pid"), folder.path().join("end"));
    let rules = format!(
        "name: sleeper\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- name: long\n  shell: |\n    echo $$ > {}\n    sleep 60\n    touch {}\n",
        pid.display(),
        end.display()
    );
    let daemon = daemon(&store, &rules, None).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    until("the command began", || async {
        std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    })
    .await;
    let id = std::fs::read_to_string(&pid).unwrap();
    daemon.engine.cancel(runs[0].id).await.unwrap();
    let stat = format!("/proc/{}/stat", id.trim());
    until("the command is gone", || async {
        let stat = std::fs::read_to_string(&stat).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    })
    .await;
    assert!(!end.exists());
}

#[tokio::test]
async fn a_dead_run_goes_on_and_a_done_one_is_acted_on_anew() {
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404]);
    let store = Durable::default();
    let rules = [
        telling("tell", receiver.address, ""),
        telling("other", receiver.address, "").replace("SubjectChanged", "StatusChanged"),
    ];
    let daemon = daemon(&store, &rules.join("---\n"), None).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    assert_eq!(daemon.settled(&runs).await[0].state.as_str(), "dead");
    let revived = daemon.engine.retry(runs[0].id).await.unwrap();
    assert_eq!(revived.id, runs[0].id);
    assert_eq!(daemon.settled(&runs).await[0].state, RunState::Done);
    assert!(daemon.engine.retry(runs[0].id).await.is_err());
    let replayed = daemon.engine.replay(runs[0].id, None).await.unwrap();
    assert_ne!(replayed[0].id, runs[0].id);
    assert_eq!(daemon.settled(&replayed).await[0].generation, 1);
    let none = daemon.engine.replay(runs[0].id, Some("other")).await;
    assert_eq!(none.unwrap(), Vec::<RunStatus>::new());
    let keys: Vec<String> = receiver.received().into_iter().map(|got| got.key).collect();
    assert_eq!(keys[0], keys[1], "a revived run keeps its key");
    assert_ne!(keys[1], keys[2], "a replay has a key of its own");
    let unknown = flowtrigger_core::run::RunId(999);
    assert!(daemon.engine.replay(unknown, None).await.is_err());
    assert_eq!(daemon.engine.store().unfinished(9).await.unwrap(), []);
}

/// Hands that let everything fall.
struct Clumsy;

impl Perform for Clumsy {
    async fn perform(&self, _: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        panic!("dropped")
    }
}

#[tokio::test]
async fn a_run_that_panicked_is_buried_once_the_store_takes_it() {
    let (store, clock) = (Durable::default(), ManualClock::default());
    let rules = "name: sleeper\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- name: it\n  exec: [\"true\"]\n  on_crash: rerun\n";
    let daemon =
        daemon_with_performer_and_options(rules, store.clone(), Clumsy, clock.options()).await;
    store.fails(2);
    let runs = daemon.accepted(&event(1, "a")).await;
    until("it is buried", || async {
        clock.advance(Duration::from_secs(1));
        store.advanced() == [(0, Some("dead"))]
    })
    .await;
    let record = daemon.settled(&runs).await.remove(0);
    assert!(
        matches!(&record.state, RunState::Dead { why } if why.contains("dropped")),
        "{:?}",
        record.state
    );
}
