//! A data folder with many events, runs and requests of one week, written through the store itself, in the order in
//! which they were received.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowtrigger::store::{
    ArrivalKind, ClaimRequest, ClaimedRun, DeliveredEvents, Delivery, DeliveryOutcome,
    DeliveryPart, IncomingEvent, PlannedRun, Revision, RevisionId, SqliteStore, Store,
    StoreSettings, UnmatchedEvent,
};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::run::call_result::{CallEffect, CallFailure, CallResult, Reply};
use flowtrigger_core::run::exchange::{
    AttemptEnd, BodyContent, CapturedBody, Exchange, ExchangeText, ExchangeTiming, HttpAnswer,
    HttpExchange, RecordedExchange, RequestChanges,
};
use flowtrigger_core::run::{Attempt, LogEntry, RunState};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::repository;
use crate::rules;

/// Every such event matches a rule.
const MATCHING: usize = 10;
/// Every such run dies.
const DYING: usize = 50;
/// Every such request is followed by one that is rejected.
const REJECTING: usize = 100;
const RULES: usize = 20;
/// A ticket with every such event.
pub const BUSY_TICKET: usize = 42;
const OF_BUSY_TICKET: usize = 1_000;
/// Events that are written together; the buffer of the archive holds more.
const BATCH: usize = 500;
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How much to write.
#[derive(Debug, Clone, Copy)]
pub struct LargeFolder {
    /// A tenth of them has a run.
    pub events: usize,
    /// When the last one is received.
    pub end: Timestamp,
}

/// Names of what was written, for questions.
#[derive(Debug, Clone)]
pub struct Written {
    /// An event with a run that died, in the middle of the week.
    pub event: String,
    pub ticket: String,
    pub received: Timestamp,
    pub run: u64,
    pub rule: String,
}

struct Writer {
    store: SqliteStore,
    rules: RuleSet,
    revision: RevisionId,
    template: String,
}

impl LargeFolder {
    /// Writes the database of a data folder.
    pub async fn write(self, database: &Path) -> Written {
        let writer = Writer::open(database).await;
        let mut written = None;
        for first in (0..self.events).step_by(BATCH) {
            let numbers = first..(first + BATCH).min(self.events);
            let dead = writer.write(self, numbers).await;
            if first <= self.events / 2 {
                written = dead.or(written);
            }
        }
        writer.store.flush().await.expect("the store can write");
        written.expect("a run died")
    }

    fn received(self, number: usize) -> Timestamp {
        let left = (self.events - number) as f64 / self.events as f64;
        let before = SignedDuration::from_secs_f64(WEEK.as_secs_f64() * left);
        self.end - before
    }

    /// About ten events of each ticket, and many of one.
    fn ticket(self, number: usize) -> usize {
        match number % OF_BUSY_TICKET {
            0 => BUSY_TICKET,
            _ => 100_000 + number * 7_919 % (self.events / 10),
        }
    }
}

/// The rule files of the folder, with their names.
pub fn rule_files() -> Vec<(String, String)> {
    let file = |number: usize| {
        let text = format!(
            "name: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: {{ current: urgent, ticket.id: {{ gt: {number} }} }}\nflow:\n- name: page\n  http: {{ url: \"https://pager.example/{number}\" }}\n"
        );
        (format!("rules/rule-{number}.yaml"), text)
    };
    (0..RULES).map(file).collect()
}

impl Writer {
    async fn open(database: &Path) -> Self {
        let files = rule_files();
        let names: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let rules = rules::load(&names, &Config::default());
        let settings = unlimited();
        let (store, _) = SqliteStore::open(database, settings.clone()).expect("a new store");
        let revision = Revision {
            files: names
                .iter()
                .map(|(name, text)| (Arc::from(*name), Arc::from(*text)))
                .collect(),
            config: Arc::clone(rules.rules[0].version.config()),
            settings,
            awaited: Vec::new(),
        };
        let revision = store.set_revision(revision).await.expect("a revision");
        Self {
            store,
            rules,
            revision,
            template: template(),
        }
    }

