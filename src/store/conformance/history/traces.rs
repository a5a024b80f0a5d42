//! Runs that have ended are noted for the exporter of traces, and read with their logs.

use std::sync::Arc;

use super::{exchange, failed, later, live_rule, now, of_ticket};
use crate::store::conformance::{attempt, claimed, submit};
use crate::store::history::{TracedEntry, TracedRuns};
use crate::store::{History, Revision, Store, StoreSettings};
use flowtrigger_core::config;
use flowtrigger_core::event::trace_context::TraceParent;
use flowtrigger_core::run::{LogEntry, RunId, RunState};
use jiff::Timestamp;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Sets whether ends are noted.
async fn set_traces<S: Store>(store: &S, traces: bool) {
    let revision = Revision {
        files: Vec::new(),
        config: Arc::new(config::ConfigSource::default()),
        settings: StoreSettings {
            traces,
            ..StoreSettings::default()
        },
        awaited: Vec::new(),
    };
    store.set_revision(revision).await.unwrap();
}

/// The runs that wait for their export.
async fn untraced<S: Store>(store: &S) -> Vec<RunId> {
    let ended = store.untraced_runs(Timestamp::MAX, 9).await.unwrap();
    let mut runs: Vec<RunId> = ended.iter().map(|ended| ended.run).collect();
    runs.sort_unstable();
    runs
}

async fn end<S: Store>(store: &S, run: RunId, entries: Vec<LogEntry>, state: RunState) {
    store.advance(run, entries, Some(state)).await.unwrap();
}

pub(super) async fn ends_are_noted_until_they_are_exported<S: Store, H: History>(
    (store, _history): (S, H),
) {
    let rule = live_rule("a");
    let run = async |id: &str| submit(&store, of_ticket(id, id, &rule, 0)).await;
    let (before, done, dead, waiting) = (
        run("before").await,
        run("done").await,
        run("dead").await,
        run("waiting").await,
    );
    claimed(&store, now()).await;
    end(&store, before, vec![], RunState::Done).await;
    assert_eq!(untraced(&store).await, [], "nobody exports them");
    set_traces(&store, true).await;
    end(&store, done, vec![], RunState::Done).await;
    let why = "x".to_owned();
    end(&store, dead, vec![], RunState::Dead { why }).await;
    let until = later(60);
    end(&store, waiting, vec![], RunState::Waiting { until }).await;
    assert_eq!(untraced(&store).await, [done, dead]);
    assert_eq!(
        store.untraced_runs(Timestamp::MIN, 9).await.unwrap(),
        [],
        "none ended up to then"
    );
    let ended = store.untraced_runs(Timestamp::MAX, 1).await.unwrap();
    assert_eq!(ended.len(), 1);
    store.forget_untraced(ended.clone()).await.unwrap();
    let left: Vec<RunId> = [done, dead]
        .into_iter()
        .filter(|run| *run != ended[0].run)
        .collect();
    assert_eq!(untraced(&store).await, left);
    store.cancel(waiting).await.unwrap();
    store.retry(dead, now()).await.unwrap();
    store.cancel(dead).await.unwrap();
    let ended = store.untraced_runs(Timestamp::MAX, 9).await.unwrap();
    assert!(ended.iter().any(|ended| ended.run == waiting));
    assert!(ended.iter().any(|ended| ended.run == dead));
    assert!(store.limit_untraced(1).await.unwrap() > 0);
    assert_eq!(untraced(&store).await.len(), 1);
    assert_eq!(store.limit_untraced(1).await.unwrap(), 0);
    let last = store.untraced_runs(Timestamp::MAX, 9).await.unwrap();
    store.forget_untraced(last).await.unwrap();
    set_traces(&store, false).await;
    let after = run("after").await;
    end(&store, after, vec![], RunState::Done).await;
    assert_eq!(untraced(&store).await, []);
}

pub(super) async fn runs_are_read_with_their_logs<S: Store, H: History>((store, history): (S, H)) {
    let rule = live_rule("a");
    let mut arrival = of_ticket("first", "7", &rule, 0);
    Arc::make_mut(&mut arrival.event).trace = TraceParent::parse(PARENT);
    let first = submit(&store, arrival).await;
    let second = submit(&store, of_ticket("second", "8", &rule, 0)).await;
    claimed(&store, now()).await;
    let log = vec![
        failed("Not Found"),
        LogEntry::Waiting {
            step: "pause".into(),
            at: now(),
            until: later(60),
        },
        LogEntry::Started {
            step: "script".into(),
            number: 1,
            at: later(60),
        },
    ];
    let why = "x".to_owned();
    end(&store, first, log, RunState::Dead { why }).await;
    end(&store, second, vec![attempt(1)], RunState::Done).await;
    store.retry(first, later(70)).await.unwrap();
    store.record_exchange(exchange(first, 0, "https://a.example/x"));
    store.flush().await.unwrap();
    let read = |runs: &[RunId], attempts| history.traced_runs(runs, attempts).unwrap();
    let TracedRuns { runs, left } = read(&[second, first, RunId(99)], 9);
    assert_eq!((runs.len(), left.len()), (2, 0));
    assert_eq!((runs[0].id, runs[1].id), (second, first));
    assert_eq!((runs[0].state.as_str(), runs[0].trace), ("done", None));
    let traced = &runs[1];
    assert_eq!(traced.trace, TraceParent::parse(PARENT));
    assert_eq!(
        (traced.rule.as_str(), traced.event.as_str()),
        ("a", "first")
    );
    assert_eq!((traced.received, traced.state.as_str()), (now(), "queued"));
    let [
        TracedEntry::Attempt(attempt),
        TracedEntry::Waiting { until, .. },
        TracedEntry::Started { number: 1, .. },
        TracedEntry::Retried { .. },
    ] = &traced.log[..]
    else {
        panic!("{:?}", traced.log);
    };
    assert_eq!(*until, later(60));
    let failure = attempt.failure.as_ref().unwrap();
    assert_eq!(
        (failure.message.as_str(), failure.status),
        ("Not Found", Some(404))
    );
    let request = &traced.requests[0];
    assert_eq!(request.url.as_deref(), Some("https://a.example/x"));
    assert_eq!((request.status, request.attempt), (Some(503), 1));
    let part = read(&[second, first], 1);
    assert_eq!((part.runs.len(), part.left), (1, vec![first]));
    assert_eq!(read(&[], 9), TracedRuns::default());
}
