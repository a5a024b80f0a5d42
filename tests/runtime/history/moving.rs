//! Moving a data folder's database to Postgres: what is moved, what is rejected, and how an interrupted move continues.

mod interrupted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::store::postgres::transfer::{MoveError, MoveExtent, MoveReport, move_store};
use flowtrigger::store::suspension::SuspensionChange;
use flowtrigger::store::{
    ArrivalKind, ClaimRequest, CommandKind, CommandTarget, GivenCommand, IncomingEvent, Minute,
    PlannedRun, PostgresSettings, Revision, RevisionId, SqliteStore, Store, StoreSettings,
};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_core::suspension::{Pause, Suspension, SuspensionTarget};
use flowtrigger_testing::postgres::{Postgres, server};
use flowtrigger_testing::rules::from_text;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::fixture::{failed, priority};
use super::program::flowtrigger;

const RULES: &str = "name: page
event_source: support
event_type: ticket.PriorityChanged
one_at_a_time_per: ticket.id
dedupe: { per: ticket.id, for: 24h }
flow:
  - succeed: fine
---
name: note
event_source: support
event_type: ticket.PriorityChanged
one_at_a_time_per: ticket.id
flow:
  - succeed: fine
";

/// A data folder, and an empty database.
struct Move {
    folder: tempfile::TempDir,
    server: Postgres,
    url: String,
}

impl Move {
    fn database(&self) -> PathBuf {
        self.folder.path().join("flowtrigger.db")
    }

    fn mark(&self) -> PathBuf {
        self.folder.path().join("flowtrigger.db-moving")
    }

    fn execute(&self, extent: MoveExtent) -> Result<MoveReport, MoveError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let settings = PostgresSettings::for_url(self.url.clone());
        runtime.block_on(move_store(&self.database(), &settings, extent, &mut |_| {}))
    }

    fn count(&self, rows: &str) -> String {
        self.server
            .psql(&self.url, &format!("SELECT count(*) FROM {rows}"))
            .trim()
            .to_owned()
    }

    fn rows(&self, sql: &str) -> String {
        self.server.psql(&self.url, sql).trim().to_owned()
    }
}

/// A folder that a store has filled; `None` where no server is installed.
fn filled() -> Option<Move> {
    let server = server()?;
    let url = server.database();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = folder.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
    runtime.block_on(fill(&store));
    drop(store);
    Some(Move {
        folder,
        server,
        url,
    })
}

