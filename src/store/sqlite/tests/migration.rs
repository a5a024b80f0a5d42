//! Data folders of every earlier version that had all tables: the upgrade keeps their content unchanged.

use jiff::SignedDuration;
use rusqlite::params;

use super::*;
use crate::store::History;
use crate::store::conformance::loop_check;
use crate::store::history::{ArchiveFilter, EventQuery, EventRow, EventSelector};
use flowtrigger_core::gate::{GateCheck, GateDecision, GateKind};
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use flowtrigger_core::schedule::ScheduledDuration;

/// The first version that had all tables. Its rows are written here; those of later versions are made from them.
const FIRST: usize = 3;

const PLAIN: &str =
    "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n";
const GATHERS: &str = "name: d\nevent_source: support\nevent_type: ticket.TicketCreated\n\
    debounce: { per: ticket.id, quiet: 60s, keep: all }\nflow:\n  - succeed: fine\n";
const INCLUDES: &str =
    "name: n\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - flow: below\n";
const INCLUDED: &str =
    r#"[{"file":"r.yaml","line":6,"text":"flows:\n  below: { flow: [{ succeed: below }] }\n"}]"#;

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn micros(seconds: i64) -> i64 {
    codec::micros(later(seconds))
}

/// Every earlier version.
fn versions() -> std::ops::Range<usize> {
    FIRST..database::MIGRATIONS.len()
}

/// Writes a file of an earlier version, with the rows that it would have written.
fn write_before(path: &std::path::Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF;")
        .unwrap();
    for migration in &database::MIGRATIONS[..FIRST] {
        connection.execute_batch(migration).unwrap();
    }
    let insert = |sql: &str, row: &[&dyn rusqlite::ToSql]| {
        connection.execute(sql, row).unwrap();
    };
    insert(
        "INSERT INTO texts VALUES (1, x'01', ''), (2, x'02', ?1)",
        &[&PLAIN],
    );
    insert(
        "INSERT INTO configs VALUES (1, x'01', 'flowtrigger.yaml', 1, '{}')",
        &[],
    );
    insert(
        "INSERT INTO editions VALUES (1, x'01', 1, '[[\"r.yaml\",2]]', ?1)",
        &[&micros(-60)],
    );
    for (id, name, document) in [(1, "a", PLAIN), (2, "d", GATHERS), (3, "n", INCLUDES)] {
        insert(
            "INSERT INTO rules (id, digest, name, file, line, document, config)
             VALUES (?1, randomblob(16), ?2, 'r.yaml', 0, ?3, 1)",
            params![id, name, document],
        );
        insert("INSERT INTO queues VALUES (?1, ?2)", params![id, name]);
    }
    insert("UPDATE rules SET parts = ?1 WHERE id = 3", &[&INCLUDED]);
    for number in 1..=6_i64 {
        let event = arrival(&format!("e{number}"), &live_rule("a")).event;
        let body = codec::event::encode_event(&event);
        insert(
            "INSERT INTO events (id, source, type, event_id, key, received, edition, matched, redelivered,
                last_came, size, body) VALUES (?1, ?2, ?3, ?4, '7', ?5, 1, ?6, 0, NULL, ?7, ?8)",
            params![
                number,
                event.source,
                event.event_type,
                event.id,
                micros(number),
                number != 6,
                body.len() as i64,
                body
            ],
        );
    }
    insert(
        "UPDATE events SET redelivered = 2, last_came = ?1 WHERE id = 1",
        &[&micros(9)],
    );
    for (run, event, rule, state, lane, ready, due) in [
        (1, 1, 1, "done", None, None, None),
        (2, 2, 1, "queued", Some("7"), Some(1), None),
        (3, 3, 1, "queued", Some("7"), Some(0), None),
        (4, 4, 2, "suppressed", None, None, None),
        (5, 5, 2, "debouncing", None, None, Some(micros(65))),
        (6, 1, 3, "waiting", None, None, Some(micros(900))),
    ] {
        insert(
            "INSERT INTO runs (id, event, rule, queue, generation, lane, state, planned, changed, turn, ready, due)
             VALUES (?1, ?2, ?3, ?3, 0, ?4, ?5, ?6, ?6, ?1, ?7, ?8)",
            params![run, event, rule, lane, state, micros(event), ready, due],
        );
    }
    insert("INSERT INTO lanes VALUES (1, '7', 2)", &[]);
    insert(
        "UPDATE runs SET attempts = 2, failed = 'reach it', actors = '[\"900\"]' WHERE id = 1",
        &[],
    );
    insert(
        "UPDATE runs SET gate = 'debounce', why = 'run 5 took its place' WHERE id = 4",
        &[],
    );
    insert("UPDATE runs SET gathering = 4 WHERE id IN (4, 5)", &[]);
    insert(
        "INSERT INTO windows VALUES (4, 2, 'ticket.id 7', 5, ?1, 2, 0, 1)",
        &[&micros(4)],
    );
    insert("INSERT INTO gathered VALUES (4, 1, 4), (4, 2, 5)", &[]);
    for (number, (kind, outcome, detail)) in [
        (
            "attempt",
            Some("failed"),
            Some(r#"{"message":"reach it","retryable":true,"retry_after":null,"status":null}"#),
        ),
        ("revived", None, None),
        ("attempt", Some("succeeded"), Some("1")),
    ]
    .into_iter()
    .enumerate()
    {
        let attempt = (kind == "attempt").then_some(1);
        insert(
            "INSERT INTO lines (run, number, kind, step, try, at, took, outcome, detail)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                number as i64 + 1,
                kind,
                attempt.map(|_| "one"),
                attempt,
                micros(number as i64),
                attempt.map(|_| 3_000),
                outcome,
                detail
            ],
        );
    }
    insert(
        "INSERT INTO charges VALUES (1, 'dedupe', 'ticket.id 7', ?1, 1, ?2)",
        params![micros(1), micros(61)],
    );
    insert(
        "INSERT INTO charges VALUES (1, 'loop_guard', 'support 7', ?1, 1, ?2)",
        params![micros(1), micros(101)],
    );
    for migration in &database::MIGRATIONS[FIRST..version] {
        connection.execute_batch(migration).unwrap();
    }
    connection
        .pragma_update(None, "user_version", version as i64)
        .unwrap();
}

