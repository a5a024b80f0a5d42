//! Measures a store with many runs that wait for events: commits of types that nothing waits for, a start, events that
//! continue a run, and claims of waits that are due. `WAITS=1000000` sets how many runs wait.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use flowtrigger::store::awaited::AwaitedSubject;
use flowtrigger::store::{
    Advance, ArrivalKind, ClaimRequest, IncomingEvent, PlannedRun, Revision, RevisionId,
    SqliteStore, Store, StoreSettings,
};
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{LogEntry, RunState};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::store::{arrival, event, rule};
use super::yardstick::median;

const ROUNDS: usize = 7;
/// Commits of one round.
const COMMITS: usize = 400;

const RULE: &str = "name: waits
event_source: support
event_type: ticket.TicketCreated
flow:
- name: reply
  wait_for: { event_type: ticket.CommentAdded, same: ticket.id, within: 8h }
- succeed: fine
";

fn waiting_rule() -> Arc<Rule> {
    let mut files = Files::default();
    let file = files.add("waits.yaml", RULE);
    let set = rule_set::rule_set(
        &Arc::new(files),
        &[file],
        &Config::default(),
        &mut Diagnostics::default(),
    );
    Arc::clone(&set.rules[0])
}

fn settings() -> StoreSettings {
    let mut settings = StoreSettings::keeping_everything();
    settings.limits.backlog = 10_000_000;
    settings.limits.per_rule_backlog = 10_000_000;
    settings.limits.waiters = 10_000_000;
    settings
}

fn ticket_event(event_type: &str, id: String, ticket: usize) -> Event {
    Event {
        event_type: event_type.into(),
        id,
        key: Some(ticket.to_string()),
        time: Some(Timestamp::now()),
        body: json!({"ticket": {"id": ticket}}),
        about: json!({}),
        raw: json!({}).into(),
        ..event()
    }
}

fn incoming(event: Event, rule: Option<&Arc<Rule>>) -> IncomingEvent {
    let planned = rule.map(|rule| PlannedRun::new(rule, &event));
    IncomingEvent {
        event: Arc::new(event),
        received: Timestamp::now(),
        revision: RevisionId::default(),
        planned: planned.into_iter().collect(),
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

/// A store that knows what the rule waits for.
async fn open(path: &Path) -> SqliteStore {
    let (store, _) = SqliteStore::open(path, settings()).unwrap();
    let revision = Revision {
        files: Vec::new(),
        config: Arc::default(),
        settings: settings(),
        awaited: AwaitedSubject::of_rules([&*waiting_rule()]),
    };
    store.set_revision(revision).await.unwrap();
    store
}

/// Lets so many runs wait until a time.
async fn fill(store: &SqliteStore, count: usize, until: Timestamp) {
    let rule = waiting_rule();
    for tickets in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let arrivals = tickets.iter().map(|ticket| {
            let event = ticket_event("ticket.TicketCreated", format!("t{ticket}"), *ticket);
            incoming(event, Some(&rule))
        });
        store.commit_all(arrivals.collect()).await.unwrap();
        let claimed = store.claim(up_to(1_000, Timestamp::now())).await.unwrap();
        let advances = claimed.into_iter().map(|run| Advance {
            run: run.id,
            claim: Some(run.claim),
            entries: vec![LogEntry::Waiting {
                step: "reply".into(),
                at: Timestamp::now(),
                until,
            }],
            state: Some(RunState::Awaiting {
                step: "reply".into(),
                until,
            }),
        });
        for advanced in store.advance_all(advances.collect()).await {
            advanced.unwrap();
        }
    }
}

fn up_to(limit: usize, now: Timestamp) -> ClaimRequest {
    ClaimRequest {
        limit,
        per_rule: limit,
        now,
    }
}

/// Commits per second of an event of a type that nothing waits for, one after the other.
async fn commit_rate(store: &SqliteStore, round: usize) -> f64 {
    let (event, rule) = (event(), rule());
    let began = Instant::now();
    for number in 0..COMMITS {
        let id = format!("{round}-{number}");
        let arrival = arrival(&event, &rule, id.clone(), Some(id));
        store.commit(arrival).await.unwrap();
    }
    COMMITS as f64 / began.elapsed().as_secs_f64()
}

pub fn waits() {
    let count = std::env::var("WAITS").ok();
    let count = count
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000);
    println!("store: with {count} runs that wait for events");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("s.db");
    let due = Timestamp::now() + SignedDuration::from_hours(8);
    let store = runtime.block_on(open(&path));
    let began = Instant::now();
    runtime.block_on(fill(&store, count, due));
    println!("  filled in {:.0} s", began.elapsed().as_secs_f64());
    runtime.block_on(commits(&store, folder.path()));
    runtime.block_on(answers(&store, count));
    drop(store);
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let (store, _) = SqliteStore::open(&path, settings()).unwrap();
        runtime.block_on(store.next_due()).unwrap();
        took.push(began.elapsed().as_secs_f64());
        drop(store);
    }
    println!("  a start, up to the first question: {:.2} s", median(took));
    let store = runtime.block_on(open(&path));
    runtime.block_on(expiries(&store, due));
}

/// Commits on this store and on an empty one, in turn.
async fn commits(store: &SqliteStore, folder: &Path) {
    let empty = open(&folder.join("empty.db")).await;
    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let with = commit_rate(store, round).await;
        let without = commit_rate(&empty, round).await;
        ratios.push(without / with);
    }
    let ratio = median(ratios);
    println!(
        "  a commit of a type that nothing waits for: {ratio:.2} times that on an empty store"
    );
}

/// An event that continues a run, compared with one that matches nothing of its value.
async fn answers(store: &SqliteStore, count: usize) {
    let mut took = [Vec::new(), Vec::new()];
    for number in 0..200 {
        for (kind, ticket) in [number * (count / 200).max(1), count + number]
            .into_iter()
            .enumerate()
        {
            let id = format!("c{kind}-{number}");
            let comment = incoming(ticket_event("ticket.CommentAdded", id, ticket), None);
            let began = Instant::now();
            let committed = store.commit(comment).await.unwrap();
            took[kind].push(began.elapsed().as_secs_f64());
            assert_eq!(committed.continued.len(), 1 - kind);
        }
    }
    let [one, none] = took.map(median);
    println!(
        "  an event that continues a run: {:.2} times one that nothing waits for by its value",
        one / none
    );
}

/// Claims of waits that are all due at the same time.
async fn expiries(store: &SqliteStore, due: Timestamp) {
    let began = Instant::now();
    let first = store.claim(up_to(16, due)).await.unwrap();
    let first_took = began.elapsed().as_secs_f64();
    assert!(!first.is_empty());
    let (began, mut ended) = (Instant::now(), 0);
    while ended < 10_000 {
        let claimed = store.claim(up_to(256, due)).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        ended += claimed.len();
        let advances = claimed.into_iter().map(|run| Advance {
            run: run.id,
            claim: Some(run.claim),
            entries: Vec::new(),
            state: Some(RunState::Done),
        });
        for advanced in store.advance_all(advances.collect()).await {
            advanced.unwrap();
        }
    }
    let rate = ended as f64 / began.elapsed().as_secs_f64();
    println!(
        "  waits that are due together: the first 16 claimed after {first_took:.3} s, then {rate:.0} runs end per second"
    );
}