fn arrival(
    rules: &RuleSet,
    ticket: u64,
    time: &str,
    received: Timestamp,
    revision: RevisionId,
) -> IncomingEvent {
    let event = Arc::new(priority(ticket, "urgent", time));
    let mut scratch = MatchScratch::default();
    let evaluation = rules.evaluate_event(&event, &mut scratch);
    let planned = evaluation.matched().map(|rule| PlannedRun {
        rule: Arc::clone(rule),
        mode: rule.mode,
        lane: rule.lane_of(&event),
        loop_ask: rule.loop_ask_of(&event),
        asks: rule.asks_of(&event),
        waiters: Vec::new(),
        counterpart: None,
    });
    IncomingEvent {
        planned: planned.collect(),
        event,
        received,
        revision,
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

/// Five events: one of some days ago, whose runs are done; and of today one with a done and a held run, one with a dead
/// and a queued run, one behind it in its lane, and one whose runs were executing when the program ended.
async fn fill(store: &SqliteStore) {
    let rules = from_text(RULES);
    let version = &rules.rules[0].version;
    let file = rules.files.get(rules.rules[0].at.file).unwrap();
    let revision = store.set_revision(Revision {
        files: vec![(Arc::clone(&file.name), Arc::clone(&file.text))],
        config: Arc::clone(version.config()),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    });
    let revision = revision.await.unwrap();
    let now = Timestamp::now();
    let old = now - SignedDuration::from_hours(6 * 24);
    let commit = async |ticket, time, received| {
        let arrival = arrival(&rules, ticket, time, received, revision);
        store.commit(arrival).await.unwrap()
    };
    let claim = async || {
        let claim = ClaimRequest {
            limit: 2,
            per_rule: 2,
            now,
        };
        store.claim(claim).await.unwrap();
    };
    commit(1, "2026-01-01T09:00:00Z", old).await;
    claim().await;
    let done = async |run| {
        let lines = vec![failed("page", 1, now, "answered 503")];
        store.advance(RunId(run), lines, Some(RunState::Done)).await
    };
    done(1).await.unwrap();
    done(2).await.unwrap();
    commit(2, "2026-01-07T09:00:00Z", now).await;
    claim().await;
    done(3).await.unwrap();
    let why = "held for a test".to_owned();
    let held = store.advance(RunId(4), Vec::new(), Some(RunState::Held { why }));
    held.await.unwrap();
    commit(3, "2026-01-07T09:00:00Z", now).await;
    claim().await;
    let dead = Some(RunState::Dead { why: "x".into() });
    store.advance(RunId(5), Vec::new(), dead).await.unwrap();
    let queued = Some(RunState::Queued);
    store.advance(RunId(6), Vec::new(), queued).await.unwrap();
    // Its second run waits for run 6. The dead run has given its place at the gate back.
    commit(3, "2026-01-07T09:01:00Z", now).await;
    commit(4, "2026-01-07T09:01:00Z", now).await;
    store.archive_unmatched(
        Arc::new(priority(8, "high", "2026-01-07T09:01:00Z")).into(),
        revision,
        now,
        None,
    );
    store
        .patch_integration_settings("desk", "account", json!({"seat": 3}))
        .await
        .unwrap();
    store
        .record_command(GivenCommand {
            at: now,
            kind: CommandKind::Retry,
            target: CommandTarget::Run(RunId(5)),
            by: Commander::new(Some("ada"), CommandOrigin::CommandLine),
            result: Err("not today".into()),
        })
        .await
        .unwrap();
    let paused = Suspension::default().paused(Pause {
        since: now,
        by: "ada".into(),
        note: "the move".into(),
    });
    let change = SuspensionChange {
        target: SuspensionTarget::Everything,
        expected: None,
        suspension: paused,
    };
    store.change_suspension(change).await.unwrap().unwrap();
    store.record_minute(Minute::default()).await.unwrap();
    store.flush().await.unwrap();
    // A claim without an end: the program was killed.
    store
        .claim(ClaimRequest {
            limit: 1,
            per_rule: 1,
            now,
        })
        .await
        .unwrap();
}

#[test]
fn unfinished_runs_are_moved_with_what_decides_about_them() {
    let Some(moved) = filled() else { return };
    let report = moved.execute(MoveExtent::Unfinished).unwrap();
    assert!(!report.was_complete);
    let states =
        moved.rows("SELECT state || ' ' || count(*) FROM runs GROUP BY state ORDER BY state");
    assert_eq!(
        states, "dead 1\ndone 1\nheld 1\nqueued 5",
        "the runs of today; nothing is running"
    );
    let counted = moved
        .rows("SELECT state || ' ' || sum(count) FROM run_counts GROUP BY state ORDER BY state");
    assert_eq!(counted, states);
    assert_eq!(moved.count("live_runs"), "5");
    // Run 6 owns the lane, and what waits behind it is in order.
    let order = "SELECT r.id || ' ' || coalesce(r.ready, -1) FROM live_runs r
        JOIN queues q ON q.id = r.queue WHERE q.rule = 'note' AND r.lane = '3' ORDER BY r.position";
    assert_eq!(
        moved.rows(order).lines().count(),
        2,
        "{}",
        moved.rows(order)
    );
    assert!(
        moved.rows(order).starts_with("6 1"),
        "{}",
        moved.rows(order)
    );
    assert_eq!(
        moved.count("lanes"),
        moved.count("live_runs WHERE ready = 1")
    );
    assert_eq!(moved.count("matched_events"), "4");
    assert_eq!(moved.count("seen"), "4");
    assert_eq!(moved.count("unmatched_events"), "0");
    assert_eq!(moved.count("settings"), "1");
    assert!(moved.count("gate_admissions") != "0");
    let paused = "SELECT target || ' ' || (content::jsonb -> 'pause' ->> 'note') FROM suspensions";
    assert_eq!(moved.rows(paused), "everything the move");
    let rows = |kind| {
        report
            .moved
            .iter()
            .find(|rows| rows.kind == kind)
            .unwrap()
            .rows
    };
    assert_eq!((rows("runs"), rows("events")), (8, 4));
    // No id is used twice: run ids are part of idempotency keys.
    assert_eq!(moved.rows("SELECT nextval('run_ids') > 10"), "t");
    assert_eq!(moved.rows("SELECT nextval('event_ids') > 6"), "t");
    let position = "SELECT nextval('positions') > (SELECT max(position) FROM runs)";
    assert_eq!(moved.rows(position), "t");
    assert_eq!(
        moved.rows("INSERT INTO queues (rule) VALUES ('new') RETURNING id > 2"),
        "t"
    );
}

#[test]
fn a_moved_folder_is_not_used_again_and_the_history_follows() {
    let Some(moved) = filled() else { return };
    moved.execute(MoveExtent::Unfinished).unwrap();
    assert!(!moved.database().exists());
    let again = moved.execute(MoveExtent::Unfinished).unwrap();
    assert!(again.was_complete);
    let history = moved.execute(MoveExtent::History).unwrap();
    assert!(!history.was_complete);
    assert_eq!(moved.count("runs"), "10");
    assert_eq!(moved.count("matched_events"), "5");
    assert_eq!(moved.count("unmatched_events"), "1");
    assert_eq!(moved.count("log_entries"), "3");
    assert_eq!(moved.count("commands"), "1");
    assert_eq!(moved.count("minutes"), "1");
    assert_eq!(moved.rows("SELECT sum(count) FROM run_counts"), "10");
    assert!(moved.execute(MoveExtent::History).unwrap().was_complete);
    assert_eq!(moved.rows("SELECT sum(count) FROM run_counts"), "10");
    // A daemon would begin with an empty folder, and the runs would be lost to it.
    let daemon = flowtrigger(moved.folder.path(), &["runs", "list"]);
    assert!(
        daemon.err.contains("was moved to Postgres"),
        "{}",
        daemon.err
    );
}

#[test]
fn an_interrupted_history_continues_behind_the_last_batch() {
    let Some(moved) = filled() else { return };
    moved.execute(MoveExtent::History).unwrap();
    // As if it had ended before the last table, with an ended run that was not moved yet.
    moved.rows("DELETE FROM facts WHERE name = 'move of history'");
    moved.rows("DELETE FROM facts WHERE name = 'move of ended_runs'");
    moved.rows("DELETE FROM minutes");
    moved.rows("DELETE FROM facts WHERE name = 'move of minutes'");
    // It was retried meanwhile, so that it is in another table.
    moved.rows("UPDATE live_runs SET state = 'retrying' WHERE id = 6");
    let report = moved.execute(MoveExtent::History).unwrap();
    assert!(!report.was_complete);
    assert_eq!(moved.count("minutes"), "1");
    assert_eq!(moved.count("runs"), "10");
    assert_eq!(moved.rows("SELECT sum(count) FROM run_counts"), "10");
    assert_eq!(
        moved.rows("SELECT state FROM runs WHERE id = 6"),
        "retrying"
    );
}

#[test]
fn a_database_in_use_is_left_alone() {
    let Some(moved) = filled() else { return };
    let empty = Move {
        folder: tempfile::tempdir().unwrap(),
        server: moved.server.clone(),
        url: moved.url.clone(),
    };
    assert!(matches!(
        empty.execute(MoveExtent::Unfinished),
        Err(MoveError::NoSource(_))
    ));
    let other = filled().unwrap();
    other.execute(MoveExtent::Unfinished).unwrap();
    let into_other = Move {
        url: other.url.clone(),
        ..moved
    };
    let error = into_other.execute(MoveExtent::Unfinished).unwrap_err();
    assert!(matches!(error, MoveError::OtherFolder), "{error}");
    assert!(into_other.database().exists());
    other.rows("DELETE FROM facts");
    let error = into_other.execute(MoveExtent::Unfinished).unwrap_err();
    assert!(matches!(error, MoveError::NotEmpty), "{error}");
    let live = "INSERT INTO daemons (id, slot, host, process, version, started, beat, lease_until)
        VALUES (1, 0, 'desk-1', 77, '0.1.0', 0, 0, (extract(epoch FROM now()) * 1000000 + 9000000)::bigint)";
    other.rows(live);
    let error = into_other.execute(MoveExtent::Unfinished).unwrap_err();
    assert!(
        error.to_string().contains("process 77 on desk-1"),
        "{error}"
    );
}

#[test]
fn the_command_moves_and_says_what_remains() {
    let Some(moved) = filled() else { return };
    let folder: &Path = moved.folder.path();
    let from = folder.display().to_string();
    let run = flowtrigger(folder, &["move", "--from", &from, "--to", &moved.url]);
    assert!(run.err.is_empty(), "{}", run.err);
    assert!(run.out.contains("runs"), "{}", run.out);
    assert!(run.out.contains("flowtrigger.db-moved"), "{}", run.out);
    assert!(run.out.contains("--history"), "{}", run.out);
    let again = flowtrigger(folder, &["move", "--from", &from, "--to", &moved.url]);
    assert!(again.out.contains("an earlier command"), "{}", again.out);
    let bad = flowtrigger(folder, &["move", "--to", "mysql://u:geheim@h/d"]);
    assert!(bad.err.contains("unknown scheme `mysql`"), "{}", bad.err);
    assert!(!bad.err.contains("geheim"), "{}", bad.err);
}
