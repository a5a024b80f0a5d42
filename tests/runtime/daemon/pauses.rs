//! A pause of a rule, a receiver or everything: events are accepted, runs wait, and continue in order and at a limited
//! rate. Time passes only when a test lets it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowtrigger::action::exchange::ExchangeRecorder;
use flowtrigger::engine::{Clock, EngineOptions, Perform};
use flowtrigger::source::admin::{AdminApi, AdminError};
use flowtrigger::store::{RunRecord, RunStatus, Store};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::run::RunState;
use flowtrigger_core::run::call_result::{CallResult, Reply};
use flowtrigger_core::run::commander::{CommandOrigin, Commander};
use flowtrigger_core::suspension::{PauseOutcome, SuspensionTarget};
use flowtrigger_testing::clock::ManualClock;
use flowtrigger_testing::test_daemon::{
    TestDaemon, daemon_with_performer_and_options, event, soon, until,
};
use flowtrigger_testing::test_store::empty_store_by_callers;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::durable::Durable;
use super::member::Member;

/// Two requests to two hosts, one after the other; and another rule.
const RULES: &str = "name: two\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
    - name: one\n  http: { url: \"http://a.test:9/{{ ticket.id }}\" }\n\
    - name: two\n  http: { url: \"http://b.test:9/{{ ticket.id }}\" }\n---\n\
    name: other\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n\
    - name: log\n  http: { url: \"http://other.test:9/{{ ticket.id }}\" }\n";

/// Answers every request, when a test lets it, and notes its time.
#[derive(Clone)]
struct Requests(Arc<Noted>);

struct Noted {
    clock: ManualClock,
    requests: Mutex<Vec<(Timestamp, String)>>,
    permits: Semaphore,
}

impl Perform for Requests {
    async fn perform(&self, call: &Call, _: &str, _: &ExchangeRecorder) -> CallResult {
        let Call::Http(request) = call else {
            panic!("a request");
        };
        let noted = (Clock::now(&self.0.clock), request.url.to_string());
        self.0.requests.lock().unwrap().push(noted);
        self.0.permits.acquire().await.unwrap().forget();
        Ok(Reply { value: Value::Null })
    }
}

struct Fixture<S: Store> {
    daemon: TestDaemon<S, Requests>,
    requests: Requests,
    clock: ManualClock,
}

fn rule() -> SuspensionTarget {
    SuspensionTarget::Rule("two".into())
}

fn ines() -> Commander {
    Commander::new(Some("ines"), CommandOrigin::Page).with_note("upgrade")
}

impl Fixture<Durable> {
    async fn new() -> Self {
        Self::on(Durable::default(), ManualClock::default()).await
    }
}

impl<S: Store> Fixture<S> {
    async fn on(store: S, clock: ManualClock) -> Self {
        let requests = Requests(Arc::new(Noted {
            clock: clock.clone(),
            requests: Mutex::default(),
            permits: Semaphore::new(100_000),
        }));
        let options = EngineOptions {
            grace: Duration::from_millis(1),
            ..clock.options()
        };
        let performer = requests.clone();
        let daemon = daemon_with_performer_and_options(RULES, store, performer, options).await;
        Self {
            daemon,
            requests,
            clock,
        }
    }

    fn store(&self) -> &S {
        self.daemon.engine.store()
    }

    async fn pause(&self, target: SuspensionTarget) -> PauseOutcome {
        let paused = AdminApi::pause(&self.daemon.engine, target, ines()).await;
        paused.unwrap().outcome.unwrap()
    }

    async fn resume(&self, target: SuspensionTarget) {
        let resumed = AdminApi::resume(&self.daemon.engine, target, ines()).await;
        assert_eq!(resumed.unwrap().outcome, None);
    }

    /// Accepts an event of a ticket; the run of the rule `two`.
    async fn accept(&self, ticket: u64) -> RunStatus {
        let runs = self
            .daemon
            .accepted(&event(ticket, &format!("c{ticket}")))
            .await;
        runs.into_iter().find(|run| &*run.rule == "two").unwrap()
    }

    async fn record(&self, run: &RunStatus) -> RunRecord {
        self.store().run(run.id).await.unwrap().unwrap()
    }

    async fn count(&self, state: &str) -> u64 {
        let counts = self.store().counts().await.unwrap();
        counts.get(state).copied().unwrap_or_default()
    }

    async fn parked(&self) -> u64 {
        let parked = self.store().parked().await.unwrap();
        parked.iter().map(|runs| runs.count).sum()
    }

    /// The requests to a host: their times, and the tickets.
    fn to(&self, host: &str) -> Vec<(Timestamp, u64)> {
        let prefix = format!("http://{host}:9/");
        let requests = self.requests.0.requests.lock().unwrap();
        let own = requests
            .iter()
            .filter_map(|(at, url)| Some((*at, url.strip_prefix(&prefix)?.parse().unwrap())));
        own.collect()
    }

    async fn passes(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let wait = async {
            while !holds().await {
                self.clock.advance(Duration::from_millis(100));
                self.settle().await;
            }
        };
        soon(what, wait).await;
    }

    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.settle().await;
        }
    }

    async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
}

