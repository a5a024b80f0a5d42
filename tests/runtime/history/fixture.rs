//! A data folder with events, rules and runs of known times.
//! It writes rows as the store writes them and checks nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::store::sqlite::codec;
use flowtrigger::store::sqlite::codec::event::encode_event;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::{Config, ConfigSource};
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use flowtrigger_core::run::{Attempt, LogEntry, RunId, RunState};
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

const SCHEMA: [&str; 18] = [
    include_str!("../../../src/store/sqlite/migrations/0001_start.sql"),
    include_str!("../../../src/store/sqlite/migrations/0002_loops.sql"),
    include_str!("../../../src/store/sqlite/migrations/0003_flows.sql"),
    include_str!("../../../src/store/sqlite/migrations/0004_names.sql"),
    include_str!("../../../src/store/sqlite/migrations/0005_endpoints.sql"),
    include_str!("../../../src/store/sqlite/migrations/0006_deliveries.sql"),
    include_str!("../../../src/store/sqlite/migrations/0007_writes.sql"),
    include_str!("../../../src/store/sqlite/migrations/0008_exchanges.sql"),
    include_str!("../../../src/store/sqlite/migrations/0009_replays.sql"),
    include_str!("../../../src/store/sqlite/migrations/0010_deliveries.sql"),
    include_str!("../../../src/store/sqlite/migrations/0011_differing_bodies.sql"),
    include_str!("../../../src/store/sqlite/migrations/0012_replayed_events.sql"),
    include_str!("../../../src/store/sqlite/migrations/0013_page.sql"),
    include_str!("../../../src/store/sqlite/migrations/0014_notices.sql"),
    include_str!("../../../src/store/sqlite/migrations/0015_suspensions.sql"),
    include_str!("../../../src/store/sqlite/migrations/0016_traces.sql"),
    include_str!("../../../src/store/sqlite/migrations/0017_time.sql"),
    include_str!("../../../src/store/sqlite/migrations/0018_shadow_versions.sql"),
];

/// A rule that pages when an important ticket turns urgent; a file holds a second one after it.
pub const RULES: &str = r#"name: page-urgent
event_source: support
event_type: ticket.PriorityChanged
when:
  current: urgent
  ticket.tags: { has: vip }
flow:
  - name: org
    http: { url: "https://desk.example/orgs/{{ ticket.organization_id }}" }
  - name: page
    http: { method: POST, url: "https://pager.example/page", json: { ticket: "{{ ticket.id }}" } }
---
name: note-calm
event_source: support
event_type: [ticket.PriorityChanged, ticket.StatusChanged]
when:
  current: low
flow:
  - succeed: noted
"#;

pub struct Data {
    folder: tempfile::TempDir,
    pub sql: Connection,
}

/// An revision with its compiled rules.
pub struct Edition {
    pub row: i64,
    pub rules: RuleSet,
    config: i64,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A change of priority on a ticket.
pub fn priority(ticket: u64, current: &str, time: &str) -> Event {
    let value = json!({"account_id": 1, "input": {"ticket_event": {
        "type": "Priority Changed",
        "meta": {"occurred_at": time, "sequence": {"id": format!("SEQ{ticket}"), "position": 1, "total": 1}},
        "previous": "normal",
        "current": current,
        "ticket": {"id": ticket, "tags": ["vip"], "organization_id": 5, "status": "open", "priority": current},
    }}});
    let value = parse(value.to_string().as_bytes()).expect("JSON").value;
    decode(value, Catalogue::built_in()).expect("an event")
}

pub fn failed(step: &str, number: u32, at: Timestamp, message: &str) -> LogEntry {
    attempt(
        step,
        number,
        at,
        Err(CallFailure {
            message: message.into(),
            retryable: true,
            retry_after: None,
            status: None,
            effect: CallEffect::Possible,
            during_outage: false,
        }),
    )
}

pub fn succeeded(step: &str, at: Timestamp, result: Value) -> LogEntry {
    attempt(step, 1, at, Ok(Reply { value: result }))
}

fn attempt(step: &str, number: u32, at: Timestamp, outcome: CallResult) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: step.into(),
        number,
        started: at,
        took: std::time::Duration::from_millis(120),
        outcome,
    })
}