    /// Writes some events with their requests and runs. Returns a run that died.
    async fn write(&self, folder: LargeFolder, numbers: std::ops::Range<usize>) -> Option<Written> {
        let mut matched = Vec::new();
        for number in numbers {
            let received = folder.received(number);
            let (event, text) = self.event(number, folder.ticket(number));
            let delivery = self.store.next_delivery();
            let part = Some(DeliveryPart {
                delivery,
                index: None,
            });
            let request = Delivery {
                id: delivery,
                ..request(&event, received, text.len(), number % MATCHING == 0)
            };
            if number % MATCHING == 0 {
                let rule = &self.rules.rules[number / MATCHING % RULES];
                let planned = PlannedRun {
                    lane: None,
                    loop_ask: None,
                    asks: Vec::new(),
                    ..PlannedRun::new(rule, &event)
                };
                matched.push(IncomingEvent {
                    event: Arc::new(event),
                    received,
                    revision: self.revision,
                    planned: vec![planned],
                    occasion: ArrivalKind::Delivery,
                    delivery: part,
                });
            } else {
                let scanned = UnmatchedEvent::Scanned {
                    brief: Arc::new(EventSummary::from_event(&event)),
                    raw: text.into(),
                };
                self.store
                    .archive_unmatched(scanned, self.revision, received, part);
            }
            self.store.record_delivery(request);
            if number % REJECTING == REJECTING - 1 {
                self.store.record_delivery(rejected(&self.store, received));
            }
        }
        self.store.flush().await.expect("the store can write");
        self.finish_runs(matched).await
    }

    async fn finish_runs(&self, events: Vec<IncomingEvent>) -> Option<Written> {
        let count = events.len();
        let committed = self.store.commit_all(events).await;
        committed.expect("the events are accepted");
        let everything = ClaimRequest {
            limit: count,
            per_rule: count,
            now: Timestamp::now(),
        };
        let runs = self.store.claim(everything).await.expect("the runs");
        assert_eq!(runs.len(), count);
        let mut ends = JoinSet::new();
        let mut written = None;
        for run in runs {
            let dies = run.id.0 as usize % DYING == DYING - 1;
            if dies {
                written = Some(name(&self.store, &run).await);
            }
            let store = self.store.clone();
            ends.spawn(async move {
                let (log, state) = end(run.id.0 as usize, dies);
                let exchanges: Vec<_> = log
                    .iter()
                    .filter_map(LogEntry::attempt)
                    .map(|attempt| exchange(&run, attempt))
                    .collect();
                let stored = store.advance(run.id, log, Some(state)).await;
                exchanges
                    .into_iter()
                    .for_each(|exchange| store.record_exchange(exchange));
                stored
            });
        }
        while let Some(ended) = ends.join_next().await {
            ended.expect("no panic").expect("the run has ended");
        }
        self.store.flush().await.expect("the store can write");
        written
    }

