//! A daemon with a clock of the test, whose receivers work or fail as the test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{EngineOptions, Perform};
use flowtrigger::store::{RunRecord, RunStatus, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::call_result::{CallFailure, CallResult, Reply};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{TestDaemon, daemon_with_performer_and_options, event};
use jiff::Timestamp;
use serde_json::Value;

use super::durable::Durable;

const SECOND: Duration = Duration::from_secs(1);
/// How long a test waits for something, with few runs and with as many as `OUTAGE_RUNS` says.
const SHORT: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(3_600);

/// How many runs the long tests ask for.
pub fn long_run() -> Option<u64> {
    let runs = std::env::var("OUTAGE_RUNS").ok()?;
    Some(runs.parse().expect("a number of runs"))
}

pub const RULES: &str = "name: tell\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
    - name: page\n  http: { url: \"http://receiver.test:9/{{ ticket.id }}\" }\n---\n\
    name: other\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
    - name: log\n  http: { url: \"http://other.test:9/{{ ticket.id }}\" }\n";

/// Receivers that work or fail as the test says, by the clock of the test.
#[derive(Clone)]
pub struct Receivers(Arc<Mutex<Scripted>>);

struct Scripted {
    clock: ManualClock,
    answer: Answer,
    /// The tickets for which the receiver fails whatever it does for others.
    broken_tickets: Vec<String>,
    /// Time and address of each request, and whether it was answered.
    requests: Vec<(Timestamp, String, bool)>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    Works,
    Refuses,
    Fails(u16),
    /// Every other request fails.
    Flaps,
}

impl Receivers {
    pub fn set(&self, answer: Answer) {
        self.0.lock().unwrap().answer = answer;
    }

    pub fn break_ticket(&self, ticket: u64) {
        let path = format!("/{ticket}");
        self.0.lock().unwrap().broken_tickets.push(path);
    }

    /// The requests to the receiver, with their times.
    pub fn requests(&self) -> Vec<(Timestamp, String, bool)> {
        let requests = &self.0.lock().unwrap().requests;
        let own = requests
            .iter()
            .filter(|(_, url, _)| url.contains("receiver.test"));
        own.cloned().collect()
    }

    /// The addresses of all requests.
    pub fn all_requests(&self) -> Vec<String> {
        let requests = &self.0.lock().unwrap().requests;
        requests.iter().map(|(_, url, _)| url.clone()).collect()
    }

    pub fn answered(&self) -> Vec<u64> {
        let requests = self.requests().into_iter();
        let answered = requests.filter(|(.., answered)| *answered);
        answered
            .map(|(_, url, _)| url.rsplit('/').next().unwrap().parse().unwrap())
            .collect()
    }
}

impl Perform for Receivers {
    async fn perform(&self, call: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        let Call::Http(request) = call else {
            panic!("a request");
        };
        let url = request.url.to_string();
        let mut script = self.0.lock().unwrap();
        let flips = script.requests.len().is_multiple_of(2);
        let status = match script.answer {
            _ if !url.contains("receiver.test") => None,
            _ if script.broken_tickets.iter().any(|path| url.ends_with(path)) => Some(500),
            Answer::Works => None,
            Answer::Flaps if flips => None,
            Answer::Flaps => Some(503),
            Answer::Refuses => Some(0),
            Answer::Fails(status) => Some(status),
        };
        let now = flowtrigger::engine::Clock::now(&script.clock);
        script.requests.push((now, url, status.is_none()));
        match status {
            None => Ok(Reply { value: Value::Null }),
            Some(0) => Err(CallFailure::transient("connection refused").without_effect()),
            Some(status) => Err(CallFailure {
                status: Some(status),
                ..CallFailure::transient(format!("answered {status}"))
            }),
        }
    }
}

pub struct Fixture {
    pub daemon: TestDaemon<Durable, Receivers>,
    pub store: Durable,
    pub receivers: Receivers,
    clock: ManualClock,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::on(Durable::default(), ManualClock::default(), RULES).await
    }

    pub async fn on(store: Durable, clock: ManualClock, rules: &str) -> Self {
        let script = Scripted {
            clock: clock.clone(),
            answer: Answer::Works,
            broken_tickets: Vec::new(),
            requests: Vec::new(),
        };
        let receivers = Receivers(Arc::new(Mutex::new(script)));
        let options = EngineOptions {
            grace: Duration::from_millis(1),
            ..clock.options()
        };
        let (kept, performer) = (store.clone(), receivers.clone());
        let daemon = daemon_with_performer_and_options(rules, store, performer, options).await;
        Self {
            daemon,
            store: kept,
            receivers,
            clock,
        }
    }

    /// Accepts an event of a ticket; the run of the rule `tell`.
    pub async fn accept(&self, ticket: u64, change: &str) -> RunStatus {
        let runs = self.daemon.accepted(&event(ticket, change)).await;
        let found = runs.into_iter().find(|run| &*run.rule == "tell");
        found.unwrap()
    }

    pub async fn accept_many(&self, tickets: std::ops::Range<u64>) -> Vec<RunStatus> {
        let mut runs = Vec::new();
        for ticket in tickets {
            runs.push(self.accept(ticket, &format!("c{ticket}")).await);
        }
        runs
    }

    pub async fn record(&self, run: &RunStatus) -> RunRecord {
        self.store.run(run.id).await.unwrap().unwrap()
    }

    pub async fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.store.counts().await.unwrap()
    }

    pub async fn parked(&self) -> u64 {
        let parked = self.store.parked().await.unwrap();
        parked.iter().map(|runs| runs.count).sum()
    }

    pub async fn is_down(&self) -> bool {
        let stored = self.store.suspensions().await.unwrap();
        stored.iter().any(|row| row.suspension.outage.is_some())
    }

    /// Lets time pass in steps of 100 ms until something holds.
    pub async fn passes(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                self.clock.advance(Duration::from_millis(100));
                self.settle().await;
            }
        };
        let limit = match long_run() {
            Some(_) => LONG,
            None => SHORT,
        };
        let waited = tokio::time::timeout(limit, wait).await;
        waited.unwrap_or_else(|_| panic!("this never happened: {what}"));
    }

    /// Lets the daemon do what is due now.
    pub async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }

    pub async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(SECOND);
            self.settle().await;
        }
    }

    /// The receiver fails until all runs wait for it.
    pub async fn goes_down(&self, answer: Answer, runs: u64) {
        self.receivers.set(answer);
        self.passes("all runs wait", async || self.parked().await == runs)
            .await;
        assert!(self.is_down().await);
    }
}