fn upgraded(version: usize) -> (Folder, SqliteStore, SqliteHistory) {
    let folder = Folder::new();
    write_before(&folder.path, version);
    let rejected = SqliteHistory::open(&folder.path).map(drop).unwrap_err();
    let rejected = rejected.to_string();
    let names = format!("an older flowtrigger (file version {version}");
    assert!(rejected.contains(&names), "{rejected}");
    let (store, recovered) = folder.open();
    assert_eq!(recovered, RecoveryReport::default());
    let history = SqliteHistory::open(&folder.path).unwrap();
    (folder, store, history)
}

fn attempt(number: u32, at: Timestamp, outcome: CallResult) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: "one".into(),
        number,
        started: at,
        took: Duration::from_millis(3),
        outcome,
    })
}

fn find(history: &SqliteHistory, id: &str) -> EventRow {
    let query = EventQuery {
        subject: EventSelector::Id(id.into()),
        endpoint: None,
        at: None,
        limit: 1,
    };
    history.events(&query).unwrap().remove(0)
}

#[tokio::test]
async fn no_old_name_is_left_in_the_schema() {
    for version in versions() {
        let (folder, _store, _history) = upgraded(version);
        assert_eq!(folder.rows("PRAGMA user_version"), VERSION);
        for old in [
            "charges",
            "lines",
            "editions",
            "edition",
            "turn",
            "picked",
            "parts",
            "try",
            "last_came",
        ] {
            let sql = format!(
                "SELECT count(*) FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) c
                 WHERE s.name = '{old}' OR c.name = '{old}'"
            );
            assert_eq!(folder.rows(&sql), 0, "{old}");
        }
        assert_eq!(
            folder.rows("SELECT count(*) FROM log_entries WHERE kind = 'revived'"),
            0
        );
    }
}