    fn event(&self, number: usize, ticket: usize) -> (Event, String) {
        let text = self
            .template
            .replace("987654321", &ticket.to_string())
            .replace("SEQUENCE", &format!("{number:032X}"));
        let value = parse(text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        (event, text)
    }
}

async fn name(store: &SqliteStore, run: &ClaimedRun) -> Written {
    let record = store.run(run.id).await.expect("a read").expect("the run");
    Written {
        event: run.event.id.clone(),
        ticket: run.event.key.clone().expect("a ticket"),
        received: record.received,
        run: run.id.0,
        rule: run.rule.name.clone(),
    }
}

/// Nothing is deleted and nothing is rejected.
fn unlimited() -> StoreSettings {
    let mut settings = StoreSettings::default();
    settings.limits.backlog = 1_000_000;
    settings.limits.per_rule_backlog = 1_000_000;
    for at_most in [
        &mut settings.retention.at_most,
        &mut settings.archive.at_most,
    ] {
        *at_most = 1 << 40;
    }
    for keep_for in [
        &mut settings.retention.keep_for,
        &mut settings.archive.keep_for,
    ] {
        *keep_for = Duration::from_secs(365 * 86_400);
    }
    settings
}

/// The sample event, with marks for its ticket and its sequence.
fn template() -> String {
    let path: PathBuf = repository::path("examples/events/zis/priority-changed.json");
    let text = std::fs::read_to_string(path).expect("a sample");
    let mut value: Value = serde_json::from_str(&text).expect("JSON");
    value["input"]["ticket_event"]["ticket"]["id"] = 987_654_321.into();
    value["input"]["ticket_event"]["meta"]["sequence"]["id"] = "SEQUENCE".into();
    value.to_string()
}

fn request(event: &Event, received: Timestamp, size: usize, matches: bool) -> Delivery {
    Delivery {
        id: Default::default(),
        received,
        endpoint: Some("support".into()),
        source: Some("support".into()),
        method: "POST".into(),
        path: "/events/support".into(),
        peer: "192.0.2.1".parse().ok(),
        status: 200,
        size: Some(size as u64),
        outcome: DeliveryOutcome::Accepted(DeliveredEvents {
            count: 1,
            matched: u64::from(matches),
            redelivered: 0,
            differed: 0,
            first: event.id.clone(),
        }),
    }
}

fn rejected(store: &SqliteStore, received: Timestamp) -> Delivery {
    Delivery {
        id: store.next_delivery(),
        received,
        endpoint: Some("support".into()),
        source: Some("support".into()),
        method: "POST".into(),
        path: "/events/support".into(),
        peer: "192.0.2.1".parse().ok(),
        status: 400,
        size: Some(44),
        outcome: DeliveryOutcome::Rejected {
            reason: "unsound".into(),
            detail: "not JSON: line 1, column 44".into(),
        },
    }
}

/// Most runs succeed, after a failure in one of ten.
fn end(run: usize, dies: bool) -> (Vec<LogEntry>, RunState) {
    let failure = || {
        Err(CallFailure {
            message: "answered 503 Service Unavailable".into(),
            retryable: true,
            retry_after: None,
            status: Some(503),
            effect: CallEffect::Possible,
            during_outage: false,
        })
    };
    let answer = json!({"status": 200, "body": {"text": "x".repeat(400)}});
    let success = || {
        Ok(Reply {
            value: answer.clone(),
        })
    };
    if dies {
        let why = "page: answered 503 Service Unavailable".to_owned();
        let log = (1..=5).map(|number| attempt(number, failure()));
        return (log.collect(), RunState::Dead { why });
    }
    let log = match run % 10 {
        0 => vec![attempt(1, failure()), attempt(2, success())],
        _ => vec![attempt(1, success())],
    };
    (log, RunState::Done)
}

fn attempt(number: u32, outcome: CallResult) -> LogEntry {
    LogEntry::Attempt(Attempt {
        step: "page".into(),
        number,
        started: Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(40),
        outcome,
    })
}

/// The exchange of an attempt: a request for the ticket, with an answer of some hundred bytes.
fn exchange(run: &ClaimedRun, attempt: &Attempt) -> RecordedExchange {
    let ticket = run.event.key.as_deref().unwrap_or_default();
    let url = format!("https://pager.example/tickets/{ticket}");
    let body = |text: String| {
        Some(CapturedBody {
            size: text.len() as u64,
            content: BodyContent::Text(ExchangeText::plain(text)),
            cut: false,
        })
    };
    let http = Exchange::Http(Box::new(HttpExchange {
        method: "POST".into(),
        url: ExchangeText::plain(url),
        headers: Vec::new(),
        body: body(format!("{{\"ticket\":{ticket}}}")),
        response: Some(HttpAnswer {
            status: if attempt.outcome.is_ok() { 200 } else { 503 },
            headers: Vec::new(),
            headers_cut: false,
            body: body("x".repeat(400)),
        }),
        redirects: Vec::new(),
        address: Some("192.0.2.9:443".into()),
        connection: Default::default(),
        timing: ExchangeTiming::default(),
        changes: RequestChanges::default(),
    }));
    RecordedExchange {
        run: run.id,
        step: attempt.step.clone(),
        attempt: attempt.number,
        started: attempt.started,
        target: http.target(),
        end: Some(AttemptEnd::of(attempt)),
        exchange: Some(http),
    }
}
