//! Runs that wait for events in a file: whatever the order of arrival is, and wherever the process ends, the same happens.
//! The number of waiters after a restart, and what retention deletes.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::Folder;
use crate::store::conformance::awaiting::{comment, created, register};
use crate::store::conformance::now;
use crate::store::{
    ArrivalKind, ClaimRequest, ClaimedRun, IncomingEvent, ReplayMark, SqliteStore, Store,
    StoreSettings,
};
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// How long the step waits, and how much longer events are accepted.
const WITHIN: i64 = 3_600;
const GRACE: i64 = 30;

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// An event besides that of the run.
#[derive(Debug, Clone)]
struct OtherEvent {
    ticket: i64,
    is_public: bool,
    /// Seconds after the event of the run.
    happened: i64,
    /// How many seconds later it arrives.
    delay: i64,
}

#[derive(Debug, Clone)]
struct Story {
    run_delay: i64,
    others: Vec<OtherEvent>,
    /// Whether the process ends after each of the changes.
    ends: Vec<bool>,
}

fn other_event() -> impl Strategy<Value = OtherEvent> {
    let happened = prop_oneof![-20..60i64, WITHIN - 5..WITHIN + 60];
    (7..9i64, any::<bool>(), happened, 0..20i64).prop_map(|(ticket, is_public, happened, delay)| {
        OtherEvent {
            ticket,
            is_public,
            happened,
            delay,
        }
    })
}

fn story() -> impl Strategy<Value = Story> {
    let others = proptest::collection::vec(other_event(), 0..5);
    let ends = proptest::collection::vec(any::<bool>(), 8);
    (0..20i64, others, ends).prop_map(|(run_delay, others, ends)| Story {
        run_delay,
        others,
        ends,
    })
}

/// A store whose process may end after each change.
struct Mortal<'f> {
    folder: &'f Folder,
    store: Option<SqliteStore>,
    ends: std::iter::Cycle<std::vec::IntoIter<bool>>,
    /// Ended at the last change: a run that makes no progress in three processes is held.
    has_ended: bool,
}

impl Mortal<'_> {
    fn store(&self) -> &SqliteStore {
        self.store.as_ref().expect("it is open")
    }

    /// True if the process has ended, and started again.
    fn may_end(&mut self) -> bool {
        let ends = self.ends.next().unwrap_or_default() && !self.has_ended;
        self.has_ended = ends;
        if ends {
            drop(self.store.take());
            self.store = Some(self.folder.open().0);
        }
        ends
    }

    async fn commit(&mut self, incoming: IncomingEvent) -> Option<RunId> {
        let committed = self.store().commit(incoming).await.unwrap();
        self.may_end();
        committed.runs.first().map(|run| run.id)
    }

    /// Executes what is ready at a time, as a worker does.
    async fn work(&mut self, at: Timestamp) {
        for _ in 0..100 {
            let claimed = self.store().claim(everything_at(at)).await.unwrap();
            if claimed.is_empty() {
                return;
            }
            if self.may_end() {
                continue;
            }
            for run in claimed {
                let (entries, state) = next(&run, at);
                let advanced = self.store().advance(run.id, entries, Some(state));
                advanced.await.unwrap();
            }
            self.may_end();
        }
        panic!("it never rests");
    }
}

fn everything_at(now: Timestamp) -> ClaimRequest {
    ClaimRequest {
        limit: 100,
        per_rule: 100,
        now,
    }
}

/// What the flow says, given the log.
fn next(run: &ClaimedRun, at: Timestamp) -> (Vec<LogEntry>, RunState) {
    let wait = |until: Timestamp| RunState::Awaiting {
        step: "reply".into(),
        until: until + SignedDuration::from_secs(GRACE),
    };
    let decided = run
        .log
        .iter()
        .any(|entry| matches!(entry, LogEntry::Arrived { .. } | LogEntry::Expired { .. }));
    let began = run.log.iter().find_map(|entry| match entry {
        LogEntry::Waiting { until, .. } => Some(*until),
        _ => None,
    });
    match (decided, began) {
        (true, _) => (Vec::new(), RunState::Done),
        (false, Some(until)) => (Vec::new(), wait(until)),
        (false, None) => {
            let until = at + SignedDuration::from_secs(WITHIN);
            let entry = LogEntry::Waiting {
                step: "reply".into(),
                at,
                until,
            };
            (vec![entry], wait(until))
        }
    }
}

/// What must happen, whatever the order is.
fn is_answered(story: &Story) -> bool {
    // The step begins when the event of the run arrives.
    let deadline = story.run_delay + WITHIN;
    story.others.iter().any(|event| {
        event.ticket == 7 && event.is_public && (0..=deadline).contains(&event.happened)
    })
}