impl Data {
    /// An empty database, closed to no one.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sql = Connection::open(folder.path().join("flowtrigger.db")).expect("a file");
        let settings = "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;";
        sql.execute_batch(settings).expect("settings");
        sql.execute_batch(&SCHEMA.concat()).expect("the schema");
        sql.pragma_update(None, "user_version", SCHEMA.len() as i64)
            .expect("a version");
        Self { folder, sql }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("flowtrigger.db")
    }

    fn insert(&self, sql: &str, params: impl rusqlite::Params) -> i64 {
        self.sql.execute(sql, params).expect("a row");
        self.sql.last_insert_rowid()
    }

    pub fn revision(&self, files: &[(&str, &str)], config: &str, since: &str) -> Edition {
        let source =
            ConfigSource::new("flowtrigger.yaml".into(), config.into(), Default::default());
        let insert = "INSERT OR IGNORE INTO configs (digest, file, text, environment)
            VALUES (?1, ?2, ?3, '{}')";
        let row = params![source.fingerprint, &*source.file, self.text(config)];
        self.insert(insert, row);
        let config = "SELECT id FROM configs WHERE digest = ?1";
        let config = self
            .sql
            .query_row(config, [source.fingerprint], |row| row.get(0));
        let config: i64 = config.expect("a configuration");
        let list: Vec<Value> = files
            .iter()
            .map(|(name, text)| json!([name, self.text(text)]))
            .collect();
        let row = self.insert(
            "INSERT INTO revisions (digest, config, files, since) VALUES (randomblob(16), ?1, ?2, ?3)",
            params![config, Value::from(list).to_string(), codec::micros(at(since))],
        );
        self.insert(
            "INSERT INTO activations (revision, at) VALUES (?1, ?2)",
            params![row, codec::micros(at(since))],
        );
        Edition {
            row,
            rules: compiled(files, &source.compile()),
            config,
        }
    }

    fn text(&self, text: &str) -> i64 {
        let sql = "INSERT INTO texts (digest, text) VALUES (randomblob(16), ?1)";
        self.insert(sql, [text])
    }

    /// An event that came, and how often it came again.
    pub fn event(&self, event: &Event, received: &str, revision: &Edition, again: u32) -> i64 {
        let body = encode_event(event);
        let received = codec::micros(at(received));
        let last = (again > 0).then_some(received + 60_000_000);
        self.insert(
            "INSERT INTO events (source, type, event_id, key, received, revision, matched,
                redelivered, last_received, body, size, endpoint) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11)",
            params![
                event.source,
                event.event_type,
                event.id,
                event.key,
                received,
                revision.row,
                again,
                last,
                body,
                body.len() as i64,
                event.endpoint,
            ],
        )
    }

    /// A run of a rule for an event, planned when the event came.
    pub fn run(
        &self,
        event: i64,
        revision: &Edition,
        rule: &str,
        state: &RunState,
        log: &[LogEntry],
    ) -> RunId {
        let rules = &revision.rules.rules;
        let rule = rules.iter().find(|r| r.name == rule).expect("a rule");
        let queue = "INSERT OR IGNORE INTO queues (rule) VALUES (?1)";
        self.insert(queue, [&rule.name]);
        let version = &rule.version;
        self.sql
            .execute(
                "INSERT OR IGNORE INTO rules (digest, name, file, line, document, config)
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    version.fingerprint,
                    rule.name,
                    &**version.file(),
                    version.line,
                    version.document(),
                    revision.config
                ],
            )
            .expect("a rule's row");
        let due = state.due().map(codec::micros);
        self.sql
            .execute("UPDATE events SET matched = 1 WHERE id = ?1", [event])
            .expect("an event");
        let run = self.insert(
            "INSERT INTO runs (event, rule, queue, generation, lane, state, why, gate, asks, planned,
                changed, position, due)
             SELECT e.id, r.id, q.id, 0, e.key, ?4, ?5, ?6, NULL, e.received, e.received, 0, ?7
                FROM events e, rules r, queues q
                WHERE e.id = ?1 AND r.digest = ?2 AND q.rule = ?3",
            params![
                event,
                version.fingerprint,
                rule.name,
                state.as_str(),
                state.why(),
                state.gate(),
                due
            ],
        );
        for (number, line) in log.iter().enumerate() {
            self.line(run, number as i64, line);
        }
        self.insert(
            "UPDATE runs SET
                attempts = (SELECT count(*) FROM log_entries WHERE run = ?1 AND kind = 'attempt'),
                failed = (SELECT json_extract(detail, '$.message') FROM log_entries
                    WHERE run = ?1 AND outcome = 'failed' ORDER BY number DESC LIMIT 1)
                WHERE id = ?1",
            params![run],
        );
        RunId(run as u64)
    }

    fn line(&self, run: i64, number: i64, line: &LogEntry) {
        let row = codec::log_entry::log_row(line).expect("a line that is kept");
        self.insert(
            "INSERT INTO log_entries (run, number, kind, step, attempt, at, took, outcome, detail)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                run,
                number,
                row.kind,
                row.step,
                row.number,
                row.at,
                row.took,
                row.outcome,
                row.detail
            ],
        );
    }
}

fn compiled(texts: &[(&str, &str)], config: &Config) -> RuleSet {
    let mut files = Files::default();
    let ids: Vec<_> = texts
        .iter()
        .map(|(name, text)| files.add(*name, *text))
        .collect();
    let mut diagnostics = Diagnostics::default();
    let rules = rule_set::rule_set(&Arc::new(files), &ids, config, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    rules
}
