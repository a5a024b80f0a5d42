//! The load: events with a `dedupe` gate and a lane that each lead to one run, and workers that execute the runs.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flowtrigger::store::{
    Advance, ArrivalKind, ClaimRequest, ClaimedRun, IncomingEvent, PlannedRun, RevisionId, Store,
};
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::format::decode;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::gate::{GateCheck, GateKind};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::{Attempt, LogEntry, Reply, RunState};
use flowtrigger_core::schedule::ScheduledDuration;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::task::JoinSet;

/// Values by which runs are executed one at a time.
const LANES: usize = 5_000;
/// Rules among which events are spread.
const RULES: usize = 10;

/// What all senders and workers of a measurement share.
pub struct Load {
    event: Event,
    rules: Vec<Arc<Rule>>,
    prefix: &'static str,
    next: AtomicUsize,
    pub done: AtomicU64,
    /// Places for events that are not done.
    open: Semaphore,
    /// From the receipt of an event to the end of its run.
    pub latencies: std::sync::Mutex<Vec<Duration>>,
    /// When an event was sent.
    sent: std::sync::Mutex<HashMap<String, Instant>>,
    pub action: Duration,
    /// Whether a start is written before the action, as for a command that must not run twice.
    pub holds: bool,
}

/// How a daemon works.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    pub senders: usize,
    /// Runs at the same time.
    pub workers: usize,
}

fn rule(name: &str) -> Arc<Rule> {
    let text = format!(
        "name: {name}\nevent_source: support\nevent_type: ticket.PriorityChanged\nflow:\n- succeed: told\n"
    );
    let mut files = Files::default();
    let file = files.add("tell.yaml", &*text);
    let config = Config::default();
    let set = rule_set::rule_set(
        &Arc::new(files),
        &[file],
        &config,
        &mut Diagnostics::default(),
    );
    Arc::clone(&set.rules[0])
}

fn event() -> Event {
    let text = fs::read("examples/events/zis/priority-changed.json").expect("an example");
    let parsed = parse(&text).expect("JSON").value;
    decode(parsed, Catalogue::built_in()).expect("an event")
}

impl Load {
    /// `open` events may be unfinished at the same time. Without a time for the action, it is a command that must not run
    /// twice.
    pub fn new(prefix: &'static str, open: usize, action: Duration) -> Arc<Self> {
        Arc::new(Self {
            event: event(),
            rules: (0..RULES)
                .map(|number| rule(&format!("tell_{number}")))
                .collect(),
            prefix,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            open: Semaphore::new(open),
            latencies: std::sync::Mutex::default(),
            sent: std::sync::Mutex::default(),
            action,
            holds: action.is_zero(),
        })
    }

    /// An event that no other has the id, and the value of the gate of.
    pub fn arrival(&self) -> IncomingEvent {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.arrival_in(number, Some(format!("ticket {}", number % LANES)))
    }

    pub fn arrival_in(&self, number: usize, lane: Option<String>) -> IncomingEvent {
        let rule = &self.rules[number % RULES];
        IncomingEvent {
            event: Arc::new(Event {
                id: format!("{}-{number}", self.prefix),
                ..self.event.clone()
            }),
            received: Timestamp::now(),
            revision: RevisionId::default(),
            planned: vec![PlannedRun {
                rule: Arc::clone(rule),
                mode: rule.mode,
                lane,
                asks: vec![GateCheck {
                    kind: GateKind::Dedupe,
                    window: ScheduledDuration::always(Duration::from_secs(600)),
                    value: format!("ticket.id {}-{number}", self.prefix),
                    time: None,
                }],
                waiters: Vec::new(),
                counterpart: None,
                loop_ask: None,
            }],
            occasion: ArrivalKind::Delivery,
            delivery: None,
        }
    }

