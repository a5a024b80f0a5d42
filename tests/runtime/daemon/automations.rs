//! Automations of `examples/time` in a daemon: a reply that is awaited over a weekend, and a digest around Christmas.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{Clock, Perform};
use flowtrigger::store::{RunRecord, RunStatus, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::repository;
use flowtrigger_testing::test_daemon::{
    CONFIG_END, TestDaemon, daemon_with_performer_and_options, until,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::durable::Durable;

const HOUR: Duration = Duration::from_secs(3_600);

/// Notes each request with its time, and answers everything.
#[derive(Clone)]
struct Receivers {
    clock: ManualClock,
    requests: Arc<Mutex<Vec<(Timestamp, String)>>>,
}

impl Perform for Receivers {
    async fn perform(&self, call: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        let Call::Http(request) = call else {
            panic!("a request");
        };
        let received = (self.clock.now(), request.url.to_string());
        self.requests.lock().unwrap().push(received);
        let value = json!({"status": 200, "headers": {}, "body": {"count": 3}});
        Ok(Reply { value })
    }
}

struct Desk {
    daemon: TestDaemon<Durable, Receivers>,
    store: Durable,
    clock: ManualClock,
    receivers: Receivers,
}

impl Desk {
    /// A daemon with one of the shipped rules.
    async fn open(rule: &str, now: &str) -> Self {
        let config = repository::read(repository::path("examples/time/flowtrigger.yaml"));
        let calendar = "holidays: [holidays.ics]";
        assert!(config.contains(calendar));
        // The daemons of tests have no other files.
        let config = config.replace(calendar, "holidays: [2026-12-25, 2026-12-26]");
        let rule = format!("examples/time/rules/{rule}.yaml");
        let rule = repository::read(repository::path(&rule));
        let clock = ManualClock::starting_at(now.parse().unwrap());
        let receivers = Receivers {
            clock: clock.clone(),
            requests: Arc::default(),
        };
        let store = Durable::default();
        let texts = format!("{config}{CONFIG_END}{rule}");
        let daemon = daemon_with_performer_and_options(
            &texts,
            store.clone(),
            receivers.clone(),
            clock.options(),
        );
        Self {
            daemon: daemon.await,
            store,
            clock,
            receivers,
        }
    }

    async fn record(&self, run: &RunStatus) -> RunRecord {
        self.store.run(run.id).await.unwrap().unwrap()
    }

    async fn waits(&self, run: &RunStatus) {
        until("the run waits", || async {
            matches!(self.record(run).await.state, RunState::Awaiting { .. })
        })
        .await;
    }

    /// Advances the clock to a time.
    fn advance_to(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        let by = time.duration_since(self.clock.now());
        self.clock.advance(by.try_into().unwrap());
    }

    fn requests(&self) -> Vec<(Timestamp, String)> {
        self.receivers.requests.lock().unwrap().clone()
    }
}

/// A shipped sample event of a ticket at a time.
fn sample(name: &str, ticket: u64, time: &str) -> Value {
    let text = repository::read(repository::path(&format!(
        "examples/time/events/{name}.json"
    )));
    let mut event: Value = serde_json::from_str(&text).unwrap();
    let change = &mut event["input"]["ticket_event"];
    change["ticket"]["id"] = json!(ticket);
    change["meta"]["occurred_at"] = json!(time);
    change["meta"]["sequence"]["id"] = json!(format!("{name}-{ticket}-{time}"));
    event
}

#[tokio::test]
async fn four_working_hours_of_a_friday_end_on_monday_at_noon() {
    let friday = "2026-12-11T14:00:00Z";
    let desk = Desk::open("first-reply", friday).await;
    let mut runs = Vec::new();
    for ticket in [1, 2] {
        let created = sample("ticket-created", ticket, friday);
        runs.extend(desk.daemon.accepted(&created).await);
    }
    for run in &runs {
        desk.waits(run).await;
    }
    // The customer writes again on Saturday, which is no reply.
    desk.advance_to("2026-12-12T11:00:00Z");
    let mut customer = sample("comment-added", 1, "2026-12-12T11:00:00Z");
    customer["input"]["ticket_event"]["comment"]["author"]["is_staff"] = json!(false);
    assert_eq!(desk.daemon.post(&customer).await.status, 200);
    // An agent replies to the second ticket on Monday at 11:59:59.
    desk.advance_to("2026-12-14T10:59:59Z");
    let reply = sample("comment-added", 2, "2026-12-14T10:59:59Z");
    assert_eq!(desk.daemon.post(&reply).await.status, 200);
    let replied = desk.daemon.settled(&runs[1..]).await;
    assert_eq!(replied[0].state, RunState::Done);
    desk.waits(&runs[0]).await;
    assert_eq!(desk.requests(), []);

    // 30 s later events that happened in time can no longer come.
    desk.advance_to("2026-12-14T11:00:31Z");
    let late = desk.daemon.settled(&runs[..1]).await;
    assert_eq!(late[0].state, RunState::Done);
    let sent = desk.requests();
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].1.ends_with("/team-lead"), "{sent:?}");
    assert_eq!(sent[0].0, desk.clock.now());
}

#[tokio::test]
async fn a_digest_comes_on_working_days_at_nine() {
    let desk = Desk::open("morning-digest", "2026-12-24T07:59:30Z").await;
    let task = desk.daemon.engine.start_ticks();
    until("the rule is planned", || async {
        desk.store.last_ticks().await.unwrap().len() == 1
    })
    .await;
    let mut states = Vec::new();
    desk.clock.advance(Duration::from_secs(60));
    for (tick, pause) in [
        ("2026-12-24T08:00:00Z", 24 * HOUR),
        ("2026-12-25T08:00:00Z", 72 * HOUR),
        ("2026-12-28T08:00:00Z", 24 * HOUR),
    ] {
        let id = format!("morning-digest@{tick}");
        let ended = async || {
            let runs = desk.store.runs_of("clock", &id).await.unwrap();
            runs.into_iter().find(|run| run.state.is_final())
        };
        // Time goes on slowly, because the task may begin to sleep at any moment.
        until("the tick has ended", || async {
            desk.clock.advance(Duration::from_millis(1));
            ended().await.is_some()
        })
        .await;
        states.push(ended().await.unwrap().state);
        desk.clock.advance(pause);
    }
    assert_eq!(states[0], RunState::Done);
    assert_eq!(states[1].gate(), Some("during"), "{:?}", states[1]);
    assert_eq!(states[2], RunState::Done);
    task.abort();
}
