//! Runs that wait for events, with two daemons: an event at one continues the run of the other, whichever arrives first.

use flowtrigger_testing::postgres::server;
use futures_util::future::join_all;
use jiff::SignedDuration;

use super::{empty, open};
use crate::store::conformance::awaiting::{comment, created, register};
use crate::store::conformance::{everything, now};
use crate::store::{Store, StoreSettings};
use flowtrigger_core::run::{LogEntry, RunState};

/// Runs and events at the same time.
const PAIRS: i64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_at_one_daemon_continues_the_run_of_another() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let (first, second) = (open(&settings), open(&settings));
    register(&first, StoreSettings::default()).await;
    let run = first.commit(created("run", 7, now())).await.unwrap().runs[0].id;
    assert_eq!(first.claim(everything()).await.unwrap()[0].id, run);
    let until = now() + SignedDuration::from_hours(1);
    let step = "reply".to_owned();
    let waiting = LogEntry::Waiting {
        step: step.clone(),
        at: now(),
        until,
    };
    let state = RunState::Awaiting { step, until };
    first
        .advance(run, vec![waiting], Some(state))
        .await
        .unwrap();
    // The second daemon has not loaded the rule.
    let came = second.commit(comment("c", 7, true, now())).await.unwrap();
    assert_eq!(came.continued[0].id, run);
    assert!(second.awaited().covers("support", "ticket.CommentAdded"));
    let claimed = second.claim(everything()).await.unwrap();
    let [
        LogEntry::Waiting { .. },
        LogEntry::Arrived { number: 1, .. },
    ] = &*claimed[0].log
    else {
        panic!("{:?}", claimed[0].log);
    };
    // The new owner of the claim appends behind it.
    let done = second.advance(run, Vec::new(), Some(RunState::Done)).await;
    done.unwrap();
    assert_eq!(first.count_waiters().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_and_events_that_arrive_at_the_same_time_find_each_other() {
    let Some(server) = server() else { return };
    let settings = empty(&server);
    let (first, second) = (open(&settings), open(&settings));
    register(&first, StoreSettings::default()).await;
    let later = now() + SignedDuration::from_secs(1);
    let runs = (0..PAIRS).map(|ticket| {
        let run = created(&format!("run {ticket}"), ticket, now());
        first.commit(run)
    });
    let events = (0..PAIRS).map(|ticket| {
        let event = comment(&format!("comment {ticket}"), ticket, true, later);
        second.commit(event)
    });
    let (runs, events) = futures_util::future::join(join_all(runs), join_all(events)).await;
    assert!(
        runs.into_iter()
            .chain(events)
            .all(|committed| committed.is_ok())
    );
    let mut logs = Vec::new();
    for store in [&first, &second] {
        logs.extend(store.claim(everything()).await.unwrap());
    }
    assert_eq!(logs.len() as i64, PAIRS);
    for run in logs {
        assert!(
            matches!(&*run.log, [LogEntry::Arrived { .. }]),
            "{}: {:?}",
            run.event.id,
            run.log
        );
    }
}