#[tokio::test]
async fn runs_of_a_paused_rule_wait_and_continue_in_order_at_the_rate() {
    let one = Fixture::new().await;
    assert_eq!(one.pause(rule()).await, PauseOutcome::Paused);
    let runs = 250;
    let mut last = None;
    for ticket in 0..runs {
        last = Some(one.accept(ticket).await);
    }
    one.passes("its runs wait", async || one.parked().await == runs)
        .await;
    one.passes("the other rule is not affected", async || {
        one.count("done").await == runs
    })
    .await;
    one.pass(60).await;
    assert_eq!(one.to("a.test"), []);
    let RunState::Parked { on, why } = one.record(&last.unwrap()).await.state else {
        panic!("it waits");
    };
    assert_eq!(on, "rule two");
    assert!(
        why.starts_with("rule `two` is paused since ")
            && why.ends_with(" by ines, on the page: upgrade"),
        "{why}"
    );
    one.resume(rule()).await;
    one.passes("all are done", async || one.count("done").await == 2 * runs)
        .await;
    let requests = one.to("a.test");
    assert_eq!(requests.len() as u64, runs);
    for (index, (_, ticket)) in requests.iter().enumerate() {
        // Up to eight runs of a rule are executed at a time.
        assert!(ticket.abs_diff(index as u64) <= 10, "{index}: {ticket}");
    }
    let took = requests[requests.len() - 1].0.duration_since(requests[0].0);
    assert!(took >= SignedDuration::from_secs(1), "{took:?}");
    one.passes("nothing is left of it", async || {
        one.store().suspensions().await.unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_paused_receiver_stops_runs_only_before_their_request_to_it() {
    let one = Fixture::new().await;
    let host = SuspensionTarget::Host("B.test:9".into());
    assert_eq!(one.pause(host.clone()).await, PauseOutcome::Paused);
    let stored = one.store().suspensions().await.unwrap().remove(0);
    assert_eq!(stored.target.key(), "host b.test:9");
    for ticket in 0..3 {
        one.accept(ticket).await;
    }
    one.passes("the runs wait", async || one.parked().await == 3)
        .await;
    one.pass(60).await;
    assert_eq!((one.to("a.test").len(), one.to("b.test").len()), (3, 0));
    assert_eq!(one.count("done").await, 3);
    one.resume(host).await;
    one.passes("all are done", async || one.count("done").await == 6)
        .await;
    assert_eq!((one.to("a.test").len(), one.to("b.test").len()), (3, 3));
}

#[tokio::test]
async fn an_attempt_in_progress_finishes_when_its_rule_is_paused() {
    let one = Fixture::new().await;
    let permits = &one.requests.0.permits;
    permits.forget_permits(100_000);
    let run = one.accept(1).await;
    until("it sends", || async { one.to("a.test").len() == 1 }).await;
    one.pause(rule()).await;
    permits.add_permits(100);
    one.passes("it waits", async || one.parked().await == 1)
        .await;
    one.pass(60).await;
    let record = one.record(&run).await;
    let attempts = record.log.iter().filter_map(|line| line.attempt());
    assert_eq!(attempts.count(), 1, "{:?}", record.log);
    assert_eq!(one.to("b.test"), []);
    one.resume(rule()).await;
    one.passes("it is done", async || {
        one.record(&run).await.state == RunState::Done
    })
    .await;
    assert_eq!((one.to("a.test").len(), one.to("b.test").len()), (1, 1));
}

#[tokio::test]
async fn while_everything_is_paused_no_run_starts() {
    let one = Fixture::new().await;
    one.pause(SuspensionTarget::Everything).await;
    let run = one.accept(1).await;
    one.accept(2).await;
    one.pass(60).await;
    assert_eq!(one.record(&run).await.state, RunState::Queued);
    assert!(one.requests.0.requests.lock().unwrap().is_empty());
    let suspended = one.daemon.engine.suspended().await.unwrap();
    assert_eq!((suspended.len(), suspended[0].waiting), (1, 4));
    let note = "everything is paused since ";
    // A daemon that shares its store may still have to renew its lease.
    one.passes("it is ready: a pause does not refuse events", async || {
        let ready = one.daemon.request("GET", "/readyz");
        let ready = flowtrigger_testing::test_daemon::answered(ready).await;
        ready.status == 200 && ready.body.as_str().is_some_and(|text| text.contains(note))
    })
    .await;
    one.resume(SuspensionTarget::Everything).await;
    one.passes("all are done", async || one.count("done").await == 4)
        .await;
}

#[tokio::test]
async fn a_pause_outlives_the_daemon() {
    let (store, clock) = (Durable::default(), ManualClock::default());
    let first = Fixture::on(store.clone(), clock.clone()).await;
    first.pause(rule()).await;
    first.accept(1).await;
    first
        .passes("it waits", async || first.parked().await == 1)
        .await;
    soon("it stops", first.daemon.engine.drain()).await;
    let second = Fixture::on(store, clock).await;
    second.accept(2).await;
    second
        .passes("both wait", async || second.parked().await == 2)
        .await;
    assert_eq!(second.to("a.test"), []);
    second.resume(rule()).await;
    second
        .passes("all are done", async || second.count("done").await == 4)
        .await;
}

#[tokio::test]
async fn a_pause_through_one_daemon_holds_on_the_other_within_two_seconds() {
    let (store, clock) = (empty_store_by_callers(), ManualClock::default());
    let one = Fixture::on(Member::of(store.clone()), clock.clone()).await;
    let two = Fixture::on(Member::of(store), clock).await;
    one.pause(rule()).await;
    // What a daemon sees is at most a second old; both have time to look.
    one.passes("the other daemon knows it", async || {
        let ready = two.daemon.request("GET", "/metrics");
        let metrics = flowtrigger_testing::test_daemon::answered(ready).await;
        metrics
            .body
            .as_str()
            .unwrap()
            .contains("flowtrigger_paused{kind=\"rule\",name=\"two\"} 1")
    })
    .await;
    one.pass(2).await;
    for ticket in 0..5 {
        two.accept(ticket).await;
    }
    one.passes("its runs wait", async || one.parked().await == 5)
        .await;
    one.pass(10).await;
    assert_eq!((one.to("a.test"), two.to("a.test")), (vec![], vec![]));
    two.resume(rule()).await;
    one.passes("all are done", async || one.count("done").await == 10)
        .await;
}

#[tokio::test]
async fn what_is_named_must_exist_and_be_paused() {
    let one = Fixture::new().await;
    let unknown = SuspensionTarget::Rule("twoo".into());
    let error = AdminApi::pause(&one.daemon.engine, unknown, ines()).await;
    let why = "no rule called `twoo` is loaded; did you mean `two`? The rules are `other`, `two`";
    assert_eq!(error, Err(AdminError::NotFound(why.into())));
    let error = AdminApi::resume(&one.daemon.engine, rule(), ines()).await;
    let why = "rule `two` is not paused";
    assert_eq!(error, Err(AdminError::Conflict(why.into())));
    assert_eq!(one.pause(rule()).await, PauseOutcome::Paused);
    assert_eq!(one.pause(rule()).await, PauseOutcome::Unchanged);
    let noted = ines().with_note("until noon");
    let noted = AdminApi::pause(&one.daemon.engine, rule(), noted).await;
    assert_eq!(noted.unwrap().outcome, Some(PauseOutcome::Noted));
}