    fn note_done(&self, event: &str) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.open.add_permits(1);
        let sent = self.sent.lock().expect("no panic").remove(event);
        let took = sent.map_or(Duration::ZERO, |at| at.elapsed());
        self.latencies.lock().expect("no panic").push(took);
    }

    /// Starts the senders and workers of some daemons. They end when the set is dropped.
    pub fn start<S: Store + Clone>(self: &Arc<Self>, stores: &[S], places: Places) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for store in stores {
            let queued = Arc::new(Notify::new());
            for _ in 0..places.senders {
                tasks.spawn(send(Arc::clone(self), store.clone(), Arc::clone(&queued)));
            }
            tasks.spawn(work(
                Arc::clone(self),
                store.clone(),
                queued,
                places.workers,
            ));
        }
        tasks
    }

    /// Sends events at a fixed rate, which no slowness of the store changes.
    pub fn start_at<S: Store + Clone>(
        self: &Arc<Self>,
        stores: &[S],
        rate: f64,
        workers: usize,
    ) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let each = rate / stores.len() as f64;
        for store in stores {
            let queued = Arc::new(Notify::new());
            tasks.spawn(send_at(
                Arc::clone(self),
                store.clone(),
                Arc::clone(&queued),
                each,
            ));
            tasks.spawn(work(Arc::clone(self), store.clone(), queued, workers));
        }
        tasks
    }
}

async fn send<S: Store>(load: Arc<Load>, store: S, queued: Arc<Notify>) {
    loop {
        let place = load.open.acquire().await.expect("it is open");
        place.forget();
        commit(&load, &store, &queued).await;
    }
}

async fn send_at<S: Store + Clone>(load: Arc<Load>, store: S, queued: Arc<Notify>, rate: f64) {
    let (began, mut sent, mut sending) = (Instant::now(), 0_u64, JoinSet::new());
    loop {
        let due = (began.elapsed().as_secs_f64() * rate) as u64;
        for _ in sent..due {
            let (load, store, queued) = (Arc::clone(&load), store.clone(), Arc::clone(&queued));
            sending.spawn(async move { commit(&load, &store, &queued).await });
        }
        sent = due;
        while sending.try_join_next().is_some() {}
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn commit<S: Store>(load: &Load, store: &S, queued: &Notify) {
    let arrival = load.arrival();
    let (id, now) = (arrival.event.id.clone(), Instant::now());
    load.sent.lock().expect("no panic").insert(id, now);
    store.commit(arrival).await.expect("a commit");
    queued.notify_one();
}

/// Claims runs as the engine does, and executes each in a task.
async fn work<S: Store + Clone>(load: Arc<Load>, store: S, queued: Arc<Notify>, workers: usize) {
    let free = Arc::new(Semaphore::new(workers));
    let mut wakeups = store.wakeups();
    let running = Arc::new(Mutex::new(JoinSet::new()));
    loop {
        let first = Arc::clone(&free).acquire_owned().await.expect("it is open");
        let mut places = vec![first];
        while let Ok(more) = Arc::clone(&free).try_acquire_owned() {
            places.push(more);
        }
        let request = ClaimRequest {
            limit: places.len(),
            per_rule: workers,
            now: Timestamp::now(),
        };
        let claimed = store.claim(request).await.expect("a claim");
        if claimed.is_empty() {
            drop(places);
            let wait = Duration::from_millis(100);
            tokio::select! {
                () = queued.notified() => {}
                Ok(()) = wakeups.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            continue;
        }
        let mut running = running.lock().await;
        while running.try_join_next().is_some() {}
        for (run, place) in claimed.into_iter().zip(places) {
            let (load, store, queued) = (Arc::clone(&load), store.clone(), Arc::clone(&queued));
            running.spawn(async move {
                execute(&load, &store, &run).await;
                drop(place);
                // The lane may have another run.
                queued.notify_one();
            });
        }
    }
}

/// An action that ends well.
async fn execute<S: Store>(load: &Load, store: &S, run: &ClaimedRun) {
    let advance = |entry: LogEntry, state: Option<RunState>| Advance {
        run: run.id,
        claim: Some(run.claim),
        entries: vec![entry],
        state,
    };
    if load.holds {
        let started = LogEntry::Started {
            step: "told".to_owned(),
            number: 1,
            at: Timestamp::now(),
        };
        let stored = store.advance_all(vec![advance(started, None)]).await;
        assert!(stored[0].is_ok(), "{stored:?}");
    }
    if !load.action.is_zero() {
        tokio::time::sleep(load.action).await;
    }
    let attempt = LogEntry::Attempt(Attempt {
        step: "told".to_owned(),
        number: 1,
        started: Timestamp::now(),
        took: load.action,
        outcome: Ok(Reply { value: Value::Null }),
    });
    let stored = store
        .advance_all(vec![advance(attempt, Some(RunState::Done))])
        .await;
    assert!(stored[0].is_ok(), "{stored:?}");
    load.note_done(&run.event.id);
}
