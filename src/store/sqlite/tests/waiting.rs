//! Waiting runs and debounce windows after a restart, and their limits.

use jiff::SignedDuration;

use super::*;
use crate::store::{ArrivalKind, History, IncomingEvent, ReplayMark};
use flowtrigger_core::gate::{DebounceKeep, GateCheck, GateKind};
use flowtrigger_core::run::call_result::Reply;
use flowtrigger_core::schedule::ScheduledDuration;

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn gathered(id: &str, seconds: i64) -> IncomingEvent {
    let text = "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\n\
        debounce: { quiet: 60s, keep: all }\nflow:\n  - succeed: fine\n";
    let mut arrival = arrival(id, &flowtrigger_testing::rules::from_text(text).rules[0]);
    arrival.received = later(seconds);
    arrival.planned[0].asks = vec![GateCheck {
        kind: GateKind::Debounce {
            at_most: None,
            keep: DebounceKeep::All,
        },
        window: ScheduledDuration::always(Duration::from_secs(60)),
        value: String::new(),
        time: None,
    }];
    arrival
}

async fn at(store: &SqliteStore, now: Timestamp) -> Vec<ClaimedRun> {
    let claim = ClaimRequest {
        now,
        ..everything()
    };
    store.claim(claim).await.unwrap()
}

fn ids(run: &ClaimedRun) -> Vec<&str> {
    run.events.iter().map(|event| event.id.as_str()).collect()
}

#[tokio::test]
async fn waiting_runs_and_windows_are_there_after_a_restart() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let waits = store
        .commit(arrival("w", &live_rule("w")))
        .await
        .unwrap()
        .runs[0]
        .id;
    claimed(&store).await;
    let until = later(90 * 86_400);
    let line = LogEntry::Waiting {
        step: "pause".into(),
        at: now(),
        until,
    };
    store
        .advance(waits, vec![line.clone()], Some(RunState::Waiting { until }))
        .await
        .unwrap();
    store.commit(gathered("1", 0)).await.unwrap();
    killed(store);
    let (store, recovered) = folder.open();
    assert_eq!(recovered, RecoveryReport::default());
    let record = store.run(waits).await.unwrap().unwrap();
    assert_eq!(
        (record.state, record.log),
        (RunState::Waiting { until }, vec![line])
    );
    store.commit(gathered("2", 30)).await.unwrap();
    killed(store);
    let (store, _) = folder.open();
    let runs = at(&store, later(90)).await;
    assert_eq!((runs.len(), ids(&runs[0])), (1, vec!["1", "2"]));
    killed(store);
    let (store, recovered) = folder.open();
    assert_eq!(recovered.suspects, [runs[0].id]);
    assert_eq!(ids(&at(&store, later(91)).await[0]), ["1", "2"]);
    to(&store, runs[0].id, RunState::Done).await;
    assert_eq!(at(&store, until).await[0].id, waits);
}

#[tokio::test]
async fn waiting_runs_have_a_limit_of_their_own() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    settings.limits.backlog = 2;
    let (store, _) = folder.open_with(settings);
    let rule = live_rule("a");
    for number in 0..20 {
        let run = store
            .commit(arrival(&number.to_string(), &rule))
            .await
            .unwrap();
        assert_eq!(claimed(&store).await, [run.runs[0].id]);
        let until = later(86_400);
        to(&store, run.runs[0].id, RunState::Waiting { until }).await;
    }
    let rejected = store.commit(arrival("one more", &rule)).await;
    assert_eq!(rejected, Err(StoreError::Full { unfinished: 20 }));
    assert_eq!(at(&store, later(86_400)).await.len(), 1, "one lane");
    let rejected = store.commit(arrival("one more", &rule)).await;
    assert_eq!(
        rejected,
        Err(StoreError::Full { unfinished: 20 }),
        "they are due"
    );
}

#[tokio::test]
async fn events_of_a_window_are_kept_as_long_as_the_run_that_reads_them() {
    let folder = Folder::new();
    let mut settings = StoreSettings::default();
    settings.retention.keep_for = Duration::ZERO;
    settings.archive.events = flowtrigger_core::config::archive::ArchiveScope::Unmatched;
    let (store, _) = folder.open_with(settings);
    for (id, seconds) in [("1", 0), ("2", 1), ("3", 2)] {
        store.commit(gathered(id, seconds)).await.unwrap();
    }
    let tidy = async || {
        let tick = |transaction: &mut WriteTransaction<'_>| transaction.tick();
        for _ in 0..61 {
            store
                .writer
                .submit(Durability::Buffered, tick)
                .await
                .unwrap();
        }
    };
    // Makes every run old.
    let age = "UPDATE runs SET changed = 0";
    Connection::open(&folder.path)
        .unwrap()
        .execute(age, [])
        .unwrap();
    tidy().await;
    assert_eq!(folder.rows("SELECT count(*) FROM runs"), 1, "two gave way");
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 3);
    let run = at(&store, later(90)).await.remove(0);
    assert_eq!(ids(&run), ["1", "2", "3"]);
    let replay = IncomingEvent {
        occasion: ArrivalKind::Replay(ReplayMark::default()),
        ..gathered("3", 91)
    };
    to(&store, run.id, RunState::Done).await;
    let again = store.commit(replay).await.unwrap().runs[0].id;
    Connection::open(&folder.path)
        .unwrap()
        .execute(age, [])
        .unwrap();
    tidy().await;
    assert_eq!(folder.rows("SELECT count(*) FROM events"), 3);
    let run = at(&store, later(92)).await.remove(0);
    assert_eq!((run.id, ids(&run)), (again, vec!["1", "2", "3"]));
    to(&store, again, RunState::Done).await;
    Connection::open(&folder.path)
        .unwrap()
        .execute(age, [])
        .unwrap();
    tidy().await;
    for table in ["runs", "events", "windows", "gathered"] {
        assert_eq!(
            folder.rows(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
}

#[tokio::test]
async fn attempts_and_the_last_failure_are_kept_beside_the_log() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let run = store
        .commit(arrival("1", &live_rule("a")))
        .await
        .unwrap()
        .runs[0]
        .id;
    claimed(&store).await;
    let attempt = |number, outcome| {
        LogEntry::Attempt(Attempt {
            step: format!("each[{number}].page"),
            number,
            started: now(),
            took: Duration::ZERO,
            outcome,
        })
    };
    let failed = |message: &str| {
        Err(CallFailure {
            status: Some(500),
            ..CallFailure::permanent(message)
        })
    };
    let fine = || Ok(Reply { value: json!(1) });
    let many = (1..2_000).map(|number| attempt(number, fine()));
    store.advance(run, many.collect(), None).await.unwrap();
    let lines = vec![attempt(1, failed("first")), attempt(2, failed("last"))];
    store.advance(run, lines, None).await.unwrap();
    store
        .advance(run, vec![attempt(3, fine())], None)
        .await
        .unwrap();
    let log = store.run(run).await.unwrap().unwrap().log;
    assert_eq!((log.len(), &log[2_001]), (2_002, &attempt(3, fine())));
    let history = SqliteHistory::open(&folder.path).unwrap();
    let story = history.run(run).unwrap().unwrap();
    assert_eq!(story.row.attempts, 2_002);
    assert_eq!(story.row.error.as_deref(), Some("last"));
}