/// Plays a story, and returns whether an event or the end of the wait decided the step.
async fn play(story: &Story) -> bool {
    let folder = Folder::new();
    let mut store = Mortal {
        folder: &folder,
        store: Some(folder.open().0),
        ends: story.ends.clone().into_iter().cycle(),
        has_ended: false,
    };
    register(store.store(), StoreSettings::default()).await;
    let received = |incoming: IncomingEvent, at: i64| IncomingEvent {
        received: later(at),
        ..incoming
    };
    let run_event = created("run", 7, now());
    let mut arrivals = vec![(story.run_delay, received(run_event, story.run_delay))];
    for (number, event) in story.others.iter().enumerate() {
        let OtherEvent {
            ticket,
            is_public,
            happened,
            delay,
        } = event;
        let at = happened + delay;
        let event = comment(&number.to_string(), *ticket, *is_public, later(*happened));
        arrivals.push((at, received(event, at)));
    }
    arrivals.sort_by_key(|(at, _)| *at);
    let mut run = None;
    for (at, incoming) in arrivals {
        store.work(later(at)).await;
        run = store.commit(incoming).await.or(run);
        store.work(later(at)).await;
    }
    while let Some(due) = store.store().next_due().await.unwrap() {
        store.work(due).await;
    }
    let record = store.store().run(run.unwrap()).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Done);
    let decisions = record.log.iter().filter_map(|entry| match entry {
        LogEntry::Arrived { .. } => Some(true),
        LogEntry::Expired { .. } => Some(false),
        _ => None,
    });
    let decisions: Vec<bool> = decisions.collect();
    assert_eq!(decisions.len(), 1, "{:?}", record.log);
    assert_eq!(
        folder.rows("SELECT value FROM facts WHERE name = 'waiters'"),
        0
    );
    decisions[0]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_arrival_and_ends_of_the_process_change_nothing(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answered = runtime.block_on(play(&story));
        prop_assert_eq!(answered, is_answered(&story));
    }
}

/// A run that waits since now in a process that has ended, and the store that another process has opened.
async fn waiting_through_a_restart(folder: &Folder) -> (SqliteStore, RunId) {
    let (store, _) = folder.open();
    register(&store, StoreSettings::default()).await;
    let run = store.commit(created("run", 7, now())).await.unwrap().runs[0].id;
    let claimed = store.claim(everything_at(now())).await.unwrap().remove(0);
    let (entries, state) = next(&claimed, now());
    store.advance(run, entries, Some(state)).await.unwrap();
    drop(store);
    (folder.open().0, run)
}

#[tokio::test]
async fn a_wait_that_ended_while_nothing_was_received_gets_its_grace() {
    let start = WITHIN + 600;
    for (delay, is_late) in [(GRACE - 1, false), (GRACE, true)] {
        let folder = Folder::new();
        let (store, run) = waiting_through_a_restart(&folder).await;
        assert!(
            store
                .claim(everything_at(later(start)))
                .await
                .unwrap()
                .is_empty()
        );
        // What the sender could not deliver.
        let missed = IncomingEvent {
            received: later(start + delay),
            ..comment("c", 7, true, later(WITHIN - 1))
        };
        let claimed = store
            .claim(everything_at(later(start + delay)))
            .await
            .unwrap();
        assert_eq!(!claimed.is_empty(), is_late, "{delay}");
        let continued = store.commit(missed).await.unwrap().continued;
        let continued: Vec<RunId> = continued.iter().map(|run| run.id).collect();
        assert_eq!(continued == [run], !is_late, "{delay}");
    }
}

#[tokio::test]
async fn a_wait_that_ends_after_a_restart_ends_in_time() {
    let folder = Folder::new();
    let (store, run) = waiting_through_a_restart(&folder).await;
    let end = WITHIN + GRACE;
    for before in [1, WITHIN, end - 1] {
        assert!(
            store
                .claim(everything_at(later(before)))
                .await
                .unwrap()
                .is_empty()
        );
    }
    let claimed = store.claim(everything_at(later(end))).await.unwrap();
    assert_eq!(claimed.iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
}

#[tokio::test]
async fn a_restart_knows_how_many_events_runs_wait_for() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    // Each run waits for events of three types.
    settings.limits.waiters = 5;
    let (store, _) = folder.open();
    register(&store, settings.clone()).await;
    store.commit(created("one", 7, now())).await.unwrap();
    drop(store);
    let (store, _) = folder.open_with(settings);
    assert!(store.awaited().covers("support", "ticket.CommentAdded"));
    assert!(store.commit(created("two", 8, now())).await.is_err());
    let count = "SELECT count(*) FROM waiters WHERE closed IS NULL";
    assert_eq!(folder.rows(count), 3);
}

#[tokio::test]
async fn a_replayed_run_waits_too_and_a_replay_answers_nobody() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    register(&store, StoreSettings::default()).await;
    let first = store.commit(created("run", 7, now())).await.unwrap();
    let replay = IncomingEvent {
        occasion: ArrivalKind::Replay(ReplayMark::default()),
        ..created("run", 7, now())
    };
    let second = store.commit(replay).await.unwrap();
    let answer = store.commit(comment("c", 7, true, later(1))).await.unwrap();
    let continued: Vec<RunId> = answer.continued.iter().map(|run| run.id).collect();
    assert_eq!(continued, [first.runs[0].id, second.runs[0].id]);
}
