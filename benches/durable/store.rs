//! Measures the store: concurrent commits, claims from a long queue, a start with many runs.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowtrigger::store::{
    ArrivalKind, ClaimRequest, IncomingEvent, PlannedRun, RevisionId, SqliteStore, Store,
    StoreSettings,
};
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunState;
use jiff::Timestamp;

use super::yardstick::{median, rate, single};

const ROUNDS: usize = 5;

pub fn rule() -> Arc<Rule> {
    let text = "name: tell\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n- succeed: told\n";
    let mut files = Files::default();
    let file = files.add("tell.yaml", text);
    let config = Config::default();
    let set = rule_set::rule_set(
        &Arc::new(files),
        &[file],
        &config,
        &mut Diagnostics::default(),
    );
    Arc::clone(&set.rules[0])
}

pub fn event() -> Event {
    let text = fs::read("examples/events/zis/priority-changed.json").unwrap();
    decode(parse(&text).unwrap().value, Catalogue::built_in()).unwrap()
}

pub fn arrival(event: &Event, rule: &Arc<Rule>, id: String, lane: Option<String>) -> IncomingEvent {
    IncomingEvent {
        event: Arc::new(Event {
            id,
            ..event.clone()
        }),
        received: Timestamp::now(),
        revision: RevisionId::default(),
        planned: vec![PlannedRun {
            rule: Arc::clone(rule),
            mode: rule.mode,
            lane,
            asks: Vec::new(),
            waiters: Vec::new(),
            counterpart: None,
            loop_ask: None,
        }],
        occasion: ArrivalKind::Delivery,
        delivery: None,
    }
}

fn settings() -> StoreSettings {
    let mut settings = StoreSettings::default();
    settings.limits.backlog = 1_000_000;
    settings.limits.per_rule_backlog = 1_000_000;
    settings
}

/// Returns commits per second for a number of callers.
async fn commit_rate(callers: usize, store: &SqliteStore, round: usize) -> f64 {
    let (event, rule) = (Arc::new(event()), rule());
    let each = (4_000 / callers).max(20);
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let (store, event, rule) = (store.clone(), Arc::clone(&event), Arc::clone(&rule));
        tasks.spawn(async move {
            for number in 0..each {
                let id = format!("{round}-{callers}-{caller}-{number}");
                let arrival = arrival(&event, &rule, id.clone(), Some(id));
                store.commit(arrival).await.unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    (callers * each) as f64 / began.elapsed().as_secs_f64()
}

pub fn commits() {
    println!("store: commits with an event and a run, as a ratio to single commits");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for callers in [1, 16, 64, 256] {
        let ratios = (0..ROUNDS).map(|round| {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let yardstick = single(folder.path());
            let (store, _) = SqliteStore::open(&folder.path().join("s.db"), settings()).unwrap();
            let before = rate(&yardstick);
            let measured = runtime.block_on(commit_rate(callers, &store, round));
            let after = rate(&yardstick);
            measured / ((before + after) / 2.0)
        });
        println!(
            "  {callers:>4} callers  {:.1} times",
            median(ratios.collect())
        );
    }
}

pub fn claims() {
    println!("store: one claim and the end of its run, by runs queued in one lane");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut first = None;
    for queued in [100, 1_000, 10_000, 100_000] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let (store, _) = SqliteStore::open(&folder.path().join("s.db"), settings()).unwrap();
        runtime.block_on(fill(&store, queued, Some("7")));
        let mut took = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            let claimed = runtime.block_on(store.claim(one())).unwrap();
            took.push(began.elapsed().as_secs_f64() * 1e6);
            let done = store.advance(claimed[0].id, Vec::new(), Some(RunState::Done));
            runtime.block_on(done).unwrap();
        }
        let took = median(took);
        let first = *first.get_or_insert(took);
        println!(
            "  {queued:>7} queued  {:.2} times that of 100",
            took / first
        );
    }
}

fn one() -> ClaimRequest {
    ClaimRequest {
        limit: 1,
        per_rule: 16,
        now: Timestamp::now(),
    }
}

async fn fill(store: &SqliteStore, count: usize, lane: Option<&str>) {
    let (event, rule) = (event(), rule());
    for chunk in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let arrivals = chunk.iter().map(|number| {
            let lane = lane.map_or_else(|| number.to_string(), str::to_owned);
            arrival(&event, &rule, number.to_string(), Some(lane))
        });
        store.commit_all(arrivals.collect()).await.unwrap();
    }
}

pub fn restart() {
    println!("store: a start with 100,000 queued runs, up to the first claim");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("s.db");
    let (store, _) = SqliteStore::open(&path, settings()).unwrap();
    runtime.block_on(fill(&store, 100_000, None));
    drop(store);
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        std::thread::sleep(Duration::from_millis(300));
        let began = Instant::now();
        let (store, _) = SqliteStore::open(&path, settings()).unwrap();
        let claimed = runtime.block_on(store.claim(one())).unwrap();
        took.push(began.elapsed().as_secs_f64());
        let back = store.advance(claimed[0].id, Vec::new(), Some(RunState::Queued));
        runtime.block_on(back).unwrap();
    }
    println!("  {:.2} s", median(took));
}