#[tokio::test]
async fn runs_are_found_with_their_logs_and_rules() {
    for version in versions() {
        let (_folder, store, history) = upgraded(version);
        let done = history.run(RunId(1)).unwrap().expect("the run");
        let failed = Err(CallFailure {
            message: "reach it".into(),
            retryable: true,
            retry_after: None,
            status: None,
            effect: CallEffect::Possible,
            during_outage: false,
        });
        let log = [
            attempt(1, later(0), failed),
            LogEntry::Revived { at: later(1) },
            attempt(1, later(2), Ok(Reply { value: json!(1) })),
        ];
        assert_eq!(
            (done.row.state, done.row.attempts, done.log),
            (RunState::Done, 2, log.to_vec())
        );
        assert_eq!(store.run(RunId(1)).await.unwrap().unwrap().log, log);
        let waiting = history.run(RunId(6)).unwrap().expect("the run");
        let rule = waiting.rule.rule.expect("it compiles with its named flow");
        assert_eq!((rule.name.as_str(), rule.version.parts().len()), ("n", 1));
        assert_eq!(waiting.row.state, RunState::Waiting { until: later(900) });
        assert_eq!(claimed(&store).await, [RunId(2)], "the owner of the lane");
        to(&store, RunId(2), RunState::Done).await;
        assert_eq!(claimed(&store).await, [RunId(3)], "the next of the lane");
        let new = store.commit(arrival("new", &live_rule("a"))).await.unwrap();
        assert_eq!(new.runs[0].id, RunId(7));
    }
}

#[tokio::test]
async fn events_are_found_with_their_revision_and_known_when_they_are_redelivered() {
    for version in versions() {
        let (_folder, store, history) = upgraded(version);
        let first = find(&history, "e1");
        assert_eq!((first.redelivered, first.last_came), (2, Some(later(9))));
        let record = history.event(first.row).unwrap().expect("the event");
        let past = history.revision(first.revision, &record.event).unwrap();
        let past = past.expect("the revision");
        assert_eq!(past.since, later(-60));
        assert_eq!(past.rules.rules[0].name, "a");
        assert!(!find(&history, "e6").matched);
        let archive = history
            .archive(&ArchiveFilter::default(), None, 99)
            .unwrap();
        assert_eq!((archive[0].id.as_str(), archive.len()), ("e1", 6));
        assert!(archive.iter().all(|event| !event.had_runs));
        let again = store.commit(arrival("e1", &live_rule("a"))).await.unwrap();
        assert!(again.redelivered);
        assert_eq!(again.runs[0].id, RunId(1));
        assert_eq!(find(&history, "e1").redelivered, 3);
    }
}

#[tokio::test]
async fn windows_and_gates_are_as_before() {
    for version in versions() {
        let (_folder, store, history) = upgraded(version);
        let window = history.open_window("d", "ticket.id 7", later(10)).unwrap();
        let window = window.expect("it is open");
        assert_eq!((window.run, window.events), (RunId(5), 2));
        let check = GateCheck {
            kind: GateKind::Dedupe,
            window: ScheduledDuration::always(Duration::from_secs(60)),
            value: "ticket.id 7".into(),
            time: None,
        };
        let facts = history.gate_history("a", &check, None, later(30)).unwrap();
        assert_eq!(facts.oldest, Some((RunId(1), later(1))));
        let mut gated = arrival("gated", &live_rule("a"));
        (gated.received, gated.planned[0].asks) = (later(30), vec![check.clone()]);
        let gated = store.commit(gated).await.unwrap();
        assert_eq!(gated.runs[0].state.gate(), Some("dedupe"));
        assert_ne!(check.decide(&facts), GateDecision::Admit);
        let guard = loop_check();
        let (facts, _) = history.loop_history("a", &guard, later(10)).unwrap();
        assert_eq!(facts.cause, Some((RunId(1), 0)));
        let due = ClaimRequest {
            now: later(70),
            ..everything()
        };
        let runs = store.claim(due).await.unwrap();
        let gathered = runs
            .iter()
            .find(|run| run.id == RunId(5))
            .expect("it is due");
        let ids: Vec<&str> = gathered
            .events
            .iter()
            .map(|event| event.id.as_str())
            .collect();
        assert_eq!(ids, ["e4", "e5"]);
    }
}
